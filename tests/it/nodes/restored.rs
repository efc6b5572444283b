//! etcd is restored from a snapshot: nobody writes by what it has forgotten, and an operator puts the newest state that a node knows in its
//! place (README, runbook).

use std::time::Duration;

use meridian::model::Role;
use mysql_async::prelude::Queryable;

use super::Cluster;
use crate::failures::program::Program;
use crate::moves::done;
use crate::scenarios::expect::{rows, sent, until};

const PATIENCE: Duration = Duration::from_secs(60);
const WRITE_GLOBAL: &str = "UPDATE product SET stock = stock WHERE name = 'nothing'";
const FENCE: &str = "fence = \"connection\"\n";
const RESTORE: &str = "RESTORE STATE REASON 'etcd of before the switch'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn epochs_never_fall_when_etcd_is_restored_from_a_snapshot() {
    let Some(mut cluster) = Cluster::start_with(1, 2, 2, "", FENCE).await else { return };
    let databases = cluster.turn.databases;
    let snapshot = cluster.servers.snapshot();
    let mut console = cluster.console(0).await;
    done(&mut console, "SWITCH GLOBAL ZONE TO 'bj'").await;
    let epoch = epoch_of(&rows(&mut console, "SHOW EPOCH").await[0]["epoch"]);
    let mut clients = [cluster.client(0, "hz").await, cluster.client(1, "hz").await];
    cluster.servers.restore(&snapshot).await;

    // It says that hz is the master. Nobody who has obeyed the switch takes it back, and nobody writes at all.
    for (node, client) in clients.iter_mut().enumerate() {
        until("it writes nothing any more", PATIENCE, async || client.query_drop(WRITE_GLOBAL).await.is_err()).await;
        cluster.nodes[node].logs(&format!("this node knows epoch {epoch}")).await;
        client.query_drop("SELECT COUNT(*) FROM product").await.unwrap();
    }
    assert_eq!(rows(&mut console, "SHOW NODES").await[0]["state"], "estranged");
    let refused = console.query_drop("FORBID WRITES ON UNIT 'hz' REASON 'x'").await.unwrap_err().to_string();
    assert!(refused.contains("control store"), "{refused}");
    // One that is started again knows from its last life that etcd held more, and does not start.
    let (directory, setup) = cluster.nodes.remove(1).kill();
    let (_, log) = Program::refused(directory.path(), &setup).await;
    assert!(log.contains("etcd was restored from a snapshot"), "{log}");
    // One that never ran knows only what etcd holds: nothing is restored around it.
    let newcomer = Program::start(cluster.setup(3)).await;
    let refused = console.query_drop(RESTORE).await.unwrap_err().to_string();
    assert!(refused.contains("n3#1 entered after the store was restored"), "{refused}");
    drop(newcomer);

    // Its lease has to end before nobody lives by the old state any more.
    let mut restored = String::new();
    until("the state is restored", PATIENCE, async || match rows_or(&mut console, RESTORE).await {
        Ok(told) => {
            restored = told;
            true
        }
        Err(refused) => {
            assert!(refused.contains("n3#1"), "{refused}");
            false
        }
    })
    .await;
    assert!(restored.contains("start every node again"), "{restored}");
    let (own_directory, own_setup) = cluster.nodes.remove(0).kill();
    cluster.nodes.push(Program::start_in(own_directory, own_setup).await);
    cluster.nodes.push(Program::start_in(directory, setup).await);
    let mut console = cluster.console(0).await;
    assert_eq!(rows(&mut console, "SHOW EPOCH").await[0]["epoch"], (epoch + 1000).to_string());
    let mut client = cluster.client(1, "hz").await;
    until("it writes again", PATIENCE, async || client.query_drop(WRITE_GLOBAL).await.is_ok()).await;
    assert_eq!(sent(&mut client, databases, WRITE_GLOBAL).await, Ok(vec!["bj primary".to_owned()]));
    let numbers =
        "SELECT COUNT(*) FROM meridian.account WHERE node IN (1, 2) AND incarnation > 1000000000 AND door = 'open'";
    for unit in ["hz", "bj"] {
        assert_eq!(databases.value(unit, Role::Primary, numbers).await, "2", "{unit}: numbers of accounts only rise");
    }
    // The killed incarnations, of which the snapshot knew nothing, are known and seen to.
    done(&mut console, "SWITCH GLOBAL ZONE TO 'hz'").await;
    assert_eq!(sent(&mut client, databases, WRITE_GLOBAL).await, Ok(vec!["hz primary".to_owned()]));
    let history = rows(&mut console, "SHOW HISTORY").await;
    let told = history.iter().any(|row| row["what"].contains("etcd of before the switch"));
    assert!(told, "{history:?}");
}

fn epoch_of(text: &str) -> u64 {
    text.parse().unwrap()
}

async fn rows_or(console: &mut mysql_async::Conn, command: &str) -> Result<String, String> {
    match console.query_first::<(String, u64), _>(command).await {
        Ok(row) => Ok(row.unwrap().0),
        Err(error) => Err(error.to_string()),
    }
}
