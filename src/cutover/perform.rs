//! What each step of a move does, each of them harmless when done again: after a crash, by somebody else, or twice at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::acknowledged_loss::OwnRecords;
use super::checks::Check;
use super::fence_rows::{FenceRows, Guards};
use super::followers;
use super::leftovers::Leftovers;
use super::lines::Lines;
use super::peers::Peers;
use super::server::{ControlAccount, Server, ServerError};
use crate::control::Controller;
use crate::model::move_record::sources_of;
use crate::model::{ControlState, Extent, FencePosition, GroupId, Instance, InstanceId, MovePart, MoveRecord, UnitId};

/// Ends transactions of clients; the node's sessions are not known here.
pub trait EndSessions: Send + Sync {
    /// The thread at the server that carries the transaction of the session with this connection id, if there is one. Until the target is
    /// dropped, that thread's connection is used for nothing else.
    fn target_of(&self, session: u32) -> Option<KillTarget>;
}

/// A thread at a server that is to be ended.
pub struct KillTarget {
    /// The instance.
    pub instance: InstanceId,
    /// The thread.
    pub thread: u32,
    /// The account it is logged in with.
    pub account: ControlAccount,
    /// Keeps the connection from being used for anything else, and can tell the session that it is over.
    pub session: Box<dyn EndSession>,
}

/// A session whose thread is about to be ended.
pub trait EndSession: Send + Sync {
    /// Tells it that it is over: it may be waiting for its client and not notice.
    fn tell(&self);
}

/// What steps work with.
pub struct Tools {
    /// The control state, its snapshots, its gate.
    pub controller: Arc<Controller>,
    /// The account that asks servers.
    pub account: ControlAccount,
    /// Its connections that are kept during moves.
    pub lines: Arc<Lines>,
    /// The account that administers replication, for forced changes.
    pub administrator: ControlAccount,
    /// The applications' accounts at the instances, by name.
    pub applications: Vec<String>,
    /// Checks that refuse where they would only tell.
    pub strict_checks: Vec<Check>,
    /// Whose transactions are ended.
    pub sessions: Arc<dyn EndSessions>,
    /// What a former process may have left.
    pub leftovers: Leftovers,
    /// The other nodes, where the store is shared.
    pub peers: Option<Arc<Peers>>,
    /// The rows of the fence.
    pub rows: Arc<FenceRows>,
    /// What this node has acknowledged.
    pub records: OwnRecords,
}

/// The scopes of a move.
pub fn extents_of(record: &MoveRecord) -> Vec<Extent> {
    record.parts.iter().map(|part| part.extent).collect()
}

/// Waits until no write that was decided before the fence is in flight, at most `at_most`. Returns how many are.
pub async fn drain(tools: &Tools, record: &MoveRecord, at_most: Duration) -> usize {
    let (gate, extents) = (tools.controller.gate(), extents_of(record));
    match timeout(at_most, gate.drained(&extents, record.id.fence())).await {
        Ok(()) => 0,
        // Somebody may have ended since; and with a gate that is not there yet, none hinders and yet it is not drained.
        Err(_) => gate.hindering(&extents, record.id.fence()).len().max(1),
    }
}

