//! Real faults: three units with two nodes each, an etcd of three members, load, moves, and everything that breaks, from a seed. At the end the
//! binlogs of all units, the clients' histories, the rows and the control state are judged, and the judges themselves are put to the test.
//!
//! `scripts/faults` runs it. It needs root, `ip` and `nft` for the nodes' network namespaces.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod binlog;
mod clocks;
mod control;
mod disks;
mod fencing;
mod gtids;
mod left_behind;
mod load;
mod network;
mod operator;
mod oracle;
mod put_right;
#[path = "../relay/mod.rs"]
mod relay;
#[path = "../it/forced/revived.rs"]
mod revived;
mod schedule;
mod world;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use meridian::demo::template::{Servers, last_lines};
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

use binlog::Change;
use gtids::Gtid;
use left_behind::LeftBehind;
use load::{Histories, Load, Outcome, ZONE};
use network::Network;
use operator::{History, Operator, read_history};
use world::{NODES, UNITS, World};

/// What a group's fence can be that nodes share.
const FENCES: [&str; 3] = ["connection", "row", "row+lease"];

/// What the units may be apart, in milliseconds there and back.
const ROUND_TRIPS: [u64; 3] = [0, 10, 30];

/// What is told of the log of a server that ended by itself: its stack and its statement stand there.
const SERVER_LOG_LINES: usize = 80;

