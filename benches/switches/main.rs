//! Planned switches and moves under load, with everything real: four nodes on an etcd of three members, two units of databases with replication. Prints
//! what applications noticed, and fails if anybody was told an error or if a row is lost or doubled.
//!
//! It is open loop: each write has its moment, and waits count from there. Start at `measure`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod control;
mod distance;
mod forbids;
mod forced;
mod load;
mod place;
#[path = "../../tests/relay/mod.rs"]
mod relay;
#[path = "../../tests/it/forced/revived.rs"]
#[allow(dead_code, reason = "tests of forced changes use the rest")]
mod revived;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use meridian::demo::command::log_in;
use meridian::demo::layout::NodeSettings;
use meridian::demo::meridian_config::{CONSOLE_PASSWORD, CONSOLE_USER};
use meridian::demo::state_file::NodeEntry;
use mysql_async::prelude::Queryable;
use rustix::process::Signal;

use forced::Proof;
use load::{Load, Written};
use place::{Place, signal};

/// Planned switches and moves under load.
#[derive(Debug, Parser)]
struct Options {
    /// How many switches of the Global Zone and moves of half of all shards, in turns
    #[arg(long, default_value_t = 50)]
    switches: usize,
    /// Writes in a second, over all nodes
    #[arg(long, default_value_t = 1000)]
    rate: usize,
    /// Writers; the rate is shared among them [default: 32, over a distance 256]
    #[arg(long)]
    writers: Option<usize>,
    /// The pause between two switches, in milliseconds
    #[arg(long, default_value_t = 200)]
    pause: u64,
    /// Pause one node (SIGSTOP) during each tenth switch; its clients are none of the writers then
    #[arg(long)]
    stop_a_node: bool,
    /// The round trip between the units, in milliseconds: through relays on this machine, a member of etcd in each unit and one in a third place
    #[arg(long, default_value_t = 0)]
    rtt: u64,
    /// How many forbids, of shards that nobody else writes in
    #[arg(long, default_value_t = 20)]
    forbids: usize,
    /// How often the owner's primary is killed and left behind, with each kind of proof, each time in a world of its own
    #[arg(long, default_value_t = 1)]
    losses: usize,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// So many that each has its answer long before its next write is due; over a distance, writes that go the way would queue behind each other
    /// otherwise, whoever owns what.
    fn writers(&self) -> usize {
        self.writers.unwrap_or(if self.rtt == 0 { 32 } else { 256 })
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let place = tempfile::Builder::new().prefix("meridian-switches-").tempdir().unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o711);
    std::fs::set_permissions(place.path(), open).unwrap();
    let directory = place.path().canonicalize().unwrap();
    match runtime.block_on(measure(&options, &directory)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("switches: {fault}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(options: &Options, directory: &Path) -> Result<(), String> {
    let mut place =
        Place::start(&made(directory, "switches")?, NodeSettings::default(), |step| println!("{step}")).await?;
    if options.rtt > 0 {
        println!("moving the units {} ms apart", options.rtt);
        distance::put(Duration::from_millis(options.rtt), &place.state, &place.world, &mut place.nodes).await?;
    }
    let outcome = switches(options, &place).await;
    place.end().await?;
    outcome?;
    for round in 0..options.losses {
        for proof in [Proof::FencingCommand, Proof::Lease] {
            let directory = made(directory, &format!("{proof:?}-{round}"))?;
            let lost = forced::lose(proof, options.rate, options.writers(), &directory).await?;
            println!(
                "a primary killed and left behind, {}: writes are accepted {:.0} ms after the kill (goal {} s); {} transactions are lost, told as {}",
                proof.told(),
                lost.until_accepted.as_secs_f64() * 1000.0,
                proof.goal().as_secs(),
                lost.transactions,
                lost.told
            );
        }
    }
    Ok(())
}

fn made(directory: &Path, name: &str) -> Result<PathBuf, String> {
    let made = directory.join(name);
    std::fs::create_dir(&made).map_err(|error| format!("{}: {error}", made.display()))?;
    std::fs::set_permissions(&made, std::os::unix::fs::PermissionsExt::from_mode(0o711))
        .map_err(|error| error.to_string())?;
    Ok(made)
}

/// What the switches took.
#[derive(Default)]
struct Figures {
    /// From the first compare-and-swap to the last, as the node that ran the switch says.
    closed: Vec<Duration>,
    /// The slowest write of each switch.
    slowest: Vec<Duration>,
    /// The slowest write of switches during which a node was paused.
    while_paused: Vec<Duration>,
    /// Four compare-and-swaps, their watch, and a wait for a row in the other unit, during the same run.
    floor: Vec<Duration>,
    /// Switches that were refused beforehand or went back.
    not_made: usize,
    /// Writes between switches.
    between: Vec<Duration>,
    /// From the command to its answer, which says that it is in force at every node.
    forbids: Vec<Duration>,
}

async fn switches(options: &Options, place: &Place) -> Result<(), String> {
    let (state, world) = (&place.state, &place.world);
    let paused = options.stop_a_node.then(|| state.nodes.last()).flatten();
    let serving: Vec<&NodeEntry> = state.nodes.iter().filter(|node| Some(*node) != paused).collect();
    let floor = control::Floor::open(state, world).await;
    let load = Load::start(state, &serving, options.rate, options.writers()).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    println!("\n{} switches at {} writes/s over {} nodes", options.switches, options.rate, serving.len());
    let mut figures = Figures::default();
    // What moves, and who has it: in turns, each to and fro.
    let mut moving = [("SWITCH GLOBAL ZONE", "hz"), (load::MOVE_SHARDS, "hz")];
    for round in 0..options.switches {
        // One that was not made is asked for again.
        let (what, owner) = &mut moving[(round - figures.not_made) % 2];
        let (source, target) = if *owner == "hz" { ("hz", "bj") } else { ("bj", "hz") };
        // Over a distance one asks where it is shortest to what has to be asked.
        let near = |node: &&&NodeEntry| options.rtt == 0 || node.unit == source;
        let askable: Vec<&&NodeEntry> = serving.iter().filter(near).collect();
        let asked = askable[round / 2 % askable.len()];
        let stopped = paused.filter(|_| round % 10 == 5);
        if let Some(node) = stopped {
            signal(node, Signal::STOP);
        }
        let mut console = log_in(asked.console_port, CONSOLE_USER, CONSOLE_PASSWORD, None).await.unwrap();
        let began = Instant::now();
        let answer: Result<Option<(String, u64)>, _> = console.query_first(format!("{what} TO '{target}'")).await;
        let ended = Instant::now();
        if let Some(node) = stopped {
            signal(node, Signal::CONT);
        }
        let answer = match answer {
            Ok(answer) => answer.unwrap().0,
            // Refused before anything was closed, or gone back: what applications noticed of it counts all the same.
            Err(error) => {
                println!("switch {round} was not made: {error}");
                figures.not_made += 1;
                figures.slowest.push(load.slowest(began, ended));
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        *owner = target;
        figures.closed.push(milliseconds_in(&answer).ok_or(format!("switch {round}: {answer}"))?);
        tokio::time::sleep(Duration::from_millis(options.pause)).await;
        let slowest = load.slowest(began, ended);
        match stopped {
            Some(_) => figures.while_paused.push(slowest),
            None => figures.slowest.push(slowest),
        }
        figures.floor.push(floor.measure().await);
    }
    figures.forbids = forbids::measure(state, &serving, options.forbids).await?;
    let written = load.end().await;
    figures.between.extend(written.iter().map(|one| one.took));
    verdict(options, &figures, &written, place).await
}

/// `moved …; closed for 17 ms`.
fn milliseconds_in(answer: &str) -> Option<Duration> {
    let (_, rest) = answer.split_once("closed for ")?;
    Some(Duration::from_millis(rest.split_once(" ms")?.0.parse().ok()?))
}

async fn verdict(options: &Options, figures: &Figures, written: &[Written], place: &Place) -> Result<(), String> {
    let errors: Vec<&str> = written.iter().filter_map(|one| one.error.as_deref()).collect();
    place.world.wait_until_equal().await.map_err(|error| error.to_string())?;
    let acknowledged = written.iter().filter(|one| one.error.is_none()).count() as u64;
    let (mut lost, mut doubled) = (0, 0);
    for unit in ["hz", "bj"] {
        let mut names = place.written_at(unit).await;
        let rows = names.len() as u64;
        names.sort_unstable();
        names.dedup();
        let distinct = names.len() as u64;
        println!("{unit}: {rows} rows of {acknowledged} acknowledged writes, {distinct} distinct");
        lost = lost.max(acknowledged.saturating_sub(distinct));
        doubled = doubled.max(rows - distinct);
    }
    println!();
    line("write, from its moment to its answer, all", &figures.between);
    line("slowest write of a switch", &figures.slowest);
    let usual = percentile(&figures.between, 50);
    let added: Vec<Duration> = figures.slowest.iter().map(|slowest| slowest.saturating_sub(usual)).collect();
    line("the same, less the median of all writes", &added);
    line("slowest write of a switch with a node paused", &figures.while_paused);
    line("scopes closed, as the node says", &figures.closed);
    line("floor: 4 compare-and-swaps, watch, GTID wait", &figures.floor);
    line("forbid, until it is in force at every node", &figures.forbids);
    let (p99, floor) = (percentile(&figures.slowest, 99), percentile(&figures.floor, 99));
    println!(
        "\n{} switches, of which {} were not made, {} writes: {} client errors, {lost} lost, {doubled} doubled; stall p99 is {:.1} times the floor's p99",
        options.switches,
        figures.not_made,
        written.len(),
        errors.len(),
        p99.as_secs_f64() / floor.as_secs_f64()
    );
    if figures.not_made == options.switches {
        return Err("no switch was made".to_owned());
    }
    if !errors.is_empty() || lost > 0 || doubled > 0 {
        return Err(format!("not as promised; the first errors: {:?}", &errors[..errors.len().min(3)]));
    }
    Ok(())
}

fn line(what: &str, durations: &[Duration]) {
    if durations.is_empty() {
        return;
    }
    let milliseconds = |at| percentile(durations, at).as_secs_f64() * 1000.0;
    println!(
        "{what:<48} p50 {:>8.1}  p99 {:>8.1}  max {:>8.1} ms   ({})",
        milliseconds(50),
        milliseconds(99),
        milliseconds(100),
        durations.len()
    );
}

fn percentile(durations: &[Duration], at: usize) -> Duration {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    let index = (sorted.len() * at).div_ceil(100).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(index).copied().unwrap_or_default()
}
