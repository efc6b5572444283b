//! Reading the PROXY protocol header that a load balancer sends ahead of a client's own bytes.
//!
//! Not a byte beyond the header is read. Whether a peer may send one is decided by its network, never by what it sends.

use std::io;
use std::net::{IpAddr, SocketAddr};

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::wire::proxy_header::{
    BINARY_HEAD, BadProxyHeader, LONGEST_TEXT, SIGNATURE, TEXT_START, length_of_binary, parse_binary, parse_text,
};

/// A range of addresses: those that share the first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// The addresses that share their first `bits` with `address`; `None` when it has not so many.
    pub fn new(address: IpAddr, bits: u8) -> Option<Network> {
        let longest = if address.is_ipv4() { 32 } else { 128 };
        (bits <= longest).then_some(Network { address, bits })
    }

    /// Whether `address` is one of them; an IPv4 address in IPv6's clothes counts as what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                (own.to_bits() ^ other.to_bits()) & mask == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                (own.to_bits() ^ other.to_bits()) & mask == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// Why a balancer's connection is of no use.
#[derive(Debug, Error)]
pub enum BalancerError {
    /// It sent no header.
    #[error(transparent)]
    Header(#[from] BadProxyHeader),
    /// It ended.
    #[error("the connection ended in its PROXY protocol header")]
    Io(#[from] io::Error),
}

/// The client's address from the header that must come now; `None` when the balancer speaks for itself.
pub async fn read_proxy_header(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<SocketAddr>, BalancerError> {
    let mut start = [0; SIGNATURE.len()];
    stream.read_exact(&mut start).await?;
    if start == SIGNATURE {
        let mut head = [0; BINARY_HEAD];
        stream.read_exact(&mut head).await?;
        let mut body = vec![0; length_of_binary(head)?];
        stream.read_exact(&mut body).await?;
        return Ok(parse_binary(head, &body)?);
    }
    if !start.starts_with(TEXT_START) {
        return Err(BadProxyHeader.into());
    }
    let mut line = start.to_vec();
    while !line.ends_with(b"\r\n") {
        if line.len() == LONGEST_TEXT {
            return Err(BadProxyHeader.into());
        }
        line.push(stream.read_u8().await?);
    }
    Ok(parse_text(&line[..line.len() - 2])?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn network(text: &str, bits: u8) -> Network {
        Network::new(text.parse().unwrap(), bits).unwrap()
    }

    #[test]
    fn a_network_has_the_addresses_that_share_its_first_bits() {
        let ten = network("10.1.0.0", 15);
        assert!(ten.contains("10.0.255.255".parse().unwrap()) && ten.contains("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!ten.contains("10.2.0.0".parse().unwrap()) && !ten.contains("::1".parse().unwrap()));
        assert!(network("0.0.0.0", 0).contains("203.0.113.9".parse().unwrap()));
        assert!(network("2001:db8::", 32).contains("2001:db8:ffff::1".parse().unwrap()));
        assert!(!network("2001:db8::", 32).contains("2001:db9::1".parse().unwrap()));
        assert!(network("192.0.2.7", 32).contains("192.0.2.7".parse().unwrap()));
        assert!(!network("192.0.2.7", 32).contains("192.0.2.6".parse().unwrap()));
        assert_eq!(Network::new("10.0.0.0".parse().unwrap(), 33), None);
    }

    #[tokio::test]
    async fn nothing_beyond_a_header_is_read() {
        let text = &b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 4406\r\nrest"[..];
        let binary = [&SIGNATURE[..], b"\x21\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\xdc\x04\x11\x36rest"].concat();
        for mut wire in [text, &binary] {
            assert_eq!(read_proxy_header(&mut wire).await.unwrap(), "192.0.2.7:56324".parse().ok());
            assert_eq!(wire, b"rest");
        }
        let endless = [b"PROXY ".as_slice(), &[b'x'; 200]].concat();
        for mut wire in [&b"GET / HTTP/1.1\r\n"[..], &endless] {
            assert!(matches!(read_proxy_header(&mut wire).await, Err(BalancerError::Header(_))));
        }
        assert!(matches!(read_proxy_header(&mut &binary[..20]).await, Err(BalancerError::Io(_))));
    }
}
