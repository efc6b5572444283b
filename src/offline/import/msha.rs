//! Range rules as MSHA's console shows them, as one JSON file: `{"key", "mod", "center", "schemas", "rules": [{"unit", "ranges", "keys"}],
//! "forbidden"}`.
//!
//! Intervals are closed, and said to be: `"0~4999"`, `"[0,4999]"`, `[0, 4999]` or `{"from": 0, "to": 4999}`. One that leaves an end out,
//! as `[0,5000)`, is refused rather than counted.

use std::path::Path;

use serde_json::Value;

use super::ImportError;
use super::files::{json, list, modulus_of, shape, text_of};
use super::rules::{Owned, Rules};
use crate::model::PlainKey;

const MEMBERS: [&str; 6] = ["key", "mod", "center", "schemas", "rules", "forbidden"];
const RULE_MEMBERS: [&str; 3] = ["unit", "ranges", "keys"];
const INTERVAL: &str =
    "a closed interval such as \"0~4999\", \"[0,4999]\", [0, 4999] or {\"from\": 0, \"to\": 4999}, the lower end first";

/// The rules of a file. Errors: it is missing or not understood.
pub(super) fn read(path: &Path) -> Result<Rules, ImportError> {
    let file = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    let file = file.as_str();
    let whole = json(path, file)?;
    check_members(file, &whole, &MEMBERS, "an object of key, mod, center, schemas, rules, forbidden")?;
    let mut rules = Rules {
        key_type: text_of(&whole, file, "key")?,
        modulus: modulus_of(&whole["mod"], file)?,
        center: match &whole["center"] {
            Value::Null => None,
            Value::String(unit) => Some(unit.clone()),
            other => return Err(shape(file, other, "center, the name of a unit")),
        },
        ..Rules::default()
    };
    for schema in optional_list(file, &whole["schemas"], "schemas, a list of names")? {
        let schema = schema.as_str().ok_or_else(|| shape(file, schema, "the name of a schema"))?;
        rules.schemas.push(schema.to_owned());
    }
    for rule in list(file, &whole["rules"], "rules, a list")? {
        check_members(file, rule, &RULE_MEMBERS, "an object of unit, ranges, keys")?;
        let owner = text_of(rule, file, "unit")?;
        for range in optional_list(file, &rule["ranges"], "ranges, a list of closed intervals")? {
            let (from, to) = interval(file, range)?;
            rules.owned.push(Owned { from, to, owner: owner.clone() });
        }
        for key in optional_list(file, &rule["keys"], "keys, a list")? {
            let key = match key {
                Value::String(text) if !text.is_empty() => PlainKey::of(text),
                Value::Number(number) => {
                    let whole = number.as_i64().map(i128::from).or(number.as_u64().map(i128::from));
                    PlainKey::Integer(whole.ok_or_else(|| shape(file, key, "a whole number or a text"))?)
                }
                other => return Err(shape(file, other, "a whole number or a text")),
            };
            rules.alone.push((key, owner.clone()));
        }
    }
    if rules.owned.is_empty() {
        return Err(shape(file, &whole["rules"], "at least one interval"));
    }
    for range in optional_list(file, &whole["forbidden"], "forbidden, a list of closed intervals")? {
        rules.forbidden.push(interval(file, range)?);
    }
    Ok(rules)
}

fn check_members(file: &str, value: &Value, known: &[&str], expected: &'static str) -> Result<(), ImportError> {
    let members = value.as_object().ok_or_else(|| shape(file, value, expected))?;
    match members.keys().find(|member| !known.contains(&member.as_str())) {
        Some(member) => Err(shape(file, &Value::from(member.as_str()), expected)),
        None => Ok(()),
    }
}

fn optional_list<'a>(file: &str, value: &'a Value, expected: &'static str) -> Result<&'a [Value], ImportError> {
    if value.is_null() { Ok(&[]) } else { list(file, value, expected) }
}

