//! SET in all its forms -> what it leaves in the session.
//!
//! A value is replayed only if it is a literal; anything computed pins. It does not decide who may set what (that is `route`).

use super::analyze::Work;
use super::hint;
use super::literal;
use super::statement::{Effect, Family, PinReason, SqlMode, SqlRefusal, StatementClass};
use super::token::{Token, TokenKind};

/// What a SET does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) class: StatementClass,
    pub(super) effects: Vec<Effect>,
    pub(super) escape: Option<String>,
    pub(super) refusal: Option<SqlRefusal>,
    /// It changes how later texts are read: sql_mode or a character set.
    pub(super) changes_reading: bool,
    pub(super) asks_previous: bool,
}

/// Session variables that let a session step outside what replication and fences rely on.
const ESCAPES: [&str; 16] = [
    "sql_log_bin",
    "server_id",
    "auto_increment_increment",
    "auto_increment_offset",
    "skip_replication",
    "pseudo_slave_mode",
    "pseudo_replica_mode",
    "pseudo_thread_id",
    "binlog_format",
    "binlog_row_image",
    "binlog_direct_non_transactional_updates",
    "read_only",
    "super_read_only",
    "wsrep_on",
    "slave_exec_mode",
    "sql_log_off",
];

/// Whether setting this variable is an escape.
pub(super) fn is_escape(name: &str) -> bool {
    ESCAPES.contains(&name) || name.starts_with("gtid_")
}

/// Reads a SET statement, its first token being SET.
pub(super) fn set(work: &Work<'_>, tokens: &[Token<'_>]) -> Outcome {
    let mut outcome = Outcome {
        class: StatementClass::Set,
        effects: Vec::new(),
        escape: None,
        refusal: None,
        changes_reading: false,
        asks_previous: false,
    };
    let rest = &tokens[1..];
    let is = |index: usize, keyword: &str| rest.get(index).is_some_and(|token| token.is(keyword));
    let scope = usize::from(is(0, "session") || is(0, "local") || is(0, "global"));
    if is(scope, "transaction") {
        transaction(work, rest, scope, &mut outcome);
    } else if is(0, "password") || is(0, "default") || is(0, "resource") {
        outcome.class = StatementClass::Admin;
        outcome.effects.push(Effect::ImplicitCommit);
    } else if is(0, "role") {
        outcome.effects.push(Effect::Pin(PinReason::UnknownSet));
    } else {
        let mut is_global = false;
        for assignment in split(rest) {
            one(work, assignment, &mut is_global, &mut outcome);
        }
        settle_class(rest, &mut outcome);
    }
    outcome
}

/// Splits at the commas outside parentheses.
fn split<'t, 'n>(tokens: &'t [Token<'n>]) -> Vec<&'t [Token<'n>]> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0usize, 0);
    for (index, token) in tokens.iter().enumerate() {
        if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            depth = depth.saturating_sub(1);
        } else if depth == 0 && token.is_symbol(",") {
            parts.push(&tokens[start..index]);
            start = index + 1;
        }
    }
    parts.push(&tokens[start..]);
    parts
}

fn transaction(work: &Work<'_>, rest: &[Token<'_>], scope: usize, outcome: &mut Outcome) {
    if scope == 0 {
        outcome.class = StatementClass::SetTransaction;
        return;
    }
    if rest[0].is("global") {
        outcome.escape = Some("SET GLOBAL TRANSACTION".to_owned());
        return;
    }
    let is_old = match work.context.dialect.family {
        Family::MariaDb => work.context.dialect.version < 110_101,
        Family::MySql => work.context.dialect.version < 50_720,
    };
    let prefix = if is_old { "tx" } else { "transaction" };
    for part in split(&rest[scope + 1..]) {
        let words: Vec<String> = part.iter().map(|token| token.name().to_lowercase()).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (name, value) = match words[..] {
            ["isolation", "level", "serializable"] => ("isolation", "'SERIALIZABLE'"),
            ["isolation", "level", "repeatable", "read"] => ("isolation", "'REPEATABLE-READ'"),
            ["isolation", "level", "read", "committed"] => ("isolation", "'READ-COMMITTED'"),
            ["isolation", "level", "read", "uncommitted"] => ("isolation", "'READ-UNCOMMITTED'"),
            ["read", "only"] => ("read_only", "1"),
            ["read", "write"] => ("read_only", "0"),
            _ => {
                outcome.effects.push(Effect::Pin(PinReason::UnknownSet));
                continue;
            }
        };
        outcome.effects.push(Effect::Variable { name: format!("{prefix}_{name}"), value: value.to_owned() });
    }
}

