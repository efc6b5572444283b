//! What an operator may wait for, and what he may take upon himself: a source that comes back in time is not left behind, and one that nothing
//! proves closed is left behind only by his word, which is recorded.

use std::path::Path;
use std::time::Duration;

use meridian::model::Role;
use mysql_async::prelude::Queryable;
use rustix::process::{Pid, Signal, kill_process};

use super::{Revived, administering};
use crate::moves::begin;
use crate::scenarios::expect::{error_of, rows, until, within};
use crate::scenarios::node::{Node, Setup};
use crate::scenarios::world::Databases;

const PATIENCE: Duration = Duration::from_secs(120);
const MOVES: &str = "[moves]\ndrain_deadline = \"300ms\"\nend_deadline = \"1s\"\ncatch_up_deadline = \"20s\"\n";
const FORCE: &str = "FORCE UNIT 'hz' TO 'bj' REASON 'it does not move'";

fn setup(databases: &Databases) -> Setup {
    administering(databases, &format!("{MOVES}restart_first = \"10m\"\n"))
}

#[tokio::test]
async fn a_source_that_comes_back_is_not_left_behind_and_one_without_proof_only_by_the_operators_word() {
    let databases = &Databases::own().await;
    let directory = databases.general_log("hz", Role::Primary).parent().map(Path::to_owned).unwrap();
    let node = Node::start(setup(databases)).await;
    let mut revived = Revived::kill(&directory).await;
    let forcing = begin(node.console("bj").await, FORCE);
    // It waits for the source longer than any test runs.
    revived.start();
    let told = within("the source is back", PATIENCE, forcing).await.unwrap().unwrap_err();
    assert!(told.contains("hz-main-1 answers: move what it owns by plan"), "{told}");
    let mut console = node.console("bj").await;
    assert!(
        rows(&mut console, "SHOW MOVES").await.is_empty() && rows(&mut console, "SHOW QUARANTINES").await.is_empty()
    );

    // The same, without patience for the source.
    let (files, mut setup) = node.stop().await;
    setup.limits = MOVES.to_owned();
    let node = Node::start_in(files, setup).await.unwrap();
    let (mut console, mut client) = (node.console("bj").await, node.client("hz").await);
    until("it writes", PATIENCE, async || {
        client.query_drop("INSERT INTO product (name) VALUES ('before')").await.is_ok()
    })
    .await;
    databases.converge().await;
    // So that its connection is not kept any more, and the next one seen is that of the write on its way.
    client.query_drop("SELECT 1").await.unwrap();
    until("no connection is kept", PATIENCE, async || {
        rows(&mut console, "SHOW SESSIONS").await.iter().all(|row| !row["backend"].starts_with("hz-main-1"))
    })
    .await;
    let number: i32 = std::fs::read_to_string(directory.join("server.pid")).unwrap().trim().parse().unwrap();
    let frozen = Pid::from_raw(number).unwrap();
    kill_process(frozen, Signal::STOP).unwrap();
    let on_its_way = tokio::spawn(async move {
        // Whether it is executed nobody can say.
        drop(client.query_drop("INSERT INTO product (name) VALUES ('on its way')").await);
    });
    until("the write is on its way", PATIENCE, async || {
        rows(&mut console, "SHOW SESSIONS").await.iter().any(|row| row["backend"].starts_with("hz-main-1"))
    })
    .await;
    let (_, text) = error_of(&mut console, FORCE).await;
    assert!(
        text.contains("nothing proves that nobody can write at hz-main-1") && text.contains("ACCEPT UNFENCED"),
        "{text}"
    );
    let told = rows(&mut console, &format!("{FORCE} ACCEPT UNFENCED")).await[0]["result"].clone();
    assert!(told.contains("none: a dual write is possible"), "{told}");
    assert_eq!(rows(&mut console, "SHOW QUARANTINES").await[0]["proof"], "none: a dual write is possible");
    let mut client = node.client("hz").await;
    client.query_drop("INSERT INTO product (name) VALUES ('after')").await.unwrap();
    let after = "SELECT COUNT(*) FROM shop.product WHERE name = 'after'";
    assert_eq!(databases.value("bj", Role::Primary, after).await, "1");
    // It wakes with the write that was on its way, which is then told as lost, and reaches nobody.
    kill_process(frozen, Signal::CONT).unwrap();
    on_its_way.await.unwrap();
    until("the loss is known", PATIENCE, async || {
        rows(&mut console, "SHOW QUARANTINES").await[0]["lost"] != "unknown until it is back"
    })
    .await;
    let on_its_way = "SELECT COUNT(*) FROM shop.product WHERE name = 'on its way'";
    let executed = databases.value("hz", Role::Primary, on_its_way).await;
    let lost = rows(&mut console, "SHOW QUARANTINES").await[0]["lost"].clone();
    assert_eq!(executed == "1", lost != "nothing", "{executed} {lost}");
    assert_eq!(databases.value("bj", Role::Primary, on_its_way).await, "0");
}
