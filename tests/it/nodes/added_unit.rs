//! A third unit is added while two serve (E7): nodes are started again one by one, and nothing moves there before all of them know it.

use std::time::Duration;

use meridian::model::Role;

use crate::failures::program::Program;
use crate::moves::{PATIENT, done};
use crate::scenarios::expect::{error_of, rows, sent, until};
use crate::scenarios::node::{Database, Setup};
use crate::scenarios::world::Databases;
use crate::servers::EtcdServers;

const PATIENCE: Duration = Duration::from_secs(60);

/// A user of hz whose shard is to move, and one whose shard stays.
const MOVING: &str = "INSERT INTO orders (user_id, item) VALUES (4500, 'added')";
const STAYING: &str = "INSERT INTO orders (user_id, item) VALUES (50, 'added')";
const GLOBAL: &str = "UPDATE product SET stock = stock WHERE name = 'nothing'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e7_a_third_unit_is_added_online() {
    let Some(etcd) = EtcdServers::start(1).await else { return };
    let databases = &Databases::of(&["hz", "bj", "sh"]).await;
    let (known, added): (Vec<Database>, Vec<Database>) =
        databases.places().into_iter().partition(|place| place.unit != "sh");
    let mut nodes = Vec::new();
    for number in 1..=2 {
        let mut setup = Setup::over(known.clone(), databases.version());
        setup.node = (format!("n{number}"), number);
        setup.limits = format!("[moves]\n{PATIENT}");
        setup.sections = etcd.control("lease = \"4s\"");
        nodes.push(Program::start(setup).await);
    }
    let mut client = nodes[1].setup.client("hz").await;
    assert_eq!(sent(&mut client, databases, STAYING).await, Ok(vec!["hz primary".to_owned()]));

    add_unit(&mut nodes[0], &added).await;
    let mut console = nodes[0].setup.console("hz").await;
    assert_eq!(units(&mut console).await, ["hz", "bj", "sh"]);
    // The other node goes on, in a world that has become larger.
    until("the other node follows", PATIENCE, async || {
        rows(&mut console, "SHOW NODES").await.iter().all(|row| row["in_force"] == row["epoch"])
    })
    .await;
    assert_eq!(sent(&mut client, databases, STAYING).await, Ok(vec!["hz primary".to_owned()]));
    let (_, refused) = error_of(&mut console, "MOVE SHARDS 4000-4999 TO 'sh'").await;
    assert!(refused.contains("sh-main-1 (nodes): n2#1 started without unit 'sh'"), "{refused}");

    add_unit(&mut nodes[1], &added).await;
    let mut client = nodes[1].setup.client("bj").await;
    assert_eq!(sent(&mut client, databases, MOVING).await, Ok(vec!["hz primary".to_owned()]));
    let told = done(&mut console, "MOVE SHARDS 4000-4999 TO 'sh'").await;
    assert!(told.starts_with("moved shards 4000-4999 from hz to sh"), "{told}");
    assert_eq!(sent(&mut client, databases, MOVING).await, Ok(vec!["sh primary".to_owned()]));
    assert_eq!(sent(&mut client, databases, STAYING).await, Ok(vec!["hz primary".to_owned()]));
    assert_eq!(sent(&mut client, databases, GLOBAL).await, Ok(vec!["hz primary".to_owned()]), "one master");
    let count = "SELECT COUNT(*) FROM shop.orders WHERE item = 'added'";
    for unit in ["hz", "bj", "sh"] {
        for role in [Role::Primary, Role::Replica] {
            until(&format!("{unit} {role:?} has all"), PATIENCE, async || {
                databases.value(unit, role, count).await == "5"
            })
            .await;
        }
    }
}

/// The configuration gets a third unit behind the others, and the node is replaced.
async fn add_unit(node: &mut Program, added: &[Database]) {
    node.setup.further_units = vec!["sh"];
    node.setup.databases.extend_from_slice(added);
    node.setup.write(node.directory.path());
    node.replace().await;
}

async fn units(console: &mut mysql_async::Conn) -> Vec<String> {
    rows(console, "SHOW UNITS").await.into_iter().map(|row| row["unit"].clone()).collect()
}
