//! A whole unit is lost: its replica does not answer either, and is waited for once, together with the source. One that wakes in time is asked for
//! what it alone has.

use std::path::{Path, PathBuf};
use std::time::Duration;

use meridian::model::Role;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use rustix::process::{Pid, Signal, kill_process};

use super::administering;
use crate::failures::program::Program;
use crate::scenarios::expect::{rows, until};
use crate::scenarios::world::Databases;

const PATIENCE: Duration = Duration::from_secs(60);
const MOVES: &str = "[moves]\ndrain_deadline = \"300ms\"\nend_deadline = \"1s\"\ncatch_up_deadline = \"20s\"\n";
const FORCE: &str = "FORCE UNIT 'hz' TO 'bj' REASON 'its room is dark'";

fn file(databases: &Databases, role: Role, name: &str) -> PathBuf {
    databases.general_log("hz", role).parent().map(|directory: &Path| directory.join(name)).unwrap()
}

/// Freezes hz's server of this role; it goes on when this is dropped.
struct Frozen(Pid);

impl Frozen {
    fn freeze(databases: &Databases, role: Role) -> Frozen {
        let number = std::fs::read_to_string(file(databases, role, "server.pid")).unwrap();
        let process = Pid::from_raw(number.trim().parse().unwrap()).unwrap();
        kill_process(process, Signal::STOP).unwrap();
        Frozen(process)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        // It may have been killed by a fencing command.
        let _gone = kill_process(self.0, Signal::CONT);
    }
}

/// The line of a log that holds `text`.
fn line(log: &str, text: &str) -> String {
    log.lines().find(|line| line.contains(text)).unwrap_or_else(|| panic!("no '{text}' in {log}")).to_owned()
}

async fn kept(console: &mut Conn) -> usize {
    rows(console, "SHOW SESSIONS").await.iter().filter(|row| row["backend"].starts_with("hz-main-1")).count()
}

#[tokio::test]
async fn a_unit_of_which_nobody_answers_is_waited_for_once() {
    let databases = &Databases::own().await;
    let program = Program::start(administering(databases, MOVES)).await;
    let mut console = program.setup.console("bj").await;
    let _frozen = [Role::Primary, Role::Replica].map(|role| Frozen::freeze(databases, role));
    let told = rows(&mut console, FORCE).await[0]["result"].clone();
    assert!(told.contains("forced shards 0-4999 from hz to bj, the Global Zone from hz to bj"), "{told}");
    assert!(told.contains("no write was left in flight"), "{told}");
    let log = program.log();
    let begun = line(&log, "a forced change has begun");
    assert!(begun.contains("lost_too=\"hz-main-2\""), "{begun}");
    // It is told of whoever was waited for in vain for as long as a connection may take.
    assert!(!log.contains("not seen"), "its replica was waited for a second time: {log}");
    let ended = line(&log, "a forced change has ended");
    let steps = ["force: close the source ", "force: stop receiving ", "force: park channels ", "force: publish "];
    let places: Vec<usize> = steps.iter().map(|step| ended.find(step).unwrap_or_else(|| panic!("{ended}"))).collect();
    assert!(places.is_sorted(), "{ended}");
}

#[tokio::test]
async fn a_replica_that_wakes_before_the_change_is_made_gives_what_it_alone_has() {
    let databases = &Databases::own().await;
    let (source, replica) =
        (file(databases, Role::Primary, "server.pid"), file(databases, Role::Replica, "server.pid"));
    let socket = file(databases, Role::Replica, "server.sock");
    // When the source is closed for certain, its replica is back.
    let command = format!(
        "kill -9 $(cat {}); kill -CONT $(cat {}); until mariadb-admin --no-defaults -u root -S {} ping; do sleep 0.1; done",
        source.display(),
        replica.display(),
        socket.display()
    );
    let moves = format!("{MOVES}fencing_command = [\"/bin/sh\", \"-c\", \"{command}\"]\n");
    let program = Program::start(administering(databases, &moves)).await;
    let (mut console, mut client) = (program.setup.console("bj").await, program.setup.client("hz").await);
    let insert = |name: &str| format!("INSERT INTO product (name) VALUES ('{name}')");
    client.query_drop(insert("everybody has it")).await.unwrap();
    databases.converge().await;
    databases.run("bj", "STOP SLAVE 'from_hz' IO_THREAD").await;
    client.query_drop(insert("its replica alone has it")).await.unwrap();
    let count = "SELECT COUNT(*) FROM shop.product WHERE name = 'its replica alone has it'";
    until("hz's replica has it", PATIENCE, async || databases.value("hz", Role::Replica, count).await == "1").await;
    // So that its connection is not kept any more, and the next one seen is that of the write on its way.
    client.query_drop("SELECT 1").await.unwrap();
    until("no connection is kept", PATIENCE, async || kept(&mut console).await == 0).await;
    let _frozen = [Role::Primary, Role::Replica].map(|role| Frozen::freeze(databases, role));
    let on_its_way = tokio::spawn(async move {
        // Whether it was executed nobody can say, so that the fencing command is needed.
        drop(client.query_drop("INSERT INTO product (name) VALUES ('on its way')").await);
    });
    until("the write is on its way", PATIENCE, async || kept(&mut console).await == 1).await;
    let told = rows(&mut console, FORCE).await[0]["result"].clone();
    on_its_way.await.unwrap();
    assert!(told.contains("the fencing command succeeded"), "{told}");
    let begun = line(&program.log(), "a forced change has begun");
    assert!(begun.contains("lost_too=\"hz-main-2\""), "{begun}");
    assert_eq!(databases.value("bj", Role::Primary, count).await, "1", "{}", program.log());
}
