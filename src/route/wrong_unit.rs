//! Writes that reach a node whose unit does not own the key: forwarded by default, refused where the table's policy says so.

use super::Rejection;
use super::course::{Access, Course, Query};
use crate::model::WrongUnitPolicy;

/// Errors: the table's policy refuses the write here.
pub(super) fn check(query: &Query<'_>, course: &Course<'_>) -> Result<(), Rejection> {
    match course.table {
        Some(table)
            if table.wrong_unit == WrongUnitPolicy::Refuse
                && course.access != Access::Read
                && course.target.unit != query.session.unit =>
        {
            Err(Rejection::WrongUnit {
                table: table.name.clone(),
                key: course.key_text(),
                here: query.unit_name(query.session.unit),
                owner: query.unit_name(course.target.unit),
                epoch: query.state.epoch,
            })
        }
        Some(_) | None => Ok(()),
    }
}
