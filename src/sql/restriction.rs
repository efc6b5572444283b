//! Which values a column of a level can have: what restricts the rows of a table.
//!
//! Follows conditions, equalities, derived tables and the queries around a subquery; when in doubt there is no restriction.

use std::cell::Cell;

use super::keys::merged;
use super::resolve::Access;
use super::statement::{KeyReading, SqlContext};
use super::structure::{Column, Condition, Level, Operand, Selected, Structure};

/// More steps than this are not taken for one table: a statement may refer to itself in ever longer ways.
const MOST_STEPS: usize = 128;

/// A column of a level, settled: the index of its table, and its name.
pub(super) type Place = (usize, String);

/// The rows that one table of a statement can be touched in.
pub(super) struct Rows<'a> {
    pub(super) context: &'a SqlContext<'a>,
    pub(super) structure: &'a Structure,
    access: Access,
    steps: Cell<usize>,
}

impl<'a> Rows<'a> {
    /// For one question.
    pub(super) fn new(context: &'a SqlContext<'a>, structure: &'a Structure, access: Access) -> Rows<'a> {
        Rows { context, structure, access, steps: Cell::new(0) }
    }

    /// The values that table `index` of a level is restricted to through `column`.
    pub(super) fn restriction(&self, number: usize, index: usize, column: &str) -> Option<Vec<Operand>> {
        let level = self.level(number)?;
        let own = &level.tables.get(index)?.optional_on;
        let conditions: Vec<&Condition> = level.conditions.iter().chain(own).collect();
        let place = (index, column.to_owned());
        self.values_of(number, &conditions, &place).or_else(|| self.values_around(number, &conditions, &place))
    }

    /// The values a column that a SELECT hands on can have, if what it holds is read as `reading`.
    pub(super) fn selected_values(&self, number: usize, column: &Column, reading: KeyReading) -> Option<Vec<Operand>> {
        let level = self.level(number)?;
        let place = self.place_of(level, column)?;
        // A column of the optional side of an outer join may also be NULL.
        if !level.tables[place.0].optional_on.is_empty() || !passes_on(reading, self.type_of(level, &place)?) {
            return None;
        }
        let conditions: Vec<&Condition> = level.conditions.iter().collect();
        self.values_of(number, &conditions, &place)
    }

    /// A level, as long as there are steps left.
    fn level(&self, number: usize) -> Option<&'a Level> {
        self.step().then(|| self.structure.levels.get(number))?
    }

    pub(super) fn step(&self) -> bool {
        self.steps.set(self.steps.get() + 1);
        self.steps.get() <= MOST_STEPS
    }

    fn values_of(&self, number: usize, conditions: &[&Condition], place: &Place) -> Option<Vec<Operand>> {
        let mut atoms = Vec::new();
        for condition in conditions {
            flatten(condition, &mut atoms);
        }
        let level = &self.structure.levels[number];
        let equal = self.equals(level, &atoms, place);
        let given = equal.iter().filter_map(|place| self.derived_values(level, place));
        let outer = atoms.iter().filter_map(|atom| self.outer_values(level, atom, &equal));
        let own = self.values_in_all(level, &atoms, &equal);
        sharpest(own.into_iter().chain(given).chain(outer))
    }

    /// The columns that are equal to this one in every row, itself included.
    fn equals(&self, level: &Level, atoms: &[&Condition], place: &Place) -> Vec<Place> {
        let pairs: Vec<(Place, Place)> = atoms
            .iter()
            .filter_map(|atom| match atom {
                Condition::Same(left, right) => Some((self.place_of(level, left)?, self.place_of(level, right)?)),
                _ => None,
            })
            .collect();
        let mut equal = vec![place.clone()];
        let mut next = 0;
        while next < equal.len() {
            for (left, right) in &pairs {
                for (known, other) in [(left, right), (right, left)] {
                    if *known == equal[next] && !equal.contains(other) && self.same_type(level, &equal[0], other) {
                        equal.push(other.clone());
                    }
                }
            }
            next += 1;
        }
        equal
    }

    /// What conditions that all hold say of these columns.
    fn values_in_all(&self, level: &Level, atoms: &[&Condition], equal: &[Place]) -> Option<Vec<Operand>> {
        let found = atoms.iter().filter_map(|atom| self.values_in(level, atom, equal));
        sharpest(found.chain(self.range(level, atoms, equal)))
    }

    /// A lowest and a highest value are a range.
    fn range(&self, level: &Level, atoms: &[&Condition], equal: &[Place]) -> Option<Vec<Operand>> {
        let is_of = |column: &Column| self.place_of(level, column).is_some_and(|place| equal.contains(&place));
        let low = atoms.iter().find_map(|atom| match atom {
            Condition::AtLeast(column, low) if *low != Operand::Other && is_of(column) => Some(low.clone()),
            _ => None,
        })?;
        let high = atoms.iter().find_map(|atom| match atom {
            Condition::AtMost(column, high) if *high != Operand::Other && is_of(column) => Some(high.clone()),
            _ => None,
        })?;
        Some(vec![Operand::Range(Box::new(low), Box::new(high))])
    }

