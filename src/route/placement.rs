//! Key -> shard -> owner.
//!
//! Stable for ever: a key that changes its shard is data lost from sight. The transforms are documented in the README.

use super::Rejection;
use super::course::Query;
use super::rejection::OwnedKey;
use crate::model::{Group, KeyType, Shard, Transform, UnitId};
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

/// The place of `key`, a value that is neither NULL nor unreadable. Errors: no shard holds it.
pub(super) fn of<'a>(
    query: &Query<'_>,
    group: &Group,
    key_type: &KeyType,
    key: &'a KeyValue,
) -> Result<Placed<'a>, Rejection> {
    shard_of(group, key_type, key)
        .and_then(|shard| Some(Placed { key, shard, owner: group.shards.owner_of(shard)? }))
        .ok_or_else(|| Rejection::KeyUnplaced {
            key: text_of(key),
            key_type: key_type.name.clone(),
            epoch: query.state.epoch,
        })
}

/// The shard of `key`; `None` when the transform does not cover it.
pub fn shard_of(group: &Group, key_type: &KeyType, key: &KeyValue) -> Option<Shard> {
    match &key_type.transform {
        Transform::Mod { modulus } => {
            let remainder = integer(key)?.checked_rem(i128::from(*modulus))?;
            u32::try_from(remainder.unsigned_abs()).ok().map(Shard)
        }
        Transform::Hash => {
            let hash = match key {
                KeyValue::Integer(value) => fnv1a(value.to_string().as_bytes()),
                KeyValue::Text(bytes) => fnv1a(bytes),
                KeyValue::Null | KeyValue::Unreadable => return None,
            };
            u32::try_from(hash.checked_rem(u64::from(group.shards.count))?).ok().map(Shard)
        }
        Transform::Range { ranges } => {
            let value = integer(key)?;
            let after = ranges.partition_point(|(lowest, _, _)| *lowest <= value);
            ranges[..after].last().filter(|(_, highest, _)| value <= *highest).map(|(_, _, shard)| *shard)
        }
    }
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

/// The key as a number; text counts when it is nothing but an optional minus and digits.
fn integer(key: &KeyValue) -> Option<i128> {
    match key {
        KeyValue::Integer(value) => Some(*value),
        KeyValue::Text(bytes) => {
            let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
            let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
            std::str::from_utf8(bytes).ok().filter(|_| plain)?.parse().ok()
        }
        KeyValue::Null | KeyValue::Unreadable => None,
    }
}

/// FNV-1a, 64 bit: offset basis and prime as published by its authors.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ShardMap;

    fn shard(transform: Transform, count: u32, key: KeyValue) -> Option<u32> {
        let key_type = KeyType { name: "user".to_owned(), transform };
        let group = Group {
            name: "main".to_owned(),
            schemas: Vec::new(),
            key_types: Vec::new(),
            tables: Vec::new(),
            shards: ShardMap { count, ranges: Vec::new() },
            global_master: UnitId(0),
            global_epoch: crate::model::Epoch(1),
            schema_unit: None,
        };
        shard_of(&group, &key_type, &key).map(|shard| shard.0)
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
        assert_eq!(shard(Transform::Hash, 1024, KeyValue::Integer(6000)), shard(Transform::Hash, 1024, text("6000")));
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
}
