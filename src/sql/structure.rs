//! What a data statement consists of, as far as keys and placement need it.
//!
//! Plain data between `parse.rs`, which fills it, and `keys.rs`, which reads it.

/// A table's name as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) schema: Option<String>,
    pub(super) table: String,
}

/// A value as far as it can be a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    /// The literal in this slot.
    Slot(usize),
    /// All literals of this slot: an element of an IN list or of a row.
    Run(usize),
    /// The `?` with this number.
    Parameter(usize),
    /// NULL.
    Null,
    /// All from the first to the second.
    Range(Box<Operand>, Box<Operand>),
    /// What the column holds already.
    Itself,
    /// Anything else.
    Other,
}

/// A column as written, its name in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) qualifier: Option<Name>,
    pub(super) name: String,
}

/// What restricts the rows of a level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// All of these hold.
    All(Vec<Condition>),
    /// One of these holds.
    Any(Vec<Condition>),
    /// The column is one of these.
    In(Column, Vec<Operand>),
    /// Two columns are equal.
    Same(Column, Column),
    /// The column is one of what the only column of this level's SELECT holds.
    InQuery(Column, usize),
    /// The column lies between these, inclusively.
    Between(Column, Operand, Operand),
    /// Something that says nothing about keys.
    Opaque,
}

/// One entry of a FROM clause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TableUse {
    /// The table; `None` for a derived table or a common table expression.
    pub(super) name: Option<Name>,
    /// What the level calls it.
    pub(super) alias: Option<String>,
    /// Conditions of the outer join this table is the optional side of: they restrict it alone.
    pub(super) optional_on: Vec<Condition>,
}

/// One SELECT, UPDATE or DELETE: its tables and what restricts them together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Level {
    pub(super) tables: Vec<TableUse>,
    pub(super) conditions: Vec<Condition>,
    /// What its SELECT gives, if that is told by the text alone.
    pub(super) selected: Option<Vec<Selected>>,
}

/// Where the rows of an INSERT come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// VALUES or SET.
    Rows(Vec<Vec<Operand>>),
    /// A SELECT: its level and what it selects; `None` where that cannot be told.
    Select(usize, Option<Vec<Selected>>),
    /// Something else.
    Opaque,
}

/// One column of a SELECT that feeds an INSERT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Selected {
    /// A value.
    Value(Operand),
    /// A column.
    Column(Column),
}

/// INSERT and REPLACE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Insert {
    pub(super) table: Name,
    /// Lower case; `None` without a column list.
    pub(super) columns: Option<Vec<String>>,
    pub(super) source: Source,
}

/// A data statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Structure {
    /// All levels, subqueries included; the statement's own first.
    pub(super) levels: Vec<Level>,
    /// The tables of level 0 that are written, by their names or aliases; for an INSERT see `insert`.
    pub(super) targets: Vec<Name>,
    /// The statement's insert.
    pub(super) insert: Option<Insert>,
    /// `column = value` of UPDATE … SET and ON DUPLICATE KEY UPDATE.
    pub(super) assignments: Vec<(Column, Operand)>,
}
