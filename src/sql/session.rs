//! Statements on the session and the server: transactions, USE, SHOW, KILL, locks, XA, PREPARE as text, administration.
//!
//! They carry no keys; where they may reach managed tables unseen, they are refused.

use super::analyze::{self, Work};
use super::classify::Found;
use super::data;
use super::effects;
use super::literal;
use super::resolve::{self, Access};
use super::statement::{
    BeginOptions, Completion, Effect, Facts, FoundRows, Keys, PinReason, Placement, SqlRefusal, Statement,
    StatementClass, XaStep,
};
use super::token::{Token, TokenKind, name_at};

fn facts(class: StatementClass, placement: Placement, effects: Vec<Effect>) -> Facts {
    Facts { class, placement, effects, ..analyze::unknown(Placement::Tableless) }
}

fn found(class: StatementClass, placement: Placement, effects: Vec<Effect>) -> Found {
    facts(class, placement, effects).into()
}

/// Words of statements that are known to need a primary and to leave nothing in the session.
const ADMIN: [&str; 23] = [
    "load",
    "grant",
    "revoke",
    "install",
    "uninstall",
    "reset",
    "purge",
    "change",
    "stop",
    "backup",
    "shutdown",
    "restart",
    "clone",
    "binlog",
    "signal",
    "resignal",
    "cache",
    "get",
    "optimize",
    "checksum",
    "help",
    "ddl",
    "maintenance",
];

/// First words of what rewrites, diverts or ends the things replication and ownership rest on: only the grant allows them.
const ESCAPES: [&str; 10] =
    ["binlog", "change", "clone", "install", "purge", "reset", "restart", "shutdown", "stop", "uninstall"];

/// Statements that are known by their first word only, and those nothing is known about.
pub(super) fn admin(work: &Work<'_>, tokens: &[Token<'_>], word: &str) -> Found {
    if word == "get" {
        // GET DIAGNOSTICS writes user variables.
        let effects = vec![Effect::Pin(PinReason::ComputedUserVariable)];
        let mut facts = facts(StatementClass::Show, Placement::Tableless, effects);
        facts.asks_previous = true;
        return facts.into();
    }
    let placement = match word {
        // Accounts are the server's, whatever table they name.
        "grant" | "revoke" => Placement::Tableless,
        _ => data::opaque(work, tokens),
    };
    let effect = if ADMIN.contains(&word) { Effect::ImplicitCommit } else { Effect::Pin(PinReason::UnknownStatement) };
    let mut found = found(StatementClass::Admin, placement, vec![effect]);
    found.facts.escape = ESCAPES.contains(&word).then(|| word.to_uppercase());
    found
}

/// BEGIN, START TRANSACTION, COMMIT, ROLLBACK, SAVEPOINT, RELEASE SAVEPOINT.
pub(super) fn transaction(work: &Work<'_>, tokens: &[Token<'_>]) -> Found {
    let words: Vec<String> = tokens
        .iter()
        .map(|token| if token.is_symbol(",") { ",".to_owned() } else { token.name().to_ascii_lowercase() })
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let class = match words[..] {
        ["begin"] | ["begin", "work"] => Some(StatementClass::Begin(BeginOptions::default())),
        ["start", "transaction", ref options @ ..] => begin_options(options).map(StatementClass::Begin),
        ["commit", ref options @ ..] => completion(options).map(StatementClass::Commit),
        ["rollback", "work", "to", ..] | ["rollback", "to", ..] => Some(StatementClass::Savepoint),
        ["rollback", ref options @ ..] => completion(options).map(StatementClass::Rollback),
        ["savepoint", _] | ["release", "savepoint", _] => Some(StatementClass::Savepoint),
        _ => None,
    };
    match class {
        Some(class) => found(class, Placement::Tableless, Vec::new()),
        // START SLAVE and its kin change the server, not the session.
        None if words[0] == "start" => {
            let mut started = found(StatementClass::Admin, Placement::Tableless, vec![Effect::ImplicitCommit]);
            started.facts.escape = Some("START".to_owned());
            started
        }
        None => admin(work, tokens, ""),
    }
}

