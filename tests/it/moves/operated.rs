//! What operators do with moves, and what sessions notice: C2, C4, C9, C10, C11, C16, E5, G5, G6.

use std::collections::BTreeMap;
use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tokio::task::JoinHandle;

use super::{PATIENT, Turn, at_step, begin, done, held};
use crate::scenarios::expect::{error_of, executed, refused, rows, sent, until, value, within};
use crate::scenarios::node::Node;
use crate::scenarios::world::marker;

const WRITE_2499: &str = "UPDATE orders SET amount = amount WHERE user_id = 2499 AND item = 'nothing'";
const WRITE_1: &str = "UPDATE orders SET amount = amount WHERE user_id = 1 AND item = 'nothing'";
const WRITE_4657: &str = "UPDATE orders SET amount = amount WHERE user_id = 4657 AND item = 'nothing'";
const WRITE_GLOBAL: &str = "UPDATE product SET stock = stock WHERE name = 'nothing'";

#[tokio::test]
async fn c2_a_range_is_forbidden_moved_and_allowed_and_its_neighbours_notice_nothing() {
    let turn = Turn::wait().await;
    let mut setup = turn.setup(PATIENT);
    // bj is the unit, hz the center.
    setup.keys = setup.keys.replace("\"0-4999\"\nunit = \"hz\"", "\"0-1999\"\nunit = \"bj\"");
    setup.keys = setup.keys.replace("\"5000-9999\"\nunit = \"bj\"", "\"2000-9999\"\nunit = \"hz\"");
    let node = Node::start(setup).await;
    let (mut console, mut hz, mut bj) = (node.console("hz").await, node.client("hz").await, node.client("bj").await);
    let neighbours = async |client: &mut Conn| {
        assert_eq!(sent(client, turn.databases, WRITE_1).await, Ok(vec!["bj primary".to_owned()]));
        assert_eq!(sent(client, turn.databases, WRITE_4657).await, Ok(vec!["hz primary".to_owned()]));
    };
    done(&mut console, "FORBID WRITES ON SHARDS 2000-2999 REASON 'cut-over'").await;
    for client in [&mut hz, &mut bj] {
        let (errno, text) = error_of(client, WRITE_2499).await;
        assert!(errno == 1290 && text.contains("shards 2000-2999") && text.contains("cut-over"), "{text}");
        neighbours(client).await;
    }
    let told = done(&mut console, "MOVE SHARDS 2000-2999 TO 'bj'").await;
    assert!(told.starts_with("moved shards 2000-2999 from hz to bj"), "{told}");
    assert_eq!(error_of(&mut hz, WRITE_2499).await.0, 1290, "a forbid never ends by itself");
    done(&mut console, "ALLOW WRITES ON SHARDS 2000-2999").await;
    for client in [&mut hz, &mut bj] {
        assert_eq!(sent(client, turn.databases, WRITE_2499).await, Ok(vec!["bj primary".to_owned()]));
        neighbours(client).await;
    }
    let history = rows(&mut console, "SHOW HISTORY").await;
    assert_eq!(
        (history[0]["what"].as_str(), history[0]["by"].as_str()),
        ("allowed writes on shards 2000-2999", "admin")
    );
    let moved = |what: &String| what.contains("moved shards 2000-2999 from hz to bj") && what.contains("closed at");
    assert!(history.iter().any(|row| moved(&row["what"])), "{history:?}");
}

#[tokio::test]
async fn c4_c9_while_a_transaction_is_waited_for_nobody_else_writes_and_what_it_wrote_is_there_at_the_new_owner() {
    let turn = Turn::wait().await;
    let node = turn.node(PATIENT).await;
    let mut console = node.console("hz").await;
    let (mut before, mut waits) = (node.client("hz").await, node.client("bj").await);
    let mark = marker();
    before.query_drop("BEGIN").await.unwrap();
    before.query_drop(format!("INSERT INTO product (name, stock) VALUES ('{mark}', 1)")).await.unwrap();
    let moving = begin(node.console("bj").await, "SWITCH GLOBAL ZONE TO 'bj'");
    at_step(&mut console, "drain").await;
    let (databases, update) = (turn.databases, format!("UPDATE product SET stock = stock + 1 WHERE name = '{mark}'"));
    let waiting = tokio::spawn(async move {
        let executed_at = sent(&mut waits, databases, &update).await;
        (executed_at, waits)
    });
    held(&mut console, 1).await;
    // Reads of what is moving go on in both units.
    for unit in ["hz", "bj"] {
        let read = "SELECT COUNT(*) FROM product WHERE name = 'nothing'";
        assert_eq!(sent(&mut node.client(unit).await, databases, read).await, Ok(vec![format!("{unit} replica")]));
    }
    // The one that is waited for may write on, in what is moving.
    before.query_drop(format!("UPDATE product SET stock = 10 WHERE name = '{mark}'")).await.unwrap();
    assert!(!waiting.is_finished() && !moving.is_finished());
    before.query_drop("COMMIT").await.unwrap();
    let (executed_at, mut waits) = within("the held write is let go", Duration::from_secs(60), waiting).await.unwrap();
    assert_eq!(executed_at, Ok(vec!["bj primary".to_owned()]));
    assert!(moving.await.unwrap().unwrap().starts_with("moved the Global Zone from hz to bj"));
    let read = format!("/*meridian: level=strong*/ SELECT stock FROM product WHERE name = '{mark}'");
    assert_eq!(value(&mut waits, &read).await, "11", "first the old owner's writes, then the new one's");
}

