//! For random data and random statements: every row a real server touches lies in a shard the decision named, or the statement was refused.
//!
//! All shards have one owner here, so that no statement is refused for having two: the scopes of the decision are what is compared.
//! `MERIDIAN_KEYS_SECONDS=600` runs longer, `MERIDIAN_KEYS_SEED=n` runs one run again.

mod charsets;
mod random;
mod statements;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use meridian::model::{Catalog, Group, Scope, Snapshot, UnitId};
use meridian::monitor::catalog::read_group;
use meridian::route::{Decision, Grants, Rejection, SessionView, TransactionView, decide};
use meridian::sql::{
    CharsetClass, Dialect, Family, Hint, KeyValue, PlanCache, ReadLevel, SqlContext, SqlMode, Statement,
};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Params, Value};
use tokio::time::Instant;

use self::random::Random;
use self::statements::{Statements, TABLES, Table};
use crate::fixture_file::world;
use crate::servers::{MariaDb, Mysql9, Mysql9Tree};

/// How long the run for one server takes, unless told otherwise.
const SECONDS: u64 = 12;

/// The same statements in every run, so that a change is judged and not its luck; other seeds are for longer runs by hand.
const SEED: u64 = 2_026;

/// What of sql_mode bears on texts and on what is stored.
const MODES: [&str; 8] = [
    "",
    "STRICT_ALL_TABLES",
    "ANSI_QUOTES",
    "NO_BACKSLASH_ESCAPES",
    "PIPES_AS_CONCAT",
    "HIGH_NOT_PRECEDENCE",
    "IGNORE_SPACE,STRICT_TRANS_TABLES",
    "ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT",
];

#[tokio::test]
async fn mariadb_touches_only_rows_of_the_keys_read() {
    let server = MariaDb::start(&[]).await;
    let connection = server.root().connect().await.unwrap();
    run(Family::MariaDb, 101_119, connection).await;
}

#[tokio::test]
async fn mysql9_touches_only_rows_of_the_keys_read() {
    let Some(tree) = Mysql9Tree::find().await else { return };
    let server = Mysql9::start(&tree, 1, &[]).await;
    let mut connection = server.root().connect().await.unwrap();
    an_integer_bound_first_changes_what_is_stored_later(&mut connection).await;
    run(Family::MySql, 90_704, connection).await;
}

