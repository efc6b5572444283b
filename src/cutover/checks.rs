//! What must be true of the servers before a move begins: asked of each, judged here, told by name.
//!
//! None of it is needed for safety, which rests on the wait for the sources' positions; it tells beforehand why that wait would never end, or
//! what would go wrong afterwards.

mod notes;
#[cfg(test)]
mod tests;

use std::fmt;

use super::server::{Channel, ControlAccount, Family, Server, ServerError, value};
use crate::model::{ControlState, Group, GroupId, Instance, InstanceId, Role, TableClass, UnitId};

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// The server answers.
    Answers,
    /// It writes a binlog that holds what it applies, under GTIDs.
    Binlog,
    /// It applies the others' streams: channels there are run, by GTID.
    Channels,
    /// No channel leaves out anything but local tables.
    Filters,
    /// A target takes writes.
    Writable,
    /// No transaction is prepared for two-phase commit at a source.
    Prepared,
    /// Automatic ids of the units keep apart.
    AutomaticIds,
    /// Binlogs are kept long enough for a follower that was stopped.
    Retention,
    /// No event of a server's own writes in the group's schemas.
    Events,
    /// No account of an application writes where `read_only` is on.
    ReadOnlyBypass,
    /// A node that is not heard can be shut out at a source at once.
    Fence,
    /// Every node knows the target.
    Nodes,
    /// Nobody else may write at a source.
    Accounts,
    /// It applies one transaction after the other.
    Appliers,
    /// It begins closed when it is started.
    Start,
    /// What the group's schemas enforce holds over several units.
    Schema,
}

impl fmt::Display for Check {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Check::Answers => "answers",
            Check::Binlog => "binlog",
            Check::Channels => "channels",
            Check::Filters => "filters",
            Check::Writable => "writable",
            Check::Prepared => "prepared",
            Check::AutomaticIds => "automatic-ids",
            Check::Retention => "retention",
            Check::Events => "events",
            Check::ReadOnlyBypass => "read-only-bypass",
            Check::Fence => "fence",
            Check::Nodes => "nodes",
            Check::Accounts => "accounts",
            Check::Appliers => "appliers",
            Check::Start => "start",
            Check::Schema => "schema",
        })
    }
}

/// Every check, in the order of the enumeration.
const CHECKS: [Check; 16] = [
    Check::Answers,
    Check::Binlog,
    Check::Channels,
    Check::Filters,
    Check::Writable,
    Check::Prepared,
    Check::AutomaticIds,
    Check::Retention,
    Check::Events,
    Check::ReadOnlyBypass,
    Check::Fence,
    Check::Nodes,
    Check::Accounts,
    Check::Appliers,
    Check::Start,
    Check::Schema,
];

impl Check {
    /// The check that is called so.
    pub fn of(word: &str) -> Option<Check> {
        CHECKS.into_iter().find(|check| check.to_string() == word)
    }

    /// Whether it may be told to refuse (`strict_checks`) where it would only tell.
    pub fn can_be_strict(self) -> bool {
        matches!(self, Check::Accounts | Check::Appliers | Check::Start)
    }

    /// Whether an operator may take its fault upon himself: no move depends on it to be safe, only what comes later or from elsewhere.
    pub fn can_be_skipped(self) -> bool {
        match self {
            Check::AutomaticIds
            | Check::Retention
            | Check::Events
            | Check::ReadOnlyBypass
            | Check::Nodes
            | Check::Accounts
            | Check::Start
            | Check::Schema => true,
            Check::Answers
            | Check::Binlog
            | Check::Channels
            | Check::Filters
            | Check::Writable
            | Check::Prepared
            | Check::Fence
            | Check::Appliers => false,
        }
    }
}

/// Checks whose faults an operator takes upon himself, for one move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedChecks {
    /// Which.
    pub checks: Vec<Check>,
    /// Why, in his words.
    pub reason: String,
}

impl fmt::Display for SkippedChecks {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let checks: Vec<String> = self.checks.iter().map(Check::to_string).collect();
        write!(out, "{}: {}", checks.join(", "), self.reason)
    }
}

