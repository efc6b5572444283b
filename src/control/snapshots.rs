//! The one picture every query reads: the last published state, observations and catalog.
//!
//! Reading takes no lock and waits for nobody. Only rising epochs and catalog versions are accepted.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

use crate::model::{Catalog, ControlState, Observations, Snapshot};

/// What became of something published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// Queries see it from now on.
    Accepted,
    /// It is not newer than what queries see; nothing changed.
    Stale,
}

/// The published snapshot.
#[derive(Debug)]
pub struct Snapshots {
    current: ArcSwap<Snapshot>,
    /// How often something was published; moved on after `current`, so that who sees the number sees what it counts.
    publications: AtomicU64,
}

/// A snapshot in one thread's hands: copied without a count that threads share.
#[allow(clippy::redundant_allocation, reason = "the inner count is shared by all threads, the outer one is not")]
pub type SeenSnapshot = Rc<Arc<Snapshot>>;

/// One thread's own hold on the newest snapshot: looking costs one load, and taking it touches nothing that threads share.
#[derive(Debug)]
pub struct SnapshotReader {
    snapshots: Arc<Snapshots>,
    seen: RefCell<(u64, SeenSnapshot)>,
}

impl SnapshotReader {
    /// A reader of `snapshots`.
    pub fn new(snapshots: Arc<Snapshots>) -> SnapshotReader {
        let publications = snapshots.publications.load(Ordering::Acquire);
        let seen = RefCell::new((publications, Rc::new(snapshots.load())));
        SnapshotReader { snapshots, seen }
    }

    /// The newest snapshot.
    pub fn load(&self) -> SeenSnapshot {
        let publications = self.snapshots.publications.load(Ordering::Acquire);
        let mut seen = self.seen.borrow_mut();
        if seen.0 != publications {
            *seen = (publications, Rc::new(self.snapshots.load()));
        }
        Rc::clone(&seen.1)
    }
}

impl Snapshots {
    /// Begins with `state`, no observations and an empty catalog.
    pub fn new(state: Arc<ControlState>) -> Snapshots {
        let snapshot = Snapshot { state, observations: Arc::default(), catalog: Arc::default() };
        Snapshots { current: ArcSwap::from_pointee(snapshot), publications: AtomicU64::new(0) }
    }

    /// The newest snapshot.
    pub fn load(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Publishes a state, if its epoch is higher.
    pub fn publish_state(&self, state: &Arc<ControlState>) -> Published {
        self.publish(|current| {
            (state.epoch > current.state.epoch).then(|| Snapshot { state: Arc::clone(state), ..current.clone() })
        })
    }

    /// Publishes measurements; the last ones count.
    pub fn publish_observations(&self, observations: &Arc<Observations>) -> Published {
        self.publish(|current| Some(Snapshot { observations: Arc::clone(observations), ..current.clone() }))
    }

    /// Publishes a catalog, if its version is higher.
    pub fn publish_catalog(&self, catalog: &Arc<Catalog>) -> Published {
        self.publish(|current| {
            (catalog.version > current.catalog.version)
                .then(|| Snapshot { catalog: Arc::clone(catalog), ..current.clone() })
        })
    }

    /// `next` may run several times, when others publish meanwhile; the last run is the one that counts.
    fn publish(&self, next: impl Fn(&Snapshot) -> Option<Snapshot>) -> Published {
        let mut published = Published::Stale;
        self.current.rcu(|current| match next(current) {
            Some(snapshot) => {
                published = Published::Accepted;
                Arc::new(snapshot)
            }
            None => {
                published = Published::Stale;
                Arc::clone(current)
            }
        });
        self.publications.fetch_add(1, Ordering::Release);
        published
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::control::sample;
    use crate::model::{Epoch, Health};

    fn at(epoch: u64) -> Arc<ControlState> {
        Arc::new(ControlState { epoch: Epoch(epoch), ..sample::state() })
    }

    #[test]
    fn a_stale_or_repeated_epoch_is_ignored() {
        let snapshots = Snapshots::new(at(3));
        assert_eq!(snapshots.publish_state(&at(5)), Published::Accepted);
        assert_eq!(snapshots.publish_state(&at(5)), Published::Stale);
        assert_eq!(snapshots.publish_state(&at(4)), Published::Stale);
        assert_eq!(snapshots.load().state.epoch, Epoch(5));
    }

    #[test]
    fn each_part_is_published_without_touching_the_others() {
        let snapshots = Snapshots::new(at(3));
        snapshots.publish_observations(&Arc::new(Observations { health: vec![Health::Healthy], lag: Vec::new() }));
        snapshots.publish_catalog(&Arc::new(Catalog { version: 2, ..Catalog::default() }));
        snapshots.publish_state(&at(4));
        let seen = snapshots.load();
        assert_eq!((seen.state.epoch, seen.catalog.version), (Epoch(4), 2));
        assert_eq!(seen.observations.health, [Health::Healthy]);
        assert_eq!(
            snapshots.publish_catalog(&Arc::new(Catalog { version: 1, ..Catalog::default() })),
            Published::Stale
        );
    }

    #[test]
    fn a_reader_sees_what_was_published_last() {
        let snapshots = Arc::new(Snapshots::new(at(3)));
        let reader = SnapshotReader::new(Arc::clone(&snapshots));
        let before = reader.load();
        assert!(Rc::ptr_eq(&before, &reader.load()));
        snapshots.publish_state(&at(4));
        assert_eq!(reader.load().state.epoch, Epoch(4));
        assert_eq!(before.state.epoch, Epoch(3));
    }

    #[test]
    fn of_many_publishers_the_highest_epoch_stays() {
        let snapshots = Snapshots::new(at(0));
        std::thread::scope(|scope| {
            for first in 1..5 {
                let snapshots = &snapshots;
                scope.spawn(move || {
                    for epoch in (first..400).step_by(4) {
                        snapshots.publish_state(&at(epoch));
                    }
                });
            }
        });
        assert_eq!(snapshots.load().state.epoch, Epoch(399));
    }
}
