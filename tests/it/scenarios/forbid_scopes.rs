//! C3: each kind of forbid on each scope refuses what it covers, and nothing beside it, at the nodes of both units.

use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use super::expect::{rows, sent};
use super::node::{Node, UNITS};
use super::world::{Databases, marker};

/// What is asked of each place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Read,
    Insert,
    Change,
}

/// Where rows stand: two keys of one shard of bj, one of hz, the global tables, and what no forbid is about.
const PLACES: [&str; 5] = ["6000", "16000", "50", "global", "local"];

fn statements(place: &str, item: &str) -> Vec<(Asked, String)> {
    let texts = match place {
        "local" => vec![
            (Asked::Read, "SELECT COUNT(*) FROM audit_log".to_owned()),
            (Asked::Insert, format!("INSERT INTO audit_log (message) VALUES ('{item}')")),
            (Asked::Change, "DELETE FROM audit_log WHERE message = 'nothing'".to_owned()),
        ],
        "global" => vec![
            (Asked::Read, "SELECT COUNT(*) FROM product WHERE name = 'nothing'".to_owned()),
            (Asked::Insert, format!("INSERT INTO product (name) VALUES ('{item}')")),
            (Asked::Change, "UPDATE product SET stock = stock WHERE name = 'nothing'".to_owned()),
            (Asked::Change, "DELETE FROM product WHERE name = 'nothing'".to_owned()),
            (Asked::Change, "REPLACE INTO product (id, name) VALUES (77000002, 'replaced')".to_owned()),
        ],
        key => vec![
            (Asked::Read, format!("SELECT COUNT(*) FROM orders WHERE user_id = {key}")),
            (Asked::Insert, format!("INSERT INTO orders (user_id, item) VALUES ({key}, '{item}')")),
            (Asked::Change, format!("UPDATE orders SET amount = amount WHERE user_id = {key} AND item = 'nothing'")),
            (Asked::Change, format!("DELETE FROM orders WHERE user_id = {key} AND item = 'nothing'")),
            (Asked::Change, format!("REPLACE INTO orders (id, user_id, item) VALUES (7700{key}, {key}, 'replaced')")),
        ],
    };
    texts.into_iter().collect()
}

async fn refuses(clients: &mut [Conn; 2], databases: &Databases, scope: &str, covered: &[&str], refused: &[Asked]) {
    let item = marker();
    for place in PLACES {
        for (asked, statement) in statements(place, &item) {
            let expected = covered.contains(&place) && refused.contains(&asked);
            for (client, unit) in clients.iter_mut().zip(UNITS) {
                match sent(client, databases, &statement).await {
                    Ok(_) => assert!(!expected, "{scope}: let through at {unit}: {statement}"),
                    Err((errno, text)) => {
                        assert!(expected, "{scope}: refused at {unit}: {statement}: {text}");
                        assert!(errno == 1290 && text.contains("drill 3"), "{scope}: {errno} {text}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn c3_each_kind_of_forbid_on_each_scope_refuses_what_it_covers_and_nothing_beside_it() {
    use Asked::{Change, Insert, Read};
    let databases = Databases::shared().await;
    let node = Node::shared().await;
    let mut console = node.console("hz").await;
    let mut clients = [node.client("hz").await, node.client("bj").await];
    for (scope, covered) in [
        ("UNIT 'bj'", &["6000", "16000"][..]),
        ("UNIT 'hz'", &["50", "global"]),
        ("GROUP 'main'", &["6000", "16000", "50", "global"]),
        ("SHARDS 5999-6000", &["6000", "16000"]),
        ("SHARDS 0-5999", &["50"]),
        ("KEY 6000", &["6000"]),
        ("GLOBAL ZONE", &["global"]),
    ] {
        for (kind, refused) in [
            ("", &[Insert, Change][..]),
            ("UPDATES ", &[Change]),
            ("ALL ", &[Read, Insert, Change]),
            ("WRITES ", &[Insert, Change]),
        ] {
            let forbid = format!("FORBID {kind}ON {scope} REASON 'drill 3'");
            rows(&mut console, &forbid).await;
            assert_eq!(rows(&mut console, "SHOW FORBIDS").await.len(), 1, "{forbid}");
            refuses(&mut clients, databases, &forbid, covered, refused).await;
        }
        rows(&mut console, &format!("ALLOW WRITES ON {scope}")).await;
        refuses(&mut clients, databases, &format!("lifted: {scope}"), &[], &[]).await;
    }
    clients[0].query_drop("DELETE FROM product WHERE id = 77000002").await.unwrap();
}
