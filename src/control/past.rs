//! Changes in words, for the history and for operators. Pure; names stand for ids.

use super::Command;
use crate::model::{
    AcknowledgedLoss, ControlState, Extent, FencePosition, Forbid, ForbidKind, ForbidScope, MoveId, MoveKind, MovePart,
};

/// `command` in words, as it was given to `state`.
pub fn told(state: &ControlState, command: &Command) -> String {
    match command {
        Command::Forbid(forbid) => forbade(state, forbid),
        Command::Fence { forbid, .. } => format!("{}; began to fence it", forbade(state, forbid)),
        Command::EndFencing { id, positions } => {
            format!("fencing {id}: fenced {}; {}", parts_of(state, *id), closed_at(state, positions))
        }
        Command::Allow { scope: lifted } => format!("allowed writes on {}", scope(state, lifted)),
        Command::RollBackTo { former } => format!("restored the forbids of epoch {}", former.epoch),
        Command::PlaceAlone { group, key_type, key, .. } => {
            let name = state.group(*group).key_types.get(*key_type).map_or("key", |known| known.name.as_str());
            format!("placed {name} {key} alone")
        }
        Command::BeginMove { parts: moved, skipped, .. } => {
            let skipped = skipped.as_ref().map(|skipped| format!(", skipping checks: {skipped}")).unwrap_or_default();
            format!("began to move {}{skipped}", parts(state, moved))
        }
        Command::LeaveOut { instances } => {
            let names: Vec<&str> = instances.iter().map(|id| state.instance(*id).name.as_str()).collect();
            format!("left out {}: nobody reads there until it has caught up", names.join(", "))
        }
        Command::TakeBack { instance } => {
            format!("took {} back: it has caught up", state.instance(*instance).name)
        }
        Command::TakeMove { id, runner } => format!("move {id}: carried on by {runner}"),
        Command::RecordPositions { id, positions } => format!("move {id}: {}", closed_at(state, positions)),
        Command::PublishMove { id, positions } if positions.is_empty() => {
            format!("move {id}: moved {}", parts_of(state, *id))
        }
        Command::PublishMove { id, positions } => {
            format!("move {id}: moved {}; {}", parts_of(state, *id), closed_at(state, positions))
        }
        Command::PublishForced { id, proof, cut, reason, .. } => {
            format!("move {id}: forced {} at {cut} (proof: {proof}): {reason}", parts_of(state, *id))
        }
        Command::RecordLoss { unit, loss, .. } => {
            format!("unit '{}' is back in quarantine; lost with it: {loss}", state.unit(*unit).name)
        }
        Command::RecordAcknowledged { unit, node, said, .. } => {
            let unit = &state.unit(*unit).name;
            match said {
                AcknowledgedLoss::AtMost(most) => {
                    format!("node '{node}' acknowledged at most {most} transactions that are lost with unit '{unit}'")
                }
                AcknowledgedLoss::NotHeard | AcknowledgedLoss::NotKnown => {
                    format!("node '{node}' does not know what it acknowledged and is lost with unit '{unit}'")
                }
            }
        }
        Command::Rejoin { group, unit } => {
            format!("unit '{}' takes part again in group '{}'", state.unit(*unit).name, state.group(*group).name)
        }
        Command::RollBackMove { id, reason } if is_fencing(state, *id) => {
            format!("fencing {id}: gave up {}: {reason}", parts_of(state, *id))
        }
        Command::RollBackMove { id, reason } => format!("move {id}: rolled back {}: {reason}", parts_of(state, *id)),
    }
}

fn forbade(state: &ControlState, forbid: &Forbid) -> String {
    let kind = match forbid.kind {
        ForbidKind::Writes => "writes",
        ForbidKind::Updates => "updates",
        ForbidKind::All => "all statements",
    };
    format!("forbade {kind} on {}: {}", scope(state, &forbid.scope), forbid.reason)
}

fn is_fencing(state: &ControlState, id: MoveId) -> bool {
    state.moves.iter().any(|record| record.id == id && record.kind == MoveKind::Fencing)
}

/// What moves, from where, to where; or what is fenced, and whose it is.
pub fn parts(state: &ControlState, moved: &[MovePart]) -> String {
    let part = |part: &MovePart| {
        let (source, target) = (&state.unit(part.source).name, &state.unit(part.target).name);
        match part.source == part.target {
            true => format!("{} of {source}, forbidden", extent(state, part.extent)),
            false => format!("{} from {source} to {target}", extent(state, part.extent)),
        }
    };
    moved.iter().map(part).collect::<Vec<_>>().join(", ")
}

/// `closed at 0-1-5 at hz`.
fn closed_at(state: &ControlState, positions: &[FencePosition]) -> String {
    let position = |found: &FencePosition| format!("{} at {}", found.position, state.unit(found.source).name);
    format!("closed at {}", positions.iter().map(position).collect::<Vec<_>>().join("; "))
}

fn parts_of(state: &ControlState, id: MoveId) -> String {
    let found = state.moves.iter().find(|record| record.id == id);
    found.map(|record| parts(state, &record.parts)).unwrap_or_default()
}

/// A stretch of scopes; its group is named where there are several.
pub fn extent(state: &ControlState, extent: Extent) -> String {
    let group = match state.groups.len() {
        1 => String::new(),
        _ => format!(" of group '{}'", state.group(extent.group()).name),
    };
    match extent {
        Extent::Shards(_, range) => format!("shards {range}{group}"),
        Extent::GlobalZone(_) => format!("the Global Zone{group}"),
    }
}

/// What a forbid covers.
pub fn scope(state: &ControlState, scope: &ForbidScope) -> String {
    match scope {
        ForbidScope::Unit(unit) => format!("unit '{}'", state.unit(*unit).name),
        ForbidScope::Group(group) => format!("group '{}'", state.group(*group).name),
        ForbidScope::Shards(group, range) => extent(state, Extent::Shards(*group, *range)),
        ForbidScope::GlobalZone(group) => extent(state, Extent::GlobalZone(*group)),
        ForbidScope::Key(group, key) => {
            let held = state.group(*group);
            match (state.groups.len(), held.key_types.get(key.key_type)) {
                (1, _) | (_, None) => format!("key {}", key.text),
                (_, Some(key_type)) => format!("key {} of {} in group '{}'", key.text, key_type.name, held.name),
            }
        }
    }
}
