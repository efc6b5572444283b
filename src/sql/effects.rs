//! What a statement leaves behind or asks for, seen from its tokens alone.
//!
//! Functions and variables with a meaning for the session. SET has a file of its own.

use super::functions::{self, Function};
use super::routine;
use super::statement::{Effect, PinReason, SqlContext};
use super::structure::Name;
use super::token::{Token, TokenKind, name_at};
use crate::model::{Catalog, RoutineRule};

/// What a data statement does besides reading and writing rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Traces {
    pub(super) effects: Vec<Effect>,
    /// It takes a lock or changes a sequence or session state: not a plain read.
    pub(super) is_active: bool,
    pub(super) asks_previous: bool,
    /// SQL_CALC_FOUND_ROWS.
    pub(super) calculates_found_rows: bool,
    /// It selects, in all or in part.
    pub(super) selects: bool,
    /// It calls a function that is neither the servers' own nor in the catalog.
    pub(super) is_unknown: bool,
    /// Every function in it is known to have no side effect.
    pub(super) is_pure: bool,
    /// The first stored routine it calls.
    pub(super) routine: Option<String>,
    /// Sequences it takes numbers from.
    pub(super) sequences: Vec<Name>,
}

/// Words before a name with a column list that looks like a call.
const BEFORE_COLUMN_LIST: [&str; 11] = [
    "exists",
    "view",
    "into",
    "insert",
    "replace",
    "ignore",
    "low_priority",
    "delayed",
    "high_priority",
    "references",
    "table",
];

/// The traces of a data statement.
pub(super) fn traces(context: &SqlContext<'_>, tokens: &[Token<'_>]) -> Traces {
    let declared = routine::declared(context);
    traces_in(Within { schema: context.schema, catalog: context.catalog, declared }, tokens)
}

/// What calls are resolved in.
#[derive(Clone, Copy)]
pub(super) struct Within<'a> {
    pub(super) schema: Option<&'a str>,
    pub(super) catalog: &'a Catalog,
    /// The declared routines of the schema's group.
    pub(super) declared: &'a [RoutineRule],
}

/// The traces of tokens that no session sent.
pub(super) fn traces_in(context: Within<'_>, tokens: &[Token<'_>]) -> Traces {
    let mut traces = Traces { is_pure: true, ..Traces::default() };
    if !context.catalog.active_views.is_empty() {
        active_view(context, tokens, &mut traces);
    }
    // Within `INTO @a, @b`. Kept on the way: to look back from each variable would take a time that grows with their square.
    let mut is_behind_into = false;
    for (index, token) in tokens.iter().enumerate() {
        match token.kind {
            TokenKind::Word | TokenKind::Quoted => word(context, tokens, index, &mut traces),
            TokenKind::SystemVariable => {
                let name = token.name().to_lowercase();
                let name = name.rsplit('.').next().unwrap_or_default();
                if ["identity", "last_insert_id", "warning_count", "error_count"].contains(&name) {
                    traces.asks_previous = true;
                }
            }
            TokenKind::UserVariable
                if tokens.get(index + 1).is_some_and(|next| next.is_symbol(":=")) || is_behind_into =>
            {
                traces.pin(PinReason::ComputedUserVariable);
            }
            _ => {}
        }
        if token.kind != TokenKind::UserVariable && !token.is_symbol(",") {
            is_behind_into = token.is("into");
        }
    }
    traces
}

/// A view that acts is what a routine is.
fn active_view(context: Within<'_>, tokens: &[Token<'_>], traces: &mut Traces) {
    let views = &context.catalog.active_views;
    let named = tokens.iter().filter(|token| token.is_name()).map(|token| token.name().to_lowercase());
    if let Some(view) = named.into_iter().find(|name| views.iter().any(|(_, view)| view == name)) {
        traces.is_active = true;
        traces.pin(PinReason::Routine);
        traces.routine = Some(view);
    }
}

impl Traces {
    fn pin(&mut self, reason: PinReason) {
        self.is_pure = false;
        self.effects.push(Effect::Pin(reason));
    }
}

