//! The harness itself: each world answers through its node.

use meridian::model::Role;
use mysql_async::prelude::Queryable;

use crate::node::{Kind, OneUnit, TwoUnits};

async fn answers(kind: Kind) {
    let Some(unit) = OneUnit::start(kind, |_| {}).await else { return };
    let mut direct = unit.connect_direct(Some("plain")).await.unwrap();
    let mut through = unit.connect(Some("plain")).await.unwrap();
    let version = "SELECT VERSION()";
    let expected: Option<String> = direct.query_first(version).await.unwrap();
    assert_eq!(through.query_first::<String, _>(version).await.unwrap(), expected);
    through.query_drop("CREATE TABLE t (id INT PRIMARY KEY)").await.unwrap();
    through.query_drop("INSERT INTO t VALUES (7)").await.unwrap();
    assert_eq!(direct.query::<i32, _>("SELECT id FROM t").await.unwrap(), [7]);
}

#[tokio::test]
async fn a_node_over_mariadb_answers() {
    answers(Kind::MariaDb).await;
}

#[tokio::test]
async fn a_node_over_mysql9_answers() {
    answers(Kind::Mysql9).await;
}

#[tokio::test]
async fn a_node_of_two_units_carries_a_write_to_its_owner() {
    let world = TwoUnits::start(|_| {}).await;
    let mut client = world.node.connect("hz", Some("shop")).await.unwrap();
    client.query_drop("INSERT INTO orders (user_id, item) VALUES (6000, 'through hz')").await.unwrap();
    let count = "SELECT COUNT(*) FROM shop.orders WHERE item = 'through hz'";
    let owner = world.instance("bj", Role::Primary);
    assert_eq!(owner.root().value(count).await.unwrap().as_deref(), Some("1"));
}
