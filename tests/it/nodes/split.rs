//! E8: the units do not hear each other, and both live. etcd stands on hz's side; bj's node has nothing but its own servers.

use std::time::Duration;

use meridian::model::Role;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use super::ways::Ways;
use crate::failures::program::Program;
use crate::scenarios::expect::{error_of, refused, rows, until};
use crate::scenarios::node::Setup;
use crate::scenarios::world::Databases;
use crate::servers::EtcdServers;

const PATIENCE: Duration = Duration::from_secs(60);
const MOVES: &str = "[moves]\ndrain_deadline = \"300ms\"\nend_deadline = \"1s\"\nsilence_deadline = \"1s\"\n";

fn order(user: u32, item: &str) -> String {
    format!("INSERT INTO orders (user_id, item) VALUES ({user}, '{item}')")
}

fn product(name: &str) -> String {
    format!("INSERT INTO product (name) VALUES ('{name}')")
}

async fn writes(client: &mut Conn, statement: &str) {
    until(statement, PATIENCE, async || client.query_drop(statement).await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e8_units_that_do_not_hear_each_other_accept_no_key_on_both_sides_and_global_writes_on_the_masters_alone() {
    let Some(servers) = EtcdServers::start(1).await else { return };
    let databases = &Databases::own().await;
    let places = databases.places();
    let mut ports: Vec<u16> = places.iter().map(|place| place.port).collect();
    let (_, etcd) = servers.etcd.members().next().unwrap();
    ports.push(etcd);
    let mut ways = Ways::to(&ports, Duration::ZERO).await;
    let side = |number: u8, own: &str| {
        let mut setup = Setup::shared(databases);
        for place in setup.databases.iter_mut().filter(|place| place.unit != own) {
            place.port = ways.begin_of(place.port);
        }
        setup.node = (format!("n{number}"), number);
        setup.limits = MOVES.to_owned();
        setup.sections = servers.control("lease = \"4s\"");
        if own != "hz" {
            setup.sections = setup.sections.replace(&etcd.to_string(), &ways.begin_of(etcd).to_string());
        }
        setup
    };
    let (here, there) = (Program::start(side(1, "hz")).await, Program::start(side(2, "bj")).await);
    let (mut at_hz, mut at_bj) = (here.setup.client("hz").await, there.setup.client("bj").await);
    for client in [&mut at_hz, &mut at_bj] {
        for statement in [order(50, "before"), order(6000, "before"), product("before")] {
            client.query_drop(statement).await.unwrap();
        }
    }
    databases.converge().await;

    ways.cut();
    databases.run("hz", "STOP SLAVE 'from_bj' IO_THREAD").await;
    databases.run("bj", "STOP SLAVE 'from_hz' IO_THREAD").await;
    writes(&mut at_hz, &order(50, "split")).await;
    writes(&mut at_hz, &product("split")).await;
    at_hz.query_drop(order(6000, "of the other side")).await.unwrap_err();
    for statement in [order(50, "of the other side"), product("of the other side")] {
        at_bj.query_drop(statement).await.unwrap_err();
    }
    // bj's node owns what it owned for as long as its lease lasts, which nobody renews, and then nothing; it reads on.
    let mut accepted = 0;
    until("its lease has ended", PATIENCE, async || match at_bj.query_drop(order(6000, "split")).await {
        Ok(()) => {
            accepted += 1;
            false
        }
        Err(error) => refused(error).1.contains("has not reached the control store in time"),
    })
    .await;
    let count = |item: &str| format!("SELECT COUNT(*) FROM shop.orders WHERE user_id = 6000 AND item = '{item}'");
    assert_eq!(databases.value("bj", Role::Primary, &count("split")).await, accepted.to_string());
    assert_eq!(at_bj.query_first::<u32, _>(count("before")).await.unwrap(), Some(2));
    // Nor does the other side take it over by plan.
    let mut console = here.setup.console("hz").await;
    let (_, text) = error_of(&mut console, "MOVE SHARDS 5000-9999 TO 'hz'").await;
    assert!(text.contains("bj-main-1 (answers)"), "{text}");
    at_hz.query_drop(order(6000, "of the other side")).await.unwrap_err();

    ways.heal().await;
    databases.run("hz", "START SLAVE 'from_bj'").await;
    databases.run("bj", "START SLAVE 'from_hz'").await;
    for client in [&mut at_hz, &mut at_bj] {
        for statement in [order(50, "after"), order(6000, "after"), product("after")] {
            writes(client, &statement).await;
        }
    }
    databases.converge().await;
    assert!(
        rows(&mut console, "SHOW QUARANTINES").await.is_empty() && rows(&mut console, "SHOW MOVES").await.is_empty()
    );
    let all = "SELECT GROUP_CONCAT(user_id, item ORDER BY user_id, id) FROM shop.orders";
    let kept = databases.value("hz", Role::Primary, all).await;
    assert_eq!(databases.value("bj", Role::Primary, all).await, kept);
    let strangers = "SELECT (SELECT COUNT(*) FROM shop.orders WHERE item = 'of the other side') + \
                     (SELECT COUNT(*) FROM shop.product WHERE name = 'of the other side')";
    assert_eq!(databases.value("hz", Role::Primary, strangers).await, "0");
}
