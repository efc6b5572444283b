//! The client's side of a session: whole commands in, packets of Meridian's own out.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::worker::Worker;
use crate::net::handshake_io::Carrier;
use crate::net::stream::Stream;
use crate::wire::command_reader::{CommandFrame, next_command};
use crate::wire::packet::PacketError;

/// The client's socket and what has been read from it ahead of time.
#[derive(Debug)]
pub struct Client {
    /// The socket.
    pub stream: Stream,
    /// Bytes of commands the client sent before the last one was answered; empty and without memory, nearly always.
    ahead: Vec<u8>,
}

impl AsyncRead for Client {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let client = self.get_mut();
        if client.ahead.is_empty() {
            return Pin::new(&mut client.stream).poll_read(context, into);
        }
        let taken = client.ahead.len().min(into.remaining());
        into.put_slice(&client.ahead[..taken]);
        client.ahead.drain(..taken);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Client {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

impl Carrier for Client {
    fn is_confidential(&self) -> bool {
        self.stream.is_confidential()
    }
}

/// One whole command, as the client sent it.
#[derive(Debug)]
pub struct ReceivedCommand {
    /// Its packets, headers included.
    pub packet: Vec<u8>,
    /// Where its payload is.
    pub frame: CommandFrame,
}

/// Why no command came.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The client closed the connection: the normal end.
    #[error("the client closed the connection")]
    Closed,
    /// The socket failed.
    #[error("the client's connection broke")]
    Io(#[source] io::Error),
    /// What it sent is not a command.
    #[error("the client sent a malformed packet")]
    Malformed(#[source] PacketError),
}

impl Client {
    /// A client that has just logged in.
    pub fn new(stream: Stream) -> Client {
        Client { stream, ahead: Vec::new() }
    }

    /// The next whole command. Between commands no memory is held for the client. Cancelling it loses nothing.
    pub async fn read_command(&mut self, worker: &Worker, max_packet: usize) -> Result<ReceivedCommand, ReadError> {
        poll_fn(|context| self.poll_command(context, worker, max_packet)).await
    }

    /// As [`Client::read_command`].
    pub fn poll_command(
        &mut self,
        context: &mut Context<'_>,
        worker: &Worker,
        max_packet: usize,
    ) -> Poll<Result<ReceivedCommand, ReadError>> {
        loop {
            if !self.ahead.is_empty()
                && let Some(frame) = next_command(&self.ahead, max_packet).map_err(ReadError::Malformed)?
            {
                let mut packet = std::mem::take(&mut self.ahead);
                if packet.len() > frame.total {
                    self.ahead = packet.split_off(frame.total);
                }
                return Poll::Ready(Ok(ReceivedCommand { packet, frame }));
            }
            ready!(self.poll_more(context, worker))?;
        }
    }

    /// Resolves when the client has sent something before it was answered, which is kept, or has left.
    pub fn poll_ahead(&mut self, context: &mut Context<'_>, worker: &Worker) -> Poll<Result<(), ReadError>> {
        if self.ahead.is_empty() { self.poll_more(context, worker) } else { Poll::Ready(Ok(())) }
    }

    fn poll_more(&mut self, context: &mut Context<'_>, worker: &Worker) -> Poll<Result<(), ReadError>> {
        let mut scratch = worker.scratch.borrow_mut();
        let mut buffer = ReadBuf::new(&mut scratch);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer)).map_err(ReadError::Io)?;
        if buffer.filled().is_empty() {
            return Poll::Ready(Err(ReadError::Closed));
        }
        if self.ahead.capacity() == 0 {
            self.ahead = worker.buffer();
        }
        self.ahead.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(()))
    }

    /// Keeps what was read too early: it is the beginning of the next command.
    pub fn put_back(&mut self, bytes: &[u8]) {
        self.ahead.splice(..0, bytes.iter().copied());
    }

    /// Sends packets of Meridian's own.
    pub async fn send(&mut self, packets: &[u8]) -> io::Result<()> {
        self.stream.send(packets).await
    }
}
