//! A reply on its way but for its last packet, which may be changed or replaced: what it says is not decided yet.
//!
//! Whether a packet is the last one shows only when the reply ends there, so each is kept until its successor begins; one that is too long to
//! end a reply goes on as it comes.

use super::status;

/// A longer packet ends no reply of a write.
const LONGEST: usize = 64 * 1024;

/// The length of a packet that goes on in the next one.
const FULL: usize = 0xFF_FFFF;

const HEADER: usize = super::packet::HEADER;
const OK: u8 = 0x00;
const EOF: u8 = 0xFE;

/// What tells of a transaction that the client knows nothing of.
const OF_A_TRANSACTION: u16 = status::IN_TRANS | status::IN_TRANS_READONLY;

/// How rows end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowsEnd {
    /// With an EOF packet.
    Eof,
    /// With an OK packet in its clothes (DEPRECATE_EOF).
    Ok,
}

/// The packets of a reply, and what of them may not go on yet.
#[derive(Debug)]
pub struct LastPacket {
    rows_end: RowsEnd,
    /// The newest packet, from its header on.
    kept: Vec<u8>,
    /// How much is still to come of one that is not kept.
    passing: usize,
    /// The newest packet goes on where the one before it was full.
    goes_on: bool,
}

impl LastPacket {
    /// Of a reply none of which has come yet.
    pub fn new(rows_end: RowsEnd) -> LastPacket {
        LastPacket { rows_end, kept: Vec::new(), passing: 0, goes_on: false }
    }

    /// Takes the next bytes, and adds to `onward` what may go on: the flags of ends on the way tell of no transaction.
    pub fn feed(&mut self, mut bytes: &[u8], onward: &mut Vec<u8>) {
        while !bytes.is_empty() {
            if self.passing > 0 {
                let (mine, rest) = bytes.split_at(self.passing.min(bytes.len()));
                onward.extend_from_slice(mine);
                (self.passing, bytes) = (self.passing - mine.len(), rest);
                continue;
            }
            let missing = match self.length() {
                None => HEADER - self.kept.len(),
                Some(length) => HEADER + length - self.kept.len(),
            };
            if missing == 0 {
                self.let_go(onward);
                continue;
            }
            let (mine, rest) = bytes.split_at(missing.min(bytes.len()));
            self.kept.extend_from_slice(mine);
            bytes = rest;
            if let Some(length) = self.length().filter(|length| *length > LONGEST && self.kept.len() == HEADER) {
                onward.append(&mut self.kept);
                (self.passing, self.goes_on) = (length, length == FULL);
            }
        }
    }

    /// What is kept, as it came.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.kept)
    }

    /// The last packet, which tells of no transaction.
    pub fn into_end(mut self) -> Vec<u8> {
        self.hide_transaction(true);
        self.kept
    }

    fn length(&self) -> Option<usize> {
        let header = self.kept.get(..HEADER)?;
        Some(usize::from(header[0]) | usize::from(header[1]) << 8 | usize::from(header[2]) << 16)
    }

    fn let_go(&mut self, onward: &mut Vec<u8>) {
        self.hide_transaction(false);
        self.goes_on = self.length() == Some(FULL);
        onward.append(&mut self.kept);
    }

    /// A packet that begins as an OK may be a row, unless it is the last one.
    fn hide_transaction(&mut self, is_last: bool) {
        let rows_end = self.rows_end;
        let Some(payload) = self.kept.get_mut(HEADER..).filter(|_| !self.goes_on) else { return };
        let at = match (payload.first(), rows_end) {
            (Some(&EOF), RowsEnd::Eof) if payload.len() == 5 => Some(3),
            (Some(&EOF), RowsEnd::Ok) => flags_of_ok(payload),
            (Some(&OK), _) if is_last => flags_of_ok(payload),
            _ => None,
        };
        if let Some(flags) = at.and_then(|at| payload.get_mut(at..at + 2)) {
            let hidden = u16::from_le_bytes([flags[0], flags[1]]) & !OF_A_TRANSACTION;
            flags.copy_from_slice(&hidden.to_le_bytes());
        }
    }
}

