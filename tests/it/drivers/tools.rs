//! The import, load and benchmark tools of the command line, directly and through Meridian: what they say, and what they leave in the tables.

use std::process::Command;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use super::command_line::{client_options, said};
use crate::node::{Kind, NodePlan, OneUnit};
use crate::servers::{Mysql9Tree, Place};

/// How many sessions a tool opens at once; the node has four connections.
const SESSIONS: u32 = 16;

/// How much they do together.
const QUERIES: u32 = 480;

/// How many rows each of sysbench's two tables has, before and after.
const ROWS: u32 = 1000;

fn few(plan: &mut NodePlan) {
    plan.backend.push_str("connections_per_instance = 4\nqueue_deadline = \"120s\"\n");
}

/// `import` or `slap` of the server's family, with the options that lead to `port`.
async fn tool(kind: Kind, name: &str, port: u16) -> Command {
    let mut command = match kind {
        Kind::MariaDb => Command::new(format!("mariadb-{name}")),
        Kind::Mysql9 => Mysql9Tree::find().await.unwrap().program(&format!("mysql{name}")),
    };
    command.args(client_options(port));
    command
}

async fn number(connection: &mut Conn, query: &str) -> u64 {
    connection.query_first(query).await.unwrap().unwrap_or_else(|| panic!("nothing is said to {query}"))
}

/// A global counter of the server.
async fn counter(connection: &mut Conn, name: &str) -> u64 {
    let row: Option<(String, u64)> = connection.query_first(format!("SHOW GLOBAL STATUS LIKE '{name}'")).await.unwrap();
    row.unwrap().1
}

/// Local files, some of whose rows are double, into a table with and without IGNORE, REPLACE and DELETE.
async fn imports_the_same(kind: Kind) {
    let Some(unit) = OneUnit::start(kind, few).await else { return };
    if kind == Kind::Mysql9 {
        // It begins by setting character_set_database, which MySQL does not let everybody.
        unit.root().run(&["GRANT SESSION_VARIABLES_ADMIN ON *.* TO app@'%'".to_owned()]).await.unwrap();
    }
    let mut direct = unit.connect_direct(Some("plain")).await.unwrap();
    let place = Place::new();
    let file = place.path().join("imported.csv");
    let rows: String = (0..5000).map(|row| format!("{};'größe {row}';{row}.25\n", row % 4000)).collect();
    std::fs::write(&file, rows).unwrap();
    let mut runs = Vec::new();
    for port in [unit.direct_port(), unit.port()] {
        direct.query_drop("DROP TABLE IF EXISTS imported").await.unwrap();
        direct
            .query_drop(
                "CREATE TABLE imported (id INT PRIMARY KEY, name VARCHAR(50), amount DECIMAL(9,2), at TIMESTAMP NULL)",
            )
            .await
            .unwrap();
        let mut told = Vec::new();
        for options in [&["--ignore"][..], &["--replace"], &["--delete", "--lock-tables"], &[]] {
            let mut command = tool(kind, "import", port).await;
            command.args(["--local", "--fields-terminated-by=;", "--fields-optionally-enclosed-by='", "--verbose"]);
            command.args(["--columns=id,name,amount"]).args(options).arg("plain").arg(&file);
            told.extend(said(command, Vec::new()).await);
            let left =
                "SELECT CONCAT_WS(' ', COUNT(*), SUM(id), SUM(amount), SUM(CRC32(name)), COUNT(at)) FROM imported";
            told.push(direct.query_first::<String, _>(left).await.unwrap().unwrap());
        }
        let mut absent = tool(kind, "import", port).await;
        absent.args(["--local", "plain"]).arg(place.path().join("imported.absent"));
        told.extend(said(absent, Vec::new()).await);
        runs.push(told);
    }
    assert!(runs[0].iter().any(|line| line.contains("Records: 5000  Deleted: 0  Skipped: 1000")), "{:#?}", runs[0]);
    assert!(runs[0].iter().any(|line| line.starts_with("4000 ")), "{:#?}", runs[0]);
    assert_eq!(runs[1], runs[0]);
}

