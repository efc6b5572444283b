//! kill -9 of Meridian at each step of a move: the next process goes on from the record, and nothing of the scope is written meanwhile.

use std::time::Duration;

use meridian::model::Role;
use mysql_async::prelude::Queryable;

use super::{PATIENT, Turn, at_step, begin};
use crate::failures::program::Program;
use crate::scenarios::expect::{rows, sent, until, value};
use crate::scenarios::world::marker;

const WRITE_GLOBAL: &str = "UPDATE product SET stock = stock WHERE name = 'nothing'";

async fn ended(program: &Program) -> String {
    let mut console = program.setup.console("hz").await;
    until("the move has ended", Duration::from_secs(60), async || rows(&mut console, "SHOW MOVES").await.is_empty())
        .await;
    rows(&mut console, "SHOW HISTORY").await[0]["what"].clone()
}

#[tokio::test]
async fn a_process_killed_while_it_waits_for_transactions_leaves_a_move_that_the_next_one_finishes() {
    let turn = Turn::wait().await;
    let program = Program::start(turn.setup(PATIENT)).await;
    let mut console = program.setup.console("hz").await;
    let mark = marker();
    let mut open = program.setup.client("hz").await;
    open.query_drop("BEGIN").await.unwrap();
    open.query_drop(format!("INSERT INTO product (name) VALUES ('{mark} open')")).await.unwrap();
    // What the server is still executing when the process is gone must not commit after the source's position was recorded.
    let mut executing = program.setup.client("bj").await;
    let slow = format!("INSERT INTO product (name) SELECT CONCAT('{mark} slow', SLEEP(3))");
    let executing = tokio::spawn(async move { executing.query_drop(slow).await });
    let running =
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'INSERT INTO product (name) SELECT%'";
    until("the server executes it", Duration::from_secs(20), async || {
        turn.databases.value("hz", Role::Primary, running).await == "1"
    })
    .await;
    let moving = begin(program.setup.console("bj").await, "SWITCH GLOBAL ZONE TO 'bj'");
    at_step(&mut console, "drain").await;
    let (directory, setup) = program.kill();
    assert!(moving.await.unwrap().is_err() && executing.await.unwrap().is_err());
    let program = Program::start_in(directory, setup).await;
    let what = ended(&program).await;
    assert!(what.contains("moved the Global Zone from hz to bj"), "{what}");
    let mut client = program.setup.client("hz").await;
    assert_eq!(sent(&mut client, turn.databases, WRITE_GLOBAL).await, Ok(vec!["bj primary".to_owned()]));
    let count = format!("SELECT COUNT(*) FROM shop.product WHERE name LIKE '{mark}%'");
    let at_bj = turn.databases.value("bj", Role::Primary, &count).await;
    turn.databases.converge().await;
    assert_eq!(turn.databases.value("hz", Role::Primary, &count).await, at_bj, "nothing came after the position");
    assert_eq!(value(&mut client, &count).await, at_bj);
}

#[tokio::test]
async fn a_process_killed_while_replication_catches_up_leaves_a_move_that_the_next_one_finishes() {
    let turn = Turn::wait().await;
    let program = Program::start(turn.setup(PATIENT)).await;
    let mut console = program.setup.console("hz").await;
    let mut open = program.setup.client("hz").await;
    open.query_drop("BEGIN").await.unwrap();
    open.query_drop("INSERT INTO product (name) VALUES ('caught up after a crash')").await.unwrap();
    let moving = begin(program.setup.console("bj").await, "SWITCH GLOBAL ZONE TO 'bj'");
    at_step(&mut console, "drain").await;
    turn.databases.run("bj", "STOP SLAVE 'from_hz' SQL_THREAD").await;
    open.query_drop("COMMIT").await.unwrap();
    at_step(&mut console, "catch-up").await;
    let (directory, setup) = program.kill();
    assert!(moving.await.unwrap().is_err());
    let program = Program::start_in(directory, setup).await;
    let mut console = program.setup.console("hz").await;
    at_step(&mut console, "catch-up").await;
    turn.databases.run("bj", "START SLAVE 'from_hz' SQL_THREAD").await;
    let what = ended(&program).await;
    assert!(what.contains("moved the Global Zone from hz to bj"), "{what}");
    let mut client = program.setup.client("hz").await;
    assert_eq!(sent(&mut client, turn.databases, WRITE_GLOBAL).await, Ok(vec!["bj primary".to_owned()]));
}

#[tokio::test]
async fn a_process_killed_again_and_again_while_ownership_moves_to_and_fro_loses_and_doubles_nothing() {
    let turn = Turn::wait().await;
    let mut setup = turn.setup(PATIENT);
    let mut directory = tempfile::tempdir().unwrap();
    let mark = marker();
    let mut acknowledged = Vec::new();
    for round in 0..4_u64 {
        let program = Program::start_in(directory, setup).await;
        let mut writers = tokio::task::JoinSet::new();
        for number in 0..4_usize {
            let mut client = program.setup.client(if number % 2 == 0 { "hz" } else { "bj" }).await;
            let mark = mark.clone();
            writers.spawn(async move {
                let mut done = Vec::new();
                for count in 0.. {
                    let name = format!("{mark} {round} {number} {count}");
                    match client.query_drop(format!("INSERT INTO product (name) VALUES ('{name}')")).await {
                        Ok(()) => done.push(name),
                        Err(_) => break,
                    }
                }
                done
            });
        }
        let mut console = program.setup.console("hz").await;
        let moving = tokio::spawn(async move {
            loop {
                for target in ["bj", "hz"] {
                    let switch = format!("SWITCH GLOBAL ZONE TO '{target}'");
                    if let Err(mysql_async::Error::Io(_) | mysql_async::Error::Driver(_)) =
                        console.query_drop(switch).await
                    {
                        return;
                    }
                }
            }
        });
        let mut watch = program.setup.console("bj").await;
        let before: u64 = rows(&mut watch, "SHOW EPOCH").await[0]["epoch"].parse().unwrap();
        // Somewhere in the middle of the round's second to fifth move.
        until("moves are made", Duration::from_secs(60), async || {
            rows(&mut watch, "SHOW EPOCH").await[0]["epoch"].parse::<u64>().unwrap() > before + 5 + round
        })
        .await;
        (directory, setup) = program.kill();
        moving.await.unwrap();
        acknowledged.extend(writers.join_all().await.into_iter().flatten());
    }
    let program = Program::start_in(directory, setup).await;
    ended(&program).await;
    turn.databases.converge().await;
    let names = format!(
        "SET SESSION group_concat_max_len = 100000000; \
         SELECT GROUP_CONCAT(name ORDER BY BINARY name SEPARATOR '|') FROM shop.product WHERE name LIKE '{mark}%'"
    );
    let at_hz = turn.databases.last_value("hz", Role::Primary, &names).await;
    assert_eq!(turn.databases.last_value("bj", Role::Primary, &names).await, at_hz, "the copies are equal");
    let mut stored: Vec<&str> = at_hz.split('|').collect();
    for name in &acknowledged {
        assert!(stored.contains(&name.as_str()), "{name} was acknowledged and is lost");
    }
    let all = stored.len();
    stored.dedup();
    assert_eq!(stored.len(), all, "a write was doubled");
    assert!(acknowledged.len() > 50, "only {} writes", acknowledged.len());
}
