//! The tour: statements sent through the running demo, each with the place where it must be executed, and the proof from the servers' own
//! general logs.
//!
//! It takes nobody's word for where a statement went, least of all Meridian's. Start at `steps.rs`; `perform.rs` carries them out.

mod faults;
mod general_log;
mod perform;
mod report;
mod steps;

pub use general_log::executed_in;
pub use perform::{lines, run};
pub use report::{Line, Verdict};
