//! Several prepared statements of one text: each with a cursor of its own, and each reading its values as if it were alone at the server.

use meridian::wire::capability::Capabilities;
use meridian::wire::scanner::ReplyKind;

use super::raw::{Raw, usual};
use crate::node::{Kind, NodePlan, OneUnit};

/// An execution of a statement without parameters.
fn execute(id: [u8; 4], cursor: bool) -> Vec<u8> {
    [&b"\x17"[..], &id, &[u8::from(cursor)], b"\x01\0\0\0"].concat()
}

fn fetch(id: [u8; 4], rows: u8) -> Vec<u8> {
    [&b"\x1c"[..], &id, &[rows, 0, 0, 0]].concat()
}

/// The replies to three statements, two of them of one text, whose cursors are read in turns.
async fn in_turns(port: u16, kind: Kind) -> Vec<String> {
    let mut client = Raw::connect(port, Some("plain"), usual(kind)).await;
    let mut ids = Vec::new();
    for text in ["SELECT v FROM ten ORDER BY v", "SELECT v FROM ten ORDER BY v", "SELECT v FROM ten ORDER BY v DESC"] {
        ids.push(client.prepare(text).await);
    }
    let mut all = Vec::new();
    for id in &ids {
        all.push(client.ask(&execute(*id, true), ReplyKind::Cursor).await);
    }
    for rows in [1, 2, 3] {
        for id in &ids {
            all.push(client.ask(&fetch(*id, rows), ReplyKind::Fetch).await);
        }
    }
    // The second is read to its end, then the first goes on; the third is closed with its statement.
    all.push(client.ask(&fetch(ids[1], 9), ReplyKind::Fetch).await);
    all.push(client.ask(&fetch(ids[0], 2), ReplyKind::Fetch).await);
    client.send(&[&b"\x19"[..], &ids[2]].concat()).await;
    all.push(client.query("SELECT COUNT(*) FROM ten").await);
    // Executed anew while its cursor is open.
    all.push(client.ask(&execute(ids[0], true), ReplyKind::Cursor).await);
    all.push(client.ask(&fetch(ids[0], 1), ReplyKind::Fetch).await);
    // The same text for rows at once, by a statement that never had a cursor: MySQL 9 itself breaks the reply of one that had.
    let plain = client.prepare("SELECT v FROM ten ORDER BY v").await;
    all.push(client.ask(&execute(plain, false), ReplyKind::Query).await);
    if kind == Kind::MariaDb {
        all.push(client.ask(&execute(ids[0], false), ReplyKind::Query).await);
        all.push(client.ask(&execute(ids[1], false), ReplyKind::Query).await);
    }
    all.iter().map(|reply| reply.bytes.escape_ascii().to_string()).collect()
}

async fn cursors_are_read_in_turns(kind: Kind) {
    let Some(unit) = OneUnit::start(kind, |_| {}).await else { return };
    let rows: Vec<String> = (0..10).map(|row| format!("({row})")).collect();
    let fill = [
        "CREATE TABLE plain.ten (v INT PRIMARY KEY)".to_owned(),
        format!("INSERT INTO plain.ten VALUES {}", rows.join(",")),
    ];
    unit.root().run(&fill).await.unwrap();
    unit.wait_until_replicated().await;
    let direct = in_turns(unit.direct_port(), kind).await;
    let through = in_turns(unit.port(), kind).await;
    assert_eq!(through.len(), direct.len());
    for (number, (through, direct)) in through.iter().zip(&direct).enumerate() {
        assert_eq!(through, direct, "reply {number}");
    }
}

#[tokio::test]
async fn cursors_are_read_in_turns_on_mariadb() {
    cursors_are_read_in_turns(Kind::MariaDb).await;
}

#[tokio::test]
async fn cursors_are_read_in_turns_on_mysql9() {
    cursors_are_read_in_turns(Kind::Mysql9).await;
}

/// An integer, text, NULL.
#[derive(Clone, Copy, Debug)]
enum Sent {
    Integer,
    Text,
    Null,
}

