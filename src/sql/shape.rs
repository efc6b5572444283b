//! The shape of a text as people and operators deal with it: its digest, its readable form, its verb.
//!
//! Nothing is routed by it.

use super::classify;
use super::lexed::{HEX, Lexed, NUMBER, PARAMETER, RAW, Reading, TEXT};
use super::lexer;
use super::statement::{CharsetClass, Dialect, Shape, SqlMode};
use super::token::Token;

/// The digest of a text under the default sql_mode and character set.
pub fn digest(text: &[u8], dialect: Dialect) -> u64 {
    let lexed = lexed(text, dialect);
    of_lexed(&lexed)
}

/// A text without its comments, with `?` for its literals: what can be shown of a client's statement.
pub fn readable(text: &[u8], dialect: Dialect) -> String {
    let lexed = lexed(text, dialect);
    let mut shown = String::new();
    let normalised = String::from_utf8_lossy(&lexed.normalised[..lexed.tokens_end]);
    for letter in normalised.chars() {
        match u8::try_from(letter) {
            Ok(NUMBER | TEXT | HEX | PARAMETER) => shown.push('?'),
            Ok(RAW) => {}
            _ => shown.push(letter),
        }
    }
    shown
}

fn lexed(text: &[u8], dialect: Dialect) -> Lexed {
    let mut lexed = Lexed::default();
    lexer::lex(text, Reading { mode: SqlMode::default(), charset: CharsetClass::default(), dialect }, &mut lexed);
    lexed
}

/// FNV-1a over the shape's tokens in lower case; a parameter and a literal are the same to it.
pub(super) fn of_lexed(lexed: &Lexed) -> u64 {
    lexed.normalised[..lexed.tokens_end].iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        let byte = match *byte {
            NUMBER | TEXT | HEX | PARAMETER => b'?',
            byte => byte.to_ascii_lowercase(),
        };
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The shape of one statement.
pub(super) fn of(tokens: &[Token<'_>]) -> Shape {
    let verb = classify::verb(tokens);
    let is_restrictable = match verb.as_str() {
        "update" | "delete" => true,
        "select" => at_top(tokens, &["from"]),
        _ => false,
    };
    let is_unrestricted = is_restrictable && !at_top(tokens, &["where", "limit", "fetch"]);
    Shape { verb: verb.into_boxed_str(), is_unrestricted }
}

/// Whether one of the keywords stands outside all parentheses; those around a whole query do not count.
fn at_top(tokens: &[Token<'_>], keywords: &[&str]) -> bool {
    let around = tokens.iter().take_while(|token| token.is_symbol("(")).count();
    let mut depth = 0usize;
    for token in tokens {
        if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            depth = depth.saturating_sub(1);
        } else if depth <= around && token.is_any(keywords) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::statement::Family;
    use super::super::token;
    use super::*;

    const DIALECT: Dialect = Dialect { family: Family::MariaDb, version: 101_119 };

    fn shape(text: &str) -> (String, bool) {
        let lexed = lexed(text.as_bytes(), DIALECT);
        let shape = of(&token::tokens(&lexed.normalised[..lexed.tokens_end]));
        (shape.verb.into_string(), shape.is_unrestricted)
    }

    #[test]
    fn one_digest_for_all_values_cases_comments_and_parameters() {
        let of = |text: &str| digest(text.as_bytes(), DIALECT);
        let wanted = of("UPDATE orders SET amount = 3 WHERE user_id = 6000");
        assert_eq!(of("update  orders set amount=4 /* x */ where user_id = ?"), wanted);
        assert_eq!(of("UPDATE orders SET amount = 'x' WHERE user_id = 0x1F"), wanted);
        assert_ne!(of("UPDATE orders SET amount = 3 WHERE item = 6000"), wanted);
        assert_eq!(readable(b"SELECT * FROM orders -- x\n WHERE a = 'secret'", DIALECT).matches("secret").count(), 0);
        assert!(readable(b"SELECT * FROM orders WHERE a = 'secret'", DIALECT).contains('?'));
    }

    #[test]
    fn a_statement_is_restricted_by_its_own_where_or_limit() {
        for (text, verb, is_unrestricted) in [
            ("DELETE FROM orders", "delete", true),
            ("DELETE FROM orders WHERE id = 1", "delete", false),
            ("DELETE FROM orders LIMIT 5", "delete", false),
            ("UPDATE orders SET note = (SELECT name FROM product WHERE id = 1)", "update", true),
            ("WITH a AS (SELECT 1 FROM product WHERE id = 1) UPDATE orders, a SET amount = 1", "update", true),
            ("SELECT 1", "select", false),
            ("SELECT * FROM orders", "select", true),
            ("(SELECT * FROM orders WHERE id = 1)", "select", false),
            ("SELECT * FROM (SELECT * FROM orders WHERE id = 1) AS o", "select", true),
            ("INSERT INTO orders SELECT * FROM orders", "insert", false),
            ("SET STATEMENT max_statement_time = 1 FOR DELETE FROM orders", "delete", true),
            ("TRUNCATE orders", "truncate", false),
            ("", "", false),
        ] {
            assert_eq!(shape(text), (verb.to_owned(), is_unrestricted), "{text}");
        }
    }
}
