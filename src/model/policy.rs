//! What the operators allow beyond placement: whether a group's rules are carried out, which statements are denied, what routines touch, how
//! far replication may be behind.

use super::LagBound;

/// Whether the rules of a group are carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Routing {
    /// They are.
    #[default]
    Enforce,
    /// They are only looked at: every statement goes to this unit's primary, as it would without Meridian; what the rules would have done is
    /// counted. Nothing is promised of such a group: its shards and its Global Zone are not moved.
    Observe,
}

/// What a stored routine touches, as declared: its text is not looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutineRule {
    /// Its name without schema, lower case, or a prefix followed by `*`.
    pub name: String,
    /// The tables of its group that it reads or writes, lower case; none for a routine that touches no managed table.
    pub tables: Vec<String>,
    /// The argument that holds the routing key of its sharded tables, from 1.
    pub key_argument: Option<usize>,
    /// Whether it changes rows, or locks them.
    pub access: RoutineAccess,
}

/// What a routine does to the tables it touches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RoutineAccess {
    /// It reads them, without locks.
    Read,
    /// It may write or lock them.
    #[default]
    Write,
}

impl RoutineRule {
    /// Whether the rule speaks of `routine` (lower case).
    pub fn covers(&self, routine: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(prefix) => routine.starts_with(prefix),
            None => self.name == routine,
        }
    }
}

/// What a group's operators decided beyond the placement of its tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupPolicy {
    /// Whether its rules are carried out.
    pub routing: Routing,
    /// Its declared routines; the first rule that covers a name counts.
    pub routines: Vec<RoutineRule>,
    /// How far other units may be behind before a unit's writes in it wait for them.
    pub lag_bound: Option<LagBound>,
}

/// Statements that are refused whatever they touch. All that a denial names must fit; what it leaves empty fits everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Denial {
    /// Its name, in the refusal and in counts.
    pub name: String,
    /// Why, in the operator's words; clients read it.
    pub reason: String,
    /// The users it is for.
    pub users: Vec<String>,
    /// The first words of the statements it is for (`update`, `create` …), lower case, or their class: see [`DENIED_CLASSES`].
    pub statements: Vec<String>,
    /// The digests of the statements it is for.
    pub digests: Vec<u64>,
    /// Which of them it is for.
    pub condition: DenialCondition,
}

/// What besides its first word makes a statement one that is denied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DenialCondition {
    /// Nothing more.
    #[default]
    Always,
    /// A SELECT from a table, UPDATE or DELETE without WHERE and without LIMIT.
    Unrestricted,
}

/// The classes a denial may name beside first words.
pub const DENIED_CLASSES: [&str; 4] = ["read", "write", "ddl", "locking_read"];
