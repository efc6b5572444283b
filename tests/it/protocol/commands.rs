//! The commands that are not statements: answered as the server answers them, or refused by name.

use std::time::Duration;

use meridian::wire::capability::Capabilities;
use meridian::wire::scanner::{EndKind, ReplyKind};

use super::raw::{Raw, usual};
use crate::node::{Kind, OneUnit};
use crate::scenarios::expect::within;

const PATIENCE: Duration = Duration::from_secs(30);

async fn commands_are_answered(kind: Kind) {
    let Some(unit) = OneUnit::start(kind, |_| {}).await else { return };
    let mut direct = Raw::connect(unit.direct_port(), Some("plain"), usual(kind)).await;
    let mut through = Raw::connect(unit.port(), Some("plain"), usual(kind)).await;
    // The character set after COM_RESET_CONNECTION is the server's, not the login's.
    for text in ["SET NAMES latin1 COLLATE latin1_bin", "SELECT 1"] {
        let mut seen = Vec::new();
        for client in [&mut direct, &mut through] {
            assert_eq!(client.query(text).await.errno(), None);
            assert_eq!(client.ask(&[0x1f], ReplyKind::Simple).await.end.kind, EndKind::Ok);
            seen.push(
                client
                    .value(
                        "SELECT CONCAT_WS(' ', @@character_set_client, @@character_set_results, @@collation_connection, \
                         @@character_set_connection, @@collation_server, DATABASE())",
                    )
                    .await,
            );
        }
        assert_eq!(seen[1], seen[0]);
        assert!(!seen[0].contains("latin1_bin"), "{seen:?}");
    }
    // Ping, statistics, an unknown byte, those that servers know by name only, COM_SET_OPTION with nonsense, COM_DEBUG without its grant.
    let alike: [(&[u8], ReplyKind); 9] = [
        (&[0x0e], ReplyKind::Simple),
        (&[0x60], ReplyKind::Simple),
        (&[0xee], ReplyKind::Simple),
        (&[0x0f], ReplyKind::Simple),
        (&[0x05, b'x'], ReplyKind::Simple),
        (&[0x1b, 1, 0], ReplyKind::Simple),
        (&[0x1b, 0, 0], ReplyKind::Simple),
        (&[0x1b, 7, 0], ReplyKind::Simple),
        (&[0x0d], ReplyKind::Simple),
    ];
    for (command, reply) in alike {
        let expected = direct.ask(command, reply).await;
        let got = through.ask(command, reply).await;
        assert_eq!((got.errno(), got.bytes.len()), (expected.errno(), expected.bytes.len()), "{command:x?}");
        // Not the warnings: MySQL counts those of the commands that failed before.
        assert_eq!((got.end.kind, got.end.status), (expected.end.kind, expected.end.status), "{command:x?}");
    }
    assert_eq!(
        through.query("CREATE TABLE listed (id INT UNSIGNED PRIMARY KEY, name VARCHAR(7) DEFAULT 'x')").await.errno(),
        None
    );
    // COM_FIELD_LIST with a pattern, of all, and of no table; COM_INIT_DB of a schema and of none.
    let by_name: [(&[u8], ReplyKind); 5] = [
        (b"\x04listed\0na%", ReplyKind::FieldList),
        (b"\x04listed\0", ReplyKind::FieldList),
        (b"\x04nothing\0%", ReplyKind::FieldList),
        (b"\x02plain", ReplyKind::Simple),
        (b"\x02nothing", ReplyKind::Simple),
    ];
    for (command, reply) in by_name {
        let expected = direct.ask(command, reply).await;
        let got = through.ask(command, reply).await;
        assert_eq!(
            (got.bytes.escape_ascii().to_string(), got.errno()),
            (expected.bytes.escape_ascii().to_string(), expected.errno()),
            "{command:x?}"
        );
    }
    // Replication, shutdown and what copies a server: by name.
    let refused = [(0x12, "COM_BINLOG_DUMP"), (0x1e, "COM_BINLOG_DUMP_GTID"), (0x15, "COM_REGISTER_SLAVE")];
    let refused = refused.into_iter().chain([(0x20, "COM_CLONE"), (0x08, "COM_SHUTDOWN")]);
    for (byte, name) in refused {
        let got = through.ask(&[byte, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], ReplyKind::Simple).await;
        assert!(got.errno() == Some(1235) && got.message().contains(name), "{name}: {}", got.message());
    }
    assert_eq!(through.value("SELECT 1").await, "1");
    forgotten_by_some(&mut direct, &mut through, kind).await;
    several_statements_as_set(&unit, kind).await;
    kills(&unit, kind).await;
}

