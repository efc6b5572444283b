//! What an OK of Meridian's own says of a transaction that waits for its first statement (`session_track_transaction_info`): the servers' own
//! trackers, byte for byte.

use super::session::{Session, SessionEnd};
use super::transaction::Transaction;
use crate::sql::{Family, Statement, StatementClass};
use crate::wire::capability::Capabilities;
use crate::wire::ok_packet::OkPacket;
use crate::wire::packet::write_packet;
use crate::wire::payload::{put_lenenc, put_lenenc_bytes};

/// SESSION_TRACK_TRANSACTION_CHARACTERISTICS.
const CHARACTERISTICS: u8 = 4;
/// SESSION_TRACK_TRANSACTION_STATE.
const STATE: u8 = 5;
/// The isolation levels.
const LEVELS: [&str; 4] = ["READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"];

/// What a client wants to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    /// Nothing: Oracle MySQL 9 says all the same whether a transaction is open.
    Unasked,
    /// Whether a transaction is open.
    State,
    /// That, and the statements that would begin it again.
    Characteristics,
}

/// Whether a transaction had begun before the statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// It had.
    Begun,
    /// It had not.
    Nothing,
}

impl Session {
    /// Whether a transaction has begun by now, for [`Self::transaction_trackers`].
    pub(super) fn before(&self) -> Before {
        if self.transaction.is_begun() { Before::Begun } else { Before::Nothing }
    }

    /// The OK to a statement about a transaction that waits, with what the client has asked to be told of it.
    pub(super) async fn send_ok_of_transaction(
        &mut self,
        before: Before,
        statement: &Statement,
        mut sequence: u8,
    ) -> Result<(), SessionEnd> {
        let Some(trackers) = self.transaction_trackers(before, statement) else {
            return self.send_ok(sequence).await;
        };
        let ok = OkPacket { status: self.status(), ..OkPacket::default() };
        let mut packet = Vec::new();
        write_packet(&mut packet, &mut sequence, &ok.encode_tracked(&trackers));
        self.send(&packet).await
    }

    /// The session-state blob of that OK; `None` where the client hears of no change.
    fn transaction_trackers(&self, before: Before, statement: &Statement) -> Option<Vec<u8>> {
        if !self.capabilities.contains(Capabilities::SESSION_TRACK) {
            return None;
        }
        let variable = self.state.variables.get("session_track_transaction_info");
        let wish = wish(self.listener.dialect.family, variable.map_or("OFF", String::as_str))?;
        blob(wish, before, &statement.first().class, &waiting(&self.transaction))
    }
}

/// Whether a transaction has begun for the client that waits for its first statement and may only read.
pub(super) fn waits_read_only(transaction: &Transaction) -> bool {
    let begun = matches!(transaction, Transaction::Queued(opening) if opening.begun);
    begun && access(&waiting(transaction)) == Some("READ ONLY")
}

/// What waits for the first statement, as text.
fn waiting(transaction: &Transaction) -> Vec<String> {
    match transaction {
        Transaction::Queued(opening) => opening.packets.iter().map(|packet| upper(packet)).collect(),
        Transaction::None | Transaction::Open(_) => Vec::new(),
    }
}

fn access(waiting: &[String]) -> Option<&'static str> {
    let in_text = |text: &String| ["READ ONLY", "READ WRITE"].into_iter().find(|access| text.contains(access));
    waiting.iter().rev().find_map(in_text)
}

/// What the variable's value asks for.
fn wish(family: Family, value: &str) -> Option<Wish> {
    match value.trim_matches(['\'', '"']).to_ascii_uppercase().as_str() {
        "CHARACTERISTICS" | "2" => Some(Wish::Characteristics),
        "STATE" | "1" => Some(Wish::State),
        _ => Some(Wish::Unasked).filter(|_| family == Family::MySql),
    }
}

fn upper(packet: &[u8]) -> String {
    String::from_utf8_lossy(packet).to_ascii_uppercase().replace('-', " ")
}

fn blob(wish: Wish, before: Before, class: &StatementClass, waiting: &[String]) -> Option<Vec<u8>> {
    let state = match (class, before) {
        (StatementClass::Begin(_), Before::Nothing) => Some("T_______"),
        (StatementClass::SetTransaction, _) if wish == Wish::Unasked => return None,
        (StatementClass::Begin(_), Before::Begun) | (StatementClass::SetTransaction, _) => None,
        (StatementClass::Commit(end) | StatementClass::Rollback(end), Before::Begun) if !end.chain => Some("________"),
        _ => return None,
    };
    let mut blob = Vec::new();
    if let Some(state) = state {
        put_tracker(&mut blob, STATE, state);
    }
    if wish == Wish::Characteristics {
        put_tracker(&mut blob, CHARACTERISTICS, &characteristics(class, waiting));
    }
    Some(blob)
}

