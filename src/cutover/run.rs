//! Who carries moves out: each from its goal to its end, step after step; and those a former process left, from where they are.
//!
//! A move goes on when the operator who asked for it is gone. What ends the process ends no move: the record waits for the next run.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::checks::{self, Finding};
use super::event::{self, Events, MoveEvent};
use super::fence_view::FenceStretch;
use super::force::ForceConfig;
use super::goal::{Goal, GoalError, parts_of};
use super::perform::{self, Tools};
use super::plan::{Deadlines, Seen, Step, next_step};
use super::progress::Board;
use super::requests::{Asked, MoveEnd, MoveError, MoveInbox, MoveOutcome, MoveRequest, Preview};
use crate::control::{ApplyError, Author, ChangeError, Command, past};
use crate::model::move_record::sources_of;
use crate::model::{
    ControlState, Epoch, Extent, FencePosition, GroupId, InstanceId, MoveId, MoveKind, MovePart, MovePhase, MoveRecord,
    Picture, PlainKey, Shard, ShardRange, UnitId,
};
use crate::route::placement;
use crate::shutdown::Shutdown;
use crate::sql::KeyValue;

/// How long other nodes are waited for until it is told who they are.
const LOOK: Duration = Duration::from_millis(500);

/// How long it is waited that all have what the sources have written, before it is written down: mostly they do, and clients are spared the
/// time a write of the store takes.
const AT_ONCE: Duration = Duration::from_millis(200);

/// Between two attempts at a step that went wrong.
const PAUSE: Duration = Duration::from_millis(50);

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

