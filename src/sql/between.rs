//! A range of keys: `k BETWEEN 10 AND 20` -> keys that stand for all of it.
//!
//! Where a range transform places the keys, one key of each of its ranges is enough; elsewhere every key is named, if they are few.

use std::sync::Arc;

use super::resolve::{Class, Resolved};
use super::statement::{KeySource, KeyValue, SqlContext};
use crate::model::{Group, PlainKey, Transform};

/// More keys than this stand for no range: it is as good as none.
const MOST_KEYS: usize = 64;

/// A range of keys, both ends included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Between {
    /// Where the lowest key is found.
    pub low: KeySource,
    /// Where the highest key is found.
    pub high: KeySource,
    /// Keys at which another shard may begin, in rising order; `None` where every key may have another shard.
    pub cuts: Option<Arc<[i128]>>,
}

impl Between {
    /// Whether both ends come with the execution. With only one of them there, the range is not followed.
    pub(super) fn is_bound_later(&self) -> bool {
        matches!((&self.low, &self.high), (KeySource::Parameter(_), KeySource::Parameter(_)))
    }

    /// Keys that together have every shard of the range.
    pub(super) fn keys(&self, low: &KeyValue, high: &KeyValue) -> Vec<KeyValue> {
        let (KeyValue::Integer(low), KeyValue::Integer(high)) = (low, high) else {
            // NULL on either side finds no row.
            let finds_none =
                [low, high].into_iter().all(|value| matches!(value, KeyValue::Null | KeyValue::Integer(_)));
            return vec![if finds_none { KeyValue::Null } else { KeyValue::Unreadable }];
        };
        if low > high {
            return vec![KeyValue::Null];
        }
        let keys: Vec<i128> = match &self.cuts {
            Some(cuts) => {
                let from = cuts.partition_point(|cut| cut <= low);
                let to = cuts.partition_point(|cut| cut <= high);
                std::iter::once(*low).chain(cuts[from..to].iter().take(MOST_KEYS).copied()).collect()
            }
            None => (*low..=*high).take(MOST_KEYS + 1).collect(),
        };
        if keys.len() > MOST_KEYS {
            return vec![KeyValue::Unreadable];
        }
        keys.into_iter().map(KeyValue::Integer).collect()
    }
}

/// Where the shards of a sharded table's keys change, if a range transform places them.
pub(super) fn cuts(context: &SqlContext<'_>, base: &Resolved) -> Option<Arc<[i128]>> {
    let Class::Sharded(group, _, kind) = base.class else { return None };
    let group: &Group = context.state.group(group);
    let key_type = group.key_types.get(kind)?;
    let Transform::Range { ranges } = &key_type.transform else { return None };
    if !key_type.steps.is_empty() {
        return None;
    }
    let mut cuts: Vec<i128> = ranges.iter().flat_map(|&(low, high, _)| [low, high.saturating_add(1)]).collect();
    // A key that is placed alone cuts its range in three.
    for alone in group.overrides.iter().filter(|alone| alone.key_type == kind) {
        match &alone.key {
            PlainKey::Integer(key) => cuts.extend([*key, key.saturating_add(1)]),
            PlainKey::Text(_) => continue,
        }
    }
    cuts.sort_unstable();
    cuts.dedup();
    Some(cuts.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(low: i128, high: i128, cuts: Option<&[i128]>) -> Vec<KeyValue> {
        let any = KeySource::Constant(KeyValue::Null);
        let between = Between { low: any.clone(), high: any, cuts: cuts.map(Into::into) };
        between.keys(&KeyValue::Integer(low), &KeyValue::Integer(high))
    }

    #[test]
    fn one_key_stands_for_each_range_it_reaches() {
        let numbers = |numbers: &[i128]| numbers.iter().map(|&number| KeyValue::Integer(number)).collect::<Vec<_>>();
        assert_eq!(keys(1, 50, Some(&[0, 10, 20])), numbers(&[1, 10, 20]));
        assert_eq!(keys(10, 19, Some(&[0, 10, 20])), numbers(&[10]));
        assert_eq!(keys(25, 1_000_000, Some(&[0, 10, 20])), numbers(&[25]));
        assert_eq!(keys(5, 7, None), numbers(&[5, 6, 7]));
        assert_eq!(keys(5, 5_000_000_000_000, None), [KeyValue::Unreadable]);
        assert_eq!(keys(7, 5, None), [KeyValue::Null]);
    }
}
