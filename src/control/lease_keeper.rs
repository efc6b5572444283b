//! This node among those that share its store: it enters under a lease, keeps it, follows what the others decide, and says how far it has got.
//!
//! The gate is told until when this node may write: counted from before the lease was last renewed, so that this node stops before anybody
//! else takes it for dead. A lease that has ended is not taken up again: when every older write has ended, the node enters as a new incarnation.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep, timeout};

use super::lease_clock::Moment;
use super::store::{Entry, EtcdError, EtcdStore, StoreError};
use super::{Author, Controller, WriteGate, apply};
use crate::model::{About, Claim, Epoch, Incarnation, Life, MoveId, Picture, Question, Report};
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

/// A lease is renewed this many times before it would end.
const RENEWALS: u32 = 3;

/// The part of a lease that is not used, for clocks that do not run alike: one in this many.
const MARGIN_PART: u32 = 10;

/// Tells which threads at an instance are this node's.
#[async_trait]
pub trait Threads: Send + Sync {
    /// All that are open, or were being opened when this was asked.
    async fn at(&self, instance: &str) -> Vec<u32>;
}

/// The accounts that are this node's own at the instances.
#[async_trait]
pub trait Doors: Send + Sync {
    /// Opens them under `fence`, which is higher than that of every incarnation before, wherever an instance answers soon; the others are
    /// opened when they do.
    async fn open(&self, fence: u64);

    /// Gives no connection of theirs to anybody from here on.
    fn shut(&self);

    /// Has them closed at every instance under `fence` and returns when nothing of this node's is left there: forever, where an instance
    /// does not answer.
    async fn close(&self, fence: u64);
}

/// The nodes that share a store, as one of them sees them.
#[derive(Debug)]
pub struct Nodes {
    store: Arc<EtcdStore>,
    controller: Arc<Controller>,
    name: String,
    about: About,
    /// How this node is known now; `None` while it is not.
    entry: watch::Sender<Option<Entry>>,
    /// Moves under way of whose scopes no older write is in flight here.
    drained: watch::Sender<Vec<MoveId>>,
    /// Who has drained for which move, as this node knows of itself and was told directly: before the store says so.
    told: watch::Sender<BTreeSet<(Incarnation, MoveId)>>,
    /// What is stored cannot be obeyed by this process.
    estranged: AtomicBool,
    /// No write decided under an older epoch is in flight here.
    settled: watch::Sender<Epoch>,
}

/// What keeps this node among the others.
pub struct LeaseKeeper {
    nodes: Arc<Nodes>,
    threads: Arc<dyn Threads>,
    doors: Arc<dyn Doors>,
    /// One report at a time, the newest last.
    reporting: Mutex<()>,
}

impl Nodes {
    /// For the node called `name`; it is not known to the others before [`LeaseKeeper::enter`].
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
    async fn heard(&self, revision: i64) -> Option<Arc<Picture>> {
        let mut pictures = self.pictures();
        let picture = pictures.wait_for(|picture| picture.revision >= revision).await.ok()?;
        Some(Arc::clone(&picture))
    }

    /// Resolves when somebody shuts `incarnation` out.
    async fn is_shut_out(&self, incarnation: &Incarnation) {
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
    async fn estranged_by_the_store(&self) {
        if self.store.went_back().wait_for(Option::is_some).await.is_err() {
            std::future::pending::<()>().await;
        }
        self.estranged.store(true, Ordering::SeqCst);
        self.gate().need_lease();
        if let Err(error) = self.store.holds() {
            tracing::error!(error = &error as &dyn std::error::Error, "no write is let in any more");
        }
    }

    async fn shut_out_of(&self, incarnation: Option<Incarnation>) {
        match incarnation {
            Some(incarnation) => self.is_shut_out(&incarnation).await,
            None => std::future::pending().await,
        }
    }

    fn let_in_until(&self, deadline: Moment) {
        if !self.estranged.load(Ordering::SeqCst) {
            self.gate().let_in_until(deadline);
        }
    }

    fn gate(&self) -> &Arc<WriteGate> {
        self.controller.gate()
    }
}

impl LeaseKeeper {
    /// For `nodes`' own node, whose threads at servers `threads` knows, and whose accounts there `doors` opens.
    pub fn new(nodes: Arc<Nodes>, threads: Arc<dyn Threads>, doors: Arc<dyn Doors>) -> LeaseKeeper {
        LeaseKeeper { nodes, threads, doors, reporting: Mutex::new(()) }
    }

    /// Enters as a new incarnation, and lets writes in once everything that was decided before is in force here.
    pub async fn enter(&self) -> Result<(), StoreError> {
        let nodes = &self.nodes;
        let asked = Moment::now();
        let entry = nodes.store.enter(&nodes.name, &nodes.about).await?;
        tracing::info!(incarnation = %entry.incarnation, lease = ?entry.lasts, "this node has entered");
        // Whoever decided before this revision may not have known of this incarnation: its decisions must be in force first.
        let heard = timeout(entry.lasts, nodes.heard(entry.revision)).await;
        let picture = heard.map_err(|_| EtcdError::NoLease)?.ok_or(StoreError::Stopped)?;
        self.take_over(&picture);
        let (deadline, fence) = (usable(asked, entry.lasts), entry.fence());
        let patience = entry.lasts / RENEWALS;
        nodes.entry.send_replace(Some(entry));
        self.report().await?;
        // Whoever does not answer by then keeps nobody from writing elsewhere.
        if timeout(patience, self.doors.open(fence)).await.is_err() {
            tracing::warn!("this node's accounts are not open everywhere yet");
        }
        nodes.let_in_until(deadline);
        Ok(())
    }

