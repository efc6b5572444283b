//! What a data statement consists of, as far as keys and placement need it.
//!
//! Plain data between `parse`, which fills it, and `keys.rs`, which reads it.

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
    /// TRUE or FALSE: one or zero.
    Truth(bool),
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
    /// The column is one of what the only column of these levels' SELECTs holds.
    InQuery(Column, Vec<usize>),
    /// The column lies between these, inclusively.
    Between(Column, Operand, Operand),
    /// The column is this or more.
    AtLeast(Column, Operand),
    /// The column is this or less.
    AtMost(Column, Operand),
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
    /// Where its rows come from, if it is a derived table or a common table expression that can be followed.
    pub(super) derived: Option<Derived>,
    /// Conditions of the outer join this table is the optional side of: they restrict it alone.
    pub(super) optional_on: Vec<Condition>,
}

/// A derived table or a common table expression: the rows of one SELECT, or of several joined by UNION and the like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Derived {
    /// The levels of its SELECTs.
    pub(super) levels: Vec<usize>,
    /// Its own names for the columns, lower case, if it has any.
    pub(super) columns: Option<Vec<String>>,
    /// Its rows are all those of its levels: there is no LIMIT.
    pub(super) is_whole: bool,
}

/// One column of a SELECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Output {
    /// What it is called, lower case, if that is plain.
    pub(super) name: Option<String>,
    /// What it is.
    pub(super) selected: Selected,
}

/// One SELECT, UPDATE or DELETE: its tables and what restricts them together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Level {
    pub(super) tables: Vec<TableUse>,
    pub(super) conditions: Vec<Condition>,
    /// What its SELECT gives, in order, besides what `*` stands for; `None` where it cannot be told.
    pub(super) outputs: Option<Vec<Output>>,
    /// The `*` and `table.*` among it.
    pub(super) wildcards: Vec<Option<Name>>,
    /// Each of its rows is given as it is: no function, group or window comes between.
    pub(super) is_plain: bool,
    /// The level whose rows its conditions may name: it is a subquery in an expression there.
    pub(super) outer: Option<usize>,
}

impl Level {
    /// What it gives, column by column, if that is told by the text alone.
    pub(super) fn selected(&self) -> Option<&[Output]> {
        self.outputs.as_deref().filter(|_| self.wildcards.is_empty())
    }
}

/// Where the rows of an INSERT come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// VALUES or SET.
    Rows(Vec<Vec<Operand>>),
    /// The levels of the SELECT, or of those that UNION and the like join.
    Select(Vec<usize>),
}

/// What a column of a SELECT is.
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
    /// All levels, subqueries included.
    pub(super) levels: Vec<Level>,
    /// It is no query: it changes rows.
    pub(super) is_change: bool,
    /// The statement's own level: the first but behind WITH.
    pub(super) main: usize,
    /// The tables of the statement's own level that are written, by their names or aliases; for an INSERT see `insert`.
    pub(super) targets: Vec<Name>,
    /// The statement's insert.
    pub(super) insert: Option<Insert>,
    /// `column = value` of UPDATE … SET and ON DUPLICATE KEY UPDATE.
    pub(super) assignments: Vec<(Column, Operand)>,
}
