//! Every command on every state it meets: what changes, what is refused, and what stays.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::apply::restored;
use super::sample;
use super::{ApplyError, Author, Command, adopt, apply};
use crate::model::fence_lease::may_be_renewed;
use crate::model::{
    AcknowledgedLoss, ClosureProof, ControlState, Epoch, Extent, FencePosition, Forbid, ForbidKind, ForbidScope,
    GroupId, InvalidState, MoveId, MoveKind, MovePart, MovePhase, Routing, Shard, ShardRange, UnitId,
};

const HZ: UnitId = UnitId(0);
const BJ: UnitId = UnitId(1);

fn author() -> Author {
    Author { by: "dba".to_owned(), at: 1 }
}

fn after(state: &ControlState, command: &Command) -> ControlState {
    apply(state, command, &author()).unwrap()
}

fn refused(state: &ControlState, command: &Command) -> ApplyError {
    apply(state, command, &author()).unwrap_err()
}

fn forbid_on(scope: ForbidScope, kind: ForbidKind) -> Command {
    Command::Forbid(Forbid { scope, kind, reason: "drill".to_owned(), by: "dba".to_owned(), at: 1 })
}

fn forbid(unit: u16, kind: ForbidKind) -> Command {
    forbid_on(ForbidScope::Unit(UnitId(unit)), kind)
}

fn allow(unit: u16) -> Command {
    Command::Allow { scope: ForbidScope::Unit(UnitId(unit)) }
}

fn range(first: u32, last: u32) -> ShardRange {
    ShardRange { first: Shard(first), last: Shard(last) }
}

fn shards(first: u32, last: u32, source: UnitId, target: UnitId) -> MovePart {
    MovePart { extent: Extent::Shards(GroupId(0), range(first, last)), source, target }
}

fn zone(source: UnitId, target: UnitId) -> MovePart {
    MovePart { extent: Extent::GlobalZone(GroupId(0)), source, target }
}

fn begin(parts: &[MovePart]) -> Command {
    Command::BeginMove { parts: parts.to_vec(), kind: MoveKind::Planned, runner: String::new(), skipped: None }
}

fn recorded(id: u64, source: UnitId) -> Command {
    let position = FencePosition { group: GroupId(0), source, position: "1-11-5".to_owned() };
    Command::RecordPositions { id: MoveId(id), positions: vec![position] }
}

fn publish(id: u64, positions: &[FencePosition]) -> Command {
    Command::PublishMove { id: MoveId(id), positions: positions.to_vec() }
}

fn ranges(state: &ControlState) -> Vec<String> {
    let shown = |owned: &crate::model::shard::OwnedRange| {
        format!("{} {}@{}", owned.range, state.unit(owned.owner).name, owned.epoch)
    };
    state.groups[0].shards.ranges.iter().map(shown).collect()
}

#[test]
fn a_forbid_takes_the_next_epoch_and_an_allow_another() {
    let state = sample::state();
    let forbidden = after(&state, &forbid(1, ForbidKind::Writes));
    assert_eq!((forbidden.epoch, forbidden.forbids.len()), (state.epoch.next(), 1));
    let allowed = after(&forbidden, &allow(1));
    assert_eq!((allowed.epoch, allowed.forbids.len()), (forbidden.epoch.next(), 0));
    let told: Vec<&str> = allowed.history.iter().map(|entry| entry.what.as_str()).collect();
    assert_eq!(told, ["forbade writes on unit 'bj': drill", "allowed writes on unit 'bj'"]);
}

#[test]
fn what_already_holds_keeps_the_epoch() {
    let state = sample::state();
    assert_eq!(after(&state, &allow(1)), state);
    let forbidden = after(&state, &forbid(1, ForbidKind::Writes));
    let Command::Forbid(mut again) = forbid(1, ForbidKind::Writes) else { unreachable!() };
    again.at = 99;
    assert_eq!(after(&forbidden, &Command::Forbid(again)), forbidden);
}

