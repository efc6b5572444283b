//! The routing keys of a data statement: which literals and parameters restrict each sharded table.
//!
//! A key counts only if it restricts *every* row of the table that the statement can touch; when in doubt there is none.

use std::sync::Arc;

use super::between::{self, Between};
use super::resolve::{self, Class, Resolved};
use super::statement::{CharsetClass, KeyReading, KeySource, KeyUse, KeyValue, Keys, SqlContext, SqlRefusal};
use super::structure::{Column, Condition, Insert, Level, Name, Operand, Selected, Source, Structure};
use crate::model::{Beyond, ColumnValues, TableClass, TextRules};

/// The keys of a statement and how to read them. Errors: an INSERT whose key cannot be told, or an assignment to the key column.
pub(super) fn keys(context: &SqlContext<'_>, structure: &Structure) -> Result<(Keys, KeyUse), SqlRefusal> {
    let mut collected = Collected::default();
    for level in &structure.levels {
        for (index, table) in level.tables.iter().enumerate() {
            let Some(name) = &table.name else { continue };
            for base in resolve::tables(context, name) {
                let Some(key) = key_column(context, &base) else { continue };
                let values = if base.by_view { None } else { restriction(context, structure, level, index, &key) };
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
                Operand::Slot(_) | Operand::Run(_) | Operand::Parameter(_) => {
                    collected.add(Some(vec![value.clone()]), reading(context, &base, &key, Use::Stored));
                    collected.must_agree = Some(refusal);
                }
                Operand::Itself => continue,
                Operand::Null | Operand::Range(..) | Operand::Other => return Err(refusal),
            }
        }
    }
    collected.finish()
}

