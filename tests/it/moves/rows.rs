//! `fence = "row"`: every write is let in by the row of its scope at the instance, and nobody notices; what the row does not let in was never sent.

use std::time::Duration;

use meridian::ctl::fence_schema::{Wish, statements};
use meridian::demo::root_access::RootAccess;
use meridian::model::Role;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, SslOpts};

use super::mysql9::{follow, primary, shop_on};
use super::{PATIENT, Turn, begin, done};
use crate::scenarios::expect::{code_of, error_of, rows, sent, until, value, within};
use crate::scenarios::node::{Node, UNITS, login};
use crate::scenarios::world::marker;
use crate::servers::{Mysql9, Mysql9Tree};

const PATIENCE: Duration = Duration::from_secs(60);
const FENCE: &str = "fence = \"row\"\n";

/// Numbers begin anew with each test's store, and rows only rise.
pub async fn forget_rows(turn: &Turn) {
    for unit in UNITS {
        turn.databases.run_unlogged(unit, "DELETE FROM meridian.fence").await;
    }
}

async fn node(turn: &Turn, moves: &str) -> Node {
    fenced_node(turn, moves, FENCE).await
}

async fn fenced_node(turn: &Turn, moves: &str, fence: &str) -> Node {
    forget_rows(turn).await;
    let mut setup = turn.setup(moves);
    setup.keys = format!("{fence}{}", setup.keys);
    Node::start(setup).await
}

/// How a client sees a statement end.
async fn outcome(client: &mut Conn, statement: &str) -> String {
    match client.query_iter(statement).await {
        Err(Error::Server(error)) => format!("{}: {}", error.code, error.message),
        Err(error) => panic!("{statement}: {error}"),
        Ok(mut result) => {
            let rows: Vec<mysql_async::Row> = result.collect().await.unwrap();
            let told = format!(
                "{rows:?} affected {} warnings {} info {:?}",
                result.affected_rows(),
                result.warnings(),
                result.info()
            );
            drop(result);
            told
        }
    }
}

/// Writes of every kind, each of which ends as at the server itself.
const WRITES: &[&str] = &[
    "DELETE FROM product WHERE name LIKE 'row fence%'",
    "INSERT INTO product (name, price) VALUES ('row fence 1', 1), ('row fence 2', 2)",
    "UPDATE product SET price = price + 1 WHERE name LIKE 'row fence%'",
    "SELECT ROW_COUNT()",
    "UPDATE product SET price = 'no number' WHERE name = 'row fence 1'",
    "SHOW WARNINGS",
    "INSERT IGNORE INTO product (name, price) VALUES (REPEAT('x', 5000), 1)",
    "SHOW WARNINGS",
    "INSERT INTO product (name) SELECT name FROM product WHERE name LIKE 'row fence%' RETURNING name",
    "SELECT name, price FROM product WHERE name LIKE 'row fence%' ORDER BY name, price FOR UPDATE",
    "INSERT INTO product (name, nothing) VALUES ('row fence', 1)",
    "SHOW WARNINGS",
    "BEGIN",
    "UPDATE product SET price = 7 WHERE name = 'row fence 2'",
    "SAVEPOINT a",
    "DELETE FROM product WHERE name = 'row fence 2'",
    "ROLLBACK TO a",
    "COMMIT",
    "SELECT name, price FROM product WHERE name LIKE 'row fence%' ORDER BY name, price FOR UPDATE",
    "BEGIN",
    "DELETE FROM product WHERE name LIKE 'row fence%'",
    "ROLLBACK",
    "SET autocommit = 0",
    "UPDATE product SET price = 8 WHERE name = 'row fence 2'",
    "COMMIT AND CHAIN",
    "UPDATE product SET price = 9 WHERE name = 'row fence 2'",
    "ROLLBACK",
    "SET autocommit = 1",
    // What commits without being a COMMIT.
    "BEGIN",
    "UPDATE product SET price = 10 WHERE name = 'row fence 2'",
    "START TRANSACTION",
    "ROLLBACK",
    "SET autocommit = 0",
    "UPDATE product SET price = price + 1 WHERE name = 'row fence 2'",
    "SET autocommit = 1",
    "BEGIN",
    "UPDATE product SET price = price + 1 WHERE name = 'row fence 2'",
    "ALTER TABLE audit_log COMMENT 'row fence'",
    "ROLLBACK",
    "SET completion_type = 1",
    "BEGIN",
    "UPDATE product SET price = price + 1 WHERE name = 'row fence 2'",
    "COMMIT",
    "UPDATE product SET price = price + 100 WHERE name = 'row fence 2'",
    "ROLLBACK AND NO CHAIN",
    "SET completion_type = 0",
    // AND CHAIN begins a transaction where none is, and so does completion_type where nothing was executed.
    "COMMIT AND CHAIN",
    "UPDATE product SET price = price + 1000 WHERE name = 'row fence 2'",
    "ROLLBACK",
    "SET completion_type = 'CHAIN'",
    "BEGIN",
    "COMMIT",
    "UPDATE product SET price = price + 10000 WHERE name = 'row fence 2'",
    "ROLLBACK AND NO CHAIN",
    "SET completion_type = 0",
    // What was found before the transaction's first write, which asked the row, is still what was found.
    "SELECT 1 UNION SELECT 2 UNION SELECT 3",
    "BEGIN",
    "INSERT INTO product (name, price) VALUES ('row fence found', 1)",
    "SELECT FOUND_ROWS()",
    "SELECT FOUND_ROWS(), 'one row'",
    "SELECT 1 UNION SELECT 2",
    "INSERT INTO product (name, price) VALUES ('row fence found', 2)",
    "SELECT ROW_COUNT()",
    "SELECT FOUND_ROWS(), 'one row'",
    "SELECT 1 UNION SELECT 2",
    "INSERT INTO product (name, price) VALUES ('row fence found', 3)",
    "SELECT FOUND_ROWS() + 0, 'two rows'",
    "COMMIT",
    "SELECT COUNT(*), SUM(price) FROM product WHERE name LIKE 'row fence%' FOR UPDATE",
    "DELETE FROM product WHERE name LIKE 'row fence%' OR name LIKE 'xxx%'",
];

