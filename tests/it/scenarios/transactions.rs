//! N12: a transaction opens late, at the place of its first statement, and from its first write on it stays there.

use meridian::model::Role;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use super::expect::{error_of, sent, value};
use super::node::{Node, Setup, UNITS};
use super::world::{Databases, marker};

async fn at(client: &mut Conn, sql: &str, place: &str) {
    let databases = Databases::shared().await;
    assert_eq!(sent(client, databases, sql).await, Ok(vec![place.to_owned()]), "{sql}");
}

async fn count(unit: &str, item: &str) -> String {
    let query = format!("SELECT COUNT(*) FROM shop.orders WHERE item = '{item}'");
    Databases::shared().await.value(unit, Role::Primary, &query).await
}

fn insert(user: u32, item: &str) -> String {
    format!("INSERT INTO orders (user_id, item) VALUES ({user}, '{item}')")
}

#[tokio::test]
async fn n12_the_second_owner_is_refused_and_the_first_still_commits_or_rolls_back() {
    let databases = Databases::shared().await;
    let node = Node::shared().await;
    for (end, rows) in [("COMMIT", "1"), ("ROLLBACK", "0")] {
        for here in UNITS {
            let mut client = node.client(here).await;
            let item = marker();
            client.query_drop("BEGIN").await.unwrap();
            at(&mut client, &insert(50, &item), "hz primary").await;
            let (errno, text) = sent(&mut client, databases, &insert(6000, &item)).await.unwrap_err();
            assert_eq!(errno, 1179, "{text}");
            assert_eq!(count("hz", &item).await, "0", "nothing is committed yet");
            // The transaction reads its own write, on its own connection.
            assert_eq!(value(&mut client, &format!("SELECT COUNT(*) FROM orders WHERE item = '{item}'")).await, "1");
            at(&mut client, "SELECT * FROM product", "hz primary").await;
            client.query_drop(end).await.unwrap();
            assert_eq!(
                (count("hz", &item).await.as_str(), count("bj", &marker()).await.as_str()),
                (rows, "0"),
                "{end}"
            );
            at(&mut client, &insert(6000, &marker()), "bj primary").await;
        }
    }
}

#[tokio::test]
async fn n12_begin_is_sent_with_the_first_statement_and_not_before() {
    let databases = Databases::shared().await;
    let node = Node::shared().await;
    let mut client = node.client("hz").await;
    let (begin, commit) = (marker(), marker());
    client.query_drop(format!("START TRANSACTION /* {begin} */")).await.unwrap();
    assert_eq!(databases.executed(&begin), Vec::<String>::new());
    at(&mut client, &insert(6000, &marker()), "bj primary").await;
    assert_eq!(databases.executed(&begin), ["bj primary"]);
    client.query_drop(format!("COMMIT /* {commit} */")).await.unwrap();
    assert_eq!(databases.executed(&commit), ["bj primary"]);
    let empty = marker();
    client.query_drop(format!("BEGIN /* {empty} */")).await.unwrap();
    client.query_drop(format!("ROLLBACK /* {empty} */")).await.unwrap();
    assert_eq!(databases.executed(&empty), Vec::<String>::new(), "an empty transaction costs no server anything");
}

#[tokio::test]
async fn n12_a_transaction_that_has_only_read_moves_to_the_owner_of_its_first_write() {
    let node = Node::shared().await;
    let mut client = node.client("hz").await;
    let item = marker();
    client.query_drop("BEGIN").await.unwrap();
    at(&mut client, "SELECT * FROM orders WHERE user_id = 50", "hz primary").await;
    at(&mut client, &insert(6000, &item), "bj primary").await;
    assert_eq!(value(&mut client, &format!("SELECT COUNT(*) FROM orders WHERE item = '{item}'")).await, "1");
    client.query_drop("ROLLBACK").await.unwrap();
    assert_eq!(count("bj", &item).await, "0", "what came after the move was in the transaction");
}

