//! What operators read of a move before it is made, and of how far its replication is. Pure.

use std::time::Duration;

use crate::admin::operations::PreviewRow;
use crate::cutover::{Check, Goal, Preview, parts_of};
use crate::model::{ControlState, Extent, Group, Lag, Link, MoveRecord, ShardRange, Snapshot, UnitId};
use crate::monitor::precheck as schema;

/// The rows of a dry run.
pub fn preview_rows(preview: Preview) -> Vec<PreviewRow> {
    let row = |check: &str, instance: &str, result: String| PreviewRow {
        check: check.to_owned(),
        instance: instance.to_owned(),
        result,
    };
    let stall = expected_stall(&preview);
    let what =
        if preview.what.is_empty() { "nothing: it belongs to the target already".to_owned() } else { preview.what };
    let refusal = preview.refusal.map_or_else(|| "it would be accepted".to_owned(), |why| format!("REFUSED: {why}"));
    let mut rows = vec![row("moves", "", what), row("control-state", "", refusal)];
    for finding in preview.findings {
        let fine = finding.note.map_or_else(|| "ok".to_owned(), |note| format!("ok, but {note}"));
        let result = finding.fault.map_or(fine, |fault| format!("REFUSED: {fault}"));
        rows.push(row(&finding.check.to_string(), &finding.instance, result));
    }
    let catch_up = match preview.catch_up {
        Ok(took) => format!("all have the sources' last write after {} ms", took.as_millis()),
        Err(behind) => format!("REFUSED: {}", behind.join(", ")),
    };
    rows.push(row("catch-up", "", catch_up));
    rows.push(row("in-flight", "", waited_for(&preview.in_flight)));
    rows.push(row("expected-stall", "", stall));
    rows
}

/// What writes would wait: replication, and what the store takes for the changes that close and open; then transactions that are open.
fn expected_stall(preview: &Preview) -> String {
    /// Closing, its acknowledgement, publishing, and taking notice of that.
    const STORE_STEPS: u32 = 4;
    let (Ok(replication), Some(store)) = (&preview.catch_up, preview.store) else {
        return "not known: the store or replication does not answer in time".to_owned();
    };
    let stall = format!("about {} ms", (*replication + store * STORE_STEPS).as_millis().max(1));
    match preview.in_flight.is_empty() {
        true => stall,
        false => {
            format!("{stall} behind the last of them, or behind {} ms, when they are ended", preview.drain.as_millis())
        }
    }
}

fn waited_for(sessions: &[u32]) -> String {
    const NAMED: usize = 5;
    let mut ids: Vec<String> = sessions.iter().take(NAMED).map(u32::to_string).collect();
    if sessions.len() > NAMED {
        ids.push("…".to_owned());
    }
    let of = if ids.is_empty() { String::new() } else { format!(", of sessions {}", ids.join(", ")) };
    format!("{} writes or transactions of this node to wait for{of}", sessions.len())
}

/// What each unit that gives or gets has before a move, and would have after it; nothing when nothing moves.
pub fn ownership_rows(goal: &Goal, state: &ControlState) -> Vec<PreviewRow> {
    let Ok(parts) = parts_of(goal, state) else { return Vec::new() };
    let mut after = state.groups.clone();
    for part in &parts {
        let group = &mut after[part.extent.group().index()];
        match part.extent {
            Extent::Shards(_, range) => group.shards.assign(range, part.target, state.epoch),
            Extent::GlobalZone(_) => group.global_master = part.target,
        }
    }
    let concerned = |unit: &UnitId| parts.iter().any(|part| part.source == *unit || part.target == *unit);
    let mut rows = Vec::new();
    for unit in (0u16..).map(UnitId).take(state.units.len()).filter(concerned) {
        for (check, groups) in [("before", &state.groups), ("after", &after)] {
            let (check, instance) = (check.to_owned(), state.unit(unit).name.clone());
            rows.push(PreviewRow { check, instance, result: owned(groups, unit) });
        }
    }
    rows
}

