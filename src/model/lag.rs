//! How far a server is behind another whose stream it applies, and how far it may be before writes wait for it.

use std::time::Duration;

use super::{ControlState, GroupId, InstanceId, Observations, UnitId};

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
    /// What the group's [`LagBound`] makes of it.
    pub standing: LagStanding,
}

/// What a bound makes of a link's lag, with hysteresis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LagStanding {
    /// Nobody asks: the group has no bound, or not for this link.
    Unbound,
    /// It keeps within the bound.
    Within,
    /// It is beyond, or has not been within for long enough again.
    Beyond,
}

/// How far other units may be behind a unit's writes in a group; beyond it the unit's scopes of the group take none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LagBound {
    /// The greatest age of the oldest write that a peer lacks.
    pub age: Duration,
    /// The most transactions a peer may lack, if that is bounded too.
    pub missing: Option<u64>,
    /// The units that have to keep up; `None`: every unit but the owner.
    pub peers: Option<Vec<UnitId>>,
}

impl LagBound {
    /// Whether `peer` has to keep up with what `owner` writes.
    pub fn asks(&self, owner: UnitId, peer: UnitId) -> bool {
        owner != peer && self.peers.as_ref().is_none_or(|peers| peers.contains(&peer))
    }
}

/// A unit that keeps another from writing in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Laggard {
    /// Who is behind.
    pub peer: UnitId,
    /// How far, as last measured.
    pub lag: Lag,
}

/// The first unit that keeps `owner` from writing in `group`. What was not measured yet is beyond every bound; who was left behind by force is
/// waited for by nobody.
pub fn laggard(state: &ControlState, measured: &Observations, group: GroupId, owner: UnitId) -> Option<Laggard> {
    let bound = state.group(group).policy.lag_bound.as_ref()?;
    let source = state.primary_of(owner, group)?;
    let peers = (0u16..).map(UnitId).take(state.units.len()).filter(|peer| bound.asks(owner, *peer));
    peers.filter(|peer| state.quarantine_of(*peer, group).is_none()).find_map(|peer| {
        let follower = state.primary_of(peer, group)?;
        let link = measured.lag.iter().find(|link| link.source == source && link.follower == follower);
        match link {
            Some(Link { standing: LagStanding::Within, .. }) => None,
            Some(Link { lag, .. }) => Some(Laggard { peer, lag: *lag }),
            None => Some(Laggard { peer, lag: Lag::Unknown }),
        }
    })
}
