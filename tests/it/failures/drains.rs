//! A node that ends: what is open may finish, nothing new begins, and a successor takes its place without an error for anyone.

use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error};
use rustix::process::Signal;
use tokio::task::JoinSet;

use super::program::{Program, signal_to};
use crate::scenarios::expect::{error_of, rows, until, value, within};
use crate::scenarios::node::{Node, Setup};
use crate::scenarios::world::{Databases, marker};

async fn node_that_waits(deadline: &str) -> Node {
    let mut setup = Setup::shared(Databases::shared().await);
    setup.limits = format!("drain_deadline = \"{deadline}\"");
    Node::start(setup).await
}

fn strong_count(item: &str) -> String {
    format!("/*meridian: level=strong*/ SELECT COUNT(*) FROM orders WHERE user_id = 50 AND item = '{item}'")
}

#[tokio::test]
async fn a_drained_node_lets_transactions_finish_and_refuses_what_is_new() {
    let node = node_that_waits("60s").await;
    let (mut writer, mut idle) = (node.client("hz").await, node.client("hz").await);
    let item = marker();
    writer.query_drop("BEGIN").await.unwrap();
    writer.query_drop(format!("INSERT INTO orders (user_id, item) VALUES (50, '{item}')")).await.unwrap();
    let mut console = node.console("hz").await;
    let told = rows(&mut console, "DRAIN NODE").await;
    assert!(told[0]["result"].contains("1 have something to finish"), "{told:?}");
    let blocker = format!("session {} of app@", writer.id());
    assert!(told[1]["result"].starts_with(&blocker) && told[1]["result"].contains("transaction is open on hz-main-1"));
    match Conn::new(node.setup.options("hz")).await {
        Err(Error::Server(error)) => assert!(error.code == 1053 && error.message.contains("this node ends"), "{error}"),
        other => panic!("let in, or closed without a word: {other:?}"),
    }
    // The idle one is ended, and told why with the answer to what it asks next.
    until("the idle session has ended", Duration::from_secs(20), async || {
        rows(&mut console, "SHOW SESSIONS").await.len() == 1
    })
    .await;
    assert_eq!(error_of(&mut idle, "SELECT 1").await.0, 1053);
    assert_eq!(value(&mut writer, &strong_count(&item)).await, "1");
    writer.query_drop("COMMIT").await.unwrap();
    within("the node ends by itself", Duration::from_secs(30), node.ended()).await;
    let again = Node::shared().await;
    assert_eq!(value(&mut again.client("hz").await, &strong_count(&item)).await, "1");
}

#[tokio::test]
async fn a_drain_ends_at_its_deadline_whatever_is_open() {
    let node = node_that_waits("700ms").await;
    let mut writer = node.client("hz").await;
    let item = marker();
    writer.query_drop("BEGIN").await.unwrap();
    writer.query_drop(format!("INSERT INTO orders (user_id, item) VALUES (50, '{item}')")).await.unwrap();
    within("the node ends", Duration::from_secs(30), node.stop()).await;
    let again = Node::shared().await;
    assert_eq!(value(&mut again.client("hz").await, &strong_count(&item)).await, "0");
}

/// Clients that come, ask and go, over and over, until they are told to stop.
struct Visitors {
    stop: Arc<AtomicBool>,
    visits: Arc<AtomicU64>,
    going: JoinSet<Result<(), Error>>,
}

impl Visitors {
    fn begin(setup: &Setup, count: u32) -> Visitors {
        let (stop, visits) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut going = JoinSet::new();
        for number in 0..count {
            let (options, stop, visits) = (setup.options("hz"), Arc::clone(&stop), Arc::clone(&visits));
            going.spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    let mut client = Conn::new(options.clone()).await?;
                    let answer: Option<u32> = client.query_first(format!("SELECT {number}")).await?;
                    assert_eq!(answer, Some(number));
                    client.query_drop("UPDATE orders SET amount = amount WHERE user_id = 50 AND item = 'none'").await?;
                    client.disconnect().await?;
                    visits.fetch_add(1, Ordering::SeqCst);
                }
                Ok(())
            });
        }
        Visitors { stop, visits, going }
    }

    async fn more(&self, count: u64) {
        let wanted = self.visits.load(Ordering::SeqCst) + count;
        until("more visits", Duration::from_secs(60), async || self.visits.load(Ordering::SeqCst) >= wanted).await;
    }

    async fn end(mut self) -> Vec<Error> {
        self.stop.store(true, Ordering::SeqCst);
        let mut errors = Vec::new();
        while let Some(ended) = self.going.join_next().await {
            errors.extend(ended.unwrap().err());
        }
        errors
    }
}

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        if self.0.kill().is_ok() {
            let _ = self.0.wait();
        }
    }
}

