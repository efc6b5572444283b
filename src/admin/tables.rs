//! Rows for people and scripts: what is decided and what is measured, as named columns. Pure.
//!
//! The last column of every table is the epoch of the snapshot it was made from. No table has a password in it.

use std::time::Duration;

use super::operations::{
    FencedReport, InstanceRow, MoveRow, NodeRow, PinRow, PoolRow, PreviewRow, SessionRow, TallyRow,
};
use crate::control::past;
use crate::cutover::{Difference, FenceStretch};
use crate::model::{
    ControlState, Denial, DenialCondition, Epoch, Forbid, ForbidKind, ForbidScope, Group, GroupId, Health, KeyType,
    Lag, LagStanding, Laggard, Link, Quarantine, Snapshot, TableClass, Transform, UnitId, laggard,
};
use crate::monitor::precheck::{Finding, Severity};
use crate::route::Explanation;

/// One value of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// NULL.
    Null,
    /// A text.
    Text(String),
    /// A number.
    Number(u64),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Cell::Text(text)
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Cell::Number(number)
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Cell::Null, Into::into)
    }
}

/// Whether a column holds texts or numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Texts.
    Text,
    /// Whole numbers.
    Number,
}

/// A table to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Names and kinds of the columns.
    pub columns: Vec<(String, ColumnKind)>,
    /// The rows; each has a cell for each column.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with these columns, the epoch last, and no rows. A `#` before a name makes it a column of numbers.
    pub fn new(columns: &[&str]) -> Self {
        let columns = columns.iter().chain(&["#epoch"]).map(|name| match name.strip_prefix('#') {
            Some(name) => (name.to_owned(), ColumnKind::Number),
            None => ((*name).to_owned(), ColumnKind::Text),
        });
        Table { columns: columns.collect(), rows: Vec::new() }
    }

    /// The table with one row more.
    pub fn with(mut self, cells: Vec<Cell>, epoch: Epoch) -> Self {
        self.push(cells, epoch);
        self
    }

    fn push(&mut self, mut cells: Vec<Cell>, epoch: Epoch) {
        cells.push(Cell::Number(epoch.0));
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells);
    }
}

/// CHECK SCHEMA: what does not hold over units, blockers first.
pub fn findings(mut findings: Vec<Finding>, epoch: Epoch) -> Table {
    findings.sort_by_key(|finding| finding.severity == Severity::Warning);
    let table = Table::new(&["severity", "check", "table", "units", "reason", "advice"]);
    findings.into_iter().fold(table, |table, finding| {
        let cells = vec![
            finding.severity.word().into(),
            finding.check.to_string().into(),
            finding.object.into(),
            finding.units.join(", ").into(),
            finding.reason.into(),
            finding.advice.into(),
        ];
        table.with(cells, epoch)
    })
}

/// SHOW UNITS: what each unit owns, and whether it takes writes.
pub fn units(snapshot: &Snapshot) -> Table {
    let state = &snapshot.state;
    let mut table = Table::new(&["unit", "#shards", "global_zones", "#instances", "#healthy", "writes", "reason"]);
    for (id, unit) in (0u16..).map(UnitId).zip(&state.units) {
        let owned = |group: &Group| -> u64 {
            let own = group.shards.ranges.iter().filter(|owned| owned.owner == id);
            own.map(|owned| u64::from(owned.range.last.0 - owned.range.first.0 + 1)).sum()
        };
        let zones = state.groups.iter().filter(|group| group.global_master == id && has_global_tables(group));
        let instances = instances_in(state, id);
        let healthy =
            instances.iter().filter(|index| snapshot.observations.health.get(**index) == Some(&Health::Healthy));
        let forbid = state.forbids.iter().find(|forbid| forbid.scope == ForbidScope::Unit(id));
        let cells = vec![
            unit.name.as_str().into(),
            state.groups.iter().map(owned).sum::<u64>().into(),
            joined(zones.map(|group| group.name.clone())).into(),
            (instances.len() as u64).into(),
            (healthy.count() as u64).into(),
            forbid.map_or("open".to_owned(), |forbid| format!("forbidden: {}", kind_word(forbid.kind))).into(),
            forbid.map(|forbid| forbid.reason.as_str()).into(),
        ];
        table.push(cells, state.epoch);
    }
    table
}

