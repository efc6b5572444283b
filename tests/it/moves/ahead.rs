//! What is ready at the new owner before it is one.

use std::time::Duration;

use mysql_async::prelude::Queryable;

use super::{PATIENT, Turn, at_step, begin, held};
use crate::scenarios::expect::{rows, until};

#[tokio::test]
async fn connections_to_the_new_owner_are_open_before_the_held_writes_are_let_go() {
    let turn = Turn::wait().await;
    let node = turn.node(PATIENT).await;
    let mut console = node.console("hz").await;
    let mut open = node.client("hz").await;
    open.query_drop("BEGIN").await.unwrap();
    open.query_drop("INSERT INTO product (name) VALUES ('still open')").await.unwrap();
    let moving = begin(node.console("bj").await, "SWITCH GLOBAL ZONE TO 'bj'");
    at_step(&mut console, "drain").await;
    let mut waiting = Vec::new();
    for number in 0..3 {
        let mut client = node.client("hz").await;
        let insert = format!("INSERT INTO product (name) VALUES ('opened ahead {number}')");
        waiting.push(tokio::spawn(async move { client.query_drop(insert).await }));
    }
    held(&mut console, 3).await;
    let at_the_target = async |console: &mut _| {
        let pools = rows(console, "SHOW POOLS").await;
        let at = pools.iter().filter(|row| row["instance"] == "bj-main-1");
        let numbers = at.map(|row| (row["idle"].parse::<u64>().unwrap(), row["opened"].parse::<u64>().unwrap()));
        numbers.fold((0, 0), |(idle, opened), (more, of_all)| (idle + more, opened.max(of_all)))
    };
    until("a connection is ready for each", Duration::from_secs(20), async || at_the_target(&mut console).await.0 == 3)
        .await;
    let (_, opened) = at_the_target(&mut console).await;
    open.query_drop("COMMIT").await.unwrap();
    assert!(moving.await.unwrap().unwrap().starts_with("moved the Global Zone from hz to bj"));
    for write in waiting {
        write.await.unwrap().unwrap();
    }
    assert_eq!(at_the_target(&mut console).await.1, opened, "nobody had to log in");
}
