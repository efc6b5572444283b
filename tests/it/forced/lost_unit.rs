//! MariaDB: hz's primary is killed with writes that only its own replica has, and one that nobody has.

use std::path::{Path, PathBuf};
use std::time::Duration;

use meridian::model::Role;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder};

use super::{Revived, administering};
use crate::scenarios::expect::{error_of, rows, until, value};
use crate::scenarios::node::Node;
use crate::scenarios::world::{APP, Databases};

const PATIENCE: Duration = Duration::from_secs(60);

/// Short enough for a test that wants to be refused, long enough for a loaded machine to feed a target.
const MOVES: &str = "[moves]\ndrain_deadline = \"1s\"\nend_deadline = \"2s\"\ncatch_up_deadline = \"20s\"\n";

fn data_directory(databases: &Databases, unit: &str) -> PathBuf {
    let log = databases.general_log(unit, Role::Primary);
    log.parent().map(Path::to_owned).unwrap()
}

async fn insert(client: &mut Conn, item: &str) {
    client.query_drop(format!("INSERT INTO orders (user_id, item) VALUES (50, '{item}')")).await.unwrap();
}

fn count(item: &str) -> String {
    format!("SELECT COUNT(*) FROM shop.orders WHERE item = '{item}'")
}

/// Waits until a server has `item`.
async fn arrived(databases: &Databases, unit: &str, role: Role, item: &str) {
    until(&format!("{item} is at {unit}"), PATIENCE, async || databases.value(unit, role, &count(item)).await == "1")
        .await;
}

#[tokio::test]
async fn e3_g2_g3_a_lost_unit_is_left_behind_by_force_its_loss_is_told_exactly_and_it_takes_part_again() {
    let databases = &Databases::own().await;
    let node = Node::start(administering(databases, MOVES)).await;
    let (mut console, mut client) = (node.console("bj").await, node.client("hz").await);
    let force = "FORCE UNIT 'hz' TO 'bj' REASON 'its room is on fire'";

    let (_, text) = error_of(&mut console, force).await;
    assert!(text.contains("hz-main-1 answers: move what it owns by plan"), "{text}");

    // Everybody has the first, only hz's own replica the second, nobody the third.
    insert(&mut client, "first").await;
    arrived(databases, "bj", Role::Replica, "first").await;
    databases.run("bj", "STOP SLAVE 'from_hz' IO_THREAD").await;
    insert(&mut client, "second").await;
    arrived(databases, "hz", Role::Replica, "second").await;
    databases.run_at("hz", Role::Replica, "STOP SLAVE 'from_primary' IO_THREAD").await;
    let before = databases.value("hz", Role::Primary, "SELECT @@gtid_binlog_pos").await;
    insert(&mut client, "third").await;
    let after = databases.value("hz", Role::Primary, "SELECT @@gtid_binlog_pos").await;
    let lost: Vec<&str> = after.split(',').filter(|part| !before.split(',').any(|known| known == *part)).collect();
    assert_eq!(lost.len(), 1, "one write in one domain: {before} {after}");

    let mut revived = Revived::kill(&data_directory(databases, "hz")).await;
    let (_, text) = error_of(&mut console, "SWITCH GLOBAL ZONE TO 'bj'").await;
    assert!(text.contains("hz-main-1 (answers)"), "a planned move is refused by name: {text}");
    // Whatever it leads to may be the source by another name, and would be followed again when that returns.
    databases
        .run("bj", "CHANGE MASTER 'strange' TO MASTER_HOST='127.0.0.9', MASTER_PORT=3306, MASTER_USER='repl'")
        .await;
    let (_, text) = error_of(&mut console, force).await;
    assert!(text.contains("channel 'strange' of bj-main-1 follows 127.0.0.9:3306, no instance's address"), "{text}");
    assert!(rows(&mut console, "SHOW MOVES").await.is_empty(), "nothing has begun");
    databases.run("bj", "RESET SLAVE 'strange' ALL").await;
    let told = rows(&mut console, force).await[0]["result"].clone();
    assert!(told.contains("forced shards 0-4999 from hz to bj, the Global Zone from hz to bj"), "{told}");
    assert!(told.contains("no write was left in flight"), "{told}");

    // What hz's replica had is there, and its clients go on.
    assert_eq!(databases.value("bj", Role::Primary, &count("second")).await, "1");
    let mut fresh = node.client("hz").await;
    insert(&mut fresh, "after").await;
    insert(&mut client, "after, on an old connection").await;
    assert_eq!(databases.value("bj", Role::Primary, &count("after")).await, "1");
    until("bj's replica serves hz's clients", PATIENCE, async || value(&mut fresh, &count("after")).await == "1").await;
    assert_eq!(databases.channels("bj").await, Vec::<String>::new(), "nobody follows the lost source");
    let known = rows(&mut console, "SHOW QUARANTINES").await;
    assert_eq!((known[0]["unit"].as_str(), known[0]["stand_in"].as_str()), ("hz", "bj"));
    assert_eq!((known[0]["reason"].as_str(), known[0]["by"].as_str()), ("its room is on fire", "admin"));
    // The last known position: what the stand-in had of the source, which is everything but what is lost.
    let cut: Vec<&str> = known[0]["cut"].split(',').collect();
    let kept = before.split(',').find(|part| part.split('-').next() == lost[0].split('-').next()).unwrap();
    assert!(cut.contains(&kept), "{cut:?} without {kept}");
    assert_eq!(known[0]["lost"], "unknown until it is back");
    let told = acknowledged(&mut console).await;
    assert!((1..=3).contains(&told), "the third, and the others as long as nobody asked in between: {told}");

    // It comes back: contained, its loss told, nobody's rows overwritten.
    revived.start();
    until("the loss is known", PATIENCE, async || {
        rows(&mut console, "SHOW QUARANTINES").await[0]["lost"] != "unknown until it is back"
    })
    .await;
    assert_eq!(rows(&mut console, "SHOW QUARANTINES").await[0]["lost"], lost[0]);
    assert_eq!(rows(&mut console, "SHOW QUARANTINES").await[0]["acknowledged"], "at most 1");
    assert_eq!(databases.value("hz", Role::Primary, "SELECT @@GLOBAL.read_only").await, "1");
    let port = databases.places().into_iter().find(|place| place.name == "hz-main-1").unwrap().port;
    let direct = OptsBuilder::default().ip_or_hostname("127.0.0.1").tcp_port(port).prefer_socket(false);
    let direct = direct.user(Some(APP.0)).pass(Some(APP.1)).db_name(Some("shop"));
    let mut stale = Conn::new(direct).await.unwrap();
    let (errno, _) = error_of(&mut stale, "INSERT INTO orders (user_id, item) VALUES (50, 'stale')").await;
    assert_eq!(errno, 1290, "who still believes in hz is refused by hz itself");
    assert_eq!(databases.value("bj", Role::Primary, &count("third")).await, "0");
    let (_, text) = error_of(&mut console, "SWITCH GLOBAL ZONE TO 'hz'").await;
    assert!(text.contains("in quarantine"), "{text}");

    // It follows nobody any more, so that it cannot get this one.
    insert(&mut client, "behind").await;
    let differing = rows(&mut console, "RECONCILE UNIT 'hz'").await;
    let told = |what: &str| differing.iter().filter(|row| row["what"].starts_with(what)).count();
    assert_eq!((told("only in quarantine"), told("differs")), (1, 0), "{differing:?}");
    assert!(told("only at the stand-in") >= 1, "{differing:?}");
    let (_, text) = error_of(&mut console, "REJOIN UNIT 'hz'").await;
    assert!(text.contains("may not take part yet"), "{text}");

    put_right(databases, &mut console).await;
    let told = rows(&mut console, "REJOIN UNIT 'hz'").await[0]["result"].clone();
    assert_eq!(told, "unit 'hz' takes part again");
    assert!(rows(&mut console, "SHOW QUARANTINES").await.is_empty());
    databases.converge().await;
    let told = rows(&mut console, "SWITCH GLOBAL ZONE TO 'hz'").await[0]["result"].clone();
    assert!(told.starts_with("moved the Global Zone from bj to hz"), "{told}");
    drop((console, client, fresh));
    drop(node);
}