fn word(context: Within<'_>, tokens: &[Token<'_>], index: usize, traces: &mut Traces) {
    let token = &tokens[index];
    let next_is = |ahead: usize, keyword: &str| tokens.get(index + ahead).is_some_and(|next| next.is(keyword));
    if token.is("sql_calc_found_rows") {
        traces.calculates_found_rows = true;
    }
    traces.selects |= token.is_any(&["select", "table"]);
    let is_sequence_word = token.is("next") && next_is(1, "value") && next_is(2, "for");
    let is_oracle_form = token.is_qualified && token.bytes.eq_ignore_ascii_case(b"nextval");
    if is_sequence_word || is_oracle_form {
        traces.is_active = true;
        traces.is_pure = false;
        let name = if is_sequence_word {
            name_at(tokens, index + 3)
        } else {
            name_at(tokens, index.saturating_sub(4))
                .filter(|(name, end)| name.schema.is_some() && end + 2 == index + 1)
                .or_else(|| index.checked_sub(2).map(|at| (Name { schema: None, table: tokens[at].name() }, at)))
        };
        traces.sequences.extend(name.map(|(name, _)| name));
    }
    if tokens.get(index + 1).is_some_and(|next| next.is_symbol("(")) {
        call(context, tokens, index, traces);
    }
}

fn call(context: Within<'_>, tokens: &[Token<'_>], index: usize, traces: &mut Traces) {
    let name = tokens[index].name().to_lowercase();
    let has_arguments = !tokens.get(index + 2).is_some_and(|next| next.is_symbol(")"));
    if is_stored(context, tokens, index, &name) {
        if !tokens[index].is_qualified && routine::is_computation(context.declared, &name) {
            traces.is_pure = false;
            return;
        }
        traces.is_active = true;
        traces.pin(PinReason::Routine);
        traces.routine.get_or_insert(name);
        return;
    }
    match name.as_str() {
        "get_lock" => {
            traces.is_active = true;
            traces.pin(PinReason::NamedLock);
        }
        "release_lock" => {
            traces.is_active = true;
            traces.is_pure = false;
            traces.effects.push(Effect::LockReleased);
        }
        "release_all_locks" => {
            traces.is_active = true;
            traces.is_pure = false;
            traces.effects.push(Effect::Unpin(PinReason::NamedLock));
        }
        "last_insert_id" if has_arguments => {
            traces.is_active = true;
            traces.pin(PinReason::InsertIdSet);
        }
        "last_insert_id" | "found_rows" | "row_count" => traces.asks_previous = true,
        "default" => {
            // In MariaDB a column's default may be the next number of a sequence.
            traces.is_active = true;
            traces.is_pure = false;
        }
        "nextval" | "setval" => {
            traces.is_active = true;
            traces.is_pure = false;
            traces.sequences.extend(name_at(tokens, index + 2).map(|(name, _)| name));
        }
        _ => match functions::of(&name) {
            Function::Pure => {}
            Function::Passive => traces.is_pure = false,
            Function::Unknown if is_column_list(tokens, index) || has_column_list(tokens, index) => {}
            Function::Unknown => {
                // A loadable function, or one made since the catalog was read.
                traces.is_unknown = true;
                traces.is_pure = false;
            }
        },
    }
}

/// `WITH name (…) AS`, and the names behind a derived table.
fn is_column_list(tokens: &[Token<'_>], index: usize) -> bool {
    let Some(before) = index.checked_sub(1).map(|before| &tokens[before]) else { return false };
    if before.is_symbol(")") || before.is("as") {
        return true;
    }
    let is_common = before.is_any(&["with", "recursive"]) || before.is_symbol(",");
    let inner = tokens.get(index + 2..).unwrap_or_default();
    let names = inner.iter().take_while(|token| token.is_name() || token.is_symbol(",")).count();
    is_common
        && matches!(&inner[names..], [close, word, open, ..] if close.is_symbol(")") && word.is("as") && open.is_symbol("("))
}

/// Whether the name at `first` is a table's, and what stands behind it are its columns.
fn has_column_list(tokens: &[Token<'_>], first: usize) -> bool {
    let Some(at) = first.checked_sub(1) else { return false };
    // `SELECT HIGH_PRIORITY f(1)` calls.
    let is_of_select =
        tokens[at].is("high_priority") && !at.checked_sub(1).is_some_and(|verb| tokens[verb].is("insert"));
    tokens[at].is_any(&BEFORE_COLUMN_LIST) && !is_of_select
}

/// Whether the call is one of a stored function: qualified, or in the catalog of the session's schema.
fn is_stored(context: Within<'_>, tokens: &[Token<'_>], index: usize, name: &str) -> bool {
    if tokens[index].is_qualified {
        return !has_column_list(tokens, index.saturating_sub(2));
    }
    !has_column_list(tokens, index)
        && context.schema.is_some_and(|schema| context.catalog.routines.contains(&(schema.to_owned(), name.to_owned())))
}
