//! FROM: the tables of a level, and what their joins say of them.

use sqlparser::ast::{JoinConstraint, JoinOperator, TableFactor, TableWithJoins};

use super::names::{alias_of, called, column_of, name_of};
use super::queries::derived;
use super::reader::{Reader, Unparsed};
use crate::sql::structure::{Column, Condition, TableUse};

/// More tables than this in one FROM the servers refuse themselves (61).
const MOST_TABLES: usize = 64;

impl Reader {
    pub(super) fn tables(&mut self, level: usize, tables: &TableWithJoins) -> Result<(), Unparsed> {
        let start = self.found.levels[level].tables.len();
        self.table(level, &tables.relation)?;
        for join in &tables.joins {
            let right = self.found.levels[level].tables.len();
            self.table(level, &join.relation)?;
            match &join.join_operator {
                JoinOperator::Join(on)
                | JoinOperator::Inner(on)
                | JoinOperator::CrossJoin(on)
                | JoinOperator::StraightJoin(on) => {
                    let conditions = self.join_conditions(level, start, right, on)?;
                    self.found.levels[level].conditions.extend(conditions);
                }
                JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => {
                    let conditions = self.join_conditions(level, start, right, on)?;
                    for table in &mut self.found.levels[level].tables[right..] {
                        table.optional_on.extend(conditions.iter().cloned());
                    }
                }
                JoinOperator::Right(on) | JoinOperator::RightOuter(on) => {
                    let conditions = self.join_conditions(level, start, right, on)?;
                    for table in &mut self.found.levels[level].tables[start..right] {
                        table.optional_on.extend(conditions.iter().cloned());
                    }
                }
                _ => return Err(Unparsed),
            }
        }
        Ok(())
    }

    fn join_conditions(
        &mut self,
        level: usize,
        start: usize,
        right: usize,
        on: &JoinConstraint,
    ) -> Result<Vec<Condition>, Unparsed> {
        match on {
            JoinConstraint::On(expr) => {
                self.expression(expr)?;
                Ok(vec![self.condition(expr)])
            }
            JoinConstraint::Using(columns) => {
                let tables = &self.found.levels[level].tables;
                let mut found = Vec::new();
                // Only between two plain tables is it plain which two columns are meant.
                if right == start + 1 && tables.len() == right + 1 {
                    for column in columns {
                        let name = column_of(column)?.name;
                        if let (Some(left), Some(right)) = (called(&tables[start]), called(&tables[right])) {
                            found.push(Condition::Same(
                                Column { qualifier: Some(left), name: name.clone() },
                                Column { qualifier: Some(right), name },
                            ));
                        }
                    }
                }
                Ok(found)
            }
            JoinConstraint::Natural | JoinConstraint::None => Ok(Vec::new()),
        }
    }

    fn table(&mut self, level: usize, factor: &TableFactor) -> Result<(), Unparsed> {
        if self.found.levels[level].tables.len() >= MOST_TABLES {
            return Err(Unparsed);
        }
        match factor {
            TableFactor::Table { name, alias, args: None, version: None, json_path: None, sample: None, .. } => {
                let name = name_of(name)?;
                if name.schema.is_none() && name.table.eq_ignore_ascii_case("dual") {
                    return Ok(());
                }
                let folded = name.table.to_lowercase();
                let common = self.common.iter().rfind(|(known, _)| name.schema.is_none() && *known == folded);
                let used = match common {
                    Some((known, derived)) => {
                        let called = alias_of(alias.as_ref()).unwrap_or_else(|| known.clone());
                        TableUse { name: None, alias: Some(called), derived: derived.clone(), optional_on: Vec::new() }
                    }
                    None => {
                        let alias = alias_of(alias.as_ref());
                        TableUse { name: Some(name), alias, derived: None, optional_on: Vec::new() }
                    }
                };
                self.found.levels[level].tables.push(used);
                Ok(())
            }
            TableFactor::Derived { lateral, subquery, alias, sample: None } => {
                let place = self.found.levels[level].tables.len();
                let called = alias_of(alias.as_ref());
                let used = TableUse { name: None, alias: called, derived: None, optional_on: Vec::new() };
                self.found.levels[level].tables.push(used);
                let body = if *lateral { self.query(subquery)? } else { self.apart(subquery)? };
                if let Some(alias) = alias {
                    self.found.levels[level].tables[place].derived = Some(derived(body, alias));
                }
                Ok(())
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => self.tables(level, table_with_joins),
            _ => Err(Unparsed),
        }
    }
}
