//! Our own classifier: tokens of one statement -> its facts. It fails closed: what it does not know is an Admin statement that pins.
//!
//! Reads and writes are told apart here, by keywords; the parser crate is asked only for structure.

use super::analyze::{self, Work};
use super::body;
use super::data;
use super::ddl;
use super::effects;
use super::session;
use super::set;
use super::statement::{Effect, Facts, FoundRows, KeyUse, PinReason, Placement, SqlRefusal, StatementClass, WriteKind};
use super::token::{Token, TokenKind};

/// One statement's facts and what the rest of its packet must know.
pub(super) struct Found {
    pub(super) facts: Facts,
    pub(super) key_use: KeyUse,
    /// It changes how later texts of the packet are read: by what.
    pub(super) context_change: Option<String>,
}

impl From<Facts> for Found {
    fn from(facts: Facts) -> Self {
        Found { facts, key_use: KeyUse::default(), context_change: None }
    }
}

/// One statement of a packet.
pub(super) struct Part<'t, 'n> {
    pub(super) tokens: &'t [Token<'n>],
    /// Further statements may stand behind it, unseen.
    pub(super) is_open: bool,
}

/// Splits a packet into its statements; bodies of routines and blocks are not split.
pub(super) fn split<'t, 'n>(tokens: &'t [Token<'n>]) -> Vec<Part<'t, 'n>> {
    let mut statements = Vec::new();
    let mut rest = tokens;
    while !rest.is_empty() {
        let mut is_open = false;
        let end = if !body::has_body(rest) {
            rest.iter().position(|token| token.is_symbol(";")).unwrap_or(rest.len())
        } else if body::is_ddl(rest) {
            body::end(rest).unwrap_or_else(|| {
                is_open = true;
                rest.len()
            })
        } else {
            // What a block holds is not looked into: it may be all there is.
            rest.len()
        };
        if end > 0 {
            statements.push(Part { tokens: &rest[..end], is_open });
        }
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    statements
}

/// The facts of one statement.
pub(super) fn facts(work: &Work<'_>, tokens: &[Token<'_>]) -> Found {
    let word = first_word(tokens);
    let is = |index: usize, keyword: &str| tokens.get(index).is_some_and(|token| token.is(keyword));
    let mut found = match word.as_str() {
        "select" | "with" | "(" | "values" | "table" => query(work, tokens),
        "insert" => data::change(work, tokens, insert_kind(tokens)),
        "replace" | "update" | "delete" => data::change(work, tokens, WriteKind::Change),
        "load" if is(1, "data") || is(1, "xml") => data::load(work, tokens),
        "call" => data::call(work, tokens),
        "do" => data::expression(work, tokens),
        "set" if is(1, "statement") => set_statement(work, tokens),
        "set" => from_set(work, tokens),
        "use" => session::use_schema(work, tokens),
        "begin" if body::has_body(tokens) => session::block(work, tokens),
        "begin" | "start" | "commit" | "rollback" | "savepoint" | "release" => session::transaction(work, tokens),
        "show" | "help" => session::show(work, tokens),
        "explain" | "describe" | "desc" => explain(work, tokens),
        "analyze" if !is(1, "table") && !is(1, "tables") && !is(1, "local") && !is(1, "no_write_to_binlog") => {
            explain(work, tokens)
        }
        "kill" => session::kill(work, tokens),
        "lock" | "unlock" | "flush" => session::locks(work, tokens),
        "xa" => session::xa(work, tokens),
        "create" | "alter" | "drop" | "rename" | "truncate" | "import" => ddl::schema(work, tokens),
        "analyze" | "optimize" | "repair" | "check" | "checksum" => ddl::maintenance(work, tokens),
        "prepare" | "execute" | "deallocate" => session::prepared(work, tokens),
        "handler" => session::handler(work, tokens),
        _ if body::has_body(tokens) => session::block(work, tokens),
        _ => session::admin(work, tokens, &word),
    };
    if let Some(what) = set_var_escape(tokens) {
        found.facts.escape.get_or_insert(what);
    }
    found
}

fn first_word(tokens: &[Token<'_>]) -> String {
    match tokens.first() {
        Some(token) if token.kind == TokenKind::Word => token.name().to_ascii_lowercase(),
        Some(token) if token.is_symbol("(") => "(".to_owned(),
        _ => String::new(),
    }
}

fn insert_kind(tokens: &[Token<'_>]) -> WriteKind {
    let is_update = |index: usize| {
        let is = |ahead: usize, keyword: &str| tokens.get(index + ahead).is_some_and(|token| token.is(keyword));
        is(0, "duplicate") && is(1, "key") && is(2, "update")
    };
    if (0..tokens.len()).any(is_update) { WriteKind::Change } else { WriteKind::Insert }
}

/// The word that says what a statement does, lower case; empty where there is none.
pub(super) fn verb(tokens: &[Token<'_>]) -> String {
    let word = first_word(tokens);
    match word.as_str() {
        // MariaDB's SET STATEMENT … FOR statement does what the inner one does.
        "set" if tokens.get(1).is_some_and(|token| token.is("statement")) => tokens
            .iter()
            .position(|token| token.is("for"))
            .and_then(|at| tokens.get(at + 1..).filter(|inner| !inner.is_empty()))
            .map_or(word, verb),
        "with" | "(" => verb_below_with(tokens).map_or(word, |token| token.name().to_ascii_lowercase()),
        _ => word,
    }
}

/// SELECT, WITH, VALUES, TABLE or `(`.
fn query(work: &Work<'_>, tokens: &[Token<'_>]) -> Found {
    if let Some(heading) = session::connection_id(work, tokens) {
        let class = StatementClass::ConnectionId { heading };
        return Facts { class, effects: Vec::new(), ..analyze::unknown(Placement::Tableless) }.into();
    }
    match verb_below_with(tokens) {
        Some(verb) if verb.is_any(&["update", "delete", "replace"]) => data::change(work, tokens, WriteKind::Change),
        Some(verb) if verb.is("insert") => data::change(work, tokens, insert_kind(tokens)),
        Some(_) => data::read(work, tokens),
        None => session::admin(work, tokens, ""),
    }
}

/// The word that says what a statement does: behind the common table expressions and opening parentheses.
fn verb_below_with<'t, 'n>(tokens: &'t [Token<'n>]) -> Option<&'t Token<'n>> {
    const VERBS: [&str; 7] = ["select", "insert", "replace", "update", "delete", "values", "table"];
    if !tokens.first()?.is("with") {
        return tokens
            .iter()
            .find(|token| !token.is_symbol("("))
            .filter(|token| token.is_any(&VERBS) || token.is("with"));
    }
    let mut depth = 0usize;
    for token in tokens {
        if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            depth = depth.checked_sub(1)?;
        } else if depth == 0 && token.is_any(&VERBS) {
            return Some(token);
        }
    }
    // `WITH … (SELECT …)`: only parentheses can hold the verb, and only a query may stand in them.
    tokens.iter().find(|token| token.is("select"))
}

