//! A transaction that is prepared for two-phase commit has no connection that could be ended: a move waits until somebody has ended it.

use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use super::{PATIENT, Turn, at_step, begin, done};
use crate::scenarios::expect::{error_of, refused, rows, sent, until, value, within};

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

/// A branch of the Global Zone, as far as XA PREPARE.
async fn prepare(client: &mut Conn, id: &str) {
    for statement in ["XA START", "INSERT", "XA END", "XA PREPARE"] {
        let statement = match statement {
            "INSERT" => format!("INSERT INTO product (name) VALUES ('{id}')"),
            of_branch => format!("{of_branch} '{id}'"),
        };
        client.query_drop(statement).await.unwrap();
    }
}

#[tokio::test]
async fn a_branch_prepared_through_a_node_keeps_a_move_off_until_it_is_ended() {
    let turn = Turn::wait().await;
    let node = turn.node(PATIENT).await;
    let (mut console, mut client) = (node.console("hz").await, node.client("bj").await);
    prepare(&mut client, "kept off").await;
    let (_, text) = error_of(&mut console, "SWITCH GLOBAL ZONE TO 'bj'").await;
    assert!(text.contains("hz-main-1 (prepared): 1 XA transactions are prepared there"), "{text}");
    client.query_drop("XA COMMIT 'kept off'").await.unwrap();
    turn.databases.converge().await;
    let told = done(&mut console, "SWITCH GLOBAL ZONE TO 'bj'").await;
    assert!(told.starts_with("moved the Global Zone from hz to bj"), "{told}");
    let count = "SELECT COUNT(*) FROM shop.product WHERE name = 'kept off'";
    assert_eq!(value(&mut turn.databases.root("bj").await, count).await, "1");
}

#[tokio::test]
async fn a_branch_that_is_prepared_while_a_move_drains_is_ended_through_the_node_and_the_move_goes_on() {
    let turn = Turn::wait().await;
    let node = turn.node(PATIENT).await;
    let (mut console, mut client, mut other) =
        (node.console("hz").await, node.client("hz").await, node.client("bj").await);
    client.query_drop("XA START 'drained'").await.unwrap();
    client.query_drop("INSERT INTO product (name) VALUES ('drained')").await.unwrap();
    let moving = begin(node.console("bj").await, "SWITCH GLOBAL ZONE TO 'bj'");
    at_step(&mut console, "drain").await;
    client.query_drop("XA END 'drained'").await.unwrap();
    client.query_drop("XA PREPARE 'drained'").await.unwrap();
    client.disconnect().await.unwrap();
    until("the move tells what it waits for", PATIENCE, async || {
        let moves = rows(&mut console, "SHOW MOVES").await;
        moves.iter().any(|row| row["detail"].contains("1 XA transactions are prepared at hz-main-1"))
    })
    .await;
    assert!(!moving.is_finished());
    // The server lets somebody else end it when it has noticed that who prepared it is gone.
    until("the branch is ended", PATIENCE, async || match other.query_drop("XA COMMIT 'drained'").await {
        Ok(()) => true,
        Err(error) => {
            let (errno, text) = refused(error);
            assert_eq!(errno, 1397, "{text}");
            false
        }
    })
    .await;
    let told = within("the move ends", PATIENCE, moving).await.unwrap().unwrap();
    assert!(told.starts_with("moved the Global Zone from hz to bj"), "{told}");
    let count = "SELECT COUNT(*) FROM shop.product WHERE name = 'drained'";
    assert_eq!(value(&mut turn.databases.root("bj").await, count).await, "1", "it came before the position");
}
