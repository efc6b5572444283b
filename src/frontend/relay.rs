//! Passing a reply from the backend to the client, undecoded; the scanner sees where it ends.
//!
//! One loop, one task, no channel: read into the worker's scratch, scan, write on, all within one poll. Only what the
//! client would not take is copied, and the backend is not read again before that copy is gone: that is the
//! back-pressure.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, timeout_at};

use super::client::Client;
use super::leaving::{LEFT, OnLeaving};
use super::registry::SessionEntry;
use super::worker::Worker;
use crate::backend::{CollectedReply, Connection};
use crate::wire::infile_scanner::InfileScanner;
use crate::wire::last_packet::{LastPacket, RowsEnd};
use crate::wire::scanner::{EndKind, ReplyEnd, ReplyKind, ResponseScanner, ScanError, ScanEvent};

/// A reply that was read to its end.
#[derive(Clone, Copy, Debug)]
pub struct Relayed {
    /// What it said.
    pub end: ReplyEnd,
    /// Whether the client took it all.
    pub client: ClientState,
}

/// Whether the client is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientState {
    /// It took all bytes so far.
    Present,
    /// It is gone; the rest of the reply was read for the backend's sake.
    Gone,
}

/// Why a reply was not read to its end.
#[derive(Debug, Error)]
pub enum RelayError {
    /// The backend is gone.
    #[error("the instance closed the connection during a reply")]
    Backend {
        /// Whether the client has already got a part of the reply.
        forwarded: bool,
    },
    /// What it sent is not a reply.
    #[error("the instance sent something that is not a reply")]
    Scan(#[source] ScanError),
    /// The client is gone and the end still to come.
    #[error("the client left in the middle of a long reply, or a long time ahead of it")]
    Unheard,
    /// BEGIN, sent ahead of the statement, was refused.
    #[error("the instance refused to begin the transaction (its error {errno})")]
    Opening {
        /// The server's error.
        errno: u16,
    },
    /// XA START, sent ahead of the statement, was refused: nothing has begun.
    #[error("the instance refused to begin the branch")]
    Branch {
        /// The server's reply.
        packet: Vec<u8>,
    },
}

/// How long the rest of a reply may take that nobody hears: less than a new connection costs is read, the rest of a long result is not.
const UNHEARD: Duration = Duration::from_millis(200);

/// Which replies come: some that the client did not ask for, then its own.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    /// Simple replies to swallow first (BEGIN sent along).
    pub swallow: usize,
    /// The shape of the client's reply.
    pub kind: ReplyKind,
    /// When the client gets its end.
    pub ending: Ending,
    /// What becomes of it without a client.
    pub on_leaving: OnLeaving,
}

/// When the client gets the end of a reply; the rest of it comes as it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With the rest.
    AtOnce,
    /// When something else is done: until then it sends nothing that could depend on it.
    Later,
    /// When and as the caller says.
    Kept,
}

enum Step {
    More,
    Ended(ReplyEnd),
    LocalInfile,
    ClientLeft,
}

/// One reply on its way.
pub(super) struct Relay<'a> {
    worker: &'a Worker,
    entry: &'a SessionEntry,
    client: &'a mut Client,
    connection: &'a mut Connection,
    scanner: ResponseScanner,
    expected: Expected,
    /// What the client would not take yet.
    unsent: Vec<u8>,
    /// The end of the reply, where it comes later.
    end: Vec<u8>,
    /// Where the end is kept: what may be it.
    last: Option<Box<LastPacket>>,
    client_state: ClientState,
    /// Until when the rest may take that nobody hears.
    unheard_until: Option<Instant>,
    forwarded: bool,
}

/// The expected reply in memory, for the few that are changed before the client sees them.
pub(super) async fn collected(connection: &mut Connection, expected: Expected) -> Result<CollectedReply, RelayError> {
    let lost = |_| RelayError::Backend { forwarded: false };
    // What was sent along is answered in one piece with it, as often as not.
    let mut read = Vec::new();
    for _ in 0..expected.swallow {
        let reply = connection.collect_next(&mut read, ReplyKind::Simple).await.map_err(lost)?;
        if let EndKind::Error { errno } = reply.end.kind {
            return Err(RelayError::Opening { errno });
        }
    }
    let reply = connection.collect_next(&mut read, expected.kind).await.map_err(lost)?;
    if !read.is_empty() {
        return Err(RelayError::Backend { forwarded: false });
    }
    connection.end_command(&reply.end);
    Ok(reply)
}

