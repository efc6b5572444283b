//! C1, C3, C10, C11: a forbid holds for every session at once, in its own scope, and until somebody lifts it.

use std::time::{Duration, Instant};

use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use super::expect::{error_of, refused, rows, sent, until, value};
use super::node::{Node, Setup, UNITS};
use super::world::{Databases, marker};
use crate::failures::program::Program;

const UPDATE_BJ: &str = "UPDATE orders SET amount = amount WHERE user_id = 6000 AND item = 'nothing'";
const UPDATE_HZ: &str = "UPDATE orders SET amount = amount WHERE user_id = 50 AND item = 'nothing'";
const READ_BJ: &str = "SELECT COUNT(*) FROM orders WHERE user_id = 6000";

async fn epoch(console: &mut Conn) -> u64 {
    rows(console, "SHOW EPOCH").await[0]["epoch"].parse().unwrap()
}

#[tokio::test]
async fn c1_a_forbid_holds_for_every_open_session_when_it_is_answered_and_is_lifted_the_same_way() {
    let databases = Databases::shared().await;
    let node = Node::shared().await;
    let mut clients = Vec::new();
    for index in 0..12 {
        let mut client = node.client(UNITS[index % 2]).await;
        client.query_drop(UPDATE_BJ).await.unwrap();
        clients.push(client);
    }
    let mut console = node.console("hz").await;
    let before = epoch(&mut console).await;
    let asked = Instant::now();
    let answer = rows(&mut console, "FORBID WRITES ON UNIT 'bj' REASON 'drill 7'").await;
    assert!(asked.elapsed() < Duration::from_millis(200), "it took {:?}", asked.elapsed());
    assert_eq!(answer[0]["epoch"], (before + 1).to_string());
    for (index, client) in clients.iter_mut().enumerate() {
        let (errno, text) = sent(client, databases, UPDATE_BJ).await.unwrap_err();
        assert!(errno == 1290 && text.contains("drill 7") && text.contains("6000"), "{errno} {text}");
        assert_eq!(sent(client, databases, UPDATE_HZ).await, Ok(vec!["hz primary".to_owned()]));
        let replica = format!("{} replica", UNITS[index % 2]);
        assert_eq!(sent(client, databases, READ_BJ).await, Ok(vec![replica]), "reads go on");
    }
    let shown = rows(&mut console, "SHOW FORBIDS").await;
    assert_eq!((shown.len(), shown[0]["scope"].as_str(), shown[0]["by"].as_str()), (1, "unit 'bj'", "admin"));
    rows(&mut console, "ALLOW WRITES ON UNIT 'bj'").await;
    for client in &mut clients {
        assert_eq!(sent(client, databases, UPDATE_BJ).await, Ok(vec!["bj primary".to_owned()]));
    }
}

#[tokio::test]
async fn c16_a_forgotten_forbid_raises_an_alarm_until_it_is_lifted() {
    let mut setup = Setup::shared(Databases::shared().await);
    setup.limits = "[moves]\nforbid_alarm = \"1s\"\n".to_owned();
    let program = Program::start(setup).await;
    let mut console = program.setup.console("hz").await;
    rows(&mut console, "FORBID WRITES ON SHARDS 10-19 REASON 'drill 16'").await;
    let alarms = || program.log().matches("a forbid has been standing for long").count();
    until("it is told, and told again", Duration::from_secs(30), async || alarms() >= 2).await;
    let log = program.log();
    let alarm = log.lines().find(|line| line.contains("a forbid has been standing for long")).unwrap();
    assert!(alarm.contains("shards 10-19") && alarm.contains("drill 16") && alarm.contains("admin"), "{alarm}");
    rows(&mut console, "ALLOW WRITES ON SHARDS 10-19").await;
    // One that was being written when it was lifted may still come.
    let after = alarms() + 1;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(alarms() <= after, "it is not told any more");
}

