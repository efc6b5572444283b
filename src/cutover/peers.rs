//! The other nodes as a move sees them: it waits until each has acknowledged it, and has those that are not heard any more ended at the
//! databases.
//!
//! A node with accounts of its own there ([`node_accounts`]) is shut out at any moment: its accounts are closed and their threads ended.
//!
//! Another one has its lease waited for. A node whose lease has ended lets no write in, and asks for its lease again once it has a connection to write on. So every connection it may
//! still write on was open when its lease ended, and ending all of those ends its writes. Which they are is told by what is left: every thread
//! of the applications' accounts that was there after the lease had ended and that no living node claims.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::checks::{Check, Finding};
use super::closing::{AtSource, Closing, Unheard, next_closing};
use super::fence_rows::{FenceRows, Guards};
use super::node_accounts;
use super::plan::Deadlines;
use super::server::{ControlAccount, Server, ServerError};
use crate::control::{Nodes, StoreError};
use crate::model::{
    About, ControlState, GroupId, Incarnation, Instance, InstanceId, Life, Member, MoveId, MoveRecord, Picture, Role,
    UnitId,
};
use crate::shutdown::Shutdown;

/// Between two looks at whether ended threads are gone.
const PAUSE: Duration = Duration::from_millis(10);

/// How long the living may take to say which threads are theirs.
const CLAIM_PATIENCE: Duration = Duration::from_secs(5);

/// Between two looks at nodes that are waited for, where nothing tells when.
const LOOK: Duration = Duration::from_millis(200);

/// How often somebody looks whether incarnations are left that are not heard any more.
const ROUND: Duration = Duration::from_secs(1);

/// The other nodes, and the accounts whose threads can be theirs.
pub struct Peers {
    nodes: Arc<Nodes>,
    accounts: Vec<ControlAccount>,
    control: ControlAccount,
    deadlines: Deadlines,
    rows: Arc<FenceRows>,
    /// By move under way here: who is known to be unable to write at its sources.
    ended: Mutex<BTreeMap<MoveId, Ended>>,
}

