//! The other nodes as a move sees them: it waits until each has acknowledged it, and has those that are not heard any more ended at the
//! databases.
//!
//! A node whose lease has ended lets no write in, and asks for its lease again once it has a connection to write on. So every connection it may
//! still write on was open when its lease ended, and ending all of those ends its writes. Which they are is told by what is left: every thread
//! of the applications' accounts that was there after the lease had ended and that no living node claims.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::server::{ControlAccount, Server, ServerError};
use crate::control::{Nodes, StoreError};
use crate::model::{ControlState, Incarnation, InstanceId, Life, MoveRecord, Picture, Role};
use crate::shutdown::Shutdown;

/// Between two looks at whether ended threads are gone.
const PAUSE: Duration = Duration::from_millis(10);

/// How long the living may take to say which threads are theirs.
const CLAIM_PATIENCE: Duration = Duration::from_secs(5);

/// How often somebody looks whether incarnations are left that are not heard any more.
const ROUND: Duration = Duration::from_secs(1);

/// The other nodes, and the accounts whose threads can be theirs.
pub struct Peers {
    nodes: Arc<Nodes>,
    accounts: Vec<ControlAccount>,
}

/// Why threads of silent nodes are not known to be gone.
#[derive(Debug, thiserror::Error)]
pub enum NotEnded {
    /// The server does not answer, or refuses.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The store does not.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A living node has not said which threads are its own.
    #[error("not every node has said which connections are its own")]
    Unclaimed,
    /// It logs in with an account that this node does not know.
    #[error(
        "{incarnation} may be using account '{account}', which this node does not have; end its threads by hand and RESTART it, or add the account here"
    )]
    UnknownAccount {
        /// The silent node.
        incarnation: Incarnation,
        /// The account.
        account: String,
    },
}

impl Peers {
    /// Those of `nodes`; `accounts` are the applications' at the instances.
    pub fn new(nodes: Arc<Nodes>, accounts: Vec<ControlAccount>) -> Peers {
        Peers { nodes, accounts }
    }

    /// Which incarnation this node is now; empty while it has no lease.
    pub fn own(&self) -> String {
        self.nodes.own().map(|own| own.to_string()).unwrap_or_default()
    }

    /// What is in the store.
    pub fn picture(&self) -> Arc<Picture> {
        Arc::clone(&self.nodes.pictures().borrow())
    }

    /// The nodes themselves.
    pub fn nodes(&self) -> &Arc<Nodes> {
        &self.nodes
    }

