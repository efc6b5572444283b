//! A stored state meets the configuration: ownership is the store's, addresses and policies are the configuration's. Pure.
//!
//! It never resolves a difference in ownership: that is moved by commands, or the configuration is corrected.

use std::collections::BTreeMap;

use crate::model::shard::OwnedRange;
use crate::model::{ControlState, Forbid, ForbidScope, Group, Role, UnitId};

/// What the configuration says otherwise than the stored state about ownership: units, groups, schemas, table classes, key placement,
/// shard maps, masters, primaries. One sentence each; empty when the two agree.
pub fn differences(stored: &ControlState, configured: &ControlState) -> Vec<String> {
    let mut found = Vec::new();
    let names = |state: &ControlState| sorted(state.units.iter().map(|unit| unit.name.clone()));
    differ(&mut found, "the units", &names(stored).join(", "), &names(configured).join(", "));
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
            facts(stored, group).into_iter().zip(facts(configured, other))
        {
            differ(&mut found, &format!("group '{}': {what}", group.name), &stored_value, &configured_value);
        }
    }
    found
}

/// `configured` with what the store knows better: the epoch, the scope epochs, the forbids. Its epoch is the stored one when nothing else
/// changes, else the next. Errors: the [`differences`].
pub fn adopt(stored: &ControlState, configured: &ControlState) -> Result<ControlState, Vec<String>> {
    let found = differences(stored, configured);
    if !found.is_empty() {
        return Err(found);
    }
    let mut next = configured.clone();
    next.epoch = stored.epoch;
    next.forbids = stored
        .forbids
        .iter()
        .filter_map(|forbid| {
            let ForbidScope::Unit(unit) = forbid.scope;
            Some(Forbid { scope: ForbidScope::Unit(translated(stored, configured, unit)?), ..forbid.clone() })
        })
        .collect();
    for group in &mut next.groups {
        let Some(known) = stored.groups.iter().find(|known| known.name == group.name) else {
            continue;
        };
        group.global_epoch = known.global_epoch;
        group.shards.ranges = known
            .shards
            .ranges
            .iter()
            .filter_map(|owned| {
                Some(OwnedRange { owner: translated(stored, configured, owned.owner)?, ..owned.clone() })
            })
            .collect();
    }
    if next != *stored {
        next.epoch = stored.epoch.next();
    }
    Ok(next)
}

/// The same unit in the other state, by name.
fn translated(from: &ControlState, to: &ControlState, unit: UnitId) -> Option<UnitId> {
    to.unit_named(&from.unit(unit).name)
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

/// What ownership means for a group, as named values that two states can be compared by.
fn facts(state: &ControlState, group: &Group) -> Vec<(&'static str, String)> {
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
        ("keys placed alone", alone(group)),
        ("shard count", group.shards.count.to_string()),
        ("shard map", shard_map(state, group)),
        ("Global Zone master", state.unit(group.global_master).name.clone()),
        ("schema unit", state.unit(group.schema_unit()).name.clone()),
        ("primaries", primaries(state, group)),
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

fn primaries(state: &ControlState, group: &Group) -> String {
    let primaries: BTreeMap<&str, &str> = state
        .instances
        .iter()
        .filter(|instance| instance.role == Role::Primary && state.group(instance.group).name == group.name)
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
    use crate::model::{Epoch, TableClass};

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
        assert_eq!(master, ["group 'main': Global Zone master: stored hz, configured bj"]);
        let map = told(|state| state.groups[0].shards.ranges[1].owner = UnitId(0));
        assert_eq!(map, ["group 'main': shard map: stored 0-4999 hz, 5000-9999 bj, configured 0-9999 hz"]);
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

    #[test]
    fn addresses_are_the_configurations_and_forbids_the_stores() {
        let stored = sample::rich_state();
        let mut configured = sample::rich_state();
        configured.epoch = Epoch(1);
        configured.forbids.clear();
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
        let ForbidScope::Unit(forbidden) = adopted.forbids[0].scope;
        assert_eq!(adopted.unit(forbidden).name, "bj");
    }
}