/// One `target = value`. `is_global` holds from a GLOBAL on, as the servers have it.
fn one(work: &Work<'_>, assignment: &[Token<'_>], is_global: &mut bool, outcome: &mut Outcome) {
    let is = |index: usize, keyword: &str| assignment.get(index).is_some_and(|token| token.is(keyword));
    if assignment.iter().any(|token| {
        token.kind == TokenKind::SystemVariable && {
            let name = token.name().to_lowercase();
            ["warning_count", "error_count", "identity", "last_insert_id"].iter().any(|asked| name.ends_with(asked))
        }
    }) {
        outcome.asks_previous = true;
    }
    if is(0, "names") || ((is(0, "character") && is(1, "set")) || is(0, "charset")) {
        return names(work, assignment, outcome);
    }
    let Some(first) = assignment.first() else {
        return outcome.effects.push(Effect::Pin(PinReason::UnknownSet));
    };
    if first.kind == TokenKind::UserVariable {
        return user_variable(work, assignment, outcome);
    }
    let mut at = 0;
    if first.is_any(&["global", "persist", "persist_only"]) && !is_sign(assignment.get(1)) {
        *is_global = true;
        at = 1;
    } else if first.is_any(&["session", "local"]) && !is_sign(assignment.get(1)) {
        *is_global = false;
        at = 1;
    }
    let Some((name, value, scope)) = target(&assignment[at..]) else {
        return outcome.effects.push(Effect::Pin(PinReason::UnknownSet));
    };
    let is_persistent = match scope.as_deref() {
        Some("global" | "persist" | "persist_only") => true,
        Some(_) => false,
        None => *is_global && at_scope_applies(first),
    };
    if is_persistent || scope.as_deref().is_some_and(|scope| !["session", "local"].contains(&scope)) {
        let what = format!("SET GLOBAL {name}");
        outcome.escape.get_or_insert(what);
        return;
    }
    if is_escape(&name) {
        outcome.escape.get_or_insert_with(|| format!("SET {name}"));
        outcome.effects.push(Effect::Pin(PinReason::UnknownSet));
        return;
    }
    session_variable(work, &name, value, outcome);
}

fn is_sign(token: Option<&Token<'_>>) -> bool {
    token.is_some_and(|token| token.is_symbol("=") || token.is_symbol(":="))
}

/// `@@name` without scope is a session variable even after GLOBAL.
fn at_scope_applies(first: &Token<'_>) -> bool {
    first.kind != TokenKind::SystemVariable
}

/// `(name, value, scope)` of `name = value`, `@@name = value`, `@@scope.name = value`.
fn target<'t, 'n>(assignment: &'t [Token<'n>]) -> Option<(String, &'t [Token<'n>], Option<String>)> {
    let sign = assignment.iter().position(|token| token.is_symbol("=") || token.is_symbol(":="))?;
    let (target, value) = (&assignment[..sign], &assignment[sign + 1..]);
    let joined: Vec<String> = target.iter().map(|token| token.name().to_lowercase()).collect();
    let joined = joined.concat();
    let is_system = target.first()?.kind == TokenKind::SystemVariable;
    match joined.split_once('.') {
        Some((scope, name)) if is_system => Some((name.to_owned(), value, Some(scope.to_owned()))),
        // `component.variable`, which nothing is known about.
        Some(_) => None,
        None if joined.is_empty() => None,
        None => Some((joined, value, None)),
    }
}

fn names(work: &Work<'_>, assignment: &[Token<'_>], outcome: &mut Outcome) {
    outcome.changes_reading = true;
    let value: Option<Vec<String>> =
        assignment.iter().map(|token| if token.is_literal() { work.raw(token) } else { plain_word(token) }).collect();
    let head = if assignment[0].is("names") { "NAMES" } else { "CHARACTER SET" };
    let skip = if assignment[0].is("character") { 2 } else { 1 };
    match value.as_deref().map(|words| &words[skip..]) {
        Some(words @ ([_] | [_, _, _])) => outcome.effects.push(Effect::Names(format!("{head} {}", words.join(" ")))),
        _ => outcome.effects.push(Effect::Pin(PinReason::UnknownSet)),
    }
}

