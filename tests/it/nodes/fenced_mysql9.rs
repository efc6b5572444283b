//! The same on Oracle MySQL 9, from `meridian ctl accounts` on: its sessions are found and ended in another way, and its accounts keep passwords in
//! another.

use std::process::Command;
use std::time::Duration;

use meridian::demo::root_access::RootAccess;
use mysql_async::prelude::Queryable;
use rustix::process::Signal;

use super::{nodes_shown, shows_nodes};
use crate::failures::program::Program;
use crate::moves::done;
use crate::moves::mysql9::{follow, primary, shop_on};
use crate::scenarios::expect::{rows, until};
use crate::scenarios::node::Setup;
use crate::servers::{EtcdServers, Mysql9Tree};

const PATIENCE: Duration = Duration::from_secs(60);
const MOVES: &str = "[moves]\nacknowledge_deadline = \"2s\"\ndrain_deadline = \"5s\"\nend_deadline = \"5s\"\nsilence_deadline = \"1s\"\n\
                     catch_up_deadline = \"30s\"\nhold_deadline = \"60s\"\n";

/// Longer than a move that shuts a node out, so that no lease is waited for; and no longer than a test can wait for the end of a dead node's.
const LEASE: &str = "lease = \"15s\"";

const USERS: &str =
    "SELECT GROUP_CONCAT(DISTINCT USER ORDER BY USER) FROM information_schema.PROCESSLIST WHERE USER LIKE 'app%'";
const DOOR: &str = "SELECT CONCAT(door, ' ', incarnation) FROM meridian.account WHERE node = 2";
const PASSWORD: &str = "SELECT HEX(authentication_string) FROM mysql.user WHERE user = 'app-n2'";

async fn at(root: &RootAccess, query: &str) -> String {
    root.value(query).await.unwrap().unwrap_or_default()
}

fn count(name: &str) -> String {
    format!("SELECT COUNT(*) FROM shop.product WHERE name = '{name}'")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_node_and_a_killed_one_are_shut_out_on_mysql_9_and_come_in_again_with_other_passwords() {
    let Some(tree) = Mysql9Tree::find().await else { return };
    let Some(servers) = EtcdServers::start(1).await else { return };
    let none = "--performance-schema=OFF";
    let (hz, bj) = (primary(&tree, 1, none).await, primary(&tree, 2, none).await);
    follow(&bj, &hz).await;
    follow(&hz, &bj).await;
    let world = shop_on(&hz, &bj).await;
    let member = |number: u8| {
        let mut setup = Setup::over(world.databases.clone(), &world.version);
        setup.family = "mysql";
        setup.node = (format!("n{number}"), number);
        setup.keys = format!("fence = \"connection\"\n{}", setup.keys);
        setup.limits = MOVES.to_owned();
        setup.backend = "tls = \"required\"\n".to_owned();
        setup.sections = servers.control(LEASE);
        setup
    };
    for server in [&hz, &bj] {
        let dba = [
            "SET SESSION sql_log_bin = 0",
            "CREATE USER fence_dba@'%' IDENTIFIED BY 'dbapw'",
            "GRANT ALL ON *.* TO fence_dba@'%' WITH GRANT OPTION",
        ];
        server.root().run(&dba.map(str::to_owned)).await.unwrap();
    }
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_meridian"));
    command.args(["ctl", "accounts", "--nodes", "1-2", "--config"]).arg(member(1).write(directory.path()));
    let applied = command.args(["--apply", "--login", "fence_dba", "--login-password", "dbapw"]).output().unwrap();
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));

    let one = Program::start(member(1)).await;
    let two = Program::start(member(2)).await;
    let mut console = one.setup.console("hz").await;
    let dry = rows(&mut console, "SWITCH GLOBAL ZONE TO 'bj' DRY RUN").await;
    assert!(dry.iter().any(|row| row["check"] == "fence" && row["result"] == "ok"), "{dry:?}");
    let mut steady = one.setup.client("hz").await;
    steady.query_drop("INSERT INTO product (name) VALUES ('steady')").await.unwrap();
    let mut open = two.setup.client("hz").await;
    open.query_drop("BEGIN").await.unwrap();
    open.query_drop("INSERT INTO product (name) VALUES ('open')").await.unwrap();
    assert_eq!(at(&hz.root(), USERS).await, "app-n1,app-n2", "none but the nodes' own");

    two.signal(Signal::STOP);
    let told = done(&mut console, "SWITCH GLOBAL ZONE TO 'bj'").await;
    assert!(told.starts_with("moved the Global Zone from hz to bj"), "{told}");
    assert_eq!(nodes_shown(&mut console).await, ["n1#1 this", "n2#1 shut-out"], "its lease holds");
    assert_eq!(at(&hz.root(), USERS).await, "app-n1");
    let (door, password) = (at(&hz.root(), DOOR).await, at(&hz.root(), PASSWORD).await);
    assert!(door.starts_with("closed "), "{door}");
    two.signal(Signal::CONT);
    open.query_drop("COMMIT").await.unwrap_err();
    shows_nodes(&mut console, &["n1#1 this", "n2#2 live"]).await;
    let mut woken = two.setup.client("bj").await;
    let write = "INSERT INTO product (name) VALUES ('woken')";
    until("it writes again", PATIENCE, async || woken.query_drop(write).await.is_ok()).await;
    assert_eq!(at(&bj.root(), &count("woken")).await, "1");
    until("its door is open again", PATIENCE, async || at(&hz.root(), DOOR).await.starts_with("open ")).await;
    assert_ne!(at(&hz.root(), PASSWORD).await, password);

    let running =
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'INSERT INTO product (name) SELECT%'";
    let executing =
        tokio::spawn(
            async move { woken.query_drop("INSERT INTO product (name) SELECT CONCAT('slow', SLEEP(30))").await },
        );
    until("the server executes it", PATIENCE, async || at(&bj.root(), running).await == "1").await;
    let before = at(&bj.root(), DOOR).await;
    assert!(before.starts_with("open "), "{before}");
    let (files, setup) = two.kill();
    assert!(executing.await.unwrap().is_err());
    let told = done(&mut console, "SWITCH GLOBAL ZONE TO 'hz'").await;
    assert!(told.starts_with("moved the Global Zone from bj to hz"), "{told}");
    assert_eq!(at(&bj.root(), running).await, "0");
    shows_nodes(&mut console, &["n1#1 this"]).await;
    for server in [&hz, &bj] {
        assert!(at(&server.root(), DOOR).await.starts_with("closed "), "at both");
    }
    let successor = Program::start_in(files, setup).await;
    shows_nodes(&mut console, &["n1#1 this", "n2#3 live"]).await;
    let after = at(&bj.root(), DOOR).await;
    assert!(after.starts_with("open ") && after != before, "{before}, {after}");
    let mut client = successor.setup.client("bj").await;
    client.query_drop("INSERT INTO product (name) VALUES ('successor')").await.unwrap();
    assert_eq!(at(&hz.root(), &count("successor")).await, "1");
    // What was open never came to be. What was executing may have, as SLEEP returns when it is ended, but then before the position was read.
    hz.wait_until_applied_at(&bj).await;
    bj.wait_until_applied_at(&hz).await;
    let names = "SELECT GROUP_CONCAT(name ORDER BY id) FROM shop.product";
    let kept = at(&hz.root(), names).await;
    assert_eq!(kept.replace("slow1,", ""), "steady,woken,successor");
    assert_eq!(at(&bj.root(), names).await, kept);
}
