//! A third unit goes on writing while another is left behind: what comes from it to the one in quarantine first is nobody's loss.

use std::time::Duration;

use meridian::demo::schema::{ADMINISTRATOR_PASSWORD, ADMINISTRATOR_USER};
use meridian::model::Role;
use mysql_async::prelude::Queryable;

use super::Revived;
use crate::scenarios::expect::{rows, until};
use crate::scenarios::node::{Node, Setup};
use crate::scenarios::world::Databases;

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn what_a_third_unit_wrote_is_not_lost_with_the_one_that_was_left_behind_and_has_it_first() {
    let databases = &Databases::of(&["hz", "bj", "sh"]).await;
    let mut setup = Setup::shared(databases);
    setup.further_units.push("sh");
    setup.backend = format!(
        "administrator_user = \"{ADMINISTRATOR_USER}\"\nadministrator_password = \"{ADMINISTRATOR_PASSWORD}\"\n"
    );
    let node = Node::start(setup).await;
    let (mut console, mut client) = (node.console("bj").await, node.client("hz").await);
    client.query_drop("INSERT INTO product (name) VALUES ('before')").await.unwrap();
    databases.converge().await;
    let log = databases.general_log("hz", Role::Primary);
    let mut revived = Revived::kill(log.parent().unwrap()).await;
    rows(&mut console, "FORCE UNIT 'hz' TO 'bj' REASON 'lost'").await;
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
