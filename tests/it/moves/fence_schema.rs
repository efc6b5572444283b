//! `meridian ctl fence-schema` from end to end, on both families: printed and run by hand, run by itself, refused; and then a node that works with it.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use meridian::demo::root_access::RootAccess;
use mysql_async::prelude::Queryable;

use super::mysql9::{follow, primary, shop_on};
use super::{PATIENT, Turn};
use crate::scenarios::expect::{rows, until};
use crate::scenarios::node::{Node, Setup, UNITS};
use crate::servers::Mysql9Tree;

const FENCE: &str = "fence = \"row+lease\"\n";
const PATIENCE: Duration = Duration::from_secs(60);
const DBA: [&str; 3] = ["--login", "fence_dba", "--login-password"];
const PROCEDURES: &str = "SELECT COUNT(*) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'meridian' AND ROUTINE_NAME IN \
                          ('set_fence', 'end_fence_holders', 'end_fence_guards', 'renew_lease', 'commit_leased')";

fn command(config: &Path, further: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_meridian"));
    command.args(["ctl", "fence-schema", "--config"]).arg(config).args(further).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

async fn unlogged(root: &RootAccess, statements: &[&str]) {
    let statements = [&["SET SESSION sql_log_bin = 0"], statements].concat();
    root.run(&statements.iter().map(|statement| (*statement).to_owned()).collect::<Vec<_>>()).await.unwrap();
}

async fn prepares_the_primaries(setup: Setup, roots: [RootAccess; 2]) {
    for root in &roots {
        let forget = [
            "CREATE USER IF NOT EXISTS fence_dba@'%' IDENTIFIED BY 'dbapw'",
            "GRANT ALL ON *.* TO fence_dba@'%' WITH GRANT OPTION",
            "CREATE DATABASE IF NOT EXISTS meridian",
            "DROP TABLE IF EXISTS meridian.fence, meridian.fence_lease",
            "DROP PROCEDURE IF EXISTS meridian.set_fence",
            "DROP PROCEDURE IF EXISTS meridian.end_fence_holders",
            "DROP PROCEDURE IF EXISTS meridian.end_fence_guards",
            "DROP PROCEDURE IF EXISTS meridian.renew_lease",
            "DROP PROCEDURE IF EXISTS meridian.commit_leased",
        ];
        unlogged(root, &forget).await;
    }
    let directory = tempfile::tempdir().unwrap();
    let config = setup.write(directory.path());
    // Printed with the monitor's account, for one instance; nothing is run.
    let printed = command(&config, &["--instance", "hz-main-1"]);
    assert!(printed.status.success(), "{}", text(&printed.stderr));
    let printed = text(&printed.stdout);
    assert!(printed.starts_with("-- hz-main-1\nDELIMITER //\n") && !printed.contains("bj-main-1"), "{printed}");
    assert_eq!(roots[0].value(PROCEDURES).await.unwrap().as_deref(), Some("0"));
    let body = printed.trim_start_matches("-- hz-main-1\nDELIMITER //\n").trim_end_matches("DELIMITER ;\n");
    let by_hand: Vec<String> = body.split_terminator(" //\n").map(str::to_owned).collect();
    roots[0].run(&by_hand).await.unwrap();
    assert_eq!(roots[0].value(PROCEDURES).await.unwrap().as_deref(), Some("5"));
    // What cannot be: said, with another exit code, and nothing is done.
    for (further, told) in [
        (&["--apply"][..], "--login"),
        (&["--instance", "nowhere-1"], "no primary of a group with fence = \"row\" or \"row+lease\" is called so"),
        (&["--apply", DBA[0], DBA[1], DBA[2], "wrong"], "hz-main-1: "),
    ] {
        let refused = command(&config, further);
        assert!(!refused.status.success() && text(&refused.stderr).contains(told), "{further:?}: {refused:?}");
    }
    assert_eq!(roots[1].value(PROCEDURES).await.unwrap().as_deref(), Some("0"));
    // Run by itself everywhere; again, it changes nothing.
    for _ in 0..2 {
        let applied = command(&config, &["--apply", DBA[0], DBA[1], DBA[2], "dbapw"]);
        assert!(applied.status.success(), "{}", text(&applied.stderr));
        let told = text(&applied.stdout);
        let names: Vec<&str> = told.lines().filter_map(|line| line.split_once(": ").map(|(name, _)| name)).collect();
        assert!(names == ["hz-main-1", "bj-main-1"] && told.contains("statements run"), "{told}");
    }
    for root in &roots {
        assert_eq!(root.value(PROCEDURES).await.unwrap().as_deref(), Some("5"));
    }
    let node = Node::start(setup).await;
    let (mut console, mut client) = (node.console("hz").await, node.client("hz").await);
    client.query_drop("INSERT INTO product (name) VALUES ('fence schema')").await.unwrap();
    client.query_drop("DELETE FROM product WHERE name = 'fence schema'").await.unwrap();
    let dry = rows(&mut console, "SWITCH GLOBAL ZONE TO 'bj' DRY RUN").await;
    assert!(dry.iter().filter(|row| row["check"] == "fence").all(|row| row["result"] == "ok"), "{dry:?}");
    // One primary after the other.
    for (instance, what) in [
        ("hz-main-1", "shards 0-4999"),
        ("hz-main-1", "the Global Zone"),
        ("hz-main-1", "DDL"),
        ("bj-main-1", "shards 5000-9999"),
    ] {
        until(&format!("{instance} is open for {what}"), PATIENCE, async || {
            let shown = rows(&mut console, "SHOW FENCES").await;
            let row =
                shown.iter().find(|row| row["instance"] == instance && row["what"] == what && row["state"] == "open");
            row.is_some_and(|row| !row["valid_until"].ends_with("(over)") && row["valid_until"] != "none")
        })
        .await;
    }
    drop(node);
    for root in &roots {
        unlogged(root, &["DROP USER fence_dba@'%'"]).await;
    }
}

#[tokio::test]
async fn the_command_prepares_mariadb() {
    let turn = Turn::wait().await;
    let mut setup = turn.setup(PATIENT);
    setup.keys = format!("{FENCE}{}", setup.keys);
    prepares_the_primaries(setup, UNITS.map(|unit| turn.databases.root_access(unit))).await;
}

#[tokio::test]
async fn the_command_prepares_mysql_9() {
    let Some(tree) = Mysql9Tree::find().await else { return };
    let tells = "--performance-schema=ON";
    let (hz, bj) = (primary(&tree, 1, tells).await, primary(&tree, 2, tells).await);
    follow(&bj, &hz).await;
    follow(&hz, &bj).await;
    let mut setup = shop_on(&hz, &bj).await;
    setup.limits = format!("[moves]\n{PATIENT}");
    setup.backend = "tls = \"required\"\n".to_owned();
    setup.keys = format!("{FENCE}{}", setup.keys);
    prepares_the_primaries(setup, [hz.root(), bj.root()]).await;
}