/// What was found of one check at one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The check.
    pub check: Check,
    /// The instance.
    pub instance: String,
    /// What is wrong; nothing when it is fine.
    pub fault: Option<String>,
    /// What is worth knowing, though nothing is wrong.
    pub note: Option<String>,
}

/// What one server says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    family: Option<Family>,
    variables: Vec<(&'static str, Option<String>)>,
    channels: Vec<Channel>,
    prepared: Option<usize>,
    /// Events that are enabled, as schema and name.
    events: Vec<(String, String)>,
    /// Accounts that `read_only` does not bind, with the privilege that frees them.
    unbound: Vec<(String, String)>,
    /// Accounts that may change rows, with the schema as it stands in the grant; `*` for all.
    writers: Vec<(String, String)>,
    /// Where its value of `read_only` comes from; unknown where it does not say.
    read_only_from: Option<String>,
}

/// What is said of one check.
enum Verdict {
    Fine,
    /// Nothing is wrong, and yet it is worth knowing.
    Note(String),
    Fault(String),
}

impl From<Option<String>> for Verdict {
    fn from(fault: Option<String>) -> Verdict {
        fault.map_or(Verdict::Fine, Verdict::Fault)
    }
}

fn noted(note: Option<String>) -> Verdict {
    note.map_or(Verdict::Fine, Verdict::Note)
}

/// The shortest time binlogs may be kept, unless they are kept for ever.
const SHORTEST_RETENTION: u64 = 3600;

/// Enabled events of all schemas.
const EVENTS: &str = "SELECT EVENT_SCHEMA, EVENT_NAME FROM information_schema.EVENTS WHERE STATUS = 'ENABLED'";

/// Who writes where `read_only` is on.
const UNBOUND: &str = "SELECT GRANTEE, PRIVILEGE_TYPE FROM information_schema.USER_PRIVILEGES \
                       WHERE PRIVILEGE_TYPE IN ('READ_ONLY ADMIN', 'READ ONLY ADMIN', 'CONNECTION_ADMIN', 'SUPER')";

/// Who may change rows, and where.
const WRITERS: &str = "SELECT DISTINCT GRANTEE, '*' FROM information_schema.USER_PRIVILEGES \
                       WHERE PRIVILEGE_TYPE IN ('INSERT', 'UPDATE', 'DELETE') UNION \
                       SELECT DISTINCT GRANTEE, TABLE_SCHEMA FROM information_schema.SCHEMA_PRIVILEGES \
                       WHERE PRIVILEGE_TYPE IN ('INSERT', 'UPDATE', 'DELETE')";

/// Where MariaDB's value of `read_only` comes from.
const MARIADB_ORIGIN: &str = "SELECT VARIABLE_NAME, GLOBAL_VALUE_ORIGIN FROM information_schema.SYSTEM_VARIABLES \
                              WHERE VARIABLE_NAME = 'READ_ONLY'";

/// Where MySQL's does.
const MYSQL_ORIGIN: &str = "SELECT VARIABLE_NAME, VARIABLE_SOURCE FROM performance_schema.variables_info \
                            WHERE VARIABLE_NAME = 'read_only'";

const MARIADB: &[&str] = &[
    "log_bin",
    "log_slave_updates",
    "read_only",
    "auto_increment_increment",
    "binlog_expire_logs_seconds",
    "event_scheduler",
    "slave_parallel_threads",
];
const MYSQL: &[&str] = &[
    "log_bin",
    "log_replica_updates",
    "read_only",
    "auto_increment_increment",
    "gtid_mode",
    "binlog_expire_logs_seconds",
    "event_scheduler",
    "replica_parallel_workers",
    "replica_preserve_commit_order",
    "skip_replica_start",
];

/// What an instance is to a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// It gives scopes away.
    pub is_source: bool,
    /// It gets scopes.
    pub is_target: bool,
    /// The applications' accounts, by name.
    pub applications: &'a [String],
    /// Checks that refuse where they would only tell.
    pub strict: &'a [Check],
}

