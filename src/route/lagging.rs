//! Standing bounds of lag: while a unit that has to keep up is too far behind an owner's writes, the owner's scopes take none.
//!
//! It bounds what a forced change could lose; who owns what never depends on it, so each node judges by what it measures itself.

use smallvec::SmallVec;

use super::course::{Access, Course, Query, Reach};
use super::{Rejection, refusal_text};
use crate::model::{ControlState, GroupId, Scope, UnitId, laggard};

/// Errors: the first unit that is too far behind an owner of what the course writes.
pub(super) fn check(query: &Query<'_>, course: &Course<'_>) -> Result<(), Rejection> {
    if course.access == Access::Read {
        return Ok(());
    }
    for (group, owner) in owners(query.state, &course.reach) {
        if let Some(found) = laggard(query.state, query.measured, group, owner) {
            let group = query.state.group(group);
            return Err(Rejection::Lagging {
                what: format!("writes owned by unit '{}' in group '{}'", query.unit_name(owner), group.name),
                lag: refusal_text::lag(&query.unit_name(found.peer), found.lag, group.policy.lag_bound.as_ref()),
                key: course.key_text(),
                epoch: query.state.epoch,
            });
        }
    }
    Ok(())
}

/// Who owns what is reached in groups that have a bound, each once.
fn owners(state: &ControlState, reach: &Reach) -> SmallVec<[(GroupId, UnitId); 2]> {
    let mut found = SmallVec::new();
    let mut add = |group: GroupId, owner: UnitId| {
        if !found.contains(&(group, owner)) {
            found.push((group, owner));
        }
    };
    let is_bound = |group: GroupId| state.group(group).policy.lag_bound.is_some();
    let shard_owners = |group: GroupId| state.group(group).shards.ranges.iter().map(|owned| owned.owner);
    match reach {
        Reach::Nothing => {}
        Reach::AllShards(group) if is_bound(*group) => shard_owners(*group).for_each(|owner| add(*group, owner)),
        Reach::AllShards(_) => {}
        Reach::Scopes(scopes) => {
            for scope in scopes.iter().filter(|scope| is_bound(scope.group())) {
                match *scope {
                    Scope::Shard(group, shard) => {
                        state.group(group).shards.owner_of(shard).into_iter().for_each(|owner| add(group, owner));
                    }
                    Scope::GlobalZone(group) => add(group, state.group(group).global_master),
                    Scope::Group(group) => {
                        add(group, state.group(group).global_master);
                        shard_owners(group).for_each(|owner| add(group, owner));
                    }
                }
            }
        }
    }
    found
}
