//! Standing forbids: what they cover is refused at every node; local tables are never concerned.

use super::course::{Access, Course, Query, Reach};
use super::lookup::Known;
use super::{Rejection, placement, refusal_text};
use crate::model::{
    ControlState, Extent, ForbidKind, ForbidScope, ForbiddenKey, Group, GroupId, KeyType, Scope, ShardRange,
    TableClass, UnitId,
};
use crate::sql::KeyValue;

/// Errors: the first standing forbid that covers the course.
pub(super) fn check(query: &Query<'_>, course: &Course<'_>) -> Result<(), Rejection> {
    for forbid in &query.state.forbids {
        if refuses(forbid.kind, course.access) && covers(query, course, &forbid.scope) {
            return Err(Rejection::Forbidden {
                what: refusal_text::forbidden(query.state, forbid),
                reason: forbid.reason.clone(),
                key: course.key_text(),
                epoch: query.state.epoch,
            });
        }
    }
    Ok(())
}

fn refuses(kind: ForbidKind, access: Access) -> bool {
    match kind {
        ForbidKind::Writes => access != Access::Read,
        // A locking read may call what writes, so only a plain INSERT is known to change no row.
        ForbidKind::Updates => matches!(access, Access::Lock | Access::Change),
        ForbidKind::All => true,
    }
}

fn covers(query: &Query<'_>, course: &Course<'_>, scope: &ForbidScope) -> bool {
    match scope {
        ForbidScope::Unit(unit) => is_owned(query.state, &course.reach, *unit),
        ForbidScope::Group(group) => match &course.reach {
            Reach::Nothing => false,
            Reach::AllShards(reached) => reached == group,
            Reach::Scopes(scopes) => scopes.iter().any(|scope| scope.group() == *group),
        },
        ForbidScope::Shards(group, range) => reaches(&course.reach, Extent::Shards(*group, *range)),
        ForbidScope::GlobalZone(group) => reaches(&course.reach, Extent::GlobalZone(*group)),
        ForbidScope::Key(group, key) => covers_key(query, course, *group, key),
    }
}

fn reaches(reach: &Reach, extent: Extent) -> bool {
    match reach {
        Reach::Nothing => false,
        Reach::AllShards(group) => matches!(extent, Extent::Shards(..)) && extent.group() == *group,
        Reach::Scopes(scopes) => scopes.iter().any(|scope| extent.touches(*scope)),
    }
}

/// A statement in the key's shard is let through only if it names keys of this type and none of them is the forbidden one.
fn covers_key(query: &Query<'_>, course: &Course<'_>, group: GroupId, key: &ForbiddenKey) -> bool {
    let held = query.state.group(group);
    let value = KeyValue::Text(key.text.as_bytes().into());
    let shard = placement::shard_of(held, key.key_type, &value);
    let Some(shard) = shard else { return false };
    if !reaches(&course.reach, Extent::Shards(group, ShardRange { first: shard, last: shard })) {
        return false;
    }
    match course.table.map(|table| &table.class) {
        Some(TableClass::Sharded { key_type, .. }) if !leads_to(held, *key_type, key.key_type) => false,
        Some(TableClass::Sharded { key_type, .. }) => {
            let known = Known { group, looked_up: query.session.looked_up };
            let mut named = query.hint.key.into_iter().chain(query.keys()).peekable();
            // Keys of a kind that is placed as the forbidden one's kind are that key's, too.
            named.peek().is_none()
                || named.any(|found| match placement::key_as(held, *key_type, found, known, key.key_type) {
                    Ok(Some(found)) => is_same(&found, &key.text),
                    Ok(None) => false,
                    Err(_) => *found == KeyValue::Unreadable,
                })
        }
        Some(TableClass::Global | TableClass::Local) | None => true,
    }
}

/// Whether keys of one kind are placed as keys of the other.
fn leads_to(group: &Group, kind: usize, wanted: usize) -> bool {
    let next = |kind: &usize| group.key_types.get(*kind).and_then(KeyType::placed_by).filter(|next| next < kind);
    std::iter::successors(Some(kind), next).any(|kind| kind == wanted)
}

/// Whether a key of a statement may be the forbidden one; what cannot be read may be.
fn is_same(found: &KeyValue, forbidden: &str) -> bool {
    let number = |text: &str| text.parse::<i128>().ok();
    match found {
        KeyValue::Integer(value) => number(forbidden) == Some(*value),
        KeyValue::Text(bytes) => std::str::from_utf8(bytes)
            .is_ok_and(|text| text == forbidden || number(text).is_some_and(|value| number(forbidden) == Some(value))),
        KeyValue::Null => false,
        KeyValue::Unreadable => true,
    }
}

/// Whether `unit` owns any of what is reached.
fn is_owned(state: &ControlState, reach: &Reach, unit: UnitId) -> bool {
    let any_shard = |group| state.group(group).shards.ranges.iter().any(|owned| owned.owner == unit);
    match reach {
        Reach::Nothing => false,
        Reach::AllShards(group) => any_shard(*group),
        Reach::Scopes(scopes) => scopes.iter().any(|scope| match *scope {
            Scope::Shard(group, shard) => state.group(group).shards.owner_of(shard) == Some(unit),
            Scope::GlobalZone(group) => state.group(group).global_master == unit,
            Scope::Group(group) => state.group(group).global_master == unit || any_shard(group),
        }),
    }
}