/// What the only node says that it has acknowledged and may be lost; the source is not needed for it.
pub async fn acknowledged(console: &mut Conn) -> u64 {
    let mut told = String::new();
    until("the node has told what it acknowledged", PATIENCE, async || {
        told = rows(console, "SHOW QUARANTINES").await[0]["acknowledged"].clone();
        told.starts_with("at most ")
    })
    .await;
    told.split(' ').nth(2).unwrap().parse().unwrap()
}

/// The runbook of README: both of hz's servers become copies of bj's primary, at its position, and all follow each other again.
async fn put_right(databases: &Databases, console: &mut Conn) {
    let position = databases.value("bj", Role::Primary, "SELECT @@gtid_binlog_pos").await;
    let dump = |unit, role, program: &str| {
        let socket = databases.general_log(unit, role).with_file_name("server.sock");
        let mut command = tokio::process::Command::new(program);
        command.arg("--no-defaults").arg("--user=root").arg(format!("--socket={}", socket.display()));
        command
    };
    let mut copy = dump("bj", Role::Primary, "mariadb-dump");
    let copy = copy.args(["--single-transaction", "shop", "orders", "product", "account"]).output().await.unwrap();
    assert!(copy.status.success(), "{}", String::from_utf8_lossy(&copy.stderr));
    for role in [Role::Primary, Role::Replica] {
        databases.run_at("hz", role, "STOP ALL SLAVES").await;
        let mut load = dump("hz", role, "mariadb");
        load.args(["--init-command=SET SESSION sql_log_bin = 0", "shop"]).stdin(std::process::Stdio::piped());
        let mut load = load.spawn().unwrap();
        let mut input = load.stdin.take().unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut input, &copy.stdout).await.unwrap();
        drop(input);
        assert!(load.wait().await.unwrap().success());
        databases.run_at("hz", role, "RESET MASTER").await;
        databases.run_at("hz", role, &format!("SET GLOBAL gtid_slave_pos = '{position}'")).await;
        databases.run_at("hz", role, &format!("SET GLOBAL gtid_binlog_state = '{position}'")).await;
        databases.run_at("hz", role, "FLUSH BINARY LOGS").await;
    }
    until("nothing is lost any more", PATIENCE, async || {
        rows(console, "SHOW QUARANTINES").await[0]["lost"] == "nothing"
    })
    .await;
    let places = databases.places();
    let port = places.iter().find(|place| place.name == "hz-main-1").unwrap().port;
    let follow = format!(
        "TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='repl', MASTER_PASSWORD='replpw', \
         MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=1"
    );
    databases.run("bj", &format!("SET GLOBAL gtid_slave_pos = '{position}'")).await;
    databases.run("bj", &format!("CHANGE MASTER 'from_hz' {follow}")).await;
    databases.run_at("hz", Role::Replica, &format!("CHANGE MASTER 'from_primary' {follow}")).await;
    databases.run("bj", "START SLAVE 'from_hz'").await;
    databases.run_at("hz", Role::Replica, "START SLAVE 'from_primary'").await;
    databases.run("hz", "START SLAVE 'from_bj'").await;
}
