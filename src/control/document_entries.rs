//! The parts of the control document that come and go while it lives: forbids, moves under way, the last changes.
//!
//! They are written and read by [`super::document`] alone.

use serde::{Deserialize, Serialize};

use super::document::{DocumentError, Names};
use crate::model::{
    ControlState, Epoch, Extent, FencePosition, Forbid, ForbidKind, ForbidScope, ForbiddenKey, GroupId, HistoryEntry,
    MoveId, MoveKind, MovePart, MovePhase, MoveRecord, Shard, ShardRange, UnitId,
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ForbidEntry {
    scope: ScopeEntry,
    kind: KindEntry,
    reason: String,
    by: String,
    at: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum ScopeEntry {
    Unit(String),
    Group(String),
    Shards { group: String, first: u32, last: u32 },
    Key { group: String, key_type: usize, key: String },
    GlobalZone(String),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KindEntry {
    Writes,
    Updates,
    All,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MoveEntry {
    id: u64,
    parts: Vec<PartEntry>,
    // Left out of planned moves, so that nodes that do not know of it read those.
    #[serde(default, skip_serializing_if = "MoveKindEntry::is_planned")]
    kind: MoveKindEntry,
    phase: PhaseEntry,
    #[serde(default)]
    runner: String,
    by: String,
    at: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PartEntry {
    what: ExtentEntry,
    from: String,
    to: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum ExtentEntry {
    Shards { group: String, first: u32, last: u32 },
    GlobalZone(String),
}

#[derive(Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum MoveKindEntry {
    #[default]
    Planned,
    Forced,
    Fencing,
}

impl MoveKindEntry {
    fn is_planned(&self) -> bool {
        *self == MoveKindEntry::Planned
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum PhaseEntry {
    Fenced,
    Recorded(Vec<PositionEntry>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PositionEntry {
    group: String,
    unit: String,
    position: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeEntry {
    epoch: u64,
    what: String,
    by: String,
    at: u64,
}

impl ForbidEntry {
    pub(super) fn of(forbid: &Forbid, state: &ControlState) -> ForbidEntry {
        let (unit, group) = namers(state);
        ForbidEntry {
            scope: match &forbid.scope {
                ForbidScope::Unit(forbidden) => ScopeEntry::Unit(unit(*forbidden)),
                ForbidScope::Group(forbidden) => ScopeEntry::Group(group(*forbidden)),
                ForbidScope::Shards(held, range) => {
                    ScopeEntry::Shards { group: group(*held), first: range.first.0, last: range.last.0 }
                }
                ForbidScope::Key(held, key) => {
                    ScopeEntry::Key { group: group(*held), key_type: key.key_type, key: key.text.clone() }
                }
                ForbidScope::GlobalZone(held) => ScopeEntry::GlobalZone(group(*held)),
            },
            kind: match forbid.kind {
                ForbidKind::Writes => KindEntry::Writes,
                ForbidKind::Updates => KindEntry::Updates,
                ForbidKind::All => KindEntry::All,
            },
            reason: forbid.reason.clone(),
            by: forbid.by.clone(),
            at: forbid.at,
        }
    }

    pub(super) fn into_forbid(self, names: &Names) -> Result<Forbid, DocumentError> {
        Ok(Forbid {
            scope: match self.scope {
                ScopeEntry::Unit(unit) => ForbidScope::Unit(names.unit(&unit)?),
                ScopeEntry::Group(group) => ForbidScope::Group(names.group(&group)?),
                ScopeEntry::Shards { group, first, last } => {
                    ForbidScope::Shards(names.group(&group)?, range(first, last))
                }
                ScopeEntry::Key { group, key_type, key } => {
                    ForbidScope::Key(names.group(&group)?, ForbiddenKey { key_type, text: key })
                }
                ScopeEntry::GlobalZone(group) => ForbidScope::GlobalZone(names.group(&group)?),
            },
            kind: match self.kind {
                KindEntry::Writes => ForbidKind::Writes,
                KindEntry::Updates => ForbidKind::Updates,
                KindEntry::All => ForbidKind::All,
            },
            reason: self.reason,
            by: self.by,
            at: self.at,
        })
    }
}

impl MoveEntry {
    pub(super) fn of(record: &MoveRecord, state: &ControlState) -> MoveEntry {
        let (unit, group) = namers(state);
        let part = |part: &MovePart| PartEntry {
            what: match part.extent {
                Extent::Shards(held, range) => {
                    ExtentEntry::Shards { group: group(held), first: range.first.0, last: range.last.0 }
                }
                Extent::GlobalZone(held) => ExtentEntry::GlobalZone(group(held)),
            },
            from: unit(part.source),
            to: unit(part.target),
        };
        let position = |found: &FencePosition| PositionEntry {
            group: group(found.group),
            unit: unit(found.source),
            position: found.position.clone(),
        };
        MoveEntry {
            id: record.id.0,
            parts: record.parts.iter().map(part).collect(),
            kind: match record.kind {
                MoveKind::Planned => MoveKindEntry::Planned,
                MoveKind::Forced => MoveKindEntry::Forced,
                MoveKind::Fencing => MoveKindEntry::Fencing,
            },
            phase: match &record.phase {
                MovePhase::Fenced => PhaseEntry::Fenced,
                MovePhase::Recorded(positions) => PhaseEntry::Recorded(positions.iter().map(position).collect()),
            },
            runner: record.runner.clone(),
            by: record.by.clone(),
            at: record.at,
        }
    }

    pub(super) fn into_record(self, names: &Names) -> Result<MoveRecord, DocumentError> {
        let part = |part: PartEntry| {
            let extent = match part.what {
                ExtentEntry::Shards { group, first, last } => Extent::Shards(names.group(&group)?, range(first, last)),
                ExtentEntry::GlobalZone(group) => Extent::GlobalZone(names.group(&group)?),
            };
            Ok(MovePart { extent, source: names.unit(&part.from)?, target: names.unit(&part.to)? })
        };
        let position = |found: PositionEntry| {
            let (group, source) = (names.group(&found.group)?, names.unit(&found.unit)?);
            Ok(FencePosition { group, source, position: found.position })
        };
        Ok(MoveRecord {
            id: MoveId(self.id),
            parts: self.parts.into_iter().map(part).collect::<Result<_, DocumentError>>()?,
            kind: match self.kind {
                MoveKindEntry::Planned => MoveKind::Planned,
                MoveKindEntry::Forced => MoveKind::Forced,
                MoveKindEntry::Fencing => MoveKind::Fencing,
            },
            phase: match self.phase {
                PhaseEntry::Fenced => MovePhase::Fenced,
                PhaseEntry::Recorded(positions) => {
                    MovePhase::Recorded(positions.into_iter().map(position).collect::<Result<_, DocumentError>>()?)
                }
            },
            runner: self.runner,
            by: self.by,
            at: self.at,
        })
    }
}

impl ChangeEntry {
    pub(super) fn of(entry: &HistoryEntry) -> ChangeEntry {
        let HistoryEntry { epoch, what, by, at } = entry.clone();
        ChangeEntry { epoch: epoch.0, what, by, at }
    }

    pub(super) fn into_entry(self) -> HistoryEntry {
        HistoryEntry { epoch: Epoch(self.epoch), what: self.what, by: self.by, at: self.at }
    }
}

fn namers(state: &ControlState) -> (impl Fn(UnitId) -> String, impl Fn(GroupId) -> String) {
    (|unit| state.unit(unit).name.clone(), |group| state.group(group).name.clone())
}

fn range(first: u32, last: u32) -> ShardRange {
    ShardRange { first: Shard(first), last: Shard(last) }
}
