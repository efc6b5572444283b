//! C6, C7, C8: a standing bound of lag. While replication is beyond it, the owner's scopes take no writes; all else goes on, and they open
//! by themselves.

use std::time::Duration;

use meridian::model::Role;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use rustix::process::{Pid, Signal, kill_process};

use super::{PATIENT, Turn};
use crate::scenarios::expect::{error_of, rows, sent, until};
use crate::scenarios::node::{Node, Setup, TABLES};
use crate::scenarios::world::marker;

const PATIENCE: Duration = Duration::from_secs(60);
const WRITE_HZ: &str = "UPDATE orders SET amount = amount WHERE user_id = 50 AND item = 'nothing'";
const WRITE_BJ: &str = "UPDATE orders SET amount = amount WHERE user_id = 6000 AND item = 'nothing'";
const WRITE_GLOBAL: &str = "UPDATE product SET stock = stock WHERE name = 'nothing'";
const WRITE_LOCAL: &str = "INSERT INTO audit_log (message) VALUES ('as ever')";

fn bound(turn: &Turn, lag: &str) -> Setup {
    let mut setup = turn.setup(PATIENT);
    setup.tables = format!("[group.lag]\n{lag}\n{TABLES}");
    setup
}

/// Nothing was measured when a node starts, and that counts as beyond.
async fn opens(client: &mut Conn, statement: &str) {
    let mut last = String::new();
    until("writes are let through", PATIENCE, async || {
        let answer = client.query_drop(statement).await;
        last = answer.as_ref().err().map(ToString::to_string).unwrap_or_default();
        assert!(answer.is_ok() || last.contains("are blocked"), "{last}");
        answer.is_ok()
    })
    .await;
}

async fn blocked(client: &mut Conn, statement: &str) -> String {
    let mut text = String::new();
    until("writes are blocked", PATIENCE, async || match client.query_drop(statement).await {
        Ok(()) => false,
        Err(error) => {
            text = error.to_string();
            true
        }
    })
    .await;
    text
}

#[tokio::test]
async fn c6_c8_writes_are_blocked_while_a_peer_s_applier_stands_and_open_by_themselves() {
    let turn = Turn::wait().await;
    let node = Node::start(bound(&turn, "bound = \"5s\"")).await;
    let (mut hz, mut bj, mut console) = (node.client("hz").await, node.client("bj").await, node.console("hz").await);
    for statement in [WRITE_HZ, WRITE_BJ, WRITE_GLOBAL] {
        opens(&mut hz, statement).await;
    }
    assert!(rows(&mut console, "SHOW FORBIDS").await.is_empty());
    bj.query_drop("BEGIN").await.unwrap();
    let begun = format!("INSERT INTO account (email, balance) VALUES ('{}', 1)", marker());
    bj.query_drop(begun).await.unwrap();
    // Nothing more is written: an idle source whose follower's applier stands is not without lag.
    turn.databases.run("bj", "STOP SLAVE 'from_hz' SQL_THREAD").await;
    let text = blocked(&mut hz, WRITE_HZ).await;
    let expected = "writes owned by unit 'hz' in group 'main' are blocked (key 50) at epoch ";
    assert!(text.contains(expected) && text.contains("unit 'bj' does not replicate (0 transactions"), "{text}");
    assert!(text.contains("may be at most 5 s behind; nothing was sent, try again"), "{text}");
    for (client, statement) in [(&mut bj, WRITE_HZ), (&mut hz, WRITE_GLOBAL)] {
        let (errno, text) = error_of(client, statement).await;
        assert!(errno == 1290 && text.contains("unit 'bj' does not replicate"), "{errno} {text}");
    }
    let shown = rows(&mut console, "SHOW FORBIDS").await;
    assert_eq!((shown.len(), shown[0]["scope"].as_str()), (1, "what unit 'hz' owns in group 'main'"));
    assert!(shown[0]["reason"].starts_with("unit 'bj' stands"), "{shown:?}");
    let links = rows(&mut console, "SHOW LAG").await;
    let link = |source: &str, follower: &str| {
        links.iter().find(|row| row["source"] == source && row["follower"] == follower).unwrap()["bound"].clone()
    };
    assert_eq!(link("hz-main-1", "bj-main-1"), "beyond: writes wait");
    assert_eq!((link("bj-main-1", "hz-main-1"), link("hz-main-1", "hz-main-2")), ("within".into(), "NULL".into()));
    // What the other unit owns, reads, local tables and the end of what was begun are not concerned.
    assert_eq!(sent(&mut hz, turn.databases, WRITE_BJ).await, Ok(vec!["bj primary".to_owned()]));
    assert_eq!(sent(&mut hz, turn.databases, WRITE_LOCAL).await, Ok(vec!["hz primary".to_owned()]));
    hz.query_drop("SELECT COUNT(*) FROM orders WHERE user_id = 50").await.unwrap();
    bj.query_drop("COMMIT").await.unwrap();
    turn.databases.run("bj", "START SLAVE 'from_hz' SQL_THREAD").await;
    opens(&mut hz, WRITE_HZ).await;
    assert_eq!(sent(&mut bj, turn.databases, WRITE_GLOBAL).await, Ok(vec!["hz primary".to_owned()]));
    assert!(rows(&mut console, "SHOW FORBIDS").await.is_empty());
}

