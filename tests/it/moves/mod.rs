//! Planned moves of ownership against real servers and real replication: what applications notice (a pause), what they do not (errors, lost or
//! doubled rows), and what remains when a move, a server or Meridian itself breaks.
//!
//! The tests take turns: each has the servers for itself, because replication is stopped and delayed.

mod ahead;
mod announced;
mod broken;
mod drills;
mod fence_schema;
pub mod fencing;
mod guarded;
mod held;
mod journal;
mod lag;
mod lag_bound;
pub mod mysql9;
mod operated;
mod prechecks;
mod prepared;
mod primary_replaced;
mod replicas;
mod reserved;
pub mod rows;
mod star;
mod under_load;

use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tokio::sync::{Mutex, MutexGuard};

use crate::scenarios::expect::{rows, until};
use crate::scenarios::node::{Node, Setup};
use crate::scenarios::world::Databases;

static TURN: Mutex<()> = Mutex::const_new(());

/// The servers, for one test alone.
pub struct Turn {
    pub databases: &'static Databases,
    _alone: MutexGuard<'static, ()>,
}

impl Turn {
    /// Waits for the turn; every server has every row when it comes.
    pub async fn wait() -> Turn {
        let alone = TURN.lock().await;
        let databases = Databases::moved().await;
        // By name: START ALL SLAVES passes over a channel of which one thread runs.
        databases.run("hz", "START SLAVE 'from_bj'").await;
        databases.run("bj", "START SLAVE 'from_hz'").await;
        databases.converge().await;
        Turn { databases, _alone: alone }
    }

    /// A node's configuration with these settings in `[moves]`.
    pub fn setup(&self, moves: &str) -> Setup {
        let mut setup = Setup::shared(self.databases);
        setup.limits = format!("[moves]\n{moves}");
        setup
    }

    /// A node of which hz owns shards 0-4999 and the Global Zone.
    pub async fn node(&self, moves: &str) -> Node {
        Node::start(self.setup(moves)).await
    }
}

/// Generous: a loaded machine must not make a move go back that a test wants to see through.
pub const PATIENT: &str =
    "drain_deadline = \"20s\"\nend_deadline = \"20s\"\ncatch_up_deadline = \"60s\"\nhold_deadline = \"60s\"\n";

/// What a command that must succeed answers.
pub async fn done(console: &mut Conn, command: &str) -> String {
    rows(console, command).await[0]["result"].clone()
}

/// Starts a move that takes its time, on a console of its own. Gives its outcome when it has ended.
pub fn begin(mut console: Conn, command: &str) -> tokio::task::JoinHandle<Result<String, String>> {
    let command = command.to_owned();
    tokio::spawn(async move {
        let row: Result<Option<(String, u64)>, _> = console.query_first(&command).await;
        let outcome = row.map(|row| row.unwrap().0).map_err(|error| error.to_string());
        println!("{command}: {outcome:?}");
        outcome
    })
}

/// Waits until the only move under way is at `step`, and gives its number.
pub async fn at_step(console: &mut Conn, step: &str) -> u64 {
    let mut id = 0;
    until(&format!("a move at step {step}"), Duration::from_secs(60), async || {
        let moves = rows(console, "SHOW MOVES").await;
        let here = moves.iter().find(|row| row["step"] == step);
        id = here.map_or(0, |row| row["id"].parse().unwrap());
        here.is_some()
    })
    .await;
    id
}

/// Waits until writes are held.
pub async fn held(console: &mut Conn, count: u64) {
    until("writes are held", Duration::from_secs(60), async || {
        rows(console, "SHOW MOVES").await.iter().any(|row| row["held"].parse::<u64>().unwrap() >= count)
    })
    .await;
}
