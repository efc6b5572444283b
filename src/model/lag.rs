//! How far a server is behind another whose stream it applies.

use std::time::Duration;

use super::InstanceId;

/// How far one is behind. What is not known counts as lagging.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lag {
    /// One of the two does not answer, or was not asked yet.
    #[default]
    Unknown,
    /// A channel of the one behind does not run: however little is missing, nothing more comes.
    Standing {
        /// Transactions it does not have.
        missing: u64,
    },
    /// It applies.
    Behind {
        /// Transactions it does not have.
        missing: u64,
        /// It has everything that was written this long ago, at least. Zero when nothing is missing.
        time: Duration,
        /// Whether it lacks even the oldest write that is remembered, so that the time is a lower bound.
        is_at_least: bool,
    },
}

/// The lag of one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Who writes: a primary.
    pub source: InstanceId,
    /// Who applies: another unit's primary, or a replica of the source.
    pub follower: InstanceId,
    /// How far it is behind.
    pub lag: Lag,
}
