//! The lag of every link, from positions: how many transactions are missing, and since when the oldest of them was written.
//!
//! Never from what a server says of its own seconds: that is 0 when its source is frozen, and nothing when its channel stands. An idle source
//! writes nothing that could be late; whether its channel would bring it is asked as well.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::health::{Board, is_mariadb, replicates};
use super::lag_judge::LagJudge;
use super::probe::{ProbeAccount, ProbeError, connect, in_time};
use super::rounds::Rounds;
use crate::control::Snapshots;
use crate::model::{ControlState, Instance, InstanceId, Lag, LagStanding, Link, Position, Role};
use crate::shutdown::Shutdown;

/// How often every server is asked.
const INTERVAL: Duration = Duration::from_millis(500);

/// How long a server may take to answer one round: a frozen one must not keep the others' lag from being known.
const ROUND: Duration = Duration::from_secs(1);

/// How many positions of a source are remembered: two minutes of them.
const REMEMBERED: usize = 240;

/// What one server said.
#[derive(Clone, Debug)]
struct Sample {
    at: Instant,
    /// Everything it has written or applied and written down.
    written: Position,
    /// Everything it has.
    has: Position,
    /// The domain of its own writes, on MariaDB.
    domain: Option<u64>,
    /// Whether it has channels, and all of them run.
    replicates: bool,
}

/// Measures until shutdown, and publishes.
pub async fn watch_lag(snapshots: Arc<Snapshots>, board: Arc<Board>, account: ProbeAccount, shutdown: Shutdown) {
    let state = Arc::clone(&snapshots.load().state);
    let mut connections: Vec<Option<Conn>> = state.instances.iter().map(|_| None).collect();
    let mut histories: Vec<VecDeque<(Instant, Position)>> = vec![VecDeque::new(); state.instances.len()];
    let mut judges = Judges::default();
    let mut rounds = Rounds::every(INTERVAL, shutdown);
    while rounds.next().await {
        let state = Arc::clone(&snapshots.load().state);
        let mut asked = JoinSet::new();
        for (index, instance) in state.instances.iter().enumerate().take(connections.len()) {
            // What is alone in its group is behind nobody: its server is left in peace.
            if !state.instances.iter().any(|other| is_linked(instance, other) || is_linked(other, instance)) {
                continue;
            }
            let (instance, account, connection) = (instance.clone(), account.clone(), connections[index].take());
            asked.spawn(async move { (index, timeout(ROUND, ask(&instance, &account, connection)).await) });
        }
        let mut samples: Vec<Option<Sample>> = vec![None; connections.len()];
        while let Some(answered) = asked.join_next().await {
            let Ok((index, Ok(Ok((connection, sample))))) = answered else { continue };
            remember(&mut histories[index], sample.at, &sample.written);
            (connections[index], samples[index]) = (Some(connection), Some(sample));
        }
        let mut measured = links(&state, &samples, &histories);
        judges.judge(&state, &mut measured);
        board.post_lag(measured, &snapshots);
    }
}

/// What the groups' bounds make of each link, source before follower.
#[derive(Default)]
struct Judges(HashMap<(InstanceId, InstanceId), (LagJudge, LagStanding)>);

impl Judges {
    fn judge(&mut self, state: &ControlState, links: &mut [Link]) {
        let now = Instant::now();
        for link in links {
            let (source, follower) = (state.instance(link.source), state.instance(link.follower));
            let bound = state.group(source.group).policy.lag_bound.as_ref();
            let asked = bound.filter(|bound| follower.role == Role::Primary && bound.asks(source.unit, follower.unit));
            let Some(bound) = asked else {
                self.0.remove(&(link.source, link.follower));
                continue;
            };
            let known = self.0.entry((link.source, link.follower));
            let (judge, standing) = known.or_insert_with(|| (LagJudge::default(), LagStanding::Unbound));
            let before = std::mem::replace(standing, judge.after(now, link.lag, bound));
            link.standing = *standing;
            if before != *standing {
                let (source, follower) = (&source.name, &follower.name);
                match *standing {
                    LagStanding::Beyond => {
                        tracing::warn!(source, follower, lag = ?link.lag, "beyond the group's bound of lag: writes wait for it");
                    }
                    LagStanding::Within | LagStanding::Unbound => {
                        tracing::info!(source, follower, "within the group's bound of lag");
                    }
                }
            }
        }
    }
}

