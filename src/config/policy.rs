//! What operators allow beyond placement: groups that are only observed, declared routines, denials.

use std::time::Duration;

use super::places::ReadUnits;
use super::reader::{Located, Problems, Section};
use super::shape;
use crate::model::policy::DENIED_CLASSES;
use crate::model::{Denial, DenialCondition, GroupPolicy, LagBound, RoutineAccess, RoutineRule, Routing};
use crate::sql::{Dialect, digest};

/// The words for whether rules are carried out.
pub const ROUTINGS: &[(&str, Routing)] = &[("enforce", Routing::Enforce), ("observe", Routing::Observe)];

const ACCESSES: &[(&str, RoutineAccess)] = &[("read", RoutineAccess::Read), ("write", RoutineAccess::Write)];

const CONDITIONS: &[(&str, DenialCondition)] =
    &[("always", DenialCondition::Always), ("unrestricted", DenialCondition::Unrestricted)];

/// The first words of statements that a denial may name.
const VERBS: &[&str] = &[
    "select", "insert", "replace", "update", "delete", "load", "call", "do", "table", "values", "create", "alter",
    "drop", "truncate", "rename", "analyze", "optimize", "repair", "check", "grant", "revoke", "lock", "flush",
    "handler", "kill", "show", "explain", "describe", "desc", "set", "prepare", "execute",
];

/// The policy of `group`; `default` is the file's routing.
pub fn read(group: &Section<'_>, problems: &mut Problems, units: &ReadUnits, default: Routing) -> Option<GroupPolicy> {
    let lag_bound = read_lag(group, problems, units);
    let routing = group.or(problems, "routing", shape::word(ROUTINGS), default);
    let mut routines: Vec<RoutineRule> = Vec::new();
    let mut complete = true;
    for section in group.sections(problems, "routine") {
        let name = section.required(problems, "name", shape::table_name());
        let tables = section.required(problems, "tables", shape::table_names());
        let key_argument = section.optional(problems, "key_argument", shape::count(1, 1_000));
        let access = section.or(problems, "access", shape::word(ACCESSES), RoutineAccess::default());
        section.finish(problems);
        let (Some(name), Some(tables)) = (name, tables) else {
            complete = false;
            continue;
        };
        if let Some(before) = routines.iter().find(|rule| rule.covers(name.value.trim_end_matches('*'))) {
            let found = format!("\"{}\", which the rule \"{}\" before it covers", name.value, before.name);
            problems.add(&name.place, found, "each routine covered once, narrow rules before wide ones");
        }
        routines.push(RoutineRule {
            name: name.value,
            tables: tables.value,
            key_argument: key_argument.map(|number| number.value as usize),
            access,
        });
    }
    complete.then_some(GroupPolicy { routing, routines, lag_bound: lag_bound? })
}

/// What becomes of writes beyond the bound of lag.
#[derive(Clone, Copy)]
enum LagPolicy {
    ForbidWrites,
    ForbidUpdates,
    Skip,
}

const LAG_POLICIES: &[(&str, LagPolicy)] = &[
    ("forbid_writes", LagPolicy::ForbidWrites),
    ("forbid_updates", LagPolicy::ForbidUpdates),
    ("skip", LagPolicy::Skip),
];

/// Lag is measured twice a second, so that a smaller bound would be exceeded by one probe that is late.
const LEAST_LAG_BOUND: Duration = Duration::from_secs(2);

