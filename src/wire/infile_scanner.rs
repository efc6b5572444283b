//! Where the file of a LOAD DATA LOCAL ends: at the client's empty packet.
//!
//! It looks at headers only and holds nothing back.

use super::packet::{HEADER, PacketHeader};

/// Follows the client's packets until the empty one.
#[derive(Clone, Copy, Debug, Default)]
pub struct InfileScanner {
    head: [u8; HEADER],
    head_length: usize,
    left: usize,
}

/// What the client's bytes came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InfileFed {
    /// How many of them belong to the file; what follows is the client's next command.
    pub forward: usize,
    /// The sequence number of the empty packet, once it has come.
    pub ended: Option<u8>,
}

impl InfileScanner {
    /// Takes the client's next bytes, in whatever pieces they come.
    pub fn feed(&mut self, bytes: &[u8]) -> InfileFed {
        let mut at = 0;
        loop {
            let body = self.left.min(bytes.len() - at);
            self.left -= body;
            at += body;
            let piece = (HEADER - self.head_length).min(bytes.len() - at);
            self.head[self.head_length..self.head_length + piece].copy_from_slice(&bytes[at..at + piece]);
            self.head_length += piece;
            at += piece;
            if self.head_length < HEADER {
                return InfileFed { forward: at, ended: None };
            }
            self.head_length = 0;
            let header = PacketHeader::read(self.head);
            if header.length == 0 {
                return InfileFed { forward: at, ended: Some(header.sequence) };
            }
            self.left = header.length;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_packet_ends_a_file_however_it_is_torn() {
        let wire = b"\x03\0\0\x02abc\x01\0\0\x03z\0\0\0\x04rest";
        for size in 1..=wire.len() {
            let (mut scanner, mut forward, mut ended) = (InfileScanner::default(), 0, None);
            for piece in wire.chunks(size) {
                let fed = scanner.feed(piece);
                forward += fed.forward;
                ended = fed.ended;
                if ended.is_some() {
                    break;
                }
            }
            assert_eq!((forward, ended), (wire.len() - 4, Some(4)), "pieces of {size}");
        }
    }
}
