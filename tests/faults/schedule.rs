//! The faults of a run: drawn from a seed before it begins, so that the same seed gives the same faults at the same moments.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rustix::process::Signal;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::left_behind::{self, Fenced, How, LastWrites, Loss, Rejoin, channels};
use super::network::Direction;
use super::world::{NODES, SMALL_MEMBER, SMALL_UNIT, UNITS, World};

/// Something that breaks.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// A node is killed, and started again.
    KillNode(usize),
    /// A node is paused.
    PauseNode(usize),
    /// A member of etcd is killed, and started again; `None` is the one that leads.
    KillEtcd(Option<usize>),
    /// A member of etcd is paused.
    PauseEtcd(Option<usize>),
    /// A node and etcd do not hear each other.
    CutEtcd(usize, Direction),
    /// A node and the servers of a unit do not hear each other.
    CutUnit(usize, &'static str, Direction),
    /// A node hears nobody and is heard by nobody.
    Isolate(usize),
    /// E8: a unit is cut off from all others and from etcd, its nodes and its replication: both sides live, and neither hears the other.
    Split(&'static str),
    /// A unit's primary receives, or applies, nothing of another.
    StopReplication { at: &'static str, from: &'static str, thread: &'static str },
    /// The disk of [`SMALL_UNIT`]'s primary is full; then there is room again, and whoever looks after it starts the server anew.
    FillPrimary,
    /// The disk of [`SMALL_MEMBER`] is full, and so on.
    FillEtcd,
    /// A node's wall clock is wrong by so many seconds.
    SetClock(usize, i64),
    /// A unit is lost, left behind by force, and takes part again.
    Lose(Loss),
}

/// A fault, when it begins, and how long it lasts.
#[derive(Clone, Copy, Debug)]
pub struct Planned {
    pub at: Duration,
    pub fault: Fault,
    pub lasts: Duration,
}

impl fmt::Display for Planned {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:6.1} s  {:?} for {:.1} s", self.at.as_secs_f64(), self.fault, self.lasts.as_secs_f64())
    }
}

/// A unit is lost in every run, and in long ones another one each time this has passed.
const BETWEEN_LOSSES: Duration = Duration::from_secs(45);

/// The faults of a run of `seconds`.
pub fn draw(seed: u64, seconds: u64) -> Vec<Planned> {
    let mut chance = StdRng::seed_from_u64(seed);
    let mut fences = StdRng::seed_from_u64(seed ^ 0x000f_e4ce);
    let mut planned = Vec::new();
    let mut at = Duration::from_secs(3);
    let mut loses_at = Duration::from_secs(5);
    while at + Duration::from_secs(6) < Duration::from_secs(seconds) {
        let node = chance.random_range(0..NODES);
        let direction = *[Direction::Out, Direction::In, Direction::Both].choose(&mut chance).unwrap();
        let member = chance.random_bool(0.5).then(|| chance.random_range(0..3));
        let unit = *UNITS.choose(&mut chance).unwrap();
        let fault = match chance.random_range(0..13) {
            _ if at >= loses_at => {
                loses_at = at + BETWEEN_LOSSES;
                Fault::Lose(draw_loss(&mut chance, &mut fences, unit))
            }
            0 => Fault::KillNode(node),
            1 | 2 => Fault::PauseNode(node),
            3 => Fault::KillEtcd(member),
            4 => Fault::PauseEtcd(member),
            5 => Fault::CutEtcd(node, direction),
            6 => Fault::CutUnit(node, unit, direction),
            7 => Fault::Isolate(node),
            8 => Fault::Split(unit),
            9 => Fault::FillPrimary,
            10 => Fault::FillEtcd,
            11 => Fault::SetClock(node, chance.random_range(-7200..7200)),
            _ => {
                let others: Vec<&str> = UNITS.into_iter().filter(|other| *other != unit).collect();
                let thread = *["SQL_THREAD", "IO_THREAD"].choose(&mut chance).unwrap();
                Fault::StopReplication { at: unit, from: others.choose(&mut chance).unwrap(), thread }
            }
        };
        let lasts = Duration::from_millis(chance.random_range(500..6000));
        planned.push(Planned { at, fault, lasts });
        // They may overlap: the next begins while this one lasts, as often as not.
        at += Duration::from_millis(chance.random_range(1500..5000));
    }
    planned
}

