//! A unit is lost, left behind by force, and takes part again: what operators do meanwhile, as README's runbook says. Beside it load, moves and
//! other faults go on.

use std::time::{Duration, Instant};

use meridian::model::Role;

use super::binlog::{self, Changes};
use super::put_right;
use super::revived::Revived;
use super::schedule::{start_channel, stop_channel};
use super::world::{NODES, UNITS, World, rows_of};

/// How a unit is lost, and comes back.
#[derive(Clone, Copy, Debug)]
pub struct Loss {
    pub unit: &'static str,
    /// Who gets what it owns.
    pub target: &'static str,
    pub how: How,
    pub last_writes: LastWrites,
    pub rejoin: Rejoin,
    pub fenced: Fenced,
}

/// What the nodes' fencing command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fenced {
    /// It kills the primary for certain.
    Killed,
    /// It fails.
    Not,
}

/// Who has what the unit wrote last, before it is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastWrites {
    /// Whoever replication has carried it to.
    Anybody,
    /// Nobody but its own replica.
    ItsReplica,
    Nobody,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Its primary is killed as by a power cut.
    Killed,
    /// It lives, and nobody else hears it.
    SplitOff,
}

/// How its primary is put right again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejoin {
    /// It becomes a copy of its stand-in. It had gone on following whom it followed before.
    Clone,
    /// What nobody else has is undone. It had been set to start closed, and to follow nobody by itself.
    Undo,
}

/// What a forced change left behind.
#[derive(Clone, Debug)]
pub struct LeftBehind {
    pub unit: &'static str,
    /// What `SHOW QUARANTINES` said of its loss.
    pub report: String,
    /// What it alone had, by the binlogs of all units.
    pub difference: Changes,
}

/// How long each part may take before it is a fault.
const PATIENCE: Duration = Duration::from_secs(90);

/// Loses a unit, and brings it back after `lasts`. Errors: what does not go as it is promised.
pub async fn lose(world: &World, loss: Loss, lasts: Duration) -> Result<(), String> {
    let instance = format!("{}-main-1", loss.unit);
    if loss.fenced == Fenced::Killed {
        world.fencing.permit(&instance, &world.directory_of(loss.unit).join("server.pid"));
    }
    let watched = cut_off(world, loss).await?;
    let began = Instant::now();
    let said = force(world, loss).await;
    if loss.fenced == Fenced::Killed {
        world.fencing.withdraw(&instance);
    }
    let said = match said {
        Ok(said) => said,
        Err(error) => {
            // What else is judged needs it.
            bring_back(world, loss, watched).await?;
            return Err(error);
        }
    };
    println!("          {:.1} s after {} was lost: {said}", began.elapsed().as_secs_f64(), loss.unit);
    tokio::time::sleep(lasts).await;
    bring_back(world, loss, watched).await?;
    let (report, difference) = told_loss(world, loss.unit).await?;
    println!("          {} is back in quarantine; lost: {report}", loss.unit);
    let is_lost = !difference.is_empty();
    world.left_behind.lock().unwrap().push(LeftBehind { unit: loss.unit, report, difference: difference.clone() });
    if is_lost {
        put_right::put_right(world, loss, &difference).await?;
    }
    rejoin(world, loss).await
}

