//! What drivers say when they open a session never keeps a connection, and holds for their session alone.

use std::collections::{BTreeMap, BTreeSet};

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder, Row};

use super::transcript::{Script, scripts};
use crate::node::{Kind, Node, OneUnit, app_options};

const OPENINGS: &str = include_str!("openings.sql");

/// What differs between any two sessions, or moves by itself.
const MOVING: [&str; 10] = [
    "statement_id",
    "pseudo_thread_id",
    "timestamp",
    "rand_seed1",
    "rand_seed2",
    "last_insert_id",
    "identity",
    "insert_id",
    "last_gtid",
    "in_transaction",
];

/// The settings of the session the opened one shares its connection with: each differs from what openings set.
const NEIGHBOUR: &str = "SET NAMES latin1, sql_mode = 'HIGH_NOT_PRECEDENCE', time_zone = '+03:30', \
    group_concat_max_len = 5555, wait_timeout = 1234, innodb_lock_wait_timeout = 11, net_write_timeout = 99, @limit = 1";

async fn variables(session: &mut Conn) -> BTreeMap<String, String> {
    let rows: Vec<(String, String)> = session.query("SHOW SESSION VARIABLES").await.unwrap();
    let user: Option<Row> = session.query_first("SELECT CONCAT_WS('|', @limit, @name)").await.unwrap();
    let user = user.map(|row| row.get::<String, _>(0).unwrap_or_default()).unwrap_or_default();
    // With autocommit off a question opens a transaction, which would keep the connection.
    session.query_drop("ROLLBACK").await.unwrap();
    let shown = rows.into_iter().filter(|(name, _)| !MOVING.contains(&name.as_str()));
    shown.chain([("@".to_owned(), user)]).collect()
}

async fn open(port: u16, opening: &Script) -> Conn {
    let mut session = Conn::new(app_options(port, Some("plain"))).await.unwrap();
    for line in &opening.lines {
        session.query_drop(&line.text).await.unwrap_or_else(|error| panic!("{}: {}: {error}", opening.name, line.text));
    }
    session.query_drop("ROLLBACK").await.unwrap();
    session
}

async fn pinned(node: &Node) -> Vec<(String, String)> {
    let console = OptsBuilder::default().ip_or_hostname("127.0.0.1").tcp_port(node.console_port("hz"));
    let console = console.user(Some("admin")).pass(Some("adminpw")).prefer_socket(Some(false));
    let console = console.max_allowed_packet(Some(1 << 20)).wait_timeout(Some(28_800));
    let mut console = Conn::new(console).await.unwrap();
    let rows: Vec<Row> = console.query("SHOW PINS").await.unwrap();
    let pins = rows.into_iter().map(|row| (row.get("reason").unwrap(), row.get("since_start").unwrap())).collect();
    console.disconnect().await.unwrap();
    pins
}

fn differing(expected: &BTreeMap<String, String>, found: &BTreeMap<String, String>) -> Vec<String> {
    let names: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    let differs = names.into_iter().filter(|name| expected.get(*name) != found.get(*name));
    differs.map(|name| format!("{name}: {:?} directly, {:?} here", expected.get(name), found.get(name))).collect()
}

async fn openings_hold_for_their_session_and_never_pin(kind: Kind) {
    let one = |plan: &mut crate::node::NodePlan| {
        plan.backend = "connections_per_instance = 1\nqueue_deadline = \"60s\"\n".to_owned();
    };
    let Some(unit) = OneUnit::start(kind, one).await else { return };
    let mut neighbour = Conn::new(app_options(unit.port(), Some("plain"))).await.unwrap();
    neighbour.query_drop(NEIGHBOUR).await.unwrap();
    let neighbours = variables(&mut neighbour).await;
    assert_eq!((neighbours["time_zone"].as_str(), neighbours["@"].as_str()), ("+03:30", "1"));
    for opening in scripts(OPENINGS, kind) {
        let mut direct = open(unit.direct_port(), &opening).await;
        let expected = variables(&mut direct).await;
        let mut through = open(unit.port(), &opening).await;
        for _ in 0..2 {
            let beside = differing(&neighbours, &variables(&mut neighbour).await);
            assert_eq!(beside, [""; 0], "the session beside {}", opening.name);
            assert_eq!(differing(&expected, &variables(&mut through).await), [""; 0], "{}", opening.name);
        }
        assert_eq!(pinned(&unit.node).await, [], "{} pins", opening.name);
        through.disconnect().await.unwrap();
        direct.disconnect().await.unwrap();
    }
}

#[tokio::test]
async fn openings_of_drivers_never_pin_and_follow_their_session_on_mariadb() {
    openings_hold_for_their_session_and_never_pin(Kind::MariaDb).await;
}

#[tokio::test]
async fn openings_of_drivers_never_pin_and_follow_their_session_on_mysql9() {
    openings_hold_for_their_session_and_never_pin(Kind::Mysql9).await;
}
