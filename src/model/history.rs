//! What was changed, by whom and when: the tail of the control document's past, for people.

use super::Epoch;

/// How many changes are remembered.
pub const REMEMBERED: usize = 200;

/// One change of the control state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HistoryEntry {
    /// The epoch it made.
    pub epoch: Epoch,
    /// What was done, in words.
    pub what: String,
    /// By whom: the console account, or Meridian itself.
    pub by: String,
    /// When, as seconds since 1970 (UTC).
    pub at: u64,
}
