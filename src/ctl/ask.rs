//! Asks a console over the MySQL protocol and keeps what it answered.

use std::net::SocketAddr;
use std::time::Duration;

use mysql_async::consts::ColumnType;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder, Row, Value};
use thiserror::Error;

/// How long a console may take to answer; a change may wait for the store.
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);

/// How long connecting and logging in may take.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// One answer: named columns and rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// The columns' names.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<Shown>>,
}

/// One value of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// NULL.
    Null,
    /// A text.
    Text(String),
    /// A number.
    Number(u64),
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum AskError {
    /// The console refused the command, or the login.
    #[error("refused ({code}): {message}")]
    Refused {
        /// The MySQL error number.
        code: u16,
        /// The console's sentence.
        message: String,
    },
    /// No console answers there.
    #[error("no console answers at {console}: {reason}")]
    Unreachable {
        /// The address.
        console: SocketAddr,
        /// Why.
        reason: String,
    },
}

/// A connection to a console.
#[derive(Debug)]
pub struct Asker {
    console: SocketAddr,
    conn: Conn,
}

impl Asker {
    /// Connects and logs in.
    pub async fn connect(console: SocketAddr, user: &str, password: &str) -> Result<Self, AskError> {
        let options = OptsBuilder::default()
            .ip_or_hostname(console.ip().to_string())
            .tcp_port(console.port())
            .user(Some(user))
            .pass(Some(password))
            .prefer_socket(false);
        let connected = tokio::time::timeout(CONNECT_DEADLINE, Conn::new(Opts::from(options))).await;
        match connected {
            Ok(Ok(conn)) => Ok(Asker { console, conn }),
            Ok(Err(error)) => Err(ask_error(console, error)),
            Err(_) => Err(unreachable(console, format!("no login within {CONNECT_DEADLINE:?}"))),
        }
    }

    /// Sends one command and takes its answer whole.
    pub async fn ask(&mut self, command: &str) -> Result<Answered, AskError> {
        self.ask_within(ANSWER_DEADLINE, command).await
    }

    /// As [`Asker::ask`], for a command that takes as long as the node's own deadlines let it.
    pub async fn ask_within(&mut self, deadline: Duration, command: &str) -> Result<Answered, AskError> {
        let console = self.console;
        match tokio::time::timeout(deadline, self.ask_patiently(command)).await {
            Ok(answered) => answered.map_err(|error| ask_error(console, error)),
            Err(_) => Err(unreachable(console, format!("no answer within {deadline:?}; ask for the status"))),
        }
    }

    async fn ask_patiently(&mut self, command: &str) -> Result<Answered, mysql_async::Error> {
        let mut result = self.conn.query_iter(command).await?;
        let columns: Vec<String> = result.columns_ref().iter().map(|column| column.name_str().into_owned()).collect();
        let rows: Vec<Row> = result.collect().await?;
        Ok(Answered { columns, rows: rows.iter().map(shown_row).collect() })
    }

    /// Takes leave; an answer is not waited for.
    pub async fn leave(self) {
        if let Err(error) = self.conn.disconnect().await {
            tracing::debug!(%error, "the console was gone first");
        }
    }
}

fn unreachable(console: SocketAddr, reason: String) -> AskError {
    AskError::Unreachable { console, reason }
}

fn ask_error(console: SocketAddr, error: mysql_async::Error) -> AskError {
    match error {
        mysql_async::Error::Server(error) => AskError::Refused { code: error.code, message: error.message },
        other => unreachable(console, other.to_string()),
    }
}

fn shown_row(row: &Row) -> Vec<Shown> {
    let columns = row.columns();
    let cells = columns.iter().enumerate().map(|(index, column)| {
        let is_number = column.column_type() == ColumnType::MYSQL_TYPE_LONGLONG;
        match row.as_ref(index) {
            Some(Value::Bytes(bytes)) => {
                let text = String::from_utf8_lossy(bytes).into_owned();
                match text.parse() {
                    Ok(number) if is_number => Shown::Number(number),
                    _ => Shown::Text(text),
                }
            }
            Some(Value::UInt(number)) => Shown::Number(*number),
            Some(Value::Int(number)) => {
                u64::try_from(*number).map_or_else(|_| Shown::Text(number.to_string()), Shown::Number)
            }
            Some(Value::NULL) | None => Shown::Null,
            Some(other) => Shown::Text(other.as_sql(true)),
        }
    });
    cells.collect()
}
