//! A stored state meets the configuration: ownership is the store's, addresses and policies are the configuration's. Pure.
//!
//! It never resolves a difference in ownership: that is moved by commands, or the configuration is corrected.

use std::collections::BTreeMap;

use crate::model::shard::OwnedRange;
use crate::model::{
    ControlState, Extent, FencePosition, Forbid, ForbidScope, Group, GroupId, Instance, InstanceId, LeftOut, MovePart,
    MovePhase, MoveRecord, Quarantine, Role, Routing, UnitId,
};

/// What the configuration says otherwise than the stored state about ownership: units, groups, schemas, table classes, key placement,
/// shard maps, masters, primaries. One sentence each; empty when the two agree.
pub fn differences(stored: &ControlState, configured: &ControlState) -> Vec<String> {
    let mut found = Vec::new();
    let names = |state: &ControlState| sorted(state.units.iter().map(|unit| unit.name.clone()));
    // Another unit may be added: it owns nothing before something is moved there.
    if stored.units.iter().any(|unit| configured.unit_named(&unit.name).is_none()) {
        differ(&mut found, "the units", &names(stored).join(", "), &names(configured).join(", "));
    }
    let group_names = |state: &ControlState| sorted(state.groups.iter().map(|group| group.name.clone()));
    differ(&mut found, "the groups", &group_names(stored).join(", "), &group_names(configured).join(", "));
    if !found.is_empty() {
        // Everything below is told per unit and group; without the same ones it would only repeat this.
        return found;
    }
    let default_group = |state: &ControlState| state.group(state.default_group).name.clone();
    differ(&mut found, "the default group", &default_group(stored), &default_group(configured));
    for group in &stored.groups {
        let Some(other) = configured.groups.iter().find(|other| other.name == group.name) else {
            continue;
        };
        for ((what, stored_value), (_, configured_value)) in
            facts(stored, group, stored).into_iter().zip(facts(configured, other, stored))
        {
            differ(&mut found, &format!("group '{}': {what}", group.name), &stored_value, &configured_value);
        }
        let (now, wanted) = (owners(stored, group), owners(configured, other));
        // Ownership that was moved by commands is not an edit: the configuration may say what it said then, or what holds now.
        if now != wanted && !stored.configured.contains(&wanted) {
            differ(&mut found, &format!("group '{}': ownership", group.name), &unnamed(&now), &unnamed(&wanted));
        }
    }
    found
}

/// What `state` says of the ownership of each group, a line for each: what [`ControlState::configured`] holds.
pub fn ownership(state: &ControlState) -> Vec<String> {
    state.groups.iter().map(|group| owners(state, group)).collect()
}

/// What a running process takes positions for: units, groups and instances in their order. Two nodes that share a store must agree on it; under
/// which addresses they reach the instances is their own matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    units: Vec<String>,
    groups: Vec<String>,
    instances: Vec<String>,
}

/// The shape of `state`.
pub fn shape(state: &ControlState) -> Shape {
    let instance = |instance: &Instance| {
        let role = if instance.role == Role::Primary { "primary" } else { "replica" };
        let (unit, group) = (&state.unit(instance.unit).name, &state.group(instance.group).name);
        format!("instance {}: {role} of {group} in {unit}", instance.name)
    };
    Shape {
        units: state.units.iter().map(|unit| format!("unit {}", unit.name)).collect(),
        groups: state.groups.iter().map(|group| format!("group {}", group.name)).collect(),
        instances: state.instances.iter().map(instance).collect(),
    }
}

impl Shape {
    /// Whether this is `other`, or `other` with units and instances behind its own: every position in it means what it meant.
    pub fn extends(&self, other: &Shape) -> bool {
        self.groups == other.groups
            && self.units.starts_with(&other.units)
            && self.instances.starts_with(&other.instances)
    }

    /// How many units it has.
    pub fn units(&self) -> usize {
        self.units.len()
    }

    fn lines(&self) -> Vec<&String> {
        self.units.iter().chain(&self.groups).chain(&self.instances).collect()
    }
}

