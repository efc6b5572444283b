//! The behaviours of a proxy that routes, held against real servers: two units, each a primary and a replica, and a node in this process.
//!
//! Where a statement went is never believed of Meridian: the servers' general logs tell. Tests carry the names of the scenarios they show.

pub mod expect;
pub mod general_log;
pub mod node;
pub mod world;

mod branches;
mod forbid_scopes;
mod forbids;
mod keys;
mod packets;
mod pins;
mod placed_fixtures;
mod policies;
mod pools;
mod reads_and_writes;
mod sent_fixtures;
mod transactions;
