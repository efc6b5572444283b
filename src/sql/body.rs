//! Where a statement that holds statements ends: CREATE PROCEDURE and its kin, and MariaDB's blocks outside routines.
//!
//! Counts blocks; knows no other grammar. Where a body's end is not certain it says so: what stands behind it would be carried with it.

use super::token::{Token, TokenKind};

/// What may hold a body, and the objects that stand before such a word where it is only a name.
const WITH_BODY: [&str; 5] = ["procedure", "function", "trigger", "event", "package"];
const WITHOUT_BODY: [&str; 17] = [
    "table",
    "view",
    "index",
    "database",
    "schema",
    "user",
    "role",
    "server",
    "sequence",
    "tablespace",
    "instance",
    "logfile",
    "resource",
    "spatial",
    "library",
    "tables",
    "undo",
];

/// Whether a statement holds statements of its own.
pub(super) fn has_body(tokens: &[Token<'_>]) -> bool {
    let Some(first) = tokens.first() else { return false };
    let is = |index: usize, keyword: &str| tokens.get(index).is_some_and(|token| token.is(keyword));
    if is_ddl(tokens) {
        let object =
            tokens.iter().skip(1).take(30).find(|token| token.is_any(&WITH_BODY) || token.is_any(&WITHOUT_BODY));
        return object.is_some_and(|object| object.is_any(&WITH_BODY));
    }
    let is_labelled = first.is_name() && tokens.get(1).is_some_and(|token| token.is_symbol(":"));
    let is_block = first.is("begin") && tokens.get(1).is_some_and(|next| !next.is_symbol(";") && !next.is("work"));
    is_labelled
        || is_block
        || (first.is("declare") && !is(1, "="))
        || first.is_any(&["if", "case", "loop", "while", "repeat", "for"])
}

/// Whether the statement's body becomes part of the schema rather than being run.
pub(super) fn is_ddl(tokens: &[Token<'_>]) -> bool {
    tokens.first().is_some_and(|first| first.is_any(&["create", "alter"]))
}

/// The index of the `;` behind a CREATE or ALTER with a body, or the number of tokens. `None` if it is not certain.
pub(super) fn end(tokens: &[Token<'_>]) -> Option<usize> {
    let (mut depth, mut has_begun, mut at) = (0usize, false, 0);
    while let Some(token) = tokens.get(at) {
        if token.is_symbol(";") && depth == 0 {
            return Some(at);
        }
        if token.is("end") {
            depth = depth.checked_sub(1)?;
            let names_block =
                tokens.get(at + 1).is_some_and(|next| next.is_any(&["if", "case", "loop", "while", "repeat", "for"]));
            at += 1 + usize::from(names_block);
            continue;
        }
        if opens(tokens, at, has_begun) {
            depth += 1;
            has_begun = true;
        }
        at += 1;
    }
    (depth == 0).then_some(tokens.len())
}

/// Whether an END belongs to the token.
fn opens(tokens: &[Token<'_>], at: usize, has_begun: bool) -> bool {
    let token = &tokens[at];
    let next_is = |words: &[&str]| tokens.get(at + 1).is_some_and(|next| next.is_any(words));
    if token.is("case") {
        return true;
    }
    if token.is("begin") {
        let is_name = next_is(&["from"])
            || tokens
                .get(at + 1)
                .is_none_or(|next| [";", ",", ")", ".", "="].iter().any(|symbol| next.is_symbol(symbol)));
        return !is_name && (starts_statement(tokens, at) || (!has_begun && follows_head(tokens, at)));
    }
    let is_statement = token.is_any(&["loop", "while"])
        || (token.is_any(&["if", "repeat"]) && !is_call(tokens, at + 1))
        || (token.is("for") && !next_is(&["update", "share", "each", "system_time", "portion"]));
    is_statement && (starts_statement(tokens, at) || (!has_begun && follows_head(tokens, at)))
}

fn starts_statement(tokens: &[Token<'_>], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|before| &tokens[before]) else { return false };
    before.is_symbol(";")
        || before.is_symbol(":")
        || before.is_any(&["begin", "then", "else", "do", "loop", "repeat", "row"])
}

/// Whether the words before are the end of a routine's head: parameters, a type, characteristics.
fn follows_head(tokens: &[Token<'_>], at: usize) -> bool {
    const TYPES: [&str; 44] = [
        "tinyint",
        "smallint",
        "mediumint",
        "int",
        "integer",
        "bigint",
        "float",
        "double",
        "real",
        "precision",
        "decimal",
        "numeric",
        "bit",
        "bool",
        "boolean",
        "date",
        "time",
        "datetime",
        "timestamp",
        "year",
        "char",
        "varchar",
        "text",
        "tinytext",
        "mediumtext",
        "longtext",
        "blob",
        "tinyblob",
        "mediumblob",
        "longblob",
        "binary",
        "varbinary",
        "json",
        "geometry",
        "point",
        "linestring",
        "polygon",
        "unsigned",
        "signed",
        "zerofill",
        "uuid",
        "inet4",
        "inet6",
        "vector",
    ];
    let (Some(before), earlier) =
        (at.checked_sub(1).map(|index| &tokens[index]), at.checked_sub(2).map(|index| &tokens[index]))
    else {
        return false;
    };
    let earlier_is = |words: &[&str]| earlier.is_some_and(|token| token.is_any(words));
    before.is_symbol(")")
        || before.kind == TokenKind::Text
        || before.is("deterministic")
        || (before.is("data") && earlier_is(&["sql"]))
        || (before.is("sql") && earlier_is(&["no", "contains", "language"]))
        || before.is_any(&["definer", "invoker"])
        || before.is_any(&TYPES)
        || earlier_is(&["charset", "set", "collate", "follows", "precedes"])
}

/// Whether parentheses with a comma open here: the arguments of a function, not a condition.
fn is_call(tokens: &[Token<'_>], at: usize) -> bool {
    if !tokens.get(at).is_some_and(|token| token.is_symbol("(")) {
        return false;
    }
    let mut depth = 0usize;
    // A condition longer than this is not followed: taken for a call, it makes the body end early, which is seen.
    for token in tokens[at..].iter().take(300) {
        if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            depth -= 1;
            if depth == 0 {
                return false;
            }
        } else if depth == 1 && token.is_symbol(",") {
            return true;
        }
    }
    true
}
