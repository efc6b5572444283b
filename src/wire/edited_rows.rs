//! A text result set with some of its rows changed: for the few answers in which a server speaks of connections clients do not know.
//!
//! Everything but those rows stays as the server wrote it. Rows of data are never touched here.

use super::packet::{HEADER, MAX_PAYLOAD, PacketHeader, write_packet};
use super::payload::{PayloadReader, put_lenenc_bytes};
use super::reply::ScanFlags;

const NULL: u8 = 0xFB;
const EOF: u8 = 0xFE;
const ERR: u8 = 0xFF;

/// A row; `None` is NULL.
pub type Row = Vec<Option<Vec<u8>>>;

/// The reply with each row as `edit` leaves it, and after them the rows that `more` makes for this number of columns.
///
/// `None` when the reply is not one whole result set with rows of one packet each.
pub fn edited_rows(
    reply: &[u8],
    flags: ScanFlags,
    mut edit: impl FnMut(&mut Row),
    more: impl FnOnce(usize) -> Vec<Row>,
) -> Option<Vec<u8>> {
    let mut sequence = PacketHeader::peek(reply)?.sequence;
    let (first, mut rest) = packet(reply)?;
    let mut count = PayloadReader::new(first);
    let columns = usize::try_from(count.lenenc().ok()?).ok()?;
    if columns == 0 || matches!(first.first(), Some(&(NULL | ERR))) {
        return None;
    }
    let mut out = Vec::with_capacity(reply.len() + 256);
    write_packet(&mut out, &mut sequence, first);
    let left_out = flags.optional_metadata && count.u8().is_ok_and(|follow| follow == 0);
    let definitions = if left_out { 0 } else { columns };
    for _ in 0..definitions + usize::from(!flags.deprecate_eof) {
        let (payload, tail) = packet(rest)?;
        write_packet(&mut out, &mut sequence, payload);
        rest = tail;
    }
    loop {
        let (payload, tail) = packet(rest)?;
        match *payload.first()? {
            ERR => return None,
            EOF if tail.is_empty() => {
                for row in more(columns) {
                    write_packet(&mut out, &mut sequence, &encoded(&row));
                }
                write_packet(&mut out, &mut sequence, payload);
                return Some(out);
            }
            _ => {
                let mut row = decoded(payload, columns)?;
                edit(&mut row);
                write_packet(&mut out, &mut sequence, &encoded(&row));
            }
        }
        rest = tail;
    }
}

/// The first packet's payload, and what follows it.
fn packet(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let header = PacketHeader::peek(bytes)?;
    if header.length == MAX_PAYLOAD {
        return None;
    }
    bytes[HEADER..].split_at_checked(header.length)
}

fn decoded(payload: &[u8], columns: usize) -> Option<Row> {
    let mut reader = PayloadReader::new(payload);
    let mut row = Row::new();
    while !reader.is_empty() {
        if reader.rest().first() == Some(&NULL) {
            reader.u8().ok()?;
            row.push(None);
        } else {
            row.push(Some(reader.lenenc_bytes().ok()?.to_vec()));
        }
    }
    (row.len() == columns).then_some(row)
}

fn encoded(row: &Row) -> Vec<u8> {
    let mut payload = Vec::new();
    for value in row {
        match value {
            None => payload.push(NULL),
            Some(bytes) => put_lenenc_bytes(&mut payload, bytes),
        }
    }
    payload
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::wire::capability::Capabilities;
    use crate::wire::reply::ReplyKind;
    use crate::wire::scanner::ResponseScanner;
    use crate::wire::text_result::{Column, ColumnKind, RowFormat, TextResult};

    fn reply(deprecate_eof: bool, rows: &[[Option<&str>; 2]]) -> (Vec<u8>, ScanFlags) {
        let negotiated = if deprecate_eof { Capabilities::DEPRECATE_EOF } else { Capabilities::PROTOCOL_41 };
        let column = |name: &str| Column { name: name.to_owned(), kind: ColumnKind::Text };
        let rows = rows.iter().map(|row| row.iter().map(|value| value.map(str::to_owned)).collect()).collect();
        let result = TextResult { columns: vec![column("Id"), column("Info")], rows };
        let mut out = Vec::new();
        result.write(&mut out, &mut 1, negotiated, 2, RowFormat::Text);
        (out, negotiated.into())
    }

    #[test]
    fn rows_change_and_come_and_the_rest_stays_as_it_was() {
        for deprecate_eof in [false, true] {
            let (bytes, flags) = reply(deprecate_eof, &[[Some("7"), None], [Some("8"), Some("x")]]);
            let edit = |row: &mut Row| {
                if row[0].as_deref() == Some(b"8") {
                    row[0] = Some(b"2164260865".to_vec());
                }
            };
            let more = |columns| vec![vec![Some(b"9".to_vec()); columns]];
            let edited = edited_rows(&bytes, flags, edit, more).unwrap();
            let rows = [[Some("7"), None], [Some("2164260865"), Some("x")], [Some("9"), Some("9")]];
            assert_eq!(edited, reply(deprecate_eof, &rows).0);
            let fed = ResponseScanner::new(ReplyKind::Query, flags).feed(&edited).unwrap();
            assert_eq!(fed.forward, edited.len());
            assert!(fed.event.is_some());
        }
    }

    #[test]
    fn what_is_not_one_whole_result_set_is_left_alone() {
        let (bytes, flags) = reply(true, &[[Some("7"), None]]);
        for cut in 0..bytes.len() {
            assert_eq!(edited_rows(&bytes[..cut], flags, |_| {}, |_| Vec::new()), None, "{cut}");
        }
        for packets in [&[7, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0][..], &[3, 0, 0, 1, ERR, 1, 1]] {
            assert_eq!(edited_rows(packets, flags, |_| {}, |_| Vec::new()), None);
        }
    }
}
