//! What becomes of it when a node is paused or killed, and when etcd is gone: C15, and moves that go on without the node that ran them.

use std::time::Duration;

use meridian::model::Role;
use mysql_async::prelude::Queryable;
use rustix::process::Signal;

use super::agreeing::Load;
use super::{Cluster, shows_nodes};
use crate::failures::program::Program;
use crate::moves::{PATIENT, at_step, begin, done};
use crate::scenarios::expect::{error_of, refused, rows, sent, until, value, within};
use crate::scenarios::world::marker;

const PATIENCE: Duration = Duration::from_secs(60);
const WRITE_GLOBAL: &str = "UPDATE product SET stock = stock WHERE name = 'nothing'";

/// A node is paused in the middle of a transaction. The move waits for its lease and no longer; what it had open is ended at the database, and
/// when it wakes it writes nothing until it has entered anew and knows the new owner.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_node_keeps_a_move_waiting_for_its_lease_at_most_and_writes_nothing_when_it_wakes() {
    let moves =
        "drain_deadline = \"1s\"\nsilence_deadline = \"40s\"\ncatch_up_deadline = \"60s\"\nhold_deadline = \"60s\"\n";
    let Some(cluster) = Cluster::start(1, 2, 4, moves).await else { return };
    let load = Load::start(&cluster, &[0]).await;
    let mark = marker();
    let (mut open, mut idle) = (cluster.client(1, "hz").await, cluster.client(1, "bj").await);
    idle.query_drop(WRITE_GLOBAL).await.unwrap();
    open.query_drop("BEGIN").await.unwrap();
    open.query_drop(format!("INSERT INTO product (name) VALUES ('{mark}')")).await.unwrap();
    cluster.nodes[1].signal(Signal::STOP);
    let mut console = cluster.console(0).await;
    let moving = begin(cluster.console(0).await, "SWITCH GLOBAL ZONE TO 'bj'");
    at_step(&mut console, "await-nodes").await;
    let detail = rows(&mut console, "SHOW MOVES").await[0]["detail"].clone();
    assert_eq!(detail, "waiting for n2#1");
    let told = within("the move ends", PATIENCE, moving).await.unwrap().unwrap();
    assert!(told.starts_with("moved the Global Zone from hz to bj"), "{told}");
    // What was committed at hz by now is all there ever will be.
    let rows_at_hz = format!("SELECT COUNT(*) FROM shop.product WHERE name = '{mark}'");
    assert_eq!(cluster.turn.databases.value("hz", Role::Primary, &rows_at_hz).await, "0");
    // The woken node may be asked to write before it notices anything.
    let commit = tokio::spawn(async move { open.query_drop("COMMIT").await });
    let write = tokio::spawn(async move { (idle.query_drop(WRITE_GLOBAL).await, idle) });
    cluster.nodes[1].signal(Signal::CONT);
    commit.await.unwrap().unwrap_err();
    // Either nothing was sent, or the new owner has it; the old one never.
    if let (Err(error), _) = write.await.unwrap() {
        let (errno, text) = refused(error);
        assert!(errno == 1290 && text.contains("has not reached the control store in time") || errno == 2013, "{text}");
    }
    shows_nodes(&mut console, &["n1#1 this", "n2#2 live"]).await;
    let mut woken = cluster.client(1, "hz").await;
    until("it writes again", PATIENCE, async || woken.query_drop(WRITE_GLOBAL).await.is_ok()).await;
    assert_eq!(sent(&mut woken, cluster.turn.databases, WRITE_GLOBAL).await, Ok(vec!["bj primary".to_owned()]));
    load.check(&cluster).await;
    assert_eq!(cluster.turn.databases.value("hz", Role::Primary, &rows_at_hz).await, "0");
}

/// A node that was killed may have left statements that a server still executes; they are ended before the source's position is read.
#[tokio::test]
async fn what_a_killed_node_left_at_the_source_is_ended_before_a_move_goes_on() {
    let Some(mut cluster) = Cluster::start(1, 2, 4, PATIENT).await else { return };
    let mark = marker();
    let mut executing = cluster.client(1, "bj").await;
    let slow = format!("INSERT INTO product (name) SELECT CONCAT('{mark} slow', SLEEP(30))");
    let executing = tokio::spawn(async move { executing.query_drop(slow).await });
    let running =
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'INSERT INTO product (name) SELECT%'";
    let databases = cluster.turn.databases;
    until("the server executes it", PATIENCE, async || databases.value("hz", Role::Primary, running).await == "1")
        .await;
    let (directory, setup) = cluster.nodes.remove(1).kill();
    assert!(executing.await.unwrap().is_err());
    let mut console = cluster.console(0).await;
    let told = done(&mut console, "SWITCH GLOBAL ZONE TO 'bj'").await;
    assert!(told.starts_with("moved the Global Zone from hz to bj"), "{told}");
    assert_eq!(databases.value("hz", Role::Primary, running).await, "0");
    // It is ended everywhere and then forgotten, and its successor is another incarnation.
    shows_nodes(&mut console, &["n1#1 this"]).await;
    cluster.nodes.push(Program::start_in(directory, setup).await);
    shows_nodes(&mut console, &["n1#1 this", "n2#2 live"]).await;
    let mut client = cluster.client(1, "hz").await;
    assert_eq!(sent(&mut client, databases, WRITE_GLOBAL).await, Ok(vec!["bj primary".to_owned()]));
    databases.converge().await;
    let count = format!("SELECT COUNT(*) FROM product WHERE name LIKE '{mark}%'");
    assert_eq!(value(&mut client, &count).await, "0");
}

