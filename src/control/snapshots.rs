//! The one picture every query reads: the last published state, observations and catalog.
//!
//! Reading takes no lock and waits for nobody. Only rising epochs and catalog versions are accepted.

use std::sync::Arc;

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
}

impl Snapshots {
    /// Begins with `state`, no observations and an empty catalog.
    pub fn new(state: Arc<ControlState>) -> Snapshots {
        let snapshot = Snapshot { state, observations: Arc::default(), catalog: Arc::default() };
        Snapshots { current: ArcSwap::from_pointee(snapshot) }
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
        snapshots.publish_observations(&Arc::new(Observations { health: vec![Health::Healthy] }));
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