#[tokio::test]
async fn a_branch_writes_nothing_where_rows_let_writes_in() {
    let turn = Turn::wait().await;
    let node = node(&turn, PATIENT).await;
    let mut client = node.client("hz").await;
    client.query_drop("XA START 'rows'").await.unwrap();
    let told = outcome(&mut client, "INSERT INTO product (name, price) VALUES ('branch', 1)").await;
    assert!(told.starts_with("1235: ") && told.contains("fence"), "{told}");
    client.query_drop("XA END 'rows'").await.unwrap();
    client.query_drop("XA ROLLBACK 'rows'").await.unwrap();
    let count = "SELECT COUNT(*) FROM product WHERE name = 'branch' FOR UPDATE";
    assert_eq!(value(&mut client, count).await, "0", "and the session goes on");
}

/// Every one of [`WRITES`] ends as at the server.
async fn ends_as_at_the_server(turn: &Turn, node: &Node) {
    let mut client = node.client("hz").await;
    let place = turn.databases.places().into_iter().find(|place| place.unit == "hz" && place.role == Role::Primary);
    let direct = node.setup.options("hz").tcp_port(place.unwrap().port);
    let mut direct = Conn::new(direct).await.unwrap();
    for statement in WRITES {
        let expected = outcome(&mut direct, statement).await;
        println!("{statement}: {expected}");
    }
    let mut expected = Vec::new();
    for statement in WRITES {
        expected.push(outcome(&mut direct, statement).await);
    }
    let mut found = Vec::new();
    for statement in WRITES {
        found.push(outcome(&mut client, statement).await);
    }
    for ((statement, expected), found) in WRITES.iter().zip(&expected).zip(&found) {
        assert_eq!(found, expected, "{statement}");
    }
}

