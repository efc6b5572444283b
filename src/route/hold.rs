//! Scopes that are moving: new writes wait for the end of the move; a transaction that has written there goes on under its ticket.

use super::{Decision, Rejection, Route, Rule, SessionView, TransactionAccess, TransactionView};
use crate::model::{ControlState, MoveRecord};

/// What becomes of a route that was decided otherwise. Errors: the transaction has done something that cannot wait, and has not written
/// in what moves.
pub(super) fn place(state: &ControlState, session: &SessionView<'_>, route: Route) -> Result<Decision, Rejection> {
    let mut moves = state.moves.iter().filter(|record| route.scopes.iter().any(|scope| record.touches(*scope)));
    let Some(first) = moves.next() else { return Ok(Decision::Send(route)) };
    if route.rule == Rule::Branch {
        // The move records no position while a branch is prepared at its source: what this ends is written before the fence, and holding it
        // would hold up the move.
        return Ok(Decision::Send(route));
    }
    match session.transaction {
        TransactionView::None
        | TransactionView::Queued { .. }
        | TransactionView::Open { access: TransactionAccess::OnlyRead, fixed: false, .. } => {
            Ok(Decision::Hold { id: first.id, route })
        }
        TransactionView::Open { .. } => {
            match std::iter::once(first).chain(moves).find(|record| !has_written(session, record)) {
                // The move waits for this transaction already; whatever it writes more in there is written before the fence.
                None => Ok(Decision::Send(route)),
                Some(record) => {
                    Err(Rejection::Moving { what: super::refusal_text::moving(state, record), epoch: state.epoch })
                }
            }
        }
    }
}

/// Whether the open transaction holds a ticket that the move waits for.
fn has_written(session: &SessionView<'_>, record: &MoveRecord) -> bool {
    session.written.iter().any(|scope| record.touches(*scope))
}