#[tokio::test]
async fn c1_a_forbid_survives_the_restart_of_the_node() {
    let databases = Databases::shared().await;
    let node = Node::shared().await;
    let mut console = node.console("bj").await;
    rows(&mut console, "FORBID WRITES ON UNIT 'bj' REASON 'over night'").await;
    let before = epoch(&mut console).await;
    drop(console);
    let (directory, setup) = node.stop().await;
    let node = Node::start_in(directory, setup).await.unwrap();
    let mut client = node.client("bj").await;
    let (errno, text) = sent(&mut client, databases, UPDATE_BJ).await.unwrap_err();
    assert!(errno == 1290 && text.contains("over night"), "{errno} {text}");
    let mut console = node.console("bj").await;
    assert_eq!(epoch(&mut console).await, before);
    rows(&mut console, "ALLOW WRITES ON UNIT 'bj'").await;
    assert_eq!(sent(&mut client, databases, UPDATE_BJ).await, Ok(vec!["bj primary".to_owned()]));
}

#[tokio::test]
async fn c1_a_command_for_another_epoch_changes_nothing() {
    let node = Node::shared().await;
    let mut console = node.console("hz").await;
    let now = epoch(&mut console).await;
    for other in [now + 1, now.saturating_sub(1)] {
        let command = format!("FORBID WRITES ON UNIT 'bj' REASON 'stale' IF EPOCH = {other}");
        let (_, text) = error_of(&mut console, &command).await;
        assert!(text.contains(&now.to_string()) && text.contains(&other.to_string()), "{text}");
    }
    assert_eq!(epoch(&mut console).await, now);
    let mut client = node.client("bj").await;
    client.query_drop(UPDATE_BJ).await.unwrap();
    rows(&mut console, &format!("FORBID WRITES ON UNIT 'bj' REASON 'fresh' IF EPOCH = {now}")).await;
    // Said a second time it holds already, and takes no epoch.
    rows(&mut console, "FORBID WRITES ON UNIT 'bj' REASON 'fresh'").await;
    assert_eq!(epoch(&mut console).await, now + 1);
    assert_eq!(error_of(&mut client, UPDATE_BJ).await.0, 1290);
}

#[tokio::test]
async fn c3_updates_forbids_what_changes_rows_and_all_forbids_reads_too() {
    let databases = Databases::shared().await;
    let node = Node::shared().await;
    let mut console = node.console("hz").await;
    let mut client = node.client("bj").await;
    let item = marker();
    let insert = format!("INSERT INTO orders (user_id, item) VALUES (6000, '{item}')");
    let changes = [
        UPDATE_BJ.to_owned(),
        "DELETE FROM orders WHERE user_id = 6000 AND item = 'nothing'".to_owned(),
        format!("REPLACE INTO orders (id, user_id, item) VALUES (77000001, 6000, '{item}')"),
        format!(
            "INSERT INTO orders (id, user_id, item) VALUES (77000001, 6000, '{item}') ON DUPLICATE KEY UPDATE amount = 1"
        ),
    ];
    rows(&mut console, "FORBID UPDATES ON UNIT 'bj' REASON 'scope'").await;
    assert_eq!(sent(&mut client, databases, &insert).await, Ok(vec!["bj primary".to_owned()]));
    assert_eq!(sent(&mut client, databases, READ_BJ).await, Ok(vec!["bj replica".to_owned()]));
    for change in &changes {
        assert_eq!(sent(&mut client, databases, change).await.unwrap_err().0, 1290, "{change}");
    }
    rows(&mut console, "FORBID ALL ON UNIT 'bj' REASON 'scope'").await;
    for statement in changes.iter().chain([&insert, &READ_BJ.to_owned(), &"SELECT COUNT(*) FROM orders".to_owned()]) {
        assert_eq!(sent(&mut client, databases, statement).await.unwrap_err().0, 1290, "{statement}");
    }
    let other = "SELECT COUNT(*) FROM orders WHERE user_id = 50";
    assert_eq!(sent(&mut client, databases, other).await, Ok(vec!["bj replica".to_owned()]));
    rows(&mut console, "FORBID ON UNIT 'bj' REASON 'scope'").await;
    assert_eq!(sent(&mut client, databases, &insert).await.unwrap_err().0, 1290, "writes is the default");
    assert_eq!(sent(&mut client, databases, READ_BJ).await, Ok(vec!["bj replica".to_owned()]));
}

