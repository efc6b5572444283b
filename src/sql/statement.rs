//! The facts of a statement: its plan (per shape, cached) and its keys (per text).

use std::sync::Arc;

use smallvec::SmallVec;

use super::between::Between;
use crate::model::{Catalog, ControlState, GroupId, TextRules};

/// Whose grammar a text is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// MariaDB Server.
    MariaDb,
    /// Oracle MySQL.
    MySql,
}

/// The server family and version that will read the text; versioned comments depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dialect {
    /// The family.
    pub family: Family,
    /// `major * 10000 + minor * 100 + patch`, as in `/*!50700 … */`; 10.11.19 is 101119.
    pub version: u32,
}

/// The sql_mode bits that change how text is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SqlMode {
    /// `"` quotes identifiers.
    pub ansi_quotes: bool,
    /// A backslash is an ordinary character in strings.
    pub no_backslash_escapes: bool,
    /// Spaces between a function name and its parenthesis are ignored.
    pub ignore_space: bool,
}

/// How the client's character set bears on lexing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CharsetClass {
    /// Unicode: utf8mb4, utf8mb3.
    #[default]
    Utf8,
    /// Bytes below 0x80 are always ASCII (latin1, binary, ujis …); what those above mean is not followed.
    AsciiSafe,
    /// gbk, gb18030, big5, sjis, cp932: the second byte of a character may be 0x5C or a quote's neighbour.
    TrailingAscii,
}

/// All that the reading of a text depends on.
#[derive(Clone, Copy, Debug)]
pub struct SqlContext<'a> {
    /// The session's schema.
    pub schema: Option<&'a str>,
    /// Its sql_mode, as far as it matters.
    pub mode: SqlMode,
    /// Its client character set, as far as it matters.
    pub charset: CharsetClass,
    /// Who will read the text.
    pub dialect: Dialect,
    /// Table classes and key columns. Plans carry its epoch.
    pub state: &'a ControlState,
    /// Columns, views, routines. Plans carry its version.
    pub catalog: &'a Catalog,
}

/// A routing key's value as the statement gives it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyValue {
    /// An integer literal or parameter, and a string of digits compared to a numeric column.
    Integer(i128),
    /// A string, for string columns.
    Text(Box<[u8]>),
    /// NULL: matches no row in a comparison; as an inserted key it is refused.
    Null,
    /// A value that cannot be read with certainty (float, hex in a numeric context, expression …).
    Unreadable,
}

/// Where a key is found in each text of a plan's shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// The literal slot with this number, counted by the lexer.
    Literal(usize),
    /// The `?` with this number.
    Parameter(usize),
    /// Every literal that is collapsed into this slot (IN lists, multi-row VALUES); each text has its own first literal, step and count.
    Group(usize),
    /// A value fixed by the text itself.
    Constant(KeyValue),
    /// All keys from one to another.
    Between(Box<Between>),
}

/// The keys of a sharded statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    /// No key restricts the statement.
    Missing,
    /// The statement touches only rows with these keys.
    Sources(Vec<KeySource>),
}

/// A refusal the text itself causes, whatever the session or the state of the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SqlRefusal {
    /// The text cannot be analysed and names a managed table.
    Unreadable {
        /// The managed table it names.
        table: String,
    },
    /// A table, view or function that the catalog does not know, in a schema with managed tables.
    Uncatalogued {
        /// The name.
        name: String,
        /// A managed table the statement writes besides: with it, not even a session's temporary table explains the name.
        written: Option<String>,
    },
    /// A write touches tables of two classes, groups or key types.
    MixedClasses {
        /// The first table.
        first: String,
        /// The table that does not go with it.
        second: String,
    },
    /// UPDATE of the routing key column itself (to a value that is not proved to stay in the shard).
    KeyUpdate {
        /// The table.
        table: String,
        /// The routing key column.
        column: String,
    },
    /// An entry of a table in which keys are looked up would be changed or removed.
    MappingFixed {
        /// The table.
        table: String,
    },
    /// An INSERT whose key cannot be read: no such column in the list, or an expression.
    UnreadableKey {
        /// The table.
        table: String,
        /// The routing key column.
        column: String,
    },
    /// A stored routine or trigger reaches managed tables and is not declared.
    Routine {
        /// The routine.
        name: String,
    },
    /// SET sql_log_bin, gtid_*, server_id, auto_increment_*, SET GLOBAL … without the grant; the grant is tested by `route`.
    Escape {
        /// The variable or statement.
        what: String,
    },
    /// In a multi-statement packet: USE, SET sql_mode, SET NAMES or PREPARE ahead of a managed table.
    ContextChange {
        /// The statement that changes how the later ones are read.
        what: String,
    },
    /// A hint comment that cannot be read.
    BadHint {
        /// What was found.
        found: String,
    },
}

