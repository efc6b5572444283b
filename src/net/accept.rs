//! The server side of a login: greeting, TLS, and the proof of who the client is.
//!
//! It sends neither the final OK nor an ERR: the caller first checks schema and limits, and only one place makes ERR packets. It has no
//! deadline of its own; the caller sets one around it.

use std::collections::HashSet;
use std::io;
use std::sync::{Mutex, PoisonError};

use rand::Rng;
use thiserror::Error;
use tokio_rustls::{TlsAcceptor, TlsStream};

use super::handshake_io::{Carrier, Handshake, HandshakeIoError};
use super::rsa_key::RsaKey;
use super::stream::Stream;
use super::tls::TlsNeed;
use crate::wire::auth_switch::{AuthSwitch, FAST_AUTH_OK, FULL_AUTH, PUBLIC_KEY_REQUEST, encode_more_data};
use crate::wire::capability::{Capabilities, CompressionOffer, Family, Offer, TlsOffer, offered};
use crate::wire::change_user::ChangeUser;
use crate::wire::compression::Algorithm;
use crate::wire::greeting::{Greeting, HandshakeError};
use crate::wire::login_request::{LoginRequest, is_tls_request};
use crate::wire::scramble::{AuthPlugin, SALT, Salt, equal_in_constant_time};
use crate::wire::status;

/// utf8mb4_general_ci, which both families know.
const GENERAL_COLLATION: u8 = 45;

/// utf8mb4_0900_ai_ci, the default of MySQL from 8.0 on.
const MYSQL_COLLATION: u8 = 255;

/// What a user must prove.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The plain password.
    pub password: Vec<u8>,
    /// How it is proved.
    pub plugin: AuthPlugin,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Credential").field("plugin", &self.plugin).finish_non_exhaustive()
    }
}

/// When caching_sha2_password takes the short way.
#[derive(Clone, Copy, Debug)]
pub enum FastAuth<'a> {
    /// Always: we know the password, so its scramble is proof enough.
    Always,
    /// As servers do: only for users in this set, which full authentication fills.
    AfterFull(&'a Mutex<HashSet<String>>),
}

/// What a listener says and knows.
#[derive(Clone, Copy)]
pub struct AcceptContext<'a> {
    /// The family the greeting speaks for.
    pub family: Family,
    /// The greeting's version.
    pub server_version: &'a str,
    /// The same as a number, as in 80403 or 101119.
    pub version: u32,
    /// The greeting's connection id.
    pub connection_id: u32,
    /// The greeting's collation, of which clients make their own; `None`: the one servers of this version come with.
    pub collation: Option<u8>,
    /// TLS; `None` offers none.
    pub tls: Option<&'a TlsAcceptor>,
    /// Whether clients may do without.
    pub tls_need: TlsNeed,
    /// Whether clients may have their connection compressed.
    pub compression: CompressionOffer,
    /// For full authentication without TLS.
    pub rsa: &'a RsaKey,
    /// The users by name.
    pub users: &'a dyn Fn(&str) -> Option<Credential>,
    /// When caching_sha2_password takes the short way.
    pub fast_auth: FastAuth<'a>,
    /// The client's host, for the text of a refusal.
    pub client_host: &'a str,
}

/// A client that proved who it is and waits for OK or ERR.
#[derive(Debug)]
pub struct Accepted {
    /// The connection; encrypted if the client asked for it. Not a byte after the handshake has been read.
    pub stream: Stream,
    /// The sequence number of the OK or ERR the caller sends.
    pub sequence: u8,
    /// The user's name.
    pub user: String,
    /// The schema it wants to start in.
    pub schema: Option<String>,
    /// What both sides can do.
    pub capabilities: Capabilities,
    /// The collation of its connection; 0 leaves it to the server.
    pub collation: u8,
    /// The largest packet it says it will take.
    pub max_packet: u32,
    /// Connection attributes as sent.
    pub attributes: Vec<u8>,
    /// How its connection is to be compressed, once it has been told OK.
    pub compression: Option<Algorithm>,
    /// The salt its last answer was made with, which COM_CHANGE_USER goes on with.
    pub salt: Salt,
}

/// A login that came to nothing.
#[derive(Debug, Error)]
#[error("{fault}")]
pub struct AcceptError {
    /// Why.
    #[source]
    pub fault: AcceptFault,
    /// Where an ERR can still be sent: the connection and the sequence number. `None` when it is gone.
    pub reply: Option<(Stream, u8)>,
}