#[tokio::test]
async fn c9_a_transaction_that_idles_is_ended_and_never_commits() {
    let turn = Turn::wait().await;
    let node = turn.node(&PATIENT.replace("drain_deadline = \"20s\"", "drain_deadline = \"300ms\"")).await;
    let (mut console, mut idle) = (node.console("hz").await, node.client("hz").await);
    let mark = marker();
    idle.query_drop("BEGIN").await.unwrap();
    idle.query_drop(format!("INSERT INTO product (name) VALUES ('{mark}')")).await.unwrap();
    let told = done(&mut console, "SWITCH GLOBAL ZONE TO 'bj'").await;
    assert!(told.starts_with("moved"), "{told}");
    assert!(idle.query_drop("COMMIT").await.is_err(), "a COMMIT of an ended transaction is no success");
    never_committed(&turn, &node, &format!("product WHERE name = '{mark}'")).await;
}

#[tokio::test]
async fn c9_a_transaction_that_is_executing_is_ended_and_never_commits() {
    let turn = Turn::wait().await;
    let node = turn.node(&PATIENT.replace("drain_deadline = \"20s\"", "drain_deadline = \"300ms\"")).await;
    let (mut console, mut busy) = (node.console("hz").await, node.client("bj").await);
    let mark = marker();
    busy.query_drop("BEGIN").await.unwrap();
    busy.query_drop(format!("INSERT INTO orders (user_id, item) VALUES (6000, '{mark}')")).await.unwrap();
    let sleep = "SELECT SLEEP(600) FROM orders WHERE user_id = 6000 LIMIT 1 FOR UPDATE";
    let busy = tokio::spawn(async move { busy.query_drop(sleep).await });
    let told = done(&mut console, "MOVE SHARDS 5000-9999 TO 'hz'").await;
    assert!(told.starts_with("moved"), "{told}");
    assert!(busy.await.unwrap().is_err());
    never_committed(&turn, &node, &format!("orders WHERE user_id = 6000 AND item = '{mark}'")).await;
}

async fn never_committed(turn: &Turn, node: &Node, rows: &str) {
    turn.databases.converge().await;
    let mut fresh = node.client("bj").await;
    let read = format!("/*meridian: level=strong*/ SELECT COUNT(*) FROM {rows}");
    assert_eq!(value(&mut fresh, &read).await, "0");
}

#[tokio::test]
async fn c10_c11_statements_and_sessions_from_before_the_move_follow_the_new_owner() {
    let turn = Turn::wait().await;
    let node = turn.node(PATIENT).await;
    let mut console = node.console("hz").await;
    let mut client = node.client("hz").await;
    let update = "UPDATE orders SET amount = amount WHERE user_id = ? AND item = 'nothing'";
    let prepared = client.prep(format!("{update} /* {} */", marker())).await.unwrap();
    client.exec_drop(&prepared, (50,)).await.unwrap();
    assert_eq!(executed(&mut client, turn.databases, update, (50,)).await, Ok(vec!["hz primary".to_owned()]));
    done(&mut console, "MOVE SHARDS 50-50 TO 'bj'").await;
    client.exec_drop(&prepared, (50,)).await.unwrap();
    assert_eq!(executed(&mut client, turn.databases, update, (50,)).await, Ok(vec!["bj primary".to_owned()]));
    assert_eq!(executed(&mut client, turn.databases, update, (51,)).await, Ok(vec!["hz primary".to_owned()]));
}

