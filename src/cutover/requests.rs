//! What operators ask of whoever carries moves out, and what they are told.

use std::time::Duration;

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use super::checks::{Finding, SkippedChecks};
use super::force::{ForceError, ForceWish};
use super::goal::{Goal, GoalError};
use crate::control::{Author, ChangeError};
use crate::model::{ClosureProof, Epoch, FencePosition, Forbid, MoveId};

/// How a move ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveEnd {
    /// Its number; none when it all belonged to the target already.
    pub id: Option<MoveId>,
    /// The epoch that holds now.
    pub epoch: Epoch,
    /// What moved, in words.
    pub what: String,
    /// How it ended.
    pub outcome: MoveOutcome,
    /// How long its scopes were closed, as far as this process saw.
    pub closed_for: Duration,
}

impl MoveEnd {
    /// What is answered where nothing is left to move. Errors: the operator has seen another epoch than `current`.
    pub(super) fn already_so(current: Epoch, if_epoch: Option<Epoch>) -> Result<MoveEnd, MoveError> {
        if let Some(expected) = if_epoch.filter(|expected| *expected != current) {
            return Err(ChangeError::EpochMoved { expected, current }.into());
        }
        let (what, outcome) = (String::new(), MoveOutcome::AlreadySo);
        Ok(MoveEnd { id: None, epoch: current, what, outcome, closed_for: Duration::ZERO })
    }
}

/// How a move ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MoveOutcome {
    /// The targets own it.
    Moved,
    /// They did before.
    AlreadySo,
    /// The target owns it, and the source was left behind.
    Forced(ClosureProof),
    /// It is forbidden, and everything that was written there before is in these positions.
    Fenced {
        /// What the owners had written; one for each group and owner.
        positions: Vec<FencePosition>,
        /// The nodes that were not heard, and what keeps each from writing there.
        shut_out: Vec<String>,
    },
    /// The sources own it still.
    RolledBack(String),
    /// Another node carries it on.
    HandedOver(String),
}

/// Why a move did not begin. Nothing was closed.
#[derive(Debug, Error)]
pub enum MoveError {
    /// It names nothing that can move.
    #[error(transparent)]
    Goal(#[from] GoalError),
    /// A server is not in order.
    #[error("{}", told(.0))]
    Checks(Vec<Finding>),
    /// Replication is behind.
    #[error("replication has not caught up within {within:?}: {}", .who.join(", "))]
    Behind {
        /// The deadline.
        within: Duration,
        /// Who is behind, and why.
        who: Vec<String>,
    },
    /// Writes that began before the key was placed alone do not end.
    #[error("writes that began before the key was placed alone have not ended within {0:?}; repeat the command")]
    NotDrained(Duration),
    /// The control state refused it.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// It was to be forced and is not.
    #[error("nothing was forced: {0}")]
    Force(#[from] ForceError),
    /// This node has no lease, so that the others would take the move for an orphan.
    #[error("this node has no lease at the moment and cannot carry anything out; ask another node (SHOW NODES)")]
    NotEntered,
    /// It is forbidden, and yet something that began before may still be written.
    #[error("it is forbidden, but not fenced: {0}; the forbid stays in force, see to that and repeat the command")]
    NotFenced(String),
    /// Under this forbid something is written still.
    #[error("inserts go on under FORBID UPDATES, so that nothing is closed by it; FORBID WRITES … WAIT FENCED closes")]
    StaysOpen,
    /// Somebody lifted the forbid while it was being fenced.
    #[error("the forbid was lifted before it was fenced (SHOW HISTORY)")]
    Lifted,
    /// The process is shutting down.
    #[error("the node is shutting down")]
    Stopping,
}

fn told(findings: &[Finding]) -> String {
    let faults = findings
        .iter()
        .filter_map(|finding| Some(format!("{} ({}): {}", finding.instance, finding.check, finding.fault.as_deref()?)));
    faults.collect::<Vec<_>>().join("; ")
}

/// What a move would meet.
#[derive(Debug)]
pub struct Preview {
    /// What would move, in words; empty when nothing would.
    pub what: String,
    /// What was found at the servers.
    pub findings: Vec<Finding>,
    /// Why the control state would refuse it.
    pub refusal: Option<String>,
    /// How long those who must have the sources' positions took to have them, or who did not.
    pub catch_up: Result<Duration, Vec<String>>,
    /// How long the store took for one answer; nothing when it gave none.
    pub store: Option<Duration>,
    /// The sessions of this node with writes in flight in the scopes, which the move would wait for, one entry for each write.
    pub in_flight: Vec<u32>,
    /// How long it would wait for them at most, before it ends them.
    pub drain: Duration,
}

/// What is asked.
pub(super) enum Asked {
    Move(Goal, Option<SkippedChecks>),
    Force(ForceWish),
    Fence(Forbid),
}

/// What one operator asks.
pub(super) struct MoveRequest {
    pub(super) asked: Asked,
    pub(super) author: Author,
    pub(super) if_epoch: Option<Epoch>,
    pub(super) answer: oneshot::Sender<Result<MoveEnd, MoveError>>,
}

/// The operators' end.
#[derive(Clone)]
pub struct MoveRequests(mpsc::Sender<MoveRequest>);

impl MoveRequests {
    /// Has `goal` carried out and waits for its end. Cancelling it does not end the move.
    pub async fn carry_out(
        &self,
        goal: Goal,
        skipped: Option<SkippedChecks>,
        author: Author,
        if_epoch: Option<Epoch>,
    ) -> Result<MoveEnd, MoveError> {
        self.ask(Asked::Move(goal, skipped), author, if_epoch).await
    }

    /// Has everything a lost instance owns given to another unit, and waits for its end. Cancelling it does not end the change.
    pub async fn force(&self, wish: ForceWish, author: Author, if_epoch: Option<Epoch>) -> Result<MoveEnd, MoveError> {
        self.ask(Asked::Force(wish), author, if_epoch).await
    }

    /// Has something forbidden, and waits until it is fenced. Cancelling it does not end that, and the forbid stays.
    pub async fn fence(&self, forbid: Forbid, author: Author, if_epoch: Option<Epoch>) -> Result<MoveEnd, MoveError> {
        self.ask(Asked::Fence(forbid), author, if_epoch).await
    }

    async fn ask(&self, asked: Asked, author: Author, if_epoch: Option<Epoch>) -> Result<MoveEnd, MoveError> {
        let (answer, answered) = oneshot::channel();
        let asked = self.0.send(MoveRequest { asked, author, if_epoch, answer }).await;
        asked.map_err(|_| MoveError::Stopping)?;
        answered.await.unwrap_or(Err(MoveError::Stopping))
    }
}

/// The movers' end.
pub struct MoveInbox(pub(super) mpsc::Receiver<MoveRequest>);

/// Both ends.
pub fn requests() -> (MoveRequests, MoveInbox) {
    let (sender, receiver) = mpsc::channel(16);
    (MoveRequests(sender), MoveInbox(receiver))
}
