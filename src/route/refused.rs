//! What the text itself would have refused: a key hint answers some of it, a grant some, nothing the rest.

use super::course::{Access, Course, Query};
use super::keys::ShardedRule;
use super::{Rejection, Rule, Target, local_table, sharded, tableless};
use crate::model::{GroupId, TableClass};
use crate::sql::{Keys, PinReason, SqlRefusal};

/// The course of a statement whose text is refused. Errors: the refusal stands.
pub(super) fn course<'a>(query: &Query<'a>, refusal: &SqlRefusal) -> Result<Course<'a>, Rejection> {
    let stands = || Rejection::Sql(refusal.clone());
    match refusal {
        SqlRefusal::Unreadable { table } | SqlRefusal::UnreadableKey { table, .. } if query.hint.key.is_some() => {
            let (group, sharded) = sharded_table(query, table).ok_or_else(stands)?;
            sharded::course(query, group, &sharded, &Keys::Missing, unread(query))
        }
        SqlRefusal::Routine { .. } if query.hint.key.is_some() => {
            let group = query.session.schema_group.unwrap_or(query.state.default_group);
            let sharded = first_sharded(query, group).ok_or_else(stands)?;
            sharded::course(query, group, &sharded, &Keys::Missing, unread(query))
        }
        SqlRefusal::Uncatalogued { written: None, .. } => match query.session.pin {
            Some(pin) if pin.reason == PinReason::TemporaryTable => Ok(temporary(query, pin.target)),
            Some(_) | None => Err(stands()),
        },
        SqlRefusal::Escape { .. } if query.session.grants.escapes => Ok(tableless::course(query)),
        SqlRefusal::Unreadable { .. }
        | SqlRefusal::UnreadableKey { .. }
        | SqlRefusal::Routine { .. }
        | SqlRefusal::Escape { .. }
        | SqlRefusal::Uncatalogued { .. }
        | SqlRefusal::MixedClasses { .. }
        | SqlRefusal::KeyUpdate { .. }
        | SqlRefusal::MappingFixed { .. }
        | SqlRefusal::ContextChange { .. }
        | SqlRefusal::BadHint { .. } => Err(stands()),
    }
}

/// A name the catalog does not know is taken for one of the session's temporary tables, which live at its pinned connection.
fn temporary<'a>(query: &Query<'a>, target: Target) -> Course<'a> {
    Course { target, rule: Rule::Pin, ..local_table::course(query, Some(target.group)) }
}

/// What a text that cannot be read may do: whatever it looks like, it is not trusted to be a plain read.
fn unread(query: &Query<'_>) -> Access {
    match Access::of(&query.facts.class) {
        Access::Read | Access::Lock => Access::Lock,
        Access::Insert => Access::Insert,
        Access::Change => Access::Change,
    }
}

/// The sharded table with this name, in the session's schema, else in the first group that has one.
fn sharded_table<'a>(query: &Query<'a>, name: &str) -> Option<(GroupId, ShardedRule<'a>)> {
    let table = name.to_lowercase();
    let own = query.session.schema_group.unwrap_or(query.state.default_group);
    let others = (0u16..).map(GroupId).take(query.state.groups.len()).filter(|group| *group != own);
    std::iter::once(own).chain(others).find_map(|group| {
        let held = query.state.group(group);
        Some((group, ShardedRule::of(group, held, held.rule_of(&table)?)?))
    })
}

/// The group's first sharded table that uses its default key type: a routine's key is of that kind.
fn first_sharded<'a>(query: &Query<'a>, group: GroupId) -> Option<ShardedRule<'a>> {
    let held = query.state.group(group);
    let rule = held.tables.iter().find(|rule| matches!(rule.class, TableClass::Sharded { key_type: 0, .. }))?;
    ShardedRule::of(group, held, rule)
}
