//! Where the control state is kept: in a file of this process alone, or in a store that it shares with other nodes.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinSet;

use crate::backend::Pools;
use crate::config::{Config, StoreConfig};
use crate::control::lease_keeper::Threads;
use crate::control::{
    Controller, EtcdStore, FileStore, Former, LeaseKeeper, Nodes, StartError, StoreError, direct_reports,
};
use crate::cutover::{ControlAccount, Mover, Myself, NodeAccounts, Peers};
use crate::frontend::worker::Node;
use crate::model::{About, Fence, GroupId, InstanceId, Life, Member, Picture, ReportAddress};
use crate::monitor::ProbeTls;
use crate::shutdown::Shutdown;

/// What the lease of a former process may last longer than agreed: a new leader of etcd lets leases begin anew.
const PATIENCE: Duration = Duration::from_secs(5);

/// The store of this process.
pub enum Home {
    /// A file, which nobody else uses.
    File(FileStore),
    /// etcd.
    Shared(Arc<EtcdStore>),
}

/// This node among the others.
#[derive(Clone)]
pub struct Among {
    /// The nodes.
    pub nodes: Arc<Nodes>,
    keeper: Arc<LeaseKeeper>,
}

impl Home {
    /// The store that `config` names, and the state in it; how the process before this one ended, where that matters.
    pub async fn open(config: &Config) -> Result<(Home, Controller, Former), StartError> {
        match &config.store {
            StoreConfig::File => {
                let store = FileStore::open(&config.node.state_file)?;
                let former = store.sign_on().await?;
                let controller = Controller::start(Arc::new(store.clone()), config.state.clone(), config.hold).await?;
                Ok((Home::File(store), controller, former))
            }
            StoreConfig::Etcd(etcd) => {
                let mut memory = config.node.state_file.as_os_str().to_owned();
                memory.push(".heard");
                let store = Arc::new(EtcdStore::open_remembering(etcd, memory.into()).await?);
                let shared = Arc::clone(&store);
                let controller = Controller::join(shared, config.state.clone(), config.hold).await?;
                // What a former process left is looked for by all nodes.
                Ok((Home::Shared(store), controller, Former::SignedOff))
            }
        }
    }

    /// Enters among the nodes that share the store, once no other process goes by this node's name. Errors: one does; the store.
    pub async fn enter(
        &self,
        config: &Config,
        controller: &Arc<Controller>,
        node: &Arc<Node>,
        tasks: &mut JoinSet<()>,
        stopped: &Shutdown,
    ) -> Result<Option<Among>, StartError> {
        let Home::Shared(store) = self else { return Ok(None) };
        tasks.spawn(Arc::clone(store).follow(stopped.clone()));
        let accounts = own_accounts(config, controller, node).await;
        let key = direct_reports::new_key();
        let reports_at = config.reports.map(|reports| ReportAddress { address: reports.advertise, key: key.clone() });
        let about = About { reports_at, ..about(config, &accounts) };
        let nodes = Nodes::new(Arc::clone(store), Arc::clone(controller), config.node.name.clone(), about);
        let threads = Arc::new(OpenThreads { pools: Arc::clone(&node.pools), config: config.clone() });
        for instance in accounts.instances() {
            tasks.spawn(Arc::clone(&accounts).keep_open(*instance, stopped.clone()));
        }
        let keeper = Arc::new(LeaseKeeper::new(Arc::clone(&nodes), threads, accounts));
        let StoreConfig::Etcd(etcd) = &config.store else { return Ok(None) };
        if !keeper.alone(etcd.lease + PATIENCE).await {
            return Err(StoreError::Occupied { node: config.node.name.clone() }.into());
        }
        if let Some(other) = same_number(&store.pictures().borrow(), config) {
            return Err(StoreError::SameNumber { other, number: config.node.number }.into());
        }
        keeper.enter().await?;
        tasks.spawn(Arc::clone(&keeper).keep(stopped.clone()));
        tasks.spawn(Arc::clone(&keeper).follow(stopped.clone()));
        tasks.spawn(Arc::clone(&keeper).settle(stopped.clone()));
        tasks.spawn(Arc::clone(&keeper).report_on(stopped.clone()));
        tasks.spawn(direct_reports::tell(Arc::clone(&nodes), stopped.clone()));
        if let Some(reports) = config.reports {
            let listening = direct_reports::listen(reports.listen, key, Arc::clone(&nodes), stopped.clone());
            tasks.spawn(async move {
                if let Err(error) = listening.await {
                    tracing::error!(address = %reports.listen, %error, "this node cannot be told directly; its moves wait for the store");
                }
            });
        }
        Ok(Some(Among { nodes, keeper }))
    }
}

