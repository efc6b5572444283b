//! What migration tools send: Rails, Flyway and Liquibase, with the locks they take, through one node in front of a primary whose replica applies
//! nothing meanwhile. Whatever a tool has made it sees at once, and so does every other session of the process.

use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};

use crate::node::{Kind, OneUnit};
use crate::scenarios::expect::{error_of, text_of, within};

const GROUP: &str = "schemas = [\"plain\"]\nglobal_master = \"hz\"\nshards = 16\n\
    [[group.key_type]]\nname = \"user\"\ntransform = \"mod\"\nmodulus = 16\n\
    [[group.owner]]\nshards = \"0-15\"\nunit = \"hz\"\n\
    [[group.table]]\nname = \"app_orders\"\nclass = \"sharded\"\nkey = \"user_id\"\n\
    [[group.table]]\nname = \"schema_migrations\"\nclass = \"global\"\n\
    [[group.table]]\nname = \"ar_internal_metadata\"\nclass = \"global\"\n\
    [[group.table]]\nname = \"flyway_schema_history\"\nclass = \"global\"\n\
    [[group.table]]\nname = \"databasechangelog*\"\nclass = \"global\"\n\
    [[group.table]]\nname = \"app_*\"\nclass = \"global\"\n";

/// ActiveRecord 7, as its log shows it.
const RAILS: &[&str] = &[
    "SET NAMES utf8mb4, @@SESSION.sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), @@SESSION.wait_timeout = 2147483",
    "SELECT table_name FROM (SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = database()) _subquery WHERE _subquery.table_name = 'schema_migrations' AND _subquery.table_type = 'BASE TABLE'",
    "CREATE TABLE `schema_migrations` (`version` varchar(255) NOT NULL PRIMARY KEY)",
    "CREATE TABLE `ar_internal_metadata` (`key` varchar(255) NOT NULL PRIMARY KEY, `value` varchar(255), `created_at` datetime(6) NOT NULL, `updated_at` datetime(6) NOT NULL)",
    "SELECT GET_LOCK('5361736465', 0)",
    "SELECT `schema_migrations`.`version` FROM `schema_migrations` ORDER BY `schema_migrations`.`version` ASC",
    "SELECT `ar_internal_metadata`.* FROM `ar_internal_metadata` WHERE `ar_internal_metadata`.`key` = 'environment' ORDER BY `ar_internal_metadata`.`key` ASC LIMIT 1",
    "INSERT INTO `ar_internal_metadata` (`key`, `value`, `created_at`, `updated_at`) VALUES ('environment', 'test', NOW(6), NOW(6))",
    "CREATE TABLE `app_orders` (`id` bigint NOT NULL AUTO_INCREMENT, `user_id` bigint NOT NULL, `item` varchar(100), PRIMARY KEY (`id`), INDEX `by_user` (`user_id`))",
    "SHOW FULL FIELDS FROM `app_orders`",
    "ALTER TABLE `app_orders` ADD `amount` int DEFAULT 0 NOT NULL",
    "SELECT column_name FROM information_schema.columns WHERE table_schema = database() AND table_name = 'app_orders' AND column_name = 'amount'",
    "CREATE INDEX `by_item` ON `app_orders` (`item`)",
    "BEGIN",
    "INSERT INTO `app_orders` (`user_id`, `item`, `amount`) VALUES (5, 'tea', 1)",
    "INSERT INTO `schema_migrations` (`version`) VALUES ('20260101000000')",
    "COMMIT",
    "SELECT `version` FROM `schema_migrations`",
    "SELECT RELEASE_LOCK('5361736465')",
    "SELECT COUNT(*) FROM `app_orders`",
];

