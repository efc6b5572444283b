//! The course of a move: each step when the one before it has ended, whoever carries it on.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::{Instant, sleep};

use super::event::{self, MoveEvent};
use super::perform;
use super::plan::{RollBackReason, Seen, Step, next_step};
use super::progress::Took;
use super::requests::{MoveEnd, MoveOutcome};
use super::run::Mover;
use crate::control::{ApplyError, Author, ChangeError, Command, past};
use crate::model::{ControlState, Epoch, FencePosition, MoveId, MoveKind, MovePart, MovePhase, MoveRecord};

/// How long other nodes are waited for until it is told who they are.
const LOOK: Duration = Duration::from_millis(500);

/// How long it is waited that all have what the sources have written, before it is written down: mostly they do, and clients are spared the
/// time a write of the store takes.
const AT_ONCE: Duration = Duration::from_millis(200);

/// Between two attempts at a step that went wrong.
const PAUSE: Duration = Duration::from_millis(50);

/// What a run of a move has behind it.
#[derive(Default)]
struct Course {
    steps: Took,
    /// Positions that all who must have them were seen to have before they were on record; of what is fenced, nobody must.
    reached: Option<Vec<FencePosition>>,
    /// Of what is fenced: the nodes that were shut out for it, and how.
    shut_out: Vec<String>,
}

/// Whether a move is this process's to carry on.
enum Whose {
    Ours,
    Anothers(String),
    /// The state has to be looked at again.
    Unclear,
}