fn begin_options(words: &[&str]) -> Option<BeginOptions> {
    let mut options = BeginOptions::default();
    for option in words.split(|word| *word == ",") {
        match option {
            ["with", "consistent", "snapshot"] => options.consistent_snapshot = true,
            ["read", "only"] => options.read_only = true,
            ["read", "write"] => options.read_only = false,
            [] if words.is_empty() => return Some(options),
            _ => return None,
        }
    }
    Some(options)
}

fn completion(words: &[&str]) -> Option<Completion> {
    let words = words.strip_prefix(&["work"]).unwrap_or(words);
    let (chain, words) = match words {
        ["and", "chain", rest @ ..] => (true, rest),
        ["and", "no", "chain", rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    match words {
        [] | ["no", "release"] => Some(Completion { chain, release: false }),
        ["release"] => Some(Completion { chain, release: true }),
        _ => None,
    }
}

/// USE.
pub(super) fn use_schema(work: &Work<'_>, tokens: &[Token<'_>]) -> Found {
    match tokens {
        [_, name] if name.is_name() => {
            let schema = name.name();
            let mut found = found(StatementClass::Use, Placement::Tableless, vec![Effect::Schema(schema.clone())]);
            found.context_change = Some(format!("USE {schema}"));
            found
        }
        _ => admin(work, tokens, ""),
    }
}

/// SHOW, HELP, and EXPLAIN of a table: at the schema they name, else wherever the session is.
pub(super) fn show(work: &Work<'_>, tokens: &[Token<'_>]) -> Found {
    let named = tokens.iter().enumerate().skip(1).find_map(|(index, token)| {
        let is_schema = token.is_name()
            && (tokens.get(index + 1).is_some_and(|next| next.is_symbol("."))
                || tokens[index - 1].is_any(&["from", "in", "database", "schema"]));
        is_schema.then(|| resolve::group_of(&work.context, &token.name())).flatten()
    });
    let named = named.or_else(|| {
        let schema = work.context.schema.filter(|_| locks_a_name(tokens))?;
        resolve::group_of(&work.context, schema)
    });
    let placement = match named {
        Some((group, _)) => Placement::Local { group: Some(group) },
        None => Placement::Tableless,
    };
    let mut facts = facts(StatementClass::Show, placement, Vec::new());
    facts.asks_previous = tokens.iter().any(|token| token.is_any(&["warnings", "errors"]));
    let traces = effects::traces(&work.context, tokens);
    if let Some(routine) = &traces.routine {
        facts.placement = data::routine_placement(work, tokens, routine);
    } else if tokens.iter().any(|token| token.is("select")) {
        facts.placement = data::opaque(work, tokens);
    }
    facts.effects = traces.effects;
    facts.into()
}

/// SHOW CREATE of what is no table: MySQL keeps its name locked until the transaction ends, as it does a table's.
fn locks_a_name(tokens: &[Token<'_>]) -> bool {
    let is = |index: usize, words: &[&str]| tokens.get(index).is_some_and(|token| token.is_any(words));
    is(1, &["create"]) && is(2, &["procedure", "function", "event", "trigger", "user"])
}

/// KILL.
pub(super) fn kill(work: &Work<'_>, tokens: &[Token<'_>]) -> Found {
    let mut rest = &tokens[1..];
    let mut query_only = false;
    while let [first, further @ ..] = rest
        && first.is_any(&["hard", "soft", "connection", "query"])
    {
        query_only |= first.is("query");
        rest = further;
    }
    match rest {
        [id] if id.kind == TokenKind::Number => match work.raw(id).and_then(|id| id.parse().ok()) {
            Some(id) => found(StatementClass::Kill { query_only, id }, Placement::Tableless, Vec::new()),
            None => found(StatementClass::Admin, Placement::Tableless, Vec::new()),
        },
        // KILL USER, KILL QUERY ID, KILL of an expression: the server's own business.
        _ => found(StatementClass::Admin, data::opaque(work, tokens), Vec::new()),
    }
}

