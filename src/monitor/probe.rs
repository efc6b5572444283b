//! The monitor's own connections: control-plane queries, never a client's.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mysql_async::{ClientIdentity, Conn, OptsBuilder, SslOpts};
use thiserror::Error;
use tokio::time::timeout;

use crate::backend::{self, BackendTls};
use crate::model::{InstanceAddress, ReservedPorts};

/// How long a probe may take before the instance counts as not answering.
pub const PROBE_DEADLINE: Duration = Duration::from_secs(2);

/// The account of the monitor.
#[derive(Clone, PartialEq, Eq)]
pub struct ProbeAccount {
    /// Its user.
    pub user: String,
    /// Its password.
    pub password: String,
    /// How its connections over TCP are encrypted; `None`: not at all.
    pub tls: Option<ProbeTls>,
    /// Where it is let in when an instance has no connection left.
    pub reserved: Arc<ReservedPorts>,
}

/// How the monitor's connections are encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeTls {
    proof: BackendTls,
    authority: Option<PathBuf>,
    identity: Option<(PathBuf, PathBuf)>,
}

impl ProbeTls {
    /// As clients' connections are. `preferred` is taken for `disabled`: the driver cannot do without once it was asked for.
    pub fn of(config: &backend::Config) -> Option<ProbeTls> {
        match config.tls {
            BackendTls::Disabled | BackendTls::Preferred => None,
            proof @ (BackendTls::Required | BackendTls::VerifyCa | BackendTls::VerifyIdentity) => {
                Some(ProbeTls { proof, authority: config.tls_authority.clone(), identity: config.tls_identity.clone() })
            }
        }
    }

    /// As the driver takes them.
    pub fn options(&self) -> SslOpts {
        let identity =
            self.identity.as_ref().map(|(chain, key)| ClientIdentity::new(chain.clone().into(), key.clone().into()));
        let options = SslOpts::default().with_client_identity(identity);
        // The driver wants some authority even where it verifies nothing: its own list, if none is named.
        let options = match &self.authority {
            Some(file) => options.with_root_certs(vec![file.clone().into()]).with_disable_built_in_roots(true),
            None => options,
        };
        match self.proof {
            BackendTls::VerifyIdentity => options,
            // The driver cannot verify an authority without the name.
            _ => options.with_danger_accept_invalid_certs(true),
        }
    }
}

impl std::fmt::Debug for ProbeAccount {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ProbeAccount").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Why a probe learned nothing.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// The server refused, or the connection broke.
    #[error("the probe's query came to nothing")]
    Query(#[from] mysql_async::Error),
    /// No answer in time.
    #[error("no answer within {PROBE_DEADLINE:?}")]
    Deadline,
}

/// What an instance says whose connections are all taken.
const TOO_MANY_CONNECTIONS: u16 = 1040;

/// Logs in at `address`; where no connection is left there, at the port that is reserved beside it.
pub async fn connect(address: &InstanceAddress, account: &ProbeAccount) -> Result<Conn, ProbeError> {
    match log_in(address, account).await {
        Err(ProbeError::Query(mysql_async::Error::Server(error))) if error.code == TOO_MANY_CONNECTIONS => {
            let full = ProbeError::Query(mysql_async::Error::Server(error));
            let Some(reserved) = account.reserved.beside(address) else { return Err(full) };
            // An account that is not let in there either is told what everybody is.
            log_in(&reserved, account).await.map_err(|_| full)
        }
        outcome => outcome,
    }
}

async fn log_in(address: &InstanceAddress, account: &ProbeAccount) -> Result<Conn, ProbeError> {
    let options = OptsBuilder::default()
        .user(Some(account.user.clone()))
        .pass(Some(account.password.clone()))
        .prefer_socket(Some(false))
        .stmt_cache_size(Some(0));
    let options = match address {
        InstanceAddress::Tcp(host, port) => {
            options.ip_or_hostname(host.clone()).tcp_port(*port).ssl_opts(account.tls.as_ref().map(ProbeTls::options))
        }
        InstanceAddress::Unix(path) => options.socket(Some(path.clone())).prefer_socket(Some(true)),
    };
    in_time(Conn::new(options)).await
}

/// Waits for a query of the monitor's, at most the probe deadline.
pub async fn in_time<T>(query: impl Future<Output = Result<T, mysql_async::Error>>) -> Result<T, ProbeError> {
    match timeout(PROBE_DEADLINE, query).await {
        Ok(result) => result.map_err(ProbeError::Query),
        Err(_) => Err(ProbeError::Deadline),
    }
}
