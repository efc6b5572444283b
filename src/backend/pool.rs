//! Pools: idle connections per worker, limits per instance, checkout and release.
//!
//! A connection comes back only through [`Checkout::release`], and only if nothing taints it; dropping a checkout closes
//! its connection. So what was forgotten fails closed.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout};

use super::connection::Connection;
use super::gauge::{InstanceGauge, OpenSlot};
use super::prepared::PreparedStatements;
use super::session_state::SessionState;
use super::{CheckoutError, Config};
use crate::model::{InstanceAddress, InstanceId};
use crate::net::login::{Account, LoginWish, login};
use crate::net::tls::ClientTls;
use crate::wire::capability::CapabilityClass;
use crate::wire::proxy_header::{Announcement, HeaderVersion};

/// What two connections must share to stand in for each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PoolKey {
    /// The instance.
    pub instance: InstanceId,
    /// The account, its password included: after a password change old connections are not handed out any more.
    pub account: Arc<Account>,
    /// The negotiated flags that change bytes on the wire.
    pub class: CapabilityClass,
    /// The collation of the login; it decides what a session without SET NAMES sees.
    pub collation: u16,
    /// Whether a schema is selected: a session without one must not get one, and no command unselects it.
    pub with_schema: bool,
}

/// The largest packet a connection takes: the protocol's own limit, so that the server's setting alone decides.
const MAX_PACKET: u32 = 1 << 30;

/// What the servers show of our connections in their session attributes.
const ATTRIBUTES: &[u8] = b"\x0cprogram_name\x08meridian";

/// How an instance is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Where it listens.
    pub address: InstanceAddress,
    /// Whether it is told which client each connection serves, and how. Then clients of different addresses share none.
    pub announce: Option<HeaderVersion>,
}

/// What a session wants of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The state it should be in; it saves saying so.
    pub state: &'a Arc<SessionState>,
    /// The client it is for.
    pub client: &'a SocketAddr,
}

/// A pool's number, so that a session looks its key up once and not per query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolId {
    number: usize,
    instance: InstanceId,
}

/// The idle connections of one worker, by pool; the last one returned is the first one taken.
///
/// Boxed, because a connection changes hands several times per query.
type Shelf = Vec<Vec<Box<Connection>>>;

/// All connections of the process to all instances.
#[derive(Debug)]
pub struct Pools {
    config: Config,
    /// By instance.
    reached: Vec<Reached>,
    gauges: Vec<Arc<InstanceGauge>>,
    tls: Option<ClientTls>,
    /// By instance: how this node logs in where it has accounts of its own.
    own: Vec<Mutex<Option<OwnLogin>>>,
    keys: Mutex<KeyRing>,
    shelves: Vec<Mutex<Shelf>>,
    /// How often idle connections were looked through.
    sweeps: AtomicU32,
}

/// How a node logs in at an instance where it has accounts of its own, one for each of the applications'.
#[derive(Clone)]
struct OwnLogin {
    /// What their names have more than the applications' accounts'.
    suffix: String,
    /// Their password; `None` while they are not open.
    password: Option<String>,
}

impl std::fmt::Debug for OwnLogin {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("OwnLogin").field("suffix", &self.suffix).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct KeyRing {
    keys: Vec<Arc<PoolKey>>,
    numbers: HashMap<Arc<PoolKey>, PoolId>,
}

/// How many connections a pool has, for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolCount {
    /// The pool.
    pub key: Arc<PoolKey>,
    /// Idle connections on all workers.
    pub idle: usize,
}

impl Pools {
    /// Empty pools for the instances that are `reached` so (by [`InstanceId`]) and `workers` workers.
    pub fn new(config: Config, reached: Vec<Reached>, workers: usize, tls: Option<ClientTls>) -> Arc<Pools> {
        let gauges = reached.iter().map(|_| InstanceGauge::new(config.connections_per_instance)).collect();
        let own = reached.iter().map(|_| Mutex::default()).collect();
        let shelves = (0..workers).map(|_| Mutex::new(Shelf::new())).collect();
        let (keys, sweeps) = (Mutex::default(), AtomicU32::new(0));
        Arc::new(Pools { config, reached, gauges, tls, own, keys, shelves, sweeps })
    }

    /// From here on this node logs in at `instance` with accounts of its own alone, whose names end with `suffix`; they are not open yet.
    pub fn use_own_accounts(&self, instance: InstanceId, suffix: &str) {
        *lock(&self.own[instance.index()]) = Some(OwnLogin { suffix: suffix.to_owned(), password: None });
    }

