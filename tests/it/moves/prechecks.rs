//! What is wrong with a server is told by name before anything is closed, each on a real one.

use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use super::{PATIENT, Turn};
use crate::scenarios::expect::rows;

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
