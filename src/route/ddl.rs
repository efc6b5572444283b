//! DDL on managed tables: once, at the group's schema unit; it is a write in every scope of the group.

use super::course::{Access, Course, Freedom, Query, Reach, Ticket};
use super::{Rejection, Rule, Target, hint};
use crate::model::{GroupId, Role, Scope};

/// The course of DDL on managed tables of `group`. Errors: the hint expects another unit.
pub(super) fn course<'a>(query: &Query<'a>, group: GroupId) -> Result<Course<'a>, Rejection> {
    let unit = query.state.group(group).schema_unit();
    hint::expect_owner(query, unit)?;
    Ok(Course {
        target: Target { group, unit, role: Role::Primary },
        freedom: Freedom::Bound,
        access: Access::Change,
        reach: Reach::one(Scope::Group(group)),
        ticket: Ticket::Needed,
        key: None,
        owner: None,
        table: None,
        rule: Rule::SchemaUnit,
    })
}