/// Why a client was not let in.
#[derive(Debug, Error)]
pub enum AcceptFault {
    /// Unknown user or wrong password; which of them is not told.
    #[error("Access denied for user '{user}'@'{host}' (using password: {})", if *.used_password { "YES" } else { "NO" })]
    Denied {
        /// The name it gave.
        user: String,
        /// Where it came from.
        host: String,
        /// Whether it tried any password.
        used_password: bool,
    },
    /// The client knows no plugin but its own, or no 4.1 protocol.
    #[error("Client does not support authentication protocol requested by server; consider upgrading MySQL client")]
    TooOld,
    /// The client does not encrypt, and must.
    #[error("Connections using insecure transport are prohibited while --require_secure_transport=ON.")]
    Insecure,
    /// The client broke the protocol.
    #[error("Bad handshake")]
    Malformed(#[source] Malformed),
    /// The connection ended.
    #[error("the client went away during its login")]
    Disconnected(#[source] io::Error),
}

/// How a client broke the protocol; for the log.
#[derive(Debug, Error)]
pub enum Malformed {
    /// A packet's content.
    #[error(transparent)]
    Content(#[from] HandshakeError),
    /// A packet's header.
    #[error(transparent)]
    Packet(#[from] crate::wire::packet::PacketError),
    /// The client asked for TLS, which was not offered.
    #[error("TLS that was not offered")]
    TlsNotOffered,
}

impl AcceptFault {
    /// The error number and SQLSTATE a client reads beside the text of this fault; the servers' own. `None` when nobody is left to read.
    pub fn code(&self) -> Option<(u16, [u8; 5])> {
        match self {
            AcceptFault::Denied { .. } => Some((1045, *b"28000")),
            AcceptFault::TooOld => Some((1251, *b"08004")),
            AcceptFault::Insecure => Some((3159, *b"HY000")),
            AcceptFault::Malformed(_) => Some((1043, *b"08S01")),
            AcceptFault::Disconnected(_) => None,
        }
    }
}

impl From<io::Error> for AcceptFault {
    fn from(error: io::Error) -> AcceptFault {
        AcceptFault::Disconnected(error)
    }
}

impl From<HandshakeIoError> for AcceptFault {
    fn from(error: HandshakeIoError) -> AcceptFault {
        match error {
            HandshakeIoError::Io(error) => AcceptFault::Disconnected(error),
            HandshakeIoError::Packet(error) => AcceptFault::Malformed(error.into()),
        }
    }
}

impl From<HandshakeError> for AcceptFault {
    fn from(error: HandshakeError) -> AcceptFault {
        match error {
            HandshakeError::TooOld => AcceptFault::TooOld,
            other => AcceptFault::Malformed(other.into()),
        }
    }
}

/// Greets a client and lets it prove who it is.
pub async fn accept(stream: Stream, context: &AcceptContext<'_>) -> Result<Accepted, AcceptError> {
    let mut peer = Handshake::new(stream);
    let greeting = greeting(context, &peer.stream);
    let mut request = match begin(&mut peer, &greeting).await {
        Ok(payload) => payload,
        Err(fault) => return Err(failed(fault, peer)),
    };
    if is_tls_request(&request) {
        peer = encrypt(peer, context).await?;
        request = match peer.receive().await {
            Ok(payload) => payload,
            Err(error) => return Err(failed(error.into(), peer)),
        };
    }
    let login = match LoginRequest::parse(&request, context.family) {
        Ok(login) => login,
        Err(error) => return Err(failed(error.into(), peer)),
    };
    if context.tls_need == TlsNeed::Required && !peer.stream.is_encrypted() {
        return Err(failed(AcceptFault::Insecure, peer));
    }
    let answer = FirstAnswer {
        user: &login.user,
        plugin: login.plugin.as_deref(),
        response: &login.auth_response,
        salt: greeting.salt,
        capabilities: login.capabilities,
        greeted_with: Some(default_plugin(context.family)),
    };
    let salt = match authenticate(&mut peer, context, &answer).await {
        Ok(salt) => salt,
        Err(fault) => return Err(failed(fault, peer)),
    };
    let capabilities = login.capabilities & greeting.capabilities;
    Ok(Accepted {
        salt,
        compression: Algorithm::of(capabilities, login.zstd_level),
        stream: peer.stream,
        sequence: peer.sequence,
        user: login.user,
        schema: login.schema,
        capabilities,
        collation: login.collation,
        max_packet: login.max_packet,
        attributes: login.attributes,
    })
}

fn failed(fault: AcceptFault, peer: Handshake) -> AcceptError {
    let reply = fault.code().map(|_| (peer.stream, peer.sequence));
    AcceptError { fault, reply }
}

fn greeting(context: &AcceptContext<'_>, stream: &Stream) -> Greeting {
    let can_encrypt = context.tls.is_some() && matches!(stream, Stream::Tcp(_));
    Greeting {
        family: context.family,
        server_version: context.server_version.to_owned(),
        connection_id: context.connection_id,
        capabilities: offered(&Offer {
            family: context.family,
            version: context.version,
            tls: if can_encrypt { TlsOffer::Offered } else { TlsOffer::Absent },
            compression: context.compression,
        }),
        collation: context.collation.unwrap_or_else(|| usual_collation(context)),
        status: status::AUTOCOMMIT,
        salt: random_salt(),
        plugin: default_plugin(context.family).name().to_owned(),
    }
}

/// What servers of this version come with.
fn usual_collation(context: &AcceptContext<'_>) -> u8 {
    match context.family {
        Family::MySql if context.version >= 80_000 => MYSQL_COLLATION,
        Family::MySql | Family::MariaDb => GENERAL_COLLATION,
    }
}

fn default_plugin(family: Family) -> AuthPlugin {
    match family {
        Family::MySql => AuthPlugin::CachingSha2,
        Family::MariaDb => AuthPlugin::Native,
    }
}

/// As the servers make it: seven bits, neither NUL, which ends it for some clients, nor `$`, which separates stored hashes.
fn random_salt() -> Salt {
    let mut random = rand::rng();
    let mut salt = [0; SALT];
    for byte in &mut salt {
        while matches!(*byte, 0 | b'$') {
            *byte = random.random_range(1..=127);
        }
    }
    salt
}

async fn begin(peer: &mut Handshake, greeting: &Greeting) -> Result<Vec<u8>, AcceptFault> {
    peer.send(&greeting.encode()).await?;
    Ok(peer.receive().await?)
}

async fn encrypt(peer: Handshake, context: &AcceptContext<'_>) -> Result<Handshake, AcceptError> {
    let (Stream::Tcp(socket), Some(acceptor)) = (peer.stream, context.tls) else {
        return Err(AcceptError { fault: AcceptFault::Malformed(Malformed::TlsNotOffered), reply: None });
    };
    match acceptor.accept(socket).await {
        Ok(tls) => Ok(Handshake { stream: Stream::Tls(Box::new(TlsStream::Server(tls))), ..peer }),
        Err(error) => Err(AcceptError { fault: error.into(), reply: None }),
    }
}

/// What a client says first of who it is, in a login or in COM_CHANGE_USER.
#[derive(Clone, Copy, Debug)]
struct FirstAnswer<'a> {
    user: &'a str,
    plugin: Option<&'a str>,
    response: &'a [u8],
    /// What it was mixed with.
    salt: Salt,
    capabilities: Capabilities,
    /// The plugin for which an empty response is an answer; for others the client waits to be asked.
    greeted_with: Option<AuthPlugin>,
}

/// COM_CHANGE_USER: lets the client at `peer` prove that it is `request`'s user. `last_salt` is that of its last proof, `sequence` the number
/// of the next packet. Gives the salt of this proof and the number of the OK that is still owed.
///
/// Errors: why not, and the number of the ERR that is owed if the client is still there.
pub async fn accept_again(
    peer: &mut impl Carrier,
    context: &AcceptContext<'_>,
    request: &ChangeUser,
    negotiated: Capabilities,
    last_salt: Salt,
    sequence: u8,
) -> Result<(Salt, u8), (AcceptFault, u8)> {
    let mut peer = Handshake { stream: peer, sequence };
    let answer = FirstAnswer {
        user: &request.user,
        plugin: request.plugin.as_deref(),
        response: &request.auth_response,
        salt: last_salt,
        capabilities: negotiated,
        greeted_with: None,
    };
    let proved = authenticate(&mut peer, context, &answer).await;
    match proved {
        Ok(salt) => Ok((salt, peer.sequence)),
        Err(fault) => Err((fault, peer.sequence)),
    }
}

/// An unknown user goes through the same exchange as a known one with a wrong password, and fails at its end. Gives the salt of the proof.
async fn authenticate<C: Carrier>(
    peer: &mut Handshake<C>,
    context: &AcceptContext<'_>,
    login: &FirstAnswer<'_>,
) -> Result<Salt, AcceptFault> {
    let has_plugins = login.capabilities.contains(Capabilities::PLUGIN_AUTH);
    let used = match login.plugin {
        Some(name) if has_plugins => name,
        _ => AuthPlugin::Native.name(),
    };
    let credential = (context.users)(login.user);
    // An unknown user is taken for one of the client's own kind: clients that lack the other plugin then still read a plain refusal.
    let of_unknown = || AuthPlugin::named(used).unwrap_or(default_plugin(context.family));
    let plugin = credential.as_ref().map_or_else(of_unknown, |known| known.plugin);
    if plugin == AuthPlugin::Cleartext && !peer.stream.is_confidential() {
        return Err(AcceptFault::Insecure);
    }
    let (mut salt, mut response) = (login.salt, login.response.to_vec());
    // A client that was told to use another plugin than the greeting's answers with nothing, and waits to be asked.
    let must_be_asked = response.is_empty() && login.greeted_with.is_none_or(|greeted| greeted.name() != used);
    if used != plugin.name() || (must_be_asked && has_plugins) {
        if !has_plugins {
            return Err(AcceptFault::TooOld);
        }
        // As servers do: some clients (sqlx) prove a password by RSA with the greeting's salt, whatever came with the request to switch.
        if login.greeted_with.is_none() {
            salt = random_salt();
        }
        peer.send(&AuthSwitch::new(plugin.name(), &salt).encode()).await?;
        response = peer.receive().await?;
        // Some clients send the NUL of an empty password.
        if response == [0] && plugin != AuthPlugin::Cleartext {
            response.clear();
        }
    }
    let proof = Proof { credential: credential.as_ref(), salt, response: &response };
    let proved = match plugin {
        AuthPlugin::Native | AuthPlugin::Cleartext => proof.by_scramble(),
        AuthPlugin::CachingSha2 => caching_sha2(peer, context, login.user, &proof).await?,
    };
    let used_password = !matches!(response.as_slice(), [] | [0]);
    let denied =
        || AcceptFault::Denied { user: login.user.to_owned(), host: context.client_host.to_owned(), used_password };
    if proved { Ok(salt) } else { Err(denied()) }
}

/// What a client answered, and what it must know.
struct Proof<'a> {
    credential: Option<&'a Credential>,
    salt: Salt,
    response: &'a [u8],
}

impl Proof<'_> {
    fn by_scramble(&self) -> bool {
        self.credential.is_some_and(|known| known.plugin.verify(&known.password, &self.salt, self.response))
    }

    fn by_password(&self, password: &[u8]) -> bool {
        self.credential.is_some_and(|known| equal_in_constant_time(&known.password, password))
    }
}

async fn caching_sha2<C: Carrier>(
    peer: &mut Handshake<C>,
    context: &AcceptContext<'_>,
    user: &str,
    proof: &Proof<'_>,
) -> Result<bool, AcceptFault> {
    // An empty password is proved by an empty answer, without any further packet.
    if proof.response.is_empty() {
        return Ok(proof.by_scramble());
    }
    let may_be_fast = match context.fast_auth {
        FastAuth::Always => true,
        FastAuth::AfterFull(seen) => seen.lock().unwrap_or_else(PoisonError::into_inner).contains(user),
    };
    if may_be_fast && proof.by_scramble() {
        peer.send(&encode_more_data(&[FAST_AUTH_OK])).await?;
        return Ok(true);
    }
    peer.send(&encode_more_data(&[FULL_AUTH])).await?;
    let mut answer = peer.receive().await?;
    let password = if peer.stream.is_confidential() {
        (answer.pop() == Some(0)).then_some(answer)
    } else {
        if answer == [PUBLIC_KEY_REQUEST] {
            peer.send(&encode_more_data(context.rsa.public_pem().as_bytes())).await?;
            answer = peer.receive().await?;
        }
        context.rsa.decrypt_password(&answer, &proof.salt)
    };
    let proved = password.is_some_and(|password| proof.by_password(&password));
    if let (true, FastAuth::AfterFull(seen)) = (proved, context.fast_auth) {
        seen.lock().unwrap_or_else(PoisonError::into_inner).insert(user.to_owned());
    }
    Ok(proved)
}
