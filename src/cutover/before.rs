//! What is looked at, and what is done, before a move begins; and what operators see of it beforehand.

use std::time::Duration;

use tokio::time::Instant;

use super::checks::{self, Finding, SkippedChecks};
use super::fence_view::FenceStretch;
use super::goal::{Goal, GoalError, parts_of};
use super::perform;
use super::requests::{MoveEnd, MoveError, Preview};
use super::run::Mover;
use crate::control::{Author, ChangeError, Command, past};
use crate::model::move_record::sources_of;
use crate::model::{
    ControlState, Epoch, Extent, GroupId, InstanceId, MoveKind, MovePart, PlainKey, Shard, ShardRange, UnitId,
};
use crate::route::placement;
use crate::sql::KeyValue;

impl Mover {
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
        let refusal = crate::control::apply(&state, &self.begin_of(&parts, MoveKind::Planned, None), author);
        let touches = |scope: &crate::model::Scope| parts.iter().any(|part| part.extent.touches(*scope));
        let in_flight = self.tools.controller.gate().in_flight();
        let hindering = in_flight.iter().filter(|ticket| ticket.scopes.iter().any(touches));
        Ok(Preview {
            what: past::parts(&state, &parts),
            refusal: refusal.err().map(|error| error.to_string()),
            catch_up: self.catch_up(&parts, &without).await,
            store: self.store_takes().await,
            in_flight: hindering.map(|ticket| ticket.session).collect(),
            drain: self.deadlines.drain,
            findings,
        })
    }

    /// How long the store takes for one answer at the moment; nothing when it does not answer.
    async fn store_takes(&self) -> Option<Duration> {
        let began = Instant::now();
        self.tools.controller.stored().await.ok().map(|_| began.elapsed())
    }

    pub(super) async fn carry_out(
        &self,
        goal: &Goal,
        skipped: Option<&SkippedChecks>,
        author: &Author,
        if_epoch: Option<Epoch>,
    ) -> Result<MoveEnd, MoveError> {
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
            return MoveEnd::already_so(state.epoch, if_epoch);
        }
        // The state's own refusals come first: they need no server.
        let begin = self.begin_of(&parts, MoveKind::Planned, None);
        crate::control::apply(&state, &begin, author).map_err(ChangeError::from)?;
        let (findings, without) = self.findings(&state, &parts).await;
        let is_skipped = |finding: &Finding| skipped.is_some_and(|skipped| skipped.checks.contains(&finding.check));
        if findings.iter().any(|finding| finding.fault.is_some() && !is_skipped(finding)) {
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
        let id = self.begin((&parts, MoveKind::Planned), skipped.map(ToString::to_string), author, if_epoch).await?;
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
        self.settled_alone(&state, group, shard).await?;
        Ok(ShardRange { first: shard, last: shard })
    }

    /// Waits until no write is in flight that does not know that a key was placed alone in `shard`.
    pub(super) async fn settled_alone(
        &self,
        state: &ControlState,
        group: GroupId,
        shard: Shard,
    ) -> Result<(), MoveError> {
        let shards = &state.group(group).shards;
        let placed = shards.range_of(shard).map_or(state.epoch, |owned| owned.epoch);
        self.settled_elsewhere(placed).await?;
        // Such a write counts under the key's former shard; which that was is forgotten, so that all of the group count.
        let all = [Extent::Shards(group, ShardRange { first: Shard(0), last: Shard(shards.count.saturating_sub(1)) })];
        let drained = self.tools.controller.gate().drained(&all, placed);
        let in_time = tokio::time::timeout(self.deadlines.drain, drained).await;
        in_time.map_err(|_| MoveError::NotDrained(self.deadlines.drain))
    }

    /// Waits until no living node has a write in flight that was decided before `epoch`.
    async fn settled_elsewhere(&self, epoch: Epoch) -> Result<(), MoveError> {
        let Some(peers) = &self.tools.peers else { return Ok(()) };
        let mut pictures = peers.nodes().pictures();
        let settled = pictures.wait_for(|picture| picture.unsettled(epoch).is_empty());
        let in_time = tokio::time::timeout(self.deadlines.drain + self.deadlines.end, settled).await;
        in_time.map(drop).map_err(|_| MoveError::NotDrained(self.deadlines.drain + self.deadlines.end))
    }

    pub(super) fn begin_of(&self, parts: &[MovePart], kind: MoveKind, skipped: Option<String>) -> Command {
        let runner = self.tools.peers.as_ref().map(|peers| peers.own()).unwrap_or_default();
        Command::BeginMove { parts: parts.to_vec(), kind, runner, skipped }
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
            let asked = (self.tools.applications.as_slice(), self.tools.strict_checks.as_slice());
            let (found, without) = checks::of_group(state, group, &sources, target, &self.tools.account, asked).await;
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
}
