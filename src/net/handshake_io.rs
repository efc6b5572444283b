//! Whole packets on a socket while a connection is being set up.
//!
//! It reads exactly one packet and not a byte beyond, so that nothing is lost when TLS begins or a client sends its first command early.
//! Once a connection is logged in, nothing here is used: the data path forwards bytes.

use std::io;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::stream::Stream;
use crate::wire::packet::{HEADER, PacketError, PacketHeader, write_packet};

/// The longest packet of a handshake; connection attributes may have 64 KiB.
const LONGEST: usize = 256 << 10;

/// Why no packet could be exchanged.
#[derive(Debug, Error)]
pub enum HandshakeIoError {
    /// The socket failed, or the peer closed it.
    #[error("the connection ended during its handshake")]
    Io(#[from] io::Error),
    /// The peer sent what is no packet of a handshake.
    #[error(transparent)]
    Packet(#[from] PacketError),
}

/// What packets of a handshake travel on: a connection, or a client's side of a session that authenticates once more.
pub trait Carrier: AsyncRead + AsyncWrite + Unpin {
    /// Whether a password may be sent as it is.
    fn is_confidential(&self) -> bool;
}

impl Carrier for Stream {
    fn is_confidential(&self) -> bool {
        Stream::is_confidential(self)
    }
}

impl<C: Carrier> Carrier for &mut C {
    fn is_confidential(&self) -> bool {
        C::is_confidential(self)
    }
}

/// A connection during its handshake, with the sequence number of the next packet in either direction.
#[derive(Debug)]
pub(super) struct Handshake<C = Stream> {
    pub(super) stream: C,
    pub(super) sequence: u8,
}

impl Handshake {
    pub(super) fn new(stream: Stream) -> Handshake {
        Handshake { stream, sequence: 0 }
    }
}

impl<C: Carrier> Handshake<C> {
    /// Sends one packet.
    pub(super) async fn send(&mut self, payload: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(payload.len() + HEADER);
        write_packet(&mut bytes, &mut self.sequence, payload);
        self.stream.write_all(&bytes).await?;
        self.stream.flush().await
    }

    /// Receives one packet.
    pub(super) async fn receive(&mut self) -> Result<Vec<u8>, HandshakeIoError> {
        let mut header = [0; HEADER];
        self.stream.read_exact(&mut header).await?;
        let header = PacketHeader::read(header);
        if header.length > LONGEST {
            return Err(PacketError::TooLarge { limit: LONGEST }.into());
        }
        if header.sequence != self.sequence {
            return Err(PacketError::OutOfOrder { expected: self.sequence, got: header.sequence }.into());
        }
        self.sequence = self.sequence.wrapping_add(1);
        let mut payload = vec![0; header.length];
        self.stream.read_exact(&mut payload).await?;
        Ok(payload)
    }
}