impl<'a> Relay<'a> {
    /// A reply of which nothing has come yet.
    pub fn new(
        worker: &'a Worker,
        entry: &'a SessionEntry,
        client: &'a mut Client,
        connection: &'a mut Connection,
        expected: Expected,
    ) -> Relay<'a> {
        let kind = if expected.swallow > 0 { ReplyKind::Simple } else { expected.kind };
        let rows_end = if connection.scan_flags().deprecate_eof { RowsEnd::Ok } else { RowsEnd::Eof };
        let last = (expected.ending == Ending::Kept).then(|| Box::new(LastPacket::new(rows_end)));
        Relay {
            worker,
            entry,
            client,
            scanner: ResponseScanner::new(kind, connection.scan_flags()),
            connection,
            expected,
            unsent: Vec::new(),
            end: Vec::new(),
            last,
            client_state: ClientState::Present,
            unheard_until: None,
            forwarded: false,
        }
    }

    /// Passes it on to its end, which comes to the client after `before_end` where it comes later. A client that goes away does not end the
    /// reading at once: the outcome at the database is what tickets and transactions wait for. But as at the servers, nothing goes on for long
    /// that is there to be heard and that nobody hears. One whose session is killed hears nothing more, as at the servers.
    pub async fn pass_on(&mut self, before_end: impl Future<Output = ()>) -> Result<Relayed, RelayError> {
        loop {
            let step = match (self.client_state, self.unheard_until) {
                (ClientState::Present, None) => poll_fn(|context| self.poll_step(context)).await?,
                (ClientState::Gone, _) | (_, Some(_)) => Box::pin(self.unheard_step()).await?,
            };
            if !self.unsent.is_empty() {
                self.send_rest().await;
            }
            match step {
                Step::More => {}
                Step::ClientLeft => self.unheard_until = Some(Instant::now() + LEFT),
                Step::LocalInfile => {
                    if let Some(last) = &mut self.last {
                        self.unsent = last.take();
                        Box::pin(self.send_rest()).await;
                    }
                    Box::pin(self.carry_local_file()).await?;
                }
                Step::Ended(end) => {
                    if !self.end.is_empty() {
                        before_end.await;
                        self.unsent = std::mem::take(&mut self.end);
                        self.send_rest().await;
                    }
                    if self.client.flush().await.is_err() {
                        self.client_state = ClientState::Gone;
                    }
                    self.connection.end_command(&end);
                    return Ok(Relayed { end, client: self.client_state });
                }
            }
        }
    }

    /// The last packet, where it was kept; it tells of no transaction.
    pub fn into_end(self) -> Vec<u8> {
        self.last.map(|last| last.into_end()).unwrap_or_default()
    }

    /// A step while nobody hears.
    async fn unheard_step(&mut self) -> Result<Step, RelayError> {
        let until = *self.unheard_until.get_or_insert_with(|| Instant::now() + UNHEARD);
        let read = timeout_at(until, poll_fn(|context| self.poll_step(context))).await;
        // A result that always has more at hand never lets the timer speak.
        read.ok().filter(|_| Instant::now() < until).ok_or(RelayError::Unheard)?
    }

    fn poll_step(&mut self, context: &mut Context<'_>) -> Poll<Result<Step, RelayError>> {
        let worker = self.worker;
        let mut scratch = worker.scratch.borrow_mut();
        let mut buffer = ReadBuf::new(&mut scratch);
        let read = Pin::new(&mut self.connection.stream).poll_read(context, &mut buffer);
        if read.is_pending() && self.expected.on_leaving == OnLeaving::GivenUp {
            drop(scratch);
            return self.poll_left(context);
        }
        let read = ready!(read);
        let mut bytes = buffer.filled();
        if read.is_err() || bytes.is_empty() {
            return Poll::Ready(Err(RelayError::Backend { forwarded: self.forwarded }));
        }
        while !bytes.is_empty() {
            let fed = self.scanner.feed(bytes).map_err(RelayError::Scan)?;
            let (mine, rest) = bytes.split_at(fed.forward);
            bytes = rest;
            let is_end = matches!(fed.event, Some(ScanEvent::End(_)));
            match &mut self.last {
                _ if self.expected.swallow > 0 => {}
                Some(last) => {
                    let mut onward = Vec::new();
                    last.feed(mine, &mut onward);
                    self.forward(context, &onward);
                }
                None if is_end && self.expected.ending == Ending::Later => self.end.extend_from_slice(mine),
                None => self.forward(context, mine),
            }
            match fed.event {
                None => {}
                Some(ScanEvent::End(end)) if self.expected.swallow > 0 => self.swallowed(end)?,
                Some(ScanEvent::End(end)) if bytes.is_empty() => return Poll::Ready(Ok(Step::Ended(end))),
                Some(ScanEvent::LocalInfile) if bytes.is_empty() && self.expected.swallow == 0 => {
                    return Poll::Ready(Ok(Step::LocalInfile));
                }
                Some(ScanEvent::End(_) | ScanEvent::LocalInfile) => {
                    return Poll::Ready(Err(RelayError::Backend { forwarded: true }));
                }
            }
        }
        Poll::Ready(Ok(Step::More))
    }

    /// Nothing more has come yet: looks whether the client waits for it.
    fn poll_left(&mut self, context: &mut Context<'_>) -> Poll<Result<Step, RelayError>> {
        let ahead = ready!(self.client.poll_ahead(context, self.worker));
        // Once is enough: who has sent its next command is there, to the servers too.
        self.expected.on_leaving = OnLeaving::GoesOn;
        match ahead {
            Ok(()) => Poll::Pending,
            Err(_) => Poll::Ready(Ok(Step::ClientLeft)),
        }
    }

    fn swallowed(&mut self, end: ReplyEnd) -> Result<(), RelayError> {
        if let EndKind::Error { errno } = end.kind {
            return Err(RelayError::Opening { errno });
        }
        self.expected.swallow -= 1;
        let kind = if self.expected.swallow > 0 { ReplyKind::Simple } else { self.expected.kind };
        self.scanner = ResponseScanner::new(kind, self.connection.scan_flags());
        Ok(())
    }

    fn forward(&mut self, context: &mut Context<'_>, mut bytes: &[u8]) {
        if self.entry.is_killed() {
            self.client_state = ClientState::Gone;
        }
        if self.client_state == ClientState::Gone || bytes.is_empty() {
            return;
        }
        self.forwarded = true;
        while self.unsent.is_empty() && !bytes.is_empty() {
            match Pin::new(&mut self.client.stream).poll_write(context, bytes) {
                Poll::Ready(Ok(0) | Err(_)) => {
                    self.client_state = ClientState::Gone;
                    return;
                }
                Poll::Ready(Ok(written)) => bytes = &bytes[written..],
                Poll::Pending => break,
            }
        }
        self.unsent.extend_from_slice(bytes);
    }

    async fn send_rest(&mut self) {
        if self.client.write_all(&self.unsent).await.is_err() {
            self.client_state = ClientState::Gone;
        }
        self.unsent = Vec::new();
    }

    /// LOAD DATA LOCAL: the client's packets go to the backend until an empty one.
    async fn carry_local_file(&mut self) -> Result<(), RelayError> {
        let backend_gone = |_: io::Error| RelayError::Backend { forwarded: true };
        if self.client.flush().await.is_err() {
            return Err(RelayError::Backend { forwarded: true });
        }
        let mut file = InfileScanner::default();
        let mut chunk = vec![0u8; 16 * 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut chunk);
            let read = poll_fn(|context| Pin::new(&mut *self.client).poll_read(context, &mut buffer)).await;
            let bytes = buffer.filled();
            if read.is_err() || bytes.is_empty() {
                // Half a file must not be loaded: the backend's connection is given up, and with it the statement.
                self.client_state = ClientState::Gone;
                return Err(RelayError::Backend { forwarded: true });
            }
            let fed = file.feed(bytes);
            self.connection.stream.write_all(&bytes[..fed.forward]).await.map_err(backend_gone)?;
            if fed.ended.is_some() {
                // What the client sent behind its file without waiting are commands.
                self.client.put_back(&bytes[fed.forward..]);
                return self.connection.stream.flush().await.map_err(backend_gone);
            }
        }
    }
}
