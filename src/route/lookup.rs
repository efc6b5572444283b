//! Keys that a table maps to keys of another kind: which of them have to be looked up before a statement can be placed.
//!
//! The looking up is IO and happens elsewhere; here is what was found, and what is missing. The entries of such a table never change
//! ([`SqlRefusal::MappingFixed`](crate::sql::SqlRefusal)), so that nodes that looked at different times agree.

use smallvec::SmallVec;

use super::SessionView;
use super::keys::ShardedRule;
use super::placement::{self, Unplaced};
use crate::model::{ControlState, Epoch, Group, GroupId};
use crate::sql::{KeyValue, Placement, Statement};

/// A key that has to be looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Asked {
    /// The group.
    pub group: GroupId,
    /// The kind of key: a position in [`Group::key_types`].
    pub key_type: usize,
    /// The key.
    pub key: KeyValue,
}

/// What was found for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookedUp {
    /// The key.
    pub asked: Asked,
    /// The key it goes with; `None` where the table has no entry, or no single one.
    pub value: Option<KeyValue>,
    /// The scope epoch of the group's Global Zone at that time: under a later one the table may have lost entries.
    pub epoch: Epoch,
}

/// What a placement may use of what was looked up.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    /// The group of the keys.
    pub group: GroupId,
    /// All that was looked up for the statement.
    pub looked_up: &'a [LookedUp],
}

impl<'a> Known<'a> {
    /// Nothing was looked up.
    pub const NOTHING: Known<'static> = Known { group: GroupId(0), looked_up: &[] };

    /// What `key` was found to go with; `None` when it was not looked up.
    pub fn value(&self, group: &Group, key_type: usize, key: &KeyValue) -> Option<Option<&'a KeyValue>> {
        let is_it = |found: &&LookedUp| {
            found.epoch == group.global_epoch
                && (found.asked.group, found.asked.key_type) == (self.group, key_type)
                && found.asked.key == *key
        };
        self.looked_up.iter().find(is_it).map(|found| found.value.as_ref())
    }
}

/// The keys of `statement` that have to be looked up before it can be placed, beyond what the session has looked up for it.
pub fn asked(state: &ControlState, session: &SessionView<'_>, statement: &Statement) -> SmallVec<[Asked; 2]> {
    let mut missing: SmallVec<[Asked; 2]> = SmallVec::new();
    for (position, facts) in (0u16..).zip(&statement.plan.statements) {
        let Placement::Sharded { group, rule, .. } = &facts.placement else { continue };
        let Some(held) = state.groups.get(group.index()) else { continue };
        let Some(sharded) = held.tables.get(*rule).and_then(|rule| ShardedRule::of(*group, held, rule)) else {
            continue;
        };
        let own = statement.keys.iter().filter(|bound| bound.statement == position).map(|bound| &bound.value);
        let hints = [statement.hint.as_deref(), session.attributes, Some(session.hint)];
        let hinted = hints.into_iter().flatten().filter_map(|hint| hint.key.as_ref());
        let known = Known { group: *group, looked_up: session.looked_up };
        for key in own.chain(hinted) {
            if let Err(Unplaced::Unasked { key_type, key }) = placement::shard_in(held, sharded.key_type, key, known) {
                let asked = Asked { group: *group, key_type, key };
                if !missing.contains(&asked) {
                    missing.push(asked);
                }
            }
        }
    }
    missing
}
