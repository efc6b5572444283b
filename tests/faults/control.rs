//! A control run: the same databases, the same load, the same things that break in databases, and no Meridian. Nothing moves; what the oracles find
//! here is what the databases do by themselves.

use std::sync::Arc;

use tokio::time::Instant;

use super::left_behind::channels;
use super::load::Load;
use super::operator::History;
use super::schedule::{Fault, Planned, draw, fill_primary, start_channel, stop_channel};
use super::world::World;
use super::{judge, judge_the_judges, tell};

/// Runs it. Gives what must not be, as a run with Meridian does.
pub async fn run(world: &Arc<World>, seed: u64, seconds: u64) -> Vec<String> {
    let began = Instant::now();
    let planned: Vec<Planned> = draw(seed, seconds).into_iter().filter(|one| is_of_databases(one.fault)).collect();
    let load = Load::past_meridian(world, seed);
    let mut faults = Vec::new();
    for one in &planned {
        tokio::time::sleep_until(began + one.at).await;
        println!("{one}");
        faults.extend(break_and_heal(world, *one).await.err());
    }
    let histories = load.end().await;
    tell(&histories, 0, planned.len());
    if let Err(error) = world.databases.wait_until_equal().await {
        faults.push(format!("replication does not catch up: {error}"));
    }
    let nothing_moved = History::default();
    faults.extend(judge(world, &histories, &nothing_moved).await);
    if faults.is_empty() {
        faults.extend(judge_the_judges(world, &histories, &nothing_moved).await);
    }
    faults
}

fn is_of_databases(fault: Fault) -> bool {
    match fault {
        Fault::Split(_) | Fault::StopReplication { .. } | Fault::FillPrimary | Fault::Lose(_) => true,
        Fault::KillNode(_)
        | Fault::PauseNode(_)
        | Fault::KillEtcd(_)
        | Fault::PauseEtcd(_)
        | Fault::CutEtcd(..)
        | Fault::CutUnit(..)
        | Fault::Isolate(_)
        | Fault::FillEtcd
        | Fault::SetClock(..) => false,
    }
}

/// One after another. A unit that is lost is killed and comes back: nobody takes its place.
async fn break_and_heal(world: &World, Planned { fault, lasts, .. }: Planned) -> Result<(), String> {
    match fault {
        Fault::StopReplication { at, from, thread } => {
            stop_channel(world, at, from, thread).await?;
            tokio::time::sleep(lasts).await;
            start_channel(world, at, from).await
        }
        Fault::Split(unit) => {
            for (at, from) in channels(unit) {
                stop_channel(world, at, from, "IO_THREAD").await?;
            }
            tokio::time::sleep(lasts).await;
            for (at, from) in channels(unit) {
                start_channel(world, at, from).await?;
            }
            Ok(())
        }
        Fault::FillPrimary => fill_primary(world, lasts).await,
        Fault::Lose(loss) => {
            let mut killed = world.kill_primary(loss.unit).await;
            tokio::time::sleep(lasts).await;
            killed.start();
            world.keep_revived(loss.unit, killed);
            world.wait_for_primary(loss.unit).await
        }
        other => Err(format!("{other:?} is no fault of a database")),
    }
}
