//! The way from a session that changed the schema to whoever reads the catalog.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::model::{GroupId, UnitId};

/// Read the group's catalog again, at this unit's primary.
#[derive(Debug)]
pub struct CatalogRequest {
    /// The group whose schemas changed.
    pub group: GroupId,
    /// The unit whose primary has the change.
    pub unit: UnitId,
    /// Told when the new catalog is published.
    pub done: oneshot::Sender<()>,
}

/// The sessions' end.
#[derive(Clone, Debug)]
pub struct CatalogRequests(mpsc::Sender<CatalogRequest>);

impl CatalogRequests {
    /// How long a session waits for a new catalog: its statement has already succeeded at the database.
    const PATIENCE: Duration = Duration::from_secs(5);

    /// The sessions' end and the reader's end.
    pub fn channel() -> (CatalogRequests, mpsc::Receiver<CatalogRequest>) {
        let (sender, receiver) = mpsc::channel(64);
        (CatalogRequests(sender), receiver)
    }

    /// Asks for a new reading and waits until it is published, or until patience ends.
    pub async fn refresh(&self, group: GroupId, unit: UnitId) {
        let (done, published) = oneshot::channel();
        let asked = self.0.send(CatalogRequest { group, unit, done });
        let answered = timeout(Self::PATIENCE, async {
            if asked.await.is_ok() {
                let _ = published.await;
            }
        });
        if answered.await.is_err() {
            tracing::warn!(
                group = group.0,
                "the catalog was not read again in time; new tables may be refused for a while"
            );
        }
    }
}
