//! The gate every write passes: it writes the write down under the epoch it was decided at, so that "nothing older is in flight in these
//! scopes" can be said with certainty.
//!
//! It knows no lease and holds no write; what to do when the epoch moved is the caller's matter. Entering takes one lock that threads
//! rarely share. The rules themselves are in [`super::admission`].

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use smallvec::SmallVec;
use tokio::sync::Notify;

use super::admission::{admits, hinders};
use crate::model::{Epoch, Extent, Scope};

/// Lists of tickets, so that threads rarely share a lock or a cache line.
const STRIPES: usize = 16;

/// The state moved on since the write was decided: decide again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateMoved {
    /// The epoch to decide at, or a later one.
    pub epoch: Epoch,
}

/// A write in flight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// The epoch it was decided at.
    pub epoch: Epoch,
    /// The scopes it may write in.
    pub scopes: SmallVec<[Scope; 2]>,
    /// The session it belongs to, by connection id.
    pub session: u32,
}

/// Knows the writes in flight with their epochs and scopes.
#[derive(Debug)]
pub struct WriteGate {
    shared: Arc<Shared>,
}

/// What tickets and gate share.
#[derive(Debug)]
struct Shared {
    /// Written before the stripes are searched, read under a stripe's lock; see [`WriteGate::enter`].
    epoch: AtomicU64,
    stripes: [Stripe; STRIPES],
    /// A ticket has ended or the gate has advanced, while somebody waits.
    changed: Notify,
    waiting: AtomicUsize,
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe(Mutex<Tickets>);

/// Places that are used again: a ticket finds its entry without a search.
#[derive(Debug, Default)]
struct Tickets {
    entries: Vec<Option<InFlight>>,
    free: Vec<usize>,
}

/// Proof that a write is written down; dropped when its transaction has ended at the database.
#[derive(Debug)]
pub struct WriteTicket {
    shared: Arc<Shared>,
    stripe: usize,
    place: usize,
}

impl WriteGate {
    /// A gate at `epoch`, with nothing in flight.
    pub fn new(epoch: Epoch) -> WriteGate {
        let shared = Shared {
            epoch: AtomicU64::new(epoch.0),
            stripes: std::array::from_fn(|_| Stripe::default()),
            changed: Notify::new(),
            waiting: AtomicUsize::new(0),
        };
        WriteGate { shared: Arc::new(shared) }
    }

    /// The newest epoch.
    pub fn epoch(&self) -> Epoch {
        Epoch(self.shared.epoch.load(SeqCst))
    }

    /// Writes down a write of `scopes` by `session` that was decided under `decided`.
    /// Errors: a newer epoch is published; the write is not written down and must be decided again.
    pub fn enter(&self, scopes: &[Scope], decided: Epoch, session: u32) -> Result<WriteTicket, GateMoved> {
        let stripe = seat();
        let mut tickets = self.shared.tickets(stripe);
        // Under the lock: `advance` stores the epoch before anybody searches the stripes. Whoever searches this one after us finds the
        // ticket; whoever searched it before us has handed us the epoch with the lock.
        let epoch = self.epoch();
        if !admits(epoch, decided) {
            return Err(GateMoved { epoch });
        }
        let place = tickets.insert(InFlight { epoch: decided, scopes: SmallVec::from_slice(scopes), session });
        Ok(WriteTicket { shared: Arc::clone(&self.shared), stripe, place })
    }

    /// Lets in only writes decided under `epoch` or later from now on; a lower or equal epoch changes nothing. Publish the snapshot first.
    pub fn advance(&self, epoch: Epoch) {
        self.shared.epoch.fetch_max(epoch.0, SeqCst);
        self.shared.changed.notify_waiters();
    }

    /// The writes in flight that were decided before `epoch` and touch `extents`.
    pub fn hindering(&self, extents: &[Extent], epoch: Epoch) -> Vec<InFlight> {
        let mut found = Vec::new();
        for stripe in 0..STRIPES {
            let tickets = self.shared.tickets(stripe);
            let in_flight = tickets.entries.iter().flatten();
            found.extend(in_flight.filter(|one| hinders(one.epoch, &one.scopes, extents, epoch)).cloned());
        }
        found
    }

    /// Every write in flight.
    pub fn in_flight(&self) -> Vec<InFlight> {
        (0..STRIPES)
            .flat_map(|stripe| self.shared.tickets(stripe).entries.iter().flatten().cloned().collect::<Vec<_>>())
            .collect()
    }

    /// Resolves when the gate has advanced to `epoch` and no write is left that was decided before it and touches `extents`.
    pub async fn drained(&self, extents: &[Extent], epoch: Epoch) {
        let _waiting = Waiting::begin(&self.shared);
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            // Listening before looking: a ticket that ends in between wakes us.
            changed.as_mut().enable();
            if self.epoch() >= epoch && self.hindering(extents, epoch).is_empty() {
                return;
            }
            changed.await;
        }
    }
}

impl Shared {
    fn tickets(&self, stripe: usize) -> MutexGuard<'_, Tickets> {
        self.stripes[stripe].0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tickets {
    fn insert(&mut self, entry: InFlight) -> usize {
        match self.free.pop() {
            Some(place) => {
                self.entries[place] = Some(entry);
                place
            }
            None => {
                self.entries.push(Some(entry));
                self.entries.len() - 1
            }
        }
    }

    fn remove(&mut self, place: usize) {
        self.entries[place] = None;
        self.free.push(place);
    }
}

/// Somebody waits for tickets to end; without anybody a ticket wakes nobody.
struct Waiting<'a>(&'a Shared);

impl<'a> Waiting<'a> {
    fn begin(shared: &'a Shared) -> Waiting<'a> {
        shared.waiting.fetch_add(1, SeqCst);
        Waiting(shared)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, SeqCst);
    }
}

impl Drop for WriteTicket {
    fn drop(&mut self) {
        self.shared.tickets(self.stripe).remove(self.place);
        // Who searched before the removal had announced itself before it searched, and the lock has shown us that.
        if self.shared.waiting.load(SeqCst) > 0 {
            self.shared.changed.notify_waiters();
        }
    }
}

/// This thread's stripe, from the address of a thread-local: threads have no small numbers of their own.
fn seat() -> usize {
    thread_local!(static PLACE: u8 = const { 0 });
    let address = PLACE.with(|place| std::ptr::from_ref(place).addr());
    address.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (usize::BITS - STRIPES.trailing_zeros())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::model::{GroupId, Shard, ShardRange};

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
        assert_eq!(gate.enter(SCOPE, Epoch(1), 1).unwrap_err(), GateMoved { epoch: Epoch(2) });
        assert!(gate.in_flight().is_empty());
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
}
