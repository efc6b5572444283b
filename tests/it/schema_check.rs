//! CHECK SCHEMA: whatever the servers enforce by themselves and cannot hold over units is named, on both families, and nothing else is.

use std::collections::BTreeMap;

use meridian::demo::layout::Accounts;
use meridian::demo::root_access::RootAccess;
use meridian::demo::schema::accounts_of;
use meridian::demo::template::Family;
use meridian::model::Role;

use crate::scenarios::expect::rows;
use crate::scenarios::node::{Database, Node, Setup, TABLES};
use crate::servers::{MariaDb, Mysql9, Mysql9Tree};

/// Alike in both units.
const SOUND: [&str; 8] = [
    "CREATE DATABASE shop",
    "USE shop",
    "CREATE TABLE product (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(20) UNIQUE, stock INT) ENGINE=InnoDB",
    "CREATE TABLE account (id INT AUTO_INCREMENT PRIMARY KEY, product_id INT, CONSTRAINT of_product FOREIGN KEY (product_id) REFERENCES product (id)) ENGINE=InnoDB",
    "CREATE TABLE audit_log (id INT AUTO_INCREMENT PRIMARY KEY, message VARCHAR(20)) ENGINE=MyISAM",
    "CREATE TABLE orders (id BIGINT AUTO_INCREMENT PRIMARY KEY, user_id BIGINT NOT NULL, item VARCHAR(20), total INT, \
     UNIQUE KEY by_user (user_id, item)) ENGINE=InnoDB",
    "CREATE TRIGGER round_total BEFORE INSERT ON orders FOR EACH ROW SET NEW.total = GREATEST(NEW.total, 0)",
    "CREATE TABLE order_lines (user_id BIGINT NOT NULL, item VARCHAR(20), line INT NOT NULL, PRIMARY KEY (user_id, line), \
     CONSTRAINT of_order FOREIGN KEY (user_id, item) REFERENCES orders (user_id, item) ON DELETE CASCADE) ENGINE=InnoDB",
];

/// Each wrong in a way of its own.
const BROKEN: [&str; 17] = [
    "USE shop",
    "CREATE TABLE bad_unique (id BIGINT PRIMARY KEY, user_id BIGINT NOT NULL, email VARCHAR(50), KEY (user_id), UNIQUE KEY mail (email)) ENGINE=InnoDB",
    "CREATE TABLE bad_prefix (user_id VARCHAR(50) NOT NULL, x INT NOT NULL, KEY (user_id), PRIMARY KEY (user_id, x), UNIQUE KEY part (user_id(3), x)) ENGINE=InnoDB",
    "CREATE TABLE bad_parent (id BIGINT AUTO_INCREMENT PRIMARY KEY, user_id BIGINT NOT NULL, order_id BIGINT, KEY (user_id), \
     CONSTRAINT keyless FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE) ENGINE=InnoDB",
    "CREATE TABLE bad_global_parent (user_id BIGINT PRIMARY KEY, product_id INT, \
     CONSTRAINT to_global FOREIGN KEY (product_id) REFERENCES product (id)) ENGINE=InnoDB",
    "CREATE TABLE bad_generated (id BIGINT PRIMARY KEY, user_id BIGINT AS (id DIV 10) STORED, KEY (user_id)) ENGINE=InnoDB",
    "CREATE TABLE bad_nullable (user_id BIGINT NULL, x INT) ENGINE=InnoDB",
    "CREATE TABLE bad_engine (user_id BIGINT PRIMARY KEY) ENGINE=MyISAM",
    "CREATE TABLE bad_type (user_id ENUM('a', 'b') PRIMARY KEY) ENGINE=InnoDB",
    "CREATE TABLE bad_column (id BIGINT PRIMARY KEY) ENGINE=InnoDB",
    "CREATE TRIGGER writes_global AFTER INSERT ON bad_unique FOR EACH ROW UPDATE product SET stock = stock - 1 WHERE id = NEW.id",
    "CREATE TRIGGER writes_local AFTER UPDATE ON bad_unique FOR EACH ROW INSERT INTO audit_log (message) VALUES (NEW.email)",
    "CREATE TRIGGER writes_sharded AFTER DELETE ON product FOR EACH ROW DELETE FROM bad_unique WHERE id = OLD.id",
    "CREATE PROCEDURE settle() SELECT 1",
    "CREATE TRIGGER calls BEFORE DELETE ON bad_unique FOR EACH ROW CALL settle()",
    "CREATE TABLE only_here (user_id BIGINT PRIMARY KEY) ENGINE=InnoDB",
    "CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY ENABLE DO DELETE FROM bad_unique WHERE email IS NULL",
];

/// What must be found, `severity check table`, and a part of the reason.
const EXPECTED: [(&str, &str); 17] = [
    ("blocker unique-key shop.bad_unique", "'mail' (email)"),
    ("warning unique-key shop.bad_unique", "'PRIMARY' (id)"),
    ("blocker unique-key shop.bad_prefix", "'part' (user_id(3), x)"),
    ("blocker foreign-key shop.bad_parent", "'keyless' to shop.orders (ON DELETE CASCADE"),
    ("blocker foreign-key shop.bad_global_parent", "'to_global' to shop.product"),
    ("blocker routing-key shop.bad_generated", "is generated as"),
    ("warning routing-key shop.bad_nullable", "may be NULL"),
    ("warning primary-key shop.bad_nullable", "no primary key"),
    ("blocker engine shop.bad_engine", "MyISAM"),
    ("warning routing-key shop.bad_type", "enum"),
    ("blocker routing-key shop.bad_column", "no column 'user_id'"),
    ("blocker trigger shop.bad_unique", "'writes_global' (AFTER INSERT) writes or may write shop.product"),
    ("warning trigger shop.bad_unique", "'writes_local' (AFTER UPDATE) writes or may write shop.audit_log"),
    ("blocker trigger shop.product", "'writes_sharded' (AFTER DELETE) writes or may write shop.bad_unique"),
    ("warning trigger shop.bad_unique", "'calls' (BEFORE DELETE) calls a routine"),
    ("blocker definition shop.only_here", "missing in bj"),
    ("blocker event shop.nightly", "may write shop.bad_unique"),
];

