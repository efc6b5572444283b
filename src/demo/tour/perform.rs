//! Carrying out the tour: sends each step, then reads in the servers' logs where it was executed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row, Value};

use super::report::{Line, Verdict, table};
use super::steps::{Act, Outcome, Step, steps};
use super::{executed_in, faults};
use crate::demo::DemoError;
use crate::demo::command::log_in;
use crate::demo::directory::Claim;
use crate::demo::instance::general_log_in;
use crate::demo::meridian_config::{CONSOLE_PASSWORD, CONSOLE_USER};
use crate::demo::replication::wait_until_applied;
use crate::demo::root_access::RootAccess;
use crate::demo::state_file::{InstanceEntry, State};

/// How long one step may take.
const STEP_DEADLINE: Duration = Duration::from_secs(15);

/// How long replication may take for the rows of one step.
const CATCH_UP: Duration = Duration::from_secs(30);

/// Runs the tour on the demo in `directory` and prints its table. Errors: no demo runs there, or a step did not do what it should.
pub async fn run(directory: &Path) -> Result<(), DemoError> {
    let state = State::read(directory)?;
    if Claim::take_abandoned(directory)?.is_some() {
        return Err(DemoError::NotRunning(directory.to_path_buf()));
    }
    let mut lines = lines(&state).await?;
    lines.extend(faults::lines(&state).await?);
    println!("{}", table(&lines));
    let failed = lines.iter().filter(|line| line.verdict == Verdict::Wrong).count();
    if failed > 0 {
        return Err(DemoError::Tour { failed, steps: lines.len() });
    }
    println!("{} steps, each where it should be.", lines.len());
    Ok(())
}

/// Runs every step on the demo `state` describes and judges it. Errors: Meridian lets nobody in, or a log cannot be read.
pub async fn lines(state: &State) -> Result<Vec<Line>, DemoError> {
    let mut tour = Tour::connect(state).await?;
    let mut lines = Vec::new();
    for (index, step) in steps(&state.schema).iter().enumerate() {
        // The marker is one of a kind, so that an earlier tour's lines in the logs do not count.
        let marker = format!("tour {:08x} step {}", rand::random::<u32>(), index + 1);
        lines.push(tour.perform(step, &marker).await?);
    }
    Ok(lines)
}

/// One session at each listener and console, held through the whole tour: what changes must reach sessions that are open already.
struct Tour<'a> {
    state: &'a State,
    listeners: BTreeMap<String, Conn>,
    consoles: BTreeMap<String, Conn>,
}

/// What the client saw.
enum Seen {
    /// The rows' first columns, or nothing.
    Rows(Vec<String>),
    /// An ordinary error.
    Error(String),
}

