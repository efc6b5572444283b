//! The routing keys of a data statement: which literals and parameters restrict each sharded table.
//!
//! A key counts only if it restricts *every* row of the table that the statement can touch; when in doubt there is none.

use std::sync::Arc;

use super::between::{self, Between};
use super::literal;
use super::resolve::{self, Access, Class, Resolved};
use super::restriction::Rows;
use super::statement::{CharsetClass, Family, KeyReading, KeySource, KeyUse, KeyValue, Keys, SqlContext, SqlRefusal};
use super::structure::{Insert, Name, Operand, Selected, Source, Structure};
use crate::model::{Beyond, ColumnValues, TableClass, TextRules};

/// The keys of a statement and how to read them. Errors: an INSERT whose key cannot be told, or an assignment to the key column.
pub(super) fn keys(
    context: &SqlContext<'_>,
    structure: &Structure,
    access: Access,
) -> Result<(Keys, KeyUse), SqlRefusal> {
    let mut collected = Collected::default();
    for (number, level) in structure.levels.iter().enumerate() {
        for (index, table) in level.tables.iter().enumerate() {
            let Some(name) = &table.name else { continue };
            for base in resolve::tables(context, name) {
                let Some(key) = key_column(context, &base) else { continue };
                let rows = Rows::new(context, structure, access);
                let values = if base.by_view { None } else { rows.restriction(number, index, &key) };
                collected.cuts = between::cuts(context, &base);
                collected.add(values, reading(context, &base, &key, Use::Compared));
            }
        }
    }
    if let Some(insert) = &structure.insert {
        collected.insert(context, structure, insert)?;
    }
    for (base, key) in assigned_tables(context, structure) {
        for (column, value) in &structure.assignments {
            if column.name != key {
                continue;
            }
            let refusal = SqlRefusal::KeyUpdate { table: base.label.clone(), column: key.clone() };
            match value {
                Operand::Slot(_) | Operand::Run(_) | Operand::Parameter(_) | Operand::Truth(_) => {
                    collected.add(Some(vec![value.clone()]), reading(context, &base, &key, Use::Stored));
                    collected.must_agree = Some(refusal);
                }
                Operand::Itself => continue,
                Operand::Null | Operand::Range(..) | Operand::Other => return Err(refusal),
            }
        }
    }
    collected.finish(context.dialect.family)
}

/// The sharded tables whose rows an assignment may change.
fn assigned_tables(context: &SqlContext<'_>, structure: &Structure) -> Vec<(Resolved, String)> {
    let names: Vec<Name> = match &structure.insert {
        Some(insert) => vec![insert.table.clone()],
        None => structure
            .levels
            .get(structure.main)
            .map_or_else(Vec::new, |level| level.tables.iter().filter_map(|table| table.name.clone()).collect()),
    };
    if structure.assignments.is_empty() {
        return Vec::new();
    }
    names
        .iter()
        .flat_map(|name| resolve::tables(context, name))
        .filter_map(|base| key_column(context, &base).map(|key| (base, key)))
        .collect()
}

#[derive(Default)]
struct Collected {
    sources: Vec<KeySource>,
    reading: Option<KeyReading>,
    is_unrestricted: bool,
    is_inconsistent: bool,
    must_agree: Option<SqlRefusal>,
    /// Where the shards of the keys change that are added next.
    cuts: Option<Arc<[i128]>>,
}

impl Collected {
    fn add(&mut self, values: Option<Vec<Operand>>, reading: KeyReading) {
        let Some(values) = values else {
            self.is_unrestricted = true;
            self.reading.get_or_insert(reading);
            return;
        };
        match merged(*self.reading.get_or_insert(reading), reading) {
            Some(both) => self.reading = Some(both),
            None => self.is_inconsistent = true,
        }
        for value in values {
            let source = self.source(value);
            if !self.sources.contains(&source) {
                self.sources.push(source);
            }
        }
    }

    fn source(&self, value: Operand) -> KeySource {
        match value {
            Operand::Slot(slot) => KeySource::Literal(slot),
            Operand::Run(slot) => KeySource::Group(slot),
            Operand::Parameter(number) => KeySource::Parameter(number),
            Operand::Null => KeySource::Constant(KeyValue::Null),
            Operand::Truth(truth) => KeySource::Constant(KeyValue::Integer(truth.into())),
            Operand::Range(low, high) => {
                let (low, high) = (self.source(*low), self.source(*high));
                KeySource::Between(Box::new(Between { low, high, cuts: self.cuts.clone() }))
            }
            Operand::Itself | Operand::Other => KeySource::Constant(KeyValue::Unreadable),
        }
    }

    fn insert(&mut self, context: &SqlContext<'_>, structure: &Structure, insert: &Insert) -> Result<(), SqlRefusal> {
        for base in resolve::tables(context, &insert.table) {
            let Some(key) = key_column(context, &base) else { continue };
            let unreadable = || SqlRefusal::UnreadableKey { table: base.label.clone(), column: key.clone() };
            if base.by_view {
                return Err(unreadable());
            }
            let position = match &insert.columns {
                Some(columns) => columns.iter().position(|column| *column == key),
                None => context.catalog.table(&base.schema, &base.table).and_then(|entry| {
                    entry.columns.iter().filter(|column| !column.invisible).position(|column| column.name == key)
                }),
            }
            .ok_or_else(unreadable)?;
            let stored = reading(context, &base, &key, Use::Stored);
            match &insert.source {
                Source::Rows(rows) => {
                    for row in rows {
                        match row.get(position) {
                            Some(Operand::Other) | None => return Err(unreadable()),
                            Some(value) => self.add(Some(vec![value.clone()]), stored),
                        }
                    }
                }
                Source::Select(levels) => {
                    self.cuts = between::cuts(context, &base);
                    self.selected(context, structure, levels, position, (&base, &key)).ok_or_else(unreadable)?;
                }
            }
        }
        Ok(())
    }