/// Which tables a statement touches decides where it may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// No table at all, or only information_schema, performance_schema, mysql, sys.
    Tableless,
    /// Only local or unmanaged tables; the group of the first one's schema if a group holds it.
    Local {
        /// The group.
        group: Option<GroupId>,
    },
    /// Global tables (a read may join local ones; a write writes only global ones).
    Global {
        /// The group.
        group: GroupId,
        /// Index of the rule in [`Group::tables`](crate::model::Group::tables) of the first global table (of the written one, for a write).
        rule: usize,
    },
    /// Sharded tables of one key type (a read may join global ones).
    Sharded {
        /// The group.
        group: GroupId,
        /// Index of the rule in [`Group::tables`](crate::model::Group::tables) of the sharded table.
        rule: usize,
        /// Its keys.
        keys: Keys,
    },
    /// DDL on managed tables.
    Schema {
        /// The group.
        group: GroupId,
    },
    /// Refused by the text itself.
    Refused(SqlRefusal),
}

/// What a data-changing statement does to rows that exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WriteKind {
    /// INSERT without ON DUPLICATE KEY UPDATE.
    Insert,
    /// UPDATE, DELETE, REPLACE, INSERT … ON DUPLICATE KEY UPDATE, LOAD DATA, CALL, and all others.
    Change,
}

/// Options of BEGIN / START TRANSACTION.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct BeginOptions {
    /// READ ONLY.
    pub read_only: bool,
    /// WITH CONSISTENT SNAPSHOT.
    pub consistent_snapshot: bool,
}

/// Options of COMMIT / ROLLBACK.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Completion {
    /// AND CHAIN: a new transaction begins at once.
    pub chain: bool,
    /// RELEASE: the server disconnects afterwards.
    pub release: bool,
}

/// What an XA statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum XaStep {
    /// XA START, XA BEGIN of a new branch.
    Start,
    /// XA END, XA COMMIT … ONE PHASE, XA START … JOIN or RESUME: it means the branch this session works in, or nothing.
    Within,
    /// XA PREPARE: the branch has no session any more once the server said OK.
    Prepare,
    /// XA COMMIT and XA ROLLBACK of the session's branch, or of one that anybody prepared.
    Finish,
    /// XA RECOVER: which branches are prepared.
    Recover,
}

/// What kind of statement it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatementClass {
    /// A read that takes no locks and has no side effect the server keeps.
    Read,
    /// SELECT … FOR UPDATE / FOR SHARE / LOCK IN SHARE MODE, or one that calls NEXTVAL or a routine that may write: counts as a write.
    LockingRead,
    /// Changes rows.
    Write(WriteKind),
    /// Changes the schema; commits implicitly.
    Ddl,
    /// BEGIN, START TRANSACTION.
    Begin(BeginOptions),
    /// COMMIT.
    Commit(Completion),
    /// ROLLBACK (whole).
    Rollback(Completion),
    /// SAVEPOINT, RELEASE SAVEPOINT, ROLLBACK TO.
    Savepoint,
    /// SET TRANSACTION (next transaction only).
    SetTransaction,
    /// SET … (session), its meaning in the effects.
    Set,
    /// USE.
    Use,
    /// SHOW, DESCRIBE, EXPLAIN of a read, HELP.
    Show,
    /// KILL [QUERY | CONNECTION] id.
    Kill {
        /// Only the running statement.
        query_only: bool,
        /// The connection id.
        id: u64,
    },
    /// A bare `SELECT CONNECTION_ID()`; the string is the column's heading as the client wrote it.
    ConnectionId {
        /// The result column's name.
        heading: String,
    },
    /// LOCK TABLES, UNLOCK TABLES, FLUSH … WITH READ LOCK.
    TableLocks,
    /// XA.
    Xa(XaStep),
    /// Anything else that has to run at a primary and may write: GRANT, ANALYZE, OPTIMIZE, FLUSH, INSTALL, HANDLER, SQL PREPARE/EXECUTE, unknown text.
    Admin,
}