fn from_set(work: &Work<'_>, tokens: &[Token<'_>]) -> Found {
    let outcome = set::set(work, tokens);
    let placement = match outcome.refusal {
        Some(refusal) => Placement::Refused(refusal),
        None => value_placement(work, tokens),
    };
    let traces = effects::traces(&work.context, tokens);
    let mut effects = outcome.effects;
    // `:=` is the sign of an assignment here; within a value it makes the value computed, which pins anyway.
    effects.extend(traces.effects.into_iter().filter(|effect| *effect != Effect::Pin(PinReason::ComputedUserVariable)));
    let facts = Facts {
        class: outcome.class,
        placement,
        effects,
        asks_previous: outcome.asks_previous || traces.asks_previous,
        found_rows: if traces.selects { FoundRows::Counted } else { FoundRows::Kept },
        repeatable: false,
        escape: outcome.escape,
    };
    let context_change = outcome.changes_reading.then(|| "SET of sql_mode or a character set".to_owned());
    Found { facts, key_use: KeyUse::default(), context_change }
}

/// A SET may read tables in a subquery; it has no structure we know, so managed ones are refused.
fn value_placement(work: &Work<'_>, tokens: &[Token<'_>]) -> Placement {
    let traces = effects::traces(&work.context, tokens);
    if let Some(routine) = traces.routine {
        return data::routine_placement(work, tokens, &routine);
    }
    // A number taken from a managed sequence is a write of it.
    if !traces.sequences.is_empty() || tokens.iter().any(|token| token.is("select")) {
        data::opaque(work, tokens)
    } else {
        Placement::Tableless
    }
}

/// MariaDB's `SET STATEMENT name = value, … FOR statement`.
fn set_statement(work: &Work<'_>, tokens: &[Token<'_>]) -> Found {
    let Some(split) = tokens.iter().position(|token| token.is("for")) else {
        return session::admin(work, tokens, "set");
    };
    let (settings, inner) = (&tokens[1..split], &tokens[split + 1..]);
    if inner.is_empty() || first_word(inner) == "set" {
        return session::admin(work, tokens, "set");
    }
    let set = set::set(work, settings);
    let mut found = facts(work, inner);
    if set.changes_reading || set.refusal.is_some() {
        let what = "SET STATEMENT of sql_mode or a character set".to_owned();
        found.facts.placement = Placement::Refused(SqlRefusal::ContextChange { what });
    }
    found.facts.escape = set.escape.or(found.facts.escape);
    found.facts.repeatable = false;
    found
}

/// EXPLAIN, DESCRIBE and MariaDB's ANALYZE of a statement.
fn explain(work: &Work<'_>, tokens: &[Token<'_>]) -> Found {
    const VERBS: [&str; 8] = ["select", "with", "insert", "replace", "update", "delete", "table", "values"];
    let inner = tokens
        .iter()
        .skip(1)
        .take(8)
        .position(|token| token.is_any(&VERBS) || token.is_symbol("("))
        .map(|offset| &tokens[offset + 1..]);
    let Some(inner) = inner else { return session::show(work, tokens) };
    let head = &tokens[..tokens.len() - inner.len()];
    let runs = head.iter().any(|token| token.is("analyze"));
    let mut found = facts(work, inner);
    found.facts.repeatable = false;
    match (&found.facts.class, runs) {
        (StatementClass::Read, _) | (_, false) => found.facts.class = StatementClass::Show,
        (_, true) => {}
    }
    if !runs {
        found.facts.effects.retain(|effect| *effect == Effect::Pin(PinReason::Routine));
    }
    if head.iter().any(|token| token.kind == TokenKind::UserVariable) {
        // EXPLAIN … INTO @variable.
        found.facts.effects.push(Effect::Pin(PinReason::ComputedUserVariable));
    }
    found
}

/// `/*+ SET_VAR(…) */` sets variables for one statement, escapes among them.
fn set_var_escape(tokens: &[Token<'_>]) -> Option<String> {
    let hints = tokens.iter().filter(|token| token.kind == TokenKind::OptimizerHint);
    hints
        .map(|hint| String::from_utf8_lossy(hint.bytes).to_lowercase())
        .filter(|hint| hint.contains("set_var"))
        .find_map(|hint| {
            hint.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .find(|word| set::is_escape(word))
                .map(|word| format!("SET_VAR {word}"))
        })
}
