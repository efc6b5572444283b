//! This node among those that share its store: it enters under a lease, keeps it, follows what the others decide, and says how far it has got.
//!
//! The gate is told until when this node may write: counted from before the lease was last renewed, so that this node stops before anybody
//! else takes it for dead. A lease that has ended is not taken up again: when every older write has ended, the node enters as a new incarnation.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

use super::lease_clock::Moment;
use super::nodes::Nodes;
use super::store::{Entry, EtcdError, StoreError};
use crate::model::{Life, Picture};
use crate::shutdown::Shutdown;

/// Between two attempts at what the store did not do.
const PAUSE: Duration = Duration::from_millis(100);

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

/// What keeps this node among the others.
pub struct LeaseKeeper {
    pub(super) nodes: Arc<Nodes>,
    pub(super) threads: Arc<dyn Threads>,
    doors: Arc<dyn Doors>,
    /// One report at a time, the newest last.
    pub(super) reporting: Mutex<()>,
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
