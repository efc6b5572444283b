//! Keeps [`Acknowledged`] up with an instance's position, so that after its loss little of what was acknowledged counts as possibly lost.

use std::sync::Arc;
use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use super::health::is_mariadb;
use super::probe::{ProbeAccount, ProbeError, connect, in_time};
use super::rounds::Rounds;
use crate::backend::gauge::InstanceGauge;
use crate::control::Snapshots;
use crate::model::{Instance, InstanceId, Position, Role};
use crate::shutdown::Shutdown;

/// How often a primary is asked that was written to: the writes of so long count as possibly lost with it, though they are not.
const INTERVAL: Duration = Duration::from_millis(100);

/// Asks until shutdown. A primary to which nobody writes through this node is asked once.
pub async fn watch_acknowledged(
    instance: InstanceId,
    snapshots: Arc<Snapshots>,
    gauge: Arc<InstanceGauge>,
    account: ProbeAccount,
    shutdown: Shutdown,
) {
    let mut connection = None;
    let mut rounds = Rounds::every(INTERVAL, shutdown);
    while rounds.next().await {
        let state = Arc::clone(&snapshots.load().state);
        let asked = state.instance(instance);
        if asked.role != Role::Primary || !gauge.acknowledged.is_behind() {
            continue;
        }
        let holds = gauge.acknowledged.count();
        match ask(asked, &account, connection.take()).await {
            Ok((open, position)) => {
                gauge.acknowledged.remember(holds, position);
                connection = Some(open);
            }
            // Whoever watches its health tells of it.
            Err(error) => {
                tracing::debug!(instance = asked.name, error = &error as &dyn std::error::Error, "no position")
            }
        }
    }
}

/// The position of the server's own writes.
async fn ask(
    instance: &Instance,
    account: &ProbeAccount,
    connection: Option<Conn>,
) -> Result<(Conn, Position), ProbeError> {
    let mut connection = match connection {
        Some(open) => open,
        None => connect(&instance.address, account).await?,
    };
    let position = if is_mariadb(&connection) {
        let query = "SELECT @@GLOBAL.gtid_binlog_pos, @@GLOBAL.gtid_domain_id";
        let (written, domain): (String, u64) = in_time(connection.query_first(query)).await?.unwrap_or_default();
        Position::of_mariadb(&[&written]).only_domain(domain)
    } else {
        let query = "SELECT @@GLOBAL.gtid_executed, @@GLOBAL.server_uuid";
        let (executed, own): (String, String) = in_time(connection.query_first(query)).await?.unwrap_or_default();
        Position::of_mysql(&executed).only_source(&own)
    };
    Ok((connection, position))
}
