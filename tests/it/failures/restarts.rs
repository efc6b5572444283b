//! kill -9 of the program under load: what was acknowledged is there, once; what was decided is still decided.

use std::time::Duration;

use mysql_async::prelude::Queryable;
use tokio::task::JoinSet;

use super::program::Program;
use crate::scenarios::expect::{error_of, rows, until};
use crate::scenarios::node::Setup;
use crate::scenarios::world::{Databases, marker};
use meridian::model::Role;

#[tokio::test]
async fn a_killed_node_loses_no_acknowledged_write_and_no_acknowledged_decision() {
    let databases = Databases::shared().await;
    let mut setup = Setup::shared(databases);
    let mut directory = tempfile::tempdir().unwrap();
    let mark = marker();
    let mut acknowledged = Vec::new();
    let mut epoch = 0;
    for round in 0..3_u32 {
        let program = Program::start_in(directory, setup).await;
        let mut writers = JoinSet::new();
        for number in 0..6_u32 {
            let mut client = program.setup.client(if number % 2 == 0 { "hz" } else { "bj" }).await;
            let mark = mark.clone();
            writers.spawn(async move {
                let mut done = Vec::new();
                for count in 0.. {
                    // hz's users only: bj is being forbidden and allowed all the time.
                    let item = format!("{mark} {round} {number} {count}");
                    let insert = format!("INSERT INTO orders (user_id, item) VALUES ({}, '{item}')", 200 + number);
                    match client.query_drop(insert).await {
                        Ok(()) => done.push(item),
                        Err(_) => return done,
                    }
                }
                done
            });
        }
        let mut console = program.setup.console("hz").await;
        let found: u64 = rows(&mut console, "SHOW EPOCH").await[0]["epoch"].parse().unwrap();
        assert!(found >= epoch, "epoch {found} after {epoch} was acknowledged");
        // The last decision of the round before was to forbid; one more may have been under way.
        let deciding = tokio::spawn(async move {
            let mut last = found;
            loop {
                for command in ["ALLOW WRITES ON UNIT 'bj'", "FORBID WRITES ON UNIT 'bj' REASON 'round'"] {
                    match console.query_first::<mysql_async::Row, _>(command).await {
                        Ok(Some(row)) => last = row.get::<u64, _>("epoch").unwrap(),
                        Ok(None) | Err(_) => return last,
                    }
                }
            }
        });
        let count = format!("SELECT COUNT(*) FROM shop.orders WHERE item LIKE '{mark} {round} %'");
        until("writes flow", Duration::from_secs(20), async || {
            databases.value("hz", Role::Primary, &count).await.parse::<u32>().unwrap() > 60
        })
        .await;
        (directory, setup) = program.kill();
        epoch = deciding.await.unwrap();
        acknowledged.extend(writers.join_all().await.into_iter().flatten());
    }
    assert!(epoch > 6 && acknowledged.len() > 150, "epoch {epoch}, {} writes", acknowledged.len());
    let all =
        format!("SELECT GROUP_CONCAT(item ORDER BY item SEPARATOR '|') FROM shop.orders WHERE item LIKE '{mark}%'");
    let items = databases.value("hz", Role::Primary, &all).await;
    let stored: Vec<&str> = items.split('|').collect();
    for item in &acknowledged {
        assert_eq!(stored.iter().filter(|found| *found == item).count(), 1, "{item}");
    }
    let mut once = stored.clone();
    once.dedup();
    assert_eq!(once.len(), stored.len(), "a write was doubled");

    let program = Program::start_in(directory, setup).await;
    let mut console = program.setup.console("bj").await;
    let found: u64 = rows(&mut console, "SHOW EPOCH").await[0]["epoch"].parse().unwrap();
    assert!(found == epoch || found == epoch + 1, "epoch {found}, acknowledged was {epoch}");
    rows(&mut console, "FORBID WRITES ON UNIT 'bj' REASON 'to the end'").await;
    let mut client = program.setup.client("hz").await;
    assert_eq!(error_of(&mut client, "DELETE FROM orders WHERE user_id = 6000 AND id = 0").await.0, 1290);
}
