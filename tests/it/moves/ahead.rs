//! What is ready at the new owner before it is one, and what former owners are not asked any more when it is.

use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tokio::task::JoinHandle;

use super::{PATIENT, Turn, at_step, begin, held};
use crate::scenarios::expect::{rows, until};
use crate::scenarios::node::Node;
use crate::scenarios::world::Databases;

const MINUTE: Duration = Duration::from_secs(60);

/// A switch of the Global Zone from hz to bj that waits for a transaction, until that is committed.
struct Waiting {
    open: Conn,
    console: Conn,
    moving: JoinHandle<Result<String, String>>,
}

impl Waiting {
    async fn begin(node: &Node) -> Waiting {
        let (mut console, mut open) = (node.console("hz").await, node.client("hz").await);
        open.query_drop("BEGIN").await.unwrap();
        open.query_drop("UPDATE product SET name = name WHERE id = 1").await.unwrap();
        let moving = begin(node.console("bj").await, "SWITCH GLOBAL ZONE TO 'bj'");
        at_step(&mut console, "drain").await;
        Waiting { open, console, moving }
    }

    /// Writes of as many clients, all of which are held when this returns.
    async fn writes(&mut self, clients: Vec<Conn>) -> Vec<JoinHandle<Conn>> {
        let count = clients.len() as u64;
        let mut writes = Vec::new();
        for (number, mut client) in clients.into_iter().enumerate() {
            let insert = format!("INSERT INTO product (name) VALUES ('held {number}')");
            writes.push(tokio::spawn(async move {
                client.query_drop(insert).await.unwrap();
                client
            }));
        }
        held(&mut self.console, count).await;
        writes
    }

    /// Connections to the new owner: idle ones, and how many were ever opened.
    async fn at_the_target(&mut self) -> (u64, u64) {
        let pools = rows(&mut self.console, "SHOW POOLS").await;
        let at = pools.iter().filter(|row| row["instance"] == "bj-main-1");
        let numbers = at.map(|row| (row["idle"].parse::<u64>().unwrap(), row["opened"].parse::<u64>().unwrap()));
        numbers.fold((0, 0), |(idle, opened), (more, of_all)| (idle + more, opened.max(of_all)))
    }

    async fn idle_at_the_target(&mut self, count: u64) {
        until("connections are ready", MINUTE, async || self.at_the_target().await.0 == count).await;
    }

    async fn end(mut self) {
        self.open.query_drop("COMMIT").await.unwrap();
        assert!(self.moving.await.unwrap().unwrap().starts_with("moved the Global Zone from hz to bj"));
    }
}

#[tokio::test]
async fn connections_to_the_new_owner_are_open_before_the_held_writes_are_let_go() {
    let turn = Turn::wait().await;
    let node = turn.node(PATIENT).await;
    let mut waiting = Waiting::begin(&node).await;
    let clients = vec![node.client("hz").await, node.client("hz").await, node.client("hz").await];
    let writes = waiting.writes(clients).await;
    waiting.idle_at_the_target(3).await;
    let (_, opened) = waiting.at_the_target().await;
    let mut console = node.console("hz").await;
    waiting.end().await;
    for write in writes {
        write.await.unwrap();
    }
    let pools = rows(&mut console, "SHOW POOLS").await;
    let by_now = pools.iter().filter(|row| row["instance"] == "bj-main-1").map(|row| row["opened"].parse().unwrap());
    assert_eq!(by_now.max(), Some(opened), "nobody had to log in");
}

#[tokio::test]
async fn connections_that_sessions_only_keep_for_comfort_are_ready_for_held_writes() {
    let turn = Turn::wait().await;
    let mut setup = turn.setup(PATIENT);
    setup.backend = "connections_per_instance = 2\n".to_owned();
    let node = Node::start(setup).await;
    let mut keeping = Vec::new();
    for _ in 0..2 {
        let mut client = node.client("hz").await;
        client.query_drop("INSERT INTO orders (user_id, item) VALUES (6000, 'kept')").await.unwrap();
        let id = client.last_insert_id();
        keeping.push((client, id));
    }
    let mut waiting = Waiting::begin(&node).await;
    assert_eq!(waiting.at_the_target().await.0, 0, "both are kept");
    let clients = vec![node.client("hz").await, node.client("hz").await];
    let writes = waiting.writes(clients).await;
    waiting.idle_at_the_target(2).await;
    waiting.end().await;
    for write in writes {
        write.await.unwrap();
    }
    for (mut client, id) in keeping {
        assert_eq!(last_insert_id(&mut client).await, id, "it is known where the connection was given back");
    }
}

#[tokio::test]
async fn what_the_last_reply_left_is_asked_of_the_former_owner_while_a_write_is_held() {
    let turn = Turn::wait().await;
    let node = turn.node(PATIENT).await;
    let mut client = node.client("hz").await;
    client.query_drop("INSERT INTO product (name) VALUES ('kept')").await.unwrap();
    let id = client.last_insert_id();
    let asked = || asked_for_ids_at_hz(turn.databases);
    let mut waiting = Waiting::begin(&node).await;
    let before = asked();
    let writes = waiting.writes(vec![client]).await;
    until("the former owner is asked", MINUTE, async || asked() == before + 1).await;
    waiting.end().await;
    for write in writes {
        let mut client = write.await.unwrap();
        let newest = client.last_insert_id();
        assert_eq!(asked(), before + 1, "and not again");
        assert!(newest != id && last_insert_id(&mut client).await == newest, "{id:?} {newest:?}");
    }
}

/// How often a session's LAST_INSERT_ID() was asked for at hz's primary.
fn asked_for_ids_at_hz(databases: &Databases) -> usize {
    databases.executed("SELECT LAST_INSERT_ID()").iter().filter(|place| *place == "hz primary").count()
}

async fn last_insert_id(client: &mut Conn) -> Option<u64> {
    client.query_first("SELECT LAST_INSERT_ID()").await.unwrap()
}
