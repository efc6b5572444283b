//! Kinds of routing key: what is done to a key of each kind until it has a shard, and the keys that are placed alone.
//!
//! The evaluation is in `route/placement.rs`; this is what people decided, and whether it makes sense.

use std::fmt;

use thiserror::Error;

use super::Shard;

/// A routing key as people write it: in the configuration, in the control document, in operators' commands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PlainKey {
    /// A whole number.
    Integer(i128),
    /// Any other text.
    Text(String),
}

impl PlainKey {
    /// The key a text stands for: a number if it is one in its shortest form, so that `6000` and `'6000'` are one key and `'06000'` is another.
    pub fn of(text: &str) -> PlainKey {
        match shortest_integer(text.as_bytes()) {
            Some(number) => PlainKey::Integer(number),
            None => PlainKey::Text(text.to_owned()),
        }
    }
}

impl fmt::Display for PlainKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlainKey::Integer(number) => write!(out, "{number}"),
            PlainKey::Text(text) => write!(out, "'{}'", text.escape_debug()),
        }
    }
}

/// The integer whose shortest decimal form is `text`: no leading zeros, no plus, no blanks.
pub fn shortest_integer(text: &[u8]) -> Option<i128> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let is_shortest = match digits {
        [] => false,
        [b'0'] => text.len() == 1,
        [first, ..] => *first != b'0' && digits.iter().all(u8::is_ascii_digit),
    };
    if is_shortest { std::str::from_utf8(text).ok()?.parse().ok() } else { None }
}

/// One thing done to a key before it is placed; each hands its result to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyStep {
    /// Some characters of the key's text (decimal digits for integers). A key that is too short has no shard.
    Substring {
        /// The first character: from 1 at the beginning, or from -1 at the end; never 0.
        start: i32,
        /// How many characters, at least 1; `None` for all that follow.
        length: Option<u32>,
    },
    /// Whole division of an integer, towards zero.
    Divide {
        /// The divisor, at least 1.
        by: u64,
    },
    /// The remainder of an integer, without its sign.
    Mod {
        /// The divisor, at least 1.
        modulus: u64,
    },
    /// FNV-1a (64 bit) over the key's text, as an unsigned integer.
    Hash,
}

/// How a routing key, after its steps, becomes a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transform {
    /// `key mod modulus`, on integer keys; the remainder is the shard. Negative keys use the absolute value of the remainder.
    Mod {
        /// The divisor: at least 1, at most the group's shard count.
        modulus: u32,
    },
    /// FNV-1a (64 bit) over the key's canonical text, mod `buckets`. Stable for ever: it is documented in the README.
    Hash {
        /// The divisor: at least 1, at most the group's shard count.
        buckets: u32,
    },
    /// Explicit ranges of integer keys: closed intervals in rising order, each one shard.
    Range {
        /// `(lowest key, highest key, shard)`.
        ranges: Vec<(i128, i128, Shard)>,
    },
    /// Explicit keys.
    List {
        /// Each key with its shard, in rising order of keys.
        entries: Vec<(PlainKey, Shard)>,
        /// The shard of all other keys; without one they have none.
        other: Option<Shard>,
    },
    /// What the steps leave is a key of this other kind, which places it.
    As {
        /// Its position in [`Group::key_types`](super::Group::key_types), before this one's.
        key_type: usize,
    },
    /// A table says which key of another kind it goes with.
    Lookup(Box<Lookup>),
}

/// The table in which keys of one kind are looked up. Its entries never change: what was looked up holds for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The kind of key found there: its position in [`Group::key_types`](super::Group::key_types), before this one's.
    pub key_type: usize,
    /// The table, lower case: a global one of the group, in its first schema.
    pub table: String,
    /// Its column with the keys that are looked up.
    pub column: String,
    /// Its column with the keys they go with.
    pub value: String,
}

/// One kind of routing key (user, merchant, order …) and how it is placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyType {
    /// Its name in hints and in the configuration.
    pub name: String,
    /// What is done to a key first.
    pub steps: Vec<KeyStep>,
    /// From there to a shard.
    pub transform: Transform,
}

/// One key that is placed by itself, whatever its kind's steps and transform say: so that one user can be moved alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyOverride {
    /// The kind of key, as a position in [`Group::key_types`](super::Group::key_types).
    pub key_type: usize,
    /// The key.
    pub key: PlainKey,
    /// Its shard.
    pub shard: Shard,
}

