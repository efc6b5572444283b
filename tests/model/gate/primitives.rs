//! The primitives of the write gate, as shuttle schedules them; and a `Notify` that keeps the promises of tokio's that the gate relies on.

pub use shuttle::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
pub use shuttle::sync::{Arc, Mutex, MutexGuard};
pub use std::sync::PoisonError;

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

pub fn address_of_thread() -> usize {
    // All of shuttle's threads run on one of the machine's.
    usize::from(shuttle::thread::current().id()) * 64
}

/// `notify_waiters` wakes those that listen at that moment, and nobody later.
#[derive(Debug, Default)]
pub struct Notify(Mutex<Listeners>);

#[derive(Debug, Default)]
struct Listeners {
    calls: u64,
    wakers: Vec<Waker>,
}

impl Notify {
    pub fn new() -> Notify {
        Notify::default()
    }

    pub fn notified(&self) -> Notified<'_> {
        Notified { notify: self, since: None }
    }

    pub fn notify_waiters(&self) {
        let mut listeners = self.0.lock().unwrap();
        listeners.calls += 1;
        listeners.wakers.drain(..).for_each(Waker::wake);
    }
}

pub struct Notified<'a> {
    notify: &'a Notify,
    since: Option<u64>,
}

impl Notified<'_> {
    /// Listens from now on.
    pub fn enable(mut self: Pin<&mut Self>) -> bool {
        let calls = self.notify.0.lock().unwrap().calls;
        self.since.get_or_insert(calls);
        false
    }
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut listeners = self.notify.0.lock().unwrap();
        let calls = listeners.calls;
        let since = *self.since.get_or_insert(calls);
        if calls > since {
            return Poll::Ready(());
        }
        listeners.wakers.push(context.waker().clone());
        Poll::Pending
    }
}
