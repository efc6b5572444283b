//! The groups: schemas, key types, owners of shards, table rules.
//!
//! What makes a state valid is said once, in [`ControlState::check`]; here its verdict is only given a line.

use super::keys;
use super::places::ReadUnits;
use super::policy;
use super::reader::{Located, Place, Problems, Section};
use super::shape;
use crate::model::shard::OwnedRange;
use crate::model::{
    ControlState, Epoch, Fence, Group, GroupId, Instance, InvalidState, KeyType, ReadPolicy, Routing, ShardMap,
    TableClass, TableRule, WrongUnitPolicy,
};
use crate::sql::Family;

/// A group with a name; the rest of it only if it could be read.
pub struct ReadGroup {
    /// Its name and where that stands.
    pub name: Located<String>,
    /// The family it says its instances are of.
    pub family: Option<Located<Family>>,
    /// What keeps a node that is not heard from writing at its primaries.
    pub fence: Located<Fence>,
    /// The group, unless a fault was found in it.
    pub group: Option<Group>,
    places: GroupPlaces,
}

/// Where the parts stand that `check` may object to.
struct GroupPlaces {
    group: Place,
    schemas: Place,
    shards: Place,
    owners: Place,
    key_types: Place,
}

/// The words for the families.
pub const FAMILIES: &[(&str, Family)] = &[("mariadb", Family::MariaDb), ("mysql", Family::MySql)];

/// The words for what keeps a node that is not heard from writing.
const FENCES: &[(&str, Fence)] =
    &[("none", Fence::None), ("connection", Fence::Connection), ("row", Fence::Row), ("row+lease", Fence::RowLease)];

/// The groups of the file, in its order, with `routing` where they say nothing of it; those without a good name are faults and left out.
pub fn read(root: &Section<'_>, problems: &mut Problems, units: &ReadUnits, routing: Routing) -> Vec<ReadGroup> {
    let sections = root.sections(problems, "group");
    if sections.is_empty() && !root.holds("group") {
        problems.add(&root.place_of("group"), "nothing", "at least one section [[group]]");
    }
    sections
        .iter()
        .filter_map(|section| {
            let group = read_group(section, problems, units, routing);
            section.finish(problems);
            group
        })
        .collect()
}

fn read_group(
    section: &Section<'_>,
    problems: &mut Problems,
    units: &ReadUnits,
    routing: Routing,
) -> Option<ReadGroup> {
    let name = section.required(problems, "name", shape::name());
    let family = section.optional(problems, "family", shape::word(FAMILIES));
    let fence = section.optional(problems, "fence", shape::word(FENCES));
    let fence = fence.unwrap_or_else(|| Located { value: Fence::default(), place: section.place() });
    let schemas = section.required(problems, "schemas", shape::texts());
    let count = match section.optional(problems, "shards", shape::count(0, 65_536)) {
        Some(count) => Some(count.value),
        None => (!section.holds("shards")).then_some(0),
    };
    let global_master = section.required(problems, "global_master", shape::name());
    let global_master = global_master.and_then(|unit| units.find(&unit, problems));
    let schema_unit = section.optional(problems, "schema_unit", shape::name());
    let schema_unit = schema_unit.map(|unit| units.find(&unit, problems));
    let key_types = keys::read(section, problems, count);
    let overrides = keys::read_overrides(section, problems, count, key_types.as_deref());
    let policy = policy::read(section, problems, units, routing);
    let ranges = read_owners(section, problems, units);
    let tables = read_tables(section, problems, key_types.as_deref());
    let places = GroupPlaces {
        group: section.place(),
        schemas: section.place_of("schemas"),
        shards: section.place_of("shards"),
        owners: section.place_of("owner"),
        key_types: section.place_of("key_type"),
    };
    let name = name?;
    let group = (|| {
        Some(Group {
            name: name.value.clone(),
            schemas: schemas?.value,
            key_types: key_types?,
            tables: tables?,
            overrides: overrides?,
            shards: ShardMap { count: count?, ranges: ranges? },
            global_master: global_master?,
            global_epoch: Epoch(1),
            schema_unit: match schema_unit {
                Some(unit) => Some(unit?),
                None => None,
            },
            policy: policy?,
        })
    })();
    Some(ReadGroup { name, family, fence, group, places })
}