/// Why a session keeps its backend connection outside transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PinReason {
    /// CREATE TEMPORARY TABLE.
    TemporaryTable,
    /// LOCK TABLES, FLUSH TABLES WITH READ LOCK.
    TableLocks,
    /// GET_LOCK and its kin.
    NamedLock,
    /// A user variable whose value is not a literal (`SET @x = NOW()`, `SELECT … INTO @x`, `@x := …`).
    ComputedUserVariable,
    /// A SET that cannot be replayed as a value.
    UnknownSet,
    /// PREPARE as SQL text.
    SqlPrepare,
    /// HANDLER … OPEN.
    Handler,
    /// XA.
    Xa,
    /// CALL, or a stored function: it may leave anything behind.
    Routine,
    /// A statement nothing is known about.
    UnknownStatement,
    /// LAST_INSERT_ID(n), which sets it.
    InsertIdSet,
    /// An open cursor of a prepared statement.
    Cursor,
    /// COM_STMT_SEND_LONG_DATA was sent ahead of the execution.
    LongData,
    /// The last reply left something to ask for (warnings, insert id, found rows); until the next statement.
    LastReply,
}

/// What a statement leaves in the session once the server said OK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// USE schema.
    Schema(String),
    /// SET NAMES / SET CHARACTER SET, as SQL to replay, e.g. `NAMES utf8mb4 COLLATE utf8mb4_bin`.
    Names(String),
    /// SET `[SESSION]` name = literal; the value is SQL text that evaluates to the same value at any time.
    Variable {
        /// Lower case, without `@@`.
        name: String,
        /// A literal as SQL text.
        value: String,
    },
    /// SET `[SESSION]` name = an expression: only the server knows the value, and is asked for it. Lower case, without `@@`.
    ComputedVariable(String),
    /// SET @name = literal.
    UserVariable {
        /// Lower case, without `@`.
        name: String,
        /// A literal as SQL text.
        value: String,
    },
    /// SET autocommit = 0 or 1.
    Autocommit(bool),
    /// SET @meridian_key / @meridian_level / @meridian_unit, never sent as routing to the server; `None` clears it.
    Hint {
        /// `key`, `level` or `unit`.
        name: String,
        /// The value.
        value: Option<String>,
    },
    /// The session keeps its connection from here on.
    Pin(PinReason),
    /// Everything that pinned for this reason has ended (UNLOCK TABLES, RELEASE_ALL_LOCKS).
    Unpin(PinReason),
    /// The session keeps its connection until [`Effect::Closed`] of the same name: a temporary table, a handler, a statement prepared as
    /// text.
    Opened {
        /// What kind of thing it is.
        reason: PinReason,
        /// Its name, such that two things of one name are one.
        name: String,
    },
    /// What was opened under this name, if anything, is gone.
    Closed {
        /// What kind of thing it was.
        reason: PinReason,
        /// Its name.
        name: String,
    },
    /// EXECUTE of a statement prepared as text; it leaves nothing only if what was opened under this name is known to leave nothing.
    Executed {
        /// Its name.
        name: String,
    },
    /// RELEASE_LOCK: whether a named lock is left, the server is asked.
    LockReleased,
    /// The transaction, if any, was committed by this statement.
    ImplicitCommit,
    /// DROP DATABASE: whoever was in it is in none.
    SchemaDropped(String),
}

impl Effect {
    /// Why a session with this effect keeps its connection, if it does.
    pub fn pins(&self) -> Option<PinReason> {
        match self {
            Effect::Pin(reason) | Effect::Opened { reason, .. } => Some(*reason),
            Effect::Executed { .. } => Some(PinReason::SqlPrepare),
            Effect::Schema(_)
            | Effect::Names(_)
            | Effect::Variable { .. }
            | Effect::ComputedVariable(_)
            | Effect::UserVariable { .. }
            | Effect::Autocommit(_)
            | Effect::Hint { .. }
            | Effect::Unpin(_)
            | Effect::Closed { .. }
            | Effect::LockReleased
            | Effect::ImplicitCommit
            | Effect::SchemaDropped(_) => None,
        }
    }

    /// Whether it may end a pin: such a statement belongs to the connection that is kept.
    pub fn may_end_pin(&self) -> bool {
        matches!(self, Effect::Unpin(_) | Effect::Closed { .. } | Effect::LockReleased)
    }
}

/// How fresh a read must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ReadLevel {
    /// Any local replica within the lag budget.
    #[default]
    Eventual,
    /// The owner's or master's primary.
    Strong,
}

/// What a hint comment or the session variables say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hint {
    /// `key=6000`.
    pub key: Option<KeyValue>,
    /// `level=strong`.
    pub level: Option<ReadLevel>,
    /// `unit=bj`: read there (reads), or expected owner (writes: refused if another unit owns the key).
    pub unit: Option<String>,
}

