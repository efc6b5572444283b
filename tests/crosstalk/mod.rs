//! Many clients over few connections, each of which checks that everything it reads is its own: session variables, insert ids, row counts,
//! rows, transactions, prepared statements.
//!
//! Used by `tests/it` for a bounded run and by `benches/crosstalk.rs` (`scripts/load`) for a long one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder};
use rand::Rng;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How many clients log in at once.
const ARRIVING: usize = 64;

/// The table; made before the run, in the schema the clients stand in.
pub const TABLES: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS crosstalk (id BIGINT AUTO_INCREMENT PRIMARY KEY, client INT NOT NULL, note VARCHAR(40), KEY (client))",
    "CREATE TABLE IF NOT EXISTS crosstalk_sum (client INT PRIMARY KEY, total BIGINT NOT NULL)",
];

/// What a run came to.
#[derive(Debug, Default)]
pub struct Report {
    /// Statements that were answered and checked.
    pub statements: u64,
    /// Everything that was not as it must be, at most a few of each client.
    pub faults: Vec<String>,
    /// How long all logins took.
    pub logins: Duration,
}

/// Runs `clients` clients for `duration`, counted from when the last one has logged in.
pub async fn run(options: &OptsBuilder, clients: u32, duration: Duration) -> Report {
    let began = Instant::now();
    let statements = Arc::new(AtomicU64::new(0));
    let arriving = Arc::new(Semaphore::new(ARRIVING));
    let mut opening = JoinSet::new();
    for number in 0..clients {
        let (options, arriving) = (options.clone(), Arc::clone(&arriving));
        opening.spawn(async move {
            let _turn = arriving.acquire_owned().await;
            (number, Conn::new(options).await)
        });
    }
    let mut report = Report::default();
    let mut arrived = Vec::new();
    while let Some(opened) = opening.join_next().await {
        match opened.expect("a login does not panic") {
            (number, Ok(connection)) => arrived.push((number, connection)),
            (number, Err(error)) => report.faults.push(format!("client {number} cannot log in: {error}")),
        }
    }
    report.logins = began.elapsed();
    let until = Instant::now() + duration;
    let mut running = JoinSet::new();
    for (number, connection) in arrived {
        let client = Client { number, connection, statements: Arc::clone(&statements), rows: 0, total: 0, added: 0 };
        running.spawn(client.run(until));
    }
    while let Some(ended) = running.join_next().await {
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => report.faults.push(fault),
            Err(panic) => report.faults.push(panic.to_string()),
        }
    }
    report.statements = statements.load(Ordering::Relaxed);
    report
}

struct Client {
    number: u32,
    connection: Conn,
    statements: Arc<AtomicU64>,
    /// Rows it has inserted.
    rows: u64,
    /// What its sum must be.
    total: u64,
    /// What it last set `@added` to.
    added: u64,
}

impl Client {
    async fn run(mut self, until: Instant) -> Result<(), String> {
        self.begin().await?;
        // Everyone does everything once, however slow the machine is.
        for step in 0..6 {
            self.step(step).await?;
        }
        while Instant::now() < until {
            let step = rand::rng().random_range(0..6);
            self.step(step).await?;
        }
        self.connection.disconnect().await.map_err(|error| error.to_string())
    }

    async fn step(&mut self, step: u32) -> Result<(), String> {
        match step {
            0 => self.settings().await,
            1 => self.insert().await,
            2 => self.count().await,
            3 => self.transaction().await,
            4 => self.prepared().await,
            _ => self.variable().await,
        }
    }

    async fn begin(&mut self) -> Result<(), String> {
        let number = self.number;
        let zone = number % 12;
        let settings =
            format!("SET @me = {number}, time_zone = '+{zone:02}:30', group_concat_max_len = {}", 1024 + number);
        self.say(&settings).await?;
        self.say(&format!("DELETE FROM crosstalk WHERE client = {number}")).await?;
        self.say(&format!("REPLACE INTO crosstalk_sum (client, total) VALUES ({number}, 0)")).await
    }

    async fn settings(&mut self) -> Result<(), String> {
        let (number, zone) = (self.number, self.number % 12);
        let expected = format!("{number}|+{zone:02}:30|{}|{}", 1024 + number, self.added);
        self.expect("SELECT CONCAT_WS('|', @me, @@time_zone, @@group_concat_max_len, IFNULL(@added, 0))", &expected)
            .await
    }

    async fn insert(&mut self) -> Result<(), String> {
        let number = self.number;
        self.say(&format!(
            "INSERT INTO crosstalk (client, note) VALUES ({number}, '{number}'), ({number}, '{number}')"
        ))
        .await?;
        self.rows += 2;
        let id = self.connection.last_insert_id().unwrap_or_default();
        self.expect("SELECT LAST_INSERT_ID()", &id.to_string()).await?;
        let row = format!("SELECT CONCAT(client, '|', note) FROM crosstalk WHERE id = {id}");
        self.expect(&row, &format!("{number}|{number}")).await?;
        self.say(&format!("UPDATE crosstalk SET note = '{number}' WHERE id = {id} AND client <> {number}")).await?;
        let changed = self.connection.affected_rows();
        if changed == 0 { Ok(()) } else { Err(format!("client {number}: row {id} is somebody else's")) }
    }

    async fn count(&mut self) -> Result<(), String> {
        let query = format!("SELECT COUNT(*) FROM crosstalk WHERE client = {} AND note = '{0}'", self.number);
        self.expect(&query, &self.rows.to_string()).await
    }

    async fn transaction(&mut self) -> Result<(), String> {
        let (number, more) = (self.number, rand::rng().random_range(1..100));
        let read = format!("SELECT total FROM crosstalk_sum WHERE client = {number}");
        self.say("BEGIN").await?;
        self.say(&format!("UPDATE crosstalk_sum SET total = total + {more} WHERE client = {number}")).await?;
        self.expect(&read, &(self.total + more).to_string()).await?;
        if more % 3 == 0 {
            self.say("ROLLBACK").await?;
        } else {
            self.say("COMMIT").await?;
            self.total += more;
        }
        self.expect(&read, &self.total.to_string()).await
    }

    async fn prepared(&mut self) -> Result<(), String> {
        let number = self.number;
        let found: Result<Option<(u64, u64, u64)>, _> = self
            .connection
            .exec_first("SELECT ? + 1, @me + 0, COUNT(*) FROM crosstalk WHERE client = ?", (number, number))
            .await;
        let expected = Some((u64::from(number) + 1, u64::from(number), self.rows));
        self.checked("an EXECUTE", found.map_err(|error| error.to_string())?, expected)
    }

    async fn variable(&mut self) -> Result<(), String> {
        self.added = rand::rng().random_range(0..1_000_000);
        self.say(&format!("SET @added = {}", self.added)).await?;
        self.settings().await
    }

    async fn say(&mut self, statement: &str) -> Result<(), String> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        let said = self.connection.query_drop(statement).await;
        said.map_err(|error| format!("client {}: {statement}: {error}", self.number))
    }

    async fn expect(&mut self, query: &str, expected: &str) -> Result<(), String> {
        let found: Result<Option<String>, _> = self.connection.query_first(query).await;
        let found = found.map_err(|error| format!("client {}: {query}: {error}", self.number))?;
        self.checked(query, found.as_deref(), Some(expected))
    }

    fn checked<T: PartialEq + std::fmt::Debug>(&self, what: &str, found: T, expected: T) -> Result<(), String> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        if found == expected {
            return Ok(());
        }
        Err(format!("client {}: {what}: {found:?} instead of {expected:?}", self.number))
    }
}
