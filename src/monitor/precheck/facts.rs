//! What one unit's primary says of a group's schemas, as far as the pre-check needs it. Plain data.

use std::collections::BTreeMap;

use crate::model::ColumnValues;
use crate::sql::Reached;

/// What one unit's primary says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitFacts {
    /// The unit's name.
    pub unit: String,
    /// Base tables by schema and name (lower case).
    pub tables: BTreeMap<(String, String), TableFacts>,
    /// Events by schema and name.
    pub events: BTreeMap<(String, String), EventFacts>,
    /// `auto_increment_increment`.
    pub increment: u64,
    /// `auto_increment_offset`.
    pub offset: u64,
    /// Whether the server's scheduler runs events.
    pub scheduler_runs: bool,
    /// What the account is not shown without further privileges: `TRIGGER`, `EVENT`.
    pub hidden: Vec<&'static str>,
}

/// One table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableFacts {
    /// Its storage engine.
    pub engine: String,
    /// Its columns in order.
    pub columns: Vec<ColumnFacts>,
    /// Its indexes by name.
    pub indexes: BTreeMap<String, IndexFacts>,
    /// Its foreign keys by name.
    pub foreign_keys: BTreeMap<String, ForeignKeyFacts>,
    /// Its triggers by name.
    pub triggers: BTreeMap<String, TriggerFacts>,
}

impl TableFacts {
    /// The column of this name (lower case).
    pub fn column(&self, name: &str) -> Option<&ColumnFacts> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnFacts {
    /// Its name, lower case.
    pub name: String,
    /// Its whole type, for example `bigint(20) unsigned`.
    pub column_type: String,
    /// Whether it may hold NULL.
    pub is_nullable: bool,
    /// Its default as the server tells it.
    pub default: Option<String>,
    /// `auto_increment`, `on update …`, `STORED GENERATED` …, lower case.
    pub extra: String,
    /// Its collation.
    pub collation: Option<String>,
    /// The expression of a generated column.
    pub generation: Option<String>,
    /// What it holds, as keys are read.
    pub values: ColumnValues,
}

impl ColumnFacts {
    /// Whether the server numbers it.
    pub fn is_automatic(&self) -> bool {
        self.extra.contains("auto_increment")
    }
}

/// One index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexFacts {
    /// Whether it is unique.
    pub is_unique: bool,
    /// Its parts: a column (lower case) and how many characters of it; `None` for an expression.
    pub parts: Vec<(Option<String>, Option<u64>)>,
}

/// One foreign key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForeignKeyFacts {
    /// The schema of the table it points to.
    pub schema: String,
    /// That table, lower case.
    pub table: String,
    /// Pairs of columns, lower case: here, there.
    pub columns: Vec<(String, String)>,
    /// What happens here when a row there goes.
    pub on_delete: String,
    /// What happens here when a row there changes.
    pub on_update: String,
}

/// One trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerFacts {
    /// `BEFORE INSERT` and the like.
    pub when: String,
    /// Its text, to compare units.
    pub body: String,
    /// What the text reaches.
    pub reached: Reached,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventFacts {
    /// Whether it is enabled in this unit.
    pub is_enabled: bool,
    /// What its text reaches.
    pub reached: Reached,
}
