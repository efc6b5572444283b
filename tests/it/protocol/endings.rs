//! How sessions end and what their clients hear: KILL in all its forms, `wait_timeout`, a client that leaves in the middle of a result.

use std::io::ErrorKind;
use std::time::Duration;

use meridian::net::stream::Stream;
use meridian::wire::scanner::ReplyKind;
use mysql_async::prelude::Queryable;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::raw::{Raw, usual};
use crate::node::{Kind, OneUnit};
use crate::scenarios::expect::within;

const PATIENCE: Duration = Duration::from_secs(60);

/// A result no client ever reads to its end: a hundred gigabytes, of which the first rows come at once.
const ENDLESS: &str = "SELECT REPEAT('x', 1000) FROM plain.ten a, plain.ten b, plain.ten c, plain.ten d, plain.ten e, plain.ten f, \
    plain.ten g, plain.ten h";
const ENDLESS_BEGINS: &str = "SELECT REPEAT(";

/// All that comes until the other side closes.
async fn rest(client: &mut Raw) -> Vec<u8> {
    let mut rest = Vec::new();
    let _ = within("the end of the connection", PATIENCE, client.stream.read_to_end(&mut rest)).await;
    rest
}

/// What a client hears that ends itself in this way, and whether it goes on.
async fn suicide(port: u16, kind: Kind, statement: &str) -> (String, bool) {
    let mut client = Raw::connect(port, None, usual(kind)).await;
    let id = client.value("SELECT CONNECTION_ID()").await;
    let said = client.query(&format!("{statement} {id}")).await.bytes.escape_ascii().to_string();
    let goes_on = match statement {
        "KILL QUERY" => client.value("SELECT 'alive'").await == "alive",
        _ => !rest(&mut client).await.is_empty(),
    };
    (said, goes_on)
}

async fn kills_are_heard_as_from_the_server(kind: Kind) {
    let Some(unit) = OneUnit::start(kind, |_| {}).await else { return };
    for statement in ["KILL", "KILL CONNECTION", "KILL QUERY"] {
        let direct = suicide(unit.direct_port(), kind, statement).await;
        assert_eq!(suicide(unit.port(), kind, statement).await, direct, "{statement}");
    }
    // It is closed by the time who asked for it hears so: drivers that reconnect look no further.
    for _ in 0..50 {
        let victim = Raw::connect(unit.port(), None, usual(kind)).await;
        let mut killer = Raw::connect(unit.port(), None, usual(kind)).await;
        assert_eq!(killer.query(&format!("KILL {}", victim.id)).await.errno(), None);
        let Stream::Tcp(left) = victim.stream else { panic!("not over TCP") };
        let mut left = left.into_std().unwrap();
        let heard = std::io::Read::read_to_end(&mut left, &mut Vec::new());
        let still_open = heard.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        assert!(!still_open, "{heard:?}");
    }
    // While a statement runs: the connection is just gone.
    let mut killer = Raw::connect(unit.port(), None, usual(kind)).await;
    let mut victim = Raw::connect(unit.port(), None, usual(kind)).await;
    victim.send_query("SELECT SLEEP(600)").await;
    until_running(&unit, "SELECT SLEEP(600)", true).await;
    assert_eq!(killer.query(&format!("KILL {}", victim.id)).await.errno(), None);
    // The definition of the column is under way before anybody sleeps; what never comes is a row or an error.
    let heard = rest(&mut victim).await.escape_ascii().to_string();
    assert!(!heard.contains("interrupted") && !heard.contains("\\x00\\x011"), "{heard}");
    until_running(&unit, "SELECT SLEEP(600)", false).await;
}

#[tokio::test]
async fn kills_are_heard_as_from_mariadb() {
    kills_are_heard_as_from_the_server(Kind::MariaDb).await;
}

#[tokio::test]
async fn kills_are_heard_as_from_mysql9() {
    kills_are_heard_as_from_the_server(Kind::Mysql9).await;
}

