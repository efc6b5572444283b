//! Replies of more than one part, byte by byte as the server gives them: procedures with OUT parameters, cursors, commands sent ahead.

use meridian::wire::capability::Capabilities;
use meridian::wire::packet::write_packet;
use meridian::wire::scanner::ReplyKind;
use tokio::io::AsyncWriteExt;

use super::raw::{Raw, usual};
use crate::node::{Kind, NodePlan, OneUnit};

/// The place of BEGIN's reply.
const BEGIN: usize = 13;

/// The replies to everything below, in order.
async fn replies(port: u16, kind: Kind, flags: Capabilities) -> Vec<Vec<u8>> {
    let mut client = Raw::connect(port, Some("plain"), flags | Capabilities::MULTI_STATEMENTS).await;
    let attributes = client.capabilities.contains(Capabilities::QUERY_ATTRIBUTES);
    let mut all = Vec::new();
    // OUT parameters and results, by text and by the binary protocol.
    all.push(client.query("CALL with_out(5, @out); SELECT @out").await.bytes);
    let id = client.prepare("CALL with_out(?, ?)").await;
    let head = [&b"\x17"[..], &id, b"\0\x01\0\0\0"].concat();
    let tail: &[u8] = match attributes {
        true => b"\x02\x02\x01\x03\0\0\x03\0\0\x07\0\0\0",
        false => b"\x02\x01\x03\0\x03\0\x07\0\0\0",
    };
    let first = client.ask(&[&head[..], tail].concat(), ReplyKind::Query).await;
    assert!(first.end.results >= 3, "{:?}", first.end);
    all.push(first.bytes);
    // A cursor, fetched piece by piece, closed early, and opened again.
    let id = client.prepare("SELECT id, v FROM rows_of_ten ORDER BY id").await;
    let open = [&b"\x17"[..], &id, b"\x01\x01\0\0\0"].concat();
    let fetch = |rows: u8| [&b"\x1c"[..], &id, &[rows, 0, 0, 0]].concat();
    for rounds in [1, 4] {
        all.push(client.ask(&open, ReplyKind::Cursor).await.bytes);
        for _ in 0..rounds {
            all.push(client.ask(&fetch(3), ReplyKind::Fetch).await.bytes);
        }
        all.push(client.ask(&[&b"\x1a"[..], &id].concat(), ReplyKind::Simple).await.bytes);
    }
    let closed = client.ask(&fetch(3), ReplyKind::Fetch).await;
    assert!(closed.errno().is_some());
    sent_ahead(&mut client, attributes, kind).await.into_iter().for_each(|reply| all.push(reply));
    all
}

/// Several commands in one write, before any reply is read.
async fn sent_ahead(client: &mut Raw, attributes: bool, kind: Kind) -> Vec<Vec<u8>> {
    let head: &[u8] = if attributes { &[3, 0, 1] } else { &[3] };
    let query = |text: &str| [head, text.as_bytes()].concat();
    let mut commands = vec![
        (query("SELECT 1"), ReplyKind::Query),
        (vec![0x0e], ReplyKind::Simple),
        (query("BEGIN"), ReplyKind::Query),
        (query("INSERT INTO rows_of_ten VALUES (99, 'pipelined')"), ReplyKind::Query),
        (query("SELECT COUNT(*) FROM rows_of_ten; SELECT 2"), ReplyKind::Query),
        (query("ROLLBACK"), ReplyKind::Query),
        (query("SELECT * FROM nowhere"), ReplyKind::Query),
        (b"\x02plain".to_vec(), ReplyKind::Simple),
        (query("SELECT COUNT(*) FROM rows_of_ten"), ReplyKind::Query),
    ];
    if kind == Kind::MariaDb {
        // MariaDB: the statement prepared last, before its id is known.
        commands.push((b"\x16SELECT 'last'".to_vec(), ReplyKind::Prepare));
        commands.push((b"\x17\xff\xff\xff\xff\0\x01\0\0\0".to_vec(), ReplyKind::Query));
    }
    let mut bytes = Vec::new();
    for (payload, _) in &commands {
        write_packet(&mut bytes, &mut 0, payload);
    }
    client.stream.write_all(&bytes).await.unwrap();
    let mut replies = Vec::new();
    for (_, kind) in commands {
        let mut reply = client.receive(kind).await;
        if kind == ReplyKind::Prepare {
            // The ids are each side's own.
            reply.bytes[5..9].fill(0);
        }
        replies.push(reply.bytes);
    }
    replies
}

