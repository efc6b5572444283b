//! C13: a hundred writers at two nodes during fifty cuts. Each row says itself which server took it, and when by that machine's one clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use meridian::model::Role;
use mysql_async::prelude::Queryable;
use tokio::task::JoinSet;

use super::Cluster;
use crate::moves::{PATIENT, done};
use crate::scenarios::expect::until;
use crate::scenarios::node::UNITS;
use crate::scenarios::world::marker;

const WRITERS: usize = 100;
const CUTS: usize = 50;

/// Between two writes of a writer.
const PAUSE: Duration = Duration::from_millis(800);

/// What the owner of the time takes at least between two cuts, so that every change of owner is seen in the rows.
const BETWEEN: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c13_of_a_hundred_writers_during_fifty_cuts_no_two_units_ever_take_a_key_at_once() {
    let Some(cluster) = Cluster::start(1, 2, 20, PATIENT).await else { return };
    let databases = cluster.turn.databases;
    let mark = marker();
    let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]));
    let mut writers = JoinSet::new();
    for number in 0..WRITERS {
        let mut client = cluster.client(number % 2, UNITS[number / 2 % 2]).await;
        let (stop, written, mark) = (Arc::clone(&stop), Arc::clone(&written), mark.clone());
        let is_global = number % 4 == 0;
        writers.spawn(async move {
            let mut acknowledged = 0;
            while !stop.load(Ordering::SeqCst) {
                let insert = match is_global {
                    true => format!("INSERT INTO product (name, price) VALUES (CONCAT('{mark} ', SYSDATE(6)), @@server_id)"),
                    false => format!("INSERT INTO orders (user_id, item, amount) VALUES (5050, CONCAT('{mark} ', SYSDATE(6)), @@server_id)"),
                };
                client.query_drop(insert).await.unwrap_or_else(|error| panic!("writer {number}: {error}"));
                written[usize::from(is_global)].fetch_add(1, Ordering::SeqCst);
                acknowledged += 1;
                // They are many, and replicas apply one write after the other.
                tokio::time::sleep(PAUSE).await;
            }
            acknowledged
        });
    }
    let (mut console, began) = (cluster.console(0).await, Instant::now());
    for cut in 0..CUTS {
        let (is_global, round) = (cut % 2 == 0, cut / 2);
        let command = match (is_global, round % 2) {
            (true, 0) => "SWITCH GLOBAL ZONE TO 'bj'",
            (true, _) => "SWITCH GLOBAL ZONE TO 'hz'",
            (false, 0) => "MOVE SHARDS 5000-5999 TO 'hz'",
            (false, _) => "MOVE SHARDS 5000-5999 TO 'bj'",
        };
        let before = written[usize::from(is_global)].load(Ordering::SeqCst);
        until("writes go on", Duration::from_secs(60), async || {
            written[usize::from(is_global)].load(Ordering::SeqCst) > before + BETWEEN
        })
        .await;
        let told = done(&mut console, command).await;
        assert!(told.starts_with("moved"), "{told}");
        println!("cut {cut} after {:?}: {told}", began.elapsed());
    }
    let before = written.each_ref().map(|count| count.load(Ordering::SeqCst));
    until("the last owners write", Duration::from_secs(60), async || {
        written.iter().zip(before).all(|(count, before)| count.load(Ordering::SeqCst) > before + BETWEEN)
    })
    .await;
    stop.store(true, Ordering::SeqCst);
    let acknowledged: usize = writers.join_all().await.into_iter().sum();
    databases.converge().await;

    let mut rows = Vec::new();
    for (table, name, server) in [("product", "name", "price"), ("orders", "item", "amount")] {
        let query = format!("SELECT {server} FROM shop.{table} WHERE {name} LIKE '{mark} %' ORDER BY {name}, id");
        let taken_by: Vec<u32> = databases.root("hz").await.query(&query).await.unwrap();
        let at_bj: Vec<u32> = databases.root("bj").await.query(&query).await.unwrap();
        assert_eq!(taken_by, at_bj, "{table}: both copies are equal");
        let changes = taken_by.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert_eq!(
            changes,
            CUTS / 2,
            "{table}: in the order of their time, rows change hands when ownership does, and never else"
        );
        rows.extend(taken_by);
    }
    assert_eq!(rows.len(), acknowledged, "each acknowledged write is there, once");
    for (unit, role) in [("hz", Role::Replica), ("bj", Role::Replica)] {
        let count = format!(
            "SELECT (SELECT COUNT(*) FROM shop.product WHERE name LIKE '{mark} %') + (SELECT COUNT(*) FROM shop.orders WHERE item LIKE '{mark} %')"
        );
        assert_eq!(databases.value(unit, role, &count).await, acknowledged.to_string(), "{unit} {role:?}");
    }
}
