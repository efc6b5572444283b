//! A client that sends the packets it is told to send.

use meridian::model::InstanceAddress;
use meridian::net::login::{Account, LoginWish, login};
use meridian::net::stream::Stream;
use meridian::net::tls::ClientTls;
use meridian::wire::capability::{Capabilities, CapabilityClass};
use meridian::wire::packet::write_packet;
use meridian::wire::scanner::{EndKind, ReplyEnd, ReplyKind, ResponseScanner, ScanEvent};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::node::Kind;

/// A logged-in connection.
pub struct Raw {
    pub stream: Stream,
    pub capabilities: Capabilities,
    /// The connection id of the greeting.
    pub id: u32,
}

/// A whole reply.
#[derive(Debug)]
pub struct Reply {
    pub bytes: Vec<u8>,
    pub end: ReplyEnd,
}

/// What nearly every client negotiates.
pub fn usual(kind: Kind) -> Capabilities {
    let own = match kind {
        Kind::MariaDb => Capabilities::NONE,
        Kind::Mysql9 => Capabilities::QUERY_ATTRIBUTES,
    };
    own | Capabilities::MULTI_RESULTS | Capabilities::PS_MULTI_RESULTS | Capabilities::DEPRECATE_EOF
}

impl Raw {
    /// Logs `app` in at a port of the loopback address.
    pub async fn connect(port: u16, schema: Option<&str>, capabilities: Capabilities) -> Raw {
        Raw::connect_with(port, schema, capabilities, None).await
    }

    /// As [`Raw::connect`], perhaps over TLS.
    pub async fn connect_with(
        port: u16,
        schema: Option<&str>,
        capabilities: Capabilities,
        tls: Option<&ClientTls>,
    ) -> Raw {
        let address = InstanceAddress::Tcp("127.0.0.1".to_owned(), port);
        let account = Account { user: "app".to_owned(), password: "apppw".to_owned() };
        let class = CapabilityClass::of(capabilities);
        let wish = LoginWish {
            class,
            schema,
            collation: 45,
            max_packet: 1 << 30,
            attributes: b"\x0cprogram_name\x03raw",
            cleartext: Default::default(),
            announce: None,
        };
        let logged_in = login(&address, &account, &wish, tls).await.unwrap();
        Raw { stream: logged_in.stream, capabilities: logged_in.capabilities, id: logged_in.connection_id }
    }

    /// Sends one command, in as many packets as it needs.
    pub async fn send(&mut self, payload: &[u8]) {
        let mut bytes = Vec::with_capacity(payload.len() + 8);
        write_packet(&mut bytes, &mut 0, payload);
        self.stream.write_all(&bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Reads one whole reply.
    pub async fn receive(&mut self, kind: ReplyKind) -> Reply {
        let mut scanner = ResponseScanner::new(kind, self.capabilities.into());
        let mut bytes = Vec::new();
        loop {
            // Byte by byte, so that nothing of a next reply is read along.
            let mut byte = [0];
            self.stream.read_exact(&mut byte).await.unwrap();
            bytes.extend_from_slice(&byte);
            match scanner.feed(&byte).unwrap().event {
                None => {}
                Some(ScanEvent::End(end)) => return Reply { bytes, end },
                Some(ScanEvent::LocalInfile) => panic!("a file is asked for"),
            }
        }
    }

    /// One command and its reply.
    pub async fn ask(&mut self, payload: &[u8], kind: ReplyKind) -> Reply {
        self.send(payload).await;
        self.receive(kind).await
    }

    /// A statement that loads a local file: these pieces of it are sent when they are asked for, and `behind` in the same write.
    pub async fn load(&mut self, text: &str, pieces: &[&[u8]], behind: &[u8]) -> Reply {
        self.send_query(text).await;
        let mut scanner = ResponseScanner::new(ReplyKind::Query, self.capabilities.into());
        let mut bytes = Vec::new();
        loop {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).await.unwrap();
            bytes.extend_from_slice(&byte);
            match scanner.feed(&byte).unwrap().event {
                None => {}
                Some(ScanEvent::End(end)) => return Reply { bytes, end },
                Some(ScanEvent::LocalInfile) => {
                    let mut sequence = scanner.next_sequence().unwrap();
                    for piece in pieces {
                        let mut packet = Vec::with_capacity(piece.len() + 4);
                        write_packet(&mut packet, &mut sequence, piece);
                        self.stream.write_all(&packet).await.unwrap();
                    }
                    let mut end = Vec::new();
                    write_packet(&mut end, &mut sequence, b"");
                    self.stream.write_all(&[&end, behind].concat()).await.unwrap();
                    self.stream.flush().await.unwrap();
                }
            }
        }
    }

    /// Sends a COM_QUERY.
    pub async fn send_query(&mut self, text: &str) {
        let head: &[u8] = if self.capabilities.contains(Capabilities::QUERY_ATTRIBUTES) { &[3, 0, 1] } else { &[3] };
        self.send(&[head, text.as_bytes()].concat()).await;
    }

    /// Prepares a statement; gives its id.
    pub async fn prepare(&mut self, text: &str) -> [u8; 4] {
        let reply = self.ask(&[b"\x16", text.as_bytes()].concat(), ReplyKind::Prepare).await;
        reply.end.prepared.unwrap_or_else(|| panic!("{text}: {}", reply.message())).statement_id.to_le_bytes()
    }

    /// A COM_QUERY and its reply.
    pub async fn query(&mut self, text: &str) -> Reply {
        self.send_query(text).await;
        self.receive(ReplyKind::Query).await
    }

    /// The first value of a query.
    pub async fn value(&mut self, text: &str) -> String {
        let reply = self.query(text).await;
        reply.first_value().unwrap_or_else(|| panic!("{text}: {:?}", reply.end))
    }

    /// Whether the other side has closed the connection, once it has.
    pub async fn is_closed(&mut self) -> bool {
        matches!(self.stream.read(&mut [0; 64]).await, Ok(0) | Err(_))
    }
}

impl Reply {
    /// The error number, if it is an ERR.
    pub fn errno(&self) -> Option<u16> {
        match self.end.kind {
            EndKind::Error { errno } => Some(errno),
            EndKind::Ok | EndKind::Eof => None,
        }
    }

    /// The text of an ERR.
    pub fn message(&self) -> String {
        String::from_utf8_lossy(self.packets().last().unwrap().get(9..).unwrap_or_default()).into_owned()
    }

    /// The payloads, of packets that are not continued.
    pub fn packets(&self) -> Vec<&[u8]> {
        let mut rest = self.bytes.as_slice();
        let mut packets = Vec::new();
        while let Some((head, tail)) = rest.split_at_checked(4) {
            let length = usize::from(head[0]) | usize::from(head[1]) << 8 | usize::from(head[2]) << 16;
            let (payload, tail) = tail.split_at(length);
            packets.push(payload);
            rest = tail;
        }
        packets
    }

    /// The first column of the only row, by the text protocol; `NULL` for NULL.
    pub fn first_value(&self) -> Option<String> {
        let packets = self.packets();
        if packets.len() < 4 {
            return None;
        }
        let row = packets[packets.len() - 2];
        if row[0] == 0xFB {
            return Some("NULL".to_owned());
        }
        let length = usize::from(row[0]);
        Some(String::from_utf8_lossy(&row[1..=length]).into_owned())
    }
}
