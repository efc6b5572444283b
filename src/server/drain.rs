//! The end of a node's service: transactions and pinned sessions go on until a deadline, everything else ends at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::frontend::registry::SessionEntry;
use crate::frontend::worker::Node;
use crate::shutdown::Stop;

/// Within which part of the deadline sessions may still begin something, at most [`LONGEST_GRACE`].
const GRACE_PART: u32 = 2;

/// How long sessions may still begin something, at most.
const LONGEST_GRACE: Duration = Duration::from_secs(5);

/// The way to end a node, for operators and for its successor.
pub struct Drain {
    node: Arc<Node>,
    asked: Stop,
}

impl Drain {
    /// For `node`; whoever waits for `asked` then ends it.
    pub fn new(node: Arc<Node>, asked: Stop) -> Drain {
        Drain { node, asked }
    }

    /// Begins to end the node. Who keeps it from ending, and how long it will wait for them.
    pub fn begin(&self) -> (Vec<String>, Duration) {
        let deadline = begin(&self.node);
        self.asked.tell();
        (blockers(&self.node), deadline)
    }
}

/// From now on nothing new begins, but for a short grace. How long the rest may take.
fn begin(node: &Node) -> Duration {
    let deadline = node.limits.load().drain_deadline;
    node.registry.begin_drain(Instant::now() + (deadline / GRACE_PART).min(LONGEST_GRACE));
    deadline
}

/// Ends the sessions that can end, and waits for the others until the deadline or until `hurry` resolves.
pub async fn drain(node: &Node, hurry: impl Future<Output = ()>) {
    let patience = begin(node);
    let deadline = Instant::now() + patience;
    let sessions = node.registry.all().len();
    tracing::info!(sessions, blockers = ?blockers(node), ?patience, "draining: transactions may end, nothing new begins");
    tokio::select! {
        () = node.registry.emptied(deadline) => {}
        () = hurry => tracing::warn!("told again to end: waiting no longer"),
    }
    let left = blockers(node);
    if !left.is_empty() {
        tracing::warn!(blockers = ?left, "sessions did not end in time and are ended now; their transactions are rolled back");
    }
}

/// The sessions that have something to finish, each in a sentence.
fn blockers(node: &Node) -> Vec<String> {
    let snapshot = node.snapshots.load();
    let told = |entry: &Arc<SessionEntry>| {
        let shown = entry.shown();
        let why = match (shown.in_transaction, shown.pin) {
            (true, _) => "a transaction is open".to_owned(),
            (false, Some(reason)) => format!("pinned by {reason:?}"),
            (false, None) => return None,
        };
        let place = entry
            .running()
            .map(|(instance, thread)| format!(" on {} (thread {thread})", snapshot.state.instance(instance).name));
        Some(format!(
            "session {} of {}@{}: {why}{}",
            entry.id,
            entry.identity().user,
            entry.client,
            place.unwrap_or_default()
        ))
    };
    let mut entries = node.registry.all();
    entries.sort_by_key(|entry| entry.id);
    entries.iter().filter_map(told).collect()
}