/// Asks every instance of `group` and judges. `sources` and `target` are the units of the move. The second list is of replicas that a move
/// goes on without: they do not answer, or do not follow, and will apply what they missed in its order.
pub async fn of_group(
    state: &ControlState,
    group: GroupId,
    sources: &[UnitId],
    target: UnitId,
    account: &ControlAccount,
    (applications, strict): (&[String], &[Check]),
) -> (Vec<Finding>, Vec<InstanceId>) {
    let (mut findings, mut left_out) = (Vec::new(), Vec::new());
    let held = (0u16..).map(InstanceId).zip(&state.instances);
    for (id, instance) in held.filter(|(_, instance)| instance.group == group) {
        let primary = instance.role == Role::Primary;
        let part = Part {
            is_source: primary && sources.contains(&instance.unit),
            is_target: primary && instance.unit == target,
            applications,
            strict,
        };
        match facts(instance, account).await {
            Ok(facts) => {
                if instance.role == Role::Replica && channels(state, &facts).is_some() && applies_in_order(&facts) {
                    left_out.push(id);
                }
                findings.extend(judged(state, state.group(group), instance, part, &facts));
            }
            Err(error) => {
                let (mut fault, mut note) = (Some(error.to_string()), None);
                if instance.role == Role::Replica {
                    left_out.push(id);
                    note = fault.take().map(|fault| out_of_service(&fault));
                }
                findings.push(Finding { check: Check::Answers, instance: instance.name.clone(), fault, note });
            }
        }
    }
    (findings, left_out)
}

fn out_of_service(why: &str) -> String {
    format!("{why}: a move goes on without it, and nobody reads there until it has caught up")
}

/// A replica that does not follow keeps nobody from moving, if it will apply what it missed in its order.
fn replica_channels(state: &ControlState, instance: &Instance, facts: &Facts) -> Verdict {
    match channels(state, facts) {
        Some(why) if instance.role == Role::Replica && applies_in_order(facts) => Verdict::Note(out_of_service(&why)),
        fault => fault.into(),
    }
}

/// Whether what is applied late is applied one after the other, as it was written.
pub fn applies_in_order(facts: &Facts) -> bool {
    match facts.family {
        Some(Family::MySql) => {
            facts.is_on("replica_preserve_commit_order") || facts.variable("replica_parallel_workers") == Some("0")
        }
        Some(Family::MariaDb) | None => facts.variable("slave_parallel_threads") == Some("0"),
    }
}

/// Whether a replica that was left out follows again, and applied what it missed in its order. Errors: not, and why.
pub async fn follows(state: &ControlState, instance: &Instance, account: &ControlAccount) -> Result<(), String> {
    let facts = facts(instance, account).await.map_err(|error| error.to_string())?;
    match channels(state, &facts) {
        Some(why) => Err(why),
        None if !applies_in_order(&facts) => Err("it applies in parallel, so that nobody knows in which order it applied what it missed: make it a copy of its primary anew, with serial appliers".to_owned()),
        None => Ok(()),
    }
}

async fn facts(instance: &Instance, account: &ControlAccount) -> Result<Facts, ServerError> {
    let mut server = Server::connect(instance, account).await?;
    let names = match server.family {
        Family::MariaDb => MARIADB,
        Family::MySql => MYSQL,
    };
    let mut variables = Vec::new();
    for name in names {
        variables.push((*name, server.variable(name).await?));
    }
    let channels = server.channels().await?;
    let (events, unbound) = (server.pairs(EVENTS).await?, server.pairs(UNBOUND).await?);
    let prepared = server.prepared().await?;
    let writers = server.pairs(WRITERS).await?;
    let origin = match server.family {
        Family::MariaDb => MARIADB_ORIGIN,
        Family::MySql => MYSQL_ORIGIN,
    };
    let read_only_from = match server.pairs(origin).await {
        Ok(rows) => rows.into_iter().next().map(|(_, origin)| origin),
        // It may be that this account is not told.
        Err(error) if error.code().is_some() => None,
        Err(error) => return Err(error),
    };
    let family = Some(server.family);
    Ok(Facts { family, variables, channels, prepared, events, unbound, writers, read_only_from })
}