/// Flyway 10 under its named lock, without autocommit.
const FLYWAY: &[&str] = &[
    "SELECT VERSION()",
    "SELECT GET_LOCK('Flyway-1388', 10)",
    "SELECT EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = 'plain' AND table_name = 'flyway_schema_history')",
    "SET autocommit = 0",
    "CREATE TABLE `plain`.`flyway_schema_history` (`installed_rank` INT NOT NULL, `version` VARCHAR(50), `description` VARCHAR(200) NOT NULL, \
     `type` VARCHAR(20) NOT NULL, `script` VARCHAR(1000) NOT NULL, `checksum` INT, `installed_by` VARCHAR(100) NOT NULL, \
     `installed_on` TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, `execution_time` INT NOT NULL, `success` BOOL NOT NULL, \
     CONSTRAINT `flyway_schema_history_pk` PRIMARY KEY (`installed_rank`)) ENGINE=InnoDB",
    "CREATE INDEX `flyway_schema_history_s_idx` ON `plain`.`flyway_schema_history` (`success`)",
    "COMMIT",
    "SELECT `installed_rank`, `version` FROM `plain`.`flyway_schema_history` WHERE `installed_rank` > -1 ORDER BY `installed_rank`",
    "CREATE TABLE app_users (id INT PRIMARY KEY, name VARCHAR(50))",
    "INSERT INTO app_users VALUES (1, 'li')",
    "INSERT INTO `plain`.`flyway_schema_history` (`installed_rank`, `version`, `description`, `type`, `script`, `checksum`, `installed_by`, `execution_time`, `success`) \
     VALUES (1, '1', 'first', 'SQL', 'V1__first.sql', 42, 'app', 3, 1)",
    "COMMIT",
    "SET autocommit = 1",
    "SELECT COUNT(*) FROM `plain`.`flyway_schema_history`",
    "SELECT RELEASE_LOCK('Flyway-1388')",
    "SELECT name FROM app_users",
];

/// Liquibase 4: its lock is a row.
const LIQUIBASE: &[&str] = &[
    "SET autocommit = 0",
    "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'plain' AND table_name = 'DATABASECHANGELOGLOCK'",
    "CREATE TABLE plain.DATABASECHANGELOGLOCK (ID INT NOT NULL, `LOCKED` TINYINT(1) NOT NULL, LOCKGRANTED datetime NULL, LOCKEDBY VARCHAR(255) NULL, CONSTRAINT PK_DATABASECHANGELOGLOCK PRIMARY KEY (ID))",
    "COMMIT",
    "DELETE FROM plain.DATABASECHANGELOGLOCK",
    "INSERT INTO plain.DATABASECHANGELOGLOCK (ID, `LOCKED`) VALUES (1, 0)",
    "COMMIT",
    "SELECT `LOCKED` FROM plain.DATABASECHANGELOGLOCK WHERE ID=1",
    "UPDATE plain.DATABASECHANGELOGLOCK SET `LOCKED` = 1, LOCKEDBY = 'host (127.0.0.1)', LOCKGRANTED = NOW() WHERE ID = 1 AND `LOCKED` = 0",
    "COMMIT",
    "CREATE TABLE plain.DATABASECHANGELOG (ID VARCHAR(255) NOT NULL, AUTHOR VARCHAR(255) NOT NULL, FILENAME VARCHAR(255) NOT NULL, DATEEXECUTED datetime NOT NULL, \
     ORDEREXECUTED INT NOT NULL, EXECTYPE VARCHAR(10) NOT NULL, MD5SUM VARCHAR(35) NULL)",
    "SELECT COUNT(*) FROM plain.DATABASECHANGELOG",
    "SELECT MD5SUM FROM plain.DATABASECHANGELOG WHERE MD5SUM IS NOT NULL LIMIT 1",
    "CREATE TABLE plain.app_stock (id INT NOT NULL, CONSTRAINT PK_STOCK PRIMARY KEY (id))",
    "ALTER TABLE plain.app_stock ADD quantity INT NULL",
    "INSERT INTO plain.DATABASECHANGELOG (ID, AUTHOR, FILENAME, DATEEXECUTED, ORDEREXECUTED, EXECTYPE, MD5SUM) VALUES ('1', 'li', 'c.xml', NOW(), 1, 'EXECUTED', '9:ab')",
    "COMMIT",
    "INSERT INTO plain.app_stock (id, quantity) VALUES (1, 5)",
    "COMMIT",
    "UPDATE plain.DATABASECHANGELOGLOCK SET `LOCKED` = 0, LOCKEDBY = NULL, LOCKGRANTED = NULL WHERE ID = 1",
    "COMMIT",
    "SET autocommit = 1",
    "SELECT quantity FROM plain.app_stock",
];

