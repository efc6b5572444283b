//! Where the control document is kept. A store compares and swaps on the epoch; it decides nothing and changes nothing by itself.

mod contract;
mod file;
mod memory;

#[cfg(test)]
mod conformance;

pub use contract::{Store, StoreError};
pub use file::{FileStore, Former};
pub use memory::MemoryStore;
