//! Global tables: writes to the Global Zone master, reads from this unit's copy.

use super::course::{Access, Course, Freedom, Query, Reach, Ticket};
use super::{Rejection, Rule, Target, hint};
use crate::model::{GroupId, ReadPolicy, Role, Scope, TableRule};
use crate::sql::ReadLevel;

/// The course of a statement on global tables. Errors: the hint expects another master.
pub(super) fn course<'a>(query: &Query<'a>, group: GroupId, rule: &'a TableRule) -> Result<Course<'a>, Rejection> {
    let access = Access::of(&query.facts.class);
    let master = query.state.group(group).global_master;
    let at_master = Course {
        target: Target { group, unit: master, role: Role::Primary },
        freedom: Freedom::Bound,
        access,
        reach: Reach::one(Scope::GlobalZone(group)),
        ticket: Ticket::Needed,
        key: None,
        owner: None,
        table: Some(rule),
        rule: Rule::GlobalMaster,
    };
    if access != Access::Read || query.hint.level == ReadLevel::Strong {
        hint::expect_owner(query, master)?;
        return Ok(at_master);
    }
    let replica = |unit| Target { group, unit, role: Role::Replica };
    Ok(match (query.hint.unit, rule.read) {
        (Some(unit), _) => Course { target: replica(unit), ticket: Ticket::Spared, rule: Rule::UnitHint, ..at_master },
        (None, ReadPolicy::Owner) => Course { freedom: Freedom::Copy, ..at_master },
        (None, ReadPolicy::Local | ReadPolicy::RefuseWithoutKey | ReadPolicy::MasterWithoutKey) => Course {
            target: replica(query.serving(group)),
            freedom: Freedom::Copy,
            ticket: Ticket::Spared,
            rule: Rule::LocalRead,
            ..at_master
        },
    })
}
