//! The same on Oracle MySQL 9, whose positions are sets and whose channels have other names.

use std::time::Duration;

use mysql_async::prelude::Queryable;

use super::lost_unit::acknowledged;
use crate::moves::mysql9::shop_on;
use crate::scenarios::expect::{error_of, rows, until, value};
use crate::scenarios::node::Node;
use crate::servers::{Mysql9, Mysql9Tree};

pub async fn primary(tree: &Mysql9Tree, number: u32, settings: &[&str]) -> Mysql9 {
    let (offset, step) = (format!("--auto-increment-offset={number}"), "--auto-increment-increment=4");
    let settings = [&[offset.as_str(), step], settings].concat();
    let server = Mysql9::start(tree, number * 10 + 1, &settings).await;
    let accounts = [
        "SET SESSION sql_log_bin = 0",
        "CREATE USER app@'%' IDENTIFIED BY 'apppw'",
        "GRANT ALL ON shop.* TO app@'%'",
        "CREATE USER meridian_monitor@'%' IDENTIFIED BY 'monitorpw'",
        "GRANT SELECT, PROCESS, SHOW VIEW, REPLICATION CLIENT, XA_RECOVER_ADMIN ON *.* TO meridian_monitor@'%'",
        "CREATE USER meridian_admin@'%' IDENTIFIED BY 'administratorpw'",
        "GRANT SELECT, REPLICATION CLIENT, REPLICATION_SLAVE_ADMIN, SYSTEM_VARIABLES_ADMIN, RELOAD ON *.* TO meridian_admin@'%'",
        "CREATE USER repl@'%' IDENTIFIED BY 'replpw'",
        "GRANT REPLICATION SLAVE ON *.* TO repl@'%'",
    ];
    server.root().run(&accounts.map(str::to_owned)).await.unwrap();
    server
}

pub async fn follow(replica: &Mysql9, source: &Mysql9) {
    let change = format!(
        "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={}, SOURCE_USER='repl', \
         SOURCE_PASSWORD='replpw', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1, SOURCE_CONNECT_RETRY=1 \
         FOR CHANNEL 'from_peer'",
        source.port()
    );
    replica.root().run(&[change, "START REPLICA FOR CHANNEL 'from_peer'".to_owned()]).await.unwrap();
}

