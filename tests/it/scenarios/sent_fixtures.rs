//! Every case of `sql-fixtures/` in the world two-units, sent for real: it executes where its line says, and what is refused executes nowhere.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Params, Value};

use super::expect::{refused, rows, value};
use super::node::{Node, Setup};
use super::world::{APP, Databases, marker};
use crate::fixture_file::{self, Case};

/// The epoch the fixtures' world is at.
const EPOCH: u64 = 7;

/// Sessions that no client can bring about by statements alone; `tests/fixtures.rs` shows their decisions.
const NOT_BROUGHT_ABOUT: [&str; 5] = [
    "pins: a local read is refused at another unit's pin",
    "pins: a write is refused while a cursor is open at a replica",
    "pins: a read may use the replica of an open cursor",
    "transactions: a read-write transaction left at a replica moves to a primary",
    "pins: a temporary table of another unit",
];

#[tokio::test]
async fn every_fixture_of_two_units_executes_where_its_line_says() {
    each_executes_where_its_line_says(Databases::shared().await, "", &[]).await;
}

/// Asked together with anything else, as with the marker here, this is refused behind a write of Meridian's own transaction (README, Limits).
const NOT_UNDER_ROWS: [&str; 1] = ["pins: the last reply answers ROW_COUNT()"];

#[tokio::test]
async fn every_fixture_of_two_units_executes_where_its_line_says_when_rows_let_it_in() {
    let databases = &Databases::own().await;
    each_executes_where_its_line_says(databases, "fence = \"row\"\n", &NOT_UNDER_ROWS).await;
}

async fn each_executes_where_its_line_says(databases: &Databases, group: &str, left_out: &[&str]) {
    databases.run("hz", "CREATE DATABASE IF NOT EXISTS test").await;
    databases.run("hz", "GRANT ALL ON test.* TO app").await;
    databases.converge().await;
    let mut setup = Setup::shared(databases);
    setup.users.push_str(&format!(
        "[[user]]\nname = \"dba\"\npassword = \"dbapw\"\nbackend_user = \"{}\"\nbackend_password = \"{}\"\ngrants = [\"escapes\"]\n",
        APP.0, APP.1
    ));
    setup.keys = format!("{group}{}", setup.keys);
    let node = Node::start(setup).await;
    let mut console = node.console("hz").await;
    reach_epoch(&mut console).await;

    let files = fixture_file::all();
    let cases: Vec<&Case> =
        files.iter().flat_map(|file| &file.cases).filter(|case| case.snapshot == "two-units").collect();
    assert!(cases.len() > 150, "only {} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        if let Some(told) = explained(&mut console, case).await.filter(|told| *told != case.expectation) {
            wrong.push(format!("{}: EXPLAIN ROUTE says {told}", case.name));
        }
        if NOT_BROUGHT_ABOUT.contains(&case.name.as_str())
            || left_out.contains(&case.name.as_str())
            || case.setting("analysed-under").is_some()
        {
            continue;
        }
        let happened = happened(&node, databases, case).await;
        let expected = expected(&case.expectation);
        if happened != expected {
            wrong.push(format!("{}: {}\n  expected {expected}\n  happened {happened}", case.name, case.sql));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    // Nothing of it has hurt replication.
    databases.converge().await;
}

pub(super) async fn reach_epoch(console: &mut Conn) {
    while rows(console, "SHOW EPOCH").await[0]["epoch"] != EPOCH.to_string() {
        rows(console, "FORBID WRITES ON UNIT 'bj' REASON 'a new epoch'").await;
        rows(console, "ALLOW WRITES ON UNIT 'bj'").await;
    }
}

/// What EXPLAIN ROUTE says, for sessions it can speak of.
async fn explained(console: &mut Conn, case: &Case) -> Option<String> {
    let known = ["snapshot", "unit", "schema", "grants"];
    if case.settings.iter().any(|(word, _)| !known.contains(&word.as_str())) {
        return None;
    }
    let unit = case.setting("unit").unwrap_or("hz");
    let schema = case.setting("schema").unwrap_or("shop");
    // The console always stands in some schema.
    if schema == "none" {
        return None;
    }
    let user = if case.setting("grants").is_some() { "AS USER 'dba' " } else { "" };
    Some(value(console, &format!("EXPLAIN ROUTE AT UNIT '{unit}' IN SCHEMA {schema} {user}{}", case.sql)).await)
}

/// `executed at …`, or `refused with …`.
pub(super) fn expected(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        ["SEND", unit, role, ..] => format!("executed at {unit} {role}"),
        ["ANSWER", ..] => "executed nowhere".to_owned(),
        ["REJECT", errno, _, ..] => format!("refused with {errno} meridian: {}", words[3..].join(" ")),
        _ => panic!("unknown expectation: {line}"),
    }
}

