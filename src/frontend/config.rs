//! What the operators set about clients: listeners, limits, users.

use std::net::SocketAddr;
use std::time::Duration;

use crate::model::UnitId;
use crate::net::balancer::Network;
use crate::net::tls::{Certificate, ClientCertificates, TlsNeed};
use crate::route::Grants;
use crate::sql::{Dialect, ReadLevel};
use crate::wire::capability::CompressionOffer;

/// Where clients of one unit connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerConfig {
    /// The unit whose node this is.
    pub unit: UnitId,
    /// The address to listen on.
    pub address: SocketAddr,
    /// The family and version floor the greeting speaks for.
    pub dialect: Dialect,
    /// The version string of the greeting, for example `10.11.19-MariaDB`.
    pub server_version: String,
    /// Encryption.
    pub tls: ListenerTls,
    /// Whether clients may have their connection compressed.
    pub compression: CompressionOffer,
    /// The load balancers that say by the PROXY protocol whose connection they pass on. They must; nobody else may.
    pub balancers: Vec<Network>,
}

/// Encryption of a listener's connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenerTls {
    /// None is offered.
    Off,
    /// It is offered.
    On {
        /// Whether clients may do without.
        need: TlsNeed,
        /// The listener's certificate.
        certificate: Certificate,
        /// The clients'.
        clients: ClientCertificates,
    },
}

/// Bounds on what clients may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Client connections of the whole process.
    pub connections: usize,
    /// How long a client may take from connecting to the end of its login.
    pub login_deadline: Duration,
    /// How long a logged-in client may say nothing; `None` for ever (wait_timeout of the server decides).
    pub idle_deadline: Option<Duration>,
    /// The largest packet a client may send, in bytes, whole (all parts together).
    pub max_packet: usize,
    /// Memory for plans, per worker, in bytes.
    pub plan_cache: usize,
    /// Prepared statements of one client connection.
    pub prepared_per_session: usize,
    /// How long a node that ends lets transactions and pinned sessions go on.
    pub drain_deadline: Duration,
    /// How long a statement may run at a server; `None` for as long as it takes.
    pub statement_deadline: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 10_000,
            login_deadline: Duration::from_secs(10),
            idle_deadline: None,
            max_packet: 64 << 20,
            plan_cache: 8 << 20,
            prepared_per_session: 16_382,
            drain_deadline: Duration::from_secs(30),
            statement_deadline: None,
        }
    }
}

/// How a user proves who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthPlugin {
    /// caching_sha2_password.
    #[default]
    CachingSha2,
    /// mysql_native_password.
    Native,
    /// mysql_clear_password, over TLS only.
    Cleartext,
}

/// One user of the applications.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The name it logs in with.
    pub name: String,
    /// Its password; never printed.
    pub password: String,
    /// How it proves it.
    pub plugin: AuthPlugin,
    /// The account on the instances; never printed with its password.
    pub backend_user: String,
    /// That account's password.
    pub backend_password: String,
    /// What it may do beyond plain statements.
    pub grants: Grants,
    /// How many connections it may hold; `None` for the process limit alone.
    pub connections: Option<usize>,
    /// The unit whose client it is, wherever it connects; `None` for the listener's.
    pub unit: Option<String>,
    /// How fresh its reads must be where no hint says.
    pub level: ReadLevel,
    /// How long a statement of its may run; `None` for the node's limit.
    pub statement_deadline: Option<Duration>,
}

impl std::fmt::Debug for User {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("User").field("name", &self.name).field("plugin", &self.plugin).finish_non_exhaustive()
    }
}
