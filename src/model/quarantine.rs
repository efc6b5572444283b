//! An instance that was left behind by force: it may hold writes that nobody else has, so it takes no part until an operator has put it right.

use std::fmt;

use super::{Epoch, GroupId, UnitId};

/// Why nobody could write at the source any more when its scopes were given away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClosureProof {
    /// No write was in flight at any node, and every connection had ended.
    Drained,
    /// The configured fencing command said so.
    FencingCommand,
    /// The source's lease has ended by its own clock, without which no transaction commits there.
    LeaseEnded,
    /// There was none: an operator accepted that writes may have been taken in two places.
    Unfenced,
}

impl fmt::Display for ClosureProof {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            ClosureProof::Drained => "no write was left in flight",
            ClosureProof::FencingCommand => "the fencing command succeeded",
            ClosureProof::LeaseEnded => "the lease of its primary has ended",
            ClosureProof::Unfenced => "none: a dual write is possible",
        })
    }
}

/// A unit's primary of one group, left behind by force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// The group.
    pub group: GroupId,
    /// The unit whose primary it is.
    pub unit: UnitId,
    /// The unit that got its scopes, and that its unit's clients read from meanwhile.
    pub stand_in: UnitId,
    /// The epoch of the change.
    pub since: Epoch,
    /// What made it safe.
    pub proof: ClosureProof,
    /// The stand-in's whole position when it took over: what the source has beyond it is lost.
    pub cut: String,
    /// What was lost, as GTIDs; known once the source was heard of again.
    pub loss: Option<String>,
    /// Why, in the operator's words.
    pub reason: String,
    /// Who: the console account.
    pub by: String,
    /// When, as seconds since 1970 (UTC), for people only.
    pub at: u64,
}
