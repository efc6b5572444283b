//! What a forced change does not begin, or goes back from, with everything as it was: no way to what only another has, a source that nobody reaches,
//! a node that has no lease.

use std::path::Path;
use std::time::Duration;

use meridian::model::Role;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use rustix::process::{Pid, Signal, kill_process};

use super::{Revived, administering};
use crate::failures::program::Program;
use crate::nodes::{nodes_shown, shows_nodes};
use crate::scenarios::expect::{error_of, rows, until};
use crate::scenarios::node::{Node, Setup};
use crate::scenarios::world::Databases;
use crate::servers::EtcdServers;

const PATIENCE: Duration = Duration::from_secs(60);
const MOVES: &str = "[moves]\nacknowledge_deadline = \"200ms\"\ndrain_deadline = \"300ms\"\nend_deadline = \"1s\"\n\
                     silence_deadline = \"1s\"\ncatch_up_deadline = \"20s\"\n";
const FORCE: &str = "FORCE UNIT 'hz' TO 'bj' REASON 'lost'";

/// One of several nodes.
fn member(databases: &Databases, servers: &EtcdServers, number: u8, lease: &str) -> Setup {
    let mut setup = administering(databases, MOVES);
    setup.node = (format!("n{number}"), number);
    setup.sections = servers.control(&format!("lease = \"{lease}\""));
    setup
}

fn directory(databases: &Databases) -> &Path {
    Box::leak(databases.general_log("hz", Role::Primary).parent().unwrap().into())
}

/// What hz's own replica alone has would be lost without a word: bj could not be fed from it.
#[tokio::test]
async fn a_target_without_a_channel_to_get_the_last_writes_by_is_refused_until_it_has_one() {
    let databases = &Databases::own().await;
    let node = Node::start(administering(databases, MOVES)).await;
    let (mut console, mut client) = (node.console("bj").await, node.client("hz").await);
    let insert = |item: &str| format!("INSERT INTO orders (user_id, item) VALUES (50, '{item}')");
    let count = |item: &str| format!("SELECT COUNT(*) FROM shop.orders WHERE item = '{item}'");
    client.query_drop(insert("first")).await.unwrap();
    databases.converge().await;
    databases.run("bj", "STOP SLAVE 'from_hz'").await;
    client.query_drop(insert("second")).await.unwrap();
    until("hz's replica has it", PATIENCE, async || {
        databases.value("hz", Role::Replica, &count("second")).await == "1"
    })
    .await;
    databases.run("bj", "RESET SLAVE 'from_hz' ALL").await;
    let _revived = Revived::kill(directory(databases)).await;
    let (_, text) = error_of(&mut console, FORCE).await;
    let told = "hz-main-2 has writes of the source that bj-main-1 lacks, and bj-main-1 has no channel from the source";
    assert!(text.contains(told), "{text}");
    assert_eq!(databases.channels("bj").await, Vec::<String>::new(), "none is made up");
    assert!(
        rows(&mut console, "SHOW MOVES").await.is_empty() && rows(&mut console, "SHOW QUARANTINES").await.is_empty()
    );
    assert_eq!(databases.value("bj", Role::Primary, &count("second")).await, "0");

    let port = databases.places().into_iter().find(|place| place.name == "hz-main-1").unwrap().port;
    let follow = format!(
        "CHANGE MASTER 'from_hz' TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='repl', \
         MASTER_PASSWORD='replpw', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1"
    );
    databases.run("bj", &follow).await;
    let told = rows(&mut console, FORCE).await[0]["result"].clone();
    assert!(told.contains("forced shards 0-4999 from hz to bj"), "{told}");
    assert_eq!(databases.value("bj", Role::Primary, &count("second")).await, "1");
}

