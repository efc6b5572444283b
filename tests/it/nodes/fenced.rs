//! Nodes with accounts of their own at the primaries: one that is not heard is shut out there, and no lease is waited for.

use std::time::Duration;

use meridian::model::Role;
use mysql_async::prelude::Queryable;
use rustix::process::Signal;

use super::agreeing::Load;
use super::{Cluster, nodes_shown, shows_nodes};
use crate::failures::program::Program;
use crate::moves::done;
use crate::scenarios::expect::{rows, sent, until, within};
use crate::scenarios::world::marker;

const PATIENCE: Duration = Duration::from_secs(60);
const WRITE_GLOBAL: &str = "UPDATE product SET stock = stock WHERE name = 'nothing'";
const FENCE: &str = "fence = \"connection\"\n";

/// A loaded machine must not take a living node for a silent one.
const MOVES: &str = "acknowledge_deadline = \"3s\"\ndrain_deadline = \"10s\"\nend_deadline = \"10s\"\nsilence_deadline = \"1s\"\n\
                     catch_up_deadline = \"60s\"\nhold_deadline = \"60s\"\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_node_is_shut_out_at_the_source_while_its_lease_holds_and_writes_nothing_when_it_wakes() {
    let Some(cluster) = Cluster::start_with(1, 3, 60, MOVES, FENCE).await else { return };
    let databases = cluster.turn.databases;
    let load = Load::start(&cluster, &[0, 2]).await;
    let mark = marker();
    let (mut open, mut idle) = (cluster.client(1, "hz").await, cluster.client(1, "bj").await);
    idle.query_drop(WRITE_GLOBAL).await.unwrap();
    open.query_drop("BEGIN").await.unwrap();
    open.query_drop(format!("INSERT INTO product (name) VALUES ('{mark}')")).await.unwrap();
    let users =
        "SELECT GROUP_CONCAT(DISTINCT USER ORDER BY USER) FROM information_schema.PROCESSLIST WHERE USER LIKE 'app%'";
    assert_eq!(databases.value("hz", Role::Primary, users).await, "app-n1,app-n2,app-n3", "none but the nodes' own");
    let mut console = cluster.console(0).await;
    let dry = rows(&mut console, "SWITCH GLOBAL ZONE TO 'bj' DRY RUN").await;
    let fence = dry.iter().find(|row| row["check"] == "fence").unwrap();
    assert_eq!((fence["instance"].as_str(), fence["result"].as_str()), ("hz-main-1", "ok"));
    cluster.nodes[1].signal(Signal::STOP);
    // Were its lease waited for, which lasts a minute, the move would go back.
    let told = done(&mut console, "SWITCH GLOBAL ZONE TO 'bj'").await;
    assert!(told.starts_with("moved the Global Zone from hz to bj"), "{told}");
    assert_eq!(nodes_shown(&mut console).await, ["n1#1 this", "n2#1 shut-out", "n3#1 live"]);
    let rows_at_hz = format!("SELECT COUNT(*) FROM shop.product WHERE name = '{mark}'");
    assert_eq!(databases.value("hz", Role::Primary, &rows_at_hz).await, "0");
    assert_eq!(databases.value("hz", Role::Primary, users).await, "app-n1,app-n3");
    // The woken node may be asked to write before it notices anything, and its lease holds.
    let commit = tokio::spawn(async move { open.query_drop("COMMIT").await });
    let write = tokio::spawn(async move { drop(idle.query_drop(WRITE_GLOBAL).await) });
    cluster.nodes[1].signal(Signal::CONT);
    commit.await.unwrap().unwrap_err();
    write.await.unwrap();
    shows_nodes(&mut console, &["n1#1 this", "n2#2 live", "n3#1 live"]).await;
    let mut woken = cluster.client(1, "hz").await;
    until("it writes again", PATIENCE, async || woken.query_drop(WRITE_GLOBAL).await.is_ok()).await;
    assert_eq!(sent(&mut woken, databases, WRITE_GLOBAL).await, Ok(vec!["bj primary".to_owned()]));
    let told = done(&mut console, "SWITCH GLOBAL ZONE TO 'hz'").await;
    assert!(told.starts_with("moved the Global Zone from bj to hz"), "{told}");
    assert_eq!(sent(&mut woken, databases, WRITE_GLOBAL).await, Ok(vec!["hz primary".to_owned()]));
    load.check(&cluster).await;
    assert_eq!(databases.value("hz", Role::Primary, &rows_at_hz).await, "0");
}

