//! What must hold when something breaks: clients that lie or vanish, servers that die or freeze, a node that is killed.
//!
//! Servers that a test kills are its own; what only clients do wrong is shown in front of the shared ones.

mod backends;
mod clients;
mod drains;
mod fragile;
pub mod program;
mod restarts;
mod slow_clients;
mod state_files;
