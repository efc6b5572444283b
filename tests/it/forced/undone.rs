//! README's other runbook, on MariaDB: hz came back closed and followed nobody, and what nobody else has is turned round there.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use meridian::model::Role;
use mysql_async::prelude::Queryable;

use super::{Revived, administering};
use crate::scenarios::expect::{done_in_time, rows, sent, until};
use crate::scenarios::node::Node;
use crate::scenarios::world::Databases;

const PATIENCE: Duration = Duration::from_secs(60);
const MOVES: &str = "[moves]\ndrain_deadline = \"1s\"\nend_deadline = \"2s\"\ncatch_up_deadline = \"20s\"\n";
const ITEMS: &str = "SELECT GROUP_CONCAT(CONCAT(item, amount) ORDER BY item) FROM shop.orders WHERE user_id = 51";

fn tool(program: &str, databases: &Databases, unit: &str, role: Role) -> Command {
    let socket = databases.general_log(unit, role).with_file_name("server.sock");
    let mut command = Command::new(program);
    command.arg("--no-defaults").arg("--user=root").arg(format!("--socket={}", socket.display()));
    command
}

fn done(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writing = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, &input));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    writing.join().unwrap().unwrap();
    output
}

/// Turns round everything from the first lost transaction on, and gives the position before it.
async fn turn_round(databases: &Databases, first: &str) -> String {
    let base = PathBuf::from(databases.value("hz", Role::Primary, "SELECT @@log_bin_basename").await);
    let logs: Vec<(String, u64)> = databases.root("hz").await.query("SHOW BINARY LOGS").await.unwrap();
    let files: Vec<PathBuf> = logs.iter().map(|(name, _)| base.with_file_name(name)).collect();
    // `# at 329`, and on a line below it `… GTID 1-11-7 …`.
    let begins = |file: &PathBuf| {
        let printed = done(Command::new("mariadb-binlog").arg("--no-defaults").arg(file), b"");
        let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
        let mut at = 0;
        printed.lines().find_map(|line| {
            at = line.strip_prefix("# at ").and_then(|offset| offset.parse().ok()).unwrap_or(at);
            line.split_whitespace()
                .zip(line.split_whitespace().skip(1))
                .any(|pair| pair == ("GTID", first))
                .then_some(at)
        })
    };
    let (place, offset): (usize, u64) =
        files.iter().enumerate().find_map(|(place, file)| Some((place, begins(file)?))).expect("the lost transaction");
    let name = files[place].file_name().unwrap().to_string_lossy().into_owned();
    let position = format!("SELECT BINLOG_GTID_POS('{name}', {offset})");
    let position = databases.value("hz", Role::Primary, &position).await;
    let mut flashback = Command::new("mariadb-binlog");
    flashback.args(["--no-defaults", "--flashback", &format!("--start-position={offset}")]).args(&files[place..]);
    let turned = done(&mut flashback, b"");
    let mut load = tool("mariadb", databases, "hz", Role::Primary);
    done(load.arg("--init-command=SET SESSION sql_log_bin = 0"), &turned.stdout);
    position
}

