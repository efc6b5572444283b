//! Where the control document is kept. A store compares and swaps on the epoch; it decides nothing and changes nothing by itself.

mod contract;
mod etcd;
mod file;
mod memory;

pub use contract::{REMEMBERED, Store, StoreError};
pub use etcd::{Entry, EtcdClient, EtcdConfig, EtcdError, EtcdStore};
pub use file::{FileStore, Former};
pub use memory::MemoryStore;
