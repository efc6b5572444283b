//! The key types of a group: from a routing key to a shard.

use super::reader::{Problems, Section};
use super::shape;
use crate::model::{KeyOverride, KeyStep, KeyType, Lookup, PlainKey, Shard, Transform};

/// How a key type's `transform` is spelt.
#[derive(Clone, Copy)]
enum TransformWord {
    Mod,
    Hash,
    Range,
    List,
    As,
    Lookup,
}

const TRANSFORMS: &[(&str, TransformWord)] = &[
    ("mod", TransformWord::Mod),
    ("hash", TransformWord::Hash),
    ("range", TransformWord::Range),
    ("list", TransformWord::List),
    ("as", TransformWord::As),
    ("lookup", TransformWord::Lookup),
];

/// How a `step` is spelt.
#[derive(Clone, Copy)]
enum StepWord {
    Substring,
    Divide,
    Mod,
    Hash,
}

const STEPS: &[(&str, StepWord)] = &[
    ("substring", StepWord::Substring),
    ("divide", StepWord::Divide),
    ("mod", StepWord::Mod),
    ("hash", StepWord::Hash),
];

/// The key types of `group`, whose shards are `count` if that could be read; `None` when a fault was found in one.
pub fn read(group: &Section<'_>, problems: &mut Problems, count: Option<u32>) -> Option<Vec<KeyType>> {
    let mut names: Vec<String> = Vec::new();
    let mut key_types = Vec::new();
    let mut complete = true;
    for section in group.sections(problems, "key_type") {
        let name = section.required(problems, "name", shape::name());
        if let Some(name) = name.as_ref().filter(|name| names.contains(&name.value)) {
            problems.add(&name.place, format!("\"{}\" again", name.value), "a name of its own for each key type");
        }
        let steps = read_steps(&section, problems);
        let transform = read_transform(&section, problems, count, &names);
        section.finish(problems);
        names.push(name.as_ref().map(|name| name.value.clone()).unwrap_or_default());
        match (name, steps, transform) {
            (Some(name), Some(steps), Some(transform)) => {
                key_types.push(KeyType { name: name.value, steps, transform });
            }
            _ => complete = false,
        }
    }
    if count == Some(0) && !names.is_empty() {
        problems.add(&group.place_of("shards"), "no shards", "at least 1, because the group has key types");
    }
    complete.then_some(key_types)
}

/// The keys of `group` that are placed alone, in rising order. `key_types` is `None` when a fault was found in them.
pub fn read_overrides(
    group: &Section<'_>,
    problems: &mut Problems,
    count: Option<u32>,
    key_types: Option<&[KeyType]>,
) -> Option<Vec<KeyOverride>> {
    let last_shard = count.unwrap_or(65_536).max(1) - 1;
    let mut overrides: Vec<KeyOverride> = Vec::new();
    let mut complete = true;
    for section in group.sections(problems, "override") {
        let keys = section.required(problems, "keys", shape::plain_keys());
        let shard = section.required(problems, "shard", shape::count(0, last_shard));
        let wanted = section.optional(problems, "key_type", shape::name());
        section.finish(problems);
        let key_type = match (&wanted, key_types) {
            (None, _) => Some(0),
            (Some(_), None) => None,
            (Some(wanted), Some(known)) => {
                let found = known.iter().position(|key_type| key_type.name == wanted.value);
                if found.is_none() {
                    let names = known.iter().map(|key_type| key_type.name.as_str()).collect::<Vec<_>>().join(", ");
                    let expected = format!("a key type of the group: {names}");
                    problems.add(&wanted.place, format!("\"{}\"", wanted.value), expected);
                }
                found
            }
        };
        let (Some(keys), Some(shard), Some(key_type)) = (keys, shard, key_type) else {
            complete = false;
            continue;
        };
        for key in keys.value {
            if overrides.iter().any(|other| other.key_type == key_type && other.key == key) {
                problems.add(&keys.place, format!("{key} again"), "each key placed once");
            } else {
                overrides.push(KeyOverride { key_type, key, shard: Shard(shard.value) });
            }
        }
    }
    overrides.sort_by(|one, other| (one.key_type, &one.key).cmp(&(other.key_type, &other.key)));
    complete.then_some(overrides)
}

fn read_steps(key_type: &Section<'_>, problems: &mut Problems) -> Option<Vec<KeyStep>> {
    let mut steps = Vec::new();
    let mut complete = true;
    for section in key_type.sections(problems, "steps") {
        let step = section.required(problems, "step", shape::word(STEPS)).and_then(|word| match word.value {
            StepWord::Substring => {
                let start = section.required(problems, "from", shape::position())?;
                let length = section.optional(problems, "length", shape::count(1, 1_000));
                Some(KeyStep::Substring { start: start.value, length: length.map(|length| length.value) })
            }
            StepWord::Divide => {
                let by = section.required(problems, "by", shape::divisor())?;
                Some(KeyStep::Divide { by: by.value })
            }
            StepWord::Mod => {
                let by = section.required(problems, "by", shape::divisor())?;
                Some(KeyStep::Mod { modulus: by.value })
            }
            StepWord::Hash => Some(KeyStep::Hash),
        });
        section.finish(problems);
        match step {
            Some(step) => steps.push(step),
            None => complete = false,
        }
    }
    complete.then_some(steps)
}

