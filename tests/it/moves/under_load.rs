//! G1, C13, G4: ownership moves under load and nobody is told an error, nothing is lost or doubled, and each write ran at one owner.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use meridian::model::Role;
use mysql_async::prelude::Queryable;
use tokio::task::JoinSet;

use super::{PATIENT, Turn, done};
use crate::scenarios::expect::{until, within};
use crate::scenarios::node::{Node, UNITS};
use crate::scenarios::world::marker;

/// Writers of both units, alternately alone and in short transactions, of the Global Zone and of shard 5050, and a reader in each.
struct Load {
    stop: Arc<AtomicBool>,
    written: Arc<AtomicUsize>,
    readers: JoinSet<()>,
    writers: JoinSet<Vec<String>>,
    mark: String,
}

impl Load {
    async fn start(node: &Node) -> Load {
        let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mark = marker();
        let mut writers = JoinSet::new();
        for number in 0..6_usize {
            let mut client = node.client(UNITS[number % 2]).await;
            let (stop, written, mark) = (Arc::clone(&stop), Arc::clone(&written), mark.clone());
            writers.spawn(async move {
                let mut acknowledged = Vec::new();
                for count in 0.. {
                    if stop.load(Ordering::SeqCst) {
                        break;
                    }
                    let name = format!("{mark} {number} {count}");
                    let insert = match number % 3 {
                        0 => format!("INSERT INTO orders (user_id, item) VALUES (5050, '{name}')"),
                        _ => format!("INSERT INTO product (name, price) VALUES ('{name}', 1)"),
                    };
                    if count % 2 == 0 {
                        client.query_drop(&insert).await.unwrap_or_else(|error| panic!("{name}: {error}"));
                    } else {
                        for statement in ["BEGIN", "SELECT 1 FROM product LIMIT 1", &insert, "COMMIT"] {
                            client.query_drop(statement).await.unwrap_or_else(|error| panic!("{name}: {error}"));
                        }
                    }
                    written.fetch_add(1, Ordering::SeqCst);
                    acknowledged.push(name);
                }
                acknowledged
            });
        }
        let mut readers = JoinSet::new();
        for unit in UNITS {
            let (mut client, stop) = (node.client(unit).await, Arc::clone(&stop));
            readers.spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    for read in
                        ["SELECT name FROM product LIMIT 1", "SELECT item FROM orders WHERE user_id = 5050 LIMIT 1"]
                    {
                        // Nothing of it is held: what moves is only written elsewhere soon.
                        within(unit, Duration::from_secs(10), client.query_drop(read)).await.unwrap();
                    }
                }
            });
        }
        let load = Load { stop, written, readers, writers, mark };
        load.goes_on(30).await;
        load
    }

    /// Waits for so many writes more.
    async fn goes_on(&self, more: usize) {
        let reached = self.written.load(Ordering::SeqCst) + more;
        let what = format!("{more} writes more");
        until(&what, Duration::from_secs(60), async || self.written.load(Ordering::SeqCst) >= reached).await;
    }

    /// Ends it; every server has every acknowledged row, once.
    async fn check(self, turn: &Turn) {
        self.stop.store(true, Ordering::SeqCst);
        self.readers.join_all().await;
        let mut acknowledged: Vec<String> = self.writers.join_all().await.into_iter().flatten().collect();
        acknowledged.sort_unstable();
        turn.databases.converge().await;
        for unit in UNITS {
            for role in [Role::Primary, Role::Replica] {
                let query = format!(
                    "SET SESSION group_concat_max_len = 100000000; \
                     SELECT GROUP_CONCAT(n ORDER BY BINARY n SEPARATOR '|') FROM (SELECT item n FROM shop.orders WHERE item LIKE \
                     '{0}%' UNION ALL SELECT name n FROM shop.product WHERE name LIKE '{0}%') all_of_them",
                    self.mark
                );
                let found = turn.databases.last_value(unit, role, &query).await;
                let found: Vec<&str> = found.split('|').collect();
                assert_eq!(found, acknowledged, "{unit} {role:?}");
            }
        }
        assert!(acknowledged.len() > 100, "only {} writes", acknowledged.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g1_the_global_zone_is_switched_to_and_fro_under_load_without_an_error_and_without_a_lost_or_doubled_row() {
    let turn = Turn::wait().await;
    let node = turn.node(PATIENT).await;
    let load = Load::start(&node).await;
    let mut console = node.console("hz").await;
    for round in 0..6 {
        let target = if round % 2 == 0 { "bj" } else { "hz" };
        let told = done(&mut console, &format!("SWITCH GLOBAL ZONE TO '{target}'")).await;
        assert!(told.starts_with("moved the Global Zone"), "{told}");
        load.goes_on(30).await;
    }
    load.check(&turn).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c13_g4_shards_move_under_load_while_the_global_zone_is_switched() {
    let turn = Turn::wait().await;
    let node = turn.node(PATIENT).await;
    let load = Load::start(&node).await;
    let (mut console, mut other) = (node.console("hz").await, node.console("bj").await);
    for target in ["hz", "bj", "hz"] {
        let (shards, zone) =
            (format!("MOVE SHARDS 5000-5999 TO '{target}'"), format!("SWITCH GLOBAL ZONE TO '{target}'"));
        let both = tokio::join!(done(&mut console, &shards), done(&mut other, &zone));
        assert!(both.0.starts_with("moved shards 5000-5999"), "{both:?}");
        load.goes_on(20).await;
    }
    load.check(&turn).await;
}