#[tokio::test]
async fn c10_a_statement_prepared_before_the_forbid_is_checked_when_it_is_executed() {
    let node = Node::shared().await;
    let mut client = node.client("hz").await;
    let item = marker();
    let insert = client.prep("INSERT INTO orders (user_id, item) VALUES (?, ?)").await.unwrap();
    let select = client.prep("SELECT COUNT(*) FROM orders WHERE user_id = ? AND item = ?").await.unwrap();
    client.exec_drop(&insert, (6000, &item)).await.unwrap();
    let mut console = node.console("hz").await;
    rows(&mut console, "FORBID ALL ON UNIT 'bj' REASON 'cut'").await;
    for statement in [&insert, &select] {
        assert_eq!(refused(client.exec_drop(statement, (6000, &item)).await.unwrap_err()).0, 1290);
        client.exec_drop(statement, (50, &item)).await.unwrap();
    }
    rows(&mut console, "ALLOW WRITES ON UNIT 'bj'").await;
    client.exec_drop(&insert, (6000, &item)).await.unwrap();
    let strong =
        format!("/*meridian: level=strong*/ SELECT COUNT(*) FROM orders WHERE user_id = 6000 AND item = '{item}'");
    assert_eq!(value(&mut client, &strong).await, "2");
}

#[tokio::test]
async fn c11_sessions_of_a_client_s_pool_follow_without_reconnecting() {
    let node = Node::shared().await;
    let constraints = mysql_async::PoolConstraints::new(6, 6).unwrap();
    let options = node.setup.options("hz");
    let pool = mysql_async::Pool::new(options.pool_opts(mysql_async::PoolOpts::new().with_constraints(constraints)));
    let mut sessions = Vec::new();
    for _ in 0..6 {
        sessions.push(pool.get_conn().await.unwrap());
    }
    let ids: Vec<u32> = sessions.iter().map(|session| session.id()).collect();
    drop(sessions);
    let mut console = node.console("hz").await;
    for round in 0..3 {
        rows(&mut console, "FORBID WRITES ON UNIT 'bj' REASON 'round'").await;
        let mut sessions = Vec::new();
        for _ in 0..6 {
            let mut session = pool.get_conn().await.unwrap();
            assert_eq!(refused(session.query_drop(UPDATE_BJ).await.unwrap_err()).0, 1290, "round {round}");
            assert!(ids.contains(&session.id()), "it reconnected");
            sessions.push(session);
        }
        rows(&mut console, "ALLOW WRITES ON UNIT 'bj'").await;
        for session in &mut sessions {
            session.query_drop(UPDATE_BJ).await.unwrap();
        }
    }
    drop(pool);
}

#[tokio::test]
async fn a_forbid_says_whether_older_writes_are_in_flight_and_an_open_transaction_may_still_commit() {
    let node = Node::shared().await;
    let (mut writer, mut other) = (node.client("hz").await, node.client("bj").await);
    let mut console = node.console("hz").await;
    let item = marker();
    writer.query_drop("BEGIN").await.unwrap();
    writer.query_drop(format!("INSERT INTO orders (user_id, item) VALUES (6000, '{item}')")).await.unwrap();
    let answer = rows(&mut console, "FORBID WRITES ON UNIT 'bj' REASON 'drain'").await;
    assert_eq!(answer[0]["result"], "changed; 1 writes that began before it are still in flight");
    for client in [&mut other, &mut writer] {
        assert_eq!(error_of(client, UPDATE_BJ).await.0, 1290, "a transaction takes no new write either");
    }
    writer.query_drop("COMMIT").await.unwrap();
    let strong =
        format!("/*meridian: level=strong*/ SELECT COUNT(*) FROM orders WHERE user_id = 6000 AND item = '{item}'");
    assert_eq!(value(&mut writer, &strong).await, "1");
    rows(&mut console, "ALLOW WRITES ON UNIT 'bj'").await;
    let answer = rows(&mut console, "FORBID WRITES ON UNIT 'bj' REASON 'drained'").await;
    assert_eq!(answer[0]["result"], "changed; no older write is in flight");
}
