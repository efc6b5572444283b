//! The greeting (HandshakeV10), the first packet of a connection.
//!
//! Protocol versions before 10 are refused. Sources: "Protocol::HandshakeV10" in the MySQL source documentation;
//! "Connecting" in MariaDB's protocol documentation.

use thiserror::Error;

use super::capability::{Capabilities, Family};
use super::payload::{PayloadReader, Truncated, put_nul_terminated};
use super::scramble::{SALT, Salt};

/// What MariaDB before 11 puts before its version, so that old replicas accept it as a 5.5 server.
const MARIADB_PREFIX: &str = "5.5.5-";

/// Why a packet of the handshake is not accepted.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum HandshakeError {
    /// It ends too early.
    #[error("the handshake packet ends too early")]
    Truncated,
    /// The server speaks another protocol version.
    #[error("handshake protocol version {0}, not 10")]
    Version(u8),
    /// The peer does not speak the 4.1 protocol with 4.1 authentication.
    #[error("the peer does not speak the 4.1 protocol")]
    TooOld,
    /// It is not the packet that had to come.
    #[error("an unexpected handshake packet")]
    Unexpected,
}

impl From<Truncated> for HandshakeError {
    fn from(_: Truncated) -> HandshakeError {
        HandshakeError::Truncated
    }
}

/// A server's first packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// The family it speaks for.
    pub family: Family,
    /// The version, without MariaDB's `5.5.5-`.
    pub server_version: String,
    /// The connection's id.
    pub connection_id: u32,
    /// What the server can do.
    pub capabilities: Capabilities,
    /// The server's default collation.
    pub collation: u8,
    /// Status flags.
    pub status: u16,
    /// The salt of the first authentication exchange.
    pub salt: Salt,
    /// The name of the default authentication plugin.
    pub plugin: String,
}

impl Greeting {
    /// The payload.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![10];
        if self.family == Family::MariaDb && self.server_version.starts_with("10.") {
            out.extend_from_slice(MARIADB_PREFIX.as_bytes());
        }
        put_nul_terminated(&mut out, self.server_version.as_bytes());
        out.extend_from_slice(&self.connection_id.to_le_bytes());
        let (first, second) = self.salt.split_at(8);
        put_nul_terminated(&mut out, first);
        let [low, high, upper_low, upper_high] = self.capabilities.classic().to_le_bytes();
        out.extend_from_slice(&[low, high, self.collation]);
        out.extend_from_slice(&self.status.to_le_bytes());
        out.extend_from_slice(&[upper_low, upper_high, SALT as u8 + 1]);
        out.extend_from_slice(&[0; 6]);
        out.extend_from_slice(&self.capabilities.extended().to_le_bytes());
        put_nul_terminated(&mut out, second);
        put_nul_terminated(&mut out, self.plugin.as_bytes());
        out
    }

    /// Reads a payload.
    pub fn parse(payload: &[u8]) -> Result<Greeting, HandshakeError> {
        let mut reader = PayloadReader::new(payload);
        let version = reader.u8()?;
        if version != 10 {
            return Err(HandshakeError::Version(version));
        }
        let server_version = String::from_utf8_lossy(reader.nul_terminated()?).into_owned();
        let connection_id = reader.u32()?;
        let mut salt = [0; SALT];
        salt[..8].copy_from_slice(reader.bytes(8)?);
        reader.u8()?;
        let low = reader.u16()?;
        let collation = reader.u8()?;
        let status = reader.u16()?;
        let classic = u32::from(low) | u32::from(reader.u16()?) << 16;
        reader.u8()?;
        reader.bytes(6)?;
        let extended = reader.u32()?;
        let family = family_of(classic, &server_version);
        let carries_extended = !Capabilities::from_parts(classic, 0).contains(Capabilities::CLIENT_MYSQL);
        let capabilities = Capabilities::from_parts(classic, if carries_extended { extended } else { 0 });
        if !capabilities.contains(Capabilities::PROTOCOL_41 | Capabilities::SECURE_CONNECTION) {
            return Err(HandshakeError::TooOld);
        }
        salt[8..].copy_from_slice(reader.bytes(SALT - 8)?);
        reader.u8()?;
        let plugin = if capabilities.contains(Capabilities::PLUGIN_AUTH) {
            String::from_utf8_lossy(reader.nul_terminated_or_rest()).into_owned()
        } else {
            super::scramble::AuthPlugin::Native.name().to_owned()
        };
        let server_version = match server_version.strip_prefix(MARIADB_PREFIX) {
            Some(own) if family == Family::MariaDb => own.to_owned(),
            _ => server_version,
        };
        Ok(Greeting { family, server_version, connection_id, capabilities, collation, status, salt, plugin })
    }
}

/// MariaDB servers leave bit 0 unset; proxies before them may not, but keep the name in the version.
fn family_of(classic: u32, server_version: &str) -> Family {
    let is_mysql = Capabilities::from_parts(classic, 0).contains(Capabilities::CLIENT_MYSQL);
    if is_mysql && !server_version.contains("MariaDB") { Family::MySql } else { Family::MariaDb }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::super::capability::{CompressionOffer, Offer, TlsOffer, offered};
    use super::*;

    fn greeting(family: Family, version: &str) -> Greeting {
        Greeting {
            family,
            server_version: version.to_owned(),
            connection_id: 0x8001_0203,
            capabilities: offered(&Offer {
                family,
                version: 100_000,
                tls: TlsOffer::Offered,
                compression: CompressionOffer::Absent,
            }),
            collation: 45,
            status: 2,
            salt: *b"abcdefghijklmnopqrst",
            plugin: "mysql_native_password".to_owned(),
        }
    }

    #[test]
    fn a_greeting_comes_back_and_its_torn_twins_do_not() {
        for (family, version) in [(Family::MySql, "8.4.3"), (Family::MariaDb, "10.11.19-MariaDB")] {
            let own = greeting(family, version);
            let payload = own.encode();
            assert_eq!(Greeting::parse(&payload), Ok(own.clone()));
            // The plugin's name may lack its end; everything before it may not.
            for cut in 0..payload.len() - own.plugin.len() - 1 {
                assert_eq!(Greeting::parse(&payload[..cut]), Err(HandshakeError::Truncated), "{cut}");
            }
        }
    }

    #[test]
    fn only_old_mariadb_versions_carry_the_prefix() {
        let prefixed = |version| greeting(Family::MariaDb, version).encode()[1..].starts_with(b"5.5.5-");
        assert!(prefixed("10.11.19-MariaDB"));
        assert!(!prefixed("11.4.2-MariaDB"));
    }

    #[test]
    fn another_protocol_version_is_refused() {
        assert_eq!(Greeting::parse(&[9, b'3', 0]), Err(HandshakeError::Version(9)));
    }
}
