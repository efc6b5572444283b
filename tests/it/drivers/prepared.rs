//! Prepared statements of many sessions over few connections: bounded at the server, and right after the schema has changed.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};
use tokio::task::JoinSet;

use crate::node::{Kind, NodePlan, OneUnit, app_options};

/// How many sessions prepare, and how many texts each; all differ.
const SESSIONS: u32 = 8;
const TEXTS: u32 = 1250;

/// The server's own limit in this test. Half of it belongs to the node's four connections.
const SERVER_LIMIT: u32 = 80;

fn four(plan: &mut NodePlan) {
    plan.backend = "connections_per_instance = 4\nqueue_deadline = \"120s\"\n".to_owned();
}

async fn ten_thousand_statements_stay_bounded(kind: Kind) {
    let Some(unit) = OneUnit::start(kind, four).await else { return };
    unit.root().run(&[format!("SET GLOBAL max_prepared_stmt_count = {SERVER_LIMIT}")]).await.unwrap();
    let node = unit.another_node(four).await;
    let port = node.port("hz");
    let mut sessions = JoinSet::new();
    for session in 0..SESSIONS {
        sessions.spawn(async move {
            // Without a cache of its own the driver closes none: all stay the client's until it leaves.
            let options = app_options(port, Some("plain")).stmt_cache_size(Some(0));
            let mut client = Conn::new(options).await.unwrap();
            let mut kept = Vec::new();
            for text in 0..TEXTS {
                let statement = client.prep(format!("SELECT ? + {session} * 10000 + {text}")).await.unwrap();
                let sum: Option<u32> = client.exec_first(&statement, (1,)).await.unwrap();
                assert_eq!(sum, Some(session * 10_000 + text + 1));
                kept.push(statement);
            }
            // The first ones have been closed at the server long since.
            for text in [0, TEXTS / 2, TEXTS - 1] {
                let sum: Option<u32> = client.exec_first(&kept[text as usize], (2,)).await.unwrap();
                assert_eq!(sum, Some(session * 10_000 + text + 2));
            }
        });
    }
    while let Some(ended) = sessions.join_next().await {
        ended.unwrap();
    }
    let mut direct = unit.connect_direct(None).await.unwrap();
    let count: Option<(String, u32)> =
        direct.query_first("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'").await.unwrap();
    let count = count.unwrap().1;
    assert!(count > 0 && count <= SERVER_LIMIT / 2, "{count} prepared statements at the server");
}

async fn the_same_text_again_and_again_is_one_statement(kind: Kind) {
    let Some(unit) = OneUnit::start(kind, four).await else { return };
    let mut client = Conn::new(app_options(unit.port(), Some("plain")).stmt_cache_size(Some(0))).await.unwrap();
    for round in 0..200_u32 {
        let statement = client.prep("SELECT ? * 2").await.unwrap();
        let doubled: Option<u32> = client.exec_first(&statement, (round,)).await.unwrap();
        assert_eq!(doubled, Some(round * 2));
        client.close(statement).await.unwrap();
    }
    let mut direct = unit.connect_direct(None).await.unwrap();
    let count: Option<(String, u32)> =
        direct.query_first("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'").await.unwrap();
    assert!(count.clone().unwrap().1 <= 4, "{count:?}");
}

async fn a_changed_table_is_described_anew(kind: Kind) {
    let Some(unit) = OneUnit::start(kind, four).await else { return };
    let options = app_options(unit.port(), Some("plain"));
    let (mut client, mut other) = (Conn::new(options.clone()).await.unwrap(), Conn::new(options).await.unwrap());
    other.query_drop("CREATE TABLE changing (id INT PRIMARY KEY, note VARCHAR(20))").await.unwrap();
    other.query_drop("INSERT INTO changing VALUES (1, 'one')").await.unwrap();
    let all = client.prep("SELECT * FROM changing WHERE id = ?").await.unwrap();
    let columns = async |client: &mut Conn| {
        let row: Option<Row> = client.exec_first(&all, (1,)).await.unwrap();
        row.unwrap().columns_ref().iter().map(|column| column.name_str().into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(columns(&mut client).await, ["id", "note"]);
    other.query_drop("ALTER TABLE changing ADD COLUMN more INT DEFAULT 7, MODIFY note TEXT").await.unwrap();
    assert_eq!(columns(&mut client).await, ["id", "note", "more"]);
    other.query_drop("DROP TABLE changing").await.unwrap();
    other.query_drop("CREATE TABLE changing (id INT PRIMARY KEY)").await.unwrap();
    other.query_drop("INSERT INTO changing VALUES (1)").await.unwrap();
    assert_eq!(columns(&mut client).await, ["id"]);
    // Its connection is gone, and with it what was prepared there: the next execution prepares it again.
    for kill in 0..2 {
        let ids: Vec<u64> = unit
            .connect_direct(None)
            .await
            .unwrap()
            .query("SELECT id FROM information_schema.processlist WHERE user = 'app' AND db = 'plain' AND command = 'Sleep'")
            .await
            .unwrap();
        unit.root().run(&ids.iter().map(|id| format!("KILL {id}")).collect::<Vec<_>>()).await.unwrap();
        assert_eq!(columns(&mut client).await, ["id"], "after KILL {kill}");
    }
}

#[tokio::test]
async fn ten_thousand_distinct_statements_stay_bounded_at_mariadb() {
    ten_thousand_statements_stay_bounded(Kind::MariaDb).await;
}

#[tokio::test]
async fn ten_thousand_distinct_statements_stay_bounded_at_mysql9() {
    ten_thousand_statements_stay_bounded(Kind::Mysql9).await;
}

#[tokio::test]
async fn a_text_prepared_again_and_again_is_one_statement_at_the_server() {
    the_same_text_again_and_again_is_one_statement(Kind::MariaDb).await;
}

#[tokio::test]
async fn a_statement_outlives_changes_of_its_table_and_its_connection_on_mariadb() {
    a_changed_table_is_described_anew(Kind::MariaDb).await;
}

#[tokio::test]
async fn a_statement_outlives_changes_of_its_table_and_its_connection_on_mysql9() {
    a_changed_table_is_described_anew(Kind::Mysql9).await;
}
