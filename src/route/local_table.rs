//! Local and unmanaged tables: this unit's primary, so that a session reads its own writes. No forbid and no gate concerns them.

use super::course::{Access, Course, Freedom, Query, Reach, Ticket};
use super::{Rule, Target};
use crate::model::{GroupId, Role};

/// The course of a statement on local tables; `group` is `None` for a schema that no group holds.
pub(super) fn course<'a>(query: &Query<'a>, group: Option<GroupId>) -> Course<'a> {
    let group = group.unwrap_or(query.state.default_group);
    Course {
        target: Target { group, unit: query.hint.unit.unwrap_or(query.session.unit), role: Role::Primary },
        // Each unit has rows of its own, so that not even a read may run elsewhere.
        freedom: Freedom::Bound,
        access: Access::of(&query.facts.class),
        reach: Reach::Nothing,
        ticket: Ticket::Spared,
        key: None,
        owner: None,
        table: None,
        rule: if query.hint.unit.is_some() { Rule::UnitHint } else { Rule::LocalTable },
    }
}