fn instances_in(state: &ControlState, unit: UnitId) -> Vec<usize> {
    state.instances.iter().enumerate().filter(|(_, instance)| instance.unit == unit).map(|(index, _)| index).collect()
}

fn has_global_tables(group: &Group) -> bool {
    group.tables.iter().any(|rule| rule.class == TableClass::Global)
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

/// SHOW GROUPS: schemas, key types, owners, table rules.
pub fn groups(state: &ControlState) -> Table {
    let columns = ["group", "schemas", "#shards", "key_types", "owners", "global_master", "schema_unit", "tables"];
    let mut table = Table::new(&columns);
    for group in &state.groups {
        let name = |unit: UnitId| state.unit(unit).name.clone();
        let key_types = group
            .key_types
            .iter()
            .map(|key_type| format!("{} {}", key_type.name, key_type_words(key_type, &group.key_types)));
        let owners = group.shards.ranges.iter().map(|owned| format!("{} {}", owned.range, name(owned.owner)));
        let cells = vec![
            group.name.as_str().into(),
            group.schemas.join(", ").into(),
            u64::from(group.shards.count).into(),
            joined(key_types).into(),
            joined(owners).into(),
            name(group.global_master).into(),
            name(group.schema_unit()).into(),
            joined(group.tables.iter().map(|rule| format!("{} {}", rule.name, class_words(group, &rule.class)))).into(),
        ];
        table.push(cells, state.epoch);
    }
    table
}

/// Steps and transform; long lists of ranges or keys are only counted.
fn key_type_words(key_type: &KeyType, all: &[KeyType]) -> String {
    let words = key_type.words(all);
    match &key_type.transform {
        Transform::Range { ranges } if words.len() > 60 => format!("range ({} ranges)", ranges.len()),
        Transform::List { entries, .. } if words.len() > 60 => format!("list ({} keys)", entries.len()),
        _ => words,
    }
}

fn class_words(group: &Group, class: &TableClass) -> String {
    match class {
        TableClass::Global => "global".to_owned(),
        TableClass::Local => "local".to_owned(),
        TableClass::Sharded { key_type, column } => {
            let name = group.key_types.get(*key_type).map_or("", |key_type| key_type.name.as_str());
            format!("sharded by {column} ({name})")
        }
    }
}

/// SHOW INSTANCES.
pub fn instances(rows: Vec<InstanceRow>, epoch: Epoch) -> Table {
    let mut table = Table::new(&["instance", "unit", "group", "role", "address", "health", "detail"]);
    for row in rows {
        let InstanceRow { name, unit, group, role, address, health, detail } = row;
        let cells = [name, unit, group, role, address, health, detail];
        table.push(cells.into_iter().map(Cell::Text).collect(), epoch);
    }
    table
}

/// SHOW POOLS.
pub fn pools(rows: Vec<PoolRow>, epoch: Epoch) -> Table {
    let columns = ["instance", "user", "class", "#idle", "#used", "#waiting", "#opened", "#limit"];
    let mut table = Table::new(&columns);
    for row in rows {
        let PoolRow { instance, user, class, idle, used, waiting, opened, limit } = row;
        let mut cells = vec![instance.into(), user.into(), class.into()];
        cells.extend([idle, used, waiting, opened, limit].map(Cell::Number));
        table.push(cells, epoch);
    }
    table
}

/// SHOW SESSIONS.
pub fn sessions(rows: Vec<SessionRow>, epoch: Epoch) -> Table {
    let columns = [
        "#id",
        "user",
        "client",
        "program",
        "unit",
        "schema",
        "state",
        "transaction",
        "pinned",
        "#statements",
        "backend",
    ];
    let mut table = Table::new(&columns);
    for row in rows {
        let SessionRow { id, user, client, program, unit, schema, state, transaction, pinned, statements, backend } =
            row;
        let cells = vec![
            id.into(),
            user.into(),
            client.into(),
            program.into(),
            unit.into(),
            schema.into(),
            state.into(),
            transaction.into(),
            pinned.into(),
            statements.into(),
            backend.into(),
        ];
        table.push(cells, epoch);
    }
    table
}

/// SHOW NODES.
pub fn nodes(rows: Vec<NodeRow>, epoch: Epoch) -> Table {
    let columns = ["node", "#incarnation", "units", "version", "state", "#lease_left_ms", "#in_force", "acknowledged"];
    let mut table = Table::new(&columns);
    for NodeRow { node, incarnation, units, version, state, lease_left, in_force, acknowledged } in rows {
        let cells = vec![
            node.into(),
            incarnation.into(),
            units.into(),
            version.into(),
            state.into(),
            lease_left.into(),
            in_force.into(),
            acknowledged.into(),
        ];
        table.push(cells, epoch);
    }
    table
}

/// SHOW PINS.
pub fn pins(rows: Vec<PinRow>, epoch: Epoch) -> Table {
    let mut table = Table::new(&["reason", "#sessions", "#since_start"]);
    for PinRow { reason, sessions, since_start } in rows {
        table.push(vec![reason.into(), sessions.into(), since_start.into()], epoch);
    }
    table
}

/// SHOW FORBIDS: what operators forbade, then what a bound of lag keeps from being written at this node.
pub fn forbids(snapshot: &Snapshot) -> Table {
    let state = &snapshot.state;
    let mut table = Table::new(&["scope", "forbidden", "reason", "by", "since"]);
    for Forbid { scope, kind, reason, by, at } in &state.forbids {
        let cells = vec![
            past::scope(state, scope).into(),
            kind_word(*kind).into(),
            reason.as_str().into(),
            by.as_str().into(),
            utc(*at).into(),
        ];
        table.push(cells, state.epoch);
    }
    for (group, owner) in owners(state) {
        if let Some(Laggard { peer, lag }) = laggard(state, &snapshot.observations, group, owner) {
            let (owner, peer) = (&state.unit(owner).name, &state.unit(peer).name);
            let (word, missing, time) = lag_words(lag);
            let missing = missing.map(|missing| format!(", {missing} transactions missing")).unwrap_or_default();
            let time = time.map(|time| format!(", {} ms behind", time.as_millis())).unwrap_or_default();
            let cells = vec![
                format!("what unit '{owner}' owns in group '{}'", state.group(group).name).into(),
                "writes".into(),
                format!("unit '{peer}' {word}{missing}{time}").into(),
                "the group's bound of lag".into(),
                Cell::Null,
            ];
            table.push(cells, state.epoch);
        }
    }
    table
}

/// Each group with each unit that owns anything in it.
fn owners(state: &ControlState) -> Vec<(GroupId, UnitId)> {
    let mut found: Vec<(GroupId, UnitId)> = Vec::new();
    for (id, group) in (0u16..).map(GroupId).zip(&state.groups) {
        let shards = group.shards.ranges.iter().map(|owned| owned.owner);
        let zone = has_global_tables(group).then_some(group.global_master);
        found.extend(shards.chain(zone).map(|owner| (id, owner)));
    }
    found.sort();
    found.dedup();
    found
}

/// SHOW DENIALS.
pub fn denials(state: &ControlState) -> Table {
    let mut table = Table::new(&["denial", "reason", "users", "statements", "digests", "condition"]);
    for Denial { name, reason, users, statements, digests, condition } in &state.denials {
        let condition = match condition {
            DenialCondition::Always => "always",
            DenialCondition::Unrestricted => "unrestricted",
        };
        let digests = digests.iter().map(|digest| format!("{digest:016x}"));
        let cells = vec![
            name.as_str().into(),
            reason.as_str().into(),
            users.join(", ").into(),
            statements.join(", ").into(),
            joined(digests).into(),
            condition.into(),
        ];
        table.push(cells, state.epoch);
    }
    table
}

/// SHOW REFUSALS.
pub fn refusals(rows: Vec<TallyRow>, epoch: Epoch) -> Table {
    tallied(rows, "refused", "refusal", epoch)
}

/// SHOW DISAGREEMENTS.
pub fn disagreements(rows: Vec<TallyRow>, epoch: Epoch) -> Table {
    tallied(rows, "disagreed", "disagreement", epoch)
}

fn tallied(rows: Vec<TallyRow>, what: &str, heading: &str, epoch: Epoch) -> Table {
    let mut table = Table::new(&[heading, "#times", "last_user", "last_digest", "last_example"]);
    for row in rows.into_iter().filter(|row| row.what == what) {
        let TallyRow { detail, times, user, digest, example, .. } = row;
        table.push(
            vec![detail.into(), times.into(), user.into(), format!("{digest:016x}").into(), example.into()],
            epoch,
        );
    }
    table
}

/// SHOW OBSERVED.
pub fn observed(rows: Vec<TallyRow>, epoch: Epoch) -> Table {
    let mut table = Table::new(&["group", "would", "detail", "#times", "last_user", "last_digest", "last_example"]);
    for row in rows {
        let TallyRow { group, what, detail, times, user, digest, example } = row;
        let (Some(group), Some(would)) = (group, what.strip_prefix("would ")) else { continue };
        let digest = format!("{digest:016x}");
        let cells =
            vec![group.into(), would.into(), detail.into(), times.into(), user.into(), digest.into(), example.into()];
        table.push(cells, epoch);
    }
    table
}

/// EXPLAIN ROUTE.
pub fn explanation(told: Explanation, epoch: Epoch) -> Table {
    let Explanation { route, class, key_from, level, table, digest } = told;
    let columns = Table::new(&["route", "class", "key_from", "level", "table", "digest"]);
    columns.with([route, class, key_from, level, table, digest].map(Cell::Text).into(), epoch)
}

/// FORBID … WAIT FENCED: where what is forbidden was written, and up to where.
pub fn fenced(fenced: FencedReport) -> Table {
    let FencedReport { report, positions, shut_out } = fenced;
    let shut_out = (!shut_out.is_empty()).then(|| shut_out.join(", "));
    let table = Table::new(&["instance", "position", "shut_out"]);
    positions.into_iter().fold(table, |table, (instance, position)| {
        table.with(vec![instance.into(), position.into(), shut_out.clone().into()], report.epoch)
    })
}

/// SHOW MOVES.
pub fn moves(rows: Vec<MoveRow>, epoch: Epoch) -> Table {
    let columns = ["#id", "what", "step", "#in_flight", "#held", "lag", "#milliseconds", "by", "detail"];
    let mut table = Table::new(&columns);
    for MoveRow { id, what, step, in_flight, held, lag, milliseconds, by, detail } in rows {
        let cells = vec![
            id.into(),
            what.into(),
            step.into(),
            in_flight.into(),
            held.into(),
            lag.into(),
            milliseconds.into(),
            by.into(),
            detail.into(),
        ];
        table.push(cells, epoch);
    }
    table
}

/// SHOW LAG.
pub fn lag(snapshot: &Snapshot) -> Table {
    let state = &snapshot.state;
    let mut table = Table::new(&["source", "follower", "state", "#missing", "#milliseconds", "bound"]);
    for Link { source, follower, lag, standing } in &snapshot.observations.lag {
        let (word, missing, time) = lag_words(*lag);
        let bound = match standing {
            LagStanding::Unbound => None,
            LagStanding::Within => Some("within"),
            LagStanding::Beyond => Some("beyond: writes wait"),
        };
        let milliseconds = time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let (source, follower) = (&state.instance(*source).name, &state.instance(*follower).name);
        let cells = vec![
            source.as_str().into(),
            follower.as_str().into(),
            word.into(),
            missing.into(),
            milliseconds.into(),
            bound.into(),
        ];
        table.push(cells, state.epoch);
    }
    table
}

/// What is known of a lag: a word, the transactions that are missing, the time.
fn lag_words(lag: Lag) -> (&'static str, Option<u64>, Option<Duration>) {
    match lag {
        Lag::Unknown => ("unknown", None, None),
        Lag::Standing { missing } => ("stands", Some(missing), None),
        Lag::Behind { missing, time, is_at_least: false } => ("applies", Some(missing), Some(time)),
        Lag::Behind { missing, time, is_at_least: true } => ("applies, at least", Some(missing), Some(time)),
    }
}

/// SHOW QUARANTINES.
pub fn quarantines(state: &ControlState) -> Table {
    let columns = ["unit", "group", "stand_in", "#since_epoch", "proof", "cut", "lost", "acknowledged", "reason", "by"];
    let mut table = Table::new(&columns);
    for quarantine in &state.quarantines {
        let Quarantine { group, unit, stand_in, since, proof, cut, loss, reason, by, .. } = quarantine;
        let cells = vec![
            state.unit(*unit).name.as_str().into(),
            state.group(*group).name.as_str().into(),
            state.unit(*stand_in).name.as_str().into(),
            since.0.into(),
            proof.to_string().into(),
            cut.as_str().into(),
            loss.as_deref().unwrap_or("unknown until it is back").into(),
            quarantine.acknowledged().into(),
            reason.as_str().into(),
            by.as_str().into(),
        ];
        table.push(cells, state.epoch);
    }
    table
}

/// SHOW FENCES.
pub fn fences(rows: Vec<FenceStretch>, epoch: Epoch) -> Table {
    let table = Table::new(&["instance", "group", "what", "#scope_epoch", "state", "valid_until"]);
    rows.into_iter().fold(table, |table, FenceStretch { instance, group, what, epoch: scope_epoch, state, lease }| {
        table.with(
            vec![instance.into(), group.into(), what.into(), scope_epoch.into(), state.into(), lease.into()],
            epoch,
        )
    })
}

/// RECONCILE.
pub fn differences(rows: Vec<Difference>, epoch: Epoch) -> Table {
    let table = Table::new(&["table", "key", "what"]);
    rows.into_iter().fold(table, |table, Difference { table: name, key, what }| {
        table.with(vec![name.into(), key.into(), what.into()], epoch)
    })
}

/// What a move would meet.
pub fn preview(rows: Vec<PreviewRow>, epoch: Epoch) -> Table {
    let table = Table::new(&["check", "instance", "result"]);
    rows.into_iter().fold(table, |table, PreviewRow { check, instance, result }| {
        table.with(vec![check.into(), instance.into(), result.into()], epoch)
    })
}

/// SHOW HISTORY: the newest first. Its epochs are those the changes made.
pub fn history(state: &ControlState) -> Table {
    let mut table = Table::new(&["#made", "what", "by", "at"]);
    for entry in state.history.iter().rev() {
        let cells =
            vec![entry.epoch.0.into(), entry.what.as_str().into(), entry.by.as_str().into(), utc(entry.at).into()];
        table.push(cells, state.epoch);
    }
    table
}

/// The word for what a forbid refuses.
pub fn kind_word(kind: ForbidKind) -> &'static str {
    match kind {
        ForbidKind::Writes => "writes",
        ForbidKind::Updates => "updates",
        ForbidKind::All => "all",
    }
}

/// Seconds since 1970 as `2026-11-21 03:12:00`, UTC; the days by the proleptic Gregorian calendar.
pub fn utc(seconds: u64) -> String {
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    // Eras of 400 years that begin on 1 March, so that the leap day is the last of its year.
    let from_era = days + 719_468;
    let (era, day_of_era) = (from_era / 146_097, from_era % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", time / 3600, time / 60 % 60, time % 60)
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn times_are_shown_in_utc() {
        assert_eq!(utc(0), "1970-01-01 00:00:00");
        assert_eq!(utc(951_782_399), "2000-02-28 23:59:59");
        assert_eq!(utc(951_782_400), "2000-02-29 00:00:00");
        assert_eq!(utc(1_078_099_200), "2004-03-01 00:00:00");
        assert_eq!(utc(4_107_542_400), "2100-03-01 00:00:00");
    }
}
