//! Statements without tables: the session schema's group, else the default group, at this unit's primary.

use super::course::{Access, Course, Freedom, Query, Reach, Ticket};
use super::{Rule, Target};
use crate::model::Role;
use crate::sql::{Effect, StatementClass};

/// The course of a statement that names no table.
pub(super) fn course<'a>(query: &Query<'a>) -> Course<'a> {
    let access = Access::of(&query.facts.class);
    // USE is validated where the new schema lives, not where the session was.
    let entered = query.facts.effects.iter().find_map(|effect| match effect {
        Effect::Schema(schema) => Some(query.state.group_of_schema(schema)),
        _ => None,
    });
    let group = match entered {
        Some(group) => group,
        None => query.session.schema_group,
    };
    let group = group.unwrap_or(query.state.default_group);
    Course {
        target: Target { group, unit: query.hint.unit.unwrap_or_else(|| query.serving(group)), role: Role::Primary },
        freedom: freedom(query, access),
        access,
        reach: Reach::Nothing,
        ticket: Ticket::Spared,
        key: None,
        owner: None,
        table: None,
        rule: if query.hint.unit.is_some() { Rule::UnitHint } else { Rule::Tableless },
    }
}

fn freedom(query: &Query<'_>, access: Access) -> Freedom {
    let ends_pin = query.facts.effects.iter().any(Effect::may_end_pin);
    match (&query.facts.class, access) {
        (StatementClass::Use, _) => Freedom::Copy,
        // UNLOCK TABLES and its like belong to the connection that holds the locks, wherever it leads.
        _ if ends_pin => Freedom::Free,
        (StatementClass::TableLocks, _) | (_, Access::Insert | Access::Change) => Freedom::Bound,
        (_, Access::Read | Access::Lock) => Freedom::Free,
    }
}
