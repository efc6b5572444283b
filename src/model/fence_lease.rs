//! The lease of a primary, with `fence = "row+lease"`: until when its transactions may commit, by its own clock. Pure.
//!
//! It is what proves that a primary nobody reaches takes no more writes, and it rests on one order. Whoever renews a lease
//!
//! 1. reads the primary's clock,
//! 2. then reads the store, which must not say that the primary is left behind,
//! 3. then lets the lease last until [`LASTS`] after the moment read in 1.
//!
//! However late 3 arrives, its end was fixed by a moment before 2. So once the store says that a primary is left behind, no lease can be had there
//! that ends later than [`LASTS`] after that. Who renews does not matter, nor whether its own lease in the store holds, nor how many do.
//! It takes a clock at the primary that is not set back meanwhile and runs no slower than [`MARGIN`] allows for.

use std::time::Duration;

use super::{ControlState, GroupId, MoveKind, UnitId};

/// How long a lease lasts.
pub const LASTS: Duration = Duration::from_secs(3);

/// How often it is renewed: three renewals in a row may fail.
pub const RENEWAL: Duration = Duration::from_millis(750);

/// What is waited for beyond the end of a lease: for a clock that runs slowly, and for a COMMIT that was let in at the last moment.
pub const MARGIN: Duration = Duration::from_secs(1);

/// After this long, counted from when the store says that a primary is left behind, no transaction commits there any more.
pub const CLOSED_AFTER: Duration = LASTS.saturating_add(MARGIN);

/// Whether, by this state, the primary of `unit` may have its lease in the group renewed: it is not left behind, nor about to be.
pub fn may_be_renewed(state: &ControlState, group: GroupId, unit: UnitId) -> bool {
    let is_left_behind = state.moves.iter().any(|record| {
        record.kind == MoveKind::Forced
            && record.parts.iter().any(|part| part.extent.group() == group && part.source == unit)
    });
    !is_left_behind && state.quarantine_of(unit, group).is_none()
}
