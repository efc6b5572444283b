//! What this node's own records say of what it acknowledged and was lost with a source that was left behind by force.
//!
//! It is told as soon as the source is left behind, and needs nothing of it: the source may never come back.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::run::Mover;
use crate::backend::Pools;
use crate::control::{Author, ChangeError, Command};
use crate::model::{AcknowledgedLoss, ControlState, InstanceId, Position, Quarantine};

/// What this process knows of its own acknowledgements.
pub struct OwnRecords {
    /// The node's name.
    pub node: String,
    /// They count what they acknowledged.
    pub pools: Arc<Pools>,
}

impl OwnRecords {
    fn lost(&self, source: InstanceId, cut: &str) -> AcknowledgedLoss {
        let acknowledged = &self.pools.gauge(source).acknowledged;
        // Of the two readings of the text, the other family's is comparable to nothing.
        let kept = [Position::of_mariadb(&[cut]), Position::of_mysql(cut)];
        let at_most = kept.iter().find_map(|kept| acknowledged.lacking(kept));
        at_most.map_or(AcknowledgedLoss::NotKnown, AcknowledgedLoss::AtMost)
    }
}

impl Mover {
    /// The nodes that may have acknowledged anything, by name: all that have entered and not signed off, heard or not, and this one.
    pub(super) fn entered(&self) -> Vec<String> {
        let picture = self.tools.peers.as_ref().map(|peers| peers.picture());
        let members = picture.iter().flat_map(|picture| &picture.members);
        let mut nodes: BTreeSet<String> = members.map(|member| member.incarnation.node.clone()).collect();
        nodes.insert(self.tools.records.node.clone());
        nodes.into_iter().collect()
    }

    /// Has the store know what this node's records say, where they say more than it knows. Told anew each round: an answer of the source
    /// may have been on its way when it was left behind.
    pub(super) async fn tell_acknowledged(&self, state: &ControlState, quarantine: &Quarantine) {
        let records = &self.tools.records;
        let Some(source) = state.primary_of(quarantine.unit, quarantine.group) else { return };
        let said = records.lost(source, &quarantine.cut);
        if quarantine.acknowledged.get(&records.node).is_some_and(|known| *known >= said) {
            return;
        }
        let (group, unit, node) = (quarantine.group, quarantine.unit, records.node.clone());
        let author = Author { by: "meridian".to_owned(), at: quarantine.at };
        let record = Command::RecordAcknowledged { group, unit, node, said };
        match self.tools.controller.change(&record, &author, None).await {
            // It may have rejoined by now.
            Ok(_) | Err(ChangeError::Apply(_)) => {}
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "the loss could not be told yet"),
        }
    }
}
