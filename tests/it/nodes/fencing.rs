//! FORBID … WAIT FENCED with several nodes: one that is not heard is shut out first, by whatever fences, and the answer says so; and another node
//! ends what the node that was asked has left.

use std::time::Duration;

use meridian::model::Role;
use mysql_async::prelude::Queryable;
use rustix::process::Signal;

use super::{Cluster, shows_nodes};
use crate::moves::PATIENT;
use crate::moves::fencing::{Load, Logged, begin_fencing};
use crate::scenarios::expect::{error_of, rows, until, within};
use crate::scenarios::world::marker;

const PATIENCE: Duration = Duration::from_secs(60);
const WRITE_GLOBAL: &str = "UPDATE product SET stock = stock WHERE name = 'nothing'";
const FENCE: &str = "FORBID WRITES ON GLOBAL ZONE REASON 'copy' WAIT FENCED";

/// A loaded machine must not take a living node for a silent one.
const MOVES: &str = "acknowledge_deadline = \"3s\"\ndrain_deadline = \"10s\"\nend_deadline = \"10s\"\nsilence_deadline = \"20s\"\n\
                     catch_up_deadline = \"60s\"\nhold_deadline = \"60s\"\n";

/// With this fence a paused node loses what it has open, `how` tells the answer, and it writes again when the forbid is lifted.
async fn shuts_a_paused_node_out(lease: u32, fence: &'static str, how: &str) {
    let Some(cluster) = Cluster::start_with(1, 3, lease, MOVES, fence).await else { return };
    let databases = cluster.turn.databases;
    let mut log = Logged::from_now(&databases.root_access("hz")).await;
    let mut writers = Vec::new();
    for node in [0, 2] {
        let (hz, bj) =
            ((cluster.client(node, "hz").await, cluster.client(node, "hz").await), cluster.client(node, "bj").await);
        writers.push([hz.0, hz.1, bj, cluster.client(node, "bj").await]);
    }
    let load = Load::start(writers).await;
    let mark = marker();
    let (mut open, mut idle) = (cluster.client(1, "hz").await, cluster.client(1, "bj").await);
    idle.query_drop(WRITE_GLOBAL).await.unwrap();
    open.query_drop("BEGIN").await.unwrap();
    open.query_drop(format!("INSERT INTO product (name) VALUES ('{mark}')")).await.unwrap();
    cluster.nodes[1].signal(Signal::STOP);
    let mut console = cluster.console(0).await;
    let told = rows(&mut console, FENCE).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0]["instance"].as_str(), &told[0]["shut_out"]), ("hz-main-1", &format!("n2#1 ({how})")));
    let rows_at_hz = format!("SELECT COUNT(*) FROM shop.product WHERE name = '{mark}'");
    assert_eq!(databases.value("hz", Role::Primary, &rows_at_hz).await, "0");
    // It may be asked to write before it notices anything.
    let commit = tokio::spawn(async move { open.query_drop("COMMIT").await });
    let write = format!("INSERT INTO product (name) VALUES ('{} 1000 late')", load.mark);
    let write = tokio::spawn(async move { idle.query_drop(write).await });
    cluster.nodes[1].signal(Signal::CONT);
    commit.await.unwrap().unwrap_err();
    write.await.unwrap().unwrap_err();
    load.is_refused(10).await;
    load.goes_on_elsewhere(10).await;
    let load_mark = load.mark.clone();
    let mut acknowledged = load.end().await;
    let of_zone = |names: Vec<String>| -> Vec<String> {
        let number = |name: &String| name.split(' ').nth(1).and_then(|number| number.parse::<u32>().ok()).unwrap();
        let mut names: Vec<String> = names.into_iter().filter(|name| number(name) % 2 == 0).collect();
        names.sort_unstable();
        names
    };
    let (ahead, behind) = log.around(&told[0]["position"], &load_mark).await;
    acknowledged.sort_unstable();
    assert_eq!((of_zone(ahead), of_zone(behind)), (acknowledged, Vec::new()));
    let mut woken = cluster.client(1, "hz").await;
    let (errno, text) = error_of(&mut woken, WRITE_GLOBAL).await;
    assert_eq!(errno, 1290, "{text}");
    rows(&mut console, "ALLOW WRITES ON GLOBAL ZONE").await;
    for node in 0..3 {
        let mut client = cluster.client(node, "bj").await;
        until("it writes again", PATIENCE, async || client.query_drop(WRITE_GLOBAL).await.is_ok()).await;
    }
    assert_eq!(databases.value("hz", Role::Primary, &rows_at_hz).await, "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_node_is_shut_out_by_its_accounts_before_what_is_forbidden_is_fenced() {
    shuts_a_paused_node_out(60, "fence = \"connection\"\n", "its accounts are shut").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rows_are_closed_over_a_paused_node_before_what_is_forbidden_is_fenced() {
    shuts_a_paused_node_out(60, "fence = \"row\"\n", "the rows are closed over it").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lease_of_a_paused_node_is_waited_for_before_what_is_forbidden_is_fenced() {
    shuts_a_paused_node_out(4, "", "its lease and its connections have ended").await;
}

/// No lease of a minute is waited for.
const SHORT: &str = "acknowledge_deadline = \"300ms\"\ndrain_deadline = \"1s\"\nend_deadline = \"1s\"\nsilence_deadline = \"1s\"\n\
                     catch_up_deadline = \"60s\"\nhold_deadline = \"60s\"\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_nothing_shuts_out_is_named_by_the_deadline_and_the_forbid_stays() {
    let Some(cluster) = Cluster::start(1, 2, 60, SHORT).await else { return };
    let mut open = cluster.client(1, "hz").await;
    open.query_drop("BEGIN").await.unwrap();
    open.query_drop("INSERT INTO product (name) VALUES ('of a paused node')").await.unwrap();
    cluster.nodes[1].signal(Signal::STOP);
    let mut console = cluster.console(0).await;
    let (_, text) = error_of(&mut console, FENCE).await;
    assert!(text.contains("it is forbidden, but not fenced: not acknowledged by n2#1"), "{text}");
    let mut here = cluster.client(0, "bj").await;
    assert_eq!(error_of(&mut here, WRITE_GLOBAL).await.0, 1290);
    assert!(rows(&mut console, "SHOW MOVES").await.is_empty());
    cluster.nodes[1].signal(Signal::CONT);
    // What it has open is from before the forbid, and is waited for, or ended.
    let mut told = Vec::new();
    until("it is fenced", PATIENCE, async || {
        told = begin_fencing(cluster.console(0).await, FENCE).await.unwrap().unwrap_or_default();
        !told.is_empty()
    })
    .await;
    assert_eq!((told[0]["instance"].as_str(), told[0]["shut_out"].as_str()), ("hz-main-1", "NULL"));
    open.query_drop("COMMIT").await.unwrap_err();
    rows(&mut console, "ALLOW WRITES ON GLOBAL ZONE").await;
    here.query_drop(WRITE_GLOBAL).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_killed_while_it_fences_leaves_a_forbid_and_nothing_else() {
    let Some(mut cluster) = Cluster::start_with(1, 2, 4, PATIENT, "fence = \"connection\"\n").await else { return };
    let mut open = cluster.client(1, "hz").await;
    open.query_drop("BEGIN").await.unwrap();
    open.query_drop("INSERT INTO product (name) VALUES ('holds it up')").await.unwrap();
    let fencing = begin_fencing(cluster.console(0).await, FENCE);
    let mut console = cluster.console(1).await;
    until("it is under way", PATIENCE, async || !rows(&mut console, "SHOW MOVES").await.is_empty()).await;
    drop(cluster.nodes.remove(0).kill());
    within("the one who asked is told", PATIENCE, fencing).await.unwrap().unwrap_err();
    // Its fencing is carried on, and waits as it did; who asks now is told when that has ended, and his own.
    let again = begin_fencing(cluster.console(0).await, FENCE);
    assert_eq!(rows(&mut console, "SHOW FORBIDS").await.len(), 1);
    let mut other = cluster.client(0, "bj").await;
    assert_eq!(error_of(&mut other, WRITE_GLOBAL).await.0, 1290);
    open.query_drop("COMMIT").await.unwrap();
    let told = within("it is fenced", PATIENCE, again).await.unwrap().unwrap();
    assert_eq!(told[0]["instance"], "hz-main-1");
    assert!(rows(&mut console, "SHOW MOVES").await.is_empty());
    rows(&mut console, "ALLOW WRITES ON GLOBAL ZONE").await;
    other.query_drop(WRITE_GLOBAL).await.unwrap();
    // Nobody shuts it out any more when the next test's node has its name.
    shows_nodes(&mut console, &["n2#1 this"]).await;
}