fn read_owners(group: &Section<'_>, problems: &mut Problems, units: &ReadUnits) -> Option<Vec<OwnedRange>> {
    let mut owned = Vec::new();
    let mut complete = true;
    for section in group.sections(problems, "owner") {
        let ranges = section.required(problems, "shards", shape::shard_ranges());
        let unit = section.required(problems, "unit", shape::name());
        let unit = unit.and_then(|unit| units.find(&unit, problems));
        section.finish(problems);
        match (ranges, unit) {
            (Some(ranges), Some(owner)) => {
                owned.extend(ranges.value.into_iter().map(|range| OwnedRange { range, owner, epoch: Epoch(1) }));
            }
            _ => complete = false,
        }
    }
    owned.sort_by_key(|owned| owned.range);
    complete.then_some(owned)
}

/// How a table's `class` is spelt.
#[derive(Clone, Copy)]
enum ClassWord {
    Sharded,
    Global,
    Local,
}

const CLASSES: &[(&str, ClassWord)] =
    &[("sharded", ClassWord::Sharded), ("global", ClassWord::Global), ("local", ClassWord::Local)];

const WRONG_UNIT: &[(&str, WrongUnitPolicy)] =
    &[("forward", WrongUnitPolicy::Forward), ("refuse", WrongUnitPolicy::Refuse)];

const READS: &[(&str, ReadPolicy)] = &[
    ("local", ReadPolicy::Local),
    ("owner", ReadPolicy::Owner),
    ("refuse_without_key", ReadPolicy::RefuseWithoutKey),
    ("master_without_key", ReadPolicy::MasterWithoutKey),
];

/// `key_types` is `None` when a fault was found in them; then a table's key type is not looked up.
fn read_tables(group: &Section<'_>, problems: &mut Problems, key_types: Option<&[KeyType]>) -> Option<Vec<TableRule>> {
    let mut rules: Vec<TableRule> = Vec::new();
    let mut complete = true;
    for section in group.sections(problems, "table") {
        let name = section.required(problems, "name", shape::table_name());
        if let Some(name) = &name {
            check_reached(name, &rules, problems);
        }
        let class = read_class(&section, problems, key_types);
        let wrong_unit = section.or(problems, "wrong_unit", shape::word(WRONG_UNIT), WrongUnitPolicy::default());
        let read = section.or(problems, "read", shape::word(READS), ReadPolicy::default());
        section.finish(problems);
        match (name, class) {
            (Some(name), Some(class)) => rules.push(TableRule { name: name.value, class, wrong_unit, read }),
            _ => complete = false,
        }
    }
    complete.then_some(rules)
}

/// The first rule that covers a name counts, so a rule behind one that covers all its names would never be used.
fn check_reached(name: &Located<String>, before: &[TableRule], problems: &mut Problems) {
    let stem = name.value.strip_suffix('*').unwrap_or(&name.value);
    let hides = |rule: &&TableRule| rule.name == name.value || (rule.name.ends_with('*') && rule.covers(stem));
    if let Some(rule) = before.iter().find(hides) {
        let found = format!("\"{}\", which the rule \"{}\" before it covers", name.value, rule.name);
        problems.add(&name.place, found, "each table covered once, narrow rules before wide ones");
    }
}

