//! A third unit goes on writing while another is left behind: what comes from it to the one in quarantine first is nobody's loss. And what it alone
//! has of the lost one comes to the target as everything of its own does.

use std::time::Duration;

use meridian::model::Role;
use mysql_async::prelude::Queryable;

use super::left::channel;
use super::{Revived, administering};
use crate::failures::program::Program;
use crate::moves::{at_step, begin};
use crate::scenarios::expect::{done_in_time, rows, until};
use crate::scenarios::node::{Node, Setup};
use crate::scenarios::world::Databases;

const PATIENCE: Duration = Duration::from_secs(60);
const FORCE: &str = "FORCE UNIT 'hz' TO 'bj' REASON 'lost'";

fn setup(databases: &Databases, moves: &str) -> Setup {
    let mut setup = administering(databases, moves);
    setup.further_units.push("sh");
    setup
}

#[tokio::test]
async fn what_a_third_unit_wrote_is_not_lost_with_the_one_that_was_left_behind_and_has_it_first() {
    let databases = &Databases::of(&["hz", "bj", "sh"]).await;
    let node = Node::start(setup(databases, "")).await;
    let (mut console, mut client) = (node.console("bj").await, node.client("hz").await);
    client.query_drop("INSERT INTO product (name) VALUES ('before')").await.unwrap();
    databases.converge().await;
    let log = databases.general_log("hz", Role::Primary);
    let mut revived = Revived::kill(log.parent().unwrap()).await;
    rows(&mut console, FORCE).await;
    revived.start();
    let lost = async |console: &mut mysql_async::Conn| rows(console, "SHOW QUARANTINES").await[0]["lost"].clone();
    until("the loss is known", PATIENCE, async || lost(&mut console).await == "nothing").await;

    databases.run("bj", "STOP SLAVE 'from_sh'").await;
    databases.run("sh", "INSERT INTO shop.product (name) VALUES ('from sh')").await;
    let count = "SELECT COUNT(*) FROM shop.product WHERE name = 'from sh'";
    until("hz has it", PATIENCE, async || databases.value("hz", Role::Primary, count).await == "1").await;
    assert_eq!(databases.value("bj", Role::Primary, count).await, "0");
    // It is looked at whether it is closed in each round, before its position is.
    let looks = || std::fs::read_to_string(&log).unwrap().matches("SHOW GLOBAL VARIABLES LIKE 'read_only'").count();
    let before = looks();
    until("it was looked at again and again", PATIENCE, async || looks() >= before + 3).await;
    let told = rows(&mut console, "SHOW HISTORY").await;
    let told: Vec<&str> = told.iter().map(|row| row["what"].as_str()).filter(|what| what.contains("3-")).collect();
    assert!(told.is_empty() && lost(&mut console).await == "nothing", "{told:?}");
    databases.run("sh", "INSERT INTO shop.product (name) VALUES ('from sh')").await;
    until("hz follows on", PATIENCE, async || databases.value("hz", Role::Primary, count).await == "2").await;
}

#[tokio::test]
async fn a_target_gets_what_a_third_unit_has_without_its_channel_from_the_source_being_turned_there() {
    let databases = &Databases::of(&["hz", "bj", "sh"]).await;
    let program = Program::start(setup(databases, "[moves]\ncatch_up_deadline = \"60s\"\n")).await;
    let (mut console, mut client) = (program.setup.console("bj").await, program.setup.client("hz").await);
    client.query_drop("INSERT INTO product (name) VALUES ('before')").await.unwrap();
    databases.converge().await;
    // It comes to sh alone, and from there to bj, which cannot apply it for now.
    databases.run_at("hz", Role::Replica, "STOP SLAVE 'from_primary' IO_THREAD").await;
    databases.run("bj", "STOP SLAVE 'from_hz' IO_THREAD").await;
    let mut locks = databases.root("bj").await;
    locks.query_drop("LOCK TABLES shop.product READ").await.unwrap();
    client.query_drop("INSERT INTO product (name) VALUES ('sh has it')").await.unwrap();
    let count = "SELECT COUNT(*) FROM shop.product WHERE name = 'sh has it'";
    until("sh has it", PATIENCE, async || databases.value("sh", Role::Primary, count).await == "1").await;
    let log = databases.general_log("hz", Role::Primary);
    let _revived = Revived::kill(log.parent().unwrap()).await;
    let forcing = begin(program.setup.console("bj").await, FORCE);
    at_step(&mut console, "force: feed the target").await;
    let waits =
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT MASTER_GTID_WAIT(%, 60.000)'";
    until("bj is waited for", PATIENCE, async || databases.value("bj", Role::Primary, waits).await == "1").await;
    // If its channel from hz led to sh by now, nobody would know it for that.
    let (directory, setup) = program.kill();
    assert!(forcing.await.unwrap().is_err());
    let port = databases.places().into_iter().find(|place| place.name == "hz-main-1").unwrap().port;
    assert_eq!(channel(databases, "Master_Port").await, port.to_string());

    let program = Program::start_in(directory, setup).await;
    let mut console = program.setup.console("bj").await;
    until("it has gone back", PATIENCE, async || rows(&mut console, "SHOW MOVES").await.is_empty()).await;
    locks.query_drop("UNLOCK TABLES").await.unwrap();
    let told = done_in_time(&mut console, FORCE, PATIENCE).await;
    assert!(told.contains("forced shards 0-4999 from hz to bj, the Global Zone from hz to bj"), "{told}");
    assert_eq!(databases.value("bj", Role::Primary, count).await, "1");
    assert_eq!(databases.channels("bj").await, ["from_sh"]);
    let log = program.log();
    let ended = log.lines().find(|line| line.contains("a forced change has ended")).unwrap();
    for step in ["force: stop receiving", "force: park channels"] {
        assert_eq!(ended.matches(step).count(), 1, "bj and sh at once: {ended}");
    }
}
