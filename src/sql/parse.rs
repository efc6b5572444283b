//! The depth of a data statement: its levels, tables and conditions, by way of the parser crate.
//!
//! The only file that names the parser crate. It is fed our own tokens, never the text, so that both readings cannot differ on comments, quotes
//! and literals: each literal is handed over as the number of its slot. What it does not recognise is an error, never a guess; it classifies nothing.

use sqlparser::ast::{
    AssignmentTarget, BinaryOperator, Expr, FromTable, FunctionArg, FunctionArgExpr, FunctionArguments, JoinConstraint,
    JoinOperator, ObjectName, ObjectNamePart, OnInsert, Query, Select, SelectItem, SetExpr, Statement, TableAlias,
    TableFactor, TableObject, TableWithJoins, UnaryOperator, Value, With,
};
use sqlparser::dialect::MySqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token as ParserToken;

use super::bounds::{self, Bounds};
use super::clauses::skipped;
use super::structure::{Column, Condition, Insert, Level, Name, Operand, Selected, Source, Structure, TableUse};
use super::token::{Token, TokenKind};

/// More tables than this in one FROM the servers refuse themselves (61).
const MOST_TABLES: usize = 64;
/// How deep expressions and subqueries may nest.
const DEEPEST: usize = 50;

/// Why a statement has no structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unparsed;

