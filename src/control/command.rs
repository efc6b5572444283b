//! What can be changed in the control state, and by whom.

use crate::model::{FencePosition, Forbid, ForbidScope, GroupId, MoveId, MovePart, PlainKey, Shard};

/// One change. Verbs are idempotent: asking for what already holds changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Refuse statements of a scope until someone lifts it. A scope has one forbid: the newer replaces the older.
    /// On the target of a move under way it rolls that move back.
    Forbid(Forbid),
    /// Lift the scope's forbid.
    Allow {
        /// The scope.
        scope: ForbidScope,
    },
    /// Give a key a shard of its own, behind all others and with the same owner: what comes before moving it alone.
    PlaceAlone {
        /// The group.
        group: GroupId,
        /// The key's type.
        key_type: usize,
        /// The key.
        key: PlainKey,
        /// The shard it lies in now.
        from: Shard,
    },
    /// Close these scopes and begin to move them.
    BeginMove {
        /// What moves, from its owner, to where.
        parts: Vec<MovePart>,
    },
    /// No write that began before the fence is left; this is what the sources had written by then. The first record stays.
    RecordPositions {
        /// The move.
        id: MoveId,
        /// One for each group and source.
        positions: Vec<FencePosition>,
    },
    /// The targets have everything: they own the scopes from now on. The point of no return.
    PublishMove {
        /// The move.
        id: MoveId,
    },
    /// Open the scopes at their sources again.
    RollBackMove {
        /// The move.
        id: MoveId,
        /// Why, in words.
        reason: String,
    },
}

/// Who makes a change, for the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// The console account, or Meridian itself.
    pub by: String,
    /// When, as seconds since 1970 (UTC); nothing is decided by it.
    pub at: u64,
}