impl<'a> Tour<'a> {
    async fn connect(state: &'a State) -> Result<Tour<'a>, DemoError> {
        let (mut listeners, mut consoles) = (BTreeMap::new(), BTreeMap::new());
        for unit in &state.units {
            let listener = log_in(unit.mysql_port, &state.app_user, &state.app_password, Some(&state.schema)).await;
            let console = log_in(unit.console_port, CONSOLE_USER, CONSOLE_PASSWORD, None).await;
            let wrap = DemoError::sql("logging in", &format!("the listener of {}", unit.name));
            listeners.insert(unit.name.clone(), listener.map_err(wrap)?);
            let wrap = DemoError::sql("logging in", &format!("the console of {}", unit.name));
            consoles.insert(unit.name.clone(), console.map_err(wrap)?);
        }
        Ok(Tour { state, listeners, consoles })
    }

    async fn perform(&mut self, step: &Step, marker: &str) -> Result<Line, DemoError> {
        let before: Vec<u64> = self.state.instances.iter().map(|instance| length_of(&log_of(instance))).collect();
        let seen = match tokio::time::timeout(STEP_DEADLINE, self.send(step, marker)).await {
            Ok(seen) => seen,
            Err(_) => Seen::Error(format!("no answer within {} s", STEP_DEADLINE.as_secs())),
        };
        let places = self.places(&before, marker)?;
        let (actual, verdict) = self.judge(step, marker, &seen, &places).await?;
        Ok(Line::new(step, actual, verdict))
    }

    async fn send(&mut self, step: &Step, marker: &str) -> Seen {
        let door = match step.act {
            Act::Text(_) | Act::Prepared(..) => self.listeners.get_mut(step.unit),
            Act::Console(_) => self.consoles.get_mut(step.unit),
        };
        let Some(session) = door else { return Seen::Error(format!("the demo has no unit {}", step.unit)) };
        match carry_out(session, &step.act, marker).await {
            Ok(rows) => Seen::Rows(rows.iter().map(first_column).collect()),
            Err(error) => {
                // A transaction that stopped half-way must not reach into the next step; the error is what counts.
                let _ = session.query_drop("ROLLBACK").await;
                Seen::Error(sentence(&error))
            }
        }
    }

    /// Where the marked statements were executed, how often each, in the order of the instances.
    fn places(&self, before: &[u64], marker: &str) -> Result<Vec<(&'a InstanceEntry, usize)>, DemoError> {
        let mut places = Vec::new();
        for (instance, from) in self.state.instances.iter().zip(before) {
            let times = executed_in(&read_from(&log_of(instance), *from)?, marker);
            if times > 0 {
                places.push((instance, times));
            }
        }
        Ok(places)
    }

    async fn judge(
        &self,
        step: &Step,
        marker: &str,
        seen: &Seen,
        places: &[(&InstanceEntry, usize)],
    ) -> Result<(String, Verdict), DemoError> {
        let mut actual = match seen {
            Seen::Error(message) if places.is_empty() => format!("refused: {message}"),
            Seen::Error(message) => format!("{}, then: {message}", described(places)),
            Seen::Rows(rows) => match step.act {
                Act::Console(_) => rows.first().cloned().unwrap_or_else(|| "accepted".to_owned()),
                Act::Text(_) | Act::Prepared(..) => described(places),
            },
        };
        let fine = match (&step.outcome, seen) {
            (Outcome::RunsOn(unit, role), Seen::Rows(_)) => ran_only_on(places, unit, role, step),
            (Outcome::RunsOnAndStays(unit, role, table), Seen::Rows(_)) => {
                let holders = self.holders(unit, table, marker).await?;
                actual = format!("{actual}, row in {}", holders.join(" and "));
                ran_only_on(places, unit, role, step) && holders == [*unit]
            }
            (Outcome::Refused(reason), Seen::Error(message)) => places.is_empty() && message.contains(reason),
            (Outcome::Accepted, Seen::Rows(_)) => true,
            (Outcome::Answers(start), Seen::Rows(rows)) => rows.iter().any(|row| row.starts_with(start)),
            (Outcome::Refused(_), Seen::Rows(_)) => false,
            (
                Outcome::RunsOn(..) | Outcome::RunsOnAndStays(..) | Outcome::Accepted | Outcome::Answers(_),
                Seen::Error(_),
            ) => false,
        };
        Ok((actual, if fine { Verdict::Right } else { Verdict::Wrong }))
    }

    /// The units that hold the marked row of `table`, once replication has carried everything `unit` wrote.
    async fn holders(&self, unit: &str, table: &str, marker: &str) -> Result<Vec<String>, DemoError> {
        let access = |instance: &InstanceEntry| RootAccess::new(&instance.name, &instance.directory);
        let primaries = || self.state.instances.iter().filter(|instance| instance.role == "primary");
        for source in primaries().filter(|instance| instance.unit == unit) {
            for target in primaries().filter(|instance| instance.unit != unit) {
                wait_until_applied(&access(source), &access(target), Some(target.domain), CATCH_UP).await?;
            }
        }
        let query = format!("SELECT COUNT(*) FROM {}.{table} WHERE message = '{marker}'", self.state.schema);
        let mut holders = Vec::new();
        for instance in primaries() {
            if access(instance).value(&query).await?.as_deref() != Some("0") {
                holders.push(instance.unit.clone());
            }
        }
        Ok(holders)
    }
}

async fn carry_out(session: &mut Conn, act: &Act, marker: &str) -> Result<Vec<Row>, mysql_async::Error> {
    match act {
        Act::Text(statements) => {
            let mut rows = Vec::new();
            for statement in statements {
                rows = session.query(statement.replace("{marker}", marker)).await?;
            }
            Ok(rows)
        }
        Act::Prepared(statement, key) => session.exec(statement.replace("{marker}", marker), (key,)).await,
        Act::Console(command) => session.query(command).await,
    }
}

/// What a person reads of an error; the server's own words where it spoke.
fn sentence(error: &mysql_async::Error) -> String {
    match error {
        mysql_async::Error::Server(error) => format!("{} {}", error.code, error.message),
        other => other.to_string(),
    }
}

fn first_column(row: &Row) -> String {
    match row.as_ref(0) {
        Some(Value::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        Some(value) => value.as_sql(true),
        None => String::new(),
    }
}

fn described(places: &[(&InstanceEntry, usize)]) -> String {
    if places.is_empty() {
        return "no instance".to_owned();
    }
    let one = |(instance, times): &(&InstanceEntry, usize)| match times {
        1 => format!("{} {}", instance.unit, instance.role),
        _ => format!("{} {} ({times} statements)", instance.unit, instance.role),
    };
    places.iter().map(one).collect::<Vec<String>>().join(" and ")
}

/// Whether every marked statement of the step, and nothing else, was executed on that one instance.
fn ran_only_on(places: &[(&InstanceEntry, usize)], unit: &str, role: &str, step: &Step) -> bool {
    let wanted = match &step.act {
        Act::Text(statements) => statements.iter().filter(|statement| statement.contains("{marker}")).count(),
        Act::Prepared(..) => 1,
        Act::Console(_) => 0,
    };
    matches!(places, [(only, times)] if only.unit == unit && only.role == role && *times == wanted)
}

fn log_of(instance: &InstanceEntry) -> PathBuf {
    general_log_in(&instance.directory)
}

fn length_of(log: &Path) -> u64 {
    std::fs::metadata(log).map_or(0, |metadata| metadata.len())
}

fn read_from(log: &Path, offset: u64) -> Result<String, DemoError> {
    let read = || {
        let mut file = File::open(log)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    read().map_err(DemoError::file("read", log))
}