impl Facts {
    fn variable(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(known, _)| *known == name).and_then(|(_, value)| value.as_deref())
    }

    fn is_on(&self, name: &str) -> bool {
        matches!(self.variable(name), Some("ON" | "1"))
    }
}

/// The findings of one instance.
pub fn judged(state: &ControlState, group: &Group, instance: &Instance, part: Part<'_>, facts: &Facts) -> Vec<Finding> {
    let mut checks: Vec<(Check, Verdict)> = vec![
        (Check::Answers, Verdict::Fine),
        (Check::Binlog, binlog(facts, instance.role).into()),
        (Check::Channels, replica_channels(state, instance, facts)),
        (Check::Filters, filters(group, &facts.channels).into()),
        (Check::Appliers, noted(notes::appliers(facts))),
    ];
    if part.is_target {
        let read_only = || "it is read-only: SET GLOBAL read_only = 0 there first".to_owned();
        checks.push((Check::Writable, facts.is_on("read_only").then(read_only).into()));
    }
    if part.is_source {
        checks.push((Check::Prepared, prepared(facts)));
        checks.push((Check::Accounts, notes::writers(group, part.applications, facts)));
    }
    if instance.role == Role::Primary && group.has_managed_tables() {
        checks.push((Check::AutomaticIds, automatic_ids(state, facts).into()));
        checks.push((Check::Retention, retention(facts).into()));
        checks.push((Check::Events, events(group, facts).into()));
        checks.push((Check::ReadOnlyBypass, unbound(part.applications, facts).into()));
        checks.push((Check::Start, noted(notes::start(facts))));
    }
    let finding = |(check, verdict): (Check, Verdict)| {
        let (fault, note) = match verdict {
            Verdict::Fine => (None, None),
            Verdict::Note(note) if part.strict.contains(&check) => (Some(note), None),
            Verdict::Note(note) => (None, Some(note)),
            Verdict::Fault(fault) => (Some(fault), None),
        };
        Finding { check, instance: instance.name.clone(), fault, note }
    };
    checks.into_iter().map(finding).collect()
}

fn prepared(facts: &Facts) -> Verdict {
    match facts.prepared {
        Some(0) => Verdict::Fine,
        Some(count) => Verdict::Fault(format!("{count} XA transactions are prepared there")),
        None => Verdict::Fault(
            "whether XA transactions are prepared there, which anybody could commit behind the move, is not told: grant Meridian's account XA_RECOVER_ADMIN"
                .to_owned(),
        ),
    }
}

/// A replica's binlog is read by nobody here; a primary's is what the others follow.
fn binlog(facts: &Facts, role: Role) -> Option<String> {
    let updates = match facts.family {
        Some(Family::MySql) => "log_replica_updates",
        Some(Family::MariaDb) | None => "log_slave_updates",
    };
    let off = [(!facts.is_on("log_bin"), "log_bin"), (!facts.is_on(updates), updates)];
    let gtid = facts.family == Some(Family::MySql) && facts.variable("gtid_mode") != Some("ON");
    let off = off.into_iter().chain([(gtid, "gtid_mode")]).find(|(is_off, _)| *is_off)?;
    (role == Role::Primary || off.1 == "gtid_mode").then(|| format!("{} is off", off.1))
}

fn channels(state: &ControlState, facts: &Facts) -> Option<String> {
    if facts.channels.is_empty() {
        return (state.units.len() > 1).then(|| "it follows nobody: it has no replication channel".to_owned());
    }
    facts.channels.iter().find_map(|channel| {
        let name = value(channel, &["Connection_name", "Channel_Name"]);
        let runs = |names: &[&str]| value(channel, names) == "Yes";
        if !runs(&["Slave_IO_Running", "Replica_IO_Running"]) {
            return Some(format!("channel '{name}' does not receive: {}", value(channel, &["Last_IO_Error"])));
        }
        if !runs(&["Slave_SQL_Running", "Replica_SQL_Running"]) {
            return Some(format!("channel '{name}' does not apply: {}", value(channel, &["Last_SQL_Error"])));
        }
        let by_gtid = matches!(value(channel, &["Using_Gtid", "Auto_Position"]), "Slave_Pos" | "Current_Pos" | "1");
        (!by_gtid).then(|| format!("channel '{name}' does not follow by GTID"))
    })
}