async fn begin_anew(databases: &Databases, role: Role, position: &str) {
    for statement in [
        "RESET MASTER".to_owned(),
        format!("SET GLOBAL gtid_slave_pos = '{position}'"),
        format!("SET GLOBAL gtid_binlog_state = '{position}'"),
        "FLUSH BINARY LOGS".to_owned(),
    ] {
        databases.run_at("hz", role, &statement).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_lost_is_undone_where_it_is_and_the_unit_takes_part_again() {
    let databases = &Databases::own().await;
    let node = Node::start(administering(databases, MOVES)).await;
    let (mut console, mut client) = (node.console("bj").await, node.client("hz").await);
    let insert = |item: &str| format!("INSERT INTO orders (user_id, item, amount) VALUES (51, '{item}', 1)");
    for item in ["kept", "changed"] {
        client.query_drop(insert(item)).await.unwrap();
    }
    databases.converge().await;
    // Three transactions that nobody else gets: a new row, a changed one, and one that is gone.
    databases.run("bj", "STOP SLAVE 'from_hz' IO_THREAD").await;
    databases.run_at("hz", Role::Replica, "STOP SLAVE 'from_primary' IO_THREAD").await;
    for statement in [
        insert("lost"),
        "UPDATE orders SET amount = 7 WHERE user_id = 51 AND item = 'changed'".to_owned(),
        "DELETE FROM orders WHERE user_id = 51 AND item = 'kept'".to_owned(),
    ] {
        client.query_drop(statement).await.unwrap();
    }
    assert_eq!(databases.value("hz", Role::Primary, ITEMS).await, "changed7,lost1");
    let log = databases.general_log("hz", Role::Primary);
    let mut revived = Revived::kill(log.parent().unwrap()).await;
    let told = rows(&mut console, "FORCE UNIT 'hz' TO 'bj' REASON 'lost'").await[0]["result"].clone();
    assert!(told.contains("forced shards 0-4999 from hz to bj"), "{told}");
    let mut fresh = node.client("hz").await;
    fresh.query_drop(insert("after")).await.unwrap();

    // It comes back closed and follows nobody, so that nothing comes behind what is lost.
    revived.start_with(&["--read-only=1", "--skip-slave-start"]);
    let mut lost = String::new();
    until("the loss is known", PATIENCE, async || {
        lost = rows(&mut console, "SHOW QUARANTINES").await[0]["lost"].clone();
        lost != "unknown until it is back"
    })
    .await;
    println!("lost: {lost}");
    let first = first_of(&lost);
    databases.run("hz", "STOP ALL SLAVES").await;
    databases.run_at("hz", Role::Replica, "STOP ALL SLAVES").await;
    let position = turn_round(databases, &first).await;
    assert_eq!(databases.value("hz", Role::Primary, ITEMS).await, "changed1,kept1", "as before");
    begin_anew(databases, Role::Primary, &position).await;
    until("nothing is lost any more", PATIENCE, async || {
        rows(&mut console, "SHOW QUARANTINES").await[0]["lost"] == "nothing"
    })
    .await;

    // Its replica becomes a copy of the stand-in; then hz follows, and when it has everything the others follow it.
    let mut dump = tool("mariadb-dump", databases, "bj", Role::Primary);
    dump.args(["--single-transaction", "--master-data=2", "--gtid", "shop", "orders", "product", "account"]);
    let dump = done(&mut dump, b"").stdout;
    let text = String::from_utf8_lossy(&dump).into_owned();
    let copied = text.rsplit_once("SET GLOBAL gtid_slave_pos='").unwrap().1.split('\'').next().unwrap().to_owned();
    let mut load = tool("mariadb", databases, "hz", Role::Replica);
    done(load.args(["--init-command=SET SESSION sql_log_bin = 0", "shop"]), &dump);
    begin_anew(databases, Role::Replica, &copied).await;
    databases.run("hz", "START ALL SLAVES").await;
    until("hz has what bj wrote", PATIENCE, async || {
        databases.value("hz", Role::Primary, ITEMS).await == "after1,changed1,kept1"
    })
    .await;
    let port = databases.places().into_iter().find(|place| place.name == "hz-main-1").unwrap().port;
    let follow = format!(
        "CHANGE MASTER 'from_hz' TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='repl', MASTER_PASSWORD='replpw', \
         MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=1"
    );
    for statement in
        ["STOP ALL SLAVES", "SET GLOBAL gtid_slave_pos = @@GLOBAL.gtid_current_pos", &follow, "START ALL SLAVES"]
    {
        databases.run("bj", statement).await;
    }
    databases.run_at("hz", Role::Replica, "START ALL SLAVES").await;
    let told = done_in_time(&mut console, "REJOIN UNIT 'hz'", PATIENCE).await;
    assert_eq!(told, "unit 'hz' takes part again");
    databases.converge().await;
    let told = rows(&mut console, "MOVE SHARDS 0-4999 TO 'hz'").await[0]["result"].clone();
    assert!(told.starts_with("moved shards 0-4999 from bj to hz"), "{told}");
    let write = "UPDATE orders SET amount = 2 WHERE user_id = 51 AND item = 'kept'";
    assert_eq!(sent(&mut fresh, databases, write).await, Ok(vec!["hz primary".to_owned()]));
    databases.converge().await;
    for unit in ["hz", "bj"] {
        for role in [Role::Primary, Role::Replica] {
            assert_eq!(databases.value(unit, role, ITEMS).await, "after1,changed1,kept2", "{unit} {role:?}");
        }
    }
}

/// `1-11-7` of `1-11-7` or `1-11-7..9`.
fn first_of(lost: &str) -> String {
    lost.split("..").next().unwrap().trim().to_owned()
}
