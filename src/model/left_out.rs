//! A replica that is out of service: a move went on without it, so it serves no reads before it has what the sources had written by then.

use super::{FencePosition, InstanceId};

/// A replica that moves do not wait for, and that nobody reads from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeftOut {
    /// Which.
    pub instance: InstanceId,
    /// What it must have before it serves again: the sources' positions of each move that went on without it.
    pub needs: Vec<FencePosition>,
}
