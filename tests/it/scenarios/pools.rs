//! Few connections for many sessions: they move between workers, and what a reply left is still there when it is asked for.

use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable;
use tokio::task::JoinSet;

use super::expect::{error_of, rows, value};
use super::node::{Node, Setup};
use super::world::{Databases, marker};

async fn node_with(connections: usize, deadline: &str) -> Node {
    let mut setup = Setup::shared(Databases::shared().await);
    setup.backend = format!("connections_per_instance = {connections}\nqueue_deadline = \"{deadline}\"");
    Node::start(setup).await
}

async fn opened(node: &Node, instance: &str) -> usize {
    let mut console = node.console("hz").await;
    let pools = rows(&mut console, "SHOW POOLS").await;
    let opened = pools.iter().filter(|row| row["instance"] == instance).map(|row| row["opened"].parse().unwrap());
    opened.max().unwrap_or(0)
}

#[tokio::test]
async fn at_the_limit_a_worker_takes_another_worker_s_idle_connection() {
    let node = node_with(1, "1s").await;
    // The two least loaded workers: one session each.
    let (mut one, mut other) = (node.client("hz").await, node.client("hz").await);
    for _ in 0..20 {
        one.query_drop("SELECT 1").await.unwrap();
        other.query_drop("SELECT 1").await.unwrap();
    }
    assert_eq!(opened(&node, "hz-main-1").await, 1, "the one connection was handed to and fro");
}

#[tokio::test]
async fn at_the_limit_an_idle_connection_of_another_pool_makes_room() {
    let node = node_with(1, "1s").await;
    let mut one = node.client("hz").await;
    let mut without_schema = mysql_async::Conn::new(node.setup.options("hz").db_name(None::<&str>)).await.unwrap();
    for _ in 0..5 {
        assert_eq!(value(&mut one, "SELECT DATABASE()").await, "shop");
        assert_eq!(value(&mut without_schema, "SELECT DATABASE()").await, "NULL");
    }
    assert!(opened(&node, "hz-main-1").await >= 10, "each had to be opened anew");
}

#[tokio::test]
async fn a_session_that_waits_too_long_is_told_so_and_nothing_was_executed() {
    let databases = Databases::shared().await;
    let node = node_with(1, "400ms").await;
    let (mut owner, mut waiting, mut elsewhere) =
        (node.client("hz").await, node.client("hz").await, node.client("hz").await);
    owner.query_drop("BEGIN").await.unwrap();
    owner.query_drop("SELECT id FROM orders WHERE user_id = 4443 FOR UPDATE").await.unwrap();
    let began = Instant::now();
    let mark = marker();
    let insert = format!("INSERT INTO orders (user_id, item) VALUES (50, '{mark}')");
    let (errno, text) = error_of(&mut waiting, &insert).await;
    assert_eq!(errno, 1040);
    assert!(text.contains("all 1 to the database are in use") && text.contains("nothing was executed"), "{text}");
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(400) && took < Duration::from_secs(20), "{took:?}");
    assert_eq!(databases.executed(&mark), Vec::<String>::new());
    // Other instances have connections of their own.
    elsewhere.query_drop("UPDATE orders SET amount = amount WHERE user_id = 6000 AND item = 'nothing'").await.unwrap();
    owner.query_drop("COMMIT").await.unwrap();
    waiting.query_drop(insert).await.unwrap();
}

#[tokio::test]
async fn twenty_sessions_over_two_connections_each_read_what_their_own_last_statement_left() {
    let node = node_with(2, "20s").await;
    let mut sessions = JoinSet::new();
    for number in 0..20_u32 {
        let mut client = node.client("hz").await;
        sessions.spawn(async move {
            let item = format!("{}-{number}", marker());
            for round in 0..8_u32 {
                let insert =
                    format!("INSERT INTO orders (user_id, item) VALUES ({}, '{item}'), (50, '{item}')", 100 + number);
                client.query_drop(insert).await.unwrap();
                let id = client.last_insert_id().unwrap();
                tokio::task::yield_now().await;
                assert_eq!(value(&mut client, "SELECT LAST_INSERT_ID()").await, id.to_string(), "{number} {round}");
                assert_eq!(value(&mut client, "SELECT LAST_INSERT_ID()").await, id.to_string(), "asked twice");
                let update = format!(
                    "UPDATE orders SET amount = {round} + 1 WHERE user_id IN ({}, 50) AND item = '{item}'",
                    100 + number
                );
                client.query_drop(update).await.unwrap();
                let rows = client.affected_rows();
                assert_eq!(value(&mut client, "SELECT ROW_COUNT()").await, rows.to_string(), "{number} {round}");
                client.query_drop(format!("SELECT CAST('{number}x' AS SIGNED) FROM audit_log LIMIT 1")).await.unwrap();
                let warnings: Vec<(String, u16, String)> = client.query("SHOW WARNINGS").await.unwrap();
                assert!(
                    warnings.len() == 1 && warnings[0].2.contains(&format!("'{number}x'")),
                    "{number}: {warnings:?}"
                );
            }
        });
    }
    while let Some(ended) = sessions.join_next().await {
        ended.unwrap();
    }
    assert!(opened(&node, "hz-main-1").await <= 2);
}

