//! MariaDB's bulk execution: one owner for all rows, or none is sent; types remembered; the server's own answer.

use meridian::model::Role;
use meridian::wire::capability::Capabilities;
use meridian::wire::scanner::{EndKind, ReplyKind};
use mysql_async::prelude::Queryable;

use super::raw::{Raw, usual};
use crate::node::{Kind, OneUnit};
use crate::scenarios::expect::refused;
use crate::scenarios::node::Node;
use crate::scenarios::world::{Databases, marker};

#[tokio::test]
async fn rows_of_one_owner_go_to_it_and_rows_of_two_nowhere() {
    let databases = Databases::shared().await;
    let node = Node::shared().await;
    let mut client = node.client("hz").await;
    let insert = "INSERT INTO orders (user_id, item, amount) VALUES (?, ?, ?)";
    let counted = async |item: &str| {
        let count = format!("SELECT COUNT(*) FROM shop.orders WHERE item = '{item}'");
        (databases.value("hz", Role::Primary, &count).await, databases.value("bj", Role::Primary, &count).await)
    };
    let mixed = marker();
    let rows = [(6000, &mixed, 1), (6001, &mixed, 1), (50, &mixed, 1)];
    let (errno, text) = refused(client.exec_batch(insert, rows).await.unwrap_err());
    assert!(errno == 1105 && text.contains("keys of two owners"), "{text}");
    assert_eq!(counted(&mixed).await, ("0".to_owned(), "0".to_owned()));
    let item = marker();
    client.exec_batch(insert, (0..100).map(|number| (6000 + number, &item, number))).await.unwrap();
    assert_eq!(counted(&item).await.1, "100");
    let keyless = client.exec_batch("UPDATE orders SET amount = ? WHERE item = ?", [(1, &item), (2, &item)]).await;
    assert_eq!(refused(keyless.unwrap_err()).0, 1105);
    client.exec_batch("DELETE FROM orders WHERE user_id = ?", (0..100).map(|number| (6000 + number,))).await.unwrap();
    assert_eq!(counted(&item).await.1, "0");
}

#[tokio::test]
async fn bulk_executions_are_the_servers_own() {
    let Some(unit) = OneUnit::start(Kind::MariaDb, |_| {}).await else { return };
    let table =
        "CREATE TABLE plain.bulky (id INT AUTO_INCREMENT PRIMARY KEY, n INT DEFAULT 5, v VARCHAR(20))".to_owned();
    unit.root().run(&[table]).await.unwrap();
    let mut seen = Vec::new();
    for port in [unit.direct_port(), unit.port()] {
        let flags = usual(Kind::MariaDb) | Capabilities::BULK_OPERATIONS;
        let mut client = Raw::connect(port, Some("plain"), flags).await;
        assert!(client.capabilities.contains(Capabilities::BULK_OPERATIONS));
        client.query("TRUNCATE bulky").await;
        let id = client.prepare("INSERT INTO bulky (n, v) VALUES (?, ?)").await;
        let head = [&b"\xfa"[..], &id].concat();
        // (7, 'ab'), (NULL, NULL), (DEFAULT, 'c'); then one row without types.
        let typed = [&head[..], b"\x80\0\x03\0\xfd\0\0\x07\0\0\0\0\x02ab\x01\x01\x02\0\x01c"].concat();
        let again = [&head[..], b"\0\0\0\x08\0\0\0\0\x01d"].concat();
        let torn = [&head[..], b"\0\0\0\x08\0"].concat();
        let first = client.ask(&typed, ReplyKind::Query).await;
        assert_eq!((first.end.kind, first.end.affected_rows), (EndKind::Ok, 3), "{}", first.message());
        let second = client.ask(&again, ReplyKind::Query).await;
        let rows = client
            .value("SELECT GROUP_CONCAT(id, ':', COALESCE(n, 'null'), ':', COALESCE(v, 'null') ORDER BY id) FROM bulky")
            .await;
        seen.push((first.bytes, second.bytes, rows));
        assert!(client.ask(&torn, ReplyKind::Query).await.errno().is_some());
        assert_eq!(client.value("SELECT COUNT(*) FROM bulky").await, "4");
        let bare = client.prepare("SELECT 1").await;
        let refused = client.ask(&[&b"\xfa"[..], &bare, b"\0\0"].concat(), ReplyKind::Query).await;
        assert!(refused.errno().is_some());
    }
    assert_eq!(seen[1], seen[0]);
    assert_eq!(seen[0].2, "1:7:ab,2:null:null,3:5:c,4:8:d");
    // Who did not negotiate it cannot use it.
    let mut without = Raw::connect(unit.port(), None, usual(Kind::MariaDb)).await;
    assert_eq!(without.ask(b"\xfa\x01\0\0\0\0\0", ReplyKind::Query).await.errno(), Some(1047));
}
