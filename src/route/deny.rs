//! What is refused whatever it touches: denied shapes, writes of users who may only read, statements that are too long.

use super::course::{Access, Query};
use super::{Rejection, SessionView, UserAccess};
use crate::model::{Denial, DenialCondition};
use crate::sql::{Effect, StatementClass};

/// Errors: the packet is longer than the user's statements may be.
pub(super) fn check_length(session: &SessionView<'_>) -> Result<(), Rejection> {
    match session.grants.max_statement {
        Some(limit) if session.statement_bytes > limit => {
            Err(Rejection::StatementTooLong { bytes: session.statement_bytes, limit, user: session.user.to_owned() })
        }
        Some(_) | None => Ok(()),
    }
}

/// Errors: a denial covers the statement, or its user may only read and it does more.
pub(super) fn check(query: &Query<'_>) -> Result<(), Rejection> {
    // Nearly always there are none.
    if let Some(denial) = query.state.denials.iter().find(|denial| covers(denial, query)) {
        return Err(Rejection::Denied { rule: denial.name.clone(), reason: denial.reason.clone() });
    }
    match query.session.grants.access {
        UserAccess::ReadOnly if does_more_than_read(query) => {
            Err(Rejection::ReadOnlyUser { user: query.session.user.to_owned() })
        }
        UserAccess::ReadOnly | UserAccess::ReadWrite => Ok(()),
    }
}

fn covers(denial: &Denial, query: &Query<'_>) -> bool {
    let shape = query.statement.plan.shapes.get(usize::from(query.position));
    let fits_verb = || {
        let verb = shape.map_or("", |shape| &shape.verb);
        let class = class_word(&query.facts.class);
        denial.statements.iter().any(|wanted| wanted == verb || Some(wanted.as_str()) == class)
    };
    (denial.users.is_empty() || denial.users.iter().any(|user| user == query.session.user))
        && (denial.digests.is_empty() || denial.digests.contains(&query.statement.plan.digest))
        && (denial.statements.is_empty() || fits_verb())
        && match denial.condition {
            DenialCondition::Always => true,
            DenialCondition::Unrestricted => shape.is_some_and(|shape| shape.is_unrestricted),
        }
}

/// A word of [`crate::model::policy::DENIED_CLASSES`].
fn class_word(class: &StatementClass) -> Option<&'static str> {
    match class {
        StatementClass::Read => Some("read"),
        StatementClass::LockingRead => Some("locking_read"),
        StatementClass::Write(_) => Some("write"),
        StatementClass::Ddl => Some("ddl"),
        StatementClass::Begin(_)
        | StatementClass::Commit(_)
        | StatementClass::Rollback(_)
        | StatementClass::Savepoint
        | StatementClass::SetTransaction
        | StatementClass::Set
        | StatementClass::Use
        | StatementClass::Show
        | StatementClass::Kill { .. }
        | StatementClass::ConnectionId { .. }
        | StatementClass::TableLocks
        | StatementClass::Xa(_)
        | StatementClass::Admin => None,
    }
}

/// What may lock counts too, since only a plain read is known to change nothing; temporary tables are the server's to refuse.
fn does_more_than_read(query: &Query<'_>) -> bool {
    let ends_locks = query.facts.effects.iter().any(|effect| matches!(effect, Effect::Unpin(_)));
    Access::of(&query.facts.class) != Access::Read && !ends_locks
}
