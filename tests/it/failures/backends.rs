//! Servers that die, freeze or are started again: told in time, and only to those whose data they hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use rustix::process::Signal;

use super::fragile::Fragile;
use crate::scenarios::expect::{refused, rows, until, value, within};
use crate::scenarios::node::Node;
use crate::scenarios::world::marker;

/// The connect deadline of the nodes here, and what a busy machine may add to it.
const CONNECT_DEADLINE: Duration = Duration::from_secs(1);
const SLACK: Duration = Duration::from_secs(8);

const WRITE_HZ: &str = "UPDATE orders SET amount = amount + 1 WHERE user_id = 50";
const WRITE_BJ: &str = "INSERT INTO orders (user_id, item) VALUES (6000, 'alive')";

async fn fails_in_time(client: &mut Conn, sql: &str) -> (u16, String) {
    let began = Instant::now();
    let outcome = within(sql, CONNECT_DEADLINE + SLACK, client.query_drop(sql)).await;
    let told = refused(outcome.expect_err("there is no server"));
    assert!(told.1.starts_with("meridian: "), "{told:?} after {:?}", began.elapsed());
    told
}

/// Waits until the node says that no older write is in flight.
async fn drained(console: &mut Conn, unit: &str) {
    until("no older write is in flight", Duration::from_secs(20), async || {
        rows(console, &format!("ALLOW WRITES ON UNIT '{unit}'")).await;
        let answer = rows(console, &format!("FORBID WRITES ON UNIT '{unit}' REASON 'drain'")).await;
        answer[0]["result"] == "changed; no older write is in flight"
    })
    .await;
}

#[tokio::test]
async fn a_killed_primary_gives_an_error_in_time_and_the_other_unit_never_notices() {
    let mut servers = Fragile::start().await;
    let node = Node::start(servers.setup()).await;
    let (mut idle, mut kept, mut other) = (node.client("hz").await, node.client("hz").await, node.client("bj").await);
    idle.query_drop(WRITE_HZ).await.unwrap();
    kept.query_drop("INSERT INTO orders (user_id, item) VALUES (50, 'leaves an insert id')").await.unwrap();
    other.query_drop(WRITE_BJ).await.unwrap();
    let mut busy = node.client("hz").await;
    let running = tokio::spawn(async move { (busy.query_drop("DO SLEEP(30)").await, busy) });
    let sleeps = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'DO SLEEP%'";
    until("it runs", Duration::from_secs(5), async || servers.hz.value(sleeps).await == "1").await;

    let command = servers.hz.end(Signal::KILL).await;
    let (outcome, _) = within("the running statement ends", CONNECT_DEADLINE + SLACK, running).await.unwrap();
    assert_eq!(refused(outcome.unwrap_err()).0, 2013);
    for client in [&mut idle, &mut kept] {
        fails_in_time(client, WRITE_HZ).await;
        fails_in_time(client, WRITE_HZ).await;
        let began = Instant::now();
        other.query_drop(WRITE_BJ).await.unwrap();
        assert_eq!(value(&mut other, "SELECT COUNT(*) > 0 FROM orders WHERE user_id = 6000").await, "1");
        assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
        // The dead unit's own replica still serves its reads, and writes of the other unit go through.
        assert_eq!(value(client, "SELECT COUNT(*) > 0 FROM product").await, "1");
        client.query_drop(WRITE_BJ).await.unwrap();
    }
    let mut new = within("a new client is let in", SLACK, node.client("hz")).await;
    fails_in_time(&mut new, WRITE_HZ).await;

    servers.hz.start_again(command).await;
    for client in [&mut idle, &mut kept, &mut new] {
        client.query_drop(WRITE_HZ).await.unwrap();
    }
}

#[tokio::test]
async fn a_write_that_a_killed_primary_had_in_hand_is_told_as_unknown_and_its_session_goes_on() {
    let mut servers = Fragile::start().await;
    let node = Node::start(servers.setup()).await;
    let mut busy = node.client("hz").await;
    let running = tokio::spawn(async move {
        let slow = "UPDATE orders SET amount = SLEEP(30) WHERE user_id = 4999";
        (busy.query_drop(slow).await, busy)
    });
    let sleeps =
        "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'UPDATE orders SET amount = SLEEP%'";
    until("it runs", Duration::from_secs(5), async || servers.hz.value(sleeps).await == "1").await;
    let command = servers.hz.end(Signal::KILL).await;
    let (outcome, mut busy) = within("the write ends", CONNECT_DEADLINE + SLACK, running).await.unwrap();
    let (errno, text) = refused(outcome.unwrap_err());
    assert!(errno == 2013 && text.contains("unknown"), "{errno} {text}");
    busy.query_drop(WRITE_BJ).await.unwrap();

    // Its ticket is kept: nobody is told that no older write is in flight before the server can say so.
    let mut console = node.console("hz").await;
    let answer = &rows(&mut console, "FORBID WRITES ON UNIT 'hz' REASON 'dead'").await[0]["result"];
    assert_eq!(answer, "changed; 1 writes that began before it are still in flight");
    servers.hz.start_again(command).await;
    drained(&mut console, "hz").await;
}

