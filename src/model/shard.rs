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

    /// The owners of the shards in `range`, in order; neighbours may be the same.
    pub fn owners_in(&self, range: ShardRange) -> impl Iterator<Item = UnitId> {
        let inside = move |owned: &&OwnedRange| owned.range.first <= range.last && range.first <= owned.range.last;
        self.ranges.iter().filter(inside).map(|owned| owned.owner)
    }

    /// The parts of `range` with their owners, in order.
    pub fn cut(&self, range: ShardRange) -> Vec<(ShardRange, UnitId)> {
        let inside = |owned: &&OwnedRange| owned.range.first <= range.last && range.first <= owned.range.last;
        let part = |owned: &OwnedRange| {
            let part = ShardRange { first: owned.range.first.max(range.first), last: owned.range.last.min(range.last) };
            (part, owned.owner)
        };
        self.ranges.iter().filter(inside).map(part).collect()
    }

    /// Gives all of `range` to `owner` under `epoch`; ranges that reach over its ends are cut there.
    pub fn assign(&mut self, range: ShardRange, owner: UnitId, epoch: Epoch) {
        let mut ranges: Vec<OwnedRange> = Vec::with_capacity(self.ranges.len() + 2);
        let mut assigned = Some(OwnedRange { range, owner, epoch });
        for owned in self.ranges.drain(..) {
            let ShardRange { first, last } = owned.range;
            if first < range.first {
                let before = ShardRange { first, last: last.min(Shard(range.first.0 - 1)) };
                ranges.push(OwnedRange { range: before, ..owned });
            }
            if last >= range.first {
                ranges.extend(assigned.take());
            }
            if last > range.last {
                let after = ShardRange { first: first.max(Shard(range.last.0 + 1)), last };
                ranges.push(OwnedRange { range: after, ..owned });
            }
        }
        // Neighbours that nothing tells apart become one, so that moving to and fro does not shred the map.
        ranges.dedup_by(|next, kept| {
            let same = kept.owner == next.owner && kept.epoch == next.epoch;
            if same {
                kept.range.last = next.range.last;
            }
            same
        });
        self.ranges = ranges;
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

    fn range(first: u32, last: u32) -> ShardRange {
        ShardRange { first: Shard(first), last: Shard(last) }
    }

    fn map() -> ShardMap {
        let owned =
            |first, last, owner| OwnedRange { range: range(first, last), owner: UnitId(owner), epoch: Epoch(1) };
        ShardMap { count: 10, ranges: vec![owned(0, 4, 0), owned(5, 9, 1)] }
    }

    fn shown(map: &ShardMap) -> Vec<String> {
        map.ranges.iter().map(|owned| format!("{} {} {}", owned.range, owned.owner.0, owned.epoch)).collect()
    }

    #[test]
    fn an_assignment_cuts_what_reaches_over_its_ends_and_nothing_else() {
        for (given, expected) in [
            (range(2, 3), vec!["0-1 0 1", "2-3 7 2", "4-4 0 1", "5-9 1 1"]),
            (range(3, 6), vec!["0-2 0 1", "3-6 7 2", "7-9 1 1"]),
            (range(0, 9), vec!["0-9 7 2"]),
            (range(5, 9), vec!["0-4 0 1", "5-9 7 2"]),
            (range(0, 0), vec!["0-0 7 2", "1-4 0 1", "5-9 1 1"]),
        ] {
            let mut assigned = map();
            assigned.assign(given, UnitId(7), Epoch(2));
            assert_eq!(shown(&assigned), expected, "{given}");
        }
    }

    #[test]
    fn what_is_given_back_under_one_epoch_is_one_range_again() {
        let mut assigned = map();
        assigned.assign(range(2, 3), UnitId(7), Epoch(2));
        assigned.assign(range(0, 4), UnitId(0), Epoch(3));
        assert_eq!(shown(&assigned), ["0-4 0 3", "5-9 1 1"]);
    }

    #[test]
    fn a_range_is_cut_by_owner() {
        assert_eq!(map().cut(range(3, 6)), [(range(3, 4), UnitId(0)), (range(5, 6), UnitId(1))]);
    }
}
