//! What is worth knowing before a move, though nothing is wrong. Pure.

use super::Facts;
use crate::cutover::server::Family;
use crate::model::Group;

/// Whoever writes there past Meridian goes on when the source is closed. Administrators may.
pub(super) fn writers(group: &Group, applications: &[String], facts: &Facts) -> Option<String> {
    let reaches = |schema: &str| {
        let schema = schema.replace('\\', "");
        schema == "*" || schema.contains('%') || group.schemas.contains(&schema)
    };
    let known = |grantee: &str| {
        let name = grantee.trim_start_matches('\'').split('\'').next().unwrap_or_default();
        let node = name.rsplit_once("-n").filter(|(_, number)| number.parse::<u8>().is_ok());
        let is_application = |name: &str| applications.iter().any(|application| application == name);
        is_application(name)
            || node.is_some_and(|(name, _)| is_application(name))
            || ["mariadb.sys", "mysql.sys", "mysql.session", "mysql.infoschema"].contains(&name)
    };
    let mut others: Vec<&str> = Vec::new();
    for (grantee, schema) in &facts.writers {
        if reaches(schema) && !known(grantee) && !others.contains(&grantee.as_str()) {
            others.push(grantee);
        }
    }
    const NAMED: usize = 5;
    let more = others.len().saturating_sub(NAMED);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    let named = others.get(..NAMED).unwrap_or(&others).join(", ");
    (!others.is_empty()).then(|| format!("{named}{rest} may write past Meridian: nothing holds them back"))
}

/// Two owners' writes that are applied at once end in any order; the wait for the source's position keeps them apart, here.
pub(super) fn appliers(facts: &Facts) -> Option<String> {
    let threads = |name| facts.variable(name).and_then(|value| value.parse::<u64>().ok());
    let (name, count) = match facts.family {
        Some(Family::MySql) => {
            ("replica_parallel_workers", threads("replica_parallel_workers").filter(|count| *count > 1))
        }
        Some(Family::MariaDb) | None => {
            ("slave_parallel_threads", threads("slave_parallel_threads").filter(|count| *count > 0))
        }
    };
    count.map(|count| {
        format!("{name} is {count}: it is waited for; an instance that follows it and is not configured here is not")
    })
}

/// What it would do between its start and the moment somebody looks at it.
pub(super) fn start(facts: &Facts) -> Option<String> {
    let set_since = matches!(facts.read_only_from.as_deref(), Some("SQL" | "DYNAMIC"));
    let writable = facts.read_only_from.is_some()
        && !set_since
        && facts.variable("read_only").is_some()
        && !facts.is_on("read_only");
    let follows = facts.variable("skip_replica_start") == Some("OFF");
    let told: Vec<&str> = [
        (writable, "takes writes as soon as it is started (read_only is not set in its configuration)"),
        (follows, "follows others as soon as it is started (skip_replica_start)"),
    ]
    .into_iter()
    .filter_map(|(is_so, what)| is_so.then_some(what))
    .collect();
    (!told.is_empty()).then(|| format!("it {}", told.join(" and ")))
}
