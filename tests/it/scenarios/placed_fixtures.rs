//! The fixtures of the worlds that place keys in other ways (lists, substrings, divisions, hashes, ranges, keys of keys, keys placed alone), sent
//! for real: the configuration is written from the fixtures' world, so that both are the same placement.

use std::fmt::Write;

use meridian::model::{Group, KeyStep, KeyType, PlainKey, ReadPolicy, TableClass, Transform, Unit};

use super::node::{Node, Setup};
use super::sent_fixtures::{expected, happened, reach_epoch};
use super::world::Databases;
use crate::fixture_file::{self, Case, world};

/// The worlds, and the tables the shared schema does not have yet.
const WORLDS: [&str; 6] = ["list", "embedded", "mapped", "hash", "range", "most-shards"];

#[tokio::test]
async fn every_placement_leads_statements_to_the_server_its_fixture_says() {
    let databases = Databases::shared().await;
    let files = fixture_file::all();
    let (mut wrong, mut sent) = (Vec::new(), 0);
    for name in WORLDS {
        let world = world::load(name);
        let state = &world.snapshot.state;
        for (table, entry) in &world.snapshot.catalog.schemas["shop"] {
            let column = |column: &meridian::model::CatalogColumn| {
                let kind =
                    if column.numeric { "BIGINT" } else { "VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin" };
                format!("{} {kind}", column.name)
            };
            let columns: Vec<String> = entry.columns.iter().map(column).collect();
            databases.run("hz", &format!("CREATE TABLE IF NOT EXISTS shop.{table} ({})", columns.join(", "))).await;
        }
        if name == "mapped" {
            let entries = "(7, 7000), (8, 6000), (9, 7001)";
            databases
                .run("hz", &format!("INSERT INTO shop.order_merchant (order_id, merchant_id) VALUES {entries}"))
                .await;
        }
        databases.converge().await;
        let mut setup = Setup::shared(databases);
        setup.keys = keys(&state.groups[0], &state.units);
        setup.tables = tables(&state.groups[0]);
        let node = Node::start(setup).await;
        reach_epoch(&mut node.console("hz").await).await;
        for case in files.iter().flat_map(|file| &file.cases).filter(|case| case.snapshot == name) {
            sent += u32::from(case.expectation.starts_with("SEND"));
            let case: &Case = case;
            let (happened, expected) = (happened(&node, databases, case).await, expected(&case.expectation));
            if happened != expected {
                wrong
                    .push(format!("{name}: {}: {}\n  expected {expected}\n  happened {happened}", case.name, case.sql));
            }
        }
        node.stop().await;
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(sent > 40, "only {sent} statements were to be sent");
    databases.converge().await;
}

/// A group's keys as a configuration file has them.
fn keys(group: &Group, units: &[Unit]) -> String {
    let mut text = format!("shards = {}\n", group.shards.count);
    for kind in &group.key_types {
        write!(text, "[[group.key_type]]\nname = \"{}\"\n{}{}\n", kind.name, steps(kind), transform(group, kind))
            .unwrap();
    }
    for alone in &group.overrides {
        let name = &group.key_types[alone.key_type].name;
        write!(
            text,
            "[[group.override]]\nkeys = [{}]\nkey_type = \"{name}\"\nshard = {}\n",
            plain(&alone.key),
            alone.shard.0
        )
        .unwrap();
    }
    for (index, unit) in units.iter().enumerate() {
        let own = group.shards.ranges.iter().filter(|owned| owned.owner.index() == index);
        let ranges: Vec<String> =
            own.map(|owned| format!("\"{}-{}\"", owned.range.first.0, owned.range.last.0)).collect();
        if !ranges.is_empty() {
            write!(text, "[[group.owner]]\nunit = \"{}\"\nshards = [{}]\n", unit.name, ranges.join(", ")).unwrap();
        }
    }
    text
}

fn steps(kind: &KeyType) -> String {
    let step = |step: &KeyStep| match step {
        KeyStep::Substring { start, length: Some(length) } => {
            format!("{{ step = \"substring\", from = {start}, length = {length} }}")
        }
        KeyStep::Substring { start, length: None } => format!("{{ step = \"substring\", from = {start} }}"),
        KeyStep::Divide { by } => format!("{{ step = \"divide\", by = {by} }}"),
        KeyStep::Mod { modulus } => format!("{{ step = \"mod\", by = {modulus} }}"),
        KeyStep::Hash => "{ step = \"hash\" }".to_owned(),
    };
    let steps: Vec<String> = kind.steps.iter().map(step).collect();
    if steps.is_empty() { String::new() } else { format!("steps = [{}]\n", steps.join(", ")) }
}

fn transform(group: &Group, kind: &KeyType) -> String {
    match &kind.transform {
        Transform::Mod { modulus } => format!("transform = \"mod\"\nmodulus = {modulus}"),
        Transform::Hash { buckets } => format!("transform = \"hash\"\nbuckets = {buckets}"),
        Transform::Range { ranges } => {
            let range = |(from, to, shard): &(i128, i128, meridian::model::Shard)| {
                format!("{{ from = {from}, to = {to}, shard = {} }}", shard.0)
            };
            let ranges: Vec<String> = ranges.iter().map(range).collect();
            format!("transform = \"range\"\nranges = [{}]", ranges.join(", "))
        }
        Transform::List { entries, other } => {
            let entry = |(key, shard): &(PlainKey, meridian::model::Shard)| {
                format!("{{ keys = [{}], shard = {} }}", plain(key), shard.0)
            };
            let entries: Vec<String> = entries.iter().map(entry).collect();
            let others = other.map(|shard| format!("\nothers = {}", shard.0)).unwrap_or_default();
            format!("transform = \"list\"\nlist = [{}]{others}", entries.join(", "))
        }
        Transform::As { key_type } => {
            format!("transform = \"as\"\nkey_type = \"{}\"", group.key_types[*key_type].name)
        }
        Transform::Lookup(lookup) => {
            let name = &group.key_types[lookup.key_type].name;
            let (table, column, value) = (&lookup.table, &lookup.column, &lookup.value);
            format!(
                "transform = \"lookup\"\nkey_type = \"{name}\"\ntable = \"{table}\"\ncolumn = \"{column}\"\nvalue = \"{value}\""
            )
        }
    }
}

fn plain(key: &PlainKey) -> String {
    match key {
        PlainKey::Integer(number) => number.to_string(),
        PlainKey::Text(text) => format!("\"{text}\""),
    }
}

fn tables(group: &Group) -> String {
    let mut text = String::new();
    for rule in &group.tables {
        let class = match &rule.class {
            TableClass::Sharded { key_type, column } => {
                let name = &group.key_types[*key_type].name;
                format!("class = \"sharded\"\nkey = \"{column}\"\nkey_type = \"{name}\"")
            }
            TableClass::Global => "class = \"global\"".to_owned(),
            TableClass::Local => "class = \"local\"".to_owned(),
        };
        let read = match rule.read {
            ReadPolicy::Local => "local",
            ReadPolicy::Owner => "owner",
            ReadPolicy::RefuseWithoutKey => "refuse_without_key",
            ReadPolicy::MasterWithoutKey => "master_without_key",
        };
        write!(text, "[[group.table]]\nname = \"{}\"\n{class}\nread = \"{read}\"\n", rule.name).unwrap();
    }
    text
}
