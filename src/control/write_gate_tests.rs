//! Tests of [`super::write_gate`], apart from it: `tests/model` compiles the gate with other primitives.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use super::lease_clock::Moment;
use super::write_gate::{NotEntered, WriteGate};
use crate::model::{Epoch, Extent, GroupId, Scope, Shard, ShardRange};

const SCOPE: &[Scope] = &[Scope::Shard(GroupId(0), Shard(7))];
const HERE: &[Extent] = &[Extent::Shards(GroupId(0), ShardRange { first: Shard(0), last: Shard(9) })];
const ELSEWHERE: &[Extent] = &[Extent::GlobalZone(GroupId(0))];

fn counts(gate: &WriteGate, epochs: [u64; 4]) -> [usize; 4] {
    epochs.map(|epoch| gate.hindering(HERE, Epoch(epoch)).len())
}

#[test]
fn a_write_decided_under_an_older_epoch_is_sent_back_and_not_written_down() {
    let gate = WriteGate::new(Epoch(1));
    gate.advance(Epoch(2));
    assert_eq!(gate.enter(SCOPE, Epoch(1), 1).unwrap_err(), NotEntered::Moved { epoch: Epoch(2) });
    assert!(gate.in_flight().is_empty());
}

#[test]
fn a_gate_that_needs_a_lease_lets_nothing_in_beyond_its_deadline() {
    let gate = WriteGate::new(Epoch(1));
    assert!(gate.has_lease() && gate.lease_left().is_none());
    gate.need_lease();
    assert_eq!(gate.enter(SCOPE, Epoch(1), 1).unwrap_err(), NotEntered::NoLease);
    gate.let_in_until(Moment::now().after(Duration::from_secs(3600)));
    let ticket = gate.enter(SCOPE, Epoch(1), 1).unwrap();
    gate.let_in_until(Moment::now());
    assert!(!gate.has_lease());
    assert_eq!(gate.enter(SCOPE, Epoch(1), 2).unwrap_err(), NotEntered::NoLease);
    assert_eq!(gate.in_flight().len(), 1, "what was let in before is still known");
    assert_eq!(gate.oldest(), Some(Epoch(1)));
    drop(ticket);
}

#[test]
fn a_write_under_a_snapshot_ahead_of_the_gate_obeys_that_snapshot() {
    let gate = WriteGate::new(Epoch(1));
    let _ticket = gate.enter(SCOPE, Epoch(2), 1).unwrap();
    gate.advance(Epoch(2));
    assert_eq!(counts(&gate, [1, 2, 3, 4]), [0, 0, 1, 1]);
}

#[test]
fn tickets_are_told_apart_by_epoch_and_scope_until_they_end() {
    let gate = WriteGate::new(Epoch(1));
    let first = gate.enter(SCOPE, Epoch(1), 1).unwrap();
    gate.advance(Epoch(2));
    let second = gate.enter(SCOPE, Epoch(2), 2).unwrap();
    gate.advance(Epoch(3));
    gate.advance(Epoch(2));
    assert_eq!(gate.epoch(), Epoch(3));
    assert_eq!(counts(&gate, [1, 2, 3, 4]), [0, 1, 2, 2]);
    assert!(gate.hindering(ELSEWHERE, Epoch(9)).is_empty());
    drop(first);
    assert_eq!(counts(&gate, [1, 2, 3, 4]), [0, 0, 1, 1]);
    drop(second);
    assert!(gate.in_flight().is_empty());
}

#[test]
fn a_place_is_used_again_without_mixing_up_tickets() {
    let gate = WriteGate::new(Epoch(1));
    let sessions = |gate: &WriteGate| gate.in_flight().iter().map(|one| one.session).collect::<Vec<_>>();
    let [first, second] = [1, 2].map(|session| gate.enter(SCOPE, Epoch(1), session).unwrap());
    drop(first);
    let third = gate.enter(SCOPE, Epoch(1), 3).unwrap();
    assert_eq!(sessions(&gate), [3, 2]);
    drop((second, third));
    assert!(gate.in_flight().is_empty());
}

#[tokio::test]
async fn drained_waits_for_the_last_older_ticket_of_its_scopes_and_for_no_other() {
    let gate = Arc::new(WriteGate::new(Epoch(1)));
    let older = gate.enter(SCOPE, Epoch(1), 1).unwrap();
    let _elsewhere = gate.enter(&[Scope::GlobalZone(GroupId(0))], Epoch(1), 2).unwrap();
    gate.advance(Epoch(2));
    let _newer = gate.enter(SCOPE, Epoch(2), 3).unwrap();
    let drained = gate.drained(HERE, Epoch(2));
    tokio::pin!(drained);
    tokio::select! {
        biased;
        () = &mut drained => panic!("an older write is still in flight"),
        () = tokio::task::yield_now() => {}
    }
    drop(older);
    drained.await;
}

#[tokio::test]
async fn drained_waits_for_the_gate_to_reach_its_epoch() {
    let gate = WriteGate::new(Epoch(1));
    let drained = gate.drained(HERE, Epoch(2));
    tokio::pin!(drained);
    tokio::select! {
        biased;
        () = &mut drained => panic!("the gate has not advanced"),
        () = tokio::task::yield_now() => {}
    }
    gate.advance(Epoch(2));
    drained.await;
}

/// The property the gate exists for: after `advance(e)` and an empty `hindering(e)`, no write of an older epoch runs.
#[test]
fn no_older_write_runs_once_the_gate_reports_none() {
    const EPOCHS: u64 = 3000;
    let gate = WriteGate::new(Epoch(1));
    let published = AtomicU64::new(1);
    let floor = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let snapshot = published.load(SeqCst);
                    if snapshot >= EPOCHS {
                        return;
                    }
                    if let Ok(ticket) = gate.enter(SCOPE, Epoch(snapshot), 1) {
                        let drained = floor.load(SeqCst);
                        assert!(snapshot >= drained, "epoch {snapshot} writes after {drained} was drained");
                        drop(ticket);
                    }
                }
            });
        }
        for epoch in 2..=EPOCHS {
            published.store(epoch, SeqCst);
            gate.advance(Epoch(epoch));
            while !gate.hindering(HERE, Epoch(epoch)).is_empty() {
                std::thread::yield_now();
            }
            floor.store(epoch, SeqCst);
        }
    });
    assert!(gate.in_flight().is_empty());
}
