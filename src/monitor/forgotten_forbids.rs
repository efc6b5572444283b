//! An alarm for forbids that stand for long: who forgot one is told, again and again, how to lift it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use super::rounds::Rounds;
use crate::control::{Snapshots, past};
use crate::model::{Forbid, ForbidScope};
use crate::shutdown::Shutdown;

/// Looks until shutdown for forbids that have been standing for `at_most`, and tells of each once in so long.
pub async fn watch_forbids(snapshots: Arc<Snapshots>, at_most: Duration, shutdown: Shutdown) {
    let mut told: Vec<(ForbidScope, Instant)> = Vec::new();
    let mut rounds = Rounds::every(look(at_most), shutdown);
    while rounds.next().await {
        let state = Arc::clone(&snapshots.load().state);
        told.retain(|(scope, at)| at.elapsed() < at_most && state.forbids.iter().any(|forbid| forbid.scope == *scope));
        for Forbid { scope, reason, by, at, .. } in &state.forbids {
            let standing = standing(*at);
            if standing >= at_most && told.iter().all(|(known, _)| known != scope) {
                let forbidden = past::scope(&state, scope);
                tracing::warn!(
                    forbidden,
                    by,
                    reason,
                    standing = standing.as_secs(),
                    "a forbid has been standing for long; ALLOW WRITES ON lifts it"
                );
                told.push((scope.clone(), Instant::now()));
            }
        }
    }
}

/// How long a forbid of that moment, as seconds since 1970, has been standing.
fn standing(at: u64) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(Duration::from_secs(at))
}

/// Between two looks: often enough that an alarm is not late by more than a tenth.
fn look(at_most: Duration) -> Duration {
    (at_most / 10).clamp(Duration::from_millis(100), Duration::from_secs(60))
}