/// Waits until the primary runs, or no longer runs, a statement that begins so.
async fn until_running(unit: &OneUnit, text: &str, wanted: bool) {
    let mut direct = unit.connect_direct(None).await.unwrap();
    let ask = format!("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '{text}%'");
    let asked = async {
        loop {
            let found: Option<u32> = direct.query_first(&ask).await.unwrap();
            if (found != Some(0)) == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    within(&format!("{text} runs: {wanted}"), PATIENCE, asked).await;
}

async fn nobody_hears_it(kind: Kind) {
    let Some(unit) = OneUnit::start(kind, |_| {}).await else { return };
    let fill =
        ["CREATE TABLE plain.ten (v INT)", "INSERT INTO plain.ten VALUES (1),(2),(3),(4),(5),(6),(7),(8),(9),(10)"];
    unit.root().run(&fill.map(str::to_owned)).await.unwrap();
    // One leaves, one is killed while it does not read; a statement before the result is what keeps it at the primary.
    for killed in [false, true] {
        let mut client = Raw::connect(unit.port(), Some("plain"), usual(kind)).await;
        assert_eq!(client.query("BEGIN").await.errno(), None);
        client.send_query(ENDLESS).await;
        let mut some = vec![0; 64 * 1024];
        client.stream.read_exact(&mut some).await.unwrap();
        until_running(&unit, ENDLESS_BEGINS, true).await;
        if killed {
            let mut killer = Raw::connect(unit.port(), None, usual(kind)).await;
            assert_eq!(killer.query(&format!("KILL {}", client.id)).await.errno(), None);
            rest(&mut client).await;
        }
        drop(client);
        until_running(&unit, ENDLESS_BEGINS, false).await;
    }
}

#[tokio::test]
async fn a_result_that_nobody_hears_ends_at_mariadb() {
    nobody_hears_it(Kind::MariaDb).await;
}

#[tokio::test]
async fn a_result_that_nobody_hears_ends_at_mysql9() {
    nobody_hears_it(Kind::Mysql9).await;
}

/// A client of this port begins a transaction that changes a row, sends `statement`, and leaves once that runs.
async fn leaves_during(unit: &OneUnit, port: u16, statement: &str) {
    let mut client = Raw::connect(port, Some("plain"), usual(unit.kind)).await;
    for before in ["BEGIN", "UPDATE left_behind SET v = v + 1 WHERE id = 1"] {
        assert_eq!(client.query(before).await.errno(), None, "{before}");
    }
    client.send_query(statement).await;
    until_running(unit, statement, true).await;
}

/// What is only there to be heard ends with its client, and its transaction with it, as at the servers; a write goes on.
async fn statements_of_clients_that_leave(kind: Kind) {
    let Some(unit) = OneUnit::start(kind, |_| {}).await else { return };
    let fill = [
        "CREATE TABLE plain.left_behind (id INT PRIMARY KEY, v INT)",
        "INSERT INTO plain.left_behind VALUES (1, 0), (2, 0)",
    ];
    unit.root().run(&fill.map(str::to_owned)).await.unwrap();
    unit.wait_until_replicated().await;
    let mut other = Raw::connect(unit.port(), Some("plain"), usual(kind)).await;
    for of in ["BEGIN", "UPDATE left_behind SET v = 7 WHERE id = 2", "SELECT GET_LOCK(\"left_behind\", 0)"] {
        assert_eq!(other.query(of).await.errno(), None, "{of}");
    }
    // It waits for the row that `other` has locked, longer than all others last.
    let mut writer = Raw::connect(unit.port(), Some("plain"), usual(kind)).await;
    let write = "UPDATE left_behind SET v = v + 10 WHERE id = 2";
    assert_eq!(writer.query("SET innodb_lock_wait_timeout = 3600").await.errno(), None);
    writer.send_query(write).await;
    until_running(&unit, write, true).await;
    drop(writer);
    for statement in ["SELECT SLEEP(3600)", "DO SLEEP(3600)", "SELECT GET_LOCK(\"left_behind\", 3600)"] {
        for port in [unit.direct_port(), unit.port()] {
            leaves_during(&unit, port, statement).await;
            until_running(&unit, statement, false).await;
        }
    }
    // Its COMMIT ends the transaction that took the row first.
    assert_eq!(other.query("COMMIT").await.errno(), None);
    until_running(&unit, write, false).await;
    let mut reader = Raw::connect(unit.direct_port(), Some("plain"), usual(kind)).await;
    assert_eq!(reader.value("SELECT GROUP_CONCAT(v ORDER BY id) FROM left_behind").await, "0,17");
}

#[tokio::test]
async fn statements_end_or_go_on_without_their_client_as_at_mariadb() {
    statements_of_clients_that_leave(Kind::MariaDb).await;
}

#[tokio::test]
async fn statements_end_or_go_on_without_their_client_as_at_mysql9() {
    statements_of_clients_that_leave(Kind::Mysql9).await;
}

/// Who has closed only the sending side, or has sent the next command, reads the answer.
#[tokio::test]
async fn a_client_that_still_reads_has_not_left() {
    let Some(unit) = OneUnit::start(Kind::MariaDb, |_| {}).await else { return };
    for port in [unit.direct_port(), unit.port()] {
        let mut client = Raw::connect(port, None, usual(unit.kind)).await;
        client.send_query("SELECT SLEEP(0.3)").await;
        client.stream.shutdown().await.unwrap();
        assert_eq!(client.receive(ReplyKind::Query).await.first_value().as_deref(), Some("0"));
        let mut client = Raw::connect(port, None, usual(unit.kind)).await;
        for statement in ["SELECT SLEEP(1.5)", "SELECT 'next'"] {
            client.send_query(statement).await;
        }
        client.stream.shutdown().await.unwrap();
        assert_eq!(client.receive(ReplyKind::Query).await.first_value().as_deref(), Some("0"));
        assert_eq!(client.receive(ReplyKind::Query).await.first_value().as_deref(), Some("next"));
    }
}

/// How the connection of an idle client ends: what it hears, or how it breaks.
async fn idle_end(port: u16, kind: Kind) -> Result<String, ErrorKind> {
    let mut client = Raw::connect(port, None, usual(kind)).await;
    assert_eq!(client.query("SET wait_timeout = 1").await.errno(), None);
    let mut heard = Vec::new();
    let ended = within("the end of patience", PATIENCE, client.stream.read_to_end(&mut heard)).await;
    ended.map(|_| heard.escape_ascii().to_string()).map_err(|error| error.kind())
}

async fn idle_clients_are_left_as_the_server_leaves_them(kind: Kind) {
    let Some(unit) = OneUnit::start(kind, |_| {}).await else { return };
    let direct = idle_end(unit.direct_port(), kind).await;
    assert_eq!(idle_end(unit.port(), kind).await, direct);
}

#[tokio::test]
async fn idle_clients_are_left_as_mariadb_leaves_them() {
    idle_clients_are_left_as_the_server_leaves_them(Kind::MariaDb).await;
}

#[tokio::test]
async fn idle_clients_are_left_as_mysql9_leaves_them() {
    idle_clients_are_left_as_the_server_leaves_them(Kind::Mysql9).await;
}

/// New sessions begin with the global values of now, whoever's connection they get; the session that set one keeps its own.
#[tokio::test]
async fn a_global_variable_reaches_new_sessions_only() {
    for kind in [Kind::MariaDb, Kind::Mysql9] {
        let Some(unit) = OneUnit::start(kind, |_| {}).await else { continue };
        let privilege = if kind == Kind::MariaDb { "SUPER" } else { "SYSTEM_VARIABLES_ADMIN" };
        unit.root().run(&[format!("GRANT {privilege} ON *.* TO app@'%'")]).await.unwrap();
        let mut setter = Raw::connect(unit.port(), None, usual(kind)).await;
        let own = "SELECT @@net_write_timeout";
        assert_eq!(setter.value(own).await, "60");
        assert_eq!(setter.query("SET GLOBAL net_write_timeout = 77").await.errno(), None);
        assert_eq!(setter.value(own).await, "60");
        let mut other = Raw::connect(unit.port(), None, usual(kind)).await;
        assert_eq!(other.value(own).await, "77");
        drop(setter);
        let mut third = Raw::connect(unit.port(), None, usual(kind)).await;
        assert_eq!(third.value(own).await, "77");
        assert_eq!(third.ask(&[0x1f], ReplyKind::Simple).await.errno(), None);
        assert_eq!(third.value(own).await, "77", "after COM_RESET_CONNECTION");
    }
}
