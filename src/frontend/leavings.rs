//! What the last statement left at its server thread, for a session whose next statement asks for it on another thread: there the same
//! is brought about first. FOUND_ROWS() and ROW_COUNT() have no variable that could be set.

use super::error_reply;
use super::held::{Held, LastStatement};
use super::request::{Request, Subject};
use super::session::Session;
use crate::backend::ConnectionError;
use crate::fault::ClientText;
use crate::sql::{Facts, FoundRows, Statement, StatementClass};
use crate::wire::command::Command;
use crate::wire::reply::ReplyEnd;
use crate::wire::scanner::{EndKind, ReplyKind};
use crate::wire::status;

/// What a statement names that asks for more than the insert id.
const LEAVINGS: [&str; 5] = ["FOUND_ROWS", "ROW_COUNT", "WARNING", "ERROR", "DIAGNOSTICS"];

/// How many rows are found once more at most: each takes two bytes of the smallest `max_allowed_packet` that servers come with.
const MOST_ROWS: u64 = 500_000;

/// Whether the statement asks for what the session's last statement left, and somebody else's may have gone over it on the connection, or
/// for the rows that were found, and somebody else's found others.
pub(super) fn asks_elsewhere(held: &Held, request: &Request, statement: &Statement) -> bool {
    statement.first().asks_previous
        && match (held.last_statement, held.found_rows) {
            (LastStatement::Foreign, _) => true,
            (LastStatement::Own, LastStatement::Foreign) => text_of(request).contains("FOUND_ROWS"),
            (LastStatement::Own, LastStatement::Own) => false,
        }
}

/// Whether it asks for more than the insert id.
pub(super) fn names_leavings(request: &Request) -> bool {
    let text = text_of(request);
    LEAVINGS.iter().any(|name| text.contains(name))
}

impl Session {
    /// Makes the connection's last statement leave what the session's own last one left. What carried warnings is answered or refused before.
    /// Errors: nobody knows how many rows were found, or too many; the connection's.
    pub(super) async fn tell_leavings(&mut self, held: &mut Held, request: &Request) -> Result<(), ConnectionError> {
        let text = text_of(request);
        // Here it has the connection's own leavings, but for the rows found, and finding those would go over the others.
        let only_rows = held.last_statement == LastStatement::Own;
        let asks_others = || LEAVINGS.iter().any(|name| *name != "FOUND_ROWS" && text.contains(name));
        let row_count = match only_rows {
            true if asks_others() => return Err(unknown(request)),
            true => -1,
            false => self.left_behind.as_ref().map_or(0, |left| left.row_count),
        };
        let connection = &mut held.checkout.connection;
        let rows = match text.contains("FOUND_ROWS") {
            false if row_count == 0 => None,
            false => Some("SELECT 1".to_owned()),
            true => Some(self.found_rows.and_then(rows_found).ok_or_else(|| unknown(request))?),
        };
        if let Some(rows) = rows {
            let reply = connection.ask(Command::Query, rows.as_bytes(), ReplyKind::Query).await?;
            if matches!(reply.end.kind, EndKind::Error { .. }) {
                return Err(ConnectionError::Refused { packet: reply.bytes });
            }
        }
        if row_count == 0 {
            // It leaves the rows found as they are, and counts none.
            let id = self.last_insert_id;
            connection.confirmed(Command::Query, format!("SET last_insert_id={id}").as_bytes()).await?;
            connection.last_insert_id = Some(id);
        }
        (held.last_statement, held.found_rows) = (LastStatement::Own, LastStatement::Own);
        Ok(())
    }

    /// A SELECT that gave its rows at once has told how many it found. Most others leave that number as it was; of the rest nobody knows.
    pub(super) fn note_found_rows(&mut self, held: &mut Held, end: &ReplyEnd, statement: &Statement) {
        let failed = matches!(end.kind, EndKind::Error { .. });
        let gave_rows = end.kind == EndKind::Eof && end.seen_status & status::CURSOR_EXISTS == 0;
        let finds = |facts: &Facts| {
            matches!(facts.class, StatementClass::Read | StatementClass::LockingRead)
                || facts.found_rows == FoundRows::Calculated
        };
        if gave_rows && matches!(statement.plan.statements.as_slice(), [alone] if finds(alone)) {
            held.found_rows = LastStatement::Own;
        }
        self.found_rows = match statement.plan.statements.as_slice() {
            [alone] if alone.found_rows == FoundRows::Calculated => None,
            [alone] if matches!(alone.class, StatementClass::Read | StatementClass::LockingRead) => match gave_rows {
                true => Some(end.rows),
                false => self.found_rows.filter(|_| failed),
            },
            [alone] if alone.found_rows == FoundRows::Kept || is_of_transactions(&alone.class) => self.found_rows,
            _ => None,
        };
    }
}

/// The text of a statement, in upper case.
fn text_of(request: &Request) -> String {
    let text = match &request.subject {
        Subject::Text => &request.payload()[request.text_at..],
        Subject::Execute(execution) => &execution.text,
        Subject::Fixed(..) => &[],
    };
    String::from_utf8_lossy(text).to_ascii_uppercase()
}

/// A SELECT whose FOUND_ROWS() is `rows`, and which gives none of them; `None` for more than are asked for.
fn rows_found(rows: u64) -> Option<String> {
    let list = match rows {
        0 => "'[]'".to_owned(),
        1..=MOST_ROWS => format!("CONCAT('[',REPEAT('0,',{}),'0]')", rows - 1),
        _ => return None,
    };
    Some(format!("SELECT SQL_CALC_FOUND_ROWS 1 FROM JSON_TABLE({list},'$[*]' COLUMNS(n INT PATH '$')) r LIMIT 0"))
}

fn is_of_transactions(class: &StatementClass) -> bool {
    matches!(
        class,
        StatementClass::Begin(_)
            | StatementClass::Commit(_)
            | StatementClass::Rollback(_)
            | StatementClass::Savepoint
            | StatementClass::SetTransaction
    )
}

fn unknown(request: &Request) -> ConnectionError {
    let message = "meridian: FOUND_ROWS() was left on a connection that has served others since, and is not known here; ask it behind the \
                   SELECT itself, or by itself";
    let text = ClientText { errno: 1105, sqlstate: "HY000", message: message.to_owned() };
    ConnectionError::Refused { packet: error_reply::text(&text, request.reply_sequence()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_rows_are_found_as_a_server_may_be_asked_to_find() {
        assert!(rows_found(0).is_some_and(|text| text.contains("'[]'")));
        assert!(rows_found(3).is_some_and(|text| text.contains("REPEAT('0,',2)")));
        assert_eq!(rows_found(MOST_ROWS + 1), None);
    }
}
