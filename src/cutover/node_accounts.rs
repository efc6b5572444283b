//! The accounts that are a node's own at the primaries: opened under each incarnation's number with a password that only it knows, and shut at
//! the instance, whoever has to be kept out.
//!
//! The instance decides, in the procedures that `meridian ctl accounts` makes, by the rules of [`crate::model::NodeAccount`]: numbers only rise, so that
//! whoever comes late changes nothing back. No node may do more there than call them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::server::{ControlAccount, Server, ServerError};
use crate::backend::Pools;
use crate::control::Snapshots;
use crate::control::lease_keeper::Doors;
use crate::model::{ControlState, Door, GroupId, Instance, InstanceId, NodeAccount, Role};
use crate::shutdown::Shutdown;

/// Between two attempts at an instance that does not answer.
const PAUSE: Duration = Duration::from_millis(300);

/// Between two looks at whether ended threads are gone.
const SOON: Duration = Duration::from_millis(10);

/// What the procedures answer to an incarnation that comes too late.
const STALE: u16 = 45101;

/// What the names of node `number`'s own accounts have more than the applications' accounts'.
pub fn suffix(number: u8) -> String {
    format!("-n{number}")
}

/// Who a node is at the instances.
#[derive(Clone, Debug)]
pub struct Myself {
    /// Its number.
    pub number: u8,
    /// The account that calls the procedures.
    pub account: ControlAccount,
    /// The applications' accounts, by name.
    pub applications: Vec<String>,
}

/// A node's own accounts.
#[derive(Debug)]
pub struct NodeAccounts {
    myself: Myself,
    groups: Vec<GroupId>,
    instances: Vec<InstanceId>,
    snapshots: Arc<Snapshots>,
    pools: Arc<Pools>,
    wanted: watch::Sender<Option<Wanted>>,
    /// The number under which they are open, by instance.
    open: watch::Sender<BTreeMap<InstanceId, u64>>,
    /// What is wanted and what pools may use change together.
    changing: Mutex<()>,
    /// The generation that followed the last shutting, by instance.
    shut: Mutex<BTreeMap<InstanceId, usize>>,
}

#[derive(Clone, PartialEq, Eq)]
struct Wanted {
    fence: u64,
    password: String,
}

impl std::fmt::Debug for Wanted {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Wanted").field("fence", &self.fence).finish_non_exhaustive()
    }
}

/// Why the accounts of a group cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prepared {
    /// They can.
    Yes,
    /// They, or the procedures, are not there.
    No(String),
    /// The instance does not answer.
    Unknown,
}

/// Whether `instance` has the accounts of node `number` for all `applications`.
pub async fn prepared(instance: &Instance, account: &ControlAccount, number: u8, applications: &[String]) -> Prepared {
    let Ok(mut server) = Server::connect(instance, account).await else { return Prepared::Unknown };
    let slots = server.pairs(&format!("SELECT user, host FROM meridian.slot WHERE node = {number}")).await;
    let slots = match slots {
        Ok(slots) => slots,
        Err(error) if error.code().is_some() => return Prepared::No(error.to_string()),
        Err(_) => return Prepared::Unknown,
    };
    let has = |name: &&String| slots.iter().any(|(user, _)| *user == format!("{name}{}", suffix(number)));
    let missing = applications.iter().find(|name| !has(name));
    missing.map_or(Prepared::Yes, |name| {
        Prepared::No(format!("'{name}{}' is not among the nodes' accounts", suffix(number)))
    })
}

impl NodeAccounts {
    /// For the node `myself`, at the primaries of those of `fenced` groups where the accounts are there. From here on `pools` logs in at these
    /// with nothing else.
    pub async fn new(
        myself: Myself,
        fenced: &[GroupId],
        snapshots: Arc<Snapshots>,
        pools: Arc<Pools>,
    ) -> Arc<NodeAccounts> {
        let state = Arc::clone(&snapshots.load().state);
        let (mut groups, mut instances) = (Vec::new(), Vec::new());
        for group in fenced {
            match missing_at(&state, *group, &myself).await {
                None => {
                    groups.push(*group);
                    instances.extend(primaries(&state, *group).map(|(id, _)| id));
                }
                Some((instance, why)) => tracing::error!(
                    group = state.group(*group).name,
                    instance,
                    why,
                    "fence = \"connection\", but the accounts are not prepared (meridian ctl accounts): a move has to wait for this node's lease when it is not heard"
                ),
            }
        }
        for instance in &instances {
            pools.use_own_accounts(*instance, &suffix(myself.number));
        }
        let (wanted, open) = (watch::Sender::new(None), watch::Sender::new(BTreeMap::new()));
        let (changing, shut) = (Mutex::new(()), Mutex::default());
        Arc::new(NodeAccounts { myself, groups, instances, snapshots, pools, wanted, open, changing, shut })
    }

    /// The groups at whose primaries they are used.
    pub fn groups(&self) -> &[GroupId] {
        &self.groups
    }

    /// The instances where they are used.
    pub fn instances(&self) -> &[InstanceId] {
        &self.instances
    }

    /// Opens them at `id` under each incarnation, as soon as it answers, until shutdown.
    pub async fn keep_open(self: Arc<Self>, id: InstanceId, mut stopped: Shutdown) {
        let mut wanted = self.wanted.subscribe();
        let mut silent = false;
        loop {
            let now = wanted.borrow_and_update().clone();
            let pause = match &now {
                Some(now) if self.open.borrow().get(&id) != Some(&now.fence) => {
                    self.try_to_open(id, now, &mut silent).await
                }
                Some(_) | None => None,
            };
            tokio::select! {
                () = stopped.told() => return,
                changed = wanted.changed() => if changed.is_err() { return },
                () = sleep(pause.unwrap_or_default()), if pause.is_some() => {}
            }
        }
    }

