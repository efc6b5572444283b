//! Snapshot + SessionView + Statement -> Decision. Pure. One rule, one file.
//!
//! No socket, clock, lock or log; no SQL text (that is [`crate::sql`]). Start at [`decide()`]; each rule bends a course on its way to a route.

pub mod decision;
pub mod rejection;
pub mod session_view;

mod decide;
pub mod explain;

mod after_ddl;
mod answer;
mod branch;
mod course;
mod ddl;
mod deny;
mod escape;
mod forbid;
mod global;
mod hint;
mod hold;
mod keys;
mod lagging;
mod local_table;
mod lookup;
mod multi;
mod observe;
mod pin;
pub mod placement;
mod refusal_kinds;
mod refusal_text;
mod refused;
mod sharded;
mod tableless;
mod transaction;
mod wrong_unit;

pub use decide::decide;
pub use decision::{Answer, Decision, Route, Rule, TransactionStep};
pub use explain::{Explanation, class_word, explain, explanation};
pub use lookup::{Asked, LookedUp, asked};
pub use observe::Verdict;
pub use rejection::{OwnedKey, Rejection};
pub use session_view::{Grants, PinView, SessionView, Target, TransactionAccess, TransactionView, UserAccess};
