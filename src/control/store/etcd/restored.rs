//! What an operator decides after the store was restored from a snapshot: that what this node knows is the truth.

use super::listing::Listing;
use super::messages::{Compare, TxnRequest};
use super::store::{EtcdStore, document_puts, put};
use crate::control::member_document as member;
use crate::control::store::contract::StoreError;
use crate::model::{ControlState, Epoch, Incarnation, Life, Report};

/// No epoch that may have been given between the snapshot and its return is given again, known here or not.
const EPOCHS: u64 = 1000;

/// The same of the revisions, which are the numbers of nodes' accounts.
const REVISIONS: u64 = 1 << 30;

impl EtcdStore {
    /// Puts `known` in the place of whatever is stored, under an epoch beyond all others, with every incarnation that was known here: those
    /// that entered after the snapshot was taken may still have connections somewhere, and each move has to see to them. `told` makes the
    /// state of the epoch. The epoch it has now. Errors: nodes have entered since the return, or the store does not take it.
    pub async fn restore(
        &self,
        known: &ControlState,
        told: impl FnOnce(&ControlState, Epoch) -> ControlState,
    ) -> Result<Epoch, StoreError> {
        let picture = self.pictures().borrow().clone();
        let stored = self.list().await?;
        let strangers = strangers(&stored, &picture.members)?;
        if !strangers.is_empty() {
            return Err(StoreError::Strangers { nodes: strangers });
        }
        for one in &picture.members {
            let (key, about) = (self.keys.incarnation(&one.incarnation), &one.about);
            let missing = Compare::modified_at(key.clone(), 0);
            let success = vec![put(key, member::write(about, &Report::default())?, 0)];
            // One that is still there stays as it is.
            self.client.txn(&TxnRequest { compare: vec![missing], success }).await?;
        }
        let (stored_epoch, _) = stored.written()?.unwrap_or_default();
        let next = told(known, Epoch(stored_epoch.max(known.epoch).0 + EPOCHS));
        let base = stored.base().max(picture.base) + stored.revision().max(picture.revision).unsigned_abs() + REVISIONS;
        let mut success = document_puts(&self.keys, &next)?;
        success.push(put(self.keys.base(), base.to_string().into_bytes(), 0));
        let compare = vec![Compare::modified_at(self.keys.document(), stored.document_revision())];
        match self.client.txn(&TxnRequest { compare, success }).await?.succeeded {
            true => Ok(next.epoch),
            false => Err(StoreError::Contended),
        }
    }
}

/// Living nodes that are not among `known`.
fn strangers(stored: &Listing, known: &[crate::model::Member]) -> Result<Vec<String>, StoreError> {
    let is_known = |one: &Incarnation| known.iter().any(|member| member.incarnation == *one);
    let live = stored.members()?.into_iter().filter(|member| member.life == Life::Live);
    Ok(live.filter(|member| !is_known(&member.incarnation)).map(|member| member.incarnation.to_string()).collect())
}