    /// Who, after `at_most`, has neither acknowledged the move nor is known to be unable to write at its sources.
    pub async fn unheard(&self, state: &ControlState, record: &MoveRecord, at_most: Duration) -> Vec<String> {
        let deadline = Instant::now() + at_most;
        let mut pictures = self.nodes.pictures();
        loop {
            let acknowledged = |picture: &Arc<Picture>| {
                picture.standing(record.id).is_some_and(|standing| standing.awaited.is_empty())
            };
            let left = deadline.saturating_duration_since(Instant::now());
            let in_time = matches!(timeout(left, pictures.wait_for(acknowledged)).await, Ok(Ok(_)));
            let standing = self.picture().standing(record.id);
            let Some(standing) = standing else { return vec!["the control store".to_owned()] };
            if !in_time {
                return names(&standing.awaited);
            }
            if !standing.awaited.is_empty() {
                continue;
            }
            if standing.silent.is_empty() {
                return Vec::new();
            }
            match self.end_silent_at_sources(state, record).await {
                // Whoever fell silent meanwhile is not among those that were ended.
                Ok(ended) if standing.silent.iter().all(|silent| ended.contains(silent)) => {
                    let now = self.picture().standing(record.id).unwrap_or_default();
                    if now.awaited.is_empty() && now.silent.iter().all(|silent| ended.contains(silent)) {
                        return Vec::new();
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(
                        r#move = record.id.0,
                        error = &error as &dyn std::error::Error,
                        "silent nodes are not known to be unable to write"
                    );
                    if Instant::now() >= deadline {
                        return names(&standing.silent);
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }

    async fn end_silent_at_sources(
        &self,
        state: &ControlState,
        record: &MoveRecord,
    ) -> Result<Vec<Incarnation>, NotEnded> {
        let mut ended: Option<Vec<Incarnation>> = None;
        for (group, source) in record.sources() {
            let Some(primary) = state.primary_of(source, group) else { continue };
            let here = self.end_silent(state, primary).await?;
            ended = Some(match ended {
                None => here,
                Some(before) => before.into_iter().filter(|silent| here.contains(silent)).collect(),
            });
        }
        Ok(ended.unwrap_or_default())
    }

    /// Ends every thread at `instance` that silent incarnations may write on, and returns when they are gone. Which incarnations that were.
    pub async fn end_silent(&self, state: &ControlState, instance: InstanceId) -> Result<Vec<Incarnation>, NotEnded> {
        let silent = silent_in(&self.picture());
        if silent.is_empty() {
            return Ok(Vec::new());
        }
        self.knows_accounts(&silent)?;
        let instance = state.instance(instance);
        let mut below = 0;
        for account in &self.accounts {
            // Their leases have ended: a thread that begins later is not one they may write on.
            below = below.max(Server::connect(instance, account).await?.birth().await?.0);
        }
        let question = self.nodes.store().ask(&instance.name).await?;
        let mut pictures = self.nodes.pictures();
        let answered = |picture: &Arc<Picture>| picture.claimed(question.number).is_some();
        let in_time = matches!(timeout(CLAIM_PATIENCE, pictures.wait_for(answered)).await, Ok(Ok(_)));
        // Whoever falls silent between the two looks is not among those whose threads this ends.
        let claimed = in_time.then(|| self.picture().claimed(question.number)).flatten();
        let outcome = match claimed {
            None => Err(NotEnded::Unclaimed),
            Some(claimed) => self.end_but(&claimed, below, instance).await,
        };
        self.nodes.store().withdraw(&question).await?;
        outcome.map(|()| silent)
    }

    async fn end_but(&self, claimed: &[u32], below: u64, instance: &crate::model::Instance) -> Result<(), NotEnded> {
        for account in &self.accounts {
            let mut server = Server::connect(instance, account).await?;
            loop {
                let claims = |thread: &u64| claimed.iter().any(|claimed| u64::from(*claimed) == *thread);
                let threads = server.own_threads().await?;
                let left: Vec<u64> = threads.into_iter().filter(|thread| *thread < below && !claims(thread)).collect();
                if left.is_empty() {
                    break;
                }
                tracing::warn!(instance = instance.name, user = account.user, threads = ?left, "ending what nodes left that are not heard any more");
                for thread in left {
                    server.kill(thread).await?;
                }
                sleep(PAUSE).await;
            }
        }
        Ok(())
    }

    fn knows_accounts(&self, silent: &[Incarnation]) -> Result<(), NotEnded> {
        let picture = self.picture();
        for incarnation in silent {
            let Some(member) = picture.member(incarnation) else { continue };
            let unknown = |account: &&String| self.accounts.iter().all(|known| known.user != **account);
            if let Some(account) = member.about.accounts.iter().find(unknown) {
                let (incarnation, account) = (incarnation.clone(), account.clone());
                return Err(NotEnded::UnknownAccount { incarnation, account });
            }
        }
        Ok(())
    }

    /// Ends silent incarnations at every primary and then forgets them, until shutdown. One living node does it for all.
    pub async fn bury(self: Arc<Self>, state: impl Fn() -> Arc<ControlState>, mut stopped: Shutdown) {
        loop {
            tokio::select! {
                () = stopped.told() => return,
                () = sleep(ROUND) => {}
            }
            let picture = self.picture();
            let first = picture.members.iter().find(|member| member.life == Life::Live);
            let is_ours = first.is_some_and(|first| Some(&first.incarnation) == self.nodes.own().as_ref());
            if !is_ours || silent_in(&picture).is_empty() {
                continue;
            }
            if let Err(error) = self.bury_once(&state()).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "nodes that are not heard any more are not ended everywhere yet"
                );
            }
        }
    }

    async fn bury_once(&self, state: &ControlState) -> Result<(), NotEnded> {
        let mut ended = silent_in(&self.picture());
        for (id, instance) in (0u16..).map(InstanceId).zip(&state.instances) {
            if instance.role == Role::Primary {
                let here = self.end_silent(state, id).await?;
                ended.retain(|silent| here.contains(silent));
            }
        }
        for incarnation in ended {
            self.nodes.store().forget(&incarnation).await?;
            tracing::info!(%incarnation, "a node that was not heard any more can write no more and is forgotten");
        }
        Ok(())
    }
}

fn silent_in(picture: &Picture) -> Vec<Incarnation> {
    let silent = picture.members.iter().filter(|member| member.life == Life::Silent);
    silent.map(|member| member.incarnation.clone()).collect()
}

fn names(incarnations: &[Incarnation]) -> Vec<String> {
    incarnations.iter().map(ToString::to_string).collect()
}
