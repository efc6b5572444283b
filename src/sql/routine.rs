//! Stored routines that the operators declared: which tables a CALL reaches and which argument is the key.
//!
//! A declaration is believed; a routine's text is not looked into.

use super::analyze::Work;
use super::keys;
use super::resolve::{self, Access, Class, Resolved};
use super::statement::{KeySource, KeyUse, KeyValue, Keys, Placement, SqlContext};
use super::structure::Name;
use super::token::{Token, TokenKind};
use crate::model::{GroupId, RoutineAccess, RoutineRule};

/// The declaration of a routine, and the group and schema it stands in.
pub(super) fn rule<'a>(
    context: &SqlContext<'a>,
    schema: Option<&str>,
    routine: &str,
) -> Option<(&'a RoutineRule, GroupId, String)> {
    let (group, schema) = resolve::group_of(context, schema.or(context.schema)?)?;
    let rules = &context.state.group(group).policy.routines;
    // Nearly always there are none.
    if rules.is_empty() {
        return None;
    }
    let name = routine.to_lowercase();
    rules.iter().find(|rule| rule.covers(&name)).map(|rule| (rule, group, schema))
}

/// Whether a stored function (lower case) is declared to be nothing but a computation: it reads no managed table and writes nothing.
pub(super) fn is_computation(declared: &[RoutineRule], routine: &str) -> bool {
    let rule = declared.iter().find(|rule| rule.covers(routine));
    rule.is_some_and(|rule| rule.access == RoutineAccess::Read && rule.tables.is_empty())
}

/// The declared routines of a schema's group.
pub(super) fn declared<'a>(context: &SqlContext<'a>) -> &'a [RoutineRule] {
    match context.schema.and_then(|schema| resolve::group_of(context, schema)) {
        Some((group, _)) => &context.state.group(group).policy.routines,
        None => &[],
    }
}

/// The placement of `CALL name(arguments)` by its declaration; `None` when it has none. `tokens` begin with CALL, `end` is behind the name.
pub(super) fn call(
    work: &Work<'_>,
    tokens: &[Token<'_>],
    name: &Name,
    end: usize,
) -> Option<(Placement, KeyUse, RoutineAccess)> {
    let context = &work.context;
    let (rule, group, schema) = rule(context, name.schema.as_deref(), &name.table)?;
    if rule.tables.is_empty() {
        return Some((Placement::Local { group: Some(group) }, KeyUse::default(), rule.access));
    }
    let named = |table: &String| Name { schema: Some(schema.clone()), table: table.clone() };
    let tables: Vec<Resolved> = rule.tables.iter().flat_map(|table| resolve::tables(context, &named(table))).collect();
    let sharded = tables.iter().find(|table| matches!(table.class, Class::Sharded(..)));
    let (keys, key_use) = match (sharded, rule.key_argument) {
        (Some(table), Some(number)) => {
            (Keys::Sources(vec![source(argument(tokens, end, number))]), keys::key_use(context, table))
        }
        (Some(table), None) => (Keys::Missing, keys::key_use(context, table)),
        (None, _) => (Keys::Missing, KeyUse::default()),
    };
    let placement = match rule.access {
        RoutineAccess::Write => resolve::placement(Access::Write, &tables, &[], keys),
        RoutineAccess::Read => resolve::placement(Access::Read, &[], &tables, keys),
    };
    Some((placement, key_use, rule.access))
}

/// The tokens of argument `number`, from 1; empty when there is none.
fn argument<'t, 'n>(tokens: &'t [Token<'n>], end: usize, number: usize) -> &'t [Token<'n>] {
    let Some(inner) = tokens.get(end..).filter(|rest| rest.first().is_some_and(|open| open.is_symbol("("))) else {
        return &[];
    };
    let (mut depth, mut current, mut begin) = (0usize, 1, 1);
    for (index, token) in inner.iter().enumerate() {
        if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            depth = depth.saturating_sub(1);
        }
        let is_end = depth == 0 || (depth == 1 && token.is_symbol(","));
        if is_end && current == number {
            return &inner[begin..index];
        }
        if depth == 0 {
            return &[];
        }
        if is_end {
            (current, begin) = (current + 1, index + 1);
        }
    }
    &[]
}

/// A literal or a parameter is certain; a variable or an expression is not.
fn source(argument: &[Token<'_>]) -> KeySource {
    match argument {
        [token] if token.is_literal() => KeySource::Literal(token.index),
        [token] if token.kind == TokenKind::Parameter => KeySource::Parameter(token.index),
        [token] if token.is("null") => KeySource::Constant(KeyValue::Null),
        _ => KeySource::Constant(KeyValue::Unreadable),
    }
}