/// What FOUND_ROWS() says behind a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundRows {
    /// More than its rows tell: SQL_CALC_FOUND_ROWS.
    Calculated,
    /// What it said ahead of it, at both families.
    Kept,
    /// The rows of a SELECT; of anything else nobody knows.
    Counted,
}

/// The facts of one statement shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its kind.
    pub class: StatementClass,
    /// What it touches.
    pub placement: Placement,
    /// What it leaves in the session.
    pub effects: Vec<Effect>,
    /// It asks for something the previous reply left: LAST_INSERT_ID(), ROW_COUNT(), FOUND_ROWS(), SHOW WARNINGS/ERRORS, GET DIAGNOSTICS.
    pub asks_previous: bool,
    /// What becomes of FOUND_ROWS().
    pub found_rows: FoundRows,
    /// A read that is proved to have no side effect, so that it may be sent again.
    pub repeatable: bool,
    /// A statement only the grant `escapes` allows, by name (SET GLOBAL, sql_log_bin …).
    pub escape: Option<String>,
}

/// What is known about one packet's text, for all texts of the same shape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// One entry per statement of the packet; never empty.
    pub statements: Vec<Facts>,
    /// How many `?` there are.
    pub parameters: usize,
    /// Whether any key source is a parameter, so that EXECUTE must decode its values.
    pub needs_parameters: bool,
    /// How the key sources of each statement are read, in the order of `statements`.
    pub key_uses: Vec<KeyUse>,
    /// How each statement begins and is restricted, in the order of `statements`; none for a text that was not planned.
    pub shapes: Vec<Shape>,
    /// Where our classifier and the parser differ about one of the statements.
    pub disagreement: Option<Disagreement>,
    /// The digest of the whole text: what it is without its literals, comments and white space, in lower case.
    pub digest: u64,
}

/// Where our reading of a data statement and the parser's differ. The stricter one counts: what they differ about is not trusted for a
/// decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disagreement {
    /// The parser takes it for no statement.
    NotParsed,
    /// The parser's tree holds fewer queries than the text.
    UnseenQuery,
    /// One takes it for a query, the other for a change.
    OtherStatement,
}

/// How one statement begins and whether it is restricted, for denials and reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Its verb, lower case: the word that says what it does, behind common table expressions.
    pub verb: Box<str>,
    /// A SELECT from a table, UPDATE or DELETE that has neither WHERE nor LIMIT of its own.
    pub is_unrestricted: bool,
}

/// How the key values of one statement are read and tested.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyUse {
    /// How literals are understood.
    pub reading: KeyReading,
    /// The routing key column is assigned: unless all keys are equal, the statement is refused by this.
    pub must_agree: Option<SqlRefusal>,
    /// A bound integer that is stored as text is no certain key: MySQL keeps the type for later executions, and stores `'012'` as 12 then.
    pub binds_types: bool,
}

/// Which key values are certain, by the columns they are compared with or stored in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyReading {
    /// The column's type is unknown: only integers are certain.
    #[default]
    Unknown,
    /// Whole numbers within these bounds, also written as strings; beyond them a server may clamp, round or reinterpret.
    Numbers {
        /// The least.
        least: i128,
        /// The most.
        most: i128,
    },
    /// Text; equal texts become one key.
    Text {
        /// What the collation makes of it.
        rules: TextRules,
        /// Only stored, never compared: then a number becomes its digits. Compared, it would match several texts.
        is_stored: bool,
    },
    /// Bytes of at most this length, or of exactly this one.
    Bytes {
        /// The length.
        length: u64,
        /// Exactly.
        is_fixed: bool,
    },
    /// `YYYY-MM-DD`.
    Date,
    /// A UUID with hyphens.
    Uuid,
    /// No value is certain.
    Never,
}

/// One key value of one statement of the packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundKey {
    /// Index in [`Plan::statements`].
    pub statement: u16,
    /// The value.
    pub value: KeyValue,
}

/// One text: its plan and what differs between texts of that shape.
#[derive(Clone, Debug)]
pub struct Statement {
    /// The shape's facts.
    pub plan: Arc<Plan>,
    /// The key values of the sharded statements; empty for an unbound prepared statement.
    pub keys: SmallVec<[BoundKey; 2]>,
    /// The hint comment of this text.
    pub hint: Option<Box<Hint>>,
}

impl Statement {
    /// The first statement's facts (the only one's, nearly always).
    pub fn first(&self) -> &Facts {
        &self.plan.statements[0]
    }
}