/// Where the flags of an OK packet begin: behind two numbers of their own lengths.
fn flags_of_ok(payload: &[u8]) -> Option<usize> {
    let mut at = 1;
    for _ in 0..2 {
        at += match payload.get(at)? {
            0xFC => 3,
            0xFD => 4,
            0xFE => 9,
            _ => 1,
        };
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ok_packet::{OkPacket, encode_eof};

    fn packet(sequence: u8, payload: &[u8]) -> Vec<u8> {
        let length = payload.len();
        [&[length as u8, (length >> 8) as u8, (length >> 16) as u8, sequence], payload].concat()
    }

    /// What goes on and what is kept, whatever pieces it comes in.
    fn passed(rows_end: RowsEnd, reply: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let whole = passed_in(rows_end, reply, reply.len());
        for piece in [1, 3, 7] {
            assert_eq!(passed_in(rows_end, reply, piece), whole, "in pieces of {piece}");
        }
        whole
    }

    fn passed_in(rows_end: RowsEnd, reply: &[u8], piece: usize) -> (Vec<u8>, Vec<u8>) {
        let (mut last, mut onward) = (LastPacket::new(rows_end), Vec::new());
        reply.chunks(piece).for_each(|bytes| last.feed(bytes, &mut onward));
        (onward, last.into_end())
    }

    fn ok(status: u16) -> OkPacket<'static> {
        OkPacket { affected_rows: 300, insert_id: 70_000, status, warnings: 1, info: b"Rows matched: 1" }
    }

    #[test]
    fn an_ok_is_kept_whole_and_tells_of_no_transaction() {
        let (onward, end) = passed(RowsEnd::Eof, &packet(1, &ok(status::IN_TRANS | status::AUTOCOMMIT).encode()));
        assert_eq!((onward, end), (Vec::new(), packet(1, &ok(status::AUTOCOMMIT).encode())));
    }

    #[test]
    fn rows_go_on_and_both_their_ends_tell_of_no_transaction() {
        let in_transaction = status::IN_TRANS | status::AUTOCOMMIT;
        // Rows that begin as an OK and as an EOF do.
        let rows = [packet(4, &[0, 1, 2, 3, 4, 5, 6, 7]), packet(5, &[0xFE, 1, 0, 1, 0, 1])];
        let head = [packet(1, &[1]), packet(2, b"\x03def")];
        let before = [
            head.concat(),
            packet(3, &encode_eof(in_transaction, 0)),
            rows.concat(),
            packet(6, &encode_eof(in_transaction, 2)),
        ];
        let (onward, end) = passed(RowsEnd::Eof, &before.concat());
        let after = [head.concat(), packet(3, &encode_eof(status::AUTOCOMMIT, 0)), rows.concat()];
        assert_eq!((onward, end), (after.concat(), packet(6, &encode_eof(status::AUTOCOMMIT, 2))));
        let before = [head.concat(), rows[0].clone(), packet(5, &ok(in_transaction).encode_as_eof())];
        let (onward, end) = passed(RowsEnd::Ok, &before.concat());
        let after = [head.concat(), rows[0].clone()];
        assert_eq!((onward, end), (after.concat(), packet(5, &ok(status::AUTOCOMMIT).encode_as_eof())));
    }

    #[test]
    fn what_is_too_long_to_end_a_reply_is_not_kept_and_what_goes_on_behind_it_is_no_end() {
        let long = packet(1, &vec![0; LONGEST + 1]);
        let full = packet(2, &vec![0xFE; FULL]);
        let rest = packet(3, &encode_eof(status::IN_TRANS, 0));
        let error = packet(4, b"\xFF\x10\x04#42000no");
        let reply = [long.clone(), full.clone(), rest.clone(), error.clone()].concat();
        assert_eq!(passed_in(RowsEnd::Eof, &reply, SMALL), ([long, full, rest].concat(), error));
    }

    const SMALL: usize = 50_000;
}