/// It would have to enter anew, and would be proved to write nothing nowhere.
#[tokio::test]
async fn nobody_is_shut_out_of_a_source_that_nobody_reaches() {
    let Some(servers) = EtcdServers::start(1).await else { return };
    let databases = &Databases::own().await;
    let fenced = |number| {
        let mut setup = member(databases, &servers, number, "60s");
        setup.keys = format!("fence = \"connection\"\n{}", setup.keys);
        setup
    };
    let one = Program::start(fenced(1)).await;
    let two = Program::start(fenced(2)).await;
    let mut client = two.setup.client("hz").await;
    client.query_drop("INSERT INTO product (name) VALUES ('before')").await.unwrap();
    databases.converge().await;
    let mut console = one.setup.console("bj").await;
    let dry = rows(&mut console, "SWITCH GLOBAL ZONE TO 'bj' DRY RUN").await;
    assert!(dry.iter().any(|row| row["check"] == "fence" && row["result"] == "ok"), "{dry:?}");
    let _revived = Revived::kill(directory(databases)).await;
    two.signal(Signal::STOP);
    let (_, text) = error_of(&mut console, FORCE).await;
    assert!(text.contains("nothing proves that nobody can write at hz-main-1"), "{text}");
    assert_eq!(nodes_shown(&mut console).await, ["n1#1 this", "n2#1 live"]);
    two.signal(Signal::CONT);
    let mut told = String::new();
    until("it is forced when both are heard", PATIENCE, async || {
        match console.query_first::<(String, u64), _>(FORCE).await {
            Ok(row) => told = row.unwrap().0,
            Err(error) => println!("not yet: {error}"),
        }
        !told.is_empty()
    })
    .await;
    assert!(told.contains("no write was left in flight"), "{told}");
    assert_eq!(nodes_shown(&mut console).await, ["n1#1 this", "n2#1 live"], "nobody had to enter anew");
}

/// Sessions with a connection to hz's primary.
async fn writing(console: &mut Conn) -> usize {
    rows(console, "SHOW SESSIONS").await.iter().filter(|row| row["backend"].starts_with("hz-main-1")).count()
}

/// The others would take what it began for something that nobody carries out, and carry it out a second time.
#[tokio::test]
async fn a_node_without_a_lease_begins_no_forced_change() {
    let Some(servers) = EtcdServers::start(1).await else { return };
    let databases = &Databases::own().await;
    let one = Program::start(member(databases, &servers, 1, "4s")).await;
    let two = Program::start(member(databases, &servers, 2, "4s")).await;
    let (mut console, mut asked) = (one.setup.console("bj").await, two.setup.console("bj").await);
    let mut client = two.setup.client("hz").await;
    client.query_drop("INSERT INTO product (name) VALUES ('before')").await.unwrap();
    // So that its connection is not kept any more, and the next one seen is that of the write on its way.
    client.query_drop("SELECT 1").await.unwrap();
    until("no connection is kept", PATIENCE, async || writing(&mut asked).await == 0).await;
    let number: i32 = std::fs::read_to_string(directory(databases).join("server.pid")).unwrap().trim().parse().unwrap();
    let server = Pid::from_raw(number).unwrap();
    kill_process(server, Signal::STOP).unwrap();
    // Nobody knows whether it is executed, so that its node cannot enter anew.
    let on_its_way =
        tokio::spawn(async move { client.query_drop("INSERT INTO product (name) VALUES ('on its way')").await });
    until("the write is on its way", PATIENCE, async || writing(&mut asked).await == 1).await;
    two.signal(Signal::STOP);
    shows_nodes(&mut console, &["n1#1 this", "n2#1 silent"]).await;
    two.signal(Signal::CONT);
    until("it has lost its lease", PATIENCE, async || two.log().contains("the lease has ended")).await;
    let (_, text) = error_of(&mut asked, FORCE).await;
    assert!(text.contains("this node has no lease at the moment"), "{text}");
    assert!(rows(&mut console, "SHOW HISTORY").await.iter().all(|row| !row["what"].contains("force")), "nothing began");
    kill_process(server, Signal::CONT).unwrap();
    println!("the write on its way: {:?}", on_its_way.await.unwrap());
    shows_nodes(&mut console, &["n1#1 this", "n2#2 live"]).await;
}