#[tokio::test]
async fn c6_a_bound_of_transactions_is_exceeded_by_many_small_ones_and_unnamed_peers_are_not_waited_for() {
    let turn = Turn::wait().await;
    let node = Node::start(bound(&turn, "bound = \"1h\"\nmissing = 5\npeers = [\"bj\"]")).await;
    let mut client = node.client("hz").await;
    opens(&mut client, WRITE_HZ).await;
    opens(&mut client, WRITE_BJ).await;
    // The applier is kept from what it has received by a lock, so that its channel runs.
    let mut lock = turn.databases.root("bj").await;
    lock.query_drop("LOCK TABLES shop.orders WRITE").await.unwrap();
    for number in 0..6 {
        client.query_drop(format!("INSERT INTO orders (user_id, item) VALUES (50, 'small {number}')")).await.unwrap();
    }
    let text = blocked(&mut client, WRITE_HZ).await;
    assert!(text.contains("behind (6 transactions), and may be at most 3600 s and 5 transactions behind"), "{text}");
    assert_eq!(sent(&mut client, turn.databases, WRITE_GLOBAL).await.unwrap_err().0, 1290);
    // Nobody asks whether hz keeps up with bj.
    turn.databases.run("hz", "STOP SLAVE 'from_bj' SQL_THREAD").await;
    lock.query_drop("UNLOCK TABLES").await.unwrap();
    opens(&mut client, WRITE_HZ).await;
    assert_eq!(sent(&mut client, turn.databases, WRITE_BJ).await, Ok(vec!["bj primary".to_owned()]));
    turn.databases.run("hz", "START SLAVE 'from_bj' SQL_THREAD").await;
}

#[tokio::test]
async fn c7_a_peer_whose_lag_is_not_known_counts_as_lagging() {
    let turn = Turn::wait().await;
    let node = Node::start(bound(&turn, "bound = \"2s\"")).await;
    let mut client = node.client("hz").await;
    opens(&mut client, WRITE_HZ).await;
    // The probes' account cannot log in, and its open connections are ended: nothing is known of bj from now on.
    let monitor = meridian::demo::schema::MONITOR_USER;
    turn.databases.run_unlogged("bj", &format!("ALTER USER '{monitor}'@'%' ACCOUNT LOCK")).await;
    turn.databases.run_unlogged("bj", &format!("KILL HARD USER '{monitor}'")).await;
    let text = blocked(&mut client, WRITE_HZ).await;
    turn.databases.run_unlogged("bj", &format!("ALTER USER '{monitor}'@'%' ACCOUNT UNLOCK")).await;
    assert!(text.contains("unit 'bj' does not tell how far it is behind, and may be at most 2 s behind"), "{text}");
    opens(&mut client, WRITE_HZ).await;
}

/// A server that stands still until this is dropped.
struct Frozen(Pid);

impl Frozen {
    fn primary_of(turn: &Turn, unit: &str) -> Frozen {
        let number = turn.databases.general_log(unit, Role::Primary).with_file_name("server.pid");
        let process = Pid::from_raw(std::fs::read_to_string(number).unwrap().trim().parse().unwrap()).unwrap();
        kill_process(process, Signal::STOP).unwrap();
        Frozen(process)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        kill_process(self.0, Signal::CONT).unwrap();
    }
}

#[tokio::test]
async fn c7_a_peer_whose_probes_are_not_answered_in_time_counts_as_lagging_and_nothing_is_moved_to_it() {
    let turn = Turn::wait().await;
    let node = Node::start(bound(&turn, "bound = \"2s\"")).await;
    let (mut console, mut client) = (node.console("hz").await, node.client("hz").await);
    opens(&mut client, WRITE_HZ).await;
    let frozen = Frozen::primary_of(&turn, "bj");
    let text = blocked(&mut client, WRITE_HZ).await;
    assert!(text.contains("unit 'bj' does not tell how far it is behind"), "{text}");
    let (_, text) = error_of(&mut console, "SWITCH GLOBAL ZONE TO 'bj'").await;
    assert!(text.contains("(answers): bj-main-1 does not answer"), "{text}");
    drop(frozen);
    opens(&mut client, WRITE_HZ).await;
}
