//! A group: schemas that live together on the same instances in every unit, and how their tables are placed.

use super::shard::{MOST_SHARDS, OwnedRange};
use super::{
    Epoch, GroupPolicy, KeyOverride, KeyType, Lookup, PlainKey, Shard, ShardMap, ShardRange, TableClass, TableRule,
    Transform, UnitId,
};

/// Schemas that live together on the same instances in every unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name in the configuration and in operators' commands.
    pub name: String,
    /// The schemas it holds, as the servers spell them.
    pub schemas: Vec<String>,
    /// The kinds of routing key; the first is the default of hints that name none.
    pub key_types: Vec<KeyType>,
    /// Rules for tables; the first that covers a name counts. A table without a rule is `local`.
    pub tables: Vec<TableRule>,
    /// Keys that are placed by themselves, in rising order of key type and key.
    pub overrides: Vec<KeyOverride>,
    /// The owner of each shard.
    pub shards: ShardMap,
    /// The unit that takes the writes of the group's global tables.
    pub global_master: UnitId,
    /// The scope epoch of the group's Global Zone.
    pub global_epoch: Epoch,
    /// The unit where DDL on managed tables runs; by default the Global Zone master.
    pub schema_unit: Option<UnitId>,
    /// Whether its rules are carried out, and its declared routines.
    pub policy: GroupPolicy,
}

impl Group {
    /// The unit where DDL on sharded and global tables runs.
    pub fn schema_unit(&self) -> UnitId {
        self.schema_unit.unwrap_or(self.global_master)
    }

    /// The rule of `table` (lower case); `None` means the table is `local`.
    pub fn rule_of(&self, table: &str) -> Option<&TableRule> {
        self.tables.iter().find(|rule| rule.covers(table))
    }

    /// Gives `key` of `key_type`, which lies in shard `from` now, a shard of its own behind all others, with the same owner: the first half
    /// of moving it alone. The scope epochs of both shards become `epoch`, so that no write that entered under the old shard is forgotten.
    /// The key's shard; `from` itself if the key is placed alone already; `None` if there is no room for one more shard or `from` has no owner.
    pub fn place_alone(&mut self, key_type: usize, key: PlainKey, from: Shard, epoch: Epoch) -> Option<Shard> {
        let found = self.overrides.binary_search_by(|alone| (alone.key_type, &alone.key).cmp(&(key_type, &key)));
        let position = match found {
            Ok(known) => return Some(self.overrides[known].shard),
            Err(position) => position,
        };
        let shard = Shard(self.shards.count);
        let owner = self.shards.owner_of(from)?;
        if shard.0 >= MOST_SHARDS {
            return None;
        }
        self.shards.touch(from, epoch);
        self.shards.ranges.push(OwnedRange { range: ShardRange { first: shard, last: shard }, owner, epoch });
        self.shards.count += 1;
        self.overrides.insert(position, KeyOverride { key_type, key, shard });
        Some(shard)
    }

    /// The tables in which keys are looked up.
    pub fn lookups(&self) -> impl Iterator<Item = (&str, &Lookup)> {
        self.key_types.iter().filter_map(|key_type| match &key_type.transform {
            Transform::Lookup(lookup) => Some((key_type.name.as_str(), lookup.as_ref())),
            _ => None,
        })
    }

    /// A key type that is looked up in what is no global table under its own name, so that the first rule says so whatever comes after it.
    pub fn stray_lookup(&self) -> Option<(&str, &Lookup)> {
        let is_global = |table: &str| {
            self.rule_of(table).is_some_and(|rule| rule.name == table && rule.class == TableClass::Global)
        };
        self.lookups().find(|(_, lookup)| !is_global(&lookup.table))
    }

    /// Whether any table is sharded or global, so that an unknown name must not be guessed about.
    pub fn has_managed_tables(&self) -> bool {
        self.tables.iter().any(|rule| rule.class != TableClass::Local)
    }
}
