//! The limits of one instance, shared by all workers: how many connections are open, how many are checked out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::{Notify, Semaphore};

use super::acknowledged::Acknowledged;

/// Counts for one instance.
///
/// Invariant: connections checked out never exceed the limit (the semaphore), nor do open ones (the slots). So whoever
/// holds a permit finds either a free slot or an idle connection that can give its own.
#[derive(Debug)]
pub struct InstanceGauge {
    /// The limit, for display.
    pub limit: usize,
    /// One permit per connection that may be checked out; its waiters are served first in, first out.
    pub permits: Arc<Semaphore>,
    /// Told when somebody waits, so that sessions which keep a connection only for comfort give it back.
    pub pressure: Notify,
    /// What this node has acknowledged of what it wrote there.
    pub acknowledged: Acknowledged,
    open: AtomicUsize,
    waiting: AtomicUsize,
    ahead: AtomicUsize,
    opened: AtomicUsize,
    /// The servers' numbers of the open connections.
    threads: Mutex<Threads>,
    /// A login has ended, one way or the other.
    settled: Notify,
    /// Grows when global variables are set: connections opened before have the old values.
    generation: AtomicUsize,
    /// Connections of older generations than this were opened with accounts that are shut.
    shut: AtomicUsize,
    /// Connections of older generations than this are known to have ended at the server.
    ended: AtomicUsize,
    /// How many prepared statements the server lets all its clients have together, once it was asked.
    server_prepared: OnceLock<usize>,
}

impl InstanceGauge {
    /// A gauge for `limit` connections.
    pub fn new(limit: usize) -> Arc<InstanceGauge> {
        Arc::new(InstanceGauge {
            limit,
            permits: Arc::new(Semaphore::new(limit)),
            pressure: Notify::new(),
            acknowledged: Acknowledged::default(),
            open: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            ahead: AtomicUsize::new(0),
            opened: AtomicUsize::new(0),
            threads: Mutex::default(),
            settled: Notify::new(),
            generation: AtomicUsize::new(0),
            shut: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
            server_prepared: OnceLock::new(),
        })
    }

    /// The generation of connections opened now.
    pub fn generation(&self) -> usize {
        self.generation.load(Ordering::Acquire)
    }

    /// From here on no connection opened before is given to anybody: global variables were set, whose values sessions take when they begin.
    pub fn retire_all(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// As [`InstanceGauge::retire_all`], because the accounts they were opened with are shut. The generation of those opened from now on.
    pub fn shut_all(&self) -> usize {
        let generation = self.generation.fetch_add(1, Ordering::AcqRel) + 1;
        self.shut.fetch_max(generation, Ordering::AcqRel);
        generation
    }

    /// Whether connections of this generation were opened with accounts that are shut.
    pub fn is_shut(&self, generation: usize) -> bool {
        generation < self.shut.load(Ordering::Acquire)
    }

    /// The server has said that every connection of an older generation than this is gone.
    pub fn ended_before(&self, generation: usize) {
        self.ended.fetch_max(generation, Ordering::AcqRel);
    }

    /// Whether connections of this generation are known to be gone.
    pub fn has_ended(&self, generation: usize) -> bool {
        generation < self.ended.load(Ordering::Acquire)
    }

    /// What the server said of its limit of prepared statements (`max_prepared_stmt_count`).
    pub fn set_server_prepared(&self, limit: usize) {
        self.server_prepared.get_or_init(|| limit);
    }

    /// Whether the server was asked for its limit of prepared statements.
    pub fn knows_server_prepared(&self) -> bool {
        self.server_prepared.get().is_some()
    }

    /// How many prepared statements one connection may keep, of the `wanted`: all connections together at most half of the server's
    /// limit, since other nodes and other clients want some too.
    pub fn prepared_per_connection(&self, wanted: usize) -> usize {
        let share = self.server_prepared.get().map_or(wanted, |limit| limit / 2 / self.limit.max(1));
        wanted.min(share.max(1))
    }

    /// Takes a place for one more open connection; `None` when the limit is reached.
    pub fn reserve(self: &Arc<Self>) -> Option<OpenSlot> {
        self.open
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |open| (open < self.limit).then_some(open + 1))
            .ok()?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        let number = self.known_threads().begin();
        Some(OpenSlot { gauge: Arc::clone(self), number })
    }