/// Left out may be local tables, and schemas that are not the group's. Everything else would be missing at a new owner, while the wait for
/// its position succeeds.
pub fn filters(group: &Group, channels: &[Channel]) -> Option<String> {
    const NEVER: [&str; 9] = [
        "Replicate_Do_DB",
        "Replicate_Do_Table",
        "Replicate_Wild_Do_Table",
        "Replicate_Wild_Ignore_Table",
        "Replicate_Rewrite_DB",
        "Replicate_Do_Domain_Ids",
        "Replicate_Ignore_Domain_Ids",
        "Replicate_Ignore_Server_Ids",
        "Ignored_domain_ids",
    ];
    channels.iter().find_map(|channel| {
        let name = value(channel, &["Connection_name", "Channel_Name"]);
        let used = NEVER.iter().find(|filter| !value(channel, &[filter]).is_empty());
        if let Some(filter) = used {
            return Some(format!("channel '{name}' has {filter}"));
        }
        let listed = |filter: &str| {
            value(channel, &[filter])
                .split(',')
                .map(str::trim)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let schema = listed("Replicate_Ignore_DB").into_iter().find(|schema| group.schemas.contains(schema));
        if let Some(schema) = schema {
            return Some(format!("channel '{name}' leaves out schema {schema}"));
        }
        let table = listed("Replicate_Ignore_Table").into_iter().find(|table| is_managed(group, table));
        table.map(|table| format!("channel '{name}' leaves out {table}, which is not local"))
    })
}

fn is_managed(group: &Group, qualified: &str) -> bool {
    let Some((schema, table)) = qualified.split_once('.') else { return true };
    let ours = group.schemas.iter().any(|held| held == schema);
    let rule = group.rule_of(&table.to_lowercase());
    ours && rule.is_some_and(|rule| rule.class != TableClass::Local)
}

fn retention(facts: &Facts) -> Option<String> {
    let seconds: u64 = facts.variable("binlog_expire_logs_seconds")?.parse().ok()?;
    let short = seconds > 0 && seconds < SHORTEST_RETENTION;
    short.then(|| format!("binlog_expire_logs_seconds is {seconds}: who is stopped for longer cannot follow any more"))
}

/// It goes on writing at a source that is closed, and nobody but its server knows of it.
fn events(group: &Group, facts: &Facts) -> Option<String> {
    if !facts.is_on("event_scheduler") {
        return None;
    }
    let (schema, name) = facts.events.iter().find(|(schema, _)| group.schemas.contains(schema))?;
    Some(format!("event {schema}.{name} is enabled and may write whoever owns what it writes; disable it"))
}

fn unbound(applications: &[String], facts: &Facts) -> Option<String> {
    let frees = |privilege: &str| match facts.family {
        // It has not bypassed read_only there since READ_ONLY ADMIN came.
        Some(Family::MariaDb) => privilege != "SUPER",
        Some(Family::MySql) | None => true,
    };
    let of_application = |grantee: &str| applications.iter().any(|name| grantee.starts_with(&format!("'{name}'@")));
    let mut found = facts.unbound.iter().filter(|(grantee, privilege)| of_application(grantee) && frees(privilege));
    found.next().map(|(grantee, privilege)| format!("{grantee} has {privilege}: it writes where read_only is on"))
}

fn automatic_ids(state: &ControlState, facts: &Facts) -> Option<String> {
    let step: usize = facts.variable("auto_increment_increment")?.parse().ok()?;
    let units = state.units.len();
    (step < units).then(|| format!("auto_increment_increment is {step}, with {units} units that write"))
}
