//! The judgement of a run. Each oracle gives sentences about what must not be; none means that it found nothing.

use std::collections::{BTreeMap, BTreeSet};

use meridian::model::Role;

use super::binlog::{Change, Gtid};
use super::load::{Outcome, Written, ZONE};
use super::operator::History;
use super::world::{CHECKED, NODES, SHARDS_PER_SCOPE, UNITS, World, rows_of};

/// One stretch of a scope's ownership: who, and the last of its own transactions that belongs to it, once that was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owned {
    unit: &'static str,
    closed: Option<u64>,
}

/// What units wrote in each scope, in order of its spine: one chain without forks or gaps, by nobody but the owner of the time, and by nobody
/// behind the position its ownership was closed at.
pub fn one_writer(changes: &BTreeMap<Gtid, Vec<Change>>, history: &History, is_mariadb: bool) -> Vec<String> {
    let mut faults = Vec::new();
    for scope in 0..=ZONE {
        let mut chain: Vec<(&Gtid, &Change)> = changes
            .iter()
            .flat_map(|(gtid, changes)| changes.iter().map(move |change| (gtid, change)))
            .filter(|(_, change)| change.scope == scope)
            .collect();
        chain.sort_by_key(|(gtid, change)| (change.after, (*gtid).clone()));
        let owners = owners(scope, history, is_mariadb);
        let (mut at, mut expected) = (0, 1);
        for (gtid, change) in chain {
            if change.after != expected || change.before + 1 != expected {
                faults.push(format!("scope {scope}: version {expected} expected, {gtid:?} wrote {change:?}"));
                expected = change.after;
            }
            expected += 1;
            let fits =
                |owned: &Owned| owned.unit == gtid.unit && owned.closed.is_none_or(|closed| gtid.sequence <= closed);
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

/// Who owned a scope, one after another, as the history of the control state says.
fn owners(scope: u32, history: &History, is_mariadb: bool) -> Vec<Owned> {
    let first = match scope {
        ZONE | 0 | 1 => UNITS[0],
        2 | 3 => UNITS[1],
        _ => UNITS[2],
    };
    let named = match scope {
        ZONE => "the Global Zone from ".to_owned(),
        _ => {
            let first = scope * SHARDS_PER_SCOPE;
            format!("shards {first}-{} from ", first + SHARDS_PER_SCOPE - 1)
        }
    };
    let mut owned = vec![Owned { unit: first, closed: None }];
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
        let Some(moved) = rest.strip_prefix("moved ").and_then(|rest| rest.strip_prefix(named.as_str())) else {
            continue;
        };
        let Some((from, to)) = moved.split_once(" to ") else { continue };
        let (Some(last), Some(unit)) = (owned.last_mut(), UNITS.into_iter().find(|unit| *unit == to)) else { continue };
        assert_eq!(last.unit, from, "the history is complete: {history:#?}");
        if is_mariadb {
            last.closed = closed.get(id).and_then(|position| own_sequence(position, from));
        }
        owned.push(Owned { unit, closed: None });
    }
    owned
}

/// The number of a unit's own last transaction in a position of MariaDB's: its domain is the unit's number.
fn own_sequence(position: &str, unit: &str) -> Option<u64> {
    let number = UNITS.iter().position(|name| *name == unit)? + 1;
    let gtids = position.split(" at ").next()?;
    let own = gtids.split(',').find(|gtid| gtid.trim().starts_with(&format!("{number}-")))?;
    own.rsplit('-').next()?.parse().ok()
}

/// What clients were told against what is in the binlogs and in the units: acknowledged once, refused nowhere, unknown at most once.
pub async fn histories(world: &World, written: &[Written], changes: &BTreeMap<Gtid, Vec<Change>>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut versions: BTreeMap<&str, Vec<(u32, u64)>> = BTreeMap::new();
    for change in changes.values().flatten() {
        versions.entry(change.last.as_str()).or_default().push((change.scope, change.after));
    }
    for one in written {
        let found = versions.get(one.id.as_str()).map_or(&[][..], Vec::as_slice);
        let is_good = match one.outcome {
            Outcome::Acknowledged => {
                matches!(found, [(scope, version)] if *scope == one.scope && one.version == Some(*version))
            }
            Outcome::Refused => found.is_empty(),
            Outcome::Unknown => found.len() <= 1,
        };
        if !is_good {
            faults.push(format!("{one:?} is in the binlogs as (scope, version): {found:?}"));
        }
    }
    let must: BTreeSet<&str> = of(written, |outcome| outcome == Outcome::Acknowledged);
    let may: BTreeSet<&str> = of(written, |outcome| outcome != Outcome::Refused);
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

fn of(written: &[Written], wanted: impl Fn(Outcome) -> bool) -> BTreeSet<&str> {
    written.iter().filter(|one| one.appends && wanted(one.outcome)).map(|one| one.id.as_str()).collect()
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
