//! What is wrong with a server is told by name before anything is closed, each on a real one.

use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use super::{PATIENT, Turn};
use crate::scenarios::expect::{error_of, rows};

/// The findings of a dry run that refuse, as `instance check: what`.
pub async fn refused(console: &mut Conn) -> Vec<String> {
    let told = rows(console, "SWITCH GLOBAL ZONE TO 'bj' DRY RUN").await;
    let refused = told.into_iter().filter_map(|row| {
        let what = row["result"].strip_prefix("REFUSED: ")?.to_owned();
        Some(format!("{} {}: {what}", row["instance"], row["check"]))
    });
    refused.collect()
}

#[tokio::test]
async fn a_dangerous_set_up_is_told_by_name_on_mariadb() {
    let turn = Turn::wait().await;
    let node = turn.node(PATIENT).await;
    let mut console = node.console("hz").await;
    assert_eq!(refused(&mut console).await, Vec::<String>::new());
    let cases = [
        ("hz", "SET GLOBAL binlog_expire_logs_seconds = 60", "SET GLOBAL binlog_expire_logs_seconds = 0", "retention"),
        ("bj", "SET GLOBAL auto_increment_increment = 1", "SET GLOBAL auto_increment_increment = 4", "automatic-ids"),
        ("bj", "SET GLOBAL read_only = 1", "SET GLOBAL read_only = 0", "writable"),
        ("bj", "STOP SLAVE 'from_hz' IO_THREAD", "START SLAVE 'from_hz' IO_THREAD", "channels"),
        (
            "hz",
            "XA START 'held'; INSERT INTO shop.product (name) VALUES ('x'); XA END 'held'; XA PREPARE 'held'",
            "XA ROLLBACK 'held'",
            "prepared",
        ),
        (
            "hz",
            "GRANT READ_ONLY ADMIN ON *.* TO app@'%'",
            "REVOKE READ_ONLY ADMIN ON *.* FROM app@'%'",
            "read-only-bypass",
        ),
        (
            "hz",
            "SET GLOBAL event_scheduler = ON; CREATE EVENT shop.tidy ON SCHEDULE EVERY 1 DAY DO DELETE FROM shop.audit_log",
            "DROP EVENT shop.tidy; SET GLOBAL event_scheduler = OFF",
            "events",
        ),
    ];
    for (unit, wrong, right, check) in cases {
        let mut root = turn.databases.root(unit).await;
        root.query_drop("SET SESSION sql_log_bin = 0").await.unwrap();
        for statement in wrong.split("; ") {
            root.query_drop(statement).await.unwrap();
        }
        let found = refused(&mut console).await;
        for statement in right.split("; ") {
            root.query_drop(statement).await.unwrap();
        }
        let expected = format!("{unit}-main-1 {check}: ");
        assert!(found.iter().any(|told| told.starts_with(&expected)), "{wrong}: {found:?}");
    }
    turn.databases.converge().await;
    assert_eq!(refused(&mut console).await, Vec::<String>::new());
}

#[tokio::test]
async fn c16_a_fault_that_no_move_depends_on_may_be_skipped_with_a_reason_that_is_recorded() {
    let turn = Turn::wait().await;
    let node = turn.node(PATIENT).await;
    let mut console = node.console("hz").await;
    turn.databases.run("hz", "SET GLOBAL binlog_expire_logs_seconds = 60").await;
    turn.databases.run("bj", "SET GLOBAL auto_increment_increment = 1").await;
    let move_it = "MOVE SHARDS 10-19 TO 'bj'";
    let (_, text) = error_of(&mut console, move_it).await;
    assert!(text.contains("(retention)") && text.contains("(automatic-ids)"), "{text}");
    let one = format!("{move_it} SKIP CHECK 'retention' REASON 'for the drill'");
    let (_, text) = error_of(&mut console, &one).await;
    assert!(text.contains("(automatic-ids)"), "the others still refuse: {text}");
    for check in ["fence", "channels", "answers"] {
        let (_, text) = error_of(&mut console, &format!("{move_it} SKIP CHECK '{check}' REASON 'x'")).await;
        assert!(text.contains("a check that can be skipped"), "{text}");
    }
    assert!(rows(&mut console, "SHOW MOVES").await.is_empty());
    let both = format!("{move_it} SKIP CHECK 'retention' SKIP CHECK 'automatic-ids' REASON 'for the drill'");
    let told = rows(&mut console, &both).await[0]["result"].clone();
    turn.databases.run("hz", "SET GLOBAL binlog_expire_logs_seconds = 0").await;
    turn.databases.run("bj", "SET GLOBAL auto_increment_increment = 4").await;
    assert!(told.starts_with("moved shards 10-19 from hz to bj"), "{told}");
    let history = rows(&mut console, "SHOW HISTORY").await;
    let recorded = "skipping checks: retention, automatic-ids: for the drill";
    assert!(history.iter().any(|entry| entry["what"].ends_with(recorded) && entry["by"] == "admin"), "{history:?}");
}
