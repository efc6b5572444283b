//! The row fence: at each primary a row for each scope, which every write of the scope locks and compares before it is sent. Pure.
//!
//! The instances hold to the same rules in a stored procedure (`ctl/fence_schema/procedures.sql`); the model (`tests/model`) explores them.
//!
//! A row's epoch only rises, so that whoever comes late, an orchestrator that was paused or a node that decided long ago, changes and writes
//! nothing. A row that is not there lets nobody in.

use super::{ControlState, Epoch, Extent, Group, GroupId, MoveRecord, Scope, UnitId};
use crate::model::shard::MOST_SHARDS;

/// A scope's row as one instance has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FenceRow {
    /// The scope epoch it is for.
    pub epoch: Epoch,
    /// Whether writes that were decided under that epoch are let in.
    pub passage: Passage,
}

/// Whether a row lets writes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Passage {
    /// Those of its epoch.
    Open,
    /// None.
    Closed,
}

/// The instance knows of a newer epoch, or the same one differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaleEpoch;

impl FenceRow {
    /// The row after it was set to `epoch`; `known` is what the instance had, nothing at first. The same once more changes nothing.
    /// Errors: it comes too late.
    pub fn set(known: Option<FenceRow>, epoch: Epoch, passage: Passage) -> Result<FenceRow, StaleEpoch> {
        let wanted = FenceRow { epoch, passage };
        match known {
            Some(known) if known.epoch > epoch || (known.epoch == epoch && known != wanted) => Err(StaleEpoch),
            Some(_) | None => Ok(wanted),
        }
    }

    /// Whether a write that was decided under the scope epoch `decided` is let in.
    pub fn lets_in(known: Option<FenceRow>, decided: Epoch) -> bool {
        known == Some(FenceRow { epoch: decided, passage: Passage::Open })
    }
}

/// Which rows of a group: a closed interval of the scopes' numbers there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rows {
    /// The lowest number.
    pub first: u32,
    /// The highest one, itself included.
    pub last: u32,
}

/// The number of a group's Global Zone among its rows; shards have their own.
pub const ZONE: u32 = MOST_SHARDS;

/// The number of DDL on a group's managed tables: it runs where the group's schema unit is, and follows the Global Zone's epoch.
pub const SCHEMA: u32 = MOST_SHARDS + 1;

impl Rows {
    const fn one(number: u32) -> Rows {
        Rows { first: number, last: number }
    }

    fn of(extent: Extent) -> Rows {
        match extent {
            Extent::Shards(_, range) => Rows { first: range.first.0, last: range.last.0 },
            Extent::GlobalZone(_) => Rows::one(ZONE),
        }
    }
}

/// The row a write of `scope` locks, and the epoch it compares; `None` where the state has no such scope.
pub fn row_of(state: &ControlState, scope: Scope) -> Option<(u32, Epoch)> {
    let group = |id: GroupId| state.groups.get(id.index());
    match scope {
        Scope::Shard(id, shard) => Some((shard.0, group(id)?.shards.range_of(shard)?.epoch)),
        Scope::GlobalZone(id) => Some((ZONE, group(id)?.global_epoch)),
        Scope::Group(id) => Some((SCHEMA, group(id)?.global_epoch)),
    }
}

/// The rows of `extent`, which moves; of a Global Zone also that of DDL, where DDL goes with it.
pub fn rows_that_move(group: &Group, extent: Extent) -> Vec<Rows> {
    let mut rows = vec![Rows::of(extent)];
    if matches!(extent, Extent::GlobalZone(_)) && group.schema_unit.is_none() {
        rows.push(Rows::one(SCHEMA));
    }
    rows
}

/// Every row of a group.
pub fn all_rows(group: &Group) -> Vec<Rows> {
    let shards = group.shards.count.checked_sub(1).map(|last| Rows { first: 0, last });
    shards.into_iter().chain([Rows::one(ZONE), Rows::one(SCHEMA)]).collect()
}

/// The rows of the group `id` that are to be open at the primary of `unit`, each with its epoch: what the unit owns and no move has closed.
pub fn open_rows(state: &ControlState, id: GroupId, unit: UnitId) -> Vec<(Rows, Epoch)> {
    let group = state.group(id);
    let mut open: Vec<(Rows, Epoch)> = group
        .shards
        .ranges
        .iter()
        .filter(|owned| owned.owner == unit)
        .map(|owned| (Rows { first: owned.range.first.0, last: owned.range.last.0 }, owned.epoch))
        .collect();
    open.extend((group.global_master == unit).then_some((Rows::one(ZONE), group.global_epoch)));
    open.extend((group.schema_unit() == unit).then_some((Rows::one(SCHEMA), group.global_epoch)));
    let of_group = |record: &&MoveRecord| record.parts.iter().any(|part| part.extent.group() == id);
    for record in state.moves.iter().filter(of_group) {
        let parts = record.parts.iter().filter(|part| part.extent.group() == id);
        for closed in parts.flat_map(|part| rows_that_move(group, part.extent)) {
            open = open
                .into_iter()
                .flat_map(|(rows, epoch)| without(rows, closed).map(move |rest| (rest, epoch)))
                .collect();
        }
    }
    open
}

/// What of `rows` is not in `closed`.
fn without(rows: Rows, closed: Rows) -> impl Iterator<Item = Rows> {
    let before = closed.first.checked_sub(1).map(|last| Rows { first: rows.first, last: last.min(rows.last) });
    let after = Rows { first: rows.first.max(closed.last + 1), last: rows.last };
    before.into_iter().chain([after]).filter(|rest| rest.first <= rest.last)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn row(epoch: u64, passage: Passage) -> Option<FenceRow> {
        Some(FenceRow { epoch: Epoch(epoch), passage })
    }

    #[test]
    fn a_row_only_rises() {
        use Passage::{Closed, Open};
        for (known, epoch, passage, then) in [
            (None, 1, Closed, row(1, Closed)),
            (row(1, Open), 2, Closed, row(2, Closed)),
            (row(2, Closed), 2, Closed, row(2, Closed)),
            (row(2, Closed), 3, Open, row(3, Open)),
            (row(2, Closed), 2, Open, None),
            (row(3, Open), 2, Closed, None),
            (row(3, Open), 2, Open, None),
        ] {
            assert_eq!(FenceRow::set(known, Epoch(epoch), passage).ok(), then, "{known:?} {epoch} {passage:?}");
        }
    }

    #[test]
    fn only_the_rows_own_epoch_passes_and_only_while_it_is_open() {
        for (known, decided, passes) in [
            (None, 1, false),
            (row(2, Passage::Open), 2, true),
            (row(2, Passage::Open), 1, false),
            (row(2, Passage::Open), 3, false),
            (row(2, Passage::Closed), 2, false),
        ] {
            assert_eq!(FenceRow::lets_in(known, Epoch(decided)), passes, "{known:?} {decided}");
        }
    }

    #[test]
    fn a_stretch_without_another() {
        let rows = |first, last| Rows { first, last };
        for (closed, left) in [
            (rows(0, 9), vec![]),
            (rows(0, 3), vec![rows(4, 9)]),
            (rows(3, 5), vec![rows(0, 2), rows(6, 9)]),
            (rows(5, 20), vec![rows(0, 4)]),
            (rows(10, 12), vec![rows(0, 9)]),
        ] {
            assert_eq!(without(rows(0, 9), closed).collect::<Vec<_>>(), left, "{closed:?}");
        }
        assert_eq!(without(rows(5, 9), rows(0, 3)).collect::<Vec<_>>(), [rows(5, 9)]);
    }
}
