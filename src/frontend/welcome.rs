//! From a socket to a session: login, limits, schema, and the OK that ends the handshake.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::client::{Client, ReceivedCommand};
use super::config::{AuthPlugin as ConfiguredPlugin, ListenerConfig, ListenerTls};
use super::error_reply;
use super::listener::Listener;
use super::outcome::NotCarried;
use super::own_connection::kept_attributes;
use super::reading::{Reading, unwritable_charset};
use super::registry::{Full, Shown};
use super::request::Request;
use super::session::{Session, SessionEnd};
use super::transaction::{Autocommit, Transaction};
use super::worker::Worker;
use crate::backend::SessionState;
use crate::model::Role;
use crate::net::accept::{AcceptContext, AcceptError, AcceptFault, Accepted, Credential, FastAuth, accept};
use crate::net::balancer::read_proxy_header;
use crate::net::compressed::Compressed;
use crate::net::stream::Stream;
use crate::net::tls::TlsNeed;
use crate::route::Target;
use crate::sql::{Family, Hint};
use crate::wire::capability;
use crate::wire::command_reader::CommandFrame;
use crate::wire::login_request::attribute_pairs;
use crate::wire::scanner::ReplyKind;
use crate::wire::scramble::AuthPlugin;

/// Logs a client in. `None` when it was turned away; it has been told why as far as it could be.
pub async fn welcome(
    worker: Rc<Worker>,
    listener: Arc<Listener>,
    socket: std::net::TcpStream,
    peer: SocketAddr,
) -> Option<Box<Session>> {
    let id = worker.node.registry.next_id();
    let stream = TcpStream::from_std(socket).and_then(Stream::tcp);
    let stream = stream.inspect_err(|error| tracing::warn!(%error, %peer, "a client's socket is of no use")).ok()?;
    let login = async {
        let (stream, peer) = introduced(&listener, stream, peer).await?;
        match log_in(&worker, &listener, stream, peer, id).await {
            Ok(accepted) => Some((accepted, peer)),
            Err(error) => {
                turn_down(error, peer).await;
                None
            }
        }
    };
    let Ok(logged_in) = timeout(worker.node.limits.load().login_deadline, login).await else {
        tracing::info!(%peer, "a client did not log in within the login deadline");
        return None;
    };
    let (accepted, peer) = logged_in?;
    let (session, sequence) = begin(worker, &listener, accepted, peer, id).await?;
    // Boxed here, so that the task holds a pointer and not a second copy.
    let mut session = Box::new(session);
    session.finish_login(sequence).await.then_some(session)
}

/// The connection, and whose it is: a load balancer says so before anything else.
async fn introduced(listener: &Listener, mut stream: Stream, peer: SocketAddr) -> Option<(Stream, SocketAddr)> {
    if !listener.config.balancers.iter().any(|network| network.contains(peer.ip())) {
        return Some((stream, peer));
    }
    match read_proxy_header(&mut stream).await {
        Ok(client) => Some((stream, client.unwrap_or(peer))),
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(%peer, error, "a load balancer did not say whose connection it passes on");
            None
        }
    }
}

async fn log_in(
    worker: &Worker,
    listener: &Listener,
    stream: Stream,
    peer: SocketAddr,
    id: u32,
) -> Result<Accepted, AcceptError> {
    let host = peer.ip().to_string();
    let users = |name: &str| credential_of(worker, name);
    let tls = listener.acceptor();
    accept(stream, &context(worker, &listener.config, tls.as_deref(), &users, id, &host)).await
}

/// What a client has to prove to be the user called `name`.
pub(super) fn credential_of(worker: &Worker, name: &str) -> Option<Credential> {
    let known = worker.node.users.find(name)?;
    let plugin = match known.user.plugin {
        ConfiguredPlugin::CachingSha2 => AuthPlugin::CachingSha2,
        ConfiguredPlugin::Native => AuthPlugin::Native,
        ConfiguredPlugin::Cleartext => AuthPlugin::Cleartext,
    };
    Some(Credential { password: known.user.password.clone().into_bytes(), plugin })
}

/// What a listener says and knows to the client with this connection id, at this host.
pub(super) fn context<'a>(
    worker: &'a Worker,
    listener: &'a ListenerConfig,
    tls: Option<&'a TlsAcceptor>,
    users: &'a dyn Fn(&str) -> Option<Credential>,
    connection_id: u32,
    client_host: &'a str,
) -> AcceptContext<'a> {
    AcceptContext {
        family: family_of(listener.dialect.family),
        server_version: &listener.server_version,
        version: listener.dialect.version,
        connection_id,
        collation: worker.node.snapshots.load().catalog.default_collation,
        tls,
        tls_need: match listener.tls {
            ListenerTls::Off => TlsNeed::Preferred,
            ListenerTls::On { need, .. } => need,
        },
        compression: listener.compression,
        rsa: &worker.node.rsa,
        users,
        fast_auth: FastAuth::Always,
        client_host,
    }
}

fn family_of(family: Family) -> capability::Family {
    match family {
        Family::MariaDb => capability::Family::MariaDb,
        Family::MySql => capability::Family::MySql,
    }
}

async fn turn_down(error: AcceptError, peer: SocketAddr) {
    let source = &error.fault as &dyn std::error::Error;
    match error.fault {
        AcceptFault::Disconnected(_) => tracing::debug!(%peer, error = source, "a client left during its login"),
        AcceptFault::Denied { .. } | AcceptFault::TooOld | AcceptFault::Insecure => {
            tracing::info!(%peer, error = source, "login refused")
        }
        AcceptFault::Malformed(_) => tracing::warn!(%peer, error = source, "malformed login"),
    }
    if let Some((stream, sequence)) = error.reply
        && let Some(packet) = error_reply::login(&error.fault, sequence)
        && Client::new(stream).send(&packet).await.is_err()
    {
        tracing::debug!(%peer, "the client did not stay to read why");
    }
}

