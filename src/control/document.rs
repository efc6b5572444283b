//! The control document: the only JSON of state. Names stand for ids, so that people can read it and no number is taken for another's.
//!
//! It keeps no checksum; whoever stores the bytes does.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::document_entries::{ChangeEntry, ForbidEntry, MoveEntry};
use super::key_document::{KeyTypeEntry, OverrideEntry};
use super::left_out_document::{self, NeedEntry};
use super::policy_document::{DenialEntry, PolicyEntry};
use super::quarantine_document::QuarantineEntry;
use crate::model::control_state::InstanceAddress;
use crate::model::shard::OwnedRange;
use crate::model::{
    ControlState, Epoch, Group, GroupId, Instance, InstanceId, InvalidState, ReadPolicy, Role, Shard, ShardMap,
    ShardRange, TableClass, TableRule, Unit, UnitId, WrongUnitPolicy,
};

/// The version this program writes; it reads no other.
const VERSION: u32 = 1;

/// Why bytes are no control document.
#[derive(Debug, Error)]
pub enum DocumentError {
    /// Not JSON, or not of this shape.
    #[error("the control document cannot be read")]
    Json(#[from] serde_json::Error),
    /// Written by another version.
    #[error("the control document has version {0}, this program reads version {VERSION}")]
    Version(u32),
    /// A name that nothing bears.
    #[error("the control document names the unknown {what} '{name}'")]
    UnknownName {
        /// `unit` or `group`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// An integer that does not fit.
    #[error("the control document has a key '{0}' that is not an integer")]
    Integer(String),
    /// A digest that is none.
    #[error("the control document has a digest '{0}' that is not 16 hexadecimal digits")]
    Digest(String),
    /// The state breaks an invariant.
    #[error("the control document is not valid: {0}")]
    Invalid(#[from] InvalidState),
}

/// `state` as the bytes of a document.
/// Errors: none that a valid state can cause; the serializer's are passed on.
pub fn write(state: &ControlState) -> Result<Vec<u8>, DocumentError> {
    let mut bytes = serde_json::to_vec_pretty(&Document::of(state))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The state in the bytes of a document. Errors: as [`DocumentError`] says; a state that breaks an invariant is refused whole.
pub fn read(bytes: &[u8]) -> Result<ControlState, DocumentError> {
    let version: Version = serde_json::from_slice(bytes)?;
    if version.version != VERSION {
        return Err(DocumentError::Version(version.version));
    }
    let document: Document = serde_json::from_slice(bytes)?;
    let state = document.into_state()?;
    state.check()?;
    Ok(state)
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    epoch: u64,
    units: Vec<String>,
    default_group: String,
    groups: Vec<GroupEntry>,
    instances: Vec<InstanceEntry>,
    forbids: Vec<ForbidEntry>,
    #[serde(default)]
    moves: Vec<MoveEntry>,
    #[serde(default)]
    quarantines: Vec<QuarantineEntry>,
    #[serde(default)]
    configured: Vec<String>,
    #[serde(default)]
    history: Vec<ChangeEntry>,
    #[serde(default)]
    denials: Vec<DenialEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupEntry {
    name: String,
    schemas: Vec<String>,
    key_types: Vec<KeyTypeEntry>,
    tables: Vec<TableEntry>,
    #[serde(default)]
    overrides: Vec<OverrideEntry>,
    shard_count: u32,
    shards: Vec<ShardsEntry>,
    global_master: String,
    global_epoch: u64,
    schema_unit: Option<String>,
    #[serde(default)]
    policy: PolicyEntry,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TableEntry {
    name: String,
    class: ClassEntry,
    wrong_unit: WrongUnitEntry,
    read: ReadEntry,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum ClassEntry {
    Sharded { key_type: usize, column: String },
    Global,
    Local,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WrongUnitEntry {
    Forward,
    Refuse,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ReadEntry {
    Local,
    Owner,
    RefuseWithoutKey,
    MasterWithoutKey,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ShardsEntry {
    first: u32,
    last: u32,
    owner: String,
    epoch: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct InstanceEntry {
    name: String,
    unit: String,
    group: String,
    role: RoleEntry,
    address: AddressEntry,
    /// What a replica that is out of service must have before it serves again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left_out: Option<Vec<NeedEntry>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RoleEntry {
    Primary,
    Replica,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum AddressEntry {
    Tcp { host: String, port: u16 },
    Unix { path: String },
}

impl Document {
    fn of(state: &ControlState) -> Document {
        let unit = |id: UnitId| state.unit(id).name.clone();
        Document {
            version: VERSION,
            epoch: state.epoch.0,
            units: state.units.iter().map(|unit| unit.name.clone()).collect(),
            default_group: state.group(state.default_group).name.clone(),
            groups: state.groups.iter().map(|group| GroupEntry::of(group, &unit)).collect(),
            instances: (0u16..)
                .map(InstanceId)
                .zip(&state.instances)
                .map(|(id, instance)| InstanceEntry {
                    left_out: left_out_document::of(state, id),
                    name: instance.name.clone(),
                    unit: unit(instance.unit),
                    group: state.group(instance.group).name.clone(),
                    role: match instance.role {
                        Role::Primary => RoleEntry::Primary,
                        Role::Replica => RoleEntry::Replica,
                    },
                    address: match &instance.address {
                        InstanceAddress::Tcp(host, port) => AddressEntry::Tcp { host: host.clone(), port: *port },
                        InstanceAddress::Unix(path) => AddressEntry::Unix { path: path.clone() },
                    },
                })
                .collect(),
            forbids: state.forbids.iter().map(|forbid| ForbidEntry::of(forbid, state)).collect(),
            moves: state.moves.iter().map(|record| MoveEntry::of(record, state)).collect(),
            quarantines: state.quarantines.iter().map(|one| QuarantineEntry::of(one, state)).collect(),
            configured: state.configured.clone(),
            history: state.history.iter().map(ChangeEntry::of).collect(),
            denials: state.denials.iter().map(DenialEntry::of).collect(),
        }
    }

    fn into_state(self) -> Result<ControlState, DocumentError> {
        let names =
            Names { units: self.units.clone(), groups: self.groups.iter().map(|group| group.name.clone()).collect() };
        let mut left_out = Vec::new();
        let mut instances = Vec::new();
        for (id, mut entry) in (0u16..).map(InstanceId).zip(self.instances) {
            if let Some(needs) = entry.left_out.take() {
                left_out.push(left_out_document::read(id, needs, &names)?);
            }
            instances.push(entry.into_instance(&names)?);
        }
        Ok(ControlState {
            epoch: Epoch(self.epoch),
            left_out,
            units: self.units.into_iter().map(|name| Unit { name }).collect(),
            default_group: names.group(&self.default_group)?,
            groups: self.groups.into_iter().map(|group| group.into_group(&names)).collect::<Result<_, _>>()?,
            instances,
            forbids: self.forbids.into_iter().map(|entry| entry.into_forbid(&names)).collect::<Result<_, _>>()?,
            moves: self.moves.into_iter().map(|entry| entry.into_record(&names)).collect::<Result<_, _>>()?,
            quarantines: self
                .quarantines
                .into_iter()
                .map(|entry| entry.into_quarantine(&names))
                .collect::<Result<_, _>>()?,
            configured: self.configured,
            history: self.history.into_iter().map(ChangeEntry::into_entry).collect(),
            denials: self.denials.into_iter().map(DenialEntry::into_denial).collect::<Result<_, _>>()?,
        })
    }
}

/// The names of a document, in the order that gives them their ids.
pub(super) struct Names {
    units: Vec<String>,
    groups: Vec<String>,
}

impl Names {
    pub(super) fn unit(&self, name: &str) -> Result<UnitId, DocumentError> {
        position(&self.units, name).map(UnitId).ok_or_else(|| unknown("unit", name))
    }

    pub(super) fn group(&self, name: &str) -> Result<GroupId, DocumentError> {
        position(&self.groups, name).map(GroupId).ok_or_else(|| unknown("group", name))
    }
}

fn position(names: &[String], name: &str) -> Option<u16> {
    (0u16..).zip(names).find(|(_, known)| *known == name).map(|(index, _)| index)
}

fn unknown(what: &'static str, name: &str) -> DocumentError {
    DocumentError::UnknownName { what, name: name.to_owned() }
}

impl GroupEntry {
    fn of(group: &Group, unit: &dyn Fn(UnitId) -> String) -> GroupEntry {
        GroupEntry {
            name: group.name.clone(),
            schemas: group.schemas.clone(),
            key_types: group.key_types.iter().map(KeyTypeEntry::of).collect(),
            tables: group.tables.iter().map(TableEntry::of).collect(),
            overrides: group.overrides.iter().map(OverrideEntry::of).collect(),
            shard_count: group.shards.count,
            shards: group
                .shards
                .ranges
                .iter()
                .map(|owned| ShardsEntry {
                    first: owned.range.first.0,
                    last: owned.range.last.0,
                    owner: unit(owned.owner),
                    epoch: owned.epoch.0,
                })
                .collect(),
            global_master: unit(group.global_master),
            global_epoch: group.global_epoch.0,
            schema_unit: group.schema_unit.map(unit),
            policy: PolicyEntry::of(&group.policy, unit),
        }
    }

    fn into_group(self, names: &Names) -> Result<Group, DocumentError> {
        let owned = |entry: ShardsEntry| {
            Ok::<_, DocumentError>(OwnedRange {
                range: ShardRange { first: Shard(entry.first), last: Shard(entry.last) },
                owner: names.unit(&entry.owner)?,
                epoch: Epoch(entry.epoch),
            })
        };
        Ok(Group {
            name: self.name,
            schemas: self.schemas,
            key_types: self
                .key_types
                .into_iter()
                .map(|key| key.into_key_type(self.shard_count))
                .collect::<Result<_, DocumentError>>()?,
            tables: self.tables.into_iter().map(TableEntry::into_rule).collect(),
            overrides: self.overrides.into_iter().map(OverrideEntry::into_override).collect::<Result<_, _>>()?,
            shards: ShardMap {
                count: self.shard_count,
                ranges: self.shards.into_iter().map(owned).collect::<Result<_, _>>()?,
            },
            global_master: names.unit(&self.global_master)?,
            global_epoch: Epoch(self.global_epoch),
            schema_unit: self.schema_unit.map(|name| names.unit(&name)).transpose()?,
            policy: self.policy.into_policy(names)?,
        })
    }
}

impl TableEntry {
    fn of(rule: &TableRule) -> TableEntry {
        TableEntry {
            name: rule.name.clone(),
            class: match &rule.class {
                TableClass::Sharded { key_type, column } => {
                    ClassEntry::Sharded { key_type: *key_type, column: column.clone() }
                }
                TableClass::Global => ClassEntry::Global,
                TableClass::Local => ClassEntry::Local,
            },
            wrong_unit: match rule.wrong_unit {
                WrongUnitPolicy::Forward => WrongUnitEntry::Forward,
                WrongUnitPolicy::Refuse => WrongUnitEntry::Refuse,
            },
            read: match rule.read {
                ReadPolicy::Local => ReadEntry::Local,
                ReadPolicy::Owner => ReadEntry::Owner,
                ReadPolicy::RefuseWithoutKey => ReadEntry::RefuseWithoutKey,
                ReadPolicy::MasterWithoutKey => ReadEntry::MasterWithoutKey,
            },
        }
    }

    fn into_rule(self) -> TableRule {
        TableRule {
            name: self.name,
            class: match self.class {
                ClassEntry::Sharded { key_type, column } => TableClass::Sharded { key_type, column },
                ClassEntry::Global => TableClass::Global,
                ClassEntry::Local => TableClass::Local,
            },
            wrong_unit: match self.wrong_unit {
                WrongUnitEntry::Forward => WrongUnitPolicy::Forward,
                WrongUnitEntry::Refuse => WrongUnitPolicy::Refuse,
            },
            read: match self.read {
                ReadEntry::Local => ReadPolicy::Local,
                ReadEntry::Owner => ReadPolicy::Owner,
                ReadEntry::RefuseWithoutKey => ReadPolicy::RefuseWithoutKey,
                ReadEntry::MasterWithoutKey => ReadPolicy::MasterWithoutKey,
            },
        }
    }
}

impl InstanceEntry {
    fn into_instance(self, names: &Names) -> Result<Instance, DocumentError> {
        Ok(Instance {
            unit: names.unit(&self.unit)?,
            group: names.group(&self.group)?,
            name: self.name,
            role: match self.role {
                RoleEntry::Primary => Role::Primary,
                RoleEntry::Replica => Role::Replica,
            },
            address: match self.address {
                AddressEntry::Tcp { host, port } => InstanceAddress::Tcp(host, port),
                AddressEntry::Unix { path } => InstanceAddress::Unix(path),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::control::sample;

    #[test]
    fn a_state_survives_its_document() {
        let state = sample::rich_state();
        assert_eq!(read(&write(&state).unwrap()).unwrap(), state);
    }

    #[test]
    fn a_group_that_is_only_observed_stays_so() {
        let mut state = sample::state();
        state.groups[0].policy.routing = crate::model::Routing::Observe;
        assert_eq!(read(&write(&state).unwrap()).unwrap(), state);
    }

    #[test]
    fn another_version_is_named_not_guessed() {
        let text = String::from_utf8(write(&sample::state()).unwrap()).unwrap();
        let other = text.replacen("\"version\": 1", "\"version\": 2, \"later\": true", 1);
        assert!(matches!(read(other.as_bytes()), Err(DocumentError::Version(2))));
    }

    #[test]
    fn an_unknown_owner_or_field_refuses_the_document_whole() {
        let text = String::from_utf8(write(&sample::state()).unwrap()).unwrap();
        let owner = text.replacen("\"owner\": \"bj\"", "\"owner\": \"sz\"", 1);
        assert!(matches!(read(owner.as_bytes()), Err(DocumentError::UnknownName { what: "unit", .. })));
        let field = text.replacen("\"epoch\"", "\"epoche\"", 1);
        assert!(matches!(read(field.as_bytes()), Err(DocumentError::Json(_))));
    }

    #[test]
    fn a_gap_in_the_shard_map_refuses_the_document_whole() {
        let text = String::from_utf8(write(&sample::state()).unwrap()).unwrap();
        let gap = text.replacen("\"last\": 4999", "\"last\": 4998", 1);
        assert!(matches!(read(gap.as_bytes()), Err(DocumentError::Invalid(InvalidState::Gap { .. }))));
    }
}
