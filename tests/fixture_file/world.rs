//! The worlds of `sql-fixtures/snapshots/*.toml`.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use meridian::model::control_state::InstanceAddress;
use meridian::model::shard::OwnedRange;
use meridian::model::{
    Catalog, CatalogColumn, CatalogTable, ClosureProof, ColumnDescription, ColumnValues, ControlState, Denial,
    DenialCondition, Epoch, Extent, Forbid, ForbidKind, ForbidScope, ForbiddenKey, Group, GroupId, GroupPolicy,
    Instance, KeyOverride, KeyStep, KeyType, LagBound, Lookup, MoveId, MoveKind, MovePart, MovePhase, MoveRecord,
    PlainKey, Quarantine, ReadPolicy, Role, RoutineAccess, RoutineRule, Routing, Shard, ShardMap, ShardRange, Snapshot,
    TableClass, TableKind, TableRule, Transform, Unit, UnitId, WrongUnitPolicy,
};
use meridian::sql::{Dialect, Family, digest};
use serde::Deserialize;

/// A snapshot and the servers that read the text.
pub struct World {
    /// What decisions see.
    pub snapshot: Snapshot,
    /// Whose grammar is spoken.
    pub dialect: Dialect,
}

/// The world called `name`. Panics with a sentence when it cannot be read.
pub fn load(name: &str) -> World {
    let table = read(name);
    let file: WorldFile =
        toml::Value::Table(table).try_into().unwrap_or_else(|error| panic!("snapshot '{name}': {error}"));
    let state = file.state(name);
    state.check().unwrap_or_else(|error| panic!("snapshot '{name}': {error}"));
    World {
        dialect: match file.mysql {
            Some(version) => Dialect { family: Family::MySql, version },
            None => Dialect { family: Family::MariaDb, version: file.mariadb },
        },
        snapshot: Snapshot { state: Arc::new(state), observations: Arc::default(), catalog: Arc::new(file.catalog()) },
    }
}