fn owned(groups: &[Group], unit: UnitId) -> String {
    let mut all = Vec::new();
    for group in groups {
        // Stretches that lie side by side count as one, whenever each of them came.
        let mut ranges: Vec<ShardRange> = Vec::new();
        for owned in group.shards.ranges.iter().filter(|owned| owned.owner == unit) {
            match ranges.last_mut().filter(|last| last.last.0 + 1 == owned.range.first.0) {
                Some(last) => last.last = owned.range.last,
                None => ranges.push(owned.range),
            }
        }
        let mut held: Vec<String> = ranges.iter().map(|range| format!("shards {range}")).collect();
        if group.global_master == unit {
            held.push("the Global Zone".to_owned());
        }
        if !held.is_empty() {
            all.push(format!("{}: {}", group.name, held.join(", ")));
        }
    }
    if all.is_empty() { "nothing".to_owned() } else { all.join("; ") }
}

/// What of the schemas cannot hold over units, as a move is told: what its other checks do not ask, and only what cannot hold.
/// What several units have differently may be a change that is on its way.
pub fn schema_faults(findings: Vec<schema::Finding>) -> Vec<PreviewRow> {
    let refuses = |finding: &schema::Finding| match finding.check {
        schema::Check::PrimaryKey => true,
        schema::Check::RoutingKey
        | schema::Check::ForeignKey
        | schema::Check::UniqueKey
        | schema::Check::Trigger
        | schema::Check::Engine => finding.severity == schema::Severity::Blocker,
        schema::Check::Answers | schema::Check::Definition | schema::Check::AutoIncrement | schema::Check::Event => {
            false
        }
    };
    let row = |finding: schema::Finding| PreviewRow {
        check: Check::Schema.to_string(),
        instance: finding.units.join(", "),
        result: format!("{}: {}", finding.object, finding.reason),
    };
    findings.into_iter().filter(refuses).map(row).collect()
}

/// How far whoever follows a primary of the goal's groups is behind, as it was last measured.
pub fn lag_rows(goal: &Goal, snapshot: &Snapshot) -> Vec<PreviewRow> {
    let group = match goal {
        Goal::GlobalZone { group, .. } | Goal::Shards { group, .. } | Goal::Key { group, .. } => Some(*group),
        Goal::Unit { .. } => None,
    };
    let state = &snapshot.state;
    let concerned = |link: &&Link| group.is_none_or(|group| state.instance(link.source).group == group);
    let row = |link: &Link| {
        let (instance, result) = (state.instance(link.follower).name.clone(), told(link, state));
        PreviewRow { check: "lag".to_owned(), instance, result }
    };
    snapshot.observations.lag.iter().filter(concerned).map(row).collect()
}

fn told(link: &Link, state: &ControlState) -> String {
    let source = &state.instance(link.source).name;
    match link.lag {
        Lag::Unknown => format!("not known, as a follower of {source}"),
        Lag::Standing { missing } => format!("stands, {missing} transactions behind {source}"),
        Lag::Behind { missing: 0, .. } => format!("has everything of {source}"),
        Lag::Behind { missing, time, .. } => {
            format!("{missing} transactions and {} ms behind {source}", time.as_millis())
        }
    }
}

/// Who of a move's groups was farthest behind when that was last measured, and how far; nothing while everybody has everything.
pub fn farthest_behind(snapshot: &Snapshot, record: &MoveRecord) -> Option<String> {
    let state = &snapshot.state;
    let group_of = |link: &Link| state.instance(link.source).group;
    let concerned = |link: &&Link| record.parts.iter().any(|part| part.extent.group() == group_of(link));
    let how_far = |link: &&Link| match link.lag {
        Lag::Unknown => Some((2, Duration::ZERO, 0)),
        Lag::Standing { missing } => Some((1, Duration::ZERO, missing)),
        Lag::Behind { missing: 0, .. } => None,
        Lag::Behind { missing, time, .. } => Some((0, time, missing)),
    };
    let behind = snapshot.observations.lag.iter().filter(concerned).filter(|link| how_far(link).is_some());
    let link = behind.max_by_key(how_far)?;
    Some(format!("{}: {}", state.instance(link.follower).name, told(link, state)))
}