/// The group's bound of lag; the inner `None` where it has none, the outer one after a fault.
fn read_lag(group: &Section<'_>, problems: &mut Problems, units: &ReadUnits) -> Option<Option<LagBound>> {
    let Some(section) = group.section(problems, "lag") else { return Some(None) };
    let bound = section.required(problems, "bound", shape::duration());
    let missing = section.optional(problems, "missing", shape::whole_number(1, i128::from(u64::MAX)));
    let peers = section.optional(problems, "peers", shape::texts());
    let policy = section.optional(problems, "policy", shape::word(LAG_POLICIES));
    section.finish(problems);
    let mut complete = true;
    if let Some(policy) = &policy {
        let word = match policy.value {
            LagPolicy::ForbidWrites => None,
            LagPolicy::ForbidUpdates => Some("forbid_updates"),
            LagPolicy::Skip => Some("skip"),
        };
        if let Some(word) = word {
            let expected = "\"forbid_writes\": a standing policy that lets writes through would lose them unseen when the unit is lost; \
                raise the bound, name fewer peers, or leave a lost unit behind by FORCE, which records what is lost";
            problems.add(&policy.place, format!("\"{word}\""), expected);
            complete = false;
        }
    }
    if let Some(short) = bound.as_ref().filter(|bound| bound.value < LEAST_LAG_BOUND) {
        problems.add(&short.place, format!("{:?}", short.value), format!("at least {LEAST_LAG_BOUND:?}"));
        complete = false;
    }
    let peers = match peers {
        Some(names) => {
            let find =
                |name: &String| units.find(&Located { value: name.clone(), place: names.place.clone() }, problems);
            Some(names.value.iter().map(find).collect::<Option<Vec<_>>>()?)
        }
        None => None,
    };
    let missing = missing.and_then(|most| u64::try_from(most.value).ok());
    let bound = bound.filter(|_| complete)?;
    Some(Some(LagBound { age: bound.value, missing, peers }))
}

/// The denials of the file. `dialect` is that of the servers that read the statements.
pub fn read_denials(root: &Section<'_>, problems: &mut Problems, dialect: Option<Dialect>) -> Option<Vec<Denial>> {
    let mut denials: Vec<Denial> = Vec::new();
    let mut complete = true;
    for section in root.sections(problems, "deny") {
        let name = section.required(problems, "name", shape::name());
        let reason = section.required(problems, "reason", shape::text());
        let users = section.or(problems, "users", shape::texts(), Vec::new());
        let statements = section.optional(problems, "statements", shape::texts());
        let mut digests = section.or(problems, "digests", shape::digests(), Vec::new());
        let texts = section.or(problems, "texts", shape::texts(), Vec::new());
        let condition = section.or(problems, "condition", shape::word(CONDITIONS), DenialCondition::default());
        section.finish(problems);
        let known = |word: &&String| VERBS.contains(&word.as_str()) || DENIED_CLASSES.contains(&word.as_str());
        if let Some(statements) = &statements
            && let Some(word) = statements.value.iter().find(|word| !known(word))
        {
            let (verbs, classes) = (VERBS[..8].join(", "), DENIED_CLASSES.join(", "));
            let expected = format!("first words such as {verbs}, or classes: {classes}");
            problems.add(&statements.place, format!("\"{}\"", word.escape_debug()), expected);
        }
        digests.extend(dialect.iter().flat_map(|dialect| texts.iter().map(|text| digest(text.as_bytes(), *dialect))));
        let (Some(name), Some(reason)) = (name, reason) else {
            complete = false;
            continue;
        };
        if denials.iter().any(|other| other.name == name.value) {
            problems.add(&name.place, format!("\"{}\" again", name.value), "a name of its own for each denial");
        }
        let denial = Denial {
            name: name.value,
            reason: reason.value,
            users,
            statements: statements.map(|located| located.value).unwrap_or_default(),
            digests,
            condition,
        };
        let says_nothing = denial.users.is_empty()
            && denial.statements.is_empty()
            && texts.is_empty()
            && denial.digests.is_empty()
            && denial.condition == DenialCondition::Always;
        if says_nothing {
            let expected = "at least one of users, statements, texts, digests, or condition = \"unrestricted\"";
            problems.add(&section.place(), "a denial of everything", expected);
        }
        denials.push(denial);
    }
    complete.then_some(denials)
}