/// The structure of one SELECT, INSERT, REPLACE, UPDATE or DELETE. Errors: anything that is not wholly understood.
pub(super) fn structure(tokens: &[Token<'_>]) -> Result<Structure, Unparsed> {
    match bounds::of(tokens) {
        Bounds::Beyond => Err(Unparsed),
        // The parser guards expressions and subqueries against running out of stack, but not joins in parentheses.
        Bounds::Deep => stacker::maybe_grow(bounds::STACK, bounds::STACK, || read(tokens)),
        Bounds::Shallow => read(tokens),
    }
}

fn read(tokens: &[Token<'_>]) -> Result<Structure, Unparsed> {
    let adapted = adapt(tokens);
    let has_loose_operators =
        tokens.iter().any(|token| token.is("xor") || token.is_symbol("||") || token.is_symbol(":="));
    let mut parser = Parser::new(&MySqlDialect {}).with_recursion_limit(DEEPEST).with_tokens(adapted);
    let statement = parser.parse_statement().map_err(|_| Unparsed)?;
    if parser.peek_token().token != ParserToken::EOF {
        return Err(Unparsed);
    }
    let mut reader = Reader {
        found: Structure::default(),
        queries: Vec::new(),
        selects: 0,
        common: Vec::new(),
        has_loose_operators,
    };
    reader.statement(&statement)?;
    let selects = tokens.iter().filter(|token| token.is("select")).count();
    // A SELECT this reader did not come by hides in a corner of the tree that it does not know.
    if reader.selects == selects { Ok(reader.found) } else { Err(Unparsed) }
}

/// Our tokens as the parser's, without what does not bear on structure and what the parser does not know.
fn adapt(tokens: &[Token<'_>]) -> Vec<ParserToken> {
    let mut adapted = Vec::with_capacity(tokens.len() + 1);
    let is_update = tokens.first().is_some_and(|token| token.is("update"));
    let is_delete = tokens.first().is_some_and(|token| token.is("delete"));
    let (mut at, mut depth, mut in_tables) = (0, 0usize, is_update);
    while let Some(token) = tokens.get(at) {
        if let Some(skipped) = skipped(&tokens[at..], at, is_update || is_delete) {
            at += skipped;
            continue;
        }
        if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            depth = depth.saturating_sub(1);
        } else if token.is("set") {
            in_tables = false;
        }
        if in_tables && depth == 0 && token.is_symbol(",") {
            // The parser knows no `UPDATE a, b`; a comma is a cross join.
            adapted.push(ParserToken::make_keyword("CROSS"));
            adapted.push(ParserToken::make_keyword("JOIN"));
        } else if token.is("mod") && !tokens.get(at + 1).is_some_and(|next| next.is_symbol("(")) {
            adapted.push(ParserToken::Mod);
        } else {
            adapted.push(one(token));
        }
        at += 1;
    }
    adapted
}

fn one(token: &Token<'_>) -> ParserToken {
    let plain = || String::from_utf8_lossy(token.bytes).into_owned();
    match token.kind {
        TokenKind::Number | TokenKind::Hex => ParserToken::Number(token.index.to_string(), false),
        TokenKind::Text => ParserToken::SingleQuotedString(token.index.to_string()),
        TokenKind::Parameter => ParserToken::Placeholder(format!("?{}", token.index)),
        TokenKind::Quoted => ParserToken::make_word(&token.name(), Some('`')),
        TokenKind::Word if token.is_qualified => ParserToken::make_word(&plain(), Some('`')),
        TokenKind::Word if token.is("xor") => ParserToken::make_keyword("OR"),
        TokenKind::Word if token.is("div") => ParserToken::Div,
        TokenKind::Word => ParserToken::make_word(&plain(), None),
        TokenKind::UserVariable | TokenKind::SystemVariable => ParserToken::make_word(&plain(), Some('`')),
        TokenKind::OptimizerHint => ParserToken::make_word("hint", None),
        TokenKind::Symbol => symbol(token.bytes),
    }
}

fn symbol(bytes: &[u8]) -> ParserToken {
    match bytes {
        b"(" => ParserToken::LParen,
        b")" => ParserToken::RParen,
        b"," => ParserToken::Comma,
        b"." => ParserToken::Period,
        b"=" | b":=" => ParserToken::Eq,
        b"<=>" => ParserToken::Spaceship,
        b"<" => ParserToken::Lt,
        b">" => ParserToken::Gt,
        b"<=" => ParserToken::LtEq,
        b">=" => ParserToken::GtEq,
        b"<>" | b"!=" => ParserToken::Neq,
        b"+" => ParserToken::Plus,
        b"-" => ParserToken::Minus,
        b"*" => ParserToken::Mul,
        b"/" => ParserToken::Div,
        b"%" => ParserToken::Mod,
        b"&&" => ParserToken::make_keyword("AND"),
        b"||" => ParserToken::make_keyword("OR"),
        b"&" => ParserToken::Ampersand,
        b"|" => ParserToken::Pipe,
        b"^" => ParserToken::Caret,
        b"~" => ParserToken::Tilde,
        // NOT binds weaker, which only makes fewer keys.
        b"!" => ParserToken::make_keyword("NOT"),
        b"<<" => ParserToken::ShiftLeft,
        b">>" => ParserToken::ShiftRight,
        b"->" => ParserToken::Arrow,
        b"->>" => ParserToken::LongArrow,
        b":" => ParserToken::Colon,
        // No MySQL expression has any other; the parser's error is the right answer.
        _ => ParserToken::Backslash,
    }
}

struct Reader {
    found: Structure,
    /// The levels of plain queries, by their place in the tree.
    queries: Vec<(*const Query, usize)>,
    selects: usize,
    /// Names of common table expressions in sight, lower case.
    common: Vec<String>,
    /// `||`, XOR or `:=` occur, whose binding differs between the servers' modes and the parser: then no chain with OR is trusted.
    has_loose_operators: bool,
}

impl Reader {
    fn statement(&mut self, statement: &Statement) -> Result<(), Unparsed> {
        match statement {
            Statement::Query(query) => self.query(query).map(|_| ()),
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(update) => {
                let level = self.new_level();
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
                let level = self.new_level();
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
        let first = self.query(query)?;
        let selected = match &*query.body {
            SetExpr::Select(select) => projection(select),
            _ => return Ok(Source::Opaque),
        };
        Ok(Source::Select(first, selected))
    }

    fn new_level(&mut self) -> usize {
        self.found.levels.push(Level::default());
        self.found.levels.len() - 1
    }

    /// Returns the first level of the query's body.
    fn query(&mut self, query: &Query) -> Result<usize, Unparsed> {
        let in_sight = self.common.len();
        if let Some(with) = &query.with {
            self.with(with)?;
        }
        let first = self.found.levels.len();
        self.body(&query.body)?;
        // Only the rows of a plain SELECT are all its level tells of.
        if matches!(*query.body, SetExpr::Select(_)) {
            self.queries.push((std::ptr::from_ref(query), first));
        }
        if let Some(order) = &query.order_by
            && let sqlparser::ast::OrderByKind::Expressions(items) = &order.kind
        {
            for item in items {
                self.expression(&item.expr)?;
            }
        }
        self.common.truncate(in_sight);
        Ok(first)
    }

    fn with(&mut self, with: &With) -> Result<(), Unparsed> {
        if with.recursive {
            self.common.extend(with.cte_tables.iter().map(|table| table.alias.name.value.to_lowercase()));
        }
        for table in &with.cte_tables {
            self.query(&table.query)?;
            self.common.push(table.alias.name.value.to_lowercase());
        }
        Ok(())
    }

    fn body(&mut self, body: &SetExpr) -> Result<(), Unparsed> {
        match body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::Query(query) => self.query(query).map(|_| ()),
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left)?;
                self.body(right)
            }
            SetExpr::Values(values) => {
                self.new_level();
                for value in values.rows.iter().flat_map(|row| &row.content) {
                    self.expression(value)?;
                }
                Ok(())
            }
            SetExpr::Update(statement) | SetExpr::Delete(statement) => self.statement_below_with(statement),
            _ => Err(Unparsed),
        }
    }

    /// `WITH … UPDATE` and `WITH … DELETE`: the changed level must be the first, so the levels of the WITH go behind it.
    fn statement_below_with(&mut self, statement: &Statement) -> Result<(), Unparsed> {
        let before = self.found.levels.len();
        self.statement(statement)?;
        self.found.levels.rotate_left(before);
        Ok(())
    }

    fn select(&mut self, select: &Select) -> Result<(), Unparsed> {
        self.selects += 1;
        let level = self.new_level();
        if select.into.is_some() || !select.lateral_views.is_empty() {
            return Err(Unparsed);
        }
        for tables in &select.from {
            self.tables(level, tables)?;
        }
        self.filter(level, select.selection.as_ref())?;
        self.found.levels[level].selected = projection(select);
        for item in &select.projection {
            if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
                self.expression(expr)?;
            }
        }
        if let Some(having) = &select.having {
            self.expression(having)?;
        }
        if let sqlparser::ast::GroupByExpr::Expressions(items, _) = &select.group_by {
            for item in items {
                self.expression(item)?;
            }
        }
        Ok(())
    }

    fn filter(&mut self, level: usize, selection: Option<&Expr>) -> Result<(), Unparsed> {
        if let Some(expr) = selection {
            self.expression(expr)?;
            let condition = self.condition(expr);
            self.found.levels[level].conditions.push(condition);
        }
        Ok(())
    }

    fn tables(&mut self, level: usize, tables: &TableWithJoins) -> Result<(), Unparsed> {
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
                let is_common = name.schema.is_none() && self.common.contains(&name.table.to_lowercase());
                if name.schema.is_none() && name.table.eq_ignore_ascii_case("dual") {
                    return Ok(());
                }
                let alias = alias_of(alias.as_ref()).or_else(|| is_common.then(|| name.table.to_lowercase()));
                let name = (!is_common).then_some(name);
                self.found.levels[level].tables.push(TableUse { name, alias, optional_on: Vec::new() });
                Ok(())
            }
            TableFactor::Derived { subquery, alias, .. } => {
                let alias = alias_of(alias.as_ref());
                self.found.levels[level].tables.push(TableUse { name: None, alias, optional_on: Vec::new() });
                self.query(subquery).map(|_| ())
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => self.tables(level, table_with_joins),
            _ => Err(Unparsed),
        }
    }

    /// Walks an expression for subqueries. Corners it does not walk into are found by the count of SELECTs.
    fn expression(&mut self, expr: &Expr) -> Result<(), Unparsed> {
        match expr {
            Expr::Subquery(query) | Expr::Exists { subquery: query, .. } => self.query(query).map(|_| ()),
            Expr::InSubquery { expr, subquery, .. } => {
                self.expression(expr)?;
                self.query(subquery).map(|_| ())
            }
            Expr::BinaryOp { .. } => self.chain(expr),
            Expr::AnyOp { left, right, .. } | Expr::AllOp { left, right, .. } => {
                self.expression(left)?;
                self.expression(right)
            }
            Expr::UnaryOp { expr, .. }
            | Expr::Nested(expr)
            | Expr::Cast { expr, .. }
            | Expr::Collate { expr, .. }
            | Expr::IsNull(expr)
            | Expr::IsNotNull(expr)
            | Expr::IsTrue(expr)
            | Expr::IsNotTrue(expr)
            | Expr::IsFalse(expr)
            | Expr::IsNotFalse(expr) => self.expression(expr),
            Expr::InList { expr, list, .. } => {
                self.expression(expr)?;
                list.iter().try_for_each(|item| self.expression(item))
            }
            Expr::Tuple(items) => items.iter().try_for_each(|item| self.expression(item)),
            Expr::Between { expr, low, high, .. } => {
                self.expression(expr)?;
                self.expression(low)?;
                self.expression(high)
            }
            Expr::Like { expr, pattern, .. } | Expr::RLike { expr, pattern, .. } => {
                self.expression(expr)?;
                self.expression(pattern)
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                for expr in operand.iter().chain(else_result) {
                    self.expression(expr)?;
                }
                conditions.iter().try_for_each(|when| {
                    self.expression(&when.condition)?;
                    self.expression(&when.result)
                })
            }
            Expr::Function(function) => match &function.args {
                FunctionArguments::Subquery(query) => self.query(query).map(|_| ()),
                FunctionArguments::List(list) => list.args.iter().try_for_each(|argument| match argument {
                    FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => self.expression(expr),
                    _ => Ok(()),
                }),
                FunctionArguments::None => Ok(()),
            },
            // A leaf, or a corner: see `structure`.
            _ => Ok(()),
        }
    }

    /// A chain of operators is as deep as it is long on its left side: walked without recursion there.
    fn chain(&mut self, expr: &Expr) -> Result<(), Unparsed> {
        let mut left = expr;
        while let Expr::BinaryOp { left: further, right, .. } = left {
            self.expression(right)?;
            left = further;
        }
        self.expression(left)
    }

    fn condition(&self, expr: &Expr) -> Condition {
        match expr {
            Expr::Nested(inner) => self.condition(inner),
            Expr::BinaryOp { op: BinaryOperator::And, .. } => Condition::All(self.flat(expr, &BinaryOperator::And)),
            Expr::BinaryOp { op: BinaryOperator::Or, .. } if !self.has_loose_operators => {
                Condition::Any(self.flat(expr, &BinaryOperator::Or))
            }
            Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => self.equal(left, right),
            // `<=>` finds NULL too, so only a literal is a key there.
            Expr::BinaryOp { left, op: BinaryOperator::Spaceship, right } => match equality(left, right) {
                Condition::In(column, values) if matches!(values[..], [Operand::Slot(_)]) => {
                    Condition::In(column, values)
                }
                _ => Condition::Opaque,
            },
            Expr::InList { expr, list, negated: false } => match plain_column(expr) {
                Some(column) => Condition::In(column, list.iter().map(|item| run(operand(item))).collect()),
                None => row_in(expr, list),
            },
            Expr::InSubquery { expr, subquery, negated: false } => {
                plain_column(expr).map_or(Condition::Opaque, |column| self.in_query(column, subquery))
            }
            Expr::Between { expr, negated: false, low, high } => match plain_column(expr) {
                Some(column) => Condition::Between(column, operand(low), operand(high)),
                None => Condition::Opaque,
            },
            _ => Condition::Opaque,
        }
    }

    fn equal(&self, left: &Expr, right: &Expr) -> Condition {
        match (left, right) {
            (Expr::Subquery(query), column) | (column, Expr::Subquery(query)) => {
                plain_column(column).map_or(Condition::Opaque, |column| self.in_query(column, query))
            }
            (Expr::Tuple(left), Expr::Tuple(right)) if left.len() == right.len() => {
                Condition::All(left.iter().zip(right).map(|(left, right)| self.equal(left, right)).collect())
            }
            _ => equality(left, right),
        }
    }

    fn in_query(&self, column: Column, query: &Query) -> Condition {
        let known = self.queries.iter().find(|(place, _)| std::ptr::eq(*place, query));
        known.map_or(Condition::Opaque, |&(_, level)| Condition::InQuery(column, level))
    }

    fn flat(&self, expr: &Expr, wanted: &BinaryOperator) -> Vec<Condition> {
        let mut found = Vec::new();
        let mut left = expr;
        while let Expr::BinaryOp { left: further, op, right } = left
            && op == wanted
        {
            found.push(self.condition(right));
            left = further;
        }
        found.push(self.condition(left));
        found.reverse();
        found
    }
}

