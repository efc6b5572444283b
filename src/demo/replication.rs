//! Replication between the world's instances: who follows whom, and waiting until a position has been applied.
//!
//! There are no filters by domain: in a mesh they lose transactions. An instance skips what carries its own `server_id`.

use std::time::Duration;

use mysql_async::prelude::Queryable;

use super::DemoError;
use super::root_access::RootAccess;

/// The account replicas log in with.
pub const USER: &str = "repl";
/// Its password.
pub const PASSWORD: &str = "replpw";

/// The channel of a replica to the primary of its own unit.
pub const LOCAL_CHANNEL: &str = "from_primary";

/// The channel of a primary to the primary of `unit`.
pub fn channel_from(unit: &str) -> String {
    format!("from_{unit}")
}

/// The statement that makes the replication account.
pub fn account() -> String {
    format!("CREATE USER {USER}@'%' IDENTIFIED BY '{PASSWORD}'")
}

/// The grant of the replication account.
pub fn grant() -> String {
    format!("GRANT REPLICATION SLAVE ON *.* TO {USER}@'%'")
}

/// Lets `replica` follow the server at `port` through `channel`, from the replica's own position on. Errors: the server's.
pub async fn follow(replica: &RootAccess, channel: &str, port: u16) -> Result<(), DemoError> {
    let change = format!(
        "CHANGE MASTER '{channel}' TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='{USER}', \
         MASTER_PASSWORD='{PASSWORD}', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=1"
    );
    replica.run(&[change, format!("START SLAVE '{channel}'")]).await
}

/// Waits until `replica` has applied everything `source` has written or applied so far, except what comes from `replica`'s own domain when
/// it is a primary itself. Errors: not within `patience`, with what the channels say.
pub async fn wait_until_applied(
    source: &RootAccess,
    replica: &RootAccess,
    own_domain: Option<u32>,
    patience: Duration,
) -> Result<(), DemoError> {
    let position = position_of(source).await?;
    let position = own_domain.map_or(position.clone(), |domain| without_domain(&position, domain));
    if position.is_empty() {
        return Ok(());
    }
    let mut admin = replica.connect().await?;
    let wait = format!("SELECT MASTER_GTID_WAIT('{position}', {})", patience.as_secs());
    let outcome: Option<i64> =
        admin.query_first(wait).await.map_err(DemoError::sql("waiting for a position", replica.name()))?;
    if outcome == Some(0) {
        return Ok(());
    }
    Err(DemoError::NotCaughtUp {
        name: replica.name().to_owned(),
        position,
        seconds: patience.as_secs(),
        status: channels_of(&mut admin).await,
    })
}

/// The GTID position of everything `server` has in its binlog. Errors: the server's.
pub async fn position_of(server: &RootAccess) -> Result<String, DemoError> {
    Ok(server.value("SELECT @@GLOBAL.gtid_binlog_pos").await?.unwrap_or_default())
}

/// The position without the part of `domain`.
fn without_domain(position: &str, domain: u32) -> String {
    let own = format!("{domain}-");
    let parts: Vec<&str> = position.split(',').map(str::trim).filter(|part| !part.starts_with(&own)).collect();
    parts.join(",")
}

async fn channels_of(admin: &mut mysql_async::Conn) -> String {
    let rows: Vec<mysql_async::Row> = match admin.query("SHOW ALL SLAVES STATUS").await {
        Ok(rows) => rows,
        Err(error) => return error.to_string(),
    };
    let columns = [
        "Connection_name",
        "Slave_IO_Running",
        "Slave_SQL_Running",
        "Last_IO_Error",
        "Last_SQL_Error",
        "Gtid_Slave_Pos",
    ];
    let value = |row: &mysql_async::Row, column: &str| -> String {
        row.get_opt::<String, _>(column).and_then(Result::ok).unwrap_or_default()
    };
    let channel = |row: &mysql_async::Row| columns.map(|column| format!("{column}={}", value(row, column))).join(" ");
    rows.iter().map(channel).collect::<Vec<String>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_s_own_part_is_not_waited_for() {
        let cases = [("1-11-5,2-21-9", 2, "1-11-5"), ("12-11-5,2-21-9", 2, "12-11-5"), ("2-21-9", 2, ""), ("", 1, "")];
        for (position, domain, rest) in cases {
            assert_eq!(without_domain(position, domain), rest, "{position} without {domain}");
        }
    }
}
