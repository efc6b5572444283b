//! C1: what is decided at one node holds at all; and ownership moves under the load of all of them.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use meridian::model::Role;
use mysql_async::prelude::Queryable;
use tokio::task::JoinSet;

use super::{Cluster, nodes_shown};
use crate::failures::program::Program;
use crate::moves::{PATIENT, done};
use crate::scenarios::expect::{error_of, rows, sent, until};
use crate::scenarios::node::UNITS;
use crate::scenarios::world::marker;

const WRITE_GLOBAL: &str = "UPDATE product SET stock = stock WHERE name = 'nothing'";
const WRITE_2499: &str = "UPDATE orders SET amount = amount WHERE user_id = 2499 AND item = 'nothing'";

#[tokio::test]
async fn what_is_decided_at_one_node_is_in_force_at_all_when_the_answer_comes() {
    let Some(cluster) = Cluster::start(3, 3, 20, PATIENT).await else { return };
    let mut console = cluster.console(0).await;
    assert_eq!(nodes_shown(&mut console).await, ["n1#1 this", "n2#1 live", "n3#1 live"]);
    let mut quickest = u64::MAX;
    for round in 0..5 {
        let told = done(&mut console, &format!("FORBID WRITES ON UNIT 'hz' REASON 'round {round}'")).await;
        let after = told.strip_prefix("changed; in force at all 3 living nodes after ");
        let after = after.and_then(|after| after.split(' ').next()?.parse().ok());
        quickest = quickest.min(after.unwrap_or_else(|| panic!("{told}")));
        for node in 0..3 {
            let (errno, text) = error_of(&mut cluster.client(node, "bj").await, WRITE_2499).await;
            assert!(errno == 1290 && text.contains(&format!("round {round}")), "{text}");
        }
        let mut other = cluster.console(round % 3).await;
        let told = done(&mut other, "ALLOW WRITES ON UNIT 'hz'").await;
        assert!(told.contains("in force at all 3 living nodes"), "{told}");
    }
    // The quickest of them: what else the machine does meanwhile is no matter of ours.
    assert!(quickest <= 200, "in force everywhere after {quickest} ms at best");
    for node in 0..3 {
        let mut client = cluster.client(node, "bj").await;
        assert_eq!(sent(&mut client, cluster.turn.databases, WRITE_2499).await, Ok(vec!["hz primary".to_owned()]));
        // One history and one epoch for all.
        let history = rows(&mut cluster.console(node).await, "SHOW HISTORY").await;
        assert_eq!((history[0]["what"].as_str(), history.len()), ("allowed writes on unit 'hz'", 10));
    }
    // Two at once from different nodes: both are carried out, one after the other.
    let (mut one, mut two) = (cluster.console(1).await, cluster.console(2).await);
    tokio::join!(
        done(&mut one, "FORBID WRITES ON SHARDS 0-9 REASON 'one'"),
        done(&mut two, "FORBID WRITES ON SHARDS 20-29 REASON 'two'")
    );
    assert_eq!(rows(&mut console, "SHOW FORBIDS").await.len(), 2);
    // Back to an earlier version, if nobody was quicker; ownership is not moved by it.
    let epoch = |rows: Vec<std::collections::BTreeMap<String, String>>| rows[0]["epoch"].parse::<u64>().unwrap();
    let now = epoch(rows(&mut console, "SHOW EPOCH").await);
    let stale = format!("ROLLBACK TO EPOCH {} IF EPOCH = {}", now - 1, now - 1);
    let (_, text) = error_of(&mut console, &stale).await;
    assert!(text.contains("look again"), "{text}");
    let told = done(&mut one, &format!("ROLLBACK TO EPOCH {} IF EPOCH = {now}", now - 1)).await;
    assert!(told.contains("in force at all 3 living nodes"), "{told}");
    assert_eq!(rows(&mut console, "SHOW FORBIDS").await.len(), 1);
    done(&mut two, "SWITCH GLOBAL ZONE TO 'bj'").await;
    let (_, text) = error_of(&mut console, &format!("ROLLBACK TO EPOCH {now}")).await;
    assert!(text.contains("ownership has changed since epoch"), "{text}");
    let (_, text) = error_of(&mut console, "ROLLBACK TO EPOCH 100000").await;
    assert!(text.contains("is not remembered"), "{text}");
}