#[tokio::test]
async fn writes_of_every_kind_end_as_at_the_server_and_leave_no_row_locked() {
    let turn = Turn::wait().await;
    let node = node(&turn, PATIENT).await;
    ends_as_at_the_server(&turn, &node).await;
    let mut client = node.client("hz").await;
    // How many rows an UPDATE leaves found, nobody knows who asked the row before it.
    client.query_drop("SELECT 1 UNION SELECT 2").await.unwrap();
    client.query_drop("BEGIN").await.unwrap();
    client.query_drop("UPDATE product SET price = 1 WHERE name = 'row fence 1'").await.unwrap();
    let (errno, text) = error_of(&mut client, "SELECT FOUND_ROWS()").await;
    assert!(errno == 1105 && text.contains("FOUND_ROWS() was left"), "{errno} {text}");
    client.query_drop("SELECT 1 UNION SELECT 2").await.unwrap();
    assert_eq!(value(&mut client, "SELECT FOUND_ROWS()").await, "2");
    client.query_drop("ROLLBACK").await.unwrap();
    // The insert id is the write's, and still there when its transaction has ended.
    client.query_drop("INSERT INTO product (name) VALUES ('row fence id')").await.unwrap();
    let told = client.last_insert_id().unwrap();
    assert_eq!(value(&mut client, "SELECT LAST_INSERT_ID()").await, told.to_string());
    client.exec_drop("DELETE FROM product WHERE name = ?", ("row fence id",)).await.unwrap();
    assert_eq!(client.affected_rows(), 1);
    // What no transaction can stand around.
    client.query_drop("ALTER TABLE product ADD COLUMN row_fence INT").await.unwrap();
    client.query_drop("ALTER TABLE product DROP COLUMN row_fence").await.unwrap();
    let several = "UPDATE product SET price = 1 WHERE id = 0; DELETE FROM product WHERE id = 0";
    client.query_drop(several).await.unwrap();
    assert_eq!(
        sent(&mut client, turn.databases, "INSERT INTO orders (user_id, item) VALUES (7000, 'a')").await,
        Ok(vec!["bj primary".to_owned()])
    );
    let open = "SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_tables_locked > 0";
    for unit in UNITS {
        until("no transaction is open", PATIENCE, async || {
            // MariaDB renews what it shows here only when nobody has looked for 100 ms.
            tokio::time::sleep(Duration::from_millis(150)).await;
            turn.databases.value(unit, Role::Primary, open).await == "0"
        })
        .await;
        let guards = "SELECT COUNT(*) FROM (SELECT 0 n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION \
                      SELECT 5 UNION SELECT 6 UNION SELECT 7) g WHERE IS_USED_LOCK(CONCAT('meridian.fence.', CRC32('main'), '.', n))";
        assert_eq!(turn.databases.value(unit, Role::Primary, guards).await, "0", "{unit}");
    }
}

