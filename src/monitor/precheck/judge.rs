//! The checklist of the pre-check. Pure.

use super::facts::UnitFacts;
use super::finding::{Check, Finding, Severity};
use super::{bodies, definitions, foreign_keys, key_columns, lookups, uniqueness};
use crate::model::{Group, TableClass, TableRule};

/// What the units' primaries have that cannot hold, or may not. What several units have alike is one finding.
pub fn judged(group: &Group, units: &[UnitFacts]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for facts in units {
        findings.extend(hidden(facts));
        findings.extend(key_columns::judged(group, facts));
        findings.extend(lookups::judged(group, facts));
        findings.extend(foreign_keys::judged(group, facts));
        findings.extend(uniqueness::judged(group, facts));
        findings.extend(bodies::judged(group, facts));
    }
    let mut findings = merged(findings);
    findings.extend(uniqueness::strides(group, units));
    findings.extend(definitions::judged(group, units));
    findings
}

/// What cannot be seen is not known to be absent.
fn hidden(facts: &UnitFacts) -> impl Iterator<Item = Finding> {
    facts.hidden.iter().map(|privilege| {
        let what = if *privilege == "EVENT" { "events" } else { "triggers" };
        let reason = format!("the monitor's account is not shown {what}: it lacks the privilege {privilege}");
        let advice =
            format!("GRANT {privilege} ON the group's schemas TO the monitor's account, at least for this check");
        Finding::at(&facts.unit, Severity::Blocker, Check::Answers, "", reason, &advice)
    })
}

fn merged(findings: Vec<Finding>) -> Vec<Finding> {
    let mut whole: Vec<Finding> = Vec::new();
    for finding in findings {
        let known = whole.iter_mut().find(|known| {
            (known.severity, known.check, &known.object, &known.reason)
                == (finding.severity, finding.check, &finding.object, &finding.reason)
        });
        match known {
            Some(known) => known.units.extend(finding.units),
            None => whole.push(finding),
        }
    }
    whole
}

/// What a table of the group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// Its key type, and the column of the routing key.
    Sharded(usize, &'a str),
    /// Global.
    Global,
    /// Local, unmanaged, or of no schema of the group.
    Local,
}

/// What `table` (lower case) of `schema` is.
pub(super) fn kind<'a>(group: &'a Group, schema: &str, table: &str) -> Kind<'a> {
    let held = group.schemas.iter().any(|held| held.eq_ignore_ascii_case(schema));
    match group.rule_of(table).filter(|_| held) {
        Some(TableRule { class: TableClass::Sharded { key_type, column }, .. }) => Kind::Sharded(*key_type, column),
        Some(TableRule { class: TableClass::Global, .. }) => Kind::Global,
        Some(TableRule { class: TableClass::Local, .. }) | None => Kind::Local,
    }
}

/// How operators read a table's name.
pub(super) fn label((schema, table): &(String, String)) -> String {
    format!("{schema}.{table}")
}
