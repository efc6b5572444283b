//! Where a client's command ends in a buffer of received bytes.
//!
//! It copies nothing: the bytes are forwarded as they came, and only a command of several parts is put together for analysis.

use std::borrow::Cow;

use super::packet::{HEADER, MAX_PAYLOAD, PacketError, PacketHeader};

/// One whole command at the beginning of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandFrame {
    /// Bytes of the wire, the headers of all parts included.
    pub total: usize,
    /// Packets the command came in; more than one from 16 MiB on.
    pub parts: usize,
    /// Bytes of payload, all parts together.
    pub length: usize,
    /// The sequence number of the last part; the reply begins with the next one.
    pub sequence: u8,
}

impl CommandFrame {
    /// The payload without headers, from the buffer this frame was found in; borrowed unless the command came in several parts.
    pub fn payload<'a>(&self, buffer: &'a [u8]) -> Cow<'a, [u8]> {
        let wire = &buffer[..self.total];
        if self.parts == 1 {
            return Cow::Borrowed(&wire[HEADER..]);
        }
        let mut payload = Vec::with_capacity(self.length);
        for part in wire.chunks(HEADER + MAX_PAYLOAD) {
            payload.extend_from_slice(&part[HEADER.min(part.len())..]);
        }
        Cow::Owned(payload)
    }
}

/// The command at the beginning of `buffer`; `None` while it is incomplete.
///
/// Errors: more than `max` bytes of payload (said as soon as the headers show it), or sequence numbers that do not count up from 0.
pub fn next_command(buffer: &[u8], max: usize) -> Result<Option<CommandFrame>, PacketError> {
    let mut frame = CommandFrame { total: 0, parts: 0, length: 0, sequence: 0 };
    let mut expected = 0u8;
    loop {
        let Some(header) = buffer.get(frame.total..).and_then(PacketHeader::peek) else {
            return Ok(None);
        };
        if header.sequence != expected {
            return Err(PacketError::OutOfOrder { expected, got: header.sequence });
        }
        frame.length += header.length;
        if frame.length > max {
            return Err(PacketError::TooLarge { limit: max });
        }
        frame.total += HEADER + header.length;
        frame.parts += 1;
        frame.sequence = header.sequence;
        if header.length < MAX_PAYLOAD {
            return Ok((frame.total <= buffer.len()).then_some(frame));
        }
        expected = expected.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::super::packet::write_packet;
    use super::*;

    fn wire(payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write_packet(&mut out, &mut 0, payload);
        out
    }

    #[test]
    fn a_torn_command_is_held_back() {
        let whole = wire(b"\x03SELECT 1");
        for cut in 0..whole.len() {
            assert_eq!(next_command(&whole[..cut], 100), Ok(None), "{cut}");
        }
        let frame = next_command(&[whole.as_slice(), b"more"].concat(), 100).unwrap().unwrap();
        assert_eq!((frame.total, frame.parts), (whole.len(), 1));
        assert!(matches!(frame.payload(&whole), Cow::Borrowed(b"\x03SELECT 1")));
    }

    #[test]
    fn commands_of_several_parts_are_put_together() {
        for length in [MAX_PAYLOAD, MAX_PAYLOAD + 1, 2 * MAX_PAYLOAD] {
            let mut payload = vec![b'x'; length];
            payload[length - 1] = b'y';
            let whole = wire(&payload);
            assert_eq!(next_command(&whole[..whole.len() - 1], usize::MAX), Ok(None));
            let frame = next_command(&whole, usize::MAX).unwrap().unwrap();
            assert_eq!(frame.total, whole.len());
            assert_eq!(usize::from(frame.sequence) + 1, frame.parts);
            assert!(frame.payload(&whole) == payload);
        }
    }

    #[test]
    fn a_command_beyond_the_limit_is_refused_before_it_arrived() {
        assert_eq!(next_command(&wire(&[3; 101])[..4], 100), Err(PacketError::TooLarge { limit: 100 }));
    }

    #[test]
    fn a_wrong_sequence_number_is_refused() {
        assert_eq!(next_command(&[1, 0, 0, 5, 14], 9), Err(PacketError::OutOfOrder { expected: 0, got: 5 }));
    }
}