/// The sharded tables whose rows an assignment may change.
fn assigned_tables(context: &SqlContext<'_>, structure: &Structure) -> Vec<(Resolved, String)> {
    let names: Vec<Name> = match &structure.insert {
        Some(insert) => vec![insert.table.clone()],
        None => structure
            .levels
            .first()
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
                Source::Select(level, Some(selected)) => match selected.get(position) {
                    Some(Selected::Value(Operand::Other)) | None => return Err(unreadable()),
                    Some(Selected::Value(value)) => self.add(Some(vec![value.clone()]), stored),
                    Some(Selected::Column(column)) => {
                        let level = &structure.levels[*level];
                        self.cuts = between::cuts(context, &base);
                        let found = selected_values(context, structure, level, column).ok_or_else(unreadable)?;
                        // The values are those the selected column is compared with, and are stored in the key.
                        self.add(Some(found), stored);
                    }
                },
                Source::Select(_, None) | Source::Opaque => return Err(unreadable()),
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<(Keys, KeyUse), SqlRefusal> {
        let key_use = KeyUse { reading: self.reading.unwrap_or_default(), must_agree: self.must_agree.clone() };
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
    KeyUse { reading: reading.unwrap_or_default(), must_agree: None }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Compared,
    Stored,
}

fn reading(context: &SqlContext<'_>, base: &Resolved, column: &str, usage: Use) -> KeyReading {
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
fn merged(first: KeyReading, second: KeyReading) -> Option<KeyReading> {
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

/// A column of a level, settled: the index of its table, and its name.
type Place = (usize, String);

/// The values that table `index` of `level` is restricted to through `column`.
fn restriction(
    context: &SqlContext<'_>,
    structure: &Structure,
    level: &Level,
    index: usize,
    column: &str,
) -> Option<Vec<Operand>> {
    let own = &level.tables[index].optional_on;
    let conditions: Vec<&Condition> = level.conditions.iter().chain(own).collect();
    values_of(context, structure, level, &conditions, (index, column.to_owned()))
}

/// The values a column that a SELECT hands on can have.
fn selected_values(
    context: &SqlContext<'_>,
    structure: &Structure,
    level: &Level,
    column: &Column,
) -> Option<Vec<Operand>> {
    let place = place_of(context, level, column)?;
    // A column of the optional side of an outer join may also be NULL.
    if !level.tables[place.0].optional_on.is_empty() {
        return None;
    }
    let conditions: Vec<&Condition> = level.conditions.iter().collect();
    values_of(context, structure, level, &conditions, place)
}

fn values_of(
    context: &SqlContext<'_>,
    structure: &Structure,
    level: &Level,
    conditions: &[&Condition],
    place: Place,
) -> Option<Vec<Operand>> {
    let mut atoms = Vec::new();
    for condition in conditions {
        flatten(condition, &mut atoms);
    }
    let pairs: Vec<(Place, Place)> = atoms
        .iter()
        .filter_map(|atom| match atom {
            Condition::Same(left, right) => Some((place_of(context, level, left)?, place_of(context, level, right)?)),
            _ => None,
        })
        .collect();
    let mut equal = vec![place];
    let mut next = 0;
    while next < equal.len() {
        for (left, right) in &pairs {
            for (known, other) in [(left, right), (right, left)] {
                if *known == equal[next] && !equal.contains(other) && same_type(context, level, &equal[0], other) {
                    equal.push(other.clone());
                }
            }
        }
        next += 1;
    }
    // The fewest values are the sharpest: a single one before a list, a list before a range.
    let found = atoms.iter().filter_map(|atom| values_in(context, structure, level, atom, &equal));
    found.min_by_key(|values| values.iter().map(breadth).sum::<usize>())
}

fn breadth(value: &Operand) -> usize {
    match value {
        Operand::Run(_) => 100,
        Operand::Range(..) => 1_000,
        Operand::Slot(_) | Operand::Parameter(_) | Operand::Null | Operand::Itself | Operand::Other => 1,
    }
}

fn flatten<'c>(condition: &'c Condition, atoms: &mut Vec<&'c Condition>) {
    match condition {
        Condition::All(inner) => inner.iter().for_each(|inner| flatten(inner, atoms)),
        other => atoms.push(other),
    }
}

fn values_in(
    context: &SqlContext<'_>,
    structure: &Structure,
    level: &Level,
    atom: &Condition,
    equal: &[Place],
) -> Option<Vec<Operand>> {
    match atom {
        Condition::In(column, values) => {
            let place = place_of(context, level, column)?;
            (equal.contains(&place) && !values.contains(&Operand::Other)).then(|| values.clone())
        }
        Condition::Any(branches) => {
            let mut all = Vec::new();
            for branch in branches {
                let mut atoms = Vec::new();
                flatten(branch, &mut atoms);
                all.extend(atoms.iter().find_map(|atom| values_in(context, structure, level, atom, equal))?);
            }
            Some(all)
        }
        Condition::Between(column, low, high) => {
            let place = place_of(context, level, column)?;
            let is_readable = ![low, high].into_iter().any(|end| *end == Operand::Other);
            (equal.contains(&place) && is_readable)
                .then(|| vec![Operand::Range(Box::new(low.clone()), Box::new(high.clone()))])
        }
        Condition::InQuery(column, inner) => {
            let place = place_of(context, level, column)?;
            let inner = structure.levels.get(*inner)?;
            match inner.selected.as_deref()? {
                [Selected::Value(value)] if equal.contains(&place) && *value != Operand::Other => {
                    Some(vec![value.clone()])
                }
                [Selected::Column(selected)] if equal.contains(&place) => {
                    let given = place_of(context, inner, selected)?;
                    let first = type_of(context, level, &equal[0])?;
                    let is_same = type_of(context, inner, &given).is_some_and(|given| passes_on(first, given));
                    is_same.then(|| selected_values(context, structure, inner, selected))?
                }
                _ => None,
            }
        }
        Condition::All(_) | Condition::Same(..) | Condition::Opaque => None,
    }
}

/// Equal columns pass a key on only if both are read alike.
fn same_type(context: &SqlContext<'_>, level: &Level, first: &Place, second: &Place) -> bool {
    let of = |place: &Place| type_of(context, level, place);
    matches!((of(first), of(second)), (Some(first), Some(second)) if passes_on(first, second))
}

/// How keys of a column are read, if it is a table's own.
fn type_of(context: &SqlContext<'_>, level: &Level, place: &Place) -> Option<KeyReading> {
    let name = level.tables[place.0].name.as_ref()?;
    match &resolve::tables(context, name)[..] {
        [base] if !base.by_view => Some(reading(context, base, &place.1, Use::Compared)),
        _ => None,
    }
}

/// Whether an equality of two columns is one of the keys they are read as.
fn passes_on(first: KeyReading, second: KeyReading) -> bool {
    let is_exact = |reading| matches!(reading, KeyReading::Numbers { least, most } if (least, most) == (i64::MIN.into(), u64::MAX.into()));
    match (first, second) {
        (KeyReading::Numbers { .. }, KeyReading::Numbers { .. }) => is_exact(first) && is_exact(second),
        _ => merged(first, second).is_some(),
    }
}

/// The table of the level that a column belongs to, if that is certain.
fn place_of(context: &SqlContext<'_>, level: &Level, column: &Column) -> Option<Place> {
    let index = match &column.qualifier {
        Some(qualifier) => {
            let mut called = (0..level.tables.len()).filter(|&index| is_called(context, level, index, qualifier));
            let index = called.next()?;
            if called.next().is_some() {
                return None;
            }
            index
        }
        None => sole_owner(context, level, &column.name)?,
    };
    level.tables[index].name.as_ref().map(|_| (index, column.name.clone()))
}

fn is_called(context: &SqlContext<'_>, level: &Level, index: usize, qualifier: &Name) -> bool {
    let table = &level.tables[index];
    match (&table.alias, &table.name) {
        (Some(alias), _) => qualifier.schema.is_none() && alias.eq_ignore_ascii_case(&qualifier.table),
        (None, Some(name)) => {
            let schema = |name: &Name| name.schema.as_deref().or(context.schema).map(str::to_lowercase);
            name.table.eq_ignore_ascii_case(&qualifier.table)
                && (qualifier.schema.is_none() || schema(qualifier) == schema(name))
        }
        (None, None) => false,
    }
}

/// The one table of the level that has the column.
fn sole_owner(context: &SqlContext<'_>, level: &Level, column: &str) -> Option<usize> {
    if level.tables.len() == 1 {
        return Some(0);
    }
    let mut owners = Vec::new();
    for (index, table) in level.tables.iter().enumerate() {
        let name = table.name.as_ref()?;
        let schema = name.schema.as_deref().or(context.schema)?;
        let entry = context.catalog.table(schema, &name.table.to_lowercase())?;
        if entry.columns.iter().any(|known| known.name == column) {
            owners.push(index);
        }
    }
    match owners[..] {
        [owner] => Some(owner),
        // Two owners pass the server only if USING or NATURAL made one column of them: the first one's, unless it is the optional side.
        [first, ..] if level.tables[first].optional_on.is_empty() => Some(first),
        _ => None,
    }
}
