//! The RSA exchange of caching_sha2_password, for full authentication without TLS.
//!
//! It hides the password from listeners, not from a man in the middle: the key is not pinned, as in the servers' own clients.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey,
    PublicEncryptingKey,
};
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;
use thiserror::Error;

use crate::wire::scramble::{Salt, mix_with_salt};

/// Why a key or an encrypted password is of no use.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum RsaError {
    /// No key could be made.
    #[error("no RSA key could be made")]
    Generate,
    /// The peer's key is not one.
    #[error("the server's public key cannot be read")]
    PublicKey,
    /// The password is too long for the key.
    #[error("the password is too long for the server's public key")]
    Encrypt,
}

/// A key pair of this process, made at start.
#[derive(Debug)]
pub struct RsaKey {
    private: OaepPrivateDecryptingKey,
    public_pem: String,
}

impl RsaKey {
    /// Makes a key of 2048 bits; takes a good part of a second.
    pub fn generate() -> Result<RsaKey, RsaError> {
        let private = PrivateDecryptingKey::generate(KeySize::Rsa2048).map_err(|_| RsaError::Generate)?;
        let public: PublicKeyX509Der<'_> = private.public_key().as_der().map_err(|_| RsaError::Generate)?;
        let lines = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        let public_pem = pem::encode_config(&pem::Pem::new("PUBLIC KEY", public.as_ref()), lines);
        let private = OaepPrivateDecryptingKey::new(private).map_err(|_| RsaError::Generate)?;
        Ok(RsaKey { private, public_pem })
    }

    /// The public key as clients want it.
    pub fn public_pem(&self) -> &str {
        &self.public_pem
    }

    /// The password a client encrypted with [`public_pem`](RsaKey::public_pem) and mixed with `salt`; `None` when it is not one.
    pub fn decrypt_password(&self, encrypted: &[u8], salt: &Salt) -> Option<Vec<u8>> {
        let mut room = vec![0; self.private.min_output_size()];
        let mut password = self.private.decrypt(&OAEP_SHA1_MGF1SHA1, encrypted, &mut room, None).ok()?.to_vec();
        mix_with_salt(&mut password, salt);
        (password.pop() == Some(0)).then_some(password)
    }
}

/// Encrypts `password` for the server that sent `public_pem` and `salt`.
pub fn encrypt_password(password: &[u8], salt: &Salt, public_pem: &[u8]) -> Result<Vec<u8>, RsaError> {
    let der = SubjectPublicKeyInfoDer::from_pem_slice(public_pem).map_err(|_| RsaError::PublicKey)?;
    let key = PublicEncryptingKey::from_der(&der).map_err(|_| RsaError::PublicKey)?;
    let key = OaepPublicEncryptingKey::new(key).map_err(|_| RsaError::PublicKey)?;
    let mut text = [password, &[0]].concat();
    mix_with_salt(&mut text, salt);
    let mut room = vec![0; key.ciphertext_size()];
    Ok(key.encrypt(&OAEP_SHA1_MGF1SHA1, &text, &mut room, None).map_err(|_| RsaError::Encrypt)?.to_vec())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn a_password_encrypted_for_our_key_comes_back() {
        let key = RsaKey::generate().unwrap();
        let salt: Salt = *b"abcdefghijklmnopqrst";
        let encrypted = encrypt_password(b"secret", &salt, key.public_pem().as_bytes()).unwrap();
        assert_eq!(key.decrypt_password(&encrypted, &salt), Some(b"secret".to_vec()));
        assert_eq!(key.decrypt_password(&encrypted[1..], &salt), None);
        assert_ne!(key.decrypt_password(&encrypted, &[7; 20]), Some(b"secret".to_vec()));
        assert_eq!(encrypt_password(&[b'x'; 300], &salt, key.public_pem().as_bytes()), Err(RsaError::Encrypt));
        assert_eq!(encrypt_password(b"secret", &salt, b"not a key"), Err(RsaError::PublicKey));
    }
}