/// `meridian ctl` at a node, as a script has it.
fn script(cluster: &Cluster, node: usize, words: &[&str]) -> String {
    let console = format!("127.0.0.1:{}", cluster.nodes[node].setup.console_port("hz"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_meridian"));
    command.args(["ctl", "--console", &console]).args(words).env("MERIDIAN_PASSWORD", "adminpw");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn c1_a_script_forbids_the_writes_of_a_unit_at_every_node_and_lifts_it() {
    let Some(cluster) = Cluster::start(1, 2, 20, PATIENT).await else { return };
    let write = "UPDATE orders SET amount = amount WHERE user_id = 6000 AND item = 'nothing'";
    let read = "SELECT COUNT(*) FROM orders WHERE user_id = 6000";
    let mut clients = Vec::new();
    for (node, unit) in [(0, "hz"), (0, "bj"), (1, "hz"), (1, "bj")] {
        clients.push((cluster.client(node, unit).await, format!("{unit} replica")));
    }
    let asked = Instant::now();
    let told = script(&cluster, 0, &["forbid", "--unit", "bj", "--reason", "script 1"]);
    assert!(told.contains("in force at all 2 living nodes"), "{told}");
    for (client, replica) in &mut clients {
        let (errno, text) = sent(client, cluster.turn.databases, write).await.unwrap_err();
        assert!(errno == 1290 && text.contains("script 1"), "{errno} {text}");
        // Were it in force only later, this would be the moment to see it.
        assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
        assert_eq!(sent(client, cluster.turn.databases, read).await, Ok(vec![replica.clone()]));
    }
    script(&cluster, 1, &["allow", "--unit", "bj"]);
    let told = script(&cluster, 1, &["--json", "forbid", "--unit", "bj", "--reason", "script 2", "--wait-fenced"]);
    assert!(told.contains("\"instance\": \"bj-main-1\"") && told.contains("\"shut_out\": null"), "{told}");
    for (client, _) in &mut clients {
        assert_eq!(error_of(client, write).await.0, 1290);
    }
    script(&cluster, 0, &["allow", "--unit", "bj"]);
    for (client, _) in &mut clients {
        assert_eq!(sent(client, cluster.turn.databases, write).await, Ok(vec!["bj primary".to_owned()]));
    }
}

#[tokio::test]
async fn a_node_that_ends_signs_off_and_one_that_cannot_belong_is_refused_by_name() {
    let Some(mut cluster) = Cluster::start(1, 2, 4, PATIENT).await else { return };
    let mut console = cluster.console(0).await;
    let mut imposter = cluster.setup(2);
    imposter.node.1 = 9;
    let (_, log) = Program::refused(tempfile::tempdir().unwrap().path(), &imposter).await;
    assert!(log.contains("another process serves as node 'n2'"), "{log}");
    let mut stranger = cluster.setup(3);
    stranger.databases.swap(0, 2);
    let (_, log) = Program::refused(tempfile::tempdir().unwrap().path(), &stranger).await;
    assert!(log.contains("units, groups or instances are in another order"), "{log}");
    stranger = cluster.setup(3);
    stranger.databases[0].name = "elsewhere".to_owned();
    let (_, log) = Program::refused(tempfile::tempdir().unwrap().path(), &stranger).await;
    assert!(log.contains("only in this configuration: instance elsewhere: "), "{log}");
    let leaving = cluster.nodes.remove(1);
    leaving.signal(rustix::process::Signal::TERM);
    super::shows_nodes(&mut console, &["n1#1 this"]).await;
    drop(leaving);
    cluster.nodes.push(Program::start(cluster.setup(2)).await);
    super::shows_nodes(&mut console, &["n1#1 this", "n2#2 live"]).await;
}

/// Writers at every node, of the Global Zone and of shard 5050, alone and in short transactions.
pub struct Load {
    stop: Arc<AtomicBool>,
    written: Arc<AtomicUsize>,
    writers: JoinSet<(Vec<String>, Vec<String>)>,
    mark: String,
}

impl Load {
    /// Two writers at each of `nodes`.
    pub async fn start(cluster: &Cluster, nodes: &[usize]) -> Load {
        let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mark = marker();
        let mut writers = JoinSet::new();
        for (number, node) in nodes.iter().flat_map(|node| [*node; 2]).enumerate() {
            let mut client = cluster.client(node, UNITS[number % 2]).await;
            let (stop, written, mark) = (Arc::clone(&stop), Arc::clone(&written), mark.clone());
            writers.spawn(async move {
                let (mut acknowledged, mut errors) = (Vec::new(), Vec::new());
                for count in 0.. {
                    if stop.load(Ordering::SeqCst) {
                        break;
                    }
                    let name = format!("{mark} {number} {count}");
                    let insert = match count % 3 {
                        0 => format!("INSERT INTO orders (user_id, item) VALUES (5050, '{name}')"),
                        _ => format!("INSERT INTO product (name, price) VALUES ('{name}', 1)"),
                    };
                    let statements =
                        if count % 2 == 0 { vec![insert] } else { vec!["BEGIN".into(), insert, "COMMIT".into()] };
                    let mut outcome = Ok(());
                    for statement in statements {
                        outcome = client.query_drop(statement).await;
                        if outcome.is_err() {
                            break;
                        }
                    }
                    match outcome {
                        Ok(()) => {
                            acknowledged.push(name);
                            written.fetch_add(1, Ordering::SeqCst);
                        }
                        Err(error) => {
                            errors.push(format!("{name}: {error}"));
                            break;
                        }
                    }
                }
                (acknowledged, errors)
            });
        }
        let load = Load { stop, written, writers, mark };
        load.goes_on(20).await;
        load
    }

    /// Waits for so many writes more.
    pub async fn goes_on(&self, more: usize) {
        let reached = self.written.load(Ordering::SeqCst) + more;
        until(&format!("{more} writes more"), Duration::from_secs(60), async || {
            self.written.load(Ordering::SeqCst) >= reached
        })
        .await;
    }

    /// Ends it: nobody was told an error, and every server has every acknowledged row, once.
    pub async fn check(self, cluster: &Cluster) {
        self.stop.store(true, Ordering::SeqCst);
        let (mut acknowledged, mut errors) = (Vec::new(), Vec::new());
        for (done, failed) in self.writers.join_all().await {
            acknowledged.extend(done);
            errors.extend(failed);
        }
        assert_eq!(errors, Vec::<String>::new());
        acknowledged.sort_unstable();
        let databases = cluster.turn.databases;
        databases.converge().await;
        for unit in UNITS {
            let query = format!(
                "SET SESSION group_concat_max_len = 100000000; \
                 SELECT GROUP_CONCAT(n ORDER BY BINARY n SEPARATOR '|') FROM (SELECT item n FROM shop.orders WHERE item LIKE \
                 '{0}%' UNION ALL SELECT name n FROM shop.product WHERE name LIKE '{0}%') all_of_them",
                self.mark
            );
            let found = databases.last_value(unit, Role::Primary, &query).await;
            assert_eq!(found.split('|').collect::<Vec<_>>(), acknowledged, "{unit}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ownership_moves_under_the_load_of_all_nodes_whichever_is_asked() {
    let Some(cluster) = Cluster::start(3, 3, 20, PATIENT).await else { return };
    let load = Load::start(&cluster, &[0, 1, 2]).await;
    for round in 0..6 {
        let target = if round % 2 == 0 { "bj" } else { "hz" };
        let mut console = cluster.console(round % 3).await;
        let told = done(&mut console, &format!("SWITCH GLOBAL ZONE TO '{target}'")).await;
        assert!(told.starts_with("moved the Global Zone"), "{told}");
        load.goes_on(20).await;
    }
    let (mut one, mut two) = (cluster.console(0).await, cluster.console(2).await);
    let both =
        tokio::join!(done(&mut one, "MOVE SHARDS 5000-5999 TO 'hz'"), done(&mut two, "SWITCH GLOBAL ZONE TO 'bj'"));
    assert!(both.0.starts_with("moved") && both.1.starts_with("moved"), "{both:?}");
    let told = done(&mut one, "MOVE KEY 6000 TO 'hz'").await;
    assert!(told.starts_with("moved"), "{told}");
    load.check(&cluster).await;
    for node in 0..3 {
        let mut client = cluster.client(node, "hz").await;
        assert_eq!(sent(&mut client, cluster.turn.databases, WRITE_GLOBAL).await, Ok(vec!["bj primary".to_owned()]));
    }
}
