//! Which columns of a SELECT without tables are CONNECTION_ID(): the server knows the connection by another number than its client.

use super::lexed::{Lexed, Reading};
use super::lexer;
use super::statement::{CharsetClass, Dialect, SqlMode};
use super::token::{self, Token};

/// Longer texts do not ask for an id.
const LONGEST: usize = 4096;

const NAME: &[u8] = b"connection_id";

/// The columns that are CONNECTION_ID() and nothing else, a bit for each of the first 64.
pub fn connection_id_columns(text: &[u8], mode: SqlMode, charset: CharsetClass, dialect: Dialect) -> u64 {
    let names_it = text.len() <= LONGEST && text.windows(NAME.len()).any(|window| window.eq_ignore_ascii_case(NAME));
    if !names_it {
        return 0;
    }
    let mut lexed = Lexed::default();
    lexer::lex(text, Reading { mode, charset, dialect }, &mut lexed);
    if lexed.ambiguous {
        return 0;
    }
    match token::tokens(&lexed.normalised[..lexed.tokens_end]).as_slice() {
        [select, items @ ..] if select.is("select") => columns_of(items),
        _ => 0,
    }
}

fn columns_of(tokens: &[Token<'_>]) -> u64 {
    let (mut columns, mut index, mut depth, mut begin) = (0u64, 0u32, 0usize, 0);
    let mut item = |index: u32, item: &[Token<'_>]| {
        if index < u64::BITS && is_connection_id(item) {
            columns |= 1 << index;
        }
    };
    for (at, token) in tokens.iter().enumerate() {
        if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            depth = depth.saturating_sub(1);
        } else if depth == 0 && token.is_any(&["from", "union", "except", "intersect", "into"]) {
            // Several rows, or none.
            return 0;
        } else if depth == 0 && token.is_symbol(",") {
            item(index, &tokens[begin..at]);
            (index, begin) = (index + 1, at + 1);
        }
    }
    item(index, &tokens[begin..]);
    columns
}

fn is_connection_id(item: &[Token<'_>]) -> bool {
    let [function, open, close, alias @ ..] = item else { return false };
    let is_call = function.is("connection_id") && open.is_symbol("(") && close.is_symbol(")");
    let is_aliased = match alias {
        [] => true,
        // LIMIT and its like stand behind the last one.
        [alias, ..] => alias.is_name() || alias.is("as") || alias.is_literal() || alias.is_symbol(";"),
    };
    is_call && is_aliased
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Family;

    #[test]
    fn only_columns_that_are_nothing_else_are_told() {
        let dialect = Dialect { family: Family::MariaDb, version: 101_119 };
        let told = |text: &str| connection_id_columns(text.as_bytes(), SqlMode::default(), CharsetClass::Utf8, dialect);
        for (text, columns) in [
            ("SELECT CONNECTION_ID(), USER()", 0b1),
            ("select user(), connection_id() as id, 1, Connection_Id() limit 1", 0b1010),
            ("SELECT CONCAT('a', CONNECTION_ID()), CONNECTION_ID() + 1", 0),
            ("SELECT VERSION(), IF(1, CONNECTION_ID(), 2), CONNECTION_ID() `my id`;", 0b100),
            ("SELECT 'CONNECTION_ID()', 2", 0),
            ("SELECT CONNECTION_ID() UNION SELECT 7", 0),
            ("SELECT CONNECTION_ID(), a FROM t", 0),
        ] {
            assert_eq!(told(text), columns, "{text}");
        }
    }
}
