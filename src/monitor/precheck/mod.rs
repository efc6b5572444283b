//! The pre-check of a group's schema: what the servers enforce by themselves and cannot hold over several units, by name.
//!
//! It reads and judges; it changes nothing, and nothing is routed by it. Start at [`judge`].

pub mod facts;
pub mod finding;
pub mod judge;

mod bodies;
mod definitions;
mod foreign_keys;
mod key_columns;
mod lookups;
mod read;
mod uniqueness;

pub use finding::{Check, Finding, Severity};
pub use read::of_group;
