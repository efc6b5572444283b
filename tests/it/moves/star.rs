//! A star: the units follow the center alone. What one of them gives to another passes the center, and both ways are waited for.

use std::time::Duration;

use meridian::model::Role;
use mysql_async::prelude::Queryable;

use super::{PATIENT, at_step, begin, done};
use crate::forced::Revived;
use crate::scenarios::expect::{error_of, sent, value, within};
use crate::scenarios::node::{Node, Setup};
use crate::scenarios::world::Databases;

const PATIENCE: Duration = Duration::from_secs(60);

fn write(user: u32) -> String {
    format!("UPDATE orders SET amount = amount WHERE user_id = {user} AND item = 'nothing'")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_between_units_of_a_star_waits_for_both_ways_and_without_its_center_nothing_moves() {
    let databases = &Databases::of(&["hz", "bj", "sh"]).await;
    for (unit, channel) in [("bj", "from_sh"), ("sh", "from_bj")] {
        for statement in [format!("STOP SLAVE '{channel}'"), format!("RESET SLAVE '{channel}' ALL")] {
            databases.run(unit, &statement).await;
        }
    }
    let mut setup = Setup::shared(databases);
    setup.further_units.push("sh");
    setup.keys = setup.keys.replace("0-4999", "0-3999").replace("5000-9999", "4000-9999");
    setup.limits = format!("[moves]\n{PATIENT}");
    let node = Node::start(setup).await;
    let (mut console, mut client) = (node.console("hz").await, node.client("bj").await);
    // The applier of one hop after the other is kept from the table while the move waits.
    for (stopped, first) in [("hz", 5000), ("sh", 6000)] {
        let (user, item) = (first + 500, format!("behind {stopped}"));
        client.query_drop("BEGIN").await.unwrap();
        client.query_drop(format!("INSERT INTO orders (user_id, item) VALUES ({user}, '{item}')")).await.unwrap();
        let moving = begin(node.console("bj").await, &format!("MOVE SHARDS {first}-{} TO 'sh'", first + 999));
        at_step(&mut console, "drain").await;
        let mut lock = databases.root(stopped).await;
        lock.query_drop("LOCK TABLES shop.orders WRITE").await.unwrap();
        client.query_drop("COMMIT").await.unwrap();
        at_step(&mut console, "catch-up").await;
        assert!(!moving.is_finished(), "nothing opens before {stopped} has it");
        lock.query_drop("UNLOCK TABLES").await.unwrap();
        let told = within("the move ends", PATIENCE, moving).await.unwrap().unwrap();
        assert!(told.starts_with(&format!("moved shards {first}-")), "{told}");
        assert_eq!(sent(&mut client, databases, &write(user)).await, Ok(vec!["sh primary".to_owned()]));
        let read = format!("/*meridian: level=strong*/ SELECT item FROM orders WHERE user_id = {user}");
        assert_eq!(value(&mut client, &read).await, item, "what bj wrote last is there");
    }
    // A hop that is broken beforehand is named, though neither the unit that gives nor the one that gets has anything to do with it.
    databases.run("hz", "STOP SLAVE 'from_bj' SQL_THREAD").await;
    let (_, text) = error_of(&mut console, "MOVE SHARDS 7000-7999 TO 'sh'").await;
    assert!(text.contains("hz-main-1 (channels): channel 'from_bj' does not apply"), "{text}");
    databases.run("hz", "START SLAVE 'from_bj' SQL_THREAD").await;
    let told = done(&mut console, "MOVE SHARDS 7000-7999 TO 'sh'").await;
    assert!(told.starts_with("moved shards 7000-7999 from bj to sh"), "{told}");

    // The center is lost: each unit writes on what it owns, and none gives anything to another.
    let log = databases.general_log("hz", Role::Primary);
    let _lost = Revived::kill(log.parent().unwrap()).await;
    let (_, text) = error_of(&mut console, "MOVE SHARDS 8000-8999 TO 'sh'").await;
    assert!(text.contains("hz-main-1 (answers)"), "{text}");
    for (user, owner) in [(8500, "bj"), (7500, "sh")] {
        assert_eq!(sent(&mut client, databases, &write(user)).await, Ok(vec![format!("{owner} primary")]));
    }
}
