//! The same on Oracle MySQL 9: positions are sets of GTIDs, the wait and the channels have other names.

use meridian::model::Role;
use mysql_async::prelude::Queryable;

use super::{PATIENT, done};
use crate::scenarios::expect::{rows, value};
use crate::scenarios::node::{Database, Node, Setup};
use crate::servers::{Mysql9, Mysql9Tree};

pub async fn primary(tree: &Mysql9Tree, number: u32, setting: &str) -> Mysql9 {
    let (offset, uuid) = (format!("--auto-increment-offset={number}"), "--auto-increment-increment=4");
    let server = Mysql9::start(tree, number * 10 + 1, &[&offset, uuid, setting]).await;
    let accounts = [
        "SET SESSION sql_log_bin = 0",
        "CREATE USER app@'%' IDENTIFIED BY 'apppw' REQUIRE SSL",
        "GRANT ALL ON shop.* TO app@'%'",
        "CREATE USER meridian_monitor@'%' IDENTIFIED BY 'monitorpw' REQUIRE SSL",
        "GRANT SELECT, PROCESS, SHOW VIEW, TRIGGER, EVENT, REPLICATION CLIENT, XA_RECOVER_ADMIN ON *.* TO meridian_monitor@'%'",
        "CREATE USER repl@'%' IDENTIFIED BY 'replpw'",
        "GRANT REPLICATION SLAVE ON *.* TO repl@'%'",
    ];
    server.root().run(&accounts.map(str::to_owned)).await.unwrap();
    server
}

pub async fn follow(replica: &Mysql9, source: &Mysql9) {
    let change = format!(
        "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={}, SOURCE_USER='repl', \
         SOURCE_PASSWORD='replpw', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1, SOURCE_CONNECT_RETRY=1",
        source.port()
    );
    replica.root().run(&[change, "START REPLICA".to_owned()]).await.unwrap();
}

/// The tables of the demo's schema on a pair of primaries that replicate to each other, and a node's setup over them.
pub async fn shop_on(hz: &Mysql9, bj: &Mysql9) -> Setup {
    let tables = [
        "CREATE DATABASE shop",
        "CREATE TABLE shop.orders (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, user_id BIGINT NOT NULL, item VARCHAR(100))",
        "CREATE TABLE shop.product (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(100))",
    ];
    hz.root().run(&tables.map(str::to_owned)).await.unwrap();
    hz.wait_until_applied_at(bj).await;
    let place = |name: &str, unit, port| Database { name: name.to_owned(), unit, role: Role::Primary, port };
    let databases = vec![place("hz-main-1", "hz", hz.port()), place("bj-main-1", "bj", bj.port())];
    let version = hz.root().value("SELECT VERSION()").await.unwrap().unwrap();
    let mut setup = Setup::over(databases, &version);
    setup.family = "mysql";
    setup
}

