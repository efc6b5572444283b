//! The live sessions of the process: for SHOW SESSIONS, for KILL, and for the connection limits.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use dashmap::DashMap;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::end_signal::EndSignal;
use crate::model::{InstanceId, UnitId};
use crate::sql::PinReason;

/// What others may know of a session, and the handle by which it is killed.
#[derive(Debug)]
pub struct SessionEntry {
    /// Its connection id as the client sees it.
    pub id: u32,
    /// The client's address.
    pub client: SocketAddr,
    /// The unit of its listener.
    pub unit: UnitId,
    /// Statements so far.
    pub statements: AtomicU64,
    /// Told when the session has to end (KILL, shutdown), or when the node begins to.
    pub end: EndSignal,
    killed: AtomicBool,
    /// Those who are about to kill the statement running at `running`; while there are any, the connection is not pooled.
    pub killers: AtomicUsize,
    /// The instance (upper half, plus one) and server thread (lower half) it runs on or keeps; 0 for none.
    running: AtomicU64,
    identity: Mutex<Identity>,
    shown: Mutex<Shown>,
}

/// Who the client is; COM_CHANGE_USER changes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user it logged in as.
    pub user: Arc<str>,
    /// The program it says it is; empty when it says nothing.
    pub program: Arc<str>,
}

/// The part of an entry that changes while it lives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The schema.
    pub schema: Option<String>,
    /// Whether a transaction is open.
    pub in_transaction: bool,
    /// Why it keeps its connection, if it does outside transactions.
    pub pin: Option<PinReason>,
}

impl SessionEntry {
    /// Who the client is, as it is now.
    pub fn identity(&self) -> Identity {
        self.identity.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Records which program the client says it is.
    pub fn introduce(&self, program: &str) {
        self.identity.lock().unwrap_or_else(PoisonError::into_inner).program = program.into();
    }

    /// The part that changes, as it is now.
    pub fn shown(&self) -> Shown {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the session as soon as it waits for its client.
    pub fn kill(&self) {
        self.killed.store(true, Ordering::SeqCst);
        self.end.tell();
    }

    /// Whether it has to end.
    pub fn is_killed(&self) -> bool {
        self.killed.load(Ordering::SeqCst)
    }

    /// Resolves once it has to end; that its node begins to end it learns before its next command.
    pub async fn killed(&self) {
        while !self.is_killed() {
            self.end.told().await;
        }
    }

    /// Replaces the part that changes.
    pub fn show(&self, shown: Shown) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = shown;
    }

    /// The instance and server thread of the connection it runs on or keeps.
    pub fn running(&self) -> Option<(InstanceId, u32)> {
        let running = self.running.load(Ordering::SeqCst);
        let instance = u16::try_from(running >> 32).ok()?.checked_sub(1)?;
        Some((InstanceId(instance), running as u32))
    }

    /// Records the connection the session runs on.
    pub fn runs_on(&self, instance: InstanceId, thread: u32) {
        self.running.store((u64::from(instance.0) + 1) << 32 | u64::from(thread), Ordering::SeqCst);
    }

    /// Records that it runs on none. Returns whether the connection may be pooled: not while a KILL is on its way to it.
    pub fn runs_no_more(&self) -> bool {
        self.running.store(0, Ordering::SeqCst);
        self.killers.load(Ordering::SeqCst) == 0
    }
}

/// Why a client is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The process limit.
    Process,
    /// The user's own limit.
    User,
}

/// All live sessions.
#[derive(Debug)]
pub struct Registry {
    sessions: DashMap<u32, Arc<SessionEntry>>,
    next: AtomicU32,
    node: u32,
    open: AtomicUsize,
    by_user: Mutex<HashMap<String, usize>>,
    pins: DashMap<PinReason, u64>,
    /// From when on sessions without a transaction begin nothing new; set once the node ends.
    drain: OnceLock<Instant>,
    /// Told when a session or a login has ended.
    ended: Notify,
    /// Told when a session has left.
    left: Notify,
}

