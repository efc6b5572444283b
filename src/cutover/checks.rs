//! What must be true of the servers before a move begins: asked of each, judged here, told by name.
//!
//! None of it is needed for safety, which rests on the wait for the sources' positions; it tells beforehand why that wait would never end, or
//! what would go wrong afterwards.

mod check;
mod facts;
mod notes;
#[cfg(test)]
mod tests;

use facts::facts;
use futures_util::future::join_all;

use super::server::{Channel, ControlAccount, Family, value};
use crate::model::{ControlState, Group, GroupId, Instance, InstanceId, Role, TableClass, UnitId};

pub use check::{Check, SkippedChecks};
pub use facts::Facts;

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
    let held = (0u16..).map(InstanceId).zip(&state.instances).filter(|(_, instance)| instance.group == group);
    // All at once, because some are far away, and some may not answer.
    let asked = held.map(async |(id, instance)| (id, instance, facts(instance, account).await));
    for (id, instance, asked) in join_all(asked).await {
        let primary = instance.role == Role::Primary;
        let part = Part {
            is_source: primary && sources.contains(&instance.unit),
            is_target: primary && instance.unit == target,
            applications,
            strict,
        };
        match asked {
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