#[tokio::test]
async fn n12_what_a_consistent_snapshot_has_read_is_not_read_again_elsewhere() {
    let databases = Databases::shared().await;
    let node = Node::shared().await;
    let mut client = node.client("hz").await;
    let openings: [&[&str]; 3] = [
        &["START TRANSACTION WITH CONSISTENT SNAPSHOT"],
        &["SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE", "BEGIN"],
        &["SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "BEGIN", "SAVEPOINT a"],
    ];
    for opening in openings {
        for statement in opening {
            client.query_drop(*statement).await.unwrap();
        }
        at(&mut client, "SELECT * FROM orders WHERE user_id = 50", "hz primary").await;
        let (errno, text) = sent(&mut client, databases, &insert(6000, "snapshot")).await.unwrap_err();
        assert_eq!(errno, 1179, "{opening:?}: {text}");
        at(&mut client, &insert(50, &marker()), "hz primary").await;
        client.query_drop("ROLLBACK").await.unwrap();
    }
}

#[tokio::test]
async fn n12_savepoints_work_before_and_within_the_open_transaction() {
    let node = Node::shared().await;
    let mut client = node.client("bj").await;
    let (kept, undone) = (marker(), marker());
    client.query_drop("BEGIN").await.unwrap();
    client.query_drop("SAVEPOINT a").await.unwrap();
    at(&mut client, &insert(50, &undone), "hz primary").await;
    client.query_drop("ROLLBACK TO a").await.unwrap();
    at(&mut client, &insert(50, &kept), "hz primary").await;
    client.query_drop("SAVEPOINT b").await.unwrap();
    at(&mut client, &insert(50, &undone), "hz primary").await;
    client.query_drop("ROLLBACK TO SAVEPOINT b").await.unwrap();
    client.query_drop("COMMIT").await.unwrap();
    assert_eq!((count("hz", &kept).await.as_str(), count("hz", &undone).await.as_str()), ("1", "0"));
}

#[tokio::test]
async fn n12_without_autocommit_every_statement_stands_in_a_transaction() {
    let databases = Databases::shared().await;
    let node = Node::shared().await;
    let mut client = node.client("hz").await;
    let item = marker();
    client.query_drop("SET autocommit = 0").await.unwrap();
    at(&mut client, &insert(6000, &item), "bj primary").await;
    assert_eq!(sent(&mut client, databases, &insert(50, &item)).await.unwrap_err().0, 1179);
    assert_eq!(count("bj", &item).await, "0");
    client.query_drop("COMMIT").await.unwrap();
    assert_eq!(count("bj", &item).await, "1");
    // A row of bj comes to hz by replication; so hz's has a mark of its own.
    let item = marker();
    at(&mut client, &insert(50, &item), "hz primary").await;
    client.query_drop("ROLLBACK").await.unwrap();
    assert_eq!(count("hz", &item).await, "0");
    at(&mut client, &insert(50, &item), "hz primary").await;
    client.query_drop("SET autocommit = 1").await.unwrap();
    assert_eq!(count("hz", &item).await, "1", "switching it on commits");
    let mut other = node.client("hz").await;
    assert_eq!(value(&mut other, "SELECT @@autocommit").await, "1", "another session keeps its own");
}

#[tokio::test]
async fn n12_a_read_only_transaction_may_use_the_replica_and_never_writes() {
    let databases = Databases::shared().await;
    let node = Node::shared().await;
    let mut client = node.client("bj").await;
    client.query_drop("START TRANSACTION READ ONLY").await.unwrap();
    at(&mut client, "SELECT * FROM orders WHERE user_id = 50", "bj replica").await;
    at(&mut client, "SELECT * FROM product", "bj replica").await;
    assert_eq!(sent(&mut client, databases, &insert(6000, "read only")).await.unwrap_err().0, 1792);
    client.query_drop("COMMIT").await.unwrap();
    at(&mut client, &insert(6000, &marker()), "bj primary").await;
}

#[tokio::test]
async fn n12_chained_transactions_and_implicit_commits_are_the_server_s() {
    let node = Node::shared().await;
    let mut client = node.client("hz").await;
    let (first, second) = (marker(), marker());
    client.query_drop("BEGIN").await.unwrap();
    at(&mut client, &insert(50, &first), "hz primary").await;
    client.query_drop("COMMIT AND CHAIN").await.unwrap();
    at(&mut client, &insert(50, &second), "hz primary").await;
    client.query_drop("ROLLBACK").await.unwrap();
    assert_eq!((count("hz", &first).await.as_str(), count("hz", &second).await.as_str()), ("1", "0"));

    let (by_begin, by_ddl) = (marker(), marker());
    client.query_drop("BEGIN").await.unwrap();
    at(&mut client, &insert(50, &by_begin), "hz primary").await;
    client.query_drop("BEGIN").await.unwrap();
    assert_eq!(count("hz", &by_begin).await, "1", "BEGIN commits what was open");
    at(&mut client, &insert(50, &by_ddl), "hz primary").await;
    client.query_drop("ALTER TABLE product COMMENT 'for sale'").await.unwrap();
    assert_eq!(count("hz", &by_ddl).await, "1", "DDL commits what was open");
    at(&mut client, &insert(6000, &marker()), "bj primary").await;
}

#[tokio::test]
async fn a_failed_statement_leaves_the_transaction_as_the_server_does() {
    let node = Node::shared().await;
    let mut client = node.client("hz").await;
    let item = marker();
    client.query_drop("BEGIN").await.unwrap();
    at(&mut client, &insert(6000, &item), "bj primary").await;
    assert_eq!(error_of(&mut client, "SELECT nothing FROM orders WHERE user_id = 6000").await.0, 1054);
    client.query_drop("ROLLBACK").await.unwrap();
    assert_eq!(count("bj", &item).await, "0", "the error ended nothing");
}

#[tokio::test]
async fn a_begin_survives_a_first_statement_that_the_server_refuses() {
    let databases = Databases::shared().await;
    let mut setup = Setup::shared(databases);
    setup.tables.push_str("[[group.table]]\nname = \"gone_*\"\nclass = \"global\"\n");
    let node = Node::start(setup).await;
    let mut client = node.client("bj").await;
    let table = format!("gone_{}", marker());
    client.query_drop(format!("CREATE TABLE {table} (a INT)")).await.unwrap();
    databases.converge().await;
    // Prepared in this unit; the master, where it runs, has never heard of it, and meanwhile has no such table.
    let statement = client.prep(format!("INSERT INTO {table} VALUES (?)")).await.unwrap();
    databases.run("hz", &format!("DROP TABLE shop.{table}")).await;
    for refused in ["SELECT nothing FROM orders WHERE user_id = 50", "prepared"] {
        let item = marker();
        client.query_drop("BEGIN").await.unwrap();
        let outcome = match refused {
            "prepared" => client.exec_drop(&statement, (1,)).await,
            text => client.query_drop(text).await,
        };
        assert!(matches!(outcome, Err(mysql_async::Error::Server(_))), "{refused}: {outcome:?}");
        at(&mut client, &insert(50, &item), "hz primary").await;
        client.query_drop("ROLLBACK").await.unwrap();
        assert_eq!(count("hz", &item).await, "0", "after {refused}: the transaction was still there");
    }
}

#[tokio::test]
async fn preparing_a_statement_never_takes_the_connection_from_an_open_transaction() {
    let node = Node::shared().await;
    let mut client = node.client("hz").await;
    let item = marker();
    client.query_drop("BEGIN").await.unwrap();
    at(&mut client, &insert(6000, &item), "bj primary").await;
    let statement = client.prep("SELECT COUNT(*) FROM orders WHERE user_id = ? AND item = ?").await.unwrap();
    let (mut other, others) = (node.client("hz").await, marker());
    at(&mut other, &insert(6000, &others), "bj primary").await;
    let seen: Option<u32> = client.exec_first(&statement, (6000, &item)).await.unwrap();
    assert_eq!(seen, Some(1), "it reads its own write");
    client.query_drop("ROLLBACK").await.unwrap();
    assert_eq!((count("bj", &item).await.as_str(), count("bj", &others).await.as_str()), ("0", "1"));
}
