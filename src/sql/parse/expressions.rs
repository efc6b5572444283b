//! Expressions: walked for subqueries, and read as far as they are a column or a value.

use sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, FunctionArguments, UnaryOperator, Value};

use super::names::{column_from, is_constant, name_of};
use super::reader::{Reader, Unparsed};
use crate::sql::structure::{Column, Operand};

impl Reader {
    /// Walks an expression for subqueries. Corners it does not walk into are found by the count of SELECTs.
    pub(super) fn expression(&mut self, expr: &Expr) -> Result<(), Unparsed> {
        match expr {
            Expr::Subquery(query) | Expr::Exists { subquery: query, .. } => self.subquery(query),
            Expr::InSubquery { expr, subquery, .. } => {
                self.expression(expr)?;
                self.subquery(subquery)
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
                FunctionArguments::Subquery(query) => self.subquery(query),
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
}

pub(super) fn plain_column(expr: &Expr) -> Option<Column> {
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

pub(super) fn operand(expr: &Expr) -> Operand {
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
            Value::Boolean(truth) => Operand::Truth(*truth),
            _ => Operand::Other,
        },
        _ => Operand::Other,
    }
}

/// An element of a list or row may stand for many literals.
pub(super) fn run(operand: Operand) -> Operand {
    match operand {
        Operand::Slot(slot) => Operand::Run(slot),
        other => other,
    }
}

/// `column = VALUES(column)` leaves the column as it is.
pub(super) fn is_values_of(expr: &Expr, column: &str) -> bool {
    let Expr::Function(function) = expr else { return false };
    let is_values = name_of(&function.name).is_ok_and(|name| {
        name.schema.is_none() && ["values", "value"].iter().any(|word| name.table.eq_ignore_ascii_case(word))
    });
    let FunctionArguments::List(list) = &function.args else { return false };
    is_values
        && matches!(&list.args[..], [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))]
            if plain_column(argument).is_some_and(|found| found.name == column))
}
