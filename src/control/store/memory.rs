//! A store that forgets with the process; for tests and for worlds that are made anew at each start.

use std::collections::BTreeMap;

use async_trait::async_trait;
use tokio::sync::watch;

use super::contract::{REMEMBERED, Store, StoreError, check_swap};
use crate::model::{ControlState, Epoch};

/// A control state in memory, with its former ones.
#[derive(Debug, Default)]
pub struct MemoryStore {
    states: watch::Sender<BTreeMap<Epoch, ControlState>>,
}

#[async_trait]
impl Store for MemoryStore {
    async fn load(&self) -> Result<Option<ControlState>, StoreError> {
        Ok(self.states.borrow().last_key_value().map(|(_, state)| state.clone()))
    }

    async fn compare_and_swap(&self, expected: Option<Epoch>, next: &ControlState) -> Result<(), StoreError> {
        let mut outcome = Ok(());
        self.states.send_if_modified(|states| {
            outcome = check_swap(expected, states.last_key_value().map(|(epoch, _)| *epoch), next);
            if outcome.is_ok() {
                states.insert(next.epoch, next.clone());
                let oldest = Epoch(next.epoch.0.saturating_sub(REMEMBERED));
                states.retain(|epoch, _| *epoch > oldest || *epoch == next.epoch);
            }
            outcome.is_ok()
        });
        outcome
    }

    async fn former(&self, epoch: Epoch) -> Result<Option<ControlState>, StoreError> {
        Ok(self.states.borrow().get(&epoch).cloned())
    }

    async fn newer_than(&self, epoch: Epoch) -> Result<ControlState, StoreError> {
        let mut states = self.states.subscribe();
        let newer =
            |states: &BTreeMap<Epoch, ControlState>| states.last_key_value().is_some_and(|(last, _)| *last > epoch);
        let states = states.wait_for(newer).await.map_err(|_| StoreError::Stopped)?;
        states.last_key_value().map(|(_, state)| state.clone()).ok_or(StoreError::Stopped)
    }
}
