//! `fence = "row"`: what no transaction can stand around (CALL, packets of several statements, executions with a cursor), LOAD DATA and RETURNING,
//! let in at whoever owns what they touch, on both families.

use meridian::ctl::fence_schema::{Wish, statements};
use meridian::demo::root_access::RootAccess;
use meridian::wire::capability::Capabilities;
use meridian::wire::scanner::{EndKind, ReplyKind};
use mysql_async::prelude::Queryable;

use super::mysql9::{follow, primary, shop_on};
use super::{PATIENT, Turn, done};
use crate::node::Kind;
use crate::protocol::raw::{Raw, usual};
use crate::scenarios::node::{Node, UNITS};
use crate::servers::Mysql9Tree;

const FENCE: &str = "fence = \"row\"\n";
const CALLED: &str = "CREATE PROCEDURE shop.row_called(IN who BIGINT, IN what VARCHAR(100)) \
                      BEGIN INSERT INTO shop.orders (user_id, item) VALUES (who, what); \
                      UPDATE shop.orders SET item = CONCAT(item, '!') WHERE user_id = who AND item = what; END";

/// Shard 4500 is given to bj and back; behind each move everything is done once, and at its owner there is one row of each.
async fn is_let_in_at_the_owner(node: &Node, roots: [RootAccess; 2], kind: Kind) {
    let mut console = node.console("hz").await;
    let mut raw = Raw::connect(node.setup.port("hz"), Some("shop"), usual(kind) | Capabilities::LOCAL_FILES).await;
    for target in ["bj", "hz"] {
        let told = done(&mut console, &format!("MOVE SHARDS 4000-4999 TO '{target}'")).await;
        assert!(told.starts_with("moved shards 4000-4999"), "{told}");
        // A called routine pins its session to where it was called.
        let mut client = node.client("bj").await;
        let key = "/*meridian: key=4500*/";
        client.query_drop(format!("CALL {key} row_called(4500, 'called {target}')")).await.unwrap();
        let insert = |what: &str| format!("INSERT INTO orders (user_id, item) VALUES (4500, '{what} {target}')");
        client.query_drop(format!("{}; {}", insert("first"), insert("second"))).await.unwrap();
        let load = format!("LOAD DATA {key} LOCAL INFILE 'any' INTO TABLE orders (user_id, item)");
        let line = format!("4500\tloaded {target}\n");
        let loaded = raw.load(&load, &[line.as_bytes()], b"").await;
        assert!(matches!(loaded.end.kind, EndKind::Ok), "{}", loaded.bytes.escape_ascii());
        if kind == Kind::MariaDb {
            let returned: Option<String> =
                client.query_first(format!("{} RETURNING item", insert("returned"))).await.unwrap();
            assert_eq!(returned, Some(format!("returned {target}")));
        }
        // A cursor over rows that it locks, in a transaction and in none.
        for transaction in [true, false] {
            if transaction {
                raw.query("BEGIN").await;
            }
            let id = raw.prepare("SELECT item FROM orders WHERE user_id = 4500 ORDER BY id FOR UPDATE").await;
            let opened = raw.ask(&[&b"\x17"[..], &id, b"\x01\x01\0\0\0"].concat(), ReplyKind::Cursor).await;
            assert!(!matches!(opened.end.kind, EndKind::Error { .. }), "{}", opened.bytes.escape_ascii());
            let fetched = raw.ask(&[&b"\x1c"[..], &id, &[9, 0, 0, 0]].concat(), ReplyKind::Fetch).await;
            assert!(!matches!(fetched.end.kind, EndKind::Error { .. }), "{}", fetched.bytes.escape_ascii());
            raw.send(&[&b"\x19"[..], &id].concat()).await;
            let ended = raw.query("COMMIT").await;
            assert!(matches!(ended.end.kind, EndKind::Ok), "{}", ended.bytes.escape_ascii());
        }
        let owner = &roots[UNITS.iter().position(|unit| *unit == target).unwrap()];
        let there = format!(
            "SELECT CONCAT(COUNT(DISTINCT item), ' of ', COUNT(*)) FROM shop.orders WHERE user_id = 4500 \
             AND (item LIKE '% {target}' OR item = 'called {target}!')"
        );
        let expected = if kind == Kind::MariaDb { "5 of 5" } else { "4 of 4" };
        assert_eq!(owner.value(&there).await.unwrap().as_deref(), Some(expected), "{target}");
        // Nobody keeps a guard.
        let guards = "SELECT SUM(IS_USED_LOCK(CONCAT('meridian.fence.', CRC32('main'), '.', n)) IS NOT NULL) FROM \
                      (SELECT 0 n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7) g";
        for root in &roots {
            assert_eq!(root.value(guards).await.unwrap().as_deref(), Some("0"), "{target}");
        }
    }
}

#[tokio::test]
async fn what_no_transaction_stands_around_is_let_in_on_mariadb() {
    let turn = Turn::wait().await;
    super::rows::forget_rows(&turn).await;
    turn.databases.run("hz", "SET GLOBAL local_infile = 1").await;
    turn.databases.run("bj", "SET GLOBAL local_infile = 1").await;
    turn.databases.run("hz", "DROP PROCEDURE IF EXISTS shop.row_called").await;
    turn.databases.run("hz", CALLED).await;
    turn.databases.converge().await;
    let mut setup = turn.setup(PATIENT);
    setup.keys = format!("{FENCE}{}", setup.keys);
    let node = Node::start(setup).await;
    is_let_in_at_the_owner(&node, UNITS.map(|unit| turn.databases.root_access(unit)), Kind::MariaDb).await;
    turn.databases.run("hz", "DROP PROCEDURE shop.row_called").await;
    turn.databases.run("hz", "DELETE FROM shop.orders WHERE user_id = 4500").await;
}

#[tokio::test]
async fn what_no_transaction_stands_around_is_let_in_on_mysql_9() {
    let Some(tree) = Mysql9Tree::find().await else { return };
    let (hz, bj) =
        (primary(&tree, 1, "--performance-schema=ON").await, primary(&tree, 2, "--performance-schema=ON").await);
    let wish = Wish { applications: vec!["app".to_owned()], caller: "meridian_monitor".to_owned() };
    for server in [&hz, &bj] {
        let prepared = statements(&mut server.root().connect().await.unwrap(), &wish).await.unwrap();
        server.root().run(&prepared).await.unwrap();
        server.root().run(&["SET GLOBAL local_infile = 1".to_owned()]).await.unwrap();
    }
    follow(&bj, &hz).await;
    follow(&hz, &bj).await;
    let mut setup = shop_on(&hz, &bj).await;
    hz.root().run(&[CALLED.to_owned()]).await.unwrap();
    hz.wait_until_applied_at(&bj).await;
    setup.limits = format!("[moves]\n{PATIENT}");
    setup.backend = "tls = \"required\"\n".to_owned();
    setup.keys = format!("{FENCE}{}", setup.keys);
    let node = Node::start(setup).await;
    is_let_in_at_the_owner(&node, [hz.root(), bj.root()], Kind::Mysql9).await;
}
