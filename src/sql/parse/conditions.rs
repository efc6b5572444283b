//! What a condition says of columns, as far as it restricts rows.

use sqlparser::ast::{BinaryOperator, Expr, Query};

use super::expressions::{operand, plain_column, run};
use super::reader::Reader;
use crate::sql::structure::{Column, Condition, Operand};

impl Reader {
    pub(super) fn condition(&self, expr: &Expr) -> Condition {
        match expr {
            Expr::Nested(inner) => self.condition(inner),
            Expr::BinaryOp { op: BinaryOperator::And, .. } => Condition::All(self.flat(expr, &BinaryOperator::And)),
            Expr::BinaryOp { op: BinaryOperator::Or, .. } if !self.has_loose_operators => {
                Condition::Any(self.flat(expr, &BinaryOperator::Or))
            }
            Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => self.equal(left, right),
            // `<=>` finds NULL too, so only a literal is a key there.
            Expr::BinaryOp { left, op: BinaryOperator::Spaceship, right } => match equality(left, right) {
                Condition::In(column, values) if matches!(values[..], [Operand::Slot(_) | Operand::Truth(_)]) => {
                    Condition::In(column, values)
                }
                _ => Condition::Opaque,
            },
            Expr::BinaryOp { left, op: BinaryOperator::GtEq | BinaryOperator::Gt, right } => ordered(right, left),
            Expr::BinaryOp { left, op: BinaryOperator::LtEq | BinaryOperator::Lt, right } => ordered(left, right),
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
        known.map_or(Condition::Opaque, |(_, levels)| Condition::InQuery(column, levels.clone()))
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

/// `less <= more`. Without the equality it says more than is taken from it.
fn ordered(less: &Expr, more: &Expr) -> Condition {
    match (plain_column(less), plain_column(more)) {
        (Some(column), None) => Condition::AtMost(column, operand(more)),
        (None, Some(column)) => Condition::AtLeast(column, operand(less)),
        (Some(_), Some(_)) | (None, None) => Condition::Opaque,
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
