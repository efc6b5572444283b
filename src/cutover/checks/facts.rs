//! What a server is asked for before a move begins. It judges nothing.

use std::collections::BTreeMap;

use crate::cutover::server::{Channel, ControlAccount, Family, Server, ServerError};
use crate::model::Instance;

/// What one server says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    pub(super) family: Option<Family>,
    /// Global variables, by name.
    pub(super) variables: BTreeMap<String, String>,
    pub(super) channels: Vec<Channel>,
    pub(super) prepared: Option<usize>,
    /// Events that are enabled, as schema and name.
    pub(super) events: Vec<(String, String)>,
    /// Accounts that `read_only` does not bind, with the privilege that frees them.
    pub(super) unbound: Vec<(String, String)>,
    /// Accounts that may change rows, with the schema as it stands in the grant; `*` for all.
    pub(super) writers: Vec<(String, String)>,
    /// Where its value of `read_only` comes from; unknown where it does not say.
    pub(super) read_only_from: Option<String>,
}

/// Enabled events of all schemas.
const EVENTS: &str = "SELECT EVENT_SCHEMA, EVENT_NAME FROM information_schema.EVENTS WHERE STATUS = 'ENABLED'";

/// Who writes where `read_only` is on.
const UNBOUND: &str = "SELECT GRANTEE, PRIVILEGE_TYPE FROM information_schema.USER_PRIVILEGES \
                       WHERE PRIVILEGE_TYPE IN ('READ_ONLY ADMIN', 'READ ONLY ADMIN', 'CONNECTION_ADMIN', 'SUPER')";

/// Who may change rows, and where.
const WRITERS: &str = "SELECT DISTINCT GRANTEE, '*' FROM information_schema.USER_PRIVILEGES \
                       WHERE PRIVILEGE_TYPE IN ('INSERT', 'UPDATE', 'DELETE') UNION \
                       SELECT DISTINCT GRANTEE, TABLE_SCHEMA FROM information_schema.SCHEMA_PRIVILEGES \
                       WHERE PRIVILEGE_TYPE IN ('INSERT', 'UPDATE', 'DELETE')";

/// Where MariaDB's value of `read_only` comes from.
const MARIADB_ORIGIN: &str = "SELECT VARIABLE_NAME, GLOBAL_VALUE_ORIGIN FROM information_schema.SYSTEM_VARIABLES \
                              WHERE VARIABLE_NAME = 'READ_ONLY'";

/// Where MySQL's does.
const MYSQL_ORIGIN: &str = "SELECT VARIABLE_NAME, VARIABLE_SOURCE FROM performance_schema.variables_info \
                            WHERE VARIABLE_NAME = 'read_only'";

const MARIADB: &[&str] = &[
    "log_bin",
    "log_slave_updates",
    "read_only",
    "auto_increment_increment",
    "binlog_expire_logs_seconds",
    "event_scheduler",
    "slave_parallel_threads",
];
const MYSQL: &[&str] = &[
    "log_bin",
    "log_replica_updates",
    "read_only",
    "auto_increment_increment",
    "gtid_mode",
    "binlog_expire_logs_seconds",
    "event_scheduler",
    "replica_parallel_workers",
    "replica_preserve_commit_order",
    "skip_replica_start",
];

/// Asks `instance` for them. Errors: it does not answer, or refuses.
pub(super) async fn facts(instance: &Instance, account: &ControlAccount) -> Result<Facts, ServerError> {
    let mut server = Server::connect(instance, account).await?;
    let names = match server.family {
        Family::MariaDb => MARIADB,
        Family::MySql => MYSQL,
    };
    let variables = server.variables(names).await?;
    let channels = server.channels().await?;
    let (events, unbound) = (server.pairs(EVENTS).await?, server.pairs(UNBOUND).await?);
    let prepared = server.prepared().await?;
    let writers = server.pairs(WRITERS).await?;
    let origin = match server.family {
        Family::MariaDb => MARIADB_ORIGIN,
        Family::MySql => MYSQL_ORIGIN,
    };
    let read_only_from = match server.pairs(origin).await {
        Ok(rows) => rows.into_iter().next().map(|(_, origin)| origin),
        // It may be that this account is not told.
        Err(error) if error.code().is_some() => None,
        Err(error) => return Err(error),
    };
    let family = Some(server.family);
    Ok(Facts { family, variables, channels, prepared, events, unbound, writers, read_only_from })
}

impl Facts {
    /// A global variable, if the server knows it.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Whether a global variable is on.
    pub(super) fn is_on(&self, name: &str) -> bool {
        matches!(self.variable(name), Some("ON" | "1"))
    }
}
