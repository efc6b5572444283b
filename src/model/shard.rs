//! Shards, closed ranges of them, and the map that gives each shard its one owner.

use std::fmt;

use super::{Epoch, UnitId};

/// How many shards a group can have.
pub const MOST_SHARDS: u32 = 65_536;

/// A fixed slice of a group's routing-key space: `0 .. shard count`, at most 65,536 of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shard(pub u32);

impl fmt::Display for Shard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

/// A closed interval of shards: both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShardRange {
    /// The lowest shard of the range.
    pub first: Shard,
    /// The highest shard of the range, itself included.
    pub last: Shard,
}

impl ShardRange {
    /// Whether `shard` lies in the range.
    pub fn contains(self, shard: Shard) -> bool {
        self.first <= shard && shard <= self.last
    }
}

impl fmt::Display for ShardRange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}", self.first, self.last)
    }
}

/// A range of shards with one owner, and the epoch at which that owner was last decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedRange {
    /// The shards, as a closed interval.
    pub range: ShardRange,
    /// The one unit that takes their writes.
    pub owner: UnitId,
    /// The scope epoch: the document's epoch when this range last changed.
    pub epoch: Epoch,
}

/// Who owns each shard of a group.
///
/// Invariant (checked by [`ControlState::check`](super::ControlState::check)): the ranges are sorted, without gaps or overlaps, and cover `0 .. count`.
/// A group without sharded tables has `count == 0` and no ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardMap {
    /// How many shards the group has.
    pub count: u32,
    /// The ranges in rising order.
    pub ranges: Vec<OwnedRange>,
}

impl ShardMap {
    /// The range `shard` lies in; `None` when the map does not reach it.
    pub fn range_of(&self, shard: Shard) -> Option<&OwnedRange> {
        let after = self.ranges.partition_point(|owned| owned.range.first <= shard);
        self.ranges[..after].last().filter(|owned| owned.range.contains(shard))
    }

    /// The unit that takes the writes of `shard`; `None` when the map does not reach it.
    pub fn owner_of(&self, shard: Shard) -> Option<UnitId> {
        self.range_of(shard).map(|owned| owned.owner)
    }

    /// Marks `shard` as changed at `epoch`, cutting it out of its range where that holds others.
    pub fn touch(&mut self, shard: Shard, epoch: Epoch) {
        let after = self.ranges.partition_point(|owned| owned.range.first <= shard);
        let Some(index) = after.checked_sub(1).filter(|index| self.ranges[*index].range.contains(shard)) else {
            return;
        };
        let whole = self.ranges[index].clone();
        let piece = |first: u32, last: u32, epoch| OwnedRange {
            range: ShardRange { first: Shard(first), last: Shard(last) },
            owner: whole.owner,
            epoch,
        };
        let mut pieces = Vec::with_capacity(3);
        if whole.range.first < shard {
            pieces.push(piece(whole.range.first.0, shard.0 - 1, whole.epoch));
        }
        pieces.push(piece(shard.0, shard.0, epoch));
        if shard < whole.range.last {
            pieces.push(piece(shard.0 + 1, whole.range.last.0, whole.epoch));
        }
        self.ranges.splice(index..=index, pieces);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_touched_shard_is_cut_out_of_its_range_and_nothing_else_changes() {
        let range = |first, last, epoch| OwnedRange {
            range: ShardRange { first: Shard(first), last: Shard(last) },
            owner: UnitId(0),
            epoch: Epoch(epoch),
        };
        let map = || ShardMap { count: 10, ranges: vec![range(0, 4, 1), range(5, 9, 1)] };
        let touched = |shard| {
            let mut map = map();
            map.touch(Shard(shard), Epoch(7));
            map.ranges
        };
        assert_eq!(touched(2), [range(0, 1, 1), range(2, 2, 7), range(3, 4, 1), range(5, 9, 1)]);
        assert_eq!(touched(5), [range(0, 4, 1), range(5, 5, 7), range(6, 9, 1)]);
        assert_eq!(touched(9), [range(0, 4, 1), range(5, 8, 1), range(9, 9, 7)]);
        assert_eq!(touched(10), map().ranges);
    }
}