#[tokio::test]
async fn a_killed_node_is_shut_out_everywhere_and_its_successor_comes_in_with_another_password() {
    let Some(mut cluster) = Cluster::start_with(1, 2, 4, MOVES, FENCE).await else { return };
    let databases = cluster.turn.databases;
    let mark = marker();
    let mut executing = cluster.client(1, "bj").await;
    let slow = format!("INSERT INTO product (name) SELECT CONCAT('{mark} slow', SLEEP(30))");
    let executing = tokio::spawn(async move { executing.query_drop(slow).await });
    let running =
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'INSERT INTO product (name) SELECT%'";
    until("the server executes it", PATIENCE, async || databases.value("hz", Role::Primary, running).await == "1")
        .await;
    let door = "SELECT CONCAT(door, ' ', incarnation) FROM meridian.account WHERE node = 2";
    let before = databases.value("bj", Role::Primary, door).await;
    assert!(before.starts_with("open "), "{before}");
    let (directory, setup) = cluster.nodes.remove(1).kill();
    assert!(executing.await.unwrap().is_err());
    let mut console = cluster.console(0).await;
    let told = done(&mut console, "SWITCH GLOBAL ZONE TO 'bj'").await;
    assert!(told.starts_with("moved the Global Zone from hz to bj"), "{told}");
    assert_eq!(databases.value("hz", Role::Primary, running).await, "0");
    shows_nodes(&mut console, &["n1#1 this"]).await;
    for unit in ["hz", "bj"] {
        assert_eq!(databases.value(unit, Role::Primary, door).await, before.replace("open", "closed"), "{unit}");
    }
    cluster.nodes.push(Program::start_in(directory, setup).await);
    shows_nodes(&mut console, &["n1#1 this", "n2#2 live"]).await;
    let after = databases.value("bj", Role::Primary, door).await;
    assert!(after.starts_with("open ") && after != before, "{before}, {after}");
    let mut client = cluster.client(1, "hz").await;
    assert_eq!(sent(&mut client, databases, WRITE_GLOBAL).await, Ok(vec!["bj primary".to_owned()]));
}

#[tokio::test]
async fn a_node_whose_accounts_are_not_prepared_is_named_before_a_move() {
    let Some(mut cluster) = Cluster::start_with(1, 1, 4, MOVES, FENCE).await else { return };
    let mut stranger = cluster.setup(2);
    stranger.node.1 = 77;
    let program = Program::start(stranger).await;
    program.logs("'app-n77' is not among the nodes' accounts").await;
    cluster.nodes.push(program);
    let mut console = cluster.console(0).await;
    shows_nodes(&mut console, &["n1#1 this", "n2#1 live"]).await;
    let dry = rows(&mut console, "SWITCH GLOBAL ZONE TO 'bj' DRY RUN").await;
    let fence = dry.iter().find(|row| row["check"] == "fence").unwrap();
    assert!(fence["result"].starts_with("ok, but n2#1 without accounts of its own"), "{fence:?}");
    // It serves as it would without the fence, and a move that it cannot hear waits for its lease.
    let mut client = cluster.client(1, "hz").await;
    assert_eq!(sent(&mut client, cluster.turn.databases, WRITE_GLOBAL).await, Ok(vec!["hz primary".to_owned()]));
    cluster.nodes[1].signal(Signal::STOP);
    let moving = crate::moves::begin(cluster.console(0).await, "SWITCH GLOBAL ZONE TO 'bj'");
    let told = within("the move ends", PATIENCE, moving).await.unwrap().unwrap();
    assert!(told.starts_with("moved the Global Zone from hz to bj"), "{told}");
    cluster.nodes[1].signal(Signal::CONT);
    until("it writes again", PATIENCE, async || client.query_drop(WRITE_GLOBAL).await.is_ok()).await;
}