/// Real faults under load.
#[derive(Debug, Parser)]
struct Options {
    /// How long faults are made
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// What the faults are drawn from; drawn itself where it is not given
    #[arg(long)]
    seed: Option<u64>,
    /// Oracle MySQL instead of MariaDB
    #[arg(long)]
    mysql: bool,
    /// The group's fence; drawn from the seed where it is not given (on Oracle MySQL "connection")
    #[arg(long, value_parser = FENCES)]
    fence: Option<String>,
    /// The round trip between the units, in milliseconds; drawn from the seed where it is not given
    #[arg(long)]
    rtt: Option<u64>,
    /// A control run: without Meridian, and only with what breaks in databases
    #[arg(long)]
    control: bool,
    /// Keep the files, and tell where they are
    #[arg(long)]
    keep: bool,
    /// Names of tests, as cargo hands them to every test program: this one runs when one of them is in `faults`, or when there is none
    #[arg(hide = true)]
    names: Vec<String>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    // Whoever began it may be ended alone, as cargo is.
    rustix::process::set_parent_process_death_signal(Some(Signal::TERM)).unwrap();
    if !options.names.is_empty() && !options.names.iter().any(|name| "faults".contains(name.as_str())) {
        return ExitCode::SUCCESS;
    }
    let network = match Network::new(NODES) {
        Ok(network) => network,
        Err(reason) => {
            println!("NOT CHECKED: real faults: no network namespaces here ({reason})");
            return ExitCode::SUCCESS;
        }
    };
    if meridian::demo::etcd::Etcd::program().is_none() {
        println!("NOT CHECKED: real faults: etcd is not installed");
        return ExitCode::SUCCESS;
    }
    let seed = options.seed.unwrap_or_else(|| rand::random_range(1..1_000_000));
    let drawn = if options.mysql { FENCES[0] } else { FENCES[seed as usize % FENCES.len()] };
    let fence = options.fence.as_deref().unwrap_or(drawn).to_owned();
    let rtt = options.rtt.unwrap_or(ROUND_TRIPS[seed as usize / FENCES.len() % ROUND_TRIPS.len()]);
    let through = match options.control {
        true => "without Meridian".to_owned(),
        false => format!("fence = \"{fence}\", {rtt} ms between units"),
    };
    println!("faults for {} s from seed {seed}, {through}", options.seconds);
    let place = tempfile::Builder::new().prefix("meridian-faults-").tempdir().unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o711);
    std::fs::set_permissions(place.path(), open).unwrap();
    let directory = place.path().canonicalize().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let servers = if options.mysql { Servers::Mysql(None) } else { Servers::MariaDb };
    let faults = runtime.block_on(async {
        let running = async {
            let round_trip = Duration::from_millis(rtt);
            let world = Arc::new(World::start(network, &directory, servers, &fence, round_trip).await?);
            if options.control {
                return Ok(control::run(&world, seed, options.seconds).await);
            }
            world.start_nodes().await?;
            Ok::<_, String>(run(&world, seed, options.seconds).await)
        };
        // What was made is removed in any case.
        tokio::select! {
            ended = running => ended,
            () = asked_to_end() => Err("interrupted".to_owned()),
        }
    });
    if options.keep {
        println!("the files are in {}", place.keep().display());
    }
    match faults {
        Ok(faults) if faults.is_empty() => {
            println!(
                "nothing was lost, doubled, written in two places or left behind; the judges found what was put before them"
            );
            ExitCode::SUCCESS
        }
        Ok(faults) => {
            faults.iter().take(40).for_each(|fault| println!("FAULT: {fault}"));
            println!(
                "{} faults; the same faults are made by --seed {seed} --seconds {} --fence {fence} --rtt {rtt}{}{}",
                faults.len(),
                options.seconds,
                if options.mysql { " --mysql" } else { "" },
                if options.control { " --control" } else { "" }
            );
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("the run came to nothing: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn asked_to_end() {
    let mut terminated = signal(SignalKind::terminate()).unwrap();
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.unwrap(),
        _ = terminated.recv() => {}
    }
}

async fn run(world: &Arc<World>, seed: u64, seconds: u64) -> Vec<String> {
    let planned = schedule::draw(seed, seconds);
    let load = Load::start(world, seed);
    let operator = Operator::start(world, seed);
    let mut faults = schedule::carry_out(world, &planned).await;
    let (mut history, changes_made) = operator.end().await;
    for unit in UNITS {
        if let Err(error) = world.run(unit, &["DO 1"]).await {
            let log = std::fs::read(world.directory_of(unit).join("error.log")).unwrap_or_default();
            println!("{}", last_lines(&String::from_utf8_lossy(&log), SERVER_LOG_LINES));
            let told = format!("the server of unit {unit} has ended by itself, so that nothing can be judged: {error}");
            faults.push(told);
            return faults;
        }
    }
    faults.extend(settle(world, &mut history).await);
    let histories = load.end().await;
    tell(&histories, changes_made, planned.len());
    if let Err(error) = world.databases.wait_until_equal().await {
        faults.push(format!("replication does not catch up: {error}"));
    }
    faults.extend(judge(world, &histories, &history).await);
    if faults.is_empty() {
        faults.extend(judge_the_judges(world, &histories, &history).await);
    }
    faults
}

/// Waits until everything works again. What is left over after a minute is a fault.
async fn settle(world: &World, history: &mut History) -> Vec<String> {
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut left = Vec::new();
    for node in 0..NODES {
        left.extend(world.wait_for_node(node).await.err());
    }
    loop {
        let found = oracle::leftovers(world).await;
        if found.is_empty() || Instant::now() > deadline {
            left.extend(found);
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    left.extend(moves_again(world, deadline).await.err());
    for node in 0..NODES {
        read_history(world, node, history).await;
    }
    left
}

/// The Global Zone goes to where it is not: a run whose moves are all refused shows nothing. Errors: what was said last.
async fn moves_again(world: &World, deadline: Instant) -> Result<(), String> {
    loop {
        for unit in UNITS {
            let (is_done, said) = world.ctl(0, &["switch", "--to", unit]).await;
            if is_done && said.contains("moved the Global Zone") {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("nothing moves although all is healed: {said}"));
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn judge(world: &World, histories: &Histories, history: &History) -> Vec<String> {
    let mut faults = oracle::convergence(world).await;
    let left_behind = world.left_behind.lock().unwrap().clone();
    faults.extend(oracle::losses(&left_behind, history, &world.origins));
    match binlog::changes(world) {
        Ok(changes) => {
            faults.extend(oracle::one_writer(&changes, history, &world.origins));
            faults.extend(oracle::histories(world, histories, &changes, &left_behind).await);
        }
        Err(error) => faults.push(format!("binlogs: {error}")),
    }
    faults
}

/// A report that leaves out what is lost, or tells more; a row that is lost; and a write past Meridian at a unit that does not own its scope: all
/// must be found.
async fn judge_the_judges(world: &World, histories: &Histories, history: &History) -> Vec<String> {
    let mut faults = wrong_reports(world, history);
    let lost = "DELETE FROM shop.appends ORDER BY id LIMIT 1";
    world.run("bj", &["SET SESSION sql_log_bin = 0", lost]).await.unwrap();
    let found = judge(world, histories, history).await;
    if !found.iter().any(|fault| fault.contains("acknowledged rows that are not there"))
        || !found.iter().any(|fault| fault.contains("differ"))
    {
        faults.push(format!("a row that was deleted behind Meridian was not missed: {found:?}"));
    }
    // Nobody can own all scopes at all times: one of three units writing in each of them is a stranger in most.
    for unit in ["bj", "sh"] {
        world.run(unit, &["UPDATE shop.spine SET version = version + 1, last = 'stranger'"]).await.unwrap();
    }
    if let Err(error) = world.databases.wait_until_equal().await {
        faults.push(format!("replication of the strangers' writes: {error}"));
    }
    let found = judge(world, histories, history).await;
    if !found.iter().any(|fault| fault.contains("when that was not its own any more")) {
        faults.push(format!("writes of strangers were not noticed: {found:?}"));
    }
    faults
}

fn wrong_reports(world: &World, history: &History) -> Vec<String> {
    let right = world.left_behind.lock().unwrap().clone();
    let mut wrong = Vec::new();
    for (at, one) in right.iter().enumerate() {
        let mut with = |changed: LeftBehind, told: &str| {
            let mut all = right.clone();
            all[at] = changed;
            let found = oracle::losses(&all, history, &world.origins);
            if !found.iter().any(|fault| fault.contains(told)) {
                wrong.push(format!("a wrong report of what {} lost was not noticed: {found:?}", one.unit));
            }
        };
        let mut more = one.clone();
        more.difference.insert(Gtid { unit: one.unit, sequence: u64::MAX }, Vec::new());
        with(more, "are not in");
        let mut less = one.clone();
        if let Some((gtid, _)) = less.difference.pop_last() {
            with(less, &format!("[{gtid:?}] are not lost"));
        }
        // No move ever touched this scope.
        let change = Change { scope: ZONE + 1, before: 0, after: 1, last: "stranger".to_owned() };
        let mut stolen = one.clone();
        stolen.difference.insert(Gtid { unit: one.unit, sequence: u64::MAX }, vec![change]);
        with(stolen, "did not own then");
    }
    wrong
}

fn tell(histories: &Histories, changes_made: u64, planned: usize) {
    let count = |outcome| histories.written.iter().filter(|one| one.outcome == outcome).count();
    println!(
        "{planned} faults, {changes_made} changes by operators; {} writes acknowledged, {} refused, {} of unknown outcome",
        count(Outcome::Acknowledged),
        count(Outcome::Refused),
        count(Outcome::Unknown)
    );
    for (text, times) in &histories.told {
        println!("{times:6} x {text}");
    }
}
