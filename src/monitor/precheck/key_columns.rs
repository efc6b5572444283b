//! Routing key columns, primary keys and engines of managed tables.

use super::facts::{ColumnFacts, TableFacts, UnitFacts};
use super::finding::{Check, Finding, Severity};
use super::judge::{Kind, kind, label};
use crate::model::{ColumnValues, Group};

/// Engines whose writes cannot be rolled back.
const WITHOUT_TRANSACTIONS: [&str; 7] = ["MyISAM", "Aria", "MEMORY", "CSV", "ARCHIVE", "BLACKHOLE", "MRG_MyISAM"];

/// The findings at one unit.
pub(super) fn judged(group: &Group, facts: &UnitFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, table) in &facts.tables {
        let object = label(name);
        let kind = kind(group, &name.0, &name.1);
        let mut found = |severity, check, reason: String, advice: &str| {
            findings.push(Finding::at(&facts.unit, severity, check, &object, reason, advice));
        };
        if let Kind::Sharded(_, key) = kind {
            match table.column(&key.to_lowercase()) {
                Some(column) => key_column(table, column, &mut found),
                None => found(
                    Severity::Blocker,
                    Check::RoutingKey,
                    format!("the table has no column '{key}', which its rule names as the routing key"),
                    "add the column, or correct the rule",
                ),
            }
        }
        if kind == Kind::Local {
            continue;
        }
        if !has_row_identity(table) {
            let advice = "add a primary key: replication searches the whole table for each row without one, and rows cannot be compared";
            let reason = "no primary key, and no unique key over columns without NULL".to_owned();
            found(Severity::Warning, Check::PrimaryKey, reason, advice);
        }
        if let Some(engine) = WITHOUT_TRANSACTIONS.iter().find(|engine| engine.eq_ignore_ascii_case(&table.engine)) {
            let reason =
                format!("engine {engine} has no transactions: a statement that is ended leaves half of its rows");
            found(Severity::Blocker, Check::Engine, reason, "ALTER TABLE … ENGINE = InnoDB");
        }
    }
    findings
}

fn key_column(table: &TableFacts, column: &ColumnFacts, found: &mut impl FnMut(Severity, Check, String, &str)) {
    let name = &column.name;
    let check = Check::RoutingKey;
    if let Some(expression) = &column.generation {
        let reason = format!(
            "the routing key '{name}' is generated as {expression}: an UPDATE of what it is made from moves rows between units unseen"
        );
        found(Severity::Blocker, check, reason, "make it a plain column that each INSERT names");
    }
    if column.extra.contains("on update") {
        let reason = format!("the routing key '{name}' changes with every UPDATE of its row");
        found(Severity::Blocker, check, reason, "drop ON UPDATE");
    }
    if column.values == ColumnValues::Other {
        let reason = format!("no value of type {} is certain as a routing key", column.column_type);
        found(Severity::Warning, check, reason, "give every statement a hint, or change the column's type");
    }
    if column.is_nullable && column.generation.is_none() {
        let reason = format!("the routing key '{name}' may be NULL, and NULL has no owner");
        found(Severity::Warning, check, reason, "make it NOT NULL; rows that have NULL belong to nobody");
    }
    if column.is_automatic() {
        let reason = format!("the routing key '{name}' is numbered by the server, after Meridian has chosen the unit");
        found(Severity::Warning, check, reason, "each INSERT must name a value");
    }
    let is_indexed =
        table.indexes.values().any(|index| index.parts.first().is_some_and(|(part, _)| part.as_ref() == Some(name)));
    if !is_indexed {
        let reason =
            format!("no index begins with the routing key '{name}', by which every statement restricts the table");
        found(Severity::Warning, check, reason, "add an index that begins with it");
    }
}

fn has_row_identity(table: &TableFacts) -> bool {
    table.indexes.values().any(|index| {
        index.is_unique
            && index.parts.iter().all(|(column, _)| {
                column.as_ref().and_then(|column| table.column(column)).is_some_and(|column| !column.is_nullable)
            })
    })
}
