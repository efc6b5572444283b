//! Probes of every instance, with hysteresis: one lost probe says nothing, two in a row do.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};

use super::probe::{ProbeAccount, ProbeError, connect, in_time};
use super::rounds::Rounds;
use crate::control::Snapshots;
use crate::model::{Health, Instance, InstanceId, Link, Observations, Role};
use crate::shutdown::Shutdown;

/// How often each instance is probed.
const INTERVAL: Duration = Duration::from_millis(500);

/// How many probes in a row must say the same before the published health changes.
const AGREEING_PROBES: u32 = 2;

/// Where all probes post what they found, so that one does not overwrite another's finding.
#[derive(Debug, Default)]
pub struct Board(Mutex<Observations>);

impl Board {
    /// Publishes the lag of all links.
    pub fn post_lag(&self, lag: Vec<Link>, snapshots: &Snapshots) {
        let mut observations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if observations.lag != lag {
            observations.lag = lag;
            snapshots.publish_observations(&Arc::new(observations.clone()));
        }
    }

    fn post(&self, instance: InstanceId, health: Health, snapshots: &Snapshots) {
        let mut observations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if observations.health.len() <= instance.index() {
            observations.health.resize(instance.index() + 1, Health::Unknown);
        }
        observations.health[instance.index()] = health;
        // Published under the lock: two posts must not overtake each other.
        snapshots.publish_observations(&Arc::new(observations.clone()));
    }
}

/// Probes one instance until shutdown and publishes what it finds.
pub async fn watch_health(
    instance: InstanceId,
    snapshots: Arc<Snapshots>,
    board: Arc<Board>,
    account: ProbeAccount,
    shutdown: Shutdown,
) {
    let description = snapshots.load().state.instance(instance).clone();
    let mut connection = None;
    let mut judgement = Judgement::default();
    let mut rounds = Rounds::every(INTERVAL, shutdown);
    while rounds.next().await {
        let found = match probe(&description, &account, &mut connection).await {
            Ok(found) => found,
            // A primary that answers with an error answers. (A replica that does not say how it replicates is not trusted.)
            Err(ProbeError::Query(mysql_async::Error::Server(error))) if description.role == Role::Primary => {
                connection = None;
                tracing::debug!(instance = description.name, %error, "the probe was refused");
                Health::Healthy
            }
            Err(error) => {
                connection = None;
                tracing::debug!(instance = description.name, error = &error as &dyn std::error::Error, "probe");
                Health::Unhealthy
            }
        };
        if let Some(health) = judgement.after(found) {
            tracing::info!(instance = description.name, ?health, "instance health changed");
            board.post(instance, health, &snapshots);
        }
    }
}

async fn probe(
    instance: &Instance,
    account: &ProbeAccount,
    connection: &mut Option<Conn>,
) -> Result<Health, ProbeError> {
    let open = match connection {
        Some(open) => open,
        None => connection.insert(connect(&instance.address, account).await?),
    };
    match instance.role {
        Role::Primary => in_time(open.query_drop("DO 1")).await.map(|()| Health::Healthy),
        Role::Replica => {
            let statement = if is_mariadb(open) { "SHOW ALL SLAVES STATUS" } else { "SHOW REPLICA STATUS" };
            let channels: Vec<Row> = in_time(open.query(statement)).await?;
            let running = !channels.is_empty() && channels.iter().all(replicates);
            Ok(if running { Health::Healthy } else { Health::Unhealthy })
        }
    }
}

/// MariaDB's greeting carries its name; `mysql_async` keeps only the numbers, which start at 10 for MariaDB alone.
pub(super) fn is_mariadb(connection: &Conn) -> bool {
    connection.server_version().0 >= 10
}

/// Whether both threads of a channel run.
pub(super) fn replicates(channel: &Row) -> bool {
    let runs = |names: [&str; 2]| {
        names.into_iter().find_map(|name| channel.get_opt::<String, _>(name).and_then(Result::ok)).as_deref()
            == Some("Yes")
    };
    runs(["Slave_IO_Running", "Replica_IO_Running"]) && runs(["Slave_SQL_Running", "Replica_SQL_Running"])
}

/// The published health and the probes that disagree with it.
#[derive(Debug, Default)]
struct Judgement {
    published: Health,
    disagreeing: u32,
}

impl Judgement {
    /// The new health to publish, if this probe changes it. The first probe counts at once.
    fn after(&mut self, found: Health) -> Option<Health> {
        if found == self.published {
            self.disagreeing = 0;
            return None;
        }
        self.disagreeing += 1;
        if self.published != Health::Unknown && self.disagreeing < AGREEING_PROBES {
            return None;
        }
        self.disagreeing = 0;
        self.published = found;
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_lost_probe_does_not_change_the_health_two_do() {
        let mut judgement = Judgement::default();
        assert_eq!(judgement.after(Health::Healthy), Some(Health::Healthy));
        assert_eq!(judgement.after(Health::Unhealthy), None);
        assert_eq!(judgement.after(Health::Healthy), None);
        assert_eq!(judgement.after(Health::Unhealthy), None);
        assert_eq!(judgement.after(Health::Unhealthy), Some(Health::Unhealthy));
    }
}
