//! What we measured, as opposed to what people decided.

use super::{InstanceId, Link};

/// What the last probes said of an instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// Not probed yet: counts as healthy for the primary, as lagging for a replica.
    #[default]
    Unknown,
    /// Answers; for a replica, both replication threads run.
    Healthy,
    /// Does not answer, or (replica) does not replicate.
    Unhealthy,
}

/// The newest measurements of all instances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observations {
    /// By [`InstanceId`].
    pub health: Vec<Health>,
    /// How far each follower is behind whom it follows.
    pub lag: Vec<Link>,
}

impl Observations {
    /// The health of `instance`; `Unknown` when it was never probed.
    pub fn health_of(&self, instance: InstanceId) -> Health {
        self.health.get(instance.index()).copied().unwrap_or_default()
    }
}
