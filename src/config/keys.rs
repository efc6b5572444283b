//! The key types of a group: from a routing key to a shard.

use super::reader::{Problems, Section};
use super::shape;
use crate::model::{KeyType, Shard, Transform};

/// How a key type's `transform` is spelt.
#[derive(Clone, Copy)]
enum TransformWord {
    Mod,
    Hash,
    Range,
}

const TRANSFORMS: &[(&str, TransformWord)] =
    &[("mod", TransformWord::Mod), ("hash", TransformWord::Hash), ("range", TransformWord::Range)];

/// The key types of `group`, whose shards are `count` if that could be read; `None` when a fault was found in one.
pub fn read(group: &Section<'_>, problems: &mut Problems, count: Option<u32>) -> Option<Vec<KeyType>> {
    let mut names: Vec<String> = Vec::new();
    let mut key_types = Vec::new();
    let mut complete = true;
    for section in group.sections(problems, "key_type") {
        let name = section.required(problems, "name", shape::name());
        if let Some(name) = &name {
            if names.contains(&name.value) {
                problems.add(&name.place, format!("\"{}\" again", name.value), "a name of its own for each key type");
            }
            names.push(name.value.clone());
        }
        let transform = read_transform(&section, problems, count);
        section.finish(problems);
        match (name, transform) {
            (Some(name), Some(transform)) => key_types.push(KeyType { name: name.value, transform }),
            _ => complete = false,
        }
    }
    if count == Some(0) && !names.is_empty() {
        problems.add(&group.place_of("shards"), "no shards", "at least 1, because the group has key types");
    }
    complete.then_some(key_types)
}

fn read_transform(section: &Section<'_>, problems: &mut Problems, count: Option<u32>) -> Option<Transform> {
    match section.required(problems, "transform", shape::word(TRANSFORMS))?.value {
        TransformWord::Mod => {
            let modulus = section.required(problems, "modulus", shape::count(1, 65_536))?;
            Some(Transform::Mod { modulus: modulus.value })
        }
        TransformWord::Hash => Some(Transform::Hash),
        TransformWord::Range => read_key_ranges(section, problems, count).map(|ranges| Transform::Range { ranges }),
    }
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
