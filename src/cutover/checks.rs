//! What must be true of the servers before a move begins: asked of each, judged here, told by name.
//!
//! None of it is needed for safety, which rests on the wait for the sources' positions; it tells beforehand why that wait would never end, or
//! what would go wrong afterwards.

use std::fmt;

use super::server::{Channel, ControlAccount, Family, Server, ServerError, value};
use crate::model::{ControlState, Group, GroupId, Instance, Role, TableClass, UnitId};

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
        })
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
}

/// The shortest time binlogs may be kept, unless they are kept for ever.
const SHORTEST_RETENTION: u64 = 3600;

/// Enabled events of all schemas.
const EVENTS: &str = "SELECT EVENT_SCHEMA, EVENT_NAME FROM information_schema.EVENTS WHERE STATUS = 'ENABLED'";

/// Who writes where `read_only` is on.
const UNBOUND: &str = "SELECT GRANTEE, PRIVILEGE_TYPE FROM information_schema.USER_PRIVILEGES \
                       WHERE PRIVILEGE_TYPE IN ('READ_ONLY ADMIN', 'READ ONLY ADMIN', 'CONNECTION_ADMIN', 'SUPER')";

const MARIADB: &[&str] = &[
    "log_bin",
    "log_slave_updates",
    "read_only",
    "auto_increment_increment",
    "binlog_expire_logs_seconds",
    "event_scheduler",
];
const MYSQL: &[&str] = &[
    "log_bin",
    "log_replica_updates",
    "read_only",
    "auto_increment_increment",
    "gtid_mode",
    "binlog_expire_logs_seconds",
    "event_scheduler",
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
}

