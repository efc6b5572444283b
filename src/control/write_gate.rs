//! The gate every write passes: it counts the write in under its epoch first and compares epochs afterwards,
//! so that "nothing older is in flight" can be said with certainty.
//!
//! It knows no lease and holds no write; what to do when the epoch moved is the caller's matter. Entering takes no lock.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use smallvec::SmallVec;
use tokio::sync::Notify;

use crate::model::{Epoch, Scope};

/// Counters of one generation, so that threads rarely share a cache line.
const STRIPES: usize = 16;

/// The state moved on since the write was decided: decide again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateMoved {
    /// The epoch to decide at, or a later one.
    pub epoch: Epoch,
}

/// A write in flight, for display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// The epoch it is counted under.
    pub epoch: Epoch,
    /// The scopes it may write in.
    pub scopes: SmallVec<[Scope; 1]>,
}

/// Counts writes in flight by epoch.
#[derive(Debug)]
pub struct WriteGate {
    current: ArcSwap<Generation>,
    older: Mutex<Vec<Arc<Generation>>>,
    shared: Arc<Shared>,
}

/// What tickets and gate share.
#[derive(Debug, Default)]
struct Shared {
    /// An older generation has emptied, or the gate has advanced.
    changed: Notify,
    /// Whether new tickets are listed in `listed`.
    listing: AtomicBool,
    listed: Mutex<Vec<(usize, InFlight)>>,
    next_listed: AtomicUsize,
}

/// The writes that entered while one epoch was the newest.
#[derive(Debug)]
struct Generation {
    epoch: Epoch,
    stripes: Vec<Arc<Stripe>>,
}

#[derive(Debug)]
#[repr(align(128))]
struct Stripe {
    in_flight: AtomicUsize,
    closed: AtomicBool,
    shared: Arc<Shared>,
}

/// Proof that a write is counted; dropped when its transaction has ended at the database.
#[derive(Debug)]
pub struct WriteTicket {
    epoch: Epoch,
    stripe: Arc<Stripe>,
    listed: Option<usize>,
}

impl WriteGate {
    /// A gate at `epoch`, with nothing in flight.
    pub fn new(epoch: Epoch) -> WriteGate {
        let shared = Arc::new(Shared::default());
        WriteGate {
            current: ArcSwap::from_pointee(Generation::new(epoch, &shared)),
            older: Mutex::new(Vec::new()),
            shared,
        }
    }

    /// The newest epoch writes are counted under.
    pub fn epoch(&self) -> Epoch {
        self.current.load().epoch
    }

    /// Counts in a write of `scopes` that was decided under `snapshot_epoch`.
    /// Errors: a newer epoch is published; the write is not counted and must be decided again.
    pub fn enter(&self, scopes: &[Scope], snapshot_epoch: Epoch) -> Result<WriteTicket, GateMoved> {
        loop {
            let generation = self.current.load();
            let stripe = &generation.stripes[seat()];
            // Counted before compared: whoever closes the generation afterwards sees this write, whoever closed it before is seen here.
            // Both sides need SeqCst; acquire and release alone would let each miss the other.
            stripe.in_flight.fetch_add(1, SeqCst);
            if stripe.closed.load(SeqCst) {
                stripe.leave();
                continue;
            }
            if generation.epoch > snapshot_epoch {
                stripe.leave();
                return Err(GateMoved { epoch: generation.epoch });
            }
            let (epoch, stripe) = (generation.epoch, Arc::clone(stripe));
            let listed = self.shared.listing.load(SeqCst).then(|| self.shared.list(epoch, scopes));
            return Ok(WriteTicket { epoch, stripe, listed });
        }
    }

    /// Counts writes under `epoch` from now on; a lower or equal epoch changes nothing. Publish the snapshot first.
    pub fn advance(&self, epoch: Epoch) {
        let mut older = self.older();
        let current = self.current.load_full();
        if epoch <= current.epoch {
            return;
        }
        self.current.store(Arc::new(Generation::new(epoch, &self.shared)));
        for stripe in &current.stripes {
            stripe.closed.store(true, SeqCst);
        }
        // A late entrant may still count itself into an emptied generation; it finds it closed and leaves.
        older.retain(|generation| generation.in_flight() > 0);
        older.push(current);
        drop(older);
        self.shared.changed.notify_waiters();
    }

    /// How many writes are in flight that entered before `epoch` was the newest; never too few.
    pub fn in_flight_before(&self, epoch: Epoch) -> usize {
        let older = self.older();
        let current = self.current.load_full();
        older.iter().chain([&current]).filter(|generation| generation.epoch < epoch).map(|each| each.in_flight()).sum()
    }

    /// Resolves when the gate has advanced to `epoch` and no write is left that entered before it.
    pub async fn drained(&self, epoch: Epoch) {
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            // Listening before looking: a ticket that ends in between wakes us.
            changed.as_mut().enable();
            if self.epoch() >= epoch && self.in_flight_before(epoch) == 0 {
                return;
            }
            changed.await;
        }
    }

    /// Whether tickets from now on are listed for [`Self::in_flight`]; they are not by default, because a list is a lock.
    pub fn list_tickets(&self, listing: Listing) {
        self.shared.listing.store(listing == Listing::On, SeqCst);
    }

    /// The listed writes in flight, oldest first.
    pub fn in_flight(&self) -> Vec<InFlight> {
        self.shared.listed().iter().map(|(_, ticket)| ticket.clone()).collect()
    }

    fn older(&self) -> MutexGuard<'_, Vec<Arc<Generation>>> {
        self.older.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether tickets are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Each new ticket.
    On,
    /// None; those listed stay until they end.
    Off,
}