#[test]
fn another_kind_replaces_the_forbid_of_the_same_scope() {
    let state = after(&sample::state(), &forbid(1, ForbidKind::Writes));
    let next = after(&state, &forbid(1, ForbidKind::All));
    assert_eq!(next.forbids.iter().map(|standing| standing.kind).collect::<Vec<_>>(), [ForbidKind::All]);
    assert_eq!(next.epoch, Epoch(state.epoch.0 + 1));
}

#[test]
fn c14_what_does_not_exist_is_refused_whole() {
    let state = sample::state();
    let unknown = ApplyError::Invalid(InvalidState::UnknownUnit(7));
    assert_eq!(refused(&state, &forbid(7, ForbidKind::Writes)), unknown);
    assert_eq!(refused(&state, &allow(7)), unknown);
    let beyond = forbid_on(ForbidScope::Shards(GroupId(0), range(9000, 10_000)), ForbidKind::Writes);
    let ApplyError::Invalid(InvalidState::NoSuchShards { count: 10_000, .. }) = refused(&state, &beyond) else {
        panic!("shards beyond the end were forbidden")
    };
    for parts in [
        [shards(5000, 5999, HZ, BJ)],
        [shards(4000, 5999, HZ, BJ)],
        [shards(9000, 10_000, BJ, HZ)],
        [shards(0, 9, HZ, UnitId(7))],
    ] {
        assert!(matches!(refused(&state, &begin(&parts)), ApplyError::Invalid(_)), "{parts:?}");
    }
    let twice = begin(&[shards(0, 9, HZ, BJ), shards(9, 19, HZ, BJ)]);
    assert!(matches!(refused(&state, &twice), ApplyError::Invalid(InvalidState::MovesOverlap { .. })));
    assert_eq!(refused(&state, &begin(&[])), ApplyError::NothingToMove);
    assert_eq!(refused(&state, &begin(&[shards(0, 9, HZ, HZ)])), ApplyError::NothingToMove);
}

#[test]
fn a_move_fences_records_and_publishes_and_only_its_scopes_get_new_epochs() {
    let state = sample::state();
    let fenced = after(&state, &begin(&[shards(2000, 2999, HZ, BJ)]));
    assert_eq!(ranges(&fenced), ["0-1999 hz@1", "2000-2999 hz@2", "3000-4999 hz@1", "5000-9999 bj@1"]);
    assert_eq!((fenced.moves[0].id, &fenced.moves[0].phase), (MoveId(2), &MovePhase::Fenced));
    assert_eq!(refused(&fenced, &publish(2, &[])), ApplyError::NotRecorded { id: MoveId(2) });
    assert_eq!(refused(&fenced, &recorded(2, BJ)), ApplyError::NotRecorded { id: MoveId(2) });
    let closed = after(&fenced, &recorded(2, HZ));
    let published = after(&closed, &publish(2, &[]));
    assert_eq!(ranges(&published), ["0-1999 hz@1", "2000-2999 bj@4", "3000-4999 hz@1", "5000-9999 bj@1"]);
    assert!(published.moves.is_empty());
    assert_eq!(published.groups[0].global_epoch, Epoch(1));
}

#[test]
fn what_was_reached_before_it_was_recorded_is_published_in_one_step() {
    let fenced = after(&sample::state(), &begin(&[zone(HZ, BJ)]));
    let of = |source| match recorded(2, source) {
        Command::RecordPositions { positions, .. } => positions,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&fenced, &publish(2, &of(BJ))), ApplyError::NotRecorded { id: MoveId(2) });
    let published = after(&fenced, &publish(2, &of(HZ)));
    assert_eq!((published.groups[0].global_master, published.groups[0].global_epoch), (BJ, Epoch(3)));
    let told = "move 2: moved the Global Zone from hz to bj; closed at 1-11-5 at hz";
    assert_eq!(published.history.last().unwrap().what, told);
}

#[test]
fn the_first_record_of_a_position_stays() {
    let fenced = after(&sample::state(), &begin(&[zone(HZ, BJ)]));
    let closed = after(&fenced, &recorded(2, HZ));
    let Command::RecordPositions { id, mut positions } = recorded(2, HZ) else { unreachable!() };
    positions[0].position = "1-11-9".to_owned();
    assert_eq!(after(&closed, &Command::RecordPositions { id, positions }), closed);
}

