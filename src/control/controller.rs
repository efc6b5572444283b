//! One change from command to effect: load, apply, compare and swap, publish, advance the gate.
//!
//! It holds no lock that a query could wait for.

use std::sync::{Arc, MutexGuard, PoisonError};

use thiserror::Error;
use tokio::sync::{Mutex, watch};

use super::{
    ApplyError, Author, Command, HoldLimits, HoldingRoom, Published, Snapshots, Store, StoreError, WriteGate, adopt,
    apply,
};
use crate::model::{ControlState, Epoch, InstanceAddress, InvalidState, UnitId};

/// How often a change is applied anew when others change the store meanwhile.
const ATTEMPTS: usize = 16;

/// The control state of this process: where it is stored, who reads it, and what it gates.
pub struct Controller {
    store: Arc<dyn Store>,
    snapshots: Arc<Snapshots>,
    gate: Arc<WriteGate>,
    room: Arc<HoldingRoom>,
    /// One change at a time in this process; others are sorted out by the store.
    changing: Mutex<()>,
    /// The epoch that is in force in this process; also what keeps two publishers from doing it at once.
    in_force: watch::Sender<Epoch>,
    /// What positions and addresses stand for here; a state that says otherwise cannot be followed.
    shape: adopt::Shape,
    /// Where this node reaches the instances, if others that share the store may reach them elsewhere.
    addresses: Option<Vec<InstanceAddress>>,
    /// The newest state that was heard of, as it is stored.
    last: std::sync::Mutex<Arc<ControlState>>,
}

impl std::fmt::Debug for Controller {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Controller").field("in_force", &*self.in_force.borrow()).finish_non_exhaustive()
    }
}

/// What a command did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The epoch that holds now.
    pub epoch: Epoch,
    /// Whether the command changed anything.
    pub outcome: Outcome,
}

/// Whether a command changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It took a new epoch.
    Changed,
    /// It held already; the epoch stayed.
    AlreadySo,
}

