//! Whether the units have the same managed tables, defined alike.

use std::collections::BTreeMap;

use super::facts::{ColumnFacts, IndexFacts, TableFacts, UnitFacts};
use super::finding::{Check, Finding, Severity};
use super::judge::{Kind, kind, label};
use crate::model::Group;

const ADVICE: &str =
    "alter the one that is wrong at its own server with sql_log_bin = 0, then run DDL through Meridian";

/// What differs from the first unit, and what no unit has.
pub(super) fn judged(group: &Group, units: &[UnitFacts]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some((first, others)) = units.split_first() else { return findings };
    for other in others {
        for (name, here, there) in pairs(&first.tables, &other.tables) {
            if kind(group, &name.0, &name.1) == Kind::Local {
                continue;
            }
            let mut found = |severity, reason| {
                let units = vec![first.unit.clone(), other.unit.clone()];
                let (check, object, advice) = (Check::Definition, label(name), ADVICE.to_owned());
                findings.push(Finding { severity, check, object, units, reason, advice });
            };
            match (here, there) {
                (Some(here), Some(there)) => {
                    for (severity, what) in differences(here, there) {
                        found(severity, format!("{what} in {} and {}", first.unit, other.unit));
                    }
                }
                (Some(_), None) => found(Severity::Blocker, format!("the table is missing in {}", other.unit)),
                (None, _) => found(Severity::Blocker, format!("the table is missing in {}", first.unit)),
            }
        }
    }
    for rule in group.tables.iter().filter(|rule| rule.class != crate::model::TableClass::Local) {
        if units.iter().all(|facts| facts.tables.keys().all(|(_, table)| !rule.covers(table))) {
            let reason = format!("the rule for '{}' fits no table of any unit", rule.name);
            let units = units.iter().map(|facts| facts.unit.clone()).collect();
            let (severity, check, object) = (Severity::Warning, Check::Definition, rule.name.clone());
            findings.push(Finding {
                severity,
                check,
                object,
                units,
                reason,
                advice: "create it, or correct the rule".to_owned(),
            });
        }
    }
    findings
}

/// What two maps have under each name.
fn pairs<'a, K: Ord, V>(
    here: &'a BTreeMap<K, V>,
    there: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = (&'a K, Option<&'a V>, Option<&'a V>)> {
    let missing = there.keys().filter(|name| !here.contains_key(name));
    here.keys().chain(missing).map(|name| (name, here.get(name), there.get(name)))
}

fn differences(here: &TableFacts, there: &TableFacts) -> Vec<(Severity, String)> {
    let mut found = Vec::new();
    for column in &here.columns {
        match there.column(&column.name) {
            None => found.push((Severity::Blocker, format!("column '{}' is not there both", column.name))),
            Some(other) if other != column => {
                found.push((
                    Severity::Blocker,
                    format!("column '{}' is {} and {}", column.name, told(column), told(other)),
                ));
            }
            Some(_) => {}
        }
    }
    for column in there.columns.iter().filter(|column| here.column(&column.name).is_none()) {
        found.push((Severity::Blocker, format!("column '{}' is not there both", column.name)));
    }
    let order = |table: &TableFacts| table.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
    if found.is_empty() && order(here) != order(there) {
        found.push((Severity::Blocker, "the columns stand in another order".to_owned()));
    }
    for (name, one, other) in pairs(&here.indexes, &there.indexes) {
        if one != other {
            let is_unique = |index: Option<&IndexFacts>| index.is_some_and(|index| index.is_unique);
            let severity = if is_unique(one) || is_unique(other) { Severity::Blocker } else { Severity::Warning };
            found.push((severity, format!("index '{name}' differs")));
        }
    }
    let keys = pairs(&here.foreign_keys, &there.foreign_keys).filter(|(_, one, other)| one != other);
    found.extend(keys.map(|(name, ..)| (Severity::Blocker, format!("foreign key '{name}' differs"))));
    let triggers = pairs(&here.triggers, &there.triggers).filter(|(_, one, other)| one != other);
    found.extend(triggers.map(|(name, ..)| (Severity::Blocker, format!("trigger '{name}' differs"))));
    if !here.engine.eq_ignore_ascii_case(&there.engine) {
        found.push((Severity::Warning, format!("the engine is {} and {}", here.engine, there.engine)));
    }
    found
}

fn told(column: &ColumnFacts) -> String {
    let null = if column.is_nullable { " NULL" } else { " NOT NULL" };
    let default = column.default.as_ref().map(|default| format!(" DEFAULT {default}")).unwrap_or_default();
    let collation = column.collation.as_ref().map(|collation| format!(" {collation}")).unwrap_or_default();
    let generation = column.generation.as_ref().map(|generation| format!(" AS ({generation})")).unwrap_or_default();
    let extra = if column.extra.is_empty() { String::new() } else { format!(" {}", column.extra) };
    format!("{}{collation}{generation}{null}{default}{extra}", column.column_type)
}
