//! What is wrong with a server is told by name before anything is closed, each on a real one.

use std::time::Duration;

use meridian::demo::layout::Accounts;
use meridian::demo::root_access::RootAccess;
use meridian::demo::schema::accounts_of;
use meridian::demo::template::Family;
use meridian::model::Role;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use super::{PATIENT, Turn};
use crate::forced::mysql9;
use crate::scenarios::expect::{error_of, rows, until};
use crate::scenarios::node::{Database, Node, Setup};
use crate::servers::{MariaDb, Mysql9, Mysql9Tree};

/// The findings of a dry run that refuse, as `instance check: what`.
pub async fn refused(console: &mut Conn) -> Vec<String> {
    told(console, "REFUSED: ").await
}

/// The findings of a dry run that begin so.
async fn told(console: &mut Conn, beginning: &str) -> Vec<String> {
    let told = rows(console, "SWITCH GLOBAL ZONE TO 'bj' DRY RUN").await;
    let found = told.into_iter().filter_map(|row| {
        let what = row["result"].strip_prefix(beginning)?.to_owned();
        Some(format!("{} {}: {what}", row["instance"], row["check"]))
    });
    found.collect()
}

/// Waits until a dry run refuses by this: channels that were started again come up after a moment.
pub async fn is_refused(console: &mut Conn, expected: &str) {
    let mut found = Vec::new();
    until(&format!("it is refused: {expected}"), Duration::from_secs(20), async || {
        found = refused(console).await;
        println!("{found:?}");
        found.iter().any(|told| told.starts_with(expected))
    })
    .await;
}

/// Waits until a dry run finds nothing wrong.
pub async fn is_sound(console: &mut Conn) {
    until("nothing is refused any more", Duration::from_secs(20), async || refused(console).await.is_empty()).await;
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
            "bj",
            "STOP SLAVE 'from_hz'; SET GLOBAL from_hz.replicate_ignore_table = 'shop.audit_log,shop.orders'; START SLAVE 'from_hz'",
            "STOP SLAVE 'from_hz'; SET GLOBAL from_hz.replicate_ignore_table = 'shop.audit_log'; START SLAVE 'from_hz'",
            "filters: channel 'from_hz' leaves out shop.orders",
        ),
        (
            "bj",
            "STOP SLAVE 'from_hz'; CHANGE MASTER 'from_hz' TO DO_DOMAIN_IDS = (1); START SLAVE 'from_hz'",
            "STOP SLAVE 'from_hz'; CHANGE MASTER 'from_hz' TO DO_DOMAIN_IDS = (); START SLAVE 'from_hz'",
            "filters: channel 'from_hz' has Replicate_Do_Domain_Ids",
        ),
        (
            "hz",
            "CREATE USER batch@'%'; GRANT INSERT ON shop.* TO batch@'%'",
            "DROP USER batch@'%'",
            "accounts: 'batch'@'%' may write past Meridian",
        ),
        (
            "bj",
            "STOP SLAVE 'from_hz'; CHANGE MASTER 'from_hz' TO MASTER_USE_GTID = no; START SLAVE 'from_hz'",
            "STOP SLAVE 'from_hz'; CHANGE MASTER 'from_hz' TO MASTER_USE_GTID = slave_pos; START SLAVE 'from_hz'",
            "channels: channel 'from_hz' does not follow by GTID",
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
        println!("{wrong}");
        is_refused(&mut console, &format!("{unit}-main-1 {check}")).await;
        for statement in right.split("; ") {
            root.query_drop(statement).await.unwrap();
        }
    }
    turn.databases.converge().await;
    is_sound(&mut console).await;
}

/// Rules for the tables of [`a_schema_that_cannot_hold_is_named`], ahead of the others.
pub const BAD_TABLES: &str = "[[group.table]]\nname = \"bad_unique\"\nclass = \"sharded\"\nkey = \"user_id\"\n\
    [[group.table]]\nname = \"keyless\"\nclass = \"global\"\n";

