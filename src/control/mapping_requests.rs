//! The way from a session whose statement's keys have to be looked up to whoever reads the tables that map them.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::model::UnitId;
use crate::route::{Asked, LookedUp};

/// Look these keys up.
#[derive(Debug)]
pub struct MappingRequest {
    /// The unit whose copy is read first.
    pub unit: UnitId,
    /// The keys.
    pub asked: Vec<Asked>,
    /// Told what was found: of each key, unless a server did not answer.
    pub done: oneshot::Sender<Vec<LookedUp>>,
}

/// The sessions' end.
#[derive(Clone, Debug)]
pub struct MappingRequests(mpsc::Sender<MappingRequest>);

impl MappingRequests {
    /// How long a statement waits for its keys.
    const PATIENCE: Duration = Duration::from_secs(5);

    /// The sessions' end and the reader's end.
    pub fn channel() -> (MappingRequests, mpsc::Receiver<MappingRequest>) {
        let (sender, receiver) = mpsc::channel(256);
        (MappingRequests(sender), receiver)
    }

    /// What was found for `asked`; nothing when no server answered in time.
    pub async fn look_up(&self, unit: UnitId, asked: Vec<Asked>) -> Vec<LookedUp> {
        let (done, found) = oneshot::channel();
        let request = MappingRequest { unit, asked, done };
        let answered = timeout(Self::PATIENCE, async {
            match self.0.send(request).await {
                Ok(()) => found.await.unwrap_or_default(),
                Err(_) => Vec::new(),
            }
        });
        answered.await.unwrap_or_else(|_| {
            tracing::warn!("keys were not looked up in time; their statements are refused");
            Vec::new()
        })
    }
}
