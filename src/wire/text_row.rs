//! The one row of a small text result that Meridian asked for itself.

use super::payload::PayloadReader;

/// NULL in a text row.
const NULL: u8 = 0xfb;

/// The header of an EOF packet, and of the OK packet that ends rows in its place.
const EOF: u8 = 0xfe;

/// The values of a text result set of exactly one row, in either way of ending it; `None` for any other reply.
pub fn text_row(reply: &[u8]) -> Option<Vec<Option<String>>> {
    let mut rest = reply;
    let mut packets = Vec::new();
    while let Some((header, tail)) = rest.split_at_checked(4) {
        let length = usize::from(header[0]) | usize::from(header[1]) << 8 | usize::from(header[2]) << 16;
        let (payload, tail) = tail.split_at_checked(length)?;
        packets.push(payload);
        rest = tail;
    }
    // Column count, definitions, perhaps EOF, row, terminator.
    let columns = usize::from(*packets.first()?.first()?);
    let after_definitions = packets.get(columns + 1)?;
    let has_eof = after_definitions.first() == Some(&EOF) && after_definitions.len() < 9;
    let at = columns + 1 + usize::from(has_eof);
    if packets.len() != at + 2 {
        return None;
    }
    let mut row = PayloadReader::new(packets[at]);
    let value = |_| {
        if row.rest().first() == Some(&NULL) {
            row.u8().ok()?;
            return Some(None);
        }
        let text = std::str::from_utf8(row.lenenc_bytes().ok()?).ok()?;
        Some(Some(text.to_owned()))
    };
    (0..columns).map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(payload: &[u8]) -> Vec<u8> {
        [&[payload.len() as u8, 0, 0, 0], payload].concat()
    }

    fn value(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn the_row_is_found_with_and_without_eof_packets() {
        let end = packet(b"\xfe\0\0\0\0");
        let one = [packet(b"\x01"), packet(b"def"), end.clone(), packet(b"\x0242"), end.clone()];
        assert_eq!(text_row(&one.concat()), Some(vec![value("42")]));
        let definitions = packet(b"def").repeat(3);
        let three = [packet(b"\x03"), definitions, packet(b"\x0242\xfb\x01a"), end];
        assert_eq!(text_row(&three.concat()), Some(vec![value("42"), None, value("a")]));
    }

    #[test]
    fn anything_but_one_row_is_none() {
        let end = packet(b"\xfe\0\0\0\0");
        let none = [packet(b"\x01"), packet(b"def"), end.clone(), end.clone()];
        assert_eq!(text_row(&none.concat()), None);
        assert_eq!(text_row(&[packet(b"\x01"), packet(b"def"), end.clone()].concat()), None);
        let two = [packet(b"\x01"), packet(b"def"), packet(b"\x0242"), packet(b"\x0243"), end];
        assert_eq!(text_row(&two.concat()), None);
        assert_eq!(text_row(b"\x01\0\0"), None);
    }
}
