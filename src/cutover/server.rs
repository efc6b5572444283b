//! One database server as a move sees it: positions, waiting for them, channels and settings, on both families.
//!
//! Control-plane questions only, on connections of their own; never a client's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder, Row, SslOpts, Value};
use thiserror::Error;
use tokio::time::timeout;

use crate::model::{Instance, InstanceAddress, ReservedPorts, Role};

/// How long connecting, or any question that does not wait by itself, may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long a procedure of the nodes' accounts may take: it waits for a while until threads are gone.
const PROCEDURE: Duration = Duration::from_secs(5);

/// How long a question that reads a whole table may take.
const SCAN: Duration = Duration::from_secs(600);

/// What a wait may take longer than asked for, on the way there and back.
const GRACE: Duration = Duration::from_secs(2);

/// What an instance says whose connections are all taken.
const TOO_MANY_CONNECTIONS: u16 = 1040;

/// How connections over TCP are encrypted.
pub type ControlTls = SslOpts;

/// An account on the instances.
#[derive(Clone, PartialEq, Eq)]
pub struct ControlAccount {
    /// Its name.
    pub user: String,
    /// Its password; never printed.
    pub password: String,
    /// How its connections over TCP are encrypted; `None`: not at all.
    pub tls: Option<ControlTls>,
    /// Where it is let in when an instance has no connection left.
    pub reserved: Arc<ReservedPorts>,
}

impl std::fmt::Debug for ControlAccount {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ControlAccount").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Why a server gave no answer.
#[derive(Debug, Error)]
pub enum ServerError {
    /// It refused, or the connection broke.
    #[error("{name}: {source}")]
    Query {
        /// The instance.
        name: String,
        /// Why.
        #[source]
        source: mysql_async::Error,
    },
    /// No answer in time.
    #[error("{name} does not answer")]
    Silent {
        /// The instance.
        name: String,
    },
    /// An answer that means nothing.
    #[error("{name} does not say {what}")]
    Missing {
        /// The instance.
        name: String,
        /// What it was asked for.
        what: &'static str,
    },
}

impl ServerError {
    /// The number of the error the server answered with.
    pub fn code(&self) -> Option<u16> {
        match self {
            ServerError::Query { source: mysql_async::Error::Server(error), .. } => Some(error.code),
            ServerError::Query { .. } | ServerError::Silent { .. } | ServerError::Missing { .. } => None,
        }
    }
}

/// Whose server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// MariaDB: domains and sequence numbers.
    MariaDb,
    /// Oracle MySQL: sets of UUIDs and intervals.
    MySql,
}

/// A connection to one server.
pub struct Server {
    name: String,
    role: Role,
    conn: Conn,
    /// Whose server it is.
    pub family: Family,
    /// The domain it writes in, once it was asked for.
    domain: Option<String>,
}

/// One replication channel, by the names of the columns of SHOW … STATUS.
pub type Channel = BTreeMap<String, String>;

fn options(address: &InstanceAddress, account: &ControlAccount) -> OptsBuilder {
    let options = OptsBuilder::default()
        .user(Some(account.user.clone()))
        .pass(Some(account.password.clone()))
        .prefer_socket(Some(false))
        .stmt_cache_size(Some(0));
    match address {
        InstanceAddress::Tcp(host, port) => {
            options.ip_or_hostname(host.clone()).tcp_port(*port).ssl_opts(account.tls.clone())
        }
        InstanceAddress::Unix(path) => options.socket(Some(path.clone())).prefer_socket(Some(true)),
    }
}

impl Server {
    /// Logs in at `instance`. Errors: it does not answer, or refuses.
    pub async fn connect(instance: &Instance, account: &ControlAccount) -> Result<Server, ServerError> {
        let name = instance.name.clone();
        let options = options(&instance.address, account);
        let conn = match in_time(&name, PATIENCE, Conn::new(options.clone())).await {
            // Where a node is shut out, logins are ended that have not said yet whose they are; this one may have been late.
            Err(ServerError::Query { source: mysql_async::Error::Io(_), .. }) => {
                in_time(&name, PATIENCE, Conn::new(options)).await?
            }
            Err(full) if full.code() == Some(TOO_MANY_CONNECTIONS) => {
                let Some(reserved) = account.reserved.beside(&instance.address) else { return Err(full) };
                // An account that is not let in there either is told what everybody is.
                in_time(&name, PATIENCE, Conn::new(self::options(&reserved, account))).await.map_err(|_| full)?
            }
            told => told?,
        };
        let mut server = Server { name, role: instance.role, conn, family: Family::MySql, domain: None };
        let version = server.text("SELECT VERSION()", "its version").await?;
        if version.contains("MariaDB") {
            server.family = Family::MariaDb;
        }
        Ok(server)
    }