#[tokio::test]
async fn a_successor_takes_over_without_an_error_for_anyone_and_never_beside_its_predecessor() {
    let mut setup = Setup::shared(Databases::shared().await);
    setup.limits = "drain_deadline = \"60s\"".to_owned();
    let mut first = Program::start(setup).await;
    let visitors = Visitors::begin(&first.setup, 4);
    visitors.more(20).await;
    let mut writer = first.setup.client("hz").await;
    let item = marker();
    writer.query_drop("BEGIN").await.unwrap();
    writer.query_drop(format!("INSERT INTO orders (user_id, item) VALUES (50, '{item}')")).await.unwrap();
    let served = |program: &Program| program.log().matches("serving clients").count();
    let before = served(&first);
    let mut second = Ended(first.successor());
    first.logs("a successor has the listening sockets").await;
    // The predecessor waits for the transaction; the successor waits for the predecessor.
    assert_eq!(value(&mut writer, &strong_count(&item)).await, "1");
    assert_eq!((served(&first), first.exit_status()), (before, None));
    writer.query_drop("COMMIT").await.unwrap();
    until("the predecessor ends", Duration::from_secs(60), async || first.exit_status().is_some()).await;
    assert!(first.exit_status().unwrap().success());
    until("the successor serves", Duration::from_secs(60), async || served(&first) > before).await;
    visitors.more(20).await;
    let errors = visitors.end().await;
    assert!(errors.is_empty(), "{errors:?}\n{}", first.log());
    assert_eq!(value(&mut first.setup.client("hz").await, &strong_count(&item)).await, "1");
    signal_to(&second.0, Signal::TERM);
    let mut ended = None;
    until("the successor ends on SIGTERM", Duration::from_secs(60), async || {
        ended = second.0.try_wait().unwrap();
        ended.is_some()
    })
    .await;
    assert!(ended.unwrap().success());
}

#[tokio::test]
async fn reloading_changes_users_and_limits_and_a_bad_file_changes_nothing() {
    let mut setup = Setup::shared(Databases::shared().await);
    let program = Program::start(setup.clone()).await;
    let directory = program.directory.path();
    let mut console = program.setup.console("hz").await;
    setup.limits = "connections = 1".to_owned();
    setup.users.push_str(
        "[[user]]\nname = \"late\"\npassword = \"latepw\"\nbackend_user = \"app\"\nbackend_password = \"apppw\"\n",
    );
    setup.write(directory);
    let told = rows(&mut console, "RELOAD").await;
    assert!(told[0]["result"].starts_with("reloaded: 2 users") && !told[0]["result"].contains("wait"), "{told:?}");
    let late = setup.options("hz").user(Some("late")).pass(Some("latepw"));
    let mut late = Conn::new(late).await.unwrap();
    match Conn::new(setup.options("hz")).await {
        Err(Error::Server(error)) => assert_eq!(error.code, 1040),
        other => panic!("let in beyond the limit: {other:?}"),
    }
    // Two faults, each named; what was in force stays.
    let mut bad = setup.clone();
    bad.limits = "connections = 0\nlogin_deadline = \"soon\"".to_owned();
    bad.users = "[[user]]\nname = \"nobody\"\n".to_owned();
    bad.write(directory);
    let (errno, faults) = error_of(&mut console, "RELOAD").await;
    assert_eq!(errno, 1105);
    for fault in ["nothing has changed", "limits.connections", "limits.login_deadline", "user.password"] {
        assert!(faults.contains(fault), "{fault}: {faults}");
    }
    program.signal(Signal::HUP);
    program.logs("SIGHUP: nothing has changed").await;
    late.query_drop("SELECT 1").await.unwrap();
    assert!(Conn::new(setup.options("hz")).await.is_err(), "the limit stays");
    // SIGHUP with good files again, and changes that have to wait for a restart: nobody is announced to servers that listen to no proxy.
    setup.limits = "connections = 5".to_owned();
    setup.workers = 3;
    setup.instance = "proxy_protocol = \"v1\"".to_owned();
    setup.write(directory);
    program.signal(Signal::HUP);
    program.logs("wait for a restart: [node], instance.proxy_protocol").await;
    assert_eq!(value(&mut setup.client("hz").await, "SELECT 1").await, "1");
}
