//! The gate every write passes: it writes the write down under the epoch it was decided at, so that "nothing older is in flight in these
//! scopes" can be said with certainty.
//!
//! It also knows until when this node may write at all: a node that shares its store holds a lease, and lets nothing in once the deadline has
//! passed, whatever else it knows. It holds no write; what to do when the epoch moved is the caller's matter. Entering takes one lock that
//! threads rarely share. The rules themselves are in [`super::admission`].

use std::time::Duration;

use smallvec::SmallVec;

use super::admission::{admits, hinders};
use super::lease_clock::Moment;
use super::primitives::{
    Arc, AtomicU64, AtomicUsize, Mutex, MutexGuard, Notify, Ordering::SeqCst, PoisonError, address_of_thread,
};
use crate::model::{Epoch, Extent, Scope};

/// Lists of tickets, so that threads rarely share a lock or a cache line.
const STRIPES: usize = 16;

/// The deadline of a node that shares its store with nobody.
const NEVER_ENDS: u64 = u64::MAX;

/// Why a write is not let in. It is not written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotEntered {
    /// The state moved on since the write was decided: decide again.
    Moved {
        /// The epoch to decide at, or a later one.
        epoch: Epoch,
    },
    /// This node's lease has ended, or it has none yet.
    NoLease,
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
    /// Until when anything is let in, as [`Moment`]'s nanoseconds; [`NEVER_ENDS`] where no lease is needed.
    deadline: AtomicU64,
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
    /// A gate at `epoch`, with nothing in flight, of a node that needs no lease.
    pub fn new(epoch: Epoch) -> WriteGate {
        let shared = Shared {
            epoch: AtomicU64::new(epoch.0),
            deadline: AtomicU64::new(NEVER_ENDS),
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

    /// From now on a lease is needed: nothing is let in until [`WriteGate::let_in_until`].
    pub fn need_lease(&self) {
        self.shared.deadline.store(0, SeqCst);
    }

    /// Lets writes in until `deadline`.
    pub fn let_in_until(&self, deadline: Moment) {
        self.shared.deadline.store(deadline.nanoseconds().min(NEVER_ENDS - 1), SeqCst);
    }

    /// Whether this node may write now. To be asked again when a connection is there to write on: whoever ends all connections that this
    /// node had when its lease ended, ends all it may write on.
    pub fn has_lease(&self) -> bool {
        let deadline = self.shared.deadline.load(SeqCst);
        deadline == NEVER_ENDS || Moment::now().nanoseconds() < deadline
    }

    /// How long this node may go on writing if it is not heard again; `None` when it needs no lease.
    pub fn lease_left(&self) -> Option<Duration> {
        let deadline = self.shared.deadline.load(SeqCst);
        let left = deadline.saturating_sub(Moment::now().nanoseconds());
        (deadline != NEVER_ENDS).then_some(Duration::from_nanos(left))
    }

    /// Writes down a write of `scopes` by `session` that was decided under `decided`.
    /// Errors: a newer epoch is published, and the write must be decided again; or this node may not write.
    pub fn enter(&self, scopes: &[Scope], decided: Epoch, session: u32) -> Result<WriteTicket, NotEntered> {
        if !self.has_lease() {
            return Err(NotEntered::NoLease);
        }
        let stripe = seat();
        let mut tickets = self.shared.tickets(stripe);
        // Under the lock: `advance` stores the epoch before anybody searches the stripes. Whoever searches this one after us finds the
        // ticket; whoever searched it before us has handed us the epoch with the lock.
        let epoch = self.epoch();
        if !admits(epoch, decided) {
            return Err(NotEntered::Moved { epoch });
        }
        let place = tickets.insert(InFlight { epoch: decided, scopes: SmallVec::from_slice(scopes), session });
        Ok(WriteTicket { shared: Arc::clone(&self.shared), stripe, place })
    }

    /// Lets in only writes decided under `epoch` or later from now on; a lower or equal epoch changes nothing. Publish the snapshot first.
    pub fn advance(&self, epoch: Epoch) {
        self.shared.epoch.fetch_max(epoch.0, SeqCst);
        self.shared.changed.notify_waiters();
    }

    /// Resolves when the gate has advanced beyond `epoch`.
    pub async fn advanced_beyond(&self, epoch: Epoch) {
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.epoch() > epoch {
                return;
            }
            changed.await;
        }
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

    /// The oldest epoch that a write in flight was decided at.
    pub fn oldest(&self) -> Option<Epoch> {
        let oldest_of = |stripe| self.shared.tickets(stripe).entries.iter().flatten().map(|one| one.epoch).min();
        (0..STRIPES).filter_map(oldest_of).min()
    }

    /// Every write in flight.
    pub fn in_flight(&self) -> Vec<InFlight> {
        (0..STRIPES)
            .flat_map(|stripe| self.shared.tickets(stripe).entries.iter().flatten().cloned().collect::<Vec<_>>())
            .collect()
    }

    /// Resolves when no write is in flight.
    pub async fn emptied(&self) {
        let _waiting = Waiting::begin(&self.shared);
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.in_flight().is_empty() {
                return;
            }
            changed.await;
        }
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

/// This thread's stripe: threads have no small numbers of their own.
fn seat() -> usize {
    address_of_thread().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (usize::BITS - STRIPES.trailing_zeros())
}
