//! How a session is told that it has to end, or that its node does.
//!
//! Every session listens to it nearly all the time, beside its client, and hardly any is ever told: so listening costs a load, and a
//! registration only where there is nothing to read.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;

/// A word from outside to one listener; said before anybody listens, it is kept.
#[derive(Debug, Default)]
pub struct EndSignal {
    told: AtomicBool,
    listener: AtomicWaker,
}

impl EndSignal {
    /// Says it.
    pub fn tell(&self) {
        self.told.store(true, Ordering::SeqCst);
        self.listener.wake();
    }

    /// Whether it was said since it was last heard; hearing it takes it away.
    pub fn is_told(&self) -> bool {
        self.told.load(Ordering::SeqCst) && self.told.swap(false, Ordering::SeqCst)
    }

    /// As [`EndSignal::is_told`]; the task is woken once it is.
    pub fn poll_told(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.is_told() {
            return Poll::Ready(());
        }
        self.listener.register(context.waker());
        // Who said it before the registration has woken nobody.
        if self.is_told() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Resolves once it is said.
    pub async fn told(&self) {
        poll_fn(|context| self.poll_told(context)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Waker;

    use super::*;

    #[test]
    fn what_was_said_before_anybody_listened_is_heard_once() {
        let signal = EndSignal::default();
        signal.tell();
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(signal.poll_told(&mut context), Poll::Ready(()));
        assert_eq!(signal.poll_told(&mut context), Poll::Pending);
    }

    #[tokio::test]
    async fn a_listener_is_woken_from_another_thread() {
        let signal = Arc::new(EndSignal::default());
        let teller = Arc::clone(&signal);
        let listening = tokio::spawn(async move { signal.told().await });
        tokio::task::yield_now().await;
        std::thread::spawn(move || teller.tell());
        assert!(listening.await.is_ok());
    }
}
