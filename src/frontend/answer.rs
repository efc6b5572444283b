//! What Meridian answers itself: queued transaction openings, its own connection ids, KILL, hints, and what the last
//! reply left on a connection that had to be given back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::error_reply;
use super::held::LeftBehind;
use super::request::{Request, Subject};
use super::session::{Session, SessionEnd};
use super::transaction::Transaction;
use crate::fault::ClientText;
use crate::route::Answer;
use crate::sql::{Completion, Effect, Statement, StatementClass};
use crate::wire::capability::Capabilities;
use crate::wire::command::Command;
use crate::wire::packet::{HEADER, write_packet};
use crate::wire::query_attributes::NO_ATTRIBUTES;
use crate::wire::text_result::{Column, ColumnKind, RowFormat, TextResult};

/// What names warnings that only the connection of the last reply knows.
const OF_ITS_WARNINGS: [&str; 5] = ["DIAGNOSTICS", "WARNINGS", "ERRORS", "WARNING_COUNT", "ERROR_COUNT"];

/// How long a KILL waits for the killed session to close its client's connection.
const GOODBYE: Duration = Duration::from_secs(1);

impl Session {
    /// Answers a statement that is sent nowhere.
    pub(super) async fn answer(
        &mut self,
        answer: Answer,
        request: &Request,
        statement: &Statement,
    ) -> Result<(), SessionEnd> {
        let sequence = request.reply_sequence();
        match answer {
            Answer::Queue => {
                if let Some(name) = self.missing_savepoint(request, statement) {
                    return self.send(&error_reply::text(&error_reply::unknown_savepoint(&name), sequence)).await;
                }
                if matches!(statement.first().class, StatementClass::Xa(_)) && self.transaction.is_begun() {
                    return self.send(&error_reply::text(&error_reply::outside_branch(), sequence)).await;
                }
                let before = self.before();
                self.queue(request, statement);
                self.show(None);
                self.send_ok_of_transaction(before, statement, sequence).await
            }
            Answer::DropQueue => {
                let before = self.before();
                match self.completion(request, statement) {
                    Some(Completion { chain: true, .. }) => self.queue(request, statement),
                    Some(_) | None => self.transaction = Transaction::None,
                }
                self.show(None);
                self.send_ok_of_transaction(before, statement, sequence).await?;
                self.end_of_release(request, statement)
            }
            Answer::Session => {
                for effect in &statement.first().effects {
                    if let Effect::Hint { name, value } = effect {
                        self.set_hint(name, value.as_deref());
                    }
                }
                self.send_ok(sequence).await
            }
            Answer::ConnectionId => {
                let heading = match &statement.first().class {
                    StatementClass::ConnectionId { heading } => heading.clone(),
                    _ => "CONNECTION_ID()".to_owned(),
                };
                let value = self.presence.entry.id.to_string();
                let packets = self.value(&heading, value, request);
                self.send(&packets).await
            }
            Answer::Branches => self.tell_branches(request).await,
            Answer::Kill { query_only, id } => self.kill(query_only, id, sequence).await,
        }
    }

    /// The savepoint a RELEASE or ROLLBACK TO names, when none of that name is queued: there is none anywhere then, and queueing the
    /// statement would only make a later one fail for it.
    fn missing_savepoint(&self, request: &Request, statement: &Statement) -> Option<String> {
        if !matches!(statement.first().class, StatementClass::Savepoint) {
            return None;
        }
        let (verb, wanted) = savepoint_in(&request.text())?;
        if verb == "savepoint" {
            return None;
        }
        let mut known = Vec::new();
        if let Transaction::Queued(opening) = &self.transaction {
            for (verb, name) in opening.packets.iter().filter_map(|packet| savepoint_in(packet.get(HEADER + 1..)?)) {
                match verb.as_str() {
                    "savepoint" => known.push(name.to_lowercase()),
                    "release" => known.retain(|known| *known != name.to_lowercase()),
                    other => tracing::trace!(other, "queued, and no savepoint"),
                }
            }
        }
        (!known.contains(&wanted.to_lowercase())).then_some(wanted)
    }

