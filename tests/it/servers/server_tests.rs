//! The servers themselves: they start, replicate, and are gone afterwards.

use super::{MariaDb, Mysql9, Mysql9Tree};

const TABLE: &str = "CREATE TABLE kept.t (id INT PRIMARY KEY)";
const ROWS: &str = "INSERT INTO kept.t VALUES (1), (2), (3)";
const COUNT: &str = "SELECT COUNT(*) FROM kept.t";

fn statements() -> Vec<String> {
    ["CREATE DATABASE kept", TABLE, ROWS].map(str::to_owned).to_vec()
}

#[tokio::test]
async fn mariadb_replicates_and_leaves_nothing() {
    let primary = MariaDb::start(&[]).await;
    primary.root().run(&statements()).await.unwrap();
    let replica = primary.replica(2).await;
    assert_eq!(replica.root().value(COUNT).await.unwrap().as_deref(), Some("3"));
    assert_eq!(replica.root().value("SELECT @@GLOBAL.read_only").await.unwrap().as_deref(), Some("1"));
    assert!(primary.general_log().contains(ROWS));
    assert!(!replica.general_log().contains(ROWS), "a replica applies rows, it does not run statements");
    assert_ne!(primary.port(), replica.port());
    let sockets = [primary.socket(), replica.socket()];
    drop((primary, replica));
    assert!(sockets.iter().all(|socket| !socket.exists()));
}

#[tokio::test]
async fn a_killed_server_answers_nobody() {
    let mut server = MariaDb::start(&["--max-connections=20"]).await;
    assert_eq!(server.root().value("SELECT @@max_connections").await.unwrap().as_deref(), Some("20"));
    server.kill();
    assert!(server.root().connect().await.is_err());
}

#[tokio::test]
async fn mysql9_replicates_and_leaves_nothing() {
    let Some(tree) = Mysql9Tree::find().await else { return };
    let primary = Mysql9::start(&tree, 1, &[]).await;
    primary.root().run(&statements()).await.unwrap();
    let mut replica = primary.replica(&tree, 2).await;
    assert_eq!(replica.root().value(COUNT).await.unwrap().as_deref(), Some("3"));
    let version = primary.root().value("SELECT VERSION()").await.unwrap().unwrap();
    assert!(version.starts_with("9."), "{version}");
    let refused = replica.root().value("SELECT * FROM kept.absent").await.unwrap_err();
    let refused = std::error::Error::source(&refused).unwrap().to_string();
    assert!(refused.contains("Table 'kept.absent' doesn't exist"), "{refused}");
    assert!(primary.general_log().contains(ROWS));
    assert_ne!(primary.port(), replica.port());
    replica.kill();
    assert!(replica.root().connect().await.is_err());
    let sockets = [primary.socket(), replica.socket()];
    drop((primary, replica));
    assert!(sockets.iter().all(|socket| !socket.exists()));
}
