//! N5, N7, N8, N9, N11, N14, and DDL: reads stay near, writes go where they are owned, what cannot be placed is refused whole.

use std::time::Duration;

use meridian::model::Role;
use mysql_async::prelude::Queryable;

use super::expect::{executed, rows, sent, until, value};
use super::node::{Node, Setup, TABLES, UNITS};
use super::world::{Databases, marker};

#[tokio::test]
async fn n5_reads_are_served_by_the_unit_s_own_replica() {
    let databases = Databases::shared().await;
    let node = Node::shared().await;
    for here in UNITS {
        let mut client = node.client(here).await;
        let reads = [
            "SELECT * FROM orders WHERE user_id = 6000",
            "SELECT * FROM orders WHERE user_id = 50",
            "SELECT COUNT(*) FROM orders",
            "SELECT * FROM product",
            "SELECT p.name FROM product p JOIN orders o ON o.item = p.name WHERE o.user_id = 6000",
        ];
        for read in reads {
            assert_eq!(sent(&mut client, databases, read).await, Ok(vec![format!("{here} replica")]), "{read}");
        }
        let prepared = "SELECT * FROM orders WHERE user_id = ?";
        assert_eq!(executed(&mut client, databases, prepared, (6000,)).await, Ok(vec![format!("{here} replica")]));
        let strong = "/*meridian: level=strong*/ SELECT * FROM orders WHERE user_id = 6000";
        assert_eq!(sent(&mut client, databases, strong).await, Ok(vec!["bj primary".to_owned()]), "{strong}");
    }
}

#[tokio::test]
async fn n7_a_global_write_runs_at_the_master_alone_and_its_outcome_is_told() {
    let databases = Databases::shared().await;
    let node = Node::shared().await;
    let mut client = node.client("bj").await;
    let name = marker();
    let insert = format!("INSERT INTO product (name, price, stock) VALUES ('{name}', 3, 10), ('{name}', 4, 10)");
    assert_eq!(sent(&mut client, databases, &insert).await, Ok(vec!["hz primary".to_owned()]));
    let id = client.last_insert_id().unwrap();
    assert_eq!(client.info(), "Records: 2  Duplicates: 0  Warnings: 0");
    assert_eq!(value(&mut client, "SELECT LAST_INSERT_ID()").await, id.to_string());
    let stored =
        databases.value("hz", Role::Primary, &format!("SELECT MIN(id) FROM shop.product WHERE name = '{name}'")).await;
    assert_eq!(stored, id.to_string());

    let update = format!("UPDATE product SET stock = 9 WHERE name = '{name}' OR id = 1 AND stock < 0");
    assert_eq!(sent(&mut client, databases, &update).await, Ok(vec!["hz primary".to_owned()]));
    assert_eq!((client.affected_rows(), client.info().as_ref()), (2, "Rows matched: 2  Changed: 2  Warnings: 0"));
    assert_eq!(sent(&mut client, databases, &update).await, Ok(vec!["hz primary".to_owned()]));
    // The driver asks for changed rows, not for found ones, as it would of the server.
    assert_eq!(client.info(), "Rows matched: 2  Changed: 0  Warnings: 0");
    databases.converge().await;
    let count = format!("SELECT COUNT(*) FROM shop.product WHERE name = '{name}'");
    assert_eq!(databases.value("bj", Role::Replica, &count).await, "2");
}

#[tokio::test]
async fn n8_a_write_at_the_wrong_unit_is_refused_where_the_policy_says_so() {
    let databases = Databases::shared().await;
    let mut setup = Setup::shared(databases);
    setup.tables = TABLES.replacen("key = \"user_id\"\n", "key = \"user_id\"\nwrong_unit = \"refuse\"\n", 1);
    let node = Node::start(setup).await;
    let item = marker();
    let insert = format!("INSERT INTO orders (user_id, item) VALUES (6000, '{item}')");
    let mut client = node.client("hz").await;
    let (errno, text) = sent(&mut client, databases, &insert).await.unwrap_err();
    assert_eq!(errno, 1290);
    for named in ["6000", "'hz'", "'bj'", "epoch 1"] {
        assert!(text.contains(named), "{named} is not in: {text}");
    }
    let (errno, _) =
        executed(&mut client, databases, "DELETE FROM orders WHERE user_id = ?", (6000,)).await.unwrap_err();
    assert_eq!(errno, 1290);
    assert_eq!(sent(&mut client, databases, "SELECT 1").await.map(|places| places.len()), Ok(1), "it goes on");
    let mut owner = node.client("bj").await;
    assert_eq!(sent(&mut owner, databases, &insert).await, Ok(vec!["bj primary".to_owned()]));
    let count = format!("SELECT COUNT(*) FROM shop.orders WHERE item = '{item}'");
    assert_eq!(databases.value("bj", Role::Primary, &count).await, "1");
}

#[tokio::test]
async fn n9_a_write_at_the_wrong_unit_is_forwarded_to_its_owner() {
    let databases = Databases::shared().await;
    let node = Node::shared().await;
    let item = marker();
    let mut client = node.client("hz").await;
    let insert = format!("INSERT INTO orders (user_id, item) VALUES (6000, '{item}')");
    assert_eq!(sent(&mut client, databases, &insert).await, Ok(vec!["bj primary".to_owned()]));
    let count = format!("SELECT COUNT(*) FROM shop.orders WHERE item = '{item}'");
    assert_eq!(databases.value("bj", Role::Primary, &count).await, "1");
    // Ids that bj gives are even: it was really made there, not replicated from hz.
    let id: u64 = client.last_insert_id().unwrap();
    databases.converge().await;
    assert_eq!((id % 4, databases.value("hz", Role::Replica, &count).await.as_str()), (2, "1"));
}

