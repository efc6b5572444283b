//! What the operators said of a table: its class and its policies.

/// What a table is to the units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableClass {
    /// One owner per shard; the routing key is in `column`.
    Sharded {
        /// Index of the key type in [`Group::key_types`](super::Group::key_types).
        key_type: usize,
        /// The column that holds the routing key, lower case.
        column: String,
    },
    /// One Global Zone master for the whole table.
    Global,
    /// Each unit its own; unmanaged.
    Local,
}

/// What to do with a write that reaches a node whose unit does not own the key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WrongUnitPolicy {
    /// Send it to the owner.
    #[default]
    Forward,
    /// Refuse it, naming the owner.
    Refuse,
}

/// Where a plain read of a managed table goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadPolicy {
    /// A replica of this unit.
    #[default]
    Local,
    /// The primary of the owner (sharded) or of the Global Zone master (global).
    Owner,
    /// Refused for sharded tables when no key is found; as `Local` otherwise.
    RefuseWithoutKey,
    /// For sharded tables, when no key is found, a replica of the Global Zone master's unit; as `Local` otherwise.
    MasterWithoutKey,
}

/// The rule for one table, or for a name pattern with one trailing `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRule {
    /// The table's name, lower case, or a prefix followed by `*`.
    pub name: String,
    /// Its class.
    pub class: TableClass,
    /// What happens to writes at a unit that is not the owner.
    pub wrong_unit: WrongUnitPolicy,
    /// Where plain reads go.
    pub read: ReadPolicy,
}

impl TableRule {
    /// Whether the rule speaks of `table` (lower case).
    pub fn covers(&self, table: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(prefix) => table.starts_with(prefix),
            None => self.name == table,
        }
    }
}
