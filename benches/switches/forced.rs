//! A unit's primary is killed under load and left behind by force: how long nobody can write, and whether what is told as lost is what was lost.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use meridian::demo::command::log_in;
use meridian::demo::layout::NodeSettings;
use meridian::demo::meridian_config::{CONSOLE_PASSWORD, CONSOLE_USER};
use meridian::demo::state_file::NodeEntry;
use meridian::model::Role;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};
use rustix::process::Signal;

use super::load::Load;
use super::place::{Place, signal};
use super::revived::Revived;

/// How long anything may take that is not measured.
const PATIENCE: Duration = Duration::from_secs(60);

/// What hz alone gets to know before it is lost.
const ALONE: Duration = Duration::from_millis(50);

/// What proves that nobody can write at the lost primary.
#[derive(Clone, Copy, Debug)]
pub enum Proof {
    /// A program that looks whether the server is gone.
    FencingCommand,
    /// The end of the primary's lease alone: the nodes beside it stand still.
    Lease,
}

impl Proof {
    /// In words.
    pub fn told(self) -> &'static str {
        match self {
            Proof::FencingCommand => "its death confirmed by a fencing command",
            Proof::Lease => "proved by its lease alone (row+lease)",
        }
    }

    /// How soon writes are to be accepted at the new owner.
    pub fn goal(self) -> Duration {
        Duration::from_secs(match self {
            Proof::FencingCommand => 3,
            Proof::Lease => 8,
        })
    }

    fn settings(self, directory: &Path) -> NodeSettings {
        match self {
            Proof::FencingCommand => {
                let server = format!("--datadir[=]{}/$MERIDIAN_INSTANCE/", directory.display());
                let script = format!("! grep -qsz -- \"{server}\" /proc/[0-9]*/cmdline");
                let moves = format!("fencing_command = [\"/bin/sh\", \"-c\", {}]\n", toml::Value::String(script));
                NodeSettings { moves, ..NodeSettings::default() }
            }
            Proof::Lease => NodeSettings { fence: "row+lease", ..NodeSettings::default() },
        }
    }
}

/// What a loss came to.
#[derive(Debug)]
pub struct Lost {
    /// From the kill to the first write of the Global Zone, and of a shard, that was accepted.
    pub until_accepted: Duration,
    /// Transactions that only the lost primary has.
    pub transactions: usize,
    /// What Meridian tells of them.
    pub told: String,
}

/// Loses the owner of the Global Zone and of half of all shards, once. Errors: what was not as promised.
pub async fn lose(proof: Proof, rate: usize, writers: usize, directory: &Path) -> Result<Lost, String> {
    let place = Place::start(directory, proof.settings(directory), |_| {}).await?;
    let outcome = lose_at(&place, proof, rate, writers, directory).await;
    place.end().await?;
    outcome
}

async fn lose_at(place: &Place, proof: Proof, rate: usize, writers: usize, directory: &Path) -> Result<Lost, String> {
    let (beside, others): (Vec<&NodeEntry>, Vec<&NodeEntry>) =
        place.state.nodes.iter().partition(|node| node.unit == "hz");
    let load = Load::start(&place.state, &others, rate, writers).await;
    let mut console = log_in(others[0].console_port, CONSOLE_USER, CONSOLE_PASSWORD, None).await.unwrap();
    let (mut zone, mut shard) = (client(place, others[0]).await, client(place, others[1]).await);
    tokio::time::sleep(Duration::from_secs(2)).await;
    for (unit, role, channel) in [("bj", Role::Primary, "from_hz"), ("hz", Role::Replica, "from_primary")] {
        let follower = place.world.instance(unit, role).unwrap().root();
        follower.run(&[format!("STOP SLAVE '{channel}' IO_THREAD")]).await.map_err(|error| error.to_string())?;
    }
    tokio::time::sleep(ALONE).await;
    if matches!(proof, Proof::Lease) {
        beside.iter().for_each(|node| signal(node, Signal::STOP));
    }
    let mut revived = Revived::kill(&directory.join("hz-main-1")).await;
    let killed = Instant::now();
    let forced = console.query_first::<(String, u64), _>("FORCE UNIT 'hz' TO 'bj' REASON 'its server was killed'");
    let accepted = async {
        let zone = accepted(&mut zone, "INSERT INTO product (name) VALUES ('accepted')", killed);
        tokio::try_join!(
            zone,
            accepted(&mut shard, "INSERT INTO orders (user_id, item) VALUES (50, 'accepted')", killed)
        )
    };
    let (answer, until) = tokio::join!(forced, accepted);
    println!("{}", answer.map_err(|error| error.to_string())?.ok_or("FORCE was not answered")?.0);
    let until = until?;
    load.end().await;
    if matches!(proof, Proof::Lease) {
        beside.iter().for_each(|node| signal(node, Signal::CONT));
    }
    revived.start();
    let told = loss_told(&mut console).await?;
    let kept: BTreeSet<String> = place.written_at("bj").await.into_iter().collect();
    let transactions = place.written_at("hz").await.into_iter().filter(|name| !kept.contains(name)).count();
    if transactions != count(&told)? {
        return Err(format!("{transactions} transactions are at hz alone, and told as lost is {told:?}"));
    }
    Ok(Lost { until_accepted: until.0.max(until.1), transactions, told })
}

async fn client(place: &Place, node: &NodeEntry) -> Conn {
    let state = &place.state;
    log_in(node.mysql_port, &state.app_user, &state.app_password, Some(&state.schema)).await.unwrap()
}

/// From `killed` until a write is accepted that is tried again and again.
async fn accepted(client: &mut Conn, write: &str, killed: Instant) -> Result<Duration, String> {
    loop {
        match client.query_drop(write).await {
            Ok(()) => return Ok(killed.elapsed()),
            Err(error) if killed.elapsed() > PATIENCE => return Err(format!("no write is accepted: {error}")),
            Err(mysql_async::Error::Server(_)) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// What is told as lost once the source is back.
async fn loss_told(console: &mut Conn) -> Result<String, String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let row: Option<Row> = console.query_first("SHOW QUARANTINES").await.map_err(|error| error.to_string())?;
        let lost: String = row.and_then(|row| row.get("lost")).ok_or("nothing is in quarantine")?;
        if lost != "unknown until it is back" {
            return Ok(lost);
        }
        if Instant::now() > deadline {
            return Err("the loss is not told".to_owned());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// How many transactions `1-11-933..935` are; `nothing` is none.
fn count(told: &str) -> Result<usize, String> {
    let of = |part: &str| {
        let numbers = part.rsplit('-').next()?;
        match numbers.split_once("..") {
            Some((first, last)) => last.parse::<usize>().ok()?.checked_sub(first.parse().ok()?)?.checked_add(1),
            None => numbers.parse::<usize>().ok().map(|_| 1),
        }
    };
    match told {
        "nothing" => Ok(0),
        _ => told.split(',').map(|part| of(part).ok_or(format!("told as lost is {told:?}"))).sum(),
    }
}
