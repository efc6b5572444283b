//! How the control document holds what was left behind by force. Written and read by [`super::document`] alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::document::{DocumentError, Names};
use crate::model::{AcknowledgedLoss, ClosureProof, ControlState, Epoch, Quarantine};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QuarantineEntry {
    group: String,
    unit: String,
    stand_in: String,
    since: u64,
    proof: ProofEntry,
    cut: String,
    loss: Option<String>,
    /// By node. None of programs that kept no records.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    acknowledged: BTreeMap<String, AcknowledgedEntry>,
    reason: String,
    by: String,
    at: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ProofEntry {
    Drained,
    FencingCommand,
    LeaseEnded,
    Unfenced,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AcknowledgedEntry {
    NotHeard,
    NotKnown,
    AtMost(u64),
}

impl QuarantineEntry {
    pub(super) fn of(one: &Quarantine, state: &ControlState) -> QuarantineEntry {
        QuarantineEntry {
            group: state.group(one.group).name.clone(),
            unit: state.unit(one.unit).name.clone(),
            stand_in: state.unit(one.stand_in).name.clone(),
            since: one.since.0,
            proof: match one.proof {
                ClosureProof::Drained => ProofEntry::Drained,
                ClosureProof::FencingCommand => ProofEntry::FencingCommand,
                ClosureProof::LeaseEnded => ProofEntry::LeaseEnded,
                ClosureProof::Unfenced => ProofEntry::Unfenced,
            },
            cut: one.cut.clone(),
            loss: one.loss.clone(),
            acknowledged: one.acknowledged.iter().map(|(node, said)| (node.clone(), entry_of(*said))).collect(),
            reason: one.reason.clone(),
            by: one.by.clone(),
            at: one.at,
        }
    }

    pub(super) fn into_quarantine(self, names: &Names) -> Result<Quarantine, DocumentError> {
        Ok(Quarantine {
            group: names.group(&self.group)?,
            unit: names.unit(&self.unit)?,
            stand_in: names.unit(&self.stand_in)?,
            since: Epoch(self.since),
            proof: match self.proof {
                ProofEntry::Drained => ClosureProof::Drained,
                ProofEntry::FencingCommand => ClosureProof::FencingCommand,
                ProofEntry::LeaseEnded => ClosureProof::LeaseEnded,
                ProofEntry::Unfenced => ClosureProof::Unfenced,
            },
            cut: self.cut,
            loss: self.loss,
            acknowledged: self.acknowledged.into_iter().map(|(node, said)| (node, said.into_loss())).collect(),
            reason: self.reason,
            by: self.by,
            at: self.at,
        })
    }
}

fn entry_of(said: AcknowledgedLoss) -> AcknowledgedEntry {
    match said {
        AcknowledgedLoss::NotHeard => AcknowledgedEntry::NotHeard,
        AcknowledgedLoss::NotKnown => AcknowledgedEntry::NotKnown,
        AcknowledgedLoss::AtMost(most) => AcknowledgedEntry::AtMost(most),
    }
}

impl AcknowledgedEntry {
    fn into_loss(self) -> AcknowledgedLoss {
        match self {
            AcknowledgedEntry::NotHeard => AcknowledgedLoss::NotHeard,
            AcknowledgedEntry::NotKnown => AcknowledgedLoss::NotKnown,
            AcknowledgedEntry::AtMost(most) => AcknowledgedLoss::AtMost(most),
        }
    }
}
