//! The servers' own schema as far as routing needs it: tables, columns, views and routines.

use std::collections::{BTreeMap, BTreeSet};

use super::column::ColumnValues;

/// What a name in a schema is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// A base table.
    Base,
    /// A view over these base tables, `(schema, table)` in lower case where the server folds it; nested views are already resolved.
    View(Vec<(String, String)>),
    /// A MariaDB sequence: NEXTVAL on it is a write.
    Sequence,
}

/// A column as routing sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogColumn {
    /// Its name, lower case.
    pub name: String,
    /// Whether the server compares it as a number; a string otherwise.
    pub numeric: bool,
    /// What it holds.
    pub values: ColumnValues,
    /// Whether it may be left out of an INSERT without column list (invisible columns).
    pub invisible: bool,
}

/// A table, view or sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogTable {
    /// What it is.
    pub kind: TableKind,
    /// Its columns in the table's order.
    pub columns: Vec<CatalogColumn>,
}

/// All names of all groups' schemas, read from the servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    /// Grows with every change; plans carry it.
    pub version: u64,
    /// `schema -> table (lower case) -> entry`. A schema that is missing here has not been read.
    pub schemas: BTreeMap<String, BTreeMap<String, CatalogTable>>,
    /// The servers' global sql_mode, which a session starts with.
    pub default_sql_mode: String,
    /// The servers' global character set as SET NAMES takes it, which a session has after COM_RESET_CONNECTION; empty where it cannot be said so.
    pub default_names: String,
    /// The servers' own collation as their greeting tells it, the lower eight bits of its id; `None` where it is not known.
    pub default_collation: Option<u8>,
    /// Stored functions and procedures, `(schema, name in lower case)`.
    pub routines: BTreeSet<(String, String)>,
    /// Views that call stored or unknown functions, take locks or numbers: reading them may write. `(schema, name in lower case)`.
    pub active_views: BTreeSet<(String, String)>,
}

impl Catalog {
    /// The entry of `table` (lower case) in `schema`.
    pub fn table(&self, schema: &str, table: &str) -> Option<&CatalogTable> {
        self.schemas.get(schema)?.get(table)
    }

    /// Whether `schema` has been read from a server at all.
    pub fn knows_schema(&self, schema: &str) -> bool {
        self.schemas.contains_key(schema)
    }
}