/// A unique key that two owners may give twice and a table whose rows nobody can tell apart keep a move from beginning, unless they are taken
/// upon oneself. `root` is of a server from which all get them.
pub async fn a_schema_that_cannot_hold_is_named(console: &mut Conn, root: &mut Conn) {
    let bad = [
        "CREATE TABLE shop.bad_unique (id BIGINT AUTO_INCREMENT PRIMARY KEY, user_id BIGINT NOT NULL, email VARCHAR(50), \
         KEY (user_id), UNIQUE KEY mail (email))",
        "CREATE TABLE shop.keyless (x INT)",
    ];
    for statement in bad {
        root.query_drop(statement).await.unwrap();
    }
    let both = "hz, bj schema: ";
    is_refused(
        console,
        &format!("{both}shop.bad_unique: unique key 'mail' (email) does not contain the whole routing key"),
    )
    .await;
    is_refused(console, &format!("{both}shop.keyless: no primary key")).await;
    let (_, text) = error_of(console, "MOVE SHARDS 10-19 TO 'bj'").await;
    assert!(
        text.contains("hz, bj (schema): shop.bad_unique: unique key 'mail'") && text.contains("shop.keyless"),
        "{text}"
    );
    let told = rows(console, "MOVE SHARDS 10-19 TO 'bj' SKIP CHECK 'schema' REASON 'known'").await[0]["result"].clone();
    assert!(told.starts_with("moved shards 10-19"), "{told}");
    assert_eq!(super::done(console, "MOVE SHARDS 10-19 TO 'bj'").await, "nothing to do: it holds already");
    rows(console, "MOVE SHARDS 10-19 TO 'hz' SKIP CHECK 'schema' REASON 'known'").await;
    root.query_drop("DROP TABLE shop.bad_unique, shop.keyless").await.unwrap();
    is_sound(console).await;
}

#[tokio::test]
async fn a_schema_that_cannot_hold_over_units_is_named_on_mariadb() {
    let turn = Turn::wait().await;
    let mut setup = turn.setup(PATIENT);
    setup.tables.insert_str(0, BAD_TABLES);
    let node = Node::start(setup).await;
    a_schema_that_cannot_hold_is_named(&mut node.console("hz").await, &mut turn.databases.root("hz").await).await;
}

#[tokio::test]
async fn what_is_only_told_refuses_where_it_is_to_on_mariadb() {
    let turn = Turn::wait().await;
    let node = turn.node(PATIENT).await;
    let strict = turn.node(&format!("{PATIENT}strict_checks = [\"accounts\", \"appliers\", \"start\"]\n")).await;
    let (mut console, mut strictly) = (node.console("hz").await, strict.console("hz").await);
    for statement in ["STOP SLAVE 'from_hz'", "SET GLOBAL slave_parallel_threads = 2", "START SLAVE 'from_hz'"] {
        turn.databases.run("bj", statement).await;
    }
    is_sound(&mut console).await;
    let only_told = told(&mut console, "ok, but ").await;
    for expected in [
        "hz-main-1 accounts: 'root'@'localhost' may write past Meridian",
        "bj-main-1 appliers: slave_parallel_threads is 2",
        "hz-main-1 start: it takes writes as soon as it is started",
    ] {
        assert!(only_told.iter().any(|told| told.starts_with(expected)), "{expected}: {only_told:?}");
        is_refused(&mut strictly, expected).await;
    }
    let (_, text) = error_of(&mut strictly, "SWITCH GLOBAL ZONE TO 'bj'").await;
    for statement in ["STOP SLAVE 'from_hz'", "SET GLOBAL slave_parallel_threads = 0", "START SLAVE 'from_hz'"] {
        turn.databases.run("bj", statement).await;
    }
    assert!(text.contains("(accounts)") && text.contains("(appliers)") && text.contains("(start)"), "{text}");
}

