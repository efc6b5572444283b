//! The names of GET_LOCK in one text: they are values, so a plan, which serves all texts of a shape, does not hold them.

use std::cell::Cell;

use super::analyze::{Work, reading};
use super::lexed::Lexed;
use super::lexer;
use super::statement::SqlContext;
use super::token;

/// The names this text gives to GET_LOCK, as the SQL literals they stand in; `None` when one of them is not a plain literal.
pub fn lock_names(text: &[u8], context: &SqlContext<'_>) -> Option<Vec<String>> {
    let mut lexed = Lexed::default();
    lexer::lex(text, reading(context), &mut lexed);
    if lexed.ambiguous {
        return None;
    }
    let work = Work { text, lexed: &lexed, context: *context, has_key_hint: false, disagreement: Cell::default() };
    let tokens = token::tokens(&lexed.normalised[..lexed.tokens_end]);
    let mut names = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let is_call = token.is("get_lock") && tokens.get(index + 1).is_some_and(|next| next.is_symbol("("));
        if is_call {
            let name = tokens.get(index + 2).filter(|name| name.is_literal())?;
            tokens.get(index + 3).filter(|comma| comma.is_symbol(","))?;
            names.push(work.raw(name)?);
        }
    }
    Some(names)
}
