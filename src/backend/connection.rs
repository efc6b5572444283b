//! One connection to an instance: its socket, what it has been told, and whether it may be shared again.

use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::time::Instant;

use super::ConnectionError;
use super::gauge::OpenSlot;
use super::prepared::PreparedStatements;
use super::session_state::{Replay, SessionState};
use crate::model::InstanceId;
use crate::net::login::LoggedIn;
use crate::net::stream::Stream;
use crate::wire::capability::Capabilities;
use crate::wire::command::Command;
use crate::wire::packet::write_packet;
use crate::wire::query_attributes::NO_ATTRIBUTES;
use crate::wire::scanner::{EndKind, ReplyEnd, ReplyKind, ResponseScanner, ScanEvent, ScanFlags};
use crate::wire::status;
use crate::wire::text_row::text_row;

/// A logged-in connection.
#[derive(Debug)]
pub struct Connection {
    /// Its socket.
    pub stream: Stream,
    /// The instance it leads to.
    pub instance: InstanceId,
    /// The server's id of it, for KILL.
    pub thread_id: u32,
    /// What was negotiated.
    pub capabilities: Capabilities,
    /// What the server was told; `None` just after a reset.
    pub state: Option<Arc<SessionState>>,
    /// What its LAST_INSERT_ID() says; `None` where only the server knows.
    pub last_insert_id: Option<u64>,
    /// The statements it has prepared.
    pub prepared: PreparedStatements,
    /// Whether it was idle in a pool before this checkout, so that the server may have closed it.
    pub reused: bool,
    /// When it was opened.
    pub born: Instant,
    /// The generation of its instance's connections it belongs to.
    pub generation: usize,
    /// The address of the clients it is for, where its instance was told one.
    pub announced: Option<IpAddr>,
    /// It was opened for one client, and says so to its server: nobody else gets it.
    pub is_one_clients: bool,
    /// Since when it is known to be idle in a pool.
    pub idle_since: Option<Instant>,
    /// The sweep of the pools in which its age was last looked at.
    pub swept: u32,
    tainted: bool,
    busy: bool,
    in_transaction: bool,
    _slot: OpenSlot,
}

/// A whole reply kept in memory, for commands of Meridian's own.
#[derive(Clone, Debug)]
pub struct CollectedReply {
    /// Its packets as received.
    pub bytes: Vec<u8>,
    /// Where and how it ended.
    pub end: ReplyEnd,
}

impl Connection {
    /// A connection that has just logged in and is in `state`; it keeps one prepared statement until it is told how many.
    pub fn new(logged_in: LoggedIn, instance: InstanceId, state: SessionState, slot: OpenSlot) -> Connection {
        slot.named(logged_in.connection_id);
        Connection {
            stream: logged_in.stream,
            instance,
            thread_id: logged_in.connection_id,
            capabilities: logged_in.capabilities,
            state: Some(Arc::new(state)),
            last_insert_id: Some(0),
            prepared: PreparedStatements::new(1),
            reused: false,
            born: Instant::now(),
            generation: 0,
            announced: None,
            is_one_clients: false,
            idle_since: None,
            swept: 0,
            tainted: false,
            busy: false,
            in_transaction: false,
            _slot: slot,
        }
    }

    /// Whether the state is exactly `wanted`. Equal ones become one, so that the next comparison is one of pointers.
    pub fn is_in_state(&mut self, wanted: &Arc<SessionState>) -> bool {
        match &mut self.state {
            Some(state) if Arc::ptr_eq(state, wanted) => true,
            Some(state) if state == wanted => {
                *state = Arc::clone(wanted);
                true
            }
            Some(_) | None => false,
        }
    }

    /// Whether a reset would make it shareable: something was left behind, but nothing is in progress.
    pub fn needs_reset(&self) -> bool {
        self.tainted && !self.busy
    }

    /// Whether another session may have it: nothing in progress, nothing left behind that cannot be undone by a replay.
    pub fn is_clean(&self) -> bool {
        !self.tainted && !self.busy && !self.in_transaction
    }

    /// From here on only a reset makes it shareable.
    pub fn taint(&mut self) {
        self.tainted = true;
    }

    /// A command is on its way; until [`Connection::end_command`] the connection is not shareable.
    pub fn begin_command(&mut self) {
        self.busy = true;
    }

    /// The reply was read to its end, which tells whether a transaction is open; an ERR does not.
    pub fn end_command(&mut self, end: &ReplyEnd) {
        self.busy = false;
        if let Some(flags) = end.status {
            self.in_transaction = flags & status::IN_TRANS != 0;
        }
    }

