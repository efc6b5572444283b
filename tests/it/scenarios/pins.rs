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
    ("SET SESSION timestamp = 5", "UnknownSet", "SELECT @@timestamp > 1000", "1"),
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
async fn what_the_server_could_not_read_keeps_no_connection() {
    let node = node_with_one_connection().await;
    let (mut owner, mut other) = (node.client("hz").await, node.client("hz").await);
    for unreadable in ["SELEC 1", "FROBNICATE everything;"] {
        assert_eq!(error_of(&mut owner, unreadable).await.0, 1064);
        assert_eq!(value(&mut other, "SELECT 1").await, "1", "{unreadable}");
    }
    // One that is read when the block comes to it: what stands ahead of it was done.
    let block = "BEGIN NOT ATOMIC SET @made = CONCAT('m', 1); EXECUTE IMMEDIATE 'SELEC 1'; END";
    assert_eq!(error_of(&mut owner, block).await.0, 1064);
    assert_eq!(error_of(&mut other, "SELECT 1").await.0, 1040);
    assert_eq!(value(&mut owner, "SELECT @made").await, "m1");
}

/// What makes two things of a kind, what ends one of them and then the other.
const ENDING: [(&str, [&str; 2], [&str; 2]); 6] = [
    (
        "TemporaryTable",
        ["CREATE TEMPORARY TABLE one (a INT)", "CREATE TEMPORARY TABLE shop.two AS SELECT 1 AS a"],
        ["DROP TEMPORARY TABLE one", "DROP TABLE IF EXISTS two"],
    ),
    (
        "NamedLock",
        ["SELECT GET_LOCK('one', 0)", "DO GET_LOCK('two', 0)"],
        ["DO RELEASE_LOCK('one')", "SELECT RELEASE_LOCK('two')"],
    ),
    (
        "NamedLock",
        ["SELECT GET_LOCK('one', 0)", "SELECT GET_LOCK('one', 0)"],
        ["SELECT RELEASE_LOCK('one')", "SELECT RELEASE_ALL_LOCKS()"],
    ),
    (
        "SqlPrepare",
        ["PREPARE one FROM 'SELECT 1'", "PREPARE two FROM 'SELECT 2'"],
        ["DEALLOCATE PREPARE one", "DROP PREPARE TWO"],
    ),
    (
        "Handler",
        ["HANDLER audit_log OPEN", "HANDLER audit_log OPEN AS two"],
        ["HANDLER audit_log CLOSE", "HANDLER two CLOSE"],
    ),
    ("TableLocks", ["LOCK TABLES audit_log READ", "LOCK TABLES audit_log WRITE"], ["SELECT 1", "UNLOCK TABLES"]),
];

#[tokio::test]
async fn a_pin_ends_with_the_last_of_what_caused_it() {
    let node = node_with_one_connection().await;
    let mut console = node.console("hz").await;
    let mut owner = node.client("hz").await;
    let mut other = node.client("hz").await;
    owner.query_drop("SET @kept = 'kept'").await.unwrap();
    for (reason, made, ended) in ENDING {
        for statement in made {
            owner.query_drop(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
        owner.query_drop(ended[0]).await.unwrap_or_else(|error| panic!("{}: {error}", ended[0]));
        assert_eq!(error_of(&mut other, "SELECT 1").await.0, 1040, "{reason}: one is left");
        assert_eq!(session_of(&mut console, owner.id()).await["pinned"], reason);
        owner.query_drop(ended[1]).await.unwrap_or_else(|error| panic!("{}: {error}", ended[1]));
        until(&format!("{reason} has ended"), Duration::from_secs(20), async || {
            other.query_drop("SELECT 1").await.is_ok()
        })
        .await;
        assert_eq!(session_of(&mut console, owner.id()).await["pinned"], "NULL");
        assert_eq!(value(&mut owner, "SELECT @kept").await, "kept");
    }
    let pins = rows(&mut console, "SHOW PINS").await;
    let locks = pins.iter().find(|row| row["reason"] == "NamedLock").unwrap();
    assert_eq!((locks["sessions"].as_str(), locks["since_start"].as_str()), ("0", "2"));
}

#[tokio::test]
async fn a_packet_that_fails_behind_a_temporary_table_keeps_its_connection() {
    let node = node_with_one_connection().await;
    let (mut owner, mut other) = (node.client("hz").await, node.client("hz").await);
    let packet = "CREATE TEMPORARY TABLE half_done (a INT); SELECT no_such_column";
    assert_eq!(error_of(&mut owner, packet).await.0, 1054);
    assert_eq!(error_of(&mut other, "SELECT 1").await.0, 1040);
    drop(owner);
    until("the connection is free", Duration::from_secs(20), async || other.query_drop("SELECT 1").await.is_ok()).await;
    assert_eq!(error_of(&mut other, "SELECT * FROM half_done").await.0, 1146);
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
    let is_gone = async || rows(&mut console, "SHOW SESSIONS").await.len() == 1;
    until("the session that left is listed no more", Duration::from_secs(10), is_gone).await;
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
