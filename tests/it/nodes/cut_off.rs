//! C15: a node that is cut off from etcd, while the others and everything else go on.

use std::time::Duration;

use mysql_async::prelude::Queryable;

use super::ways::Ways;
use super::{Cluster, shows_nodes};
use crate::failures::program::Program;
use crate::moves::{PATIENT, done};
use crate::scenarios::expect::{refused, rows, sent, until};
use crate::scenarios::world::marker;

const PATIENCE: Duration = Duration::from_secs(60);
const WRITE_GLOBAL: &str = "UPDATE product SET stock = stock WHERE name = 'nothing'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c15_a_node_that_is_cut_off_stops_writing_with_its_lease_and_knows_the_newest_epoch_before_it_writes_again() {
    let Some(mut cluster) = Cluster::start(1, 1, 4, PATIENT).await else { return };
    let databases = cluster.turn.databases;
    let (_, etcd) = cluster.servers.etcd.members().next().unwrap();
    let mut way = Ways::to(&[etcd], Duration::ZERO).await;
    let mut second = cluster.setup(2);
    second.sections = second.sections.replace(&format!(":{etcd}"), &format!(":{}", way.begin_of(etcd)));
    cluster.nodes.push(Program::start(second).await);
    let (mut console, mut here) = (cluster.console(0).await, cluster.client(0, "hz").await);
    let mut there = cluster.client(1, "bj").await;
    shows_nodes(&mut console, &["n1#1 this", "n2#1 live"]).await;
    assert_eq!(sent(&mut there, databases, WRITE_GLOBAL).await, Ok(vec!["hz primary".to_owned()]));

    way.cut();
    // Its lease is still good; nobody has decided anything meanwhile.
    assert_eq!(sent(&mut there, databases, WRITE_GLOBAL).await, Ok(vec!["hz primary".to_owned()]));
    let last = marker();
    until("its lease has ended", PATIENCE, async || match there.query_drop(WRITE_GLOBAL).await {
        Ok(()) => false,
        Err(error) => {
            let (errno, text) = refused(error);
            assert!(errno == 1290 && text.contains("has not reached the control store in time"), "{errno} {text}");
            true
        }
    })
    .await;
    there.query_drop("SELECT COUNT(*) FROM product").await.unwrap();
    there.query_drop("INSERT INTO audit_log (message) VALUES ('local')").await.unwrap();
    // The others go on, and decide without it.
    assert_eq!(sent(&mut here, databases, WRITE_GLOBAL).await, Ok(vec!["hz primary".to_owned()]));
    let told = done(&mut console, "SWITCH GLOBAL ZONE TO 'bj'").await;
    assert!(told.starts_with("moved the Global Zone from hz to bj"), "{told}");
    let newest: u64 = rows(&mut console, "SHOW EPOCH").await[0]["epoch"].parse().unwrap();
    let mut stale = cluster.console(1).await;
    let known: u64 = rows(&mut stale, "SHOW EPOCH").await[0]["epoch"].parse().unwrap();
    assert!(known < newest, "it has not heard of it: {known} {newest}");
    there.query_drop(WRITE_GLOBAL).await.unwrap_err();

    way.heal().await;
    // The first write that it lets in again is at the new owner.
    let first = format!("{WRITE_GLOBAL} /* {last} */");
    until("it writes again", PATIENCE, async || there.query_drop(&first).await.is_ok()).await;
    assert_eq!(databases.executed(&last), ["bj primary"]);
    let known: u64 = rows(&mut stale, "SHOW EPOCH").await[0]["epoch"].parse().unwrap();
    assert!(known >= newest, "{known} {newest}");
    shows_nodes(&mut console, &["n1#1 this", "n2#2 live"]).await;
}
