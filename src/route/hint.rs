//! Hints: a comment in the statement counts over the session's variables, and both over the SQL; a contradiction is an error.

use super::course::Query;
use super::{Rejection, SessionView};
use crate::model::{ControlState, UnitId};
use crate::sql::{KeyValue, ReadLevel, Statement};

/// What the hints of statement and session say together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// The routing key.
    pub key: Option<&'a KeyValue>,
    /// How fresh a read must be.
    pub level: ReadLevel,
    /// The unit: where to read, or the expected owner of a write.
    pub unit: Option<UnitId>,
}

/// The hints of `statement` over those of `session`. Errors: a unit that does not exist.
pub(super) fn wanted<'a>(
    state: &ControlState,
    session: &SessionView<'a>,
    statement: &'a Statement,
) -> Result<Wanted<'a>, Rejection> {
    let comment = statement.hint.as_deref();
    let unit = comment.and_then(|hint| hint.unit.as_ref()).or(session.hint.unit.as_ref());
    Ok(Wanted {
        key: comment.and_then(|hint| hint.key.as_ref()).or(session.hint.key.as_ref()),
        level: comment.and_then(|hint| hint.level).or(session.hint.level).unwrap_or_default(),
        unit: unit
            .map(|name| state.unit_named(name).ok_or_else(|| Rejection::HintUnknownUnit { unit: name.clone() }))
            .transpose()?,
    })
}

/// Errors: the hint expects another unit than `owner` to take the statement.
pub(super) fn expect_owner(query: &Query<'_>, owner: UnitId) -> Result<(), Rejection> {
    match query.hint.unit {
        Some(unit) if unit != owner => Err(Rejection::HintNotOwner {
            unit: query.unit_name(unit),
            owner: query.unit_name(owner),
            epoch: query.state.epoch,
        }),
        Some(_) | None => Ok(()),
    }
}
