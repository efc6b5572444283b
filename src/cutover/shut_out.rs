//! Seeing to it that nodes which are not heard can write no more at an instance: their accounts are closed, their threads ended, or the rows are
//! closed over them.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::closing::{AtSource, Closing, Unheard, next_closing};
use super::fence_rows::Guards;
use super::node_accounts;
use super::peers::{Peers, compares_rows, has_own_accounts, names, silent_in};
use super::server::{Server, ServerError};
use crate::control::StoreError;
use crate::model::{ControlState, GroupId, Incarnation, Instance, InstanceId, Life, Member, MoveRecord, Picture, Role};
use crate::shutdown::Shutdown;

/// Between two looks at whether ended threads are gone.
const PAUSE: Duration = Duration::from_millis(10);

/// How long the living may take to say which threads are theirs.
const CLAIM_PATIENCE: Duration = Duration::from_secs(5);

/// How often somebody looks whether incarnations are left that are not heard any more.
const ROUND: Duration = Duration::from_secs(1);

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
    /// Sees to it that none of `due` can write at the sources of a move. Those that cannot.
    pub(super) async fn end_at_sources(
        &self,
        state: &ControlState,
        record: &MoveRecord,
        due: &[Incarnation],
    ) -> Result<Vec<Incarnation>, NotEnded> {
        let mut ended: Option<Vec<Incarnation>> = None;
        for (group, source) in record.sources() {
            let Some(primary) = state.primary_of(source, group) else { continue };
            let by_rows = self.held_by_rows(state, group, due);
            if !by_rows.is_empty() {
                tracing::warn!(r#move = record.id.0, nodes = ?names(&by_rows), "rows are closed over nodes that are not heard");
                self.rows.close_at(state, record, (group, source), Guards::Taken).await?;
            }
            let others: Vec<Incarnation> = due.iter().filter(|one| !by_rows.contains(one)).cloned().collect();
            let mut here = if others.is_empty() { Vec::new() } else { self.end(state, primary, &others).await? };
            here.extend(by_rows);
            ended = Some(match ended {
                None => here,
                Some(before) => before.into_iter().filter(|one| here.contains(one)).collect(),
            });
        }
        Ok(ended.unwrap_or_default())
    }

    /// Those of `due` that write nothing of the group past its rows.
    pub(super) fn held_by_rows(&self, state: &ControlState, group: GroupId, due: &[Incarnation]) -> Vec<Incarnation> {
        let (picture, name) = (self.picture(), &state.group(group).name);
        let held =
            |one: &&Incarnation| picture.member(one).is_some_and(|member| self.is_held_by_rows(member, group, name));
        due.iter().filter(held).cloned().collect()
    }

    pub(super) fn is_held_by_rows(&self, member: &Member, group: GroupId, name: &str) -> bool {
        self.rows.covers(group) && compares_rows(&member.about, name)
    }

    /// Sees to it that silent incarnations can write no more at `instance`. Which these are.
    pub async fn end_silent(&self, state: &ControlState, instance: InstanceId) -> Result<Vec<Incarnation>, NotEnded> {
        self.end(state, instance, &silent_in(&self.picture())).await
    }

    /// Those of `due` that have accounts of their own at `instance` are shut out there; for the others every thread is ended that no living node
    /// claims. Which of them can write no more.
    async fn end(
        &self,
        state: &ControlState,
        instance: InstanceId,
        due: &[Incarnation],
    ) -> Result<Vec<Incarnation>, NotEnded> {
        let picture = self.picture();
        let instance = state.instance(instance);
        let group = &state.group(instance.group).name;
        let mut ended = Vec::new();
        let (mut shut, mut others) = (Vec::new(), false);
        for incarnation in due {
            match picture.member(incarnation) {
                // It has signed off meanwhile: nothing of it is left.
                None => ended.push(incarnation.clone()),
                Some(member) if has_own_accounts(&member.about, group) => shut.push(member),
                Some(_) => others = true,
            }
        }
        if !shut.is_empty() {
            self.shut_out(&shut, instance).await?;
            ended.extend(shut.iter().map(|member| member.incarnation.clone()));
        }
        if others {
            let silent = self.end_unclaimed(instance, group).await?;
            ended.extend(silent.into_iter().filter(|one| due.contains(one)));
        }
        Ok(ended)
    }

    /// Shuts their accounts at `instance` and ends their threads there, and returns when that is so.
    async fn shut_out(&self, members: &[&Member], instance: &Instance) -> Result<(), NotEnded> {
        // Of a source that nobody reaches nobody is shut out: it would make every node enter anew, and prove nothing.
        let mut server = Server::connect(instance, &self.control).await?;
        for member in members.iter().filter(|member| member.life == Life::Live) {
            // Told first, so that one that is merely slow stops by itself.
            self.nodes.store().shut_out(&member.incarnation).await?;
        }
        let unheard: Vec<Unheard> =
            members.iter().map(|member| Unheard { node: member.about.number, incarnation: member.fence }).collect();
        // Whoever shut them out before may not have lived to see their threads end.
        let mut seen = AtSource { threads: 1, ..AtSource::default() };
        loop {
            for one in &unheard {
                if let Some(known) = node_accounts::known(&mut server, one.node).await? {
                    seen.accounts.insert(one.node, known);
                }
            }
            match next_closing(&unheard, &seen) {
                Closing::ShutOut(one) => {
                    tracing::warn!(
                        instance = instance.name,
                        node = one.node,
                        incarnation = one.incarnation,
                        "a node that is not heard is shut out"
                    );
                    node_accounts::shut_out(&mut server, one.node, one.incarnation).await?;
                }
                Closing::EndThreads => {
                    seen.threads = 0;
                    for one in &unheard {
                        let left = node_accounts::shut_out(&mut server, one.node, one.incarnation).await?;
                        seen.threads += usize::try_from(left).unwrap_or(usize::MAX);
                    }
                    if seen.threads > 0 {
                        sleep(PAUSE).await;
                    }
                }
                // Looked for when the position is read, whoever has prepared them.
                Closing::Prepared(_) | Closing::Closed => return Ok(()),
            }
        }
    }

    /// Ends every thread at `instance` that silent incarnations without accounts of their own may write on, and returns when they are gone.
    /// Which incarnations that were.
    async fn end_unclaimed(&self, instance: &Instance, group: &str) -> Result<Vec<Incarnation>, NotEnded> {
        let picture = self.picture();
        let mut silent = silent_in(&picture);
        silent.retain(|one| picture.member(one).is_some_and(|member| !has_own_accounts(&member.about, group)));
        if silent.is_empty() {
            return Ok(Vec::new());
        }
        self.knows_accounts(&silent)?;
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

    async fn end_but(&self, claimed: &[u32], below: u64, instance: &Instance) -> Result<(), NotEnded> {
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