/// Why an integer bound to a text key is no certain key on MySQL.
async fn an_integer_bound_first_changes_what_is_stored_later(connection: &mut Conn) {
    connection.query_drop("CREATE DATABASE typed").await.unwrap();
    connection.query_drop("CREATE TABLE typed.t (k VARCHAR(8))").await.unwrap();
    let insert = connection.prep("INSERT INTO typed.t (k) VALUES (?)").await.unwrap();
    connection.exec_drop(&insert, (5,)).await.unwrap();
    connection.exec_drop(&insert, ("012",)).await.unwrap();
    let stored: Vec<String> = connection.query("SELECT k FROM typed.t ORDER BY k").await.unwrap();
    assert_eq!(stored, ["12", "5"]);
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

async fn run(family: Family, version: u32, connection: Conn) {
    let seed = setting("MERIDIAN_KEYS_SEED").unwrap_or(SEED);
    let mut trial = Trial::new(Dialect { family, version }, connection).await;
    let read = trial.charsets(seed).await;
    println!(
        "{family:?}: {} texts of charsets, {} with high bytes, {} wrong if not heeded",
        read.sent, read.with_high_bytes, read.heedless
    );
    assert!(read.wrong.is_empty(), "{}:\n{}", read.wrong.len(), read.wrong.join("\n"));
    assert!(read.with_high_bytes > 200 && read.heedless > 20, "{read:?}");
    let mut statements = Statements { random: Random(seed), parameters: None };
    let mut number = 0u64;
    let end = Instant::now() + Duration::from_secs(setting("MERIDIAN_KEYS_SECONDS").unwrap_or(SECONDS));
    while Instant::now() < end {
        number += 1;
        trial.one(&mut statements, &format!("seed {seed}, statement {number}")).await;
    }
    println!("{family:?}: {number} statements: {:?}", trial.counts);
    assert!(trial.counts.touched > 20, "too few statements touch rows: {:?}", trial.counts);
    assert!(trial.wrong.is_empty(), "{} of {number}:\n{}", trial.wrong.len(), trial.wrong.join("\n"));
}

#[derive(Debug, Default)]
struct Counts {
    refused: u64,
    sent: u64,
    touched: u64,
    rejected_by_server: u64,
}

struct Trial {
    connection: Conn,
    dialect: Dialect,
    snapshot: Snapshot,
    plans: PlanCache,
    counts: Counts,
    wrong: Vec<String>,
}

/// A row: its id, its key as text, and the rest.
type Row = (i64, Vec<u8>, Vec<u8>);

impl Trial {
    async fn new(dialect: Dialect, mut connection: Conn) -> Trial {
        for statement in ["CREATE DATABASE shop", "USE shop", "SET NAMES utf8mb4", "SET sql_mode = ''", "SET @v = 12"] {
            connection.query_drop(statement).await.unwrap();
        }
        for table in &TABLES {
            let create = format!(
                "CREATE TABLE {} (id INT AUTO_INCREMENT PRIMARY KEY, k {}, other INT NOT NULL DEFAULT 0, note VARCHAR(20)) ENGINE=InnoDB",
                table.name, table.column
            );
            connection.query_drop(create).await.unwrap();
            for value in table.values {
                connection.query_drop(format!("INSERT INTO {} (k) VALUES ({value})", table.name)).await.unwrap();
            }
        }
        let mut state = (*world::load("typed").snapshot.state).clone();
        for owned in &mut state.groups[0].shards.ranges {
            owned.owner = UnitId(0);
        }
        let group: &Group = &state.groups[0];
        let catalog: Catalog = read_group(&mut connection, group).await.unwrap();
        let snapshot = Snapshot { state: Arc::new(state), observations: Arc::default(), catalog: Arc::new(catalog) };
        Trial {
            connection,
            dialect,
            snapshot,
            plans: PlanCache::new(1 << 20),
            counts: Counts::default(),
            wrong: Vec::new(),
        }
    }

    /// One random statement, run in a transaction that is rolled back.
    async fn one(&mut self, statements: &mut Statements, place: &str) {
        let table = statements.random.pick(&TABLES);
        let other = if statements.random.one_in(2) { table } else { statements.random.pick(&TABLES) };
        statements.parameters = statements.random.one_in(4).then(Vec::new);
        let text = statements.write(table, other);
        let mode = *statements.random.pick(&MODES);
        let given = statements.parameters.take().unwrap_or_default();
        let decided = self.decided(&text, mode, &given);
        let Some(scopes) = decided else {
            self.counts.refused += 1;
            return;
        };
        self.counts.sent += 1;
        self.connection.query_drop(format!("SET sql_mode = '{mode}'")).await.unwrap();
        self.connection.query_drop("BEGIN").await.unwrap();
        let involved: Vec<&Table> = if std::ptr::eq(table, other) { vec![table] } else { vec![table, other] };
        let before = self.rows(&involved).await;
        let outcome = if given.is_empty() {
            self.connection.query_drop(text.as_str()).await
        } else {
            let values: Vec<Value> = given.iter().map(|value| parameter(value)).collect();
            self.connection.exec_drop(text.as_str(), Params::Positional(values)).await
        };
        match outcome {
            Ok(()) => {
                let after = self.rows(&involved).await;
                self.compare(&text, mode, &given, place, &scopes, &involved, &before, &after);
            }
            Err(mysql_async::Error::Server(_)) => self.counts.rejected_by_server += 1,
            Err(error) => panic!("{place}: {text}: {error}"),
        }
        self.connection.query_drop("ROLLBACK").await.unwrap();
    }

    async fn rows(&mut self, tables: &[&Table]) -> Vec<BTreeSet<Row>> {
        let mut found = Vec::new();
        for table in tables {
            let query = format!(
                "SELECT id, CAST(k AS BINARY), CAST(CONCAT_WS(',', other, note) AS BINARY) FROM {}",
                table.name
            );
            let rows: Vec<(i64, Option<Vec<u8>>, Vec<u8>)> = self.connection.query(query).await.unwrap();
            // No row has NULL for a key, and none may come by it: it would be no literal.
            found.push(
                rows.into_iter().map(|(id, key, rest)| (id, key.unwrap_or_else(|| b"NULL".to_vec()), rest)).collect(),
            );
        }
        found
    }

    #[allow(clippy::too_many_arguments)]
    fn compare(
        &mut self,
        text: &str,
        mode: &str,
        given: &[String],
        place: &str,
        scopes: &[Scope],
        tables: &[&Table],
        before: &[BTreeSet<Row>],
        after: &[BTreeSet<Row>],
    ) {
        let mut has_touched = false;
        for ((table, before), after) in tables.iter().zip(before).zip(after) {
            for (_, key, _) in before.symmetric_difference(after) {
                has_touched = true;
                let literal = literal(table, key);
                let own = format!("UPDATE {} SET other = 1 WHERE k = {literal}", table.name);
                let Some(wanted) = self.decided(&own, "", &[]) else {
                    let told = format!(
                        "{place}: {text} {given:?} (sql_mode '{mode}') touched {literal} of {}, which has no shard",
                        table.name
                    );
                    self.wrong.push(told);
                    continue;
                };
                if !wanted.iter().all(|scope| scopes.contains(scope)) {
                    let told = format!(
                        "{place}: {text} {given:?} (sql_mode '{mode}') touched {literal} of {} in {wanted:?}; decided {scopes:?}",
                        table.name
                    );
                    self.wrong.push(told);
                }
            }
        }
        self.counts.touched += u64::from(has_touched);
    }

    /// The scopes of the decision, unless the statement is refused.
    fn decided(&mut self, text: &str, mode: &str, given: &[String]) -> Option<Vec<Scope>> {
        self.decided_under(text.as_bytes(), mode, CharsetClass::Utf8, given)
    }

    fn decided_under(
        &mut self,
        text: &[u8],
        mode: &str,
        charset: CharsetClass,
        given: &[String],
    ) -> Option<Vec<Scope>> {
        let context = SqlContext {
            schema: Some("shop"),
            mode: SqlMode::from_value(&format!("'{mode}'")).unwrap(),
            charset,
            dialect: self.dialect,
            state: &self.snapshot.state,
            catalog: &self.snapshot.catalog,
        };
        let mut statement: Statement = self.plans.analyze(text, &context);
        if !given.is_empty() {
            let values: Vec<KeyValue> = given.iter().map(|value| key(value)).collect();
            statement = statement.bind(&values);
        }
        let hint = Hint::default();
        let session = SessionView {
            unit: UnitId(0),
            schema_group: self.snapshot.state.group_of_schema("shop"),
            hint: &hint,
            transaction: TransactionView::None,
            pin: None,
            grants: Grants::default(),
            looked_up: &[],
            branch_at: None,
            written: &[],
            observed_at: None,
            schema_changed_at: None,
            attributes: None,
            user: "app",
            level: ReadLevel::default(),
            statement_bytes: text.len(),
        };
        match decide(&self.snapshot, &session, &statement) {
            Decision::Send(route) => Some(route.scopes),
            Decision::Reject(Rejection::SeveralOwners { .. }) => {
                panic!("all shards have one owner: {}", text.escape_ascii())
            }
            Decision::Reject(_) | Decision::Answer(_) | Decision::Hold { .. } => None,
        }
    }
}

/// The literal that writes a key as the table holds it.
fn literal(table: &Table, key: &[u8]) -> String {
    let text = String::from_utf8_lossy(key);
    if table.values[0].starts_with('\'') {
        return format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"));
    }
    // The servers write large doubles with an exponent.
    match text.parse::<f64>() {
        Ok(number) if text.contains('e') => format!("{number:.0}"),
        Ok(_) | Err(_) => text.into_owned(),
    }
}

fn parameter(value: &str) -> Value {
    match value.parse::<i64>() {
        Ok(number) => Value::Int(number),
        Err(_) => Value::Bytes(value.as_bytes()[1..value.len() - 1].to_vec()),
    }
}

fn key(value: &str) -> KeyValue {
    match value.parse::<i64>() {
        Ok(number) => KeyValue::Integer(number.into()),
        Err(_) => KeyValue::Text(value.as_bytes()[1..value.len() - 1].into()),
    }
}