struct Ended {
    since: Instant,
    ended: BTreeSet<Incarnation>,
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
    /// Those of `nodes`; `accounts` are the applications' at the instances, `control` the one that shuts nodes out.
    pub fn new(
        nodes: Arc<Nodes>,
        accounts: Vec<ControlAccount>,
        control: ControlAccount,
        deadlines: Deadlines,
        rows: Arc<FenceRows>,
    ) -> Peers {
        Peers { nodes, accounts, control, deadlines, rows, ended: Mutex::default() }
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

    /// Who could not be shut out at the primaries of `sources`, so that a move would have to wait for its lease.
    pub fn fences(&self, state: &ControlState, group: GroupId, sources: &[UnitId]) -> Vec<Finding> {
        let (picture, name) = (self.picture(), &state.group(group).name);
        let by_rows = self.rows.covers(group);
        let by_leases = self.rows.leases(group);
        let is_fenced = |member: &&Member| match by_rows {
            true => compares_rows(&member.about, name) && (!by_leases || compares_leases(&member.about, name)),
            false => has_own_accounts(&member.about, name),
        };
        let without = picture.members.iter().filter(|member| !is_fenced(member));
        let without: Vec<String> = without.map(|member| member.incarnation.to_string()).collect();
        if by_rows && without.is_empty() {
            return Vec::new();
        }
        let (what, so) = match (by_rows, by_leases) {
            (_, true) => ("fence = \"row+lease\"", "no lease of a primary proves anything while it is there"),
            (true, false) => ("fence = \"row\"", "when it is not heard, a move waits for its lease"),
            (false, false) => ("accounts of its own", "when it is not heard, a move waits for its lease"),
        };
        let note = (!without.is_empty()).then(|| format!("{} without {what}: {so}", without.join(", ")));
        let of_sources =
            node_accounts::primaries(state, group).filter(|(_, instance)| sources.contains(&instance.unit));
        let finding = |(_, instance): (InstanceId, &Instance)| Finding {
            check: Check::Fence,
            instance: instance.name.clone(),
            fault: None,
            note: note.clone(),
        };
        of_sources.map(finding).collect()
    }

    /// Who may commit writes of the group at a primary whose lease has ended.
    pub fn without_leases(&self, group: &str) -> Vec<String> {
        let without = |member: &&Member| !compares_leases(&member.about, group);
        let picture = self.picture();
        picture.members.iter().filter(without).map(|member| member.incarnation.to_string()).collect()
    }

    /// Who was started without `target`, which was added since, and could send nothing there.
    pub fn without(&self, state: &ControlState, group: GroupId, target: UnitId) -> Option<Finding> {
        let (name, primary) = (&state.unit(target).name, state.primary_of(target, group)?);
        let without: Vec<String> = self.picture().without(name).iter().map(ToString::to_string).collect();
        let fault = (!without.is_empty()).then(|| {
            format!("{} started without unit '{name}'; start them again with the new configuration", without.join(", "))
        });
        Some(Finding { check: Check::Nodes, instance: state.instance(primary).name.clone(), fault, note: None })
    }

    /// Who, after `at_most`, has neither acknowledged the move nor is known to be unable to write at its sources.
    pub async fn unheard(&self, state: &ControlState, record: &MoveRecord, at_most: Duration) -> Vec<String> {
        let deadline = Instant::now() + at_most;
        let since = self.since(state, record.id);
        let (mut pictures, mut told) = (self.nodes.pictures(), self.nodes.told());
        let mut is_told = false;
        loop {
            let picture = Arc::clone(&pictures.borrow_and_update());
            told.mark_unchanged();
            let Some(left) = self.left(&picture, record.id) else {
                if !changed_by(&mut pictures, &mut told, deadline).await {
                    return vec!["the control store".to_owned()];
                }
                continue;
            };
            if left.is_empty() {
                return Vec::new();
            }
            let now = Instant::now();
            let due = self.due(state, record, &left, now.duration_since(since));
            if due.is_empty() {
                if now >= deadline {
                    return left.iter().map(|member| member.incarnation.to_string()).collect();
                }
                // The next moment at which somebody may have to be shut out, or a change before that.
                let next = since + self.next_look(now.duration_since(since));
                changed_by(&mut pictures, &mut told, deadline.min(next)).await;
                continue;
            }
            match self.end_at_sources(state, record, &due).await {
                Ok(ended) => self.remember(record.id, ended),
                Err(error) => {
                    if !std::mem::replace(&mut is_told, true) {
                        tracing::warn!(
                            r#move = record.id.0,
                            error = &error as &dyn std::error::Error,
                            "nodes that are not heard are not known to be unable to write"
                        );
                    }
                    if Instant::now() >= deadline {
                        return names(&due);
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Who keeps the move from going on; `None` when the picture is older than the move.
    fn left<'a>(&self, picture: &'a Picture, id: MoveId) -> Option<Vec<&'a Member>> {
        let standing = picture.standing(id)?;
        let told = self.nodes.told();
        let told = told.borrow();
        let awaited = |member: &Member| {
            let incarnation = &member.incarnation;
            standing.awaited.contains(incarnation) && !told.contains(&(incarnation.clone(), id))
        };
        let ended = lock(&self.ended).get(&id).map(|one| one.ended.clone()).unwrap_or_default();
        let hinders = |member: &&Member| {
            (awaited(member) || standing.silent.contains(&member.incarnation)) && !ended.contains(&member.incarnation)
        };
        Some(picture.members.iter().filter(hinders).collect())
    }

    /// Those of `left` that are not to be waited for any longer, `waited` after the move began.
    fn due(&self, state: &ControlState, record: &MoveRecord, left: &[&Member], waited: Duration) -> Vec<Incarnation> {
        let own = self.nodes.own();
        let shuts = |member: &Member| {
            let groups = record.sources();
            let mut names = groups.iter().map(|(group, _)| (*group, &state.group(*group).name));
            names
                .all(|(group, name)| has_own_accounts(&member.about, name) || self.is_held_by_rows(member, group, name))
        };
        let late = |member: &Member| {
            let deadline = if member.report.seen >= record.id.fence() {
                // It knows of the move, and may still have to end transactions.
                self.deadlines.drain + self.deadlines.end
            } else {
                self.deadlines.acknowledge
            };
            waited >= deadline
        };
        let is_due = |member: &&&Member| match member.life {
            Life::Silent => true,
            Life::Live => Some(&member.incarnation) != own.as_ref() && shuts(member) && late(member),
        };
        left.iter().filter(is_due).map(|member| member.incarnation.clone()).collect()
    }

    /// How long after a move's beginning it is to be looked again, when `waited` has passed.
    fn next_look(&self, waited: Duration) -> Duration {
        let looks = [self.deadlines.acknowledge, self.deadlines.drain + self.deadlines.end];
        looks.into_iter().filter(|look| *look > waited).min().unwrap_or(waited + LOOK)
    }

    /// Since when this node has been carrying the move out.
    fn since(&self, state: &ControlState, id: MoveId) -> Instant {
        let mut ended = lock(&self.ended);
        ended.retain(|known, _| *known == id || state.moves.iter().any(|record| record.id == *known));
        ended.entry(id).or_insert_with(|| Ended { since: Instant::now(), ended: BTreeSet::new() }).since
    }

    fn remember(&self, id: MoveId, ended: Vec<Incarnation>) {
        if let Some(known) = lock(&self.ended).get_mut(&id) {
            known.ended.extend(ended);
        }
    }

    /// Sees to it that none of `due` can write at the sources of a move. Those that cannot.
    async fn end_at_sources(
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
    fn held_by_rows(&self, state: &ControlState, group: GroupId, due: &[Incarnation]) -> Vec<Incarnation> {
        let (picture, name) = (self.picture(), &state.group(group).name);
        let held =
            |one: &&Incarnation| picture.member(one).is_some_and(|member| self.is_held_by_rows(member, group, name));
        due.iter().filter(held).cloned().collect()
    }

    fn is_held_by_rows(&self, member: &Member, group: GroupId, name: &str) -> bool {
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

fn silent_in(picture: &Picture) -> Vec<Incarnation> {
    let silent = picture.members.iter().filter(|member| member.life == Life::Silent);
    silent.map(|member| member.incarnation.clone()).collect()
}

fn names(incarnations: &[Incarnation]) -> Vec<String> {
    incarnations.iter().map(ToString::to_string).collect()
}

/// Whether it logs in at the group's primaries with accounts of its own alone.
fn has_own_accounts(about: &About, group: &str) -> bool {
    about.own_accounts.iter().any(|own| own == group)
}

/// Whether it sends no write of the group without comparing the row of its scope.
fn compares_rows(about: &About, group: &str) -> bool {
    about.compares_rows.iter().any(|own| own == group)
}

/// Whether it commits no write of the group without comparing the primary's lease.
fn compares_leases(about: &About, group: &str) -> bool {
    about.compares_leases.iter().any(|own| own == group)
}

/// Waits until there is another picture, or somebody has told more directly, or until `deadline`. Whether there is.
async fn changed_by<T>(
    pictures: &mut watch::Receiver<Arc<Picture>>,
    told: &mut watch::Receiver<T>,
    deadline: Instant,
) -> bool {
    let changed = async {
        tokio::select! {
            changed = pictures.changed() => changed.is_ok(),
            changed = told.changed() => changed.is_ok(),
        }
    };
    timeout_at(deadline, changed).await.unwrap_or(false)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
