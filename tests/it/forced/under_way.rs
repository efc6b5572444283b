//! A forced change puts an end to a planned move that waits for the lost source, and waits for no deadline where a command proves that it is closed.

use std::path::Path;
use std::time::Duration;

use meridian::model::Role;
use mysql_async::prelude::Queryable;
use rustix::process::{Pid, Signal, kill_process};

use super::administering;
use crate::moves::{at_step, begin};
use crate::scenarios::expect::{rows, within};
use crate::scenarios::node::Node;
use crate::scenarios::world::Databases;

/// Longer than the test waits for anything.
const MOVES: &str = "[moves]\ndrain_deadline = \"5m\"\nend_deadline = \"5m\"\ncatch_up_deadline = \"20s\"\n";

#[tokio::test]
async fn a_planned_move_from_a_lost_source_goes_back_and_the_fencing_command_is_not_kept_waiting() {
    let databases = &Databases::own().await;
    let log = databases.general_log("hz", Role::Primary);
    let pid_file = log.parent().map(|directory: &Path| directory.join("server.pid")).unwrap();
    let pid: i32 = std::fs::read_to_string(&pid_file).unwrap().trim().parse().unwrap();
    let fence = format!("kill -9 $(cat {})", pid_file.display());
    let setup = administering(databases, &format!("{MOVES}fencing_command = [\"/bin/sh\", \"-c\", \"{fence}\"]\n"));
    let node = Node::start(setup).await;
    let (mut console, mut client) = (node.console("bj").await, node.client("hz").await);
    client.query_drop("BEGIN").await.unwrap();
    client.query_drop("INSERT INTO product (name) VALUES ('never committed')").await.unwrap();
    let planned = begin(node.console("hz").await, "SWITCH GLOBAL ZONE TO 'bj'");
    at_step(&mut console, "drain").await;
    kill_process(Pid::from_raw(pid).unwrap(), Signal::STOP).unwrap();

    // The epoch that the operator has seen is the one at which the planned move is under way.
    let epoch = rows(&mut console, "SHOW EPOCH").await[0]["epoch"].clone();
    let force = format!("FORCE UNIT 'hz' TO 'bj' REASON 'it does not move' IF EPOCH = {epoch}");
    let force = rows(&mut console, &force);
    let told = within("it is forced", Duration::from_secs(60), force).await[0]["result"].clone();
    assert!(told.contains("forced shards 0-4999 from hz to bj, the Global Zone from hz to bj"), "{told}");
    assert!(told.contains("the fencing command succeeded"), "{told}");
    let planned = within("the planned move has ended", Duration::from_secs(60), planned).await.unwrap().unwrap_err();
    assert!(planned.contains("rolled back") && planned.contains("an operator's command ended it"), "{planned}");
    let history = rows(&mut console, "SHOW HISTORY").await;
    let why = "rolled back the Global Zone from hz to bj: its source does not answer and is to be left behind by force";
    assert!(history.iter().any(|entry| entry["what"].contains(why)), "{history:?}");
    let mut fresh = node.client("hz").await;
    fresh.query_drop("INSERT INTO product (name) VALUES ('after')").await.unwrap();
    let names = "SELECT GROUP_CONCAT(name) FROM shop.product WHERE name IN ('never committed', 'after')";
    assert_eq!(databases.value("bj", Role::Primary, names).await, "after");
}