#[tokio::test]
async fn a_key_moves_alone_and_a_unit_with_everything_it_owns_e5() {
    let turn = Turn::wait().await;
    let node = turn.node(PATIENT).await;
    let (mut console, mut client) = (node.console("hz").await, node.client("hz").await);
    let write = |key: u32| format!("UPDATE orders SET amount = amount WHERE user_id = {key} AND item = 'nothing'");
    let at = |place: &str| Ok(vec![format!("{place} primary")]);
    done(&mut console, "MOVE KEY 6000 TO 'hz'").await;
    assert_eq!(sent(&mut client, turn.databases, &write(6000)).await, at("hz"));
    assert_eq!(sent(&mut client, turn.databases, &write(16000)).await, at("bj"), "the others of its shard stay");
    assert_eq!(done(&mut console, "MOVE KEY 6000 TO 'hz'").await, "nothing to do: it holds already");
    let told = done(&mut console, "MOVE UNIT 'hz' TO 'bj'").await;
    assert!(told.contains("shards 0-4999 from hz to bj") && told.contains("the Global Zone from hz to bj"), "{told}");
    for sql in [write(6000), write(16000), write(50), WRITE_GLOBAL.to_owned()] {
        assert_eq!(sent(&mut client, turn.databases, &sql).await, at("bj"), "{sql}");
    }
    let units = rows(&mut console, "SHOW UNITS").await;
    let owned: Vec<(&str, &str)> =
        units.iter().map(|row| (row["shards"].as_str(), row["global_zones"].as_str())).collect();
    assert_eq!(owned, [("0", ""), ("10001", "main")]);
    // The same configuration starts again: ownership was moved by commands, nobody edited anything.
    drop((console, client));
    let (directory, setup) = node.stop().await;
    let node = Node::start_in(directory, setup).await.unwrap();
    let mut client = node.client("hz").await;
    assert_eq!(sent(&mut client, turn.databases, &write(50)).await, at("bj"));
}

#[tokio::test]
async fn c16_a_dry_run_changes_nothing_and_a_rollback_opens_the_source_again() {
    let turn = Turn::wait().await;
    let node = turn.node(PATIENT).await;
    let mut console = node.console("hz").await;
    let epoch = rows(&mut console, "SHOW EPOCH").await[0]["epoch"].clone();
    let told = rows(&mut console, "SWITCH GLOBAL ZONE TO 'bj' DRY RUN").await;
    assert!(told.len() > 10 && told.iter().all(|row| !row["result"].contains("REFUSED")), "{told:?}");
    assert_eq!(rows(&mut console, "SHOW EPOCH").await[0]["epoch"], epoch);

    let told = rows(&mut console, "MOVE SHARDS 4000-4999 TO 'bj' DRY RUN").await;
    let ownership = ["before", "after"].map(|when| {
        let of = |unit: &str| {
            told.iter().find(|row| row["check"] == when && row["instance"] == unit).unwrap()["result"].clone()
        };
        [of("hz"), of("bj")]
    });
    let before = ["main: shards 0-4999, the Global Zone", "main: shards 5000-9999"].map(str::to_owned);
    let after = ["main: shards 0-3999, the Global Zone", "main: shards 4000-9999"].map(str::to_owned);
    assert_eq!(ownership, [before, after]);
    let found = |rows: &[BTreeMap<String, String>], check: &str| {
        rows.iter().find(|row| row["check"] == check).unwrap_or_else(|| panic!("{check}: {rows:?}"))["result"].clone()
    };
    assert_eq!(found(&told, "in-flight"), "0 writes or transactions of this node to wait for");
    let stall = found(&told, "expected-stall");
    assert!(stall.starts_with("about ") && stall.ends_with(" ms"), "{stall}");

    let mut open = node.client("hz").await;
    open.query_drop("BEGIN").await.unwrap();
    open.query_drop(WRITE_GLOBAL).await.unwrap();
    let told = rows(&mut console, "SWITCH GLOBAL ZONE TO 'bj' DRY RUN").await;
    let waited_for = format!("1 writes or transactions of this node to wait for, of sessions {}", open.id());
    assert_eq!(found(&told, "in-flight"), waited_for);
    assert!(found(&told, "expected-stall").ends_with("or behind 20000 ms, when they are ended"), "{told:?}");
    let moving = begin(node.console("bj").await, "SWITCH GLOBAL ZONE TO 'bj'");
    let id = at_step(&mut console, "drain").await;
    let (databases, mut waits) = (turn.databases, node.client("bj").await);
    let waiting = tokio::spawn(async move { sent(&mut waits, databases, WRITE_GLOBAL).await });
    held(&mut console, 1).await;
    let (_, text) = error_of(&mut console, "SWITCH GLOBAL ZONE TO 'bj'").await;
    assert!(text.contains(&format!("move {id}")), "{text}");
    done(&mut console, "ROLLBACK MOVE").await;
    // Both write the same rows.
    open.query_drop("COMMIT").await.unwrap();
    assert_eq!(waiting.await.unwrap(), Ok(vec!["hz primary".to_owned()]));
    let refused = moving.await.unwrap().unwrap_err();
    assert!(refused.contains("rolled back") && refused.contains("operator"), "{refused}");
    assert!(rows(&mut console, "SHOW MOVES").await.is_empty());
    assert!(error_of(&mut console, "ROLLBACK MOVE").await.1.contains("no move is under way"));
}