    /// This node's own accounts at `instance` are open, with this password.
    pub fn own_accounts_open(&self, instance: InstanceId, password: &str) {
        if let Some(own) = &mut *lock(&self.own[instance.index()]) {
            own.password = Some(password.to_owned());
        }
    }

    /// This node's own accounts at `instance` are not to be used any more, nor any connection that was opened with them. The generation of
    /// connections from now on.
    pub fn own_accounts_shut(&self, instance: InstanceId) -> usize {
        if let Some(own) = &mut *lock(&self.own[instance.index()]) {
            own.password = None;
        }
        self.gauge(instance).shut_all()
    }

    /// The account that stands for `account` at `instance`; `None` while this node's own are not open there.
    pub fn account_at(&self, instance: InstanceId, account: &Account) -> Option<Account> {
        match &*lock(&self.own[instance.index()]) {
            None => Some(account.clone()),
            Some(OwnLogin { suffix, password }) => {
                Some(Account { user: format!("{}{suffix}", account.user), password: password.clone()? })
            }
        }
    }

    /// The number of the pool for `key`.
    pub fn pool_for(&self, key: PoolKey) -> PoolId {
        let mut ring = lock(&self.keys);
        if let Some(number) = ring.numbers.get(&key) {
            return *number;
        }
        let key = Arc::new(key);
        let number = PoolId { number: ring.keys.len(), instance: key.instance };
        ring.keys.push(Arc::clone(&key));
        ring.numbers.insert(key, number);
        number
    }

    /// The limits and counts of `instance`.
    pub fn gauge(&self, instance: InstanceId) -> &Arc<InstanceGauge> {
        &self.gauges[instance.index()]
    }

    /// A connection of `pool` for a session of `worker`, if possible one that is in the wanted state already.
    ///
    /// Errors: no connection within the queue deadline, or the instance cannot be reached or refuses the account.
    pub async fn checkout(
        self: &Arc<Self>,
        worker: usize,
        pool: PoolId,
        wanted: Wanted<'_>,
    ) -> Result<Checkout, CheckoutError> {
        let permit = match self.free_permit(pool.instance) {
            Some(permit) => permit,
            None => self.permit(pool.instance).await?,
        };
        let connection = match self.take_idle(worker, pool, wanted) {
            Some(connection) => connection,
            // Boxed: logging in is rare, and its future large.
            None => Box::pin(self.open(pool, wanted)).await?,
        };
        Ok(Checkout { connection, pools: Arc::clone(self), worker, pool, _permit: permit })
    }

    /// As [`Pools::checkout`], when that is possible without waiting for anything.
    pub fn checkout_at_hand(self: &Arc<Self>, worker: usize, pool: PoolId, wanted: Wanted<'_>) -> Option<Checkout> {
        let permit = self.free_permit(pool.instance)?;
        let connection = self.take_idle(worker, pool, wanted)?;
        Some(Checkout { connection, pools: Arc::clone(self), worker, pool, _permit: permit })
    }

