//! sqlx through Meridian: what it reads is what it reads from the server itself, alone and from a pool many times as large as the node's own.

use futures_util::{Stream, TryStreamExt};
use sqlx::mysql::{MySqlConnectOptions, MySqlDatabaseError, MySqlPoolOptions, MySqlQueryResult, MySqlRow};
use sqlx::{Column, Connection, Either, Error, Executor, MySqlConnection, Row, Statement, TypeInfo};
use tokio::task::JoinSet;

use crate::node::{Kind, NodePlan, OneUnit};

/// How many sessions the pool has; the node has four connections.
const SESSIONS: u32 = 24;

const TABLE: &str = "CREATE TABLE typed (id BIGINT AUTO_INCREMENT PRIMARY KEY, small TINYINT, large BIGINT UNSIGNED, \
    half FLOAT, whole DOUBLE, exact DECIMAL(12,3), name VARCHAR(50) UNIQUE, body LONGBLOB, happened DATETIME(6), day DATE, \
    took TIME(6), yes BOOLEAN)";

const ALL: &str = "SELECT * FROM typed ORDER BY id";

fn options(port: u16, schema: &str) -> MySqlConnectOptions {
    let options = MySqlConnectOptions::new().host("127.0.0.1").port(port).username("app").password("apppw");
    // Fewer than are used, so that some are closed and prepared again.
    options.database(schema).statement_cache_capacity(20)
}

/// A DATETIME, a DATE and a TIME.
const MOMENT: [&str; 3] = ["2024-02-29 23:59:58.987654", "2024-02-29", "-838:59:58.000001"];

fn told(error: &Error) -> String {
    match error {
        Error::Database(error) => {
            let error: &MySqlDatabaseError = error.downcast_ref();
            format!("{:?} {error}", sqlx::error::DatabaseError::kind(error))
        }
        Error::RowNotFound => "no row".to_owned(),
        other => panic!("{other:?}"),
    }
}

/// Each column's name, type and bytes, as the protocol at hand carries them.
fn shown(row: &MySqlRow) -> String {
    let value = |column: usize| row.try_get_unchecked::<Option<Vec<u8>>, _>(column).unwrap();
    let columns = row.columns().iter().map(|column| {
        let value = value(column.ordinal()).map(|bytes| bytes.escape_ascii().to_string());
        format!("{} {} {value:?}", column.name(), column.type_info().name())
    });
    columns.collect::<Vec<_>>().join(", ")
}

async fn all(results: impl Stream<Item = Result<Either<MySqlQueryResult, MySqlRow>, Error>>) -> String {
    let mut results = std::pin::pin!(results);
    let mut said = String::new();
    loop {
        match results.try_next().await {
            Ok(Some(Either::Left(end))) => {
                said.push_str(&format!("affected {} id {}\n", end.rows_affected(), end.last_insert_id()))
            }
            Ok(Some(Either::Right(row))) => said.push_str(&format!("{}\n", shown(&row))),
            Ok(None) => return said,
            Err(error) => return said + &told(&error),
        }
    }
}

/// By the text protocol, perhaps several statements.
async fn text(connection: &mut MySqlConnection, statements: &str) -> String {
    format!("{statements}\n{}", all(sqlx::raw_sql(statements).fetch_many(connection)).await)
}

/// By the binary protocol, without parameters.
async fn binary(connection: &mut MySqlConnection, statement: &str) -> String {
    let query = sqlx::query(statement).persistent(true);
    format!("{statement}\n{}", all(connection.fetch_many(query)).await)
}

