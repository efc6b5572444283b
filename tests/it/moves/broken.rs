//! C5, C8, G2: replication that lags, stands or is broken. A move waits, goes back, or is refused by name; unmoved keys never notice.

use std::time::Duration;

use mysql_async::prelude::Queryable;

use super::{PATIENT, Turn, at_step, begin, held};
use crate::scenarios::expect::{error_of, rows, sent, until, within};

const WRITE_GLOBAL: &str = "UPDATE product SET stock = stock WHERE name = 'nothing'";
const WRITE_BJ: &str = "UPDATE orders SET amount = amount WHERE user_id = 6000 AND item = 'nothing'";

#[tokio::test]
async fn c8_a_standing_applier_is_named_before_anything_is_closed() {
    let turn = Turn::wait().await;
    let node = turn.node(PATIENT).await;
    let (mut console, mut client) = (node.console("hz").await, node.client("bj").await);
    turn.databases.run("bj", "STOP SLAVE 'from_hz' SQL_THREAD").await;
    let epoch = rows(&mut console, "SHOW EPOCH").await[0]["epoch"].clone();
    let (_, text) = error_of(&mut console, "SWITCH GLOBAL ZONE TO 'bj'").await;
    assert!(text.contains("bj-main-1 (channels): channel 'from_hz' does not apply"), "{text}");
    assert_eq!(rows(&mut console, "SHOW EPOCH").await[0]["epoch"], epoch);
    assert_eq!(sent(&mut client, turn.databases, WRITE_GLOBAL).await, Ok(vec!["hz primary".to_owned()]));
}

#[tokio::test]
async fn c5_what_lags_beforehand_is_waited_for_before_anything_is_closed_and_named() {
    let turn = Turn::wait().await;
    let moves = PATIENT.replace("catch_up_deadline = \"60s\"", "catch_up_deadline = \"1s\"");
    let node = turn.node(&moves).await;
    let (mut console, mut client) = (node.console("hz").await, node.client("bj").await);
    // Its channel runs, and applies nothing for as long as somebody has the table.
    let mut lock = turn.databases.root("bj").await;
    lock.query_drop("LOCK TABLES shop.product WRITE").await.unwrap();
    client.query_drop("INSERT INTO product (name) VALUES ('behind')").await.unwrap();
    let epoch = rows(&mut console, "SHOW EPOCH").await[0]["epoch"].clone();
    let (_, text) = error_of(&mut console, "SWITCH GLOBAL ZONE TO 'bj'").await;
    assert!(text.contains("replication has not caught up within 1s: bj-main-1 lags"), "{text}");
    let dry = rows(&mut console, "SWITCH GLOBAL ZONE TO 'bj' DRY RUN").await;
    let told = dry.iter().find(|row| row["check"] == "catch-up").unwrap();
    assert!(told["result"].starts_with("REFUSED: bj-main-1 lags"), "{told:?}");
    assert_eq!(rows(&mut console, "SHOW EPOCH").await[0]["epoch"], epoch, "nothing was closed");
    assert_eq!(sent(&mut client, turn.databases, WRITE_GLOBAL).await, Ok(vec!["hz primary".to_owned()]));
    lock.query_drop("UNLOCK TABLES").await.unwrap();
    turn.databases.converge().await;
    let told = super::done(&mut console, "SWITCH GLOBAL ZONE TO 'bj'").await;
    assert!(told.starts_with("moved the Global Zone from hz to bj"), "{told}");
}

#[tokio::test]
async fn c5_writes_wait_until_the_target_has_the_source_s_last_write_then_open_by_themselves() {
    let turn = Turn::wait().await;
    let node = turn.node(PATIENT).await;
    let (mut console, mut open) = (node.console("hz").await, node.client("hz").await);
    open.query_drop("BEGIN").await.unwrap();
    open.query_drop("INSERT INTO product (name) VALUES ('lag window')").await.unwrap();
    let moving = begin(node.console("bj").await, "SWITCH GLOBAL ZONE TO 'bj'");
    at_step(&mut console, "drain").await;
    turn.databases.run("bj", "STOP SLAVE 'from_hz' SQL_THREAD").await;
    open.query_drop("COMMIT").await.unwrap();
    at_step(&mut console, "catch-up").await;
    let (databases, mut waits) = (turn.databases, node.client("hz").await);
    let waiting = tokio::spawn(async move { sent(&mut waits, databases, WRITE_GLOBAL).await });
    held(&mut console, 1).await;
    let mut unmoved = node.client("hz").await;
    assert_eq!(sent(&mut unmoved, turn.databases, WRITE_BJ).await, Ok(vec!["bj primary".to_owned()]));
    assert!(!waiting.is_finished() && !moving.is_finished(), "nothing opens while the target lags");
    until("who is behind is told", Duration::from_secs(20), async || {
        let lag = rows(&mut console, "SHOW MOVES").await[0]["lag"].clone();
        lag.starts_with("bj-main-1: stands, ") && lag.ends_with(" transactions behind hz-main-1")
    })
    .await;
    turn.databases.run("bj", "START SLAVE 'from_hz' SQL_THREAD").await;
    let executed_at = within("the held write", Duration::from_secs(60), waiting).await.unwrap();
    assert_eq!(executed_at, Ok(vec!["bj primary".to_owned()]));
    assert!(moving.await.unwrap().unwrap().starts_with("moved"));
}

#[tokio::test]
async fn g2_a_target_that_does_not_catch_up_in_time_sends_the_move_back_and_a_write_that_waited_too_long_may_be_repeated()
 {
    let turn = Turn::wait().await;
    let moves = PATIENT
        .replace("catch_up_deadline = \"60s\"", "catch_up_deadline = \"4s\"")
        .replace("hold_deadline = \"60s\"", "hold_deadline = \"500ms\"");
    let node = turn.node(&moves).await;
    let (mut console, mut open) = (node.console("hz").await, node.client("hz").await);
    open.query_drop("BEGIN").await.unwrap();
    open.query_drop("INSERT INTO product (name) VALUES ('never there in time')").await.unwrap();
    let moving = begin(node.console("bj").await, "SWITCH GLOBAL ZONE TO 'bj'");
    at_step(&mut console, "drain").await;
    turn.databases.run("bj", "STOP SLAVE 'from_hz' SQL_THREAD").await;
    let mut waits = node.client("bj").await;
    let (errno, text) = error_of(&mut waits, WRITE_GLOBAL).await;
    assert!(errno == 1205 && text.contains("try again"), "{text}");
    open.query_drop("COMMIT").await.unwrap();
    let refused = moving.await.unwrap().unwrap_err();
    assert!(refused.contains("rolled back") && refused.contains("bj-main-1 lags"), "{refused}");
    assert_eq!(sent(&mut waits, turn.databases, WRITE_GLOBAL).await, Ok(vec!["hz primary".to_owned()]));
    assert!(rows(&mut console, "SHOW MOVES").await.is_empty());
}