fn draw_loss(chance: &mut StdRng, fences: &mut StdRng, unit: &'static str) -> Loss {
    let others: Vec<&str> = UNITS.into_iter().filter(|other| *other != unit).collect();
    let target = others.choose(chance).unwrap();
    let how = *[How::Killed, How::SplitOff].choose(chance).unwrap();
    let rejoin = *[Rejoin::Clone, Rejoin::Undo].choose(chance).unwrap();
    let last_writes = *[LastWrites::Anybody, LastWrites::ItsReplica, LastWrites::Nobody].choose(chance).unwrap();
    let fenced = *[Fenced::Killed, Fenced::Not].choose(fences).unwrap();
    Loss { unit, target, how, last_writes, rejoin, fenced }
}

/// Carries the faults out; when it returns all are healed. Faults that touch what another still has in hand wait for it. Errors: what did not
/// heal.
pub async fn carry_out(world: &Arc<World>, planned: &[Planned]) -> Vec<String> {
    let began = Instant::now();
    let mut running = JoinSet::new();
    let busy = Arc::new(Places::default());
    for one in planned.iter().copied() {
        tokio::time::sleep_until(began + one.at).await;
        let (world, busy) = (Arc::clone(world), Arc::clone(&busy));
        running.spawn(async move {
            let _held = busy.hold(one.fault).await;
            println!("{one}");
            break_and_heal(&world, one).await
        });
    }
    running.join_all().await.into_iter().filter_map(Result::err).collect()
}

/// One at a time in each node, in etcd (whose majority must be able to come back), in each unit's replication.
#[derive(Default)]
struct Places {
    nodes: [tokio::sync::Mutex<()>; NODES],
    etcd: tokio::sync::Mutex<()>,
    replication: tokio::sync::Mutex<()>,
}

impl Places {
    /// What a fault has in hand for as long as it lasts; always in the same order, so that none waits for another in a circle.
    async fn hold(&self, fault: Fault) -> Vec<tokio::sync::MutexGuard<'_, ()>> {
        let places = match fault {
            Fault::KillNode(node)
            | Fault::PauseNode(node)
            | Fault::CutEtcd(node, _)
            | Fault::CutUnit(node, ..)
            | Fault::Isolate(node)
            | Fault::SetClock(node, _) => vec![&self.nodes[node]],
            Fault::KillEtcd(_) | Fault::PauseEtcd(_) | Fault::FillEtcd => vec![&self.etcd],
            Fault::StopReplication { .. } | Fault::FillPrimary => vec![&self.replication],
            Fault::Lose(Loss { how: How::Killed, .. }) => vec![&self.replication],
            // Every node is on one of its sides.
            Fault::Split(_) | Fault::Lose(Loss { how: How::SplitOff, .. }) => {
                self.nodes.iter().chain([&self.replication]).collect()
            }
        };
        let mut held = Vec::new();
        for place in places {
            held.push(place.lock().await);
        }
        held
    }
}

