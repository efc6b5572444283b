//! FOUND_ROWS(), ROW_COUNT(), LAST_INSERT_ID() and the count of warnings, within larger expressions and beside columns, on connections that
//! somebody else has used since.

use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use crate::node::{Kind, OneUnit};
use crate::scenarios::expect::{error_of, value};

/// What is said ahead of the question.
const BEFORE: &[&[&str]] = &[
    &[],
    &["SELECT a FROM plain.numbers"],
    &["SELECT a FROM plain.numbers LIMIT 2"],
    &["SELECT a FROM plain.numbers WHERE a > 100"],
    &["SELECT a FROM plain.numbers", "INSERT IGNORE INTO plain.numbers VALUES (1, 0)"],
    &["SELECT a FROM plain.numbers", "BEGIN"],
    &["SELECT a FROM plain.numbers", "SET @a = 1"],
    &["SELECT a FROM plain.numbers", "SET NAMES utf8mb4"],
    &["INSERT INTO plain.counted (b) VALUES (1), (2)", "SELECT a FROM plain.numbers"],
    &["INSERT INTO plain.counted (b) VALUES (1)", "SELECT a FROM plain.numbers", "DO 1", "SELECT a FROM plain.numbers"],
    &["INSERT INTO plain.counted (b) VALUES (1)", "SET @a = 1"],
    &["SELECT a FROM plain.numbers", "SELECT nothing FROM plain.nowhere"],
];

const QUESTIONS: &[&str] = &[
    "SELECT FOUND_ROWS() + 0, ROW_COUNT() + 0",
    "SELECT CONCAT(FOUND_ROWS(), ' found'), 'x'",
    "SELECT ROW_COUNT() + 0, LAST_INSERT_ID() + 0",
    "SELECT LAST_INSERT_ID() + 0 FROM plain.numbers LIMIT 1",
    "SELECT a, FOUND_ROWS() FROM plain.numbers ORDER BY a LIMIT 1",
    "SELECT IF(ROW_COUNT() = -1, 'rows', 'none')",
];

/// What the session is answered; `between` runs ahead of each statement, as somebody else.
async fn answers(client: &mut Conn, before: &[&str], question: &str, mut between: Option<&mut Conn>) -> String {
    for statement in before.iter().copied().chain([question]) {
        if let Some(other) = &mut between {
            other.query_drop("SELECT a FROM plain.numbers WHERE a < 3").await.unwrap();
            other.query_drop("UPDATE plain.noise SET b = b + 1").await.unwrap();
            other.query_drop("INSERT INTO plain.counted_noise (b) VALUES (1)").await.unwrap();
        }
        if statement == question {
            break;
        }
        // One of them is refused, which leaves something too.
        let _ = client.query_drop(statement).await;
    }
    let rows: Vec<mysql_async::Row> = client.query(question).await.unwrap();
    let told = rows.into_iter().map(mysql_async::Row::unwrap).collect::<Vec<_>>();
    client.query_drop("ROLLBACK").await.unwrap();
    format!("{told:?}")
}

async fn leavings_are_the_sessions_own(kind: Kind) {
    let few = |plan: &mut crate::node::NodePlan| plan.backend.push_str("connections_per_instance = 1\n");
    let Some(unit) = OneUnit::start(kind, few).await else { return };
    let mut set_up = unit.connect_direct(None).await.unwrap();
    for statement in [
        "CREATE TABLE plain.numbers (a INT PRIMARY KEY, b INT)",
        "INSERT INTO plain.numbers VALUES (1, 0), (2, 0), (3, 0), (4, 0), (5, 0)",
        "CREATE TABLE plain.noise (b INT)",
        "INSERT INTO plain.noise VALUES (1), (2), (3)",
        "CREATE TABLE plain.counted (id INT AUTO_INCREMENT PRIMARY KEY, b INT)",
        "CREATE TABLE plain.counted_noise (id INT AUTO_INCREMENT PRIMARY KEY, b INT)",
        "INSERT INTO plain.counted_noise VALUES (7000, 1)",
    ] {
        set_up.query_drop(statement).await.unwrap();
    }
    let mut other = unit.connect(Some("plain")).await.unwrap();
    for before in BEFORE {
        for question in QUESTIONS {
            set_up.query_drop("TRUNCATE plain.counted").await.unwrap();
            let mut direct = unit.connect_direct(Some("plain")).await.unwrap();
            let expected = answers(&mut direct, before, question, None).await;
            set_up.query_drop("TRUNCATE plain.counted").await.unwrap();
            let mut client = unit.connect(Some("plain")).await.unwrap();
            let told = answers(&mut client, before, question, Some(&mut other)).await;
            assert_eq!(told, expected, "{before:?}, {question}");
        }
    }
    // What nobody knows is refused, not guessed.
    let mut client = unit.connect(Some("plain")).await.unwrap();
    for unknown in
        ["SHOW TABLES", "UPDATE plain.numbers SET b = 1 WHERE a > 100", "DELETE FROM plain.numbers WHERE a > 100"]
    {
        client.query_drop(unknown).await.unwrap();
        value(&mut other, "SELECT COUNT(*) FROM plain.numbers").await;
        let (errno, text) = error_of(&mut client, "SELECT FOUND_ROWS() + 0").await;
        assert!(errno == 1105 && text.contains("FOUND_ROWS()"), "{unknown}: {text}");
    }
    assert_eq!(value(&mut client, "SELECT 'alive'").await, "alive");
}

#[tokio::test]
async fn leavings_are_the_sessions_own_on_mariadb() {
    leavings_are_the_sessions_own(Kind::MariaDb).await;
}

#[tokio::test]
async fn leavings_are_the_sessions_own_on_mysql9() {
    leavings_are_the_sessions_own(Kind::Mysql9).await;
}