#[tokio::test]
async fn servers_that_begin_open_are_told_and_refuse_where_they_are_to_on_mysql_9() {
    let Some(tree) = Mysql9Tree::find().await else { return };
    // Where a value comes from, MySQL tells in its performance schema alone.
    let (tells, begins_closed) = ("--performance-schema=ON", ["--skip-replica-start=ON", "--read-only=ON"]);
    let hz = mysql9::primary(&tree, 1, &[tells, "--skip-replica-start=OFF"]).await;
    let bj = mysql9::primary(&tree, 2, &[&[tells], &begins_closed[..]].concat()).await;
    bj.root().run(&["SET GLOBAL read_only = OFF".to_owned()]).await.unwrap();
    mysql9::follow(&bj, &hz).await;
    mysql9::follow(&hz, &bj).await;
    let mut setup = super::mysql9::shop_on(&hz, &bj).await;
    setup.limits = format!("[moves]\n{PATIENT}");
    let node = Node::start(setup).await;
    let mut console = node.console("hz").await;
    is_sound(&mut console).await;
    let open = "hz-main-1 start: it takes writes as soon as it is started (read_only is not set in its configuration) \
                and follows others as soon as it is started (skip_replica_start)";
    let only_told = told(&mut console, "ok, but ").await;
    assert!(only_told.iter().any(|told| told == open), "{only_told:?}");
    assert!(!only_told.iter().any(|told| told.starts_with("bj-main-1 start")), "{only_told:?}");

    let (files, mut setup) = node.stop().await;
    setup.limits = format!("[moves]\n{PATIENT}strict_checks = [\"start\"]\n");
    let node = Node::start_in(files, setup).await.unwrap();
    let mut console = node.console("hz").await;
    is_refused(&mut console, open).await;
    let (_, text) = error_of(&mut console, "SWITCH GLOBAL ZONE TO 'bj'").await;
    assert!(text.contains("hz-main-1 (start): it takes writes") && text.contains("skip_replica_start"), "{text}");
    assert!(!text.contains("bj-main-1 (start)"), "{text}");
}

/// Servers whose binlogs are not what the others would need, whatever family they are of.
async fn is_named_without_binlogs(hz: (&RootAccess, u16), bj: (&RootAccess, u16), family: Family, updates: &str) {
    let names = Accounts { app_user: "app".into(), app_password: "apppw".into(), schema: "shop".into() };
    for (root, _) in [hz, bj] {
        let own: Vec<String> = accounts_of(&names, family).into_iter().filter(|text| !text.contains("repl@")).collect();
        root.run(&own).await.unwrap();
    }
    let place = |name: &str, unit, port| Database { name: name.to_owned(), unit, role: Role::Primary, port };
    let places = vec![place("hz-main-1", "hz", hz.1), place("bj-main-1", "bj", bj.1)];
    let mut setup = Setup::over(places, &hz.0.value("SELECT VERSION()").await.unwrap().unwrap());
    if family == Family::Mysql {
        setup.family = "mysql";
    }
    let node = Node::start(setup).await;
    let mut console = node.console("hz").await;
    is_refused(&mut console, "hz-main-1 binlog: log_bin is off").await;
    is_refused(&mut console, &format!("bj-main-1 binlog: {updates} is off")).await;
    is_refused(&mut console, "hz-main-1 channels: it follows nobody").await;
}

#[tokio::test]
async fn missing_binlogs_are_told_by_name_on_mariadb() {
    let (hz, bj) = (MariaDb::start(&["--skip-log-bin"]).await, MariaDb::start(&["--log-slave-updates=OFF"]).await);
    let (of_hz, of_bj) = (hz.root(), bj.root());
    is_named_without_binlogs((&of_hz, hz.port()), (&of_bj, bj.port()), Family::MariaDb, "log_slave_updates").await;
}

#[tokio::test]
async fn missing_binlogs_are_told_by_name_on_mysql_9() {
    let Some(tree) = Mysql9Tree::find().await else { return };
    let hz = Mysql9::start(&tree, 11, &["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF", "--skip-log-bin"]).await;
    let bj = Mysql9::start(&tree, 21, &["--log-replica-updates=OFF"]).await;
    let (of_hz, of_bj) = (hz.root(), bj.root());
    is_named_without_binlogs((&of_hz, hz.port()), (&of_bj, bj.port()), Family::Mysql, "log_replica_updates").await;
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
