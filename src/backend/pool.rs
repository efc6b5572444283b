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
use super::own_accounts::OwnLogin;
use super::session_state::SessionState;
use super::{CheckoutError, Config};
use crate::model::{InstanceAddress, InstanceId};
use crate::net::login::Account;
use crate::net::tls::ClientTls;
use crate::wire::capability::CapabilityClass;
use crate::wire::proxy_header::HeaderVersion;

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
    /// What the client says of itself, where a connection is opened for it alone, which the servers are to show as the client's; it is never
    /// anybody else's. A shared one has attributes of Meridian's.
    pub attributes: Option<&'a [u8]>,
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
    pub(super) config: Config,
    /// By instance.
    pub(super) reached: Vec<Reached>,
    gauges: Vec<Arc<InstanceGauge>>,
    pub(super) tls: Option<ClientTls>,
    /// By instance: how this node logs in where it has accounts of its own.
    pub(super) own: Vec<Mutex<Option<OwnLogin>>>,
    keys: Mutex<KeyRing>,
    shelves: Vec<Mutex<Shelf>>,
    /// How often idle connections were looked through.
    sweeps: AtomicU32,
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

    /// Opens a connection of `pool` and brings it to the wanted state, for whoever comes next; unless `enough` are idle or being opened so. Where as
    /// many as may be are in use, it waits as a session would, so that those which are only kept for comfort come back.
    /// Errors: the instance cannot be reached or refuses the account.
    pub async fn open_ahead(
        self: &Arc<Self>,
        worker: usize,
        pool: PoolId,
        wanted: Wanted<'_>,
        (enough, login_names): (usize, &str),
    ) -> Result<(), CheckoutError> {
        let ahead = self.gauge(pool.instance).opens_ahead();
        let are_enough = || self.idle_in(pool.number) + ahead.count > enough;
        if are_enough() {
            return Ok(());
        }
        let permit = match self.free_permit(pool.instance) {
            Some(permit) => permit,
            None => self.permit(pool.instance).await?,
        };
        // What came back meanwhile will do.
        if are_enough() {
            return Ok(());
        }
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

    pub(super) fn key_of(&self, pool: PoolId) -> Arc<PoolKey> {
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

    // The permit promises that a slot is free or that an idle connection somewhere can give its own; another worker may
    // hold it in its hands for a moment, so the search is repeated until the deadline.
    pub(super) async fn slot(&self, instance: InstanceId) -> Result<OpenSlot, CheckoutError> {
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
        if connection.is_one_clients || connection.generation != self.gauge(connection.instance).generation() {
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
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