impl Sent {
    /// The rest of a COM_STMT_EXECUTE behind the statement's id.
    fn tail(self, client: &Raw) -> Vec<u8> {
        let (null, described, value): (u8, &[u8], &[u8]) = match self {
            Sent::Integer => (0, &[8, 0], &[5, 0, 0, 0, 0, 0, 0, 0]),
            Sent::Text => (0, &[0xfd, 0], b"\x03abc"),
            Sent::Null => (1, &[6, 0], b""),
        };
        let attributes = client.capabilities.contains(Capabilities::QUERY_ATTRIBUTES);
        let (count, name): (&[u8], &[u8]) = if attributes { (&[1], &[0]) } else { (&[], &[]) };
        [&b"\0\x01\0\0\0"[..], count, &[null, 1], described, name, value].concat()
    }
}

/// What a new client's statement says to each of `values` in turn.
async fn said(port: u16, kind: Kind, text: &str, values: &[Sent]) -> Vec<String> {
    let mut client = Raw::connect(port, Some("plain"), usual(kind)).await;
    let id = client.prepare(text).await;
    let mut all = Vec::new();
    for value in values {
        let payload = [&b"\x17"[..], &id, &value.tail(&client)].concat();
        let reply = client.ask(&payload, ReplyKind::Query).await;
        all.push(format!("{value:?}: {}", reply.bytes.escape_ascii()));
    }
    all
}

/// MySQL's statements remember the types of their first values: `SELECT ?` that has seen a number reads every text as one.
async fn values_are_read_alone(kind: Kind) {
    let one = |plan: &mut NodePlan| plan.backend = "connections_per_instance = 1\n".to_owned();
    let Some(unit) = OneUnit::start(kind, one).await else { return };
    let orders: [&[Sent]; 6] = [
        &[Sent::Integer, Sent::Text],
        &[Sent::Text, Sent::Integer, Sent::Text],
        &[Sent::Null, Sent::Text],
        &[Sent::Text],
        &[Sent::Null, Sent::Integer],
        &[Sent::Integer],
    ];
    for text in ["SELECT ?", "SELECT COALESCE(?, 1)", "SELECT ? + 1"] {
        for values in orders {
            let direct = said(unit.direct_port(), kind, text, values).await;
            assert_eq!(said(unit.port(), kind, text, values).await, direct, "{text}");
        }
    }
}

#[tokio::test]
async fn values_are_read_alone_on_mariadb() {
    values_are_read_alone(Kind::MariaDb).await;
}

#[tokio::test]
async fn values_are_read_alone_on_mysql9() {
    values_are_read_alone(Kind::Mysql9).await;
}

/// What a new client's statement says to `times` executions with a vector, as a string, and an integer without sign, which its column has.
async fn said_to_vectors(port: u16, times: usize) -> Vec<String> {
    let mut client = Raw::connect(port, Some("plain"), usual(Kind::Mysql9)).await;
    let id = client.prepare("INSERT INTO vectors VALUES (?, ?)").await;
    let attributes = client.capabilities.contains(Capabilities::QUERY_ATTRIBUTES);
    let (count, name): (&[u8], &[u8]) = if attributes { (&[2], &[0]) } else { (&[], &[]) };
    let types = [&[0, 1, 0xfe, 0], name, &[1, 0x80], name].concat();
    let vector = [1f32, 2., 3.].map(f32::to_le_bytes).concat();
    let execution = [&b"\x17"[..], &id, b"\0\x01\0\0\0", count, &types, b"\x0c", &vector, b"\x05"].concat();
    let mut all = Vec::new();
    for _ in 0..times {
        all.push(client.ask(&execution, ReplyKind::Query).await.bytes.escape_ascii().to_string());
    }
    all
}

/// MySQL's statements take a string for a vector once, where another value has another type than its column: one that has had its turn is no
/// new client's.
#[tokio::test]
async fn vectors_are_taken_as_by_a_statement_of_ones_own() {
    let one = |plan: &mut NodePlan| plan.backend = "connections_per_instance = 1\n".to_owned();
    let Some(unit) = OneUnit::start(Kind::Mysql9, one).await else { return };
    unit.root().run(&["CREATE TABLE plain.vectors (e VECTOR(3), i INT)".to_owned()]).await.unwrap();
    unit.wait_until_replicated().await;
    for times in [2, 1, 1] {
        let direct = said_to_vectors(unit.direct_port(), times).await;
        assert!(
            direct[0].starts_with("\\x07") && direct[1..].iter().all(|reply| reply.contains("vector")),
            "{direct:?}"
        );
        assert_eq!(said_to_vectors(unit.port(), times).await, direct);
    }
}