/// COM_SET_OPTION reaches whatever connection a statement gets, within a transaction and outside.
async fn several_statements_as_set(unit: &OneUnit, kind: Kind) {
    const ON: &[u8] = &[0x1b, 0, 0];
    const OFF: &[u8] = &[0x1b, 1, 0];
    let flags = usual(kind);
    let (mut one, mut other) =
        (Raw::connect(unit.port(), Some("plain"), flags).await, Raw::connect(unit.port(), None, flags).await);
    let several = "SELECT 1; SELECT 2";
    assert_eq!(one.query(several).await.errno(), Some(1064));
    assert_eq!(one.ask(ON, ReplyKind::Simple).await.end.kind, EndKind::Eof);
    assert_eq!(one.query(several).await.end.results, 2);
    assert_eq!(other.query(several).await.errno(), Some(1064), "another client's option is its own");
    // On a connection the session keeps.
    assert_eq!(one.query("CREATE TEMPORARY TABLE kept (id INT)").await.errno(), None);
    assert_eq!(one.ask(OFF, ReplyKind::Simple).await.errno(), None);
    assert_eq!(one.query(several).await.errno(), Some(1064));
    assert_eq!(one.ask(ON, ReplyKind::Simple).await.errno(), None);
    assert_eq!(one.query("INSERT INTO kept VALUES (1); SELECT * FROM kept").await.end.results, 2);
    drop(one);
    assert_eq!(other.query(several).await.errno(), Some(1064));
}

/// COM_REFRESH (without the grant for it), COM_PROCESS_INFO and COM_PROCESS_KILL, which MySQL 9 does not know any more; and statements
/// nobody has prepared.
async fn forgotten_by_some(direct: &mut Raw, through: &mut Raw, kind: Kind) {
    let mut commands: Vec<(&[u8], ReplyKind)> = vec![
        (&[0x07, 0x10], ReplyKind::Simple),
        (b"\x0c\x09\x09\0\0", ReplyKind::Simple),
        (b"\x17\x63\0\0\0\0\x01\0\0\0", ReplyKind::Query),
        (b"\x1a\x63\0\0\0", ReplyKind::Simple),
        (b"\x1c\x63\0\0\0\x01\0\0\0", ReplyKind::Fetch),
    ];
    if kind == Kind::Mysql9 {
        commands.push((&[0x0a], ReplyKind::Simple));
    }
    for (command, reply) in commands {
        let expected = direct.ask(command, reply).await;
        assert!(expected.errno().is_some(), "{command:x?}");
        let got = through.ask(command, reply).await;
        assert_eq!((got.errno(), got.message()), (expected.errno(), expected.message()), "{command:x?}");
    }
    if kind == Kind::MariaDb {
        let resets = through.ask(&[0x07, 0x40], ReplyKind::Simple).await;
        assert_eq!(resets.errno(), Some(1235), "{}", resets.message());
    }
}

async fn kills(unit: &OneUnit, kind: Kind) {
    let mut killer = Raw::connect(unit.port(), None, usual(kind)).await;
    let mut victim = Raw::connect(unit.port(), None, usual(kind)).await;
    let id = victim.id.to_le_bytes();
    let kill = match kind {
        Kind::MariaDb => [&[0x0c], &id[..]].concat(),
        Kind::Mysql9 => [&[0x03, 0, 1], format!("KILL {}", victim.id).as_bytes()].concat(),
    };
    assert_eq!(killer.query("KILL 2313").await.errno(), Some(1094), "a server's own id is not a client's");
    assert_eq!(killer.ask(&kill, ReplyKind::Simple).await.end.kind, EndKind::Ok);
    assert!(within("the killed session is closed", PATIENCE, victim.is_closed()).await);
    let torn = if kind == Kind::MariaDb { 1835 } else { 1047 };
    assert_eq!(killer.ask(&[0x0c, 1], ReplyKind::Simple).await.errno(), Some(torn));
}

#[tokio::test]
async fn commands_are_answered_as_mariadb_does() {
    commands_are_answered(Kind::MariaDb).await;
}

#[tokio::test]
async fn commands_are_answered_as_mysql9_does() {
    commands_are_answered(Kind::Mysql9).await;
}

#[tokio::test]
async fn no_attributes_are_asked_of_a_client_that_negotiated_none() {
    let Some(unit) = OneUnit::start(Kind::Mysql9, |_| {}).await else { return };
    let plain = usual(Kind::Mysql9).without(Capabilities::QUERY_ATTRIBUTES);
    let mut client = Raw::connect(unit.port(), Some("plain"), plain).await;
    assert_eq!(client.value("SELECT 'no attributes'").await, "no attributes");
    assert_eq!(client.query("BEGIN").await.errno(), None);
    assert_eq!(client.value("SELECT 2").await, "2");
}
