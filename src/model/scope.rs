//! What a write belongs to: the unit of ownership, of gates, fences and scope epochs.

use super::{GroupId, Shard};

/// The scope of one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One shard of a group.
    Shard(GroupId, Shard),
    /// A group's Global Zone.
    GlobalZone(GroupId),
    /// Every scope of a group: DDL on managed tables.
    Group(GroupId),
}