/// Everything the driver can do, as one account of what it saw.
async fn battery(connection: &mut MySqlConnection) -> Vec<String> {
    let mut seen = vec![text(connection, "DROP TABLE IF EXISTS typed").await, text(connection, TABLE).await];
    values(connection, &mut seen).await;
    transactions(connection, &mut seen).await;
    for bad in
        ["SELEC", "SELECT * FROM nowhere", "INSERT INTO typed (name) VALUES ('one')", "SELECT nothing FROM typed"]
    {
        seen.push(text(connection, bad).await);
        seen.push(binary(connection, bad).await);
    }
    seen.push(
        text(connection, "SELECT 1; UPDATE typed SET small = 9; SELECT 2, 'three'; SELECT * FROM nowhere; SELECT 4")
            .await,
    );
    seen.push(binary(connection, "SELECT COUNT(*) FROM typed WHERE name = 'not there'").await);
    seen.push(told(&sqlx::query("SELECT 1 FROM typed WHERE id = -1").fetch_one(&mut *connection).await.unwrap_err()));
    prepared_again(connection, &mut seen).await;
    connection.ping().await.unwrap();
    seen
}

/// A value of more than a packet, there and back.
async fn big_value(connection: &mut MySqlConnection) {
    let big = vec![b'z'; 18_000_000];
    sqlx::query("INSERT INTO typed (body) VALUES (?)").bind(&big).execute(&mut *connection).await.unwrap();
    let last = "SELECT body FROM typed ORDER BY id DESC";
    let back: Vec<u8> = sqlx::query_scalar(last).fetch_one(&mut *connection).await.unwrap();
    assert!(back == big);
}

/// Typed values there and back, and what the statement says of itself before it runs.
async fn values(connection: &mut MySqlConnection, seen: &mut Vec<String>) {
    let insert = "INSERT INTO typed (small, large, half, whole, exact, name, body, happened, day, took, yes) \
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let body: Vec<u8> = (0..=255).collect();
    for name in ["one", "größe", "one"] {
        let query = sqlx::query(insert).bind(-128i8).bind(u64::MAX).bind(1.5f32).bind(-2.25e300f64).bind("1234.125");
        let query = MOMENT.iter().fold(query.bind(name).bind(&body), |query, value| query.bind(value));
        seen.push(all(connection.fetch_many(query.bind(true))).await);
    }
    let nothing = sqlx::query(insert).bind(None::<i8>).bind(None::<u64>).bind(None::<f32>).bind(None::<f64>);
    let nothing = (0..6).fold(nothing, |query, _| query.bind(None::<&str>));
    seen.push(all(connection.fetch_many(nothing.bind(None::<bool>))).await);
    seen.push(text(connection, ALL).await);
    seen.push(binary(connection, ALL).await);
    let typed: (i8, u64, f32, f64, String, Vec<u8>, bool, Option<i8>) =
        sqlx::query_as("SELECT small, large, half, whole, name, body, yes, NULL FROM typed WHERE name = ?")
            .bind("größe")
            .fetch_one(&mut *connection)
            .await
            .unwrap();
    assert_eq!(typed, (-128, u64::MAX, 1.5, -2.25e300, "größe".to_owned(), body, true, None));
    let statement = connection.prepare("SELECT id, name, ? AS given FROM typed WHERE happened > ?").await.unwrap();
    seen.push(format!("{:?} {:?}", statement.parameters(), statement.columns()));
    let numbers = "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 900) SELECT n FROM r";
    let mut rows = sqlx::query_scalar::<_, i64>(numbers).fetch(&mut *connection);
    let mut sum = 0;
    while let Some(number) = rows.try_next().await.unwrap() {
        sum += number;
    }
    seen.push(format!("streamed {sum}"));
    drop(rows);
    // One that is not read to its end: the driver reads the rest before it asks for more.
    drop(sqlx::query("SELECT a.id FROM typed a JOIN typed b").fetch(&mut *connection).try_next().await.unwrap());
    seen.push(binary(connection, "SELECT COUNT(*) FROM typed").await);
}

