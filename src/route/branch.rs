//! XA where tables are managed: a branch opens late, as a transaction does, and once prepared it is ended where it was found.

use super::course::{Access, Course, Freedom, Query, Reach, Ticket};
use super::{Answer, Rejection, Rule, SessionView, TransactionView, tableless};
use crate::model::Scope;
use crate::sql::XaStep;

/// The answer to an XA statement that is sent nowhere, or to several places; `None` when it has to be sent.
pub(super) fn answer(session: &SessionView<'_>, step: XaStep) -> Option<Answer> {
    let is_begun = matches!(session.transaction, TransactionView::Open { .. });
    let is_branch = matches!(session.transaction, TransactionView::Queued { branch: true, .. });
    match step {
        XaStep::Start if !is_begun && !is_branch => Some(Answer::Queue),
        XaStep::Recover => Some(Answer::Branches),
        // Where something is open the server says what may not be.
        XaStep::Start | XaStep::Within | XaStep::Prepare | XaStep::Finish => None,
    }
}

/// The course of an XA statement. Errors: the branch it is to end was not found.
pub(super) fn course<'a>(query: &Query<'a>, step: XaStep) -> Result<Course<'a>, Rejection> {
    let of_own = matches!(
        query.session.transaction,
        TransactionView::Open { .. } | TransactionView::Queued { branch: true, .. }
    );
    let here = Course { freedom: Freedom::Free, access: Access::Change, ..tableless::course(query) };
    match step {
        XaStep::Finish if !of_own => {
            let target = query.session.branch_at.ok_or(Rejection::BranchNotFound)?;
            Ok(Course {
                target,
                freedom: Freedom::Bound,
                // Nobody knows any more what it wrote; a move of anything there waits for it.
                reach: Reach::one(Scope::Group(target.group)),
                ticket: Ticket::Needed,
                rule: Rule::Branch,
                ..here
            })
        }
        XaStep::Start | XaStep::Within | XaStep::Prepare | XaStep::Finish | XaStep::Recover => Ok(here),
    }
}
