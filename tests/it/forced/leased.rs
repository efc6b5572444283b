//! `fence = "row+lease"`: a source that nobody reaches is closed by its own clock, with no word from it, from its nodes or from an operator; and
//! what wakes there with a transaction open, or writes afterwards, commits nothing.

use std::path::Path;
use std::time::{Duration, Instant};

use meridian::ctl::fence_schema::{Wish, statements};
use meridian::demo::schema::{ADMINISTRATOR_PASSWORD, ADMINISTRATOR_USER};
use meridian::model::Role;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder};
use rustix::process::{Pid, Signal, kill_process};

use super::mysql9::{follow, primary};
use crate::failures::program::Program;
use crate::moves::mysql9::shop_on;
use crate::scenarios::expect::{rows, until, value, within};
use crate::scenarios::node::{Node, Setup, options};
use crate::scenarios::world::{APP, Databases, marker};
use crate::servers::{EtcdServers, Mysql9Tree};

const PATIENCE: Duration = Duration::from_secs(60);
const MOVES: &str = "[moves]\nacknowledge_deadline = \"200ms\"\ndrain_deadline = \"300ms\"\nend_deadline = \"1s\"\n\
                     silence_deadline = \"1s\"\ncatch_up_deadline = \"20s\"\nhold_deadline = \"30s\"\n";
const FENCE: &str = "fence = \"row+lease\"\n";
const FORCE: &str = "FORCE UNIT 'hz' TO 'bj' REASON 'nobody reaches it'";
const PROOF: &str = "the lease of its primary has ended";

/// Who holds a row of the fence.
const TELLS: &[&str] = &["--performance-schema=ON"];

const OPEN_ROWS: &str = "SELECT CONCAT(SUM(is_open), ' of ', COUNT(*)) FROM meridian.fence WHERE grp = 'main'";

/// What a forced change may take from the loss to its end, on a machine that does other things as well.
const AT_MOST: Duration = Duration::from_secs(12);

fn process_in(directory: &Path) -> Pid {
    let number = std::fs::read_to_string(directory.join("server.pid")).unwrap();
    Pid::from_raw(number.trim().parse().unwrap()).unwrap()
}

/// A connection of a node that stands still: behind the row, with a row of its own, before its COMMIT.
async fn stand_still(login: OptsBuilder, name: &str) -> Conn {
    let mut conn = Conn::new(login.db_name(Some("shop"))).await.unwrap();
    conn.query_drop("BEGIN").await.unwrap();
    let row =
        "SELECT COUNT(*) FROM meridian.fence WHERE grp = 'main' AND scope = 65536 AND is_open = 1 LOCK IN SHARE MODE";
    assert_eq!(value(&mut conn, row).await, "1");
    conn.query_drop(format!("INSERT INTO product (name) VALUES ('{name}')")).await.unwrap();
    conn
}

