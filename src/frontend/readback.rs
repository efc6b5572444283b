//! What only the server knows of a session's state, asked for on the session's connection: the value of a variable that was computed,
//! and whether a named lock is left.

use super::held::Held;
use crate::sql::PinReason;
use crate::wire::command::Command;
use crate::wire::scanner::{EndKind, ReplyKind};
use crate::wire::text_row::text_row;

/// The values of these session variables, as SQL literals in their order; `None` when they cannot be had, or one cannot be written as a
/// literal that means the same under any sql_mode and character set.
pub(super) async fn variables(held: &mut Held, names: &[&str]) -> Option<Vec<String>> {
    let columns: Vec<String> = names.iter().map(|name| format!("@@session.`{}`", name.replace('`', "``"))).collect();
    let row = ask(held, &format!("SELECT {}", columns.join(","))).await?;
    (row.len() == names.len()).then_some(())?;
    row.into_iter().map(literal).collect()
}

/// Ends the pin for named locks if the server says that none of those the session took is left.
pub(super) async fn release_locks(held: &mut Held) {
    if held.pins.is_unnamed(PinReason::NamedLock) {
        return;
    }
    let mine = |name: &str| format!("IFNULL(IS_USED_LOCK({name})=CONNECTION_ID(),0)");
    let left: Vec<String> = held.pins.names(PinReason::NamedLock).map(mine).collect();
    if left.is_empty() {
        return;
    }
    let row = ask(held, &format!("SELECT {}", left.join("+"))).await;
    if row.is_some_and(|row| row == [Some("0".to_owned())]) {
        held.pins.end(PinReason::NamedLock);
    }
}

async fn ask(held: &mut Held, question: &str) -> Option<Vec<Option<String>>> {
    let reply = held.checkout.connection.ask(Command::Query, question.as_bytes(), ReplyKind::Query).await.ok()?;
    if matches!(reply.end.kind, EndKind::Error { .. }) {
        return None;
    }
    text_row(&reply.bytes)
}

/// Numbers bare, since a number's variable takes no string; everything else quoted.
fn literal(value: Option<String>) -> Option<String> {
    let Some(value) = value else { return Some("NULL".to_owned()) };
    let digits = value.strip_prefix('-').unwrap_or(&value);
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && digits.bytes().filter(|byte| *byte == b'.').count() <= 1;
    let is_plain = value.is_ascii() && !value.contains('\\') && !value.contains(|c: char| c.is_ascii_control());
    match (is_number, is_plain) {
        (true, _) => Some(value),
        (false, true) => Some(format!("'{}'", value.replace('\'', "''"))),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_becomes_a_literal_that_means_the_same_everywhere() {
        let literal = |value: &str| literal(Some(value.to_owned()));
        assert_eq!(literal("4096").as_deref(), Some("4096"));
        assert_eq!(literal("-1").as_deref(), Some("-1"));
        assert_eq!(literal("0.500000").as_deref(), Some("0.500000"));
        assert_eq!(literal("").as_deref(), Some("''"));
        assert_eq!(literal("+00:00").as_deref(), Some("'+00:00'"));
        assert_eq!(literal("STRICT_TRANS_TABLES,ANSI_QUOTES").as_deref(), Some("'STRICT_TRANS_TABLES,ANSI_QUOTES'"));
        assert_eq!(literal("it's").as_deref(), Some("'it''s'"));
        assert_eq!(literal("back\\slash"), None);
        assert_eq!(super::literal(None).as_deref(), Some("NULL"));
    }
}
