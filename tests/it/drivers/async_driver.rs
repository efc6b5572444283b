//! mysql_async through Meridian: what it reads is what it reads from the server itself.

use mysql_async::prelude::{Protocol, Queryable};
use mysql_async::{Conn, Error, IsolationLevel, Params, QueryResult, TxOpts, Value};

use crate::node::{Kind, OneUnit};

/// Every form of a bound parameter.
fn parameters() -> Vec<Value> {
    vec![
        Value::NULL,
        Value::Int(-9_223_372_036_854_775_808),
        Value::UInt(18_446_744_073_709_551_615),
        Value::Float(1.5),
        Value::Double(-2.25e300),
        Value::Bytes(Vec::new()),
        Value::Bytes("größe".into()),
        Value::Bytes((0..=255).collect()),
        Value::Bytes(vec![b'x'; 70_000]),
        Value::Date(2024, 2, 29, 0, 0, 0, 0),
        Value::Date(2024, 12, 31, 23, 59, 59, 999_999),
        Value::Time(true, 34, 22, 59, 59, 1),
        Value::Time(false, 0, 0, 0, 0, 0),
    ]
}

async fn all<P: Protocol>(result: Result<QueryResult<'_, '_, P>, Error>) -> String {
    let mut result = match result {
        Ok(result) => result,
        Err(error) => return told(&error),
    };
    let mut said = String::new();
    loop {
        loop {
            match result.next().await {
                Ok(Some(row)) => said.push_str(&format!("{:?}\n", row.unwrap_raw())),
                Ok(None) => break,
                Err(error) => return said + &told(&error),
            }
        }
        let (rows, id) = (result.affected_rows(), result.last_insert_id());
        said.push_str(&format!("{rows} {id:?} {} {:?}\n", result.warnings(), result.info()));
        if result.is_empty() {
            return said;
        }
    }
}

fn told(error: &Error) -> String {
    match error {
        Error::Server(error) => format!("{} {} {}", error.code, error.state, error.message),
        other => panic!("{other:?}"),
    }
}

/// Everything the driver can do, as one account of what it saw.
async fn battery(connection: &mut Conn) -> Vec<String> {
    let mut seen = Vec::new();
    let set_up = [
        "CREATE TABLE driven (id INT AUTO_INCREMENT PRIMARY KEY, v LONGBLOB, u BIGINT UNSIGNED, d DOUBLE, t DATETIME(6), k TIME(6))",
        "CREATE PROCEDURE driven_sets(IN n INT) BEGIN SELECT n, n + 1; SELECT 'second'; INSERT INTO driven (u) VALUES (n); END",
    ];
    connection.query_drop("DROP TABLE IF EXISTS driven; DROP PROCEDURE IF EXISTS driven_sets").await.unwrap();
    for statement in set_up {
        seen.push(all(connection.query_iter(statement).await).await);
    }
    for value in parameters() {
        seen.push(all(connection.exec_iter("SELECT ?", (value.clone(),)).await).await);
        seen.push(all(connection.exec_iter("INSERT INTO driven (v) VALUES (?)", (value,)).await).await);
    }
    let typed = "INSERT INTO driven (u, d, t, k) VALUES (?, ?, ?, ?)";
    let date = || Value::Date(2024, 1, 2, 3, 4, 5, 6);
    let rows = (0..5u64).map(|n| (n, n as f64 / 3.0, date(), Value::Time(false, 1, 2, 3, 4, 5)));
    connection.exec_batch(typed, rows).await.unwrap();
    // MariaDB's bulk execution leaves a gap between the ids.
    connection.query_drop("ALTER TABLE driven AUTO_INCREMENT = 1000").await.unwrap();
    seen.push(all(connection.exec_iter("SELECT * FROM driven ORDER BY id", ()).await).await);
    seen.push(all(connection.query_iter("SELECT * FROM driven ORDER BY id").await).await);
    seen.push(all(connection.exec_iter("CALL driven_sets(?)", (41,)).await).await);
    seen.push(all(connection.query_iter("CALL driven_sets(7)").await).await);
    seen.push(
        all(connection
            .query_iter("SELECT 1; SELECT 2, 3; UPDATE driven SET u = 9 WHERE u = 41; SELECT * FROM nowhere; SELECT 5")
            .await)
        .await,
    );
    // More statements than the driver keeps, so that it closes some and prepares them again.
    for round in 0..2 {
        for number in 0..60 {
            let text = format!("SELECT {number} + ?, COUNT(*) FROM driven");
            seen.push(all(connection.exec_iter(text, (round,)).await).await);
        }
    }
    for bad in [
        "SELEC",
        "SELECT * FROM nowhere",
        "INSERT INTO driven (id) VALUES (1)",
        "SELECT ? FROM driven WHERE nothing = ?",
    ] {
        seen.push(all(connection.exec_iter(bad, Params::Empty).await).await);
    }
    transactions(connection, &mut seen).await;
    connection.query_drop("SET @left = 1, sql_mode = 'ANSI'").await.unwrap();
    connection.query_drop("CREATE TEMPORARY TABLE driven_temporary (id INT)").await.unwrap();
    seen.push(format!("reset {}", connection.reset().await.unwrap()));
    seen.push(all(connection.query_iter("SELECT @left, @@sql_mode, DATABASE(), LAST_INSERT_ID()").await).await);
    seen.push(all(connection.query_iter("SELECT * FROM driven_temporary").await).await);
    seen.push(all(connection.exec_iter("SELECT COUNT(*) FROM driven", ()).await).await);
    connection.ping().await.unwrap();
    big_values(connection, &mut seen).await;
    seen
}

