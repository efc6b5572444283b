//! Ways around the rules (SET GLOBAL, sql_log_bin, gtid_* …) are closed to users without the grant.

use super::Rejection;
use super::course::Query;
use crate::sql::{SqlRefusal, StatementClass};

/// Errors: the statement is an escape and the user has no grant for it; XA.
pub(super) fn check(query: &Query<'_>) -> Result<(), Rejection> {
    if query.facts.class == StatementClass::Xa {
        return Err(Rejection::Sql(SqlRefusal::Xa));
    }
    match &query.facts.escape {
        Some(what) if !query.session.grants.escapes => Err(Rejection::Sql(SqlRefusal::Escape { what: what.clone() })),
        Some(_) | None => Ok(()),
    }
}
