//! The protocol itself, packet by packet: what drivers do not send, or do not show.
//!
//! Where statements go is not asked here.

mod announced;
mod attributes;
mod bulk;
mod commands;
mod compression;
mod connection_attributes;
mod encryption;
mod endings;
mod leavings;
mod local_files;
mod long_data;
mod prepared;
mod progress;
pub mod raw;
mod results;
mod statement_counts;
mod trackers;
mod user_variables;
mod users;
mod without_autocommit;
mod xa;
