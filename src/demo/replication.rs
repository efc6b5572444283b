//! Replication between the world's instances: who follows whom, and waiting until a position has been applied.
//!
//! There are no filters by domain: in a mesh they lose transactions. An instance skips what carries its own `server_id`.

use std::time::Duration;

use mysql_async::prelude::Queryable;

use super::DemoError;
use super::root_access::RootAccess;
use super::template::Family;

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
    if family_of(replica).await? == Family::Mysql {
        let change = format!(
            "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={port}, SOURCE_USER='{USER}', \
             SOURCE_PASSWORD='{PASSWORD}', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1, SOURCE_CONNECT_RETRY=1, \
             SOURCE_HEARTBEAT_PERIOD=1 FOR CHANNEL '{channel}'"
        );
        return replica.run(&[change, format!("START REPLICA FOR CHANNEL '{channel}'")]).await;
    }
    let change = format!(
        "CHANGE MASTER '{channel}' TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='{USER}', \
         MASTER_PASSWORD='{PASSWORD}', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=1"
    );
    replica.run(&[change, format!("START SLAVE '{channel}'")]).await
}

/// Lets a running MySQL channel leave out the tables that `ignored`, as `(channel, schema.table)`, names for it: the option at the server's
/// start counts only for channels that were there already. Errors: the server's.
pub async fn ignore_tables(replica: &RootAccess, channel: &str, ignored: &[(String, String)]) -> Result<(), DemoError> {
    let tables: Vec<&str> = ignored.iter().filter(|(of, _)| of == channel).map(|(_, table)| table.as_str()).collect();
    let statements = [
        format!("STOP REPLICA SQL_THREAD FOR CHANNEL '{channel}'"),
        format!("CHANGE REPLICATION FILTER REPLICATE_IGNORE_TABLE=({}) FOR CHANNEL '{channel}'", tables.join(",")),
        format!("START REPLICA SQL_THREAD FOR CHANNEL '{channel}'"),
    ];
    replica.run(&statements).await
}

/// Waits until `replica` has applied everything `source` has written or applied so far, except what comes from `replica`'s own domain when
/// it is a primary itself. Errors: not within `patience`, with what the channels say.
pub async fn wait_until_applied(
    source: &RootAccess,
    replica: &RootAccess,
    own_domain: Option<u32>,
    patience: Duration,
) -> Result<(), DemoError> {
    if family_of(source).await? == Family::Mysql {
        return wait_until_executed(source, replica, patience).await;
    }
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
        status: channels_of(&mut admin, "SHOW ALL SLAVES STATUS").await,
    })
}

/// As [`wait_until_applied`], by MySQL's GTID sets: what the replica wrote itself it has already.
async fn wait_until_executed(source: &RootAccess, replica: &RootAccess, patience: Duration) -> Result<(), DemoError> {
    let position = source.value("SELECT @@GLOBAL.gtid_executed").await?.unwrap_or_default().replace('\n', "");
    let wait = format!("SELECT WAIT_FOR_EXECUTED_GTID_SET('{position}', {})", patience.as_secs());
    if replica.value(&wait).await?.as_deref() == Some("0") {
        return Ok(());
    }
    let mut admin = replica.connect().await?;
    Err(DemoError::NotCaughtUp {
        name: replica.name().to_owned(),
        position,
        seconds: patience.as_secs(),
        status: channels_of(&mut admin, "SHOW REPLICA STATUS").await,
    })
}

/// The family of a running server. Errors: the server's.
async fn family_of(server: &RootAccess) -> Result<Family, DemoError> {
    let version = server.value("SELECT VERSION()").await?.unwrap_or_default();
    Ok(if version.contains("MariaDB") { Family::MariaDb } else { Family::Mysql })
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

async fn channels_of(admin: &mut mysql_async::Conn, question: &str) -> String {
    let rows: Vec<mysql_async::Row> = match admin.query(question).await {
        Ok(rows) => rows,
        Err(error) => return error.to_string(),
    };
    let columns = [
        "Connection_name",
        "Channel_Name",
        "Slave_IO_Running",
        "Slave_SQL_Running",
        "Replica_IO_Running",
        "Replica_SQL_Running",
        "Last_IO_Error",
        "Last_SQL_Error",
        "Gtid_Slave_Pos",
    ];
    let value = |row: &mysql_async::Row, column: &str| -> String {
        row.get_opt::<String, _>(column).and_then(Result::ok).unwrap_or_default()
    };
    let told = |row: &mysql_async::Row, column: &str| {
        let value = value(row, column);
        if value.is_empty() { None } else { Some(format!("{column}={value}")) }
    };
    let channel =
        |row: &mysql_async::Row| columns.iter().filter_map(|column| told(row, column)).collect::<Vec<_>>().join(" ");
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
