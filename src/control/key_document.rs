//! The control document's part about keys: their kinds, and those that are placed alone.
//!
//! Integers of keys are text, because JSON numbers do not hold 128 bits.

use serde::{Deserialize, Serialize};

use super::document::DocumentError;
use crate::model::{KeyOverride, KeyStep, KeyType, Lookup, PlainKey, Shard, Transform};

/// A kind of key.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyTypeEntry {
    name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    steps: Vec<StepEntry>,
    transform: TransformEntry,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum StepEntry {
    Substring { start: i32, length: Option<u32> },
    Divide { by: u64 },
    Mod { modulus: u64 },
    Hash,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum TransformEntry {
    Mod {
        modulus: u32,
    },
    /// As written before buckets were told apart from shards: over all of the group's shards.
    Hash,
    HashInto {
        buckets: u32,
    },
    Range {
        ranges: Vec<KeyRangeEntry>,
    },
    List {
        entries: Vec<ListedEntry>,
        other: Option<u32>,
    },
    As {
        key_type: usize,
    },
    Lookup {
        key_type: usize,
        table: String,
        column: String,
        value: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyRangeEntry {
    lowest: String,
    highest: String,
    shard: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListedEntry {
    key: PlainKeyEntry,
    shard: u32,
}

/// A key placed alone.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OverrideEntry {
    key_type: usize,
    key: PlainKeyEntry,
    shard: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum PlainKeyEntry {
    Integer(String),
    Text(String),
}

impl KeyTypeEntry {
    /// `key_type` as an entry.
    pub(super) fn of(key_type: &KeyType) -> KeyTypeEntry {
        KeyTypeEntry {
            name: key_type.name.clone(),
            steps: key_type.steps.iter().map(StepEntry::of).collect(),
            transform: TransformEntry::of(&key_type.transform),
        }
    }

    /// The key type of a group with `count` shards. Errors: an integer that is none.
    pub(super) fn into_key_type(self, count: u32) -> Result<KeyType, DocumentError> {
        Ok(KeyType {
            name: self.name,
            steps: self.steps.into_iter().map(StepEntry::into_step).collect(),
            transform: self.transform.into_transform(count)?,
        })
    }
}

impl StepEntry {
    fn of(step: &KeyStep) -> StepEntry {
        match *step {
            KeyStep::Substring { start, length } => StepEntry::Substring { start, length },
            KeyStep::Divide { by } => StepEntry::Divide { by },
            KeyStep::Mod { modulus } => StepEntry::Mod { modulus },
            KeyStep::Hash => StepEntry::Hash,
        }
    }

    fn into_step(self) -> KeyStep {
        match self {
            StepEntry::Substring { start, length } => KeyStep::Substring { start, length },
            StepEntry::Divide { by } => KeyStep::Divide { by },
            StepEntry::Mod { modulus } => KeyStep::Mod { modulus },
            StepEntry::Hash => KeyStep::Hash,
        }
    }
}

impl TransformEntry {
    fn of(transform: &Transform) -> TransformEntry {
        match transform {
            Transform::Mod { modulus } => TransformEntry::Mod { modulus: *modulus },
            Transform::Hash { buckets } => TransformEntry::HashInto { buckets: *buckets },
            Transform::Range { ranges } => TransformEntry::Range {
                ranges: ranges
                    .iter()
                    .map(|(lowest, highest, shard)| KeyRangeEntry {
                        lowest: lowest.to_string(),
                        highest: highest.to_string(),
                        shard: shard.0,
                    })
                    .collect(),
            },
            Transform::List { entries, other } => TransformEntry::List {
                entries: entries
                    .iter()
                    .map(|(key, shard)| ListedEntry { key: PlainKeyEntry::of(key), shard: shard.0 })
                    .collect(),
                other: other.map(|shard| shard.0),
            },
            Transform::As { key_type } => TransformEntry::As { key_type: *key_type },
            Transform::Lookup(lookup) => TransformEntry::Lookup {
                key_type: lookup.key_type,
                table: lookup.table.clone(),
                column: lookup.column.clone(),
                value: lookup.value.clone(),
            },
        }
    }

    fn into_transform(self, count: u32) -> Result<Transform, DocumentError> {
        Ok(match self {
            TransformEntry::Mod { modulus } => Transform::Mod { modulus },
            TransformEntry::Hash => Transform::Hash { buckets: count },
            TransformEntry::HashInto { buckets } => Transform::Hash { buckets },
            TransformEntry::Range { ranges } => Transform::Range {
                ranges: ranges
                    .iter()
                    .map(|range| Ok((integer(&range.lowest)?, integer(&range.highest)?, Shard(range.shard))))
                    .collect::<Result<_, DocumentError>>()?,
            },
            TransformEntry::List { entries, other } => Transform::List {
                entries: entries
                    .into_iter()
                    .map(|entry| Ok((entry.key.into_key()?, Shard(entry.shard))))
                    .collect::<Result<_, DocumentError>>()?,
                other: other.map(Shard),
            },
            TransformEntry::As { key_type } => Transform::As { key_type },
            TransformEntry::Lookup { key_type, table, column, value } => {
                Transform::Lookup(Box::new(Lookup { key_type, table, column, value }))
            }
        })
    }
}

impl OverrideEntry {
    /// `alone` as an entry.
    pub(super) fn of(alone: &KeyOverride) -> OverrideEntry {
        OverrideEntry { key_type: alone.key_type, key: PlainKeyEntry::of(&alone.key), shard: alone.shard.0 }
    }

    /// The key placed alone. Errors: an integer that is none.
    pub(super) fn into_override(self) -> Result<KeyOverride, DocumentError> {
        Ok(KeyOverride { key_type: self.key_type, key: self.key.into_key()?, shard: Shard(self.shard) })
    }
}

impl PlainKeyEntry {
    fn of(key: &PlainKey) -> PlainKeyEntry {
        match key {
            PlainKey::Integer(number) => PlainKeyEntry::Integer(number.to_string()),
            PlainKey::Text(text) => PlainKeyEntry::Text(text.clone()),
        }
    }

    fn into_key(self) -> Result<PlainKey, DocumentError> {
        Ok(match self {
            PlainKeyEntry::Integer(text) => PlainKey::Integer(integer(&text)?),
            PlainKeyEntry::Text(text) => PlainKey::Text(text),
        })
    }
}

fn integer(text: &str) -> Result<i128, DocumentError> {
    text.parse::<i128>().map_err(|_| DocumentError::Integer(text.to_owned()))
}