/// `before` are the names of the key types that stand before this one.
fn read_transform(
    section: &Section<'_>,
    problems: &mut Problems,
    count: Option<u32>,
    before: &[String],
) -> Option<Transform> {
    match section.required(problems, "transform", shape::word(TRANSFORMS))?.value {
        TransformWord::Mod => {
            let modulus = section.required(problems, "modulus", shape::count(1, 65_536))?;
            Some(Transform::Mod { modulus: modulus.value })
        }
        TransformWord::Hash => {
            let buckets = section.optional(problems, "buckets", shape::count(1, 65_536));
            match buckets {
                Some(buckets) => Some(Transform::Hash { buckets: buckets.value }),
                None if section.holds("buckets") => None,
                None => Some(Transform::Hash { buckets: count? }),
            }
        }
        TransformWord::Range => read_key_ranges(section, problems, count).map(|ranges| Transform::Range { ranges }),
        TransformWord::List => read_list(section, problems, count),
        TransformWord::As => read_placer(section, problems, before).map(|key_type| Transform::As { key_type }),
        TransformWord::Lookup => {
            let table = section.required(problems, "table", shape::text());
            let column = section.required(problems, "column", shape::text());
            let value = section.required(problems, "value", shape::text());
            let key_type = read_placer(section, problems, before)?;
            let (table, column, value) = (table?.value.to_lowercase(), column?.value, value?.value);
            Some(Transform::Lookup(Box::new(Lookup { key_type, table, column, value })))
        }
    }
}

/// The key type, among those `before` it, that places this one's keys.
fn read_placer(section: &Section<'_>, problems: &mut Problems, before: &[String]) -> Option<usize> {
    let other = section.required(problems, "key_type", shape::name())?;
    let found = before.iter().position(|name| *name == other.value);
    if found.is_none() {
        let found = format!("\"{}\"", other.value);
        problems.add(&other.place, found, format!("a key type that stands before it: {}", before.join(", ")));
    }
    found
}

fn read_list(key_type: &Section<'_>, problems: &mut Problems, count: Option<u32>) -> Option<Transform> {
    let sections = key_type.sections(problems, "list");
    if sections.is_empty() {
        problems.add(&key_type.place_of("list"), "no list", "a list of {keys = […], shard = …}");
    }
    let last_shard = count.unwrap_or(65_536).max(1) - 1;
    let mut entries: Vec<(PlainKey, Shard)> = Vec::new();
    let mut complete = !sections.is_empty();
    for section in sections {
        let keys = section.required(problems, "keys", shape::plain_keys());
        let shard = section.required(problems, "shard", shape::count(0, last_shard));
        section.finish(problems);
        let (Some(keys), Some(shard)) = (keys, shard) else {
            complete = false;
            continue;
        };
        for key in keys.value {
            match entries.iter().find(|(known, _)| *known == key) {
                Some((_, other)) => {
                    problems.add(&keys.place, format!("{key}, which is in shard {other} too"), "each key listed once");
                }
                None => entries.push((key, Shard(shard.value))),
            }
        }
    }
    let other = key_type.optional(problems, "others", shape::count(0, last_shard));
    entries.sort();
    complete.then_some(Transform::List { entries, other: other.map(|shard| Shard(shard.value)) })
}

fn read_key_ranges(
    key_type: &Section<'_>,
    problems: &mut Problems,
    count: Option<u32>,
) -> Option<Vec<(i128, i128, Shard)>> {
    let sections = key_type.sections(problems, "ranges");
    if sections.is_empty() {
        problems.add(&key_type.place_of("ranges"), "no ranges", "a list of {from = …, to = …, shard = …}");
    }
    let last_shard = count.unwrap_or(65_536).max(1) - 1;
    let mut ranges: Vec<(i128, i128, Shard)> = Vec::new();
    let mut complete = !sections.is_empty();
    for section in sections {
        let from = section.required(problems, "from", shape::key_number());
        let to = section.required(problems, "to", shape::key_number());
        let shard = section.required(problems, "shard", shape::count(0, last_shard));
        section.finish(problems);
        let (Some(from), Some(to), Some(shard)) = (from, to, shard) else {
            complete = false;
            continue;
        };
        if to.value < from.value {
            problems.add(&to.place, to.value.to_string(), format!("at least from, {}", from.value));
        }
        if let Some((_, before, _)) = ranges.last()
            && from.value <= *before
        {
            problems.add(
                &from.place,
                from.value.to_string(),
                format!("more than {before}, the end of the range before"),
            );
        }
        ranges.push((from.value, to.value, Shard(shard.value)));
    }
    complete.then_some(ranges)
}
