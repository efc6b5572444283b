//! The judgement of a run. Each oracle gives sentences about what must not be; none means that it found nothing.

use std::collections::{BTreeMap, BTreeSet};

use meridian::model::Role;

use super::binlog::{Change, Changes};
use super::gtids::{Gtid, Gtids, Origins};
use super::left_behind::LeftBehind;
use super::load::{Histories, Outcome, Written, ZONE, first_owner};
use super::operator::History;
use super::world::{CHECKED, NODES, SHARDS_PER_SCOPE, UNITS, World, rows_of};

/// One stretch of a scope's ownership: who, and which transactions belong to it once it was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owned {
    unit: &'static str,
    closed: Option<Closed>,
}

/// How ownership ended.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Closed {
    /// Everything that was written by then, and is kept.
    kept: Gtids,
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Moved,
    Forced,
}

/// What units wrote in each scope, in order of its spine: one chain without forks or gaps, by nobody but the owner of the time, and by nobody
/// behind the position its ownership was closed at.
pub fn one_writer(changes: &Changes, history: &History, origins: &Origins) -> Vec<String> {
    let mut faults = Vec::new();
    for scope in 0..=ZONE {
        let mut chain: Vec<(&Gtid, &Change)> = changes
            .iter()
            .flat_map(|(gtid, changes)| changes.iter().map(move |change| (gtid, change)))
            .filter(|(_, change)| change.scope == scope)
            .collect();
        chain.sort_by_key(|(gtid, change)| (change.after, (*gtid).clone()));
        let owners = owners(scope, history, origins);
        let (mut at, mut expected) = (0, 1);
        for (gtid, change) in chain {
            if change.after != expected || change.before + 1 != expected {
                faults.push(format!("scope {scope}: version {expected} expected, {gtid:?} wrote {change:?}"));
                expected = change.after;
            }
            expected += 1;
            let is_kept = |owned: &Owned| owned.closed.as_ref().is_none_or(|closed| closed.kept.hold(gtid));
            let fits = |owned: &Owned| owned.unit == gtid.unit && is_kept(owned);
            match owners[at..].iter().position(fits) {
                Some(further) => at += further,
                None => faults.push(format!(
                    "scope {scope}: {gtid:?} wrote {change:?} when that was not its own any more; from then on: {:?}",
                    &owners[at..]
                )),
            }
        }
    }
    faults
}

/// What forced changes lost: exactly what was told, and nothing but writes of the owner that was left behind, in what it owned.
pub fn losses(left_behind: &[LeftBehind], history: &History, origins: &Origins) -> Vec<String> {
    let mut faults = Vec::new();
    for one in left_behind {
        let told: BTreeSet<Gtid> = origins.listed(&one.report).each().collect();
        let lost: BTreeSet<Gtid> = one.difference.keys().cloned().collect();
        if told != lost {
            let (untold, made_up): (Vec<_>, Vec<_>) =
                (lost.difference(&told).collect(), told.difference(&lost).collect());
            faults.push(format!(
                "{}: the report of what is lost is wrong: {untold:?} are not in '{}', {made_up:?} are not lost",
                one.unit, one.report
            ));
        }
        for (gtid, change) in
            one.difference.iter().flat_map(|(gtid, changes)| changes.iter().map(move |one| (gtid, one)))
        {
            let is_cut = |owned: &Owned| {
                let cut = owned.closed.as_ref().filter(|closed| closed.how == How::Forced);
                owned.unit == gtid.unit && cut.is_some_and(|closed| !closed.kept.hold(gtid))
            };
            if gtid.unit != one.unit || !owners(change.scope, history, origins).iter().any(is_cut) {
                faults.push(format!("{gtid:?} is lost, and wrote {change:?}, which {} did not own then", one.unit));
            }
        }
    }
    faults
}

