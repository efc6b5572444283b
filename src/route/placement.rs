//! Key -> shard -> owner.
//!
//! Stable for ever: a key that changes its shard is data lost from sight. The transforms are documented in the README.

use std::cmp::Ordering;

use smallvec::SmallVec;

use super::Rejection;
use super::course::Query;
use super::keys::ShardedRule;
use super::lookup::Known;
use super::rejection::OwnedKey;
use crate::model::key_type::shortest_integer;
use crate::model::{Group, KeyOverride, KeyStep, KeyType, PlainKey, Shard, Transform, UnitId};
use crate::sql::KeyValue;

/// A key with its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed<'a> {
    /// The key.
    pub key: &'a KeyValue,
    /// Its shard.
    pub shard: Shard,
    /// The shard's owner.
    pub owner: UnitId,
}

impl Placed<'_> {
    /// Key and owner for people.
    pub fn named(&self, query: &Query<'_>) -> OwnedKey {
        OwnedKey { key: text_of(self.key), owner: query.unit_name(self.owner) }
    }
}

/// Why a key has no place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unplaced {
    /// No shard holds it.
    NoShard,
    /// This key of this kind has to be looked up first.
    Unasked {
        /// The kind.
        key_type: usize,
        /// The key.
        key: KeyValue,
    },
    /// The table of this kind of key has no entry for it.
    Unmapped {
        /// The kind.
        key_type: usize,
        /// The key.
        key: KeyValue,
    },
}

/// The place of `key`, a value that is neither NULL nor unreadable. Errors: no shard holds it, or it has to be looked up.
pub(super) fn of<'a>(query: &Query<'_>, sharded: &ShardedRule<'_>, key: &'a KeyValue) -> Result<Placed<'a>, Rejection> {
    let (group, epoch) = (sharded.group, query.state.epoch);
    let known = Known { group: sharded.id, looked_up: query.session.looked_up };
    let name = |kind: usize| group.key_types.get(kind).map(|known| known.name.clone()).unwrap_or_default();
    let table = |kind: usize| match group.key_types.get(kind).map(|known| &known.transform) {
        Some(Transform::Lookup(lookup)) => lookup.table.clone(),
        _ => String::new(),
    };
    let no_shard = || Rejection::KeyUnplaced { key: text_of(key), key_type: name(sharded.key_type), epoch };
    match shard_in(group, sharded.key_type, key, known) {
        Ok(shard) => group.shards.owner_of(shard).map(|owner| Placed { key, shard, owner }).ok_or_else(no_shard),
        Err(Unplaced::NoShard) => Err(no_shard()),
        Err(Unplaced::Unasked { key_type, key }) => {
            Err(Rejection::KeyNotLookedUp { key: text_of(&key), key_type: name(key_type), table: table(key_type) })
        }
        Err(Unplaced::Unmapped { key_type, key }) => {
            Err(Rejection::KeyUnmapped { key: text_of(&key), key_type: name(key_type), table: table(key_type) })
        }
    }
}

/// The shard of `key`, a key of the group's key type at position `key_type`; `None` when nothing places it, or only a table that is looked
/// into.
pub fn shard_of(group: &Group, key_type: usize, key: &KeyValue) -> Option<Shard> {
    shard_in(group, key_type, key, Known::NOTHING).ok()
}

/// The shard of `key`, a key of the group's key type at position `key_type`, by what is `known` of keys that are looked up.
pub(super) fn shard_in(group: &Group, key_type: usize, key: &KeyValue, known: Known<'_>) -> Result<Shard, Unplaced> {
    let mut part = Part::of(key).ok_or(Unplaced::NoShard)?;
    let mut kind = key_type;
    loop {
        let key_type = group.key_types.get(kind).ok_or(Unplaced::NoShard)?;
        // Nearly always there are none.
        if !group.overrides.is_empty()
            && let Some(alone) = alone(&group.overrides, kind, part.number(key_type.reads_numbers()), &part)
        {
            return Ok(alone);
        }
        match handed_on(group, kind, key_type, &part, known)? {
            // Always an earlier one, as `check` makes sure: this ends.
            Handed::On(other, key) => (kind, part) = (other, key),
            Handed::Out(Some(shard)) => return Ok(shard),
            Handed::Out(None) => return Err(Unplaced::NoShard),
        }
    }
}

