//! The wiring of a node: from a checked configuration to running workers, monitors and consoles, and back down.
//!
//! Only this file spawns what lives long; everything ends on the shutdown signal.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::{JoinSet, LocalSet};

pub mod drain;
pub mod handover;
pub mod home;
mod open_files;
pub mod reload;

use arc_swap::ArcSwap;

use drain::Drain;
use handover::{Handover, Inherited};
use home::{Among, Home};
use reload::Reload;

use crate::admin;
use crate::backend::{self, BackendTls, Pools, Reached};
use crate::config::Config;
use crate::control::catalog_requests::{CatalogRequest, CatalogRequests};
use crate::control::mapping_requests::{MappingRequest, MappingRequests};
use crate::control::{Controller, RowFences, StartError, StoreError};
use crate::cutover::{FenceLeases, FenceRows, Peers};
use crate::frontend::listener::{Listener, WorkerHandle, WorkerInbox, accept_clients, run_worker, worker_channel};
use crate::frontend::registry::Registry;
use crate::frontend::tally::Tally;
use crate::frontend::users::Users;
use crate::frontend::worker::Node;
use crate::model::{InstanceId, UnitId};
use crate::monitor::health::Board;
use crate::monitor::{
    ProbeAccount, ProbeTls, catalog, watch_acknowledged, watch_catalog, watch_forbids, watch_health, watch_lag,
    watch_mappings,
};
use crate::moving::Moving;
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
    /// The predecessor does not hand its sockets over.
    #[error("the node that serves with this state file does not hand over")]
    Handover(#[source] io::Error),
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

/// How often a successor looks whether its predecessor has ended.
const PREDECESSOR_PAUSE: Duration = Duration::from_millis(20);

/// A node whose ports are open.
pub struct Server {
    node: Arc<Node>,
    home: Home,
    /// Itself among the nodes that share the store.
    among: Option<Among>,
    tasks: JoinSet<()>,
    threads: Vec<JoinHandle<()>>,
    /// Kept to the end: a worker ends when nobody can send it clients any more.
    workers: Vec<WorkerHandle>,
    stop: Stop,
    /// Ends the accepting of clients, before the rest when a successor does it.
    stop_accepting: Arc<Stop>,
    /// Resolves when an operator or a successor wants the node to end.
    end_asked: Shutdown,
    reload: Arc<Reload>,
}

impl Server {
    /// Starts everything the configuration names: ports open only when all of it could be set up.
    pub async fn start(config: Config) -> Result<Server, ServeError> {
        Server::start_with(config, &mut Inherited::default()).await
    }

    /// As [`Server::start`], in place of the node that serves with the same state file: its sockets are taken over, clients wait in
    /// their queue until it has ended, and only then this node opens the control state. Without such a node it simply starts.
    pub async fn take_over(config: Config) -> Result<Server, ServeError> {
        let state_file = config.node.state_file.clone();
        let asked = tokio::task::spawn_blocking(move || handover::ask(&state_file)).await;
        let mut inherited = asked.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(ServeError::Handover)?;
        loop {
            match Server::start_with(config.clone(), &mut inherited).await {
                // However long it takes: two processes must never admit writes at once.
                Err(ServeError::Control(StartError::Store(StoreError::Held { .. } | StoreError::Occupied { .. })))
                    if !inherited.is_empty() =>
                {
                    tokio::time::sleep(PREDECESSOR_PAUSE).await;
                }
                started => return started,
            }
        }
    }

    /// As [`Server::start`], with the listening sockets of a predecessor where it had them.
    pub async fn start_with(config: Config, inherited: &mut Inherited) -> Result<Server, ServeError> {
        open_files::raise(
            config.limits.connections + config.state.instances.len() * config.backend.connections_per_instance,
        );
        let (home, controller, former) = Home::open(&config).await?;
        let controller = Arc::new(controller);
        let account = ProbeAccount {
            user: config.monitor.user.clone(),
            password: config.monitor.password.clone(),
            tls: ProbeTls::of(&config.backend),
            reserved: Arc::clone(&config.reserved),
        };
        let (catalog_requests, inbox) = CatalogRequests::channel();
        let (mapping_requests, mapping_inbox) = MappingRequests::channel();
        let node = Arc::new(build_node(&config, &controller, catalog_requests, mapping_requests)?);
        let first_unit = config.listeners.first().map_or(UnitId(0), |listener| listener.unit);
        for group in catalog::read_all(first_unit, &node.snapshots, &account).await {
            tracing::warn!(
                group,
                "serving begins without the group's catalog; its managed tables are refused until it is read"
            );
        }
        let mut listeners = Vec::new();
        for listener in &config.listeners {
            listeners.push((bind(listener.address, inherited)?, Arc::new(Listener::new(listener.clone())?)));
        }
        let mut consoles = Vec::new();
        for console in &config.consoles {
            consoles.push((bind(console.address, inherited)?, console.clone()));
        }
        for address in inherited.left() {
            tracing::warn!(%address, "the predecessor listened here; this configuration does not");
        }
        let (stop, stopped) = shutdown::channel();
        let (stop_accepting, accepting) = shutdown::channel();
        let (ask_end, end_asked) = shutdown::channel();
        let mut tasks = JoinSet::new();
        let among = home.enter(&config, &controller, &node, &mut tasks, &stopped).await?;
        let accounts = home::backend_accounts(&config);
        let rows = Arc::new(FenceRows::new(Arc::clone(&node.row_fences), home::control_account(&config)));
        tasks.spawn(Arc::clone(&rows).keep(Arc::clone(&node.snapshots), stopped.clone()));
        let units = config.listeners.iter().map(|listener| listener.unit).collect();
        let nodes = among.as_ref().map(|among| Arc::clone(&among.nodes));
        let fences = Arc::clone(&node.row_fences);
        let leases = FenceLeases::new(fences, home::control_account(&config), Arc::clone(&controller), nodes, units);
        for place in leases.places() {
            tasks.spawn(Arc::clone(&leases).keep(place, stopped.clone()));
        }
        let peers = among.as_ref().map(|among| {
            let control = home::control_account(&config);
            let rows = Arc::clone(&rows);
            Arc::new(Peers::new(Arc::clone(&among.nodes), accounts.clone(), control, config.moves, rows))
        });
        let tasks_of_moves = (&mut tasks, &stopped);
        let (moving, inbox_of_moves) =
            Moving::begin(&config, &controller, &node, former, (peers.clone(), rows), tasks_of_moves).await?;
        if let (Some(among), Some(peers)) = (&among, &peers) {
            among.take_part(&moving.mover, peers, &node, &mut tasks, &stopped);
        }
        let mut server = Server {
            reload: Arc::new(Reload::new(Arc::clone(&node), Vec::new(), config.clone())),
            node,
            home,
            among,
            tasks,
            threads: Vec::new(),
            workers: Vec::new(),
            stop,
            stop_accepting: Arc::new(stop_accepting),
            end_asked,
        };
        server.tasks.spawn(Arc::clone(&moving.mover).serve(inbox_of_moves, stopped.clone()));
        server.start_monitors(account.clone(), first_unit, inbox, mapping_inbox, &stopped);
        if let Some(at_most) = config.forbid_alarm {
            server.tasks.spawn(watch_forbids(Arc::clone(&server.node.snapshots), at_most, stopped.clone()));
        }
        server.workers = server.start_workers(config.node.workers)?;
        let drain = Arc::new(Drain::new(Arc::clone(&server.node), ask_end));
        let doors =
            listeners.iter().map(|(socket, ..)| socket.as_fd()).chain(consoles.iter().map(|(door, _)| door.as_fd()));
        server.offer_handover(&config.node.state_file, &doors.collect::<Vec<_>>(), Arc::clone(&drain), &stopped);
        let mut served = Vec::new();
        for (socket, listener) in listeners {
            tracing::info!(address = %listener.config.address, unit = listener.config.unit.0, "serving clients");
            served.push(Arc::clone(&listener));
            let (node, workers) = (Arc::clone(&server.node), server.workers.clone());
            server.tasks.spawn(accept_clients(socket, listener, workers, node, accepting.clone()));
        }
        server.reload = Arc::new(Reload::new(Arc::clone(&server.node), served, config.clone()));
        let reload = Arc::clone(&server.reload);
        let node = Arc::clone(&server.node);
        let operations = Arc::new(NodeOperations::new(node, controller, moving, &config, reload, drain, account));
        for (socket, console) in consoles {
            tracing::info!(address = %console.address, "serving operators");
            let mut stopped = stopped.clone();
            let stopping = async move { stopped.told().await };
            server.tasks.spawn(admin::serve(socket, console, operations.clone(), stopping));
        }
        Ok(server)
    }

    /// A successor that asks is given `doors`; then this node ends.
    fn offer_handover(&mut self, state_file: &Path, doors: &[BorrowedFd<'_>], drain: Arc<Drain>, stopped: &Shutdown) {
        let handover = match Handover::open(state_file, doors) {
            Ok(handover) => handover,
            Err(error) => {
                let path = handover::path_beside(state_file);
                tracing::warn!(path = %path.display(), %error, "no successor can take over the listening sockets");
                return;
            }
        };
        let stop_accepting = Arc::clone(&self.stop_accepting);
        let mut stopped = stopped.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                given = handover.give() => match given {
                    Ok(()) => {
                        tracing::info!("a successor has the listening sockets; this node ends");
                        stop_accepting.tell();
                        // Who is accepted while the node ends is turned away; here the successor serves them instead.
                        stop_accepting.heeded().await;
                        drain.begin();
                        stopped.told().await;
                    }
                    Err(error) => tracing::warn!(%error, "no successor can take over the listening sockets"),
                },
                () = stopped.told() => {}
            }
        });
    }

    /// Reads the configuration again, for SIGHUP.
    pub fn reload(&self) -> Arc<Reload> {
        Arc::clone(&self.reload)
    }

    fn start_monitors(
        &mut self,
        account: ProbeAccount,
        home: UnitId,
        inbox: mpsc::Receiver<CatalogRequest>,
        mapping_inbox: mpsc::Receiver<MappingRequest>,
        stopped: &Shutdown,
    ) {
        let snapshots = &self.node.snapshots;
        let board = Arc::new(Board::default());
        for index in 0..snapshots.load().state.instances.len() {
            let instance = InstanceId(index as u16);
            let (snapshots, board) = (Arc::clone(snapshots), Arc::clone(&board));
            let gauge = Arc::clone(self.node.pools.gauge(instance));
            let (told, watched) = (account.clone(), Arc::clone(&snapshots));
            self.tasks.spawn(watch_acknowledged(instance, watched, gauge, told, stopped.clone()));
            self.tasks.spawn(watch_health(instance, snapshots, board, account.clone(), stopped.clone()));
        }
        self.tasks.spawn(watch_lag(Arc::clone(snapshots), board, account.clone(), stopped.clone()));
        let snapshots_of_mappings = Arc::clone(snapshots);
        self.tasks.spawn(watch_mappings(snapshots_of_mappings, account.clone(), mapping_inbox, stopped.clone()));
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

    /// Serves until `stop` resolves, or an operator or a successor wants the node to end; then transactions may end, and everything
    /// is waited for.
    pub async fn run_until(self, stop: impl Future<Output = ()>) {
        self.run(stop, std::future::pending()).await;
    }

    /// Serves until SIGTERM or SIGINT, as [`Server::run_until`]; a second one ends the waiting for transactions. SIGHUP reads the
    /// configuration again. Errors: signals cannot be waited for.
    pub async fn run_until_signal(self) -> io::Result<()> {
        let mut hang_ups = signal(SignalKind::hangup())?;
        let reload = self.reload();
        let reloading = async {
            while hang_ups.recv().await.is_some() {
                match reload.run() {
                    Ok(done) => tracing::info!(%done, "SIGHUP"),
                    Err(faults) => {
                        tracing::error!(%faults, "SIGHUP: nothing has changed, the configuration has faults")
                    }
                }
            }
        };
        let mut terminate = Terminations::listen()?;
        let mut again = Terminations::listen()?;
        // Both see every signal: the second waits for the one after the first.
        let hurry = async {
            again.next().await;
            again.next().await;
        };
        tokio::select! {
            () = self.run(terminate.next(), hurry) => {}
            () = reloading => {}
        }
        Ok(())
    }

    async fn run(mut self, stop: impl Future<Output = ()>, hurry: impl Future<Output = ()>) {
        tokio::select! {
            () = stop => {}
            () = self.end_asked.told() => {}
        }
        drain::drain(&self.node, hurry).await;
        tracing::info!("shutting down");
        self.stop_accepting.tell();
        self.stop.tell();
        self.workers.clear();
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
        if let Some(among) = &self.among {
            return among.leave().await;
        }
        let Home::File(store) = &self.home else { return };
        if !self.node.gate.in_flight().is_empty() {
            tracing::warn!("writes are left whose end nobody has seen; the next process looks for them");
        } else if let Err(error) = store.sign_off().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the process could not be signed off");
        }
    }
}