/// Who owned a scope, one after another, as the history of the control state says.
fn owners(scope: u32, history: &History, origins: &Origins) -> Vec<Owned> {
    let mut owned = vec![Owned { unit: first_owner(scope), closed: None }];
    let mut closed: BTreeMap<&str, &str> = BTreeMap::new();
    for what in history.values() {
        let Some((id, rest)) = what.strip_prefix("move ").and_then(|rest| rest.split_once(": ")) else { continue };
        // Where it was closed is told when it is written down, or together with the new owner.
        let (rest, positions) = match rest.strip_prefix("closed at ") {
            Some(positions) => ("", Some(positions)),
            None => rest.split_once("; closed at ").map_or((rest, None), |(rest, positions)| (rest, Some(positions))),
        };
        if let Some(positions) = positions {
            closed.insert(id, positions);
        }
        let forced = || rest.strip_prefix("forced ")?.split_once(" (proof: ")?.0.split_once(" at ");
        let moved = || Some((rest.strip_prefix("moved ")?, *closed.get(id)?));
        let (parts, positions, how) = match (forced(), moved()) {
            (Some((parts, cut)), _) => (parts, cut, How::Forced),
            (None, Some((parts, positions))) => (parts, positions, How::Moved),
            (None, None) => continue,
        };
        let Some((from, to)) = parts.split(", ").find_map(|part| owner_in(part, scope)) else { continue };
        let last = owned.last_mut().unwrap();
        assert_eq!(last.unit, from, "the history is complete: {history:#?}");
        // Of several sources each has a position of its own.
        let own = positions.split("; ").find_map(|one| one.strip_suffix(&format!(" at {from}")));
        last.closed = Some(Closed { kept: origins.position(own.unwrap_or(positions)), how });
        owned.push(Owned { unit: UNITS.into_iter().find(|unit| *unit == to).unwrap(), closed: None });
    }
    owned
}

/// From and to whom a scope goes with `part` of a move.
fn owner_in(part: &str, scope: u32) -> Option<(&str, &str)> {
    let (extent, way) = part.split_once(" from ")?;
    let is_meant = match extent.strip_prefix("shards ") {
        None => scope == ZONE && extent == "the Global Zone",
        Some(shards) => {
            let (first, last) = shards.split_once('-')?;
            let own = scope * SHARDS_PER_SCOPE;
            scope != ZONE && first.parse::<u32>().ok()? <= own && own + SHARDS_PER_SCOPE - 1 <= last.parse().ok()?
        }
    };
    way.split_once(" to ").filter(|_| is_meant)
}

/// What clients were told against what is in the binlogs and in the units: acknowledged once, refused nowhere, unknown at most once. What a forced
/// change lost is nowhere but there.
pub async fn histories(
    world: &World,
    histories: &Histories,
    changes: &Changes,
    left_behind: &[LeftBehind],
) -> Vec<String> {
    let mut faults = Vec::new();
    let kept = versions(changes);
    let lost = left_behind.iter().map(|one| versions(&one.difference)).fold(BTreeMap::new(), |mut all, more| {
        all.extend(more);
        all
    });
    let written = &histories.written;
    for one in written {
        let found = [&kept, &lost].map(|versions| versions.get(one.id.as_str()).map_or(&[][..], Vec::as_slice));
        let is_good = match (one.outcome, found) {
            (Outcome::Acknowledged, [[once], []] | [[], [once]]) => {
                Some(*once) == one.version.map(|read| (one.scope, read))
            }
            (Outcome::Refused, [[], []]) => true,
            (Outcome::Unknown, [kept, lost]) => kept.len() + lost.len() <= 1,
            (Outcome::Acknowledged | Outcome::Refused, _) => false,
        };
        if !is_good {
            faults.push(format!("{one:?} is in the binlogs as (scope, version), kept and lost: {found:?}"));
        }
    }
    for read in &histories.read_back {
        if read.seen.is_none_or(|seen| seen < read.version) && !lost.contains_key(read.id.as_str()) {
            faults.push(format!("a strong read saw less than had been acknowledged, and is not lost: {read:?}"));
        }
    }
    let is_kept = |id: &str| !lost.contains_key(id);
    let must: BTreeSet<&str> = of(written, |one| one.outcome == Outcome::Acknowledged && is_kept(&one.id));
    let may: BTreeSet<&str> = of(written, |one| one.outcome != Outcome::Refused && is_kept(&one.id));
    for (layout, instance) in world.databases.instances() {
        let mut root = instance.root().connect().await.unwrap();
        let rows = rows_of(&mut root, "SELECT id FROM shop.appends").await.unwrap();
        let there: BTreeSet<&str> = rows.iter().map(|row| row[0].as_str()).collect();
        let lost: Vec<_> = must.difference(&there).collect();
        let beyond: Vec<_> = there.difference(&may).collect();
        if !lost.is_empty() || !beyond.is_empty() {
            faults.push(format!(
                "{}: acknowledged rows that are not there: {lost:?}; rows nobody wrote: {beyond:?}",
                layout.name
            ));
        }
    }
    faults
}

