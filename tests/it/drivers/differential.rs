//! The sessions of `sessions.sql`, directly and through Meridian: alone, and many at once over two connections.

use mysql_async::Conn;
use tokio::task::JoinSet;

use super::transcript::{Script, differences, run, scripts};
use crate::node::{Kind, Node, OneUnit, app_options};

const SESSIONS: &str = include_str!("sessions.sql");

/// How many copies of each session run at once.
const COPIES: usize = 3;

const GIVEN_BACK: &str = "ERROR 1105 (HY000): meridian: what the last statement left was given back";

async fn in_new_schema(port: u16, script: &Script, db: &str) -> Vec<String> {
    let mut connection = Conn::new(app_options(port, None)).await.unwrap();
    for statement in [format!("DROP DATABASE IF EXISTS {db}"), format!("CREATE DATABASE {db} CHARACTER SET utf8mb4")] {
        mysql_async::prelude::Queryable::query_drop(&mut connection, statement).await.unwrap();
    }
    connection.disconnect().await.unwrap();
    let mut connection = Conn::new(app_options(port, Some(db))).await.unwrap();
    let transcript = run(&mut connection, script, db).await;
    connection.disconnect().await.unwrap();
    transcript
}

fn schema(script: &Script, copy: usize) -> String {
    format!("plain_{}_{copy}", script.name)
}

async fn answers_are_the_servers_own(kind: Kind) {
    let Some(unit) = OneUnit::start(kind, |_| {}).await else { return };
    let mut found = Vec::new();
    for script in scripts(SESSIONS, kind) {
        let db = schema(&script, 0);
        let direct = in_new_schema(unit.direct_port(), &script, &db).await;
        let through = in_new_schema(unit.port(), &script, &db).await;
        assert_eq!(direct.len(), through.len());
        found.extend(differences(&direct, &through));
    }
    assert!(found.is_empty(), "{} statements differ:\n{}", found.len(), found.join("\n"));
}

async fn nothing_leaks(kind: Kind) {
    let Some(unit) = OneUnit::start(kind, |_| {}).await else { return };
    let few = |plan: &mut crate::node::NodePlan| {
        plan.backend = "connections_per_instance = 2\nqueue_deadline = \"60s\"\n".to_owned();
    };
    let node: Node = unit.another_node(few).await;
    let mut expected = Vec::new();
    for script in scripts(SESSIONS, kind) {
        for copy in 0..COPIES {
            let db = schema(&script, copy);
            expected.push((in_new_schema(unit.direct_port(), &script, &db).await, script.clone(), db));
        }
    }
    let mut running = JoinSet::new();
    for (direct, script, db) in expected {
        let port = node.port("hz");
        running.spawn(async move { differences(&direct, &in_new_schema(port, &script, &db).await) });
    }
    // Told instead of a wrong answer where the last reply's connection had to go to others; never anything else.
    let found = running.join_all().await.into_iter().flatten();
    let found: Vec<String> = found.filter(|difference| !difference.contains(GIVEN_BACK)).collect();
    assert!(found.is_empty(), "{} statements differ:\n{}", found.len(), found.join("\n"));
}

#[tokio::test]
async fn answers_are_those_of_mariadb() {
    answers_are_the_servers_own(Kind::MariaDb).await;
}

#[tokio::test]
async fn answers_are_those_of_mysql9() {
    answers_are_the_servers_own(Kind::Mysql9).await;
}

#[tokio::test]
async fn nothing_leaks_between_sessions_that_share_two_connections_to_mariadb() {
    nothing_leaks(Kind::MariaDb).await;
}

#[tokio::test]
async fn nothing_leaks_between_sessions_that_share_two_connections_to_mysql9() {
    nothing_leaks(Kind::Mysql9).await;
}
