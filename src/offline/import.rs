//! `meridian import appactive`: the rule files of AppActive as the part of a configuration that places keys.
//!
//! `idTransformer.json` (`{"id", "mod"}`), `idUnitMapping.json` and, where it is there, `forbiddenRule.json` (items of a name and conditions
//! `{"@<id>": ["from~to", …]}`, closed intervals). What leaves keys without an owner, or gives them two, is refused by name.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::Value;
use thiserror::Error;

/// Turns the rules of another system into a configuration
#[derive(Clone, Debug, Args)]
pub struct ImportOptions {
    /// Whose rules they are.
    #[command(subcommand)]
    pub from: From,
}

/// Whose rules they are.
#[derive(Clone, Debug, Subcommand)]
pub enum From {
    /// A folder with idTransformer.json, idUnitMapping.json and perhaps forbiddenRule.json
    Appactive {
        /// The folder
        directory: PathBuf,
        /// The name of the group that is made
        #[arg(long, default_value = "main")]
        group: String,
    },
}

/// Why rules cannot be imported.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ImportError {
    /// A file that cannot be read.
    #[error("{file}: {why}")]
    File {
        /// The file's name.
        file: String,
        /// Why.
        why: String,
    },
    /// Something in a file that is not understood.
    #[error("{file}: found {found}, expected {expected}")]
    Shape {
        /// The file's name.
        file: String,
        /// What stands there.
        found: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// Keys with two owners.
    #[error("{first} of '{owner}' and {second} of '{other}' overlap")]
    Overlap {
        /// The lower interval.
        first: String,
        /// Its owner.
        owner: String,
        /// The higher interval.
        second: String,
        /// Its owner.
        other: String,
    },
    /// Keys without an owner.
    #[error("{from} to {to} have no owner")]
    Gap {
        /// The first of them.
        from: i128,
        /// The last of them.
        to: i128,
    },
}

/// An interval, both ends included, and whose it is.
#[derive(Clone, Debug)]
struct Owned {
    from: i128,
    to: i128,
    owner: String,
}

/// The part of a configuration, as TOML. Errors: as [`ImportError`] says.
pub fn run(options: &ImportOptions) -> Result<String, ImportError> {
    let From::Appactive { directory, group } = &options.from;
    let transformer = json(directory, "idTransformer.json")?;
    let id = text_of(&transformer, "idTransformer.json", "id")?;
    let modulus = text_of(&transformer, "idTransformer.json", "mod")?;
    let modulus = match modulus.as_str() {
        "" => None,
        text => Some(text.parse::<u32>().ok().filter(|modulus| (1..=65_536).contains(modulus)).ok_or_else(|| {
            shape("idTransformer.json", &transformer["mod"], "mod, a whole number from 1 to 65536, or \"\" for none")
        })?),
    };
    let mut owned = items(directory, "idUnitMapping.json", &id)?;
    owned.sort_by_key(|interval| (interval.from, interval.to));
    check(&owned, modulus)?;
    let forbidden = match directory.join("forbiddenRule.json").exists() {
        true => items(directory, "forbiddenRule.json", &id)?,
        false => Vec::new(),
    };
    Ok(written(&id, group, modulus, &owned, &forbidden))
}