/// By the write's id, what it made of which spine.
fn versions(changes: &Changes) -> BTreeMap<&str, Vec<(u32, u64)>> {
    let mut versions: BTreeMap<&str, Vec<(u32, u64)>> = BTreeMap::new();
    for change in changes.values().flatten() {
        versions.entry(change.last.as_str()).or_default().push((change.scope, change.after));
    }
    versions
}

fn of(written: &[Written], wanted: impl Fn(&Written) -> bool) -> BTreeSet<&str> {
    written.iter().filter(|one| one.appends && wanted(one)).map(|one| one.id.as_str()).collect()
}

/// Whether every instance holds the same rows, and no money came or went.
pub async fn convergence(world: &World) -> Vec<String> {
    let mut faults = Vec::new();
    let mut first: Option<(String, Vec<Vec<String>>)> = None;
    for (layout, instance) in world.databases.instances() {
        let mut root = instance.root().connect().await.unwrap();
        let tables = CHECKED.map(|table| format!("shop.{table}")).join(", ");
        let sums = rows_of(&mut root, &format!("CHECKSUM TABLE {tables}")).await.unwrap();
        let money = rows_of(&mut root, "SELECT user_id, SUM(balance) FROM shop.bank GROUP BY user_id").await.unwrap();
        for row in money.iter().filter(|row| row[1] != "1000") {
            faults.push(format!("{}: the accounts of {} hold {} instead of 1000", layout.name, row[0], row[1]));
        }
        match &first {
            None => first = Some((layout.name, sums)),
            Some((other, expected)) if *expected != sums => {
                faults.push(format!("{} and {other} differ: {sums:?}, {expected:?}", layout.name));
            }
            Some(_) => {}
        }
    }
    faults
}

/// What is still there although every fault has been healed: moves, forbids, quarantines, silent nodes, shut doors, writes that do not work.
pub async fn leftovers(world: &World) -> Vec<String> {
    let mut faults = Vec::new();
    for node in 0..NODES {
        let mut console = match world.console(node).await {
            Ok(console) => console,
            Err(error) => {
                faults.push(format!("node {} lets nobody in: {error}", node + 1));
                continue;
            }
        };
        for table in ["MOVES", "FORBIDS", "QUARANTINES"] {
            let rows = rows_of(&mut console, &format!("SHOW {table}")).await.unwrap();
            if !rows.is_empty() {
                faults.push(format!("node {}: SHOW {table}: {rows:?}", node + 1));
            }
        }
        let nodes = rows_of(&mut console, "SHOW NODES").await.unwrap();
        let living = nodes.iter().filter(|row| row[4] == "live" || row[4] == "this").count();
        if nodes.len() != NODES || living != NODES {
            faults.push(format!("node {}: SHOW NODES: {nodes:?}", node + 1));
        }
        match world.client(node).await {
            Ok(mut client) => {
                for scope in 0..5 {
                    let write = format!(
                        "UPDATE bank SET balance = balance WHERE user_id = {} AND slot = 0",
                        scope * SHARDS_PER_SCOPE
                    );
                    if let Err(error) = mysql_async::prelude::Queryable::query_drop(&mut client, write).await {
                        faults.push(format!("node {}: scope {scope} takes no writes: {error}", node + 1));
                    }
                }
            }
            Err(error) => faults.push(format!("node {} lets no client in: {error}", node + 1)),
        }
    }
    for unit in UNITS {
        let root = world.databases.instance(unit, Role::Primary).unwrap().root();
        let shut = "SELECT GROUP_CONCAT(node, ' ', door) FROM meridian.account WHERE door <> 'open'";
        if let Some(shut) = root.value(shut).await.unwrap() {
            faults.push(format!("{unit}: shut doors: {shut}"));
        }
    }
    faults
}
