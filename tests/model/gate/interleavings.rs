//! The gate's promises under every interleaving shuttle finds.

use meridian::model::{Epoch, Extent, GroupId, Scope};
use shuttle::future::block_on;
use shuttle::{check_pct, check_random, thread};

use super::primitives::{Arc, AtomicU64, Ordering::SeqCst};
use super::write_gate::{WriteGate, WriteTicket};

const SCOPES: &[Scope] = &[Scope::GlobalZone(GroupId(0))];
const EXTENTS: &[Extent] = &[Extent::GlobalZone(GroupId(0))];

/// How many schedules each test tries.
const SCHEDULES: usize = 3000;

/// Schedules by pure chance, and schedules in which a thread is kept waiting while others run far ahead, which chance alone hardly makes.
fn explore(body: fn()) {
    check_random(body, SCHEDULES / 4);
    check_pct(body, SCHEDULES, 2);
}

/// A snapshot, a gate, and up to which epoch somebody was told that nothing older is left.
struct Node {
    published: AtomicU64,
    gate: WriteGate,
    drained: AtomicU64,
}

impl Node {
    fn new() -> Arc<Node> {
        Arc::new(Node { published: AtomicU64::new(1), gate: WriteGate::new(Epoch(1)), drained: AtomicU64::new(1) })
    }

    /// As `Controller::publish` does: first the snapshot, then the gate.
    fn publish(&self, epoch: u64) {
        self.published.store(epoch, SeqCst);
        self.gate.advance(Epoch(epoch));
    }

    /// A write decided under the snapshot of the moment; `None` when it is sent back.
    fn write(&self) -> Option<WriteTicket> {
        let decided = self.published.load(SeqCst);
        let ticket = self.gate.enter(SCOPES, Epoch(decided), 1).ok()?;
        // The statement runs at the server.
        let drained = self.drained.load(SeqCst);
        assert!(decided >= drained, "a write of epoch {decided} runs after {drained} was acknowledged");
        Some(ticket)
    }

    fn acknowledge(&self, epoch: u64) {
        block_on(self.gate.drained(EXTENTS, Epoch(epoch)));
        self.drained.store(epoch, SeqCst);
    }
}

#[test]
fn no_older_write_runs_once_its_end_was_acknowledged() {
    explore(|| {
        let node = Node::new();
        let writers = [(), ()].map(|()| {
            let node = Arc::clone(&node);
            thread::spawn(move || (0..2).for_each(|_| drop(node.write())))
        });
        node.publish(2);
        node.acknowledge(2);
        node.publish(3);
        node.acknowledge(3);
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        assert!(node.gate.in_flight().is_empty());
    });
}

#[test]
fn a_ticket_that_ends_on_another_thread_wakes_whoever_waits() {
    explore(|| {
        let node = Node::new();
        let abandoned = node.write().unwrap();
        let waits = Arc::clone(&node);
        let waiting = thread::spawn(move || waits.acknowledge(2));
        // The client is gone; somebody else sees the connection die, before or after the epoch moves.
        let ends = thread::spawn(move || drop(abandoned));
        node.publish(2);
        ends.join().unwrap();
        waiting.join().unwrap();
    });
}

#[test]
fn two_who_wait_for_different_epochs_are_both_woken() {
    explore(|| {
        let node = Node::new();
        let waiting = [2, 3].map(|epoch| {
            let node = Arc::clone(&node);
            thread::spawn(move || block_on(node.gate.drained(EXTENTS, Epoch(epoch))))
        });
        let ticket = node.write();
        node.publish(2);
        node.publish(3);
        drop(ticket);
        waiting.into_iter().for_each(|one| one.join().unwrap());
    });
}

/// The check is worth something: a gate that looks at the epoch before it takes the lock lets an older write slip by.
#[test]
#[should_panic(expected = "was acknowledged")]
fn a_gate_that_is_passed_before_the_ticket_is_written_down_is_found_out() {
    explore(|| {
        let node = Node::new();
        let writer = Arc::clone(&node);
        let writer = thread::spawn(move || {
            let decided = writer.published.load(SeqCst);
            if writer.gate.epoch() <= Epoch(decided) {
                // The wrong order: admitted, and only then counted.
                let drained = writer.drained.load(SeqCst);
                assert!(decided >= drained, "a write of epoch {decided} runs after {drained} was acknowledged");
            }
        });
        node.publish(2);
        node.acknowledge(2);
        writer.join().unwrap();
    });
}