impl Registry {
    /// None yet. Connection ids carry the high bit and `node`, so that they never meet a server's thread ids.
    pub fn new(node: u8) -> Registry {
        Registry {
            sessions: DashMap::new(),
            next: AtomicU32::new(1),
            node: u32::from(node),
            open: AtomicUsize::new(0),
            by_user: Mutex::default(),
            pins: DashMap::new(),
            drain: OnceLock::new(),
            ended: Notify::new(),
            left: Notify::new(),
        }
    }

    /// The next connection id: bit 30, seven bits of node number, 23 bits of counter; one that is in use is passed over. Not bit 31: drivers
    /// read ids as signed.
    pub fn next_id(&self) -> u32 {
        loop {
            let id = 0x4000_0000 | (self.node & 0x7f) << 23 | self.next.fetch_add(1, Ordering::Relaxed) & 0x007f_ffff;
            if !self.sessions.contains_key(&id) {
                return id;
            }
        }
    }

    /// Takes a place under the process limit; it is free again when the permit is dropped.
    pub fn admit(self: &Arc<Self>, limit: usize) -> Result<ConnectionPermit, Full> {
        self.open
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |open| (open < limit).then_some(open + 1))
            .map_err(|_| Full::Process)?;
        Ok(ConnectionPermit(Arc::clone(self)))
    }

    /// Records a logged-in session, within its user's limit.
    pub fn enter(
        self: &Arc<Self>,
        id: u32,
        user: &str,
        client: SocketAddr,
        unit: UnitId,
        limit: Option<usize>,
    ) -> Result<Presence, Full> {
        let mut by_user = self.by_user.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by_user.entry(user.to_owned()).or_default();
        if limit.is_some_and(|limit| *count >= limit) {
            return Err(Full::User);
        }
        *count += 1;
        let entry = Arc::new(SessionEntry {
            id,
            identity: Mutex::new(Identity { user: user.into(), program: "".into() }),
            client,
            unit,
            statements: AtomicU64::new(0),
            end: EndSignal::default(),
            killed: AtomicBool::new(false),
            killers: AtomicUsize::new(0),
            running: AtomicU64::new(0),
            shown: Mutex::default(),
        });
        self.sessions.insert(id, Arc::clone(&entry));
        Ok(Presence { entry, registry: Arc::clone(self) })
    }

    /// The session with this id.
    pub fn find(&self, id: u32) -> Option<Arc<SessionEntry>> {
        self.sessions.get(&id).map(|entry| Arc::clone(entry.value()))
    }

    /// All sessions, in no order.
    pub fn all(&self) -> Vec<Arc<SessionEntry>> {
        self.sessions.iter().map(|entry| Arc::clone(entry.value())).collect()
    }

    /// Client connections now, those still logging in included.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Counts a pin by its reason.
    pub fn count_pin(&self, reason: PinReason) {
        *self.pins.entry(reason).or_default() += 1;
    }

    /// How often sessions were pinned since start, by reason.
    pub fn pin_counts(&self) -> Vec<(PinReason, u64)> {
        let mut counts: Vec<_> = self.pins.iter().map(|entry| (*entry.key(), *entry.value())).collect();
        counts.sort();
        counts
    }

    /// Tells every session to end.
    pub fn end_all(&self) {
        for entry in &self.sessions {
            entry.value().kill();
        }
    }

    /// The node ends: from `refuse_after` on, sessions begin nothing new. Idle ones end before.
    pub fn begin_drain(&self, refuse_after: Instant) {
        // Told twice, the first word counts.
        self.drain.get_or_init(|| refuse_after);
        for entry in &self.sessions {
            entry.value().end.tell();
        }
    }

    /// From when on nothing new is begun, if the node ends.
    pub fn drain(&self) -> Option<Instant> {
        self.drain.get().copied()
    }

    /// Resolves when this session has left and its client's connection is closed, or at `deadline`.
    pub async fn gone(&self, entry: &Arc<SessionEntry>, deadline: Instant) {
        loop {
            let left = self.left.notified();
            tokio::pin!(left);
            left.as_mut().enable();
            let is_here = self.find(entry.id).is_some_and(|found| Arc::ptr_eq(&found, entry));
            if !is_here || timeout_at(deadline, left).await.is_err() {
                return;
            }
        }
    }

    /// Resolves when no client is left, logins included, or at `deadline`.
    pub async fn emptied(&self, deadline: Instant) {
        while self.open() > 0 && timeout_at(deadline, self.ended.notified()).await.is_ok() {}
    }
}

