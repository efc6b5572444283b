//! What one decision sees: one control state, one set of observations, one catalog.

use std::sync::Arc;

use super::{Catalog, ControlState, Observations};

/// An immutable picture; a query loads it once.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// What people decided.
    pub state: Arc<ControlState>,
    /// What we measured.
    pub observations: Arc<Observations>,
    /// The servers' schema.
    pub catalog: Arc<Catalog>,
}