/// `(a, b) IN ((1, 2), (3, 4))` restricts each of its columns.
fn row_in(row: &Expr, list: &[Expr]) -> Condition {
    let Expr::Tuple(columns) = row else { return Condition::Opaque };
    let of = |position: usize| -> Option<Condition> {
        let column = plain_column(&columns[position])?;
        let values: Option<Vec<Operand>> = list
            .iter()
            .map(|item| match item {
                Expr::Tuple(values) if values.len() == columns.len() => Some(operand(&values[position])),
                _ => None,
            })
            .collect();
        Some(Condition::In(column, values?))
    };
    Condition::All((0..columns.len()).filter_map(of).collect())
}

fn equality(left: &Expr, right: &Expr) -> Condition {
    match (plain_column(left), plain_column(right)) {
        (Some(left), Some(right)) => Condition::Same(left, right),
        (Some(column), None) => Condition::In(column, vec![operand(right)]),
        (None, Some(column)) => Condition::In(column, vec![operand(left)]),
        (None, None) => Condition::Opaque,
    }
}

fn plain_column(expr: &Expr) -> Option<Column> {
    match expr {
        Expr::Nested(inner) => plain_column(inner),
        // `@x` and `@@x` come as quoted words; a real column cannot be told from a quoted name that begins with @, which no one has.
        Expr::Identifier(name) if !name.value.starts_with('@') && !is_constant(&name.value, name.quote_style) => {
            Some(Column { qualifier: None, name: name.value.to_lowercase() })
        }
        Expr::CompoundIdentifier(parts) => {
            column_from(&parts.iter().map(|part| part.value.clone()).collect::<Vec<_>>())
        }
        _ => None,
    }
}

