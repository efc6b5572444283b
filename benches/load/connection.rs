//! One logged-in connection: sends a command, walks over its reply.
//!
//! Replies are read into a scratch buffer that all connections share; it is borrowed within one poll only.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Poll, ready};

use meridian::model::control_state::InstanceAddress;
use meridian::net::{Account, CleartextAuth, ClientTls, LoginWish, Stream, login};
use meridian::wire::{
    Capabilities, CapabilityClass, Command, ReplyEnd, ReplyKind, ResponseScanner, ScanEvent, ScanFlags, write_packet,
};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};

use crate::error::ConnectionError;

/// What current drivers ask for.
const CLASS: Capabilities = Capabilities(
    Capabilities::DEPRECATE_EOF.0
        | Capabilities::SESSION_TRACK.0
        | Capabilities::MULTI_RESULTS.0
        | Capabilities::PS_MULTI_RESULTS.0,
);

/// utf8mb4_general_ci.
const COLLATION: u8 = 45;

/// The type byte of a 4-byte integer in COM_STMT_EXECUTE.
const LONG: u8 = 3;

/// The buffer replies are read into.
pub type Scratch = RefCell<Vec<u8>>;

/// A scratch of the size the facts found cheapest.
pub fn scratch() -> Scratch {
    RefCell::new(vec![0; 64 << 10])
}

/// A logged-in connection.
pub struct Connection {
    stream: Stream,
    flags: ScanFlags,
    command: Vec<u8>,
    prepared: Option<Prepared>,
    received: u64,
}

#[derive(Clone, Copy)]
struct Prepared {
    id: u32,
    /// The types of parameters go with the first execution only, as drivers do it.
    executed: bool,
}

impl Connection {
    /// Connects and logs in.
    pub async fn open(
        address: &InstanceAddress,
        account: &Account,
        schema: &str,
        tls: Option<&ClientTls>,
    ) -> Result<Connection, ConnectionError> {
        let wish = LoginWish {
            class: CapabilityClass::of(CLASS),
            schema: Some(schema),
            collation: COLLATION,
            max_packet: 1 << 24,
            attributes: &[],
            cleartext: CleartextAuth::Refused,
            announce: None,
        };
        let logged_in = login(address, account, &wish, tls).await?;
        Ok(Connection {
            stream: logged_in.stream,
            flags: ScanFlags::from(logged_in.capabilities),
            command: Vec::with_capacity(512),
            prepared: None,
            received: 0,
        })
    }

    /// Bytes of replies so far.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Sends a statement as text and waits for the end of its reply.
    pub async fn query(&mut self, text: &str, scratch: &Scratch) -> Result<ReplyEnd, ConnectionError> {
        self.send(Command::Query, &[text.as_bytes()]).await?;
        self.reply(ReplyKind::Query, scratch).await
    }

    /// Executes a statement with one integer parameter; the first time it is prepared before. A connection prepares one statement only.
    pub async fn execute(&mut self, text: &str, value: u32, scratch: &Scratch) -> Result<ReplyEnd, ConnectionError> {
        let prepared = match self.prepared {
            Some(prepared) => prepared,
            None => {
                self.send(Command::StmtPrepare, &[text.as_bytes()]).await?;
                let end = self.reply(ReplyKind::Prepare, scratch).await?;
                Prepared { id: end.prepared.ok_or(ConnectionError::Reply)?.statement_id, executed: false }
            }
        };
        // No cursor, one iteration, no NULL.
        const FIXED: [u8; 6] = [0, 1, 0, 0, 0, 0];
        let types: &[u8] = if prepared.executed { &[0] } else { &[1, LONG, 0] };
        self.send(Command::StmtExecute, &[&prepared.id.to_le_bytes(), &FIXED, types, &value.to_le_bytes()]).await?;
        self.prepared = Some(Prepared { executed: true, ..prepared });
        self.reply(ReplyKind::Query, scratch).await
    }

    /// Says goodbye; there is no reply.
    pub async fn quit(mut self) -> Result<(), ConnectionError> {
        self.send(Command::Quit, &[]).await
    }

    async fn send(&mut self, command: Command, parts: &[&[u8]]) -> Result<(), ConnectionError> {
        let mut payload = vec![command as u8];
        parts.iter().for_each(|part| payload.extend_from_slice(part));
        self.command.clear();
        write_packet(&mut self.command, &mut 0, &payload);
        self.stream.write_all(&self.command).await?;
        Ok(self.stream.flush().await?)
    }

    async fn reply(&mut self, kind: ReplyKind, scratch: &Scratch) -> Result<ReplyEnd, ConnectionError> {
        let mut scanner = ResponseScanner::new(kind, self.flags);
        poll_fn(|cx| {
            let mut scratch = scratch.borrow_mut();
            loop {
                let mut buffer = ReadBuf::new(&mut scratch);
                ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
                let bytes = buffer.filled();
                if bytes.is_empty() {
                    return Poll::Ready(Err(ConnectionError::Closed));
                }
                self.received += bytes.len() as u64;
                match scanner.feed(bytes)?.event {
                    Some(ScanEvent::End(end)) => return Poll::Ready(Ok(end)),
                    Some(ScanEvent::LocalInfile) => return Poll::Ready(Err(ConnectionError::Reply)),
                    None => {}
                }
            }
        })
        .await
    }
}
