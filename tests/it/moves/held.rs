//! Writes that wait for a move: no more of them, and no larger ones, than is allowed; those that are refused may be sent again.

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tokio::task::JoinHandle;

use super::{PATIENT, Turn, at_step, begin, held};
use crate::scenarios::expect::{error_of, sent};
use crate::scenarios::world::marker;

fn waits(mut client: Conn, statement: String) -> JoinHandle<Result<(), mysql_async::Error>> {
    tokio::spawn(async move { client.query_drop(statement).await })
}

#[tokio::test]
async fn what_waits_is_bounded_in_number_and_size_and_the_rest_is_told_to_come_again() {
    let turn = Turn::wait().await;
    let node = turn.node(&format!("{PATIENT}held_writes = 2\nheld_bytes = \"1KiB\"\n")).await;
    let (mut console, mut open, mark) = (node.console("hz").await, node.client("hz").await, marker());
    let insert = |name: &str| format!("INSERT INTO product (name) VALUES ('{mark} {name}')");
    open.query_drop("BEGIN").await.unwrap();
    open.query_drop(insert("open")).await.unwrap();
    let moving = begin(node.console("bj").await, "SWITCH GLOBAL ZONE TO 'bj'");
    at_step(&mut console, "drain").await;
    let first = waits(node.client("hz").await, insert("first"));
    held(&mut console, 1).await;
    let mut beyond = node.client("bj").await;
    let large = format!("{} /* {} */", insert("too large"), "x".repeat(1 << 10));
    let (errno, text) = error_of(&mut beyond, &large).await;
    assert!(errno == 1205 && text.contains("try again"), "{errno} {text}");
    let second = waits(node.client("bj").await, insert("second"));
    held(&mut console, 2).await;
    let (errno, text) = error_of(&mut beyond, &insert("one too many")).await;
    assert!(errno == 1205 && text.contains("try again"), "{errno} {text}");
    // What does not move has nothing to do with it.
    let other = "UPDATE orders SET amount = amount WHERE user_id = 6000 AND item = 'nothing'";
    assert_eq!(sent(&mut beyond, turn.databases, other).await, Ok(vec!["bj primary".to_owned()]));
    open.query_drop("COMMIT").await.unwrap();
    assert!(moving.await.unwrap().unwrap().starts_with("moved the Global Zone from hz to bj"));
    for write in [first, second] {
        write.await.unwrap().unwrap();
    }
    beyond.query_drop(&large).await.unwrap();
    turn.databases.converge().await;
    let names = format!(
        "SELECT GROUP_CONCAT(REPLACE(name, '{mark} ', '') ORDER BY name) FROM shop.product WHERE name LIKE '{mark} %'"
    );
    let found = turn.databases.value("hz", meridian::model::Role::Primary, &names).await;
    assert_eq!(found, "first,open,second,too large", "each once, and what was refused was not written");
}