/// Asks every instance of `group` and judges. `sources` and `target` are the units of the move.
pub async fn of_group(
    state: &ControlState,
    group: GroupId,
    sources: &[UnitId],
    target: UnitId,
    account: &ControlAccount,
    applications: &[String],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for instance in state.instances.iter().filter(|instance| instance.group == group) {
        let primary = instance.role == Role::Primary;
        let part = Part {
            is_source: primary && sources.contains(&instance.unit),
            is_target: primary && instance.unit == target,
            applications,
        };
        match facts(instance, account).await {
            Ok(facts) => findings.extend(judged(state, state.group(group), instance, part, &facts)),
            Err(error) => findings.push(Finding {
                check: Check::Answers,
                instance: instance.name.clone(),
                fault: Some(error.to_string()),
                note: None,
            }),
        }
    }
    findings
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
    Ok(Facts { family: Some(server.family), variables, channels, prepared, events, unbound })
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
    let mut checks = vec![
        (Check::Answers, None),
        (Check::Binlog, binlog(facts, instance.role)),
        (Check::Channels, channels(state, facts)),
        (Check::Filters, filters(group, &facts.channels)),
    ];
    if part.is_target {
        let read_only = || "it is read-only: SET GLOBAL read_only = 0 there first".to_owned();
        checks.push((Check::Writable, facts.is_on("read_only").then(read_only)));
    }
    if part.is_source {
        let prepared = facts.prepared.filter(|count| *count > 0);
        checks.push((Check::Prepared, prepared.map(|count| format!("{count} XA transactions are prepared there"))));
    }
    if instance.role == Role::Primary && group.has_managed_tables() {
        checks.push((Check::AutomaticIds, automatic_ids(state, facts)));
        checks.push((Check::Retention, retention(facts)));
        checks.push((Check::Events, events(group, facts)));
        checks.push((Check::ReadOnlyBypass, unbound(part.applications, facts)));
    }
    let finding = |(check, fault)| Finding { check, instance: instance.name.clone(), fault, note: None };
    checks.into_iter().map(finding).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::sample;

    fn channel(columns: &[(&str, &str)]) -> Channel {
        let fine = [
            ("Connection_name", "from_hz"),
            ("Slave_IO_Running", "Yes"),
            ("Slave_SQL_Running", "Yes"),
            ("Using_Gtid", "Slave_Pos"),
            ("Replicate_Ignore_Table", "shop.audit_log"),
        ];
        fine.iter().chain(columns).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn facts(variables: &[(&'static str, &str)], channels: Vec<Channel>) -> Facts {
        let fine = [
            ("log_bin", "ON"),
            ("log_slave_updates", "ON"),
            ("read_only", "OFF"),
            ("auto_increment_increment", "4"),
            ("binlog_expire_logs_seconds", "0"),
            ("event_scheduler", "ON"),
        ];
        let given =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let variables =
            fine.iter().map(|(name, value)| (*name, Some(given(name).unwrap_or_else(|| (*value).to_owned()))));
        Facts {
            family: Some(Family::MariaDb),
            variables: variables.collect(),
            channels,
            prepared: Some(0),
            ..Facts::default()
        }
    }

    fn faults(facts: &Facts) -> Vec<String> {
        let state = sample::state();
        let applications = ["app".to_owned()];
        let part = Part { is_source: true, is_target: true, applications: &applications };
        let findings = judged(&state, &state.groups[0], &state.instances[0], part, facts);
        findings.into_iter().filter_map(|finding| Some(format!("{}: {}", finding.check, finding.fault?))).collect()
    }

    #[test]
    fn a_sound_instance_has_no_faults() {
        assert_eq!(faults(&facts(&[], vec![channel(&[])])), Vec::<String>::new());
    }

    #[test]
    fn each_fault_is_named() {
        let one = |variables: &[(&'static str, &str)], channels| faults(&facts(variables, channels)).join("; ");
        let fine = || vec![channel(&[])];
        assert_eq!(one(&[("log_bin", "OFF")], fine()), "binlog: log_bin is off");
        assert_eq!(one(&[("log_slave_updates", "OFF")], fine()), "binlog: log_slave_updates is off");
        assert_eq!(
            one(&[("read_only", "ON")], fine()),
            "writable: it is read-only: SET GLOBAL read_only = 0 there first"
        );
        assert!(one(&[("auto_increment_increment", "1")], fine()).starts_with("automatic-ids: "));
        assert!(one(&[], Vec::new()).starts_with("channels: it follows nobody"));
        for (columns, fault) in [
            (("Slave_IO_Running", "Connecting"), "channels: channel 'from_hz' does not receive: "),
            (("Slave_SQL_Running", "No"), "channels: channel 'from_hz' does not apply: "),
            (("Using_Gtid", "No"), "channels: channel 'from_hz' does not follow by GTID"),
            (("Replicate_Do_Domain_Ids", "1"), "filters: channel 'from_hz' has Replicate_Do_Domain_Ids"),
            (("Replicate_Ignore_DB", "shop"), "filters: channel 'from_hz' leaves out schema shop"),
            (
                ("Replicate_Ignore_Table", "shop.orders"),
                "filters: channel 'from_hz' leaves out shop.orders, which is not local",
            ),
        ] {
            assert_eq!(one(&[], vec![channel(&[columns])]), fault, "{columns:?}");
        }
        assert!(one(&[("binlog_expire_logs_seconds", "600")], fine()).starts_with("retention: "));
        let pair = |first: &str, second: &str| vec![(first.to_owned(), second.to_owned())];
        let events = Facts { events: pair("shop", "tidy"), ..facts(&[], fine()) };
        assert!(faults(&events)[0].starts_with("events: event shop.tidy is enabled"), "{:?}", faults(&events));
        let elsewhere = Facts { events: pair("other", "tidy"), ..facts(&[], fine()) };
        assert_eq!(faults(&elsewhere), Vec::<String>::new());
        let unbound = |grantee, privilege| faults(&Facts { unbound: pair(grantee, privilege), ..facts(&[], fine()) });
        assert!(
            unbound("'app'@'%'", "READ_ONLY ADMIN")[0].starts_with("read-only-bypass: 'app'@'%' has READ_ONLY ADMIN")
        );
        assert_eq!(unbound("'root'@'localhost'", "READ_ONLY ADMIN"), Vec::<String>::new());
        assert_eq!(unbound("'app'@'%'", "SUPER"), Vec::<String>::new(), "MariaDB's SUPER is bound");
        let prepared = Facts { prepared: Some(2), ..facts(&[], fine()) };
        assert_eq!(faults(&prepared), ["prepared: 2 XA transactions are prepared there"]);
    }
}