    fn free_permit(&self, instance: InstanceId) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.gauge(instance).permits).try_acquire_owned().ok()
    }

    /// As [`Pools::checkout`], but never a connection that was used before: for a read that is sent again.
    pub async fn checkout_fresh(
        self: &Arc<Self>,
        worker: usize,
        pool: PoolId,
        wanted: Wanted<'_>,
    ) -> Result<Checkout, CheckoutError> {
        let permit = self.permit(pool.instance).await?;
        let connection = Box::pin(self.open(pool, wanted)).await?;
        Ok(Checkout { connection, pools: Arc::clone(self), worker, pool, _permit: permit })
    }

    /// Opens a connection of `pool` and brings it to the wanted state, for whoever comes next; unless `enough` are idle or being opened so, or
    /// as many as may be are in use. Errors: the instance cannot be reached or refuses the account.
    pub async fn open_ahead(
        self: &Arc<Self>,
        worker: usize,
        pool: PoolId,
        wanted: Wanted<'_>,
        (enough, login_names): (usize, &str),
    ) -> Result<(), CheckoutError> {
        let ahead = self.gauge(pool.instance).opens_ahead();
        if self.idle_in(pool.number) + ahead.count > enough {
            return Ok(());
        }
        let Some(permit) = self.free_permit(pool.instance) else { return Ok(()) };
        let mut connection = Box::pin(self.open(pool, wanted)).await?;
        // One that refuses is tainted and not kept; who comes next reads why.
        if let Err(error) = connection.bring_to(wanted.state, login_names).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "a connection opened ahead is not used");
        }
        Checkout { connection, pools: Arc::clone(self), worker, pool, _permit: permit }.release();
        Ok(())
    }

    /// A permit, waited for up to the queue deadline.
    async fn permit(&self, instance: InstanceId) -> Result<OwnedSemaphorePermit, CheckoutError> {
        let gauge = self.gauge(instance);
        let _waiting = gauge.wait();
        let deadline = self.config.queue_deadline;
        match timeout(deadline, Arc::clone(&gauge.permits).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(CheckoutError::Queue { instance, limit: gauge.limit, deadline }),
        }
    }

    fn key_of(&self, pool: PoolId) -> Arc<PoolKey> {
        Arc::clone(&lock(&self.keys).keys[pool.number])
    }

    fn take_idle(&self, worker: usize, pool: PoolId, wanted: Wanted<'_>) -> Option<Box<Connection>> {
        let siblings = (0..self.shelves.len()).filter(|sibling| *sibling != worker);
        for shelf in std::iter::once(worker).chain(siblings) {
            while let Some(mut connection) = self.take_from(shelf, pool, wanted) {
                if connection.generation != self.gauge(pool.instance).generation() || !connection.is_alive() {
                    continue;
                }
                connection.reused = true;
                let mine =
                    if shelf == worker { Some(connection) } else { connection.moved_to_this_worker().map(Box::new) };
                if mine.is_some() {
                    return mine;
                }
            }
        }
        None
    }

    fn take_from(&self, shelf: usize, pool: PoolId, wanted: Wanted<'_>) -> Option<Box<Connection>> {
        // How deep to look for a connection that needs no replay: beyond a few, warmth of the newest one counts more.
        const LOOK: usize = 8;
        let mut shelf = lock(&self.shelves[shelf]);
        let idle = shelf.get_mut(pool.number)?;
        if self.reached[pool.instance.index()].announce.is_some() {
            let client = Some(wanted.client.ip().to_canonical());
            let own = |connection: &Connection| connection.announced == client;
            let fits = |connection: &mut Connection| own(connection) && connection.is_in_state(wanted.state);
            let fitting = (0..idle.len()).rev().find(|index| fits(&mut idle[*index]));
            let newest = || idle.iter().rposition(|connection| own(connection));
            return Some(idle.remove(fitting.or_else(newest)?));
        }
        let newest = idle.len().checked_sub(1)?;
        let from = idle.len().saturating_sub(LOOK);
        let fitting = (from..idle.len()).rev().find(|index| idle[*index].is_in_state(wanted.state));
        Some(idle.remove(fitting.unwrap_or(newest)))
    }

    async fn open(&self, pool: PoolId, wanted: Wanted<'_>) -> Result<Box<Connection>, CheckoutError> {
        let key = self.key_of(pool);
        let slot = self.slot(key.instance).await?;
        let Reached { address, announce } = &self.reached[key.instance.index()];
        let schema = if key.with_schema { wanted.state.schema.as_deref() } else { None };
        // A login has room for one byte of it; what is over that is said by SET NAMES before the first statement.
        let login_collation = u8::try_from(key.collation).ok();
        let wish = LoginWish {
            class: key.class,
            schema,
            collation: login_collation.unwrap_or(0),
            max_packet: MAX_PACKET,
            attributes: ATTRIBUTES,
            cleartext: self.config.cleartext,
            announce: announce.map(|version| Announcement { version, client: wanted.client.ip().to_canonical() }),
        };
        let generation = self.gauge(key.instance).generation();
        let deadline = self.config.connect_deadline;
        let Some(account) = self.account_at(key.instance, &key.account) else {
            return Err(CheckoutError::NotOpen { instance: key.instance });
        };
        let logged_in = match timeout(deadline, login(address, &account, &wish, self.tls.as_ref())).await {
            Ok(Ok(logged_in)) => logged_in,
            Ok(Err(source)) => return Err(CheckoutError::Login { instance: key.instance, source }),
            Err(_) => return Err(CheckoutError::Deadline { instance: key.instance, deadline }),
        };
        let state = SessionState { schema: schema.map(str::to_owned), ..SessionState::default() };
        let mut connection = Connection::new(logged_in, key.instance, state, slot);
        connection.generation = generation;
        connection.announced = wish.announce.map(|announcement| announcement.client);
        let gauge = self.gauge(key.instance);
        if !gauge.knows_server_prepared()
            && let Some(limit) = timeout(deadline, connection.server_prepared()).await.ok().flatten()
        {
            gauge.set_server_prepared(limit);
        }
        connection.prepared =
            PreparedStatements::new(gauge.prepared_per_connection(self.config.prepared_per_connection));
        if login_collation.is_none() {
            connection.state = None;
        }
        Ok(Box::new(connection))
    }

    // The permit promises that a slot is free or that an idle connection somewhere can give its own; another worker may
    // hold it in its hands for a moment, so the search is repeated until the deadline.
    async fn slot(&self, instance: InstanceId) -> Result<OpenSlot, CheckoutError> {
        let started = Instant::now();
        loop {
            if let Some(slot) = self.gauge(instance).reserve() {
                return Ok(slot);
            }
            if !self.close_one_idle(instance) {
                if started.elapsed() > self.config.queue_deadline {
                    let limit = self.gauge(instance).limit;
                    return Err(CheckoutError::Queue { instance, limit, deadline: self.config.queue_deadline });
                }
                tokio::task::yield_now().await;
            }
        }
    }

    fn close_one_idle(&self, instance: InstanceId) -> bool {
        for shelf in &self.shelves {
            let mut shelf = lock(shelf);
            let oldest = shelf.iter_mut().find(|idle| idle.first().is_some_and(|first| first.instance == instance));
            if let Some(idle) = oldest {
                idle.remove(0);
                return true;
            }
        }
        false
    }

    fn put_back(&self, worker: usize, pool: PoolId, mut connection: Box<Connection>) {
        if connection.generation != self.gauge(connection.instance).generation() {
            return;
        }
        // A connection comes back many thousand times between two sweeps: the clock is asked once.
        let sweep = self.sweeps.load(Ordering::Relaxed);
        if connection.swept != sweep {
            connection.swept = sweep;
            if connection.born.elapsed() > self.config.max_lifetime {
                return;
            }
        }
        connection.idle_since = None;
        let mut shelf = lock(&self.shelves[worker]);
        if shelf.len() <= pool.number {
            shelf.resize_with(pool.number + 1, Vec::new);
        }
        shelf[pool.number].push(connection);
    }

    /// Closes connections that were idle for longer than the idle lifetime since it was first seen that they are. Called from time to time.
    pub fn close_expired(&self) {
        let now = Instant::now();
        self.sweeps.fetch_add(1, Ordering::Relaxed);
        for shelf in &self.shelves {
            for idle in lock(shelf).iter_mut() {
                idle.retain_mut(|connection| {
                    let since = *connection.idle_since.get_or_insert(now);
                    now.duration_since(since) <= self.config.idle_lifetime && connection.is_alive()
                });
            }
        }
    }

    /// All pools with their idle connections.
    pub fn counts(&self) -> Vec<PoolCount> {
        let keys = lock(&self.keys).keys.clone();
        keys.into_iter().enumerate().map(|(pool, key)| PoolCount { key, idle: self.idle_in(pool) }).collect()
    }

    fn idle_in(&self, pool: usize) -> usize {
        self.shelves.iter().map(|shelf| lock(shelf).get(pool).map_or(0, Vec::len)).sum()
    }
}

/// A connection borrowed from its pool, with its permit. Dropped without [`Checkout::release`], it is closed.
#[derive(Debug)]
pub struct Checkout {
    /// The connection.
    pub connection: Box<Connection>,
    /// The pool it came from.
    pub pool: PoolId,
    pools: Arc<Pools>,
    worker: usize,
    _permit: OwnedSemaphorePermit,
}

impl Checkout {
    /// The limits and counts of its instance.
    pub fn gauge(&self) -> &Arc<InstanceGauge> {
        self.pools.gauge(self.connection.instance)
    }

    /// Whether the account it was opened with is shut.
    pub fn is_shut(&self) -> bool {
        self.gauge().is_shut(self.connection.generation)
    }

    /// Gives the connection back; one that is tainted or in the middle of something is closed instead.
    pub fn release(self) {
        if self.connection.is_clean() {
            self.pools.put_back(self.worker, self.pool, self.connection);
        }
    }
}

// A poisoned lock only means that another thread panicked between two complete steps; the lists are valid.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