/// What a run of a move has behind it.
#[derive(Default)]
struct Course {
    /// Each step, and when it had ended.
    steps: Vec<(&'static str, Duration)>,
    /// Positions that all who must have them were seen to have before they were on record.
    reached: Option<Vec<FencePosition>>,
}

impl Course {
    /// `drain 3.1, record 9.0 ms`.
    fn told(&self) -> String {
        let steps = self.steps.iter().map(|(word, at)| format!("{word} {:.1}", at.as_secs_f64() * 1000.0));
        format!("{} ms", steps.collect::<Vec<_>>().join(", "))
    }
}

/// Whether a move is this process's to carry on.
enum Whose {
    Ours,
    Anothers(String),
    /// The state has to be looked at again.
    Unclear,
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
                    Asked::Move(goal) => mover.carry_out(goal, &author, if_epoch).await,
                    Asked::Force(wish) => mover.force(wish, &author, if_epoch).await,
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
        parts: &[MovePart],
        kind: MoveKind,
        author: &Author,
        if_epoch: Option<Epoch>,
    ) -> Result<MoveId, MoveError> {
        // Asked for only now: what was looked at before took time, in which this node may have entered anew.
        let begin = self.begin_of(parts, kind);
        // The others would take a move for one that nobody carries out.
        if self.tools.peers.as_ref().is_some_and(|peers| peers.own().is_empty()) {
            return Err(MoveError::NotEntered);
        }
        self.beginning.fetch_add(1, Ordering::SeqCst);
        let begun = self.tools.controller.change(&begin, author, if_epoch).await;
        let id = begun.map(|begun| MoveId(begun.epoch.0));
        if let Ok(id) = &id {
            self.running().insert(*id);
        }
        self.beginning.fetch_sub(1, Ordering::SeqCst);
        Ok(id?)
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

    /// Waits until no living node has a write in flight that was decided before `epoch`.
    async fn settled_elsewhere(&self, epoch: Epoch) -> Result<(), MoveError> {
        let Some(peers) = &self.tools.peers else { return Ok(()) };
        let mut pictures = peers.nodes().pictures();
        let settled = pictures.wait_for(|picture| picture.unsettled(epoch).is_empty());
        let in_time = tokio::time::timeout(self.deadlines.drain + self.deadlines.end, settled).await;
        in_time.map(drop).map_err(|_| MoveError::NotDrained(self.deadlines.drain + self.deadlines.end))
    }

    /// The rows of the fence as the primaries have them.
    pub async fn fences(&self) -> Vec<FenceStretch> {
        self.tools.rows.shown(&self.state()).await
    }

    /// What `goal` would meet. Changes nothing.
    pub async fn preview(&self, goal: &Goal, author: &Author) -> Result<Preview, MoveError> {
        let _until_here = self.tools.lines.in_use();
        let state = self.state();
        let parts = parts_of(goal, &state)?;
        let (findings, without) = self.findings(&state, &parts).await;
        let refusal = crate::control::apply(&state, &self.begin_of(&parts, MoveKind::Planned), author);
        let touches = |scope: &crate::model::Scope| parts.iter().any(|part| part.extent.touches(*scope));
        let in_flight = self.tools.controller.gate().in_flight();
        Ok(Preview {
            what: past::parts(&state, &parts),
            refusal: refusal.err().map(|error| error.to_string()),
            catch_up: self.catch_up(&parts, &without).await,
            in_flight: in_flight.iter().filter(|ticket| ticket.scopes.iter().any(touches)).count(),
            findings,
        })
    }

    async fn carry_out(&self, goal: &Goal, author: &Author, if_epoch: Option<Epoch>) -> Result<MoveEnd, MoveError> {
        let _until_here = self.tools.lines.in_use();
        let controller = &self.tools.controller;
        let (goal, if_epoch) = match goal {
            Goal::Key { group, key, target } => {
                let range = self.place_alone(*group, key, author, if_epoch).await?;
                (&Goal::Shards { group: *group, range, target: *target }, None)
            }
            other => (other, if_epoch),
        };
        let state = self.state();
        let parts = parts_of(goal, &state)?;
        if parts.is_empty() {
            if let Some(expected) = if_epoch.filter(|expected| *expected != state.epoch) {
                return Err(ChangeError::EpochMoved { expected, current: state.epoch }.into());
            }
            let (what, outcome) = (String::new(), MoveOutcome::AlreadySo);
            return Ok(MoveEnd { id: None, epoch: state.epoch, what, outcome, closed_for: Duration::ZERO });
        }
        // The state's own refusals come first: they need no server.
        let begin = self.begin_of(&parts, MoveKind::Planned);
        crate::control::apply(&state, &begin, author).map_err(ChangeError::from)?;
        let (findings, without) = self.findings(&state, &parts).await;
        if findings.iter().any(|finding| finding.fault.is_some()) {
            return Err(MoveError::Checks(findings));
        }
        let mut if_epoch = if_epoch;
        if !without.is_empty() {
            tracing::warn!(instances = ?without, "a move goes on without replicas that do not follow");
            let left_out = controller.change(&Command::LeaveOut { instances: without }, author, if_epoch).await?;
            if_epoch = if_epoch.map(|_| left_out.epoch);
        }
        // What lags now would lag while everybody waits.
        self.catch_up(&parts, &[]).await.map_err(|who| MoveError::Behind { within: self.deadlines.catch_up, who })?;
        let id = self.begin(&parts, MoveKind::Planned, author, if_epoch).await?;
        Ok(self.run(id).await)
    }

    /// Gives `key` a shard of its own, and waits until no write is in flight that does not know of it.
    async fn place_alone(
        &self,
        group: GroupId,
        key: &str,
        author: &Author,
        if_epoch: Option<Epoch>,
    ) -> Result<ShardRange, MoveError> {
        let state = self.state();
        let held = state.group(group);
        let shard_in =
            |state: &ControlState| placement::shard_of(state.group(group), 0, &KeyValue::Text(key.as_bytes().into()));
        let missing = || GoalError::NoSuchKey { key: key.to_owned(), group: held.name.clone() };
        let from = shard_in(&state).ok_or_else(missing)?;
        let place = Command::PlaceAlone { group, key_type: 0, key: PlainKey::of(key), from };
        self.tools.controller.change(&place, author, if_epoch).await?;
        let state = self.state();
        self.tools.rows.open(&state).await;
        let shard = shard_in(&state).ok_or_else(missing)?;
        let shards = &state.group(group).shards;
        let placed = shards.range_of(shard).map_or(state.epoch, |owned| owned.epoch);
        self.settled_elsewhere(placed).await?;
        // Such a write counts under the key's former shard; which that was is forgotten, so that all of the group count.
        let all = [Extent::Shards(group, ShardRange { first: Shard(0), last: Shard(shards.count.saturating_sub(1)) })];
        let drained = self.tools.controller.gate().drained(&all, placed);
        let in_time = tokio::time::timeout(self.deadlines.drain, drained).await;
        in_time.map_err(|_| MoveError::NotDrained(self.deadlines.drain))?;
        Ok(ShardRange { first: shard, last: shard })
    }

    pub(super) fn begin_of(&self, parts: &[MovePart], kind: MoveKind) -> Command {
        let runner = self.tools.peers.as_ref().map(|peers| peers.own()).unwrap_or_default();
        Command::BeginMove { parts: parts.to_vec(), kind, runner }
    }

    /// What was found at the servers, and the replicas that a move goes on without.
    async fn findings(&self, state: &ControlState, parts: &[MovePart]) -> (Vec<Finding>, Vec<InstanceId>) {
        let (mut findings, mut left_out) = (Vec::new(), Vec::new());
        let mut groups: Vec<GroupId> = parts.iter().map(|part| part.extent.group()).collect();
        groups.sort_unstable();
        groups.dedup();
        for group in groups {
            let of_group = || parts.iter().filter(|part| part.extent.group() == group);
            let sources: Vec<UnitId> = of_group().map(|part| part.source).collect();
            let Some(target) = of_group().map(|part| part.target).next() else { continue };
            let (account, applications) = (&self.tools.account, &self.tools.applications);
            let (found, without) = checks::of_group(state, group, &sources, target, account, applications).await;
            findings.extend(found);
            left_out.extend(without);
            findings.extend(self.rows_at(state, group, &sources, target).await);
            if let Some(peers) = &self.tools.peers {
                findings.extend(peers.fences(state, group, &sources));
                findings.extend(peers.without(state, group, target));
            }
        }
        (findings, left_out)
    }

    /// What the row fence lacks at the sources and the target.
    async fn rows_at(&self, state: &ControlState, group: GroupId, sources: &[UnitId], target: UnitId) -> Vec<Finding> {
        let mut findings = Vec::new();
        if !self.tools.rows.covers(group) {
            return findings;
        }
        for unit in sources.iter().chain([&target]) {
            let Some(primary) = state.primary_of(*unit, group) else { continue };
            let instance = state.instance(primary);
            let fault = self.tools.rows.missing_at(instance).await;
            findings.push(Finding { check: checks::Check::Fence, instance: instance.name.clone(), fault, note: None });
        }
        findings
    }

    /// How long it takes until all have what the sources have written by now; or who has not within the deadline.
    async fn catch_up(&self, parts: &[MovePart], without: &[InstanceId]) -> Result<Duration, Vec<String>> {
        perform::ready(&self.tools, parts).await;
        let began = Instant::now();
        let positions = perform::newest_positions(&self.tools, &sources_of(parts))
            .await
            .map_err(|error| vec![error.to_string()])?;
        let behind = perform::behind(&self.tools, &positions, without, self.deadlines.catch_up).await;
        if behind.is_empty() { Ok(began.elapsed()) } else { Err(behind) }
    }

    /// Steps until the move has ended.
    async fn run(&self, id: MoveId) -> MoveEnd {
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
                tracing::info!(r#move = id.0, steps = course.told(), "a move has ended");
                // A rollback has given the sources another epoch.
                self.tools.rows.open(&state).await;
                return self.ended(id, &state, last.as_ref(), reason, began.elapsed());
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
                reason = Some(why.to_string());
            }
            let word = word_of(&step);
            self.take(step, record, &mut seen, &mut course).await;
            course.steps.push((word, began.elapsed()));
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
            Step::RollBack(why) => {
                let reason = why.to_string();
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

    fn post(&self, id: MoveId, step: &Step, seen: &Seen) {
        let in_flight = seen.in_flight.unwrap_or_default();
        let waiting = (!seen.unheard.is_empty()).then(|| format!("waiting for {}", seen.unheard.join(", ")));
        self.board.post(id, word_of(step), seen.trouble.clone().or(waiting).unwrap_or_default(), in_flight);
    }

    fn ended(
        &self,
        id: MoveId,
        state: &ControlState,
        record: Option<&MoveRecord>,
        reason: Option<String>,
        closed_for: Duration,
    ) -> MoveEnd {
        let parts: &[MovePart] = record.map_or(&[], |record| &record.parts);
        let moved = parts.iter().all(|part| state.owner_of(part.extent) == Some(part.target));
        let outcome = if moved && reason.is_none() {
            MoveOutcome::Moved
        } else {
            MoveOutcome::RolledBack(reason.unwrap_or_else(|| "an operator's command ended it".to_owned()))
        };
        let what = past::parts(state, parts);
        if let Some(record) = record {
            let (outcome, reason) = match &outcome {
                MoveOutcome::RolledBack(why) => ("rolled-back", Some(why.clone())),
                MoveOutcome::Forced(proof) => ("forced", Some(proof.to_string())),
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

    pub(super) fn state(&self) -> Arc<ControlState> {
        Arc::clone(&self.tools.controller.snapshots().load().state)
    }
}

fn word_of(step: &Step) -> &'static str {
    match step {
        Step::Drain { .. } => "drain",
        Step::AwaitNodes { .. } => "await-nodes",
        Step::EndTransactions { .. } => "end-transactions",
        Step::Record => "record",
        Step::CatchUp { .. } => "catch-up",
        Step::Publish => "publish",
        Step::RollBack(_) => "roll-back",
        Step::Done => "done",
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
