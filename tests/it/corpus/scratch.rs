//! A server to try statements on, and the connection to it.

use std::path::PathBuf;
use std::time::Duration;

use meridian::sql::Family;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder};

use crate::servers::{MariaDb, Mysql9, Mysql9Tree};

/// A statement that takes longer is given up, and its connection with it.
const PATIENCE: Duration = Duration::from_secs(4);

#[derive(Debug)]
enum Server {
    MariaDb(Box<MariaDb>),
    Mysql9(Box<Mysql9>),
}

/// What a statement came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Error(u16),
    /// It took too long, or the connection ended.
    Lost,
}

/// A server that nobody else uses.
#[derive(Debug)]
pub struct Scratch {
    server: Server,
    family: Family,
    connection: Option<Conn>,
    /// A session of its own for what is asked besides, so that no character set of the tests' bears on it.
    observer: Option<Conn>,
}

const OPTIONS: [&str; 5] = [
    "--innodb-flush-log-at-trx-commit=0",
    "--sync-binlog=0",
    "--innodb-lock-wait-timeout=1",
    "--lock-wait-timeout=1",
    "--binlog-format=ROW",
];

impl Scratch {
    /// `None`, said aloud, where the server cannot be had.
    pub async fn start(family: Family) -> Option<Scratch> {
        let server = start(family).await?;
        Some(Scratch { server, family, connection: None, observer: None })
    }

    /// A session of root's in a new schema `test`, nothing else left of the one before.
    pub async fn fresh(&mut self) {
        self.connection = None;
        self.observer = None;
        let mut connection = self.connect().await;
        let schemas: Vec<String> = connection
            .query(
                "SELECT schema_name FROM information_schema.schemata \
                 WHERE schema_name NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')",
            )
            .await
            .unwrap_or_default();
        for schema in schemas {
            let _ = connection.query_drop(format!("DROP DATABASE `{}`", schema.replace('`', "``"))).await;
        }
        let _ = connection.query_drop("CREATE DATABASE test").await;
        let _ = connection.query_drop("USE test").await;
        self.connection = Some(connection);
        self.observer = Some(self.connect().await);
    }

    /// Runs a statement.
    pub async fn run(&mut self, statement: &[u8]) -> Outcome {
        let Some(connection) = &mut self.connection else { return Outcome::Lost };
        let answered = async {
            let result = connection.query_iter(statement).await?;
            result.drop_result().await
        };
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(Ok(())) => Outcome::Done,
            Ok(Err(mysql_async::Error::Server(error))) => Outcome::Error(error.code),
            Ok(Err(_)) | Err(_) => {
                let id = connection.id();
                self.connection = None;
                if let Ok(mut killer) = self.try_connect().await {
                    let _ = killer.query_drop(format!("KILL {id}")).await;
                }
                Outcome::Lost
            }
        }
    }

    /// One row of text.
    pub async fn row(&mut self, query: &str) -> Option<Vec<Option<String>>> {
        let connection = self.connection.as_mut()?;
        let row: mysql_async::Row = connection.query_first(query).await.ok()??;
        let text = |value: mysql_async::Value| match value {
            mysql_async::Value::NULL => None,
            other => Some(other.as_sql(true).trim_matches('\'').to_owned()),
        };
        Some(row.unwrap().into_iter().map(text).collect())
    }

    pub fn observer(&mut self) -> Option<&mut Conn> {
        self.observer.as_mut()
    }

    /// A new session to ask besides: what was given up in the middle of an answer is of no use any more.
    pub async fn observe_anew(&mut self) {
        self.observer = self.try_connect().await.ok();
    }

    /// The session's id on the server.
    pub fn id(&self) -> Option<u32> {
        self.connection.as_ref().map(Conn::id)
    }

    pub fn is_lost(&self) -> bool {
        self.connection.is_none()
    }

    fn socket(&self) -> PathBuf {
        match &self.server {
            Server::MariaDb(server) => server.socket(),
            Server::Mysql9(server) => server.socket(),
        }
    }

    async fn try_connect(&self) -> Result<Conn, mysql_async::Error> {
        let options = OptsBuilder::default()
            .user(Some("root"))
            .socket(Some(self.socket().display().to_string()))
            .max_allowed_packet(Some(16 << 20));
        Conn::new(options).await
    }

    /// A connection; to a new server if a statement has ended the old one, or has taken a table of the server's own from it.
    async fn connect(&mut self) -> Conn {
        for attempt in 0..3 {
            if let Ok(Ok(mut connection)) = tokio::time::timeout(Duration::from_secs(20), self.try_connect()).await
                && connection.query_drop("SET GLOBAL read_only = 0").await.is_ok()
                && connection.query_drop("SELECT COUNT(*) FROM information_schema.routines").await.is_ok()
            {
                return connection;
            }
            println!("a new server is needed (attempt {attempt})");
            let server = start(self.family).await.expect("the server was there before");
            self.server = server;
        }
        panic!("no server can be connected to");
    }
}

async fn start(family: Family) -> Option<Server> {
    match family {
        Family::MariaDb => Some(Server::MariaDb(Box::new(MariaDb::start(&OPTIONS).await))),
        Family::MySql => {
            let tree = Mysql9Tree::find().await?;
            let server = Mysql9::start(&tree, 1, &OPTIONS).await;
            Some(Server::Mysql9(Box::new(server)))
        }
    }
}
