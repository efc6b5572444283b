//! Moves over instances that are told which client a connection serves (`proxy_protocol`): what clients do there carries a header, what the move
//! itself does carries none.

use std::time::Duration;

use meridian::model::Role;
use mysql_async::prelude::Queryable;

use super::{PATIENT, Turn, at_step, begin, done, held};
use crate::scenarios::expect::{sent, until, value, within};
use crate::scenarios::node::Node;
use crate::scenarios::world::marker;

/// The moves' servers, listening to proxies at this machine.
async fn listening() -> Turn {
    let turn = Turn::wait().await;
    for unit in ["hz", "bj"] {
        for role in [Role::Primary, Role::Replica] {
            turn.databases.run_at(unit, role, "SET GLOBAL proxy_protocol_networks = '127.0.0.0/8'").await;
        }
    }
    turn
}

#[tokio::test]
async fn ownership_moves_to_and_fro_under_announced_clients() {
    let turn = listening().await;
    let mut setup = turn.setup(&PATIENT.replace("drain_deadline = \"20s\"", "drain_deadline = \"1s\""));
    setup.instance = "proxy_protocol = \"v2\"\n".to_owned();
    let node = Node::start(setup).await;
    let (mut console, mut waits) = (node.console("hz").await, node.client("bj").await);
    let (mut idle, mark) = (node.client("hz").await, marker());
    idle.query_drop("BEGIN").await.unwrap();
    idle.query_drop(format!("INSERT INTO product (name) VALUES ('{mark}')")).await.unwrap();
    // A header came with it, in which there is no port; the server tells one of whom the node tells it nothing.
    let hosts = "SELECT GROUP_CONCAT(DISTINCT HOST) FROM information_schema.PROCESSLIST WHERE USER = 'app'";
    assert_eq!(turn.databases.value("hz", Role::Primary, hosts).await, "127.0.0.1");
    let moving = begin(node.console("bj").await, "SWITCH GLOBAL ZONE TO 'bj'");
    at_step(&mut console, "drain").await;
    let databases = turn.databases;
    let waiting = tokio::spawn(async move {
        (sent(&mut waits, databases, "UPDATE product SET stock = stock WHERE name = 'nothing'").await, waits)
    });
    held(&mut console, 1).await;
    assert!(moving.await.unwrap().unwrap().starts_with("moved the Global Zone from hz to bj"));
    let (executed_at, mut waits) = within("the held write is let go", Duration::from_secs(60), waiting).await.unwrap();
    assert_eq!(executed_at, Ok(vec!["bj primary".to_owned()]));
    // Its thread at the source was ended over a connection without a header.
    assert!(idle.query_drop("COMMIT").await.is_err(), "a COMMIT of an ended transaction is no success");
    let count = format!("/*meridian: level=strong*/ SELECT COUNT(*) FROM product WHERE name = '{mark}'");
    until("the ended transaction is gone", Duration::from_secs(30), async || value(&mut waits, &count).await == "0")
        .await;
    assert!(done(&mut console, "MOVE UNIT 'bj' TO 'hz'").await.contains("from bj to hz"));
    let write = "UPDATE orders SET amount = amount WHERE user_id = 6000 AND item = 'nothing'";
    assert_eq!(sent(&mut waits, databases, write).await, Ok(vec!["hz primary".to_owned()]));
}