/// The server as it was, whether it is killed or not.
async fn cut_off(world: &World, loss: Loss) -> Result<Revived, String> {
    if loss.last_writes != LastWrites::Anybody {
        for (at, from) in channels(loss.unit).into_iter().filter(|(_, from)| *from == loss.unit) {
            stop_channel(world, at, from, "IO_THREAD").await?;
        }
        if loss.last_writes == LastWrites::Nobody {
            let stop = if world.is_mariadb { "STOP SLAVE IO_THREAD" } else { "STOP REPLICA IO_THREAD" };
            let stop = stop.replace("SLAVE", "SLAVE 'from_primary'");
            world.run_at(loss.unit, Role::Replica, &[stop]).await?;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    match loss.how {
        How::Killed => Ok(world.kill_primary(loss.unit).await),
        How::SplitOff => {
            let watched = Revived::watched(&world.directory_of(loss.unit));
            world.split(loss.unit);
            for (at, from) in channels(loss.unit) {
                stop_channel(world, at, from, "IO_THREAD").await?;
            }
            Ok(watched)
        }
    }
}

/// The channels between a unit and the others.
pub fn channels(unit: &'static str) -> Vec<(&'static str, &'static str)> {
    let others = UNITS.into_iter().filter(|other| *other != unit);
    others.flat_map(|other| [(unit, other), (other, unit)]).collect()
}

/// An operator asks at one node after another, and takes a dual write upon himself only where nothing else is to be had.
async fn force(world: &World, loss: Loss) -> Result<String, String> {
    let plain = ["force", "--unit", loss.unit, "--to", loss.target, "--reason", "it is lost"];
    let (mut words, mut told) = (plain.to_vec(), Vec::new());
    let deadline = Instant::now() + PATIENCE;
    for node in (0..NODES).filter(|node| World::unit_of(*node) != loss.unit).cycle() {
        let (is_done, said) = world.ctl(node, &words).await;
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        if is_done {
            return Ok(said);
        }
        println!("          force at n{}: {said}", node + 1);
        // The command does, and a lease in time, whoever is not heard.
        if said.contains("nothing proves") && world.fence != "row+lease" && loss.fenced == Fenced::Not {
            words = [&plain[..], &["--accept-unfenced"]].concat();
        }
        told.push(said);
        if Instant::now() > deadline {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Err(format!("{} is not left behind within {PATIENCE:?}: {told:#?}", loss.unit))
}

/// Whether what is lost is going to be undone, so that nothing may come behind it. On MySQL always: a copy is made out of everybody's reach there,
/// which [`super::put_right`] leaves to the tests of the runbook.
fn is_undone(world: &World, loss: Loss) -> bool {
    loss.rejoin == Rejoin::Undo || !world.is_mariadb
}

async fn bring_back(world: &World, loss: Loss, mut watched: Revived) -> Result<(), String> {
    if watched.is_gone() {
        // Whoever was started in its stead before; MySQL takes one that nobody waited for to be alive.
        drop(world.take_revived(loss.unit));
        match is_undone(world, loss) {
            false => watched.start(),
            true if world.is_mariadb => watched.start_with(&["--read-only=ON", "--skip-slave-start=ON"]),
            true => watched.start_with(&["--super-read-only=ON", "--skip-replica-start=ON"]),
        }
        world.keep_revived(loss.unit, watched);
        if loss.how == How::SplitOff {
            (0..NODES).for_each(|node| world.network.heal(node).unwrap());
        }
        return world.wait_for_primary(loss.unit).await;
    }
    (0..NODES).for_each(|node| world.network.heal(node).unwrap());
    for (at, from) in channels(loss.unit) {
        // Nobody has a channel from it any more.
        if at == loss.unit && !is_undone(world, loss) {
            start_channel(world, at, from).await?;
        }
    }
    Ok(())
}

/// What is said to be lost, and what is: once it is closed neither changes any more.
async fn told_loss(world: &World, unit: &str) -> Result<(String, Changes), String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let before = report(world, unit).await;
        let closed = world.value(unit, Role::Primary, "SELECT @@GLOBAL.read_only").await;
        if let (Some(before), Ok("1")) = (&before, closed.as_deref())
            && before != "unknown until it is back"
        {
            let difference = difference(world, unit)?;
            // Whoever keeps quarantines looks once a second.
            tokio::time::sleep(Duration::from_millis(2500)).await;
            if report(world, unit).await.as_ref() == Some(before) {
                return Ok((before.clone(), difference));
            }
        }
        if Instant::now() > deadline {
            return Err(format!(
                "{unit} is back, and its loss is not told within {PATIENCE:?}: {before:?}, {closed:?}"
            ));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The transactions of a unit's own that no other unit's binlog has.
fn difference(world: &World, unit: &str) -> Result<Changes, String> {
    let mut alone = binlog::changes_at(world, unit)?;
    for other in UNITS.into_iter().filter(|other| *other != unit) {
        let there = binlog::changes_at(world, other)?;
        alone.retain(|gtid, _| !there.contains_key(gtid));
    }
    Ok(alone)
}

/// What any node says of the loss.
pub async fn report(world: &World, unit: &str) -> Option<String> {
    for node in 0..NODES {
        let asked = async {
            let mut console = world.console(node).await.ok()?;
            rows_of(&mut console, "SHOW QUARANTINES").await.ok()
        };
        if let Ok(Some(rows)) = tokio::time::timeout(Duration::from_secs(5), asked).await {
            let own = rows.into_iter().find(|row| row[0] == unit);
            return own.map(|row| row[6].replace('\n', ""));
        }
    }
    None
}

/// All follow each other again, and the quarantine ends.
async fn rejoin(world: &World, loss: Loss) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    let mut told = Vec::new();
    for node in (0..NODES).cycle() {
        // Again each time: whoever keeps the quarantine may have stopped or removed a channel from what he saw a moment ago.
        match put_right::follow_each_other(world, loss).await {
            Ok(()) => {
                let (is_done, said) = world.ctl(node, &["rejoin", "--unit", loss.unit]).await;
                if is_done {
                    println!("          {} takes part again", loss.unit);
                    return Ok(());
                }
                told.push(said);
            }
            Err(error) => told.push(error),
        }
        if Instant::now() > deadline {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Err(format!("{} does not take part again within {PATIENCE:?}: {told:#?}", loss.unit))
}