impl KeyType {
    /// The keys between the ranges of a range transform, which lie in no shard: closed intervals.
    pub fn gaps(&self) -> Vec<(i128, i128)> {
        let Transform::Range { ranges } = &self.transform else { return Vec::new() };
        let between = ranges.windows(2).map(|pair| (pair[0].1 + 1, pair[1].0 - 1));
        between.filter(|(first, last)| first <= last).collect()
    }

    /// The kind that places this one's keys, if it is another.
    pub fn placed_by(&self) -> Option<usize> {
        match &self.transform {
            Transform::As { key_type } => Some(*key_type),
            Transform::Lookup(lookup) => Some(lookup.key_type),
            Transform::Mod { .. } | Transform::Hash { .. } | Transform::Range { .. } | Transform::List { .. } => None,
        }
    }

    /// Whether what is done to its keys first is arithmetic, for which `'06000'` is 6000.
    pub fn reads_numbers(&self) -> bool {
        match (self.steps.first(), &self.transform) {
            (Some(step), _) => matches!(step, KeyStep::Divide { .. } | KeyStep::Mod { .. }),
            (None, transform) => matches!(transform, Transform::Mod { .. } | Transform::Range { .. }),
        }
    }

    /// Steps and transform for people, whole; `all` are the group's key types.
    pub fn words(&self, all: &[KeyType]) -> String {
        let mut words: Vec<String> = self.steps.iter().map(KeyStep::to_string).collect();
        let listed = |pairs: &mut dyn Iterator<Item = String>| pairs.collect::<Vec<_>>().join(" ");
        words.push(match &self.transform {
            Transform::Mod { modulus } => format!("mod {modulus}"),
            Transform::Hash { buckets } => format!("hash into {buckets}"),
            Transform::Range { ranges } => {
                let pairs = &mut ranges.iter().map(|(lowest, highest, shard)| format!("{lowest}..{highest}={shard}"));
                format!("range {}", listed(pairs))
            }
            Transform::List { entries, other } => {
                let pairs = &mut entries.iter().map(|(key, shard)| format!("{key}={shard}"));
                let other = other.map(|shard| format!(" others={shard}")).unwrap_or_default();
                format!("list {}{other}", listed(pairs))
            }
            Transform::As { key_type } => format!("as {}", all.get(*key_type).map_or("?", |other| &other.name)),
            Transform::Lookup(lookup) => {
                let other = all.get(lookup.key_type).map_or("?", |other| &other.name);
                format!("by {}.{} as {other} in {}", lookup.table, lookup.column, lookup.value)
            }
        });
        words.join(", ")
    }
}

impl fmt::Display for KeyStep {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyStep::Substring { start, length: Some(length) } => write!(out, "substring {start} {length}"),
            KeyStep::Substring { start, length: None } => write!(out, "substring {start}"),
            KeyStep::Divide { by } => write!(out, "divide {by}"),
            KeyStep::Mod { modulus } => write!(out, "mod {modulus}"),
            KeyStep::Hash => write!(out, "hash"),
        }
    }
}

/// Why the key types of a group are refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum KeyFault {
    /// A divisor that does not fit the shard count.
    #[error("{what} {divisor} of key type '{key_type}' must be between 1 and the shard count {count}")]
    Divisor {
        /// `modulus` or `buckets`.
        what: &'static str,
        /// The key type.
        key_type: String,
        /// The divisor.
        divisor: u32,
        /// The shard count.
        count: u32,
    },
    /// A step that can give nothing.
    #[error("step {step} of key type '{key_type}' has a zero in it")]
    EmptyStep {
        /// The key type.
        key_type: String,
        /// Its number, from 1.
        step: usize,
    },
    /// A key range that ends before it begins.
    #[error("key range {first}..{last} of key type '{key_type}' ends before it begins")]
    EmptyRange {
        /// The key type.
        key_type: String,
        /// Its lowest key.
        first: i128,
        /// Its highest key.
        last: i128,
    },
    /// Two key ranges that share keys, or stand in the wrong order.
    #[error("key ranges {0}..{1} and {2}..{3} of key type '{key_type}' overlap or stand in the wrong order", .ranges.0, .ranges.1, .ranges.2, .ranges.3)]
    Overlap {
        /// The key type.
        key_type: String,
        /// Both ranges, lowest and highest key each.
        ranges: (i128, i128, i128, i128),
    },
    /// A key that is listed twice, or out of order.
    #[error("key {key} of key type '{key_type}' is listed twice")]
    ListedTwice {
        /// The key type.
        key_type: String,
        /// The key.
        key: PlainKey,
    },
    /// A shard there is not.
    #[error("key type '{key_type}' leads to shard {shard}, but there are only {count}")]
    NoSuchShard {
        /// The key type.
        key_type: String,
        /// The shard.
        shard: Shard,
        /// The shard count.
        count: u32,
    },
    /// A reference to a kind of key that does not stand before it.
    #[error("key type '{key_type}' is placed as a key type that does not stand before it")]
    Reference {
        /// The key type.
        key_type: String,
    },
    /// A kind that is looked up in a table whose entries are not the same everywhere.
    #[error(
        "key type '{key_type}' is looked up in '{table}', which no rule of its own makes a global table of the group"
    )]
    LookupTable {
        /// The key type.
        key_type: String,
        /// The table.
        table: String,
    },
    /// A key placed alone, of a kind that hands its keys on to another.
    #[error(
        "key {key} of key type '{key_type}' cannot be placed alone, because the type is placed as '{other}': place the key of '{other}'"
    )]
    OverrideOfReference {
        /// The key type.
        key_type: String,
        /// The key.
        key: PlainKey,
        /// The type that places it.
        other: String,
    },
    /// A number with more than its shortest digits, of a kind that reads numbers.
    #[error("key {key} of key type '{key_type}' is read as a number: write {number}")]
    PaddedNumber {
        /// The key type.
        key_type: String,
        /// The key.
        key: PlainKey,
        /// The number it is.
        number: i128,
    },
    /// A key placed alone, of a kind there is not.
    #[error("key {key} is placed alone, but its key type does not exist")]
    OverrideOfNothing {
        /// The key.
        key: PlainKey,
    },
}

