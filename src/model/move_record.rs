//! A change under way that closes scopes: a move of ownership, or the fencing of what is forbidden. What it closes, how far it is, and what the
//! source had written when it was closed.
//!
//! The record is the journal: whoever reads it can go on from where it says. It lives in the control state, so that the fence, the owner and
//! the progress are one consistent picture.

use std::fmt;

use super::{Epoch, Extent, GroupId, Scope, UnitId};

/// A move's number: the epoch at which its scopes were fenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MoveId(pub u64);

impl MoveId {
    /// The scope epoch of the fence.
    pub fn fence(self) -> Epoch {
        Epoch(self.0)
    }
}

impl fmt::Display for MoveId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

/// One stretch of scopes on its way from its owner to another unit, or fenced where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MovePart {
    /// What moves.
    pub extent: Extent,
    /// The owner until the move is published.
    pub source: UnitId,
    /// The owner from then on.
    pub target: UnitId,
}

/// Everything the source's primary had in its binlog once no write of the moving scopes was left in flight.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FencePosition {
    /// The group.
    pub group: GroupId,
    /// The unit of the source.
    pub source: UnitId,
    /// Its whole GTID position, as the server writes it.
    pub position: String,
}

/// What becomes of the scopes, and whether the sources take part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MoveKind {
    /// They write all they have taken, and are waited for.
    #[default]
    Planned,
    /// They are lost: nobody renews the lease of a primary that is left behind.
    Forced,
    /// The sources keep them, and are the targets too: what was begun before a forbid is ended, as before a move, and what they had written by
    /// then is told.
    Fencing,
}

/// How far a move is. The scopes are closed in every phase: no node lets a new write in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MovePhase {
    /// Writes that began before the fence may still be in flight.
    Fenced,
    /// None is left, and what the sources had written by then is recorded.
    Recorded(Vec<FencePosition>),
}

/// A planned move under way; it is gone from the state once it is published or rolled back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MoveRecord {
    /// Its number.
    pub id: MoveId,
    /// What moves; at least one part, none of them overlapping.
    pub parts: Vec<MovePart>,
    /// What becomes of the scopes.
    pub kind: MoveKind,
    /// How far it is.
    pub phase: MovePhase,
    /// Which incarnation carries it out; empty on a node that shares its store with nobody.
    pub runner: String,
    /// Who asked for it: the console account.
    pub by: String,
    /// When, as seconds since 1970 (UTC), for people only; nothing is decided by it.
    pub at: u64,
}

impl MoveRecord {
    /// Whether a write of `scope` has to wait for the end of the move.
    pub fn touches(&self, scope: Scope) -> bool {
        self.parts.iter().any(|part| part.extent.touches(scope))
    }

    /// Whether any part shares a scope with `extent`.
    pub fn overlaps(&self, extent: Extent) -> bool {
        self.parts.iter().any(|part| part.extent.overlaps(extent))
    }

    /// The sources with their groups, each once.
    pub fn sources(&self) -> Vec<(GroupId, UnitId)> {
        sources_of(&self.parts)
    }
}

/// The sources of `parts` with their groups, each once.
pub fn sources_of(parts: &[MovePart]) -> Vec<(GroupId, UnitId)> {
    let mut sources: Vec<_> = parts.iter().map(|part| (part.extent.group(), part.source)).collect();
    sources.sort_unstable();
    sources.dedup();
    sources
}