fn put_tracker(blob: &mut Vec<u8>, kind: u8, text: &str) {
    let mut value = Vec::new();
    put_lenenc_bytes(&mut value, text.as_bytes());
    blob.push(kind);
    put_lenenc(blob, value.len() as u64);
    blob.extend_from_slice(&value);
}

/// The statements that begin such a transaction, as the servers write them; none once it is over.
fn characteristics(class: &StatementClass, waiting: &[String]) -> String {
    if matches!(class, StatementClass::Commit(_) | StatementClass::Rollback(_)) {
        return String::new();
    }
    let level = waiting.iter().rev().find_map(|text| LEVELS.into_iter().find(|level| text.contains(level)));
    let access = access(waiting);
    let level = level.map(|level| format!("SET TRANSACTION ISOLATION LEVEL {level};"));
    let rest = match (class, access) {
        (StatementClass::Begin(_), Some(access)) => Some(format!("START TRANSACTION {access};")),
        (StatementClass::Begin(_), None) => Some("START TRANSACTION;".to_owned()),
        (_, access) => access.map(|access| format!("SET TRANSACTION {access};")),
    };
    level.into_iter().chain(rest).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{BeginOptions, Completion};

    fn begin() -> StatementClass {
        StatementClass::Begin(BeginOptions::default())
    }

    #[test]
    fn the_trackers_are_those_that_servers_were_heard_to_send() {
        let waiting = |texts: &[&str]| texts.iter().map(|text| upper(text.as_bytes())).collect::<Vec<_>>();
        let (serializable, read_only) = ("set transaction isolation level serializable", "set transaction read only");
        let commit = StatementClass::Commit(Completion::default());
        for (wish, before, class, texts, heard) in [
            (Wish::State, Before::Nothing, begin(), &["BEGIN"][..], &b"\x05\t\x08T_______"[..]),
            (Wish::State, Before::Begun, begin(), &["BEGIN"], b""),
            (Wish::State, Before::Begun, commit.clone(), &[], b"\x05\t\x08________"),
            (Wish::Characteristics, Before::Begun, commit.clone(), &[], b"\x05\t\x08________\x04\x01\x00"),
            (
                Wish::Characteristics,
                Before::Nothing,
                begin(),
                &["BEGIN"],
                b"\x05\t\x08T_______\x04\x13\x12START TRANSACTION;",
            ),
            (Wish::Characteristics, Before::Begun, begin(), &["BEGIN"], b"\x04\x13\x12START TRANSACTION;"),
            (
                Wish::Characteristics,
                Before::Nothing,
                begin(),
                &["start transaction read only"],
                b"\x05\t\x08T_______\x04\x1d\x1cSTART TRANSACTION READ ONLY;",
            ),
            (
                Wish::Characteristics,
                Before::Nothing,
                StatementClass::SetTransaction,
                &[serializable, read_only],
                b"\x04IHSET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SET TRANSACTION READ ONLY;",
            ),
            (
                Wish::Characteristics,
                Before::Nothing,
                begin(),
                &[serializable, read_only, "begin"],
                b"\x05\t\x08T_______\x04KJSET TRANSACTION ISOLATION LEVEL SERIALIZABLE; START TRANSACTION READ ONLY;",
            ),
        ] {
            let told = blob(wish, before, &class, &waiting(texts)).map(|told| told.escape_ascii().to_string());
            assert_eq!(told, Some(heard.escape_ascii().to_string()), "{class:?} {texts:?}");
        }
        assert_eq!(blob(Wish::State, Before::Nothing, &commit, &[]), None);
        assert_eq!(blob(Wish::Unasked, Before::Nothing, &StatementClass::SetTransaction, &waiting(&[read_only])), None);
        assert_eq!(blob(Wish::State, Before::Begun, &StatementClass::Savepoint, &waiting(&["BEGIN"])), None);
    }

    #[test]
    fn the_variable_is_read_as_the_servers_read_it() {
        assert_eq!(wish(Family::MariaDb, "'state'"), Some(Wish::State));
        assert_eq!(wish(Family::MariaDb, "2"), Some(Wish::Characteristics));
        assert_eq!(wish(Family::MariaDb, "OFF"), None);
        assert_eq!(wish(Family::MySql, "OFF"), Some(Wish::Unasked));
    }
}
