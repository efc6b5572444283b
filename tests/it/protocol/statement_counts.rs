//! `SHOW SESSION STATUS LIKE 'Com_stmt_%'`: a session's own counts of what it asked about prepared statements, though the connection is shared.

use meridian::wire::scanner::ReplyKind;

use super::raw::{Raw, usual};
use crate::node::{Kind, NodePlan, OneUnit};

const COUNTS: &str = "SHOW SESSION STATUS LIKE 'Com_stmt_%'";

/// The rows as they come.
async fn counts(client: &mut Raw) -> String {
    let reply = client.query(COUNTS).await;
    let rows = reply.packets().into_iter().skip(3).map(|row| row.escape_ascii().to_string());
    rows.collect::<Vec<_>>().join(" ")
}

/// What a client is told of itself, while `other` uses the same connection.
async fn told(port: u16, kind: Kind) -> Vec<String> {
    let mut client = Raw::connect(port, Some("plain"), usual(kind)).await;
    let mut other = Raw::connect(port, Some("plain"), usual(kind)).await;
    let mut told = Vec::new();
    told.push(counts(&mut client).await);
    let id = client.prepare("SELECT 7 AS seven").await;
    for _ in 0..3 {
        let prepared = other.prepare("SELECT 7 AS seven").await;
        other.send(&[b"\x19", &prepared[..]].concat()).await;
    }
    let execution = |id: &[u8]| [b"\x17", id, b"\0\x01\0\0\0"].concat();
    for _ in 0..2 {
        client.ask(&execution(&id), ReplyKind::Query).await;
    }
    client.ask(&[b"\x1a", &id[..]].concat(), ReplyKind::Simple).await;
    let with_parameter = client.prepare("SELECT ?").await;
    client.send(&[b"\x18", &with_parameter[..], b"\0\0piece"].concat()).await;
    client.ask(&[b"\x1a", &with_parameter[..]].concat(), ReplyKind::Simple).await;
    told.push(counts(&mut client).await);
    client.send(&[b"\x19", &id[..]].concat()).await;
    // Those that fail count as well.
    client.ask(b"\x16SELEC", ReplyKind::Prepare).await;
    let failing = client.prepare("SELECT (SELECT 1 UNION SELECT 2)").await;
    assert_eq!(client.ask(&execution(&failing), ReplyKind::Query).await.errno(), Some(1242));
    told.push(counts(&mut client).await);
    for text in ["PREPARE named FROM 'SELECT 1'", "EXECUTE named", "EXECUTE named", "DEALLOCATE PREPARE named"] {
        client.query(text).await;
    }
    told.push(counts(&mut client).await);
    assert_eq!(client.ask(b"\x1f", ReplyKind::Simple).await.errno(), None);
    told.push(counts(&mut client).await);
    told
}

async fn counts_are_the_sessions_own(kind: Kind) {
    let one = |plan: &mut NodePlan| plan.backend = "connections_per_instance = 1\n".to_owned();
    let Some(unit) = OneUnit::start(kind, one).await else { return };
    let direct = told(unit.direct_port(), kind).await;
    assert!(direct[1].contains("Com_stmt_execute\\x012"), "{direct:#?}");
    let through = told(unit.port(), kind).await;
    assert_eq!(through, direct);
}

#[tokio::test]
async fn counts_of_prepared_statements_are_the_sessions_own_on_mariadb() {
    counts_are_the_sessions_own(Kind::MariaDb).await;
}

#[tokio::test]
async fn counts_of_prepared_statements_are_the_sessions_own_on_mysql9() {
    counts_are_the_sessions_own(Kind::Mysql9).await;
}
