//! Foreign keys: each server checks and follows them against its own copy only.

use super::facts::{ForeignKeyFacts, UnitFacts};
use super::finding::{Check, Finding, Severity};
use super::judge::{Kind, kind, label};
use crate::model::Group;

const ADVICE: &str = "drop it at every unit and let the application see to it";

/// The findings at one unit.
pub(super) fn judged(group: &Group, facts: &UnitFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, table) in &facts.tables {
        for (constraint, key) in &table.foreign_keys {
            let here = kind(group, &name.0, &name.1);
            let there = kind(group, &key.schema, &key.table);
            let Some(why) = broken(here, there, key) else { continue };
            let reason = format!(
                "foreign key '{constraint}' to {}.{} (ON DELETE {}, ON UPDATE {}): {why}",
                key.schema, key.table, key.on_delete, key.on_update
            );
            findings.push(Finding::at(
                &facts.unit,
                Severity::Blocker,
                Check::ForeignKey,
                &label(name),
                reason,
                advice(here, there),
            ));
        }
    }
    findings
}

/// Why a foreign key cannot hold, if it cannot.
fn broken(here: Kind<'_>, there: Kind<'_>, key: &ForeignKeyFacts) -> Option<&'static str> {
    match (here, there) {
        (Kind::Local, Kind::Local) | (Kind::Global, Kind::Global) => None,
        (Kind::Sharded(kind, column), Kind::Sharded(other, other_column)) if kind == other => {
            let carries = |(here, there): &(String, String)| {
                here.eq_ignore_ascii_case(column) && there.eq_ignore_ascii_case(other_column)
            };
            let carries_key = key.columns.iter().any(carries);
            (!carries_key).then_some("it does not carry the routing key, so the two rows may have different owners")
        }
        (Kind::Sharded(..), Kind::Sharded(..)) => Some("the tables have different key types, and so different owners"),
        (Kind::Sharded(..), Kind::Global) => Some(
            "the Global Zone master deletes or changes the row there while an owner adds one here, and replication stops",
        ),
        (Kind::Global, Kind::Sharded(..)) => Some(
            "an owner deletes or changes the row there while the Global Zone master adds one here, and replication stops",
        ),
        (Kind::Local, Kind::Sharded(..) | Kind::Global) => {
            Some("local rows exist in one unit only: a row that another unit may delete there cannot be deleted here")
        }
        (Kind::Sharded(..) | Kind::Global, Kind::Local) => {
            Some("local rows exist in one unit only: the other units cannot apply the row")
        }
    }
}

fn advice(here: Kind<'_>, there: Kind<'_>) -> &'static str {
    match (here, there) {
        (Kind::Sharded(kind, _), Kind::Sharded(other, _)) if kind == other => {
            "add the routing key to both sides of it, or drop it at every unit"
        }
        _ => ADVICE,
    }
}