fn plain_word(token: &Token<'_>) -> Option<String> {
    (token.kind == TokenKind::Word).then(|| String::from_utf8_lossy(token.bytes).into_owned())
}

fn user_variable(work: &Work<'_>, assignment: &[Token<'_>], outcome: &mut Outcome) {
    let name = assignment[0].name().to_lowercase();
    if !is_sign(assignment.get(1)) {
        return outcome.effects.push(Effect::Pin(PinReason::UnknownSet));
    }
    let value = &assignment[2..];
    if let Some(hint) = name.strip_prefix("meridian_") {
        let read = hint_value(work, value).and_then(|value| hint::session_variable(hint, value));
        match read {
            Ok(effect) => outcome.effects.push(effect),
            Err(refusal) => outcome.refusal = Some(refusal),
        }
        return;
    }
    match work.literal_text(value) {
        Some(value) => outcome.effects.push(Effect::UserVariable { name, value }),
        None => outcome.effects.push(Effect::Pin(PinReason::ComputedUserVariable)),
    }
}

fn hint_value(work: &Work<'_>, value: &[Token<'_>]) -> Result<Option<String>, SqlRefusal> {
    let bad = |found: &str| SqlRefusal::BadHint { found: found.to_owned() };
    match value {
        [token] if token.is("null") || token.is("default") => Ok(None),
        [token] if token.kind == TokenKind::Number => Ok(work.raw(token)),
        [token] if token.kind == TokenKind::Text => {
            let raw = work.raw(token).unwrap_or_default();
            let contents =
                literal::contents(raw.as_bytes(), work.context.mode).and_then(|bytes| String::from_utf8(bytes).ok());
            match contents {
                Some(text) if text.is_empty() => Ok(None),
                Some(text) => Ok(Some(text)),
                None => Err(bad(&raw)),
            }
        }
        _ => Err(bad("a computed @meridian_ variable")),
    }
}

fn session_variable(work: &Work<'_>, name: &str, value: &[Token<'_>], outcome: &mut Outcome) {
    let is_reading = name == "sql_mode" || name.starts_with("character_set_") || name.starts_with("collation_");
    outcome.changes_reading |= is_reading;
    let bare = match value {
        [token] if token.is_any(&["null", "true", "false", "default", "on", "off"]) => plain_word(token),
        // The servers take a bare word for a string here.
        [token] if token.kind == TokenKind::Word => plain_word(token),
        _ => None,
    };
    if ["insert_id", "last_insert_id", "identity", "timestamp", "rand_seed1", "rand_seed2"].contains(&name) {
        // They hold for one statement, or move by themselves.
        return outcome.effects.push(Effect::Pin(PinReason::UnknownSet));
    }
    let computed = Effect::ComputedVariable(name.to_owned());
    let Some(value_text) = bare.or_else(|| work.literal_text(value)) else {
        // A user variable that is set on the way is nobody's to replay.
        if value.iter().any(|token| token.is_symbol(":=")) {
            outcome.effects.push(Effect::Pin(PinReason::ComputedUserVariable));
        }
        return outcome.effects.push(computed);
    };
    outcome.effects.push(match name {
        // A number, or modes nobody has heard of: the server's own words say which they are.
        "sql_mode" if !value_text.eq_ignore_ascii_case("default") && SqlMode::from_value(&value_text).is_none() => {
            computed
        }
        "autocommit" => match value_text.trim_matches('\'').to_ascii_lowercase().as_str() {
            "1" | "on" | "true" => Effect::Autocommit(true),
            "0" | "off" | "false" => Effect::Autocommit(false),
            _ => computed,
        },
        // Each assignment changes some flags and keeps the others: the last one alone is not the state.
        "optimizer_switch" => computed,
        _ => Effect::Variable { name: name.to_owned(), value: value_text },
    });
}

/// `SET @@transaction_isolation = …` without scope holds for the next transaction only.
fn settle_class(rest: &[Token<'_>], outcome: &mut Outcome) {
    let Some(first) = rest.first().filter(|first| first.kind == TokenKind::SystemVariable) else { return };
    let name = first.name().to_lowercase();
    if !["tx_isolation", "transaction_isolation", "tx_read_only", "transaction_read_only"].contains(&name.as_str()) {
        return;
    }
    if split(rest).len() == 1 {
        outcome.class = StatementClass::SetTransaction;
        outcome.effects.clear();
    } else {
        outcome.effects.push(Effect::Pin(PinReason::UnknownSet));
    }
}
