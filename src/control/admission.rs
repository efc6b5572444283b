//! The two rules of the write gate, apart from how it counts: who is let in, and what stands in the way of an acknowledgement. Pure.

use crate::model::{Epoch, Extent, Scope};

/// Whether a write that was decided under `decided` may enter a gate that stands at `gate`: nothing it did not know has been published.
pub fn admits(gate: Epoch, decided: Epoch) -> bool {
    decided >= gate
}

/// Whether a write in flight, decided under `decided` for `scopes`, has to end before anybody may say that `extents` obey `epoch`.
pub fn hinders(decided: Epoch, scopes: &[Scope], extents: &[Extent], epoch: Epoch) -> bool {
    decided < epoch && scopes.iter().any(|scope| extents.iter().any(|extent| extent.touches(*scope)))
}
