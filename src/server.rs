//! The wiring of a node: from a checked configuration to running workers, monitors and consoles, and back down.
//!
//! Only this file spawns what lives long; everything ends on the shutdown signal.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::mpsc;
use tokio::task::{JoinSet, LocalSet};

use crate::admin;
use crate::backend::{self, BackendTls, Pools};
use crate::config::Config;
use crate::control::catalog_requests::{CatalogRequest, CatalogRequests};
use crate::control::{Controller, FileStore, StartError};
use crate::frontend::listener::{Listener, WorkerHandle, WorkerInbox, accept_clients, run_worker, worker_channel};
use crate::frontend::registry::Registry;
use crate::frontend::users::Users;
use crate::frontend::worker::Node;
use crate::model::{InstanceId, UnitId};
use crate::monitor::health::Board;
use crate::monitor::{ProbeAccount, catalog, watch_catalog, watch_health};
use crate::net::rsa_key::{RsaError, RsaKey};
use crate::net::tls::{ClientTls, ServerProof, TlsError, TlsNeed};
use crate::operations::NodeOperations;
use crate::shutdown::{self, Shutdown, Stop};

/// Why a node could not begin to serve, or why it stopped.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The control state cannot be used.
    #[error(transparent)]
    Control(#[from] StartError),
    /// A port cannot be opened.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Certificates.
    #[error("TLS cannot be set up")]
    Tls(#[from] TlsError),
    /// The key for password exchange without TLS.
    #[error("the RSA key could not be made")]
    Rsa(#[from] RsaError),
    /// A worker's thread or runtime.
    #[error("a worker thread could not be started")]
    Worker(#[source] io::Error),
}

/// A node whose ports are open.
pub struct Server {
    node: Arc<Node>,
    tasks: JoinSet<()>,
    threads: Vec<JoinHandle<()>>,
    stop: Stop,
}

impl Server {
    /// Starts everything the configuration names: ports open only when all of it could be set up.
    pub async fn start(config: Config) -> Result<Server, ServeError> {
        let store = Arc::new(FileStore::open(&config.node.state_file).map_err(StartError::from)?);
        let controller = Arc::new(Controller::start(store, config.state.clone(), config.hold).await?);
        let account = ProbeAccount { user: config.monitor.user.clone(), password: config.monitor.password.clone() };
        let (catalog_requests, inbox) = CatalogRequests::channel();
        let node = Arc::new(build_node(&config, &controller, catalog_requests)?);
        let home = config.listeners.first().map_or(UnitId(0), |listener| listener.unit);
        for group in catalog::read_all(home, &node.snapshots, &account).await {
            tracing::warn!(
                group,
                "serving begins without the group's catalog; its managed tables are refused until it is read"
            );
        }
        let mut listeners = Vec::new();
        for listener in &config.listeners {
            listeners.push((bind(listener.address)?, Arc::new(Listener::new(listener.clone())?)));
        }
        let mut consoles = Vec::new();
        for console in &config.consoles {
            consoles.push((bind(console.address)?, console.clone()));
        }
        let (stop, stopped) = shutdown::channel();
        let mut server = Server { node, tasks: JoinSet::new(), threads: Vec::new(), stop };
        server.start_monitors(account, home, inbox, &stopped);
        let workers = server.start_workers(config.node.workers)?;
        for (socket, listener) in listeners {
            tracing::info!(address = %listener.config.address, unit = listener.config.unit.0, "serving clients");
            let node = Arc::clone(&server.node);
            server.tasks.spawn(accept_clients(socket, listener, workers.clone(), node, stopped.clone()));
        }
        let operations = Arc::new(NodeOperations::new(Arc::clone(&server.node), controller, &config));
        for (socket, console) in consoles {
            tracing::info!(address = %console.address, "serving operators");
            let mut stopped = stopped.clone();
            let stopping = async move { stopped.told().await };
            server.tasks.spawn(admin::serve(socket, console, operations.clone(), stopping));
        }
        Ok(server)
    }

    fn start_monitors(
        &mut self,
        account: ProbeAccount,
        home: UnitId,
        inbox: mpsc::Receiver<CatalogRequest>,
        stopped: &Shutdown,
    ) {
        let snapshots = &self.node.snapshots;
        let board = Arc::new(Board::default());
        for index in 0..snapshots.load().state.instances.len() {
            let instance = InstanceId(index as u16);
            let (snapshots, board) = (Arc::clone(snapshots), Arc::clone(&board));
            self.tasks.spawn(watch_health(instance, snapshots, board, account.clone(), stopped.clone()));
        }
        self.tasks.spawn(watch_catalog(home, Arc::clone(snapshots), account, inbox, stopped.clone()));
    }

    fn start_workers(&mut self, workers: usize) -> Result<Vec<WorkerHandle>, ServeError> {
        let mut handles = Vec::new();
        for number in 0..workers {
            let (handle, inbox) = worker_channel();
            let node = Arc::clone(&self.node);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(ServeError::Worker)?;
            let thread = std::thread::Builder::new().name(format!("worker-{number}"));
            let thread = thread.spawn(move || work(&runtime, number, node, inbox)).map_err(ServeError::Worker)?;
            self.threads.push(thread);
            handles.push(handle);
        }
        Ok(handles)
    }

    /// Serves until `stop` resolves; then sessions are told to end, and everything is waited for.
    pub async fn run_until(mut self, stop: impl Future<Output = ()>) {
        stop.await;
        tracing::info!("shutting down");
        self.stop.tell();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a task ended by a panic");
            }
        }
        self.node.registry.end_all();
        let threads = std::mem::take(&mut self.threads);
        let joined = tokio::task::spawn_blocking(move || threads.into_iter().all(|thread| thread.join().is_ok())).await;
        if !matches!(joined, Ok(true)) {
            tracing::error!("a worker ended by a panic");
        }
    }
}

fn work(runtime: &tokio::runtime::Runtime, number: usize, node: Arc<Node>, inbox: WorkerInbox) {
    LocalSet::new().block_on(runtime, run_worker(number, node, inbox));
}

fn build_node(config: &Config, controller: &Controller, catalog: CatalogRequests) -> Result<Node, ServeError> {
    let addresses = config.state.instances.iter().map(|instance| instance.address.clone()).collect();
    let tls = client_tls(&config.backend)?;
    Ok(Node {
        snapshots: Arc::clone(controller.snapshots()),
        gate: Arc::clone(controller.gate()),
        room: Arc::clone(controller.room()),
        pools: Pools::new(config.backend.clone(), addresses, config.node.workers, tls),
        registry: Arc::new(Registry::new(config.node.number)),
        users: Arc::new(Users::new(config.users.0.clone())),
        limits: config.limits.clone(),
        catalog,
        rsa: RsaKey::generate()?,
    })
}

fn client_tls(config: &backend::Config) -> Result<Option<ClientTls>, TlsError> {
    let authority = config.tls_authority.as_deref();
    let (need, proof) = match (config.tls, authority) {
        (BackendTls::Disabled, _) => return Ok(None),
        (BackendTls::Preferred, _) => (TlsNeed::Preferred, ServerProof::None),
        // The configuration is refused without an authority.
        (BackendTls::Required, _) | (BackendTls::VerifyCa | BackendTls::VerifyIdentity, None) => {
            (TlsNeed::Required, ServerProof::None)
        }
        (BackendTls::VerifyCa, Some(file)) => (TlsNeed::Required, ServerProof::Authority(file)),
        (BackendTls::VerifyIdentity, Some(file)) => (TlsNeed::Required, ServerProof::Identity(file)),
    };
    let identity = config.tls_identity.as_ref().map(|(chain, key)| (chain.as_path(), key.as_path()));
    ClientTls::new(need, proof, identity).map(Some)
}

/// Clients that the kernel keeps for the acceptor; with fewer, a rush of them waits for retransmissions of a second.
const BACKLOG: u32 = 4096;

fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A restart must not wait for connections of the last process to be forgotten.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|source| ServeError::Listen { address, source })
}

/// Resolves on SIGINT or SIGTERM.
pub async fn stop_signal() -> io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}
