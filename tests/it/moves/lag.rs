//! C7, C8: lag as it is measured on real servers: none, growing, standing, unknown.

use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use super::{PATIENT, Turn};
use crate::scenarios::expect::{rows, until};

const PATIENCE: Duration = Duration::from_secs(60);

/// State, missing transactions and milliseconds of one link; NULL is an empty text.
async fn link(console: &mut Conn, source: &str, follower: &str) -> Option<(String, String, String)> {
    let links = rows(console, "SHOW LAG").await;
    let found = links.into_iter().find(|row| row["source"] == source && row["follower"] == follower)?;
    Some((found["state"].clone(), found["missing"].clone(), found["milliseconds"].clone()))
}

#[tokio::test]
async fn c8_a_standing_applier_is_told_at_once_and_a_late_one_by_the_age_of_what_it_lacks() {
    let turn = Turn::wait().await;
    let node = turn.node(PATIENT).await;
    let (mut console, mut client) = (node.console("hz").await, node.client("hz").await);
    for (source, follower) in [("hz-main-1", "bj-main-1"), ("bj-main-1", "hz-main-1"), ("bj-main-1", "bj-main-2")] {
        until("a link without lag", PATIENCE, async || {
            let none = ("applies".to_owned(), "0".to_owned(), "0".to_owned());
            link(&mut console, source, follower).await == Some(none)
        })
        .await;
    }
    // Nothing is written, and yet it does not read as 0.
    turn.databases.run("bj", "STOP SLAVE 'from_hz' SQL_THREAD").await;
    until("the link stands", PATIENCE, async || {
        link(&mut console, "hz-main-1", "bj-main-1").await.is_some_and(|(state, ..)| state == "stands")
    })
    .await;
    let dry = rows(&mut console, "SWITCH GLOBAL ZONE TO 'bj' DRY RUN").await;
    let told = dry.iter().find(|row| row["check"] == "lag" && row["result"].ends_with("behind hz-main-1"));
    assert!(told.is_some_and(|row| row["instance"] == "bj-main-1" && row["result"].starts_with("stands")), "{dry:?}");
    client.query_drop("INSERT INTO product (name) VALUES ('late')").await.unwrap();
    until("one is missing", PATIENCE, async || {
        link(&mut console, "hz-main-1", "bj-main-1").await.is_some_and(|(_, missing, _)| missing == "1")
    })
    .await;
    turn.databases.run("bj", "START SLAVE 'from_hz' SQL_THREAD").await;
    // What it receives it applies a minute late from now on: longer than anybody here waits.
    turn.databases.run("bj", "STOP SLAVE 'from_hz'").await;
    turn.databases.run("bj", "CHANGE MASTER 'from_hz' TO MASTER_DELAY = 60").await;
    turn.databases.run("bj", "START SLAVE 'from_hz'").await;
    client.query_drop("INSERT INTO product (name) VALUES ('a minute late')").await.unwrap();
    until("its age is told", PATIENCE, async || {
        let found = link(&mut console, "hz-main-1", "bj-main-1").await;
        found.is_some_and(|(state, missing, time)| {
            state == "applies" && missing == "1" && time.parse::<u64>().is_ok_and(|time| time >= 1000)
        })
    })
    .await;
    turn.databases.run("bj", "STOP SLAVE 'from_hz'").await;
    turn.databases.run("bj", "CHANGE MASTER 'from_hz' TO MASTER_DELAY = 0").await;
    turn.databases.run("bj", "START SLAVE 'from_hz'").await;
}
