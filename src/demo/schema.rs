//! The accounts, tables and rows of the world, as SQL.
//!
//! Shared tables are made once, at the center, and replicate; local tables are made in every unit, because the channels between units do
//! not carry them.

use super::layout::{Accounts, LOCAL_TABLE};
use super::replication;
use super::template::Family;

/// The account of Meridian's monitor and catalog.
pub const MONITOR_USER: &str = "meridian_monitor";
/// Its password.
pub const MONITOR_PASSWORD: &str = "monitorpw";

/// The account that administers replication where a unit is lost. No application has it, and the nodes use it for nothing else.
pub const ADMINISTRATOR_USER: &str = "meridian_admin";
/// Its password.
pub const ADMINISTRATOR_PASSWORD: &str = "administratorpw";

/// The accounts of one MariaDB instance, made on each for itself. None of them may write where `read_only` is on.
pub fn accounts(accounts: &Accounts) -> Vec<String> {
    accounts_of(accounts, Family::MariaDb)
}

/// The accounts of one instance of this family.
pub fn accounts_of(accounts: &Accounts, family: Family) -> Vec<String> {
    let monitoring = match family {
        Family::MariaDb => "BINLOG MONITOR, REPLICA MONITOR",
        Family::Mysql => "REPLICATION CLIENT, XA_RECOVER_ADMIN",
    };
    let administering = match family {
        Family::MariaDb => "BINLOG MONITOR, REPLICA MONITOR, REPLICATION SLAVE ADMIN, READ_ONLY ADMIN",
        Family::Mysql => "REPLICATION CLIENT, REPLICATION_SLAVE_ADMIN, SYSTEM_VARIABLES_ADMIN",
    };
    let (user, schema) = (&accounts.app_user, &accounts.schema);
    let password = accounts.app_password.replace('\\', "\\\\").replace('\'', "''");
    vec![
        // Each instance has them from its own bootstrap; replicated, they would be made twice.
        "SET SESSION sql_log_bin = 0".to_owned(),
        replication::account(),
        replication::grant(),
        format!("CREATE USER {user}@'%' IDENTIFIED BY '{password}'"),
        format!("GRANT {APP_GRANTS} ON {schema}.* TO {user}@'%'"),
        format!("CREATE USER {MONITOR_USER}@'%' IDENTIFIED BY '{MONITOR_PASSWORD}'"),
        format!("CREATE USER {ADMINISTRATOR_USER}@'%' IDENTIFIED BY '{ADMINISTRATOR_PASSWORD}'"),
        format!("GRANT SELECT, RELOAD, {administering} ON *.* TO {ADMINISTRATOR_USER}@'%'"),
        // SELECT everywhere is what shows it all of information_schema: columns, views, triggers, foreign keys, routines.
        format!("GRANT SELECT, PROCESS, SHOW VIEW, TRIGGER, EVENT, {monitoring} ON *.* TO {MONITOR_USER}@'%'"),
    ]
}

/// What an application may do in its schema; nothing global, so that `read_only` binds it.
const APP_GRANTS: &str = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES, CREATE TEMPORARY TABLES, \
                          LOCK TABLES, EXECUTE, CREATE VIEW, SHOW VIEW, TRIGGER, CREATE ROUTINE, ALTER ROUTINE";

/// The schema and the tables that all units share, made at the center.
pub fn shared_tables(schema: &str) -> Vec<String> {
    vec![
        format!("CREATE DATABASE {schema} CHARACTER SET utf8mb4"),
        format!(
            "CREATE TABLE {schema}.orders (id BIGINT NOT NULL AUTO_INCREMENT, user_id BIGINT NOT NULL, item VARCHAR(100), \
             amount INT, note VARCHAR(200) NULL, PRIMARY KEY (id), KEY (user_id))"
        ),
        format!(
            "CREATE TABLE {schema}.product (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(100), price INT, \
             stock INT)"
        ),
        format!(
            "CREATE TABLE {schema}.account (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, email VARCHAR(190) UNIQUE, \
             balance INT)"
        ),
    ]
}

/// The tables each unit has for itself.
pub fn local_tables(schema: &str) -> Vec<String> {
    vec![format!(
        "CREATE TABLE {schema}.{LOCAL_TABLE} (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, at TIMESTAMP DEFAULT \
         CURRENT_TIMESTAMP, message VARCHAR(200))"
    )]
}

/// The rows the center writes: global tables, and the orders of users it owns.
pub fn center_rows(schema: &str) -> Vec<String> {
    vec![
        format!(
            "INSERT INTO {schema}.product (name, price, stock) VALUES ('tea', 300, 1000), ('rice', 120, 5000), \
             ('noodles', 90, 800), ('soy sauce', 250, 640), ('chopsticks', 45, 10000)"
        ),
        format!(
            "INSERT INTO {schema}.account (email, balance) VALUES ('li@example.com', 1000), ('wang@example.com', 500), \
             ('zhao@example.com', 0)"
        ),
        format!(
            "INSERT INTO {schema}.orders (user_id, item, amount, note) VALUES (50, 'tea', 1, NULL), (50, 'rice', 10, 'soon'), \
             (1123, 'noodles', 4, NULL), (4999, 'tea', 2, NULL), (111123, 'soy sauce', 1, 'same shard as 1123')"
        ),
    ]
}

/// The orders of users the other unit owns, written there.
pub fn unit_rows(schema: &str) -> Vec<String> {
    vec![format!(
        "INSERT INTO {schema}.orders (user_id, item, amount, note) VALUES (5000, 'tea', 3, NULL), (6000, 'rice', 2, NULL), \
         (6000, 'chopsticks', 6, 'gift'), (9999, 'noodles', 1, NULL), (16000, 'tea', 5, 'same shard as 6000')"
    )]
}

/// The first line of a unit's own log table.
pub fn local_rows(schema: &str, unit: &str) -> Vec<String> {
    vec![format!("INSERT INTO {schema}.{LOCAL_TABLE} (message) VALUES ('unit {unit} set up')")]
}
