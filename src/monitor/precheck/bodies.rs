//! Triggers and events: statements inside the servers, which no node sees.

use super::facts::UnitFacts;
use super::finding::{Check, Finding, Severity};
use super::judge::{Kind, kind, label};
use crate::model::Group;
use crate::sql::Reached;

/// The findings at one unit.
pub(super) fn judged(group: &Group, facts: &UnitFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, table) in &facts.tables {
        let here = kind(group, &name.0, &name.1);
        for (trigger, known) in &table.triggers {
            let mut found = |severity, what: String, advice: &str| {
                let reason = format!("trigger '{trigger}' ({}) {what}", known.when);
                findings.push(Finding::at(&facts.unit, severity, Check::Trigger, &label(name), reason, advice));
            };
            if here != Kind::Local && known.reached.calls {
                found(
                    Severity::Warning,
                    "calls a routine or a function that is not the servers' own, and what that writes is not followed"
                        .to_owned(),
                    "see to it that it writes no managed table but rows of the same routing key",
                );
            }
            for (reached, there) in touched(group, facts, &known.reached, &name.1) {
                if let Some((severity, why, advice)) = broken(here, there) {
                    found(severity, format!("writes or may write {reached}: {why}"), advice);
                }
            }
        }
    }
    for (name, event) in facts.events.iter().filter(|(_, event)| event.is_enabled) {
        let touched = touched(group, facts, &event.reached, "");
        let managed: Vec<String> =
            touched.into_iter().filter(|(_, there)| *there != Kind::Local).map(|(table, _)| table).collect();
        if managed.is_empty() && !event.reached.calls {
            continue;
        }
        let what = if managed.is_empty() { "what a routine writes".to_owned() } else { managed.join(", ") };
        let severity = match facts.scheduler_runs && !managed.is_empty() {
            true => Severity::Blocker,
            false => Severity::Warning,
        };
        let reason = format!("event '{}' writes or may write {what} inside the server, whoever owns the rows", name.1);
        let advice = "drop it, and let a job do its work through Meridian";
        findings.push(Finding::at(&facts.unit, severity, Check::Event, &label(name), reason, advice));
    }
    findings
}

/// The tables a body that writes names, besides the one it stands on.
fn touched<'a>(group: &'a Group, facts: &UnitFacts, reached: &Reached, own: &str) -> Vec<(String, Kind<'a>)> {
    if !reached.writes {
        return Vec::new();
    }
    let named = facts.tables.keys().filter(|(_, table)| table != own && reached.names.contains(table));
    named.map(|name| (label(name), kind(group, &name.0, &name.1))).collect()
}

type Verdict = (Severity, &'static str, &'static str);

fn broken(here: Kind<'_>, there: Kind<'_>) -> Option<Verdict> {
    const ADVICE: &str = "do it in the application, with a statement of its own that Meridian can place";
    match (here, there) {
        (Kind::Local, Kind::Local) | (Kind::Global, Kind::Global) => None,
        (Kind::Sharded(kind, _), Kind::Sharded(other, _)) if kind == other => Some((
            Severity::Warning,
            "it runs at the owner of the row that fires it, and must touch rows of that routing key only",
            "see to it that each row it touches has the routing key of NEW or OLD",
        )),
        (Kind::Sharded(..) | Kind::Global, Kind::Local) => Some((
            Severity::Warning,
            "its rows appear only where the write was executed, not in the unit of whoever sent it",
            "look for its rows in the unit that owns what was written",
        )),
        (Kind::Local, Kind::Sharded(..) | Kind::Global) => Some((
            Severity::Blocker,
            "a write of a local table is executed in any unit, whoever owns what it writes there",
            ADVICE,
        )),
        (Kind::Sharded(..), Kind::Global) => {
            Some((Severity::Blocker, "it runs at the row's owner, which need not be the Global Zone master", ADVICE))
        }
        (Kind::Global, Kind::Sharded(..)) => {
            Some((Severity::Blocker, "it runs at the Global Zone master, which need not own the row", ADVICE))
        }
        (Kind::Sharded(..), Kind::Sharded(..)) => {
            Some((Severity::Blocker, "the tables have different key types, and so different owners", ADVICE))
        }
    }
}