/// The session, and the sequence number of the OK it still owes.
async fn begin(
    worker: Rc<Worker>,
    listener: &Listener,
    accepted: Accepted,
    peer: SocketAddr,
    id: u32,
) -> Option<(Session, u8)> {
    let node = Arc::clone(&worker.node);
    let mut client = Client::new(match accepted.compression {
        None => accepted.stream,
        Some(algorithm) => Stream::Compressed(Box::new(Compressed::new(accepted.stream, algorithm))),
    });
    // The user file may have been replaced during the handshake.
    let user = node.users.find(&accepted.user)?;
    let limit = user.user.connections;
    let unit = listener.config.unit;
    let presence = match node.registry.enter(id, &accepted.user, peer, unit, limit) {
        Ok(presence) => presence,
        Err(Full::User | Full::Process) => {
            let packet = error_reply::user_at_limit(&accepted.user, limit.unwrap_or_default(), accepted.sequence);
            client.send(&packet).await.ok()?;
            return None;
        }
    };
    presence.entry.introduce(&program_of(&accepted.attributes));
    let state = SessionState { schema: accepted.schema, ..SessionState::default() };
    let default_mode = node.snapshots.load().catalog.default_sql_mode.clone();
    let collation = u16::from(accepted.collation);
    let session = Session {
        worker,
        client,
        listener: Arc::clone(&listener.config),
        user,
        presence,
        capabilities: accepted.capabilities,
        collation,
        salt: accepted.salt,
        refused_changes: 0,
        reading: Reading::of(&state, collation, &default_mode),
        state: Arc::new(state),
        hint: Hint::default(),
        attributes: kept_attributes(&accepted.attributes),
        observed_at: None,
        schema_changed_at: None,
        autocommit: Autocommit::On,
        transaction: Transaction::None,
        held: None,
        left_behind: None,
        shown: Shown::default(),
        shown_state: None,
        last_insert_id: 0,
        found_rows: Some(0),
        prepared: Default::default(),
        pools: smallvec::SmallVec::new(),
    };
    Some((session, accepted.sequence))
}

impl Session {
    /// Its connection id.
    pub fn id(&self) -> u32 {
        self.presence.entry.id
    }

    /// The last step of a login. Returns whether the session begins.
    async fn finish_login(&mut self, sequence: u8) -> bool {
        match self.check_schema(sequence).await {
            Ok(()) => {
                let told = self.send_ok(sequence).await;
                // The OK is the last packet that goes uncompressed.
                if let Stream::Compressed(compressed) = &mut self.client.stream {
                    compressed.begin();
                }
                told.is_ok()
            }
            Err(SchemaRefused::Told(packet)) => {
                if self.send(&packet).await.is_err() {
                    tracing::debug!(session = self.id(), "the client did not stay to read why");
                }
                false
            }
            Err(SchemaRefused::Over(_)) => false,
        }
    }

    /// The session's character set must be one for texts, and its schema must exist, as they must for a server. `sequence` is the number of
    /// the reply.
    pub(super) async fn check_schema(&mut self, sequence: u8) -> Result<(), SchemaRefused> {
        if let Some(charset) = unwritable_charset(self.collation) {
            return Err(SchemaRefused::Told(error_reply::text(&error_reply::unwritable_charset(charset), sequence)));
        }
        let snapshot = self.worker.node.snapshots.load();
        let Some(schema) = self.state.schema.clone().filter(|schema| !snapshot.catalog.knows_schema(schema)) else {
            return Ok(());
        };
        let group = snapshot.state.group_of_schema(&schema).unwrap_or(snapshot.state.default_group);
        let target = Target { group, unit: self.served_by(&snapshot, group), role: Role::Primary };
        let frame = CommandFrame { total: 0, parts: 1, length: 0, sequence: sequence.wrapping_sub(1) };
        let mut request = Request::new(ReceivedCommand { packet: Vec::new(), frame });
        request.reply = ReplyKind::Simple;
        match self.ready_connection(target, &mut request).await {
            Ok(held) => {
                self.settle(held).await;
                Ok(())
            }
            Err(NotCarried::Told(mut packet) | NotCarried::Last(mut packet)) => {
                if let Some(number) = packet.get_mut(3) {
                    *number = sequence;
                }
                Err(SchemaRefused::Told(packet))
            }
            Err(NotCarried::Over(end)) => Err(SchemaRefused::Over(end)),
        }
    }
}

/// Why a session cannot stand in the schema it asked for.
pub(super) enum SchemaRefused {
    /// The client is to be told with this packet.
    Told(Vec<u8>),
    /// The session is over.
    Over(SessionEnd),
}

/// What a client says it is, from its connection attributes: the program's name, else the driver's; cut to what fits a table.
pub(super) fn program_of(attributes: &[u8]) -> String {
    let named = |wanted: &[u8]| attribute_pairs(attributes).find(|(name, _)| *name == wanted).map(|(_, value)| value);
    let said = named(b"program_name").or_else(|| named(b"_client_name")).unwrap_or_default();
    String::from_utf8_lossy(said).chars().filter(|letter| !letter.is_control()).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_named_by_itself_or_by_its_driver() {
        assert_eq!(program_of(b"\x0c_client_name\x08libmysql\x0cprogram_name\x05mysql"), "mysql");
        assert_eq!(program_of(b"\x0c_client_name\x08libmysql"), "libmysql");
        assert_eq!(program_of(b"\x0cprogram_name\x06a\nb\0cd"), "abcd");
        assert_eq!(program_of(b"\x0cprogram_na"), "");
    }
}