/// A client connection's place under the process limit.
#[derive(Debug)]
pub struct ConnectionPermit(Arc<Registry>);

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
        self.0.ended.notify_one();
    }
}

/// A session's presence in the registry; dropped, it is gone.
#[derive(Debug)]
pub struct Presence {
    /// The entry.
    pub entry: Arc<SessionEntry>,
    registry: Arc<Registry>,
}

impl Presence {
    /// The session goes on as `user`, within that user's limit, under its own id.
    pub fn change_user(&self, user: &str, limit: Option<usize>) -> Result<(), Full> {
        let mut by_user = self.registry.by_user.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.entry.identity().user;
        if *before == *user {
            return Ok(());
        }
        let count = by_user.entry(user.to_owned()).or_default();
        if limit.is_some_and(|limit| *count >= limit) {
            return Err(Full::User);
        }
        *count += 1;
        count_out(&mut by_user, &before);
        self.entry.identity.lock().unwrap_or_else(PoisonError::into_inner).user = user.into();
        Ok(())
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.registry.sessions.remove(&self.entry.id);
        self.registry.left.notify_waiters();
        let mut by_user = self.registry.by_user.lock().unwrap_or_else(PoisonError::into_inner);
        count_out(&mut by_user, &self.entry.identity().user);
    }
}

fn count_out(by_user: &mut HashMap<String, usize>, user: &str) {
    if let Some(count) = by_user.get_mut(user) {
        *count -= 1;
        if *count == 0 {
            by_user.remove(user);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn client() -> SocketAddr {
        ([192, 0, 2, 7], 56324).into()
    }

    #[test]
    fn a_user_at_its_limit_is_turned_away_until_one_of_its_sessions_ends() {
        let registry = Arc::new(Registry::new(3));
        let first = registry.enter(registry.next_id(), "app", client(), UnitId(0), Some(1)).unwrap();
        assert_eq!(registry.enter(registry.next_id(), "app", client(), UnitId(0), Some(1)).unwrap_err(), Full::User);
        assert!(registry.enter(registry.next_id(), "other", client(), UnitId(0), Some(1)).is_ok());
        drop(first);
        assert!(registry.enter(registry.next_id(), "app", client(), UnitId(0), Some(1)).is_ok());
    }

    #[test]
    fn a_session_that_changes_its_user_counts_for_the_new_one() {
        let registry = Arc::new(Registry::new(3));
        let changing = registry.enter(registry.next_id(), "app", client(), UnitId(0), Some(1)).unwrap();
        let other = registry.enter(registry.next_id(), "other", client(), UnitId(0), Some(1)).unwrap();
        assert_eq!(changing.change_user("other", Some(1)).unwrap_err(), Full::User);
        assert_eq!(changing.change_user("app", Some(1)), Ok(()));
        drop(other);
        changing.change_user("other", Some(1)).unwrap();
        assert_eq!(&*changing.entry.identity().user, "other");
        assert!(registry.enter(registry.next_id(), "app", client(), UnitId(0), Some(1)).is_ok());
        assert_eq!(registry.enter(registry.next_id(), "other", client(), UnitId(0), Some(1)).unwrap_err(), Full::User);
        drop(changing);
        assert!(registry.enter(registry.next_id(), "other", client(), UnitId(0), Some(1)).is_ok());
    }

    #[test]
    fn the_process_limit_counts_connections_that_are_still_logging_in() {
        let registry = Arc::new(Registry::new(3));
        let permit = registry.admit(1).unwrap();
        assert_eq!(registry.admit(1).unwrap_err(), Full::Process);
        drop(permit);
        assert!(registry.admit(1).is_ok());
    }

    #[test]
    fn connection_ids_carry_their_bit_and_the_node_and_are_positive() {
        let registry = Registry::new(5);
        assert_eq!(registry.next_id() >> 23, 0x80 | 5);
        let last = Registry::new(127).next_id();
        assert!(i32::try_from(last).is_ok(), "{last}");
    }
}