/// What differs between the shape in the store and this process's own.
pub fn shape_differences(stored: &Shape, own: &Shape) -> Vec<String> {
    let only = |whose: &str, shape: &Shape, other: &Shape| {
        let others = other.lines();
        let lines = shape.lines().into_iter().filter(|line| !others.contains(line));
        lines.map(|line| format!("only {whose}: {line}")).collect::<Vec<_>>()
    };
    let differences = [only("in the store", stored, own), only("in this configuration", own, stored)].concat();
    if differences.is_empty() {
        let order = "units, groups or instances are in another order; what is added stands behind what was there";
        return vec![order.to_owned()];
    }
    differences
}

/// `group main: 10000 shards, 0-4999 hz, 5000-9999 bj, Global Zone hz`; keys placed alone behind the shards.
fn owners(state: &ControlState, group: &Group) -> String {
    let count = format!("{} shards", group.shards.count);
    let zone = format!("Global Zone {}", state.unit(group.global_master).name);
    let mut parts = vec![count, shard_map(state, group), alone(group), zone];
    parts.retain(|part| !part.is_empty());
    format!("group {}: {}", group.name, parts.join(", "))
}

fn unnamed(owners: &str) -> String {
    owners.split_once(": ").map_or(owners, |(_, owners)| owners).to_owned()
}

/// `configured` with what the store knows better: the epoch, the scope epochs, the forbids. Its epoch is the stored one when nothing else
/// changes, else the next. Errors: the [`differences`].
pub fn adopt(stored: &ControlState, configured: &ControlState) -> Result<ControlState, Vec<String>> {
    let found = differences(stored, configured);
    if !found.is_empty() {
        return Err(found);
    }
    let moving = |group: &&Group| {
        let parts = stored.moves.iter().flat_map(|record| &record.parts);
        parts.map(|part| &stored.group(part.extent.group()).name).any(|name| *name == group.name)
    };
    let observed = configured.groups.iter().filter(|group| group.policy.routing == Routing::Observe);
    if let Some(group) = observed.clone().find(moving) {
        return Err(vec![format!(
            "group '{}': a move of it is under way, so it cannot be only observed from now on",
            group.name
        )]);
    }
    let names = Translation { from: stored, to: configured };
    let mut next = configured.clone();
    next.epoch = stored.epoch;
    next.history.clone_from(&stored.history);
    next.configured = ownership(configured);
    next.forbids = stored.forbids.iter().filter_map(|forbid| names.forbid(forbid)).collect();
    next.moves = stored.moves.iter().filter_map(|record| names.record(record)).collect();
    next.quarantines = stored.quarantines.iter().filter_map(|one| names.quarantine(one)).collect();
    next.left_out = stored.left_out.iter().filter_map(|one| names.left_out(one)).collect();
    for group in &mut next.groups {
        let Some(known) = stored.groups.iter().find(|known| known.name == group.name) else {
            continue;
        };
        group.global_epoch = known.global_epoch;
        group.global_master = names.unit(known.global_master).unwrap_or(group.global_master);
        let owned = |owned: &OwnedRange| Some(OwnedRange { owner: names.unit(owned.owner)?, ..owned.clone() });
        group.shards.ranges = known.shards.ranges.iter().filter_map(owned).collect();
        group.shards.count = known.shards.count;
        group.overrides.clone_from(&known.overrides);
    }
    if next != *stored {
        next.epoch = stored.epoch.next();
    }
    Ok(next)
}

/// The same things in another state, by name. All of them exist there: [`differences`] has seen to it.
struct Translation<'a> {
    from: &'a ControlState,
    to: &'a ControlState,
}