#[tokio::test]
async fn g5_a_forbidden_target_is_refused_and_forbidding_it_sends_a_move_back() {
    let turn = Turn::wait().await;
    let node = turn.node(PATIENT).await;
    let (mut console, mut open) = (node.console("hz").await, node.client("hz").await);
    done(&mut console, "FORBID WRITES ON UNIT 'bj' REASON 'repair'").await;
    let (_, text) = error_of(&mut console, "SWITCH GLOBAL ZONE TO 'bj'").await;
    assert!(text.contains("unit 'bj' is forbidden (repair)"), "{text}");
    done(&mut console, "ALLOW WRITES ON UNIT 'bj'").await;
    open.query_drop("BEGIN").await.unwrap();
    open.query_drop(WRITE_GLOBAL).await.unwrap();
    let moving = begin(node.console("bj").await, "SWITCH GLOBAL ZONE TO 'bj'");
    at_step(&mut console, "drain").await;
    let (_, text) = error_of(&mut console, "FORBID WRITES ON UNIT 'hz' REASON 'no'").await;
    assert!(text.contains("is under way"), "the source of a move: {text}");
    done(&mut console, "FORBID WRITES ON UNIT 'bj' REASON 'repair'").await;
    assert!(moving.await.unwrap().unwrap_err().contains("rolled back"));
    open.query_drop("COMMIT").await.unwrap();
    assert_eq!(sent(&mut open, turn.databases, WRITE_GLOBAL).await, Ok(vec!["hz primary".to_owned()]));
}

#[tokio::test]
async fn g6_the_same_unique_value_at_both_nodes_is_taken_once_before_during_and_after_a_switch() {
    let turn = Turn::wait().await;
    let node = turn.node(PATIENT).await;
    let mut console = node.console("hz").await;
    taken_once(registered_at_both(&node, &marker()).await, "before").await;
    for round in 0..3 {
        let target = if round % 2 == 0 { "bj" } else { "hz" };
        let mark = marker();
        let mut open = node.client("hz").await;
        open.query_drop("BEGIN").await.unwrap();
        open.query_drop(WRITE_GLOBAL).await.unwrap();
        let moving = begin(node.console("bj").await, &format!("SWITCH GLOBAL ZONE TO '{target}'"));
        at_step(&mut console, "drain").await;
        let racing = registered_at_both(&node, &mark).await;
        held(&mut console, 2).await;
        open.query_drop("COMMIT").await.unwrap();
        moving.await.unwrap().unwrap();
        taken_once(racing, &format!("during switch {round}")).await;
        taken_once(registered_at_both(&node, &marker()).await, &format!("after switch {round}")).await;
    }
    until("no write is held any more", Duration::from_secs(10), async || {
        rows(&mut console, "SHOW MOVES").await.is_empty()
    })
    .await;
}

type Registered = JoinHandle<Result<(), mysql_async::Error>>;

/// The same address is registered at the nodes of both units at once.
async fn registered_at_both(node: &Node, mark: &str) -> [Registered; 2] {
    let insert = format!("INSERT INTO account (email) VALUES ('{mark}@example.com')");
    let (mut hz, mut bj) = (node.client("hz").await, node.client("bj").await);
    let again = insert.clone();
    [tokio::spawn(async move { hz.query_drop(insert).await }), tokio::spawn(async move { bj.query_drop(again).await })]
}

async fn taken_once(racing: [Registered; 2], when: &str) {
    let mut outcomes = Vec::new();
    for race in racing {
        outcomes.push(race.await.unwrap().map_err(|error| refused(error).0));
    }
    outcomes.sort_unstable();
    assert_eq!(outcomes, [Ok(()), Err(1062)], "{when}");
}
