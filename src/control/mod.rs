//! The shared truth: the control document in its store, the snapshots every query reads, and the gate every write passes.
//!
//! It does not reach MySQL and knows no session. Nothing makes a new state but [`apply`], nothing stores one but [`Controller`].
//! Start at [`controller`].

pub mod admission;
pub mod adopt;
pub mod apply;
pub mod catalog_requests;
pub mod command;
pub mod controller;
pub mod direct_reports;
pub mod document;
mod document_entries;
pub mod holding_room;
mod key_document;
pub mod lease_clock;
pub mod lease_keeper;
mod left_out_document;
pub mod mapping_requests;
pub mod member_document;
pub mod nodes;
pub mod past;
mod policy_document;
mod primitives;
mod quarantine_document;
mod reporting;
pub mod row_fences;
pub mod snapshots;
pub mod store;
pub mod write_gate;

#[cfg(test)]
mod apply_tests;
#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod write_gate_tests;

pub use adopt::differences;
pub use apply::{ApplyError, apply};
pub use command::{Author, Command};
pub use controller::{Change, ChangeError, Controller, Outcome, StartError};
pub use holding_room::{HeldPlace, HoldLimits, HoldingRoom, NotHeld};
pub use lease_clock::Moment;
pub use lease_keeper::LeaseKeeper;
pub use nodes::Nodes;
pub use row_fences::RowFences;
pub use snapshots::{Published, SeenSnapshot, SnapshotReader, Snapshots};
pub use store::{
    Entry, EtcdClient, EtcdConfig, EtcdError, EtcdStore, FileStore, Former, MemoryStore, Store, StoreError,
};
pub use write_gate::{InFlight, NotEntered, WriteGate, WriteTicket};