/// Why a command had no effect.
#[derive(Debug, Error)]
pub enum ChangeError {
    /// The operator's `IF EPOCH` no longer holds.
    #[error("the control state is at epoch {current}, not at {expected}; look again and repeat the command")]
    EpochMoved {
        /// What the operator saw.
        expected: Epoch,
        /// What holds now.
        current: Epoch,
    },
    /// The command cannot be applied.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The store did not take it.
    #[error("the control store did not take the change")]
    Store(#[from] StoreError),
    /// The store lost the state it had at start.
    #[error("the control store is empty; it held a state when this process started")]
    Lost,
    /// Others changed the state again and again.
    #[error("the control state kept changing; repeat the command")]
    Contended,
}

/// Why the process cannot begin to serve.
#[derive(Debug, Error)]
pub enum StartError {
    /// The configuration is not a valid state.
    #[error("the configuration is not valid: {0}")]
    Invalid(#[from] InvalidState),
    /// The store cannot be read or written.
    #[error("the control store cannot be used")]
    Store(#[from] StoreError),
    /// Configuration and store disagree about ownership.
    #[error("the configuration disagrees with the stored control state at epoch {epoch}, and ownership is moved by commands, not by editing the configuration: {}", .differences.join("; "))]
    Ownership {
        /// The stored epoch.
        epoch: Epoch,
        /// One sentence each.
        differences: Vec<String>,
    },
}

impl Controller {
    /// The stored state, or `configured` on the first start; addresses and policies are taken from `configured`.
    /// Errors: `configured` is invalid, disagrees about ownership, or the store fails.
    pub async fn start(
        store: Arc<dyn Store>,
        configured: ControlState,
        limits: HoldLimits,
    ) -> Result<Controller, StartError> {
        configured.check()?;
        let stored = store.load().await?;
        let state = match &stored {
            None => first(configured),
            Some(stored) => adopt::adopt(stored, &configured)
                .map_err(|differences| StartError::Ownership { epoch: stored.epoch, differences })?,
        };
        if stored.as_ref() != Some(&state) {
            store.compare_and_swap(stored.map(|stored| stored.epoch), &state).await?;
        }
        let epoch = state.epoch;
        let room = HoldingRoom::new(limits);
        room.begin(&state);
        let shape = adopt::shape(&state);
        let state = Arc::new(state);
        Ok(Controller {
            store,
            last: std::sync::Mutex::new(Arc::clone(&state)),
            snapshots: Arc::new(Snapshots::new(state)),
            gate: Arc::new(WriteGate::new(epoch)),
            room,
            changing: Mutex::new(()),
            in_force: watch::Sender::new(epoch),
            shape,
            addresses: None,
        })
    }

    /// As [`Controller::start`], in a store that others use meanwhile: whoever was quicker is looked at again. What the others run by, which
    /// is the order of units, groups and instances, must be the same here.
    pub async fn join(
        store: Arc<dyn Store>,
        configured: ControlState,
        limits: HoldLimits,
    ) -> Result<Controller, StartError> {
        let own: Vec<InstanceAddress> = configured.instances.iter().map(|instance| instance.address.clone()).collect();
        for _ in 0..ATTEMPTS {
            let mut wanted = configured.clone();
            if let Some(stored) = store.load().await? {
                let (theirs, ours) = (adopt::shape(&stored), adopt::shape(&configured));
                if !ours.extends(&theirs) {
                    let differences = adopt::shape_differences(&theirs, &ours);
                    return Err(StartError::Ownership { epoch: stored.epoch, differences });
                }
                // Where this node reaches them is no change of what is stored.
                at(&mut wanted, stored.instances.iter().map(|instance| &instance.address));
            }
            match Controller::start(Arc::clone(&store), wanted, limits).await {
                Err(StartError::Store(StoreError::Conflict { .. })) => {}
                Err(error) => return Err(error),
                Ok(mut controller) => {
                    let mut state = ControlState::clone(&controller.snapshots.load().state);
                    at(&mut state, own.iter());
                    controller.snapshots = Arc::new(Snapshots::new(Arc::new(state)));
                    controller.addresses = Some(own);
                    return Ok(controller);
                }
            }
        }
        Err(StartError::Store(StoreError::Contended))
    }

    /// The epoch in force, and each one that comes.
    pub fn in_force(&self) -> watch::Receiver<Epoch> {
        self.in_force.subscribe()
    }

    /// Lets what others stored come into force here. An older state than the last changes nothing.
    /// Errors: its units, groups or instances are not those this process was started with, or a unit that was added since owns something, which
    /// it cannot follow; what differs.
    pub fn follow(&self, state: &Arc<ControlState>) -> Result<(), Vec<String>> {
        let theirs = adopt::shape(state);
        let owns_beyond = |unit: UnitId| unit.index() >= self.shape.units();
        if !theirs.extends(&self.shape) || state.owners().any(owns_beyond) {
            return Err(adopt::shape_differences(&theirs, &self.shape));
        }
        self.publish(Arc::clone(state));
        Ok(())
    }

    /// The state that is stored at some moment after this was called; `None` when the store has lost it.
    pub async fn stored(&self) -> Result<Option<ControlState>, StoreError> {
        self.store.load().await
    }

    /// The state as it was at `epoch`.
    pub async fn former(&self, epoch: Epoch) -> Result<Option<ControlState>, StoreError> {
        self.store.former(epoch).await
    }

    /// What queries read.
    pub fn snapshots(&self) -> &Arc<Snapshots> {
        &self.snapshots
    }

    /// What writes pass.
    pub fn gate(&self) -> &Arc<WriteGate> {
        &self.gate
    }

    /// Where writes of moving scopes wait.
    pub fn room(&self) -> &Arc<HoldingRoom> {
        &self.room
    }

    /// Carries out `command`, if the state is still at `if_epoch` (when given). When it returns, every query of this process
    /// is decided under the answered epoch; writes that entered earlier may still be in flight ([`WriteGate::drained`]).
    pub async fn change(
        &self,
        command: &Command,
        author: &Author,
        if_epoch: Option<Epoch>,
    ) -> Result<Change, ChangeError> {
        let _one_at_a_time = self.changing.lock().await;
        if let Some(change) = self.change_the_last(command, author, if_epoch).await? {
            return Ok(change);
        }
        for _ in 0..ATTEMPTS {
            let stored = self.store.load().await?.ok_or(ChangeError::Lost)?;
            // What the store took without being able to say so is known from here on.
            if stored.epoch > self.snapshots.load().state.epoch {
                self.publish(Arc::new(stored.clone()));
            }
            if let Some(expected) = if_epoch.filter(|expected| *expected != stored.epoch) {
                return Err(ChangeError::EpochMoved { expected, current: stored.epoch });
            }
            let next = apply(&stored, command, author)?;
            let outcome = if next == stored { Outcome::AlreadySo } else { Outcome::Changed };
            if outcome == Outcome::Changed {
                match self.store.compare_and_swap(Some(stored.epoch), &next).await {
                    Ok(()) => {}
                    Err(StoreError::Conflict { .. }) => continue,
                    Err(error) => return Err(error.into()),
                }
            }
            let epoch = next.epoch;
            self.publish(Arc::new(next));
            return Ok(Change { epoch, outcome });
        }
        Err(ChangeError::Contended)
    }

    /// As [`Self::change`], of the state that was last heard of, which saves reading it. `None`: somebody was quicker, or what is stored has to
    /// be looked at before the command can be answered.
    async fn change_the_last(
        &self,
        command: &Command,
        author: &Author,
        if_epoch: Option<Epoch>,
    ) -> Result<Option<Change>, ChangeError> {
        let last = self.newest();
        let next = match apply(&last, command, author) {
            Ok(next) if next != *last && if_epoch.is_none_or(|expected| expected == last.epoch) => next,
            // Whether that is still so, the store tells.
            Ok(_) | Err(_) => return Ok(None),
        };
        match self.store.compare_and_swap(Some(last.epoch), &next).await {
            Ok(()) => {}
            Err(StoreError::Conflict { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let epoch = next.epoch;
        self.publish(Arc::new(next));
        Ok(Some(Change { epoch, outcome: Outcome::Changed }))
    }

    /// The newest state that was heard of, as it is stored.
    pub fn newest(&self) -> Arc<ControlState> {
        Arc::clone(&self.last())
    }

    fn last(&self) -> MutexGuard<'_, Arc<ControlState>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// First the snapshot, then the gate: a write sent back by the gate must find the newer snapshot. Whoever reads of a move in the
    /// snapshot must find it in the room; whoever is let go from the room must find the snapshot.
    /// One after the other, and an older one not at all: the room must not forget moves that a newer state has.
    fn publish(&self, state: Arc<ControlState>) {
        self.in_force.send_if_modified(|in_force| {
            if state.epoch <= *in_force {
                return false;
            }
            *self.last() = Arc::clone(&state);
            let state = match &self.addresses {
                None => Arc::clone(&state),
                Some(own) => {
                    let mut here = ControlState::clone(&state);
                    at(&mut here, own.iter());
                    Arc::new(here)
                }
            };
            self.room.begin(&state);
            match self.snapshots.publish_state(&state) {
                Published::Accepted | Published::Stale => self.gate.advance(state.epoch),
            }
            self.room.end(&state);
            *in_force = state.epoch;
            true
        });
    }
}

/// `state` with its instances at `addresses`, in their order.
fn at<'a>(state: &mut ControlState, addresses: impl Iterator<Item = &'a InstanceAddress>) {
    for (instance, address) in state.instances.iter_mut().zip(addresses) {
        instance.address.clone_from(address);
    }
}

/// The configuration as the first state: epochs begin at 1.
fn first(mut state: ControlState) -> ControlState {
    let epoch = state.epoch.max(Epoch(1));
    state.epoch = epoch;
    for group in &mut state.groups {
        group.global_epoch = epoch;
        group.shards.ranges.iter_mut().for_each(|owned| owned.epoch = epoch);
    }
    state.configured = adopt::ownership(&state);
    state
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::control::{FileStore, MemoryStore, sample};
    use crate::model::{Forbid, ForbidKind, ForbidScope, UnitId};

    const BJ: ForbidScope = ForbidScope::Unit(UnitId(1));

    fn forbid_bj() -> Command {
        Command::Forbid(Forbid {
            scope: BJ,
            kind: ForbidKind::Writes,
            reason: "drill".to_owned(),
            by: "dba".to_owned(),
            at: 1,
        })
    }

    fn dba() -> Author {
        Author { by: "dba".to_owned(), at: 1 }
    }

    async fn start(store: Arc<dyn Store>, configured: ControlState) -> Result<Controller, StartError> {
        Controller::start(store, configured, HoldLimits::default()).await
    }

    async fn started() -> (Arc<MemoryStore>, Controller) {
        let store = Arc::new(MemoryStore::default());
        let controller = start(Arc::clone(&store) as Arc<dyn Store>, sample::state()).await.unwrap();
        (store, controller)
    }

    #[tokio::test]
    async fn a_change_is_stored_published_and_gated_when_it_returns() {
        let (store, controller) = started().await;
        let change = controller.change(&forbid_bj(), &dba(), Some(Epoch(1))).await.unwrap();
        assert_eq!(change, Change { epoch: Epoch(2), outcome: Outcome::Changed });
        assert_eq!(store.load().await.unwrap().unwrap().forbids.len(), 1);
        assert_eq!(controller.snapshots().load().state.forbids.len(), 1);
        assert_eq!(controller.gate().epoch(), Epoch(2));
        let again = controller.change(&forbid_bj(), &dba(), None).await.unwrap();
        assert_eq!(again, Change { epoch: Epoch(2), outcome: Outcome::AlreadySo });
    }

    #[tokio::test]
    async fn a_change_with_an_old_if_epoch_is_refused() {
        let (_, controller) = started().await;
        controller.change(&forbid_bj(), &dba(), None).await.unwrap();
        let refused = controller.change(&Command::Allow { scope: BJ }, &dba(), Some(Epoch(1))).await.unwrap_err();
        assert!(matches!(refused, ChangeError::EpochMoved { current: Epoch(2), .. }));
        assert_eq!(controller.snapshots().load().state.forbids.len(), 1);
    }

    #[tokio::test]
    async fn a_forbid_survives_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control");
        let started = || async { start(Arc::new(FileStore::open(&path).unwrap()), sample::state()).await.unwrap() };
        started().await.change(&forbid_bj(), &dba(), None).await.unwrap();
        let again = started().await;
        assert_eq!(again.snapshots().load().state.forbids.len(), 1);
        assert_eq!(again.gate().epoch(), Epoch(2));
    }

    #[tokio::test]
    async fn another_owner_in_the_configuration_refuses_the_start() {
        let (store, _) = started().await;
        let mut configured = sample::state();
        configured.groups[0].global_master = UnitId(1);
        let Err(refused) = start(store, configured).await else { panic!("started") };
        let text = refused.to_string();
        assert!(
            text.contains("group 'main': ownership: stored 10000 shards, 0-4999 hz")
                && text.ends_with("Global Zone bj"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn another_change_in_the_store_is_built_upon_not_overwritten() {
        let (store, controller) = started().await;
        let state = store.load().await.unwrap().unwrap();
        let other = Command::Forbid(Forbid {
            scope: ForbidScope::Unit(UnitId(0)),
            kind: ForbidKind::All,
            reason: "elsewhere".to_owned(),
            by: "other".to_owned(),
            at: 2,
        });
        store.compare_and_swap(Some(Epoch(1)), &apply(&state, &other, &dba()).unwrap()).await.unwrap();
        controller.change(&forbid_bj(), &dba(), None).await.unwrap();
        assert_eq!(controller.snapshots().load().state.forbids.len(), 2);
        assert_eq!(controller.gate().epoch(), Epoch(3));
    }
}
