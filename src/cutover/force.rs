//! Forced changes: everything a lost instance owns goes to another unit, and the lost one is put into quarantine.
//!
//! Nobody begins one but an operator. A source that answers is refused: a planned move loses nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use thiserror::Error;
use tokio::time::{Instant, sleep, timeout};

use super::event::{self, MoveEvent};
use super::goal;
use super::requests::{MoveEnd, MoveError, MoveOutcome};
use super::run::Mover;
use super::server::{Server, ServerError};
use super::survivors::Lost;
use crate::control::{ApplyError, Author, ChangeError, Command, past};
use crate::model::{ControlState, Epoch, GroupId, Instance, InstanceId, MoveId, MoveKind, MovePart, UnitId};

/// How long a source may take to answer before it counts as one that does not.
const ANSWER: Duration = Duration::from_secs(2);

/// Between two looks at a source that may come back.
pub(super) const PAUSE: Duration = Duration::from_millis(200);

/// Why a planned move from a lost source goes back.
const OVERTAKEN: &str = "its source does not answer and is to be left behind by force";

/// A forced change as an operator asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForceWish {
    /// The group.
    pub group: GroupId,
    /// The unit whose primary is lost.
    pub source: UnitId,
    /// The unit that gets all it owns.
    pub target: UnitId,
    /// Why.
    pub reason: String,
    /// What to do without proof that nobody can write at the source.
    pub without_proof: WithoutProof,
}

/// What to do without proof that nobody can write at the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithoutProof {
    /// Nothing is changed.
    Refuse,
    /// The operator accepts that writes may be taken in two places.
    Accept,
}

/// How forced changes are made, beyond the deadlines of moves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForceConfig {
    /// How long a source may take to come back before it counts as lost.
    pub restart_first: Duration,
    /// A program that sees to it that nobody can write at a source, and exits with 0 when that is so.
    pub fencing_command: Option<Vec<String>>,
}

/// Why nothing was forced. Ownership is as before.
#[derive(Debug, Error)]
pub enum ForceError {
    /// A planned move loses nothing.
    #[error("{0} answers: move what it owns by plan (MOVE UNIT)")]
    SourceAnswers(String),
    /// Nothing proves that nobody can write there.
    #[error("nothing proves that nobody can write at {source}: {what}; end it for certain, configure a fencing_command, or add ACCEPT UNFENCED", source = .instance)]
    NotClosed {
        /// The source.
        instance: String,
        /// What was tried.
        what: String,
    },
    /// An instance of another unit cannot be asked.
    #[error("{0} does not answer, so that its channel from the source cannot be stopped")]
    Unreachable(String),
    /// It received something and cannot apply it.
    #[error("{0} does not apply what it has received from the source; see its SHOW REPLICA STATUS")]
    NotApplied(String),
    /// It has writes the target cannot get.
    #[error("{0} has writes of the source that the target cannot get from it in time")]
    NotFed(String),
    /// An instance has writes the target has no way to get.
    #[error(
        "{1} has writes of the source that {0} lacks, and {0} has no channel from the source that could be turned to {1}"
    )]
    NoChannel(String, String),
    /// A channel leads somewhere unknown: it may be the source.
    #[error(
        "{0}; nobody can tell whether that is the source: let it follow an instance by an address that leads to the same as the configured one, or stop and remove it"
    )]
    UnknownChannel(String),
    /// A server refused, or was gone.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// Another node took it over while this one was not heard: what is to be undone is undone there.
    #[error("{0} has taken it over meanwhile, and lets it go back; ask again when it has")]
    TakenOver(String),
    /// A step that was done again and again changed nothing.
    #[error("the survivors' channels do not come to rest")]
    Restless,
}