#[tokio::test]
async fn a_transaction_lost_with_its_server_is_not_continued() {
    let mut servers = Fragile::start().await;
    let node = Node::start(servers.setup()).await;
    let mut client = node.client("hz").await;
    client.query_drop("BEGIN").await.unwrap();
    client.query_drop("INSERT INTO orders (user_id, item) VALUES (50, 'first half')").await.unwrap();
    let command = servers.hz.end(Signal::KILL).await;
    let second = "INSERT INTO orders (user_id, item) VALUES (50, 'second half')";
    assert!(within("the second half", CONNECT_DEADLINE + SLACK, client.query_drop(second)).await.is_err());
    servers.hz.start_again(command).await;
    // A client that did not look at the error must not have its second half committed by itself.
    let _ = client.query_drop(second).await;
    let _ = client.query_drop("COMMIT").await;
    let halves = "SELECT COUNT(*) FROM shop.orders WHERE item LIKE '% half'";
    assert_eq!(servers.hz.value(halves).await, "0");
}

#[tokio::test]
async fn a_frozen_primary_gives_an_error_in_time_and_the_other_unit_never_notices() {
    let servers = Fragile::start().await;
    let node = Node::start(servers.setup()).await;
    let (mut client, mut other) = (node.client("hz").await, node.client("bj").await);
    client.query_drop(WRITE_HZ).await.unwrap();
    other.query_drop(WRITE_BJ).await.unwrap();
    let frozen = servers.hz.freeze();
    let mut console = node.console("bj").await;
    until("the monitor sees it", Duration::from_secs(15), async || {
        let shown = rows(&mut console, "SHOW INSTANCES").await;
        shown.iter().any(|row| row["instance"] == "hz-11" && row["health"] == "unhealthy")
    })
    .await;
    fails_in_time(&mut client, WRITE_HZ).await;
    let began = Instant::now();
    other.query_drop(WRITE_BJ).await.unwrap();
    let mut new = node.client("bj").await;
    new.query_drop(WRITE_BJ).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    client.query_drop(WRITE_BJ).await.unwrap();
    drop(frozen);
    until("it is back", Duration::from_secs(15), async || client.query_drop(WRITE_HZ).await.is_ok()).await;
}

async fn reader(client: &mut Conn) -> String {
    value(client, "SELECT @@server_id FROM product LIMIT 1").await
}

#[tokio::test]
async fn reads_go_to_the_primary_while_the_replica_is_down_and_come_back() {
    let mut servers = Fragile::start().await;
    let node = Node::start(servers.setup()).await;
    let mut client = node.client("hz").await;
    assert_eq!(reader(&mut client).await, "12");
    let command = servers.hz_replica.end(Signal::KILL).await;
    for _ in 0..5 {
        let began = Instant::now();
        assert_eq!(reader(&mut client).await, "11", "not one read is refused");
        assert!(began.elapsed() < CONNECT_DEADLINE + SLACK);
    }
    servers.hz_replica.start_again(command).await;
    servers.hz_replica.root().run(&["START ALL SLAVES".to_owned()]).await.unwrap();
    until("reads come back", Duration::from_secs(15), async || reader(&mut client).await == "12").await;

    // A replica that does not replicate is as good as down.
    servers.hz_replica.root().run(&["STOP ALL SLAVES".to_owned()]).await.unwrap();
    until("reads leave it", Duration::from_secs(15), async || reader(&mut client).await == "11").await;
    servers.hz_replica.root().run(&["START ALL SLAVES".to_owned()]).await.unwrap();
    until("reads come back", Duration::from_secs(15), async || reader(&mut client).await == "12").await;
}

#[tokio::test]
async fn a_read_the_replica_had_in_hand_when_it_died_is_sent_again_unseen() {
    let mut servers = Fragile::start().await;
    let node = Node::start(servers.setup()).await;
    let mut client = node.client("hz").await;
    // So that the connection has been used before.
    assert_eq!(reader(&mut client).await, "12");
    let mark = marker();
    // Held up by a lock, not by SLEEP(), which nobody would repeat.
    let mut locker = servers.hz_replica.root().connect().await.unwrap();
    locker.query_drop("LOCK TABLES shop.product WRITE").await.unwrap();
    let read = format!("SELECT @@server_id FROM product LIMIT 1 /* {mark} */");
    let running = tokio::spawn(async move { (value(&mut client, &read).await, client) });
    let waits =
        format!("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%{mark}%' AND user = 'app'");
    until("it waits", Duration::from_secs(5), async || servers.hz_replica.value(&waits).await == "1").await;
    servers.hz_replica.end(Signal::KILL).await;
    let (answer, _) = within("the read ends", CONNECT_DEADLINE + SLACK, running).await.unwrap();
    assert_eq!(answer, "11");
}