    /// Keeps the lease until shutdown; enters anew when it was lost. Not in a store that went back.
    pub async fn keep(self: Arc<Self>, mut stopped: Shutdown) {
        let mut until_shutdown = stopped.clone();
        tokio::select! {
            () = self.keep_entered(&mut stopped) => {}
            () = self.nodes.estranged_by_the_store() => until_shutdown.told().await,
        }
    }

    async fn keep_entered(&self, stopped: &mut Shutdown) {
        loop {
            let entry = self.nodes.entry.borrow().clone();
            let pause = match entry {
                Some(entry) => tokio::select! {
                    () = stopped.told() => return,
                    pause = self.renew(&entry) => pause,
                    () = self.nodes.is_shut_out(&entry.incarnation) => {
                        tracing::error!(incarnation = %entry.incarnation, "a move could not wait for this node and shuts it out; it enters anew");
                        self.lose(&entry).await;
                        Duration::ZERO
                    }
                },
                None => tokio::select! {
                    () = stopped.told() => return,
                    () = self.enter_anew() => Duration::ZERO,
                },
            };
            let current = self.nodes.entry.borrow().as_ref().map(|entry| entry.incarnation.clone());
            tokio::select! {
                () = stopped.told() => return,
                () = sleep(pause) => {}
                () = self.nodes.shut_out_of(current) => {}
            }
        }
    }

    /// Renews the lease once; how long to wait until the next time.
    async fn renew(&self, entry: &Entry) -> Duration {
        let nodes = &self.nodes;
        let asked = Moment::now();
        match nodes.store.keep(entry).await {
            Ok(lasts) => {
                nodes.let_in_until(usable(asked, lasts));
                lasts / RENEWALS
            }
            Err(StoreError::Etcd(EtcdError::NoLease)) => {
                tracing::error!(incarnation = %entry.incarnation, "the lease has ended; no write is let in until this node has entered anew");
                self.lose(entry).await;
                Duration::ZERO
            }
            Err(error) => {
                let left = nodes.gate().lease_left().unwrap_or_default();
                tracing::warn!(error = &error as &dyn std::error::Error, ?left, "the lease was not renewed");
                PAUSE
            }
        }
    }

    /// Waits until every write of a lost incarnation has ended; then it can write no more, and need not be known any more.
    async fn lose(&self, entry: &Entry) {
        let incarnation = &entry.incarnation;
        self.nodes.gate().need_lease();
        self.nodes.entry.send_replace(None);
        self.doors.shut();
        // Writes that nobody heard the end of count until their connections are known to be dead, which its own accounts, shut by others
        // perhaps, cannot find out any more.
        let closed = async {
            self.doors.close(entry.fence()).await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = self.nodes.gate().emptied() => {}
            () = closed => {}
        }
        while let Err(error) = self.nodes.store.forget(incarnation).await {
            tracing::warn!(error = &error as &dyn std::error::Error, %incarnation, "the lost incarnation is not signed off yet");
            sleep(PAUSE).await;
        }
    }

    async fn enter_anew(&self) {
        while let Err(error) = self.enter().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "this node has not entered anew yet");
            sleep(PAUSE).await;
        }
    }

    /// Lets what the others decide come into force here, until shutdown.
    pub async fn follow(self: Arc<Self>, mut stopped: Shutdown) {
        let mut pictures = self.nodes.pictures();
        loop {
            let picture = Arc::clone(&pictures.borrow_and_update());
            self.take_over(&picture);
            tokio::select! {
                () = stopped.told() => return,
                changed = pictures.changed() => if changed.is_err() { return },
            }
        }
    }

    fn take_over(&self, picture: &Picture) {
        let Some(state) = &picture.state else { return };
        if let Err(differences) = self.nodes.controller.follow(state) {
            // It cannot be obeyed, so nothing may be written from here any more.
            let known = self.nodes.estranged.swap(true, Ordering::SeqCst);
            self.nodes.gate().need_lease();
            if known {
                return;
            }
            tracing::error!(
                ?differences,
                epoch = state.epoch.0,
                "the stored control state has other units, groups or instances than this node was started with; restart it with the new configuration"
            );
        }
    }

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

    async fn report(&self) -> Result<(), StoreError> {
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

    /// Signs off at the end of the process, if nothing of it is left. What is left is looked for by the others.
    pub async fn leave(&self) {
        let entry = self.nodes.entry.send_replace(None);
        self.nodes.gate().need_lease();
        let Some(entry) = entry else { return };
        if !self.nodes.gate().in_flight().is_empty() {
            tracing::warn!(incarnation = %entry.incarnation, "writes are left whose end nobody has seen; the others look for them");
            return;
        }
        if let Err(error) = self.nodes.store.leave(&entry).await {
            tracing::warn!(error = &error as &dyn std::error::Error, incarnation = %entry.incarnation, "the node could not be signed off");
        }
    }

    /// Waits until the lease of another process with this node's name has ended, at most `at_most`. Whether it has.
    pub async fn alone(&self, at_most: Duration) -> bool {
        let mut pictures = self.nodes.pictures();
        let alone = |picture: &Arc<Picture>| {
            let live = picture.members.iter().filter(|member| member.life == Life::Live);
            live.filter(|member| member.incarnation.node == self.nodes.name).count() == 0
        };
        let began = Instant::now();
        let is_alone = timeout(at_most, pictures.wait_for(alone)).await.is_ok();
        if began.elapsed() > PAUSE {
            tracing::info!(waited = ?began.elapsed(), "waited for the lease of this node's former process");
        }
        is_alone
    }
}

/// Until when a lease that was asked for at `asked` and lasts `lasts` lets writes in.
fn usable(asked: Moment, lasts: Duration) -> Moment {
    asked.after(lasts - lasts / MARGIN_PART)
}