/// The table of `name` over those it extends: its own keys replace theirs whole.
fn read(name: &str) -> toml::Table {
    let path = super::folder().join("snapshots").join(format!("{name}.toml"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut own: toml::Table = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    match own.remove("extends") {
        Some(toml::Value::String(base)) => {
            let mut table = read(&base);
            table.extend(own);
            table
        }
        Some(other) => panic!("{}: extends {other}", path.display()),
        None => own,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WorldFile {
    epoch: u64,
    #[serde(default)]
    mariadb: u32,
    mysql: Option<u32>,
    units: Vec<String>,
    groups: Vec<GroupFile>,
    #[serde(default)]
    forbids: Vec<ForbidFile>,
    #[serde(default)]
    moves: Vec<MoveFile>,
    #[serde(default)]
    quarantines: Vec<QuarantineFile>,
    #[serde(default)]
    denials: Vec<DenialFile>,
    /// `schema -> table -> columns`; a column is `name`, or `name number`.
    catalog: BTreeMap<String, BTreeMap<String, TableFile>>,
    #[serde(default)]
    routines: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupFile {
    name: String,
    schemas: Vec<String>,
    global_master: String,
    schema_unit: Option<String>,
    /// Its rules are only looked at.
    #[serde(default)]
    observe: bool,
    /// How far other units may be behind, in seconds; nothing was measured in a fixture, so that each is beyond.
    lag_bound: Option<u64>,
    #[serde(default)]
    routines: Vec<RoutineFile>,
    #[serde(default)]
    shard_count: u32,
    #[serde(default)]
    shards: Vec<ShardsFile>,
    #[serde(default)]
    key_types: Vec<KeyTypeFile>,
    #[serde(default)]
    tables: Vec<RuleFile>,
    #[serde(default)]
    overrides: Vec<OverrideFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShardsFile {
    first: u32,
    last: u32,
    owner: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyTypeFile {
    name: String,
    modulus: Option<u32>,
    /// `[lowest, highest, shard]`.
    ranges: Option<Vec<(i64, i64, u32)>>,
    /// `[key, shard]`.
    list: Option<Vec<(String, u32)>>,
    /// The shard of the keys that are not listed.
    others: Option<u32>,
    /// The key type, before this one, whose key the steps leave.
    placed_as: Option<usize>,
    /// `[key type before this one, table, column, value]`: where it is looked up.
    lookup: Option<(usize, String, String, String)>,
    /// The buckets of the hash; the shard count unless set.
    buckets: Option<u32>,
    /// `substring -4 4`, `substring 3`, `divide 10`, `mod 100`, `hash`.
    #[serde(default)]
    steps: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OverrideFile {
    key_type: usize,
    key: String,
    shard: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    name: String,
    class: String,
    column: Option<String>,
    key_type: Option<String>,
    #[serde(default)]
    wrong_unit: String,
    #[serde(default)]
    read: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ForbidFile {
    unit: Option<String>,
    group: Option<String>,
    /// Of the first group, as are the two below.
    shards: Option<(u32, u32)>,
    key: Option<String>,
    #[serde(default)]
    global: bool,
    kind: String,
    reason: String,
}

/// A move of the first group: of `shards`, or of its Global Zone.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MoveFile {
    id: u64,
    shards: Option<(u32, u32)>,
    from: String,
    to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuarantineFile {
    unit: String,
    stand_in: String,
}

impl QuarantineFile {
    fn quarantine(&self, unit: &impl Fn(&str) -> UnitId) -> Quarantine {
        Quarantine {
            group: GroupId(0),
            unit: unit(&self.unit),
            stand_in: unit(&self.stand_in),
            since: Epoch(1),
            proof: ClosureProof::Drained,
            cut: String::new(),
            loss: None,
            acknowledged: std::collections::BTreeMap::new(),
            reason: "fixture".to_owned(),
            by: "fixture".to_owned(),
            at: 0,
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum TableFile {
    Base(Vec<String>),
    View { view: Vec<String>, columns: Vec<String> },
    Sequence { sequence: bool },
}

impl WorldFile {
    fn state(&self, name: &str) -> ControlState {
        let unit = |wanted: &str| {
            let found = (0u16..).zip(&self.units).find(|(_, unit)| *unit == wanted);
            found.map_or_else(|| panic!("snapshot '{name}': unknown unit '{wanted}'"), |(index, _)| UnitId(index))
        };
        let groups: Vec<Group> = self.groups.iter().map(|group| group.group(self.epoch, &unit)).collect();
        let mut instances = Vec::new();
        for (unit_id, unit) in (0u16..).zip(&self.units) {
            for (group_id, group) in (0u16..).zip(&groups) {
                for (number, role) in [(1, Role::Primary), (2, Role::Replica)] {
                    instances.push(Instance {
                        name: format!("{unit}-{}-{number}", group.name),
                        unit: UnitId(unit_id),
                        group: GroupId(group_id),
                        role,
                        address: InstanceAddress::Tcp("127.0.0.1".to_owned(), 3306),
                    });
                }
            }
        }
        let forbids = self.forbids.iter().map(|forbid| Forbid {
            scope: forbid.scope(&unit, &self.groups),
            kind: match forbid.kind.as_str() {
                "writes" => ForbidKind::Writes,
                "updates" => ForbidKind::Updates,
                "all" => ForbidKind::All,
                other => panic!("snapshot '{name}': unknown forbid '{other}'"),
            },
            reason: forbid.reason.clone(),
            by: "fixture".to_owned(),
            at: 0,
        });
        ControlState {
            epoch: Epoch(self.epoch),
            units: self.units.iter().map(|name| Unit { name: name.clone() }).collect(),
            instances,
            default_group: GroupId(0),
            forbids: forbids.collect(),
            moves: self.moves.iter().map(|moved| moved.record(&unit)).collect(),
            left_out: Vec::new(),
            quarantines: self.quarantines.iter().map(|one| one.quarantine(&unit)).collect(),
            configured: Vec::new(),
            history: Vec::new(),
            denials: self.denials.iter().map(DenialFile::denial).collect(),
            groups,
        }
    }

    fn catalog(&self) -> Catalog {
        let pair = |name: &String| {
            let (schema, routine) = name.split_once('.').unwrap_or_else(|| panic!("'{name}' is not schema.name"));
            (schema.to_owned(), routine.to_owned())
        };
        let table = |file: &TableFile| match file {
            TableFile::Base(columns) => CatalogTable { kind: TableKind::Base, columns: all_columns(columns) },
            TableFile::View { view, columns } => {
                CatalogTable { kind: TableKind::View(view.iter().map(pair).collect()), columns: all_columns(columns) }
            }
            TableFile::Sequence { sequence } => {
                assert!(sequence, "a sequence is written 'sequence = true'");
                CatalogTable { kind: TableKind::Sequence, columns: Vec::new() }
            }
        };
        Catalog {
            default_sql_mode: String::new(),
            default_names: String::new(),
            default_collation: None,
            version: 1,
            schemas: self
                .catalog
                .iter()
                .map(|(schema, tables)| {
                    (schema.clone(), tables.iter().map(|(name, file)| (name.clone(), table(file))).collect())
                })
                .collect(),
            routines: self.routines.iter().map(pair).collect(),
            active_views: Default::default(),
        }
    }
}

fn range((first, last): (u32, u32)) -> ShardRange {
    ShardRange { first: Shard(first), last: Shard(last) }
}

impl ForbidFile {
    fn scope(&self, unit: &dyn Fn(&str) -> UnitId, groups: &[GroupFile]) -> ForbidScope {
        let first = GroupId(0);
        let key = |text: &String| ForbidScope::Key(first, ForbiddenKey { key_type: 0, text: text.clone() });
        let group = |name: &String| {
            let found = (0u16..).zip(groups).find(|(_, group)| group.name == *name);
            ForbidScope::Group(found.map_or_else(|| panic!("unknown group '{name}'"), |(index, _)| GroupId(index)))
        };
        let scopes = [
            self.unit.as_deref().map(|name| ForbidScope::Unit(unit(name))),
            self.group.as_ref().map(group),
            self.shards.map(|shards| ForbidScope::Shards(first, range(shards))),
            self.key.as_ref().map(key),
            self.global.then_some(ForbidScope::GlobalZone(first)),
        ];
        let mut scopes = scopes.into_iter().flatten();
        match (scopes.next(), scopes.next()) {
            (Some(scope), None) => scope,
            (None, _) | (_, Some(_)) => panic!("a forbid has one scope"),
        }
    }
}

impl MoveFile {
    fn record(&self, unit: &dyn Fn(&str) -> UnitId) -> MoveRecord {
        let first = GroupId(0);
        let extent = self.shards.map_or(Extent::GlobalZone(first), |shards| Extent::Shards(first, range(shards)));
        let part = MovePart { extent, source: unit(&self.from), target: unit(&self.to) };
        MoveRecord {
            id: MoveId(self.id),
            parts: vec![part],
            kind: MoveKind::Planned,
            phase: MovePhase::Fenced,
            runner: String::new(),
            by: "fixture".to_owned(),
            at: 0,
        }
    }
}

fn all_columns(columns: &[String]) -> Vec<CatalogColumn> {
    let column = |text: &String| {
        let mut words = text.split_whitespace();
        let name = words.next().unwrap_or_default().to_owned();
        let words: Vec<&str> = words.collect();
        let (numeric, values) = values_of(&words);
        CatalogColumn { name, numeric, values, invisible: words.contains(&"invisible") }
    };
    columns.iter().map(column).collect()
}

/// `number`, nothing for plain text, or a type as the servers describe it: `int unsigned`, `varchar(20) utf8mb4_general_ci`.
fn values_of(words: &[&str]) -> (bool, ColumnValues) {
    let described: Vec<&str> = words.iter().copied().filter(|word| *word != "invisible").collect();
    match described[..] {
        [] => (false, ColumnValues::PLAIN_TEXT),
        ["number"] => (true, ColumnValues::PLAIN_NUMBER),
        [first, ..] => {
            let (data_type, rest) = first.split_once('(').unwrap_or((first, ""));
            let values = ColumnValues::of(ColumnDescription {
                data_type,
                column_type: &described.join(" "),
                length: rest.trim_end_matches(')').parse().ok(),
                collation: described.get(1).copied(),
            });
            (matches!(values, ColumnValues::Numbers { .. }), values)
        }
    }
}

impl GroupFile {
    fn group(&self, epoch: u64, unit: &dyn Fn(&str) -> UnitId) -> Group {
        Group {
            name: self.name.clone(),
            schemas: self.schemas.clone(),
            key_types: self.key_types.iter().map(|file| file.key_type(self.shard_count)).collect(),
            overrides: self.overrides.iter().map(OverrideFile::alone).collect(),
            tables: self.tables.iter().map(|rule| rule.rule(&self.key_types)).collect(),
            shards: ShardMap {
                count: self.shard_count,
                ranges: self
                    .shards
                    .iter()
                    .map(|shards| OwnedRange {
                        range: ShardRange { first: Shard(shards.first), last: Shard(shards.last) },
                        owner: unit(&shards.owner),
                        epoch: Epoch(epoch),
                    })
                    .collect(),
            },
            global_master: unit(&self.global_master),
            global_epoch: Epoch(epoch),
            schema_unit: self.schema_unit.as_deref().map(unit),
            policy: GroupPolicy {
                routing: if self.observe { Routing::Observe } else { Routing::Enforce },
                routines: self.routines.iter().map(RoutineFile::rule).collect(),
                lag_bound: self.lag_bound.map(|seconds| LagBound {
                    age: Duration::from_secs(seconds),
                    missing: None,
                    peers: None,
                }),
            },
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoutineFile {
    name: String,
    #[serde(default)]
    tables: Vec<String>,
    key_argument: Option<usize>,
    #[serde(default)]
    reads: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DenialFile {
    name: String,
    reason: String,
    #[serde(default)]
    users: Vec<String>,
    #[serde(default)]
    statements: Vec<String>,
    /// Texts of the denied shapes.
    #[serde(default)]
    texts: Vec<String>,
    #[serde(default)]
    unrestricted: bool,
}

impl RoutineFile {
    fn rule(&self) -> RoutineRule {
        RoutineRule {
            name: self.name.clone(),
            tables: self.tables.clone(),
            key_argument: self.key_argument,
            access: if self.reads { RoutineAccess::Read } else { RoutineAccess::Write },
        }
    }
}

impl DenialFile {
    fn denial(&self) -> Denial {
        let dialect = Dialect { family: Family::MariaDb, version: 101_119 };
        Denial {
            name: self.name.clone(),
            reason: self.reason.clone(),
            users: self.users.clone(),
            statements: self.statements.clone(),
            digests: self.texts.iter().map(|text| digest(text.as_bytes(), dialect)).collect(),
            condition: if self.unrestricted { DenialCondition::Unrestricted } else { DenialCondition::Always },
        }
    }
}

impl OverrideFile {
    fn alone(&self) -> KeyOverride {
        KeyOverride { key_type: self.key_type, key: PlainKey::of(&self.key), shard: Shard(self.shard) }
    }
}

impl KeyTypeFile {
    fn key_type(&self, count: u32) -> KeyType {
        let transform = match (self.modulus, &self.ranges, &self.list, self.placed_as) {
            (Some(modulus), None, None, None) => Transform::Mod { modulus },
            (None, Some(ranges), None, None) => Transform::Range {
                ranges: ranges
                    .iter()
                    .map(|(lowest, highest, shard)| (i128::from(*lowest), i128::from(*highest), Shard(*shard)))
                    .collect(),
            },
            (None, None, Some(list), None) => {
                let mut entries: Vec<(PlainKey, Shard)> =
                    list.iter().map(|(key, shard)| (PlainKey::of(key), Shard(*shard))).collect();
                entries.sort();
                Transform::List { entries, other: self.others.map(Shard) }
            }
            (None, None, None, Some(key_type)) => Transform::As { key_type },
            (None, None, None, None) if self.lookup.is_some() => {
                let (key_type, table, column, value) = self.lookup.clone().unwrap();
                Transform::Lookup(Box::new(Lookup { key_type, table, column, value }))
            }
            (None, None, None, None) => Transform::Hash { buckets: self.buckets.unwrap_or(count) },
            _ => panic!("key type '{}' has two transforms", self.name),
        };
        KeyType { name: self.name.clone(), steps: self.steps.iter().map(|text| step(text)).collect(), transform }
    }
}

fn step(text: &str) -> KeyStep {
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = |word: &str| word.parse::<u64>().unwrap_or_else(|_| panic!("step '{text}': '{word}'"));
    match words[..] {
        ["substring", start] => KeyStep::Substring { start: start.parse().unwrap(), length: None },
        ["substring", start, length] => {
            KeyStep::Substring { start: start.parse().unwrap(), length: Some(length.parse().unwrap()) }
        }
        ["divide", by] => KeyStep::Divide { by: number(by) },
        ["mod", by] => KeyStep::Mod { modulus: number(by) },
        ["hash"] => KeyStep::Hash,
        _ => panic!("unknown step '{text}'"),
    }
}

impl RuleFile {
    fn rule(&self, key_types: &[KeyTypeFile]) -> TableRule {
        let class = match (self.class.as_str(), &self.column) {
            ("sharded", Some(column)) => {
                let wanted = self.key_type.as_deref();
                let key_type = key_types.iter().position(|key| wanted.is_none_or(|wanted| key.name == wanted));
                let key_type = key_type.unwrap_or_else(|| panic!("table '{}': unknown key type", self.name));
                TableClass::Sharded { key_type, column: column.clone() }
            }
            ("global", None) => TableClass::Global,
            ("local", None) => TableClass::Local,
            (class, _) => panic!("table '{}': class '{class}' with these settings", self.name),
        };
        TableRule {
            name: self.name.clone(),
            class,
            wrong_unit: match self.wrong_unit.as_str() {
                "" | "forward" => WrongUnitPolicy::Forward,
                "refuse" => WrongUnitPolicy::Refuse,
                other => panic!("table '{}': wrong_unit '{other}'", self.name),
            },
            read: match self.read.as_str() {
                "" | "local" => ReadPolicy::Local,
                "owner" => ReadPolicy::Owner,
                "refuse-without-key" => ReadPolicy::RefuseWithoutKey,
                "master-without-key" => ReadPolicy::MasterWithoutKey,
                other => panic!("table '{}': read '{other}'", self.name),
            },
        }
    }
}
