//! A replica that does not follow keeps nobody from moving: it leaves service, and nobody reads there before it has what it missed.

use std::time::Duration;

use meridian::model::Role;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use super::{PATIENT, Turn, done};
use crate::scenarios::expect::{rows, sent, until};

const PATIENCE: Duration = Duration::from_secs(60);

async fn health(console: &mut Conn, instance: &str) -> String {
    let shown = rows(console, "SHOW INSTANCES").await;
    shown.into_iter().find(|row| row["instance"] == instance).unwrap().remove("health").unwrap()
}

#[tokio::test]
async fn a_replica_that_does_not_follow_leaves_service_and_serves_again_when_it_has_caught_up() {
    let turn = Turn::wait().await;
    let node = turn.node(PATIENT).await;
    let (mut console, mut client) = (node.console("hz").await, node.client("bj").await);
    let databases = turn.databases;
    let read = "SELECT COUNT(*) FROM product WHERE name = 'while it was out'";
    assert_eq!(sent(&mut client, databases, read).await, Ok(vec!["bj replica".to_owned()]));
    databases.run_at("bj", Role::Replica, "STOP SLAVE 'from_primary' SQL_THREAD").await;
    let dry = rows(&mut console, "SWITCH GLOBAL ZONE TO 'bj' DRY RUN").await;
    let of_replica = |row: &&std::collections::BTreeMap<String, String>| row["instance"] == "bj-main-2";
    let told = dry.iter().filter(of_replica).find(|row| row["check"] == "channels").unwrap();
    assert!(told["result"].starts_with("ok, but channel 'from_primary' does not apply"), "{told:?}");
    assert!(dry.iter().all(|row| !row["result"].contains("REFUSED")), "{dry:?}");
    let told = done(&mut console, "SWITCH GLOBAL ZONE TO 'bj'").await;
    assert!(told.starts_with("moved the Global Zone from hz to bj"), "{told}");
    assert_eq!(health(&mut console, "bj-main-2").await, "left out");
    client.query_drop("INSERT INTO product (name) VALUES ('while it was out')").await.unwrap();
    assert_eq!(sent(&mut client, databases, read).await, Ok(vec!["bj primary".to_owned()]));
    // It receives again, and applies nothing yet: that is not enough.
    let mut back = node.console("bj").await;
    let told = done(&mut back, "SWITCH GLOBAL ZONE TO 'hz'").await;
    assert!(told.starts_with("moved the Global Zone from bj to hz"), "{told}");
    assert_eq!(health(&mut console, "bj-main-2").await, "left out");
    databases.run_at("bj", Role::Replica, "START SLAVE 'from_primary' SQL_THREAD").await;
    until("it serves again", PATIENCE, async || health(&mut console, "bj-main-2").await == "healthy").await;
    until("it is read from", PATIENCE, async || {
        sent(&mut client, databases, read).await == Ok(vec!["bj replica".to_owned()])
    })
    .await;
    let count: Option<u64> = client.query_first(read).await.unwrap();
    assert_eq!(count, Some(1));
    let history = rows(&mut console, "SHOW HISTORY").await;
    for what in ["left out bj-main-2", "took bj-main-2 back"] {
        assert!(history.iter().any(|row| row["what"].starts_with(what)), "{what}: {history:?}");
    }
}

#[tokio::test]
async fn a_replica_that_would_apply_what_it_missed_in_any_order_is_not_left_out() {
    let turn = Turn::wait().await;
    let node = turn.node(PATIENT).await;
    let mut console = node.console("hz").await;
    for statement in ["STOP ALL SLAVES", "SET GLOBAL slave_parallel_threads = 2"] {
        turn.databases.run_at("bj", Role::Replica, statement).await;
    }
    let refused = super::prechecks::refused(&mut console).await;
    for statement in ["SET GLOBAL slave_parallel_threads = 0", "START SLAVE 'from_primary'"] {
        turn.databases.run_at("bj", Role::Replica, statement).await;
    }
    assert!(refused.iter().any(|told| told.starts_with("bj-main-2 channels: ")), "{refused:?}");
    turn.databases.converge().await;
}
