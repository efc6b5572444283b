//! The header by which a load balancer says whose connection it passes on: the PROXY protocol, versions 1 and 2, read and written.
//!
//! It says who is at the other end, nothing more: attributes of version 2 are passed over, and a header that names no address leaves the
//! balancer's own. Source: "The PROXY protocol", haproxy.org.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;

use super::payload::{PayloadReader, Truncated};

/// What begins a header of version 2; its first bytes tell the versions apart.
pub const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// What begins a header of version 1.
pub const TEXT_START: &[u8] = b"PROXY ";

/// The longest header of version 1, its line end included.
pub const LONGEST_TEXT: usize = 107;

/// Bytes of version 2 behind the signature that say how many follow them.
pub const BINARY_HEAD: usize = 4;

/// Why a header is not accepted.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("no PROXY protocol header where one must come")]
pub struct BadProxyHeader;

impl From<Truncated> for BadProxyHeader {
    fn from(_: Truncated) -> BadProxyHeader {
        BadProxyHeader
    }
}

/// Whose connection a server is to take the next one for, and in which version it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// The version of the header.
    pub version: HeaderVersion,
    /// The client's address.
    pub client: IpAddr,
}

/// A version of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderVersion {
    /// Version 1: a line of text.
    Text,
    /// Version 2: binary.
    Binary,
}

impl Announcement {
    /// The header, for a connection that leads to `server`. It tells no port of the client's (0): clients of one address may share the
    /// connection. A server that has no address of the client's kind is told as the unspecified one.
    pub fn encode(&self, server: Option<SocketAddr>) -> Vec<u8> {
        let client = self.client.to_canonical();
        let port = server.map_or(0, |server| server.port());
        let server = server.map(|server| server.ip().to_canonical()).filter(|ip| ip.is_ipv4() == client.is_ipv4());
        let unspecified =
            if client.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
        let server = server.unwrap_or(unspecified);
        match self.version {
            HeaderVersion::Text => {
                let family = if client.is_ipv4() { "TCP4" } else { "TCP6" };
                format!("PROXY {family} {client} {server} 0 {port}\r\n").into_bytes()
            }
            HeaderVersion::Binary => {
                let (kind, mut body) = (if client.is_ipv4() { 0x11 } else { 0x21 }, Vec::new());
                for address in [client, server] {
                    match address {
                        IpAddr::V4(address) => body.extend(address.octets()),
                        IpAddr::V6(address) => body.extend(address.octets()),
                    }
                }
                body.extend([[0, 0], port.to_be_bytes()].concat());
                [&SIGNATURE[..], &[0x21, kind, 0, body.len() as u8], &body].concat()
            }
        }
    }
}

/// Reads a header of version 1 without its line end. `None`: the balancer does not know, or speaks for itself.
pub fn parse_text(line: &[u8]) -> Result<Option<SocketAddr>, BadProxyHeader> {
    let line = std::str::from_utf8(line).map_err(|_| BadProxyHeader)?;
    let mut words = line.split(' ');
    if words.next() != Some("PROXY") {
        return Err(BadProxyHeader);
    }
    let family = words.next().ok_or(BadProxyHeader)?;
    if family == "UNKNOWN" {
        return Ok(None);
    }
    let words: Vec<&str> = words.collect();
    let [source, destination, port, destination_port] = words[..] else { return Err(BadProxyHeader) };
    let address = |text: &str| match family {
        "TCP4" => text.parse::<Ipv4Addr>().map(IpAddr::from).map_err(|_| BadProxyHeader),
        "TCP6" => text.parse::<Ipv6Addr>().map(IpAddr::from).map_err(|_| BadProxyHeader),
        _ => Err(BadProxyHeader),
    };
    address(destination)?;
    destination_port.parse::<u16>().map_err(|_| BadProxyHeader)?;
    Ok(Some(SocketAddr::new(address(source)?, port.parse().map_err(|_| BadProxyHeader)?)))
}

/// How many bytes follow the head of version 2, which comes behind the signature.
pub fn length_of_binary(head: [u8; BINARY_HEAD]) -> Result<usize, BadProxyHeader> {
    let [version, _, high, low] = head;
    if version >> 4 == 2 { Ok(usize::from(u16::from_be_bytes([high, low]))) } else { Err(BadProxyHeader) }
}

