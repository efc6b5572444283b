//! The statements of the servers' own regression tests: each gets a class, and none that a real server sees writing or locking is called a read.
//!
//! `scripts/corpus` runs all of them; here runs a sample, bounded in time. What is found is a trap for `sql-fixtures/`.

mod judge;
mod report;
mod scratch;
mod script;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use meridian::sql::{Family, StatementClass};
use tokio::time::Instant;

use self::judge::Judge;
use self::report::Report;
use self::scratch::Scratch;

/// How long the sample runs for each server.
const SAMPLE: Duration = Duration::from_secs(20);

/// Every so many files belong to the sample.
const STRIDE: usize = 97;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_write_of_mariadbs_own_tests_is_called_a_read() {
    compare(Family::MariaDb, "mariadb").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_write_of_mysqls_own_tests_is_called_a_read() {
    compare(Family::MySql, "mysql").await;
}

#[tokio::test]
async fn every_statement_of_the_servers_own_tests_gets_a_class() {
    let is_whole = std::env::var_os("MERIDIAN_CORPUS").is_some_and(|value| value == "whole");
    for (family, name) in [(Family::MariaDb, "mariadb"), (Family::MySql, "mysql")] {
        let Some(directory) = corpus(name, is_whole).await else { continue };
        let stride = if is_whole { 1 } else { STRIDE };
        let files: Vec<PathBuf> = test_files(&directory).into_iter().step_by(stride).collect();
        // As much stack as a worker of the product has, and no more.
        let reader = std::thread::Builder::new().stack_size(2 << 20).spawn(move || judge::classes(family, &files));
        let report = reader.unwrap().join().unwrap();
        println!("{name}: {}", report.told());
    }
}

async fn compare(family: Family, name: &str) {
    let is_whole = std::env::var_os("MERIDIAN_CORPUS").is_some_and(|value| value == "whole");
    let Some(directory) = corpus(name, is_whole).await else { return };
    let Some(scratch) = Scratch::start(family).await else { return };
    let mut files = test_files(&directory);
    let mut report = Report::default();
    if !is_whole {
        files = files.into_iter().step_by(STRIDE).collect();
    }
    let part = std::env::var("MERIDIAN_CORPUS_PART").ok();
    if let Some((number, of)) = part.as_deref().and_then(part_of) {
        files = files.into_iter().skip(number - 1).step_by(of).collect();
    }
    if let Some(only) = std::env::var_os("MERIDIAN_CORPUS_FILE").and_then(|only| only.into_string().ok()) {
        files.retain(|file| file.display().to_string().contains(&only));
    }
    let mut scratch = scratch;
    proofs_hold(&mut scratch, family).await;
    let end = Instant::now() + SAMPLE;
    for (number, file) in files.iter().enumerate() {
        if !is_whole && Instant::now() > end && number >= 10 {
            break;
        }
        if number.is_multiple_of(500) {
            println!("{name}: file {number} of {}, {report}", files.len());
        }
        let text = std::fs::read(file).unwrap();
        let place = file.strip_prefix(&directory).unwrap().display().to_string();
        let mut judge = Judge::new(&mut scratch, family).await;
        for statement in script::statements(&text) {
            judge.judge(&place, &statement, &mut report).await;
        }
    }
    println!("{name}: {report}");
    if is_whole {
        let part = part.map(|part| format!("-{}", part.replace('/', "-of-"))).unwrap_or_default();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("target/corpus/{name}{part}.txt"));
        std::fs::write(&path, report.told()).unwrap();
        println!("{name}: the report lies in {}", path.display());
    }
    assert!(report.statements() > 100, "only {report}");
    report.assert_clean();
}

/// `2/4`: the second of four parts, which run side by side, since the statements wait more than they work.
fn part_of(text: &str) -> Option<(usize, usize)> {
    let (number, of) = text.split_once('/')?;
    let (number, of) = (number.parse().ok()?, of.parse().ok()?);
    (1..=of).contains(&number).then_some((number, of))
}

/// A proof that sees nothing would find nothing: each is shown what it must see.
async fn proofs_hold(scratch: &mut Scratch, family: Family) {
    let mut judge = Judge::new(scratch, family).await;
    let mut report = Report::default();
    for statement in
        ["CREATE TABLE t (id INT PRIMARY KEY) ENGINE=InnoDB", "INSERT INTO t VALUES (1)", "SELECT * FROM t"]
    {
        judge.judge("made", statement.as_bytes(), &mut report).await;
    }
    report.assert_clean();
    for (statement, must_see) in [
        ("SELECT * FROM t FOR UPDATE", true),
        ("INSERT INTO t VALUES (2)", true),
        ("SELECT GET_LOCK('a', 1)", true),
        ("SELECT * FROM t", false),
    ] {
        let mut report = Report::default();
        judge.tried("made", statement.as_bytes(), &StatementClass::Read, &mut report).await;
        assert_eq!(report.has_writes(), must_see, "{statement}");
    }
}

/// The directory of a server's test files. `None`, said aloud, where they cannot be had; the sample does not fetch MySQL's 340 MB.
async fn corpus(name: &str, is_whole: bool) -> Option<PathBuf> {
    let held = meridian::demo::template::cache_directory().join("corpus").join(name);
    if held.is_dir() {
        return Some(held);
    }
    if name == "mysql" && !is_whole {
        say("NOT TESTED against MySQL's own test statements: fetch them once by scripts/corpus --fetch\n");
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/corpus");
    let name = name.to_owned();
    let fetched =
        tokio::task::spawn_blocking(move || Command::new(script).arg("--fetch").arg(&name).output()).await.unwrap();
    let fetched = fetched.unwrap();
    if fetched.status.success() {
        return Some(PathBuf::from(String::from_utf8_lossy(&fetched.stdout).trim()));
    }
    say(&format!("NOT TESTED against a server's own test statements: {}", String::from_utf8_lossy(&fetched.stderr)));
    None
}

/// Past the test runner's capture: what was not tested must be seen.
fn say(notice: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stderr(), notice.as_bytes());
}

fn test_files(directory: &Path) -> Vec<PathBuf> {
    let (mut found, mut open) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "test") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
