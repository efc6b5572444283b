//! Answers in which the server speaks of its connections, told of the clients' own: SHOW PROCESSLIST, the TLS, compression and prepared
//! statements of SHOW STATUS, and CONNECTION_ID() beside other columns.
//!
//! A shared connection has another id than the client it serves, and its own encryption. Only texts of exactly these forms are touched;
//! the tables of the same content are the server's own.

use std::collections::HashMap;

use super::reading::Reading;
use super::registry::SessionEntry;
use super::request::{Request, Subject};
use super::session::Session;
use crate::model::InstanceId;
use crate::sql::{Dialect, Placement, Statement, StatementClass, connection_id_columns};
use crate::wire::compression::Algorithm;
use crate::wire::edited_rows::{Row, edited_rows};
use crate::wire::reply::ScanFlags;

/// What the server is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnView {
    /// SHOW PROCESSLIST: sessions have the ids their clients know and can KILL.
    Processes,
    /// SHOW STATUS: encryption and compression are those of the client's connection, and so is what was asked about prepared statements.
    Status,
    /// SELECT without tables: these columns, a bit for each, are CONNECTION_ID().
    ConnectionId(u64),
}

impl OwnView {
    /// The view that a statement asks for, if any.
    pub(super) fn of(statement: &Statement, request: &Request, reading: Reading, dialect: Dialect) -> Option<OwnView> {
        let facts = statement.first();
        match (&facts.class, &facts.placement) {
            _ if !matches!(request.subject, Subject::Text) || statement.plan.statements.len() != 1 => None,
            (StatementClass::Show, _) => OwnView::of_text(&String::from_utf8_lossy(&request.text())),
            (StatementClass::Read, Placement::Tableless) => {
                let columns = connection_id_columns(&request.text(), reading.mode, reading.charset, dialect);
                (columns != 0).then_some(OwnView::ConnectionId(columns))
            }
            _ => None,
        }
    }

    fn of_text(text: &str) -> Option<OwnView> {
        let text = text.trim().trim_end_matches(';').to_ascii_uppercase();
        let mut words = text.split_ascii_whitespace();
        if words.next() != Some("SHOW") {
            return None;
        }
        match (words.next()?, words.next(), words.next()) {
            ("PROCESSLIST", None, _) | ("FULL", Some("PROCESSLIST"), None) => Some(OwnView::Processes),
            ("STATUS", ..) | ("SESSION" | "LOCAL", Some("STATUS"), _) => Some(OwnView::Status),
            _ => None,
        }
    }
}

impl Session {
    /// The server's reply as the client is to see it; `None` when it is no result set.
    pub(super) fn as_own(
        &self,
        view: OwnView,
        (instance, thread): (InstanceId, u32),
        reply: &[u8],
        flags: ScanFlags,
    ) -> Option<Vec<u8>> {
        match view {
            OwnView::Processes => self.own_processes(instance, reply, flags),
            OwnView::Status => {
                let transport = transport(self.client.stream.tls_status(), self.client.stream.compression());
                let told: Vec<Told> = transport.into_iter().chain(self.prepared.counts.told()).collect();
                edited_rows(reply, flags, |row| tell(row, &told), |_| Vec::new())
            }
            OwnView::ConnectionId(columns) => {
                let (theirs, own) = (thread.to_string(), self.presence.entry.id.to_string());
                let is_asked = |index: usize| u32::try_from(index).is_ok_and(|bit| columns >> bit & 1 == 1);
                let edit = |row: &mut Row| {
                    for (_, value) in row.iter_mut().enumerate().filter(|(index, _)| is_asked(*index)) {
                        if value.as_deref() == Some(theirs.as_bytes()) {
                            *value = Some(own.clone().into_bytes());
                        }
                    }
                };
                edited_rows(reply, flags, edit, |_| Vec::new())
            }
        }
    }

    /// The server's rows, those that serve a session of this process under its id and its client's address; then the sessions that have no
    /// connection of the server right now. A session of somebody else's is shown to those who may end it.
    fn own_processes(&self, instance: InstanceId, reply: &[u8], flags: ScanFlags) -> Option<Vec<u8>> {
        let grants = self.user.user.grants;
        let visible = |entry: &SessionEntry| *entry.identity().user == *self.user.user.name || grants.escapes;
        let (mut served, mut idle) = (HashMap::new(), Vec::new());
        for entry in self.worker.node.registry.all().into_iter().filter(|entry| visible(entry)) {
            match entry.running() {
                Some((at, thread)) if at == instance => {
                    served.insert(thread.to_string().into_bytes(), entry);
                }
                Some(_) | None => idle.push(entry),
            }
        }
        let edit = |row: &mut Row| {
            let served = row.first().and_then(Option::as_ref).and_then(|thread| served.get(thread));
            if let (Some(entry), [id, _, host, ..]) = (served, row.as_mut_slice()) {
                *id = Some(entry.id.to_string().into_bytes());
                *host = Some(entry.client.to_string().into_bytes());
            }
        };
        edited_rows(reply, flags, edit, |columns| idle.iter().map(|entry| asleep(entry, columns)).collect())
    }
}

/// A session without a connection as a row of SHOW PROCESSLIST: Id, User, Host, db, Command, Time, State, Info, and what a version adds.
fn asleep(entry: &SessionEntry, columns: usize) -> Row {
    let text = |text: &str| Some(text.as_bytes().to_vec());
    let schema = entry.shown().schema.as_deref().and_then(text);
    // Since when is not kept, so it is unknown.
    let mut row = vec![
        text(&entry.id.to_string()),
        text(&entry.identity().user),
        text(&entry.client.to_string()),
        schema,
        text("Sleep"),
        None,
    ];
    row.extend([text(""), None, text("0.000")]);
    row.truncate(columns);
    row.resize(columns, None);
    row
}

/// A status variable of the client's connection and its value.
type Told = (&'static str, String);

fn transport(tls: Option<(String, String)>, compression: Option<Algorithm>) -> [Told; 5] {
    let (version, cipher) = tls.unwrap_or_default();
    let (compressed, algorithm, level) = match compression {
        None => ("OFF", "", 0),
        // The level of the servers themselves; clients cannot choose one.
        Some(Algorithm::Zlib) => ("ON", "zlib", 6),
        Some(Algorithm::Zstd { level }) => ("ON", "zstd", level),
    };
    [
        ("ssl_cipher", cipher),
        ("ssl_version", version),
        ("compression", compressed.to_owned()),
        ("compression_algorithm", algorithm.to_owned()),
        ("compression_level", level.to_string()),
    ]
}

fn tell(row: &mut Row, told: &[Told]) {
    if let [Some(name), value] = row.as_mut_slice()
        && let Some((_, own)) = told.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()))
    {
        *value = Some(own.clone().into_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_these_texts_ask_for_a_view() {
        for (text, view) in [
            ("show processlist", Some(OwnView::Processes)),
            (" SHOW  FULL\nPROCESSLIST ; ", Some(OwnView::Processes)),
            ("SHOW STATUS LIKE 'Ssl_cipher'", Some(OwnView::Status)),
            ("show session status like 'ssl_version%'", Some(OwnView::Status)),
            ("SHOW GLOBAL STATUS LIKE 'Ssl_cipher'", None),
            ("SHOW FULL PROCESSLIST x", None),
            ("SHOW TABLE STATUS", None),
            ("SHOW", None),
            ("SELECT 1", None),
        ] {
            assert_eq!(OwnView::of_text(text), view, "{text}");
        }
    }
}