async fn break_and_heal(world: &World, Planned { fault, lasts, .. }: Planned) -> Result<(), String> {
    match fault {
        Fault::KillNode(node) => {
            world.kill_node(node);
            tokio::time::sleep(lasts).await;
            world.start_node(node);
            return world.wait_for_node(node).await;
        }
        Fault::PauseNode(node) => {
            world.signal_node(node, Signal::STOP);
            tokio::time::sleep(lasts).await;
            world.signal_node(node, Signal::CONT);
        }
        Fault::KillEtcd(member) => {
            let member = member_of(world, member).await;
            world.etcd.lock().await.kill(member);
            tokio::time::sleep(lasts).await;
            world.etcd.lock().await.restart(member).unwrap();
        }
        Fault::PauseEtcd(member) => {
            let member = member_of(world, member).await;
            world.signal_etcd(member, Signal::STOP);
            tokio::time::sleep(lasts).await;
            world.signal_etcd(member, Signal::CONT);
        }
        Fault::CutEtcd(node, direction) => {
            world.network.cut(node, world.etcd_ports(), direction).unwrap();
            tokio::time::sleep(lasts).await;
            world.network.heal(node).unwrap();
        }
        Fault::CutUnit(node, unit, direction) => {
            world.network.cut(node, &world.ports_of(unit), direction).unwrap();
            tokio::time::sleep(lasts).await;
            world.network.heal(node).unwrap();
        }
        Fault::Isolate(node) => {
            world.network.isolate(node).unwrap();
            tokio::time::sleep(lasts).await;
            world.network.heal(node).unwrap();
        }
        Fault::StopReplication { at, from, thread } => {
            stop_channel(world, at, from, thread).await?;
            tokio::time::sleep(lasts).await;
            start_channel(world, at, from).await?;
        }
        Fault::Split(unit) => {
            world.split(unit);
            for (at, from) in channels(unit) {
                stop_channel(world, at, from, "IO_THREAD").await?;
            }
            tokio::time::sleep(lasts).await;
            for node in 0..NODES {
                world.network.heal(node).unwrap();
            }
            for (at, from) in channels(unit) {
                start_channel(world, at, from).await?;
            }
        }
        Fault::FillPrimary => return fill_primary(world, lasts).await,
        Fault::FillEtcd => {
            let Some(disks) = &world.disks else { return Ok(()) };
            disks.etcd.fill();
            tokio::time::sleep(lasts).await;
            disks.etcd.free();
            // It may have ended by itself.
            let mut etcd = world.etcd.lock().await;
            etcd.kill(SMALL_MEMBER);
            etcd.restart(SMALL_MEMBER).unwrap();
        }
        Fault::SetClock(node, seconds) => {
            world.clocks.set(node, seconds);
            tokio::time::sleep(lasts).await;
            world.clocks.set(node, 0);
        }
        Fault::Lose(loss) => return left_behind::lose(world, loss, lasts).await,
    }
    Ok(())
}

/// A server waits for room and looks for it once a minute only; killed, it finds it at once.
pub async fn fill_primary(world: &World, lasts: Duration) -> Result<(), String> {
    let Some(disks) = &world.disks else { return Ok(()) };
    disks.primary.fill();
    tokio::time::sleep(lasts).await;
    disks.primary.free();
    let mut killed = world.kill_primary(SMALL_UNIT).await;
    // It may have been started otherwise after it was left behind.
    let options: &[&str] = match world.is_mariadb {
        true => &["--read-only=OFF", "--skip-slave-start=OFF"],
        false => &["--super-read-only=OFF", "--read-only=OFF", "--skip-replica-start=OFF"],
    };
    let torn = torn_relay_logs(world);
    killed.start_with(options);
    world.keep_revived(SMALL_UNIT, killed);
    let answered = world.wait_for_primary(SMALL_UNIT).await;
    if answered.is_ok() || torn_relay_logs(world) == torn {
        return answered;
    }
    println!("          {SMALL_UNIT} does not start with the relay logs it was killed over; they are received anew");
    for file in std::fs::read_dir(world.directory_of(SMALL_UNIT).join("data")).unwrap().map(Result::unwrap) {
        if file.file_name().to_string_lossy().starts_with("relay-") {
            std::fs::remove_file(file.path()).unwrap();
        }
    }
    let mut ended = world.take_revived(SMALL_UNIT).unwrap();
    ended.start_with(options);
    world.keep_revived(SMALL_UNIT, ended);
    world.wait_for_primary(SMALL_UNIT).await
}

/// How often MariaDB has ended because of a relay log that it was killed over while there was no room for it.
fn torn_relay_logs(world: &World) -> usize {
    let log = std::fs::read(world.directory_of(SMALL_UNIT).join("error.log")).unwrap_or_default();
    String::from_utf8_lossy(&log).matches("Could not find target log during relay log initialization").count()
}

/// Stops a thread of a channel. Errors: the server's.
pub async fn stop_channel(world: &World, at: &str, from: &str, thread: &str) -> Result<(), String> {
    let stop = match world.is_mariadb {
        true => format!("STOP SLAVE 'from_{from}' {thread}"),
        false => format!("STOP REPLICA {thread} FOR CHANNEL 'from_{from}'"),
    };
    world.run(at, &[&stop]).await
}

/// Starts a channel. Errors: the server's.
pub async fn start_channel(world: &World, at: &str, from: &str) -> Result<(), String> {
    let start = match world.is_mariadb {
        true => format!("START SLAVE 'from_{from}'"),
        false => format!("START REPLICA FOR CHANNEL 'from_{from}'"),
    };
    world.run(at, &[&start]).await
}

async fn member_of(world: &World, member: Option<usize>) -> usize {
    match member {
        Some(member) => member,
        None => world.etcd.lock().await.leader().await.unwrap_or(0),
    }
}
