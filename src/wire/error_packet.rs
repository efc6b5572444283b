//! ERR packets.
//!
//! Who may make one, and what it says, is decided elsewhere.

use super::payload::{PayloadReader, Truncated};

/// What an ERR packet says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorPacket {
    /// The error number.
    pub errno: u16,
    /// The SQLSTATE, five ASCII characters.
    pub sqlstate: [u8; 5],
    /// One sentence.
    pub message: String,
}

/// The SQLSTATE of an error that has none of its own.
pub const GENERAL_ERROR: [u8; 5] = *b"HY000";

impl ErrorPacket {
    /// The payload for a client that logged in or is about to.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![0xFF];
        out.extend_from_slice(&self.errno.to_le_bytes());
        out.push(b'#');
        out.extend_from_slice(&self.sqlstate);
        out.extend_from_slice(self.message.as_bytes());
        out
    }

    /// The payload in place of a greeting: no flags are known yet, so it carries no SQLSTATE.
    pub fn encode_before_greeting(&self) -> Vec<u8> {
        let mut out = vec![0xFF];
        out.extend_from_slice(&self.errno.to_le_bytes());
        out.extend_from_slice(self.message.as_bytes());
        out
    }

    /// Reads a payload, with a SQLSTATE or without.
    pub fn parse(payload: &[u8]) -> Result<ErrorPacket, Truncated> {
        let mut reader = PayloadReader::new(payload);
        reader.u8()?;
        let errno = reader.u16()?;
        let mut sqlstate = GENERAL_ERROR;
        if reader.rest().first() == Some(&b'#') {
            reader.u8()?;
            sqlstate = reader.array()?;
        }
        Ok(ErrorPacket { errno, sqlstate, message: String::from_utf8_lossy(reader.rest()).into_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_comes_back_with_and_without_sqlstate() {
        let packet = ErrorPacket { errno: 1040, sqlstate: *b"08004", message: "Too many connections".to_owned() };
        assert_eq!(ErrorPacket::parse(&packet.encode()), Ok(packet.clone()));
        let bare = ErrorPacket { sqlstate: GENERAL_ERROR, ..packet.clone() };
        assert_eq!(ErrorPacket::parse(&packet.encode_before_greeting()), Ok(bare));
        assert_eq!(ErrorPacket::parse(&packet.encode()[..2]), Err(Truncated));
        assert_eq!(ErrorPacket::parse(&packet.encode()[..6]), Err(Truncated));
    }
}