#[tokio::test]
async fn over_a_restart_of_the_server_reads_are_repeated_unseen_and_no_write_is_doubled() {
    let mut servers = Fragile::start().await;
    let node = Node::start(servers.setup()).await;
    let mut sessions = Vec::new();
    for _ in 0..6 {
        let mut client = node.client("hz").await;
        client.query_drop("SELECT COUNT(*) FROM audit_log").await.unwrap();
        sessions.push(client);
    }
    for round in 0..2 {
        let command = servers.hz.end(Signal::TERM).await;
        servers.hz.start_again(command).await;
        for (number, client) in sessions.iter_mut().enumerate() {
            let item = format!("round {round} session {number}");
            client.query_drop("SELECT COUNT(*) FROM audit_log").await.unwrap();
            client.query_drop(format!("INSERT INTO audit_log (message) VALUES ('{item}')")).await.unwrap();
        }
    }

    let back = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = sessions
        .into_iter()
        .enumerate()
        .map(|(number, mut client)| {
            let (setup, back) = (node.setup.clone(), Arc::clone(&back));
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                for count in 0.. {
                    let item = format!("load {number}/{count}");
                    let insert = format!("INSERT INTO audit_log (message) VALUES ('{item}')");
                    let is_back = back.load(Ordering::SeqCst);
                    match client.query_drop(&insert).await {
                        Ok(()) => acknowledged.push(item),
                        Err(_) => {
                            client = setup.client("hz").await;
                            continue;
                        }
                    }
                    if is_back {
                        break;
                    }
                }
                acknowledged
            })
        })
        .collect();
    let loaded = "SELECT COUNT(*) FROM shop.audit_log WHERE message LIKE 'load%'";
    until("writes flow", Duration::from_secs(10), async || {
        servers.hz.value(loaded).await.parse::<u32>().unwrap() > 100
    })
    .await;
    let command = servers.hz.end(Signal::KILL).await;
    servers.hz.start_again(command).await;
    back.store(true, Ordering::SeqCst);
    for writer in writers {
        for item in within("the writers end", Duration::from_secs(90), writer).await.unwrap() {
            let count = format!("SELECT COUNT(*) FROM shop.audit_log WHERE message = '{item}'");
            assert_eq!(servers.hz.value(&count).await, "1", "{item}");
        }
    }
    let doubled = "SELECT COUNT(*) - COUNT(DISTINCT message) FROM shop.audit_log WHERE message LIKE 'load%' OR message LIKE 'round%'";
    assert_eq!(servers.hz.value(doubled).await, "0");
}

#[tokio::test]
async fn a_client_that_vanishes_in_a_write_keeps_its_ticket_until_the_outcome_is_known() {
    let servers = Fragile::start().await;
    let node = Node::start(servers.setup()).await;
    let mut client = node.client("hz").await;
    servers.bj.root().run(&["INSERT INTO shop.orders (user_id, item) VALUES (6000, 'slow')".to_owned()]).await.unwrap();
    let running = tokio::spawn(async move {
        client.query_drop("UPDATE orders SET amount = 7 + SLEEP(2) WHERE user_id = 6000 AND item = 'slow'").await
    });
    let runs = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'UPDATE orders SET amount = 7%'";
    until("it runs", Duration::from_secs(5), async || servers.bj.value(runs).await == "1").await;
    // Dropped in the middle, socket and all.
    running.abort();
    let mut console = node.console("bj").await;
    until("its session still stands", Duration::from_secs(20), async || {
        rows(&mut console, "SHOW SESSIONS").await.len() == 1
    })
    .await;
    let forbid = "FORBID WRITES ON UNIT 'bj' REASON 'drain'";
    let answer = &rows(&mut console, forbid).await[0]["result"];
    assert_eq!(answer, "changed; 1 writes that began before it are still in flight");
    drained(&mut console, "bj").await;
    let amount = servers.bj.value("SELECT IFNULL(amount, 'NULL') FROM shop.orders WHERE item = 'slow'").await;
    assert_eq!(amount, "7", "the write had been in flight");
    // A server answers before it takes the statement off its list.
    until("it runs no more", Duration::from_secs(5), async || servers.bj.value(runs).await == "0").await;
    until("the session is gone", Duration::from_secs(5), async || rows(&mut console, "SHOW SESSIONS").await.is_empty())
        .await;
}