    /// One attempt; how long to wait until the next, if there is to be one.
    async fn try_to_open(&self, id: InstanceId, wanted: &Wanted, silent: &mut bool) -> Option<Duration> {
        match self.open_at(id, wanted).await {
            Ok(0) => {
                *silent = false;
                let _together = lock(&self.changing);
                if self.wanted.borrow().as_ref() == Some(wanted) {
                    self.pools.own_accounts_open(id, &wanted.password);
                    self.open.send_modify(|open| {
                        open.insert(id, wanted.fence);
                    });
                }
                None
            }
            // What a former incarnation left is ending.
            Ok(_) => Some(SOON),
            Err(error) if error.code() == Some(STALE) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    fence = wanted.fence,
                    "this node's accounts stay shut: another one opened them later, or it was shut out"
                );
                None
            }
            Err(error) => {
                if !std::mem::replace(silent, true) {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "this node's accounts are not open there yet"
                    );
                }
                Some(PAUSE)
            }
        }
    }

    /// How many threads of former incarnations are left; with none the accounts are open.
    async fn open_at(&self, id: InstanceId, wanted: &Wanted) -> Result<u64, ServerError> {
        let mut server = self.connect(id).await?;
        let (number, fence) = (self.myself.number, wanted.fence);
        let call = format!("meridian.open_accounts({number}, {fence}, {})", server.quoted(&wanted.password));
        match server.call(&call).await {
            // An answer that was not heard: nobody else has this number.
            Err(error) if error.code() == Some(STALE) => match known(&mut server, number).await? {
                Some(NodeAccount { incarnation, door: Door::Open }) if incarnation == fence => Ok(0),
                Some(_) | None => Err(error),
            },
            answer => answer,
        }
    }

    async fn close_at(&self, id: InstanceId, fence: u64) {
        let number = self.myself.number;
        loop {
            let closed = async { shut_out(&mut self.connect(id).await?, number, fence).await };
            match closed.await {
                Ok(0) => break,
                Ok(_) => sleep(SOON).await,
                Err(_) => sleep(PAUSE).await,
            }
        }
        if let Some(generation) = lock(&self.shut).get(&id) {
            self.pools.gauge(id).ended_before(*generation);
        }
    }

    async fn connect(&self, id: InstanceId) -> Result<Server, ServerError> {
        let state = Arc::clone(&self.snapshots.load().state);
        Server::connect(state.instance(id), &self.myself.account).await
    }
}

#[async_trait]
impl Doors for NodeAccounts {
    async fn open(&self, fence: u64) {
        let wanted = Wanted { fence, password: format!("{:032x}", rand::random::<u128>()) };
        let mut open = self.open.subscribe();
        self.wanted.send_replace(Some(wanted));
        let everywhere =
            |open: &BTreeMap<InstanceId, u64>| self.instances.iter().all(|id| open.get(id) == Some(&fence));
        // The sender is ours and lives as long as we do.
        drop(open.wait_for(everywhere).await);
    }

    fn shut(&self) {
        let _together = lock(&self.changing);
        self.wanted.send_replace(None);
        for id in &self.instances {
            let generation = self.pools.own_accounts_shut(*id);
            lock(&self.shut).insert(*id, generation);
        }
    }

    async fn close(&self, fence: u64) {
        futures_util::future::join_all(self.instances.iter().map(|id| self.close_at(*id, fence))).await;
    }
}

/// The primary that lacks the accounts, and what is missing there. One that does not answer is taken to have them: nobody can log in there.
async fn missing_at(state: &ControlState, group: GroupId, myself: &Myself) -> Option<(String, String)> {
    let mut asked = JoinSet::new();
    for (_, instance) in primaries(state, group) {
        let (instance, myself) = (instance.clone(), myself.clone());
        asked.spawn(async move {
            let found = prepared(&instance, &myself.account, myself.number, &myself.applications).await;
            (instance.name, found)
        });
    }
    asked.join_all().await.into_iter().find_map(|(name, found)| match found {
        Prepared::No(why) => Some((name, why)),
        Prepared::Yes | Prepared::Unknown => None,
    })
}

/// The primaries of a group.
pub fn primaries(state: &ControlState, group: GroupId) -> impl Iterator<Item = (InstanceId, &Instance)> {
    let held = (0u16..).map(InstanceId).zip(&state.instances);
    held.filter(move |(_, instance)| instance.group == group && instance.role == Role::Primary)
}

/// Shuts the accounts of node `number` at a server, for the incarnation with this number and all before it, and ends their threads. How many
/// are left; nothing is done, and none is left, where a newer incarnation is in.
pub async fn shut_out(server: &mut Server, number: u8, fence: u64) -> Result<u64, ServerError> {
    server.call(&format!("meridian.close_accounts({number}, {fence})")).await
}

/// What a server knows of the accounts of node `number`.
pub async fn known(server: &mut Server, number: u8) -> Result<Option<NodeAccount>, ServerError> {
    let rows = server.pairs(&format!("SELECT incarnation, door FROM meridian.account WHERE node = {number}")).await?;
    Ok(rows.first().and_then(|(incarnation, door)| {
        let door = if door == "open" { Door::Open } else { Door::Closed };
        Some(NodeAccount { incarnation: incarnation.parse().ok()?, door })
    }))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
