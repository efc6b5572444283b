//! A client that stops reading costs a bounded amount of memory, however much it has asked for.

use std::time::Duration;

use mysql_async::prelude::Queryable;

use super::program::Program;
use crate::scenarios::expect::until;
use crate::scenarios::node::Setup;
use crate::scenarios::world::Databases;

/// Enough of them that what the kernel hands out in one piece, 2 MiB, does not decide.
const SLOW: u64 = 16;

/// What one of them may cost.
const MOST: u64 = 256 << 10;

/// A thousand rows of a megabyte, or as many as asked for.
fn big(rows: u32) -> String {
    format!(
        "SELECT REPEAT('x', 1000000) FROM information_schema.COLLATIONS a, information_schema.COLLATIONS b LIMIT {rows}"
    )
}

#[tokio::test]
async fn a_client_that_does_not_read_a_gigabyte_costs_next_to_nothing() {
    let databases = Databases::shared().await;
    let program = Program::start(Setup::shared(databases)).await;
    // What is made once does not count: logins, connections to the database, what the allocator keeps.
    let mut watch = program.setup.client("hz").await;
    let mut warming = tokio::task::JoinSet::new();
    for _ in 0..SLOW {
        let mut client = program.setup.client("hz").await;
        warming.spawn(async move {
            for _ in 0..3 {
                client.query_drop(big(30)).await.unwrap();
            }
            client
        });
    }
    let clients = warming.join_all().await;
    watch.query_drop(big(30)).await.unwrap();
    let before = program.resident();
    let slow: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            tokio::spawn(async move {
                // The rows are left where they are until the test ends.
                let result = client.query_iter(big(1000)).await.unwrap();
                let columns = result.columns_ref().len();
                std::future::pending::<()>().await;
                columns
            })
        })
        .collect();
    until("the database waits for all of them", Duration::from_secs(60), async || {
        let waiting: Option<u64> = watch
            .query_first("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT REPEAT(%' AND state = 'Writing to net'")
            .await
            .unwrap();
        waiting == Some(SLOW)
    })
    .await;
    let grown = program.resident().saturating_sub(before);
    assert!(grown <= SLOW * MOST, "{SLOW} clients cost {grown} bytes");
    println!("{} bytes for each client that does not read", grown / SLOW);
    for client in slow {
        client.abort();
    }
}