    /// Whether the server still holds its end: no end of stream and no unasked-for byte. Asks the kernel only after an event.
    pub fn is_alive(&mut self) -> bool {
        let found = self.stream.try_read(&mut [0u8; 1]);
        found.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// The same connection on this thread's runtime; `None` for sockets that cannot move (TLS).
    pub fn moved_to_this_worker(self) -> Option<Connection> {
        let stream = self.stream.reregistered()?;
        Some(Connection { stream, ..self })
    }

    /// How replies on this connection are read.
    pub fn scan_flags(&self) -> ScanFlags {
        ScanFlags::from(self.capabilities)
    }

    /// Makes the connection's state `wanted`, each step confirmed by the server.
    ///
    /// Errors: the socket, or [`ConnectionError::Refused`] with the server's own ERR packet; then the state is unknown
    /// and the connection tainted.
    pub async fn bring_to(&mut self, wanted: &Arc<SessionState>, login_names: &str) -> Result<(), ConnectionError> {
        if self.is_in_state(wanted) {
            return Ok(());
        }
        let was_clean = !self.tainted;
        let leaves_variables = self.state.as_deref().is_some_and(|present| present.has_user_variables_beyond(wanted));
        if leaves_variables && !self.in_transaction {
            // Set to NULL, a variable would keep the type it had.
            self.reset().await?;
        }
        let replay = Replay::between(self.state.as_deref(), wanted, login_names);
        self.tainted = true;
        if let Some(schema) = &replay.schema {
            self.confirmed(Command::InitDb, schema.as_bytes()).await?;
        }
        for statement in &replay.statements {
            self.confirmed(Command::Query, statement.as_bytes()).await?;
        }
        self.state = Some(Arc::clone(wanted));
        self.tainted = !was_clean;
        Ok(())
    }

    /// How many prepared statements the server allows all its clients together; `None` when it does not say.
    pub async fn server_prepared(&mut self) -> Option<usize> {
        let question = b"SELECT @@global.max_prepared_stmt_count";
        let reply = self.ask(Command::Query, question, ReplyKind::Query).await.ok()?;
        text_row(&reply.bytes)?.pop()??.parse().ok()
    }

    /// COM_RESET_CONNECTION: ends the transaction, drops locks, temporary tables, variables and prepared statements.
    pub async fn reset(&mut self) -> Result<(), ConnectionError> {
        self.confirmed(Command::ResetConnection, &[]).await?;
        self.prepared.clear();
        // The schema is the one thing a reset keeps; everything else is at the server's defaults, not at the login's.
        self.state = None;
        self.last_insert_id = Some(0);
        self.tainted = false;
        self.in_transaction = false;
        Ok(())
    }

    /// Sends a command of Meridian's own and expects OK.
    pub async fn confirmed(&mut self, command: Command, argument: &[u8]) -> Result<ReplyEnd, ConnectionError> {
        let reply = self.ask(command, argument, ReplyKind::Simple).await?;
        match reply.end.kind {
            EndKind::Ok | EndKind::Eof => Ok(reply.end),
            EndKind::Error { .. } => Err(ConnectionError::Refused { packet: reply.bytes }),
        }
    }

    /// Sends a command of Meridian's own and keeps its whole reply.
    pub async fn ask(
        &mut self,
        command: Command,
        argument: &[u8],
        kind: ReplyKind,
    ) -> Result<CollectedReply, ConnectionError> {
        let mut payload = Vec::with_capacity(1 + NO_ATTRIBUTES.len() + argument.len());
        payload.push(command as u8);
        if command == Command::Query && self.capabilities.contains(Capabilities::QUERY_ATTRIBUTES) {
            payload.extend_from_slice(&NO_ATTRIBUTES);
        }
        payload.extend_from_slice(argument);
        self.begin_command();
        self.send(&payload).await?;
        self.stream.flush().await.map_err(ConnectionError::Io)?;
        let reply = self.collect(kind).await?;
        self.end_command(&reply.end);
        Ok(reply)
    }

    /// Sends a command of Meridian's own that has no reply.
    pub async fn send(&mut self, payload: &[u8]) -> Result<(), ConnectionError> {
        let mut packet = Vec::with_capacity(payload.len() + 4);
        write_packet(&mut packet, &mut 0, payload);
        self.stream.write_all(&packet).await.map_err(ConnectionError::Io)
    }

    /// Reads one whole reply into memory; the command has been sent.
    pub async fn collect(&mut self, kind: ReplyKind) -> Result<CollectedReply, ConnectionError> {
        let mut behind = Vec::new();
        let reply = self.collect_next(&mut behind, kind).await?;
        // Meridian itself sends no second command before the first reply ended.
        if behind.is_empty() { Ok(reply) } else { Err(ConnectionError::Unasked) }
    }

    /// The next of several replies that may come in one piece: `read` is what has been read of it already, and afterwards what has been read
    /// of its successor. Errors: the connection is of no use any more.
    pub async fn collect_next(
        &mut self,
        read: &mut Vec<u8>,
        kind: ReplyKind,
    ) -> Result<CollectedReply, ConnectionError> {
        let mut scanner = ResponseScanner::new(kind, self.scan_flags());
        let mut bytes = Vec::new();
        // On the heap: an array here would sit in every future that may ask anything, which is all of them.
        let mut chunk = std::mem::take(read);
        let mut filled = chunk.len();
        loop {
            if filled == 0 {
                chunk.resize(chunk.len().max(2048), 0);
                filled = self.read(&mut chunk).await?;
            }
            let fed = scanner.feed(&chunk[..filled]).map_err(ConnectionError::Scan)?;
            bytes.extend_from_slice(&chunk[..fed.forward]);
            match fed.event {
                None => filled = 0,
                Some(ScanEvent::End(end)) => {
                    read.extend_from_slice(&chunk[fed.forward..filled]);
                    return Ok(CollectedReply { bytes, end });
                }
                // Meridian itself never loads local files.
                Some(ScanEvent::LocalInfile) => return Err(ConnectionError::Unasked),
            }
        }
    }

    async fn read(&mut self, into: &mut [u8]) -> Result<usize, ConnectionError> {
        let mut buffer = ReadBuf::new(into);
        poll_fn(|context| Pin::new(&mut self.stream).poll_read(context, &mut buffer))
            .await
            .map_err(ConnectionError::Io)?;
        match buffer.filled().len() {
            0 => Err(ConnectionError::Closed),
            read => Ok(read),
        }
    }
}
