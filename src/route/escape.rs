//! Ways around the rules (SET GLOBAL, sql_log_bin, gtid_* …) are closed to users without the grant.

use super::Rejection;
use super::course::Query;
use crate::sql::SqlRefusal;

/// Errors: the statement is an escape and the user has no grant for it.
pub(super) fn check(query: &Query<'_>) -> Result<(), Rejection> {
    match &query.facts.escape {
        Some(what) if !query.session.grants.escapes => Err(Rejection::Sql(SqlRefusal::Escape { what: what.clone() })),
        Some(_) | None => Ok(()),
    }
}
