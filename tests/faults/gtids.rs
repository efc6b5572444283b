//! Which transactions a text names: a position, or a list of single ones, as MariaDB and Oracle MySQL write them.

use std::ops::RangeInclusive;

use meridian::demo::world::World as Databases;
use meridian::model::Role;

use super::world::UNITS;

/// One transaction as a server wrote it down first: MariaDB's `domain-server-sequence`, MySQL's `uuid:number`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gtid {
    /// Whose it is: the unit.
    pub unit: &'static str,
    pub sequence: u64,
}

/// What a GTID of each unit's primary begins with.
#[derive(Clone, Debug)]
pub struct Origins(Vec<(String, &'static str)>);

/// Transactions of units, as ranges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gtids(Vec<(&'static str, RangeInclusive<u64>)>);

impl Origins {
    /// Asks the servers. Errors: theirs.
    pub async fn of(databases: &Databases, is_mariadb: bool) -> Result<Origins, String> {
        let mut origins = Vec::new();
        for (number, unit) in (1..).zip(UNITS) {
            let origin = match is_mariadb {
                true => format!("{number}-"),
                false => {
                    let root = databases.instance(unit, Role::Primary).unwrap().root();
                    let uuid = root.value("SELECT @@server_uuid").await.map_err(|error| error.to_string())?;
                    format!("{}:", uuid.unwrap_or_default())
                }
            };
            origins.push((origin, unit));
        }
        Ok(Origins(origins))
    }

    /// Whose a GTID or a part of a position is, and what is said behind that.
    fn split<'a>(&self, text: &'a str) -> Option<(&'static str, &'a str)> {
        self.0.iter().find_map(|(origin, unit)| Some((*unit, text.strip_prefix(origin.as_str())?)))
    }

    /// One transaction; `None` when no unit's primary wrote it first.
    pub fn gtid(&self, text: &str) -> Option<Gtid> {
        let (unit, rest) = self.split(text)?;
        Some(Gtid { unit, sequence: rest.rsplit(['-', ':']).next()?.parse().ok()? })
    }

    /// Everything up to a position. MariaDB's names the last of each domain, MySQL's is a set.
    pub fn position(&self, text: &str) -> Gtids {
        self.read(text, |last| 1..=last)
    }

    /// What is named one by one, as a report of what is lost does: `1-11-933..935`, `uuid:506-510`.
    pub fn listed(&self, text: &str) -> Gtids {
        self.read(text, |only| only..=only)
    }

    fn read(&self, text: &str, of_one: impl Fn(u64) -> RangeInclusive<u64>) -> Gtids {
        let mut found = Vec::new();
        for part in text.split(',').map(str::trim) {
            let Some((unit, rest)) = self.split(part) else { continue };
            let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("no number in '{part}'"));
            // Of MariaDB's the server stands in front; MySQL's have any number of ranges.
            let is_set = part.contains(':');
            let ranges = if is_set { rest } else { rest.rsplit('-').next().unwrap_or_default() };
            for range in ranges.split(':') {
                found.push(match range.split_once("..").or_else(|| range.split_once('-')) {
                    Some((first, last)) => (unit, number(first)..=number(last)),
                    None if is_set => (unit, number(range)..=number(range)),
                    None => (unit, of_one(number(range))),
                });
            }
        }
        Gtids(found)
    }
}

impl Gtids {
    pub fn hold(&self, gtid: &Gtid) -> bool {
        self.0.iter().any(|(unit, range)| *unit == gtid.unit && range.contains(&gtid.sequence))
    }

    /// One by one.
    pub fn each(&self) -> impl Iterator<Item = Gtid> {
        self.0.iter().flat_map(|(unit, range)| range.clone().map(|sequence| Gtid { unit, sequence }))
    }
}