/// The key of kind `wanted` that `key`, of kind `key_type`, is placed as; `None` if it is placed otherwise.
pub(super) fn key_as(
    group: &Group,
    key_type: usize,
    key: &KeyValue,
    known: Known<'_>,
    wanted: usize,
) -> Result<Option<KeyValue>, Unplaced> {
    let mut part = Part::of(key).ok_or(Unplaced::NoShard)?;
    let mut kind = key_type;
    while kind > wanted {
        let key_type = group.key_types.get(kind).ok_or(Unplaced::NoShard)?;
        match handed_on(group, kind, key_type, &part, known)? {
            Handed::On(other, key) => (kind, part) = (other, key),
            Handed::Out(_) => return Ok(None),
        }
    }
    Ok((kind == wanted).then(|| part.value()))
}

/// What a kind's steps and transform make of a key.
enum Handed {
    /// A key of another kind, which stands before it.
    On(usize, Part),
    /// Its shard, if it has one.
    Out(Option<Shard>),
}

fn handed_on(
    group: &Group,
    kind: usize,
    key_type: &KeyType,
    part: &Part,
    known: Known<'_>,
) -> Result<Handed, Unplaced> {
    let mut after: Option<Part> = None;
    for step in &key_type.steps {
        after = Some(stepped(after.as_ref().unwrap_or(part), step).ok_or(Unplaced::NoShard)?);
    }
    match &key_type.transform {
        Transform::As { key_type: other } if *other < kind => {
            Ok(Handed::On(*other, after.unwrap_or_else(|| part.clone())))
        }
        Transform::Lookup(lookup) if lookup.key_type < kind => {
            let key = after.as_ref().unwrap_or(part).value();
            match known.value(group, kind, &key) {
                None => Err(Unplaced::Unasked { key_type: kind, key }),
                Some(None) => Err(Unplaced::Unmapped { key_type: kind, key }),
                Some(Some(found)) => Ok(Handed::On(lookup.key_type, Part::of(found).ok_or(Unplaced::NoShard)?)),
            }
        }
        transform => Ok(Handed::Out(transformed(transform, after.as_ref().unwrap_or(part)))),
    }
}

/// A key on its way through the steps.
#[derive(Clone)]
enum Part {
    Integer(i128),
    Text(SmallVec<[u8; 40]>),
}

impl Part {
    /// A key; `None` for what is none.
    fn of(key: &KeyValue) -> Option<Part> {
        match key {
            KeyValue::Integer(number) => Some(Part::Integer(*number)),
            KeyValue::Text(text) => Some(Part::Text(text.as_ref().into())),
            KeyValue::Null | KeyValue::Unreadable => None,
        }
    }

    fn value(&self) -> KeyValue {
        match self {
            Part::Integer(number) => KeyValue::Integer(*number),
            Part::Text(bytes) => KeyValue::Text(bytes.as_slice().into()),
        }
    }

    /// As a number; text counts when it is nothing but an optional minus and digits.
    fn integer(&self) -> Option<i128> {
        match self {
            Part::Integer(number) => Some(*number),
            Part::Text(bytes) => {
                let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
                let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
                std::str::from_utf8(bytes).ok().filter(|_| plain)?.parse().ok()
            }
        }
    }

    fn hash(&self) -> u64 {
        match self {
            Part::Integer(number) => fnv1a(&decimal(*number)),
            Part::Text(bytes) => fnv1a(bytes),
        }
    }

    /// The number it is, where numbers are listed: in its shortest form, or (`is_read`) in any form that the kind's own arithmetic reads.
    fn number(&self, is_read: bool) -> Option<i128> {
        match self {
            Part::Integer(number) => Some(*number),
            Part::Text(_) if is_read => self.integer(),
            Part::Text(bytes) => shortest_integer(bytes),
        }
    }
}

