//! What OK packets say of transactions, to clients that ask: the same before Meridian and behind it.

use meridian::wire::capability::Capabilities;
use meridian::wire::scanner::EndKind;

use super::raw::{Raw, usual};
use crate::node::{Kind, OneUnit};

const STATEMENTS: &[&str] = &[
    "BEGIN",
    "BEGIN",
    "SELECT a FROM plain.tracked",
    "COMMIT",
    "START TRANSACTION READ ONLY",
    "ROLLBACK",
    "BEGIN",
    "COMMIT",
    "COMMIT",
    "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
    "SET TRANSACTION READ ONLY",
    "BEGIN",
    "SAVEPOINT here",
    "SELECT a FROM plain.tracked",
    "COMMIT",
    "START TRANSACTION READ WRITE",
    "INSERT INTO plain.tracked VALUES (1)",
    "ROLLBACK",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT",
    "COMMIT",
];

/// Each OK as it came; of other replies the flags alone, since who answered a SELECT is told there too.
async fn heard(port: u16, kind: Kind, wish: &str) -> Vec<(&'static str, String)> {
    let mut client = Raw::connect(port, None, usual(kind) | Capabilities::SESSION_TRACK).await;
    assert_eq!(client.query(&format!("SET session_track_transaction_info = '{wish}'")).await.errno(), None);
    let mut heard = Vec::new();
    for statement in STATEMENTS {
        let reply = client.query(statement).await;
        let told = match reply.end.kind {
            EndKind::Ok => reply.bytes.escape_ascii().to_string(),
            _ => format!("{:?}", reply.end.status),
        };
        heard.push((*statement, told));
    }
    heard
}

async fn transactions_are_told_of(kind: Kind) {
    let Some(unit) = OneUnit::start(kind, |_| {}).await else { return };
    let mut direct = unit.connect_direct(None).await.unwrap();
    mysql_async::prelude::Queryable::query_drop(&mut direct, "CREATE TABLE plain.tracked (a INT)").await.unwrap();
    unit.wait_until_replicated().await;
    for wish in ["OFF", "STATE", "CHARACTERISTICS"] {
        let (direct, through) = (heard(unit.direct_port(), kind, wish).await, heard(unit.port(), kind, wish).await);
        for (direct, through) in direct.iter().zip(&through) {
            assert_eq!(through, direct, "{wish}");
        }
    }
}

#[tokio::test]
async fn transactions_are_told_of_as_by_mariadb() {
    transactions_are_told_of(Kind::MariaDb).await;
}

#[tokio::test]
async fn transactions_are_told_of_as_by_mysql9() {
    transactions_are_told_of(Kind::Mysql9).await;
}
