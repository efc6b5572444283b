//! From an arriving socket to a worker: the process limit, the least loaded worker, and the worker's own loop.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::client::ReadError;
use super::config::{ListenerConfig, ListenerTls};
use super::error_reply;
use super::registry::ConnectionPermit;
use super::session::SessionEnd;
use super::welcome::welcome;
use super::worker::{Node, Worker};
use crate::net::tls::{Certificate, TlsError, acceptor};
use crate::shutdown::Shutdown;

/// How often idle connections are looked through.
const SWEEP: Duration = Duration::from_secs(5);

/// How long sessions may take to end once they were told to.
const FAREWELL: Duration = Duration::from_secs(10);

/// One listener as the sessions know it.
pub struct Listener {
    /// What the operators set.
    pub config: Arc<ListenerConfig>,
    /// Its certificate, if it encrypts.
    tls: ArcSwapOption<TlsAcceptor>,
}

/// Certificates that were read again and can be used; none where a listener has no files.
pub struct NewCertificates(Option<Arc<TlsAcceptor>>);

impl Listener {
    /// A listener with the certificates its configuration names. Errors: they cannot be used.
    pub fn new(config: ListenerConfig) -> Result<Listener, TlsError> {
        let tls = ArcSwapOption::new(acceptor_of(&config.tls)?.map(Arc::new));
        Ok(Listener { config: Arc::new(config), tls })
    }

    /// Reads the certificates' files again. Errors: they cannot be used.
    pub fn read_certificates(&self) -> Result<NewCertificates, TlsError> {
        // A self-signed one has no file; a new one would only alarm those who remember it.
        let has_files = matches!(&self.config.tls, ListenerTls::On { certificate: Certificate::Files { .. }, .. });
        let read = if has_files { acceptor_of(&self.config.tls)? } else { None };
        Ok(NewCertificates(read.map(Arc::new)))
    }

    /// Uses what was read for those who come from now on.
    pub fn renew_certificates(&self, read: NewCertificates) {
        if let NewCertificates(Some(acceptor)) = read {
            self.tls.store(Some(acceptor));
        }
    }

    /// Its certificate now, if it encrypts.
    pub(super) fn acceptor(&self) -> Option<Arc<TlsAcceptor>> {
        self.tls.load_full()
    }
}

fn acceptor_of(tls: &ListenerTls) -> Result<Option<TlsAcceptor>, TlsError> {
    match tls {
        ListenerTls::Off => Ok(None),
        ListenerTls::On { certificate, clients, .. } => acceptor(certificate, clients).map(Some),
    }
}

/// A client on its way to a worker.
pub struct Arrival {
    socket: std::net::TcpStream,
    peer: SocketAddr,
    listener: Arc<Listener>,
    permit: ConnectionPermit,
}

/// The acceptors' end of a worker.
#[derive(Clone)]
pub struct WorkerHandle {
    sender: mpsc::UnboundedSender<Arrival>,
    load: Arc<AtomicUsize>,
}

/// The worker's own end.
pub struct WorkerInbox {
    receiver: mpsc::UnboundedReceiver<Arrival>,
    load: Arc<AtomicUsize>,
}

/// Both ends of a worker.
pub fn worker_channel() -> (WorkerHandle, WorkerInbox) {
    // Unbounded, because the process limit bounds it: each arrival carries a permit.
    let (sender, receiver) = mpsc::unbounded_channel();
    let load = Arc::new(AtomicUsize::new(0));
    (WorkerHandle { sender, load: Arc::clone(&load) }, WorkerInbox { receiver, load })
}

