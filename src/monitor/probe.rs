//! The monitor's own connections: control-plane queries, never a client's.

use std::time::Duration;

use mysql_async::{Conn, OptsBuilder};
use thiserror::Error;
use tokio::time::timeout;

use crate::model::InstanceAddress;

/// How long a probe may take before the instance counts as not answering.
pub const PROBE_DEADLINE: Duration = Duration::from_secs(2);

/// The account of the monitor.
#[derive(Clone, PartialEq, Eq)]
pub struct ProbeAccount {
    /// Its user.
    pub user: String,
    /// Its password.
    pub password: String,
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

/// Logs in at `address`.
pub async fn connect(address: &InstanceAddress, account: &ProbeAccount) -> Result<Conn, ProbeError> {
    let options = OptsBuilder::default()
        .user(Some(account.user.clone()))
        .pass(Some(account.password.clone()))
        .prefer_socket(Some(false))
        .stmt_cache_size(Some(0));
    let options = match address {
        InstanceAddress::Tcp(host, port) => options.ip_or_hostname(host.clone()).tcp_port(*port),
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