impl Translation<'_> {
    fn unit(&self, unit: UnitId) -> Option<UnitId> {
        self.to.unit_named(&self.from.unit(unit).name)
    }

    fn group(&self, group: GroupId) -> Option<GroupId> {
        self.to.group_named(&self.from.group(group).name)
    }

    fn quarantine(&self, one: &Quarantine) -> Option<Quarantine> {
        let (unit, stand_in) = (self.unit(one.unit)?, self.unit(one.stand_in)?);
        Some(Quarantine { group: self.group(one.group)?, unit, stand_in, ..one.clone() })
    }

    /// One that is not configured any more, or no replica, is nobody to wait for.
    fn left_out(&self, one: &LeftOut) -> Option<LeftOut> {
        let name = &self.from.instance(one.instance).name;
        let known = (0u16..).map(InstanceId).zip(&self.to.instances);
        let mut found = known.filter(|(_, instance)| instance.name == *name && instance.role == Role::Replica);
        let needs = one.needs.iter().map(|need| self.position(need)).collect::<Option<_>>()?;
        Some(LeftOut { instance: found.next()?.0, needs })
    }

    fn position(&self, found: &FencePosition) -> Option<FencePosition> {
        let (group, source) = (self.group(found.group)?, self.unit(found.source)?);
        Some(FencePosition { group, source, position: found.position.clone() })
    }

    fn forbid(&self, forbid: &Forbid) -> Option<Forbid> {
        let scope = match &forbid.scope {
            ForbidScope::Unit(unit) => ForbidScope::Unit(self.unit(*unit)?),
            ForbidScope::Group(group) => ForbidScope::Group(self.group(*group)?),
            ForbidScope::Shards(group, range) => ForbidScope::Shards(self.group(*group)?, *range),
            ForbidScope::Key(group, key) => ForbidScope::Key(self.group(*group)?, key.clone()),
            ForbidScope::GlobalZone(group) => ForbidScope::GlobalZone(self.group(*group)?),
        };
        Some(Forbid { scope, ..forbid.clone() })
    }

    fn record(&self, record: &MoveRecord) -> Option<MoveRecord> {
        let part = |part: &MovePart| {
            let extent = match part.extent {
                Extent::Shards(group, range) => Extent::Shards(self.group(group)?, range),
                Extent::GlobalZone(group) => Extent::GlobalZone(self.group(group)?),
            };
            Some(MovePart { extent, source: self.unit(part.source)?, target: self.unit(part.target)? })
        };
        let position = |found: &FencePosition| self.position(found);
        let phase = match &record.phase {
            MovePhase::Fenced => MovePhase::Fenced,
            MovePhase::Recorded(positions) => {
                MovePhase::Recorded(positions.iter().map(position).collect::<Option<_>>()?)
            }
        };
        Some(MoveRecord { parts: record.parts.iter().map(part).collect::<Option<_>>()?, phase, ..record.clone() })
    }
}

fn differ(found: &mut Vec<String>, what: &str, stored: &str, configured: &str) {
    if stored != configured {
        found.push(format!("{what}: stored {}, configured {}", or_none(stored), or_none(configured)));
    }
}

fn or_none(value: &str) -> &str {
    if value.is_empty() { "none" } else { value }
}

fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names
}

/// What ownership means for a group in the units that `known` has, as named values that two states can be compared by.
fn facts(state: &ControlState, group: &Group, known: &ControlState) -> Vec<(&'static str, String)> {
    vec![
        ("schemas", sorted(group.schemas.iter().cloned()).join(", ")),
        (
            "key types",
            group
                .key_types
                .iter()
                .map(|key| format!("{} {}", key.name, key.words(&group.key_types)))
                .collect::<Vec<_>>()
                .join(", "),
        ),
        ("table classes", classes(group)),
        ("schema unit", group.schema_unit.map_or("the Global Zone master", |unit| &state.unit(unit).name).to_owned()),
        ("primaries", primaries(state, group, known)),
    ]
}

/// Keys placed alone, by the names of their kinds.
fn alone(group: &Group) -> String {
    let name = |key_type: usize| group.key_types.get(key_type).map_or("?", |known| known.name.as_str());
    let alone =
        group.overrides.iter().map(|alone| format!("{} {} in {}", name(alone.key_type), alone.key, alone.shard));
    alone.collect::<Vec<_>>().join(", ")
}

