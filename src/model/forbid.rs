//! Forbids: writes (or all statements) of a scope refused until someone lifts them; they never end by time.

use super::UnitId;

/// What a forbid refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForbidKind {
    /// Every statement that may write or lock (default).
    Writes,
    /// UPDATE, DELETE and REPLACE, and everything else that may change a row that exists; INSERT passes.
    Updates,
    /// Reads of managed tables too.
    All,
}

/// What a forbid covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForbidScope {
    /// Everything the unit owns: its shards, and each Global Zone it is master of.
    Unit(UnitId),
}

/// One standing forbid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forbid {
    /// What it covers.
    pub scope: ForbidScope,
    /// What it refuses.
    pub kind: ForbidKind,
    /// Why, in the operator's words; shown to clients.
    pub reason: String,
    /// Who set it: the console account.
    pub by: String,
    /// When, as seconds since 1970 (UTC), for people only; nothing is decided by it.
    pub at: u64,
}
