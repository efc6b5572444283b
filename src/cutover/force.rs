//! Forced changes: everything a lost instance owns goes to another unit, and the lost one is put into quarantine.
//!
//! Nobody begins one but an operator. A source that answers is refused: a planned move loses nothing.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use thiserror::Error;
use tokio::time::{Instant, sleep, timeout};

use super::event::{self, MoveEvent};
use super::force_plan::{ForceSeen, ForceStep, next_force_step};
use super::goal;
use super::requests::{MoveEnd, MoveError, MoveOutcome};
use super::run::Mover;
use super::server::{Server, ServerError};
use super::survivors::{Left, Lost};
use crate::control::{ApplyError, Author, ChangeError, Command, past};
use crate::model::{
    ClosureProof, ControlState, Epoch, GroupId, Instance, InstanceId, MoveId, MoveKind, MovePart, UnitId,
};

/// How long a source may take to answer before it counts as one that does not.
const ANSWER: Duration = Duration::from_secs(2);

/// Between two looks at a source that may come back.
const PAUSE: Duration = Duration::from_millis(200);

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
            if let Some(expected) = if_epoch.filter(|expected| *expected != state.epoch) {
                return Err(ChangeError::EpochMoved { expected, current: state.epoch }.into());
            }
            let (what, outcome) = (String::new(), MoveOutcome::AlreadySo);
            return Ok(MoveEnd { id: None, epoch: state.epoch, what, outcome, closed_for: Duration::ZERO });
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
        self.source_is_lost(&state, wish).await?;
        self.channels_are_known(&state, wish).await?;
        let mut if_epoch = if_epoch;
        for id in planned_from(&self.state(), wish) {
            if_epoch = self.roll_back_overtaken(id, author, if_epoch).await?;
        }
        let parts = goal::owned_by(&self.state(), wish.group, wish.source, wish.target);
        let began = Instant::now();
        let id = self.begin((&parts, MoveKind::Forced), None, author, if_epoch).await?;
        let left_behind = Instant::now();
        let what = past::parts(&state, &parts);
        tracing::warn!(r#move = id.0, what, reason = wish.reason, "a forced change has begun");
        let outcome = self.force_steps(id, wish, author, left_behind).await;
        self.board.remove(id);
        self.running().remove(&id);
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

    /// A source that comes back by itself is better than a forced change.
    async fn source_is_lost(&self, state: &ControlState, wish: &ForceWish) -> Result<(), MoveError> {
        let Some(source) = state.primary_of(wish.source, wish.group) else { return Ok(()) };
        let source = state.instance(source);
        let deadline = Instant::now() + self.force.restart_first;
        loop {
            if self.answers(source).await {
                return Err(ForceError::SourceAnswers(source.name.clone()).into());
            }
            if Instant::now() >= deadline {
                return Ok(());
            }
            sleep(PAUSE).await;
        }
    }

    /// A channel that leads nowhere known may come from the source, and go on when it returns.
    async fn channels_are_known(&self, state: &ControlState, wish: &ForceWish) -> Result<(), MoveError> {
        let lost = Lost::new(state, wish.group, wish.source, &self.tools.administrator);
        match lost.unknown_channel().await {
            None => Ok(()),
            Some(channel) => Err(ForceError::UnknownChannel(channel).into()),
        }
    }

    async fn answers(&self, source: &Instance) -> bool {
        matches!(timeout(ANSWER, Server::connect(source, &self.tools.account)).await, Ok(Ok(_)))
    }

    async fn force_steps(
        &self,
        id: MoveId,
        wish: &ForceWish,
        author: &Author,
        left_behind: Instant,
    ) -> Result<ClosureProof, MoveError> {
        let state = self.state();
        let lost = Lost::new(&state, wish.group, wish.source, &self.tools.administrator);
        let answers = AtomicBool::new(false);
        // Beside the steps, because one that is frozen or cut off makes each question wait.
        let outcome = tokio::select! {
            outcome = self.force_loop(id, (wish, author), &lost, &answers, left_behind) => outcome,
            never = self.watch_source(&lost, &answers) => match never {},
        };
        if outcome.is_err()
            && let Some(target) = state.primary_of(wish.target, wish.group)
        {
            lost.start_again(&lost.look(target).await).await;
        }
        if let Err(error) = &outcome {
            tracing::error!(r#move = id.0, error = error as &dyn std::error::Error, "the forced change is not made");
        } else if let Err(error) = lost.remove_channels().await {
            // Whoever keeps quarantines tries again, for as long as it lasts.
            tracing::warn!(r#move = id.0, error = &error as &dyn std::error::Error, "a channel is removed later");
        }
        outcome
    }

    /// Tells `answers` once the source does.
    async fn watch_source(&self, lost: &Lost<'_>, answers: &AtomicBool) -> Infallible {
        loop {
            if let Some(source) = lost.source()
                && self.answers(source).await
            {
                answers.store(true, Ordering::SeqCst);
            }
            sleep(PAUSE).await;
        }
    }

    async fn force_loop(
        &self,
        id: MoveId,
        (wish, author): (&ForceWish, &Author),
        lost: &Lost<'_>,
        answers: &AtomicBool,
        left_behind: Instant,
    ) -> Result<ClosureProof, MoveError> {
        let (Some(target), Some(source)) = (lost.state.primary_of(wish.target, wish.group), lost.source()) else {
            return Err(ForceError::Restless.into());
        };
        let mut closed = None;
        let mut left: Vec<Left> = Vec::new();
        // Each instance takes four steps at most; a channel that somebody starts again takes more.
        for _ in 0..10 + 6 * lost.state.instances.len() {
            let source_answers = answers.load(Ordering::SeqCst);
            let seen = ForceSeen { source_answers, closed, survivors: left.iter().map(|one| one.seen).collect() };
            let name = |at: usize| lost.state.instance(left[at].id).name.clone();
            let step = next_force_step(&seen);
            self.post_force(id, &step);
            match step {
                ForceStep::Refuse => return Err(ForceError::SourceAnswers(source.name.clone()).into()),
                ForceStep::Close => closed = Some(self.close_source(id, wish, source, left_behind).await?),
                ForceStep::Unreachable(at) => return Err(ForceError::Unreachable(name(at)).into()),
                ForceStep::StopReceiving(at) => {
                    let channel = left[at].channel.clone().unwrap_or_default();
                    lost.stop_receiving(left[at].id, &channel).await.map_err(ForceError::from)?;
                }
                ForceStep::ApplyReceived(at) => {
                    let channel = left[at].channel.clone().unwrap_or_default();
                    let applied = lost.apply_received(left[at].id, &channel, self.deadlines.catch_up).await;
                    if !applied.map_err(ForceError::from)? {
                        return Err(ForceError::NotApplied(name(at)).into());
                    }
                }
                ForceStep::Feed(at) => {
                    // Without a channel there is no account to follow anybody with.
                    let Some(channel) = channel_of(&left, target) else {
                        return Err(ForceError::NoChannel(lost.state.instance(target).name.clone(), name(at)).into());
                    };
                    let fed = lost.feed(target, &channel, left[at].id, self.deadlines.catch_up).await;
                    if !fed.map_err(ForceError::from)? {
                        return Err(ForceError::NotFed(name(at)).into());
                    }
                }
                ForceStep::Park(at) => {
                    let channel = left[at].channel.clone().unwrap_or_default();
                    lost.park(left[at].id, &channel).await.map_err(ForceError::from)?;
                }
                ForceStep::Publish(proof) => {
                    let position = Server::connect(lost.state.instance(target), &self.tools.account).await;
                    let mut position = position.map_err(ForceError::from)?;
                    let cut = position.position().await.map_err(ForceError::from)?;
                    let reason = wish.reason.clone();
                    let publish = Command::PublishForced { id, proof, cut, nodes: self.entered(), reason };
                    self.tools.controller.change(&publish, author, None).await?;
                    return Ok(proof);
                }
            }
            left = lost.look(target).await;
        }
        Err(ForceError::Restless.into())
    }

    fn post_force(&self, id: MoveId, step: &ForceStep) {
        let word = match step {
            ForceStep::Refuse | ForceStep::Unreachable(_) => "force: refused",
            ForceStep::Close => "force: close the source",
            ForceStep::StopReceiving(_) => "force: stop receiving",
            ForceStep::ApplyReceived(_) => "force: apply what was received",
            ForceStep::Feed(_) => "force: feed the target",
            ForceStep::Park(_) => "force: park channels",
            ForceStep::Publish(_) => "force: publish",
        };
        self.board.post(id, word, String::new(), 0);
    }
}

/// The planned moves that a forced change puts an end to.
fn planned_from(state: &ControlState, wish: &ForceWish) -> Vec<MoveId> {
    let leaves = |part: &MovePart| (part.source, part.extent.group()) == (wish.source, wish.group);
    let planned = state.moves.iter().filter(|record| record.kind == MoveKind::Planned);
    planned.filter(|record| record.parts.iter().any(leaves)).map(|record| record.id).collect()
}

fn channel_of(left: &[Left], id: InstanceId) -> Option<String> {
    left.iter().find(|one| one.id == id).and_then(|one| one.channel.clone())
}
