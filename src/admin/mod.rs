//! The operators' console: the MySQL protocol on a port and with accounts of its own, so that the plain `mysql` client works.
//!
//! It decides nothing and changes nothing by itself: it reads a snapshot and hands changes on to [`Operations`]. It never touches the data path.
//! Start at [`verbs`]; [`console`] is the protocol around it.

pub mod chatter;
pub mod config;
pub mod console;
pub mod force_words;
pub mod grammar;
pub mod guard;
pub mod login;
pub mod move_words;
pub mod operations;
pub mod scope_words;
pub mod tables;
#[cfg(test)]
pub(crate) mod tests;
mod tokens;
pub mod verbs;

pub use config::{Account, Config, ConsoleRole};
pub use console::serve;
pub use operations::{
    ChangeRefused, ChangeReport, ConsoleChange, DrainReport, ExplainRequest, FencedReport, InstanceRow, MoveRow,
    NodeRow, Operations, PinRow, PoolRow, PreviewRow, SessionRow, TallyRow,
};