/// LOCK, UNLOCK, FLUSH.
pub(super) fn locks(work: &Work<'_>, tokens: &[Token<'_>]) -> Found {
    let has = |keyword: &str| tokens.iter().any(|token| token.is(keyword));
    if tokens[0].is("unlock") {
        return found(StatementClass::TableLocks, Placement::Tableless, vec![Effect::Unpin(PinReason::TableLocks)]);
    }
    let pinned = vec![Effect::ImplicitCommit, Effect::Pin(PinReason::TableLocks)];
    if tokens[0].is("flush") {
        let locks = has("table") || has("tables");
        if locks && (has("lock") || has("export")) {
            return found(StatementClass::TableLocks, Placement::Tableless, pinned);
        }
        return found(StatementClass::Admin, Placement::Tableless, vec![Effect::ImplicitCommit]);
    }
    if !(tokens.len() > 1 && tokens[1].is_any(&["table", "tables"])) {
        return found(StatementClass::TableLocks, data::opaque(work, tokens), pinned);
    }
    let mut tables = Vec::new();
    let mut at = 2;
    while let Some((name, next)) = name_at(tokens, at) {
        tables.extend(resolve::tables(&work.context, &name));
        match tokens[next..].iter().position(|token| token.is_symbol(",")) {
            Some(comma) => at = next + comma + 1,
            None => break,
        }
    }
    let placement = resolve::placement(Access::Write, &tables, &[], Keys::Missing);
    found(StatementClass::TableLocks, placement, pinned)
}

/// XA. Where no table is managed it runs at the session's own primary, else where its branch is.
pub(super) fn xa(work: &Work<'_>, tokens: &[Token<'_>]) -> Found {
    let managed = work.context.state.groups.iter().any(|group| group.has_managed_tables());
    let placement = if managed { Placement::Tableless } else { Placement::Local { group: work.session_group() } };
    let says = |word: &str| tokens.iter().any(|token| token.is(word));
    let verb = |verbs: &[&str]| tokens.get(1).is_some_and(|verb| verb.is_any(verbs));
    let step = if verb(&["start", "begin"]) && !says("join") && !says("resume") {
        XaStep::Start
    } else if verb(&["recover"]) {
        XaStep::Recover
    } else if verb(&["prepare"]) {
        XaStep::Prepare
    } else if verb(&["commit", "rollback"]) && !says("phase") {
        XaStep::Finish
    } else {
        XaStep::Within
    };
    let effects = match step {
        XaStep::Finish => vec![Effect::Unpin(PinReason::Xa)],
        XaStep::Within if verb(&["commit"]) => vec![Effect::Unpin(PinReason::Xa)],
        XaStep::Recover => Vec::new(),
        XaStep::Start | XaStep::Within | XaStep::Prepare => vec![Effect::Pin(PinReason::Xa)],
    };
    found(StatementClass::Xa(step), placement, effects)
}

/// PREPARE, EXECUTE and DEALLOCATE as SQL text: what is prepared must not reach managed tables, for at EXECUTE nobody reads it.
pub(super) fn prepared(work: &Work<'_>, tokens: &[Token<'_>]) -> Found {
    let is_immediate = tokens[0].is("execute") && tokens.get(1).is_some_and(|token| token.is("immediate"));
    // The servers fold the case of these names.
    let name =
        |token: Option<&Token<'_>>| token.filter(|token| token.is_name()).map(|token| token.name().to_lowercase());
    let unknown = Effect::Pin(PinReason::SqlPrepare);
    if !tokens[0].is("prepare") && !is_immediate {
        let effect = match (tokens[0].is("execute"), name(tokens.last())) {
            (true, _) => name(tokens.get(1)).map(|name| Effect::Executed { name }),
            (false, Some(name)) => Some(Effect::Closed { reason: PinReason::SqlPrepare, name }),
            (false, None) => None,
        };
        let effects = vec![effect.unwrap_or(unknown)];
        return found(StatementClass::Admin, Placement::Local { group: work.session_group() }, effects);
    }
    let source = if is_immediate { tokens.get(2) } else { tokens.iter().skip_while(|token| !token.is("from")).nth(1) };
    let inner = source.filter(|token| token.kind == TokenKind::Text).and_then(|token| inner(work, token));
    let leaves_nothing = inner.as_ref().is_some_and(|inner| {
        inner.plan.statements.iter().all(|facts| facts.effects.is_empty() && facts.found_rows != FoundRows::Calculated)
    });
    let effects = match name(tokens.get(1)) {
        Some(name) if leaves_nothing && !is_immediate => vec![Effect::Opened { reason: PinReason::SqlPrepare, name }],
        Some(_) | None => vec![unknown],
    };
    let placement = inner.and_then(placement_of);
    let is_managed = work.context.state.groups.iter().any(|group| group.has_managed_tables());
    let placement = match placement {
        Some(placement @ (Placement::Tableless | Placement::Local { .. })) => placement,
        Some(Placement::Refused(refusal)) => Placement::Refused(refusal),
        _ if !is_managed => Placement::Local { group: work.session_group() },
        Some(Placement::Sharded { group, rule, .. } | Placement::Global { group, rule }) => {
            let table = work.context.state.group(group).tables[rule].name.clone();
            Placement::Refused(SqlRefusal::Unreadable { table })
        }
        _ => Placement::Refused(SqlRefusal::Unreadable { table: "PREPARE".to_owned() }),
    };
    let mut found = found(StatementClass::Admin, placement, effects);
    found.context_change = Some("PREPARE".to_owned());
    found
}

