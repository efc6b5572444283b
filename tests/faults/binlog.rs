//! Binary logs, read by the servers' own tools: every change of the spines, with who made it; and how rows were before a transaction.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::gtids::{Gtid, Origins};
use super::load::ZONE;
use super::world::{SHARDS_PER_SCOPE, UNITS, World};

/// One change of a spine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub scope: u32,
    pub before: u64,
    pub after: u64,
    pub last: String,
}

/// The transactions that change a spine, by who made them first. Every transaction of the load does.
pub type Changes = BTreeMap<Gtid, Vec<Change>>;

/// All changes of spines in all units' binlogs, but for those that are told as lost. Errors: a tool that cannot read them, and transactions that
/// read differently in two units.
pub fn changes(world: &World) -> Result<Changes, String> {
    let mut all = Changes::new();
    for unit in UNITS {
        for (gtid, changes) in changes_at(world, unit)? {
            if let Some(known) = all.get(&gtid) {
                if *known != changes {
                    return Err(format!("{gtid:?} is {changes:?} in the binlog of {unit}, and {known:?} in another"));
                }
                continue;
            }
            all.insert(gtid, changes);
        }
    }
    if !world.is_mariadb {
        // They stay in their source's binlog; on MariaDB that one begins anew, and their numbers are given again.
        let left_behind = world.left_behind.lock().unwrap();
        all.retain(|gtid, _| left_behind.iter().all(|one| !one.difference.contains_key(gtid)));
    }
    Ok(all)
}

/// The changes of spines in one unit's binlog. Errors: its tool's.
pub fn changes_at(world: &World, unit: &str) -> Result<Changes, String> {
    let mut found = Changes::new();
    for event in events(&decoded(world, unit)?, &world.origins) {
        if let Some(change) = event.change() {
            found.entry(event.gtid).or_default().push(change);
        }
    }
    Ok(found)
}

/// What makes the rows of the workload what they were before some transactions that a unit's binlog ends with, from the last to the first.
/// Errors: its tool's.
pub fn undoing(world: &World, unit: &str, transactions: &Changes) -> Result<Vec<String>, String> {
    let events = events(&decoded(world, unit)?, &world.origins);
    let undone = events.into_iter().rev().filter(|event| transactions.contains_key(&event.gtid));
    Ok(undone.map(|event| event.undoing()).collect())
}

fn decoded(world: &World, unit: &str) -> Result<String, String> {
    files(world, unit)?.iter().map(|file| decoded_file(world, file)).collect()
}

/// One binlog as text. Where a server was killed while its disk was full, it ends within an event or between two of a transaction: that one was not
/// committed, and its number is given to another when the server is back.
fn decoded_file(world: &World, file: &Path) -> Result<String, String> {
    let mut command = match world.is_mariadb {
        true => Command::new("mariadb-binlog"),
        false => mysql_tool("mysqlbinlog")?,
    };
    let output = command
        .args(["--no-defaults", "--verbose", "--base64-output=DECODE-ROWS"])
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("mariadb-binlog: {error}"))?;
    let refused = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.success() || refused.contains("'Event truncated'") {
        true => Ok(whole_transactions(&String::from_utf8_lossy(&output.stdout))),
        false => Err(refused),
    }
}

/// A binlog's text but for the transaction at its end that does not end.
fn whole_transactions(text: &str) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let last = lines.iter().rposition(|line| gtid_in(line).is_some()).unwrap_or(lines.len());
    let (ahead, last) = lines.split_at(last);
    let has = |what: &str| last.iter().any(|line| line.starts_with(what));
    // Behind an open one the tools write a ROLLBACK of their own.
    let is_torn = (has("BEGIN") || has("START TRANSACTION")) && !has("COMMIT/*!*/") && !has("ROLLBACK/*!*/");
    if is_torn { ahead.concat() } else { text.to_owned() }
}

/// The binlogs of a unit's primary, in order. Errors: its directory cannot be read.
pub fn files(world: &World, unit: &str) -> Result<Vec<PathBuf>, String> {
    let data = world.directory_of(unit).join("data");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&data)
        .map_err(|error| format!("{}: {error}", data.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("binlog.0")))
        .collect();
    files.sort();
    Ok(files)
}

