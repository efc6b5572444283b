//! Release fails closed: what a session left on its connection keeps the connection, and is gone before another session has it.

use std::collections::BTreeMap;
use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use super::expect::{error_of, rows, sent, until, value};
use super::node::{Node, Setup};
use super::world::{Databases, marker};

/// A node with one connection to each instance: whoever keeps it keeps everybody else waiting.
async fn node_with_one_connection() -> Node {
    let mut setup = Setup::shared(Databases::shared().await);
    setup.backend = "connections_per_instance = 1\nqueue_deadline = \"300ms\"".to_owned();
    Node::start(setup).await
}

async fn session_of(console: &mut Conn, id: u32) -> BTreeMap<String, String> {
    let mut shown = rows(console, "SHOW SESSIONS").await;
    shown.retain(|row| row["id"] == id.to_string());
    shown.pop().unwrap()
}

/// What a session leaves, its name on the console, a question about it, and the answer of a session that has nothing to do with it.
const LEFT: [(&str, &str, &str, &str); 7] = [
    ("CREATE TEMPORARY TABLE left_behind (a INT)", "TemporaryTable", "SELECT COUNT(*) FROM left_behind", "no table"),
    ("SELECT GET_LOCK('pins', 0)", "NamedLock", "SELECT IS_FREE_LOCK('pins')", "1"),
    ("SET @computed = 1 + (SELECT 4)", "ComputedUserVariable", "SELECT @computed", "NULL"),
    ("LOCK TABLES audit_log READ", "TableLocks", "INSERT INTO audit_log (message) VALUES ('unlocked')", "no row"),
    ("SET SESSION max_error_count = @@max_error_count + 1", "UnknownSet", "SELECT @@max_error_count", "64"),
    ("PREPARE left_behind FROM 'SELECT 5'", "SqlPrepare", "EXECUTE left_behind", "no statement"),
    ("SELECT LAST_INSERT_ID(77)", "InsertIdSet", "SELECT LAST_INSERT_ID()", "0"),
];

#[tokio::test]
async fn what_a_session_leaves_keeps_its_connection_until_it_is_gone_and_reset() {
    let node = node_with_one_connection().await;
    let mut console = node.console("hz").await;
    for (leave, reason, question, clean) in LEFT {
        let mut owner = node.client("hz").await;
        let mut other = node.client("hz").await;
        owner.query_drop(leave).await.unwrap();
        // The reply reaches the client a moment before the console knows.
        until(reason, Duration::from_secs(20), async || {
            let session = session_of(&mut console, owner.id()).await;
            session["pinned"] == reason && session["backend"].starts_with("hz-main-1 #")
        })
        .await;
        let pins = rows(&mut console, "SHOW PINS").await;
        assert!(pins.iter().any(|row| row["reason"] == reason && row["sessions"] == "1"), "{pins:?}");
        let pools = rows(&mut console, "SHOW POOLS").await;
        assert!(pools.iter().any(|row| row["instance"] == "hz-main-1" && row["used"] == "1"), "{pools:?}");

        let (errno, text) = error_of(&mut other, "SELECT 1").await;
        assert!(errno == 1040 && text.contains("300 ms"), "{leave}: {errno} {text}");
        // The owner's own statements run where its state is.
        owner.query_drop("SELECT 1").await.unwrap();
        owner.disconnect().await.unwrap();

        let answer: Result<Option<mysql_async::Row>, _> = other.query_first(question).await;
        let answer = match answer {
            Ok(row) => row.map_or_else(|| "no row".to_owned(), |row| super::expect::text_of(&row[0])),
            Err(mysql_async::Error::Server(error)) if error.code == 1146 => "no table".to_owned(),
            Err(mysql_async::Error::Server(error)) if error.code == 1243 => "no statement".to_owned(),
            Err(error) => panic!("{question}: {error}"),
        };
        assert_eq!(answer, clean, "{question}");
        // An EXECUTE that fails keeps its own connection: it may have run a part of something.
        other.disconnect().await.unwrap();
        until(&format!("{leave}: the pin is gone"), Duration::from_secs(20), async || {
            let pins = rows(&mut console, "SHOW PINS").await;
            pins.iter().any(|row| row["reason"] == reason && row["sessions"] == "0")
        })
        .await;
    }
}

