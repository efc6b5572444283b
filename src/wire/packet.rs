//! The packet layer: a 3-byte length, a sequence number, a payload; and how long payloads are split.
//!
//! It knows nothing of what is inside a payload.
//! Source: "MySQL Packets" in the MySQL source documentation (page_protocol_basic_packets).

use thiserror::Error;

/// Bytes before each payload: three of length, one of sequence.
pub const HEADER: usize = 4;

/// The longest payload of one packet. A packet of exactly this length is continued by the next one.
pub const MAX_PAYLOAD: usize = 0xFF_FFFF;

/// Why bytes are not a packet we accept.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PacketError {
    /// All parts together are longer than the receiver allows.
    #[error("a packet of more than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The sequence number is not the one that must come next.
    #[error("packet {got} where packet {expected} must come")]
    OutOfOrder {
        /// What had to come.
        expected: u8,
        /// What came.
        got: u8,
    },
}

/// A packet's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketHeader {
    /// Bytes of payload after the header, at most [`MAX_PAYLOAD`].
    pub length: usize,
    /// The sequence number; it wraps.
    pub sequence: u8,
}

impl PacketHeader {
    /// Reads the four bytes of a header.
    pub fn read(bytes: [u8; HEADER]) -> PacketHeader {
        let [low, middle, high, sequence] = bytes;
        PacketHeader { length: usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16, sequence }
    }

    /// The header at the beginning of `bytes`; `None` when fewer than four are there.
    pub fn peek(bytes: &[u8]) -> Option<PacketHeader> {
        bytes.first_chunk().map(|header| PacketHeader::read(*header))
    }
}

/// Appends `payload` to `out` as one packet or, from [`MAX_PAYLOAD`] bytes on, as several; `sequence` moves on.
pub fn write_packet(out: &mut Vec<u8>, sequence: &mut u8, payload: &[u8]) {
    let mut rest = payload;
    loop {
        let (part, tail) = rest.split_at(rest.len().min(MAX_PAYLOAD));
        let [low, middle, high, ..] = part.len().to_le_bytes();
        out.extend_from_slice(&[low, middle, high, *sequence]);
        out.extend_from_slice(part);
        *sequence = sequence.wrapping_add(1);
        rest = tail;
        // A full part says "more follows", so an exact multiple ends in an empty packet.
        if part.len() < MAX_PAYLOAD {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn an_exact_multiple_ends_in_an_empty_packet() {
        let (mut out, mut sequence) = (Vec::new(), 255);
        write_packet(&mut out, &mut sequence, &vec![7; MAX_PAYLOAD]);
        assert_eq!(out.len(), MAX_PAYLOAD + 2 * HEADER);
        assert_eq!(PacketHeader::peek(&out).unwrap(), PacketHeader { length: MAX_PAYLOAD, sequence: 255 });
        assert_eq!(out[MAX_PAYLOAD + HEADER..], [0, 0, 0, 0]);
        assert_eq!(sequence, 1);
    }

    #[test]
    fn an_empty_payload_is_one_packet() {
        let (mut out, mut sequence) = (Vec::new(), 3);
        write_packet(&mut out, &mut sequence, b"");
        assert_eq!((out.as_slice(), sequence), ([0, 0, 0, 3].as_slice(), 4));
    }
}
