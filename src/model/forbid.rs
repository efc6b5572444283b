//! Forbids: writes (or all statements) of a scope refused until someone lifts them; they never end by time.

use super::{GroupId, ShardRange, UnitId};

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
    /// Every scope of the group, whoever owns it.
    Group(GroupId),
    /// These shards, whoever owns them.
    Shards(GroupId, ShardRange),
    /// One routing key, whoever owns it.
    Key(GroupId, ForbiddenKey),
    /// The group's Global Zone.
    GlobalZone(GroupId),
}

/// One value of a key type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForbiddenKey {
    /// Index of the key type in [`Group::key_types`](super::Group::key_types).
    pub key_type: usize,
    /// The key as text; a whole number in decimal digits.
    pub text: String,
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