fn place(name: &str, unit: &'static str, port: u16) -> Database {
    Database { name: name.to_owned(), unit, role: Role::Primary, port }
}

async fn prepare(root: &RootAccess, family: Family) {
    let names = Accounts { app_user: "app".into(), app_password: "apppw".into(), schema: "shop".into() };
    let accounts: Vec<String> =
        accounts_of(&names, family).into_iter().filter(|text| !text.contains("repl@")).collect();
    root.run(&accounts).await.unwrap();
    root.run(&SOUND.map(str::to_owned)).await.unwrap();
}

/// The findings as `severity check table` with their reasons.
async fn check(node: &Node) -> Vec<(String, String)> {
    let mut console = node.console("hz").await;
    let found: Vec<BTreeMap<String, String>> =
        rows(&mut console, "CHECK SCHEMA").await.into_iter().map(|row| row.into_iter().collect()).collect();
    for row in &found {
        println!("{row:?}");
        assert!(!row["advice"].is_empty());
    }
    found
        .iter()
        .map(|row| (format!("{} {} {}", row["severity"], row["check"], row["table"]), row["reason"].clone()))
        .collect()
}

async fn found_and_nothing_else(hz: &RootAccess, bj: &RootAccess, ports: [u16; 2], family: Family) {
    prepare(hz, family).await;
    prepare(bj, family).await;
    let version = hz.value("SELECT VERSION()").await.unwrap().unwrap();
    let mut setup = Setup::over(vec![place("hz-1", "hz", ports[0]), place("bj-1", "bj", ports[1])], &version);
    let sharded = |name: &str| format!("[[group.table]]\nname = \"{name}\"\nclass = \"sharded\"\nkey = \"user_id\"\n");
    setup.tables = format!("{TABLES}{}{}{}", sharded("order_lines"), sharded("bad_*"), sharded("only_here"));
    if family == Family::Mysql {
        setup.family = "mysql";
    }
    let node = Node::start(setup).await;
    let rules = |found: &(String, String)| found.1.starts_with("the rule for");
    let sound: Vec<(String, String)> = check(&node).await.into_iter().filter(|found| !rules(found)).collect();
    assert_eq!(sound, [], "a schema that holds has no findings");
    for server in [hz, bj] {
        let here = |text: &&&str| !text.contains("only_here") || std::ptr::eq(server, hz);
        let statements: Vec<String> = BROKEN.iter().filter(here).map(|text| (*text).to_owned()).collect();
        server.run(&statements).await.unwrap();
        server.run(&["SET GLOBAL event_scheduler = ON".to_owned()]).await.unwrap();
    }
    let mut found = check(&node).await;
    for (what, reason) in EXPECTED {
        let position = found.iter().position(|(known, why)| known == what && why.contains(reason));
        let position = position.unwrap_or_else(|| panic!("{what} because of {reason} is not among {found:#?}"));
        found.remove(position);
    }
    found.retain(|(what, why)| {
        !why.starts_with("no index begins")
            && !["bad_column", "bad_generated"].iter().any(|table| *what == format!("warning unique-key shop.{table}"))
    });
    assert_eq!(found, [], "nothing else is wrong");
    // What the units have differently, and ids that meet.
    bj.run(
        &["USE shop", "ALTER TABLE orders MODIFY total BIGINT", "SET GLOBAL auto_increment_offset = 1"]
            .map(str::to_owned),
    )
    .await
    .unwrap();
    let found = check(&node).await;
    let has =
        |what: &str, why: &str| found.iter().any(|(known, reason)| known.starts_with(what) && reason.contains(why));
    assert!(has("blocker definition shop.orders", "column 'total' is int"), "{found:#?}");
    assert!(has("blocker auto-increment shop.bad_parent, shop.orders", "meet"), "{found:#?}");
    // What cannot be seen is not taken for absent.
    hz.run(&["SET SESSION sql_log_bin = 0", "REVOKE TRIGGER ON *.* FROM meridian_monitor@'%'"].map(str::to_owned))
        .await
        .unwrap();
    let found = check(&node).await;
    assert!(
        found.iter().any(|(what, why)| what == "blocker answers " && why.contains("privilege TRIGGER")),
        "{found:#?}"
    );
}

#[tokio::test]
async fn mariadb_schemas_that_cannot_hold_over_units_are_named() {
    let stride = |offset: &'static str| ["--auto-increment-increment=2", offset];
    let (hz, bj) = (
        MariaDb::start(&stride("--auto-increment-offset=1")).await,
        MariaDb::start(&stride("--auto-increment-offset=2")).await,
    );
    found_and_nothing_else(&hz.root(), &bj.root(), [hz.port(), bj.port()], Family::MariaDb).await;
}

#[tokio::test]
async fn mysql9_schemas_that_cannot_hold_over_units_are_named() {
    let Some(tree) = Mysql9Tree::find().await else { return };
    let stride = |offset: &'static str| ["--auto-increment-increment=2", offset];
    let hz = Mysql9::start(&tree, 1, &stride("--auto-increment-offset=1")).await;
    let bj = Mysql9::start(&tree, 2, &stride("--auto-increment-offset=2")).await;
    found_and_nothing_else(&hz.root(), &bj.root(), [hz.port(), bj.port()], Family::Mysql).await;
}
