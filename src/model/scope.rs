//! What a write belongs to: the unit of ownership, of gates, fences and scope epochs.

use super::{GroupId, Shard, ShardRange};

/// The scope of one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// One shard of a group.
    Shard(GroupId, Shard),
    /// A group's Global Zone.
    GlobalZone(GroupId),
    /// Every scope of a group: DDL on managed tables.
    Group(GroupId),
}

/// A stretch of scopes that is owned, fenced and moved as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Extent {
    /// A closed range of a group's shards.
    Shards(GroupId, ShardRange),
    /// A group's Global Zone.
    GlobalZone(GroupId),
}

impl Scope {
    /// The group it lies in.
    pub fn group(self) -> GroupId {
        match self {
            Scope::Shard(group, _) | Scope::GlobalZone(group) | Scope::Group(group) => group,
        }
    }
}

impl Extent {
    /// The group it lies in.
    pub fn group(self) -> GroupId {
        match self {
            Extent::Shards(group, _) | Extent::GlobalZone(group) => group,
        }
    }

    /// Whether a write of `scope` writes, or may write, in here.
    pub fn touches(self, scope: Scope) -> bool {
        match (self, scope) {
            (Extent::Shards(group, range), Scope::Shard(other, shard)) => group == other && range.contains(shard),
            (Extent::GlobalZone(group), Scope::GlobalZone(other)) => group == other,
            (_, Scope::Group(other)) => self.group() == other,
            (Extent::Shards(..), Scope::GlobalZone(_)) | (Extent::GlobalZone(_), Scope::Shard(..)) => false,
        }
    }

    /// Whether the two share a scope.
    pub fn overlaps(self, other: Extent) -> bool {
        match (self, other) {
            (Extent::Shards(group, range), Extent::Shards(in_group, in_range)) => {
                group == in_group && range.first <= in_range.last && in_range.first <= range.last
            }
            (Extent::GlobalZone(group), Extent::GlobalZone(in_group)) => group == in_group,
            (Extent::Shards(..), Extent::GlobalZone(_)) | (Extent::GlobalZone(_), Extent::Shards(..)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn shards(group: u16, first: u32, last: u32) -> Extent {
        Extent::Shards(GroupId(group), ShardRange { first: Shard(first), last: Shard(last) })
    }

    #[test]
    fn an_extent_is_touched_by_its_own_scopes_and_by_ddl_of_its_group() {
        let extent = shards(0, 5, 9);
        for (shard, inside) in [(4, false), (5, true), (9, true), (10, false)] {
            assert_eq!(extent.touches(Scope::Shard(GroupId(0), Shard(shard))), inside, "shard {shard}");
        }
        assert!(!extent.touches(Scope::Shard(GroupId(1), Shard(5))));
        assert!(!extent.touches(Scope::GlobalZone(GroupId(0))));
        assert!(extent.touches(Scope::Group(GroupId(0))) && !extent.touches(Scope::Group(GroupId(1))));
        assert!(Extent::GlobalZone(GroupId(0)).touches(Scope::GlobalZone(GroupId(0))));
    }

    #[test]
    fn extents_overlap_when_they_share_a_scope() {
        for (other, overlaps) in [
            (shards(0, 0, 4), false),
            (shards(0, 0, 5), true),
            (shards(0, 9, 12), true),
            (shards(0, 10, 12), false),
            (shards(1, 5, 9), false),
            (Extent::GlobalZone(GroupId(0)), false),
        ] {
            assert_eq!(shards(0, 5, 9).overlaps(other), overlaps, "{other:?}");
            assert_eq!(other.overlaps(shards(0, 5, 9)), overlaps, "{other:?}");
        }
    }
}
