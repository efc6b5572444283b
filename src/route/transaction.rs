//! The session's transaction: it opens where its first statement belongs, and from its first write on it stays there.

use super::course::{Access, Course, Freedom, Reach};
use super::{Rejection, Rule, SessionView, Target, TransactionAccess, TransactionStep, TransactionView};
use crate::model::{ControlState, Role};
use crate::sql::{Statement, StatementClass};

/// Where the packet runs once its transaction has its say, and what becomes of the transaction.
/// Errors: the statement belongs to another unit than a transaction that must stay where it is, or writes in a READ ONLY one.
pub(super) fn place(
    state: &ControlState,
    session: &SessionView<'_>,
    statement: &Statement,
    course: &mut Course<'_>,
) -> Result<TransactionStep, Rejection> {
    match session.transaction {
        TransactionView::None => {
            let begins = matches!(statement.plan.statements.as_slice(), [facts] if matches!(facts.class, StatementClass::Begin(_)));
            Ok(if begins { TransactionStep::Open } else { TransactionStep::Autocommit })
        }
        TransactionView::Queued { read_only: true, .. } => {
            refuse_write(course)?;
            Ok(TransactionStep::Open)
        }
        TransactionView::Queued { read_only: false, .. } => {
            open(course);
            Ok(TransactionStep::Open)
        }
        TransactionView::Open { target, access, fixed, read_only } => {
            if read_only {
                refuse_write(course)?;
            } else if course.freedom == Freedom::Bound {
                // A bound read (a unit hint's) wants a primary in a read-write transaction.
                course.target.role = Role::Primary;
            }
            let stays = match course.freedom {
                Freedom::Free => true,
                // A replica may be left over from a READ ONLY transaction that was chained.
                Freedom::Copy => {
                    course.target.group == target.group && (read_only || fixed || target.role == Role::Primary)
                }
                Freedom::Bound => target.serves(course.target),
            };
            match (stays, access, fixed) {
                (true, _, _) => {
                    course.join(target, Rule::Transaction);
                    Ok(TransactionStep::Continue)
                }
                (false, TransactionAccess::OnlyRead, false) => {
                    if !read_only {
                        open(course);
                    }
                    Ok(TransactionStep::Rebind)
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
fn open(course: &mut Course<'_>) {
    match (course.freedom, course.owner) {
        (Freedom::Copy, Some(owner)) => {
            let target = Target { unit: owner, role: Role::Primary, ..course.target };
            course.move_to(target, Rule::Owner);
        }
        (Freedom::Copy | Freedom::Bound | Freedom::Free, _) => course.target.role = Role::Primary,
    }
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
