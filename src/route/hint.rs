//! Hints: a comment in the statement counts over the session's variables, and both over the SQL; a contradiction is an error.

use super::course::Query;
use super::{Rejection, SessionView};
use crate::model::{ControlState, UnitId};
use crate::sql::{Hint, KeyValue, ReadLevel, Statement};

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

/// The hints of `statement` (its comment and its query attributes, which must agree) over those of `session`, those over the user's.
/// Errors: a unit that does not exist; comment and attributes disagree.
pub(super) fn wanted<'a>(
    state: &ControlState,
    session: &SessionView<'a>,
    statement: &'a Statement,
) -> Result<Wanted<'a>, Rejection> {
    let (comment, attributes) = (statement.hint.as_deref(), session.attributes);
    if let (Some(comment), Some(attributes)) = (comment, attributes) {
        check_agreement(comment, attributes)?;
    }
    let of_statement = [comment, attributes];
    let stated = || of_statement.iter().flatten();
    let unit = stated().find_map(|hint| hint.unit.as_ref()).or(session.hint.unit.as_ref());
    Ok(Wanted {
        key: stated().find_map(|hint| hint.key.as_ref()).or(session.hint.key.as_ref()),
        level: stated().find_map(|hint| hint.level).or(session.hint.level).unwrap_or(session.level),
        unit: unit
            .map(|name| state.unit_named(name).ok_or_else(|| Rejection::HintUnknownUnit { unit: name.clone() }))
            .transpose()?,
    })
}

/// Both come with one statement, so neither can count over the other.
fn check_agreement(comment: &Hint, attributes: &Hint) -> Result<(), Rejection> {
    let disagree = |what| Err(Rejection::HintsDisagree { what });
    if comment.key.as_ref().zip(attributes.key.as_ref()).is_some_and(|(one, other)| !is_same_key(one, other)) {
        return disagree("key");
    }
    if comment.level.zip(attributes.level).is_some_and(|(one, other)| one != other) {
        return disagree("level");
    }
    if comment.unit.as_ref().zip(attributes.unit.as_ref()).is_some_and(|(one, other)| one != other) {
        return disagree("unit");
    }
    Ok(())
}

/// An attribute may be a number where the comment has its digits.
fn is_same_key(one: &KeyValue, other: &KeyValue) -> bool {
    one == other
        || super::placement::text_of(one).trim_matches('\'') == super::placement::text_of(other).trim_matches('\'')
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
