//! A unit's primary is replaced by its replica, by plan: the runbook of README, step by step.

use std::time::Duration;

use meridian::model::Role;
use mysql_async::prelude::Queryable;

use super::{PATIENT, done};
use crate::failures::program::Program;
use crate::scenarios::expect::{error_of, rows, sent, until};
use crate::scenarios::node::Setup;
use crate::scenarios::world::Databases;

const PATIENCE: Duration = Duration::from_secs(60);
const SHARDED: &str = "INSERT INTO orders (user_id, item) VALUES (50, 'replaced')";
const GLOBAL: &str = "UPDATE product SET stock = stock WHERE name = 'nothing'";
const LOCAL: &str = "INSERT INTO audit_log (message) VALUES ('replaced')";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_is_replaced_by_its_replica_and_owns_again_what_it_owned() {
    let databases = &Databases::own().await;
    let mut setup = Setup::shared(databases);
    setup.limits = format!("[moves]\n{PATIENT}");
    let mut node = Program::start(setup).await;
    let (mut console, mut client) = (node.setup.console("hz").await, node.setup.client("hz").await);
    client.query_drop(LOCAL).await.unwrap();
    assert_eq!(sent(&mut client, databases, SHARDED).await, Ok(vec!["hz primary".to_owned()]));

    // 1: what it owns goes to another unit, and applications go on.
    let told = done(&mut console, "MOVE UNIT 'hz' TO 'bj'").await;
    assert!(told.contains("shards 0-4999 from hz to bj") && told.contains("the Global Zone from hz to bj"), "{told}");
    assert_eq!(sent(&mut client, databases, SHARDED).await, Ok(vec!["bj primary".to_owned()]));

    // 2: nobody writes there any more, local tables included; 3: its replica has everything.
    databases.run("hz", "SET GLOBAL read_only = ON").await;
    let (errno, _) = error_of(&mut client, LOCAL).await;
    assert_eq!(errno, 1290);
    databases.converge().await;

    // 4: the replica follows the other unit in its place, without the local tables; the other unit follows it; 5: the old one becomes a replica.
    let port = |name: &str| databases.places().into_iter().find(|place| place.name == name).unwrap().port;
    let (old, new, peer) = (port("hz-main-1"), port("hz-main-2"), port("bj-main-1"));
    let follow = |port: u16| {
        format!(
            "TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='repl', MASTER_PASSWORD='replpw', \
             MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=1"
        )
    };
    for statement in ["STOP ALL SLAVES", "RESET SLAVE 'from_primary' ALL"] {
        databases.run_at("hz", Role::Replica, statement).await;
    }
    databases.run_at("hz", Role::Replica, &format!("CHANGE MASTER 'from_bj' {}", follow(peer))).await;
    let ignored = "SET GLOBAL from_bj.replicate_ignore_table = 'shop.audit_log'";
    databases.run_at("hz", Role::Replica, ignored).await;
    databases.run_at("hz", Role::Replica, "START SLAVE 'from_bj'").await;
    databases.run_at("hz", Role::Replica, "SET GLOBAL read_only = OFF").await;
    for statement in
        ["STOP SLAVE 'from_hz'", &format!("CHANGE MASTER 'from_hz' {}", follow(new)), "START SLAVE 'from_hz'"]
    {
        databases.run("bj", statement).await;
    }
    // What it wrote as a primary is not in gtid_slave_pos.
    for statement in [
        "STOP ALL SLAVES",
        "RESET SLAVE 'from_bj' ALL",
        "SET GLOBAL gtid_slave_pos = @@GLOBAL.gtid_current_pos",
        &format!("CHANGE MASTER 'from_primary' {}", follow(new)),
        "START SLAVE 'from_primary'",
    ] {
        databases.run("hz", statement).await;
    }

    // 6: the two exchange their addresses in the configuration, and each node is started again.
    for place in &mut node.setup.databases {
        match place.name.as_str() {
            "hz-main-1" => place.port = new,
            "hz-main-2" => place.port = old,
            _ => {}
        }
    }
    node.setup.write(node.directory.path());
    drop((console, client));
    node.replace().await;

    // 7: what it owned comes back.
    let (mut console, mut client) = (node.setup.console("hz").await, node.setup.client("hz").await);
    until("all is well", PATIENCE, async || {
        let instances = rows(&mut console, "SHOW INSTANCES").await;
        instances.iter().all(|row| row["health"] == "healthy")
    })
    .await;
    let dry = rows(&mut console, "MOVE SHARDS 0-4999 TO 'hz' DRY RUN").await;
    assert!(dry.iter().all(|row| row["result"] != "REFUSED"), "{dry:?}");
    done(&mut console, "MOVE SHARDS 0-4999 TO 'hz'").await;
    done(&mut console, "SWITCH GLOBAL ZONE TO 'hz'").await;
    let replaced = Ok(vec!["hz replica".to_owned()]);
    for statement in [SHARDED, GLOBAL, LOCAL] {
        assert_eq!(
            sent(&mut client, databases, statement).await,
            replaced,
            "the server that was the replica: {statement}"
        );
    }
    let count = "SELECT COUNT(*) FROM shop.orders WHERE item = 'replaced'";
    let audit = "SELECT COUNT(*) FROM shop.audit_log WHERE message = 'replaced'";
    for (unit, role) in [("hz", Role::Primary), ("hz", Role::Replica), ("bj", Role::Primary), ("bj", Role::Replica)] {
        let every = format!("every row is at {unit} {role:?}");
        let local = if unit == "hz" { "2" } else { "0" };
        until(&every, PATIENCE, async || {
            databases.value(unit, role, count).await == "3" && databases.value(unit, role, audit).await == local
        })
        .await;
    }
}
