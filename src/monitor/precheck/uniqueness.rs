//! Unique keys and automatic ids of sharded tables: each owner checks and numbers for itself.

use super::facts::{ColumnFacts, IndexFacts, TableFacts, UnitFacts};
use super::finding::{Check, Finding, Severity};
use super::judge::{Kind, kind, label};
use crate::model::Group;

/// The unique keys of one unit.
pub(super) fn judged(group: &Group, facts: &UnitFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, table) in &facts.tables {
        let Kind::Sharded(_, key) = kind(group, &name.0, &name.1) else { continue };
        for (index_name, index) in table.indexes.iter().filter(|(_, index)| index.is_unique) {
            let Some(severity) = severity(table, index_name, index, key) else { continue };
            let part = |(column, length): &(Option<String>, Option<u64>)| match (column, length) {
                (Some(column), Some(length)) => format!("{column}({length})"),
                (Some(column), None) => column.clone(),
                (None, _) => "an expression".to_owned(),
            };
            let columns: Vec<String> = index.parts.iter().map(part).collect();
            let reason = format!(
                "unique key '{index_name}' ({}) does not contain the whole routing key '{key}': two owners may accept the same value, and replication stops",
                columns.join(", ")
            );
            let advice = match severity {
                Severity::Blocker => "add the routing key to it; keep what must be unique everywhere in a global table",
                Severity::Warning => "let its values come from a generator that keeps units apart",
            };
            findings.push(Finding::at(&facts.unit, severity, Check::UniqueKey, &label(name), reason, advice));
        }
    }
    findings
}

/// How a unique key of a sharded table stands; `None` if it holds over units.
fn severity(table: &TableFacts, name: &str, index: &IndexFacts, key: &str) -> Option<Severity> {
    let is = |column: &Option<String>, wanted: &str| {
        column.as_deref().is_some_and(|column| column.eq_ignore_ascii_case(wanted))
    };
    // A part of the key's characters is not the key.
    if index.parts.iter().any(|(column, length)| is(column, key) && length.is_none()) {
        return None;
    }
    let columns = || index.parts.iter().filter_map(|(column, _)| table.column(column.as_deref()?));
    // One that the server numbers is looked at by itself: see `strides`.
    if columns().any(ColumnFacts::is_automatic) {
        return None;
    }
    let is_generated_id = |column: &ColumnFacts| {
        let kind = column.column_type.to_lowercase();
        ["bigint", "uuid", "binary(16)", "char(36)", "varchar(36)", "char(26)", "decimal"]
            .iter()
            .any(|id| kind.starts_with(id))
    };
    let is_id = name == "PRIMARY" && index.parts.len() == 1 && columns().all(is_generated_id);
    Some(if is_id { Severity::Warning } else { Severity::Blocker })
}

/// Whether automatic ids of the units keep apart, once for each pair of units that do not.
pub(super) fn strides(group: &Group, units: &[UnitFacts]) -> Vec<Finding> {
    let numbered: Vec<String> = units
        .iter()
        .flat_map(|facts| &facts.tables)
        .filter(|(name, table)| {
            matches!(kind(group, &name.0, &name.1), Kind::Sharded(..))
                && table.columns.iter().any(ColumnFacts::is_automatic)
        })
        .map(|(name, _)| label(name))
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    if numbered.is_empty() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (position, one) in units.iter().enumerate() {
        if one.offset > one.increment {
            let reason = format!(
                "auto_increment_offset {} is above auto_increment_increment {}, and servers then ignore it",
                one.offset, one.increment
            );
            findings.push(finding(&[one], reason, &numbered));
        }
        for other in &units[position + 1..] {
            if may_meet(one, other) {
                let reason = format!(
                    "automatic ids of the units meet: auto_increment_increment {} and offset {} in {}, {} and {} in {}",
                    one.increment, one.offset, one.unit, other.increment, other.offset, other.unit
                );
                findings.push(finding(&[one, other], reason, &numbered));
            }
        }
    }
    findings
}

fn finding(units: &[&UnitFacts], reason: String, numbered: &[String]) -> Finding {
    Finding {
        severity: Severity::Blocker,
        check: Check::AutoIncrement,
        object: numbered.join(", "),
        units: units.iter().map(|facts| facts.unit.clone()).collect(),
        reason,
        advice: "SET GLOBAL auto_increment_increment to at least the number of units everywhere, auto_increment_offset to another number in each, \
                 and write both into the servers' files"
            .to_owned(),
    }
}

/// Whether two arithmetic progressions have a number in common.
fn may_meet(one: &UnitFacts, other: &UnitFacts) -> bool {
    let common = gcd(one.increment.max(1), other.increment.max(1));
    one.offset % common == other.offset % common
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn automatic_ids_meet_where_their_steps_have_a_number_in_common() {
        let unit = |increment, offset| UnitFacts { increment, offset, ..UnitFacts::default() };
        for (one, other, meet) in [
            ((1, 1), (1, 1), true),
            ((2, 1), (2, 2), false),
            ((2, 1), (2, 1), true),
            ((4, 1), (2, 2), false),
            ((4, 1), (2, 1), true),
            ((3, 1), (2, 2), true),
            ((1, 1), (2, 2), true),
        ] {
            assert_eq!(may_meet(&unit(one.0, one.1), &unit(other.0, other.1)), meet, "{one:?} {other:?}");
        }
    }
}
