//! Sharded tables: writes to the key's owner, reads from this unit's copy.

use smallvec::SmallVec;

use super::course::{Access, Course, Freedom, Query, Reach, Ticket};
use super::keys::{self, Found, ShardedRule};
use super::placement::Placed;
use super::{Rejection, Rule, Target, hint};
use crate::model::{GroupId, ReadPolicy, Role, Scope, UnitId};
use crate::sql::{Keys, ReadLevel};

/// The course of a statement that does `access` on sharded tables. Errors: as each rule says.
pub(super) fn course<'a>(
    query: &Query<'a>,
    group: GroupId,
    sharded: &ShardedRule<'a>,
    keys: &Keys,
    access: Access,
) -> Result<Course<'a>, Rejection> {
    let found = keys::found(query, sharded, keys, access)?;
    match access {
        Access::Read => read(query, group, sharded, &found),
        Access::Lock | Access::Insert | Access::Change => write(query, group, sharded, &found, access),
    }
}

fn write<'a>(
    query: &Query<'a>,
    group: GroupId,
    sharded: &ShardedRule<'a>,
    found: &Found<'a>,
    access: Access,
) -> Result<Course<'a>, Rejection> {
    let Found::Keys(placed) = found else {
        let (table, column) = sharded.names();
        return Err(Rejection::KeyMissing { table, column });
    };
    let owner = keys::one_owner(query, sharded, placed)?;
    hint::expect_owner(query, owner)?;
    Ok(at_owner(group, sharded, placed, owner, access))
}

fn read<'a>(
    query: &Query<'a>,
    group: GroupId,
    sharded: &ShardedRule<'a>,
    found: &Found<'a>,
) -> Result<Course<'a>, Rejection> {
    let (policy, level) = (sharded.rule.read, query.hint.level);
    let owned = match found {
        Found::Keys(placed) => Some((placed, keys::one_owner(query, sharded, placed))),
        Found::Nothing | Found::NoRow => None,
    };
    match (policy, level, owned) {
        (_, ReadLevel::Strong, Some((placed, owner))) => {
            let owner = owner?;
            hint::expect_owner(query, owner)?;
            Ok(at_owner(group, sharded, placed, owner, Access::Read))
        }
        (_, ReadLevel::Strong, None) if matches!(found, Found::Nothing) => strong_without_key(query, group, sharded),
        (ReadPolicy::RefuseWithoutKey, _, None) if matches!(found, Found::Nothing) => {
            let (table, column) = sharded.names();
            Err(Rejection::KeyRequired { table, column })
        }
        (ReadPolicy::Owner, _, Some((placed, Ok(owner)))) if query.hint.unit.is_none() => {
            Ok(Course { freedom: Freedom::Copy, ..at_owner(group, sharded, placed, owner, Access::Read) })
        }
        (ReadPolicy::MasterWithoutKey, _, None) if matches!(found, Found::Nothing) => {
            Ok(from_copy(query, group, sharded, sharded.group.global_master, Role::Replica, None, None))
        }
        (
            ReadPolicy::Owner | ReadPolicy::Local | ReadPolicy::RefuseWithoutKey | ReadPolicy::MasterWithoutKey,
            _,
            owned,
        ) => {
            // Without one owner no place is current; this unit's primary is the nearest to it.
            let role = if policy == ReadPolicy::Owner { Role::Primary } else { Role::Replica };
            let owner = owned.as_ref().and_then(|(_, owner)| owner.as_ref().ok().copied());
            let here = query.serving(group);
            Ok(from_copy(query, group, sharded, here, role, owned.map(|(placed, _)| placed), owner))
        }
    }
}

/// At the owner of all shards, if there is one. Errors: several units own them.
fn strong_without_key<'a>(
    query: &Query<'a>,
    group: GroupId,
    sharded: &ShardedRule<'a>,
) -> Result<Course<'a>, Rejection> {
    let mut owners = sharded.group.shards.ranges.iter().map(|owned| owned.owner);
    match owners.next() {
        Some(owner) if owners.all(|other| other == owner) => {
            hint::expect_owner(query, owner)?;
            Ok(Course { reach: Reach::AllShards(group), ..at_owner(group, sharded, &[], owner, Access::Read) })
        }
        Some(_) | None => {
            let (table, column) = sharded.names();
            Err(Rejection::StrongWithoutKey { table, column })
        }
    }
}

/// At the owner's primary, with a ticket: writes, and reads that must be current.
fn at_owner<'a>(
    group: GroupId,
    sharded: &ShardedRule<'a>,
    placed: &[Placed<'a>],
    owner: UnitId,
    access: Access,
) -> Course<'a> {
    Course {
        target: Target { group, unit: owner, role: Role::Primary },
        freedom: Freedom::Bound,
        access,
        reach: reach_of(group, placed),
        ticket: Ticket::Needed,
        key: placed.first().map(|place| (place.key, place.shard)),
        owner: Some(owner),
        table: Some(sharded.rule),
        rule: Rule::Owner,
    }
}

/// From a copy: `copy`'s, or the unit's of the hint.
fn from_copy<'a>(
    query: &Query<'_>,
    group: GroupId,
    sharded: &ShardedRule<'a>,
    copy: UnitId,
    role: Role,
    placed: Option<&SmallVec<[Placed<'a>; 2]>>,
    owner: Option<UnitId>,
) -> Course<'a> {
    let (unit, freedom, rule) = match query.hint.unit {
        Some(unit) => (unit, Freedom::Bound, Rule::UnitHint),
        None if copy == query.serving(group) => (copy, Freedom::Copy, Rule::LocalRead),
        None => (copy, Freedom::Copy, Rule::MasterRead),
    };
    Course {
        target: Target { group, unit, role },
        freedom,
        access: Access::Read,
        reach: placed.map_or(Reach::AllShards(group), |placed| reach_of(group, placed)),
        ticket: Ticket::Spared,
        key: placed.and_then(|placed| placed.first()).map(|place| (place.key, place.shard)),
        owner,
        table: Some(sharded.rule),
        rule,
    }
}

fn reach_of(group: GroupId, placed: &[Placed<'_>]) -> Reach {
    match placed {
        [one] => Reach::one(Scope::Shard(group, one.shard)),
        several => Reach::Scopes(keys::shards(several).into_iter().map(|shard| Scope::Shard(group, shard)).collect()),
    }
}
