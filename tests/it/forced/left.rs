//! kill -9 of Meridian while it makes a forced change: the next process lets it go back, and the survivors follow the source again.

use std::path::Path;
use std::time::Duration;

use meridian::model::Role;
use mysql_async::Row;
use mysql_async::prelude::Queryable;

use super::{Revived, administering};
use crate::failures::program::Program;
use crate::moves::{at_step, begin};
use crate::scenarios::expect::{done_in_time, rows, until};
use crate::scenarios::world::Databases;

const PATIENCE: Duration = Duration::from_secs(60);
const MOVES: &str = "[moves]\ndrain_deadline = \"1s\"\nend_deadline = \"2s\"\ncatch_up_deadline = \"60s\"\n";
const FORCE: &str = "FORCE UNIT 'hz' TO 'bj' REASON 'lost'";
const COUNT: &str = "SELECT COUNT(*) FROM shop.product WHERE name = 'received and not applied'";

/// What a column says of bj's channel from hz.
pub async fn channel(databases: &Databases, column: &str) -> String {
    let mut root = databases.root("bj").await;
    let channels: Vec<Row> = root.query("SHOW ALL SLAVES STATUS").await.unwrap();
    let from_hz = channels.iter().find(|row| row.get::<String, _>("Connection_name").unwrap() == "from_hz");
    from_hz.unwrap().get(column).unwrap()
}

#[tokio::test]
async fn a_process_killed_in_a_forced_change_leaves_one_that_goes_back_and_the_survivors_follow_the_source_again() {
    let databases = &Databases::own().await;
    let program = Program::start(administering(databases, MOVES)).await;
    let (mut console, mut client) = (program.setup.console("bj").await, program.setup.client("hz").await);
    // bj has received it, and cannot apply it for now.
    let mut locks = databases.root("bj").await;
    locks.query_drop("LOCK TABLES shop.product READ").await.unwrap();
    client.query_drop("INSERT INTO product (name) VALUES ('received and not applied')").await.unwrap();
    let written = databases.value("hz", Role::Primary, "SELECT @@gtid_binlog_pos").await;
    let own = written.split(',').find(|part| part.starts_with("1-")).unwrap().to_owned();
    until("bj has received it", PATIENCE, async || channel(databases, "Gtid_IO_Pos").await.contains(&own)).await;
    let log = databases.general_log("hz", Role::Primary);
    let _revived = Revived::kill(log.parent().map(Path::to_owned).as_deref().unwrap()).await;
    let forcing = begin(program.setup.console("bj").await, FORCE);
    at_step(&mut console, "force: apply what was received").await;
    assert_eq!(channel(databases, "Slave_IO_Running").await, "No", "it receives no more");
    let (directory, setup) = program.kill();
    assert!(forcing.await.unwrap().is_err());

    let program = Program::start_in(directory, setup).await;
    let mut console = program.setup.console("bj").await;
    until("it has gone back", PATIENCE, async || rows(&mut console, "SHOW MOVES").await.is_empty()).await;
    let history = rows(&mut console, "SHOW HISTORY").await;
    let why = "the node that made the forced change is gone; ask for it again";
    assert!(history[0]["what"].contains(why), "{history:?}");
    assert_ne!(channel(databases, "Slave_IO_Running").await, "No", "it asks for hz again");
    locks.query_drop("UNLOCK TABLES").await.unwrap();
    until("what it had received is applied", PATIENCE, async || {
        databases.value("bj", Role::Primary, COUNT).await == "1"
    })
    .await;

    let told = done_in_time(&mut console, FORCE, PATIENCE).await;
    assert!(told.contains("forced shards 0-4999 from hz to bj, the Global Zone from hz to bj"), "{told}");
    let mut client = program.setup.client("hz").await;
    client.query_drop("INSERT INTO product (name) VALUES ('after')").await.unwrap();
    assert_eq!(databases.channels("bj").await, Vec::<String>::new(), "nobody follows the lost source");
}