impl Among {
    /// This node's part in moves, and in the ending of nodes that are not heard any more.
    pub fn take_part(
        &self,
        mover: &Arc<Mover>,
        peers: &Arc<Peers>,
        node: &Arc<Node>,
        tasks: &mut JoinSet<()>,
        stopped: &Shutdown,
    ) {
        tasks.spawn(Arc::clone(mover).participate(Arc::clone(peers), stopped.clone()));
        let snapshots = Arc::clone(&node.snapshots);
        let state = move || Arc::clone(&snapshots.load().state);
        tasks.spawn(Arc::clone(peers).bury(state, stopped.clone()));
    }

    /// Signs off at the end.
    pub async fn leave(&self) {
        self.keeper.leave().await;
    }
}

/// The accounts of the applications at the instances, each once.
pub fn backend_accounts(config: &Config) -> Vec<ControlAccount> {
    let account = |user: &crate::frontend::User| ControlAccount {
        user: user.backend_user.clone(),
        password: user.backend_password.clone(),
        tls: ProbeTls::of(&config.backend).map(|tls| tls.options()),
        reserved: Arc::clone(&config.reserved),
    };
    let mut accounts: Vec<ControlAccount> = config.users.0.iter().map(account).collect();
    accounts.sort_by(|one, other| (&one.user, &one.password).cmp(&(&other.user, &other.password)));
    accounts.dedup();
    accounts
}

/// An account among `users` that this process was not started with. Where others share the store, they could not tell its threads.
pub fn new_account(started_from: &Config, users: &crate::config::Users) -> Option<String> {
    if started_from.store == StoreConfig::File {
        return None;
    }
    let known = backend_accounts(started_from);
    let is_known = |user: &&crate::frontend::User| {
        known.iter().any(|account| account.user == user.backend_user && account.password == user.backend_password)
    };
    users.0.iter().find(|user| !is_known(user)).map(|user| user.backend_user.clone())
}

/// A living node of another name that names its accounts after the same number.
fn same_number(picture: &Picture, config: &Config) -> Option<String> {
    let own_accounts = config.fences.contains(&Fence::Connection);
    let same = |member: &&Member| {
        let other = member.incarnation.node != config.node.name && member.life == Life::Live;
        other && member.about.number == config.node.number && !member.about.own_accounts.is_empty()
    };
    let found = picture.members.iter().find(same).filter(|_| own_accounts);
    found.map(|member| member.incarnation.node.clone())
}

/// This node's own accounts, in the groups that are configured so.
async fn own_accounts(config: &Config, controller: &Controller, node: &Node) -> Arc<NodeAccounts> {
    let fenced = (0u16..).map(GroupId).zip(&config.fences).filter(|(_, fence)| **fence == Fence::Connection);
    let fenced: Vec<GroupId> = fenced.map(|(group, _)| group).collect();
    let mut applications: Vec<String> = backend_accounts(config).into_iter().map(|account| account.user).collect();
    applications.dedup();
    let myself = Myself { number: config.node.number, account: control_account(config), applications };
    NodeAccounts::new(myself, &fenced, Arc::clone(controller.snapshots()), Arc::clone(&node.pools)).await
}

/// The account that asks servers.
pub fn control_account(config: &Config) -> ControlAccount {
    ControlAccount {
        user: config.monitor.user.clone(),
        password: config.monitor.password.clone(),
        tls: ProbeTls::of(&config.backend).map(|tls| tls.options()),
        reserved: Arc::clone(&config.reserved),
    }
}

fn about(config: &Config, own: &NodeAccounts) -> About {
    let unit = |listener: &crate::frontend::ListenerConfig| config.state.unit(listener.unit).name.clone();
    let mut units: Vec<String> = config.listeners.iter().map(unit).collect();
    units.dedup();
    let mut accounts: Vec<String> = backend_accounts(config).into_iter().map(|account| account.user).collect();
    accounts.dedup();
    let own_accounts = own.groups().iter().map(|group| config.state.group(*group).name.clone()).collect();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let names_of = |is: fn(Fence) -> bool| {
        let groups = config.state.groups.iter().zip(&config.fences).filter(|(_, fence)| is(**fence));
        groups.map(|(group, _)| group.name.clone()).collect()
    };
    let (compares_rows, compares_leases) = (names_of(Fence::has_rows), names_of(|fence| fence == Fence::RowLease));
    let knows = config.state.units.iter().map(|unit| unit.name.clone()).collect();
    let number = config.node.number;
    About { units, version, accounts, number, own_accounts, compares_rows, compares_leases, knows, reports_at: None }
}

/// The connections of this node's pools.
struct OpenThreads {
    pools: Arc<Pools>,
    config: Config,
}

#[async_trait]
impl Threads for OpenThreads {
    async fn at(&self, instance: &str) -> Vec<u32> {
        let known = self.config.state.instances.iter().position(|known| known.name == instance);
        match known {
            Some(index) => self.pools.gauge(InstanceId(index as u16)).threads().await,
            None => Vec::new(),
        }
    }
}
