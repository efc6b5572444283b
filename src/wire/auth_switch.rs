//! The packets between login request and OK: AuthSwitchRequest and AuthMoreData.
//!
//! Source: "Authentication Methods" in the MySQL source documentation.

use super::greeting::HandshakeError;
use super::payload::{PayloadReader, put_nul_terminated};
use super::scramble::{SALT, Salt};

/// In AuthMoreData of caching_sha2_password: the scramble was right, an OK follows.
pub const FAST_AUTH_OK: u8 = 3;
/// In AuthMoreData of caching_sha2_password: send the password itself, over TLS or encrypted with the server's key.
pub const FULL_AUTH: u8 = 4;
/// The client's one-byte packet that asks for the server's public key.
pub const PUBLIC_KEY_REQUEST: u8 = 2;

/// The server wants another plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthSwitch {
    /// The plugin's name.
    pub plugin: String,
    /// What the plugin mixes into its answer; a salt comes without the NUL that ends it.
    pub data: Vec<u8>,
}

impl AuthSwitch {
    /// The switch to a plugin that mixes the password with `salt`.
    pub fn new(plugin: &str, salt: &Salt) -> AuthSwitch {
        AuthSwitch { plugin: plugin.to_owned(), data: salt.to_vec() }
    }

    /// The data as a salt, filled up with zeros where there is less.
    pub fn salt(&self) -> Salt {
        let mut salt = [0; SALT];
        for (into, from) in salt.iter_mut().zip(&self.data) {
            *into = *from;
        }
        salt
    }

    /// The payload.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![0xFE];
        put_nul_terminated(&mut out, self.plugin.as_bytes());
        put_nul_terminated(&mut out, &self.data);
        out
    }

    /// Reads a payload. The one-byte form, which asks for the authentication of MySQL 4.0, is refused.
    pub fn parse(payload: &[u8]) -> Result<AuthSwitch, HandshakeError> {
        let mut reader = PayloadReader::new(payload);
        if reader.u8()? != 0xFE {
            return Err(HandshakeError::Unexpected);
        }
        if reader.is_empty() {
            return Err(HandshakeError::TooOld);
        }
        let plugin = String::from_utf8_lossy(reader.nul_terminated()?).into_owned();
        let data = match reader.rest() {
            [salt @ .., 0] if salt.len() == SALT => salt,
            other => other,
        };
        Ok(AuthSwitch { plugin, data: data.to_vec() })
    }
}

/// The payload of an AuthMoreData packet.
pub fn encode_more_data(content: &[u8]) -> Vec<u8> {
    let mut out = vec![0x01];
    out.extend_from_slice(content);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_comes_back_and_the_old_form_is_refused() {
        let own = AuthSwitch::new("caching_sha2_password", b"abcdefghijklmnopqrst");
        assert_eq!(AuthSwitch::parse(&own.encode()), Ok(own.clone()));
        assert_eq!(&own.salt(), b"abcdefghijklmnopqrst");
        let longer = [b"\xFEclient_ed25519\0".as_slice(), &[7; 31], &[0]].concat();
        assert_eq!(AuthSwitch::parse(&longer).map(|switch| switch.data.len()), Ok(32));
        assert_eq!(AuthSwitch::parse(&[0xFE]), Err(HandshakeError::TooOld));
        assert_eq!(AuthSwitch::parse(b"\xFEname"), Err(HandshakeError::Truncated));
    }
}