fn is_constant(name: &str, quote: Option<char>) -> bool {
    quote.is_none() && ["null", "true", "false", "default"].iter().any(|word| name.eq_ignore_ascii_case(word))
}

fn column_from(parts: &[String]) -> Option<Column> {
    match parts {
        [name] => Some(Column { qualifier: None, name: name.to_lowercase() }),
        [table, name] => {
            Some(Column { qualifier: Some(Name { schema: None, table: table.clone() }), name: name.to_lowercase() })
        }
        [schema, table, name] => Some(Column {
            qualifier: Some(Name { schema: Some(schema.clone()), table: table.clone() }),
            name: name.to_lowercase(),
        }),
        _ => None,
    }
}

fn operand(expr: &Expr) -> Operand {
    match expr {
        Expr::Nested(inner) => operand(inner),
        Expr::UnaryOp { op: UnaryOperator::Plus, expr } => operand(expr),
        Expr::Value(value) => match &value.value {
            Value::Number(slot, _) | Value::SingleQuotedString(slot) => {
                slot.parse().map_or(Operand::Other, Operand::Slot)
            }
            Value::Placeholder(name) => {
                name.strip_prefix('?').and_then(|number| number.parse().ok()).map_or(Operand::Other, Operand::Parameter)
            }
            Value::Null => Operand::Null,
            _ => Operand::Other,
        },
        _ => Operand::Other,
    }
}

