//! With `autocommit = 0` every statement stands in a transaction, also where MySQL's flags tell of none: tables stay locked against DDL until it
//! ends, and not longer.

use super::raw::{Raw, usual};
use crate::node::{Kind, OneUnit};

/// What leaves at MySQL a lock and no transaction that flags tell of, at MariaDB neither: a failed statement, one on a table whose engine has no
/// transactions, a routine of any. DESCRIBE locks even the name of what is not there.
const LEFT: [(&str, Option<u16>); 10] = [
    ("SHOW CREATE PROCEDURE shown", None),
    ("SET @given = given()", None),
    ("SET @counted = (SELECT COUNT(*) FROM kept)", None),
    ("PREPARE asked FROM 'SELECT given()'; EXECUTE asked; DEALLOCATE PREPARE asked", None),
    ("CHECKSUM TABLE kept", None),
    ("DESCRIBE missing", Some(1146)),
    ("EXPLAIN SELECT * FROM kept", None),
    ("SELECT nothing FROM kept", Some(1054)),
    ("SELECT COUNT(*) FROM kept", None),
    ("INSERT INTO kept VALUES (1)", Some(1062)),
];

/// How the other session's DDL ends: while the first one's transaction is open, and after `end`.
async fn ddl_beside(port: u16, kind: Kind, (statement, errno): (&str, Option<u16>), end: &str) -> [Option<u16>; 2] {
    let mut first = Raw::connect(port, Some("plain"), usual(kind)).await;
    let mut other = Raw::connect(port, Some("plain"), usual(kind)).await;
    assert_eq!(other.query("SET lock_wait_timeout = 1").await.errno(), None);
    assert_eq!(first.query("SET autocommit = 0").await.errno(), None);
    for part in statement.split("; ") {
        assert_eq!(first.query(part).await.errno(), errno, "{statement}");
    }
    // Neither ends it.
    assert_eq!(first.query("SELECT 1").await.errno(), None);
    assert_eq!(first.query("COMIT").await.errno(), Some(1064));
    let ddl = match statement {
        "DESCRIBE missing" => "DROP TABLE IF EXISTS missing",
        "SHOW CREATE PROCEDURE shown" => "ALTER PROCEDURE shown COMMENT 'altered'",
        _ if statement.contains("given()") => "ALTER FUNCTION given COMMENT 'altered'",
        _ => "ALTER TABLE kept COMMENT 'altered'",
    };
    let beside = other.query(ddl).await.errno();
    assert_eq!(first.query(end).await.errno(), None);
    [beside, other.query(ddl).await.errno()]
}

async fn tables_stay_locked_as_long_as_at_the_server(kind: Kind) {
    let Some(unit) = OneUnit::start(kind, |_| {}).await else { return };
    let set_up = [
        "CREATE TABLE plain.kept (id INT PRIMARY KEY) ENGINE=MyISAM",
        "INSERT INTO plain.kept VALUES (1)",
        "CREATE DEFINER = app@'%' PROCEDURE plain.shown() SELECT 1",
        "CREATE DEFINER = app@'%' FUNCTION plain.given() RETURNS INT DETERMINISTIC RETURN 1",
    ];
    unit.root().run(&set_up.map(str::to_owned)).await.unwrap();
    unit.wait_until_replicated().await;
    for left in LEFT {
        for end in ["ROLLBACK", "COMMIT", "SET autocommit = 1", "CREATE TABLE IF NOT EXISTS plain.other (id INT)"] {
            // No transaction of which SET autocommit knows.
            if (left.0, end) == ("CHECKSUM TABLE kept", "SET autocommit = 1") {
                continue;
            }
            let direct = ddl_beside(unit.direct_port(), kind, left, end).await;
            assert_eq!(direct[1], None, "{left:?} {end}");
            assert_eq!(ddl_beside(unit.port(), kind, left, end).await, direct, "{left:?} {end}");
        }
    }
}

/// A savepoint is said before something is read that names no table of the client's, and opens the transaction all the same.
async fn savepoint_ahead(port: u16, kind: Kind, opens: &str) -> Vec<String> {
    let mut client = Raw::connect(port, Some("plain"), usual(kind)).await;
    let mut said = Vec::new();
    let steps = ["SET autocommit = 0", "SAVEPOINT a", opens, "INSERT INTO saved VALUES (1)", "ROLLBACK TO SAVEPOINT a"];
    for step in steps.into_iter().chain(["INSERT INTO saved VALUES (2)", "RELEASE SAVEPOINT a", "RELEASE SAVEPOINT a"])
    {
        said.push(format!("{step}: {:?}", client.query(step).await.errno()));
    }
    said.push(client.value("SELECT GROUP_CONCAT(id) FROM saved").await);
    assert_eq!(client.query("ROLLBACK").await.errno(), None);
    said
}

async fn savepoints_are_those_of_the_server(kind: Kind) {
    let Some(unit) = OneUnit::start(kind, |_| {}).await else { return };
    unit.root().run(&["CREATE TABLE plain.saved (id INT PRIMARY KEY) ENGINE=InnoDB".to_owned()]).await.unwrap();
    unit.wait_until_replicated().await;
    for opens in
        ["SELECT 1", "SELECT COUNT(*) FROM information_schema.TABLES", "SELECT COUNT(*) FROM mysql.innodb_table_stats"]
    {
        let direct = savepoint_ahead(unit.direct_port(), kind, opens).await;
        assert_eq!(direct.last().map(String::as_str), Some("2"), "{direct:?}");
        assert_eq!(savepoint_ahead(unit.port(), kind, opens).await, direct);
    }
}

#[tokio::test]
async fn savepoints_are_those_of_mariadb() {
    savepoints_are_those_of_the_server(Kind::MariaDb).await;
}

#[tokio::test]
async fn savepoints_are_those_of_mysql9() {
    savepoints_are_those_of_the_server(Kind::Mysql9).await;
}

#[tokio::test]
async fn tables_stay_locked_as_long_as_at_mariadb() {
    tables_stay_locked_as_long_as_at_the_server(Kind::MariaDb).await;
}

#[tokio::test]
async fn tables_stay_locked_as_long_as_at_mysql9() {
    tables_stay_locked_as_long_as_at_the_server(Kind::Mysql9).await;
}
