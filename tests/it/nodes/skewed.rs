//! C4: wall clocks that are wrong, and a node that hears of everything late.

use std::time::Duration;

use meridian::model::Role;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tokio::task::JoinHandle;

use super::ways::Ways;
use super::{Cluster, shows_nodes};
use crate::failures::program::Program;
use crate::moves::{PATIENT, at_step, begin, held};
use crate::scenarios::expect::{rows, until, within};
use crate::scenarios::node::Setup;
use crate::scenarios::world::marker;

const PATIENCE: Duration = Duration::from_secs(60);

/// The process's wall clock is wrong by so many seconds; says so where that cannot be had.
fn wrong_by(setup: &mut Setup, seconds: i32) {
    let libraries = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let library = libraries.map(|place| place.path().join("faketime/libfaketimeMT.so.1")).find(|path| path.exists());
    let Some(library) = library else {
        eprintln!("NOT CHECKED: wall clocks that are wrong: libfaketime is not installed (package libfaketime)");
        return;
    };
    let variable = |name: &str, value: String| (name.to_owned(), value);
    setup.environment = vec![
        variable("LD_PRELOAD", library.display().to_string()),
        variable("FAKETIME", format!("{seconds:+}s")),
        variable("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ];
}

fn insert(mut client: Conn, name: String) -> JoinHandle<Result<(), mysql_async::Error>> {
    tokio::spawn(async move { client.query_drop(format!("INSERT INTO product (name) VALUES ('{name}')")).await })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c4_under_wrong_clocks_and_with_a_node_that_hears_late_nobody_writes_what_moves() {
    // Longer than everything here: no lease helps the move along.
    let Some(mut cluster) = Cluster::start(1, 0, 60, PATIENT).await else { return };
    let databases = cluster.turn.databases;
    let (_, etcd) = cluster.servers.etcd.members().next().unwrap();
    let late = Ways::to(&[etcd], Duration::from_millis(700)).await;
    let (mut first, mut second) = (cluster.setup(1), cluster.setup(2));
    wrong_by(&mut first, 5);
    wrong_by(&mut second, -5);
    second.sections = second.sections.replace(&format!(":{etcd}"), &format!(":{}", late.begin_of(etcd)));
    for setup in [first, second] {
        cluster.nodes.push(Program::start(setup).await);
    }
    let mut console = cluster.console(0).await;
    shows_nodes(&mut console, &["n1#1 this", "n2#1 live"]).await;
    let mark = marker();
    let mut open = cluster.client(0, "hz").await;
    open.query_drop("BEGIN").await.unwrap();
    open.query_drop(format!("INSERT INTO product (name) VALUES ('{mark} open')")).await.unwrap();
    let (unaware, mut after) = (cluster.client(1, "hz").await, Vec::new());
    for node in [0, 1] {
        for unit in ["hz", "bj"] {
            after.push(cluster.client(node, unit).await);
        }
    }
    let moving = begin(cluster.console(0).await, "SWITCH GLOBAL ZONE TO 'bj'");
    at_step(&mut console, "drain").await;
    // It has not heard of the move: what it lets in is the old owner's, and the move waits for it, as it waits for the node's word.
    insert(unaware, format!("{mark} unaware")).await.unwrap().unwrap();
    until("every node has taken notice", PATIENCE, async || {
        let nodes = rows(&mut console, "SHOW NODES").await;
        nodes.iter().filter(|row| row["node"] == "n2").all(|row| !row["acknowledged"].is_empty())
    })
    .await;
    // From now on nobody writes it anywhere, though the move waits for a transaction that is open.
    let waiting: Vec<_> = after
        .into_iter()
        .enumerate()
        .map(|(number, client)| insert(client, format!("{mark} after {number}")))
        .collect();
    held(&mut console, 2).await;
    held(&mut cluster.console(1).await, 2).await;
    assert!(waiting.iter().all(|write| !write.is_finished()) && !moving.is_finished());
    let names = format!(
        "SELECT GROUP_CONCAT(SUBSTRING(name, {}) ORDER BY id) FROM shop.product WHERE name LIKE '{mark} %'",
        mark.len() + 2
    );
    assert_eq!(databases.value("hz", Role::Primary, &names).await, "unaware");
    assert_eq!(databases.value("bj", Role::Primary, &format!("{names} AND name LIKE '% after %'")).await, "NULL");

    open.query_drop("COMMIT").await.unwrap();
    let told = within("the move ends", PATIENCE, moving).await.unwrap().unwrap();
    assert!(told.starts_with("moved the Global Zone from hz to bj"), "{told}");
    for write in waiting {
        within("a held write is let go", PATIENCE, write).await.unwrap().unwrap();
    }
    databases.converge().await;
    let all = format!("SELECT COUNT(*) FROM shop.product WHERE name LIKE '{mark} %'");
    for unit in ["hz", "bj"] {
        assert_eq!(databases.value(unit, Role::Primary, &all).await, "6", "{unit}");
    }
    // Each unit's automatic ids tell who gave them: the held writes are the new owner's.
    let own = |unit: &str| {
        format!(
            "{all} AND name LIKE '% after %' AND id % 4 = (SELECT id % 4 FROM shop.product WHERE name = '{mark} {unit}')"
        )
    };
    assert_eq!(
        databases.value("bj", Role::Primary, &own("open")).await,
        "0",
        "none of them ran where the old writes did"
    );
}
