//! Writers at all nodes, each with its own moments: open loop, so that a pause is felt by every write that should have begun in it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use meridian::demo::command::log_in;
use meridian::demo::state_file::{NodeEntry, State};
use mysql_async::prelude::Queryable;
use tokio::task::JoinSet;

/// Half of all shards, and of the writes.
pub const MOVE_SHARDS: &str = "MOVE SHARDS 0-4999";

/// One write.
#[derive(Clone, Debug)]
pub struct Written {
    /// Its moment.
    pub due: Instant,
    /// From its moment to its answer.
    pub took: Duration,
    /// What went wrong.
    pub error: Option<String>,
}

/// The running writers.
pub struct Load {
    stop: Arc<AtomicBool>,
    written: Arc<Mutex<Vec<Written>>>,
    writers: JoinSet<()>,
}

impl Load {
    /// `writers` writers at `nodes` in turns, together `rate` writes in a second.
    pub async fn start(state: &State, nodes: &[&NodeEntry], rate: usize, writers: usize) -> Load {
        let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let mut tasks = JoinSet::new();
        let interval = Duration::from_secs_f64(writers as f64 / rate as f64);
        let begin = Instant::now() + Duration::from_millis(500);
        let nodes_in_turn = nodes.len();
        for number in 0..writers {
            let node = nodes[number % nodes.len()];
            let mut client =
                log_in(node.mysql_port, &state.app_user, &state.app_password, Some(&state.schema)).await.unwrap();
            let (stop, written) = (Arc::clone(&stop), Arc::clone(&written));
            let mut due = begin + interval.mul_f64(number as f64 / writers as f64);
            tasks.spawn(async move {
                for count in 0.. {
                    tokio::time::sleep_until(due.into()).await;
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    // Whoever is at one node writes in both: those of each node come one after the other.
                    let insert = match number / nodes_in_turn % 2 {
                        0 => format!("INSERT INTO product (name) VALUES ('switches {number} {count}')"),
                        _ => {
                            let user = (number * 37 + count) % 5000;
                            format!("INSERT INTO orders (user_id, item) VALUES ({user}, 'switches {number} {count}')")
                        }
                    };
                    let error = client.query_drop(insert).await.err().map(|error| error.to_string());
                    written.lock().unwrap().push(Written { due, took: due.elapsed(), error });
                    due += interval;
                }
            });
        }
        Load { stop, written, writers: tasks }
    }

    /// The slowest of the writes whose moment or whose waiting lay between `from` and `to`.
    pub fn slowest(&self, from: Instant, to: Instant) -> Duration {
        let written = self.written.lock().unwrap();
        let touched = written.iter().filter(|one| one.due <= to && one.due + one.took >= from);
        touched.map(|one| one.took).max().unwrap_or_default()
    }

    /// Ends it; everything that was written.
    pub async fn end(self) -> Vec<Written> {
        self.stop.store(true, Ordering::SeqCst);
        self.writers.join_all().await;
        std::mem::take(&mut *self.written.lock().unwrap())
    }
}