#[tokio::test]
async fn under_leases_writes_end_as_at_the_server_move_and_what_may_commit_unseen_is_refused() {
    let turn = Turn::wait().await;
    let node = fenced_node(&turn, PATIENT, "fence = \"row+lease\"\n").await;
    ends_as_at_the_server(&turn, &node).await;
    let (mut console, mut client) = (node.console("hz").await, node.client("hz").await);
    for refused in [
        "ALTER TABLE product ADD COLUMN row_fence INT",
        "UPDATE product SET price = 1 WHERE id = 0; DELETE FROM product WHERE id = 0",
    ] {
        let (errno, text) = error_of(&mut client, refused).await;
        assert!(errno == 1290 && text.contains("fence = \"row+lease\""), "{refused}: {errno} {text}");
    }
    // A COMMIT that was prepared, and one that ends the session.
    let price = "SELECT CAST(price AS CHAR) FROM product WHERE name = 'leased'";
    client.query_drop("INSERT INTO product (name, price) VALUES ('leased', 1)").await.unwrap();
    client.query_drop("BEGIN").await.unwrap();
    client.exec_drop("UPDATE product SET price = ? WHERE name = 'leased'", (2,)).await.unwrap();
    // What may commit unseen is not sent, and the transaction goes on.
    for refused in ["SELECT 1; SELECT 2", "EXECUTE nothing"] {
        let (errno, text) = error_of(&mut client, refused).await;
        assert!(errno == 1290, "{refused}: {errno} {text}");
    }
    client.exec_drop("COMMIT", ()).await.unwrap();
    client.query_drop("ROLLBACK").await.unwrap();
    assert_eq!(value(&mut client, &format!("{price} FOR UPDATE")).await, "2");
    client.query_drop("BEGIN").await.unwrap();
    client.query_drop("UPDATE product SET price = 3 WHERE name = 'leased'").await.unwrap();
    client.query_drop("COMMIT RELEASE").await.unwrap();
    let mut client = node.client("hz").await;
    assert_eq!(value(&mut client, &format!("{price} FOR UPDATE")).await, "3");
    // Without a lease nothing commits, and what has not begun waits until there is one.
    let stopped = "RENAME TABLE meridian.fence_lease TO meridian.fence_lease_away";
    client.query_drop("BEGIN").await.unwrap();
    client.query_drop("UPDATE product SET price = 4 WHERE name = 'leased'").await.unwrap();
    turn.databases.run_unlogged("hz", stopped).await;
    let (errno, text) = error_of(&mut client, "COMMIT").await;
    assert!(errno == 1213 && text.contains("the lease of this primary has run out"), "{errno} {text}");
    client.query_drop("COMMIT").await.unwrap();
    turn.databases.run_unlogged("hz", "RENAME TABLE meridian.fence_lease_away TO meridian.fence_lease").await;
    turn.databases.run_unlogged("hz", "UPDATE meridian.fence_lease SET valid_until = '2020-01-01'").await;
    let started = std::time::Instant::now();
    client.query_drop("UPDATE product SET stock = stock WHERE name = 'leased'").await.unwrap();
    println!("let in again after {:?}", started.elapsed());
    assert_eq!(value(&mut client, &format!("{price} FOR UPDATE")).await, "3");
    // A lease that was renewed since the transaction began is seen by it, whatever else it sees.
    client.query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT").await.unwrap();
    client.query_drop("UPDATE product SET price = 5 WHERE name = 'leased'").await.unwrap();
    let until_then =
        turn.databases.value("hz", Role::Primary, "SELECT MAX(valid_until) FROM meridian.fence_lease").await;
    let over = format!("SELECT SYSDATE(6) > '{until_then}'");
    until("the lease it began under is over", PATIENCE, async || {
        turn.databases.value("hz", Role::Primary, &over).await == "1"
    })
    .await;
    client.query_drop("COMMIT").await.unwrap();
    assert_eq!(value(&mut client, &format!("{price} FOR UPDATE")).await, "5");
    for target in ["bj", "hz"] {
        let told = done(&mut console, &format!("SWITCH GLOBAL ZONE TO '{target}'")).await;
        assert!(told.starts_with("moved the Global Zone"), "{told}");
        let write = "UPDATE product SET stock = stock WHERE name = 'leased'";
        assert_eq!(sent(&mut client, turn.databases, write).await, Ok(vec![format!("{target} primary")]));
    }
    client.query_drop("DELETE FROM product WHERE name = 'leased'").await.unwrap();
    a_missing_table_is_named(&turn, &mut console, "fence_lease").await;
}

/// DRY RUN says of a target without the table of the fence what to do.
async fn a_missing_table_is_named(turn: &Turn, console: &mut Conn, table: &str) {
    turn.databases.run_unlogged("bj", &format!("RENAME TABLE meridian.{table} TO meridian.{table}_away")).await;
    let dry = rows(console, "SWITCH GLOBAL ZONE TO 'bj' DRY RUN").await;
    turn.databases.run_unlogged("bj", &format!("RENAME TABLE meridian.{table}_away TO meridian.{table}")).await;
    let named = dry.iter().any(|row| {
        row["check"] == "fence" && row["instance"] == "bj-main-1" && row["result"].contains("meridian ctl fence-schema")
    });
    assert!(named, "{dry:?}");
}