impl Shared {
    fn list(&self, epoch: Epoch, scopes: &[Scope]) -> usize {
        let number = self.next_listed.fetch_add(1, SeqCst);
        self.listed().push((number, InFlight { epoch, scopes: SmallVec::from_slice(scopes) }));
        number
    }

    fn listed(&self) -> MutexGuard<'_, Vec<(usize, InFlight)>> {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generation {
    fn new(epoch: Epoch, shared: &Arc<Shared>) -> Generation {
        let stripe = |_| {
            Arc::new(Stripe {
                in_flight: AtomicUsize::new(0),
                closed: AtomicBool::new(false),
                shared: Arc::clone(shared),
            })
        };
        Generation { epoch, stripes: (0..STRIPES).map(stripe).collect() }
    }

    fn in_flight(&self) -> usize {
        self.stripes.iter().map(|stripe| stripe.in_flight.load(SeqCst)).sum()
    }
}

impl Stripe {
    fn leave(&self) {
        if self.in_flight.fetch_sub(1, SeqCst) == 1 && self.closed.load(SeqCst) {
            self.shared.changed.notify_waiters();
        }
    }
}

impl WriteTicket {
    /// The epoch the write is counted under: never higher than that of the snapshot it was decided on.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }
}

impl Drop for WriteTicket {
    fn drop(&mut self) {
        if let Some(number) = self.listed {
            self.stripe.shared.listed().retain(|(listed, _)| *listed != number);
        }
        self.stripe.leave();
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
    use crate::model::{GroupId, Shard};
    use std::sync::atomic::AtomicU64;

    const SCOPE: &[Scope] = &[Scope::Shard(GroupId(0), Shard(7))];

    #[test]
    fn a_write_decided_under_an_older_epoch_is_sent_back_and_not_counted() {
        let gate = WriteGate::new(Epoch(1));
        gate.advance(Epoch(2));
        assert_eq!(gate.enter(SCOPE, Epoch(1)).unwrap_err(), GateMoved { epoch: Epoch(2) });
        assert_eq!(gate.in_flight_before(Epoch(9)), 0);
    }

    #[test]
    fn a_write_under_a_snapshot_ahead_of_the_gate_counts_as_older() {
        let gate = WriteGate::new(Epoch(1));
        let ticket = gate.enter(SCOPE, Epoch(2)).unwrap();
        gate.advance(Epoch(2));
        assert_eq!((ticket.epoch(), gate.in_flight_before(Epoch(2))), (Epoch(1), 1));
    }

    #[test]
    fn tickets_are_told_apart_by_epoch_until_they_end() {
        let gate = WriteGate::new(Epoch(1));
        let first = gate.enter(SCOPE, Epoch(1)).unwrap();
        gate.advance(Epoch(2));
        let second = gate.enter(SCOPE, Epoch(2)).unwrap();
        gate.advance(Epoch(3));
        gate.advance(Epoch(2));
        assert_eq!(gate.epoch(), Epoch(3));
        assert_eq!([1, 2, 3, 4].map(|epoch| gate.in_flight_before(Epoch(epoch))), [0, 1, 2, 2]);
        drop(first);
        assert_eq!([1, 2, 3].map(|epoch| gate.in_flight_before(Epoch(epoch))), [0, 0, 1]);
        drop(second);
        assert_eq!(gate.in_flight_before(Epoch(3)), 0);
    }

    #[tokio::test]
    async fn drained_waits_for_the_last_older_ticket_and_no_newer_one() {
        let gate = Arc::new(WriteGate::new(Epoch(1)));
        let older = gate.enter(SCOPE, Epoch(1)).unwrap();
        gate.advance(Epoch(2));
        let _newer = gate.enter(SCOPE, Epoch(2)).unwrap();
        let drained = gate.drained(Epoch(2));
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
        let drained = gate.drained(Epoch(2));
        tokio::pin!(drained);
        tokio::select! {
            biased;
            () = &mut drained => panic!("the gate has not advanced"),
            () = tokio::task::yield_now() => {}
        }
        gate.advance(Epoch(2));
        drained.await;
    }

    #[test]
    fn scopes_are_listed_only_when_asked_for() {
        let gate = WriteGate::new(Epoch(1));
        let _silent = gate.enter(SCOPE, Epoch(1)).unwrap();
        assert!(gate.in_flight().is_empty());
        gate.list_tickets(Listing::On);
        let listed = gate.enter(SCOPE, Epoch(1)).unwrap();
        gate.list_tickets(Listing::Off);
        assert_eq!(gate.in_flight(), [InFlight { epoch: Epoch(1), scopes: SmallVec::from_slice(SCOPE) }]);
        drop(listed);
        assert!(gate.in_flight().is_empty());
    }

    /// The property the gate exists for: after `advance(e)` and `in_flight_before(e) == 0`, no write of an older epoch runs.
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
                        if let Ok(ticket) = gate.enter(SCOPE, Epoch(snapshot)) {
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
                while gate.in_flight_before(Epoch(epoch)) > 0 {
                    std::thread::yield_now();
                }
                floor.store(epoch, SeqCst);
            }
        });
        assert_eq!(gate.in_flight_before(Epoch(EPOCHS + 1)), 0);
    }
}
