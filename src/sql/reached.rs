//! What the body of a trigger or an event reaches, as far as its text tells.
//!
//! For the pre-check of schemas, which names what may not hold: too much is found rather than too little. Never used to route.

use std::collections::BTreeSet;

use super::effects::{self, Within};
use super::lexed::{Lexed, Reading};
use super::lexer;
use super::statement::{CharsetClass, Dialect, SqlMode};
use super::token::{self, Token};
use crate::model::Catalog;

/// What a body may touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Every name in it that may be a table's, lower case, without schema.
    pub names: BTreeSet<String>,
    /// It changes rows of some table.
    pub writes: bool,
    /// It calls a routine, or a function that is not the servers' own.
    pub calls: bool,
}

/// What `body` reaches, read under the sql_mode it was stored with.
pub fn reached(body: &str, mode: SqlMode, dialect: Dialect) -> Reached {
    let mut lexed = Lexed::default();
    lexer::lex(body.as_bytes(), Reading { mode, charset: CharsetClass::Utf8, dialect }, &mut lexed);
    let tokens = token::tokens(&lexed.normalised[..lexed.tokens_end]);
    let catalog = Catalog::default();
    let traces = effects::traces_in(Within { schema: None, catalog: &catalog, declared: &[] }, &tokens);
    let changes = |(index, token): (usize, &Token<'_>)| {
        let is_call = tokens.get(index + 1).is_some_and(|next| next.is_symbol("("));
        token.is_any(&["update", "delete", "load", "truncate"]) || (token.is_any(&["insert", "replace"]) && !is_call)
    };
    let names = tokens.iter().enumerate().filter(|(index, token)| token.is_name() && !is_of_row(&tokens, *index));
    Reached {
        names: names.map(|(_, token)| token.name().to_lowercase()).collect(),
        writes: lexed.ambiguous || tokens.iter().enumerate().any(changes),
        calls: lexed.ambiguous || traces.is_unknown || tokens.iter().any(|token| token.is_any(&["call", "execute"])),
    }
}

/// `NEW.x` and `OLD.x` are columns of the trigger's own row.
fn is_of_row(tokens: &[Token<'_>], index: usize) -> bool {
    let before = index.checked_sub(2).map(|before| (&tokens[before], &tokens[before + 1]));
    before.is_some_and(|(row, dot)| dot.is_symbol(".") && row.is_any(&["new", "old"]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Family;

    fn of(body: &str) -> Reached {
        reached(body, SqlMode::default(), Dialect { family: Family::MariaDb, version: 101_100 })
    }

    #[test]
    fn a_body_that_only_sets_its_own_row_reaches_nothing() {
        let found =
            of("BEGIN SET NEW.product = REPLACE(NEW.account, 'a', 'b'); IF NEW.x > 5 THEN SET NEW.x = 5; END IF; END");
        assert!(!found.writes && !found.calls, "{found:?}");
        assert!(!found.names.contains("product") && !found.names.contains("account"), "{found:?}");
    }

    #[test]
    fn tables_writes_and_calls_are_found() {
        let found = of("INSERT INTO `Stock` (id, left_over) VALUES (NEW.id, 5)");
        assert!(found.writes && !found.calls && found.names.contains("stock"), "{found:?}");
        assert!(of("SET NEW.a = audit(NEW.b)").calls);
        assert!(of("CALL settle(NEW.id)").calls);
        assert!(of("DELETE FROM a WHERE x = 'it''s'").writes);
    }
}
