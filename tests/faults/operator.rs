//! What operators do meanwhile, by `meridian ctl` at any node: moves, switches, forbids. And the history of what became of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use tokio::task::JoinHandle;

use super::world::{NODES, SHARDS_PER_SCOPE, UNITS, World, rows_of};

/// Everything the control state's history said, by epoch.
pub type History = BTreeMap<u64, String>;

/// An operator at work.
pub struct Operator {
    stop: Arc<AtomicBool>,
    working: JoinHandle<(History, u64)>,
}

impl Operator {
    /// One who begins at once.
    pub fn start(world: &Arc<World>, seed: u64) -> Operator {
        let stop = Arc::new(AtomicBool::new(false));
        let working = tokio::spawn(work(Arc::clone(world), Arc::clone(&stop), seed));
        Operator { stop, working }
    }

    /// Ends the work; the history so far, and how many changes were made.
    pub async fn end(self) -> (History, u64) {
        self.stop.store(true, Ordering::Relaxed);
        self.working.await.unwrap()
    }
}

async fn work(world: Arc<World>, stop: Arc<AtomicBool>, seed: u64) -> (History, u64) {
    let mut chance = StdRng::seed_from_u64(seed ^ 0x0b5e_55ed);
    let (mut history, mut done) = (History::new(), 0);
    while !stop.load(Ordering::Relaxed) {
        let node = chance.random_range(0..NODES);
        let unit = *UNITS.choose(&mut chance).unwrap();
        let first = chance.random_range(0..5) * SHARDS_PER_SCOPE;
        let shards = format!("{first}-{}", first + SHARDS_PER_SCOPE - 1);
        let words: Vec<&str> = match chance.random_range(0..10) {
            0..6 => vec!["move", "--shards", &shards, "--to", unit],
            6..9 => vec!["switch", "--to", unit],
            _ => vec!["forbid", "--shards", &shards, "--reason", "a drill"],
        };
        let (is_done, said) = world.ctl(node, &words).await;
        println!("          ctl at n{}: {}: {}", node + 1, words.join(" "), shortened(&said));
        done += u64::from(is_done);
        if words[0] == "forbid" {
            // Until it is lifted, wherever that can be said.
            let allow = ["allow", "--shards", &shards];
            while !world.ctl(chance.random_range(0..NODES), &allow).await.0 {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        read_history(&world, node, &mut history).await;
        tokio::time::sleep(Duration::from_millis(chance.random_range(100..1000))).await;
    }
    (history, done)
}

/// Adds what a node knows of the history.
pub async fn read_history(world: &World, node: usize, history: &mut History) {
    let read = async {
        let mut console = world.console(node).await?;
        rows_of(&mut console, "SHOW HISTORY").await
    };
    // A node that cannot say it now is asked again after the next change.
    if let Ok(Ok(rows)) = tokio::time::timeout(Duration::from_secs(5), read).await {
        history.extend(rows.into_iter().filter_map(|row| Some((row[0].parse().ok()?, row[1].clone()))));
    }
}

fn shortened(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(140).collect()
}