    /// The server's numbers of all connections that are open, or were being opened when this was asked.
    pub async fn threads(&self) -> Vec<u32> {
        let asked = self.known_threads().next;
        loop {
            let settled = self.settled.notified();
            tokio::pin!(settled);
            settled.as_mut().enable();
            {
                let threads = self.known_threads();
                if threads.opening.first().is_none_or(|oldest| *oldest >= asked) {
                    return threads.open.values().copied().collect();
                }
            }
            settled.await;
        }
    }

    fn known_threads(&self) -> MutexGuard<'_, Threads> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connections open now.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Connections checked out now.
    pub fn in_use(&self) -> usize {
        self.limit - self.permits.available_permits().min(self.limit)
    }

    /// Connections opened since start.
    pub fn opened(&self) -> usize {
        self.opened.load(Ordering::Relaxed)
    }

    /// Sessions waiting for a permit now.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Counts a connection that is opened before anybody needs it, for as long as the guard lives.
    pub fn opens_ahead(&self) -> Ahead<'_> {
        Ahead { count: self.ahead.fetch_add(1, Ordering::Relaxed) + 1, gauge: self }
    }

    /// Counts a waiter for as long as the guard lives, and tells those who keep a connection for comfort.
    pub fn wait(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.pressure.notify_waiters();
        Waiting(self)
    }
}

/// The place of one open connection; free again when dropped.
#[derive(Debug)]
pub struct OpenSlot {
    gauge: Arc<InstanceGauge>,
    number: u64,
}

impl OpenSlot {
    /// The connection has logged in, and the server calls it `thread`.
    pub fn named(&self, thread: u32) {
        let mut threads = self.gauge.known_threads();
        threads.opening.remove(&self.number);
        threads.open.insert(self.number, thread);
        drop(threads);
        self.gauge.settled.notify_waiters();
    }
}

impl Drop for OpenSlot {
    fn drop(&mut self) {
        let mut threads = self.gauge.known_threads();
        threads.open.remove(&self.number);
        let was_opening = threads.opening.remove(&self.number);
        drop(threads);
        if was_opening {
            self.gauge.settled.notify_waiters();
        }
        self.gauge.open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Connections by a number of our own; the server's is known once the login has succeeded.
#[derive(Debug, Default)]
struct Threads {
    next: u64,
    opening: BTreeSet<u64>,
    open: BTreeMap<u64, u32>,
}

impl Threads {
    fn begin(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        self.opening.insert(number);
        number
    }
}

/// One waiter, counted.
#[derive(Debug)]
pub struct Waiting<'a>(&'a InstanceGauge);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One connection that is opened ahead, counted.
#[derive(Debug)]
pub struct Ahead<'a> {
    /// How many are, this one included.
    pub count: usize,
    gauge: &'a InstanceGauge,
}

impl Drop for Ahead<'_> {
    fn drop(&mut self) {
        self.gauge.ahead.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[tokio::test]
    async fn threads_are_told_once_the_logins_that_had_begun_have_ended() {
        let gauge = InstanceGauge::new(8);
        let [first, second] = [gauge.reserve(), gauge.reserve()].map(Option::unwrap);
        first.named(11);
        let asked = gauge.threads();
        tokio::pin!(asked);
        tokio::select! {
            biased;
            _ = &mut asked => panic!("a login had begun"),
            () = tokio::task::yield_now() => {}
        }
        let later = gauge.reserve();
        second.named(12);
        assert_eq!(asked.await, [11, 12], "a login that began later is not waited for");
        drop((first, later));
        assert_eq!(gauge.threads().await, [12]);
    }

    #[test]
    fn all_connections_together_keep_at_most_half_of_what_the_server_allows() {
        let gauge = InstanceGauge::new(32);
        assert_eq!(gauge.prepared_per_connection(256), 256, "nothing is known yet");
        gauge.set_server_prepared(16_382);
        assert_eq!(gauge.prepared_per_connection(256), 255);
        assert_eq!(gauge.prepared_per_connection(100), 100);
        let small = InstanceGauge::new(64);
        small.set_server_prepared(10);
        assert_eq!(small.prepared_per_connection(256), 1);
    }
}
