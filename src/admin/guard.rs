//! Stands between the socket and the console's protocol library, which checks neither the size of packets nor the commands it does not know.
//!
//! It passes bytes on unchanged, or ends the connection: too large a packet, a sequence number the library would panic on, a command it would
//! answer OK without doing it (COM_CHANGE_USER, COM_BINLOG_DUMP …).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use thiserror::Error;
use tokio::io::{AsyncRead, ReadBuf};

use super::chatter::MAX_PACKET;

/// Set once the client has proved who it is.
pub type LoggedIn = Arc<AtomicBool>;

/// The commands that may pass: QUIT, INIT_DB, QUERY, FIELD_LIST, STATISTICS, PING, RESET_CONNECTION (a console session has no state),
/// and those on prepared statements, which the console refuses itself.
const COMMANDS: &[u8] = &[0x01, 0x02, 0x03, 0x04, 0x09, 0x0e, 0x16, 0x17, 0x18, 0x19, 0x1f];

/// Packets before the login: a handshake reply and an authentication reply, with some room.
const LAST_LOGIN_SEQUENCE: u8 = 8;

/// Why a connection is ended.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Refused {
    /// The packet is too large.
    #[error("a packet of {0} bytes")]
    TooLarge(u32),
    /// The sequence number is not that of a new command, or of a login.
    #[error("a packet with sequence number {0}")]
    Sequence(u8),
    /// The command is not carried.
    #[error("the protocol command 0x{0:02x}, which the console does not carry")]
    Command(u8),
}

/// Follows the packet borders in the bytes that pass. Pure.
#[derive(Debug, Default)]
struct Borders {
    header: [u8; 4],
    header_length: usize,
    body_left: u32,
    command_next: bool,
}

impl Borders {
    fn observe(&mut self, mut bytes: &[u8], logged_in: bool) -> Result<(), Refused> {
        while let Some((first, after)) = bytes.split_first() {
            if self.body_left > 0 {
                if self.command_next && !COMMANDS.contains(first) {
                    return Err(Refused::Command(*first));
                }
                self.command_next = false;
                let passed = bytes.len().min(self.body_left as usize);
                self.body_left -= passed as u32;
                bytes = &bytes[passed..];
                continue;
            }
            self.header[self.header_length] = *first;
            self.header_length += 1;
            bytes = after;
            if self.header_length == 4 {
                self.header_length = 0;
                self.begin(logged_in)?;
            }
        }
        Ok(())
    }

    fn begin(&mut self, logged_in: bool) -> Result<(), Refused> {
        let [low, middle, high, sequence] = self.header;
        let length = u32::from_le_bytes([low, middle, high, 0]);
        if length > MAX_PACKET {
            return Err(Refused::TooLarge(length));
        }
        if sequence > if logged_in { 0 } else { LAST_LOGIN_SEQUENCE } {
            return Err(Refused::Sequence(sequence));
        }
        self.body_left = length;
        self.command_next = logged_in;
        Ok(())
    }
}

/// A reader that ends the connection where the console would go wrong.
#[derive(Debug)]
pub struct Guard<R> {
    inner: R,
    borders: Borders,
    logged_in: LoggedIn,
}

impl<R> Guard<R> {
    /// Watches what is read from `inner`.
    pub fn new(inner: R, logged_in: LoggedIn) -> Self {
        Guard { inner, borders: Borders::default(), logged_in }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Guard<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        let logged_in = self.logged_in.load(Ordering::Acquire);
        let seen = self.borders.observe(&buffer.filled()[before..], logged_in);
        Poll::Ready(seen.map_err(|refused| io::Error::new(io::ErrorKind::InvalidData, refused)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: &[u8] = &[1, 0, 0, 0, 0x0e];

    #[test]
    fn packets_pass_however_they_are_cut() {
        let bytes = [PING, &[3, 0, 0, 0, 0x03, 0x11, 0xff], PING].concat();
        for cut in 0..bytes.len() {
            let mut borders = Borders::default();
            assert_eq!(borders.observe(&bytes[..cut], true), Ok(()));
            assert_eq!(borders.observe(&bytes[cut..], true), Ok(()));
        }
    }

    #[test]
    fn a_command_that_would_be_answered_without_being_done_ends_the_connection() {
        for command in [0x11, 0x12, 0x1b, 0x1a, 0x1c, 0xee] {
            let refused = Borders::default().observe(&[1, 0, 0, 0, command], true);
            assert_eq!(refused, Err(Refused::Command(command)));
        }
        assert_eq!(Borders::default().observe(&[1, 0, 0, 1, 0xee], false), Ok(()), "a login reply is no command");
    }

    #[test]
    fn a_large_packet_is_refused_by_its_header() {
        let refused = Borders::default().observe(&[0, 0, 0x20, 0], true);
        assert_eq!(refused, Err(Refused::TooLarge(0x20_0000)));
    }

    #[test]
    fn a_sequence_number_out_of_place_is_refused() {
        assert_eq!(Borders::default().observe(&[1, 0, 0, 1, 0x0e], true), Err(Refused::Sequence(1)));
        assert_eq!(Borders::default().observe(&[1, 0, 0, 255, 0], false), Err(Refused::Sequence(255)));
    }
}