/// As many queries arrive as were asked for, from clients that share connections: alone, in transactions, with connections opened anew.
async fn slap_finds_the_same(kind: Kind) {
    let Some(unit) = OneUnit::start(kind, few).await else { return };
    let mut direct = unit.connect_direct(None).await.unwrap();
    let mut runs = Vec::new();
    for port in [unit.direct_port(), unit.port()] {
        let mut told = Vec::new();
        let generated = ["--auto-generate-sql", "--auto-generate-sql-load-type=mixed"];
        let created = "CREATE TABLE slapped (id INT AUTO_INCREMENT PRIMARY KEY, session BIGINT)";
        let own = [
            &format!("--create={created}"),
            "--no-drop",
            "--query=INSERT INTO slapped (session) VALUES (CONNECTION_ID())",
        ];
        for options in [
            &generated[..],
            &[&generated[..], &["--commit=5", "--detach=10"]].concat(),
            &[&own[..], &["--commit=3"]].concat(),
        ] {
            let mut command = tool(kind, "slap", port).await;
            command.args([format!("--concurrency={SESSIONS}"), format!("--number-of-queries={QUERIES}")]);
            command.arg("--create-schema=plain_slapped").args(options);
            let seconds = |line: &String| line.contains("seconds to run");
            told.extend(said(command, Vec::new()).await.into_iter().filter(|line| !seconds(line)));
        }
        told.push(number(&mut direct, "SELECT COUNT(*) FROM plain_slapped.slapped").await.to_string());
        told.push(number(&mut direct, "SELECT MAX(id) FROM plain_slapped.slapped").await.to_string());
        direct.query_drop("DROP DATABASE plain_slapped").await.unwrap();
        runs.push(told);
    }
    let clients = format!("Number of clients running queries: {SESSIONS}");
    assert!(runs[0].iter().any(|line| line.trim() == clients), "{:#?}", runs[0]);
    assert_eq!(runs[0].last().unwrap(), &QUERIES.to_string(), "{:#?}", runs[0]);
    assert_eq!(runs[1], runs[0]);
}

/// Its mixed load with and without prepared statements. What it counts is what was asked for, and no row is lost or doubled.
async fn sysbench_runs(kind: Kind) {
    if !Command::new("sysbench").arg("--version").output().is_ok_and(|output| output.status.success()) {
        // The terminal itself, past the test runner's capture: what was not tested must be seen.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), b"NOT TESTED: sysbench is not installed here\n");
        return;
    }
    let adapted = |plan: &mut NodePlan| {
        few(plan);
        // MariaDB's C library loads the other plugin from a file, and two threads that do so at once stop one another.
        plan.users.push_str("auth = \"mysql_native_password\"\n");
    };
    let Some(unit) = OneUnit::start(kind, adapted).await else { return };
    let mut direct = unit.connect_direct(Some("plain")).await.unwrap();
    let port = unit.port();
    for (mode, load) in [
        ("auto", "oltp_point_select"),
        ("auto", "oltp_read_write"),
        ("disable", "oltp_point_select"),
        ("disable", "oltp_read_write"),
    ] {
        let sysbench = async |step: &str| {
            let mut command = Command::new("sysbench");
            command.args([
                load,
                "--mysql-host=127.0.0.1",
                "--mysql-user=app",
                "--mysql-password=apppw",
                "--mysql-db=plain",
            ]);
            command.args([
                format!("--mysql-port={port}"),
                format!("--db-ps-mode={mode}"),
                format!("--threads={SESSIONS}"),
            ]);
            command.args([format!("--table-size={ROWS}"), format!("--events={QUERIES}"), "--tables=2".to_owned()]);
            // A transaction that is rolled back as a deadlock's victim, as between any clients, is made again.
            command.args(["--time=0", "--mysql-ignore-errors=1213,1020", step]);
            said(command, Vec::new()).await
        };
        let prepared = sysbench("prepare").await;
        assert!(prepared.iter().any(|line| line.contains("Creating a secondary index on 'sbtest2'")), "{prepared:#?}");
        let executed = counter(&mut direct, "Com_stmt_execute").await;
        let told = sysbench("run").await;
        let events = told.iter().find_map(|line| line.trim().strip_prefix("total number of events:"));
        // Its threads count for themselves: some begin one too many.
        let events: u32 = events.unwrap_or_else(|| panic!("{told:#?}")).trim().parse().unwrap();
        assert!((QUERIES..QUERIES + SESSIONS).contains(&events), "{told:#?}");
        assert!(told.iter().any(|line| line.trim().starts_with("reconnects:") && line.contains(" 0 ")), "{told:#?}");
        let executed = counter(&mut direct, "Com_stmt_execute").await - executed;
        match mode {
            "auto" => assert!(executed >= u64::from(events), "{executed} of {events}"),
            _ => assert!(executed < u64::from(events), "{executed} of {events}"),
        }
        for table in ["sbtest1", "sbtest2"] {
            assert_eq!(
                number(&mut direct, &format!("SELECT COUNT(*) FROM {table}")).await,
                u64::from(ROWS),
                "{mode} {load}"
            );
        }
        sysbench("cleanup").await;
    }
}

#[tokio::test]
async fn import_says_the_same_of_mariadb() {
    imports_the_same(Kind::MariaDb).await;
}

#[tokio::test]
async fn import_says_the_same_of_mysql9() {
    imports_the_same(Kind::Mysql9).await;
}

#[tokio::test]
async fn slap_finds_the_same_at_mariadb() {
    slap_finds_the_same(Kind::MariaDb).await;
}

#[tokio::test]
async fn slap_finds_the_same_at_mysql9() {
    slap_finds_the_same(Kind::Mysql9).await;
}

#[tokio::test]
async fn sysbench_runs_over_mariadb_with_and_without_prepared_statements() {
    sysbench_runs(Kind::MariaDb).await;
}

#[tokio::test]
async fn sysbench_runs_over_mysql9_with_and_without_prepared_statements() {
    sysbench_runs(Kind::Mysql9).await;
}