impl Mover {
    /// Whether this process is to go on with the move; it takes it over when its runner is not heard any more.
    async fn whose(&self, record: &MoveRecord, epoch: Epoch) -> Whose {
        let Some(peers) = &self.tools.peers else { return Whose::Ours };
        let own = peers.own();
        if !own.is_empty() && record.runner == own {
            return Whose::Ours;
        }
        if peers.picture().is_live(&record.runner) {
            return Whose::Anothers(record.runner.clone());
        }
        if !own.is_empty() {
            let take = Command::TakeMove { id: record.id, runner: own };
            match self.tools.controller.change(&take, &author_of(record), Some(epoch)).await {
                Ok(_) => tracing::warn!(r#move = record.id.0, former = record.runner, "a move is taken over"),
                Err(error) => {
                    tracing::info!(
                        r#move = record.id.0,
                        error = &error as &dyn std::error::Error,
                        "a move is not taken over"
                    );
                }
            }
        }
        sleep(PAUSE).await;
        Whose::Unclear
    }

    /// Steps until the move has ended.
    pub(super) async fn run(&self, id: MoveId) -> MoveEnd {
        let _until_here = self.tools.lines.in_use();
        let began = Instant::now();
        let (mut phase_began, mut in_recorded) = (began, false);
        let mut seen = Seen::default();
        let mut last: Option<MoveRecord> = None;
        let mut reason = None;
        let mut course = Course::default();
        loop {
            let state = self.state();
            let record = state.moves.iter().find(|record| record.id == id);
            if let (Some(MovePhase::Recorded(_)), false) = (record.map(|record| &record.phase), in_recorded) {
                (phase_began, in_recorded) = (Instant::now(), true);
                seen = Seen::default();
            }
            (seen.in_phase, seen.decided_on) = (phase_began.elapsed(), state.epoch);
            let step = next_step(record, &seen, &self.deadlines);
            let (Some(record), false) = (record, step == Step::Done) else {
                self.board.remove(id);
                self.running().remove(&id);
                tracing::info!(r#move = id.0, steps = course.steps.told(), "a move has ended");
                // A rollback has given the sources another epoch.
                self.tools.rows.open(&state).await;
                return self.ended(id, &state, last.as_ref(), (reason, course), began.elapsed());
            };
            last = Some(record.clone());
            match self.whose(record, state.epoch).await {
                Whose::Ours => {}
                Whose::Unclear => continue,
                Whose::Anothers(runner) => {
                    self.board.remove(id);
                    self.running().remove(&id);
                    let (what, outcome) = (past::parts(&state, &record.parts), MoveOutcome::HandedOver(runner));
                    return MoveEnd { id: Some(id), epoch: state.epoch, what, outcome, closed_for: began.elapsed() };
                }
            }
            self.post(id, &step, &seen);
            if let Step::RollBack(why) = &step {
                reason = Some(self.told(why, record));
            }
            let (word, waits) = (step.word(), waits(&step));
            let taken = self.take(step, record, &mut seen, &mut course);
            tokio::select! {
                () = taken => {}
                // Somebody has put an end to the move: what it waited for does not matter any more.
                () = self.gone(id), if waits => {}
            }
            course.steps.ended(word, began.elapsed());
        }
    }

    /// Resolves when the move is under way no more.
    pub(super) async fn gone(&self, id: MoveId) {
        let mut in_force = self.tools.controller.in_force();
        while self.state().moves.iter().any(|record| record.id == id) {
            if in_force.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    async fn take(&self, step: Step, record: &MoveRecord, seen: &mut Seen, course: &mut Course) {
        let id = record.id;
        match step {
            // The other nodes are waited for at the same time, and those that are not heard a while longer.
            Step::Drain { at_most } => {
                let here = perform::drain(&self.tools, record, at_most);
                let (in_flight, unheard) = tokio::join!(here, perform::unheard(&self.tools, record, at_most));
                (seen.in_flight, seen.unheard) = (Some(in_flight), unheard);
            }
            Step::AwaitNodes { at_most } => {
                seen.unheard = perform::unheard(&self.tools, record, at_most.min(LOOK)).await;
            }
            Step::EndTransactions { at_most } => {
                seen.in_flight = Some(perform::end_transactions(&self.tools, record, at_most).await);
            }
            Step::Record => match perform::positions(&self.tools, record).await {
                Ok(positions) if record.kind == MoveKind::Fencing => {
                    (seen.caught_up, course.reached) = (true, Some(positions));
                }
                Ok(positions) => match self.not_reached(record, &positions, AT_ONCE).await {
                    None => (seen.caught_up, course.reached) = (true, Some(positions)),
                    Some(_) => self.change(&Command::RecordPositions { id, positions }, record, seen).await,
                },
                Err(error) => self.trouble(id, error.to_string(), seen).await,
            },
            Step::CatchUp { at_most } => {
                let MovePhase::Recorded(positions) = &record.phase else { return };
                match self.not_reached(record, positions, at_most).await {
                    None => seen.caught_up = true,
                    Some(missing) => self.trouble(id, missing, seen).await,
                }
            }
            Step::Publish => self.publish(record, course, seen).await,
            Step::GiveBack => {
                course.shut_out = self.tools.peers.as_ref().map(|peers| peers.shut_out_for(id)).unwrap_or_default();
                let positions = course.reached.clone().unwrap_or_default();
                self.change(&Command::EndFencing { id, positions }, record, seen).await;
            }
            Step::RollBack(why) => {
                if record.kind == MoveKind::Forced {
                    // While the record keeps anybody from forcing it anew.
                    self.follow_again(record).await;
                }
                let reason = self.told(&why, record);
                self.change(&Command::RollBackMove { id, reason }, record, seen).await;
            }
            Step::Done => {}
        }
    }

    /// Why the targets cannot take over yet, after `at_most`: who lacks what the sources have written, or takes no writes.
    async fn not_reached(&self, record: &MoveRecord, positions: &[FencePosition], at_most: Duration) -> Option<String> {
        let behind = perform::behind(&self.tools, positions, &[], at_most);
        let (behind, open) = tokio::join!(behind, perform::targets_are_open(&self.tools, &record.parts));
        if behind.is_empty() { open.err() } else { Some(behind.join(", ")) }
    }

    /// The targets' rows are open before anybody can know that it owns them, so that its first write passes.
    async fn publish(&self, record: &MoveRecord, course: &Course, seen: &mut Seen) {
        let (state, id) = (self.state(), record.id);
        let positions = match record.phase {
            MovePhase::Fenced => course.reached.clone().unwrap_or_default(),
            MovePhase::Recorded(_) => Vec::new(),
        };
        let publish = Command::PublishMove { id, positions };
        if !record.sources().iter().any(|(group, _)| self.tools.rows.covers(*group)) {
            return self.change(&publish, record, seen).await;
        }
        if state.epoch != seen.decided_on {
            return;
        }
        let epoch = state.epoch.next();
        match self.tools.rows.open_targets(&state, record, epoch).await {
            // Published at that epoch or, if something else took it, once more.
            Ok(()) => self.change_on(&publish, record, Some(state.epoch), seen).await,
            Err(error) => self.trouble(id, error.to_string(), seen).await,
        }
    }

    /// A step's result goes into the record. Whatever the store says, what it holds counts: it may have taken a change it could not confirm.
    async fn change(&self, command: &Command, record: &MoveRecord, seen: &mut Seen) {
        // Where others may have taken the move over, a step is written only on the state it was decided on.
        let decided_on = self.tools.peers.as_ref().map(|_| seen.decided_on);
        self.change_on(command, record, decided_on, seen).await;
    }

    async fn change_on(&self, command: &Command, record: &MoveRecord, decided_on: Option<Epoch>, seen: &mut Seen) {
        match self.tools.controller.change(command, &author_of(record), decided_on).await {
            Ok(_) => {}
            Err(ChangeError::EpochMoved { .. }) => {}
            // Somebody else was quicker; the next look at the state tells.
            Err(ChangeError::Apply(ApplyError::NoSuchMove { .. })) => {}
            Err(error) => {
                log_unwritten(record.id, &error, command);
                self.trouble(record.id, error.to_string(), seen).await;
            }
        }
    }

    async fn trouble(&self, id: MoveId, what: String, seen: &mut Seen) {
        tracing::warn!(r#move = id.0, what, "the move does not get on");
        seen.trouble = Some(what);
        sleep(PAUSE).await;
    }

    /// Why a move goes back, with the sessions here whose writes did not end.
    fn told(&self, why: &RollBackReason, record: &MoveRecord) -> String {
        const NAMED: usize = 5;
        let RollBackReason::NotDrained { .. } = why else { return why.to_string() };
        let hindering = self.tools.controller.gate().hindering(&perform::extents_of(record), record.id.fence());
        let mut sessions: Vec<u32> = hindering.into_iter().map(|ticket| ticket.session).collect();
        sessions.sort_unstable();
        sessions.dedup();
        if sessions.is_empty() {
            return why.to_string();
        }
        let named: Vec<String> = sessions.iter().take(NAMED).map(u32::to_string).collect();
        let more = if sessions.len() > NAMED { ", …" } else { "" };
        format!("{why} (sessions {}{more}; SHOW SESSIONS)", named.join(", "))
    }

    fn post(&self, id: MoveId, step: &Step, seen: &Seen) {
        let in_flight = seen.in_flight.unwrap_or_default();
        let waiting = (!seen.unheard.is_empty()).then(|| format!("waiting for {}", seen.unheard.join(", ")));
        self.board.post(id, step.word(), seen.trouble.clone().or(waiting).unwrap_or_default(), in_flight);
    }

    fn ended(
        &self,
        id: MoveId,
        state: &ControlState,
        record: Option<&MoveRecord>,
        (reason, course): (Option<String>, Course),
        closed_for: Duration,
    ) -> MoveEnd {
        let parts: &[MovePart] = record.map_or(&[], |record| &record.parts);
        let moved = parts.iter().all(|part| state.owner_of(part.extent) == Some(part.target));
        let is_fencing = record.is_some_and(|record| record.kind == MoveKind::Fencing);
        let outcome = match (reason, course.reached) {
            // Whoever gave it back: the positions were read while it was closed.
            (None, Some(positions)) if is_fencing => MoveOutcome::Fenced { positions, shut_out: course.shut_out },
            (None, _) if moved && !is_fencing => MoveOutcome::Moved,
            (reason, _) => {
                MoveOutcome::RolledBack(reason.unwrap_or_else(|| "an operator's command ended it".to_owned()))
            }
        };
        let what = past::parts(state, parts);
        if let Some(record) = record {
            let (outcome, reason) = match &outcome {
                MoveOutcome::RolledBack(why) => ("rolled-back", Some(why.clone())),
                MoveOutcome::Forced(proof) => ("forced", Some(proof.to_string())),
                MoveOutcome::Fenced { .. } => ("fenced", None),
                MoveOutcome::Moved | MoveOutcome::AlreadySo | MoveOutcome::HandedOver(_) => ("moved", None),
            };
            self.events.tell(MoveEvent {
                id: id.0,
                what: what.clone(),
                outcome,
                reason,
                epoch: state.epoch.0,
                by: record.by.clone(),
                asked_and_ended: (record.at, author_of(record).at),
                closed_for: u64::try_from(closed_for.as_millis()).unwrap_or(u64::MAX),
                parts: parts.iter().map(|part| event::part(state, part)).collect(),
            });
        }
        MoveEnd { id: Some(id), epoch: state.epoch, what, outcome, closed_for }
    }
}

/// Whether a step changes nothing in the store: it may be broken off at any point.
fn waits(step: &Step) -> bool {
    match step {
        Step::Drain { .. } | Step::AwaitNodes { .. } | Step::EndTransactions { .. } | Step::CatchUp { .. } => true,
        Step::Record | Step::Publish | Step::GiveBack | Step::RollBack(_) | Step::Done => false,
    }
}

/// Steps are written in the name of who asked for the move.
fn author_of(record: &MoveRecord) -> Author {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Author { by: record.by.clone(), at: since.as_secs() }
}

fn log_unwritten(id: MoveId, error: &ChangeError, command: &Command) {
    let error = error as &dyn std::error::Error;
    tracing::error!(r#move = id.0, error, ?command, "the step could not be written down");
}