#[tokio::test]
async fn a_lost_unit_is_left_behind_by_force_on_mysql_9_and_its_loss_is_told_exactly() {
    let Some(tree) = Mysql9Tree::find().await else { return };
    let (hz, bj) = (primary(&tree, 1, &[]).await, primary(&tree, 2, &[]).await);
    follow(&bj, &hz).await;
    follow(&hz, &bj).await;
    let mut setup = shop_on(&hz, &bj).await;
    setup.limits = "[moves]\ndrain_deadline = \"1s\"\nend_deadline = \"2s\"\ncatch_up_deadline = \"20s\"\n".to_owned();
    setup.backend =
        "administrator_user = \"meridian_admin\"\nadministrator_password = \"administratorpw\"\n".to_owned();
    let node = Node::start(setup).await;
    let (mut console, mut client) = (node.console("bj").await, node.client("hz").await);
    client.query_drop("INSERT INTO product (name) VALUES ('kept')").await.unwrap();
    hz.wait_until_applied_at(&bj).await;
    bj.root().run(&["STOP REPLICA IO_THREAD FOR CHANNEL 'from_peer'".to_owned()]).await.unwrap();
    let executed = || async { hz.root().value("SELECT @@GLOBAL.gtid_executed").await.unwrap().unwrap() };
    let before = executed().await;
    client.query_drop("INSERT INTO product (name) VALUES ('lost')").await.unwrap();
    let subtract = format!("SELECT GTID_SUBTRACT(@@GLOBAL.gtid_executed, '{before}')");
    let lost = hz.root().value(&subtract).await.unwrap().unwrap();

    let mut revived = super::Revived::kill(hz.directory()).await;
    let told = rows(&mut console, "FORCE UNIT 'hz' TO 'bj' REASON 'gone'").await[0]["result"].clone();
    assert!(told.contains("forced shards 0-4999 from hz to bj, the Global Zone from hz to bj"), "{told}");
    let mut fresh = node.client("hz").await;
    fresh.query_drop("INSERT INTO product (name) VALUES ('after')").await.unwrap();
    assert_eq!(value(&mut fresh, "SELECT GROUP_CONCAT(name ORDER BY id) FROM product").await, "kept,after");
    let channels: Vec<mysql_async::Row> =
        bj.root().connect().await.unwrap().query("SHOW REPLICA STATUS").await.unwrap();
    assert!(channels.is_empty(), "nobody follows the lost source");

    let told = acknowledged(&mut console).await;
    assert!((1..=2).contains(&told), "{told}");
    revived.start();
    until("the loss is known", Duration::from_secs(90), async || {
        rows(&mut console, "SHOW QUARANTINES").await[0]["lost"] != "unknown until it is back"
    })
    .await;
    assert_eq!(rows(&mut console, "SHOW QUARANTINES").await[0]["lost"], lost.replace('\n', ""));
    assert_eq!(rows(&mut console, "SHOW QUARANTINES").await[0]["acknowledged"], "at most 1");
    assert_eq!(hz.root().value("SELECT @@GLOBAL.super_read_only").await.unwrap().as_deref(), Some("1"));
    fresh.query_drop("INSERT INTO product (name) VALUES ('behind')").await.unwrap();
    let differing = rows(&mut console, "RECONCILE UNIT 'hz'").await;
    let told = |what: &str| differing.iter().filter(|row| row["what"].starts_with(what)).count();
    assert!(told("only in quarantine") == 1 && told("only at the stand-in") >= 1, "{differing:?}");
    let (_, text) = error_of(&mut console, "REJOIN UNIT 'hz'").await;
    assert!(text.contains("may not take part yet"), "{text}");
    undone(&hz, &bj, &lost.replace('\n', "")).await;
    until("nothing is lost any more", Duration::from_secs(90), async || {
        rows(&mut console, "SHOW QUARANTINES").await[0]["lost"] == "nothing"
    })
    .await;
    hz.root().run(&["START REPLICA FOR CHANNEL 'from_peer'".to_owned()]).await.unwrap();
    bj.wait_until_applied_at(&hz).await;
    follow(&bj, &hz).await;
    let told = rows(&mut console, "REJOIN UNIT 'hz'").await[0]["result"].clone();
    assert_eq!(told, "unit 'hz' takes part again");
    let told = rows(&mut console, "SWITCH GLOBAL ZONE TO 'hz'").await[0]["result"].clone();
    assert!(told.starts_with("moved the Global Zone from bj to hz"), "{told}");
    fresh.query_drop("INSERT INTO product (name) VALUES ('home')").await.unwrap();
    hz.wait_until_applied_at(&bj).await;
    for server in [&hz, &bj] {
        let names = "SELECT GROUP_CONCAT(name ORDER BY name) FROM shop.product";
        assert_eq!(server.root().value(names).await.unwrap().as_deref(), Some("after,behind,home,kept"));
    }
}

/// The runbook of README, where little is lost: its row is taken back, and the stand-in takes its number for done. `lost` is one transaction.
async fn undone(hz: &Mysql9, bj: &Mysql9, lost: &str) {
    let take_back = [
        "SET SESSION sql_log_bin = 0",
        "SET GLOBAL super_read_only = 0",
        "DELETE FROM shop.product WHERE name = 'lost'",
        "SET GLOBAL super_read_only = 1",
    ];
    // Whoever keeps the quarantine may close it again in between.
    until("the row is taken back", Duration::from_secs(30), async || {
        hz.root().run(&take_back.map(str::to_owned)).await.is_ok()
    })
    .await;
    let number = [format!("SET gtid_next = '{lost}'"), "BEGIN".to_owned(), "COMMIT".to_owned()];
    bj.root().run(&number).await.unwrap();
}
