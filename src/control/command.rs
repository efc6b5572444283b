//! What an operator can change in the control state.

use crate::model::{Forbid, ForbidScope};

/// One change. Verbs are idempotent: asking for what already holds changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Refuse statements of a scope until someone lifts it. A scope has one forbid: the newer replaces the older.
    Forbid(Forbid),
    /// Lift the scope's forbid.
    Allow {
        /// The scope.
        scope: ForbidScope,
    },
}