    /// Keeps a BEGIN, SAVEPOINT or SET TRANSACTION for the first routed statement. A prepared one is kept as text.
    fn queue(&mut self, request: &Request, statement: &Statement) {
        let packet = match &request.subject {
            Subject::Execute(execution) => self.query_packet(&execution.text),
            Subject::Text | Subject::Fixed(..) => request.command.packet.clone(),
        };
        // A BEGIN in a begun transaction commits that one: nothing was sent of it, so it is forgotten.
        if let StatementClass::Begin(_) = statement.first().class
            && self.transaction.is_begun()
        {
            self.transaction = Transaction::None;
        }
        let branch = match statement.first().class {
            StatementClass::Xa(_) => self.branch_of(request),
            _ => None,
        };
        let opening = self.transaction.queue(packet);
        match &statement.first().class {
            StatementClass::Begin(options) => {
                opening.begun = true;
                opening.read_only = options.read_only;
                opening.fixed |= options.consistent_snapshot;
            }
            StatementClass::Xa(_) => {
                opening.begun = true;
                // Without its id it could not be ended to be begun elsewhere.
                opening.fixed |= branch.is_none();
                opening.branch = branch.map(Box::new);
            }
            // AND CHAIN.
            StatementClass::Commit(_) | StatementClass::Rollback(_) => opening.begun = true,
            StatementClass::Savepoint | StatementClass::SetTransaction => opening.fixed = true,
            other => tracing::debug!(?other, "queued ahead of a transaction"),
        }
    }

    /// How a COMMIT or ROLLBACK goes on: as it says, or where it says nothing, as the session's `completion_type` does. `None` for what is neither.
    fn completion(&self, request: &Request, statement: &Statement) -> Option<Completion> {
        let (StatementClass::Commit(said) | StatementClass::Rollback(said)) = statement.first().class else {
            return None;
        };
        let Some(set) = self.state.variables.get("completion_type") else { return Some(said) };
        let text = request.text().to_ascii_uppercase();
        let unsaid = |word: &[u8]| !text.windows(word.len()).any(|part| part == word);
        Some(match set.trim_matches(['\'', '"']).to_ascii_uppercase().as_str() {
            "1" | "CHAIN" => Completion { chain: said.chain || unsaid(b"CHAIN"), ..said },
            "2" | "RELEASE" => Completion { release: said.release || unsaid(b"RELEASE"), ..said },
            _ => said,
        })
    }

    /// COMMIT RELEASE and ROLLBACK RELEASE end the session.
    pub(super) fn end_of_release(&self, request: &Request, statement: &Statement) -> Result<(), SessionEnd> {
        match self.completion(request, statement) {
            Some(Completion { release: true, .. }) => Err(SessionEnd::Left),
            Some(_) | None => Ok(()),
        }
    }

    pub(super) async fn kill(&mut self, query_only: bool, id: u64, sequence: u8) -> Result<(), SessionEnd> {
        let found = u32::try_from(id).ok().and_then(|id| self.worker.node.registry.find(id));
        let Some(entry) =
            found.filter(|entry| *entry.identity().user == *self.user.user.name || self.user.user.grants.escapes)
        else {
            return self.send(&error_reply::text(&error_reply::unknown_thread(id), sequence)).await;
        };
        if entry.id == self.presence.entry.id {
            let told = error_reply::killed(query_only, self.listener.dialect);
            self.send(&error_reply::text(&told, sequence)).await?;
            return if query_only { Ok(()) } else { Err(SessionEnd::Killed) };
        }
        // From here on the target's connection is not pooled, so that the KILL cannot hit its next user.
        entry.killers.fetch_add(1, Ordering::SeqCst);
        // And its client hears nothing more: what the instance says to the KILL is not for it.
        if !query_only {
            entry.kill();
        }
        let killed = match entry.running() {
            Some((instance, thread)) => self.killer(instance).kill_query(thread).await,
            None => Ok(()),
        };
        entry.killers.fetch_sub(1, Ordering::SeqCst);
        match killed {
            Ok(()) => {
                if !query_only {
                    // The servers close the connection before they answer: who reconnects by itself must not write into it once more.
                    let registry = Arc::clone(&self.worker.node.registry);
                    registry.gone(&entry, Instant::now() + GOODBYE).await;
                }
                self.send_ok(sequence).await
            }
            Err(error) => {
                tracing::warn!(?error, target = id, "KILL did not reach the instance");
                let text = ClientText {
                    errno: 1105,
                    sqlstate: "HY000",
                    message: "meridian: KILL did not reach the database; the statement may go on".to_owned(),
                };
                self.send(&error_reply::text(&text, sequence)).await
            }
        }
    }