/// What the primary says to its COMMIT, and to a whole transaction of later.
async fn wakes(mut asleep: Conn) {
    let commit = "CALL meridian.commit_leased('main', 1)";
    let refused = |outcome: Result<(), mysql_async::Error>| match outcome {
        Err(mysql_async::Error::Server(error)) => (error.code, error.message),
        outcome => panic!("{outcome:?}"),
    };
    let (code, text) = refused(asleep.query_drop(commit).await);
    assert!(code == 1213 && text.contains("the lease of this primary has run out"), "{code} {text}");
    // Nothing is left of it that a COMMIT said again could commit.
    asleep.query_drop("COMMIT").await.unwrap();
    asleep.query_drop("BEGIN").await.unwrap();
    // It may be read-only by now, which is a second lock.
    drop(asleep.query_drop("INSERT INTO product (name) VALUES ('later')").await);
    let (code, text) = refused(asleep.query_drop(commit).await);
    assert!(code == 1213 && text.contains("the lease of this primary has run out"), "{code} {text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g3_a_frozen_source_with_a_frozen_node_is_left_behind_without_a_word_and_what_wakes_commits_nothing() {
    let Some(etcd) = EtcdServers::start(1).await else { return };
    let databases = &Databases::own().await;
    let mut nodes = Vec::new();
    for number in 1..=2 {
        let mut setup = Setup::shared(databases);
        setup.limits = MOVES.to_owned();
        setup.backend = format!(
            "administrator_user = \"{ADMINISTRATOR_USER}\"\nadministrator_password = \"{ADMINISTRATOR_PASSWORD}\"\n"
        );
        setup.node = (format!("n{number}"), number);
        setup.keys = format!("{FENCE}{}", setup.keys);
        // Were the leases of nodes waited for, the change would not come in time.
        setup.sections = etcd.control("lease = \"60s\"");
        nodes.push(Program::start(setup).await);
    }
    let (mark, late) = (marker(), marker());
    let write = "UPDATE product SET stock = stock WHERE name = 'nothing'";
    let (mut open, mut idle) = (nodes[1].setup.client("hz").await, nodes[1].setup.client("hz").await);
    idle.query_drop(write).await.unwrap();
    // The others' positions go beyond what hz wrote for itself alone.
    idle.query_drop("INSERT INTO product (name) VALUES ('before')").await.unwrap();
    open.query_drop("BEGIN").await.unwrap();
    open.query_drop(format!("INSERT INTO product (name) VALUES ('{mark}')")).await.unwrap();
    let port = databases.places().into_iter().find(|place| place.name == "hz-main-1").unwrap().port;
    let asleep = stand_still(options(port).user(Some(APP.0)).pass(Some(APP.1)), "asleep").await;
    databases.converge().await;
    let mut console = nodes[0].setup.console("bj").await;
    let dry = rows(&mut console, "SWITCH GLOBAL ZONE TO 'bj' DRY RUN").await;
    assert!(dry.iter().all(|row| row["check"] != "fence" || row["result"] == "ok"), "{dry:?}");

    let log = databases.general_log("hz", Role::Primary);
    let server = process_in(log.parent().unwrap());
    nodes[1].signal(Signal::STOP);
    kill_process(server, Signal::STOP).unwrap();
    let lost = Instant::now();
    let told = within("it is left behind", PATIENCE, rows(&mut console, FORCE)).await[0]["result"].clone();
    let took = lost.elapsed();
    println!("left behind {took:?} after the loss: {told}");
    assert!(told.contains("forced shards 0-4999 from hz to bj, the Global Zone from hz to bj"), "{told}");
    assert!(told.contains(PROOF), "{told}");
    assert!(took < AT_MOST, "{took:?}");
    assert_eq!(rows(&mut console, "SHOW QUARANTINES").await[0]["proof"], PROOF);
    let mut fresh = nodes[0].setup.client("hz").await;
    fresh.query_drop("INSERT INTO product (name) VALUES ('after')").await.unwrap();
    let names = "SELECT COUNT(*) FROM shop.product WHERE name";
    assert_eq!(databases.value("bj", Role::Primary, &format!("{names} = 'after'")).await, "1");

    // The node may be asked to commit, and to write, before it notices anything, and its lease in the store holds.
    let commit = tokio::spawn(async move { open.query_drop("COMMIT").await });
    let statement = format!("{write} /* {late} */");
    let later = tokio::spawn(async move { idle.query_drop(statement).await });
    kill_process(server, Signal::CONT).unwrap();
    nodes[1].signal(Signal::CONT);
    wakes(asleep).await;
    let error = within("the COMMIT is answered", PATIENCE, commit).await.unwrap().unwrap_err();
    println!("the COMMIT that woke: {error}");
    within("the write is answered", PATIENCE, later).await.unwrap().unwrap();
    until("the loss is known", PATIENCE, async || {
        rows(&mut console, "SHOW QUARANTINES").await[0]["lost"] != "unknown until it is back"
    })
    .await;
    assert_eq!(rows(&mut console, "SHOW QUARANTINES").await[0]["lost"], "nothing");
    // Who still believes in what was before finds every row closed, and opens none.
    until("every row is closed", PATIENCE, async || {
        databases.value("hz", Role::Primary, OPEN_ROWS).await == "0 of 10002"
    })
    .await;
    let caller = options(port).user(Some("meridian_monitor")).pass(Some("monitorpw"));
    let late_opening = "CALL meridian.set_fence('main', 65536, 65536, 1, 1)";
    let error = Conn::new(caller).await.unwrap().query_drop(late_opening).await.unwrap_err();
    assert!(matches!(&error, mysql_async::Error::Server(told) if told.code == 45103), "{error}");
    let all = format!("{names} IN ('{mark}', 'asleep', 'later')");
    for unit in ["hz", "bj"] {
        assert_eq!(databases.value(unit, Role::Primary, &all).await, "0", "{unit}");
    }
    let mut woken = nodes[1].setup.client("hz").await;
    until("the woken node writes where the owner is", PATIENCE, async || woken.query_drop(write).await.is_ok()).await;
    assert!(databases.executed(&late).contains(&"bj primary".to_owned()));
}

#[tokio::test]
async fn a_frozen_source_on_mysql_9_is_left_behind_by_its_lease() {
    let Some(tree) = Mysql9Tree::find().await else { return };
    let (hz, bj) = (primary(&tree, 1, TELLS).await, primary(&tree, 2, TELLS).await);
    let wish = Wish { applications: vec!["app".to_owned()], caller: "meridian_monitor".to_owned() };
    for server in [&hz, &bj] {
        let prepared = statements(&mut server.root().connect().await.unwrap(), &wish).await.unwrap();
        server.root().run(&prepared).await.unwrap();
    }
    follow(&bj, &hz).await;
    follow(&hz, &bj).await;
    let mut setup = shop_on(&hz, &bj).await;
    setup.limits = MOVES.to_owned();
    setup.backend =
        "administrator_user = \"meridian_admin\"\nadministrator_password = \"administratorpw\"\n".to_owned();
    setup.keys = format!("{FENCE}{}", setup.keys);
    let node = Node::start(setup).await;
    let (mut console, mut client) = (node.console("bj").await, node.client("hz").await);
    for statement in [
        "INSERT INTO product (name) VALUES ('alone')",
        "BEGIN",
        "INSERT INTO product (name) VALUES ('begun')",
        "COMMIT AND CHAIN",
        "INSERT INTO product (name) VALUES ('chained')",
        "BEGIN",
        "INSERT INTO product (name) VALUES ('rolled back')",
        "ROLLBACK",
        "SET time_zone = '+08:00'",
        "INSERT INTO product (name) VALUES (@@time_zone)",
        "SET autocommit = 0",
        "INSERT INTO product (name) VALUES ('not autocommitted')",
        "SET autocommit = 1",
    ] {
        client.query_drop(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    let names = "SELECT GROUP_CONCAT(name ORDER BY id) FROM product";
    assert_eq!(value(&mut client, names).await, "alone,begun,chained,+08:00,not autocommitted");
    assert_eq!(value(&mut client, "SELECT @@time_zone").await, "+08:00");
    let asleep = stand_still(options(hz.port()).user(Some("app")).pass(Some("apppw")), "asleep").await;
    hz.wait_until_applied_at(&bj).await;
    let server = process_in(hz.directory());
    kill_process(server, Signal::STOP).unwrap();
    let lost = Instant::now();
    // Whether it is executed there nobody can say, until it wakes.
    let on_its_way = tokio::spawn(async move { client.query_drop("INSERT INTO product (name) VALUES ('late')").await });
    until("the write is on its way", PATIENCE, async || {
        rows(&mut console, "SHOW SESSIONS").await.iter().any(|row| row["backend"].starts_with("hz-main-1"))
    })
    .await;
    let told = within("it is left behind", PATIENCE, rows(&mut console, FORCE)).await[0]["result"].clone();
    let took = lost.elapsed();
    println!("left behind {took:?} after the loss: {told}");
    assert!(told.contains(PROOF), "{told}");
    assert!(took < AT_MOST, "{took:?}");
    let mut fresh = node.client("hz").await;
    fresh.query_drop("INSERT INTO product (name) VALUES ('after')").await.unwrap();
    kill_process(server, Signal::CONT).unwrap();
    wakes(asleep).await;
    // It was not let in, so that it could go where the owner is; or its session was ended meanwhile.
    println!("the write on its way: {:?}", within("it is answered", PATIENCE, on_its_way).await.unwrap());
    until("the loss is known", PATIENCE, async || {
        rows(&mut console, "SHOW QUARANTINES").await[0]["lost"] != "unknown until it is back"
    })
    .await;
    assert_eq!(rows(&mut console, "SHOW QUARANTINES").await[0]["lost"], "nothing");
    let count = "SELECT COUNT(*) FROM shop.product WHERE name IN ('asleep', 'later')";
    assert_eq!(hz.root().value(count).await.unwrap().as_deref(), Some("0"));
    assert_eq!(hz.root().value(OPEN_ROWS).await.unwrap().as_deref(), Some("0 of 10002"));
    // One that began read-only for everybody could not be told: that is made up for before it takes writes again.
    let began_so = [
        "SET SESSION sql_log_bin = 0",
        "SET GLOBAL super_read_only = 0",
        "UPDATE meridian.fence SET epoch = 1, is_open = 1 WHERE scope = 65536",
        "SET GLOBAL super_read_only = 1",
    ];
    until("it is as if it had begun so", PATIENCE, async || hz.root().run(&began_so.map(str::to_owned)).await.is_ok())
        .await;
    follow(&bj, &hz).await;
    let told = rows(&mut console, "REJOIN UNIT 'hz'").await;
    assert!(rows(&mut console, "SHOW QUARANTINES").await.is_empty(), "{told:?}");
    assert_eq!(hz.root().value(OPEN_ROWS).await.unwrap().as_deref(), Some("0 of 10002"));
    let told = rows(&mut console, "MOVE SHARDS 0-4999 TO 'hz'").await[0]["result"].clone();
    assert!(told.starts_with("moved shards 0-4999"), "{told}");
    fresh.query_drop("INSERT INTO orders (user_id, item) VALUES (50, 'home again')").await.unwrap();
    let home = "SELECT COUNT(*) FROM shop.orders WHERE item = 'home again'";
    assert_eq!(hz.root().value(home).await.unwrap().as_deref(), Some("1"));
}
