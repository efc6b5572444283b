//! The course of a forced change: each step when the one before it has ended, until the target owns everything or the survivors follow the source
//! again.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use super::force::{ForceError, ForceWish, PAUSE};
use super::force_plan::{ForceSeen, ForceStep, SourceChannel, may_follow_again, next_force_step, taken_over};
use super::progress::Took;
use super::requests::MoveError;
use super::run::Mover;
use super::server::Server;
use super::survivors::{Left, Lost};
use crate::control::{Author, ChangeError, Command};
use crate::model::{ClosureProof, InstanceId, MoveId, MoveRecord};

impl Mover {
    pub(super) async fn force_steps(
        &self,
        id: MoveId,
        (wish, author): (&ForceWish, &Author),
        silent: BTreeSet<InstanceId>,
        left_behind: Instant,
    ) -> Result<ClosureProof, MoveError> {
        let state = self.state();
        let Some(record) = state.moves.iter().find(|record| record.id == id) else {
            return Err(ForceError::Restless.into());
        };
        let lost = Lost::new(&state, wish.group, wish.source, &self.tools.administrator).without(silent);
        let answers = AtomicBool::new(false);
        // Beside the steps, because one that is frozen or cut off makes each question wait.
        let outcome = tokio::select! {
            outcome = self.force_loop(record, (wish, author), &lost, &answers, left_behind) => outcome,
            never = self.watch_source(&lost, &answers) => match never {},
        };
        if let Err(error) = &outcome {
            tracing::error!(r#move = id.0, error = error as &dyn std::error::Error, "the forced change is not made");
            self.follow_again(record).await;
        } else if let Err(error) = lost.remove_channels().await {
            // Whoever keeps quarantines tries again, for as long as it lasts.
            tracing::warn!(r#move = id.0, error = &error as &dyn std::error::Error, "a channel is removed later");
        }
        outcome
    }

    /// Lets the survivors of a forced change that goes back follow its source again, as far as that is for this node to say.
    pub(super) async fn follow_again(&self, record: &MoveRecord) {
        let Some(part) = record.parts.first() else { return };
        // Where the store does not answer, the record stays, and whoever goes on with it comes here again.
        let Ok(Some(stored)) = self.tools.controller.stored().await else { return };
        let (group, target) = (part.extent.group(), stored.primary_of(part.target, part.extent.group()));
        let (true, Some(target)) = (may_follow_again(&stored, record), target) else { return };
        let lost = Lost::new(&stored, group, part.source, &self.tools.administrator);
        lost.start_again(&lost.look(target).await).await;
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
        record: &MoveRecord,
        (wish, author): (&ForceWish, &Author),
        lost: &Lost<'_>,
        answers: &AtomicBool,
        left_behind: Instant,
    ) -> Result<ClosureProof, MoveError> {
        let (Some(target), Some(source)) = (lost.state.primary_of(wish.target, wish.group), lost.source()) else {
            return Err(ForceError::Restless.into());
        };
        let (id, mut closed) = (record.id, None);
        let mut took = Took::default();
        let mut left: Vec<Left> = Vec::new();
        // Each instance takes four steps at most; a channel that somebody starts again takes more.
        for _ in 0..10 + 6 * lost.state.instances.len() {
            let state = self.state();
            let taken_over = taken_over(&state, record);
            let source_answers = answers.load(Ordering::SeqCst);
            let survivors = left.iter().map(|one| one.seen).collect();
            let seen = ForceSeen { taken_over: taken_over.is_some(), source_answers, closed, survivors };
            let name = |at: usize| lost.state.instance(left[at].id).name.clone();
            let step = next_force_step(&seen);
            let word = step.word();
            self.board.post(id, word, String::new(), 0);
            match step {
                ForceStep::LeaveBe => return Err(ForceError::TakenOver(taken_over.unwrap_or_default()).into()),
                ForceStep::Refuse => return Err(ForceError::SourceAnswers(source.name.clone()).into()),
                ForceStep::Close => closed = Some(self.close_source(id, wish, source, left_behind).await?),
                ForceStep::Unreachable(at) => return Err(ForceError::Unreachable(name(at)).into()),
                // All that are alike at once: another unit is a distance away, and each look goes to all of them.
                ForceStep::StopReceiving(_) => {
                    let stopped =
                        alike(&left, SourceChannel::Receives).map(|(id, channel)| lost.stop_receiving(id, channel));
                    all_done(stopped).await?;
                }
                ForceStep::ApplyReceived(_) => {
                    let at_most = self.deadlines.catch_up;
                    let applied = alike(&left, SourceChannel::Applies).map(async |(id, channel)| {
                        let applied = lost.apply_received(id, channel, at_most).await.map_err(ForceError::from)?;
                        if applied { Ok(()) } else { Err(ForceError::NotApplied(lost.state.instance(id).name.clone())) }
                    });
                    all_done(applied).await?;
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
                ForceStep::Park(_) => {
                    let standing = alike(&left, SourceChannel::Stands);
                    let others = standing.filter(|(id, _)| lost.state.instance(*id).unit != lost.unit);
                    all_done(others.map(|(id, channel)| lost.park(id, channel))).await?;
                }
                ForceStep::Publish(proof) => {
                    let position = Server::connect(lost.state.instance(target), &self.tools.account).await;
                    let mut position = position.map_err(ForceError::from)?;
                    let cut = position.position().await.map_err(ForceError::from)?;
                    let reason = wish.reason.clone();
                    let publish = Command::PublishForced { id, proof, cut, nodes: self.entered(), reason };
                    // On the very state in which nobody had taken it over: who has lets channels follow the source again.
                    match self.tools.controller.change(&publish, author, Some(state.epoch)).await {
                        Ok(_) => {
                            took.ended(word, left_behind.elapsed());
                            tracing::info!(r#move = id.0, steps = took.told(), "a forced change has ended");
                            return Ok(proof);
                        }
                        Err(ChangeError::EpochMoved { .. }) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
            }
            took.ended(word, left_behind.elapsed());
            left = lost.look(target).await;
        }
        Err(ForceError::Restless.into())
    }
}

/// The survivors that answer and whose channel from the source does the same, with its name.
fn alike(left: &[Left], does: SourceChannel) -> impl Iterator<Item = (InstanceId, &str)> {
    let alike = left.iter().filter(move |one| one.seen.answers && one.seen.channel == does);
    alike.map(|one| (one.id, one.channel.as_deref().unwrap_or_default()))
}

/// Carries all out at once. Errors: the first one's, when all have ended: what a server still did behind our back would not be undone.
async fn all_done<E>(steps: impl Iterator<Item = impl Future<Output = Result<(), E>>>) -> Result<(), ForceError>
where
    ForceError: From<E>,
{
    Ok(join_all(steps).await.into_iter().collect::<Result<(), E>>()?)
}

fn channel_of(left: &[Left], id: InstanceId) -> Option<String> {
    left.iter().find(|one| one.id == id).and_then(|one| one.channel.clone())
}
