//! Binary logs, read by the servers' own tools: every change of the spines, with who made it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::load::ZONE;
use super::world::{SHARDS_PER_SCOPE, UNITS, World};

/// One transaction as a server wrote it down first: MariaDB's `domain-server-sequence`, MySQL's `uuid:number`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gtid {
    /// Whose it is: the unit.
    pub unit: &'static str,
    pub sequence: u64,
}

/// One change of a spine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub scope: u32,
    pub before: u64,
    pub after: u64,
    pub last: String,
}

/// All changes of spines in all units' binlogs, by who made them first. Errors: a tool that cannot read them, and transactions that read
/// differently in two units.
pub async fn changes(world: &World) -> Result<BTreeMap<Gtid, Vec<Change>>, String> {
    let origins = origins(world).await?;
    let mut all: BTreeMap<Gtid, Vec<Change>> = BTreeMap::new();
    for unit in UNITS {
        for (gtid, changes) in read(&decoded(world, unit)?, &origins) {
            if let Some(known) = all.get(&gtid) {
                if *known != changes {
                    return Err(format!("{gtid:?} is {changes:?} in the binlog of {unit}, and {known:?} in another"));
                }
                continue;
            }
            all.insert(gtid, changes);
        }
    }
    Ok(all)
}

/// What a GTID of each unit's primary begins with.
async fn origins(world: &World) -> Result<Vec<(String, &'static str)>, String> {
    let mut origins = Vec::new();
    for (number, unit) in (1..).zip(UNITS) {
        let origin = match world.is_mariadb {
            true => format!("{number}-"),
            false => {
                let root = world.databases.instance(unit, meridian::model::Role::Primary).unwrap().root();
                root.value("SELECT @@server_uuid").await.map_err(|error| error.to_string())?.unwrap_or_default()
            }
        };
        origins.push((origin, unit));
    }
    Ok(origins)
}

fn decoded(world: &World, unit: &str) -> Result<String, String> {
    let data = world.data_of(unit);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&data)
        .map_err(|error| format!("{}: {error}", data.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("binlog.0")))
        .collect();
    files.sort();
    let mut command = match world.is_mariadb {
        true => Command::new("mariadb-binlog"),
        false => mysqlbinlog()?,
    };
    let output = command
        .args(["--no-defaults", "--verbose", "--base64-output=DECODE-ROWS"])
        .args(files)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("mariadb-binlog: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// MySQL's own stands in its tree, with the libraries it needs.
fn mysqlbinlog() -> Result<Command, String> {
    let tree = Command::new("scripts/mysql9").output().map_err(|error| error.to_string())?;
    let tree = PathBuf::from(String::from_utf8_lossy(&tree.stdout).trim());
    let mut command = Command::new(tree.join("lib64/ld-linux-x86-64.so.2"));
    command.arg("--library-path").arg(tree.join("usr/lib/x86_64-linux-gnu")).arg(tree.join("usr/bin/mysqlbinlog"));
    Ok(command)
}

/// The transactions of a decoded binlog that change a spine.
fn read(text: &str, origins: &[(String, &'static str)]) -> Vec<(Gtid, Vec<Change>)> {
    let mut found: Vec<(Gtid, Vec<Change>)> = Vec::new();
    let mut gtid: Option<Gtid> = None;
    let mut row: Option<Row> = None;
    for line in text.lines() {
        if let Some(named) = gtid_in(line) {
            gtid = origins.iter().find_map(|(origin, unit)| {
                let rest = named.strip_prefix(origin.as_str())?;
                let sequence = rest.rsplit(['-', ':']).next()?.parse().ok()?;
                Some(Gtid { unit, sequence })
            });
        } else if let Some(rest) = line.strip_prefix("### UPDATE ") {
            let table = rest.replace('`', "");
            row = matches!(table.as_str(), "shop.spine" | "shop.zone").then(|| Row { table, values: Vec::new() });
        } else if line.starts_with("### INSERT") || line.starts_with("### DELETE") || line.starts_with("COMMIT") {
            row = None;
        } else if let (Some(open), Some(rest)) = (&mut row, line.strip_prefix("###   @")) {
            let Some((_, value)) = rest.split_once('=') else { continue };
            let value = value.split(" /*").next().unwrap_or_default().trim_matches('\'').to_owned();
            open.values.push(value);
            if let (Some(change), Some(gtid)) = (open.change(), &gtid) {
                match found.last_mut() {
                    Some((last, changes)) if last == gtid => changes.push(change),
                    Some(_) | None => found.push((gtid.clone(), vec![change])),
                }
                row = None;
            }
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

/// The images of an updated row, before and after: three columns each.
struct Row {
    table: String,
    values: Vec<String>,
}

impl Row {
    fn change(&self) -> Option<Change> {
        let [key, before, _, _, after, last] = self.values.as_slice() else { return None };
        let scope = match self.table.as_str() {
            "shop.zone" => ZONE,
            _ => key.parse::<u32>().ok()? / SHARDS_PER_SCOPE,
        };
        Some(Change { scope, before: before.parse().ok()?, after: after.parse().ok()?, last: last.clone() })
    }
}