#[test]
fn a_rollback_burns_an_epoch_and_nothing_of_the_move_can_happen_afterwards() {
    let fenced = after(&sample::state(), &begin(&[zone(HZ, BJ)]));
    let back = after(&fenced, &Command::RollBackMove { id: MoveId(2), reason: "drill".to_owned() });
    let group = &back.groups[0];
    assert_eq!((group.global_master, group.global_epoch, back.moves.len()), (HZ, Epoch(3), 0));
    for late in [recorded(2, HZ), publish(2, &[])] {
        assert_eq!(refused(&back, &late), ApplyError::NoSuchMove { id: MoveId(2) });
    }
    assert_eq!(back.history.last().unwrap().what, "move 2: rolled back the Global Zone from hz to bj: drill");
}

#[test]
fn two_moves_go_side_by_side_unless_they_share_a_scope() {
    let first = after(&sample::state(), &begin(&[shards(0, 999, HZ, BJ)]));
    assert_eq!(refused(&first, &begin(&[shards(999, 1999, HZ, BJ)])), ApplyError::UnderWay { id: MoveId(2) });
    let both = after(&first, &begin(&[zone(HZ, BJ), shards(1000, 1999, HZ, BJ)]));
    assert_eq!(both.moves.iter().map(|record| record.id).collect::<Vec<_>>(), [MoveId(2), MoveId(3)]);
    let published = after(&after(&both, &recorded(3, HZ)), &publish(3, &[]));
    assert_eq!((published.groups[0].global_master, published.moves.len()), (BJ, 1));
}

#[test]
fn g5_a_move_to_a_forbidden_unit_is_refused_and_a_forbid_of_the_target_sends_it_back() {
    let forbidden = after(&sample::state(), &forbid(1, ForbidKind::Updates));
    assert!(matches!(refused(&forbidden, &begin(&[zone(HZ, BJ)])), ApplyError::TargetForbidden { .. }));
    let fenced = after(&sample::state(), &begin(&[zone(HZ, BJ)]));
    let sent_back = after(&fenced, &forbid(1, ForbidKind::Writes));
    assert_eq!((sent_back.moves.len(), sent_back.forbids.len(), sent_back.groups[0].global_epoch), (0, 1, Epoch(3)));
}

#[test]
fn a_forbid_of_what_is_moving_is_refused_and_one_beside_it_is_not() {
    let fenced = after(&sample::state(), &begin(&[shards(2000, 2999, HZ, BJ)]));
    for scope in
        [ForbidScope::Unit(HZ), ForbidScope::Group(GroupId(0)), ForbidScope::Shards(GroupId(0), range(2999, 3999))]
    {
        let error = refused(&fenced, &forbid_on(scope.clone(), ForbidKind::Writes));
        assert_eq!(error, ApplyError::UnderWay { id: MoveId(2) }, "{scope:?}");
    }
    for scope in [ForbidScope::GlobalZone(GroupId(0)), ForbidScope::Shards(GroupId(0), range(3000, 3999))] {
        assert_eq!(after(&fenced, &forbid_on(scope, ForbidKind::Writes)).moves.len(), 1);
    }
}

fn fence(scope: ForbidScope, parts: &[MovePart]) -> Command {
    let Command::Forbid(forbid) = forbid_on(scope, ForbidKind::Writes) else { unreachable!() };
    Command::Fence { forbid, parts: parts.to_vec(), runner: String::new() }
}

