//! The control document's part about what operators allow: denials, declared routines, groups that are only observed, bounds of lag.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::document::{DocumentError, Names};
use crate::model::{Denial, DenialCondition, GroupPolicy, LagBound, RoutineAccess, RoutineRule, Routing, UnitId};

/// A group's policy.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyEntry {
    routing: RoutingEntry,
    routines: Vec<RoutineEntry>,
    // Left out where there is none, so that nodes of before it was known read what concerns them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lag_bound: Option<LagBoundEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LagBoundEntry {
    milliseconds: u64,
    missing: Option<u64>,
    peers: Option<Vec<String>>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RoutingEntry {
    #[default]
    Enforce,
    Observe,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RoutineEntry {
    name: String,
    tables: Vec<String>,
    key_argument: Option<usize>,
    access: AccessEntry,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AccessEntry {
    Read,
    Write,
}

/// A denial. Digests are hexadecimal text, as people see them.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DenialEntry {
    name: String,
    reason: String,
    users: Vec<String>,
    statements: Vec<String>,
    digests: Vec<String>,
    condition: ConditionEntry,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ConditionEntry {
    Always,
    Unrestricted,
}

impl PolicyEntry {
    /// `policy` as an entry, with units by their names.
    pub(super) fn of(policy: &GroupPolicy, name: impl Fn(UnitId) -> String + Copy) -> PolicyEntry {
        let routine = |rule: &RoutineRule| RoutineEntry {
            name: rule.name.clone(),
            tables: rule.tables.clone(),
            key_argument: rule.key_argument,
            access: match rule.access {
                RoutineAccess::Read => AccessEntry::Read,
                RoutineAccess::Write => AccessEntry::Write,
            },
        };
        PolicyEntry {
            routing: match policy.routing {
                Routing::Enforce => RoutingEntry::Enforce,
                Routing::Observe => RoutingEntry::Observe,
            },
            routines: policy.routines.iter().map(routine).collect(),
            lag_bound: policy.lag_bound.as_ref().map(|bound| LagBoundEntry {
                milliseconds: u64::try_from(bound.age.as_millis()).unwrap_or(u64::MAX),
                missing: bound.missing,
                peers: bound.peers.as_ref().map(|peers| peers.iter().map(|peer| name(*peer)).collect()),
            }),
        }
    }

    /// The policy. Errors: a unit that does not exist.
    pub(super) fn into_policy(self, names: &Names) -> Result<GroupPolicy, DocumentError> {
        let routine = |entry: RoutineEntry| RoutineRule {
            name: entry.name,
            tables: entry.tables,
            key_argument: entry.key_argument,
            access: match entry.access {
                AccessEntry::Read => RoutineAccess::Read,
                AccessEntry::Write => RoutineAccess::Write,
            },
        };
        let bound = |entry: LagBoundEntry| {
            let units = |peers: Vec<String>| peers.iter().map(|name| names.unit(name)).collect::<Result<_, _>>();
            Ok::<_, DocumentError>(LagBound {
                age: Duration::from_millis(entry.milliseconds),
                missing: entry.missing,
                peers: entry.peers.map(units).transpose()?,
            })
        };
        Ok(GroupPolicy {
            routing: match self.routing {
                RoutingEntry::Enforce => Routing::Enforce,
                RoutingEntry::Observe => Routing::Observe,
            },
            routines: self.routines.into_iter().map(routine).collect(),
            lag_bound: self.lag_bound.map(bound).transpose()?,
        })
    }
}

impl DenialEntry {
    /// `denial` as an entry.
    pub(super) fn of(denial: &Denial) -> DenialEntry {
        DenialEntry {
            name: denial.name.clone(),
            reason: denial.reason.clone(),
            users: denial.users.clone(),
            statements: denial.statements.clone(),
            digests: denial.digests.iter().map(|digest| format!("{digest:016x}")).collect(),
            condition: match denial.condition {
                DenialCondition::Always => ConditionEntry::Always,
                DenialCondition::Unrestricted => ConditionEntry::Unrestricted,
            },
        }
    }

    /// The denial. Errors: a digest that is none.
    pub(super) fn into_denial(self) -> Result<Denial, DocumentError> {
        let digest = |text: &String| u64::from_str_radix(text, 16).map_err(|_| DocumentError::Digest(text.clone()));
        Ok(Denial {
            name: self.name,
            reason: self.reason,
            users: self.users,
            statements: self.statements,
            digests: self.digests.iter().map(digest).collect::<Result<_, _>>()?,
            condition: match self.condition {
                ConditionEntry::Always => DenialCondition::Always,
                ConditionEntry::Unrestricted => DenialCondition::Unrestricted,
            },
        })
    }
}
