//! Compressed clients: they read and write what an uncompressed one does, in both directions, beyond the size of a packet.

use std::process::Command;

use mysql_async::prelude::Queryable;
use mysql_async::{Compression, Conn};

use crate::node::{Kind, OneUnit, app_options};
use crate::servers::{Mysql9Tree, Place};

async fn compressed(unit: &OneUnit) -> Conn {
    Conn::new(app_options(unit.port(), Some("plain")).compression(Some(Compression::fast()))).await.unwrap()
}

async fn both_directions(kind: Kind) {
    let Some(unit) = OneUnit::start(kind, |_| {}).await else { return };
    let mut client = compressed(&unit).await;
    client.query_drop("CREATE TABLE packed (id INT PRIMARY KEY, v LONGBLOB)").await.unwrap();
    // More than one packet each, easily and hardly compressible.
    let easy = vec![b'e'; 18_000_000];
    let hard: Vec<u8> = (0u32..17_000_000).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for (id, value) in [(1, &easy), (2, &hard)] {
        client.exec_drop("INSERT INTO packed VALUES (?, ?)", (id, value.clone())).await.unwrap();
    }
    for (id, value) in [(1, &easy), (2, &hard)] {
        let back: Option<Vec<u8>> = client.exec_first("SELECT v FROM packed WHERE id = ?", (id,)).await.unwrap();
        assert!(back.as_ref() == Some(value), "value {id}");
    }
    // Many small rows: many writes of the server's, each a compressed packet of ours.
    let rows: Vec<(u32, String)> = client
        .query("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT i, REPEAT(i, 100) FROM n")
        .await
        .unwrap();
    assert_eq!(rows.len(), 900);
    assert!(
        rows.iter()
            .zip(1..)
            .all(|((number, text), wanted)| *number == wanted && *text == wanted.to_string().repeat(100))
    );
    assert!(client.query_drop("SELECT * FROM nowhere").await.is_err());
    // The login of a change of user goes compressed, too.
    let again = mysql_async::ChangeUserOpts::default().with_db_name(Some("plain".to_owned()));
    client.change_user(again).await.unwrap();
    let left: Option<u32> = client.query_first("SELECT COUNT(*) FROM packed").await.unwrap();
    assert_eq!(left, Some(2));
    let off = unit.another_node(|plan| plan.listener.push_str("compression = \"off\"\n")).await;
    let options = app_options(off.port("hz"), Some("plain")).compression(Some(Compression::fast()));
    let mut plain = Conn::new(options).await.unwrap();
    let left: Option<u32> = plain.query_first("SELECT COUNT(*) FROM packed").await.unwrap();
    assert_eq!(left, Some(2), "who is offered no compression does without");
}

#[tokio::test]
async fn values_pass_compressed_over_mariadb() {
    both_directions(Kind::MariaDb).await;
}

#[tokio::test]
async fn values_pass_compressed_over_mysql9() {
    both_directions(Kind::Mysql9).await;
}

#[tokio::test]
async fn the_mysql_client_sees_the_same_by_zlib_and_by_zstd() {
    let Some(tree) = Mysql9Tree::find().await else { return };
    let Some(unit) = OneUnit::start(Kind::Mysql9, |_| {}).await else { return };
    let place = Place::new();
    let file = place.path().join("rows.txt");
    let rows: String =
        (0..30_000).map(|number| format!("{number}\ta row of a local file, number {number}\n")).collect();
    std::fs::write(&file, rows).unwrap();
    let script = format!(
        "DROP TABLE IF EXISTS loaded; CREATE TABLE loaded (id INT PRIMARY KEY, v VARCHAR(80)); \
         LOAD DATA LOCAL INFILE '{}' INTO TABLE loaded; SELECT COUNT(*), SUM(id), SUM(LENGTH(v)) FROM loaded; \
         SELECT * FROM loaded ORDER BY id; SELECT REPEAT('x', 3000000);",
        file.display()
    );
    let said = |port: u16, flags: &[&str]| {
        let mut command = Command::new(tree.client());
        command.args(["--no-defaults", "-h", "127.0.0.1", "-u", "app", "-papppw", "--local-infile=1", "-N", "plain"]);
        command.arg(format!("--port={port}")).args(flags).args(["-e", &script]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{flags:?} {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let direct = said(unit.direct_port(), &[]);
    assert!(direct.len() > 4_000_000);
    for flags in [
        &["--compression-algorithms=zlib"][..],
        &["--compression-algorithms=zstd", "--zstd-compression-level=7"],
        &["--compression-algorithms=zstd", "--ssl-mode=DISABLED", "--get-server-public-key"],
    ] {
        assert!(said(unit.port(), flags) == direct, "{flags:?}");
    }
}
