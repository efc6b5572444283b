//! The mysql and mariadb command lines and mariadb-dump, directly and through Meridian.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::node::{Kind, OneUnit};
use crate::servers::{Mysql9Tree, Place};

/// The options that lead a client program to `port`.
pub(super) fn client_options(port: u16) -> [String; 5] {
    let options = ["--no-defaults", "--host=127.0.0.1", "--user=app", "--password=apppw", &format!("--port={port}")];
    options.map(str::to_owned)
}

/// A client program with the options that lead to `port`.
fn client(program: &Path, port: u16) -> Command {
    let mut command = Command::new(program);
    command.args(client_options(port));
    command
}

async fn program(kind: Kind) -> PathBuf {
    match kind {
        Kind::MariaDb => PathBuf::from("mariadb"),
        Kind::Mysql9 => Mysql9Tree::find().await.unwrap().client(),
    }
}

/// What the program says, errors after the rest, without what differs between any two connections.
pub(super) async fn said(mut command: Command, input: Vec<u8>) -> Vec<String> {
    let output = tokio::task::spawn_blocking(move || {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().unwrap();
        // A client that gave up does not read the rest; what it said tells why.
        let _ = writer.join().unwrap();
        output
    });
    let output = output.await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    let differs = [
        "Connection id:",
        "Uptime:",
        "Threads:",
        "TCP port:",
        "Connection:",
        "Current user:",
        "Slow queries:",
        "Server version:",
        "-- Server version",
    ];
    let lines = String::from_utf8_lossy(&text).lines().map(without_time).collect::<Vec<_>>();
    lines.into_iter().filter(|line| !differs.iter().any(|start| line.starts_with(start))).collect()
}

/// `1 row in set (0.001 sec)`.
fn without_time(line: &str) -> String {
    match line.rsplit_once(" (") {
        Some((before, after)) if after.ends_with("sec)") => before.to_owned(),
        _ => line.to_owned(),
    }
}

fn script(directory: &Path) -> Vec<u8> {
    let file = directory.join("rows.txt");
    std::fs::write(&file, (0..5000).map(|n| format!("{n}\trow {n}\n")).collect::<String>()).unwrap();
    let text = include_str!("command_line.sql").replace("{file}", &file.display().to_string());
    let big = "z".repeat(20 << 20);
    [
        text.as_bytes(),
        b"INSERT INTO cli_big VALUES ('",
        big.as_bytes(),
        b"');\nSELECT LENGTH(v), MD5(v) FROM cli_big;\nDROP TABLE cli, cli_big;\nDROP PROCEDURE cli_sets;\n",
    ]
    .concat()
}

async fn says_the_same(kind: Kind) {
    let Some(unit) = OneUnit::start(kind, |_| {}).await else { return };
    let place = Place::new();
    let input = script(place.path());
    let program = program(kind).await;
    let transcript = async |port, tls: &str| {
        let mut command = client(&program, port);
        command.args(["--local-infile=1", "--force", "-vvv", "--table", "--show-warnings", "--max-allowed-packet=64M"]);
        if kind == Kind::Mysql9 {
            // Else `\\s` is a syntax error to this client.
            command.arg("--commands");
        }
        if !tls.is_empty() {
            command.arg(tls);
        }
        command.arg("plain");
        said(command, input.clone()).await
    };
    let plain = if kind == Kind::MariaDb { "--skip-ssl" } else { "--ssl-mode=DISABLED" };
    let encrypted = if kind == Kind::MariaDb { "--ssl" } else { "--ssl-mode=REQUIRED" };
    // The server itself may have no certificate; what it says does not depend on it but for the line about TLS.
    let not_tls = |line: &&String| !line.starts_with("SSL:");
    let direct = transcript(unit.direct_port(), "").await;
    assert!(direct.len() > 100, "{direct:#?}");
    for tls in [plain, encrypted] {
        let through = transcript(unit.port(), tls).await;
        for (direct, through) in direct.iter().filter(not_tls).zip(through.iter().filter(not_tls)) {
            assert_eq!(through, direct, "{tls}");
        }
        assert_eq!(direct.len(), through.len());
        let in_use = through.iter().any(|line| line.starts_with("SSL:") && line.contains("Cipher in use"));
        assert_eq!(in_use, tls == encrypted, "{through:#?}");
    }
}

#[tokio::test]
async fn the_mariadb_command_line_says_the_same() {
    says_the_same(Kind::MariaDb).await;
}

#[tokio::test]
async fn the_mysql9_command_line_says_the_same() {
    says_the_same(Kind::Mysql9).await;
}

#[tokio::test]
async fn a_dump_is_the_same() {
    let unit = OneUnit::start(Kind::MariaDb, |_| {}).await.unwrap();
    let fill = include_str!("dumped.sql").split(";;\n").map(|statement| statement.trim().to_owned());
    unit.root().run(&fill.filter(|statement| !statement.is_empty()).collect::<Vec<_>>()).await.unwrap();
    let dump = async |port| {
        let mut command = client(Path::new("mariadb-dump"), port);
        command.args([
            "--single-transaction",
            "--skip-dump-date",
            "--routines",
            "--triggers",
            "--hex-blob",
            "--databases",
            "plain",
        ]);
        said(command, Vec::new()).await
    };
    let direct = dump(unit.direct_port()).await;
    assert!(direct.iter().any(|line| line.contains("CREATE TABLE `dumped`")), "{direct:#?}");
    assert!(direct.last().is_some_and(|line| line.starts_with("-- Dump completed")), "{direct:#?}");
    let through = dump(unit.port()).await;
    for (direct, through) in direct.iter().zip(&through) {
        assert_eq!(through, direct);
    }
    assert_eq!(through.len(), direct.len());
}
