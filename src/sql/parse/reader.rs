//! A statement's tree -> its structure: what is written, what is inserted, what is assigned.

use sqlparser::ast::{AssignmentTarget, FromTable, OnInsert, Query, SetExpr, Statement, TableFactor, TableObject};
use sqlparser::dialect::MySqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token as ParserToken;

use super::expressions::{is_values_of, operand, plain_column, run};
use super::names::{column_of, name_of};
use super::tokens::adapt;
use crate::sql::bounds::{self, Bounds};
use crate::sql::statement::Disagreement;
use crate::sql::structure::{Derived, Insert, Level, Operand, Source, Structure};
use crate::sql::token::Token;

/// How deep expressions and subqueries may nest.
const DEEPEST: usize = 50;

/// Something in a tree that is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unparsed;

/// The structure of one SELECT, INSERT, REPLACE, UPDATE or DELETE. Errors: anything that is not wholly understood.
pub(in crate::sql) fn structure(tokens: &[Token<'_>]) -> Result<Structure, Disagreement> {
    match bounds::of(tokens) {
        Bounds::Beyond => Err(Disagreement::NotParsed),
        // The parser guards expressions and subqueries against running out of stack, but not joins in parentheses.
        Bounds::Deep => stacker::maybe_grow(bounds::STACK, bounds::STACK, || read(tokens)),
        Bounds::Shallow => read(tokens),
    }
}

fn read(tokens: &[Token<'_>]) -> Result<Structure, Disagreement> {
    let adapted = adapt(tokens);
    let has_loose_operators =
        tokens.iter().any(|token| token.is("xor") || token.is_symbol("||") || token.is_symbol(":="));
    let mut parser = Parser::new(&MySqlDialect {}).with_recursion_limit(DEEPEST).with_tokens(adapted);
    let statement = parser.parse_statement().map_err(|_| Disagreement::NotParsed)?;
    if parser.peek_token().token != ParserToken::EOF {
        return Err(Disagreement::NotParsed);
    }
    let mut reader = Reader {
        found: Structure::default(),
        queries: Vec::new(),
        selects: 0,
        common: Vec::new(),
        within: None,
        has_loose_operators,
        has_rollup: tokens.iter().any(|token| token.is_any(&["rollup", "cube"])),
    };
    reader.statement(&statement).map_err(|Unparsed| Disagreement::NotParsed)?;
    let selects = tokens.iter().filter(|token| token.is("select")).count();
    // A SELECT this reader did not come by hides in a corner of the tree that it does not know.
    if reader.selects == selects { Ok(reader.found) } else { Err(Disagreement::UnseenQuery) }
}

pub(super) struct Reader {
    pub(super) found: Structure,
    /// The levels of queries in expressions, by their place in the tree.
    pub(super) queries: Vec<(*const Query, Vec<usize>)>,
    pub(super) selects: usize,
    /// Common table expressions in sight, by name in lower case, with what they are where that can be followed.
    pub(super) common: Vec<(String, Option<Derived>)>,
    /// The level whose expressions are being walked.
    pub(super) within: Option<usize>,
    /// `||`, XOR or `:=` occur, whose binding differs between the servers' modes and the parser: then no chain with OR is trusted.
    pub(super) has_loose_operators: bool,
    /// ROLLUP occurs, which adds rows with NULL for a column.
    pub(super) has_rollup: bool,
}

impl Reader {
    pub(super) fn statement(&mut self, statement: &Statement) -> Result<(), Unparsed> {
        match statement {
            Statement::Query(query) => self.query(query).map(|_| ()),
            Statement::Insert(insert) => {
                self.found.is_change = true;
                self.insert(insert)
            }
            Statement::Update(update) => {
                self.found.is_change = true;
                let level = self.new_level();
                self.within = Some(level);
                self.tables(level, &update.table)?;
                if update.from.is_some() {
                    return Err(Unparsed);
                }
                self.filter(level, update.selection.as_ref())?;
                for assignment in &update.assignments {
                    let AssignmentTarget::ColumnName(target) = &assignment.target else { return Err(Unparsed) };
                    self.expression(&assignment.value)?;
                    let column = column_of(target)?;
                    let is_same = plain_column(&assignment.value).as_ref() == Some(&column);
                    let value = if is_same { Operand::Itself } else { operand(&assignment.value) };
                    self.found.assignments.push((column, value));
                }
                for item in &update.order_by {
                    self.expression(&item.expr)?;
                }
                Ok(())
            }
            Statement::Delete(delete) => {
                self.found.is_change = true;
                let level = self.new_level();
                self.within = Some(level);
                let from = match &delete.from {
                    FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from) => from,
                };
                if let Some(using) = &delete.using {
                    for tables in using {
                        self.tables(level, tables)?;
                    }
                    for target in from {
                        let TableFactor::Table { name, .. } = &target.relation else { return Err(Unparsed) };
                        self.found.targets.push(name_of(name)?);
                    }
                } else {
                    for tables in from {
                        self.tables(level, tables)?;
                    }
                    for target in &delete.tables {
                        self.found.targets.push(name_of(target)?);
                    }
                }
                self.filter(level, delete.selection.as_ref())?;
                for item in &delete.order_by {
                    self.expression(&item.expr)?;
                }
                Ok(())
            }
            _ => Err(Unparsed),
        }
    }

    fn insert(&mut self, insert: &sqlparser::ast::Insert) -> Result<(), Unparsed> {
        let TableObject::TableName(table) = &insert.table else { return Err(Unparsed) };
        if insert.partitioned.is_some() || !insert.multi_table_into_clauses.is_empty() || insert.overwrite {
            return Err(Unparsed);
        }
        self.new_level();
        let mut columns = None;
        if !insert.columns.is_empty() {
            let names: Result<Vec<_>, _> =
                insert.columns.iter().map(|column| column_of(column).map(|c| c.name)).collect();
            columns = Some(names?);
        }
        let source = if !insert.assignments.is_empty() {
            let (names, row) = self.assigned_row(&insert.assignments)?;
            columns = Some(names);
            Source::Rows(vec![row])
        } else {
            match &insert.source {
                Some(query) => self.insert_source(query)?,
                None => return Err(Unparsed),
            }
        };
        if let Some(OnInsert::DuplicateKeyUpdate(assignments)) = &insert.on {
            for assignment in assignments {
                let AssignmentTarget::ColumnName(target) = &assignment.target else { return Err(Unparsed) };
                self.expression(&assignment.value)?;
                let column = column_of(target)?;
                let value = if is_values_of(&assignment.value, &column.name) {
                    continue;
                } else {
                    operand(&assignment.value)
                };
                self.found.assignments.push((column, value));
            }
        } else if insert.on.is_some() {
            return Err(Unparsed);
        }
        self.found.insert = Some(Insert { table: name_of(table)?, columns, source });
        Ok(())
    }

    fn assigned_row(
        &mut self,
        assignments: &[sqlparser::ast::Assignment],
    ) -> Result<(Vec<String>, Vec<Operand>), Unparsed> {
        let (mut names, mut row) = (Vec::new(), Vec::new());
        for assignment in assignments {
            let AssignmentTarget::ColumnName(target) = &assignment.target else { return Err(Unparsed) };
            self.expression(&assignment.value)?;
            names.push(column_of(target)?.name);
            row.push(operand(&assignment.value));
        }
        Ok((names, row))
    }

    fn insert_source(&mut self, query: &Query) -> Result<Source, Unparsed> {
        if let SetExpr::Values(values) = &*query.body {
            let mut rows = Vec::with_capacity(values.rows.len());
            for row in &values.rows {
                let mut operands = Vec::new();
                for value in &row.content {
                    self.expression(value)?;
                    operands.push(run(operand(value)));
                }
                rows.push(operands);
            }
            return Ok(Source::Rows(rows));
        }
        Ok(Source::Select(self.query(query)?.levels))
    }

    pub(super) fn new_level(&mut self) -> usize {
        self.found.levels.push(Level { outer: self.within, ..Level::default() });
        self.found.levels.len() - 1
    }
}
