//! What the write gate counts and waits with, in one place: `tests/model` puts in its stead what tries every interleaving of threads.

pub use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
pub use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use tokio::sync::Notify;

/// A number of this thread that no other living thread has.
pub fn address_of_thread() -> usize {
    thread_local!(static PLACE: u8 = const { 0 });
    PLACE.with(|place| std::ptr::from_ref(place).addr())
}
