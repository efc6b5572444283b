//! The decision as a checklist: one call, one rule, one file.

use super::course::{Access, Course, Query};
use super::keys::ShardedRule;
use super::{Decision, Rejection, SessionView};
use super::{
    after_ddl, answer, branch, ddl, deny, escape, forbid, global, hint, hold, lagging, local_table, multi, observe,
    pin, refused, sharded, tableless,
};
use super::{transaction, wrong_unit};
use crate::model::{GroupId, Snapshot};
use crate::sql::{Placement, Statement, StatementClass};

/// What is to be done with `statement` in `session` under `snapshot`.
pub fn decide(snapshot: &Snapshot, session: &SessionView<'_>, statement: &Statement) -> Decision {
    let state = &snapshot.state;
    match observe::group(state, session, statement) {
        None => decided(snapshot, session, statement).unwrap_or_else(Decision::Reject),
        Some(group) => {
            let would = decided(snapshot, &observe::as_if(session), statement).unwrap_or_else(Decision::Reject);
            observe::instead(state, session, statement, group, would)
        }
    }
}

fn decided(snapshot: &Snapshot, session: &SessionView<'_>, statement: &Statement) -> Result<Decision, Rejection> {
    let (state, measured) = (&*snapshot.state, &*snapshot.observations);
    deny::check_length(session)?;
    if let Some(answer) = answer::of(session, statement) {
        return Ok(Decision::Answer(answer));
    }
    let hint = hint::wanted(state, session, statement)?;
    let query = |position, facts| Query { state, measured, session, statement, position, facts, hint };
    let mut course = match statement.plan.statements.as_slice() {
        [facts] => permitted(&query(0, facts))?,
        several => multi::combined(
            state,
            (0u16..).zip(several).map(|(position, facts)| {
                answer::check_packet(facts)?;
                permitted(&query(position, facts))
            }),
        )?,
    };
    after_ddl::stay(session, &mut course);
    pin::prefer_primary(statement, &mut course);
    let step = transaction::place(state, session, statement, &mut course)?;
    pin::place(state, session, statement, &mut course, step)?;
    hold::place(state, session, course.into_route(step))
}

/// Where one statement of the packet wants to run, if it may. Errors: a rule refuses it, whatever its session is doing.
fn permitted<'a>(query: &Query<'a>) -> Result<Course<'a>, Rejection> {
    escape::check(query)?;
    deny::check(query)?;
    let course = course_of(query)?;
    forbid::check(query, &course)?;
    lagging::check(query, &course)?;
    wrong_unit::check(query, &course)?;
    Ok(course)
}

/// Where one statement wants to run. Errors: as its rule says; the plan was made under other groups or tables.
fn course_of<'a>(query: &Query<'a>) -> Result<Course<'a>, Rejection> {
    let outdated = || Rejection::Outdated { epoch: query.state.epoch };
    let group_of = |group: GroupId| query.state.groups.get(group.index()).ok_or_else(outdated);
    let rule_of = |group, rule: usize| group_of(group)?.tables.get(rule).ok_or_else(outdated);
    match &query.facts.placement {
        Placement::Tableless => match query.facts.class {
            StatementClass::Xa(step) => branch::course(query, step),
            _ => Ok(tableless::course(query)),
        },
        Placement::Local { group } => {
            group.map(group_of).transpose()?;
            Ok(local_table::course(query, *group))
        }
        Placement::Global { group, rule } => global::course(query, *group, rule_of(*group, *rule)?),
        Placement::Sharded { group, rule, keys } => {
            let sharded = ShardedRule::of(*group, group_of(*group)?, rule_of(*group, *rule)?).ok_or_else(outdated)?;
            sharded::course(query, *group, &sharded, keys, Access::of(&query.facts.class))
        }
        Placement::Schema { group } => {
            group_of(*group)?;
            ddl::course(query, *group)
        }
        Placement::Refused(refusal) => refused::course(query, refusal),
    }
}