/// In order: the first rule that covers a name counts.
fn classes(group: &Group) -> String {
    use crate::model::TableClass::{Global, Local, Sharded};
    let classes: Vec<String> = group
        .tables
        .iter()
        .map(|rule| match &rule.class {
            Sharded { key_type, column } => {
                let key_type = group.key_types.get(*key_type).map_or("?", |key| &key.name);
                format!("{} sharded by {column} ({key_type})", rule.name)
            }
            Global => format!("{} global", rule.name),
            Local => format!("{} local", rule.name),
        })
        .collect();
    classes.join(", ")
}

/// Neighbours of one owner are told as one range: how the map is cut up is not ownership.
fn shard_map(state: &ControlState, group: &Group) -> String {
    let mut ranges: Vec<(u32, u32, &str)> = Vec::new();
    for owned in &group.shards.ranges {
        let owner = state.unit(owned.owner).name.as_str();
        match ranges.last_mut() {
            Some((_, last, name)) if *name == owner => *last = owned.range.last.0,
            Some(_) | None => ranges.push((owned.range.first.0, owned.range.last.0, owner)),
        }
    }
    let ranges: Vec<String> = ranges.iter().map(|(first, last, owner)| format!("{first}-{last} {owner}")).collect();
    ranges.join(", ")
}