/// What a text that is prepared as text says.
fn inner(work: &Work<'_>, token: &Token<'_>) -> Option<Statement> {
    let raw = work.raw(token)?;
    let text = literal::contents(raw.as_bytes(), work.context.mode)?;
    let first = text.trim_ascii_start();
    // A text that prepares again would be read here again and again.
    if first.len() >= 7 && (first[..7].eq_ignore_ascii_case(b"prepare") || first[..7].eq_ignore_ascii_case(b"execute"))
    {
        return None;
    }
    Some(analyze::analyze(&text, &work.context))
}

fn placement_of(inner: Statement) -> Option<Placement> {
    let placements = inner.plan.statements.iter().map(|facts| &facts.placement);
    let is_managed = |placement: &&Placement| !matches!(placement, Placement::Tableless | Placement::Local { .. });
    placements.clone().find(is_managed).or(inner.plan.statements.first().map(|facts| &facts.placement)).cloned()
}

/// A block of statements outside a routine: it may do what a routine may.
pub(super) fn block(work: &Work<'_>, tokens: &[Token<'_>]) -> Found {
    let traces = effects::traces(&work.context, tokens);
    let placement = match (&traces.routine, data::opaque(work, tokens)) {
        (Some(routine), Placement::Local { .. }) => data::routine_placement(work, tokens, routine),
        (_, placement) => placement,
    };
    found(StatementClass::Admin, placement, vec![Effect::Pin(PinReason::Routine)])
}

/// HANDLER.
pub(super) fn handler(work: &Work<'_>, tokens: &[Token<'_>]) -> Found {
    let open = tokens.iter().position(|token| token.is("open"));
    let effects = match (name_at(tokens, 1), open) {
        // Its alias, else the table's bare name, is what READ and CLOSE call it.
        (Some((name, next)), Some(at)) if at == next => {
            let alias = tokens[at + 1..].iter().find(|token| token.is_name() && !token.is("as"));
            vec![Effect::Opened { reason: PinReason::Handler, name: alias.map_or(name.table, Token::name) }]
        }
        (Some((name, next)), _) if tokens.get(next).is_some_and(|token| token.is("close")) => {
            vec![Effect::Closed { reason: PinReason::Handler, name: name.table }]
        }
        (Some((_, next)), _) if tokens.get(next).is_some_and(|token| token.is("read")) => Vec::new(),
        _ => vec![Effect::Pin(PinReason::Handler)],
    };
    found(StatementClass::Admin, data::opaque(work, tokens), effects)
}

/// The column heading of a bare `SELECT CONNECTION_ID()`, with or without an alias.
pub(super) fn connection_id(work: &Work<'_>, tokens: &[Token<'_>]) -> Option<String> {
    let [select, function, open, close, rest @ ..] = tokens else { return None };
    let is_bare = select.is("select")
        && function.is("connection_id")
        && open.is_symbol("(")
        && close.is_symbol(")")
        && work.lexed.hints.is_empty();
    if !is_bare {
        return None;
    }
    match rest {
        [] => {
            let text = String::from_utf8_lossy(work.text);
            let start = text.to_ascii_lowercase().find("connection_id")?;
            let end = text[start..].find(')')?;
            Some(text[start..=start + end].to_owned())
        }
        [alias] if alias.is_name() => Some(alias.name()),
        [word, alias] if word.is("as") && alias.is_name() => Some(alias.name()),
        _ => None,
    }
}