#[tokio::test]
async fn a_move_whose_node_is_killed_or_paused_is_finished_by_another_one() {
    let Some(mut cluster) = Cluster::start(1, 3, 4, PATIENT).await else { return };
    let databases = cluster.turn.databases;
    // Killed while it waits for a transaction of another node.
    let mut open = cluster.client(0, "hz").await;
    open.query_drop("BEGIN").await.unwrap();
    open.query_drop("INSERT INTO product (name) VALUES ('waited for')").await.unwrap();
    let moving = begin(cluster.console(2).await, "SWITCH GLOBAL ZONE TO 'bj'");
    let mut console = cluster.console(0).await;
    until("the move is known here", PATIENCE, async || !rows(&mut console, "SHOW MOVES").await.is_empty()).await;
    let (directory, setup) = cluster.nodes.remove(2).kill();
    assert!(moving.await.unwrap().is_err());
    until("another node carries it on", PATIENCE, async || {
        let history = rows(&mut console, "SHOW HISTORY").await;
        history.iter().any(|row| row["what"].contains("carried on by n"))
    })
    .await;
    open.query_drop("COMMIT").await.unwrap();
    until("the move has ended", PATIENCE, async || rows(&mut console, "SHOW MOVES").await.is_empty()).await;
    let what = rows(&mut console, "SHOW HISTORY").await[0]["what"].clone();
    assert!(what.contains("moved the Global Zone from hz to bj"), "{what}");
    cluster.nodes.push(Program::start_in(directory, setup).await);
    // Paused while replication catches up: woken, it finds the move carried on, and does nothing to it.
    databases.run("hz", "STOP SLAVE 'from_bj' SQL_THREAD").await;
    let mut behind = cluster.client(0, "hz").await;
    behind.query_drop("INSERT INTO product (name) VALUES ('not there yet')").await.unwrap();
    let running = begin(cluster.console(2).await, "SWITCH GLOBAL ZONE TO 'hz'");
    // The pre-check waits for replication before anything is closed; it goes on for a moment, so that the move begins.
    databases.run("hz", "START SLAVE 'from_bj' SQL_THREAD").await;
    let told = within("the switch back", PATIENCE, running).await.unwrap().unwrap();
    assert!(told.starts_with("moved the Global Zone from bj to hz"), "{told}");
    let mut open = cluster.client(0, "hz").await;
    open.query_drop("BEGIN").await.unwrap();
    open.query_drop("INSERT INTO product (name) VALUES ('waited for again')").await.unwrap();
    let paused = begin(cluster.console(2).await, "SWITCH GLOBAL ZONE TO 'bj'");
    until("the move is known here", PATIENCE, async || !rows(&mut console, "SHOW MOVES").await.is_empty()).await;
    cluster.nodes[2].signal(Signal::STOP);
    until("another node carries it on", PATIENCE, async || {
        let history = rows(&mut console, "SHOW HISTORY").await;
        history[0]["what"].contains("carried on by n")
    })
    .await;
    open.query_drop("COMMIT").await.unwrap();
    until("the move has ended", PATIENCE, async || rows(&mut console, "SHOW MOVES").await.is_empty()).await;
    cluster.nodes[2].signal(Signal::CONT);
    drop(within("the paused node answers", PATIENCE, paused).await.unwrap());
    let mut client = cluster.client(2, "hz").await;
    until("the woken node writes", PATIENCE, async || client.query_drop(WRITE_GLOBAL).await.is_ok()).await;
    assert_eq!(sent(&mut client, databases, WRITE_GLOBAL).await, Ok(vec!["bj primary".to_owned()]));
}

#[tokio::test]
async fn c15_without_etcd_reads_go_on_and_writes_stop_with_the_lease_and_come_back_by_themselves() {
    let Some(mut cluster) = Cluster::start(1, 1, 4, PATIENT).await else { return };
    let mut client = cluster.client(0, "hz").await;
    client.query_drop(WRITE_GLOBAL).await.unwrap();
    cluster.servers.etcd.kill(0);
    // The lease is still good.
    client.query_drop(WRITE_GLOBAL).await.unwrap();
    until("writes stop", PATIENCE, async || client.query_drop(WRITE_GLOBAL).await.is_err()).await;
    let (errno, text) = error_of(&mut client, WRITE_GLOBAL).await;
    assert!(errno == 1290 && text.contains("has not reached the control store in time"), "{text}");
    client.query_drop("SELECT * FROM product WHERE name = 'nothing'").await.unwrap();
    client.query_drop("INSERT INTO audit_log (message) VALUES ('local')").await.unwrap();
    let mut console = cluster.console(0).await;
    assert_eq!(rows(&mut console, "SHOW NODES").await[0]["lease_left_ms"], "0");
    cluster.servers.etcd.restart(0).unwrap();
    cluster.servers.etcd.wait_for(0).await.unwrap();
    until("writes come back", PATIENCE, async || client.query_drop(WRITE_GLOBAL).await.is_ok()).await;
}