/// Whether `key_types` and `overrides` place keys into shards below `count` and nowhere else. Errors: the first fault.
pub fn check(key_types: &[KeyType], overrides: &[KeyOverride], count: u32) -> Result<(), KeyFault> {
    for (index, key_type) in key_types.iter().enumerate() {
        check_steps(key_type)?;
        check_transform(key_type, index, count)?;
    }
    for (index, alone) in overrides.iter().enumerate() {
        let Some(key_type) = key_types.get(alone.key_type) else {
            return Err(KeyFault::OverrideOfNothing { key: alone.key.clone() });
        };
        let named = || key_type.name.clone();
        if let Some(other) = key_type.placed_by() {
            let other = key_types[other].name.clone();
            return Err(KeyFault::OverrideOfReference { key_type: named(), key: alone.key.clone(), other });
        }
        check_shard(key_type, alone.shard, count)?;
        if let PlainKey::Text(text) = &alone.key
            && key_type.reads_numbers()
            && let Ok(number) = text.parse()
        {
            return Err(KeyFault::PaddedNumber { key_type: named(), key: alone.key.clone(), number });
        }
        let before = index.checked_sub(1).map(|before| &overrides[before]);
        if before.is_some_and(|before| (before.key_type, &before.key) >= (alone.key_type, &alone.key)) {
            return Err(KeyFault::ListedTwice { key_type: named(), key: alone.key.clone() });
        }
    }
    Ok(())
}

fn check_steps(key_type: &KeyType) -> Result<(), KeyFault> {
    for (index, step) in key_type.steps.iter().enumerate() {
        let is_empty = match step {
            KeyStep::Substring { start, length } => *start == 0 || *length == Some(0),
            KeyStep::Divide { by } => *by == 0,
            KeyStep::Mod { modulus } => *modulus == 0,
            KeyStep::Hash => false,
        };
        if is_empty {
            return Err(KeyFault::EmptyStep { key_type: key_type.name.clone(), step: index + 1 });
        }
    }
    Ok(())
}

fn check_transform(key_type: &KeyType, index: usize, count: u32) -> Result<(), KeyFault> {
    let named = || key_type.name.clone();
    let divisor = |what, divisor| match (1..=count).contains(&divisor) {
        true => Ok(()),
        false => Err(KeyFault::Divisor { what, key_type: named(), divisor, count }),
    };
    match &key_type.transform {
        Transform::Mod { modulus } => divisor("modulus", *modulus),
        Transform::Hash { buckets } => divisor("buckets", *buckets),
        Transform::Range { ranges } => {
            for (position, &(first, last, shard)) in ranges.iter().enumerate() {
                if last < first {
                    return Err(KeyFault::EmptyRange { key_type: named(), first, last });
                }
                let before = position.checked_sub(1).map(|before| &ranges[before]);
                if let Some(&(earlier, until, _)) = before.filter(|(_, until, _)| *until >= first) {
                    return Err(KeyFault::Overlap { key_type: named(), ranges: (earlier, until, first, last) });
                }
                check_shard(key_type, shard, count)?;
            }
            Ok(())
        }
        Transform::List { entries, other } => {
            for (position, (key, shard)) in entries.iter().enumerate() {
                if position > 0 && entries[position - 1].0 >= *key {
                    return Err(KeyFault::ListedTwice { key_type: named(), key: key.clone() });
                }
                check_shard(key_type, *shard, count)?;
            }
            other.map_or(Ok(()), |shard| check_shard(key_type, shard, count))
        }
        Transform::As { key_type: other } if *other < index => Ok(()),
        Transform::Lookup(lookup) if lookup.key_type < index => Ok(()),
        Transform::As { .. } | Transform::Lookup(_) => Err(KeyFault::Reference { key_type: named() }),
    }
}