fn interval(file: &str, value: &Value) -> Result<(i128, i128), ImportError> {
    let number = |value: &Value| value.as_i64().map(i128::from).or(value.as_u64().map(i128::from));
    let ends = match value {
        Value::Array(ends) if ends.len() == 2 => number(&ends[0]).zip(number(&ends[1])),
        Value::Object(ends) if ends.len() == 2 => number(&value["from"]).zip(number(&value["to"])),
        Value::String(text) => {
            let within = text.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            let ends = within.map_or_else(|| text.split_once('~'), |within| within.split_once(','));
            ends.and_then(|(from, to)| Some((from.trim().parse().ok()?, to.trim().parse().ok()?)))
        }
        _ => None,
    };
    ends.filter(|(from, to)| from <= to).ok_or_else(|| shape(file, value, INTERVAL))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use crate::offline::import::{From, ImportOptions, run};

    fn imported(rules: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rules.json");
        std::fs::write(&file, rules).unwrap();
        let from = From::Msha { file, group: "main".to_owned() };
        run(&ImportOptions { from }).map_err(|error| error.to_string())
    }

    /// The output with what the other system does not know, loaded as a configuration.
    fn loaded(toml: &str) -> crate::model::ControlState {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        write("users.toml", "[[user]]\nname = \"app\"\npassword = \"apppw\"\n");
        let mut whole =
            String::from("users_file = \"users.toml\"\n[node]\nname = \"n\"\nnumber = 1\nstate_file = \"state\"\n");
        whole.push_str(toml);
        whole.push_str("\n[backend]\nmonitor_user = \"m\"\nmonitor_password = \"m\"\n");
        for (number, unit) in ["bj", "hz"].iter().enumerate() {
            whole.push_str(&format!(
                "[[instance]]\nname = \"{unit}-1\"\nunit = \"{unit}\"\ngroup = \"main\"\nrole = \"primary\"\naddress = \"127.0.0.1:{}\"\n\
                 [[listener]]\nunit = \"{unit}\"\naddress = \"127.0.0.1:{}\"\nfamily = \"mariadb\"\nserver_version = \"10.11.6-MariaDB\"\n",
                3301 + number,
                4401 + number
            ));
        }
        crate::config::load(&write("meridian.toml", &whole)).unwrap_or_else(|errors| panic!("{errors}\n{whole}")).state
    }

    fn owner(state: &crate::model::ControlState, key: i128) -> String {
        let group = &state.groups[0];
        let shard = crate::route::placement::shard_of(group, 0, &crate::sql::KeyValue::Integer(key)).unwrap();
        state.unit(group.shards.owner_of(shard).unwrap()).name.clone()
    }

    #[test]
    fn remainders_and_single_keys_become_a_configuration_that_places_them_alike() {
        let toml = imported(
            r#"{"key": "user", "mod": 10000, "center": "hz", "schemas": ["shop"], "forbidden": ["2000~2999"], "rules": [
                {"unit": "bj", "ranges": ["[5000,9999]"], "keys": [50, "777"]},
                {"unit": "hz", "ranges": [[0, 1999], {"from": 2000, "to": 4999}], "keys": [6000]}]}"#,
        )
        .unwrap();
        assert!(toml.contains("# meridian ctl forbid --shards 2000-2999@main --reason 'imported'"), "{toml}");
        let state = loaded(&toml);
        assert_eq!(state.groups[0].schemas, ["shop"]);
        assert_eq!(state.unit(state.groups[0].global_master).name, "hz");
        for (key, unit) in [(0, "hz"), (4999, "hz"), (5000, "bj"), (50, "bj"), (777, "bj"), (6000, "hz"), (16000, "bj")]
        {
            assert_eq!(owner(&state, key), unit, "{key}");
        }
    }

    #[test]
    fn whole_keys_become_ranges_that_place_them_alike() {
        let toml = imported(
            r#"{"key": "user", "schemas": ["shop"], "rules": [
                {"unit": "hz", "ranges": ["100~499"]}, {"unit": "bj", "ranges": ["500~799"], "keys": [100]}]}"#,
        )
        .unwrap();
        let state = loaded(&toml);
        for (key, unit) in [(100, "bj"), (101, "hz"), (499, "hz"), (500, "bj"), (799, "bj")] {
            assert_eq!(owner(&state, key), unit, "{key}");
        }
    }

    #[test]
    fn overlaps_gaps_and_what_is_not_understood_are_named() {
        let told = |hz: &str, bj: &str| {
            let rules =
                format!(r#"{{"key": "user", "mod": 100, "rules": [{{"unit": "hz", {hz}}}, {{"unit": "bj", {bj}}}]}}"#);
            imported(&rules).unwrap_err()
        };
        assert_eq!(told(r#""ranges": ["0~50"]"#, r#""ranges": ["50~99"]"#), "0~50 of 'hz' and 50~99 of 'bj' overlap");
        assert_eq!(told(r#""ranges": ["0~49"]"#, r#""ranges": ["51~99"]"#), "50 to 50 have no owner");
        assert_eq!(told(r#""ranges": ["0~49"]"#, r#""ranges": ["50~98"]"#), "99 to 99 have no owner");
        let twice = told(r#""ranges": ["0~49"], "keys": [7]"#, r#""ranges": ["50~99"], "keys": ["7"]"#);
        assert_eq!(twice, "key 7 is given to 'bj' and to 'hz'");
        for open in [r#""[0,50)""#, r#""(0,50]""#, r#""0-50""#, "[50]", "[9, 1]", "[0.5, 1]"] {
            let error = told(&format!(r#""ranges": [{open}]"#), r#""ranges": ["50~99"]"#);
            assert!(error.starts_with("rules.json: found ") && error.contains("a closed interval"), "{error}");
        }
        assert!(told(r#""range": ["0~49"]"#, r#""ranges": ["50~99"]"#).contains("found \"range\""));
        assert!(imported("{}").unwrap_err().contains("found null, expected key"));
    }
}
