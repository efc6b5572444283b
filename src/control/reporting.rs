//! What a node says of itself in the store: which epoch is in force there, what it has drained for, which threads are its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::lease_keeper::LeaseKeeper;
use super::store::StoreError;
use crate::model::{Claim, Life, Question, Report};
use crate::shutdown::Shutdown;

/// Between two attempts at what the store did not do.
const PAUSE: Duration = Duration::from_millis(100);

/// Between two looks at whether older writes have ended.
const SETTLE_PAUSE: Duration = Duration::from_millis(10);

/// What nobody waits for is said together with what comes within this time.
const GATHERING: Duration = Duration::from_millis(10);

/// The same while a move waits for writes of this node to end: said before they have, it would be in the way of what the move waits for. Less than
/// a move waits until it shuts a node out that has not taken notice.
const DRAINING: Duration = Duration::from_millis(40);

impl LeaseKeeper {
    /// Looks until what was decided before the newest epoch has ended, each time there is one, until shutdown.
    pub async fn settle(self: Arc<Self>, mut stopped: Shutdown) {
        let mut in_force = self.nodes.controller.in_force();
        loop {
            let epoch = *in_force.borrow_and_update();
            // Looked at now and then, not told by every ticket: long transactions would make all others pay.
            while self.nodes.gate().oldest().is_some_and(|oldest| oldest < epoch) {
                tokio::select! {
                    () = stopped.told() => return,
                    () = sleep(SETTLE_PAUSE) => {}
                }
            }
            self.nodes.settled.send_replace(epoch);
            tokio::select! {
                () = stopped.told() => return,
                changed = in_force.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Says how far this node has got whenever it has got further, until shutdown. At once, when a move waits for it; an epoch that has come
    /// into force is told together with what it soon brings about, or a store with many nodes would be busy with that while a move needs it.
    pub async fn report_on(self: Arc<Self>, mut stopped: Shutdown) {
        let (mut in_force, mut drained) = (self.nodes.controller.in_force(), self.nodes.drained.subscribe());
        let mut settled = self.nodes.settled.subscribe();
        let (mut questions, mut entry) = (self.nodes.pictures(), self.nodes.entry.subscribe());
        let mut answered: Vec<Question> = Vec::new();
        loop {
            let can_wait = tokio::select! {
                () = stopped.told() => return,
                Ok(()) = drained.changed() => false,
                Ok(()) = entry.changed() => false,
                Ok(()) = in_force.changed() => true,
                Ok(()) = settled.changed() => true,
                Ok(()) = questions.changed() => {
                    let asked = questions.borrow_and_update().questions.clone();
                    if asked == answered {
                        continue;
                    }
                    answered = asked;
                    false
                }
            };
            if can_wait {
                tokio::select! {
                    () = stopped.told() => return,
                    Ok(()) = drained.changed() => {}
                    () = sleep(if self.is_draining() { DRAINING } else { GATHERING }) => {}
                }
            }
            in_force.mark_unchanged();
            settled.mark_unchanged();
            if let Err(error) = self.report().await {
                tracing::warn!(error = &error as &dyn std::error::Error, "this node could not say how far it has got");
                // Said again with the next change, or now: somebody may wait for it.
                tokio::select! {
                    () = stopped.told() => return,
                    () = sleep(PAUSE) => in_force.mark_changed(),
                }
            }
        }
    }

    /// Whether a move waits for older writes of this node.
    fn is_draining(&self) -> bool {
        let state = Arc::clone(&self.nodes.controller.snapshots().load().state);
        let drained = self.nodes.drained.borrow();
        state.moves.iter().any(|record| !drained.contains(&record.id))
    }

    pub(super) async fn report(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.reporting.lock().await;
        let nodes = &self.nodes;
        let Some(entry) = nodes.entry.borrow().clone() else { return Ok(()) };
        let picture = Arc::clone(&nodes.pictures().borrow());
        let mut claims = Vec::new();
        for question in &picture.questions {
            claims.push(Claim { question: question.number, threads: self.threads.at(&question.instance).await });
        }
        let state = Arc::clone(&nodes.controller.snapshots().load().state);
        nodes.drained.send_if_modified(|drained| {
            drained.retain(|id| state.moves.iter().any(|record| record.id == *id));
            false
        });
        let drained = nodes.drained.borrow().clone();
        let (seen, settled) = (*nodes.controller.in_force().borrow(), *nodes.settled.borrow());
        let report = Report { seen, settled, drained, claims };
        if picture.member(&entry.incarnation).is_some_and(|known| known.life == Life::Live && known.report == report) {
            return Ok(());
        }
        nodes.store.report(&entry, &report).await
    }
}
