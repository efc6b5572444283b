//! State + command -> next state. Pure, and the only maker of a new state while the process serves.

use std::collections::BTreeMap;

use thiserror::Error;

use super::{Author, Command, adopt, past};
use crate::model::history::REMEMBERED;
use crate::model::{
    AcknowledgedLoss, ClosureProof, ControlState, Epoch, Extent, FencePosition, Forbid, ForbidScope, GroupId,
    HistoryEntry, InstanceId, InvalidState, LeftOut, MoveId, MoveKind, MovePart, MovePhase, MoveRecord, Quarantine,
    Routing, Scope, Shard, UnitId,
};

/// Why a command cannot be applied; the state stays as it was.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ApplyError {
    /// The result would break an invariant.
    #[error("the change is refused: {0}")]
    Invalid(#[from] InvalidState),
    /// A forbid of what is moving would leave the move without an end.
    #[error("move {id} of it is under way; ROLLBACK MOVE {id} first, or wait for its end")]
    UnderWay {
        /// The move.
        id: MoveId,
    },
    /// There is no shard for one more key placed alone.
    #[error("the key in shard {shard} cannot be placed alone: the group has as many shards as it may")]
    NoRoom {
        /// The shard the key lies in.
        shard: Shard,
    },
    /// Ownership has changed since the epoch whose forbids are wanted.
    #[error("ownership has changed since epoch {epoch}: then {then}; now {now}; move it back first (SWITCH, MOVE)")]
    OwnershipMoved {
        /// The epoch.
        epoch: Epoch,
        /// What it was.
        then: String,
        /// What it is.
        now: String,
    },
    /// Nothing is to be moved.
    #[error("nothing is to be moved: it belongs to the target already")]
    NothingToMove,
    /// The target of a move is forbidden.
    #[error("unit '{unit}' is forbidden ({reason}); ALLOW WRITES ON UNIT '{unit}' first")]
    TargetForbidden {
        /// The target.
        unit: String,
        /// The forbid's reason.
        reason: String,
    },
    /// Of a group that is only observed nobody is the one writer, so there is nothing to hand over.
    #[error("group '{group}' is only observed (routing = \"observe\"); nothing of it can be moved or fenced")]
    Observed {
        /// The group.
        group: String,
    },
    /// The move has ended, one way or the other.
    #[error("move {id} is not under way")]
    NoSuchMove {
        /// The move.
        id: MoveId,
    },
    /// One forced change takes all that a source owns: its channels and its being writable are not finer.
    #[error("move {id} does not cover everything unit '{unit}' owns in its group; a part cannot be forced")]
    PartialForce {
        /// The move.
        id: MoveId,
        /// The source.
        unit: String,
    },
    /// Nothing of it was left behind.
    #[error("nothing of unit '{unit}' in this group is in quarantine")]
    NotQuarantined {
        /// The unit.
        unit: String,
    },
    /// A move cannot be published before the sources' positions are recorded, nor with some of them missing.
    #[error("move {id} has not recorded what its sources had written")]
    NotRecorded {
        /// The move.
        id: MoveId,
    },
}

