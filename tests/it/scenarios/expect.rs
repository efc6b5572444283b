//! What tests ask of a session again and again: where did it go, how was it refused, what does the console say, wait until.

use std::collections::BTreeMap;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Params, Row, Value};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::world::{Databases, marker};

/// Sends `sql` with a mark; where it was executed, or how it was refused.
pub async fn sent(client: &mut Conn, databases: &Databases, sql: &str) -> Result<Vec<String>, (u16, String)> {
    let mark = marker();
    client.query_drop(format!("{sql} /* {mark} */")).await.map_err(|error| refusal_of(error, databases, &mark))?;
    Ok(databases.executed(&mark))
}

/// As [`sent`], prepared and executed with `parameters`.
pub async fn executed(
    client: &mut Conn,
    databases: &Databases,
    sql: &str,
    parameters: impl Into<Params> + Send,
) -> Result<Vec<String>, (u16, String)> {
    let mark = marker();
    let done = client.exec_drop(format!("{sql} /* {mark} */"), parameters).await;
    done.map_err(|error| refusal_of(error, databases, &mark))?;
    Ok(databases.executed(&mark))
}

fn refusal_of(error: mysql_async::Error, databases: &Databases, mark: &str) -> (u16, String) {
    assert_eq!(databases.executed(mark), Vec::<String>::new(), "refused, and executed all the same: {error}");
    refused(error)
}

/// The number of the error that a statement must meet.
pub async fn code_of(conn: &mut Conn, statement: &str) -> u16 {
    match conn.query_drop(statement).await {
        Err(mysql_async::Error::Server(error)) => error.code,
        outcome => panic!("{statement}: {outcome:?}"),
    }
}

/// Number and text of a server's error; anything else ends the test.
pub fn refused(error: mysql_async::Error) -> (u16, String) {
    match error {
        mysql_async::Error::Server(error) => (error.code, error.message),
        other => panic!("the connection was not left usable: {other}"),
    }
}

/// The error of a statement that must have one.
pub async fn error_of(client: &mut Conn, sql: &str) -> (u16, String) {
    match client.query_drop(sql).await {
        Ok(()) => panic!("not refused: {sql}"),
        Err(error) => refused(error),
    }
}

/// The rows of a console's table, by column.
pub async fn rows(console: &mut Conn, command: &str) -> Vec<BTreeMap<String, String>> {
    let rows: Vec<Row> = console.query(command).await.unwrap();
    rows.into_iter().map(by_column).collect()
}

/// A row by column.
pub fn by_column(row: Row) -> BTreeMap<String, String> {
    let names: Vec<String> = row.columns_ref().iter().map(|column| column.name_str().into_owned()).collect();
    names.into_iter().zip(row.unwrap()).map(|(name, value)| (name, text_of(&value))).collect()
}

/// A value as text.
pub fn text_of(value: &Value) -> String {
    match value {
        Value::NULL => "NULL".to_owned(),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => other.as_sql(true).trim_matches('\'').to_owned(),
    }
}

/// The first value of a query.
pub async fn value(client: &mut Conn, sql: &str) -> String {
    let row: Option<Row> = client.query_first(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    row.map_or_else(|| "no row".to_owned(), |row| text_of(&row[0]))
}

/// Asks until the answer is yes. Panics with `what` when it is not within `patience`.
pub async fn until(what: &str, patience: Duration, mut ask: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + patience;
    let mut tick = interval(Duration::from_millis(20));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !ask().await {
        assert!(Instant::now() < deadline, "not within {patience:?}: {what}");
        tick.tick().await;
    }
}

/// The result of what must not take longer than `patience`.
pub async fn within<T>(what: &str, patience: Duration, doing: impl Future<Output = T>) -> T {
    tokio::time::timeout(patience, doing).await.unwrap_or_else(|_| panic!("not within {patience:?}: {what}"))
}

/// What a console's command answers once it is not refused any more.
pub async fn done_in_time(console: &mut Conn, command: &str, patience: Duration) -> String {
    let mut told = String::new();
    until(command, patience, async || match console.query_first::<(String, u64), _>(command).await {
        Ok(row) => {
            told = row.unwrap().0;
            true
        }
        Err(error) => {
            println!("not yet: {error}");
            false
        }
    })
    .await;
    told
}