/// How a key, with the number it is if it is one, stands to a key as people write it.
fn compare(number: Option<i128>, key: &Part, plain: &PlainKey) -> Ordering {
    match (number, key, plain) {
        (Some(own), _, PlainKey::Integer(other)) => own.cmp(other),
        (Some(_), _, PlainKey::Text(_)) | (None, Part::Integer(_), _) => Ordering::Less,
        (None, Part::Text(_), PlainKey::Integer(_)) => Ordering::Greater,
        (None, Part::Text(bytes), PlainKey::Text(text)) => bytes.as_slice().cmp(text.as_bytes()),
    }
}

fn alone(overrides: &[KeyOverride], key_type: usize, number: Option<i128>, key: &Part) -> Option<Shard> {
    let found = overrides.binary_search_by(|alone| {
        alone.key_type.cmp(&key_type).then_with(|| compare(number, key, &alone.key).reverse())
    });
    found.ok().map(|index| overrides[index].shard)
}

/// `None` when the step does not apply to such a key.
fn stepped(key: &Part, step: &KeyStep) -> Option<Part> {
    match step {
        KeyStep::Substring { start, length } => {
            let text = match key {
                Part::Integer(number) => decimal(*number),
                Part::Text(bytes) => bytes.clone(),
            };
            substring(std::str::from_utf8(&text).ok()?, *start, *length).map(|part| Part::Text(part.as_bytes().into()))
        }
        KeyStep::Divide { by } => key.integer()?.checked_div(i128::from(*by)).map(Part::Integer),
        KeyStep::Mod { modulus } => {
            remainder(key.integer()?, *modulus).map(|remainder| Part::Integer(remainder.into()))
        }
        KeyStep::Hash => Some(Part::Integer(i128::from(key.hash()))),
    }
}

/// What is left of a number without its sign; `None` for a modulus of 0.
fn remainder(number: i128, modulus: u64) -> Option<u64> {
    let number = number.unsigned_abs();
    // Nearly all keys fit a machine word, which divides many times faster.
    match u64::try_from(number) {
        Ok(number) => number.checked_rem(modulus),
        Err(_) => number.checked_rem(modulus.into()).and_then(|remainder| u64::try_from(remainder).ok()),
    }
}

/// Characters as MySQL's SUBSTRING counts them; `None` where that many are not there.
fn substring(text: &str, start: i32, length: Option<u32>) -> Option<&str> {
    let count = text.chars().count();
    let distance = usize::try_from(start.unsigned_abs()).ok()?;
    let skipped = if start > 0 { distance - 1 } else { count.checked_sub(distance)? };
    let left = count.checked_sub(skipped).filter(|left| *left > 0)?;
    let wanted = match length {
        Some(length) => usize::try_from(length).ok().filter(|length| *length <= left)?,
        None => left,
    };
    let place = |character: usize| text.char_indices().nth(character).map_or(text.len(), |(offset, _)| offset);
    text.get(place(skipped)..place(skipped + wanted))
}

fn transformed(transform: &Transform, key: &Part) -> Option<Shard> {
    match transform {
        Transform::Mod { modulus } => u32::try_from(remainder(key.integer()?, (*modulus).into())?).ok().map(Shard),
        Transform::Hash { buckets } => u32::try_from(key.hash().checked_rem(u64::from(*buckets))?).ok().map(Shard),
        Transform::Range { ranges } => {
            let value = key.integer()?;
            let after = ranges.partition_point(|(lowest, _, _)| *lowest <= value);
            ranges[..after].last().filter(|(_, highest, _)| value <= *highest).map(|(_, _, shard)| *shard)
        }
        Transform::List { entries, other } => {
            let number = key.number(false);
            let found = entries.binary_search_by(|(listed, _)| compare(number, key, listed).reverse());
            found.ok().map(|index| entries[index].1).or(*other)
        }
        // Followed by the caller.
        Transform::As { .. } | Transform::Lookup(_) => None,
    }
}