/// `state` after `command`: the same epoch when it already holds, else the next one.
/// Errors: the result would break an invariant; nothing of it is applied.
pub fn apply(state: &ControlState, command: &Command, author: &Author) -> Result<ControlState, ApplyError> {
    let mut next = state.clone();
    let epoch = state.epoch.next();
    match command {
        Command::Forbid(forbid) => {
            state.check_scope(&forbid.scope)?;
            forbid_in(&mut next, forbid, epoch)?;
        }
        Command::Fence { forbid, parts, runner } => {
            state.check_scope(&forbid.scope)?;
            forbid_in(&mut next, forbid, epoch)?;
            begin_move(&mut next, (parts, MoveKind::Fencing), runner, epoch, author)?;
        }
        Command::EndFencing { id, .. } => end_fencing(&mut next, *id, epoch)?,
        Command::Allow { scope } => {
            state.check_scope(scope)?;
            allow_in(&mut next, scope, epoch)?;
        }
        Command::RollBackTo { former } => {
            if let Some(record) = next.moves.first() {
                return Err(ApplyError::UnderWay { id: record.id });
            }
            let (then, now) = (adopt::ownership(former), adopt::ownership(state));
            if then != now || !adopt::shape(state).extends(&adopt::shape(former)) {
                let (then, now) = (then.join("; "), now.join("; "));
                return Err(ApplyError::OwnershipMoved { epoch: former.epoch, then, now });
            }
            next.forbids.clone_from(&former.forbids);
        }
        Command::PlaceAlone { group, key_type, key, from } => {
            let scope = Scope::Shard(*group, *from);
            if let Some(record) = next.move_touching(scope) {
                return Err(ApplyError::UnderWay { id: record.id });
            }
            let held = next.groups.get_mut(group.index()).ok_or(InvalidState::UnknownGroup(group.0))?;
            held.place_alone(*key_type, key.clone(), *from, epoch).ok_or(ApplyError::NoRoom { shard: *from })?;
        }
        Command::BeginMove { parts, kind, runner, .. } => begin_move(&mut next, (parts, *kind), runner, epoch, author)?,
        Command::LeaveOut { instances } => leave_out(&mut next, instances)?,
        Command::TakeBack { instance } => {
            let group = next.instances.get(instance.index()).map(|known| known.group);
            let moves = next.moves.iter().find(|record| record.sources().iter().any(|(held, _)| Some(*held) == group));
            if let Some(record) = moves {
                return Err(ApplyError::UnderWay { id: record.id });
            }
            next.left_out.retain(|one| one.instance != *instance);
        }
        Command::TakeMove { id, runner } => {
            let record = next.moves.iter_mut().find(|record| record.id == *id);
            record.ok_or(ApplyError::NoSuchMove { id: *id })?.runner.clone_from(runner);
        }
        Command::RecordPositions { id, positions } => record_positions(&mut next, *id, positions)?,
        Command::PublishMove { id, positions } => {
            if !positions.is_empty() {
                record_positions(&mut next, *id, positions)?;
            }
            publish_move(&mut next, *id, epoch)?;
        }
        Command::RollBackMove { id, .. } => roll_back(&mut next, *id, epoch)?,
        Command::PublishForced { id, proof, cut, nodes, reason } => {
            let quarantine = publish_forced(&mut next, *id, epoch)?;
            let (proof, cut, reason) = (*proof, cut.clone(), reason.clone());
            next.quarantines.push(Quarantine {
                proof,
                cut,
                acknowledged: nodes.iter().map(|node| (node.clone(), AcknowledgedLoss::NotHeard)).collect(),
                reason,
                by: author.by.clone(),
                at: author.at,
                ..quarantine
            });
        }
        Command::RecordLoss { group, unit, loss } => {
            quarantine_in(&mut next, *group, *unit)?.loss = Some(loss.clone());
        }
        Command::RecordAcknowledged { group, unit, node, said } => {
            let known = &mut quarantine_in(&mut next, *group, *unit)?.acknowledged;
            let known = known.entry(node.clone()).or_insert(AcknowledgedLoss::NotHeard);
            *known = said.max(known).to_owned();
        }
        Command::Rejoin { group, unit } => {
            quarantine_in(&mut next, *group, *unit)?;
            next.quarantines.retain(|one| (one.group, one.unit) != (*group, *unit));
        }
    }
    if next != *state {
        next.epoch = epoch;
        remember(
            &mut next,
            HistoryEntry { epoch, what: past::told(state, command), by: author.by.clone(), at: author.at },
        );
    }
    next.check()?;
    Ok(next)
}

/// `state` as it is put in the place of a store's that was restored from a snapshot: the same, at `epoch`. Every scope has that epoch, so that
/// fences take whoever writes by it for newer than all they have seen.
pub fn restored(state: &ControlState, epoch: Epoch, reason: &str, author: &Author) -> ControlState {
    let mut next = ControlState { epoch, ..state.clone() };
    for group in &mut next.groups {
        group.global_epoch = epoch;
        group.shards.ranges.iter_mut().for_each(|owned| owned.epoch = epoch);
    }
    let what = format!("put the state of epoch {} in the place of what the store held: {reason}", state.epoch);
    remember(&mut next, HistoryEntry { epoch, what, by: author.by.clone(), at: author.at });
    next
}

fn remember(state: &mut ControlState, entry: HistoryEntry) {
    state.history.push(entry);
    let surplus = state.history.len().saturating_sub(REMEMBERED);
    state.history.drain(..surplus);
}

/// A forbid on a move's target sends the move back; one on what is moving is refused. Who and when of a forbid that already stands
/// are kept: the first account of it is the true one.
fn forbid_in(next: &mut ControlState, forbid: &Forbid, epoch: Epoch) -> Result<(), ApplyError> {
    let moves = || next.moves.iter().filter(|record| record.kind != MoveKind::Fencing);
    if let Some(record) = moves().find(|record| covers_source(&forbid.scope, record)) {
        return Err(ApplyError::UnderWay { id: record.id });
    }
    if let ForbidScope::Unit(unit) = forbid.scope {
        let sent_back: Vec<MoveId> = moves().filter(|record| leads_to(record, unit)).map(|record| record.id).collect();
        for id in sent_back {
            roll_back(next, id, epoch)?;
        }
    }
    match next.forbids.iter_mut().find(|standing| standing.scope == forbid.scope) {
        Some(standing) if standing.kind == forbid.kind && standing.reason == forbid.reason => {}
        Some(standing) => *standing = forbid.clone(),
        None => next.forbids.push(forbid.clone()),
    }
    Ok(())
}

