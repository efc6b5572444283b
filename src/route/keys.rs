//! Which keys hold for a sharded statement: those of the hint, else those of the SQL.
//!
//! It places keys; it does not say where the statement goes.

use smallvec::{SmallVec, smallvec};

use super::Rejection;
use super::course::{Access, Query};
use super::placement::{self, Placed};
use crate::model::{Group, GroupId, ReadPolicy, Shard, TableClass, TableRule, UnitId};
use crate::sql::{KeyValue, Keys, ReadLevel};

/// A sharded table's rule, taken apart.
#[derive(Clone, Copy)]
pub(super) struct ShardedRule<'a> {
    /// The group's place.
    pub id: GroupId,
    /// The group.
    pub group: &'a Group,
    /// The rule.
    pub rule: &'a TableRule,
    /// How its key is placed: a position in [`Group::key_types`].
    pub key_type: usize,
    /// The routing key column.
    pub column: &'a str,
}

impl<'a> ShardedRule<'a> {
    /// The parts of `rule`; `None` when it is not a sharded table's.
    pub fn of(id: GroupId, group: &'a Group, rule: &'a TableRule) -> Option<ShardedRule<'a>> {
        match &rule.class {
            TableClass::Sharded { key_type, column } => {
                group.key_types.get(*key_type)?;
                Some(ShardedRule { id, group, rule, key_type: *key_type, column })
            }
            TableClass::Global | TableClass::Local => None,
        }
    }

    /// Table and column for a refusal.
    pub fn names(&self) -> (String, String) {
        (self.rule.name.clone(), self.column.to_owned())
    }
}

/// The keys that hold for a statement.
pub(super) enum Found<'a> {
    /// Nothing says which rows.
    Nothing,
    /// Only keys that match no row.
    NoRow,
    /// These keys, at least one.
    Keys(SmallVec<[Placed<'a>; 2]>),
}

/// The keys of the statement in `query` on a table of `sharded`.
/// Errors: hint and SQL disagree; in a write, a key that is NULL, unreadable or in no shard.
pub(super) fn found<'a>(
    query: &Query<'a>,
    sharded: &ShardedRule<'_>,
    keys: &Keys,
    access: Access,
) -> Result<Found<'a>, Rejection> {
    let reading = query.statement.plan.key_uses.get(usize::from(query.position)).map(|usage| usage.reading);
    if let Some(key) = query.hint.key
        && !reading.unwrap_or_default().takes(key)
    {
        // Written otherwise than the column's keys are told apart, it may name another shard than the rows are in.
        let (table, column) = sharded.names();
        return Err(Rejection::KeyUnreadable { table, column });
    }
    let hinted = query.hint.key.map(|key| placement::of(query, sharded, key)).transpose()?;
    let mut placed: SmallVec<[Placed<'a>; 2]> = SmallVec::new();
    let mut unreadable = matches!(keys, Keys::Sources(_)) && query.keys().next().is_none();
    for key in query.keys() {
        let place = match key {
            KeyValue::Null if access == Access::Read => continue,
            KeyValue::Null => {
                let (table, column) = sharded.names();
                return Err(Rejection::KeyNull { table, column });
            }
            KeyValue::Unreadable => {
                unreadable = true;
                continue;
            }
            KeyValue::Integer(_) | KeyValue::Text(_) => placement::of(query, sharded, key),
        };
        match place {
            Ok(place) => placed.push(place),
            // A copy at hand has the rows whoever owns them: only what depends on the owner is worth asking a table.
            Err(Rejection::KeyNotLookedUp { .. }) if access == Access::Read && !needs_owner(query, sharded) => {
                unreadable = true;
            }
            Err(refusal @ Rejection::KeyNotLookedUp { .. }) => return Err(refusal),
            // A key in no shard has no row: a read finds nothing, wherever it runs.
            Err(_) if access == Access::Read => continue,
            Err(refusal) => return Err(refusal),
        }
    }
    if let Some(hinted) = hinted {
        return match placed.iter().find(|place| place.shard != hinted.shard) {
            Some(other) => Err(Rejection::HintContradicts {
                hint: placement::text_of(hinted.key),
                key: placement::text_of(other.key),
            }),
            None => Ok(Found::Keys(smallvec![hinted])),
        };
    }
    if unreadable && access != Access::Read {
        let (table, column) = sharded.names();
        return Err(Rejection::KeyUnreadable { table, column });
    }
    Ok(match keys {
        Keys::Missing => Found::Nothing,
        Keys::Sources(_) if unreadable => Found::Nothing,
        Keys::Sources(_) if placed.is_empty() => Found::NoRow,
        Keys::Sources(_) => Found::Keys(placed),
    })
}

/// Whether a read goes to its key's owner, or is refused without a key.
fn needs_owner(query: &Query<'_>, sharded: &ShardedRule<'_>) -> bool {
    sharded.rule.read != ReadPolicy::Local || query.hint.level == ReadLevel::Strong || !query.state.forbids.is_empty()
}

/// The one owner of all `keys`. Errors: two of them, by name.
pub(super) fn one_owner(
    query: &Query<'_>,
    sharded: &ShardedRule<'_>,
    keys: &[Placed<'_>],
) -> Result<UnitId, Rejection> {
    let first = &keys[0];
    match keys.iter().find(|place| place.owner != first.owner) {
        None => Ok(first.owner),
        Some(other) => Err(Rejection::SeveralOwners {
            table: sharded.rule.name.clone(),
            keys: Box::new([first.named(query), other.named(query)]),
            epoch: query.state.epoch,
        }),
    }
}

/// The shards of `keys`, each once.
pub(super) fn shards(keys: &[Placed<'_>]) -> SmallVec<[Shard; 2]> {
    let mut shards: SmallVec<[Shard; 2]> = keys.iter().map(|place| place.shard).collect();
    if shards.len() > 2 {
        shards.sort_unstable();
    }
    shards.dedup();
    shards
}