/// Reads a header of version 2: its head, and what follows. `None`: the balancer speaks for itself (a health check), or for no socket.
pub fn parse_binary(head: [u8; BINARY_HEAD], body: &[u8]) -> Result<Option<SocketAddr>, BadProxyHeader> {
    const LOCAL: u8 = 0;
    const PROXY: u8 = 1;
    match head[0] & 0x0f {
        LOCAL => return Ok(None),
        PROXY => {}
        _ => return Err(BadProxyHeader),
    }
    let mut reader = PayloadReader::new(body);
    let address: IpAddr = match head[1] {
        0x11 => {
            let source: [u8; 4] = reader.array()?;
            reader.bytes(4)?;
            source.into()
        }
        0x21 => {
            let source: [u8; 16] = reader.array()?;
            reader.bytes(16)?;
            source.into()
        }
        // UNIX sockets, datagrams, unspecified: nothing to take an address from.
        _ => return Ok(None),
    };
    let port = u16::from_be_bytes(reader.array()?);
    reader.bytes(2)?;
    Ok(Some(SocketAddr::new(address, port)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn address(text: &str) -> Result<Option<SocketAddr>, BadProxyHeader> {
        Ok(text.parse().ok())
    }

    #[test]
    fn text_headers_are_read() {
        let read = |line: &str| parse_text(line.as_bytes());
        assert_eq!(read("PROXY TCP4 192.0.2.7 198.51.100.1 56324 4406"), address("192.0.2.7:56324"));
        assert_eq!(read("PROXY TCP6 2001:db8::7 2001:db8::1 56324 4406"), address("[2001:db8::7]:56324"));
        assert_eq!(read("PROXY UNKNOWN ffff::1 ffff::2 1 2"), Ok(None));
        for bad in [
            "",
            "PROXY",
            "PROXY TCP4",
            "PROXY TCP4 192.0.2.7 198.51.100.1 56324",
            "PROXY TCP4 192.0.2.7 198.51.100.1 56324 4406 7",
            "PROXY TCP4 2001:db8::7 198.51.100.1 56324 4406",
            "PROXY TCP4 192.0.2.7 198.51.100.1 65536 4406",
            "PROXY UDP4 192.0.2.7 198.51.100.1 56324 4406",
            "GET / HTTP/1.1",
        ] {
            assert_eq!(read(bad), Err(BadProxyHeader), "{bad}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let server = |text: &str| text.parse::<SocketAddr>().ok();
        for (client, server, line) in [
            ("192.0.2.7", server("198.51.100.1:3306"), "PROXY TCP4 192.0.2.7 198.51.100.1 0 3306"),
            ("::ffff:192.0.2.7", server("[2001:db8::1]:3306"), "PROXY TCP4 192.0.2.7 0.0.0.0 0 3306"),
            ("2001:db8::7", server("198.51.100.1:3306"), "PROXY TCP6 2001:db8::7 :: 0 3306"),
            ("2001:db8::7", None, "PROXY TCP6 2001:db8::7 :: 0 0"),
        ] {
            let client: IpAddr = client.parse().unwrap();
            let told = Some(SocketAddr::new(client.to_canonical(), 0));
            let text = Announcement { version: HeaderVersion::Text, client }.encode(server);
            assert_eq!(text, format!("{line}\r\n").into_bytes());
            assert_eq!(parse_text(&text[..text.len() - 2]), Ok(told));
            let binary = Announcement { version: HeaderVersion::Binary, client }.encode(server);
            let (head, body) = binary.strip_prefix(&SIGNATURE).unwrap().split_first_chunk().unwrap();
            assert_eq!(length_of_binary(*head), Ok(body.len()));
            assert_eq!(parse_binary(*head, body), Ok(told));
        }
    }

    #[test]
    fn binary_headers_are_read_and_their_torn_twins_are_not() {
        let body = b"\xc0\x00\x02\x07\xc6\x33\x64\x01\xdc\x04\x11\x36\x03\x00\x04\x01\x02\x03\x04";
        let head = [0x21, 0x11, 0, 19];
        assert_eq!(length_of_binary(head), Ok(body.len()));
        assert_eq!(parse_binary(head, body), address("192.0.2.7:56324"));
        for cut in 0..12 {
            assert_eq!(parse_binary(head, &body[..cut]), Err(BadProxyHeader), "{cut}");
        }
        let mut six = [0u8; 36];
        (six[15], six[32], six[33]) = (1, 0x11, 0x36);
        assert_eq!(parse_binary([0x21, 0x21, 0, 36], &six), address("[::1]:4406"));
        assert_eq!(parse_binary([0x20, 0, 0, 0], b""), Ok(None));
        assert_eq!(parse_binary([0x21, 0x31, 0, 216], &[0; 216]), Ok(None));
        assert_eq!(parse_binary([0x22, 0x11, 0, 12], body), Err(BadProxyHeader));
        assert_eq!(length_of_binary([0x11, 0x11, 0, 0]), Err(BadProxyHeader));
    }
}
