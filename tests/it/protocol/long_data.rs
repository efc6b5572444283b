//! COM_STMT_SEND_LONG_DATA: pieces of a parameter ahead of its execution, which has no reply of its own. What an execution makes of them is what
//! the server makes of them, also where others use the connection in between.

use meridian::wire::capability::Capabilities;
use meridian::wire::scanner::ReplyKind;

use super::raw::{Raw, usual};
use crate::node::{Kind, NodePlan, OneUnit};

/// The servers' max_allowed_packet here, less than Meridian's own limit.
const LIMIT: usize = 1 << 20;

/// A prepared `INSERT … (?, ?)` of an integer and a blob.
struct Insert {
    id: [u8; 4],
}

impl Insert {
    async fn prepare(client: &mut Raw) -> Insert {
        Insert { id: client.prepare("INSERT INTO pieces (id, body) VALUES (?, ?)").await }
    }

    /// SEND_LONG_DATA of one piece for this parameter.
    async fn send(&self, client: &mut Raw, parameter: u16, piece: &[u8]) {
        client.send(&[b"\x18", &self.id[..], &parameter.to_le_bytes(), piece].concat()).await;
    }

    /// Executes it with this id; the blob is what was sent before, or `body`.
    async fn execute(&self, client: &mut Raw, id: u8, body: Option<&str>) -> String {
        let attributes = client.capabilities.contains(Capabilities::QUERY_ATTRIBUTES);
        let (count, name): (&[u8], &[u8]) = if attributes { (&[2], &[0]) } else { (&[], &[]) };
        let types = [&[3, 0], name, &[0xfc, 0], name].concat();
        let body = body.map(|body| [&[body.len() as u8], body.as_bytes()].concat()).unwrap_or_default();
        let values = [&[id, 0, 0, 0], &body[..]].concat();
        let execution = [b"\x17", &self.id[..], b"\0\x01\0\0\0", count, b"\0\x01", &types, &values].concat();
        let reply = client.ask(&execution, ReplyKind::Query).await;
        match reply.errno() {
            Some(errno) => format!("{id}: {errno} {}", reply.message()),
            None => format!("{id}: {}", reply.bytes.escape_ascii()),
        }
    }

    /// COM_STMT_RESET.
    async fn reset(&self, client: &mut Raw) -> String {
        let reply = client.ask(&[b"\x1a", &self.id[..]].concat(), ReplyKind::Simple).await;
        format!("reset: {}", reply.bytes.escape_ascii())
    }
}

/// All that a client is told; `other` stands for those who use the connection meanwhile, and changes the table.
async fn told(port: u16, kind: Kind) -> Vec<String> {
    let mut client = Raw::connect(port, Some("plain"), usual(kind)).await;
    let mut other = Raw::connect(port, Some("plain"), usual(kind)).await;
    for text in ["DROP TABLE IF EXISTS pieces", "CREATE TABLE pieces (id INT PRIMARY KEY, body LONGBLOB)"] {
        assert_eq!(other.query(text).await.errno(), None, "{text}");
    }
    let insert = Insert::prepare(&mut client).await;
    let mut told = Vec::new();
    // In pieces of several sizes, an empty one among them; others come between, also this client with another statement.
    for piece in [&b"one "[..], b"", &[b'2'; 70_000], &[0, 255, b'\'', b'\\']] {
        insert.send(&mut client, 1, piece).await;
        told.push(other.value("SELECT COUNT(*) FROM pieces").await);
        told.push(client.value("SELECT COUNT(*) + 1 FROM pieces").await);
    }
    told.push(insert.execute(&mut client, 1, None).await);
    // They are used up.
    told.push(insert.execute(&mut client, 2, Some("alone")).await);
    // An empty piece is an empty value, not NULL.
    insert.send(&mut client, 1, b"").await;
    told.push(insert.execute(&mut client, 3, None).await);
    // RESET forgets what was sent.
    insert.send(&mut client, 1, b"forgotten").await;
    told.push(insert.reset(&mut client).await);
    told.push(insert.execute(&mut client, 4, Some("after reset")).await);
    insert.send(&mut client, 1, b"sent anew").await;
    told.push(insert.execute(&mut client, 5, None).await);
    // An execution that fails uses them up too.
    insert.send(&mut client, 1, b"double").await;
    told.push(insert.execute(&mut client, 5, None).await);
    told.push(insert.execute(&mut client, 6, Some("after an error")).await);
    // The table changes between two pieces and before the execution: the statement is prepared again, and has them.
    insert.send(&mut client, 1, b"before, ").await;
    let alter = other.query("ALTER TABLE pieces ADD COLUMN added INT DEFAULT 7 FIRST, MODIFY body MEDIUMBLOB").await;
    assert_eq!(alter.errno(), None);
    insert.send(&mut client, 1, b"behind").await;
    told.push(insert.execute(&mut client, 7, None).await);
    told.push(insert.execute(&mut client, 8, Some("changed")).await);
    // More than a packet may hold: the execution says so, RESET helps.
    for _ in 0..3 {
        insert.send(&mut client, 1, &vec![b'x'; LIMIT / 2]).await;
    }
    told.push(insert.execute(&mut client, 9, None).await);
    told.push(insert.reset(&mut client).await);
    insert.send(&mut client, 1, b"small").await;
    told.push(insert.execute(&mut client, 10, None).await);
    // Nor is it another's matter, who prepares the same.
    for _ in 0..3 {
        insert.send(&mut client, 1, &vec![b'y'; LIMIT / 2]).await;
    }
    told.push(insert.execute(&mut client, 12, None).await);
    let same = Insert::prepare(&mut other).await;
    told.push(same.execute(&mut other, 13, Some("another's")).await);
    told.push(insert.reset(&mut client).await);
    // A statement that there is not: nobody answers.
    Insert { id: [0xee, 0xee, 0, 0] }.send(&mut client, 0, b"lost").await;
    told.push(insert.execute(&mut client, 11, Some("still here")).await);
    let rows = "SELECT GROUP_CONCAT(CONCAT_WS(' ', id, added, LENGTH(body), CRC32(body)) ORDER BY id) FROM pieces";
    told.push(client.value(rows).await);
    told
}

async fn pieces_are_the_servers_own_matter(kind: Kind) {
    let one = |plan: &mut NodePlan| plan.backend = "connections_per_instance = 1\n".to_owned();
    let limit = format!("--max-allowed-packet={LIMIT}");
    let Some(unit) = OneUnit::start_with(kind, &[&limit], one).await else { return };
    let direct = told(unit.direct_port(), kind).await;
    assert!(direct.iter().any(|said| said.starts_with("9: 1") && said.contains("max_allowed_packet")), "{direct:#?}");
    assert!(direct.iter().any(|said| said.starts_with("5: 1062")), "{direct:#?}");
    let through = told(unit.port(), kind).await;
    for (direct, through) in direct.iter().zip(&through) {
        assert_eq!(through, direct);
    }
    assert_eq!(through.len(), direct.len());
}

#[tokio::test]
async fn send_long_data_is_mariadbs_own_matter() {
    pieces_are_the_servers_own_matter(Kind::MariaDb).await;
}

#[tokio::test]
async fn send_long_data_is_mysql9s_own_matter() {
    pieces_are_the_servers_own_matter(Kind::Mysql9).await;
}