#[test]
fn what_is_fenced_stays_with_its_owner_takes_an_epoch_when_it_begins_and_another_when_it_ends() {
    let begun = after(&sample::state(), &fence(ForbidScope::Unit(HZ), &[shards(0, 4999, HZ, HZ), zone(HZ, HZ)]));
    assert_eq!((begun.epoch, begun.forbids.len(), begun.moves[0].kind), (Epoch(2), 1, MoveKind::Fencing));
    assert_eq!((ranges(&begun)[0].as_str(), begun.groups[0].global_epoch), ("0-4999 hz@2", Epoch(2)));
    let position = FencePosition { group: GroupId(0), source: HZ, position: "1-11-5".to_owned() };
    let end = Command::EndFencing { id: MoveId(2), positions: vec![position] };
    let ended = after(&begun, &end);
    assert_eq!((ended.moves.len(), ended.forbids.len(), ranges(&ended)[0].as_str()), (0, 1, "0-4999 hz@3"));
    let told =
        "fencing 2: fenced shards 0-4999 of hz, forbidden, the Global Zone of hz, forbidden; closed at 1-11-5 at hz";
    assert_eq!(ended.history.last().unwrap().what, told);
    assert_eq!(refused(&ended, &end), ApplyError::NoSuchMove { id: MoveId(2) });
    let moving = after(&sample::state(), &begin(&[zone(HZ, BJ)]));
    assert_eq!(refused(&moving, &end), ApplyError::NoSuchMove { id: MoveId(2) }, "a move is not ended so");
}

#[test]
fn what_moves_is_not_fenced_and_what_is_fenced_does_not_move() {
    let moving = after(&sample::state(), &begin(&[zone(HZ, BJ)]));
    let of_zone = fence(ForbidScope::GlobalZone(GroupId(0)), &[zone(HZ, HZ)]);
    assert_eq!(refused(&moving, &of_zone), ApplyError::UnderWay { id: MoveId(2) });
    let begun = after(&sample::state(), &of_zone);
    assert_eq!(refused(&begun, &begin(&[zone(HZ, BJ)])), ApplyError::UnderWay { id: MoveId(2) });
    assert_eq!(refused(&begun, &of_zone), ApplyError::UnderWay { id: MoveId(2) }, "nor twice at once");
    // Forbidding it by itself changes nothing of that.
    let forbid_unit = forbid(0, ForbidKind::Writes);
    assert_eq!(after(&begun, &forbid_unit).moves, begun.moves);
    let anothers = fence(ForbidScope::GlobalZone(GroupId(0)), &[zone(BJ, BJ)]);
    assert!(matches!(refused(&sample::state(), &anothers), ApplyError::Invalid(InvalidState::MoveSource { .. })));
    let nowhere = begin(&[zone(HZ, HZ)]);
    assert_eq!(refused(&sample::state(), &nowhere), ApplyError::NothingToMove);
}

#[test]
fn lifting_the_last_forbid_of_what_is_being_fenced_gives_it_back() {
    let scope = ForbidScope::GlobalZone(GroupId(0));
    let begun = after(&sample::state(), &fence(scope.clone(), &[zone(HZ, HZ)]));
    let lift = Command::Allow { scope };
    let lifted = after(&begun, &lift);
    assert_eq!((lifted.moves.len(), lifted.forbids.len(), lifted.groups[0].global_epoch), (0, 0, Epoch(3)));
    let twice = after(&begun, &forbid(0, ForbidKind::Writes));
    assert_eq!(after(&twice, &lift).moves.len(), 1, "it is forbidden still");
    assert_eq!(after(&after(&twice, &lift), &allow(0)).moves.len(), 0);
    assert_eq!(after(&begun, &allow(1)).moves.len(), 1, "another's");
}

#[test]
fn the_history_is_bounded_and_keeps_the_newest() {
    let mut state = sample::state();
    for _ in 0..150 {
        state = after(&after(&state, &forbid(1, ForbidKind::Writes)), &allow(1));
    }
    assert_eq!(state.history.len(), crate::model::history::REMEMBERED);
    assert_eq!(state.history.last().unwrap().epoch, state.epoch);
}

#[test]
fn nothing_of_an_observed_group_is_moved() {
    let mut state = sample::state();
    state.groups[0].policy.routing = Routing::Observe;
    for part in [shards(0, 9, HZ, BJ), zone(HZ, BJ)] {
        assert_eq!(refused(&state, &begin(&[part])), ApplyError::Observed { group: "main".to_owned() });
    }
}

