//! What an operator wants moved, and which parts of whose ownership that is. Pure.

use thiserror::Error;

use crate::model::{ControlState, Extent, ForbidScope, GroupId, MovePart, Shard, ShardRange, UnitId};
use crate::route::placement;
use crate::sql::KeyValue;

/// What is to be owned by the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// A group's Global Zone.
    GlobalZone {
        /// The group.
        group: GroupId,
        /// The new master.
        target: UnitId,
    },
    /// A range of shards, whoever owns them.
    Shards {
        /// The group.
        group: GroupId,
        /// The shards.
        range: ShardRange,
        /// The new owner.
        target: UnitId,
    },
    /// The shard that holds a key of the group's first key type.
    Key {
        /// The group.
        group: GroupId,
        /// The key, as text.
        key: String,
        /// The new owner.
        target: UnitId,
    },
    /// Everything a unit owns, in all groups.
    Unit {
        /// The unit.
        source: UnitId,
        /// The new owner.
        target: UnitId,
    },
}

/// Why a goal names nothing that can move.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum GoalError {
    /// Shards beyond the last.
    #[error("shards {range} do not exist; group '{group}' has {count}")]
    NoSuchShards {
        /// The range.
        range: String,
        /// The group.
        group: String,
        /// How many shards it has.
        count: u32,
    },
    /// A key in no shard.
    #[error("key {key} lies in no shard of group '{group}'")]
    NoSuchKey {
        /// The key.
        key: String,
        /// The group.
        group: String,
    },
}

/// The parts that `goal` moves; those the target owns already are left out, so nothing is left when it holds already.
/// Errors: shards or keys that do not exist.
pub fn parts_of(goal: &Goal, state: &ControlState) -> Result<Vec<MovePart>, GoalError> {
    let mut parts = match goal {
        Goal::GlobalZone { group, target } => vec![zone(state, *group, *target)],
        Goal::Shards { group, range, target } => {
            let held = state.group(*group);
            if range.last.0 >= held.shards.count {
                let (range, group, count) = (range.to_string(), held.name.clone(), held.shards.count);
                return Err(GoalError::NoSuchShards { range, group, count });
            }
            shards(state, *group, *range, *target)
        }
        Goal::Key { group, key, target } => {
            let held = state.group(*group);
            let Some(shard) = shard_of(state, *group, 0, key) else {
                return Err(GoalError::NoSuchKey { key: key.clone(), group: held.name.clone() });
            };
            shards(state, *group, ShardRange { first: shard, last: shard }, *target)
        }
        Goal::Unit { source, target } => unit(state, *source, *target),
    };
    parts.retain(|part| part.source != part.target);
    Ok(parts)
}

fn zone(state: &ControlState, group: GroupId, target: UnitId) -> MovePart {
    MovePart { extent: Extent::GlobalZone(group), source: state.group(group).global_master, target }
}

/// The parts of everything `source` owns in `group`, each to `target`.
pub fn owned_by(state: &ControlState, group: GroupId, source: UnitId, target: UnitId) -> Vec<MovePart> {
    let mut parts = unit(state, source, target);
    parts.retain(|part| part.extent.group() == group && part.source != part.target);
    parts
}

/// What a forbid of `scope` covers, where it is: one part for each stretch of one owner. Nothing, when it covers nothing that anybody owns.
pub fn covered_by(scope: &ForbidScope, state: &ControlState) -> Vec<MovePart> {
    // Below: it stays where it is.
    const NOWHERE: UnitId = UnitId(u16::MAX);
    let mut parts = match scope {
        ForbidScope::Unit(owner) => unit(state, *owner, NOWHERE),
        ForbidScope::Group(group) => all_shards(state, *group)
            .map(|all| shards(state, *group, all, NOWHERE))
            .into_iter()
            .flatten()
            .chain([zone(state, *group, NOWHERE)])
            .collect(),
        ForbidScope::Shards(group, range) => shards(state, *group, *range, NOWHERE),
        ForbidScope::GlobalZone(group) => vec![zone(state, *group, NOWHERE)],
        ForbidScope::Key(group, key) => {
            let shard = shard_of(state, *group, key.key_type, &key.text);
            let alone = shard.map(|shard| ShardRange { first: shard, last: shard });
            alone.map(|range| shards(state, *group, range, NOWHERE)).unwrap_or_default()
        }
    };
    parts.iter_mut().for_each(|part| part.target = part.source);
    parts
}

/// The shard that holds a key; nothing, when none does.
fn shard_of(state: &ControlState, group: GroupId, key_type: usize, key: &str) -> Option<Shard> {
    let held = state.group(group);
    let shard = placement::shard_of(held, key_type, &KeyValue::Text(key.as_bytes().into()));
    shard.filter(|shard| shard.0 < held.shards.count)
}