    /// What its own clock says now, as UTC: no statement of a session sets that.
    pub async fn clock(&mut self) -> Result<String, ServerError> {
        self.execute("SET SESSION time_zone = '+00:00'").await?;
        self.text("SELECT SYSDATE(6)", "the time").await
    }

    /// Everything it has in its binlog, as a whole position.
    pub async fn position(&mut self) -> Result<String, ServerError> {
        let position = self.text(self.position_query(), "its position").await?;
        Ok(position.split_whitespace().collect())
    }

    fn position_query(&self) -> &'static str {
        match self.family {
            Family::MariaDb => "SELECT @@GLOBAL.gtid_binlog_pos",
            Family::MySql => "SELECT @@GLOBAL.gtid_executed",
        }
    }

    /// Waits until it has applied `position`, except what it writes itself. Returns whether it has, within `at_most`.
    pub async fn wait_for(&mut self, position: &str, at_most: Duration) -> Result<bool, ServerError> {
        let seconds = at_most.as_secs_f64();
        let query = match self.family {
            Family::MariaDb => {
                // A primary's own transactions do not come back to it; a replica has its primary's from the channel.
                let foreign = match self.role {
                    Role::Primary => without_domain(position, &self.domain().await?),
                    Role::Replica => position.to_owned(),
                };
                if foreign.is_empty() {
                    return Ok(true);
                }
                format!("SELECT MASTER_GTID_WAIT('{foreign}', {seconds:.3})")
            }
            Family::MySql => format!("SELECT WAIT_FOR_EXECUTED_GTID_SET('{position}', {seconds:.3})"),
        };
        let outcome = self.text_within(&query, "whether it has the position", at_most + GRACE).await?;
        Ok(outcome == "0")
    }

    /// Asks MariaDB's primaries ahead what [`Server::wait_for`] has to know. Errors: no answer.
    pub async fn learn_domain(&mut self) -> Result<(), ServerError> {
        if self.family == Family::MariaDb && self.role == Role::Primary {
            self.domain().await?;
        }
        Ok(())
    }

    /// The domain it writes in; nobody changes that while it runs.
    async fn domain(&mut self) -> Result<String, ServerError> {
        if self.domain.is_none() {
            self.domain = Some(self.text("SELECT @@GLOBAL.gtid_domain_id", "its domain").await?);
        }
        Ok(self.domain.clone().unwrap_or_default())
    }

    /// Its replication channels.
    pub async fn channels(&mut self) -> Result<Vec<Channel>, ServerError> {
        let query = match self.family {
            Family::MariaDb => "SHOW ALL SLAVES STATUS",
            Family::MySql => "SHOW REPLICA STATUS",
        };
        let rows: Vec<Row> = in_time(&self.name, PATIENCE, self.conn.query(query)).await?;
        Ok(rows.into_iter().map(channel_of).collect())
    }

    /// A global variable; `None` if the server does not know it.
    pub async fn variable(&mut self, name: &str) -> Result<Option<String>, ServerError> {
        let query = format!("SHOW GLOBAL VARIABLES LIKE '{name}'");
        let row: Option<(String, String)> = in_time(&self.name, PATIENCE, self.conn.query_first(query)).await?;
        Ok(row.map(|(_, value)| value))
    }

    /// As [`Server::variable`], of several at once; those it knows.
    pub async fn variables(&mut self, names: &[&str]) -> Result<BTreeMap<String, String>, ServerError> {
        let listed: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
        let query = format!("SHOW GLOBAL VARIABLES WHERE Variable_name IN ({})", listed.join(", "));
        let rows: Vec<(String, String)> = in_time(&self.name, PATIENCE, self.conn.query(query)).await?;
        Ok(rows.into_iter().collect())
    }

    /// How many transactions are prepared for two-phase commit; `None` if this account may not know.
    pub async fn prepared(&mut self) -> Result<Option<usize>, ServerError> {
        match in_time(&self.name, PATIENCE, self.conn.query::<Row, _>("XA RECOVER")).await {
            Ok(rows) => Ok(Some(rows.len())),
            Err(ServerError::Query { source: mysql_async::Error::Server(_), .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// How many transactions are prepared, `None` if this account may not know; and only then everything it has in its binlog, so that what was
    /// prepared and committed in between is in one of the two. Asked in one go, because clients wait.
    pub async fn prepared_then_position(&mut self) -> Result<(Option<usize>, String), ServerError> {
        let position = self.position_query();
        let both = async {
            let mut answers = self.conn.query_iter(format!("XA RECOVER; {position}")).await?;
            let prepared: Vec<Row> = answers.collect().await?;
            let position: Vec<String> = answers.collect().await?;
            Ok((prepared.len(), position.concat()))
        };
        match in_time(&self.name, PATIENCE, both).await {
            Ok((prepared, position)) => Ok((Some(prepared), position.split_whitespace().collect())),
            Err(ServerError::Query { source: mysql_async::Error::Server(_), .. }) => Ok((None, self.position().await?)),
            Err(error) => Err(error),
        }
    }

    /// The connection's number, and how long the server has been running.
    pub async fn birth(&mut self) -> Result<(u64, Duration), ServerError> {
        let id = self.text("SELECT CONNECTION_ID()", "a connection id").await?;
        let query = "SHOW GLOBAL STATUS LIKE 'Uptime'";
        let uptime: Option<(String, u64)> = in_time(&self.name, PATIENCE, self.conn.query_first(query)).await?;
        match (id.parse(), uptime) {
            (Ok(id), Some((_, seconds))) => Ok((id, Duration::from_secs(seconds))),
            (Err(_), _) | (_, None) => Err(ServerError::Missing { name: self.name.clone(), what: "its uptime" }),
        }
    }

    /// The threads of the account it is logged in with, other than its own.
    pub async fn own_threads(&mut self) -> Result<Vec<u64>, ServerError> {
        let query = "SELECT ID FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() \
                     AND USER = SUBSTRING_INDEX(USER(), '@', 1)";
        in_time(&self.name, PATIENCE, self.conn.query(query)).await
    }

    /// Ends a thread of the account it is logged in with; one that is gone already is as good.
    pub async fn kill(&mut self, thread: u64) -> Result<(), ServerError> {
        const NO_SUCH_THREAD: u16 = 1094;
        match in_time(&self.name, PATIENCE, self.conn.query_drop(format!("KILL {thread}"))).await {
            Err(ServerError::Query { source: mysql_async::Error::Server(error), .. })
                if error.code == NO_SUCH_THREAD =>
            {
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// Calls a procedure of the nodes' accounts, which tells how many threads are left.
    pub async fn call(&mut self, procedure: &str) -> Result<u64, ServerError> {
        self.call_within(procedure, PROCEDURE).await
    }

    /// As [`Self::call`], for a procedure that may take its time.
    pub async fn call_within(&mut self, procedure: &str, at_most: Duration) -> Result<u64, ServerError> {
        let row: Option<Row> = in_time(&self.name, at_most, self.conn.query_first(format!("CALL {procedure}"))).await?;
        let missing = || ServerError::Missing { name: self.name.clone(), what: "how many threads are left" };
        row.and_then(|mut row| row.take::<u64, _>(0)).ok_or_else(missing)
    }

    /// Runs a statement of the control plane's own.
    pub async fn execute(&mut self, statement: &str) -> Result<(), ServerError> {
        in_time(&self.name, PATIENCE, self.conn.query_drop(statement)).await
    }

    /// The first two columns of each row, as text; a row with a NULL in them is left out.
    pub async fn pairs(&mut self, query: &str) -> Result<Vec<(String, String)>, ServerError> {
        let rows: Vec<Row> = in_time(&self.name, SCAN, self.conn.query(query)).await?;
        let pair = |row: Row| {
            let mut values = row.unwrap_raw().into_iter();
            let (first, second) = (values.next()??, values.next()??);
            Some((text_of(&first)?, text_of(&second)?))
        };
        Ok(rows.into_iter().filter_map(pair).collect())
    }

    /// Waits until it has applied `received`, which a channel of its own has brought, at most `at_most`. Returns whether it has.
    pub async fn wait_until_applied(&mut self, received: &str, at_most: Duration) -> Result<bool, ServerError> {
        let seconds = at_most.as_secs_f64();
        let query = match self.family {
            Family::MariaDb => format!("SELECT MASTER_GTID_WAIT('{received}', {seconds:.3})"),
            Family::MySql => format!("SELECT WAIT_FOR_EXECUTED_GTID_SET('{received}', {seconds:.3})"),
        };
        let outcome = self.text_within(&query, "whether it has applied what it received", at_most + GRACE).await?;
        Ok(outcome == "0")
    }

    /// The GTIDs of `position` that are not in `cut`; MySQL's own subtraction.
    pub async fn subtracted(&mut self, position: &str, cut: &str) -> Result<String, ServerError> {
        let lost =
            self.text(&format!("SELECT GTID_SUBTRACT('{position}', '{cut}')"), "a difference of positions").await?;
        Ok(lost.split_whitespace().collect())
    }

    /// Lets those write there again whom `read_only` does not bind.
    pub async fn open_for_administrators(&mut self) -> Result<(), ServerError> {
        match self.family {
            Family::MariaDb => Ok(()),
            Family::MySql => self.execute("SET GLOBAL super_read_only = 0").await,
        }
    }

    /// Lets it take writes.
    pub async fn open_for_writes(&mut self) -> Result<(), ServerError> {
        self.open_for_administrators().await?;
        self.execute("SET GLOBAL read_only = 0").await
    }

    /// A text in quotes.
    pub fn quoted(&self, text: &str) -> String {
        format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
    }

    async fn text(&mut self, query: &str, what: &'static str) -> Result<String, ServerError> {
        self.text_within(query, what, PATIENCE).await
    }

    async fn text_within(&mut self, query: &str, what: &'static str, at_most: Duration) -> Result<String, ServerError> {
        let row: Option<Row> = in_time(&self.name, at_most, self.conn.query_first(query)).await?;
        let missing = || ServerError::Missing { name: self.name.clone(), what };
        row.and_then(|mut row| row.take::<Value, _>(0)).and_then(|value| text_of(&value)).ok_or_else(missing)
    }
}

async fn in_time<T>(
    name: &str,
    at_most: Duration,
    query: impl Future<Output = Result<T, mysql_async::Error>>,
) -> Result<T, ServerError> {
    match timeout(at_most, query).await {
        Ok(outcome) => outcome.map_err(|source| ServerError::Query { name: name.to_owned(), source }),
        Err(_) => Err(ServerError::Silent { name: name.to_owned() }),
    }
}

fn channel_of(row: Row) -> Channel {
    let names: Vec<String> = row.columns_ref().iter().map(|column| column.name_str().into_owned()).collect();
    let values = row.unwrap_raw();
    let named = names.into_iter().zip(values);
    named.filter_map(|(name, value)| Some((name, text_of(&value?)?))).collect()
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::Int(number) => Some(number.to_string()),
        Value::UInt(number) => Some(number.to_string()),
        other => Some(other.as_sql(true)),
    }
}

/// The value of the first of these columns that the channel has.
pub fn value<'a>(channel: &'a Channel, names: &[&str]) -> &'a str {
    names.iter().find_map(|name| channel.get(*name)).map_or("", String::as_str)
}

/// A name in backquotes.
pub fn quoted_name(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A MariaDB position without the part of `domain`.
pub fn without_domain(position: &str, domain: &str) -> String {
    let own = format!("{domain}-");
    let parts: Vec<&str> = position.split(',').map(str::trim).filter(|part| !part.starts_with(&own)).collect();
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_a_server_writes_itself_is_not_waited_for() {
        for (position, domain, rest) in
            [("1-11-5,2-21-9", "2", "1-11-5"), ("12-11-5,2-21-9", "2", "12-11-5"), ("2-21-9", "2", ""), ("", "1", "")]
        {
            assert_eq!(without_domain(position, domain), rest, "{position} without {domain}");
        }
    }
}