    fn values_in(&self, level: &Level, atom: &Condition, equal: &[Place]) -> Option<Vec<Operand>> {
        match atom {
            Condition::In(column, values) => {
                let place = self.place_of(level, column)?;
                (equal.contains(&place) && !values.contains(&Operand::Other)).then(|| values.clone())
            }
            Condition::Any(branches) => {
                let mut all = Vec::new();
                for branch in branches {
                    let mut atoms = Vec::new();
                    flatten(branch, &mut atoms);
                    all.extend(self.values_in_all(level, &atoms, equal)?);
                }
                Some(all)
            }
            Condition::Between(column, low, high) => {
                let place = self.place_of(level, column)?;
                let is_readable = ![low, high].into_iter().any(|end| *end == Operand::Other);
                (equal.contains(&place) && is_readable)
                    .then(|| vec![Operand::Range(Box::new(low.clone()), Box::new(high.clone()))])
            }
            Condition::InQuery(column, numbers) => {
                let place = self.place_of(level, column)?;
                if !equal.contains(&place) {
                    return None;
                }
                self.queried_values(self.type_of(level, &equal[0])?, numbers)
            }
            Condition::All(_)
            | Condition::Same(..)
            | Condition::AtLeast(..)
            | Condition::AtMost(..)
            | Condition::Opaque => None,
        }
    }

    /// What the only column of these SELECTs can hold.
    fn queried_values(&self, reading: KeyReading, numbers: &[usize]) -> Option<Vec<Operand>> {
        let mut all = Vec::new();
        for &number in numbers {
            match self.level(number)?.selected()? {
                [output] => match &output.selected {
                    // UNION would give it another type.
                    Selected::Value(value) if *value != Operand::Other && numbers.len() == 1 => all.push(value.clone()),
                    Selected::Column(column) => all.extend(self.selected_values(number, column, reading)?),
                    Selected::Value(_) => return None,
                },
                _ => return None,
            }
        }
        (!all.is_empty()).then_some(all)
    }

    /// The values a column of a derived table can have.
    fn derived_values(&self, level: &Level, place: &Place) -> Option<Vec<Operand>> {
        let derived = level.tables[place.0].derived.as_ref()?;
        let reading = self.type_of(level, place)?;
        let mut all = Vec::new();
        for &number in &derived.levels {
            all.extend(self.selected_values(number, &self.column_behind(derived, number, &place.1)?, reading)?);
        }
        Some(all)
    }

    /// The values of a column of a query around this one, to which a column here is equal.
    fn outer_values(&self, level: &Level, atom: &Condition, equal: &[Place]) -> Option<Vec<Operand>> {
        let Condition::Same(left, right) = atom else { return None };
        let is_own = |column| self.place_of(level, column).is_some_and(|place| equal.contains(&place));
        let outer = match (is_own(left), is_own(right)) {
            (true, false) => right,
            (false, true) => left,
            (true, true) | (false, false) => return None,
        };
        let (number, place) = self.place_around(level, outer)?;
        let reading = self.type_of(level, &equal[0])?;
        if !passes_on(reading, self.type_of(self.level(number)?, &place)?) {
            return None;
        }
        self.restriction(number, place.0, &place.1)
    }

    /// What the query around a derived table restricts it to. Only for plain reads: rows that are read in vain matter to nobody, those that
    /// are locked in vain do.
    fn values_around(&self, number: usize, conditions: &[&Condition], place: &Place) -> Option<Vec<Operand>> {
        let level = self.level(number)?;
        if self.access != Access::Read || !level.is_plain {
            return None;
        }
        let mut uses = self.structure.levels.iter().enumerate().flat_map(|(around, level)| {
            let tables = level.tables.iter().enumerate();
            tables.filter_map(move |(index, table)| Some((around, index, table.derived.as_ref()?)))
        });
        let is_of_it = |used: &(usize, usize, &super::structure::Derived)| used.2.levels.contains(&number);
        let (around, index, derived) = uses.by_ref().find(is_of_it)?;
        // Used twice, each use has a restriction of its own.
        if uses.any(|used| is_of_it(&used)) || !derived.is_whole {
            return None;
        }
        let mut atoms = Vec::new();
        for condition in conditions {
            flatten(condition, &mut atoms);
        }
        let equal = self.equals(level, &atoms, place);
        let names = self.names_of(derived, number, &equal);
        names.iter().find_map(|name| self.restriction(around, index, name))
    }
}

/// The fewest values are the sharpest: a single one before a list, a list before a range.
fn sharpest(found: impl Iterator<Item = Vec<Operand>>) -> Option<Vec<Operand>> {
    found.min_by_key(|values| values.iter().map(breadth).sum::<usize>())
}

fn breadth(value: &Operand) -> usize {
    match value {
        Operand::Run(_) => 100,
        Operand::Range(..) => 1_000,
        Operand::Slot(_)
        | Operand::Parameter(_)
        | Operand::Null
        | Operand::Truth(_)
        | Operand::Itself
        | Operand::Other => 1,
    }
}

fn flatten<'c>(condition: &'c Condition, atoms: &mut Vec<&'c Condition>) {
    match condition {
        Condition::All(inner) => inner.iter().for_each(|inner| flatten(inner, atoms)),
        other => atoms.push(other),
    }
}

/// Whether an equality of two columns is one of the keys they are read as.
pub(super) fn passes_on(first: KeyReading, second: KeyReading) -> bool {
    let is_exact = |reading| matches!(reading, KeyReading::Numbers { least, most } if (least, most) == (i64::MIN.into(), u64::MAX.into()));
    match (first, second) {
        (KeyReading::Numbers { .. }, KeyReading::Numbers { .. }) => is_exact(first) && is_exact(second),
        _ => merged(first, second).is_some(),
    }
}
