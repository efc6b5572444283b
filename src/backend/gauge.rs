//! The limits of one instance, shared by all workers: how many connections are open, how many are checked out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Notify, Semaphore};

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
    open: AtomicUsize,
    waiting: AtomicUsize,
    opened: AtomicUsize,
}

impl InstanceGauge {
    /// A gauge for `limit` connections.
    pub fn new(limit: usize) -> Arc<InstanceGauge> {
        Arc::new(InstanceGauge {
            limit,
            permits: Arc::new(Semaphore::new(limit)),
            pressure: Notify::new(),
            open: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            opened: AtomicUsize::new(0),
        })
    }

    /// Takes a place for one more open connection; `None` when the limit is reached.
    pub fn reserve(self: &Arc<Self>) -> Option<OpenSlot> {
        self.open
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |open| (open < self.limit).then_some(open + 1))
            .ok()?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        Some(OpenSlot(Arc::clone(self)))
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

    /// Counts a waiter for as long as the guard lives, and tells those who keep a connection for comfort.
    pub fn wait(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.pressure.notify_waiters();
        Waiting(self)
    }
}

/// The place of one open connection; free again when dropped.
#[derive(Debug)]
pub struct OpenSlot(Arc<InstanceGauge>);

impl Drop for OpenSlot {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
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
