//! Serving clients: listeners, sessions, the relay.
//!
//! It never reads the store, moves ownership or probes instances. Start at [`session`]: `run_statement` is the walk of one
//! statement; then [`dispatch`], `exchange`, [`relay`], [`observe`].

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
mod cursors;
pub mod dispatch;
pub mod drain;
pub mod effects;
pub mod end_signal;
pub mod error_reply;
mod exchange;
mod execution;
mod fence_words;
mod fenced;
pub mod held;
pub mod hold;
mod leased;
mod leaving;
mod leavings;
pub mod listener;
pub mod mappings;
mod next_command;
pub mod observe;
mod outcome;
mod own_connection;
mod own_packets;
mod own_view;
pub mod pins;
pub mod prepared;
mod prepared_values;
pub mod readback;
pub mod reading;
pub mod registry;
pub mod relay;
mod request;
pub mod session;
mod statement_counts;
mod table_locks;
pub mod tally;
pub mod transaction;
mod transaction_trackers;
pub mod users;
mod view;
pub mod welcome;
pub mod worker;

pub use config::{AuthPlugin, Limits, ListenerConfig, ListenerTls, User};
