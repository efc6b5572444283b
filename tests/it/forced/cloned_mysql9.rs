//! MySQL: what was left behind becomes a copy of the stand-in, out of Meridian's reach, and takes part again.

use std::process::Stdio;
use std::time::Duration;

use meridian::model::Role;
use mysql_async::prelude::Queryable;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::Revived;
use super::mysql9::{follow, primary};
use crate::moves::mysql9::shop_on;
use crate::scenarios::expect::{done_in_time, rows, until};
use crate::scenarios::node::{Database, Node};
use crate::servers::{Mysql9, Mysql9Tree};

const PATIENCE: Duration = Duration::from_secs(90);
const MOVES: &str = "[moves]\ndrain_deadline = \"1s\"\nend_deadline = \"2s\"\ncatch_up_deadline = \"20s\"\n";
const NAMES: &str = "SELECT GROUP_CONCAT(name ORDER BY name) FROM shop.product";

/// A client program at a server, as root.
fn at(server: &Mysql9, program: std::process::Command) -> Command {
    let mut command = Command::from(program);
    command.args(["--no-defaults", "--user=root"]).arg(format!("--socket={}", server.socket().display()));
    command
}

/// Starts a server again with these options, killed as it is, and waits until it answers. `before` is its process where that is not the first.
async fn started_again(server: &Mysql9, before: Option<Revived>, options: &[&str]) -> Revived {
    let mut revived = match before {
        None => Revived::kill(server.directory()).await,
        Some(before) => {
            let watched = Revived::watched(server.directory());
            // Whoever has started it has to: a killed process that nobody has waited for holds the lock of its socket.
            drop(before);
            watched
        }
    };
    revived.start_with(options);
    until("it answers", PATIENCE, async || server.root().run(&[]).await.is_ok()).await;
    revived
}

/// The runbook of README: a server without a past of its own takes over a dump and its position. Dropping what is returned ends the server.
async fn cloned(tree: &Mysql9Tree, server: &Mysql9, before: Option<Revived>, dump: &[u8]) -> Revived {
    let alone = ["--skip-networking=ON", "--skip-replica-start=ON", "--super-read-only=OFF"];
    let out_of_reach = started_again(server, before, &alone).await;
    server.root().run(&["RESET REPLICA".to_owned(), "RESET BINARY LOGS AND GTIDS".to_owned()]).await.unwrap();
    let mut load = at(server, std::process::Command::new(tree.client()));
    let mut load = load.arg("shop").stdin(Stdio::piped()).spawn().unwrap();
    let mut input = load.stdin.take().unwrap();
    input.write_all(dump).await.unwrap();
    drop(input);
    assert!(load.wait().await.unwrap().success());
    started_again(server, Some(out_of_reach), &["--skip-networking=OFF", "--super-read-only=ON"]).await
}

#[tokio::test]
async fn what_was_left_behind_becomes_a_copy_of_the_stand_in_and_takes_part_again_on_mysql_9() {
    let Some(tree) = Mysql9Tree::find().await else { return };
    let (hz, bj) = (primary(&tree, 1, &[]).await, primary(&tree, 2, &[]).await);
    follow(&bj, &hz).await;
    follow(&hz, &bj).await;
    let mut setup = shop_on(&hz, &bj).await;
    let replica = primary(&tree, 3, &["--super-read-only=OFF"]).await;
    follow(&replica, &hz).await;
    hz.wait_until_applied_at(&replica).await;
    replica.root().run(&["SET GLOBAL super_read_only = ON".to_owned()]).await.unwrap();
    setup.databases.push(Database {
        name: "hz-main-2".to_owned(),
        unit: "hz",
        role: Role::Replica,
        port: replica.port(),
    });
    setup.limits = MOVES.to_owned();
    setup.backend =
        "administrator_user = \"meridian_admin\"\nadministrator_password = \"administratorpw\"\n".to_owned();
    let node = Node::start(setup).await;
    let (mut console, mut client) = (node.console("bj").await, node.client("hz").await);
    let insert = |name: &str| format!("INSERT INTO product (name) VALUES ('{name}')");
    client.query_drop(insert("kept")).await.unwrap();
    hz.wait_until_applied_at(&bj).await;
    hz.wait_until_applied_at(&replica).await;
    // Nobody gets what is lost, and its own replica takes it afterwards.
    for server in [&bj, &replica] {
        server.root().run(&["STOP REPLICA IO_THREAD FOR CHANNEL 'from_peer'".to_owned()]).await.unwrap();
    }
    client.query_drop(insert("lost")).await.unwrap();
    let mut revived = Revived::kill(hz.directory()).await;
    let told = rows(&mut console, "FORCE UNIT 'hz' TO 'bj' REASON 'gone'").await[0]["result"].clone();
    assert!(told.contains("forced shards 0-4999 from hz to bj, the Global Zone from hz to bj"), "{told}");
    revived.start();
    until("the loss is known", PATIENCE, async || {
        !["unknown until it is back", "nothing"]
            .contains(&rows(&mut console, "SHOW QUARANTINES").await[0]["lost"].as_str())
    })
    .await;
    replica.root().run(&["START REPLICA FOR CHANNEL 'from_peer'".to_owned()]).await.unwrap();
    until("its replica has the lost row", PATIENCE, async || {
        replica.root().value(NAMES).await.unwrap().as_deref() == Some("kept,lost")
    })
    .await;
    let mut fresh = node.client("hz").await;
    fresh.query_drop(insert("after")).await.unwrap();

    let mut dump = at(&bj, tree.program("mysqldump"));
    dump.args(["--single-transaction", "--set-gtid-purged=ON", "shop", "orders", "product"]);
    let dump = dump.output().await.unwrap();
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    // What comes behind the dump comes by replication.
    fresh.query_drop(insert("behind")).await.unwrap();
    let _primary = cloned(&tree, &hz, Some(revived), &dump.stdout).await;
    let _replica = cloned(&tree, &replica, None, &dump.stdout).await;
    assert_eq!(replica.root().value(NAMES).await.unwrap().as_deref(), Some("after,kept"));
    until("nothing is lost any more", PATIENCE, async || {
        rows(&mut console, "SHOW QUARANTINES").await[0]["lost"] == "nothing"
    })
    .await;
    for server in [&hz, &replica] {
        server.root().run(&["START REPLICA".to_owned()]).await.unwrap();
    }
    bj.wait_until_applied_at(&hz).await;
    follow(&bj, &hz).await;
    let told = done_in_time(&mut console, "REJOIN UNIT 'hz'", PATIENCE).await;
    assert_eq!(told, "unit 'hz' takes part again");
    let told = done_in_time(&mut console, "SWITCH GLOBAL ZONE TO 'hz'", PATIENCE).await;
    assert!(told.starts_with("moved the Global Zone from bj to hz"), "{told}");
    fresh.query_drop(insert("home")).await.unwrap();
    for server in [&bj, &replica] {
        hz.wait_until_applied_at(server).await;
    }
    for server in [&hz, &bj, &replica] {
        assert_eq!(server.root().value(NAMES).await.unwrap().as_deref(), Some("after,behind,home,kept"));
    }
}
