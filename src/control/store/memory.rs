//! A store that forgets with the process; for tests and for worlds that are made anew at each start.

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::contract::{Store, StoreError, check_swap};
use crate::model::{ControlState, Epoch};

/// A control state in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<Option<ControlState>>,
}

#[async_trait]
impl Store for MemoryStore {
    async fn load(&self) -> Result<Option<ControlState>, StoreError> {
        Ok(self.state.lock().await.clone())
    }

    async fn compare_and_swap(&self, expected: Option<Epoch>, next: &ControlState) -> Result<(), StoreError> {
        let mut state = self.state.lock().await;
        check_swap(expected, state.as_ref().map(|state| state.epoch), next)?;
        *state = Some(next.clone());
        Ok(())
    }
}
