//! The session's transaction: it opens where its first statement belongs, and from its first write on it stays there.

use super::course::{Access, Course, Freedom, Reach};
use super::{Rejection, Rule, SessionView, Target, TransactionAccess, TransactionStep, TransactionView};
use crate::model::{ControlState, Role};
use crate::sql::{Statement, StatementClass};

/// Where the packet runs once its transaction has its say, and what becomes of the transaction.
/// Errors: the statement belongs to another unit than a transaction that must stay where it is, or writes in a READ ONLY one.
pub(super) fn place<'a>(
    state: &ControlState,
    session: &SessionView<'_>,
    statement: &Statement,
    course: Course<'a>,
) -> Result<(Course<'a>, TransactionStep), Rejection> {
    match session.transaction {
        TransactionView::None => {
            let begins = matches!(statement.plan.statements.as_slice(), [facts] if matches!(facts.class, StatementClass::Begin(_)));
            Ok((course, if begins { TransactionStep::Open } else { TransactionStep::Autocommit }))
        }
        TransactionView::Queued { read_only: true } => {
            refuse_write(&course)?;
            Ok((course, TransactionStep::Open))
        }
        TransactionView::Queued { read_only: false } => Ok((opening(course), TransactionStep::Open)),
        TransactionView::Open { target, access, fixed, read_only } => {
            if read_only {
                refuse_write(&course)?;
            }
            let course = if read_only { course } else { opening_if_bound(course) };
            let stays = match course.freedom {
                Freedom::Free => true,
                // A replica may be left over from a READ ONLY transaction that was chained.
                Freedom::Copy => {
                    course.target.group == target.group && (read_only || fixed || target.role == Role::Primary)
                }
                Freedom::Bound => target.serves(course.target),
            };
            match (stays, access, fixed) {
                (true, _, _) => Ok((course.joining(target, Rule::Transaction), TransactionStep::Continue)),
                (false, TransactionAccess::OnlyRead, false) => {
                    let course = if read_only { course } else { opening(course) };
                    Ok((course, TransactionStep::Rebind))
                }
                (false, TransactionAccess::Touched, _) => Err(Rejection::TransactionTouched {
                    at: target.named(state),
                    wanted: course.target.named(state),
                    epoch: state.epoch,
                }),
                (false, TransactionAccess::OnlyRead, true) => Err(Rejection::TransactionFixed {
                    at: target.named(state),
                    wanted: course.target.named(state),
                    epoch: state.epoch,
                }),
            }
        }
    }
}

/// The place where a read-write transaction opens with this statement: at its key's owner, else where it belongs, never at a replica.
fn opening(course: Course<'_>) -> Course<'_> {
    match (course.freedom, course.owner) {
        (Freedom::Copy, Some(owner)) => {
            let target = Target { unit: owner, role: Role::Primary, ..course.target };
            course.moved_to(target, Rule::Owner)
        }
        (Freedom::Copy | Freedom::Bound | Freedom::Free, _) => at_primary(course),
    }
}

/// A bound read (a unit hint's) wants a primary in a read-write transaction.
fn opening_if_bound(course: Course<'_>) -> Course<'_> {
    if course.freedom == Freedom::Bound { at_primary(course) } else { course }
}

fn at_primary(mut course: Course<'_>) -> Course<'_> {
    course.target.role = Role::Primary;
    course
}

/// Local tables are left to the server: a READ ONLY transaction may write temporary tables.
fn refuse_write(course: &Course<'_>) -> Result<(), Rejection> {
    match (course.access, &course.reach) {
        (Access::Insert | Access::Change, Reach::Scopes(_) | Reach::AllShards(_)) => {
            Err(Rejection::ReadOnlyTransaction)
        }
        (Access::Insert | Access::Change, Reach::Nothing) | (Access::Read | Access::Lock, _) => Ok(()),
    }
}
