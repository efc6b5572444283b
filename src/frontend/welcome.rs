//! From a socket to a session: login, limits, schema, and the OK that ends the handshake.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::client::{Client, ReceivedCommand};
use super::config::AuthPlugin as ConfiguredPlugin;
use super::dispatch::NotCarried;
use super::error_reply;
use super::listener::Listener;
use super::reading::Reading;
use super::registry::{Full, Shown};
use super::session::{Request, Session, Subject};
use super::transaction::{Autocommit, Transaction};
use super::worker::Worker;
use crate::backend::SessionState;
use crate::model::Role;
use crate::net::accept::{AcceptContext, AcceptError, AcceptFault, Accepted, Credential, FastAuth, accept};
use crate::net::stream::Stream;
use crate::route::Target;
use crate::sql::{Family, Hint};
use crate::wire::capability;
use crate::wire::command_reader::CommandFrame;
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
    let login = log_in(&worker, &listener, stream, peer, id);
    let accepted = match timeout(worker.node.limits.login_deadline, login).await {
        Ok(Ok(accepted)) => accepted,
        Ok(Err(error)) => {
            turn_down(error, peer).await;
            return None;
        }
        Err(_) => {
            tracing::info!(%peer, "a client did not log in within the login deadline");
            return None;
        }
    };
    let (session, sequence) = begin(worker, &listener, accepted, peer, id).await?;
    // Boxed here, so that the task holds a pointer and not a second copy.
    let mut session = Box::new(session);
    session.finish_login(sequence).await.then_some(session)
}

async fn log_in(
    worker: &Worker,
    listener: &Listener,
    stream: Stream,
    peer: SocketAddr,
    id: u32,
) -> Result<Accepted, AcceptError> {
    let host = peer.ip().to_string();
    let users = |name: &str| {
        worker.node.users.find(name).map(|known| Credential {
            password: known.user.password.clone().into_bytes(),
            plugin: match known.user.plugin {
                ConfiguredPlugin::CachingSha2 => AuthPlugin::CachingSha2,
                ConfiguredPlugin::Native => AuthPlugin::Native,
            },
        })
    };
    let context = AcceptContext {
        family: family_of(listener.config.dialect.family),
        server_version: &listener.config.server_version,
        connection_id: id,
        tls: Some(&listener.tls),
        rsa: &worker.node.rsa,
        users: &users,
        fast_auth: FastAuth::Always,
        client_host: &host,
    };
    accept(stream, &context).await
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
        AcceptFault::Denied { .. } | AcceptFault::TooOld => tracing::info!(%peer, error = source, "login refused"),
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
    let mut client = Client::new(accepted.stream);
    // The user file may have been replaced during the handshake.
    let user = node.users.find(&accepted.user)?;
    let limit = user.user.connections;
    let unit = listener.config.unit;
    let presence = match node.registry.enter(id, &accepted.user, &peer.to_string(), unit, limit) {
        Ok(presence) => presence,
        Err(Full::User | Full::Process) => {
            let packet = error_reply::user_at_limit(&accepted.user, limit.unwrap_or_default(), accepted.sequence);
            client.send(&packet).await.ok()?;
            return None;
        }
    };
    let state = SessionState { schema: accepted.schema, ..SessionState::default() };
    let default_mode = node.snapshots.load().catalog.default_sql_mode.clone();
    let collation = accepted.collation;
    let session = Session {
        worker,
        client,
        listener: Arc::clone(&listener.config),
        user,
        presence,
        capabilities: accepted.capabilities,
        collation,
        reading: Reading::of(&state, collation, &default_mode),
        state: Arc::new(state),
        hint: Hint::default(),
        autocommit: Autocommit::On,
        transaction: Transaction::None,
        held: None,
        left_behind: None,
        shown: Shown::default(),
        last_insert_id: 0,
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

    /// The last step of a login: the schema must exist, as it must for a server. Returns whether the session begins.
    async fn finish_login(&mut self, sequence: u8) -> bool {
        let snapshot = self.worker.node.snapshots.load();
        if let Some(schema) = self.state.schema.clone()
            && !snapshot.catalog.knows_schema(&schema)
        {
            let group = snapshot.state.group_of_schema(&schema).unwrap_or(snapshot.state.default_group);
            let target = Target { group, unit: self.listener.unit, role: Role::Primary };
            let frame = CommandFrame { total: 0, parts: 1, length: 0, sequence: sequence.wrapping_sub(1) };
            let command = ReceivedCommand { packet: Vec::new(), frame };
            let mut request = Request { command, reply: ReplyKind::Simple, subject: Subject::Text };
            match self.ready_connection(target, &mut request).await {
                Ok(held) => self.settle(held).await,
                Err(NotCarried::Told(mut packet) | NotCarried::Last(mut packet)) => {
                    if let Some(number) = packet.get_mut(3) {
                        *number = sequence;
                    }
                    if self.send(&packet).await.is_err() {
                        tracing::debug!(session = self.id(), "the client did not stay to read why");
                    }
                    return false;
                }
                Err(NotCarried::Over(_)) => return false,
            }
        }
        self.send_ok(sequence).await.is_ok()
    }
}
