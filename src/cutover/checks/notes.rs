//! What is worth knowing before a move, though mostly nothing is wrong. Pure.

use super::{Facts, Verdict};
use crate::cutover::server::Family;
use crate::model::Group;

/// Whoever writes there past Meridian goes on when the source is closed, and its rows come after the new owner's. Administrators may: they have
/// to, and `read_only` does not bind them either.
pub(super) fn writers(group: &Group, applications: &[String], facts: &Facts) -> Verdict {
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
    let administers = |grantee: &&str| facts.unbound.iter().any(|(unbound, _)| unbound == grantee);
    let (administrators, others): (Vec<&str>, Vec<&str>) = others.into_iter().partition(administers);
    let told = |names: &[&str]| format!("{} may write past Meridian: nothing holds them back", named(names));
    match (administrators.is_empty(), others.is_empty()) {
        (true, true) => Verdict::Fine,
        (false, true) => Verdict::Note(told(&administrators)),
        (_, false) => Verdict::Fault(told(&others)),
    }
}

fn named(names: &[&str]) -> String {
    const NAMED: usize = 5;
    let more = names.len().saturating_sub(NAMED);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", names.get(..NAMED).unwrap_or(names).join(", "))
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