fn check_shard(key_type: &KeyType, shard: Shard, count: u32) -> Result<(), KeyFault> {
    if shard.0 < count { Ok(()) } else { Err(KeyFault::NoSuchShard { key_type: key_type.name.clone(), shard, count }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_type(name: &str, transform: Transform) -> KeyType {
        KeyType { name: name.to_owned(), steps: Vec::new(), transform }
    }

    fn told(key_types: &[KeyType], overrides: &[KeyOverride]) -> String {
        check(key_types, overrides, 100).err().map(|fault| fault.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_number_is_one_key_however_it_is_quoted_and_a_padded_one_is_another() {
        assert_eq!(PlainKey::of("6000"), PlainKey::Integer(6000));
        assert_eq!(PlainKey::of("-1"), PlainKey::Integer(-1));
        assert_eq!(PlainKey::of("0"), PlainKey::Integer(0));
        for text in ["06000", "+1", "-0", " 1", "", "-", "1e3", "00"] {
            assert_eq!(PlainKey::of(text), PlainKey::Text(text.to_owned()), "{text}");
        }
    }

    #[test]
    fn every_fault_names_what_is_wrong() {
        let user = || key_type("user", Transform::Mod { modulus: 100 });
        assert_eq!(told(&[user()], &[]), "");
        let range = |ranges: &[(i128, i128, u32)]| {
            let ranges = ranges.iter().map(|(first, last, shard)| (*first, *last, Shard(*shard))).collect();
            told(&[key_type("user", Transform::Range { ranges })], &[])
        };
        assert_eq!(
            range(&[(0, 9, 0), (9, 12, 1)]),
            "key ranges 0..9 and 9..12 of key type 'user' overlap or stand in the wrong order"
        );
        assert_eq!(range(&[(5, 4, 0)]), "key range 5..4 of key type 'user' ends before it begins");
        assert_eq!(range(&[(0, 9, 100)]), "key type 'user' leads to shard 100, but there are only 100");
        let modulus = told(&[key_type("user", Transform::Mod { modulus: 101 })], &[]);
        assert_eq!(modulus, "modulus 101 of key type 'user' must be between 1 and the shard count 100");
        let entries = vec![(PlainKey::of("a"), Shard(0)), (PlainKey::of("a"), Shard(1))];
        let list = told(&[key_type("city", Transform::List { entries, other: None })], &[]);
        assert_eq!(list, "key 'a' of key type 'city' is listed twice");
        let itself = told(&[key_type("user", Transform::As { key_type: 0 })], &[]);
        assert_eq!(itself, "key type 'user' is placed as a key type that does not stand before it");
        let mut step = user();
        step.steps = vec![KeyStep::Hash, KeyStep::Substring { start: 0, length: None }];
        assert_eq!(told(&[step], &[]), "step 2 of key type 'user' has a zero in it");
    }

    #[test]
    fn a_key_is_placed_alone_once_and_by_the_type_that_places_it() {
        let types =
            [key_type("user", Transform::Mod { modulus: 99 }), key_type("order", Transform::As { key_type: 0 })];
        let alone = |key_type, key: i128| KeyOverride { key_type, key: PlainKey::Integer(key), shard: Shard(99) };
        assert_eq!(told(&types, &[alone(0, 5), alone(0, 6)]), "");
        assert_eq!(told(&types, &[alone(0, 6), alone(0, 6)]), "key 6 of key type 'user' is listed twice");
        assert!(told(&types, &[alone(1, 6)]).ends_with("place the key of 'user'"));
        let padded = KeyOverride { key: PlainKey::of("06"), ..alone(0, 6) };
        assert_eq!(told(&types, &[padded]), "key '06' of key type 'user' is read as a number: write 6");
        assert_eq!(told(&types, &[alone(2, 6)]), "key 6 is placed alone, but its key type does not exist");
    }
}
