//! What the pre-check finds.

use std::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It cannot hold over units: rows will collide, replication will stop, or a write goes past the owner.
    Blocker,
    /// It can hold only if something is true that the schema does not tell.
    Warning,
}

impl Severity {
    /// As operators read it.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Blocker => "blocker",
            Severity::Warning => "warning",
        }
    }
}

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// The unit's primary answers, and its account may see everything.
    Answers,
    /// The same tables, everywhere alike.
    Definition,
    /// The routing key column.
    RoutingKey,
    /// Foreign keys.
    ForeignKey,
    /// Unique keys, the primary one included.
    UniqueKey,
    /// Automatic ids keep apart.
    AutoIncrement,
    /// Rows can be told apart.
    PrimaryKey,
    /// Triggers.
    Trigger,
    /// Events of the server's scheduler.
    Event,
    /// The storage engine.
    Engine,
}

impl fmt::Display for Check {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Check::Answers => "answers",
            Check::Definition => "definition",
            Check::RoutingKey => "routing-key",
            Check::ForeignKey => "foreign-key",
            Check::UniqueKey => "unique-key",
            Check::AutoIncrement => "auto-increment",
            Check::PrimaryKey => "primary-key",
            Check::Trigger => "trigger",
            Check::Event => "event",
            Check::Engine => "engine",
        })
    }
}

/// One thing that does not hold over units, or may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What was looked at.
    pub check: Check,
    /// The table as `schema.table`, or the schema's event; empty where the whole unit is meant.
    pub object: String,
    /// The units where it is so.
    pub units: Vec<String>,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub advice: String,
}

impl Finding {
    /// A finding at `unit`.
    pub fn at(unit: &str, severity: Severity, check: Check, object: &str, reason: String, advice: &str) -> Finding {
        let (object, units) = (object.to_owned(), vec![unit.to_owned()]);
        Finding { severity, check, object, units, reason, advice: advice.to_owned() }
    }
}
