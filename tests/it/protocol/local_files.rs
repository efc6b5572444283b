//! LOAD DATA LOCAL INFILE: whole, given up, refused by the server in the middle, big, among other statements.

use std::time::Duration;

use meridian::wire::capability::Capabilities;
use meridian::wire::scanner::ReplyKind;

use super::raw::{Raw, Reply, usual};
use crate::node::{Kind, OneUnit};
use crate::scenarios::expect::within;

const PATIENCE: Duration = Duration::from_secs(120);

const LOAD: &str = "LOAD DATA LOCAL INFILE 'any' INTO TABLE filed (id, v)";

/// What a reply says, for comparing.
fn noted(what: &str, reply: &Reply) -> String {
    let text = if reply.errno().is_some() { reply.message() } else { String::new() };
    let end = reply.end;
    format!("{what}: {:?} {} {} {} {text}", end.kind, end.affected_rows, end.warnings, end.results)
}

/// What came of each way of sending a file.
async fn all_ways(port: u16, kind: Kind) -> Vec<String> {
    let flags = usual(kind) | Capabilities::LOCAL_FILES | Capabilities::MULTI_STATEMENTS;
    let mut client = Raw::connect(port, Some("plain"), flags).await;
    let mut seen = Vec::new();
    client.query("DELETE FROM filed").await;
    // Torn anywhere, and a ping that did not wait.
    let whole = client.load(LOAD, &[b"1\tone\n2\tt", b"wo\n", b"3\tthree\n"], b"\x01\0\0\0\x0e").await;
    seen.push(noted("whole", &whole));
    seen.push(noted("ping", &client.receive(ReplyKind::Simple).await));
    seen.push(noted("nothing", &client.load(LOAD, &[], b"").await));
    let among = format!("SELECT 1; {LOAD}; SELECT COUNT(*) FROM filed");
    seen.push(noted("among others", &client.load(&among, &[b"4\tfour\n"], b"").await));
    seen.push(noted("no table", &client.load("LOAD DATA LOCAL INFILE 'any' INTO TABLE nowhere", &[b"1\n"], b"").await));
    // A trigger refuses the row; the rest of the file is read all the same.
    let long = format!("{}\n", "x".repeat(60_000));
    let rest: Vec<String> = (100..200).map(|id| format!("{id}\t{long}")).collect();
    let mut pieces: Vec<&[u8]> = vec![b"5\tfive\n", b"666\trefused\n"];
    pieces.extend(rest.iter().map(|piece| piece.as_bytes()));
    seen.push(noted("refused in the middle", &client.load(LOAD, &pieces, b"").await));
    let big: Vec<String> = (1000..1400).map(|id| format!("{id}\t{long}")).collect();
    let pieces: Vec<&[u8]> = big.iter().map(|piece| piece.as_bytes()).collect();
    seen.push(noted("big", &client.load(LOAD, &pieces, b"").await));
    seen.push(client.value("SELECT COUNT(*) FROM filed").await);
    // Within a transaction that is rolled back.
    client.query("BEGIN").await;
    seen.push(noted("in a transaction", &client.load(LOAD, &[b"7\tseven\n"], b"").await));
    client.query("ROLLBACK").await;
    seen.push(client.value("SELECT COUNT(*) FROM filed WHERE id = 7").await);
    seen
}

async fn files_are_loaded(kind: Kind) {
    let Some(unit) = OneUnit::start(kind, |_| {}).await else { return };
    let set_up = [
        "CREATE TABLE plain.filed (id INT PRIMARY KEY, v MEDIUMTEXT) ENGINE=InnoDB".to_owned(),
        "CREATE TRIGGER plain.no_devil BEFORE INSERT ON plain.filed FOR EACH ROW \
         IF NEW.id = 666 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'; END IF"
            .to_owned(),
    ];
    unit.root().run(&set_up).await.unwrap();
    let direct = within("files go to the server", PATIENCE, all_ways(unit.direct_port(), kind)).await;
    let through = within("files pass through", PATIENCE, all_ways(unit.port(), kind)).await;
    assert_eq!(through, direct);
    assert!(direct[0].contains("Ok 3 0 1"), "{direct:#?}");
    // A client that leaves in the middle of its file has loaded nothing of it.
    let flags = usual(kind) | Capabilities::LOCAL_FILES;
    let mut leaving = Raw::connect(unit.port(), Some("plain"), flags).await;
    leaving.send_query(LOAD).await;
    tokio::io::AsyncWriteExt::write_all(&mut leaving.stream, b"\x0f\0\0\x02").await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut leaving.stream, b"8\teight\n9\tnine").await.unwrap();
    drop(leaving);
    let mut other = Raw::connect(unit.port(), Some("plain"), flags).await;
    assert_eq!(other.value("SELECT COUNT(*) FROM filed WHERE id = 9").await, "0");
}

#[tokio::test]
async fn files_are_loaded_over_mariadb() {
    files_are_loaded(Kind::MariaDb).await;
}

#[tokio::test]
async fn files_are_loaded_over_mysql9() {
    files_are_loaded(Kind::Mysql9).await;
}
