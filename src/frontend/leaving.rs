//! Clients that leave before they are answered: which of their statements then go on.
//!
//! Servers look for their client during SLEEP and GET_LOCK, every five seconds, and end its session when it is gone.

use std::time::Duration;

use crate::sql::{Effect, Facts, PinReason, Placement, Statement, StatementClass};

/// How long a statement that is only there to be heard may go on without a client. Nearly all of them are answered by then, and their
/// connection stays; and one that has only closed its sending side still reads its answer.
pub(super) const LEFT: Duration = Duration::from_secs(1);

/// What becomes of a statement whose client leaves before it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnLeaving {
    /// It goes on: what it does counts, whoever hears of it.
    GoesOn,
    /// It is given up after a moment.
    GivenUp,
}

impl OnLeaving {
    /// Reads, waiting, also for a named lock; nothing that changes rows or may: of a write the client wants the effect, as much as the answer.
    pub(super) fn of(statement: &Statement) -> OnLeaving {
        let is_there_to_be_heard = |facts: &Facts| match facts.class {
            StatementClass::Read => true,
            StatementClass::LockingRead => facts.placement == Placement::Tableless && only_locks_names(&facts.effects),
            _ => false,
        };
        match statement.plan.statements.iter().all(is_there_to_be_heard) {
            true => OnLeaving::GivenUp,
            false => OnLeaving::GoesOn,
        }
    }
}

/// GET_LOCK, or nothing, as DO SLEEP; no routine beside it.
fn only_locks_names(effects: &[Effect]) -> bool {
    effects.iter().all(|effect| effect.pins() == Some(PinReason::NamedLock))
}
