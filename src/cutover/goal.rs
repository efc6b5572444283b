//! What an operator wants moved, and which parts of whose ownership that is. Pure.

use thiserror::Error;

use crate::model::{ControlState, Extent, GroupId, MovePart, ShardRange, UnitId};
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
            let value = KeyValue::Text(key.as_bytes().into());
            let shard = placement::shard_of(held, 0, &value);
            let Some(shard) = shard.filter(|shard| shard.0 < held.shards.count) else {
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

fn unit(state: &ControlState, source: UnitId, target: UnitId) -> Vec<MovePart> {
    let mut parts = Vec::new();
    for (group, held) in (0u16..).map(GroupId).zip(&state.groups) {
        if let Some(last) = held.shards.count.checked_sub(1) {
            let all = ShardRange { first: crate::model::Shard(0), last: crate::model::Shard(last) };
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
    use crate::model::Shard;

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
    fn what_does_not_exist_is_named() {
        let state = sample::state();
        let beyond = Goal::Shards { group: MAIN, range: range(9000, 10_000), target: UnitId(0) };
        assert!(matches!(parts_of(&beyond, &state), Err(GoalError::NoSuchShards { count: 10_000, .. })));
        let text = Goal::Key { group: MAIN, key: "li".to_owned(), target: UnitId(0) };
        assert!(matches!(parts_of(&text, &state), Err(GoalError::NoSuchKey { .. })));
    }
}
