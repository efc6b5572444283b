//! What the console needs from the running node: pictures to show and changes to hand on.
//!
//! The server implements it. Rows hold plain values; passwords are in none of them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

use crate::cutover::{Difference, FenceStretch, ForceWish, Goal, SkippedChecks};
use crate::model::{Epoch, ForbidKind, ForbidScope, GroupId, MoveId, Snapshot, UnitId};
use crate::monitor::precheck::Finding;
use crate::route::Explanation;
use crate::sql::KeyValue;

/// The running node as operators see and steer it.
#[async_trait]
pub trait Operations: Send + Sync {
    /// The newest published snapshot.
    fn snapshot(&self) -> Arc<Snapshot>;

    /// Connections to instances, a row for each pool.
    fn pools(&self) -> Vec<PoolRow>;

    /// Client sessions of this process.
    fn sessions(&self) -> Vec<SessionRow>;

    /// Why sessions keep their connection, a row for each reason.
    fn pins(&self) -> Vec<PinRow>;

    /// The nodes that share the control store, this one among them.
    fn nodes(&self) -> Vec<NodeRow>;

    /// The rows of the fence and the leases; asks each primary that has them.
    async fn fences(&self) -> Vec<FenceStretch>;

    /// Instances with what was measured of them.
    fn instances(&self) -> Vec<InstanceRow>;

    /// Applies `command`, if the epoch is still `if_epoch` where one is given. `by` is the console account. Idempotent.
    async fn change(
        &self,
        command: ConsoleChange,
        if_epoch: Option<Epoch>,
        by: &str,
    ) -> Result<ChangeReport, ChangeRefused>;

    /// As [`Self::change`] by a forbid, and returns when nothing of what it covers is written any more. It goes on when nobody waits for it.
    async fn fence(
        &self,
        forbid: ConsoleChange,
        if_epoch: Option<Epoch>,
        by: &str,
    ) -> Result<FencedReport, ChangeRefused>;

    /// Moves under way, with how far this node has got with them.
    fn moves(&self) -> Vec<MoveRow>;

    /// What a move would meet; changes nothing. The rows of the answer; or, in a sentence, why there is nothing to look at.
    async fn preview_move(&self, goal: Goal, by: &str) -> Result<Vec<PreviewRow>, String>;

    /// Carries a move out, whatever `skipped` checks find, and returns when it has ended. It goes on when nobody waits for it.
    async fn carry_out_move(
        &self,
        goal: Goal,
        skipped: Option<SkippedChecks>,
        if_epoch: Option<Epoch>,
        by: &str,
    ) -> Result<ChangeReport, ChangeRefused>;

    /// Sends a move back that is under way, if the epoch is still `if_epoch` where one is given.
    async fn roll_back_move(
        &self,
        id: MoveId,
        if_epoch: Option<Epoch>,
        by: &str,
    ) -> Result<ChangeReport, ChangeRefused>;

    /// Gives everything a lost instance owns to another unit and returns when that is done, or refused. It goes on when nobody waits for it.
    async fn force(&self, wish: ForceWish, if_epoch: Option<Epoch>, by: &str) -> Result<ChangeReport, ChangeRefused>;

    /// Lets what was left behind by force take part again.
    async fn rejoin(&self, group: GroupId, unit: UnitId, by: &str) -> Result<ChangeReport, ChangeRefused>;

    /// Puts what this node knows in the place of what the store holds after it was restored from a snapshot, if this node knows epoch
    /// `if_epoch` where one is given.
    async fn restore_state(
        &self,
        reason: &str,
        if_epoch: Option<Epoch>,
        by: &str,
    ) -> Result<ChangeReport, ChangeRefused>;

    /// The rows that differ between what was left behind by force and its stand-in; or, in a sentence, why they are not known.
    async fn reconcile(&self, group: GroupId, unit: UnitId) -> Result<Vec<Difference>, String>;

    /// Where a statement would go and why. Sends nothing.
    async fn explain(&self, request: ExplainRequest) -> Explanation;

    /// What of the schemas the units' primaries have cannot hold over several units; asks each of them.
    async fn check_schema(&self, group: GroupId) -> Vec<Finding>;

    /// What was refused, and what would have been done with statements of observed groups, since the node started.
    fn tally(&self) -> Vec<TallyRow>;

    /// Reads the configuration again: users, limits, certificates, log filter. What was done; or, when it was refused whole, every fault.
    async fn reload(&self) -> Result<String, String>;

    /// Begins to end the node, whose process ends when the last session has.
    fn drain(&self) -> DrainReport;

    /// Reads the users' file again. The number of users; or, when it was refused whole, every fault in it.
    async fn reload_users(&self) -> Result<usize, String>;
}

/// How a node ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrainReport {
    /// Sessions that have something to finish, each in a sentence.
    pub blockers: Vec<String>,
    /// How long it waits for them.
    pub deadline: Duration,
}

/// A change an operator asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsoleChange {
    /// Refuse writes of a scope, until someone lifts it.
    Forbid {
        /// What it covers.
        scope: ForbidScope,
        /// What is refused.
        kind: ForbidKind,
        /// Why, in the operator's words.
        reason: String,
    },
    /// Lift the forbid of a scope.
    Allow {
        /// What it covers.
        scope: ForbidScope,
    },
    /// Let the forbids be as they were.
    RollBackTo {
        /// At which epoch.
        epoch: Epoch,
    },
}

