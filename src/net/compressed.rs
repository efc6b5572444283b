//! A client's connection over the compressed packet layer.
//!
//! What one write brings goes out as one compressed packet, at once: nothing waits for a flush to be compressed. Between commands it holds no
//! memory but its own few fields.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::stream::Stream;
use crate::wire::compression::{Algorithm, COMPRESSED_HEADER, CompressedHeader, expand, write_compressed};

/// How much of one write becomes one compressed packet; bounds what is held for a client that does not read.
const LARGEST_PIECE: usize = 64 * 1024;

/// Whether the layer has begun: the login itself is never compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Login,
    Compressing,
}

/// A connection that compresses once its login is over.
#[derive(Debug)]
pub struct Compressed {
    pub(super) inner: Stream,
    algorithm: Algorithm,
    phase: Phase,
    /// The number of the next packet out: it goes on from the last one in, in either direction.
    sequence: u8,
    /// The beginning of a compressed packet.
    incoming: Vec<u8>,
    /// What came out of the last one, and how much of it has been read.
    expanded: Vec<u8>,
    taken: usize,
    /// A packet on its way out, and how much of it has been sent.
    outgoing: Vec<u8>,
    sent: usize,
}

impl Compressed {
    /// How it is compressed.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// A connection that will compress so.
    pub fn new(inner: Stream, algorithm: Algorithm) -> Compressed {
        Compressed {
            inner,
            algorithm,
            phase: Phase::Login,
            sequence: 0,
            incoming: Vec::new(),
            expanded: Vec::new(),
            taken: 0,
            outgoing: Vec::new(),
            sent: 0,
        }
    }

    /// The login is over: from here on everything is compressed.
    pub fn begin(&mut self) {
        self.phase = Phase::Compressing;
    }

    /// Expands the packet that has come whole, if one has.
    fn expand_next(&mut self) -> io::Result<bool> {
        let Some(header) = CompressedHeader::peek(&self.incoming) else { return Ok(false) };
        let end = COMPRESSED_HEADER + header.length;
        let Some(payload) = self.incoming.get(COMPRESSED_HEADER..end) else { return Ok(false) };
        self.sequence = header.sequence.wrapping_add(1);
        self.expanded.clear();
        self.taken = 0;
        expand(self.algorithm, header, payload, &mut self.expanded)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.incoming.drain(..end);
        if self.incoming.is_empty() {
            self.incoming = Vec::new();
        }
        Ok(true)
    }

    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.outgoing.len() {
            let written = ready!(Pin::new(&mut self.inner).poll_write(context, &self.outgoing[self.sent..]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += written;
        }
        self.outgoing = Vec::new();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Compressed {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.phase == Phase::Login {
            return Pin::new(&mut this.inner).poll_read(context, into);
        }
        loop {
            let left = &this.expanded[this.taken..];
            if !left.is_empty() {
                let piece = left.len().min(into.remaining());
                into.put_slice(&left[..piece]);
                this.taken += piece;
                if this.taken == this.expanded.len() {
                    (this.expanded, this.taken) = (Vec::new(), 0);
                }
                return Poll::Ready(Ok(()));
            }
            if this.expand_next()? {
                continue;
            }
            // The reader's own room serves as scratch: what comes is compressed, so it must not stay there.
            let mut scratch = ReadBuf::new(into.initialize_unfilled());
            ready!(Pin::new(&mut this.inner).poll_read(context, &mut scratch))?;
            if scratch.filled().is_empty() {
                let torn = !this.incoming.is_empty();
                return Poll::Ready(if torn { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) });
            }
            this.incoming.extend_from_slice(scratch.filled());
        }
    }
}

impl AsyncWrite for Compressed {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.phase == Phase::Login {
            return Pin::new(&mut this.inner).poll_write(context, bytes);
        }
        ready!(this.poll_drain(context))?;
        let piece = &bytes[..bytes.len().min(LARGEST_PIECE)];
        if !piece.is_empty() {
            write_compressed(this.algorithm, piece, &mut this.sequence, &mut this.outgoing);
            // What does not go now goes before the next write, or by the flush that ends every reply.
            if let Poll::Ready(Err(error)) = this.poll_drain(context) {
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(Ok(piece.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(context))?;
        Pin::new(&mut this.inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(context))?;
        Pin::new(&mut this.inner).poll_shutdown(context)
    }
}