async fn ask(
    instance: &Instance,
    account: &ProbeAccount,
    connection: Option<Conn>,
) -> Result<(Conn, Sample), ProbeError> {
    let mut connection = match connection {
        Some(open) => open,
        None => connect(&instance.address, account).await?,
    };
    // Before the question: what is written after this moment may be in the answer, what was written before it is.
    let at = Instant::now();
    let is_mariadb = is_mariadb(&connection);
    let (written, has, domain) = if is_mariadb {
        let query = "SELECT @@GLOBAL.gtid_binlog_pos, @@GLOBAL.gtid_slave_pos, @@GLOBAL.gtid_domain_id";
        let row: Option<(String, String, u64)> = in_time(connection.query_first(query)).await?;
        let (written, applied, domain) = row.unwrap_or_default();
        (Position::of_mariadb(&[&written]), Position::of_mariadb(&[&written, &applied]), Some(domain))
    } else {
        let executed: Option<String> = in_time(connection.query_first("SELECT @@GLOBAL.gtid_executed")).await?;
        let position = Position::of_mysql(&executed.unwrap_or_default());
        (position.clone(), position, None)
    };
    let statement = if is_mariadb { "SHOW ALL SLAVES STATUS" } else { "SHOW REPLICA STATUS" };
    let channels: Vec<Row> = in_time(connection.query(statement)).await?;
    let replicates = !channels.is_empty() && channels.iter().all(replicates);
    Ok((connection, Sample { at, written, has, domain, replicates }))
}

/// A position that has not changed is remembered from its last moment on: nothing written before that is missing in it.
fn remember(history: &mut VecDeque<(Instant, Position)>, at: Instant, position: &Position) {
    match history.back_mut() {
        Some((since, last)) if last == position => *since = at,
        Some(_) | None => {
            history.push_back((at, position.clone()));
            if history.len() > REMEMBERED {
                history.pop_front();
            }
        }
    }
}

/// Whether a primary's stream is looked for at this instance: at the other units' primaries, and at its own replicas. Another unit's replica has
/// it through its own primary.
fn is_linked(source: &Instance, follower: &Instance) -> bool {
    source.role == Role::Primary
        && source.group == follower.group
        && source.name != follower.name
        && (follower.role == Role::Primary || follower.unit == source.unit)
}

fn links(state: &ControlState, samples: &[Option<Sample>], histories: &[VecDeque<(Instant, Position)>]) -> Vec<Link> {
    let mut found = Vec::new();
    let instances = || (0u16..).map(InstanceId).zip(&state.instances).take(samples.len());
    for (source, from) in instances() {
        for (follower, to) in instances().filter(|(_, to)| is_linked(from, to)) {
            let (history, here) = (&histories[source.index()], samples[follower.index()].as_ref());
            let lag = lag_of(samples[source.index()].as_ref(), history, here, to.role);
            found.push(Link { source, follower, lag, standing: LagStanding::Unbound });
        }
    }
    found
}

fn lag_of(
    source: Option<&Sample>,
    history: &VecDeque<(Instant, Position)>,
    follower: Option<&Sample>,
    role: Role,
) -> Lag {
    let (Some(source), Some(follower)) = (source, follower) else { return Lag::Unknown };
    // A primary does not get back what it wrote itself.
    let own = follower.domain.filter(|_| role == Role::Primary);
    let missing_of = |position: &Position| {
        let wanted = match own {
            Some(own) => position.clone().without_domain(own),
            None => position.clone(),
        };
        wanted.missing_from(&follower.has)
    };
    let Some(missing) = missing_of(&source.written) else { return Lag::Unknown };
    if !follower.replicates {
        return Lag::Standing { missing };
    }
    if missing == 0 {
        return Lag::Behind { missing, time: Duration::ZERO, is_at_least: false };
    }
    let covered = history.iter().rev().find(|(_, position)| missing_of(position) == Some(0));
    let since = covered.or_else(|| history.front()).map(|(at, _)| *at);
    let time = since.map_or(Duration::ZERO, |since| follower.at.saturating_duration_since(since));
    Lag::Behind { missing, time, is_at_least: covered.is_none() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: Instant, written: &str, has: &str, replicates: bool) -> Sample {
        let (written, has) = (Position::of_mariadb(&[written]), Position::of_mariadb(&[has]));
        Sample { at, written, has, domain: Some(2), replicates }
    }

    #[test]
    fn lag_is_the_age_of_the_oldest_missing_write_and_never_zero_while_a_channel_stands() {
        let began = Instant::now();
        let second = |number: u32| began + number * Duration::from_secs(1);
        let mut history = VecDeque::new();
        for (at, position) in [(0, "1-11-5"), (1, "1-11-5"), (2, "1-11-8"), (3, "1-11-9")] {
            remember(&mut history, second(at), &Position::of_mariadb(&[position]));
        }
        assert_eq!(history.len(), 3, "an idle source is remembered once");
        let lag = |has: &str, replicates| {
            let (source, here) = (sample(second(3), "1-11-9,2-21-7", "", true), sample(second(4), "", has, replicates));
            lag_of(Some(&source), &history, Some(&here), Role::Primary)
        };
        let behind =
            |missing, seconds, is_at_least| Lag::Behind { missing, time: Duration::from_secs(seconds), is_at_least };
        assert_eq!(lag("1-11-9", true), behind(0, 0, false));
        assert_eq!(lag("1-11-8", true), behind(1, 2, false));
        assert_eq!(lag("1-11-5", true), behind(4, 3, false));
        assert_eq!(lag("1-11-4", true), behind(5, 3, true));
        assert_eq!(lag("1-11-9", false), Lag::Standing { missing: 0 });
        assert_eq!(lag_of(None, &history, None, Role::Primary), Lag::Unknown);
    }
}