fn forced(parts: &[MovePart]) -> Result<ControlState, ApplyError> {
    let begun = apply(
        &sample::state(),
        &Command::BeginMove { parts: parts.to_vec(), kind: MoveKind::Forced, runner: String::new(), skipped: None },
        &author(),
    )?;
    let (proof, cut, reason) = (ClosureProof::Drained, "1-11-932".to_owned(), "on fire".to_owned());
    let nodes = vec!["hz-1".to_owned(), "bj-1".to_owned()];
    apply(&begun, &Command::PublishForced { id: begun.moves[0].id, proof, cut, nodes, reason }, &author())
}

fn everything_of_hz() -> Vec<MovePart> {
    let part = |extent| MovePart { extent, source: UnitId(0), target: UnitId(1) };
    let shards = ShardRange { first: Shard(0), last: Shard(4999) };
    vec![part(Extent::Shards(GroupId(0), shards)), part(Extent::GlobalZone(GroupId(0)))]
}

#[test]
fn a_forced_change_takes_everything_and_leaves_the_source_in_quarantine() {
    let state = forced(&everything_of_hz()).unwrap();
    assert!(state.moves.is_empty() && state.groups[0].global_master == UnitId(1));
    assert_eq!(state.serving(UnitId(0), GroupId(0)), UnitId(1));
    assert_eq!(state.quarantines[0].since, state.epoch);
    let bytes = super::document::write(&state).unwrap();
    assert_eq!(super::document::read(&bytes).unwrap(), state, "a restart forgets nothing");
    let refused = forced(&everything_of_hz()[..1]).unwrap_err();
    assert!(matches!(refused, ApplyError::PartialForce { .. }), "{refused}");
}

#[test]
fn the_lease_of_a_primary_is_renewed_until_it_is_about_to_be_left_behind_and_again_once_it_has_rejoined() {
    let renewed = |state: &ControlState| [UnitId(0), UnitId(1)].map(|unit| may_be_renewed(state, GroupId(0), unit));
    let start = sample::state();
    assert_eq!(renewed(&start), [true, true]);
    let begin = |kind| Command::BeginMove { parts: everything_of_hz(), kind, runner: String::new(), skipped: None };
    let planned = apply(&start, &begin(MoveKind::Planned), &author()).unwrap();
    assert_eq!(renewed(&planned), [true, true], "what was begun there may still commit");
    let forced = apply(&start, &begin(MoveKind::Forced), &author()).unwrap();
    assert_eq!(renewed(&forced), [false, true]);
    let bytes = super::document::write(&forced).unwrap();
    assert_eq!(super::document::read(&bytes).unwrap(), forced, "whoever reads it renews nothing either");
    let id = forced.moves[0].id;
    let back = apply(&forced, &Command::RollBackMove { id, reason: "it answers".to_owned() }, &author()).unwrap();
    assert_eq!(renewed(&back), [true, true]);
    let (proof, cut, reason) = (ClosureProof::LeaseEnded, "1-11-932".to_owned(), "on fire".to_owned());
    let publish = Command::PublishForced { id, proof, cut, nodes: Vec::new(), reason };
    let left_behind = apply(&forced, &publish, &author()).unwrap();
    assert_eq!(renewed(&left_behind), [false, true]);
    let bytes = super::document::write(&left_behind).unwrap();
    assert_eq!(super::document::read(&bytes).unwrap(), left_behind);
    let (group, unit) = (GroupId(0), UnitId(0));
    let rejoined = apply(&left_behind, &Command::Rejoin { group, unit }, &author()).unwrap();
    assert_eq!(renewed(&rejoined), [true, true]);
}

