//! The nodes that share a store, as one of them sees them, and what it has to say of itself.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::lease_clock::Moment;
use super::store::{Entry, EtcdStore, StoreError};
use super::{Author, Controller, WriteGate, apply};
use crate::model::{About, Epoch, Incarnation, MoveId, Picture};

/// The nodes that share a store, as one of them sees them.
#[derive(Debug)]
pub struct Nodes {
    pub(super) store: Arc<EtcdStore>,
    pub(super) controller: Arc<Controller>,
    pub(super) name: String,
    pub(super) about: About,
    /// How this node is known now; `None` while it is not.
    pub(super) entry: watch::Sender<Option<Entry>>,
    /// Moves under way of whose scopes no older write is in flight here.
    pub(super) drained: watch::Sender<Vec<MoveId>>,
    /// Who has drained for which move, as this node knows of itself and was told directly: before the store says so.
    told: watch::Sender<BTreeSet<(Incarnation, MoveId)>>,
    /// What is stored cannot be obeyed by this process.
    pub(super) estranged: AtomicBool,
    /// No write decided under an older epoch is in flight here.
    pub(super) settled: watch::Sender<Epoch>,
}

impl Nodes {
    /// For the node called `name`; it is not known to the others before [`super::LeaseKeeper::enter`].
    pub fn new(store: Arc<EtcdStore>, controller: Arc<Controller>, name: String, about: About) -> Arc<Nodes> {
        controller.gate().need_lease();
        let (entry, drained) = (watch::Sender::new(None), watch::Sender::new(Vec::new()));
        Arc::new(Nodes {
            store,
            controller,
            name,
            about,
            entry,
            drained,
            told: watch::Sender::default(),
            estranged: AtomicBool::new(false),
            settled: watch::Sender::default(),
        })
    }

    /// The store itself.
    pub fn store(&self) -> &Arc<EtcdStore> {
        &self.store
    }

    /// Everything in the store, and each newer picture of it.
    pub fn pictures(&self) -> watch::Receiver<Arc<Picture>> {
        self.store.pictures()
    }

    /// Which incarnation this node is now; `None` while it has no lease.
    pub fn own(&self) -> Option<Incarnation> {
        self.entry.borrow().as_ref().map(|entry| entry.incarnation.clone())
    }

    /// No write that is older than move `id` and touches it is in flight at this node, nor will there be.
    pub fn acknowledge(&self, id: MoveId) {
        self.drained.send_if_modified(|drained| {
            let news = !drained.contains(&id);
            if news {
                drained.push(id);
            }
            news
        });
        if let Some(own) = self.own() {
            self.hear(own, id);
        }
    }

    /// No write of `incarnation` that is older than move `id` and touches it is in flight, nor will there be: it says so itself.
    pub(super) fn hear(&self, incarnation: Incarnation, id: MoveId) {
        let state = Arc::clone(&self.controller.snapshots().load().state);
        let oldest = state.moves.iter().map(|record| record.id).min().map_or(id, |oldest| oldest.min(id));
        self.told.send_if_modified(|told| {
            told.retain(|(_, known)| *known >= oldest);
            told.insert((incarnation, id))
        });
    }

    /// Who has drained for which move, of those who told directly; a move's end is not told.
    pub fn told(&self) -> watch::Receiver<BTreeSet<(Incarnation, MoveId)>> {
        self.told.subscribe()
    }

    /// The moves this node has drained for.
    pub(super) fn drained(&self) -> watch::Receiver<Vec<MoveId>> {
        self.drained.subscribe()
    }

    /// The incarnation that carries a move out, as its record names it.
    pub(super) fn runner_of(&self, id: MoveId) -> Option<String> {
        let snapshot = self.controller.snapshots().load();
        snapshot.state.moves.iter().find(|record| record.id == id).map(|record| record.runner.clone())
    }

    /// Waits until `epoch` is in force at every living node, at most `at_most`. Those at which it is not known to be.
    pub async fn in_force(&self, epoch: Epoch, at_most: Duration) -> Vec<Incarnation> {
        let mut pictures = self.pictures();
        let everywhere = |picture: &Arc<Picture>| picture.behind(epoch).is_empty();
        match timeout(at_most, pictures.wait_for(everywhere)).await {
            Ok(_) => Vec::new(),
            Err(_) => self.pictures().borrow().behind(epoch),
        }
    }

    /// The first picture that shows `revision`; `None` at the end of the process.
    pub(super) async fn heard(&self, revision: i64) -> Option<Arc<Picture>> {
        let mut pictures = self.pictures();
        let picture = pictures.wait_for(|picture| picture.revision >= revision).await.ok()?;
        Some(Arc::clone(&picture))
    }

    /// Resolves when somebody shuts `incarnation` out.
    pub(super) async fn is_shut_out(&self, incarnation: &Incarnation) {
        let mut pictures = self.pictures();
        let told = |picture: &Arc<Picture>| picture.member(incarnation).is_some_and(|member| member.is_shut_out);
        if pictures.wait_for(told).await.is_err() {
            std::future::pending().await
        }
    }

    /// Puts what this node knows in the place of what the store holds after it was restored from a snapshot. The epoch it has now; every node
    /// has to be started again then. Errors: nodes have entered that know less, or the store does not take it.
    pub async fn restore(&self, reason: &str, author: &Author) -> Result<Epoch, StoreError> {
        let known = self.controller.newest();
        self.store.restore(&known, |state, epoch| apply::restored(state, epoch, reason, author)).await
    }

    /// Whether the store was restored from a snapshot older than what this node has obeyed.
    pub fn store_went_back(&self) -> bool {
        self.store.went_back().borrow().is_some()
    }

    /// Resolves when the store turns out to have been restored from an older snapshot: no write is let in from then on.
    pub(super) async fn estranged_by_the_store(&self) {
        if self.store.went_back().wait_for(Option::is_some).await.is_err() {
            std::future::pending::<()>().await;
        }
        self.estranged.store(true, Ordering::SeqCst);
        self.gate().need_lease();
        if let Err(error) = self.store.holds() {
            tracing::error!(error = &error as &dyn std::error::Error, "no write is let in any more");
        }
    }

    pub(super) async fn shut_out_of(&self, incarnation: Option<Incarnation>) {
        match incarnation {
            Some(incarnation) => self.is_shut_out(&incarnation).await,
            None => std::future::pending().await,
        }
    }

    pub(super) fn let_in_until(&self, deadline: Moment) {
        if !self.estranged.load(Ordering::SeqCst) {
            self.gate().let_in_until(deadline);
        }
    }

    pub(super) fn gate(&self) -> &Arc<WriteGate> {
        self.controller.gate()
    }
}