#[tokio::test]
async fn a_reset_of_the_session_ends_its_pins_and_its_transaction() {
    let node = node_with_one_connection().await;
    let (mut owner, mut other) = (node.client("hz").await, node.client("hz").await);
    let item = marker();
    owner.query_drop("CREATE TEMPORARY TABLE left_behind (a INT)").await.unwrap();
    owner.query_drop("BEGIN").await.unwrap();
    owner.query_drop(format!("INSERT INTO orders (user_id, item) VALUES (50, '{item}')")).await.unwrap();
    owner.query_drop("SET @meridian_key = 50, @x = 5, autocommit = 0").await.unwrap();
    assert!(owner.reset().await.unwrap());
    let strong =
        format!("/*meridian: level=strong*/ SELECT COUNT(*) FROM orders WHERE user_id = 50 AND item = '{item}'");
    assert_eq!(value(&mut other, &strong).await, "0");
    assert_eq!(value(&mut owner, "SELECT CONCAT(@@autocommit + 0, IFNULL(@x, 'NULL'))").await, "1NULL");
    assert_eq!(error_of(&mut owner, "SELECT * FROM left_behind").await.0, 1146);
    assert_eq!(value(&mut owner, "SELECT DATABASE()").await, "shop", "the schema stays");
}

#[tokio::test]
async fn an_open_transaction_keeps_its_connection_and_is_rolled_back_before_another_has_it() {
    let node = node_with_one_connection().await;
    let (mut owner, mut other) = (node.client("hz").await, node.client("hz").await);
    let item = marker();
    owner.query_drop("BEGIN").await.unwrap();
    owner.query_drop(format!("INSERT INTO orders (user_id, item) VALUES (50, '{item}')")).await.unwrap();
    let mut console = node.console("hz").await;
    let session = session_of(&mut console, owner.id()).await;
    assert_eq!((session["transaction"].as_str(), session["pinned"].as_str()), ("open", "NULL"));
    let strong =
        format!("/*meridian: level=strong*/ SELECT COUNT(*) FROM orders WHERE user_id = 50 AND item = '{item}'");
    assert_eq!(error_of(&mut other, &strong).await.0, 1040);
    drop(owner);
    until("the connection is free", Duration::from_secs(5), async || other.query_drop("SELECT 1").await.is_ok()).await;
    assert_eq!(value(&mut other, &strong).await, "0");
    let shown = rows(&mut console, "SHOW SESSIONS").await;
    assert_eq!(shown.len(), 1, "{shown:?}");
}

#[tokio::test]
async fn cheap_state_follows_its_session_over_one_shared_connection() {
    let databases = Databases::shared().await;
    let node = node_with_one_connection().await;
    let (mut one, mut other) = (node.client("hz").await, node.client("hz").await);
    let settings = [
        "SET NAMES latin1",
        "SET SESSION sql_mode = 'ANSI_QUOTES'",
        "SET time_zone = '+05:00'",
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        "SET @x = 'it''s', @y = 5",
        "SET SESSION group_concat_max_len = 4096",
    ];
    for setting in settings {
        one.query_drop(setting).await.unwrap();
        other.query_drop("SELECT 1").await.unwrap();
    }
    let state = "SELECT CONCAT_WS('|', @@character_set_client, @@sql_mode, @@time_zone, @@tx_isolation, @x, @y, @@group_concat_max_len)";
    let plain = value(&mut other, state).await;
    for _ in 0..3 {
        assert_eq!(value(&mut one, state).await, "latin1|ANSI_QUOTES|+05:00|READ-COMMITTED|it's|5|4096");
        assert_eq!(value(&mut other, state).await, plain);
    }
    let mut console = node.console("hz").await;
    let pins = rows(&mut console, "SHOW PINS").await;
    assert!(pins.iter().all(|row| row["sessions"] == "0"), "{pins:?}");
    // A setting the server refused is not kept.
    assert_eq!(error_of(&mut one, "SET time_zone = 'nowhere'").await.0, 1298);
    assert_eq!(sent(&mut one, databases, "SELECT 1").await, Ok(vec!["hz primary".to_owned()]));
    assert_eq!(value(&mut one, "SELECT @@time_zone").await, "+05:00");
}
