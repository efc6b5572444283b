//! What drills and rule books ask for: E2, E4, C14, C18.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use meridian::model::Role;
use mysql_async::prelude::Queryable;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{PATIENT, Turn, at_step, begin, done};
use crate::scenarios::expect::{error_of, rows, sent, value, within};
use crate::scenarios::node::{Node, TABLES};
use crate::scenarios::world::marker;

const PATIENCE: Duration = Duration::from_secs(60);
const WRITE_50: &str = "UPDATE orders SET amount = amount WHERE user_id = 50 AND item = 'nothing'";
const WRITE_6000: &str = "UPDATE orders SET amount = amount WHERE user_id = 6000 AND item = 'nothing'";

#[tokio::test]
async fn e2_the_users_of_a_unit_whose_service_has_failed_are_served_by_another_and_go_back() {
    let turn = Turn::wait().await;
    let node = turn.node(PATIENT).await;
    let (old, new) = (marker(), marker());
    let order = |item: &str| format!("INSERT INTO orders (user_id, item) VALUES (6000, '{item}')");
    // bj's own service writes, and is gone; its database lives.
    let mut service = node.client("bj").await;
    service.query_drop(order(&old)).await.unwrap();
    drop(service);
    let (mut console, mut client) = (node.console("hz").await, node.client("hz").await);
    let stop = Arc::new(AtomicBool::new(false));
    let (mut other, stopped) = (node.client("hz").await, Arc::clone(&stop));
    let other_users = tokio::spawn(async move {
        let mut written = 0_u64;
        while !stopped.load(Ordering::Relaxed) {
            other.query_drop(WRITE_50).await.unwrap();
            written += 1;
        }
        written
    });
    let told = done(&mut console, "MOVE SHARDS 5000-9999 TO 'hz'").await;
    assert!(told.starts_with("moved shards 5000-9999 from bj to hz"), "{told}");
    let orders = format!(
        "SELECT GROUP_CONCAT(item ORDER BY id) FROM orders WHERE user_id = 6000 AND item IN ('{old}', '{new}')"
    );
    let strong = format!("/*meridian: level=strong*/ {orders}");
    assert_eq!(value(&mut client, &strong).await, old, "the old order is there");
    client.query_drop(order(&new)).await.unwrap();
    assert_eq!(turn.databases.value("hz", Role::Primary, &count(&new)).await, "1");
    let told = done(&mut console, "MOVE SHARDS 5000-9999 TO 'bj'").await;
    assert!(told.starts_with("moved shards 5000-9999 from hz to bj"), "{told}");
    let mut service = node.client("bj").await;
    // Ids of units keep apart, so that which of the two comes first is not the question.
    let both: std::collections::BTreeSet<String> =
        value(&mut service, &strong).await.split(',').map(str::to_owned).collect();
    assert_eq!(both, [old, new].into(), "both orders came home");
    assert_eq!(sent(&mut service, turn.databases, WRITE_6000).await, Ok(vec!["bj primary".to_owned()]));
    stop.store(true, Ordering::Relaxed);
    let written = other_users.await.expect("no write of 50 was ever refused");
    assert!(written > 0, "others wrote all the time");
}

fn count(item: &str) -> String {
    format!("SELECT COUNT(*) FROM shop.orders WHERE item = '{item}'")
}