fn work(runtime: &tokio::runtime::Runtime, number: usize, node: Arc<Node>, inbox: WorkerInbox) {
    LocalSet::new().block_on(runtime, run_worker(number, node, inbox));
}

fn build_node(
    config: &Config,
    controller: &Controller,
    catalog: CatalogRequests,
    mappings: MappingRequests,
) -> Result<Node, ServeError> {
    let instances = config.state.instances.iter().zip(&config.announcing);
    let reached =
        instances.map(|(instance, announce)| Reached { address: instance.address.clone(), announce: *announce });
    let tls = client_tls(&config.backend)?;
    Ok(Node {
        snapshots: Arc::clone(controller.snapshots()),
        gate: Arc::clone(controller.gate()),
        room: Arc::clone(controller.room()),
        pools: Pools::new(config.backend.clone(), reached.collect(), config.node.workers, tls),
        registry: Arc::new(Registry::new(config.node.number)),
        users: Arc::new(Users::new(config.users.0.clone())),
        limits: Arc::new(ArcSwap::from_pointee(config.limits.clone())),
        catalog,
        mappings,
        tally: Tally::default(),
        row_fences: Arc::new(RowFences::new(&config.fences)),
        branches: Default::default(),
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

fn bind(address: SocketAddr, inherited: &mut Inherited) -> Result<TcpListener, ServeError> {
    if let Some(listener) = inherited.take(address) {
        let adopted = listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener));
        return adopted.map_err(|source| ServeError::Listen { address, source });
    }
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A restart must not wait for connections of the last process to be forgotten.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|source| ServeError::Listen { address, source })
}

/// SIGINT and SIGTERM.
struct Terminations {
    interrupt: Signal,
    terminate: Signal,
}

impl Terminations {
    fn listen() -> io::Result<Terminations> {
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(Terminations { interrupt, terminate })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
