//! Standing forbids: what a forbidden unit owns is refused at every node; local tables are never concerned.

use super::Rejection;
use super::course::{Access, Course, Query, Reach};
use crate::model::{ControlState, ForbidKind, ForbidScope, Scope, UnitId};

/// Errors: the first standing forbid that covers the course.
pub(super) fn check(query: &Query<'_>, course: &Course<'_>) -> Result<(), Rejection> {
    for forbid in &query.state.forbids {
        let ForbidScope::Unit(unit) = forbid.scope;
        if refuses(forbid.kind, course.access) && is_owned(query.state, &course.reach, unit) {
            return Err(Rejection::Forbidden {
                unit: query.unit_name(unit),
                kind: forbid.kind,
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