#[tokio::test]
async fn rows_move_with_what_they_are_for_and_a_row_ahead_of_a_node_keeps_its_writes_waiting() {
    let turn = Turn::wait().await;
    let node = node(&turn, "drain_deadline = \"20s\"\ncatch_up_deadline = \"60s\"\nhold_deadline = \"3s\"\n").await;
    let (mut console, mut client) = (node.console("hz").await, node.client("hz").await);
    let write = "UPDATE product SET stock = stock WHERE name = 'nothing'";
    let at = |unit: &str| vec![format!("{unit} primary")];
    assert_eq!(sent(&mut client, turn.databases, write).await, Ok(at("hz")));
    for target in ["bj", "hz"] {
        let told = done(&mut console, &format!("SWITCH GLOBAL ZONE TO '{target}'")).await;
        assert!(told.starts_with("moved the Global Zone"), "{told}");
        assert_eq!(sent(&mut client, turn.databases, write).await, Ok(at(target)));
        let zone = "SELECT CONCAT(is_open, ' ', epoch) FROM meridian.fence WHERE grp = 'main' AND scope = 65536";
        let (open, other) = (zone, if target == "bj" { "hz" } else { "bj" });
        let (here, there) = (
            turn.databases.value(target, Role::Primary, open).await,
            turn.databases.value(other, Role::Primary, zone).await,
        );
        assert!(here.starts_with("1 ") && there.starts_with("0 "), "{target}: {here}, {other}: {there}");
    }
    let told = done(&mut console, "MOVE SHARDS 4000-4999 TO 'bj'").await;
    assert!(told.starts_with("moved shards 4000-4999"), "{told}");
    let order = |user: u32| format!("INSERT INTO orders (user_id, item) VALUES ({user}, 'row')");
    assert_eq!(sent(&mut client, turn.databases, &order(4500)).await, Ok(at("bj")));
    assert_eq!(sent(&mut client, turn.databases, &order(3999)).await, Ok(at("hz")));
    let shown = rows(&mut console, "SHOW FENCES").await;
    for (instance, what, state) in [
        ("hz-main-1", "shards 0-3999", "open"),
        ("hz-main-1", "shards 4000-4999", "closed"),
        ("hz-main-1", "the Global Zone", "open"),
        ("bj-main-1", "shards 4000-4999", "open"),
        ("bj-main-1", "shards 5000-9999", "open"),
        ("bj-main-1", "the Global Zone", "closed"),
    ] {
        let known = shown.iter().find(|row| row["instance"] == instance && row["what"] == what);
        assert!(known.is_some_and(|row| row["state"] == state && row["valid_until"].is_empty()), "{what}: {shown:?}");
    }
    // Somebody else has raised the row: this node has not heard of it, and what it sends has to wait.
    let raise = "CALL meridian.set_fence('main', 65536, 65536, 1000000, 0)";
    turn.databases.run_unlogged("hz", raise).await;
    let mark = marker();
    let (errno, text) = error_of(&mut client, &format!("{write} /* {mark} */")).await;
    assert_eq!(errno, 1205, "{text}");
    assert_eq!(turn.databases.executed(&mark), Vec::<String>::new());
    client.query_drop("BEGIN").await.unwrap();
    assert_eq!(error_of(&mut client, write).await.0, 1205);
    client.query_drop("ROLLBACK").await.unwrap();
    // Other scopes go on.
    assert_eq!(sent(&mut client, turn.databases, &order(3999)).await, Ok(at("hz")));
    // A transaction that did something elsewhere first cannot wait: it begins again.
    client.query_drop("BEGIN").await.unwrap();
    client.query_drop(order(3999)).await.unwrap();
    assert_eq!(error_of(&mut client, write).await.0, 1213);
    client.query_drop("COMMIT").await.unwrap();
    // A row that is not there is closed, and made again by whoever meets it.
    turn.databases.run_unlogged("hz", "DELETE FROM meridian.fence WHERE scope = 65536").await;
    assert_eq!(sent(&mut client, turn.databases, write).await, Ok(at("hz")));
    // Without its right to read them a node writes nothing, and says so.
    turn.databases.run_unlogged("hz", "REVOKE SELECT ON meridian.fence FROM app@'%'").await;
    let (errno, text) = error_of(&mut client, write).await;
    turn.databases.run_unlogged("hz", "GRANT SELECT ON meridian.fence TO app@'%'").await;
    assert!(errno == 1290 && text.contains("meridian ctl fence-schema"), "{errno} {text}");
    a_missing_table_is_named(&turn, &mut console, "fence").await;
}

#[tokio::test]
async fn a_transaction_that_outlives_its_time_is_ended_and_others_of_its_group_are_not() {
    let turn = Turn::wait().await;
    let moves =
        "drain_deadline = \"1s\"\nend_deadline = \"20s\"\ncatch_up_deadline = \"60s\"\nhold_deadline = \"60s\"\n";
    let node = node(&turn, moves).await;
    let (mut moving, mut staying) = (node.client("hz").await, node.client("hz").await);
    for (client, user) in [(&mut moving, 4500), (&mut staying, 100)] {
        client.query_drop("BEGIN").await.unwrap();
        client.query_drop(format!("INSERT INTO orders (user_id, item) VALUES ({user}, 'open')")).await.unwrap();
    }
    // An account that writes past Meridian's gate, with the row locked: only the instance knows of it.
    let mut past = turn.databases.root("hz").await;
    past.query_drop("BEGIN").await.unwrap();
    past.query_drop("SELECT * FROM meridian.fence WHERE grp = 'main' AND scope = 4700 LOCK IN SHARE MODE")
        .await
        .unwrap();
    let told = begin(node.console("hz").await, "MOVE SHARDS 4000-4999 TO 'bj'");
    let told = within("the move ends", PATIENCE, told).await.unwrap().unwrap();
    assert!(told.starts_with("moved shards 4000-4999"), "{told}");
    assert!(moving.query_drop("COMMIT").await.is_err());
    assert!(past.query_drop("COMMIT").await.is_err());
    staying.query_drop("COMMIT").await.unwrap();
}

