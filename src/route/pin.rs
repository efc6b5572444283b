//! The session's pin: a connection that carries state stays the session's; what belongs elsewhere is refused by the pin's name.

use super::course::{Access, Course, Freedom};
use super::{Rejection, Rule, SessionView, TransactionStep};
use crate::model::{ControlState, Role};
use crate::sql::{Facts, PinReason, Statement, StatementClass};

/// Where the packet runs once the session's pin has its say.
/// Errors: the statement belongs elsewhere and may not run at the pinned connection.
pub(super) fn place(
    state: &ControlState,
    session: &SessionView<'_>,
    statement: &Statement,
    course: &mut Course<'_>,
    step: TransactionStep,
) -> Result<(), Rejection> {
    let Some(pin) = session.pin.filter(|_| step != TransactionStep::Continue) else { return Ok(()) };
    let is_read = course.access == Access::Read;
    if pin.reason == PinReason::LastReply {
        let asks = statement.plan.statements.iter().any(|facts| facts.asks_previous);
        let may_stay = match course.freedom {
            Freedom::Free => true,
            Freedom::Copy => pin.target.group == course.target.group,
            Freedom::Bound => false,
        };
        if asks && is_read && may_stay && step == TransactionStep::Autocommit {
            course.join(pin.target, Rule::Pin);
        }
        return Ok(());
    }
    let stays = match course.freedom {
        Freedom::Free => true,
        // A read may use the pinned primary; a read-write transaction never opens at a replica, pinned or not.
        Freedom::Copy => {
            pin.target.group == course.target.group
                && (pin.target.role == Role::Primary || course.target.role == Role::Replica)
        }
        Freedom::Bound => pin.target.serves(course.target),
    };
    if stays {
        course.join(pin.target, Rule::Pin);
        return Ok(());
    }
    Err(Rejection::Pinned { at: pin.target.named(state), wanted: course.target.named(state), reason: pin.reason })
}

/// A statement that will pin its session runs at a primary: pinned to a replica, the session could never write again.
/// So do SHOW and EXPLAIN, which a read-only replica may refuse (EXPLAIN UPDATE) or answer from an older schema.
pub(super) fn prefer_primary(statement: &Statement, course: &mut Course<'_>) {
    let wants_primary = |facts: &Facts| {
        matches!(facts.class, StatementClass::Show) || facts.effects.iter().any(|effect| effect.pins().is_some())
    };
    if statement.plan.statements.iter().any(wants_primary) {
        course.target.role = Role::Primary;
    }
}
