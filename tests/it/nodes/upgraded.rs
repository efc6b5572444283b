//! A rolling upgrade: each node is replaced while clients come and go at all of them and ownership moves. Nobody is told an error.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use meridian::model::Role;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tokio::task::JoinSet;

use super::{Cluster, shows_nodes};
use crate::moves::{PATIENT, begin};
use crate::scenarios::expect::until;
use crate::scenarios::node::UNITS;
use crate::scenarios::world::marker;

const PATIENCE: Duration = Duration::from_secs(120);

/// Clients that come, write in a transaction, and go, as a short-lived program does; each remembers what it was told is written.
struct Visitors {
    stop: Arc<AtomicBool>,
    visits: Arc<AtomicUsize>,
    going: JoinSet<Result<Vec<String>, mysql_async::Error>>,
}

impl Visitors {
    fn begin(cluster: &Cluster, mark: &str) -> Visitors {
        let (stop, visits) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut going = JoinSet::new();
        for number in 0..2 * cluster.nodes.len() {
            let options = cluster.nodes[number / 2].setup.options(UNITS[number % 2]);
            let (stop, visits, mark) = (Arc::clone(&stop), Arc::clone(&visits), mark.to_owned());
            going.spawn(async move {
                let mut written = Vec::new();
                while !stop.load(Ordering::SeqCst) {
                    let name = format!("{mark} {number} {}", written.len());
                    let mut client = Conn::new(options.clone()).await?;
                    client.query_drop("BEGIN").await?;
                    client.query_drop(format!("INSERT INTO product (name, price) VALUES ('{name}', 1)")).await?;
                    client.query_drop("COMMIT").await?;
                    client.disconnect().await?;
                    written.push(name);
                    visits.fetch_add(1, Ordering::SeqCst);
                }
                Ok(written)
            });
        }
        Visitors { stop, visits, going }
    }

    async fn more(&self, count: usize) {
        let wanted = self.visits.load(Ordering::SeqCst) + count;
        until("more visits", PATIENCE, async || self.visits.load(Ordering::SeqCst) >= wanted).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_are_replaced_one_by_one_while_ownership_moves_and_nobody_is_told_an_error() {
    let Some(mut cluster) = Cluster::start_with(1, 2, 20, PATIENT, "fence = \"connection\"\n").await else { return };
    let mark = marker();
    let visitors = Visitors::begin(&cluster, &mark);
    visitors.more(20).await;
    for (replaced, target) in [(0, "bj"), (1, "hz")] {
        let asked = 1 - replaced;
        let moving = begin(cluster.console(asked).await, &format!("SWITCH GLOBAL ZONE TO '{target}'"));
        cluster.nodes[replaced].replace().await;
        let told = moving.await.unwrap().unwrap();
        assert!(told.starts_with("moved the Global Zone"), "{told}");
        visitors.more(20).await;
    }
    shows_nodes(&mut cluster.console(0).await, &["n1#2 this", "n2#2 live"]).await;
    visitors.stop.store(true, Ordering::SeqCst);
    let mut written = Vec::new();
    for ended in visitors.going.join_all().await {
        written.extend(ended.unwrap_or_else(|error| panic!("{error}\n{}", cluster.nodes[0].log())));
    }
    let databases = cluster.turn.databases;
    databases.converge().await;
    let count =
        format!("SELECT CONCAT(COUNT(*), ' ', COUNT(DISTINCT name)) FROM shop.product WHERE name LIKE '{mark}%'");
    for unit in UNITS {
        let found = databases.value(unit, Role::Primary, &count).await;
        assert_eq!(found, format!("{0} {0}", written.len()), "{unit}: each acknowledged write is there, once");
    }
}
