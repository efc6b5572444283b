//! The control document in etcd, shared by many nodes: over TLS and with a login where wanted, over several members.
//!
//! It never sends a transaction twice and never reads but linearizably. Start at [`store`].

pub mod client;
mod keys;
mod listing;
mod messages;
mod newest;
mod restored;
pub mod store;

pub use client::{Client as EtcdClient, EtcdConfig, EtcdError};
pub use store::{Entry, EtcdStore};