#[tokio::test]
async fn n11_keys_of_two_owners_are_refused_whole() {
    let databases = Databases::shared().await;
    let node = Node::shared().await;
    let item = marker();
    let mut client = node.client("hz").await;
    let statements = [
        format!("INSERT INTO orders (user_id, item) VALUES (50, '{item}'), (6000, '{item}')"),
        format!("UPDATE orders SET item = '{item}' WHERE user_id IN (50, 6000)"),
        format!("UPDATE orders SET item = '{item}'"),
        format!("UPDATE orders SET item = '{item}' WHERE amount > 0"),
        "DELETE FROM orders".to_owned(),
    ];
    for statement in &statements {
        let (errno, text) = sent(&mut client, databases, statement).await.unwrap_err();
        assert_eq!(errno, 1105, "{statement}: {text}");
    }
    let insert = "INSERT INTO orders (user_id, item) VALUES (?, ?), (?, ?)";
    let parameters = (50, item.clone(), 6000, item.clone());
    assert_eq!(executed(&mut client, databases, insert, parameters).await.unwrap_err().0, 1105);
    for unit in UNITS {
        let count = format!("SELECT COUNT(*) FROM shop.orders WHERE item = '{item}'");
        assert_eq!(databases.value(unit, Role::Primary, &count).await, "0", "{unit}");
    }
}

#[tokio::test]
async fn n14_a_local_table_is_untouched_by_every_rule_and_forbid() {
    let databases = Databases::shared().await;
    let node = Node::shared().await;
    let mut console = node.console("hz").await;
    for unit in UNITS {
        rows(&mut console, &format!("FORBID ALL ON UNIT '{unit}' REASON 'drill'")).await;
    }
    for here in UNITS {
        let mut client = node.client(here).await;
        client.query_drop("SET @meridian_key = 6000").await.unwrap();
        let message = marker();
        let local = [
            format!("INSERT INTO audit_log (message) VALUES ('{message}')"),
            format!("UPDATE audit_log SET message = CONCAT(message, '') WHERE message = '{message}'"),
            format!("SELECT COUNT(*) FROM audit_log WHERE message = '{message}'"),
            "SELECT 1".to_owned(),
        ];
        for statement in &local {
            let places = sent(&mut client, databases, statement).await;
            assert_eq!(places, Ok(vec![format!("{here} primary")]), "{statement}");
        }
        assert_eq!(
            sent(&mut client, databases, "SELECT * FROM orders WHERE user_id = 6000").await.unwrap_err().0,
            1290
        );
        databases.converge().await;
        for unit in UNITS {
            let count = format!("SELECT COUNT(*) FROM shop.audit_log WHERE message = '{message}'");
            let expected = if unit == here { "1" } else { "0" };
            assert_eq!(
                databases.value(unit, Role::Replica, &count).await,
                expected,
                "written at {here}, read in {unit}"
            );
        }
    }
}

#[tokio::test]
async fn ddl_on_managed_tables_runs_once_at_the_schema_unit_and_is_known_at_once() {
    let databases = Databases::shared().await;
    let mut setup = Setup::shared(databases);
    setup.tables.push_str("[[group.table]]\nname = \"ddl_*\"\nclass = \"global\"\n");
    let node = Node::start(setup).await;
    let mut client = node.client("bj").await;
    let table = format!("ddl_{}", marker());
    let steps = [
        (format!("CREATE TABLE {table} (id INT PRIMARY KEY AUTO_INCREMENT, a INT)"), "hz primary"),
        (format!("INSERT INTO {table} VALUES (NULL, 1)"), "hz primary"),
        (format!("ALTER TABLE {table} ADD COLUMN b INT"), "hz primary"),
        (format!("INSERT INTO {table} VALUES (NULL, 1, 2)"), "hz primary"),
        (format!("CREATE TABLE local_{table} (a INT)"), "bj primary"),
        (format!("INSERT INTO local_{table} VALUES (1)"), "bj primary"),
        (format!("DROP TABLE local_{table}"), "bj primary"),
    ];
    for (statement, place) in &steps {
        assert_eq!(sent(&mut client, databases, statement).await, Ok(vec![(*place).to_owned()]), "{statement}");
    }
    databases.converge().await;
    for unit in UNITS {
        let count = format!("SELECT COUNT(b) FROM shop.{table}");
        assert_eq!(databases.value(unit, Role::Replica, &count).await, "1", "{unit}");
    }
    let drop = format!("DROP TABLE {table}");
    assert_eq!(sent(&mut client, databases, &drop).await, Ok(vec!["hz primary".to_owned()]));
}

#[tokio::test]
async fn a_table_made_past_meridian_is_found_when_it_is_asked_for() {
    let databases = Databases::shared().await;
    let mut setup = Setup::shared(databases);
    setup.tables.push_str("[[group.table]]\nname = \"late_*\"\nclass = \"global\"\n");
    let node = Node::start(setup).await;
    let mut client = node.client("hz").await;
    let table = format!("late_{}", marker());
    databases.run("hz", &format!("CREATE TABLE shop.{table} (a INT)")).await;
    let insert = format!("INSERT INTO {table} VALUES (1)");
    assert_eq!(sent(&mut client, databases, &insert).await, Ok(vec!["hz primary".to_owned()]));
    databases.run("hz", &format!("ALTER TABLE shop.{table} ADD COLUMN b INT")).await;
    until("the new column is known", Duration::from_secs(15), async || {
        client.query_drop(format!("INSERT INTO {table} (a, b) VALUES (1, 2)")).await.is_ok()
    })
    .await;
    databases.run("hz", &format!("DROP TABLE shop.{table}")).await;
}