    /// The keys of an INSERT whose rows these levels give. `None` if they are not certain.
    fn selected(
        &mut self,
        context: &SqlContext<'_>,
        structure: &Structure,
        levels: &[usize],
        position: usize,
        (base, key): (&Resolved, &str),
    ) -> Option<()> {
        let stored = reading(context, base, key, Use::Stored);
        let compared = reading(context, base, key, Use::Compared);
        let mut values = Vec::new();
        let mut has_literals = false;
        for &number in levels {
            match &structure.levels.get(number)?.selected()?.get(position)?.selected {
                Selected::Value(Operand::Other) => return None,
                Selected::Value(value) => {
                    has_literals = true;
                    values.push(value.clone());
                }
                // The values are those the selected column is compared with; what it holds is stored in the key.
                Selected::Column(column) => {
                    let rows = Rows::new(context, structure, Access::Write);
                    values.extend(rows.selected_values(number, column, compared)?);
                }
            }
        }
        // UNION gives literals a common type first, in which only these numbers are exact, and no text is as it was.
        let stored = match stored {
            KeyReading::Numbers { least, most } if has_literals && levels.len() > 1 => {
                KeyReading::Numbers { least: least.max(-literal::EXACT), most: most.min(literal::EXACT) }
            }
            _ if has_literals && levels.len() > 1 => return None,
            stored => stored,
        };
        if values.is_empty() {
            return None;
        }
        self.add(Some(values), stored);
        Some(())
    }

    fn finish(self, family: Family) -> Result<(Keys, KeyUse), SqlRefusal> {
        let key_use = KeyUse {
            reading: self.reading.unwrap_or_default(),
            must_agree: self.must_agree.clone(),
            binds_types: family == Family::MySql,
        };
        if self.is_unrestricted || self.is_inconsistent || self.sources.is_empty() {
            // An assigned key of rows that no key restricts moves rows between shards.
            return match self.must_agree {
                Some(refusal) => Err(refusal),
                None => Ok((Keys::Missing, key_use)),
            };
        }
        Ok((Keys::Sources(self.sources), key_use))
    }
}

/// The routing key column of a sharded table.
pub(super) fn key_column(context: &SqlContext<'_>, base: &Resolved) -> Option<String> {
    let Class::Sharded(group, rule, _) = base.class else { return None };
    match &context.state.group(group).tables[rule].class {
        TableClass::Sharded { column, .. } => Some(column.to_lowercase()),
        TableClass::Global | TableClass::Local => None,
    }
}

/// How keys of a table's routing key column are compared, for keys from outside SQL.
pub(super) fn key_use(context: &SqlContext<'_>, base: &Resolved) -> KeyUse {
    let reading = key_column(context, base).map(|key| reading(context, base, &key, Use::Compared));
    KeyUse { reading: reading.unwrap_or_default(), ..KeyUse::default() }
}

/// What is done with a key's value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// A condition compares the column with it.
    Compared,
    /// It is put into the column.
    Stored,
}

pub(super) fn reading(context: &SqlContext<'_>, base: &Resolved, column: &str, usage: Use) -> KeyReading {
    let entry = context.catalog.table(&base.schema, &base.table);
    let Some(known) = entry.and_then(|entry| entry.columns.iter().find(|known| known.name == column)) else {
        return KeyReading::Unknown;
    };
    let is_stored = usage == Use::Stored;
    match known.values {
        // Out of bounds no row is found, or in some modes the nearest number is stored.
        ColumnValues::Numbers { beyond: Beyond::NoRow, .. } if !is_stored => {
            KeyReading::Numbers { least: i64::MIN.into(), most: u64::MAX.into() }
        }
        ColumnValues::Numbers { least, most, .. } => KeyReading::Numbers { least, most },
        ColumnValues::Text(rules) => {
            let unicode = rules.unicode && context.charset == CharsetClass::Utf8;
            let length = if is_stored { rules.length } else { u64::MAX };
            KeyReading::Text { rules: TextRules { unicode, length, ..rules }, is_stored }
        }
        ColumnValues::Bytes { length, is_fixed } => KeyReading::Bytes { length, is_fixed },
        ColumnValues::Date => KeyReading::Date,
        ColumnValues::Uuid => KeyReading::Uuid,
        ColumnValues::Other => KeyReading::Never,
    }
}

/// The reading under which only what both are certain of is certain; `None` if keys of one are none of the other's.
pub(super) fn merged(first: KeyReading, second: KeyReading) -> Option<KeyReading> {
    match (first, second) {
        (KeyReading::Numbers { least, most }, KeyReading::Numbers { least: other_least, most: other_most }) => {
            Some(KeyReading::Numbers { least: least.max(other_least), most: most.min(other_most) })
        }
        (KeyReading::Text { rules, is_stored }, KeyReading::Text { rules: other, is_stored: other_stored })
            if (rules.equality, rules.padded) == (other.equality, other.padded) =>
        {
            let both = TextRules {
                unicode: rules.unicode && other.unicode,
                is_fixed: rules.is_fixed || other.is_fixed,
                length: rules.length.min(other.length),
                ..rules
            };
            Some(KeyReading::Text { rules: both, is_stored: is_stored && other_stored })
        }
        (first, second) if first == second => Some(first),
        _ => None,
    }
}