/// Who waits for the fencing of what is lifted waits for nothing that means anything any more.
fn allow_in(next: &mut ControlState, scope: &ForbidScope, epoch: Epoch) -> Result<(), ApplyError> {
    let stood = next.forbids.len();
    next.forbids.retain(|standing| standing.scope != *scope);
    if next.forbids.len() == stood {
        return Ok(());
    }
    let is_forbidden = |record: &MoveRecord| next.forbids.iter().any(|left| covers_source(&left.scope, record));
    let is_given_up = |record: &&MoveRecord| {
        record.kind == MoveKind::Fencing && covers_source(scope, record) && !is_forbidden(record)
    };
    let given_up: Vec<MoveId> = next.moves.iter().filter(is_given_up).map(|record| record.id).collect();
    given_up.into_iter().try_for_each(|id| roll_back(next, id, epoch))
}

fn covers_source(scope: &ForbidScope, record: &MoveRecord) -> bool {
    record.parts.iter().any(|part| match scope {
        ForbidScope::Unit(unit) => part.source == *unit,
        ForbidScope::Group(group) | ForbidScope::Key(group, _) => part.extent.group() == *group,
        ForbidScope::Shards(group, range) => part.extent.overlaps(Extent::Shards(*group, *range)),
        ForbidScope::GlobalZone(group) => part.extent == Extent::GlobalZone(*group),
    })
}

fn leads_to(record: &MoveRecord, unit: UnitId) -> bool {
    record.parts.iter().any(|part| part.target == unit)
}

/// The scopes get a new epoch with their old owner: whoever decided under an older one is sent back by the gate.
fn begin_move(
    next: &mut ControlState,
    (parts, kind): (&[MovePart], MoveKind),
    runner: &str,
    epoch: Epoch,
    author: &Author,
) -> Result<(), ApplyError> {
    let stays = kind == MoveKind::Fencing;
    if parts.is_empty() || (!stays && parts.iter().all(|part| part.source == part.target)) {
        return Err(ApplyError::NothingToMove);
    }
    for part in parts {
        if let Some(other) = next.moves.iter().find(|record| record.overlaps(part.extent)) {
            return Err(ApplyError::UnderWay { id: other.id });
        }
        if let Some(group) = next.groups.get(part.extent.group().index())
            && group.policy.routing == Routing::Observe
        {
            return Err(ApplyError::Observed { group: group.name.clone() });
        }
        if next.quarantine_of(part.target, part.extent.group()).is_some()
            && let Some(group) = next.groups.get(part.extent.group().index())
        {
            let (unit, group) = (next.unit(part.target).name.clone(), group.name.clone());
            return Err(InvalidState::QuarantinedOwner { unit, group }.into());
        }
        let on_target = |forbid: &&Forbid| !stays && forbid.scope == ForbidScope::Unit(part.target);
        if let Some(forbid) = next.forbids.iter().find(on_target) {
            let unit = next.unit(part.target).name.clone();
            return Err(ApplyError::TargetForbidden { unit, reason: forbid.reason.clone() });
        }
    }
    next.moves.push(MoveRecord {
        id: MoveId(epoch.0),
        parts: parts.to_vec(),
        kind,
        phase: MovePhase::Fenced,
        runner: runner.to_owned(),
        by: author.by.clone(),
        at: author.at,
    });
    // Checked before anything is assigned, so that no id is taken for a position that does not exist.
    next.check()?;
    for part in parts {
        assign(next, part.extent, part.source, epoch);
    }
    Ok(())
}

/// Gives `extent` to `owner` under a new scope epoch.
fn assign(state: &mut ControlState, extent: Extent, owner: UnitId, epoch: Epoch) {
    let group = &mut state.groups[extent.group().index()];
    match extent {
        Extent::Shards(_, range) => group.shards.assign(range, owner, epoch),
        Extent::GlobalZone(_) => {
            group.global_master = owner;
            group.global_epoch = epoch;
        }
    }
}

