//! Identifiers: small numbers that index the control state, and the epoch.
//!
//! Invariant: a unit, group or instance keeps its id as long as it exists; ids are never reused in one process.

use std::fmt;

macro_rules! index_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u16);

        impl $name {
            /// The position in the control state's list.
            pub fn index(self) -> usize {
                usize::from(self.0)
            }
        }
    };
}

index_id! {
    /// A unit's position in [`ControlState::units`](super::ControlState::units).
    UnitId
}
index_id! {
    /// A group's position in [`ControlState::groups`](super::ControlState::groups).
    GroupId
}
index_id! {
    /// An instance's position in [`ControlState::instances`](super::ControlState::instances).
    InstanceId
}

/// The version of the control document; it comes only from the store and only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch after this one.
    pub fn next(self) -> Epoch {
        Epoch(self.0 + 1)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}