#[tokio::test]
async fn a_global_zone_and_shards_move_to_and_fro_on_mysql_9() {
    let Some(tree) = Mysql9Tree::find().await else { return };
    let none = "--performance-schema=OFF";
    let (hz, bj) = (primary(&tree, 1, none).await, primary(&tree, 2, none).await);
    follow(&bj, &hz).await;
    follow(&hz, &bj).await;
    let mut setup = shop_on(&hz, &bj).await;
    setup.limits = format!("[moves]\n{PATIENT}");
    // The servers let neither applications nor Meridian in without: what moves ask is encrypted too.
    setup.backend = "tls = \"required\"\n".to_owned();
    setup.tables.insert_str(0, super::prechecks::BAD_TABLES);
    let node = Node::start(setup).await;
    let (mut console, mut client) = (node.console("hz").await, node.client("hz").await);
    let dry = rows(&mut console, "SWITCH GLOBAL ZONE TO 'bj' DRY RUN").await;
    assert!(dry.iter().all(|row| !row["result"].contains("REFUSED")), "{dry:?}");
    for (server, wrong, right, check) in [
        (
            &hz,
            "SET GLOBAL binlog_expire_logs_seconds = 60",
            "SET GLOBAL binlog_expire_logs_seconds = 0",
            "hz-main-1 retention",
        ),
        (
            &bj,
            "SET GLOBAL auto_increment_increment = 1",
            "SET GLOBAL auto_increment_increment = 4",
            "bj-main-1 automatic-ids",
        ),
        (&bj, "SET GLOBAL read_only = 1", "SET GLOBAL read_only = 0", "bj-main-1 writable"),
        (&bj, "STOP REPLICA IO_THREAD", "START REPLICA IO_THREAD", "bj-main-1 channels"),
        (&bj, "STOP REPLICA SQL_THREAD", "START REPLICA SQL_THREAD", "bj-main-1 channels"),
        (
            &bj,
            "STOP REPLICA; CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 0; START REPLICA",
            "STOP REPLICA; CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 1; START REPLICA",
            "bj-main-1 channels: channel '' does not follow by GTID",
        ),
        (
            &bj,
            "STOP REPLICA SQL_THREAD; CHANGE REPLICATION FILTER REPLICATE_IGNORE_TABLE = (shop.orders); START REPLICA SQL_THREAD",
            "STOP REPLICA SQL_THREAD; CHANGE REPLICATION FILTER REPLICATE_IGNORE_TABLE = (); START REPLICA SQL_THREAD",
            "bj-main-1 filters: channel '' leaves out shop.orders",
        ),
        (
            &hz,
            "CREATE USER batch@'%'; GRANT INSERT ON shop.* TO batch@'%'",
            "DROP USER batch@'%'",
            "hz-main-1 accounts: 'batch'@'%' may write past Meridian",
        ),
        (
            &hz,
            "SET GLOBAL gtid_mode = ON_PERMISSIVE",
            "SET GLOBAL gtid_mode = ON",
            "hz-main-1 binlog: gtid_mode is off",
        ),
        (
            &hz,
            "XA START 'held'; INSERT INTO shop.product (name) VALUES ('x'); XA END 'held'; XA PREPARE 'held'",
            "XA ROLLBACK 'held'",
            "hz-main-1 prepared: 1 XA transactions",
        ),
        (
            &hz,
            "GRANT CONNECTION_ADMIN ON *.* TO app@'%'",
            "REVOKE CONNECTION_ADMIN ON *.* FROM app@'%'",
            "hz-main-1 read-only-bypass",
        ),
        (
            &hz,
            "CREATE EVENT shop.tidy ON SCHEDULE EVERY 1 DAY DO DELETE FROM shop.product WHERE id < 0",
            "DROP EVENT shop.tidy",
            "hz-main-1 events",
        ),
    ] {
        let mut root = server.root().connect().await.unwrap();
        root.query_drop("SET SESSION sql_log_bin = 0").await.unwrap();
        println!("{wrong}");
        for statement in wrong.split("; ") {
            root.query_drop(statement).await.unwrap();
        }
        super::prechecks::is_refused(&mut console, check).await;
        for statement in right.split("; ") {
            root.query_drop(statement).await.unwrap();
        }
    }
    super::prechecks::is_sound(&mut console).await;
    super::prechecks::a_schema_that_cannot_hold_is_named(&mut console, &mut hz.root().connect().await.unwrap()).await;
    for (round, target) in [(0, "bj"), (1, "hz"), (2, "bj")] {
        let told = done(&mut console, &format!("SWITCH GLOBAL ZONE TO '{target}'")).await;
        assert!(told.starts_with("moved the Global Zone"), "{told}");
        let told =
            done(&mut console, &format!("MOVE SHARDS 5000-5999 TO '{}'", if target == "bj" { "hz" } else { "bj" }))
                .await;
        assert!(told.starts_with("moved shards 5000-5999"), "{told}");
        client.query_drop(format!("INSERT INTO product (name) VALUES ('round {round}')")).await.unwrap();
        client.query_drop(format!("INSERT INTO orders (user_id, item) VALUES (5500, 'round {round}')")).await.unwrap();
    }
    hz.wait_until_applied_at(&bj).await;
    bj.wait_until_applied_at(&hz).await;
    for server in [&hz, &bj] {
        let count = |table: &str| format!("SELECT COUNT(*) FROM shop.{table}");
        for table in ["product", "orders"] {
            assert_eq!(server.root().value(&count(table)).await.unwrap().as_deref(), Some("3"), "{table}");
        }
    }
    assert_eq!(value(&mut client, "SELECT COUNT(*) FROM product").await, "3");
}
