//! Who carries moves out: each from its goal to its end, step after step; and those a former process left, from where they are.
//!
//! A move goes on when the operator who asked for it is gone. What ends the process ends no move: the record waits for the next run.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::event::Events;
use super::force::ForceConfig;
use super::perform::Tools;
use super::plan::Deadlines;
use super::progress::Board;
use super::requests::{Asked, MoveError, MoveInbox, MoveRequest};
use crate::control::{Author, Command};
use crate::model::{ControlState, Epoch, MoveId, MoveKind, MovePart, MoveRecord, Picture};
use crate::shutdown::Shutdown;

/// Between two rounds about what is in quarantine.
const QUARANTINE_ROUND: Duration = Duration::from_secs(1);

/// Carries moves out.
pub struct Mover {
    pub(super) tools: Tools,
    pub(super) deadlines: Deadlines,
    pub(super) force: ForceConfig,
    pub(super) board: Arc<Board>,
    /// Where the end of moves is told.
    pub(super) events: Events,
    /// The moves this process carries out now.
    running: Mutex<BTreeSet<MoveId>>,
    /// How many beginnings are on their way to the store.
    beginning: AtomicUsize,
}

impl Mover {
    /// A mover that posts its progress on `board` and tells `events` of the end of moves.
    pub fn new(tools: Tools, deadlines: Deadlines, force: ForceConfig, board: Arc<Board>, events: Events) -> Mover {
        Mover { tools, deadlines, force, board, events, running: Mutex::default(), beginning: AtomicUsize::new(0) }
    }

    /// Goes on with the moves that are under way, then carries out what is asked for, several at once, until shutdown.
    pub async fn serve(self: Arc<Self>, mut inbox: MoveInbox, mut stopped: Shutdown) {
        let mut moves = JoinSet::new();
        let mut first = true;
        let mut pictures = self.tools.peers.as_ref().map(|peers| peers.nodes().pictures());
        let mut rounds = tokio::time::interval(QUARANTINE_ROUND);
        rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut keeping = JoinSet::new();
        loop {
            for id in self.orphans(std::mem::take(&mut first)) {
                tracing::warn!(r#move = id.0, "going on with a move that was under way");
                let mover = Arc::clone(&self);
                moves.spawn(async move { drop(mover.run(id).await) });
            }
            let request = tokio::select! {
                () = stopped.told() => return,
                _ = rounds.tick() => {
                    let state = self.state();
                    if keeping.is_empty() && !(state.quarantines.is_empty() && state.left_out.is_empty()) {
                        let mover = Arc::clone(&self);
                        keeping.spawn(async move {
                            mover.keep_quarantines().await;
                            mover.take_back().await;
                        });
                    }
                    continue;
                }
                Some(kept) = keeping.join_next() => {
                    if let Err(error) = kept {
                        tracing::error!(%error, "the keeping of quarantines ended by a panic; the next round goes on");
                    }
                    continue;
                }
                () = self.something_changed(&mut pictures) => continue,
                Some(ended) = moves.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "a move ended by a panic; its record stays");
                    }
                    continue;
                }
                request = inbox.0.recv() => request,
            };
            let Some(MoveRequest { asked, author, if_epoch, answer }) = request else { return };
            let mover = Arc::clone(&self);
            moves.spawn(async move {
                let outcome = match &asked {
                    Asked::Move(goal, skipped) => mover.carry_out(goal, skipped.as_ref(), &author, if_epoch).await,
                    Asked::Force(wish) => mover.force(wish, &author, if_epoch).await,
                    Asked::Fence(forbid) => mover.fence(forbid, &author, if_epoch).await,
                };
                // The operator may be gone; the log has it.
                drop(answer.send(outcome));
            });
        }
    }

    /// Moves that nobody carries out: those a former process left, those whose runner is not heard any more, and those of this node whose
    /// beginning the store took without its answer being heard.
    fn orphans(&self, at_start: bool) -> Vec<MoveId> {
        let state = self.state();
        // Looked at behind the state: whatever of it began here is still beginning now, or counts as running.
        let begins_none = self.beginning.load(Ordering::SeqCst) == 0;
        let is_orphan = |record: &&MoveRecord| match &self.tools.peers {
            None => at_start,
            Some(peers) => {
                let own = peers.own();
                let is_own = begins_none && record.runner == own;
                !own.is_empty() && (is_own || !peers.picture().is_live(&record.runner))
            }
        };
        let mut running = self.running();
        let orphans = state.moves.iter().filter(is_orphan).map(|record| record.id);
        orphans.filter(|id| running.insert(*id)).collect()
    }

    /// Has the store take a beginning that this node is to carry out; it counts as running from then on. Errors: the store did not take it, or
    /// its answer was not heard, which [`Self::orphans`] finds out.
    pub(super) async fn begin(
        &self,
        (parts, kind): (&[MovePart], MoveKind),
        skipped: Option<String>,
        author: &Author,
        if_epoch: Option<Epoch>,
    ) -> Result<MoveId, MoveError> {
        self.begin_by(|| self.begin_of(parts, kind, skipped), author, if_epoch).await
    }

    /// As [`Self::begin`], by this command.
    pub(super) async fn begin_by(
        &self,
        command: impl FnOnce() -> Command,
        author: &Author,
        if_epoch: Option<Epoch>,
    ) -> Result<MoveId, MoveError> {
        // Asked for only now: what was looked at before took time, in which this node may have entered anew.
        let begin = command();
        self.has_entered()?;
        self.beginning.fetch_add(1, Ordering::SeqCst);
        let begun = self.tools.controller.change(&begin, author, if_epoch).await;
        let id = begun.map(|begun| MoveId(begun.epoch.0));
        if let Ok(id) = &id {
            self.running().insert(*id);
        }
        self.beginning.fetch_sub(1, Ordering::SeqCst);
        Ok(id?)
    }

    /// Errors: this node has no lease, and the others would take a move of its own for one that nobody carries out.
    pub(super) fn has_entered(&self) -> Result<(), MoveError> {
        match &self.tools.peers {
            Some(peers) if peers.own().is_empty() => Err(MoveError::NotEntered),
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn running(&self) -> MutexGuard<'_, BTreeSet<MoveId>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves when other nodes came or went, or something was decided; never where there are no others.
    async fn something_changed(&self, pictures: &mut Option<watch::Receiver<Arc<Picture>>>) {
        let Some(pictures) = pictures else { return std::future::pending().await };
        if pictures.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    pub(super) fn state(&self) -> Arc<ControlState> {
        Arc::clone(&self.tools.controller.snapshots().load().state)
    }
}