/// Everything that is promised of the procedures, where the applications' account is `app` and the caller `meridian_monitor`.
async fn hold(root: &RootAccess, port: u16, tls: Option<SslOpts>) {
    let forget = ["SET SESSION sql_log_bin = 0", "DELETE FROM meridian.fence WHERE grp = 'g'"].map(str::to_owned);
    root.run(&forget).await.unwrap();
    let mut caller = Conn::new(login(port, "meridian_monitor", "monitorpw", tls.clone())).await.unwrap();
    let mut app = Conn::new(login(port, "app", "apppw", tls.clone())).await.unwrap();
    let question = |epoch: u64| {
        format!(
            "SELECT COUNT(*) FROM meridian.fence WHERE grp = 'g' AND scope = 2 AND epoch = {epoch} AND is_open = 1 LOCK IN SHARE MODE"
        )
    };
    assert_eq!(value(&mut app, &question(5)).await, "0", "what is not there is closed");
    caller.query_drop("CALL meridian.set_fence('g', 1, 3, 5, 1)").await.unwrap();
    caller.query_drop("CALL meridian.set_fence('g', 1, 3, 5, 1)").await.unwrap();
    assert_eq!(value(&mut app, &question(5)).await, "1");
    caller.query_drop("CALL meridian.set_fence('g', 2, 2, 7, 0)").await.unwrap();
    // An orchestrator that comes late changes nothing, not even beside the row that is ahead.
    for late in ["'g', 1, 3, 6, 1", "'g', 2, 2, 7, 1", "'g', 2, 2, 5, 0"] {
        assert_eq!(code_of(&mut caller, &format!("CALL meridian.set_fence({late})")).await, 45103, "{late}");
    }
    let all = "SELECT GROUP_CONCAT(CONCAT(scope, ':', epoch, ':', is_open) ORDER BY scope) FROM meridian.fence WHERE grp = 'g'";
    assert_eq!(value(&mut caller, all).await, "1:5:1,2:7:0,3:5:1");
    // Applications read and lock, and can do no more; the caller neither.
    for refused in [
        "UPDATE meridian.fence SET epoch = 9",
        "DELETE FROM meridian.fence",
        "CALL meridian.set_fence('g', 2, 2, 9, 1)",
    ] {
        let code = code_of(&mut app, refused).await;
        assert!([1142, 1370].contains(&code), "{refused}: {code}");
    }
    assert_eq!(code_of(&mut caller, "UPDATE meridian.fence SET epoch = 9").await, 1142);
    // Who holds a row is waited for; ended, it is gone.
    app.query_drop("BEGIN").await.unwrap();
    assert_eq!(value(&mut app, &question(7)).await, "0");
    let raising = tokio::spawn({
        let options = login(port, "meridian_monitor", "monitorpw", tls.clone());
        async move {
            let mut raiser = Conn::new(options).await.unwrap();
            let id: u64 = raiser.query_first("SELECT CONNECTION_ID()").await.unwrap().unwrap();
            println!("raising on {id}");
            raiser.query_drop("CALL meridian.set_fence('g', 1, 3, 8, 0)").await
        }
    });
    let waiting = "SELECT MAX(ID) FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() \
                   AND INFO LIKE '%fence%'";
    let mut ended = 0;
    until("the holder is ended", PATIENCE, async || {
        // More often than each 100 ms nobody is told anything new of lock waits.
        tokio::time::sleep(Duration::from_millis(150)).await;
        let thread: Option<Option<u64>> = caller.query_first(waiting).await.unwrap();
        if let Some(thread) = thread.flatten() {
            let found: Option<u64> =
                caller.query_first(format!("CALL meridian.end_fence_holders({thread})")).await.unwrap();
            ended += found.unwrap_or_default();
        }
        ended > 0
    })
    .await;
    within("the row is raised", PATIENCE, raising).await.unwrap().unwrap();
    assert!(app.query_drop("SELECT 1").await.is_err(), "the holder is gone");
    assert_eq!(value(&mut caller, all).await, "1:8:0,2:8:0,3:8:0");
    // And so is who keeps a guard.
    let mut keeper = Conn::new(login(port, "app", "apppw", tls)).await.unwrap();
    keeper.query_drop("DO GET_LOCK(CONCAT('meridian.fence.', CRC32('g'), '.', 3), 1)").await.unwrap();
    let found: Option<u64> = caller.query_first("CALL meridian.end_fence_guards('g')").await.unwrap();
    assert_eq!(found, Some(1));
    assert!(keeper.query_drop("SELECT 1").await.is_err());
    root.run(&forget).await.unwrap();
}