pub(super) async fn happened(node: &Node, databases: &Databases, case: &Case) -> String {
    let mut client = session(node, case).await;
    let mark = marker();
    // Ahead of several statements, whose last may be empty; else behind, where no statement begins with a comment.
    let several = case.sql.contains(';');
    let sql = if several { format!("/* {mark} */ {}", case.sql) } else { format!("{}\n/* {mark} */", case.sql) };
    let outcome = match case.setting("params") {
        None => client.query_drop(&sql).await,
        Some(words) => client.exec_drop(&sql, parameters(words)).await,
    };
    let mut places = databases.executed(&mark);
    if several {
        places.dedup();
    }
    let happened = match (places.as_slice(), outcome) {
        ([], Ok(())) => "executed nowhere".to_owned(),
        ([], Err(error)) => match refused(error) {
            (1094, _) if case.expectation.starts_with("ANSWER kill") => "executed nowhere".to_owned(),
            (errno, text) => format!("refused with {errno} {}", text.split_whitespace().collect::<Vec<_>>().join(" ")),
        },
        // What the server thinks of the statement is not what this is about.
        (places, _) => format!("executed at {}", places.join(" and ")),
    };
    client.disconnect().await.unwrap();
    happened
}

fn parameters(words: &str) -> Params {
    let value = |word: &str| match (word, word.parse::<i64>()) {
        ("NULL", _) => Value::NULL,
        (_, Ok(number)) => Value::Int(number),
        (text, Err(_)) if text.starts_with('\'') => Value::Bytes(text.trim_matches('\'').into()),
        (number, Err(_)) => Value::Double(number.parse().unwrap()),
    };
    Params::Positional(words.split_whitespace().map(value).collect())
}

/// A session as the case describes it.
async fn session(node: &Node, case: &Case) -> Conn {
    let schema = Some(case.setting("schema").unwrap_or("shop")).filter(|name| *name != "none");
    let options = node.setup.options(case.setting("unit").unwrap_or("hz")).db_name(schema);
    let options = match case.setting("grants") {
        Some(_) => options.user(Some("dba")).pass(Some("dbapw")),
        None => options,
    };
    let mut client = Conn::new(options).await.unwrap();
    let modes = case.setting("mode").map(|mode| mode.replace('-', "_").replace(' ', ","));
    let mut statements: Vec<String> = modes.iter().map(|mode| format!("SET sql_mode = '{mode}'")).collect();
    if case.setting("schema-changed-at").is_some() {
        statements.push("ALTER TABLE product COMMENT 'for sale'".to_owned());
    }
    if case.setting("charset").is_some() {
        statements.push("SET NAMES gbk".to_owned());
    }
    let words = |setting| case.setting(setting).unwrap_or_default().split_whitespace().collect::<Vec<_>>();
    statements.extend(pin(case, &words("pin")));
    statements.extend(transaction(case, &words("transaction")));
    for word in words("hint-session") {
        let (name, value) = word.split_once('=').unwrap();
        statements.push(format!("SET @meridian_{name} = '{value}'"));
    }
    for statement in statements {
        client.query_drop(&statement).await.unwrap_or_else(|error| panic!("{}: {statement}: {error}", case.name));
    }
    client
}

/// A user of each unit without rows, so that no lock of a case is in another's way.
fn user_of(unit: &str) -> u32 {
    if unit == "hz" { 4_444 } else { 8_888 }
}

fn transaction(case: &Case, words: &[&str]) -> Vec<String> {
    let has = |word: &str| words.contains(&word);
    let begin = if has("read-only") { "START TRANSACTION READ ONLY" } else { "BEGIN" };
    match words {
        [] => Vec::new(),
        ["queued", ..] => vec![begin.to_owned()],
        ["open", unit, "primary", ..] => {
            let lock = if has("touched") { " FOR UPDATE" } else { "" };
            let mut statements = vec![begin.to_owned()];
            statements.extend(has("fixed").then(|| "SAVEPOINT fixed".to_owned()));
            statements.push(format!("SELECT id FROM orders WHERE user_id = {}{lock}", user_of(unit)));
            statements
        }
        ["open", unit, "replica", "read-only"] => {
            vec![begin.to_owned(), format!("/*meridian: unit={unit}*/ SELECT id FROM product")]
        }
        other => panic!("{}: {other:?}", case.name),
    }
}

fn pin(case: &Case, words: &[&str]) -> Option<String> {
    let [unit, role, reason] = words else { return None };
    let at = format!("/*meridian: unit={unit}*/");
    Some(match (*reason, *role) {
        ("temporary-table", "primary") => format!("{at} CREATE TEMPORARY TABLE scratch (a INT)"),
        ("named-lock", "primary") => format!("{at} SELECT GET_LOCK('fixture', 10)"),
        ("computed-user-variable", "primary") => format!("{at} SET @most = (SELECT 1)"),
        ("table-locks", "primary") => format!("{at} LOCK TABLES audit_log READ"),
        ("unknown-set", "primary") => format!("{at} SET SESSION timestamp = 5"),
        ("sql-prepare", "primary") => format!("{at} PREPARE s FROM 'SELECT 1'"),
        ("last-reply", "primary") => format!("INSERT INTO orders (user_id, item) VALUES ({}, 'reply')", user_of(unit)),
        ("last-reply", "replica") => format!("{at} SELECT SQL_CALC_FOUND_ROWS 1/0 FROM product LIMIT 1"),
        other => panic!("{}: {other:?}", case.name),
    })
}
