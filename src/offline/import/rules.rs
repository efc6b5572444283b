//! What was read of another system's rules: whether each key has one owner, and the same as TOML.

use std::fmt::Write;

use super::ImportError;
use crate::model::PlainKey;

/// An interval, both ends included, and whose it is.
#[derive(Clone, Debug)]
pub(super) struct Owned {
    pub from: i128,
    pub to: i128,
    pub owner: String,
}

/// The rules of another system.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    /// The name of the kind of key.
    pub key_type: String,
    /// What keys are divided by before they are looked up; none where they are looked up whole.
    pub modulus: Option<u32>,
    /// Whose keys, or remainders, are whose.
    pub owned: Vec<Owned>,
    /// Single keys and their owners: they count over the intervals.
    pub alone: Vec<(PlainKey, String)>,
    /// Intervals whose writes are forbidden.
    pub forbidden: Vec<(i128, i128)>,
    /// The unit that takes the writes of global tables, if it is known.
    pub center: Option<String>,
    /// The schemas the rules are for, if they are known.
    pub schemas: Vec<String>,
}

impl Rules {
    /// The rules as TOML, once each key has one owner. Errors: overlaps, gaps, keys given twice, by name.
    pub fn written(mut self, whose: &str, group: &str) -> Result<String, ImportError> {
        self.owned.sort_by_key(|interval| (interval.from, interval.to));
        self.alone.sort();
        self.check()?;
        let placed = self.placed();
        if placed.count > 65_536 {
            return Err(ImportError::TooMany(placed.count));
        }
        let mut toml = format!("# imported from {whose}; add tables, instances and listeners\n");
        // Writing to a String cannot fail, here and below.
        for unit in self.units() {
            let _ = write!(toml, "[[unit]]\nname = {}\n\n", quoted(unit));
        }
        let _ = writeln!(toml, "[[group]]\nname = {}", quoted(group));
        let _ = match self.schemas.as_slice() {
            [] => writeln!(toml, "schemas = [] # which?"),
            schemas => writeln!(
                toml,
                "schemas = [{}]",
                schemas.iter().map(|schema| quoted(schema)).collect::<Vec<_>>().join(", ")
            ),
        };
        let _ = match (&self.center, self.units().first()) {
            (Some(center), _) => writeln!(toml, "global_master = {}", quoted(center)),
            (None, first) => {
                writeln!(toml, "global_master = {} # the center?", quoted(first.copied().unwrap_or_default()))
            }
        };
        let _ = writeln!(toml, "shards = {}\n\n[[group.key_type]]\nname = {}", placed.count, quoted(&self.key_type));
        match self.modulus {
            Some(modulus) => {
                let _ = writeln!(toml, "transform = \"mod\"\nmodulus = {modulus}");
            }
            None => {
                let range = |(shard, interval): (usize, &Owned)| {
                    format!("  {{ from = {}, to = {}, shard = {shard} }},\n", interval.from, interval.to)
                };
                let ranges: String = self.owned.iter().enumerate().map(range).collect();
                let _ = writeln!(toml, "transform = \"range\"\nranges = [\n{ranges}]");
            }
        }
        for (keys, shard) in &placed.alone {
            let _ = write!(toml, "\n[[group.override]]\nkeys = [{keys}]\nshard = {shard}\n");
        }
        for (shards, unit) in &placed.owners {
            let _ = write!(toml, "\n[[group.owner]]\nshards = \"{shards}\"\nunit = {}\n", quoted(unit));
        }
        for (from, to) in &self.forbidden {
            for shards in self.shards_within(*from, *to) {
                let _ = write!(
                    toml,
                    "\n# forbidden: {from}~{to}; once the node serves:\n# meridian ctl forbid --shards {shards}@{group} --reason 'imported'\n"
                );
            }
        }
        Ok(toml)
    }

    fn check(&self) -> Result<(), ImportError> {
        for pair in self.owned.windows(2) {
            if pair[1].from <= pair[0].to {
                return Err(ImportError::Overlap {
                    first: format!("{}~{}", pair[0].from, pair[0].to),
                    owner: pair[0].owner.clone(),
                    second: format!("{}~{}", pair[1].from, pair[1].to),
                    other: pair[1].owner.clone(),
                });
            }
            if pair[1].from > pair[0].to + 1 {
                return Err(ImportError::Gap { from: pair[0].to + 1, to: pair[1].from - 1 });
            }
        }
        for pair in self.alone.windows(2) {
            if pair[0].0 == pair[1].0 {
                let (key, owner, other) = (pair[0].0.to_string(), pair[0].1.clone(), pair[1].1.clone());
                return Err(ImportError::KeyTwice { key, owner, other });
            }
        }
        let (Some(first), Some(last), Some(modulus)) = (self.owned.first(), self.owned.last(), self.modulus) else {
            return Ok(());
        };
        let most = i128::from(modulus) - 1;
        if let Some(beyond) = [first, last].into_iter().find(|interval| interval.from < 0 || interval.to > most) {
            let (from, to, owner) = (beyond.from, beyond.to, beyond.owner.clone());
            return Err(ImportError::Beyond { from, to, owner, most });
        }
        if first.from > 0 {
            return Err(ImportError::Gap { from: 0, to: first.from - 1 });
        }
        if last.to < most {
            return Err(ImportError::Gap { from: last.to + 1, to: most });
        }
        Ok(())
    }

    fn units(&self) -> Vec<&str> {
        let owners = self.owned.iter().map(|interval| &interval.owner);
        let named = owners.chain(self.alone.iter().map(|(_, owner)| owner)).chain(&self.center);
        let mut units: Vec<&str> = named.map(String::as_str).collect();
        units.sort_unstable();
        units.dedup();
        units
    }

    fn placed(&self) -> Placed {
        let first_free = self.modulus.map_or(self.owned.len(), |modulus| modulus as usize);
        let mut owners: Vec<(String, String)> = Vec::new();
        for (shard, interval) in self.owned.iter().enumerate() {
            let shards = match self.modulus {
                Some(_) => format!("{}-{}", interval.from, interval.to),
                None => shard.to_string(),
            };
            owners.push((shards, interval.owner.clone()));
        }
        // The single keys of one unit share a shard: each can be given one of its own later, by MOVE KEY.
        let mut alone: Vec<(String, usize)> = Vec::new();
        for unit in self.units() {
            let keys: Vec<String> =
                self.alone.iter().filter(|(_, owner)| owner == unit).map(|(key, _)| toml_key(key)).collect();
            if !keys.is_empty() {
                let shard = first_free + alone.len();
                alone.push((keys.join(", "), shard));
                owners.push((shard.to_string(), unit.to_owned()));
            }
        }
        Placed { count: first_free + alone.len(), owners, alone }
    }

    /// The shards of an interval of keys or remainders, each range of them as the console takes it.
    fn shards_within(&self, from: i128, to: i128) -> Vec<String> {
        match self.modulus {
            Some(_) => vec![format!("{from}-{to}")],
            None => (0..self.owned.len())
                .filter(|shard| self.owned[*shard].from <= to && from <= self.owned[*shard].to)
                .map(|shard| shard.to_string())
                .collect(),
        }
    }
}

/// The shards the rules make.
struct Placed {
    count: usize,
    /// Shards and their owner.
    owners: Vec<(String, String)>,
    /// Keys and their shard.
    alone: Vec<(String, usize)>,
}

fn toml_key(key: &PlainKey) -> String {
    match key {
        PlainKey::Integer(number) => number.to_string(),
        PlainKey::Text(text) => quoted(text),
    }
}

/// A text as TOML writes it: JSON's escapes are among its own.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
