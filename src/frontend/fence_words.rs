//! What Meridian asks of the fence at an instance, what it reads in the answers, and what clients read of that.

use crate::fault::ClientText;
use crate::model::{ControlState, Epoch, Scope, fence_row};
use crate::wire::packet::HEADER;
use crate::wire::text_row::text_row;

/// What a row said.
pub(super) enum Compared {
    LetIn,
    /// It is of another epoch, closed, or not there.
    NotLetIn,
    /// All guards are kept.
    NoGuard,
    /// The server did not answer the question, but so.
    Refused(Vec<u8>),
}

/// The rows of `scopes` with the epochs to compare; `None` where the state has no such scope.
pub(super) fn rows_of(state: &ControlState, scopes: &[Scope]) -> Option<Vec<(u32, Epoch)>> {
    scopes.iter().map(|scope| fence_row::row_of(state, *scope)).collect()
}

/// How many of `rows` let in their epoch; each is locked, shared. It reads the newest state of them whatever the transaction has seen.
pub(super) fn question(group: &str, rows: &[(u32, Epoch)]) -> String {
    let numbers: Vec<String> = rows.iter().map(|(row, _)| row.to_string()).collect();
    let cases: String = rows.iter().map(|(row, epoch)| format!(" WHEN {row} THEN {epoch}")).collect();
    let numbers = numbers.join(",");
    format!(
        "SELECT COUNT(*) FROM meridian.fence FORCE INDEX (PRIMARY) WHERE grp = '{group}' AND scope IN ({numbers}) \
         AND is_open = 1 AND epoch = CASE scope{cases} END LIMIT 1 LOCK IN SHARE MODE"
    )
}

/// Whether the group's lease holds here, by the clock of the server as this session sees it: to know early. Whoever commits compares it exactly.
pub(super) fn lease_question(group: &str) -> String {
    format!("SELECT COUNT(*) FROM meridian.fence_lease WHERE grp = '{group}' AND valid_until > SYSDATE(6)")
}

/// The COMMIT of a transaction of a group with leases.
pub(super) fn leased_commit(group: &str, how: LeasedCommit) -> String {
    format!("CALL meridian.commit_leased('{group}', {})", how as u8)
}

/// How such a transaction is committed, as `meridian.commit_leased` knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeasedCommit {
    /// Nothing follows it.
    Alone = 0,
    /// As the session's `completion_type` says.
    BySession = 1,
    /// A new transaction follows it.
    Chained = 2,
}

/// What an answer says of `rows` that were asked for.
pub(super) fn said(reply: &[u8], rows: usize) -> Compared {
    match text_row(reply).and_then(|mut row| row.pop()?) {
        Some(let_in) if let_in == rows.to_string() => Compared::LetIn,
        Some(_) => Compared::NotLetIn,
        None => Compared::Refused(reply.to_vec()),
    }
}

/// A packet with the number of the one that it stands for.
pub(super) fn in_its_place(end: &[u8], mut packet: Vec<u8>) -> Vec<u8> {
    if let Some(number) = packet.get_mut(HEADER - 1) {
        *number = sequence_of(end);
    }
    packet
}

pub(super) fn sequence_of(packet: &[u8]) -> u8 {
    packet.get(HEADER - 1).copied().unwrap_or(1)
}

/// The number of an ERR packet; 0 of what is none.
pub(super) fn errno_of(packet: &[u8]) -> u16 {
    match packet.get(HEADER..HEADER + 3) {
        Some([0xFF, low, high]) => u16::from_le_bytes([*low, *high]),
        Some(_) | None => 0,
    }
}

/// What the client of a transaction reads that cannot go on: errno and SQLSTATE by which drivers and frameworks begin it again.
pub(super) fn rolled_back() -> ClientText {
    let message =
        "meridian: ownership of this data has moved while the transaction was open; it is rolled back, begin it again";
    ClientText { errno: 1213, sqlstate: "40001", message: message.to_owned() }
}

/// MariaDB lets go of shared locks at XA PREPARE, and with them of the row that lets the branch write: its COMMIT could come behind a move.
pub(super) fn no_branches() -> ClientText {
    let message =
        "meridian: XA branches write nothing in a group with fence = \"row\"; nothing was sent, use BEGIN and COMMIT";
    ClientText { errno: 1235, sqlstate: "42000", message: message.to_owned() }
}

pub(super) fn no_guard() -> ClientText {
    let message = "meridian: too many statements of this group run outside transactions, or a move is closing it; nothing was sent, try again";
    ClientText { errno: 1205, sqlstate: "HY000", message: message.to_owned() }
}

/// A lock wait or a deadlock is the server's to tell; anything else means that the fence is not there as it should be.
pub(super) fn not_readable(packet: &[u8]) -> ClientText {
    let errno = errno_of(packet);
    if matches!(errno, 1205 | 1213) {
        let message = "meridian: the row of the fence was not to be had in time; nothing was sent, try again";
        return ClientText { errno: 1205, sqlstate: "HY000", message: message.to_owned() };
    }
    let message = format!(
        "meridian: the row of the fence cannot be read at the database (its error {errno}; meridian ctl fence-schema); nothing was sent"
    );
    ClientText { errno: 1290, sqlstate: "HY000", message }
}

/// What the client of a write reads that no transaction with a lease can stand around.
pub(super) fn not_under_lease() -> ClientText {
    let message = "meridian: with fence = \"row+lease\" a write of this group is one statement in a transaction: DDL, CALL, cursors, XA and packets \
                   of several statements have to go to its primary directly; nothing was sent";
    ClientText { errno: 1290, sqlstate: "HY000", message: message.to_owned() }
}

/// What the client of a statement reads that may commit what its transaction has written, in a way that cannot be seen.
pub(super) fn not_in_leased() -> ClientText {
    let message = "meridian: with fence = \"row+lease\" this cannot run in a transaction that has written; nothing was sent, COMMIT first";
    ClientText { errno: 1290, sqlstate: "HY000", message: message.to_owned() }
}

/// What the client of a transaction reads that the lease has not let commit, or whose COMMIT was refused otherwise ahead of a statement.
pub(super) fn not_committed(errno: u16) -> ClientText {
    let message = match errno {
        1213 => {
            "meridian: the lease of this primary has run out; the transaction is rolled back, begin it again".to_owned()
        }
        other => format!(
            "meridian: the primary did not commit the transaction (its error {other}); it is rolled back, begin it again"
        ),
    };
    ClientText { errno: 1213, sqlstate: "40001", message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_names_each_row_and_its_epoch() {
        let question = question("main", &[(5, Epoch(7)), (65_536, Epoch(2))]);
        assert!(question.contains("scope IN (5,65536)"), "{question}");
        assert!(question.contains("epoch = CASE scope WHEN 5 THEN 7 WHEN 65536 THEN 2 END"), "{question}");
    }

    #[test]
    fn an_error_stands_where_the_end_stood() {
        let packet = in_its_place(&[7, 0, 0, 9, 0], vec![3, 0, 0, 1, 0xFF, 0x0A, 0x05]);
        assert_eq!((sequence_of(&packet), errno_of(&packet)), (9, 1290));
    }
}