#[tokio::test]
async fn an_explicit_id_leaves_last_insert_id_what_it_was_to_this_session_and_to_no_other() {
    let node = node_with(1, "20s").await;
    let (mut one, mut other) = (node.client("hz").await, node.client("hz").await);
    one.query_drop(format!("INSERT INTO orders (user_id, item) VALUES (50, '{}')", marker())).await.unwrap();
    let generated = one.last_insert_id().unwrap();
    // The one connection now says what the first session's INSERT gave.
    let explicit = format!("INSERT INTO orders (id, user_id, item) VALUES ({generated} + 4000000, 50, '{}')", marker());
    other.query_drop(explicit).await.unwrap();
    assert_eq!(value(&mut other, "SELECT LAST_INSERT_ID()").await, "0");
    one.query_drop("SELECT 1; SELECT 2").await.unwrap();
    other.query_drop("SELECT 1; SELECT 2").await.unwrap();
    assert_eq!(value(&mut one, "SELECT LAST_INSERT_ID()").await, generated.to_string());
    assert_eq!(value(&mut other, "SELECT LAST_INSERT_ID()").await, "0");
}

#[tokio::test]
async fn found_rows_are_those_of_the_session_s_own_query_even_when_others_wait() {
    let node = node_with(1, "500ms").await;
    let (mut one, mut other) = (node.client("hz").await, node.client("hz").await);
    let all: usize = value(&mut one, "SELECT COUNT(*) FROM product").await.parse().unwrap();
    assert!(all > 1);
    one.query_drop("SELECT SQL_CALC_FOUND_ROWS id FROM product LIMIT 1").await.unwrap();
    other.query_drop("SELECT id FROM product LIMIT 1").await.unwrap();
    let found: usize = value(&mut one, "SELECT FOUND_ROWS()").await.parse().unwrap();
    assert!(found >= all, "{found} of {all}");
    // Without the hint they are the rows that were given; the connection goes back, and what another session finds on it is not ours.
    let two: Vec<u32> = one.query("SELECT id FROM product ORDER BY id LIMIT 2").await.unwrap();
    assert_eq!(two.len(), 2);
    other.query_drop("SELECT id FROM product LIMIT 1").await.unwrap();
    assert_eq!(value(&mut one, "SELECT FOUND_ROWS()").await, "2");
    assert_eq!(value(&mut one, "SELECT FOUND_ROWS() AS found").await, "1", "of the question itself");
}

#[tokio::test]
async fn prepared_statements_of_many_sessions_share_few_connections() {
    let databases = Databases::shared().await;
    let mut setup = Setup::shared(databases);
    setup.backend = "connections_per_instance = 2\nprepared_per_connection = 3\nqueue_deadline = \"20s\"".to_owned();
    let node = Node::start(setup).await;
    let mut sessions = JoinSet::new();
    for number in 0..8_u32 {
        let mut client = node.client("bj").await;
        sessions.spawn(async move {
            let user = 9_100 + number;
            let item = marker();
            let insert = client.prep("INSERT INTO orders (user_id, item, amount) VALUES (?, ?, ?)").await.unwrap();
            let count = client.prep(format!(
                "/*meridian: level=strong*/ SELECT COUNT(*), {number} FROM orders WHERE user_id = ? AND item = ?"
            ));
            let count = count.await.unwrap();
            let typed = client.prep("SELECT ? + 1, CONCAT(?, 'x')").await.unwrap();
            for round in 1..=6_u32 {
                client.exec_drop(&insert, (user, &item, round)).await.unwrap();
                let rows: Option<(u32, u32)> = client.exec_first(&count, (user, &item)).await.unwrap();
                assert_eq!(rows, Some((round, number)));
                // Other types each time: what the server was told of an earlier execution must not be taken for this one's.
                let answer: Option<(mysql_async::Value, String)> = if round % 2 == 0 {
                    client.exec_first(&typed, (round, "a")).await.unwrap()
                } else {
                    client.exec_first(&typed, (f64::from(round), 7)).await.unwrap()
                };
                let expected = if round % 2 == 0 { "ax" } else { "7x" };
                assert_eq!(answer.map(|answer| answer.1).as_deref(), Some(expected));
            }
        });
    }
    while let Some(ended) = sessions.join_next().await {
        ended.unwrap();
    }
}