fn record_positions(next: &mut ControlState, id: MoveId, positions: &[FencePosition]) -> Result<(), ApplyError> {
    let record = next.moves.iter_mut().find(|record| record.id == id).ok_or(ApplyError::NoSuchMove { id })?;
    let has = |(group, source): &_| positions.iter().any(|found| found.group == *group && found.source == *source);
    if !record.sources().iter().all(has) {
        return Err(ApplyError::NotRecorded { id });
    }
    if record.phase == MovePhase::Fenced {
        record.phase = MovePhase::Recorded(positions.to_vec());
        for found in positions {
            need(next, found);
        }
    }
    Ok(())
}

/// A move that is under way already counts too: it goes on without them from here on.
fn leave_out(next: &mut ControlState, instances: &[InstanceId]) -> Result<(), ApplyError> {
    for instance in instances {
        if next.left_out_of(*instance).is_none() {
            next.left_out.push(LeftOut { instance: *instance, needs: Vec::new() });
        }
    }
    next.check()?;
    let recorded: Vec<FencePosition> = next
        .moves
        .iter()
        .flat_map(|record| match &record.phase {
            MovePhase::Fenced => Vec::new(),
            MovePhase::Recorded(positions) => positions.clone(),
        })
        .collect();
    for found in &recorded {
        need(next, found);
    }
    Ok(())
}

/// Whoever is left out of the group needs `found`.
fn need(next: &mut ControlState, found: &FencePosition) {
    let ControlState { left_out, instances, .. } = next;
    for one in left_out {
        if instances[one.instance.index()].group == found.group {
            // What a source had later holds what it had before.
            one.needs.retain(|older| (older.group, older.source) != (found.group, found.source));
            one.needs.push(found.clone());
        }
    }
}

fn publish_move(next: &mut ControlState, id: MoveId, epoch: Epoch) -> Result<(), ApplyError> {
    let record = take(next, id)?;
    if record.phase == MovePhase::Fenced {
        return Err(ApplyError::NotRecorded { id });
    }
    for part in &record.parts {
        assign(next, part.extent, part.target, epoch);
    }
    Ok(())
}

/// Everything the one source owns in its group goes to the one target. What it was left behind with is filled in by the caller.
fn publish_forced(next: &mut ControlState, id: MoveId, epoch: Epoch) -> Result<Quarantine, ApplyError> {
    let record = take(next, id)?;
    let [first, ..] = record.parts[..] else { return Err(ApplyError::NothingToMove) };
    let (group, unit, stand_in) = (first.extent.group(), first.source, first.target);
    for part in &record.parts {
        assign(next, part.extent, part.target, epoch);
    }
    let held = next.group(group);
    let owns = held.global_master == unit || held.shards.ranges.iter().any(|owned| owned.owner == unit);
    let alike = |part: &MovePart| (part.extent.group(), part.source, part.target) == (group, unit, stand_in);
    if owns || !record.parts.iter().all(alike) {
        return Err(ApplyError::PartialForce { id, unit: next.unit(unit).name.clone() });
    }
    let (cut, reason, by) = (String::new(), String::new(), String::new());
    let proof = ClosureProof::Unfenced;
    Ok(Quarantine {
        group,
        unit,
        stand_in,
        since: epoch,
        proof,
        cut,
        loss: None,
        acknowledged: BTreeMap::new(),
        reason,
        by,
        at: 0,
    })
}

fn quarantine_in(next: &mut ControlState, group: GroupId, unit: UnitId) -> Result<&mut Quarantine, ApplyError> {
    let name = next.units.get(unit.index()).map(|known| known.name.clone()).unwrap_or_default();
    let found = next.quarantines.iter_mut().find(|one| (one.group, one.unit) == (group, unit));
    found.ok_or(ApplyError::NotQuarantined { unit: name })
}

/// A rollback burns an epoch too: an epoch belongs to one owner and one mode for ever.
fn roll_back(next: &mut ControlState, id: MoveId, epoch: Epoch) -> Result<(), ApplyError> {
    let record = take(next, id)?;
    for part in &record.parts {
        assign(next, part.extent, part.source, epoch);
    }
    Ok(())
}

/// Where rows fence, they are closed at the fencing's epoch: a newer one opens them, for nobody but whoever knows of the forbid.
fn end_fencing(next: &mut ControlState, id: MoveId, epoch: Epoch) -> Result<(), ApplyError> {
    match next.moves.iter().find(|record| record.id == id).map(|record| record.kind) {
        Some(MoveKind::Fencing) => roll_back(next, id, epoch),
        Some(MoveKind::Planned | MoveKind::Forced) | None => Err(ApplyError::NoSuchMove { id }),
    }
}

fn take(state: &mut ControlState, id: MoveId) -> Result<MoveRecord, ApplyError> {
    let position = state.moves.iter().position(|record| record.id == id).ok_or(ApplyError::NoSuchMove { id })?;
    Ok(state.moves.remove(position))
}