fn primaries(state: &ControlState, group: &Group, known: &ControlState) -> String {
    let primaries: BTreeMap<&str, &str> = state
        .instances
        .iter()
        .filter(|instance| instance.role == Role::Primary && state.group(instance.group).name == group.name)
        .filter(|instance| known.unit_named(&state.unit(instance.unit).name).is_some())
        .map(|instance| (state.unit(instance.unit).name.as_str(), instance.name.as_str()))
        .collect();
    primaries.iter().map(|(unit, name)| format!("{name} in {unit}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::control::sample;
    use crate::model::control_state::InstanceAddress;
    use crate::model::{Epoch, ShardMap, TableClass, Unit};

    fn told(edit: impl FnOnce(&mut ControlState)) -> Vec<String> {
        let mut configured = sample::rich_state();
        edit(&mut configured);
        differences(&sample::rich_state(), &configured)
    }

    #[test]
    fn a_state_does_not_differ_from_itself_or_from_a_finer_cut() {
        assert_eq!(told(|_| {}), Vec::<String>::new());
        let finer = told(|state| {
            let ranges = &mut state.groups[0].shards.ranges;
            let mut upper = ranges[0].clone();
            ranges[0].range.last.0 = 99;
            upper.range.first.0 = 100;
            ranges.insert(1, upper);
        });
        assert_eq!(finer, Vec::<String>::new());
    }

    #[test]
    fn each_difference_in_ownership_is_named() {
        let master = told(|state| state.groups[0].global_master = UnitId(1));
        let alone = "merchant 170141183460469231731687303715884105727 in 9, merchant 'o\\'hara' in 9";
        let now = format!("10000 shards, 0-4999 hz, 5000-9999 bj, {alone}, Global Zone hz");
        let wanted = now.replace("Zone hz", "Zone bj");
        assert_eq!(master, [format!("group 'main': ownership: stored {now}, configured {wanted}")]);
        let map = told(|state| state.groups[0].shards.ranges[1].owner = UnitId(0));
        let wanted = now.replace("0-4999 hz, 5000-9999 bj", "0-9999 hz");
        assert_eq!(map, [format!("group 'main': ownership: stored {now}, configured {wanted}")]);
        let class = told(|state| state.groups[0].tables[1].class = TableClass::Local);
        assert!(
            class[0]
                .starts_with("group 'main': table classes: stored orders sharded by user_id (user), product global")
        );
        let primary = told(|state| state.instances[1].name = "bj-main-9".to_owned());
        assert!(primary[0].ends_with("configured bj-main-9 in bj, hz-main-1 in hz"), "{primary:?}");
        let units = told(|state| state.units[1].name = "sz".to_owned());
        assert_eq!(units, ["the units: stored bj, hz, configured hz, sz"]);
    }

    fn with_another_unit(state: &mut ControlState) {
        let (unit, like) = (UnitId(state.units.len() as u16), state.instances[0].clone());
        state.units.push(Unit { name: "sh".to_owned() });
        state.instances.push(Instance { name: "sh-main-1".to_owned(), unit, ..like });
    }

    #[test]
    fn e7_a_unit_is_added_behind_the_others_and_owns_nothing() {
        assert_eq!(told(with_another_unit), Vec::<String>::new());
        let (before, mut after) = (sample::rich_state(), sample::rich_state());
        with_another_unit(&mut after);
        let next = adopt(&before, &after).unwrap();
        assert_eq!((next.epoch, next.units.len()), (before.epoch.next(), 3));
        assert!(next.owners().all(|owner| owner != UnitId(2)));
        assert!(shape(&after).extends(&shape(&before)) && !shape(&before).extends(&shape(&after)));
        after.units.swap(1, 2);
        assert!(!shape(&after).extends(&shape(&before)), "positions mean something else");
        assert_eq!(
            differences(&next, &before),
            ["the units: stored bj, hz, sh, configured bj, hz"],
            "none is taken away"
        );
    }

    #[test]
    fn what_was_moved_by_commands_is_kept_and_what_was_edited_is_refused() {
        let mut stored = sample::rich_state();
        stored.configured = ownership(&stored);
        let ShardMap { ranges, .. } = &mut stored.groups[0].shards;
        ranges[0].owner = UnitId(1);
        stored.groups[0].global_master = UnitId(1);
        let as_before = sample::rich_state();
        let adopted = adopt(&stored, &as_before).unwrap();
        assert_eq!((adopted.epoch, adopted.groups[0].global_master), (stored.epoch, UnitId(1)));
        let mut edited = sample::rich_state();
        edited.groups[0].shards.ranges[1].owner = UnitId(0);
        assert_eq!(differences(&stored, &edited).len(), 1);
        let mut caught_up = stored.clone();
        caught_up.configured.clear();
        let adopted = adopt(&stored, &caught_up).unwrap();
        assert_eq!(adopted.configured, ownership(&stored), "what it says now is what it may say later");
        assert!(
            differences(&adopted, &as_before)[0].starts_with("group 'main': ownership: stored 10000 shards, 0-9999 bj")
        );
    }

    #[test]
    fn addresses_are_the_configurations_and_forbids_the_stores() {
        let stored = sample::rich_state();
        let mut configured = sample::rich_state();
        configured.epoch = Epoch(1);
        configured.forbids.clear();
        configured.moves.clear();
        configured.history.clear();
        assert_eq!(adopt(&stored, &configured).unwrap(), stored);
        configured.instances[0].address = InstanceAddress::Tcp("10.0.0.1".to_owned(), 3306);
        let adopted = adopt(&stored, &configured).unwrap();
        assert_eq!((adopted.epoch, &adopted.forbids), (stored.epoch.next(), &stored.forbids));
        assert_eq!(adopted.instances[0].address, configured.instances[0].address);
    }

    #[test]
    fn units_listed_in_another_order_keep_their_shards_and_forbids() {
        let stored = sample::rich_state();
        let mut configured = sample::rich_state();
        configured.units.swap(0, 1);
        let swap = |unit: &mut UnitId| unit.0 = 1 - unit.0;
        let group = &mut configured.groups[0];
        swap(&mut group.global_master);
        group.schema_unit.as_mut().map(swap);
        group.shards.ranges.iter_mut().for_each(|owned| swap(&mut owned.owner));
        configured.instances.iter_mut().for_each(|instance| swap(&mut instance.unit));
        let adopted = adopt(&stored, &configured).unwrap();
        assert_eq!(adopted.unit(adopted.groups[0].shards.ranges[1].owner).name, "bj");
        let ForbidScope::Unit(forbidden) = adopted.forbids[0].scope else { panic!("another scope") };
        assert_eq!(adopted.unit(forbidden).name, "bj");
        let part = adopted.moves[0].parts[0];
        assert_eq!([part.source, part.target].map(|unit| adopted.unit(unit).name.as_str()), ["bj", "hz"]);
    }
}
