//! What is done for held writes before they are let go: logging in at the new owner may take longer than the move itself.

use std::rc::Rc;
use std::sync::Arc;

use super::reading::login_names;
use super::session::Session;
use crate::backend::Wanted;
use crate::model::{MoveId, Snapshot};
use crate::route::Route;

/// How many connections to one instance are ready at most, or nearly, before anybody may use them.
const MOST: usize = 64;

impl Session {
    /// Has a connection to the coming owner opened for a write that begins to wait for move `id`, unless there are enough for all who wait.
    pub(super) fn open_ahead(&mut self, id: MoveId, route: &Route, snapshot: &Snapshot) {
        let state = &snapshot.state;
        let Some(record) = state.moves.iter().find(|record| record.id == id) else { return };
        let is_its_own = |scope: &_| record.parts.iter().find(|part| part.extent.touches(*scope));
        let Some(part) = route.scopes.iter().find_map(is_its_own) else { return };
        let Some(instance) = state.primary_of(part.target, part.extent.group()) else { return };
        let pool = self.pool_of(instance);
        let enough = (self.worker.node.room.writes() + 1).min(MOST);
        let (worker, wanted) = (Rc::clone(&self.worker), Arc::clone(&self.state));
        let (client, names) = (self.presence.entry.client, login_names(self.collation));
        tokio::task::spawn_local(async move {
            let wanted = Wanted { state: &wanted, client: &client, attributes: None };
            if let Err(error) = worker.node.pools.open_ahead(worker.number, pool, wanted, (enough, &names)).await {
                // Whoever needs one then is told.
                tracing::debug!(error = &error as &dyn std::error::Error, "no connection was opened ahead");
            }
        });
    }
}