async fn transactions(connection: &mut Conn, seen: &mut Vec<String>) {
    for (level, commits) in [
        (IsolationLevel::ReadCommitted, true),
        (IsolationLevel::Serializable, false),
        (IsolationLevel::RepeatableRead, true),
    ] {
        let mut options = TxOpts::default();
        let options =
            options.with_isolation_level(level).with_consistent_snapshot(level == IsolationLevel::RepeatableRead);
        let mut transaction = connection.start_transaction(options.clone()).await.unwrap();
        seen.push(all(transaction.exec_iter("INSERT INTO driven (u) VALUES (?)", (100,)).await).await);
        seen.push(all(transaction.query_iter("SELECT COUNT(*) FROM driven WHERE u = 100").await).await);
        if commits {
            transaction.commit().await.unwrap()
        } else {
            transaction.rollback().await.unwrap()
        }
        seen.push(
            all(connection.query_iter("SELECT COUNT(*), LAST_INSERT_ID() FROM driven WHERE u = 100").await).await,
        );
    }
    let mut options = TxOpts::default();
    options.with_readonly(Some(true));
    let mut transaction = connection.start_transaction(options).await.unwrap();
    seen.push(all(transaction.query_iter("INSERT INTO driven (u) VALUES (5)").await).await);
    transaction.rollback().await.unwrap();
    let mut dropped = connection.start_transaction(TxOpts::default()).await.unwrap();
    dropped.query_drop("INSERT INTO driven (u) VALUES (666)").await.unwrap();
    drop(dropped);
    seen.push(all(connection.query_iter("SELECT COUNT(*) FROM driven WHERE u = 666").await).await);
}

/// Values that need more than one packet, both ways: a row that is exactly a packet long by the text protocol, more by the binary one.
async fn big_values(connection: &mut Conn, seen: &mut Vec<String>) {
    connection.query_drop("DELETE FROM driven").await.unwrap();
    // 0xFFFFFF less the four bytes that tell the value's length.
    let exact = 16_777_211usize;
    let back: Vec<Vec<u8>> = connection.query(format!("SELECT REPEAT('y', {exact})")).await.unwrap();
    assert!(back == [vec![b'y'; exact]]);
    let value = vec![b'z'; 18_000_000];
    connection.exec_drop("INSERT INTO driven (v) VALUES (?)", (value.clone(),)).await.unwrap();
    let back: Option<Vec<u8>> = connection.exec_first("SELECT v FROM driven", ()).await.unwrap();
    assert!(back.is_some_and(|back| back == value));
    connection.query_drop("DELETE FROM driven").await.unwrap();
    seen.push(all(connection.query_iter("SELECT COUNT(*) FROM driven").await).await);
}

async fn reads_what_the_server_says(kind: Kind) {
    let Some(unit) = OneUnit::start(kind, |_| {}).await else { return };
    let direct = battery(&mut unit.connect_direct(Some("plain")).await.unwrap()).await;
    let through = battery(&mut unit.connect(Some("plain")).await.unwrap()).await;
    for (direct, through) in direct.iter().zip(&through) {
        assert_eq!(through, direct);
    }
    assert_eq!(direct.len(), through.len());
}

#[tokio::test]
async fn it_reads_what_mariadb_says() {
    reads_what_the_server_says(Kind::MariaDb).await;
}

#[tokio::test]
async fn it_reads_what_mysql9_says() {
    reads_what_the_server_says(Kind::Mysql9).await;
}
