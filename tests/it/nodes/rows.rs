//! Nodes with `fence = "row"`: one that is not heard is waited for by nobody; what it sends when it wakes is not let in.

use std::time::Duration;

use meridian::model::Role;
use mysql_async::prelude::Queryable;
use rustix::process::Signal;

use super::agreeing::Load;
use super::{Cluster, nodes_shown};
use crate::moves::done;
use crate::scenarios::expect::{sent, until};
use crate::scenarios::world::marker;

const PATIENCE: Duration = Duration::from_secs(60);
const WRITE_GLOBAL: &str = "UPDATE product SET stock = stock WHERE name = 'nothing'";

/// A loaded machine must not take a living node for a silent one.
const MOVES: &str = "acknowledge_deadline = \"3s\"\ndrain_deadline = \"10s\"\nend_deadline = \"10s\"\nsilence_deadline = \"1s\"\n\
                     catch_up_deadline = \"60s\"\nhold_deadline = \"60s\"\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_node_is_not_waited_for_and_the_rows_do_not_let_in_what_it_sends_when_it_wakes() {
    let Some(cluster) = Cluster::start_with(1, 3, 60, MOVES, "fence = \"row\"\n").await else { return };
    let databases = cluster.turn.databases;
    let load = Load::start(&cluster, &[0, 2]).await;
    let (mark, late) = (marker(), marker());
    let (mut open, mut idle) = (cluster.client(1, "hz").await, cluster.client(1, "bj").await);
    idle.query_drop(WRITE_GLOBAL).await.unwrap();
    open.query_drop("BEGIN").await.unwrap();
    open.query_drop(format!("INSERT INTO product (name) VALUES ('{mark}')")).await.unwrap();
    let mut console = cluster.console(0).await;
    cluster.nodes[1].signal(Signal::STOP);
    // Were its lease waited for, which lasts a minute, the move would go back.
    let told = done(&mut console, "SWITCH GLOBAL ZONE TO 'bj'").await;
    assert!(told.starts_with("moved the Global Zone from hz to bj"), "{told}");
    assert_eq!(nodes_shown(&mut console).await, ["n1#1 this", "n2#1 live", "n3#1 live"]);
    let rows_at_hz = format!("SELECT COUNT(*) FROM shop.product WHERE name = '{mark}'");
    assert_eq!(databases.value("hz", Role::Primary, &rows_at_hz).await, "0");
    // It may be asked to write before it notices anything, and its lease holds.
    let commit = tokio::spawn(async move { open.query_drop("COMMIT").await });
    let write = format!("{WRITE_GLOBAL} /* {late} */");
    let write = tokio::spawn(async move { idle.query_drop(write).await });
    cluster.nodes[1].signal(Signal::CONT);
    commit.await.unwrap().unwrap_err();
    write.await.unwrap().unwrap();
    assert_eq!(databases.executed(&late), ["bj primary"]);
    let mut woken = cluster.client(1, "hz").await;
    until("it writes", PATIENCE, async || woken.query_drop(WRITE_GLOBAL).await.is_ok()).await;
    let told = done(&mut console, "SWITCH GLOBAL ZONE TO 'hz'").await;
    assert!(told.starts_with("moved the Global Zone from bj to hz"), "{told}");
    assert_eq!(sent(&mut woken, databases, WRITE_GLOBAL).await, Ok(vec!["hz primary".to_owned()]));
    load.check(&cluster).await;
    assert_eq!(databases.value("hz", Role::Primary, &rows_at_hz).await, "0");
}