impl Mover {
    /// Carries a forced change out.
    pub(super) async fn force(
        &self,
        wish: &ForceWish,
        author: &Author,
        if_epoch: Option<Epoch>,
    ) -> Result<MoveEnd, MoveError> {
        let state = self.state();
        let parts = goal::owned_by(&state, wish.group, wish.source, wish.target);
        if parts.is_empty() {
            return MoveEnd::already_so(state.epoch, if_epoch);
        }
        let under_way = planned_from(&state, wish);
        let rolled_back = under_way.iter().try_fold((*state).clone(), |state, id| {
            crate::control::apply(&state, &Command::RollBackMove { id: *id, reason: OVERTAKEN.to_owned() }, author)
        });
        let begin = self.begin_of(&parts, MoveKind::Forced, None);
        rolled_back.and_then(|state| crate::control::apply(&state, &begin, author)).map_err(ChangeError::from)?;
        let unknown = self.tools.peers.as_ref().and_then(|peers| peers.without(&state, wish.group, wish.target));
        if let Some(finding) = unknown.filter(|finding| finding.fault.is_some()) {
            return Err(MoveError::Checks(vec![finding]));
        }
        let lost = Lost::new(&state, wish.group, wish.source, &self.tools.administrator);
        let silent = self.source_is_lost(&lost).await?;
        // Whatever leads nowhere known may come from the source, and go on when it returns.
        if let Some(channel) = lost.unknown_channel().await {
            return Err(ForceError::UnknownChannel(channel).into());
        }
        // Before it puts an end to anything: it could not go on from there.
        self.has_entered()?;
        let mut if_epoch = if_epoch;
        for id in planned_from(&self.state(), wish) {
            if_epoch = self.roll_back_overtaken(id, author, if_epoch).await?;
        }
        let parts = goal::owned_by(&self.state(), wish.group, wish.source, wish.target);
        let began = Instant::now();
        let id = self.begin((&parts, MoveKind::Forced), None, author, if_epoch).await?;
        let left_behind = Instant::now();
        let what = past::parts(&state, &parts);
        let lost_too: Vec<&str> = silent.iter().map(|id| state.instance(*id).name.as_str()).collect();
        let lost_too = lost_too.join(", ");
        tracing::warn!(r#move = id.0, what, reason = wish.reason, lost_too, "a forced change has begun");
        let outcome = self.force_steps(id, (wish, author), silent, left_behind).await;
        self.board.remove(id);
        self.running().remove(&id);
        // Its end is told where it is made.
        if let Err(taken_over @ MoveError::Force(ForceError::TakenOver(_))) = outcome {
            return Err(taken_over);
        }
        let epoch = self.state().epoch;
        let closed_for = began.elapsed();
        let told = MoveEvent {
            id: id.0,
            what: what.clone(),
            outcome: if outcome.is_ok() { "forced" } else { "rolled-back" },
            reason: Some(outcome.as_ref().map_or_else(ToString::to_string, |_| wish.reason.clone())),
            epoch: epoch.0,
            by: author.by.clone(),
            asked_and_ended: (author.at, author.at + closed_for.as_secs()),
            closed_for: u64::try_from(closed_for.as_millis()).unwrap_or(u64::MAX),
            parts: parts.iter().map(|part| event::part(&state, part)).collect(),
        };
        self.events.tell(told);
        match outcome {
            Ok(proof) => {
                tracing::warn!(r#move = id.0, what, epoch = epoch.0, %proof, ?closed_for, "a forced change is made");
                Ok(MoveEnd { id: Some(id), epoch, what, outcome: MoveOutcome::Forced(proof), closed_for })
            }
            Err(error) => {
                let reason = error.to_string();
                self.tools.controller.change(&Command::RollBackMove { id, reason }, author, None).await?;
                Err(error)
            }
        }
    }

    /// A planned move from a lost source would wait for it in vain. The epoch that must hold from then on, where one must.
    async fn roll_back_overtaken(
        &self,
        id: MoveId,
        author: &Author,
        if_epoch: Option<Epoch>,
    ) -> Result<Option<Epoch>, MoveError> {
        let back = Command::RollBackMove { id, reason: OVERTAKEN.to_owned() };
        match self.tools.controller.change(&back, author, if_epoch).await {
            Ok(back) => Ok(if_epoch.map(|_| back.epoch)),
            // It has ended meanwhile.
            Err(ChangeError::Apply(ApplyError::NoSuchMove { .. })) => Ok(if_epoch),
            Err(error) => Err(error.into()),
        }
    }

    /// A source that comes back by itself is better than a forced change. Who is lost together with it.
    async fn source_is_lost(&self, lost: &Lost<'_>) -> Result<BTreeSet<InstanceId>, MoveError> {
        let Some(source) = lost.source() else { return Ok(BTreeSet::new()) };
        let deadline = Instant::now() + self.force.restart_first;
        loop {
            let (answers, silent) = lost.ask_unit(&self.tools.account, ANSWER).await;
            if answers {
                return Err(ForceError::SourceAnswers(source.name.clone()).into());
            }
            if Instant::now() >= deadline {
                return Ok(silent);
            }
            sleep(PAUSE).await;
        }
    }

    pub(super) async fn answers(&self, source: &Instance) -> bool {
        matches!(timeout(ANSWER, Server::connect(source, &self.tools.account)).await, Ok(Ok(_)))
    }
}

/// The planned moves that a forced change puts an end to.
fn planned_from(state: &ControlState, wish: &ForceWish) -> Vec<MoveId> {
    let leaves = |part: &MovePart| (part.source, part.extent.group()) == (wish.source, wish.group);
    let planned = state.moves.iter().filter(|record| record.kind == MoveKind::Planned);
    planned.filter(|record| record.parts.iter().any(leaves)).map(|record| record.id).collect()
}
