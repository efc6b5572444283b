//! A group: schemas that live together on the same instances in every unit, and how their tables are placed.

use super::{Epoch, Shard, ShardMap, TableClass, TableRule, UnitId};

/// How a routing key becomes a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transform {
    /// `key mod modulus`, on integer keys; the remainder is the shard. Negative keys use the absolute value of the remainder.
    Mod {
        /// The divisor: at least 1, at most the group's shard count.
        modulus: u32,
    },
    /// FNV-1a (64 bit) over the key's canonical text, mod the group's shard count. Stable for ever: it is documented in the README.
    Hash,
    /// Explicit ranges of integer keys: closed intervals in rising order, each one shard.
    Range {
        /// `(lowest key, highest key, shard)`.
        ranges: Vec<(i128, i128, Shard)>,
    },
}

/// One kind of routing key (user, merchant, order …) and how it is placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyType {
    /// Its name in hints and in the configuration.
    pub name: String,
    /// From key to shard.
    pub transform: Transform,
}

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
    /// The owner of each shard.
    pub shards: ShardMap,
    /// The unit that takes the writes of the group's global tables.
    pub global_master: UnitId,
    /// The scope epoch of the group's Global Zone.
    pub global_epoch: Epoch,
    /// The unit where DDL on managed tables runs; by default the Global Zone master.
    pub schema_unit: Option<UnitId>,
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

    /// Whether any table is sharded or global, so that an unknown name must not be guessed about.
    pub fn has_managed_tables(&self) -> bool {
        self.tables.iter().any(|rule| rule.class != TableClass::Local)
    }
}
