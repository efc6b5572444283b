//! Which groups' writes compare the row of their scope at the instance, and the way to whoever keeps the rows.

use tokio::sync::Notify;

use crate::model::{Fence, GroupId};

/// How many statements of a group may run outside transactions at once at one instance, each keeping a guard in place of a row; the procedures
/// count as many.
pub const GUARDS: u32 = 8;

/// A guard's name, as an SQL expression: a user lock of the connection that keeps it.
pub fn guard_name(group: &str, guard: u32) -> String {
    format!("CONCAT('meridian.fence.', CRC32('{group}'), '.', {guard})")
}

/// The groups with `fence = "row"` or `"row+lease"`.
#[derive(Debug)]
pub struct RowFences {
    fences: Box<[Fence]>,
    missed: Notify,
}

impl RowFences {
    /// Of groups with these fences, in the order of the groups.
    pub fn new(fences: &[Fence]) -> RowFences {
        RowFences { fences: fences.into(), missed: Notify::new() }
    }

    /// Whether writes of the group compare rows.
    pub fn covers(&self, group: GroupId) -> bool {
        self.fences.get(group.index()).is_some_and(|fence| fence.has_rows())
    }

    /// Whether transactions of the group compare the primary's lease as they commit.
    pub fn leases(&self, group: GroupId) -> bool {
        self.fences.get(group.index()) == Some(&Fence::RowLease)
    }

    /// The groups.
    pub fn groups(&self) -> impl Iterator<Item = GroupId> {
        (0u16..).map(GroupId).zip(&self.fences).filter(|(_, fence)| fence.has_rows()).map(|(group, _)| group)
    }

    /// A row has not let in a write: it is ahead of this node, or behind.
    pub fn tell_missed(&self) {
        self.missed.notify_one();
    }

    /// Resolves when a row has not let in a write since the last time.
    pub async fn missed(&self) {
        self.missed.notified().await;
    }
}