    /// What the client asks of a reply whose connection had to be given back; `None` when the server has to be asked.
    pub(super) fn answer_left_behind(&mut self, request: &Request, statement: &Statement) -> Option<Vec<u8>> {
        let is_read = match &self.held {
            Some(held) => held.read_ahead.is_some(),
            None => !self.transaction.is_open(),
        };
        if !statement.first().asks_previous || !is_read {
            return None;
        }
        if let Some(found) = self.found_rows
            && let Some(heading) = found_rows_alone(&request.text())
        {
            // It gave one row itself.
            self.found_rows = Some(1);
            self.left_behind = Some(LeftBehind { row_count: -1, warnings: None });
            return Some(self.value(&heading, found.to_string(), request));
        }
        let left = self.left_behind.clone()?;
        let text = String::from_utf8_lossy(&request.payload()[request.text_at..])
            .trim()
            .trim_end_matches(';')
            .to_ascii_uppercase();
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["SHOW", "WARNINGS"] => {
                // It gave rows, and can be asked again.
                self.left_behind = Some(LeftBehind { row_count: -1, ..left.clone() });
                left.warnings
            }
            ["SELECT", "ROW_COUNT()"] => {
                let heading =
                    String::from_utf8_lossy(&request.payload()[request.text_at..]).trim()[6..].trim().to_owned();
                // What this one leaves itself: it gave rows.
                self.left_behind = Some(LeftBehind { row_count: -1, warnings: None });
                Some(self.value(&heading, left.row_count.to_string(), request))
            }
            _ if left.row_count > 0 && text.contains("ROW_COUNT")
                || left.warnings.is_some() && OF_ITS_WARNINGS.iter().any(|asked| text.contains(asked)) =>
            {
                let text = ClientText {
                    errno: 1105,
                    sqlstate: "HY000",
                    message: "meridian: what the last statement left was given back with its connection when others \
                              waited for it; ask SHOW WARNINGS or SELECT ROW_COUNT() alone, or ask within a transaction"
                        .to_owned(),
                };
                Some(error_reply::text(&text, request.reply_sequence()))
            }
            _ => None,
        }
    }

    /// A COM_QUERY with this text, as this client would send it.
    pub(super) fn query_packet(&self, text: &[u8]) -> Vec<u8> {
        let mut packet = Vec::new();
        let attributes =
            if self.capabilities.contains(Capabilities::QUERY_ATTRIBUTES) { &NO_ATTRIBUTES[..] } else { &[] };
        write_packet(&mut packet, &mut 0, &[&[Command::Query as u8], attributes, text].concat());
        packet
    }

    /// One integer, in the form the command wants.
    fn value(&self, heading: &str, value: String, request: &Request) -> Vec<u8> {
        let format = match request.subject {
            Subject::Execute(_) => RowFormat::Binary,
            Subject::Text | Subject::Fixed(..) => RowFormat::Text,
        };
        let mut sequence = request.reply_sequence();
        let column = Column { name: heading.to_owned(), kind: ColumnKind::Integer };
        let result = TextResult { columns: vec![column], rows: vec![vec![Some(value)]] };
        let mut out = Vec::new();
        result.write(&mut out, &mut sequence, self.capabilities, self.status(), format);
        out
    }
}

/// The heading of a SELECT of FOUND_ROWS() and nothing else, with or without an alias.
fn found_rows_alone(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?.trim().trim_end_matches(';').trim_end();
    let (select, item) = text.split_at_checked(6)?;
    let item = item.strip_prefix(|c: char| c.is_whitespace())?.trim_start();
    let (call, alias) = item.split_at_checked("FOUND_ROWS()".len())?;
    if !select.eq_ignore_ascii_case("SELECT") || !call.eq_ignore_ascii_case("FOUND_ROWS()") {
        return None;
    }
    let words: Vec<&str> = alias.split_whitespace().collect();
    let is_name = |word: &str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match words.as_slice() {
        [] => Some(call.to_owned()),
        [as_, name] if as_.eq_ignore_ascii_case("AS") && is_name(name) => Some((*name).to_owned()),
        _ => None,
    }
}

/// The verb of a statement about a savepoint, in lower case, and the name it ends with; `None` for a text of one word.
fn savepoint_in(text: &[u8]) -> Option<(String, String)> {
    let text = String::from_utf8_lossy(text);
    let mut words = text.trim().trim_end_matches(';').split_whitespace();
    let verb = words.next()?.to_ascii_lowercase();
    Some((verb, words.next_back()?.trim_matches('`').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_found_rows_alone_is_answered() {
        let heading = |text: &str| found_rows_alone(text.as_bytes());
        assert_eq!(heading("select Found_Rows() ; ").as_deref(), Some("Found_Rows()"));
        assert_eq!(heading("SELECT FOUND_ROWS() AS total").as_deref(), Some("total"));
        for other in [
            "SELECT FOUND_ROWS(), 1",
            "SELECT FOUND_ROWS() + 1",
            "SELECT 1",
            "SELECT FOUND_ROWS() AS `a b`",
            "SET @a = FOUND_ROWS()",
        ] {
            assert_eq!(heading(other), None, "{other}");
        }
    }
}
