//! The tour's last part, on a shared store: ownership moves on while a node is paused, when the node that moves it is killed, and when etcd
//! loses its leader.

use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use rustix::process::Signal;
use tokio::time::{Instant, sleep};

use super::report::{Line, Verdict};
use crate::demo::DemoError;
use crate::demo::command::log_in;
use crate::demo::etcd::leader_of;
use crate::demo::meridian_config::{CONSOLE_PASSWORD, CONSOLE_USER};
use crate::demo::process::find;
use crate::demo::state_file::{NodeEntry, State};

/// How long each may take: leases have to end, nodes to start again.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// What each part says, or why it went wrong.
type Told = Result<String, String>;

/// The lines of these parts; none where the store is not shared.
pub async fn lines(state: &State) -> Result<Vec<Line>, DemoError> {
    let [hz, hz_2, bj, ..] = state.nodes.as_slice() else { return Ok(Vec::new()) };
    let paused = a_node_is_paused(state, bj, hz_2).await;
    let killed = the_node_that_moves_is_killed(state, bj, hz_2).await;
    let led = etcd_loses_its_leader(state, hz).await;
    let line = |title: &str, door: String, expected: &str, told: Told| {
        let verdict = if told.is_ok() { Verdict::Right } else { Verdict::Wrong };
        let actual = told.unwrap_or_else(|error| error);
        Line { title: title.to_owned(), door, expected: expected.to_owned(), actual, verdict }
    };
    Ok(vec![
        line(
            "a switch while a node is paused (SIGSTOP)",
            format!("{} console", bj.name),
            "moved …; it wakes and writes at bj",
            paused,
        ),
        line(
            "kill -9 of the node that runs a switch",
            format!("{} console", hz_2.name),
            "another node finishes it",
            killed,
        ),
        line("kill -9 of etcd's leader", format!("{} console", hz.name), "changed; in force at all …", led),
    ])
}

async fn a_node_is_paused(state: &State, asked: &NodeEntry, paused: &NodeEntry) -> Told {
    signal(paused, Signal::STOP)?;
    let switched = switch(asked, "bj").await;
    signal(paused, Signal::CONT)?;
    let told = switched?;
    writes_at(state, paused, "bj").await?;
    Ok(told)
}

async fn the_node_that_moves_is_killed(state: &State, open: &NodeEntry, killed: &NodeEntry) -> Told {
    // A transaction that the move has to wait for.
    let mut client = application(state, open).await?;
    run(&mut client, "BEGIN").await?;
    run(&mut client, "INSERT INTO product (name) VALUES ('waited for')").await?;
    let moving = {
        let killed = killed.clone();
        tokio::spawn(async move { switch(&killed, "hz").await })
    };
    let mut watch = console(open).await?;
    until("the move is known", async || Ok(!run(&mut watch, "SHOW MOVES").await?.is_empty())).await?;
    signal(killed, Signal::KILL)?;
    run(&mut client, "COMMIT").await?;
    drop(moving.await);
    until("the move has ended", async || Ok(run(&mut watch, "SHOW MOVES").await?.is_empty())).await?;
    let history = run(&mut watch, "SHOW HISTORY").await?;
    let mut whats = history.iter().filter_map(|row| row.get::<String, _>("what"));
    let last = whats.next().unwrap_or_default();
    let taken = whats.find(|what| what.contains("carried on by")).unwrap_or_default();
    if last.contains("rolled back") || taken.is_empty() {
        return Err(format!("{last}; {taken}"));
    }
    // The demo has started it again by now, and it knows what was decided meanwhile.
    writes_at(state, killed, "hz").await?;
    Ok(format!("{taken}; {last}"))
}

async fn etcd_loses_its_leader(state: &State, asked: &NodeEntry) -> Told {
    let leader = leader_of(state.etcd.iter().map(|member| (member.name.as_str(), member.client_port))).await;
    let leader = leader.ok_or("etcd has no leader")?;
    let member = state.etcd.iter().find(|member| member.name == leader);
    let member = member.and_then(|member| find("etcd", &member.argument())).ok_or(format!("no process of {leader}"))?;
    rustix::process::kill_process(member, Signal::KILL).map_err(|error| error.to_string())?;
    let mut told = String::new();
    until("a change is taken", async || {
        let mut operator = console(asked).await?;
        let changed = run(&mut operator, "FORBID WRITES ON SHARDS 9999-9999 REASON 'tour'").await;
        told = changed.map_or_else(|error| error, |rows| first(&rows));
        Ok(told.contains("in force at all"))
    })
    .await
    .map_err(|error| format!("{error}: {told}"))?;
    let mut operator = console(asked).await?;
    run(&mut operator, "ALLOW WRITES ON SHARDS 9999-9999").await?;
    Ok(told)
}

/// Waits until a write of a global table through `node` is carried out in `unit`.
async fn writes_at(state: &State, node: &NodeEntry, unit: &str) -> Result<(), String> {
    let domain = state.instances.iter().find(|one| one.unit == unit && one.role == "primary").map(|one| one.port);
    let port = domain.ok_or("the demo has no such unit")?;
    until(&format!("{} writes at {unit}", node.name), async || {
        let Ok(mut client) = application(state, node).await else { return Ok(false) };
        if run(&mut client, "BEGIN").await.is_err() {
            return Ok(false);
        }
        let write = "INSERT INTO product (name) VALUES ('after the fault')";
        let Ok(_) = run(&mut client, write).await else { return Ok(false) };
        let here = run(&mut client, "SELECT @@port").await;
        let there = here.is_ok_and(|rows| first(&rows) == port.to_string());
        run(&mut client, "ROLLBACK").await?;
        Ok(there)
    })
    .await
}

async fn switch(node: &NodeEntry, target: &str) -> Told {
    let mut console = console(node).await?;
    run(&mut console, &format!("SWITCH GLOBAL ZONE TO '{target}'")).await.map(|rows| first(&rows))
}

async fn console(node: &NodeEntry) -> Result<Conn, String> {
    log_in(node.console_port, CONSOLE_USER, CONSOLE_PASSWORD, None).await.map_err(|error| error.to_string())
}

async fn application(state: &State, node: &NodeEntry) -> Result<Conn, String> {
    let connection = log_in(node.mysql_port, &state.app_user, &state.app_password, Some(&state.schema)).await;
    connection.map_err(|error| error.to_string())
}

async fn run(session: &mut Conn, statement: &str) -> Result<Vec<mysql_async::Row>, String> {
    match tokio::time::timeout(PATIENCE, session.query(statement)).await {
        Ok(outcome) => outcome.map_err(|error| error.to_string()),
        Err(_) => Err(format!("{statement}: no answer")),
    }
}

fn first(rows: &[mysql_async::Row]) -> String {
    let value = rows.first().and_then(|row| row.get_opt::<String, _>(0));
    value.and_then(Result::ok).unwrap_or_default()
}

fn signal(node: &NodeEntry, signal: Signal) -> Result<(), String> {
    let process = find("meridian", &node.argument()).ok_or(format!("no process of {}", node.name))?;
    rustix::process::kill_process(process, signal).map_err(|error| error.to_string())
}

async fn until(what: &str, mut ask: impl AsyncFnMut() -> Result<bool, String>) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    while !ask().await? {
        if Instant::now() > deadline {
            return Err(format!("{what}: not within {} s", PATIENCE.as_secs()));
        }
        sleep(PAUSE).await;
    }
    Ok(())
}
