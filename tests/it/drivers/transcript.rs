//! What a server said to a list of statements, as text in which two runs can be compared.

use std::fmt::Write;

use mysql_async::prelude::{Protocol, Queryable};
use mysql_async::{Column, Conn, Error, QueryResult, Row, Value};

use crate::node::Kind;

/// One statement of a session.
#[derive(Clone, Debug)]
pub struct Line {
    pub text: String,
    pub protocol: Wanted,
}

/// By which protocol it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    Text,
    Binary,
}

/// A session: statements for one connection.
#[derive(Clone, Debug)]
pub struct Script {
    pub name: String,
    pub lines: Vec<Line>,
}

/// The sessions of `text` that are for servers of `kind`; see the head of `sessions.sql`.
pub fn scripts(text: &str, kind: Kind) -> Vec<Script> {
    let (own, other) = match kind {
        Kind::MariaDb => ("[mariadb]", "[mysql]"),
        Kind::Mysql9 => ("[mysql]", "[mariadb]"),
    };
    let mut scripts: Vec<Script> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with("# ") && !line.starts_with(other)) {
        if let Some(name) = line.strip_prefix("--- ") {
            scripts.push(Script { name: name.to_owned(), lines: Vec::new() });
            continue;
        }
        let line = line.strip_prefix(own).unwrap_or(line);
        let (protocol, text) = match line.strip_prefix('=') {
            Some(text) => (Wanted::Binary, text),
            None => (Wanted::Text, line),
        };
        scripts.last_mut().unwrap().lines.push(Line { text: text.to_owned(), protocol });
    }
    scripts
}

/// Runs the session in schema `db`; each entry is a statement with all that was said to it.
pub async fn run(connection: &mut Conn, script: &Script, db: &str) -> Vec<String> {
    let mut transcript = Vec::new();
    for line in &script.lines {
        let text = line.text.replace("{db}", db);
        let mut said = format!("{text}\n");
        let outcome = match line.protocol {
            Wanted::Text => match connection.query_iter(text).await {
                Ok(result) => all_sets(result, &mut said).await,
                Err(error) => Err(error),
            },
            Wanted::Binary => match connection.exec_iter(text, ()).await {
                Ok(result) => all_sets(result, &mut said).await,
                Err(error) => Err(error),
            },
        };
        if let Err(error) = outcome {
            let _ = writeln!(said, "  {}", told(&error));
        }
        transcript.push(said);
    }
    transcript
}

fn told(error: &Error) -> String {
    match error {
        Error::Server(error) => format!("ERROR {} ({}): {}", error.code, error.state, error.message),
        other => format!("{other:?}"),
    }
}

async fn all_sets<P: Protocol>(mut result: QueryResult<'_, '_, P>, said: &mut String) -> Result<(), Error> {
    loop {
        for column in result.columns_ref() {
            let _ = writeln!(said, "  {}", shape(column));
        }
        while let Some(row) = result.next().await? {
            let _ = writeln!(said, "  {}", values(row));
        }
        let (affected, id) = (result.affected_rows(), result.last_insert_id());
        let _ = writeln!(said, "  affected {affected} id {id:?} warnings {} {:?}", result.warnings(), result.info());
        if result.is_empty() {
            return Ok(());
        }
    }
}

fn shape(column: &Column) -> String {
    let (schema, table, original) = (column.schema_str(), column.table_str(), column.org_table_str());
    format!(
        "column {schema}.{table}({original}).{}({}) {:?} {:?} charset {} length {} decimals {}",
        column.name_str(),
        column.org_name_str(),
        column.column_type(),
        column.flags(),
        column.character_set(),
        column.column_length(),
        column.decimals()
    )
}

fn values(row: Row) -> String {
    let shown = row.unwrap_raw().into_iter().map(|value| match value {
        Some(Value::Bytes(bytes)) => format!("'{}'", bytes.escape_ascii()),
        Some(other) => format!("{other:?}"),
        None => "taken".to_owned(),
    });
    shown.collect::<Vec<_>>().join(" | ")
}

/// The first places where the two differ, for people.
pub fn differences(direct: &[String], through: &[String]) -> Vec<String> {
    let differing = direct.iter().zip(through).filter(|(direct, through)| direct != through);
    differing.map(|(direct, through)| format!("DIRECTLY  {direct}THROUGH   {through}")).collect()
}
