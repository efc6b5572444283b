//! `meridian ctl`: the console's verbs on the command line; tables for people, `--json` and exit codes for scripts.
//!
//! It knows no state and decides nothing: it speaks to a console, and what it may do is up to the account. Start at [`run`]; [`accounts`] and
//! [`fence_schema`] alone speak to instances.

pub mod accounts;
pub mod ask;
pub mod at_primaries;
pub mod definer;
pub mod fence_schema;
pub mod options;
mod progress;
pub mod run;
pub mod show;

pub use options::Options;
pub use run::{Outcome, run};