/// One part for each stretch of one owner.
fn shards(state: &ControlState, group: GroupId, range: ShardRange, target: UnitId) -> Vec<MovePart> {
    let mut parts: Vec<(ShardRange, UnitId)> = Vec::new();
    for (range, owner) in state.group(group).shards.cut(range) {
        match parts.last_mut() {
            Some((last, of)) if *of == owner => last.last = range.last,
            Some(_) | None => parts.push((range, owner)),
        }
    }
    let part = |(range, source)| MovePart { extent: Extent::Shards(group, range), source, target };
    parts.into_iter().map(part).collect()
}

/// All shards of a group; nothing, when it has none.
fn all_shards(state: &ControlState, group: GroupId) -> Option<ShardRange> {
    let last = state.group(group).shards.count.checked_sub(1)?;
    Some(ShardRange { first: Shard(0), last: Shard(last) })
}

fn unit(state: &ControlState, source: UnitId, target: UnitId) -> Vec<MovePart> {
    let mut parts = Vec::new();
    for group in (0u16..).map(GroupId).take(state.groups.len()) {
        if let Some(all) = all_shards(state, group) {
            parts.extend(shards(state, group, all, target).into_iter().filter(|part| part.source == source));
        }
        parts.extend(Some(zone(state, group, target)).filter(|part| part.source == source));
    }
    parts
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::control::sample;
    use crate::model::ForbiddenKey;

    const MAIN: GroupId = GroupId(0);

    fn told(goal: &Goal) -> String {
        let state = sample::state();
        crate::control::past::parts(&state, &parts_of(goal, &state).unwrap())
    }

    fn range(first: u32, last: u32) -> ShardRange {
        ShardRange { first: Shard(first), last: Shard(last) }
    }

    #[test]
    fn a_goal_becomes_the_parts_the_target_does_not_own_yet() {
        let (hz, bj) = (UnitId(0), UnitId(1));
        let cases = [
            (Goal::GlobalZone { group: MAIN, target: bj }, "the Global Zone from hz to bj"),
            (Goal::GlobalZone { group: MAIN, target: hz }, ""),
            (Goal::Shards { group: MAIN, range: range(4000, 5999), target: bj }, "shards 4000-4999 from hz to bj"),
            (Goal::Key { group: MAIN, key: "16000".to_owned(), target: hz }, "shards 6000-6000 from bj to hz"),
            (Goal::Unit { source: hz, target: bj }, "shards 0-4999 from hz to bj, the Global Zone from hz to bj"),
            (Goal::Unit { source: bj, target: hz }, "shards 5000-9999 from bj to hz"),
        ];
        for (goal, parts) in cases {
            assert_eq!(told(&goal), parts, "{goal:?}");
        }
    }

    #[test]
    fn what_a_forbid_covers_stays_with_its_owners() {
        let state = sample::state();
        let key = |text: &str| ForbidScope::Key(MAIN, ForbiddenKey { key_type: 0, text: text.to_owned() });
        for (scope, covered) in [
            (ForbidScope::Unit(UnitId(1)), "shards 5000-9999 of bj, forbidden"),
            (ForbidScope::Unit(UnitId(0)), "shards 0-4999 of hz, forbidden, the Global Zone of hz, forbidden"),
            (
                ForbidScope::Group(MAIN),
                "shards 0-4999 of hz, forbidden, shards 5000-9999 of bj, forbidden, the Global Zone of hz, forbidden",
            ),
            (
                ForbidScope::Shards(MAIN, range(4000, 5999)),
                "shards 4000-4999 of hz, forbidden, shards 5000-5999 of bj, forbidden",
            ),
            (ForbidScope::GlobalZone(MAIN), "the Global Zone of hz, forbidden"),
            (key("16000"), "shards 6000-6000 of bj, forbidden"),
            (key("li"), ""),
        ] {
            assert_eq!(crate::control::past::parts(&state, &covered_by(&scope, &state)), covered, "{scope:?}");
        }
    }

    #[test]
    fn what_does_not_exist_is_named() {
        let state = sample::state();
        let beyond = Goal::Shards { group: MAIN, range: range(9000, 10_000), target: UnitId(0) };
        assert!(matches!(parts_of(&beyond, &state), Err(GoalError::NoSuchShards { count: 10_000, .. })));
        let text = Goal::Key { group: MAIN, key: "li".to_owned(), target: UnitId(0) };
        assert!(matches!(parts_of(&text, &state), Err(GoalError::NoSuchKey { .. })));
    }
}
