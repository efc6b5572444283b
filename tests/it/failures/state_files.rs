//! The state file: a torn one is named and never replaced by guesswork, and ownership is not moved by editing the configuration.

use std::fs;

use super::program::Program;
use crate::scenarios::expect::{error_of, rows};
use crate::scenarios::node::{MOD, Setup, TABLES};
use crate::scenarios::world::Databases;

/// A node that was killed with a forbid in force: its directory and setup.
async fn killed_with_a_forbid() -> (tempfile::TempDir, Setup) {
    let program = Program::start(Setup::shared(Databases::shared().await)).await;
    let mut console = program.setup.console("hz").await;
    rows(&mut console, "FORBID WRITES ON UNIT 'hz' REASON 'before'").await;
    rows(&mut console, "FORBID WRITES ON UNIT 'bj' REASON 'after'").await;
    program.kill()
}

#[tokio::test]
async fn a_torn_state_file_is_named_and_the_node_does_not_start_until_it_is_put_right() {
    let (directory, setup) = killed_with_a_forbid().await;
    let file = directory.path().join("state");
    let whole = fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let torn = [Vec::new(), whole[..whole.len() / 2].to_vec(), whole[..whole.len() - 1].to_vec(), flipped];
    for bytes in &torn {
        fs::write(&file, bytes).unwrap();
        let (status, log) = Program::refused(directory.path(), &setup).await;
        assert_eq!(status.code(), Some(1));
        let told = log.lines().last().unwrap();
        assert!(told.contains("is damaged") && told.contains(&file.display().to_string()), "{told}");
        assert_eq!(&fs::read(&file).unwrap(), bytes, "it is left for people to look at");
    }
    fs::remove_file(&file).unwrap();
    let (_, log) = Program::refused(directory.path(), &setup).await;
    assert!(log.lines().last().unwrap().contains("is missing"), "{log}");

    fs::write(&file, &whole).unwrap();
    let program = Program::start_in(directory, setup).await;
    let mut client = program.setup.client("hz").await;
    for user in [50, 6000] {
        assert_eq!(
            error_of(&mut client, &format!("DELETE FROM orders WHERE user_id = {user} AND id = 0")).await.0,
            1290
        );
    }
}

#[tokio::test]
async fn what_a_crash_left_half_written_beside_the_state_file_does_no_harm() {
    let (directory, setup) = killed_with_a_forbid().await;
    let beside = directory.path().join("state.next");
    fs::write(&beside, b"meridian-control-1 sha256=").unwrap();
    let program = Program::start_in(directory, setup).await;
    let mut console = program.setup.console("hz").await;
    assert_eq!(rows(&mut console, "SHOW FORBIDS").await.len(), 2);
    rows(&mut console, "ALLOW WRITES ON UNIT 'hz'").await;
    let (directory, setup) = program.kill();
    let program = Program::start_in(directory, setup).await;
    let mut console = program.setup.console("hz").await;
    assert_eq!(rows(&mut console, "SHOW FORBIDS").await.len(), 1);
}

#[tokio::test]
async fn ownership_changed_in_the_configuration_is_refused_naming_each_difference() {
    let (directory, setup) = killed_with_a_forbid().await;
    let state = fs::read(directory.path().join("state")).unwrap();
    let mut changed = setup.clone();
    changed.keys = MOD.replace("0-4999", "0-5999").replace("5000-9999", "6000-9999");
    changed.tables = TABLES.replace("name = \"account\"\nclass = \"global\"", "name = \"account\"\nclass = \"local\"");
    let (status, log) = Program::refused(directory.path(), &changed).await;
    assert_eq!(status.code(), Some(1));
    let told = log.lines().last().unwrap();
    for named in ["epoch 3", "0-4999 hz", "0-5999 hz", "account global", "account local", "commands"] {
        assert!(told.contains(named), "'{named}' is not in: {told}");
    }
    assert_eq!(fs::read(directory.path().join("state")).unwrap(), state, "nothing was taken over");

    // What is not ownership may change: policies and addresses.
    let mut allowed = setup.clone();
    allowed.tables = TABLES.replacen("key = \"user_id\"\n", "key = \"user_id\"\nread = \"owner\"\n", 1);
    let program = Program::start_in(directory, allowed).await;
    let mut console = program.setup.console("hz").await;
    assert_eq!(rows(&mut console, "SHOW FORBIDS").await.len(), 2);
    assert_eq!(rows(&mut console, "SHOW EPOCH").await[0]["epoch"], "4");

    // A second process is not let at the same file.
    let (_, log) = Program::refused(program.directory.path(), &program.setup).await;
    assert!(log.lines().last().unwrap().contains("another process holds"), "{log}");
}
