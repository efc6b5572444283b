//! The client side of a login: connecting to an instance, TLS, and proving who we are.
//!
//! It asks for exactly the flags that were wished for, so that replies have the shape the session's client negotiated. It has no deadline of
//! its own and logs in once; who tries again decides that elsewhere.

use std::io;
use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use aws_lc_rs::signature::Ed25519KeyPair;
use rustls_pki_types::ServerName;
use thiserror::Error;
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsStream;

use super::handshake_io::{Handshake, HandshakeIoError};
use super::rsa_key::{RsaError, encrypt_password};
use super::stream::Stream;
use super::tls::{ClientTls, TlsNeed};
use crate::model::control_state::InstanceAddress;
use crate::wire::auth_switch::{AuthSwitch, FAST_AUTH_OK, FULL_AUTH, PUBLIC_KEY_REQUEST};
use crate::wire::capability::{Capabilities, CapabilityClass, Family};
use crate::wire::error_packet::ErrorPacket;
use crate::wire::greeting::{Greeting, HandshakeError};
use crate::wire::login_request::LoginRequest;
use crate::wire::ok_packet::OkPacket;
use crate::wire::packet::PacketError;
use crate::wire::proxy_header::Announcement;
use crate::wire::scramble::{AuthPlugin, ED25519, PARSEC, ParsecSalt, Salt, sign_ed25519};

/// Whom we log in as.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Account {
    /// The user's name.
    pub user: String,
    /// Its password.
    pub password: String,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Account").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Whether an instance may be given the password itself, for plugins that want it (PAM, LDAP).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CleartextAuth {
    /// Never.
    #[default]
    Refused,
    /// Over TLS, or a UNIX socket.
    OverTls,
}

/// What a connection must be like.
#[derive(Clone, Copy, Debug)]
pub struct LoginWish<'a> {
    /// The flags that change bytes on the wire: these and no others of their kind.
    pub class: CapabilityClass,
    /// The schema to start in.
    pub schema: Option<&'a str>,
    /// The collation to start with; 0 leaves it to the server.
    pub collation: u8,
    /// The largest packet we take.
    pub max_packet: u32,
    /// Connection attributes: pairs of length-encoded strings; empty sends none.
    pub attributes: &'a [u8],
    /// Whether the password itself may be sent.
    pub cleartext: CleartextAuth,
    /// For whom the server is told that the connection is, ahead of everything else.
    pub announce: Option<Announcement>,
}

/// A connection that is logged in and idle.
#[derive(Debug)]
pub struct LoggedIn {
    /// The connection.
    pub stream: Stream,
    /// The server's family.
    pub family: Family,
    /// The server's version, without MariaDB's `5.5.5-`.
    pub server_version: String,
    /// The server's thread id.
    pub connection_id: u32,
    /// What both sides can do.
    pub capabilities: Capabilities,
    /// The first status flags.
    pub status: u16,
}

