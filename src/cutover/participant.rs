//! This node's part in moves, whoever carries them out: it sees to it that no older write of its own is left, and says so to the others.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::peers::Peers;
use super::perform;
use super::run::Mover;
use crate::control::Nodes;
use crate::model::{MoveId, MoveRecord};
use crate::shutdown::Shutdown;

/// How long transactions are waited for between two attempts to end them.
const ROUND: Duration = Duration::from_millis(500);

impl Mover {
    /// Takes part in every move that is decided anywhere, until shutdown.
    pub async fn participate(self: Arc<Self>, peers: Arc<Peers>, mut stopped: Shutdown) {
        let mut in_force = self.tools.controller.in_force();
        let mut begun: BTreeSet<MoveId> = BTreeSet::new();
        let mut parts = JoinSet::new();
        loop {
            in_force.borrow_and_update();
            let state = Arc::clone(&self.tools.controller.snapshots().load().state);
            begun.retain(|id| state.moves.iter().any(|record| record.id == *id));
            for record in state.moves.iter().filter(|record| begun.insert(record.id)) {
                let (mover, nodes, id) = (Arc::clone(&self), Arc::clone(peers.nodes()), record.id);
                parts.spawn(async move { mover.take_part(&nodes, id).await });
            }
            tokio::select! {
                () = stopped.told() => return,
                changed = in_force.changed() => if changed.is_err() { return },
                Some(ended) = parts.join_next() => if let Err(error) = ended {
                    tracing::error!(%error, "this node's part in a move ended by a panic; the move waits for it and goes back");
                },
            }
        }
    }

    async fn take_part(&self, nodes: &Nodes, id: MoveId) {
        let (mut patience, mut first) = (self.deadlines.drain, true);
        while let Some(record) = self.record(id) {
            // The runner ends its own transactions as it goes along.
            let is_ours = nodes.own().is_some_and(|own| own.to_string() == record.runner);
            let in_flight = if is_ours || first {
                perform::drain(&self.tools, &record, patience).await
            } else {
                perform::end_transactions(&self.tools, &record, patience).await
            };
            if in_flight == 0 {
                return nodes.acknowledge(id);
            }
            (patience, first) = (ROUND, false);
        }
    }

    fn record(&self, id: MoveId) -> Option<MoveRecord> {
        let snapshot = self.tools.controller.snapshots().load();
        snapshot.state.moves.iter().find(|record| record.id == id).cloned()
    }
}