#[tokio::test]
async fn e4_a_client_at_the_wrong_unit_s_node_is_forwarded_or_refused_as_the_table_says() {
    let turn = Turn::wait().await;
    let node = turn.node(PATIENT).await;
    let mut wrong = node.client("hz").await;
    assert_eq!(sent(&mut wrong, turn.databases, WRITE_6000).await, Ok(vec!["bj primary".to_owned()]));
    drop(wrong);
    let (files, mut setup) = node.stop().await;
    setup.tables = TABLES.replacen("key = \"user_id\"\n", "key = \"user_id\"\nwrong_unit = \"refuse\"\n", 1);
    let node = Node::start_in(files, setup).await.unwrap();
    let (mut wrong, mut right) = (node.client("hz").await, node.client("bj").await);
    let (mark, count_mark) = (marker(), |mark: &str| count(mark));
    let insert = format!("INSERT INTO orders (user_id, item) VALUES (6000, '{mark}')");
    let epoch = rows(&mut node.console("hz").await, "SHOW EPOCH").await[0]["epoch"].clone();
    let (errno, text) = error_of(&mut wrong, &insert).await;
    assert_eq!(errno, 1290, "{text}");
    for part in ["key 6000", "unit 'hz'", "unit 'bj'", &format!("epoch {epoch}")] {
        assert!(text.contains(part), "{part} in: {text}");
    }
    for unit in ["hz", "bj"] {
        assert_eq!(turn.databases.value(unit, Role::Primary, &count_mark(&mark)).await, "0", "{unit}");
    }
    // The connection goes on, and its own users are served.
    assert_eq!(sent(&mut wrong, turn.databases, WRITE_50).await, Ok(vec!["hz primary".to_owned()]));
    assert_eq!(sent(&mut right, turn.databases, WRITE_6000).await, Ok(vec!["bj primary".to_owned()]));
}

#[tokio::test]
async fn c14_stale_repeated_overlapping_and_impossible_changes_change_nothing() {
    let turn = Turn::wait().await;
    let node = turn.node(PATIENT).await;
    let (mut console, mut open) = (node.console("hz").await, node.client("hz").await);
    let told = done(&mut console, "MOVE SHARDS 2000-2999 TO 'bj'").await;
    assert!(told.starts_with("moved"), "{told}");
    let before = (rows(&mut console, "SHOW EPOCH").await, rows(&mut console, "SHOW GROUPS").await);
    let epoch: u64 = before.0[0]["epoch"].parse().unwrap();
    for (change, refusal) in [
        (format!("MOVE SHARDS 3000-3999 TO 'bj' IF EPOCH = {}", epoch - 1), format!("the epoch is {epoch}, not")),
        ("MOVE SHARDS 9000-10000 TO 'hz'".to_owned(), "10000".to_owned()),
        ("MOVE SHARDS 5000-4000 TO 'bj'".to_owned(), "5000-4000".to_owned()),
        ("MOVE SHARDS 0-99 TO 'nowhere'".to_owned(), "nowhere".to_owned()),
        ("SWITCH GLOBAL ZONE OF 'nothing' TO 'bj'".to_owned(), "nothing".to_owned()),
        ("FORBID WRITES ON SHARDS 0-99999 REASON 'no'".to_owned(), "99999".to_owned()),
    ] {
        let (_, text) = error_of(&mut console, &change).await;
        assert!(text.contains(&refusal), "{change}: {text}");
    }
    assert_eq!(done(&mut console, "MOVE SHARDS 2000-2999 TO 'bj'").await, "nothing to do: it holds already");
    let after = (rows(&mut console, "SHOW EPOCH").await, rows(&mut console, "SHOW GROUPS").await);
    assert_eq!(after, before, "the old document stays, whole");

    // What is moving is nobody else's to move, not even a part of it; and it ends as if nobody had asked.
    open.query_drop("BEGIN").await.unwrap();
    open.query_drop(WRITE_50).await.unwrap();
    let moving = begin(node.console("bj").await, "MOVE SHARDS 0-999 TO 'bj'");
    let id = at_step(&mut console, "drain").await;
    for overlapping in ["MOVE SHARDS 999-1200 TO 'bj'", "MOVE SHARDS 10-20 TO 'bj'", "MOVE UNIT 'hz' TO 'bj'"] {
        let (_, text) = error_of(&mut console, overlapping).await;
        assert!(text.contains(&format!("move {id}")), "{overlapping}: {text}");
    }
    open.query_drop("COMMIT").await.unwrap();
    moving.await.unwrap().unwrap();
    for (user, owner) in [(50, "bj"), (1200, "hz"), (2499, "bj"), (3500, "hz"), (9500, "bj")] {
        let write = WRITE_50.replace("= 50 ", &format!("= {user} "));
        assert_eq!(sent(&mut open, turn.databases, &write).await, Ok(vec![format!("{owner} primary")]), "{user}");
    }
}