/// Why a login came to nothing.
#[derive(Debug, Error)]
pub enum LoginError {
    /// No connection.
    #[error("the instance cannot be reached")]
    Connect(#[source] io::Error),
    /// The connection ended or broke.
    #[error("the connection ended during the login")]
    Io(#[source] io::Error),
    /// The server's own ERR, in place of its greeting or later.
    #[error("the server refused the login: {errno} {message}")]
    Refused {
        /// Its error number.
        errno: u16,
        /// Its SQLSTATE.
        sqlstate: [u8; 5],
        /// Its text.
        message: String,
    },
    /// The server cannot do what the session's client negotiated.
    #[error("the server lacks capability bits {:#x}", .0.0)]
    Missing(Capabilities),
    /// Encryption is required and the server offers none.
    #[error("the server offers no TLS")]
    NoTls,
    /// The TLS session could not be made.
    #[error("no TLS session with the server")]
    Tls(#[source] io::Error),
    /// A host name that no certificate can carry.
    #[error("{0:?} is no host name for TLS")]
    HostName(String),
    /// The account uses a plugin we do not speak.
    #[error("the account uses the authentication plugin {0:?}, which is not supported")]
    Plugin(String),
    /// The account's plugin wants the password itself, and may not have it here.
    #[error("the account wants its password in clear text, which is not enabled or not encrypted")]
    Cleartext,
    /// The server's content broke the protocol.
    #[error("the server broke the handshake")]
    Content(#[from] HandshakeError),
    /// The server's packets broke the protocol.
    #[error("the server broke the packet layer of the handshake")]
    Packet(#[source] PacketError),
    /// The RSA exchange.
    #[error(transparent)]
    Rsa(#[from] RsaError),
}

impl From<HandshakeIoError> for LoginError {
    fn from(error: HandshakeIoError) -> LoginError {
        match error {
            HandshakeIoError::Io(error) => LoginError::Io(error),
            HandshakeIoError::Packet(error) => LoginError::Packet(error),
        }
    }
}

/// Connects to `address` and logs in.
pub async fn login(
    address: &InstanceAddress,
    account: &Account,
    wish: &LoginWish<'_>,
    tls: Option<&ClientTls>,
) -> Result<LoggedIn, LoginError> {
    let mut stream = connect(address).await.map_err(LoginError::Connect)?;
    if let Some(announcement) = wish.announce {
        let header = announcement.encode(stream.peer());
        stream.send(&header).await.map_err(LoginError::Io)?;
    }
    let mut server = Handshake::new(stream);
    let greeting = Greeting::parse(&receive(&mut server).await?)?;
    let mut request = request(&greeting, account, wish)?;
    if let Some(tls) = wanted_tls(&greeting, &server.stream, tls)? {
        request.capabilities = request.capabilities | Capabilities::SSL;
        server = encrypt(server, &request, address, tls).await?;
    }
    server.send(&request.encode()).await.map_err(LoginError::Io)?;
    let status = prove(&mut server, account, greeting.salt, wish.cleartext).await?;
    Ok(LoggedIn {
        stream: server.stream,
        family: greeting.family,
        server_version: greeting.server_version,
        connection_id: greeting.connection_id,
        capabilities: request.capabilities & greeting.capabilities,
        status,
    })
}

async fn connect(address: &InstanceAddress) -> io::Result<Stream> {
    match address {
        InstanceAddress::Tcp(host, port) => Stream::tcp(TcpStream::connect((host.as_str(), *port)).await?),
        InstanceAddress::Unix(path) => Ok(Stream::Unix(UnixStream::connect(path).await?)),
    }
}

/// The server's next packet; an ERR is an error here, whatever it stands for.
async fn receive(server: &mut Handshake) -> Result<Vec<u8>, LoginError> {
    let payload = server.receive().await?;
    if payload.first() == Some(&0xFF) {
        let ErrorPacket { errno, sqlstate, message } = ErrorPacket::parse(&payload).map_err(HandshakeError::from)?;
        return Err(LoginError::Refused { errno, sqlstate, message });
    }
    Ok(payload)
}

/// The login request: what every login needs, and of the flags that change bytes only those wished for.
fn request(greeting: &Greeting, account: &Account, wish: &LoginWish<'_>) -> Result<LoginRequest, LoginError> {
    let needed = Capabilities::PROTOCOL_41
        | Capabilities::SECURE_CONNECTION
        | Capabilities::PLUGIN_AUTH
        | Capabilities::TRANSACTIONS
        | wish.class.capabilities();
    let missing = needed.without(greeting.capabilities);
    if missing != Capabilities::NONE {
        return Err(LoginError::Missing(missing));
    }
    let mut optional = Capabilities::CLIENT_MYSQL | Capabilities::LONG_FLAG | Capabilities::PLUGIN_AUTH_LENENC;
    if wish.schema.is_some() {
        optional = optional | Capabilities::CONNECT_WITH_DB;
    }
    if !wish.attributes.is_empty() {
        optional = optional | Capabilities::CONNECT_ATTRS;
    }
    // Unknown plugins begin with ours: the server then switches to the account's own, which need not be its default.
    let plugin = AuthPlugin::named(&greeting.plugin).unwrap_or(AuthPlugin::Native);
    Ok(LoginRequest {
        capabilities: needed | (optional & greeting.capabilities),
        max_packet: wish.max_packet,
        collation: wish.collation,
        user: account.user.clone(),
        auth_response: plugin.respond(account.password.as_bytes(), &greeting.salt),
        schema: wish.schema.map(str::to_owned),
        plugin: Some(plugin.name().to_owned()),
        attributes: wish.attributes.to_vec(),
        zstd_level: 0,
    })
}

/// Whether this login is encrypted. A UNIX socket is not: its bytes never leave the machine.
fn wanted_tls<'a>(
    greeting: &Greeting,
    stream: &Stream,
    tls: Option<&'a ClientTls>,
) -> Result<Option<&'a ClientTls>, LoginError> {
    let is_tcp = matches!(stream, Stream::Tcp(_));
    let offered = greeting.capabilities.contains(Capabilities::SSL);
    match tls {
        Some(tls) if is_tcp && offered => Ok(Some(tls)),
        Some(tls) if is_tcp && tls.need == TlsNeed::Required => Err(LoginError::NoTls),
        Some(_) | None => Ok(None),
    }
}

async fn encrypt(
    mut server: Handshake,
    request: &LoginRequest,
    address: &InstanceAddress,
    tls: &ClientTls,
) -> Result<Handshake, LoginError> {
    server.send(&request.encode_tls_request()).await.map_err(LoginError::Io)?;
    let (Stream::Tcp(socket), InstanceAddress::Tcp(host, _)) = (server.stream, address) else {
        return Err(LoginError::NoTls);
    };
    let name = ServerName::try_from(host.clone()).map_err(|_| LoginError::HostName(host.clone()))?;
    let session = tls.connector.connect(name, socket).await.map_err(LoginError::Tls)?;
    Ok(Handshake { stream: Stream::Tls(Box::new(TlsStream::Client(session))), sequence: server.sequence })
}

/// Answers the server until it says OK; gives the status flags of the OK.
async fn prove(
    server: &mut Handshake,
    account: &Account,
    mut salt: Salt,
    cleartext: CleartextAuth,
) -> Result<u16, LoginError> {
    let password = account.password.as_bytes();
    loop {
        let payload = receive(server).await?;
        match payload.as_slice() {
            [0x00, ..] => return Ok(OkPacket::parse(&payload).map_err(HandshakeError::from)?.status),
            [0xFE, ..] => {
                let switch = AuthSwitch::parse(&payload)?;
                salt = switch.salt();
                answer_switch(server, password, &switch, cleartext).await?;
            }
            [0x01, FAST_AUTH_OK] => {}
            [0x01, FULL_AUTH] => give_password(server, password, &salt).await?,
            _ => return Err(HandshakeError::Unexpected.into()),
        }
    }
}

/// The answer of the plugin the account has.
async fn answer_switch(
    server: &mut Handshake,
    password: &[u8],
    switch: &AuthSwitch,
    cleartext: CleartextAuth,
) -> Result<(), LoginError> {
    let answer = match switch.plugin.as_str() {
        ED25519 => sign_ed25519(password, &switch.data).to_vec(),
        PARSEC => return answer_parsec(server, password, &switch.data).await,
        name if name == AuthPlugin::Cleartext.name() => {
            if cleartext == CleartextAuth::Refused || !server.stream.is_confidential() {
                return Err(LoginError::Cleartext);
            }
            AuthPlugin::Cleartext.respond(password, &switch.salt())
        }
        name => {
            let plugin = AuthPlugin::named(name).ok_or_else(|| LoginError::Plugin(name.to_owned()))?;
            plugin.respond(password, &switch.salt())
        }
    };
    server.send(&answer).await.map_err(LoginError::Io)
}

/// parsec: an empty packet asks how to stretch the password; the answer is 32 bytes of ours and a signature over the server's and ours.
async fn answer_parsec(server: &mut Handshake, password: &[u8], nonce: &[u8]) -> Result<(), LoginError> {
    server.send(&[]).await.map_err(LoginError::Io)?;
    let salt = ParsecSalt::parse(&receive(server).await?).ok_or(HandshakeError::Unexpected)?;
    let own: [u8; 32] = rand::random();
    let answer = sign_parsec(password, &salt, nonce, &own).ok_or(HandshakeError::Unexpected)?;
    server.send(&answer).await.map_err(LoginError::Io)
}

/// `own` and the signature over `nonce` and `own`; `None` for a salt without rounds, which is none.
fn sign_parsec(password: &[u8], salt: &ParsecSalt, nonce: &[u8], own: &[u8; 32]) -> Option<Vec<u8>> {
    let mut seed = [0; 32];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA512, NonZeroU32::new(salt.rounds)?, &salt.salt, password, &mut seed);
    let key = Ed25519KeyPair::from_seed_unchecked(&seed).ok()?;
    let signature = key.sign(&[nonce, own].concat());
    Some([own, signature.as_ref()].concat())
}

/// Full authentication of caching_sha2_password: the password itself where nobody can listen, else encrypted with the server's key.
async fn give_password(server: &mut Handshake, password: &[u8], salt: &Salt) -> Result<(), LoginError> {
    let answer = if server.stream.is_confidential() {
        [password, &[0]].concat()
    } else {
        server.send(&[PUBLIC_KEY_REQUEST]).await.map_err(LoginError::Io)?;
        match receive(server).await?.as_slice() {
            [0x01, public_pem @ ..] => encrypt_password(password, salt, public_pem)?,
            _ => return Err(HandshakeError::Unexpected.into()),
        }
    };
    server.send(&answer).await.map_err(LoginError::Io)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use aws_lc_rs::signature::{ED25519 as VERIFIER, KeyPair, UnparsedPublicKey};

    use super::*;

    #[test]
    fn a_parsec_answer_is_signed_with_the_stretched_password() {
        let salt = ParsecSalt { rounds: 1024, salt: b"eighteen bytes it is".to_vec() };
        let (nonce, own) = ([3; 32], [9; 32]);
        let answer = sign_parsec(b"secret", &salt, &nonce, &own).unwrap();
        assert_eq!((answer.len(), &answer[..32]), (96, &own[..]));
        // The key the server keeps of the account.
        let mut seed = [0; 32];
        let rounds = NonZeroU32::new(1024).unwrap();
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA512, rounds, &salt.salt, b"secret", &mut seed);
        let stored = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let stored = UnparsedPublicKey::new(&VERIFIER, stored.public_key().as_ref().to_vec());
        assert!(stored.verify(&[nonce, own].concat(), &answer[32..]).is_ok());
        let wrong = sign_parsec(b"wrong", &salt, &nonce, &own).unwrap();
        assert!(stored.verify(&[nonce, own].concat(), &wrong[32..]).is_err());
    }
}
