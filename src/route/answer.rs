//! Statements Meridian answers itself: a transaction's beginning before anything is routed in it, hints, connection ids, KILL.

use super::branch;
use super::{Answer, Rejection, SessionView, TransactionView};
use crate::sql::{Completion, Effect, Facts, Placement, Statement, StatementClass};

/// The answer to a packet of one statement; `None` when it has to be sent.
pub(super) fn of(session: &SessionView<'_>, statement: &Statement) -> Option<Answer> {
    let [facts] = statement.plan.statements.as_slice() else {
        return None;
    };
    match &facts.class {
        // A hint beside the KILL names the server whose connection is meant.
        StatementClass::Kill { .. } if statement.hint.as_ref().is_some_and(|hint| hint.unit.is_some()) => None,
        StatementClass::Kill { query_only, id } => Some(Answer::Kill { query_only: *query_only, id: *id }),
        StatementClass::ConnectionId { .. } => Some(Answer::ConnectionId),
        StatementClass::Set if only_hints(facts) => Some(Answer::Session),
        StatementClass::Xa(step) if facts.placement == Placement::Tableless => branch::answer(session, *step),
        class => match session.transaction {
            TransactionView::Open { .. } => None,
            TransactionView::Queued { .. } if *class == StatementClass::Savepoint => Some(Answer::Queue),
            // Within a branch the server says what may not be.
            TransactionView::Queued { branch: true, .. } => None,
            TransactionView::None | TransactionView::Queued { .. } => while_nothing_is_open(class),
        },
    }
}

/// Errors: a statement that only stands alone is one of several.
pub(super) fn check_packet(facts: &Facts) -> Result<(), Rejection> {
    let what = match &facts.class {
        StatementClass::Kill { .. } => "KILL",
        StatementClass::ConnectionId { .. } => "SELECT CONNECTION_ID()",
        StatementClass::Set if only_hints(facts) => "SET @meridian_…",
        StatementClass::Xa(_) if facts.placement == Placement::Tableless => "XA",
        _ => return Ok(()),
    };
    Err(Rejection::PacketStatement { what })
}

fn while_nothing_is_open(class: &StatementClass) -> Option<Answer> {
    match class {
        StatementClass::Begin(options) if !options.consistent_snapshot => Some(Answer::Queue),
        StatementClass::SetTransaction => Some(Answer::Queue),
        // AND CHAIN begins a transaction even where none was open; played back, it does the same at the server.
        StatementClass::Commit(Completion { chain: true, .. })
        | StatementClass::Rollback(Completion { chain: true, .. }) => Some(Answer::Queue),
        StatementClass::Commit(_) | StatementClass::Rollback(_) => Some(Answer::DropQueue),
        _ => None,
    }
}

fn only_hints(facts: &Facts) -> bool {
    !facts.effects.is_empty() && facts.effects.iter().all(|effect| matches!(effect, Effect::Hint { .. }))
}