fn read_class(section: &Section<'_>, problems: &mut Problems, key_types: Option<&[KeyType]>) -> Option<TableClass> {
    match section.required(problems, "class", shape::word(CLASSES))?.value {
        ClassWord::Global => Some(TableClass::Global),
        ClassWord::Local => Some(TableClass::Local),
        ClassWord::Sharded => {
            let column = section.required(problems, "key", shape::text());
            let wanted = section.optional(problems, "key_type", shape::name());
            let key_types = key_types?;
            let names = key_types.iter().map(|key_type| key_type.name.as_str()).collect::<Vec<_>>().join(", ");
            let key_type = match &wanted {
                None if key_types.is_empty() => {
                    problems.add(&section.place(), "a sharded table", "a [[group.key_type]] in its group");
                    None
                }
                None => Some(0),
                Some(wanted) => {
                    let found = key_types.iter().position(|key_type| key_type.name == wanted.value);
                    if found.is_none() {
                        let expected = format!("a key type of the group: {names}");
                        problems.add(&wanted.place, format!("\"{}\"", wanted.value), expected);
                    }
                    found
                }
            };
            Some(TableClass::Sharded { key_type: key_type?, column: column?.value.to_lowercase() })
        }
    }
}

/// Reports what [`ControlState::check`] says: of each group by itself, so that one fault does not hide another's, then of all together.
///
/// `instances` holds `None` for those that could not be read; then nothing is said about missing primaries.
pub fn check(units: &ReadUnits, groups: &[ReadGroup], instances: &[Option<Instance>], problems: &mut Problems) {
    let all_instances = instances.iter().all(Option::is_some);
    for (id, read) in (0u16..).map(GroupId).zip(groups) {
        let Some(group) = &read.group else { continue };
        let own = instances.iter().flatten().filter(|instance| instance.group == id);
        let alone = ControlState {
            epoch: Epoch(1),
            units: units.units(),
            groups: vec![group.clone()],
            instances: own.map(|instance| Instance { group: GroupId(0), ..instance.clone() }).collect(),
            default_group: GroupId(0),
            forbids: Vec::new(),
            moves: Vec::new(),
            quarantines: Vec::new(),
            left_out: Vec::new(),
            configured: Vec::new(),
            history: Vec::new(),
            denials: Vec::new(),
        };
        match alone.check() {
            // Told by whoever read the units, with the line of the second one.
            Ok(()) | Err(InvalidState::DuplicateUnit(_)) => {}
            Err(InvalidState::Primaries { .. }) if !all_instances => {}
            Err(invalid) => report(read, &invalid, problems),
        }
    }
    for (index, read) in groups.iter().enumerate() {
        for before in &groups[..index] {
            if before.name.value == read.name.value {
                let found = format!("\"{}\" again", read.name.value);
                problems.add(&read.name.place, found, "a name of its own for each group");
            }
            let (Some(group), Some(other)) = (&read.group, &before.group) else { continue };
            for schema in group.schemas.iter().filter(|schema| other.schemas.contains(schema)) {
                let found = format!("\"{schema}\", which is in group '{}' too", other.name);
                problems.add(&read.places.schemas, found, "each schema in one group");
            }
        }
    }
}

fn report(read: &ReadGroup, invalid: &InvalidState, problems: &mut Problems) {
    let places = &read.places;
    let (place, expected) = match invalid {
        InvalidState::EmptyRange { .. } => (&places.owners, "ranges from the lower shard to the higher"),
        InvalidState::Gap { .. } | InvalidState::Overlap { .. } => (&places.owners, "one owner for each shard"),
        InvalidState::Count { .. } => (&places.owners, "owners for all shards, and for no others"),
        InvalidState::Keys { .. } => (&places.key_types, "each key in one shard there is"),
        InvalidState::Primaries { .. } => (&places.group, "one [[instance]] with role = \"primary\" in each unit"),
        InvalidState::UnknownKeyType { .. } => (&places.key_types, "a key type of the group"),
        InvalidState::DuplicateUnit(_)
        | InvalidState::DuplicateGroup(_)
        | InvalidState::SchemaInTwoGroups(_)
        | InvalidState::UnknownUnit(_)
        | InvalidState::NoSuchShards { .. }
        | InvalidState::NoKeyType { .. }
        | InvalidState::MoveSource { .. }
        | InvalidState::MovesOverlap { .. }
        | InvalidState::QuarantinedOwner { .. }
        | InvalidState::NoReplica { .. }
        | InvalidState::UnknownGroup(_) => (&places.shards, "a consistent group"),
    };
    problems.add(place, invalid.to_string(), expected);
}