async fn replies_are_the_servers(kind: Kind) {
    let Some(unit) = OneUnit::start(kind, |_| {}).await else { return };
    let set_up = [
        "CREATE PROCEDURE plain.with_out(IN a INT, OUT b INT) BEGIN SELECT a, 'one'; SET b = a * 2; SELECT 'two'; END".to_owned(),
        "CREATE TABLE plain.rows_of_ten (id INT PRIMARY KEY, v VARCHAR(20)) ENGINE=InnoDB".to_owned(),
        "INSERT INTO plain.rows_of_ten VALUES (1,'a'),(2,'b'),(3,'c'),(4,'d'),(5,'e'),(6,'f'),(7,'g'),(8,'h'),(9,'i'),(10,'j')"
            .to_owned(),
    ];
    unit.root().run(&set_up).await.unwrap();
    unit.wait_until_replicated().await;
    let with_eof = usual(kind).without(Capabilities::DEPRECATE_EOF);
    for flags in [usual(kind), with_eof, usual(kind) | Capabilities::SESSION_TRACK] {
        let direct = replies(unit.direct_port(), kind, flags).await;
        let through = replies(unit.port(), kind, flags).await;
        assert_eq!(through.len(), direct.len());
        for (number, (through, direct)) in through.iter().zip(&direct).enumerate() {
            if number == BEGIN && flags.contains(Capabilities::SESSION_TRACK) {
                // A BEGIN waits for its first statement: its OK is Meridian's own and tracks nothing.
                continue;
            }
            assert_eq!(
                through.escape_ascii().to_string(),
                direct.escape_ascii().to_string(),
                "reply {number} {flags:?}"
            );
        }
    }
}

#[tokio::test]
async fn replies_are_mariadbs_byte_by_byte() {
    replies_are_the_servers(Kind::MariaDb).await;
}

#[tokio::test]
async fn replies_are_mysql9s_byte_by_byte() {
    replies_are_the_servers(Kind::Mysql9).await;
}

/// Replies that Meridian changes before the client sees them, or keeps until every session knows of them, behind what is set again or begun
/// in the same write: all of it may be answered in one piece.
async fn changed_replies_come_behind_what_is_sent_along(kind: Kind) {
    let one =
        |plan: &mut NodePlan| plan.backend = "connections_per_instance = 1\nqueue_deadline = \"60s\"\n".to_owned();
    let Some(unit) = OneUnit::start(kind, one).await else { return };
    let mut first = Raw::connect(unit.port(), Some("plain"), usual(kind)).await;
    let mut second = Raw::connect(unit.port(), Some("plain"), usual(kind)).await;
    assert_eq!(first.query("SET time_zone = '+03:00'").await.errno(), None);
    let (alone, beside) = ("SELECT CONNECTION_ID()", "SELECT CONNECTION_ID() AS id, USER() LIMIT 1");
    assert_eq!(first.value(beside).await, first.value(alone).await);
    for round in 0..25 {
        for text in [
            "SHOW STATUS LIKE 'Ssl_cipher'".to_owned(),
            "SHOW PROCESSLIST".to_owned(),
            format!("CREATE TABLE behind{round} (id INT)"),
            format!("DROP TABLE behind{round}"),
        ] {
            assert_eq!(second.value("SELECT @@time_zone").await, "SYSTEM");
            let reply = first.query(&text).await;
            assert_eq!(reply.errno(), None, "{text}: {}", reply.message());
        }
        assert_eq!(second.query("BEGIN").await.errno(), None);
        assert_eq!(second.query("SHOW STATUS LIKE 'Ssl_cipher'").await.errno(), None);
        assert_eq!(second.query("COMMIT").await.errno(), None);
    }
}

#[tokio::test]
async fn changed_replies_come_behind_what_is_sent_along_on_mariadb() {
    changed_replies_come_behind_what_is_sent_along(Kind::MariaDb).await;
}

#[tokio::test]
async fn changed_replies_come_behind_what_is_sent_along_on_mysql9() {
    changed_replies_come_behind_what_is_sent_along(Kind::Mysql9).await;
}