/// Whoever wants to know of the ends of moves: the bodies of what is POSTed.
struct Told {
    listener: TcpListener,
}

impl Told {
    async fn next(&self) -> Value {
        let receiving = async {
            let (mut stream, _) = self.listener.accept().await.unwrap();
            let mut request = Vec::new();
            loop {
                assert!(stream.read_buf(&mut request).await.unwrap() > 0, "the request ends early");
                let text = String::from_utf8_lossy(&request).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length =
                    head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
                if body.len() < length.unwrap_or(usize::MAX) {
                    continue;
                }
                assert!(head.starts_with("POST /moves?from=it HTTP/1.1"), "{head}");
                stream.write_all(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n").await.unwrap();
                return serde_json::from_str(body).unwrap();
            }
        };
        within("the end of a move is told", PATIENCE, receiving).await
    }
}

#[tokio::test]
async fn c18_the_end_of_a_move_is_told_to_the_webhook_and_written_down() {
    let turn = Turn::wait().await;
    let told = Told { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() };
    let port = told.listener.local_addr().unwrap().port();
    let node = turn.node(&format!("{PATIENT}webhook = \"http://127.0.0.1:{port}/moves?from=it\"\n")).await;
    let mut console = node.console("hz").await;
    done(&mut console, "MOVE SHARDS 2000-2999 TO 'bj'").await;
    let event = told.next().await;
    let epoch: u64 = rows(&mut console, "SHOW EPOCH").await[0]["epoch"].parse().unwrap();
    let part = json!([{"group": "main", "shards": [2000, 2999], "from": "hz", "to": "bj"}]);
    for (word, value) in [
        ("event", json!("move-ended")),
        ("what", json!("shards 2000-2999 from hz to bj")),
        ("outcome", json!("moved")),
        ("by", json!("admin")),
        ("node", json!("it")),
        ("epoch", json!(epoch)),
        ("parts", part),
    ] {
        assert_eq!(event[word], value, "{word} in {event}");
    }
    let number = |word: &str| event[word].as_u64().unwrap_or_else(|| panic!("{word} in {event}"));
    assert!(number("asked_at") <= number("ended_at") && number("closed_for_ms") < 60_000, "{event}");
    let history = rows(&mut console, "SHOW HISTORY").await;
    let written = history.iter().find(|row| row["what"].starts_with(&format!("move {}: moved", number("move"))));
    let written = written.unwrap_or_else(|| panic!("{history:?}"));
    assert_eq!((written["by"].as_str(), written["epoch"].as_str()), ("admin", epoch.to_string().as_str()));

    // One that goes back is told as such, with its reason.
    let mut open = node.client("hz").await;
    open.query_drop("BEGIN").await.unwrap();
    open.query_drop("UPDATE product SET stock = stock WHERE name = 'nothing'").await.unwrap();
    let moving = begin(node.console("bj").await, "SWITCH GLOBAL ZONE TO 'bj'");
    let id = at_step(&mut console, "drain").await;
    done(&mut console, "ROLLBACK MOVE").await;
    moving.await.unwrap().unwrap_err();
    let event = told.next().await;
    assert_eq!((&event["outcome"], &event["move"]), (&json!("rolled-back"), &json!(id)), "{event}");
    assert!(event["reason"].as_str().unwrap().contains("operator"), "{event}");
    assert_eq!(event["parts"], json!([{"group": "main", "global_zone": true, "from": "hz", "to": "bj"}]));
}
