//! The names of GET_LOCK in one text: they are values, so a plan, which serves all texts of a shape, does not hold them.

use super::analyze::{Work, of_one_text};
use super::statement::SqlContext;
use super::token::Token;

/// The names this text gives to GET_LOCK, as the SQL literals they stand in; `None` when one of them is not a plain literal.
pub fn lock_names(text: &[u8], context: &SqlContext<'_>) -> Option<Vec<String>> {
    of_one_text(text, context, names_in)
}

fn names_in(work: &Work<'_>, tokens: &[Token<'_>]) -> Option<Vec<String>> {
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
