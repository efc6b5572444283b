//! A lost source and several nodes: all of them have to be heard, or unable to write there, before it is left behind; then all follow.

use std::path::Path;
use std::time::Duration;

use meridian::model::Role;
use mysql_async::prelude::Queryable;
use rustix::process::Signal;

use super::{Revived, administering};
use crate::failures::program::Program;
use crate::nodes::shows_nodes;
use crate::scenarios::expect::{done_in_time, error_of, rows, until};
use crate::scenarios::node::Setup;
use crate::scenarios::world::Databases;
use crate::servers::EtcdServers;

const PATIENCE: Duration = Duration::from_secs(60);
const MOVES: &str =
    "[moves]\ndrain_deadline = \"2s\"\nend_deadline = \"2s\"\nsilence_deadline = \"1s\"\ncatch_up_deadline = \"20s\"\n";
const FORCE: &str = "FORCE UNIT 'hz' TO 'bj' REASON 'lost'";

fn setup(databases: &Databases, servers: &EtcdServers, number: u8) -> Setup {
    let mut setup = administering(databases, MOVES);
    setup.node = (format!("n{number}"), number);
    setup.sections = servers.control("lease = \"60s\"");
    setup
}

#[tokio::test]
async fn a_lost_source_is_left_behind_when_every_node_is_heard_and_all_nodes_follow() {
    let Some(servers) = EtcdServers::start(1).await else { return };
    let databases = &Databases::own().await;
    let one = Program::start(setup(databases, &servers, 1)).await;
    let two = Program::start(setup(databases, &servers, 2)).await;
    let mut client = two.setup.client("hz").await;
    client.query_drop("INSERT INTO product (name) VALUES ('before')").await.unwrap();
    databases.converge().await;
    let log = databases.general_log("hz", Role::Primary);
    let _revived = Revived::kill(log.parent().map(Path::to_owned).as_deref().unwrap()).await;
    let mut console = one.setup.console("bj").await;
    // A node that is paused may have a write on its way, as far as anybody knows.
    two.signal(Signal::STOP);
    let (_, text) = error_of(&mut console, FORCE).await;
    assert!(text.contains("nothing proves that nobody can write at hz-main-1"), "{text}");
    assert!(rows(&mut console, "SHOW MOVES").await.is_empty(), "its scopes are open again");
    two.signal(Signal::CONT);
    shows_nodes(&mut console, &["n1#1 this", "n2#1 live"]).await;
    let told = done_in_time(&mut console, FORCE, PATIENCE).await;
    assert!(told.contains("no write was left in flight"), "{told}");
    for program in [&one, &two] {
        let mut client = program.setup.client("hz").await;
        client.query_drop("INSERT INTO product (name) VALUES ('after')").await.unwrap();
        let mut console = program.setup.console("hz").await;
        assert_eq!(rows(&mut console, "SHOW QUARANTINES").await[0]["stand_in"], "bj");
    }
    let after = "SELECT COUNT(*) FROM shop.product WHERE name = 'after'";
    assert_eq!(databases.value("bj", Role::Primary, after).await, "2");
    // All that was acknowledged had arrived; the second has heard of it, the first has acknowledged nothing.
    until("each node has told what it acknowledged", PATIENCE, async || {
        let told = rows(&mut console, "SHOW QUARANTINES").await[0]["acknowledged"].clone();
        ["at most 0 by n1; at most 0 by n2", "at most 0 by n1; at most 1 by n2"].contains(&told.as_str())
    })
    .await;
}
