//! Serving clients: listeners, sessions, the relay.
//!
//! It never reads the store, moves ownership or probes instances. Start at [`session`]: `run_statement` is the walk of one
//! statement; then [`dispatch`], [`relay`], [`observe`].

pub mod abandon;
mod ahead;
pub mod answer;
mod attributes;
pub mod branches;
pub mod change_user;
pub mod checkout;
pub mod client;
pub mod commands;
pub mod config;
mod counted;
pub mod dispatch;
pub mod drain;
pub mod effects;
pub mod end_signal;
pub mod error_reply;
mod execution;
mod fence_words;
mod fenced;
pub mod held;
pub mod hold;
mod leased;
mod leavings;
pub mod listener;
pub mod mappings;
pub mod observe;
mod own_view;
pub mod pins;
pub mod prepared;
pub mod readback;
pub mod reading;
pub mod registry;
pub mod relay;
pub mod session;
pub mod tally;
pub mod transaction;
mod transaction_trackers;
pub mod users;
pub mod welcome;
pub mod worker;

pub use config::{AuthPlugin, Limits, ListenerConfig, ListenerTls, User};
