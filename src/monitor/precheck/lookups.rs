//! The tables in which keys are looked up: ownership rests on each key having one entry.

use super::facts::{TableFacts, UnitFacts};
use super::finding::{Check, Finding, Severity};
use crate::model::{Group, Lookup};

/// The findings at one unit.
pub(super) fn judged(group: &Group, facts: &UnitFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key_type, lookup) in group.lookups() {
        let mut found = |reason: String, advice: &str| {
            let check = Check::RoutingKey;
            findings.push(Finding::at(&facts.unit, Severity::Blocker, check, &lookup.table, reason, advice));
        };
        let table = facts.tables.iter().find(|((_, name), _)| *name == lookup.table).map(|(_, table)| table);
        let Some(table) = table else {
            let reason = format!("the table in which keys of type '{key_type}' are looked up does not exist");
            found(reason, "create it, or correct the key type");
            continue;
        };
        for column in [&lookup.column, &lookup.value] {
            if table.column(&column.to_lowercase()).is_none() {
                let reason = format!("it has no column '{column}', which key type '{key_type}' names");
                found(reason, "add the column, or correct the key type");
            }
        }
        if !is_unique(table, lookup) {
            let reason = format!(
                "no unique key over '{}' alone: a key of type '{key_type}' may get a second entry, and then belongs to nobody",
                lookup.column
            );
            found(reason, "make it the primary key, or add a unique key over it");
        }
    }
    findings
}

fn is_unique(table: &TableFacts, lookup: &Lookup) -> bool {
    let column = lookup.column.to_lowercase();
    table
        .indexes
        .values()
        .any(|index| index.is_unique && matches!(index.parts.as_slice(), [(Some(part), None)] if *part == column))
}

#[cfg(test)]
mod tests {
    use super::super::facts::{ColumnFacts, IndexFacts};
    use super::*;
    use crate::control::sample;
    use crate::model::{ColumnValues, KeyType, Transform};

    fn column(name: &str) -> ColumnFacts {
        ColumnFacts {
            name: name.to_owned(),
            column_type: "bigint".to_owned(),
            is_nullable: false,
            default: None,
            extra: String::new(),
            collation: None,
            generation: None,
            values: ColumnValues::Other,
        }
    }

    #[test]
    fn a_table_without_a_unique_key_or_a_column_is_named() {
        let mut group = sample::state().groups[0].clone();
        let lookup = Lookup {
            key_type: 0,
            table: "order_merchant".to_owned(),
            column: "order_id".to_owned(),
            value: "merchant_id".to_owned(),
        };
        let transform = Transform::Lookup(Box::new(lookup));
        group.key_types.push(KeyType { name: "mapped".to_owned(), steps: Vec::new(), transform });
        let mut facts = UnitFacts { unit: "hz".to_owned(), ..UnitFacts::default() };
        let told =
            |facts: &UnitFacts| judged(&group, facts).into_iter().map(|finding| finding.reason).collect::<Vec<_>>();
        assert!(told(&facts)[0].contains("does not exist"));
        let mut table = TableFacts { columns: vec![column("order_id")], ..TableFacts::default() };
        let name = ("shop".to_owned(), "order_merchant".to_owned());
        facts.tables.insert(name.clone(), table.clone());
        let reasons = told(&facts);
        assert!(reasons[0].contains("no column 'merchant_id'") && reasons[1].contains("no unique key"), "{reasons:?}");
        table.columns.push(column("merchant_id"));
        let parts = vec![(Some("order_id".to_owned()), None)];
        table.indexes.insert("PRIMARY".to_owned(), IndexFacts { is_unique: true, parts });
        facts.tables.insert(name, table);
        assert_eq!(told(&facts), Vec::<String>::new());
    }
}