fn check(owned: &[Owned], modulus: Option<u32>) -> Result<(), ImportError> {
    for pair in owned.windows(2) {
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
    let (Some(first), Some(last), Some(modulus)) = (owned.first(), owned.last(), modulus) else { return Ok(()) };
    let most = i128::from(modulus) - 1;
    if first.from > 0 {
        return Err(ImportError::Gap { from: 0, to: first.from - 1 });
    }
    if last.to < most {
        return Err(ImportError::Gap { from: last.to + 1, to: most });
    }
    if first.from < 0 || last.to > most {
        return Err(ImportError::Shape {
            file: "idUnitMapping.json".to_owned(),
            found: format!("{}~{}", first.from, last.to),
            expected: "intervals within 0 and mod - 1",
        });
    }
    Ok(())
}

fn written(id: &str, group: &str, modulus: Option<u32>, owned: &[Owned], forbidden: &[Owned]) -> String {
    let mut units: Vec<&str> = owned.iter().map(|interval| interval.owner.as_str()).collect();
    units.sort_unstable();
    units.dedup();
    let mut toml = String::from("# imported from AppActive; add schemas, tables, instances and listeners\n");
    // Writing to a String cannot fail, here and below.
    for unit in &units {
        let _ = write!(toml, "[[unit]]\nname = {unit:?}\n\n");
    }
    let shards = modulus.map_or(owned.len() as u64, u64::from);
    let _ = write!(
        toml,
        "[[group]]\nname = {group:?}\nschemas = [] # which?\nglobal_master = {:?} # the center?\nshards = {shards}\n\n\
         [[group.key_type]]\nname = {id:?}\n",
        units.first().copied().unwrap_or_default()
    );
    match modulus {
        Some(modulus) => {
            let _ = writeln!(toml, "transform = \"mod\"\nmodulus = {modulus}");
        }
        None => {
            let range = |(shard, interval): (usize, &Owned)| {
                format!("  {{ from = {}, to = {}, shard = {shard} }},\n", interval.from, interval.to)
            };
            let ranges: String = owned.iter().enumerate().map(range).collect();
            let _ = writeln!(toml, "transform = \"range\"\nranges = [\n{ranges}]");
        }
    }
    for (shard, interval) in owned.iter().enumerate() {
        let shards = match modulus {
            Some(_) => format!("{}-{}", interval.from, interval.to),
            None => shard.to_string(),
        };
        let _ = write!(toml, "\n[[group.owner]]\nshards = \"{shards}\"\nunit = {:?}\n", interval.owner);
    }
    for interval in forbidden {
        let shards: Vec<String> = match modulus {
            Some(_) => vec![format!("{}-{}", interval.from, interval.to)],
            None => (0..owned.len())
                .filter(|shard| owned[*shard].from <= interval.to && interval.from <= owned[*shard].to)
                .map(|shard| shard.to_string())
                .collect(),
        };
        for shards in shards {
            let (from, to) = (interval.from, interval.to);
            let _ = write!(
                toml,
                "\n# forbidden: {from}~{to}; once the node serves:\n# meridian ctl forbid --shards {shards}@{group} --reason 'imported'\n"
            );
        }
    }
    toml
}

/// The intervals of a file's items for the key `id`.
fn items(directory: &Path, file: &str, id: &str) -> Result<Vec<Owned>, ImportError> {
    let rules = json(directory, file)?;
    let list = |value: &Value, expected| value.as_array().cloned().ok_or_else(|| shape(file, value, expected));
    let mut found = Vec::new();
    for item in list(&rules["items"], "items, a list")? {
        let owner = text_of(&item, file, "name")?;
        for condition in list(&item["conditions"], "conditions, a list")? {
            let named = condition.as_object().filter(|keys| keys.len() == 1);
            let intervals = named.and_then(|keys| keys.get(&format!("@{id}")));
            let intervals =
                intervals.ok_or_else(|| shape(file, &condition, "{\"@<the id of idTransformer.json>\": […]}"))?;
            for interval in list(intervals, "a list of \"from~to\"")? {
                let ends = interval.as_str().and_then(|text| text.split_once('~'));
                let ends = ends.and_then(|(from, to)| Some((from.trim().parse().ok()?, to.trim().parse().ok()?)));
                let (from, to): (i128, i128) = ends
                    .filter(|(from, to)| from <= to)
                    .ok_or_else(|| shape(file, &interval, "\"from~to\", two whole numbers, the lower first"))?;
                found.push(Owned { from, to, owner: owner.clone() });
            }
        }
    }
    match found.is_empty() {
        true => Err(shape(file, &rules["items"], "at least one interval")),
        false => Ok(found),
    }
}

fn json(directory: &Path, file: &str) -> Result<Value, ImportError> {
    let failed = |why: String| ImportError::File { file: file.to_owned(), why };
    let text = std::fs::read_to_string(directory.join(file)).map_err(|error| failed(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| failed(error.to_string()))
}

/// A member that is a text, or a number as one.
fn text_of(value: &Value, file: &str, member: &'static str) -> Result<String, ImportError> {
    match &value[member] {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(shape(file, other, member)),
    }
}

fn shape(file: &str, found: &Value, expected: &'static str) -> ImportError {
    let found = found.to_string().chars().take(80).collect();
    ImportError::Shape { file: file.to_owned(), found, expected }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn imported(transformer: &str, mapping: &str, forbidden: Option<&str>) -> Result<String, ImportError> {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("idTransformer.json", transformer);
        let rules = |items: &str| format!("{{\"itemType\": \"UnitRuleItem\", \"items\": [{items}]}}");
        write("idUnitMapping.json", &rules(mapping));
        if let Some(forbidden) = forbidden {
            write("forbiddenRule.json", &rules(forbidden));
        }
        let from = From::Appactive { directory: folder.path().to_owned(), group: "main".to_owned() };
        run(&ImportOptions { from })
    }

    fn item(name: &str, intervals: &str) -> String {
        format!("{{\"name\": \"{name}\", \"conditions\": [{{\"@user\": [{intervals}]}}]}}")
    }

    const MOD: &str = r#"{"id": "user", "mod": "10000"}"#;
    const WHOLE: &str = r#"{"id": "user", "mod": ""}"#;

    #[test]
    fn remainders_become_owners_of_shards_and_forbids_commands() {
        let mapping = [item("unit", "\"0~999\", \"1000~1999\""), item("center", "\"2000~9999\"")].join(",");
        let toml = imported(MOD, &mapping, Some(&item("x", "\"2000~2999\""))).unwrap();
        assert!(toml.contains("shards = 10000\n") && toml.contains("transform = \"mod\"\nmodulus = 10000\n"), "{toml}");
        assert!(toml.contains("[[group.owner]]\nshards = \"1000-1999\"\nunit = \"unit\"\n"), "{toml}");
        assert!(toml.contains("[[group.owner]]\nshards = \"2000-9999\"\nunit = \"center\"\n"), "{toml}");
        assert!(toml.contains("# meridian ctl forbid --shards 2000-2999@main --reason 'imported'"), "{toml}");
    }

    #[test]
    fn whole_keys_become_ranges() {
        let mapping = [item("hz", "\"100~499\""), item("bj", "\"500~799\"")].join(",");
        let toml = imported(WHOLE, &mapping, None).unwrap();
        assert!(
            toml.contains(
                "ranges = [\n  { from = 100, to = 499, shard = 0 },\n  { from = 500, to = 799, shard = 1 },\n]"
            ),
            "{toml}"
        );
        assert!(toml.contains("shards = \"1\"\nunit = \"bj\"\n"), "{toml}");
    }

    #[test]
    fn overlaps_gaps_and_what_is_not_understood_are_named() {
        let told = |transformer, mapping: &str| imported(transformer, mapping, None).unwrap_err().to_string();
        let two = |first: &str, second: &str| [item("hz", first), item("bj", second)].join(",");
        assert_eq!(told(MOD, &two("\"0~5000\"", "\"5000~9999\"")), "0~5000 of 'hz' and 5000~9999 of 'bj' overlap");
        assert_eq!(told(MOD, &two("\"0~4999\"", "\"5001~9999\"")), "5000 to 5000 have no owner");
        assert_eq!(told(MOD, &two("\"0~4999\"", "\"5000~9998\"")), "9999 to 9999 have no owner");
        assert_eq!(told(MOD, &item("hz", "\"1~9999\"")), "0 to 0 have no owner");
        assert_eq!(told(WHOLE, &two("\"0~4\"", "\"6~9\"")), "5 to 5 have no owner");
        assert!(told(MOD, &item("hz", "\"9~1\"")).contains("found \"9~1\", expected \"from~to\""));
        assert!(
            told(r#"{"id": "user", "mod": "x"}"#, &item("hz", "\"0~1\"")).contains("idTransformer.json: found \"x\"")
        );
        assert!(
            told(r#"{"id": "other", "mod": "2"}"#, &item("hz", "\"0~1\""))
                .contains("idUnitMapping.json: found {\"@user\"")
        );
    }
}