#[tokio::test]
async fn rows_only_rise_and_who_holds_them_is_found_on_mariadb() {
    let turn = Turn::wait().await;
    let place = turn.databases.places().into_iter().find(|place| place.unit == "hz" && place.role == Role::Primary);
    hold(&turn.databases.root_access("hz"), place.unwrap().port, None).await;
    let mut binlog = turn.databases.root("hz").await;
    let events: Vec<mysql_async::Row> = binlog.query("SHOW BINLOG EVENTS").await.unwrap();
    let told = events.iter().map(|event| event.get::<String, _>("Info").unwrap_or_default());
    assert_eq!(told.filter(|info| info.contains("meridian.fence")).count(), 0, "nothing of it is replicated");
}

#[tokio::test]
async fn rows_fence_writes_and_moves_on_mysql_9() {
    let Some(tree) = Mysql9Tree::find().await else { return };
    let told = "--performance-schema=ON";
    let (hz, bj) = (primary(&tree, 1, told).await, primary(&tree, 2, told).await);
    let wish = Wish { applications: vec!["app".to_owned()], caller: "meridian_monitor".to_owned() };
    let prepare = async |server: &Mysql9| {
        // Twice: what is there stays as it is.
        for _ in 0..2 {
            let prepared = statements(&mut server.root().connect().await.unwrap(), &wish).await.unwrap();
            server.root().run(&prepared).await.unwrap();
        }
    };
    prepare(&hz).await;
    prepare(&bj).await;
    follow(&bj, &hz).await;
    follow(&hz, &bj).await;
    let tls = SslOpts::default().with_danger_accept_invalid_certs(true);
    hold(&hz.root(), hz.port(), Some(tls)).await;
    let mut setup = shop_on(&hz, &bj).await;
    setup.limits = format!("[moves]\n{PATIENT}");
    setup.backend = "tls = \"required\"\n".to_owned();
    setup.keys = format!("{FENCE}{}", setup.keys);
    let node = Node::start(setup).await;
    let (mut console, mut client) = (node.console("hz").await, node.client("hz").await);
    for (round, target) in [(0, "bj"), (1, "hz")] {
        let told = done(&mut console, &format!("SWITCH GLOBAL ZONE TO '{target}'")).await;
        assert!(told.starts_with("moved the Global Zone"), "{told}");
        client.query_drop(format!("INSERT INTO product (name) VALUES ('round {round}')")).await.unwrap();
        assert_eq!(client.affected_rows(), 1);
        client.query_drop("BEGIN").await.unwrap();
        client.query_drop(format!("INSERT INTO product (name) VALUES ('begun {round}')")).await.unwrap();
        client.query_drop("COMMIT").await.unwrap();
        client.query_drop(format!("ALTER TABLE product ADD COLUMN round_{round} INT")).await.unwrap();
        client.query_drop(format!("INSERT INTO orders (user_id, item) VALUES (5500, 'round {round}')")).await.unwrap();
    }
    assert_eq!(error_of(&mut client, "INSERT INTO product (id) VALUES ('a')").await.0, 1366);
    hz.wait_until_applied_at(&bj).await;
    bj.wait_until_applied_at(&hz).await;
    for server in [&hz, &bj] {
        for (table, count) in [("product", "4"), ("orders", "2")] {
            let counted = server.root().value(&format!("SELECT COUNT(*) FROM shop.{table}")).await.unwrap();
            assert_eq!(counted.as_deref(), Some(count), "{table}");
        }
    }
}