/// Ends the sessions whose writes hinder the move, then waits as [`drain`] does.
pub async fn end_transactions(tools: &Tools, record: &MoveRecord, at_most: Duration) -> usize {
    let (gate, extents, fence) = (tools.controller.gate(), extents_of(record), record.id.fence());
    let state = Arc::clone(&tools.controller.snapshots().load().state);
    let mut sessions: Vec<u32> = gate.hindering(&extents, fence).into_iter().map(|ticket| ticket.session).collect();
    sessions.sort_unstable();
    sessions.dedup();
    for session in sessions {
        let Some(target) = tools.sessions.target_of(session) else { continue };
        // Looked at again now that the connection can change hands no more: its transaction may have ended meanwhile.
        if gate.hindering(&extents, fence).iter().all(|ticket| ticket.session != session) {
            continue;
        }
        tracing::warn!(r#move = record.id.0, session, thread = target.thread, "a transaction is ended by the move");
        if let Err(error) = kill(&state, &target).await {
            tracing::warn!(r#move = record.id.0, error = &error as &dyn std::error::Error, "it could not be ended");
        }
        target.session.tell();
    }
    drain(tools, record, at_most).await
}

async fn kill(state: &ControlState, target: &KillTarget) -> Result<(), ServerError> {
    let mut server = Server::connect(state.instance(target.instance), &target.account).await?;
    server.kill(u64::from(target.thread)).await
}

/// The other nodes that, after `at_most`, have neither said that they are drained nor are known to be unable to write.
pub async fn unheard(tools: &Tools, record: &MoveRecord, at_most: Duration) -> Vec<String> {
    let Some(peers) = &tools.peers else { return Vec::new() };
    let state = Arc::clone(&tools.controller.snapshots().load().state);
    peers.unheard(&state, record, at_most).await
}

/// What the sources have written by now.
/// Errors: a source does not answer.
pub async fn newest_positions(tools: &Tools, sources: &[(GroupId, UnitId)]) -> Result<Vec<FencePosition>, ServerError> {
    let state = Arc::clone(&tools.controller.snapshots().load().state);
    let mut positions = Vec::new();
    for (group, source) in sources.iter().copied() {
        let Some(primary) = state.primary_of(source, group) else { continue };
        let position = position_at(state.instance(primary), &tools.lines).await?;
        positions.push(FencePosition { group, source, position });
    }
    Ok(positions)
}

/// Has as many connections ready as there are questions at once while scopes are closed, so that nobody logs in while clients wait. Who does not
/// answer is told of by the questions.
pub async fn ready(tools: &Tools, parts: &[MovePart]) {
    let state = Arc::clone(&tools.controller.snapshots().load().state);
    let mut questions: BTreeMap<InstanceId, usize> = BTreeMap::new();
    for (group, source) in sources_of(parts) {
        let followers = followers::of(&state, group, source);
        let waits = followers.iter().flat_map(|follower| [Some(follower.instance), follower.through]);
        for instance in waits.chain([state.primary_of(source, group)]).flatten() {
            *questions.entry(instance).or_default() += 1;
        }
    }
    for (group, target) in targets_of(parts) {
        if let Some(primary) = state.primary_of(target, group) {
            *questions.entry(primary).or_default() += 1;
        }
    }
    let mut opening = JoinSet::new();
    for (id, count) in questions {
        let (instance, lines) = (state.instance(id).clone(), Arc::clone(&tools.lines));
        opening.spawn(async move { lines.ready(&instance, count).await });
    }
    opening.join_all().await;
}

/// Why it is not known what a source has written.
#[derive(Debug, Error)]
pub enum NotRecorded {
    /// It does not answer, or somebody else's threads there are not gone.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// Transactions are prepared there for two-phase commit: no fence ends them, and anybody may commit them later.
    #[error("{count} XA transactions are prepared at {instance}: commit or roll them back there (XA RECOVER)")]
    Prepared {
        /// The source.
        instance: String,
        /// How many.
        count: usize,
    },
}

/// What the sources have written. To be read when nothing older is in flight; where rows fence, they are closed first. Errors: a source does
/// not answer, somebody else's threads at a source are not gone, or something is prepared there that could be committed later.
pub async fn positions(tools: &Tools, record: &MoveRecord) -> Result<Vec<FencePosition>, NotRecorded> {
    let state = Arc::clone(&tools.controller.snapshots().load().state);
    tools.rows.close(&state, record, Guards::AllHeard).await?;
    let mut positions = Vec::new();
    for (group, source) in record.sources() {
        let Some(primary) = state.primary_of(source, group) else { continue };
        tools.leftovers.clear(&state, primary).await?;
        let instance = state.instance(primary);
        let mut server = tools.lines.to(instance).await?;
        let (prepared, position) = server.prepared_then_position().await?;
        tools.lines.keep(instance, server);
        if let Some(count) = prepared.filter(|count| *count > 0) {
            return Err(NotRecorded::Prepared { instance: instance.name.clone(), count });
        }
        positions.push(FencePosition { group, source, position });
    }
    Ok(positions)
}

/// Who does not have `positions` after `at_most`, and why: the target and every other instance that applies a source's stream, `without` those.
/// Nobody, when all have them.
pub async fn behind(
    tools: &Tools,
    positions: &[FencePosition],
    without: &[InstanceId],
    at_most: Duration,
) -> Vec<String> {
    let state = Arc::clone(&tools.controller.snapshots().load().state);
    let mut waits = JoinSet::new();
    for found in positions {
        let followers = followers::of(&state, found.group, found.source);
        for follower in followers.into_iter().filter(|follower| !without.contains(&follower.instance)) {
            let through = follower.through.map(|primary| state.instance(primary).clone());
            let instance = state.instance(follower.instance).clone();
            waits.spawn(lag_of(instance, through, Arc::clone(&tools.lines), found.position.clone(), at_most));
        }
    }
    let mut behind: Vec<String> = waits.join_all().await.into_iter().flatten().collect();
    behind.sort_unstable();
    behind
}

/// Whether `id` has everything that `needs` says, or why not.
pub async fn lacks(tools: &Tools, id: InstanceId, needs: &[FencePosition], at_most: Duration) -> Option<String> {
    let state = Arc::clone(&tools.controller.snapshots().load().state);
    for found in needs {
        let through = followers::follower(&state, id, found.source).through;
        let through = through.map(|primary| state.instance(primary).clone());
        let instance = state.instance(id).clone();
        let lag = lag_of(instance, through, Arc::clone(&tools.lines), found.position.clone(), at_most).await;
        if lag.is_some() {
            return lag;
        }
    }
    None
}

/// Who does not have `position` after `at_most`, and why: `instance`, or the primary it has the stream `through`.
async fn lag_of(
    instance: Instance,
    through: Option<Instance>,
    lines: Arc<Lines>,
    position: String,
    at_most: Duration,
) -> Option<String> {
    let deadline = Instant::now() + at_most;
    let Some(through) = through else { return lag_at(&instance, &lines, &position, deadline).await.err() };
    let by_its_primary = {
        let (instance, lines, position) = (instance.clone(), Arc::clone(&lines), position.clone());
        async move {
            lag_at(&through, &lines, &position, deadline).await?;
            let position = position_at(&through, &lines).await.map_err(|error| error.to_string())?;
            lag_at(&instance, &lines, &position, deadline).await
        }
    };
    let by_itself = async move { lag_at(&instance, &lines, &position, deadline).await };
    // Tasks, so that the slower one gets its answer too: a connection is only kept when its question is answered, and logging in again takes long.
    let (by_itself, by_its_primary) = (tokio::spawn(by_itself), tokio::spawn(by_its_primary));
    // Unless the last of it was left out on the way (local tables), it comes to have the very position, which takes no further question.
    tokio::select! {
        Ok(Ok(())) = by_itself => None,
        outcome = by_its_primary => outcome.unwrap_or_else(|ended| Err(ended.to_string())).err(),
    }
}

/// Errors: why `instance` does not have `position` by the `deadline`.
async fn lag_at(instance: &Instance, lines: &Lines, position: &str, deadline: Instant) -> Result<(), String> {
    let waited = async {
        let mut server = lines.to(instance).await?;
        let has = server.wait_for(position, deadline.saturating_duration_since(Instant::now())).await?;
        lines.keep(instance, server);
        Ok::<_, ServerError>(has)
    };
    match waited.await {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("{} lags", instance.name)),
        Err(error) => Err(error.to_string()),
    }
}

async fn position_at(instance: &Instance, lines: &Lines) -> Result<String, ServerError> {
    let mut server = lines.to(instance).await?;
    let position = server.position().await?;
    lines.keep(instance, server);
    Ok(position)
}

fn targets_of(parts: &[MovePart]) -> BTreeSet<(GroupId, UnitId)> {
    parts.iter().map(|part| (part.extent.group(), part.target)).collect()
}

/// Whether the target of each part takes writes. Errors: it does not answer, or is read-only.
pub async fn targets_are_open(tools: &Tools, parts: &[MovePart]) -> Result<(), String> {
    let state = Arc::clone(&tools.controller.snapshots().load().state);
    for (group, target) in targets_of(parts) {
        let Some(primary) = state.primary_of(target, group) else { continue };
        let instance = state.instance(primary);
        let read_only = async {
            let mut server = tools.lines.to(instance).await?;
            let value = server.variable("read_only").await?;
            tools.lines.keep(instance, server);
            Ok::<_, ServerError>(value)
        };
        match read_only.await {
            Ok(value) if value.as_deref() == Some("OFF") => {}
            Ok(_) => return Err(format!("{} is read-only", instance.name)),
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
}