/// Where a transaction begins in the binlogs of a unit's primary on MariaDB: the file, by its place, and the offset. Errors: nowhere.
pub fn place_of(world: &World, unit: &str, wanted: &Gtid) -> Result<(usize, u64), String> {
    for (place, file) in files(world, unit)?.iter().enumerate() {
        let output = Command::new("mariadb-binlog").arg("--no-defaults").arg(file).stdin(Stdio::null()).output();
        let output = output.map_err(|error| format!("mariadb-binlog: {error}"))?;
        let mut offset = None;
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            if let Some(at) = line.strip_prefix("# at ") {
                offset = at.parse().ok();
            } else if gtid_in(line).and_then(|named| world.origins.gtid(named)).as_ref() == Some(wanted) {
                return offset.map(|offset| (place, offset)).ok_or_else(|| format!("{wanted:?} has no place"));
            }
        }
    }
    Err(format!("{wanted:?} is not in the binlogs of {unit}"))
}

/// MySQL's own stand in its tree, with the libraries they need.
fn mysql_tool(name: &str) -> Result<Command, String> {
    let tree = Command::new("scripts/mysql9").output().map_err(|error| error.to_string())?;
    let tree = PathBuf::from(String::from_utf8_lossy(&tree.stdout).trim());
    let mut command = Command::new(tree.join("lib64/ld-linux-x86-64.so.2"));
    command.arg("--library-path").arg(tree.join("usr/lib/x86_64-linux-gnu")).arg(tree.join("usr/bin").join(name));
    Ok(command)
}

/// What was done to one row.
struct Event {
    gtid: Gtid,
    kind: Kind,
    table: String,
    /// Of an update the columns before, and then those after.
    values: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Insert,
    Update,
    Delete,
}

/// Everything units' primaries did to rows, in the order of a decoded binlog.
fn events(text: &str, origins: &Origins) -> Vec<Event> {
    let mut found: Vec<Event> = Vec::new();
    let (mut gtid, mut is_open) = (None, false);
    for line in text.lines() {
        if let Some(named) = gtid_in(line) {
            (gtid, is_open) = (origins.gtid(named), false);
        } else if let Some((kind, table)) = row_in(line) {
            is_open = gtid.is_some();
            let opened =
                gtid.clone().map(|gtid| Event { gtid, kind, table: table.replace('`', ""), values: Vec::new() });
            found.extend(opened);
        } else if let (true, Some(rest)) = (is_open, line.strip_prefix("###   @"))
            && let (Some(event), Some((_, value))) = (found.last_mut(), rest.split_once('='))
        {
            // Negative numbers are followed by what they would be without a sign.
            let value = if value.starts_with('\'') { value } else { value.split(' ').next().unwrap_or_default() };
            event.values.push(value.to_owned());
        } else if !line.starts_with("###") {
            is_open = false;
        }
    }
    found
}

/// `#… GTID 1-11-305 trans` of MariaDB; `SET @@SESSION.GTID_NEXT= 'uuid:305'` of MySQL.
fn gtid_in(line: &str) -> Option<&str> {
    if let Some(rest) = line.strip_prefix("SET @@SESSION.GTID_NEXT= '") {
        return rest.split('\'').next().filter(|named| named.contains(':'));
    }
    if !line.starts_with('#') {
        return None;
    }
    let at = line.find("\tGTID ")?;
    line[at + 6..].split(' ').next()
}

fn row_in(line: &str) -> Option<(Kind, &str)> {
    let kinds = [("### INSERT INTO ", Kind::Insert), ("### UPDATE ", Kind::Update), ("### DELETE FROM ", Kind::Delete)];
    kinds.into_iter().find_map(|(begins, kind)| Some((kind, line.strip_prefix(begins)?)))
}

impl Event {
    /// The change of a spine that this is.
    fn change(&self) -> Option<Change> {
        if self.kind != Kind::Update || !matches!(self.table.as_str(), "shop.spine" | "shop.zone") {
            return None;
        }
        let [key, before, _, _, after, last] = self.values.as_slice() else { return None };
        let scope = match self.table.as_str() {
            "shop.zone" => ZONE,
            _ => key.parse::<u32>().ok()? / SHARDS_PER_SCOPE,
        };
        let last = last.trim_matches('\'').to_owned();
        Some(Change { scope, before: before.parse().ok()?, after: after.parse().ok()?, last })
    }

    /// What makes the row what it was. The load deletes nothing, and what it adds has its key in front.
    fn undoing(&self) -> String {
        let (table, before) = (&self.table, &self.values[..self.values.len() / 2]);
        match self.kind {
            Kind::Insert => {
                assert_eq!(table, "shop.appends", "the only rows the load adds");
                format!("DELETE FROM {table} WHERE id = {}", self.values[0])
            }
            Kind::Update => format!("REPLACE INTO {table} VALUES ({})", before.join(", ")),
            Kind::Delete => format!("REPLACE INTO {table} VALUES ({})", self.values.join(", ")),
        }
    }
}