/// What a change did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeReport {
    /// The epoch that holds now.
    pub epoch: Epoch,
    /// What happened, in one sentence; also when there was nothing to do.
    pub result: String,
}

/// What is known of what is forbidden, once nothing of it is written any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FencedReport {
    /// What was done.
    pub report: ChangeReport,
    /// The instances where it is written, by name, each with the GTID position behind which nothing of it is.
    pub positions: Vec<(String, String)>,
    /// The nodes that were not heard, and what keeps each from writing there.
    pub shut_out: Vec<String>,
}

/// Why a change was not made. The state is as before, but for a forbid that is told to be in force.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ChangeRefused {
    /// The state moved on since the operator looked.
    #[error("the epoch is {found}, not {expected}: look again, then decide")]
    EpochMoved {
        /// The epoch the operator named.
        expected: Epoch,
        /// The epoch that holds.
        found: Epoch,
    },
    /// The change breaks a rule of the control state.
    #[error("{0}")]
    Invalid(String),
    /// The store did not take it.
    #[error("the store did not take the change: {0}")]
    Store(String),
}

/// A statement to explain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainRequest {
    /// Its text.
    pub sql: String,
    /// The unit whose client sends it.
    pub unit: UnitId,
    /// Whether that unit was asked for by name; then it counts over the user's own.
    pub at: AskedUnit,
    /// The values of its parameters, if it is an execution.
    pub parameters: Option<Vec<KeyValue>>,
    /// The session's schema.
    pub schema: Option<String>,
    /// The session's user, for its grants.
    pub user: Option<String>,
}

/// Whose word the unit of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskedUnit {
    /// The operator's.
    Named,
    /// The console's own.
    Console,
}

/// One thing that happened, or would have, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TallyRow {
    /// The group; `None` where no group is told apart.
    pub group: Option<String>,
    /// `refused`, `disagreed`, `would refuse`, `would forward`, `would stay`.
    pub what: String,
    /// The kind of refusal, or the unit.
    pub detail: String,
    /// How often.
    pub times: u64,
    /// The last example's user.
    pub user: String,
    /// Its digest.
    pub digest: u64,
    /// Its shape, without literals.
    pub example: String,
}

/// One client session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// The connection id the client knows.
    pub id: u64,
    /// Its user.
    pub user: String,
    /// Its address.
    pub client: String,
    /// The program it says it is; empty when it says nothing.
    pub program: String,
    /// The unit of its listener.
    pub unit: String,
    /// Its schema.
    pub schema: Option<String>,
    /// What it is doing.
    pub state: String,
    /// Its transaction: `none`, `queued`, or where it is open.
    pub transaction: String,
    /// Why it keeps its connection, if it does.
    pub pinned: Option<String>,
    /// Statements since it logged in.
    pub statements: u64,
    /// The instance it holds a connection to, if it does.
    pub backend: Option<String>,
}

/// One pool of connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolRow {
    /// The instance.
    pub instance: String,
    /// The account on the instance.
    pub user: String,
    /// The capability class its connections share.
    pub class: String,
    /// Connections that wait for work.
    pub idle: u64,
    /// Connections that are checked out.
    pub used: u64,
    /// Statements that wait for a connection.
    pub waiting: u64,
    /// Connections opened since start.
    pub opened: u64,
    /// How many connections the node opens to the instance at most.
    pub limit: u64,
}

/// One reason to keep a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinRow {
    /// The reason.
    pub reason: String,
    /// Sessions pinned by it now.
    pub sessions: u64,
    /// Pins since start.
    pub since_start: u64,
}

/// One incarnation of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRow {
    /// The node's name.
    pub node: String,
    /// Which of its incarnations; 0 on a node that shares its store with nobody.
    pub incarnation: u64,
    /// The units it serves.
    pub units: String,
    /// The program's version.
    pub version: String,
    /// `this`, `live`, `silent` or `shut-out`; `estranged` when the store was restored from a snapshot older than what this node has obeyed.
    pub state: String,
    /// For how long this node may go on writing if it is not heard again; only itself knows.
    pub lease_left: Option<u64>,
    /// The epoch in force there.
    pub in_force: Option<u64>,
    /// The moves under way of which no older write is in flight there.
    pub acknowledged: String,
}

/// One move under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveRow {
    /// Its number.
    pub id: u64,
    /// What moves, from where, to where.
    pub what: String,
    /// The step it is at.
    pub step: String,
    /// Writes that began before it and are still in flight.
    pub in_flight: u64,
    /// Writes that wait, for all moves together.
    pub held: u64,
    /// Who of its groups was farthest behind when that was last measured, and how far; nothing while nobody is.
    pub lag: Option<String>,
    /// How long this process has been at it, in milliseconds.
    pub milliseconds: u64,
    /// Who asked for it.
    pub by: String,
    /// What it waits for, or what went wrong.
    pub detail: String,
}

/// One thing a move would meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewRow {
    /// What was looked at.
    pub check: String,
    /// Where.
    pub instance: String,
    /// What was found.
    pub result: String,
}

/// One instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceRow {
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Its group.
    pub group: String,
    /// `primary` or `replica`.
    pub role: String,
    /// Where it listens.
    pub address: String,
    /// What the last probes said.
    pub health: String,
    /// More of what they said: the server's version, or why it is unhealthy.
    pub detail: String,
}
