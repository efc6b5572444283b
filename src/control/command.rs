//! What can be changed in the control state, and by whom.

use crate::model::{
    AcknowledgedLoss, ClosureProof, ControlState, FencePosition, Forbid, ForbidScope, GroupId, InstanceId, MoveId,
    MoveKind, MovePart, PlainKey, Shard, UnitId,
};

/// One change. Verbs are idempotent: asking for what already holds changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Refuse statements of a scope until someone lifts it. A scope has one forbid: the newer replaces the older.
    /// On the target of a move under way it rolls that move back.
    Forbid(Forbid),
    /// As [`Command::Forbid`]; and begin to fence what it covers, so that it can be told what was written there before.
    Fence {
        /// The forbid.
        forbid: Forbid,
        /// What it covers, where it stays.
        parts: Vec<MovePart>,
        /// Which incarnation carries the fencing out.
        runner: String,
    },
    /// Nothing that began before the forbid is left in what was being fenced: its owners have it back under a new epoch. The forbid stands.
    EndFencing {
        /// Its number.
        id: MoveId,
        /// What the owners had written by then; one for each group and owner.
        positions: Vec<FencePosition>,
    },
    /// Lift the scope's forbid. What is being fenced under it, and under no other, is given up.
    Allow {
        /// The scope.
        scope: ForbidScope,
    },
    /// Let the forbids be as they were at an earlier epoch. Ownership is moved back by moves, and is refused here if it differs.
    RollBackTo {
        /// The state of that epoch.
        former: Box<ControlState>,
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
        /// Whether the owners take part.
        kind: MoveKind,
        /// Which incarnation carries it out.
        runner: String,
        /// The checks whose faults an operator took upon himself, and why, in words.
        skipped: Option<String>,
    },
    /// Moves go on without these replicas, which serve nobody until they have caught up.
    LeaveOut {
        /// Which.
        instances: Vec<InstanceId>,
    },
    /// A replica that was left out has everything it needed, and serves again.
    TakeBack {
        /// Which.
        instance: InstanceId,
    },
    /// Carry a move on whose runner is gone.
    TakeMove {
        /// The move.
        id: MoveId,
        /// Which incarnation carries it on.
        runner: String,
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
        /// What the sources had written, as in [`Command::RecordPositions`]; empty where that is on record.
        positions: Vec<FencePosition>,
    },
    /// Open the scopes at their sources again.
    RollBackMove {
        /// The move.
        id: MoveId,
        /// Why, in words.
        reason: String,
    },
    /// The source is lost: the target owns everything it owned, and it is in quarantine. The other point of no return.
    PublishForced {
        /// The move, which covers everything the source owns in its group.
        id: MoveId,
        /// What proves that nobody can write at the source.
        proof: ClosureProof,
        /// The target's whole position.
        cut: String,
        /// The nodes that are entered, by name: any of them may have acknowledged what is lost.
        nodes: Vec<String>,
        /// Why, in the operator's words.
        reason: String,
    },
    /// What the one in quarantine has that nobody else has.
    RecordLoss {
        /// The group.
        group: GroupId,
        /// The unit.
        unit: UnitId,
        /// As GTIDs.
        loss: String,
    },
    /// What a node's own records say of what it acknowledged and was lost. It may say more later, not less.
    RecordAcknowledged {
        /// The group.
        group: GroupId,
        /// The unit.
        unit: UnitId,
        /// The node, by name.
        node: String,
        /// What it says.
        said: AcknowledgedLoss,
    },
    /// What was in quarantine takes part again.
    Rejoin {
        /// The group.
        group: GroupId,
        /// The unit.
        unit: UnitId,
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
