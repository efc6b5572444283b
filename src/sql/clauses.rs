//! Clauses and modifiers that do not bear on structure and that the parser crate does not know.
//!
//! They are left out of what it is given; what they mean is the classifier's business.

use super::token::{Token, TokenKind};

/// How many tokens to leave out here.
pub(super) fn skipped(rest: &[Token<'_>], at: usize, is_change: bool) -> Option<usize> {
    const MODIFIERS: [&str; 5] = ["low_priority", "quick", "ignore", "high_priority", "delayed"];
    const SELECT_MODIFIERS: [&str; 6] =
        ["sql_calc_found_rows", "sql_no_cache", "sql_cache", "sql_big_result", "sql_small_result", "sql_buffer_result"];
    let is = |index: usize, keyword: &str| rest.get(index).is_some_and(|token| token.is(keyword));
    if rest[0].kind == TokenKind::OptimizerHint {
        return Some(1);
    }
    if rest[0].kind != TokenKind::Word || rest[0].is_qualified {
        return None;
    }
    if rest[0].is_any(&SELECT_MODIFIERS) {
        return Some(1);
    }
    if is_change && at > 0 && at < 4 && rest[0].is_any(&MODIFIERS) {
        return Some(1);
    }
    if is(0, "lock") && is(1, "in") && is(2, "share") && is(3, "mode") {
        return Some(4 + wait_clause(&rest[4..]));
    }
    if is(0, "for") && (is(1, "update") || is(1, "share")) {
        let mut length = 2;
        if is(length, "of") {
            length += 1;
            while rest.get(length).is_some_and(|token| token.is_name() && !token.is_any(&["nowait", "skip", "wait"]))
                || rest.get(length).is_some_and(|token| token.is_symbol(",") || token.is_symbol("."))
            {
                length += 1;
            }
        }
        return Some(length + wait_clause(&rest[length..]));
    }
    if is(0, "into") && rest.get(1).is_some_and(|token| token.kind == TokenKind::UserVariable) {
        let mut length = 2;
        while rest.get(length).is_some_and(|token| token.is_symbol(","))
            && rest.get(length + 1).is_some_and(|token| token.kind == TokenKind::UserVariable)
        {
            length += 2;
        }
        return Some(length);
    }
    if is(0, "into") && (is(1, "outfile") || is(1, "dumpfile")) {
        let mut length = 3;
        while let Some(token) = rest.get(length)
            && (token.is_literal()
                || token.is_any(&[
                    "fields",
                    "columns",
                    "lines",
                    "terminated",
                    "by",
                    "enclosed",
                    "escaped",
                    "optionally",
                    "starting",
                    "character",
                    "set",
                    "charset",
                    "binary",
                    "utf8",
                    "utf8mb4",
                    "latin1",
                ]))
        {
            length += 1;
        }
        return Some(length);
    }
    None
}

fn wait_clause(rest: &[Token<'_>]) -> usize {
    let is = |index: usize, keyword: &str| rest.get(index).is_some_and(|token| token.is(keyword));
    if is(0, "nowait") {
        1
    } else if (is(0, "skip") && is(1, "locked")) || (is(0, "wait") && rest.get(1).is_some_and(Token::is_literal)) {
        2
    } else {
        0
    }
}
