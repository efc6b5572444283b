//! Which table of a level a column belongs to, and what it is: names as the servers resolve them.

use super::keys::{Use, reading};
use super::resolve;
use super::restriction::{Place, Rows, passes_on};
use super::statement::{KeyReading, SqlContext};
use super::structure::{Column, Derived, Level, Name, Selected};

impl Rows<'_> {
    /// Equal columns pass a key on only if both are read alike.
    pub(super) fn same_type(&self, level: &Level, first: &Place, second: &Place) -> bool {
        let of = |place: &Place| self.type_of(level, place);
        matches!((of(first), of(second)), (Some(first), Some(second)) if passes_on(first, second))
    }

    /// How keys of a column are read, if it is a table's own, also through derived tables.
    pub(super) fn type_of(&self, level: &Level, place: &Place) -> Option<KeyReading> {
        let table = &level.tables[place.0];
        if let Some(name) = &table.name {
            return match &resolve::tables(self.context, name)[..] {
                [base] if !base.by_view => Some(reading(self.context, base, &place.1, Use::Compared)),
                _ => None,
            };
        }
        let derived = table.derived.as_ref().filter(|_| self.step())?;
        let mut found: Option<KeyReading> = None;
        for &number in &derived.levels {
            let behind = self.structure.levels.get(number)?;
            let column = self.column_behind(derived, number, &place.1)?;
            let kind = self.type_of(behind, &self.place_of(behind, &column)?)?;
            if !passes_on(*found.get_or_insert(kind), kind) {
                return None;
            }
        }
        found
    }

    /// The column of level `number` that a derived table's column is.
    pub(super) fn column_behind(&self, derived: &Derived, number: usize, name: &str) -> Option<Column> {
        let first = self.structure.levels.get(*derived.levels.first()?)?;
        let level = self.structure.levels.get(number)?;
        let position = match &derived.columns {
            Some(names) => names.iter().position(|known| known == name),
            None => first.outputs.as_ref()?.iter().position(|output| output.name.as_deref() == Some(name)),
        };
        if let Some(position) = position {
            // A `*` before it would move it.
            let is_alone = derived.columns.is_none() && derived.levels.len() == 1;
            let outputs = if is_alone { level.outputs.as_deref()? } else { level.selected()? };
            return match &outputs.get(position)?.selected {
                Selected::Column(column) if is_alone || first.wildcards.is_empty() => Some(column.clone()),
                Selected::Column(_) | Selected::Value(_) => None,
            };
        }
        match (&level.wildcards[..], &derived.columns, &derived.levels[..]) {
            ([qualifier], None, [_]) => Some(Column { qualifier: qualifier.clone(), name: name.to_owned() }),
            _ => None,
        }
    }

    /// What a derived table calls these columns of level `number`.
    pub(super) fn names_of(&self, derived: &Derived, number: usize, places: &[Place]) -> Vec<String> {
        let Some(first) = derived.levels.first().and_then(|&first| self.structure.levels.get(first)) else {
            return Vec::new();
        };
        let Some(level) = self.structure.levels.get(number) else { return Vec::new() };
        let outputs = first.outputs.iter().flatten().filter_map(|output| output.name.clone());
        let known = derived.columns.iter().flatten().cloned().chain(outputs);
        let names = known.chain(places.iter().map(|(_, name)| name.clone()));
        let is_one = |name: &String| {
            let column = self.column_behind(derived, number, name);
            column.and_then(|column| self.place_of(level, &column)).is_some_and(|place| places.contains(&place))
        };
        names.filter(is_one).collect()
    }

    /// The table of the level that a column belongs to, if that is certain.
    pub(super) fn place_of(&self, level: &Level, column: &Column) -> Option<Place> {
        let index = match &column.qualifier {
            Some(qualifier) => {
                let mut called =
                    (0..level.tables.len()).filter(|&index| is_called(self.context, level, index, qualifier));
                let index = called.next()?;
                if called.next().is_some() {
                    return None;
                }
                index
            }
            None => self.sole_owner(level, &column.name)?,
        };
        let table = &level.tables[index];
        (table.name.is_some() || table.derived.is_some()).then(|| (index, column.name.clone()))
    }

    /// The level around this one, and the place there, of a column whose table is none of this level's.
    pub(super) fn place_around(&self, level: &Level, column: &Column) -> Option<(usize, Place)> {
        let qualifier = column.qualifier.as_ref()?;
        let names_it =
            |level: &Level| (0..level.tables.len()).any(|index| is_called(self.context, level, index, qualifier));
        let mut within = level;
        loop {
            if names_it(within) {
                return None;
            }
            let number = within.outer.filter(|_| self.step())?;
            within = self.structure.levels.get(number)?;
            if let Some(place) = self.place_of(within, column) {
                return Some((number, place));
            }
        }
    }

    /// The one table of the level that has the column.
    fn sole_owner(&self, level: &Level, column: &str) -> Option<usize> {
        if level.tables.len() == 1 {
            return Some(0);
        }
        let mut owners = Vec::new();
        for index in 0..level.tables.len() {
            if self.has_column(level, index, column)? {
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

    /// Whether a table of the level has the column, if that is known.
    fn has_column(&self, level: &Level, index: usize, column: &str) -> Option<bool> {
        let table = &level.tables[index];
        if let Some(name) = &table.name {
            let schema = name.schema.as_deref().or(self.context.schema)?;
            let entry = self.context.catalog.table(schema, &name.table.to_lowercase())?;
            return Some(entry.columns.iter().any(|known| known.name == column));
        }
        let derived = table.derived.as_ref().filter(|_| self.step())?;
        if let Some(names) = &derived.columns {
            return Some(names.iter().any(|known| known == column));
        }
        let first = self.structure.levels.get(*derived.levels.first()?)?;
        let outputs = first.outputs.as_ref()?;
        // One without a plain name might be called anything.
        if outputs.iter().any(|output| output.name.is_none()) {
            return None;
        }
        let is_named = outputs.iter().any(|output| output.name.as_deref() == Some(column));
        let mut is_among = is_named;
        if !first.wildcards.is_empty() {
            for index in 0..first.tables.len() {
                is_among |= self.has_column(first, index, column)?;
            }
        }
        Some(is_among)
    }
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