#[test]
fn nothing_moves_to_what_is_in_quarantine_until_it_has_rejoined() {
    let state = forced(&everything_of_hz()).unwrap();
    let back = MovePart { extent: Extent::GlobalZone(GroupId(0)), source: UnitId(1), target: UnitId(0) };
    let begin = Command::BeginMove { parts: vec![back], kind: MoveKind::Planned, runner: String::new(), skipped: None };
    let refused = apply(&state, &begin, &author()).unwrap_err();
    assert!(refused.to_string().contains("in quarantine"), "{refused}");
    let (group, unit) = (GroupId(0), UnitId(0));
    let loss = Command::RecordLoss { group, unit, loss: "1-11-933".to_owned() };
    let state = apply(&state, &loss, &author()).unwrap();
    assert_eq!(state.quarantines[0].loss.as_deref(), Some("1-11-933"));
    let state = apply(&state, &Command::Rejoin { group, unit }, &author()).unwrap();
    assert!(state.quarantines.is_empty() && apply(&state, &begin, &author()).is_ok());
    assert!(matches!(apply(&state, &loss, &author()), Err(ApplyError::NotQuarantined { .. })));
}

#[test]
fn each_node_says_what_it_acknowledged_and_never_less_than_before() {
    let state = forced(&everything_of_hz()).unwrap();
    let (group, unit) = (GroupId(0), UnitId(0));
    let not_heard = AcknowledgedLoss::NotHeard;
    assert_eq!(state.quarantines[0].acknowledged.values().collect::<Vec<_>>(), [&not_heard, &not_heard]);
    let say = |state: &ControlState, node: &str, said| {
        let record = Command::RecordAcknowledged { group, unit, node: node.to_owned(), said };
        apply(state, &record, &author()).unwrap()
    };
    let (unknown, three) = (AcknowledgedLoss::NotKnown, AcknowledgedLoss::AtMost(3));
    let told = say(&say(&say(&state, "hz-1", three), "hz-1", unknown), "bj-1", unknown);
    assert_eq!(say(&told, "hz-1", AcknowledgedLoss::AtMost(2)), told, "a repeated one changes nothing");
    let known: Vec<_> = told.quarantines[0].acknowledged.iter().map(|(node, said)| (node.as_str(), *said)).collect();
    assert_eq!(known, [("bj-1", unknown), ("hz-1", three)]);
    let bytes = super::document::write(&told).unwrap();
    assert_eq!(super::document::read(&bytes).unwrap(), told);
}

#[test]
fn the_forbids_of_an_earlier_epoch_come_back_and_ownership_is_never_moved_by_it() {
    let before = sample::state();
    let forbid = Forbid {
        scope: ForbidScope::Unit(UnitId(1)),
        kind: ForbidKind::Writes,
        reason: "drill".to_owned(),
        by: "dba".to_owned(),
        at: 1,
    };
    let author = Author { by: "dba".to_owned(), at: 2 };
    let forbidden = apply(&before, &Command::Forbid(forbid), &author).unwrap();
    let back = apply(&forbidden, &Command::RollBackTo { former: Box::new(before.clone()) }, &author).unwrap();
    assert_eq!((back.epoch, back.forbids.len()), (Epoch(before.epoch.0 + 2), 0), "an epoch is never used again");
    let again = apply(&back, &Command::RollBackTo { former: Box::new(forbidden.clone()) }, &author).unwrap();
    assert_eq!(again.forbids, forbidden.forbids);
    let mut moved = forbidden;
    moved.groups[0].global_master = UnitId(1);
    let refused = apply(&moved, &Command::RollBackTo { former: Box::new(before) }, &author).unwrap_err();
    assert!(matches!(&refused, ApplyError::OwnershipMoved { then, now, .. } if then != now), "{refused}");
}

#[test]
fn a_restored_state_is_the_same_at_an_epoch_that_every_scope_has() {
    let state = sample::state();
    let author = Author { by: "dba".to_owned(), at: 9 };
    let next = restored(&state, Epoch(1007), "etcd of 03:00", &author);
    next.check().unwrap();
    assert_eq!(adopt::ownership(&next), adopt::ownership(&state));
    let group = &next.groups[0];
    let epochs = group.shards.ranges.iter().map(|owned| owned.epoch).chain([group.global_epoch, next.epoch]);
    assert!(epochs.into_iter().all(|epoch| epoch == Epoch(1007)));
    let told = &next.history.last().unwrap().what;
    assert!(told.contains(&format!("epoch {}", state.epoch)) && told.contains("etcd of 03:00"), "{told}");
}
