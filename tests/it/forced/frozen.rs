//! A source that is frozen rather than dead proves nothing: a write may still be on its way there. A fencing command does.

use std::path::Path;
use std::time::Duration;

use meridian::model::Role;
use mysql_async::prelude::Queryable;
use rustix::process::{Pid, Signal, kill_process};

use super::administering;
use crate::scenarios::expect::{error_of, rows, until};
use crate::scenarios::node::Node;
use crate::scenarios::world::Databases;

const MOVES: &str = "[moves]\ndrain_deadline = \"300ms\"\nend_deadline = \"1s\"\ncatch_up_deadline = \"20s\"\n";

#[tokio::test]
async fn a_frozen_source_is_left_behind_only_when_something_proves_that_nobody_can_write_there() {
    let databases = &Databases::own().await;
    let log = databases.general_log("hz", Role::Primary);
    let pid_file = log.parent().map(|directory: &Path| directory.join("server.pid")).unwrap();
    let pid: i32 = std::fs::read_to_string(&pid_file).unwrap().trim().parse().unwrap();
    // Somebody has to allow it first.
    let allowed = pid_file.with_file_name("may-be-fenced");
    let command = format!("test -e {} && kill -9 $(cat {})", allowed.display(), pid_file.display());
    let mut setup = administering(databases, MOVES);
    setup.limits = format!("{MOVES}fencing_command = [\"/bin/sh\", \"-c\", \"{command}\"]\n");
    let node = Node::start(setup).await;
    let (mut console, mut client) = (node.console("bj").await, node.client("hz").await);
    client.query_drop("INSERT INTO product (name) VALUES ('before')").await.unwrap();
    // So that its connection is not kept any more, and the next one seen is that of the write on its way.
    client.query_drop("SELECT 1").await.unwrap();
    until("no connection is kept", Duration::from_secs(20), async || {
        rows(&mut console, "SHOW SESSIONS").await.iter().all(|row| !row["backend"].starts_with("hz-main-1"))
    })
    .await;
    kill_process(Pid::from_raw(pid).unwrap(), Signal::STOP).unwrap();
    let on_its_way = tokio::spawn(async move {
        // Whether it was executed nobody can say.
        drop(client.query_drop("INSERT INTO product (name) VALUES ('on its way')").await);
    });
    until("the write is on its way", Duration::from_secs(20), async || {
        rows(&mut console, "SHOW SESSIONS").await.iter().any(|row| row["backend"].starts_with("hz-main-1"))
    })
    .await;
    let force = "FORCE UNIT 'hz' TO 'bj' REASON 'it does not move'";
    let (_, text) = error_of(&mut console, force).await;
    assert!(text.contains("nothing proves that nobody can write at hz-main-1"), "{text}");
    assert!(text.contains("the fencing command ended with exit status: 1"), "{text}");
    assert!(rows(&mut console, "SHOW MOVES").await.is_empty(), "its scopes are open again");
    assert!(rows(&mut console, "SHOW QUARANTINES").await.is_empty());
    assert_eq!(databases.channels("bj").await, ["from_hz"], "bj goes on following it");

    std::fs::write(&allowed, "").unwrap();
    let told = rows(&mut console, force).await[0]["result"].clone();
    on_its_way.await.unwrap();
    assert!(told.contains("the fencing command succeeded"), "{told}");
    assert!(told.contains("forced shards 0-4999 from hz to bj, the Global Zone from hz to bj"), "{told}");
    let mut client = node.client("hz").await;
    client.query_drop("INSERT INTO product (name) VALUES ('after')").await.unwrap();
    assert_eq!(
        databases.value("bj", Role::Primary, "SELECT COUNT(*) FROM shop.product WHERE name = 'after'").await,
        "1"
    );
}
