//! AppActive's rule files: `idTransformer.json` (`{"id", "mod"}`), `idUnitMapping.json` and, where it is there, `forbiddenRule.json` (items of a
//! name and conditions `{"@<id>": ["from~to", …]}`, closed intervals), and data properties.
//!
//! A data property is a file named `<instance>-<schema>` or `<instance>-<schema>-<port>`; AppActive guards the schema when there is anything
//! in it, whatever that is. Its template `dbProperty.json` names no schema.

use std::path::Path;

use serde_json::Value;

use super::ImportError;
use super::files::{json, list, modulus_of, shape, text_of};
use super::rules::{Owned, Rules};

/// The rules of a folder. Errors: a file that is missing or not understood.
pub(super) fn read(directory: &Path) -> Result<Rules, ImportError> {
    let file = |name: &str| json(&directory.join(name), name);
    let transformer = file("idTransformer.json")?;
    let id = text_of(&transformer, "idTransformer.json", "id")?;
    let owned = items(&file("idUnitMapping.json")?, "idUnitMapping.json", &id)?;
    let forbidden = match directory.join("forbiddenRule.json").exists() {
        true => items(&file("forbiddenRule.json")?, "forbiddenRule.json", &id)?,
        false => Vec::new(),
    };
    Ok(Rules {
        modulus: modulus_of(&transformer["mod"], "idTransformer.json")?,
        key_type: id,
        owned,
        forbidden: forbidden.iter().map(|interval| (interval.from, interval.to)).collect(),
        schemas: schemas(directory)?,
        ..Rules::default()
    })
}

/// The schemas that the data properties of a folder name.
fn schemas(directory: &Path) -> Result<Vec<String>, ImportError> {
    let named = directory.display().to_string();
    let failed = |error: std::io::Error| ImportError::File { file: named.clone(), why: error.to_string() };
    let mut schemas = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let Some(schema) = guarded(name).filter(|_| path.is_file()) else { continue };
        match json(&path, name)? {
            Value::Null => {}
            Value::String(text) if text.trim().is_empty() => {}
            _ => schemas.push(schema.to_owned()),
        }
    }
    schemas.sort();
    schemas.dedup();
    Ok(schemas)
}

/// The schema that a data property of this name is for; `None` for AppActive's other files: they end in `.json`, or are `path-address`.
fn guarded(name: &str) -> Option<&str> {
    if name.contains('.') || name == "path-address" {
        return None;
    }
    let (_, rest) = name.split_once('-')?;
    let schema = match rest.rsplit_once('-') {
        Some((schema, port)) if port.parse::<u16>().is_ok() => schema,
        _ => rest,
    };
    (!schema.is_empty()).then_some(schema)
}

/// The intervals of a file's items for the key `id`.
fn items(rules: &Value, file: &str, id: &str) -> Result<Vec<Owned>, ImportError> {
    let mut found = Vec::new();
    for item in list(file, &rules["items"], "items, a list")? {
        let owner = text_of(item, file, "name")?;
        for condition in list(file, &item["conditions"], "conditions, a list")? {
            let named = condition.as_object().filter(|keys| keys.len() == 1);
            let intervals = named.and_then(|keys| keys.get(&format!("@{id}")));
            let intervals =
                intervals.ok_or_else(|| shape(file, condition, "{\"@<the id of idTransformer.json>\": […]}"))?;
            for interval in list(file, intervals, "a list of \"from~to\"")? {
                let ends = interval.as_str().and_then(|text| text.split_once('~'));
                let ends = ends.and_then(|(from, to)| Some((from.trim().parse().ok()?, to.trim().parse().ok()?)));
                let (from, to): (i128, i128) = ends
                    .filter(|(from, to)| from <= to)
                    .ok_or_else(|| shape(file, interval, "\"from~to\", two whole numbers, the lower first"))?;
                found.push(Owned { from, to, owner: owner.clone() });
            }
        }
    }
    match found.is_empty() {
        true => Err(shape(file, &rules["items"], "at least one interval")),
        false => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::offline::import::{From, ImportOptions, run};

    fn imported(transformer: &str, mapping: &str, forbidden: Option<&str>) -> Result<String, ImportError> {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("idTransformer.json", transformer);
        let rules = |items: &str| format!("{{\"itemType\": \"UnitRuleItem\", \"items\": [{items}]}}");
        write("idUnitMapping.json", &rules(mapping));
        if let Some(forbidden) = forbidden {
            write("forbiddenRule.json", &rules(forbidden));
        }
        write("mysql-shop", "{\"type\": \"unit\"}");
        write("mysql-stock-3307", "1");
        write("mysql-left_out", "\"\"");
        write("path-address", "{}");
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
        assert!(toml.contains("\nschemas = [\"shop\", \"stock\"]\n"), "{toml}");
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
        let beyond = "5000~10000 of 'bj' is not within 0 and 9999, the remainders of the modulus";
        assert_eq!(told(MOD, &two("\"0~4999\"", "\"5000~10000\"")), beyond);
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