async fn transactions(connection: &mut MySqlConnection, seen: &mut Vec<String>) {
    let count = "SELECT COUNT(*), LAST_INSERT_ID() FROM typed WHERE small = 77";
    let insert = "INSERT INTO typed (small) VALUES (77)";
    let mut transaction = connection.begin().await.unwrap();
    seen.push(binary(&mut transaction, insert).await);
    let mut nested = transaction.begin().await.unwrap();
    seen.push(binary(&mut nested, insert).await);
    seen.push(binary(&mut nested, count).await);
    nested.rollback().await.unwrap();
    seen.push(binary(&mut transaction, count).await);
    transaction.commit().await.unwrap();
    seen.push(binary(connection, count).await);
    let mut dropped = connection.begin().await.unwrap();
    seen.push(binary(&mut dropped, insert).await);
    drop(dropped);
    seen.push(binary(connection, count).await);
    let mut failed = connection.begin().await.unwrap();
    seen.push(binary(&mut failed, insert).await);
    seen.push(binary(&mut failed, "INSERT INTO typed (name) VALUES ('one')").await);
    seen.push(binary(&mut failed, count).await);
    failed.rollback().await.unwrap();
    seen.push(binary(connection, count).await);
}

/// Statements that outlive changes of their table, and more of them than the driver keeps.
async fn prepared_again(connection: &mut MySqlConnection, seen: &mut Vec<String>) {
    let one = "SELECT * FROM changing";
    for change in [
        "DROP TABLE IF EXISTS changing; CREATE TABLE changing (id INT); INSERT INTO changing VALUES (1)",
        "ALTER TABLE changing ADD COLUMN added VARCHAR(9) DEFAULT 'new' FIRST",
        "ALTER TABLE changing MODIFY id DECIMAL(9,2)",
        "DROP TABLE changing; CREATE TABLE changing (other DATE); INSERT INTO changing VALUES ('2024-02-29')",
        "DROP TABLE changing",
    ] {
        seen.push(text(connection, change).await);
        seen.push(binary(connection, one).await);
    }
    for round in 0..2 {
        for number in 0..40 {
            let statement = format!("SELECT {number} + ?");
            let query = sqlx::query(&statement).bind(round);
            seen.push(all(connection.fetch_many(query)).await);
        }
    }
    connection.clear_cached_statements().await.unwrap();
    seen.push(binary(connection, "SELECT COUNT(*) FROM typed").await);
}

fn few(plan: &mut NodePlan) {
    plan.backend.push_str("connections_per_instance = 4\nqueue_deadline = \"120s\"\n");
}

async fn reads_what_the_server_says(kind: Kind) {
    let Some(unit) = OneUnit::start(kind, few).await else { return };
    let said = async |port| {
        let mut connection = MySqlConnection::connect_with(&options(port, "plain")).await.unwrap();
        let seen = battery(&mut connection).await;
        big_value(&mut connection).await;
        seen
    };
    let (direct, through) = (said(unit.direct_port()).await, said(unit.port()).await);
    assert!(direct.len() > 100, "{direct:?}");
    for (direct, through) in direct.iter().zip(&through) {
        assert_eq!(through, direct);
    }
    assert_eq!(direct.len(), through.len());
    // Many at once, each in a schema of its own: every one sees the same.
    let pool = MySqlPoolOptions::new().max_connections(SESSIONS).connect_lazy_with(options(unit.port(), "plain"));
    let mut sessions = JoinSet::new();
    for session in 0..SESSIONS {
        let (pool, direct) = (pool.clone(), direct.clone());
        sessions.spawn(async move {
            let mut connection = pool.acquire().await.unwrap();
            let schema = format!("plain_sqlx_{session}");
            text(&mut connection, &format!("CREATE DATABASE {schema} CHARACTER SET utf8mb4")).await;
            text(&mut connection, &format!("USE {schema}")).await;
            let through = battery(&mut connection).await;
            for (direct, through) in direct.iter().zip(&through) {
                assert_eq!(through.replace(&schema, "plain"), *direct, "{schema}");
            }
            assert_eq!(direct.len(), through.len());
        });
    }
    while let Some(ended) = sessions.join_next().await {
        ended.unwrap();
    }
    pool.close().await;
}

#[tokio::test]
async fn sqlx_reads_what_mariadb_says() {
    reads_what_the_server_says(Kind::MariaDb).await;
}

#[tokio::test]
async fn sqlx_reads_what_mysql9_says() {
    reads_what_the_server_says(Kind::Mysql9).await;
}
