//! Meridian nodes in this process, in front of the real servers of `servers`.
//!
//! A node is started from a configuration file, as `meridian serve` would be, on a runtime of a thread of its own, and ends when the value
//! that holds it is dropped. It knows no test's statements: tests say what they run.

#![allow(dead_code, reason = "the folders beside it use its parts as they need them")]
#![allow(unused_imports, reason = "as above")]

mod one_unit;
mod plan;
mod running;
mod two_units;

pub use one_unit::{Kind, OneUnit};
pub use plan::{NodePlan, UnitPlan, limits_text};
pub use running::{Node, app_options};
pub use two_units::TwoUnits;