/// Accepts clients and hands each to the least loaded worker, until shutdown.
pub async fn accept_clients(
    socket: TcpListener,
    listener: Arc<Listener>,
    workers: Vec<WorkerHandle>,
    node: Arc<Node>,
    mut shutdown: Shutdown,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.told() => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((client, peer)) => hand_over(client, peer, &listener, &workers, &node).await,
            Err(error) => {
                // Out of file descriptors, nearly always: a pause lets some be closed.
                tracing::error!(%error, "no client can be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn hand_over(
    client: TcpStream,
    peer: SocketAddr,
    listener: &Arc<Listener>,
    workers: &[WorkerHandle],
    node: &Arc<Node>,
) {
    if node.registry.drain().is_some() {
        return turn_away(client, &error_reply::shutting_down_before_greeting()).await;
    }
    let Ok(permit) = node.registry.admit(node.limits.load().connections) else {
        return turn_away(client, &error_reply::too_many_connections()).await;
    };
    let Some(worker) = workers.iter().min_by_key(|worker| worker.load.load(Ordering::Relaxed)) else { return };
    match client.into_std() {
        Ok(socket) => {
            worker.load.fetch_add(1, Ordering::Relaxed);
            let arrival = Arrival { socket, peer, listener: Arc::clone(listener), permit };
            if worker.sender.send(arrival).is_err() {
                tracing::debug!("a client arrived during shutdown");
            }
        }
        Err(error) => tracing::warn!(%error, %peer, "a client's socket is of no use"),
    }
}

/// An ERR in place of the greeting, as servers do.
async fn turn_away(mut client: TcpStream, packet: &[u8]) {
    // A client that does not read it is closed all the same; the acceptor waits for nobody.
    if timeout(Duration::from_millis(100), client.write_all(packet)).await.is_err() {
        tracing::debug!("a client turned away did not read why");
    }
}

/// A worker's life: one task per client, until all acceptors are gone and all sessions have ended.
pub async fn run_worker(number: usize, node: Arc<Node>, mut inbox: WorkerInbox) {
    let registry = Arc::clone(&node.registry);
    let worker = Rc::new(Worker::new(number, node));
    let mut sessions = JoinSet::new();
    let mut sweep = tokio::time::interval(SWEEP);
    loop {
        tokio::select! {
            arrival = inbox.receiver.recv() => match arrival {
                Some(arrival) => {
                    let (worker, load) = (Rc::clone(&worker), Arc::clone(&inbox.load));
                    sessions.spawn_local(async move {
                        serve(worker, arrival).await;
                        load.fetch_sub(1, Ordering::Relaxed);
                    });
                }
                None => break,
            },
            Some(ended) = sessions.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a session ended by a panic");
                }
            }
            _ = sweep.tick() => {
                if number == 0 {
                    worker.node.pools.close_expired();
                }
            }
        }
    }
    registry.end_all();
    if timeout(FAREWELL, async { while sessions.join_next().await.is_some() {} }).await.is_err() {
        tracing::warn!(left = sessions.len(), "sessions did not end in time and are cut off");
    }
}

async fn serve(worker: Rc<Worker>, arrival: Arrival) {
    let Arrival { socket, peer, listener, permit } = arrival;
    // The login's future is large and short-lived: it must not weigh on every idle session.
    let session = Box::pin(welcome(worker, listener, socket, peer)).await;
    if let Some(session) = session {
        let id = session.id();
        let end = session.run().await;
        let reason = &end as &dyn std::error::Error;
        match &end {
            SessionEnd::Client(ReadError::Malformed(_)) => {
                tracing::warn!(session = id, %peer, reason, "a client's connection was closed");
            }
            _ => tracing::debug!(session = id, reason, "session ended"),
        }
    }
    drop(permit);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::UnitId;
    use crate::net::tls::{ClientCertificates, TlsNeed};
    use crate::sql::{Dialect, Family};
    use crate::wire::capability::CompressionOffer;

    #[test]
    fn certificates_are_read_again_and_bad_ones_leave_the_old() {
        let folder = tempfile::tempdir().unwrap();
        let (chain, key) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
        let write = || {
            let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
            std::fs::write(&chain, made.cert.pem()).unwrap();
            std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        };
        write();
        let certificate = Certificate::Files { chain: chain.clone(), key: key.clone() };
        let config = ListenerConfig {
            unit: UnitId(0),
            address: ([127, 0, 0, 1], 0).into(),
            dialect: Dialect { family: Family::MariaDb, version: 101_119 },
            server_version: "10.11.19-MariaDB".to_owned(),
            tls: ListenerTls::On { need: TlsNeed::Preferred, certificate, clients: ClientCertificates::Unasked },
            compression: CompressionOffer::Offered,
            balancers: Vec::new(),
        };
        let listener = Listener::new(config).unwrap();
        let first = listener.acceptor().unwrap();
        write();
        listener.renew_certificates(listener.read_certificates().unwrap());
        let second = listener.acceptor().unwrap();
        assert!(!Arc::ptr_eq(first.config(), second.config()));
        std::fs::write(&key, "no key").unwrap();
        assert!(listener.read_certificates().is_err());
        assert!(Arc::ptr_eq(second.config(), listener.acceptor().unwrap().config()));
    }
}