/// Runs the statements; the first value of the last one.
async fn run(client: &mut Conn, statements: &[&str]) -> String {
    let mut last = String::new();
    for statement in statements {
        let row: Result<Option<Row>, _> = client.query_first(*statement).await;
        let row = row.unwrap_or_else(|error| panic!("{statement}: {error}"));
        last = row.map_or_else(|| "no row".to_owned(), |row| text_of(&row[0]));
    }
    last
}

async fn migrate(kind: Kind) {
    let Some(unit) = OneUnit::start(kind, |plan| plan.group = GROUP.to_owned()).await else { return };
    // A session of another worker, from before.
    let mut others: Vec<Conn> = Vec::new();
    for _ in 0..4 {
        let mut other = unit.connect(Some("plain")).await.unwrap();
        other.query_drop("SELECT 1").await.unwrap();
        others.push(other);
    }
    let (stop, start) = match kind {
        Kind::MariaDb => ("STOP ALL SLAVES", "START ALL SLAVES"),
        Kind::Mysql9 => ("STOP REPLICA SQL_THREAD", "START REPLICA SQL_THREAD"),
    };
    unit.replica_root().run(&[stop.to_owned()]).await.unwrap();
    for (tool, statements, last) in [("Rails", RAILS, "1"), ("Flyway", FLYWAY, "li"), ("Liquibase", LIQUIBASE, "5")] {
        let mut client = unit.connect(Some("plain")).await.unwrap();
        let said = within(tool, Duration::from_secs(120), run(&mut client, statements)).await;
        assert_eq!(said, last, "{tool}");
    }
    // Every other session of the process knows the new tables: it writes them, with a key that it reads by their columns.
    for (number, other) in others.iter_mut().enumerate() {
        other.query_drop("INSERT INTO app_orders VALUES (NULL, 7, 'rice', 2)").await.unwrap();
        let strong = "/*meridian: level=strong*/ SELECT COUNT(*) FROM app_orders WHERE user_id = 7";
        assert_eq!(run(other, &[strong]).await, (number + 1).to_string());
    }
    // A table that a DBA has made at the server is looked for before it is refused.
    unit.root().run(&["USE plain".to_owned(), "CREATE TABLE app_late (id INT PRIMARY KEY)".to_owned()]).await.unwrap();
    others[2].query_drop("INSERT INTO app_late VALUES (1)").await.unwrap();
    // A plan from before the columns were moved is not used again: the hint would contradict it.
    let insert = |key: u32| format!("/*meridian: key={key}*/ INSERT INTO app_orders VALUES (NULL, 8, 9, 2)");
    others[0].query_drop(insert(8)).await.unwrap();
    others[1].query_drop("ALTER TABLE app_orders MODIFY user_id BIGINT NOT NULL AFTER amount").await.unwrap();
    others[0].query_drop(insert(2)).await.unwrap();
    let (_, text) = error_of(&mut others[0], &insert(8)).await;
    assert!(text.contains("the hint names key 8, the statement key 2"), "{text}");
    // So it is with a packet of several statements, whose end comes when everybody knows, and with one that fails behind its DDL.
    for number in 0..6 {
        let (place, row, fails) = match number % 2 {
            0 => ("FIRST", "(4, NULL, 'x', 9)", false),
            _ => ("AFTER amount", "(NULL, 'x', 9, 4)", true),
        };
        let behind = if fails { "SELECT * FROM app_orders WHERE no_such_column = 1" } else { "SELECT 1" };
        let packet = format!("ALTER TABLE app_orders MODIFY user_id BIGINT NOT NULL {place}; {behind}");
        assert_eq!(others[1].query_drop(packet).await.is_err(), fails, "{place}");
        others[0].query_drop(format!("/*meridian: key=4*/ INSERT INTO app_orders VALUES {row}")).await.unwrap();
    }
    unit.replica_root().run(&[start.to_owned()]).await.unwrap();
    unit.wait_until_replicated().await;
}

#[tokio::test]
async fn migration_tools_see_what_they_made_on_mariadb() {
    migrate(Kind::MariaDb).await;
}

#[tokio::test]
async fn migration_tools_see_what_they_made_on_mysql9() {
    migrate(Kind::Mysql9).await;
}