/// An element of a list or row may stand for many literals.
fn run(operand: Operand) -> Operand {
    match operand {
        Operand::Slot(slot) => Operand::Run(slot),
        other => other,
    }
}

/// What a SELECT gives, column by column; `None` if a `*` is among it.
fn projection(select: &Select) -> Option<Vec<Selected>> {
    let of = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(selected(expr)),
        _ => None,
    };
    select.projection.iter().map(of).collect()
}

fn selected(expr: &Expr) -> Selected {
    match plain_column(expr) {
        Some(column) => Selected::Column(column),
        None => Selected::Value(operand(expr)),
    }
}

/// `column = VALUES(column)` leaves the column as it is.
fn is_values_of(expr: &Expr, column: &str) -> bool {
    let Expr::Function(function) = expr else { return false };
    let is_values = name_of(&function.name).is_ok_and(|name| {
        name.schema.is_none() && ["values", "value"].iter().any(|word| name.table.eq_ignore_ascii_case(word))
    });
    let FunctionArguments::List(list) = &function.args else { return false };
    is_values
        && matches!(&list.args[..], [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))]
            if plain_column(argument).is_some_and(|found| found.name == column))
}

fn parts_of(name: &ObjectName) -> Result<Vec<String>, Unparsed> {
    name.0
        .iter()
        .map(|part| match part {
            ObjectNamePart::Identifier(ident) => Ok(ident.value.clone()),
            ObjectNamePart::Function(_) => Err(Unparsed),
        })
        .collect()
}

fn name_of(name: &ObjectName) -> Result<Name, Unparsed> {
    match &parts_of(name)?[..] {
        [table] => Ok(Name { schema: None, table: table.clone() }),
        [schema, table] => Ok(Name { schema: Some(schema.clone()), table: table.clone() }),
        _ => Err(Unparsed),
    }
}

fn column_of(name: &ObjectName) -> Result<Column, Unparsed> {
    column_from(&parts_of(name)?).ok_or(Unparsed)
}

fn alias_of(alias: Option<&TableAlias>) -> Option<String> {
    alias.map(|alias| alias.name.value.to_lowercase())
}

/// What a level calls a table.
fn called(table: &TableUse) -> Option<Name> {
    match (&table.alias, &table.name) {
        (Some(alias), _) => Some(Name { schema: None, table: alias.clone() }),
        (None, name) => name.clone(),
    }
}
