//! A transaction that is prepared for two-phase commit has no connection that could be ended: a move waits until somebody has ended it.

use std::time::Duration;

use mysql_async::prelude::Queryable;

use super::{PATIENT, Turn, at_step, begin};
use crate::scenarios::expect::{rows, sent, until, within};

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn what_was_prepared_at_the_source_after_the_checks_is_ended_before_its_position_is_recorded() {
    let turn = Turn::wait().await;
    let node = turn.node(PATIENT).await;
    let (mut console, mut open) = (node.console("hz").await, node.client("hz").await);
    open.query_drop("BEGIN").await.unwrap();
    open.query_drop("INSERT INTO product (name) VALUES ('before the fence')").await.unwrap();
    let moving = begin(node.console("bj").await, "SWITCH GLOBAL ZONE TO 'bj'");
    at_step(&mut console, "drain").await;
    let mut root = turn.databases.root("hz").await;
    for statement in [
        "SET SESSION sql_log_bin = 0",
        "XA START 'late'",
        "INSERT INTO shop.product (name) VALUES ('prepared')",
        "XA END 'late'",
        "XA PREPARE 'late'",
    ] {
        root.query_drop(statement).await.unwrap();
    }
    open.query_drop("COMMIT").await.unwrap();
    until("the move tells what it waits for", PATIENCE, async || {
        let moves = rows(&mut console, "SHOW MOVES").await;
        moves.iter().any(|row| row["detail"].contains("1 XA transactions are prepared at hz-main-1"))
    })
    .await;
    assert!(!moving.is_finished());
    root.query_drop("XA ROLLBACK 'late'").await.unwrap();
    let told = within("the move ends", PATIENCE, moving).await.unwrap().unwrap();
    assert!(told.starts_with("moved the Global Zone from hz to bj"), "{told}");
    let write = "UPDATE product SET stock = stock WHERE name = 'nothing'";
    assert_eq!(sent(&mut open, turn.databases, write).await, Ok(vec!["bj primary".to_owned()]));
}
