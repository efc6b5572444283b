//! Takes replicas back into service that moves went on without, once they have what the sources had written by then.

use std::time::Duration;

use super::checks;
use super::perform;
use super::run::Mover;
use crate::control::{Author, ChangeError, Command};
use crate::model::{ControlState, LeftOut};

/// How long a replica's position is waited for in one round; what it still lacks is looked at again in the next.
const LOOK: Duration = Duration::from_millis(200);

impl Mover {
    /// Once around all that are left out.
    pub(super) async fn take_back(&self) {
        let state = self.state();
        for one in &state.left_out {
            if let Err(why) = self.serves_again(&state, one).await {
                tracing::debug!(instance = state.instance(one.instance).name, why, "a replica stays out of service");
            }
        }
    }

    async fn serves_again(&self, state: &ControlState, one: &LeftOut) -> Result<(), String> {
        let instance = state.instance(one.instance);
        checks::follows(state, instance, &self.tools.account).await?;
        if let Some(lag) = perform::lacks(&self.tools, one.instance, &one.needs, LOOK).await {
            return Err(lag);
        }
        // On this state alone: a move that has begun since adds to what it needs.
        let (back, author) =
            (Command::TakeBack { instance: one.instance }, Author { by: "meridian".to_owned(), at: 0 });
        match self.tools.controller.change(&back, &author, Some(state.epoch)).await {
            Ok(_) => {
                tracing::info!(instance = instance.name, "a replica that was left out has caught up and serves again")
            }
            Err(ChangeError::EpochMoved { .. } | ChangeError::Apply(_)) => {}
            Err(error) => return Err(error.to_string()),
        }
        Ok(())
    }
}