/// The decimal digits of a number, without the allocator.
fn decimal(number: i128) -> SmallVec<[u8; 40]> {
    let mut digits: SmallVec<[u8; 40]> = SmallVec::new();
    let mut rest = number.unsigned_abs();
    loop {
        digits.push(b'0' + u8::try_from(rest % 10).unwrap_or_default());
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        digits.push(b'-');
    }
    digits.reverse();
    digits
}

/// The key as people read it.
pub(super) fn text_of(key: &KeyValue) -> String {
    match key {
        KeyValue::Integer(value) => value.to_string(),
        KeyValue::Text(bytes) => format!("'{}'", String::from_utf8_lossy(bytes).escape_debug()),
        KeyValue::Null => "NULL".to_owned(),
        KeyValue::Unreadable => "?".to_owned(),
    }
}

/// FNV-1a, 64 bit: offset basis and prime as published by its authors.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{GroupPolicy, ShardMap};

    fn group(key_types: Vec<KeyType>, count: u32) -> Group {
        Group {
            name: "main".to_owned(),
            schemas: Vec::new(),
            key_types,
            tables: Vec::new(),
            overrides: Vec::new(),
            shards: ShardMap { count, ranges: Vec::new() },
            global_master: UnitId(0),
            global_epoch: crate::model::Epoch(1),
            schema_unit: None,
            policy: GroupPolicy::default(),
        }
    }

    fn key_type(steps: Vec<KeyStep>, transform: Transform) -> KeyType {
        KeyType { name: "user".to_owned(), steps, transform }
    }

    fn shard(transform: Transform, count: u32, key: KeyValue) -> Option<u32> {
        shard_of(&group(vec![key_type(Vec::new(), transform)], count), 0, &key).map(|shard| shard.0)
    }

    fn text(value: &str) -> KeyValue {
        KeyValue::Text(value.as_bytes().into())
    }

    #[test]
    fn the_hash_is_the_published_fnv1a() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_number_and_its_decimal_text_hash_alike() {
        let hash = || Transform::Hash { buckets: 1024 };
        assert_eq!(shard(hash(), 1024, KeyValue::Integer(6000)), shard(hash(), 1024, text("6000")));
        assert_eq!(shard(hash(), 1024, KeyValue::Integer(-7)), shard(hash(), 1024, text("-7")));
        assert_eq!(decimal(i128::MIN).as_slice(), i128::MIN.to_string().as_bytes());
        assert_eq!(decimal(0).as_slice(), b"0");
    }

    #[test]
    fn mod_takes_the_remainder_without_its_sign() {
        let modulus = || Transform::Mod { modulus: 10_000 };
        assert_eq!(shard(modulus(), 10_000, KeyValue::Integer(111_123)), Some(1123));
        assert_eq!(shard(modulus(), 10_000, KeyValue::Integer(-16_000)), Some(6000));
        assert_eq!(shard(modulus(), 10_000, KeyValue::Integer(i128::MIN)), Some(5728));
        assert_eq!(shard(modulus(), 10_000, text("16000")), Some(6000));
        assert_eq!(shard(modulus(), 10_000, text("16000 ")), None);
        assert_eq!(shard(modulus(), 10_000, text("-")), None);
    }

    #[test]
    fn ranges_hold_both_their_ends_and_nothing_between_them() {
        let ranges = || Transform::Range { ranges: vec![(0, 9, Shard(0)), (20, 29, Shard(1))] };
        for (key, place) in
            [(-1, None), (0, Some(0)), (9, Some(0)), (10, None), (20, Some(1)), (29, Some(1)), (30, None)]
        {
            assert_eq!(shard(ranges(), 2, KeyValue::Integer(key)), place, "key {key}");
        }
    }

    #[test]
    fn a_list_finds_its_keys_and_only_then_the_others() {
        let mut entries: Vec<(PlainKey, Shard)> =
            [("bj", 1), ("hz", 0), ("7", 2), ("07", 3)].map(|(key, shard)| (PlainKey::of(key), Shard(shard))).into();
        entries.sort();
        let list = |other| Transform::List { entries: entries.clone(), other };
        assert_eq!(shard(list(None), 9, text("bj")), Some(1));
        assert_eq!(shard(list(None), 9, text("hz")), Some(0));
        assert_eq!(shard(list(None), 9, KeyValue::Integer(7)), Some(2));
        assert_eq!(shard(list(None), 9, text("7")), Some(2));
        assert_eq!(shard(list(None), 9, text("07")), Some(3));
        assert_eq!(shard(list(None), 9, text("sz")), None);
        assert_eq!(shard(list(Some(Shard(8))), 9, text("sz")), Some(8));
    }

    #[test]
    fn a_substring_counts_characters_and_never_takes_less_than_it_says() {
        assert_eq!(substring("1234567", 3, Some(2)), Some("34"));
        assert_eq!(substring("1234567", -4, Some(4)), Some("4567"));
        assert_eq!(substring("1234567", -4, Some(2)), Some("45"));
        assert_eq!(substring("1234567", 6, None), Some("67"));
        assert_eq!(substring("李雷韩", 2, Some(1)), Some("雷"));
        for (start, length) in [(8, None), (7, Some(2)), (-8, None), (-1, Some(2))] {
            assert_eq!(substring("1234567", start, length), None, "{start} {length:?}");
        }
    }

    #[test]
    fn steps_are_taken_in_their_order() {
        let of = |steps: Vec<KeyStep>, key: KeyValue| {
            let modulus = Transform::Mod { modulus: 10_000 };
            shard_of(&group(vec![key_type(steps, modulus)], 10_000), 0, &key).map(|shard| shard.0)
        };
        let middle = KeyStep::Substring { start: 3, length: Some(4) };
        assert_eq!(of(vec![middle.clone()], KeyValue::Integer(12_345_678)), Some(3456));
        assert_eq!(of(vec![middle.clone(), KeyStep::Mod { modulus: 100 }], text("ab3456")), Some(56));
        assert_eq!(of(vec![KeyStep::Divide { by: 100 }], KeyValue::Integer(600_042)), Some(6000));
        assert_eq!(of(vec![KeyStep::Divide { by: 100 }, middle], KeyValue::Integer(600_042)), None);
        assert_eq!(of(vec![KeyStep::Hash], text("a")), Some((0xaf63_dc4c_8601_ec8c_u64 % 10_000) as u32));
        assert_eq!(of(vec![KeyStep::Divide { by: 2 }], text("a")), None);
    }

    #[test]
    fn a_key_alone_stays_alone_by_every_way_that_leads_to_it() {
        let order = KeyType {
            name: "order".to_owned(),
            steps: vec![KeyStep::Divide { by: 1000 }],
            transform: Transform::As { key_type: 0 },
        };
        let mut group = group(vec![key_type(Vec::new(), Transform::Mod { modulus: 100 }), order], 101);
        let alone = |key: i128| KeyOverride { key_type: 0, key: PlainKey::Integer(key), shard: Shard(100) };
        group.overrides = vec![alone(5), alone(42), alone(700)];
        let of = |key_type, key: KeyValue| shard_of(&group, key_type, &key).map(|shard| shard.0);
        assert_eq!(of(0, KeyValue::Integer(42)), Some(100));
        assert_eq!(of(0, text("42")), Some(100));
        assert_eq!(of(0, KeyValue::Integer(142)), Some(42));
        assert_eq!(of(1, KeyValue::Integer(42_007)), Some(100));
        assert_eq!(of(1, KeyValue::Integer(142_007)), Some(42));
        assert_eq!(of(1, KeyValue::Integer(42)), Some(0));
        // What the remainder takes for 42 is 42.
        assert_eq!(of(0, text("0042")), Some(100));
    }
}
