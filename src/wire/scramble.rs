//! The answers of mysql_native_password and caching_sha2_password to a salt, made and verified from the plain password; and those of the
//! plugins that only accounts on instances have.
//!
//! Sources: "Native Authentication" and "Caching_sha2_password information" in the MySQL source documentation; "Authentication plugins" in
//! MariaDB's protocol documentation.

use sha1::Sha1;
use sha2::{Digest, Sha256};

/// Bytes of a salt.
pub const SALT: usize = 20;

/// What the server sends for the client to mix its password with.
pub type Salt = [u8; SALT];

/// An authentication plugin we speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthPlugin {
    /// mysql_native_password.
    Native,
    /// caching_sha2_password.
    CachingSha2,
    /// mysql_clear_password: the password itself, where nobody can listen.
    Cleartext,
}

impl AuthPlugin {
    /// The plugin's name in the protocol.
    pub fn name(self) -> &'static str {
        match self {
            AuthPlugin::Native => "mysql_native_password",
            AuthPlugin::CachingSha2 => "caching_sha2_password",
            AuthPlugin::Cleartext => "mysql_clear_password",
        }
    }

    /// The plugin of this name that hides the password; `None` for any other.
    pub fn named(name: &str) -> Option<AuthPlugin> {
        [AuthPlugin::Native, AuthPlugin::CachingSha2].into_iter().find(|plugin| plugin.name() == name)
    }

    /// The answer to `salt`; empty for an empty password.
    pub fn respond(self, password: &[u8], salt: &Salt) -> Vec<u8> {
        match self {
            AuthPlugin::Cleartext => [password, &[0]].concat(),
            _ if password.is_empty() => Vec::new(),
            AuthPlugin::Native => native(password, salt).to_vec(),
            AuthPlugin::CachingSha2 => caching_sha2(password, salt).to_vec(),
        }
    }

    /// Whether `response` proves knowledge of `password`.
    pub fn verify(self, password: &[u8], salt: &Salt, response: &[u8]) -> bool {
        equal_in_constant_time(&self.respond(password, salt), response)
    }
}

/// `SHA1(password) XOR SHA1(salt, SHA1(SHA1(password)))`.
fn native(password: &[u8], salt: &Salt) -> [u8; 20] {
    let once = Sha1::digest(password);
    let twice = Sha1::digest(once);
    let mask = Sha1::new().chain_update(salt).chain_update(twice).finalize();
    std::array::from_fn(|at| once[at] ^ mask[at])
}

/// `SHA256(password) XOR SHA256(SHA256(SHA256(password)), salt)`.
fn caching_sha2(password: &[u8], salt: &Salt) -> [u8; 32] {
    let once = Sha256::digest(password);
    let twice = Sha256::digest(once);
    let mask = Sha256::new().chain_update(twice).chain_update(salt).finalize();
    std::array::from_fn(|at| once[at] ^ mask[at])
}

/// The password with its NUL, mixed with the salt, as it is encrypted for the server's public key; the same call undoes it.
pub fn mix_with_salt(text: &mut [u8], salt: &Salt) {
    for (byte, mask) in text.iter_mut().zip(salt.iter().cycle()) {
        *byte ^= mask;
    }
}

/// The name of MariaDB's plugin that signs with a key made of the password.
pub const ED25519: &str = "client_ed25519";

/// The name of MariaDB's plugin that signs with a key stretched from the password.
pub const PARSEC: &str = "parsec";

/// The answer of `client_ed25519` to the server's bytes: an Ed25519 signature whose secret is the hash of the password.
pub fn sign_ed25519(password: &[u8], nonce: &[u8]) -> [u8; 64] {
    mysql_common::scramble::create_response_for_ed25519(password, nonce)
}

/// How parsec stretches the password of an account: what its server sends before it wants an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsecSalt {
    /// Rounds of PBKDF2-HMAC-SHA512.
    pub rounds: u32,
    /// The account's salt.
    pub salt: Vec<u8>,
}

impl ParsecSalt {
    /// Reads the payload; the first servers with the plugin did not mark it as AuthMoreData. `None` when it is none.
    pub fn parse(payload: &[u8]) -> Option<ParsecSalt> {
        // Servers make at most 1024 << 3 rounds today; more than 1024 << 10 would let a false one keep us busy.
        const MOST: u8 = 10;
        match payload.strip_prefix(&[1]).unwrap_or(payload) {
            [b'P', factor, salt @ ..] if *factor <= MOST && !salt.is_empty() => {
                Some(ParsecSalt { rounds: 1024 << factor, salt: salt.to_vec() })
            }
            _ => None,
        }
    }
}

/// Compares secrets without telling by the time taken where they differ.
pub fn equal_in_constant_time(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    const ONE: Salt = *b"abcdefghijklmnopqrst";

    #[test]
    fn our_answers_are_those_of_mysql_common() {
        let salt: Salt = *b"0123456789abcdefghij";
        let (first, second) = salt.split_at(8);
        let native = mysql_common::scramble::scramble_native(&[first, second].concat(), b"secret").unwrap();
        assert_eq!(AuthPlugin::Native.respond(b"secret", &salt), native);
        let sha2 = mysql_common::scramble::scramble_sha256(&salt, b"secret").unwrap();
        assert_eq!(AuthPlugin::CachingSha2.respond(b"secret", &salt), sha2);
    }

    #[test]
    fn only_the_right_password_and_salt_verify() {
        for plugin in [AuthPlugin::Native, AuthPlugin::CachingSha2] {
            let answer = plugin.respond(b"secret", &ONE);
            assert!(plugin.verify(b"secret", &ONE, &answer));
            assert!(!plugin.verify(b"Secret", &ONE, &answer));
            assert!(!plugin.verify(b"secret", &[7; SALT], &answer));
            assert!(!plugin.verify(b"secret", &ONE, b""));
            assert!(plugin.verify(b"", &ONE, b""));
            assert!(!plugin.verify(b"", &ONE, &answer));
        }
    }

    #[test]
    fn a_parsec_salt_is_read_with_and_without_its_mark() {
        let wanted = Some(ParsecSalt { rounds: 2048, salt: vec![7; 18] });
        let payload = [&[b'P', 1][..], &[7; 18]].concat();
        assert_eq!(ParsecSalt::parse(&payload), wanted);
        assert_eq!(ParsecSalt::parse(&[&[1][..], &payload].concat()), wanted);
        for bad in [&b""[..], b"P", b"P\x01", b"Q\x01xxxx", b"P\x40xxxx"] {
            assert_eq!(ParsecSalt::parse(bad), None);
        }
    }

    #[test]
    fn mixing_twice_gives_the_text_back() {
        let mut text = b"a password longer than twenty bytes\0".to_vec();
        mix_with_salt(&mut text, &ONE);
        mix_with_salt(&mut text, &ONE);
        assert_eq!(text, b"a password longer than twenty bytes\0");
    }
}
