//! One statement after the other: what we call it, and what the server does.
//!
//! What we call harmless is run in a READ ONLY transaction, where the servers refuse writes (1792) and where locks are left to be counted, and then
//! by itself, where a write grows the binary log. The rest is run so that the statements behind it find their tables.

use meridian::model::{
    Catalog, ControlState, Epoch, Group, GroupId, GroupPolicy, ReadPolicy, Shard, ShardMap, ShardRange, TableClass,
    TableRule, Unit, UnitId, WrongUnitPolicy, shard::OwnedRange,
};
use meridian::monitor::catalog::read_group;
use meridian::monitor::probe::ProbeError;
use meridian::sql::{
    CharsetClass, Dialect, Effect, Facts, Family, PinReason, Placement, SqlContext, SqlMode, SqlRefusal, Statement,
    StatementClass, analyze,
};
use mysql_async::prelude::Queryable;

use super::report::Report;
use super::scratch::{Outcome, Scratch};

const WRITES_IN_READ_ONLY: u16 = 1792;
const SYNTAX: [u16; 2] = [1064, 1149];
const CATALOG_TRIES: usize = 5;

/// Judges the statements of one file.
pub struct Judge<'a> {
    scratch: &'a mut Scratch,
    dialect: Dialect,
    state: ControlState,
    catalog: Catalog,
    is_catalog_old: bool,
    schema: Option<String>,
    mode: SqlMode,
    charset: CharsetClass,
    binlog: Option<String>,
}

impl Judge<'_> {
    pub async fn new(scratch: &mut Scratch, family: Family) -> Judge<'_> {
        scratch.fresh().await;
        let mut judge = Judge {
            scratch,
            dialect: dialect(family),
            state: state(),
            catalog: Catalog::default(),
            is_catalog_old: true,
            schema: Some("test".to_owned()),
            mode: SqlMode::default(),
            charset: CharsetClass::default(),
            binlog: None,
        };
        judge.look().await;
        judge
    }

    /// Classes a statement, runs it, and reports where the two do not go together.
    pub async fn judge(&mut self, file: &str, text: &[u8], report: &mut Report) {
        if self.scratch.is_lost() {
            self.scratch.fresh().await;
            self.is_catalog_old = true;
            self.look().await;
        }
        if self.is_catalog_old && is_query(text) {
            self.read_catalog().await;
        }
        let context = SqlContext {
            schema: self.schema.as_deref(),
            mode: self.mode,
            charset: self.charset,
            dialect: self.dialect,
            state: &self.state,
            catalog: &self.catalog,
        };
        let statement = analyze(text, &context);
        report.count(class_name(&statement.first().class));
        if is_dangerous(text) || statement.plan.statements.len() != 1 {
            return;
        }
        let class = statement.first().class.clone();
        let is_harmless = is_harmless(&statement);
        let mut outcome = Outcome::Done;
        if is_harmless {
            report.proved();
            outcome = self.tried(file, text, &class, report).await;
        }
        let again =
            !is_harmless || ((class == StatementClass::Read || only_explains(text)) && outcome == Outcome::Done);
        if again {
            if is_harmless {
                self.look().await;
            }
            let before = self.binlog.clone();
            outcome = self.scratch.run(text).await;
            if is_harmless && outcome == Outcome::Done {
                self.look().await;
                if self.binlog != before {
                    report.writes("it grows the binary log", file, text);
                }
            }
        }
        match outcome {
            Outcome::Done => report.accepted(),
            Outcome::Error(code) if SYNTAX.contains(&code) => return,
            Outcome::Error(_) | Outcome::Lost => {}
        }
        if outcome != Outcome::Lost && is_unknown(statement.first()) {
            if std::str::from_utf8(text).is_ok() && self.charset != CharsetClass::TrailingAscii {
                report.unknown(file, text)
            } else {
                report.unread()
            }
        }
        self.note(text, &statement).await;
    }

    /// Runs what we call harmless in a READ ONLY transaction.
    pub async fn tried(&mut self, file: &str, text: &[u8], class: &StatementClass, report: &mut Report) -> Outcome {
        self.scratch.run(b"DO RELEASE_ALL_LOCKS()").await;
        self.scratch.run(b"START TRANSACTION READ ONLY").await;
        let mut outcome = self.scratch.run(text).await;
        match outcome {
            Outcome::Error(WRITES_IN_READ_ONLY) if only_explains(text) => outcome = Outcome::Done,
            Outcome::Error(WRITES_IN_READ_ONLY) => report.writes("refused in a READ ONLY transaction", file, text),
            // Searches of spatial indexes lock pages on the way, and say so as if they were rows.
            Outcome::Done if *class == StatementClass::Read && !is_spatial(text) => {
                if let Some(locks) = self.locks().await {
                    report.writes(&format!("it locks: {locks}"), file, text);
                }
            }
            _ => {}
        }
        if let Some(row) = self.scratch.row("SELECT RELEASE_ALL_LOCKS()").await
            && row.first().is_some_and(|count| count.as_deref() != Some("0"))
        {
            report.writes("it leaves a named lock", file, text);
        }
        self.scratch.run(b"ROLLBACK").await;
        outcome
    }

    /// What the storage engine says this session's transaction holds.
    async fn locks(&mut self) -> Option<String> {
        let id = self.scratch.id()?;
        let status = self.scratch.row("SHOW ENGINE INNODB STATUS").await?.pop()??;
        // What comes before tells of transactions that are over: the last deadlock, the last foreign key error.
        let (_, status) = status.split_once("LIST OF TRANSACTIONS FOR EACH SESSION")?;
        let own = status.split("---TRANSACTION").find(|part| part.contains(&format!("thread id {id},")))?;
        let line = own.split("\\n").flat_map(|line| line.split('\n')).find(|line| line.contains("lock struct(s)"))?;
        let line = line.trim();
        (!line.starts_with("0 lock") && !line.contains(" 0 lock")).then(|| line.to_owned())
    }

    /// Where the session and the binary log stand.
    async fn look(&mut self) {
        let position = match self.dialect.family {
            Family::MariaDb => "@@global.gtid_binlog_pos",
            Family::MySql => "@@global.gtid_executed",
        };
        let query = format!("SELECT {position}, DATABASE(), @@sql_mode, @@character_set_client");
        if let Some(row) = self.scratch.row(&query).await
            && let [position, schema, mode, charset] = &row[..]
        {
            self.binlog = position.clone();
            self.schema = schema.clone();
            self.mode = SqlMode::from_value(&format!("'{}'", mode.as_deref().unwrap_or_default())).unwrap_or_default();
            self.charset = CharsetClass::of(charset.as_deref().unwrap_or_default());
        }
    }

    async fn note(&mut self, text: &[u8], statement: &Statement) {
        let facts = statement.first();
        if is_catalogued(text) {
            self.is_catalog_old = true;
        }
        if matches!(facts.class, StatementClass::Use | StatementClass::Set | StatementClass::Ddl) {
            self.look().await;
        }
    }

    /// A machine under load may be late, and by an old catalog statements are called what they are not: so it is tried again.
    async fn read_catalog(&mut self) {
        for _ in 0..CATALOG_TRIES {
            match self.try_to_read_catalog().await {
                Ok(()) => {
                    self.is_catalog_old = false;
                    return;
                }
                Err(error) => println!("the catalog could not be read: {error}"),
            }
            self.scratch.observe_anew().await;
        }
    }

    async fn try_to_read_catalog(&mut self) -> Result<(), ProbeError> {
        let Some(connection) = self.scratch.observer() else { return Ok(()) };
        self.state.groups[0].schemas = connection
            .query(
                "SELECT schema_name FROM information_schema.schemata \
                 WHERE schema_name NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')",
            )
            .await
            .map_err(ProbeError::Query)?;
        self.catalog = read_group(connection, &self.state.groups[0]).await?;
        Ok(())
    }
}

/// The classes of all statements of these files, without a server.
pub fn classes(family: Family, files: &[std::path::PathBuf]) -> Report {
    let (state, catalog) = (state(), Catalog::default());
    let context = SqlContext {
        schema: Some("test"),
        mode: SqlMode::default(),
        charset: CharsetClass::default(),
        dialect: dialect(family),
        state: &state,
        catalog: &catalog,
    };
    let mut report = Report::default();
    for file in files {
        for statement in super::script::statements(&std::fs::read(file).unwrap()) {
            if std::env::var_os("MERIDIAN_CORPUS_ALOUD").is_some() {
                eprintln!("{}: {}", file.display(), String::from_utf8_lossy(&statement));
            }
            report.count(class_name(&analyze(&statement, &context).first().class));
        }
    }
    report
}

fn dialect(family: Family) -> Dialect {
    Dialect { family, version: if family == Family::MariaDb { 101_119 } else { 90_704 } }
}

/// One group of global tables, whatever they are called: then the class is what counts.
fn state() -> ControlState {
    let range = ShardRange { first: Shard(0), last: Shard(0) };
    ControlState {
        epoch: Epoch(1),
        units: vec![Unit { name: "hz".into() }],
        groups: vec![Group {
            name: "main".into(),
            schemas: vec!["test".into()],
            key_types: vec![],
            overrides: vec![],
            tables: vec![TableRule {
                name: "*".into(),
                class: TableClass::Global,
                wrong_unit: WrongUnitPolicy::Forward,
                read: ReadPolicy::Local,
            }],
            shards: ShardMap { count: 1, ranges: vec![OwnedRange { range, owner: UnitId(0), epoch: Epoch(1) }] },
            global_master: UnitId(0),
            global_epoch: Epoch(1),
            schema_unit: None,
            policy: GroupPolicy::default(),
        }],
        instances: vec![],
        default_group: GroupId(0),
        forbids: vec![],
        moves: Vec::new(),
        quarantines: Vec::new(),
        left_out: Vec::new(),
        configured: Vec::new(),
        history: Vec::new(),
        denials: Vec::new(),
    }
}

/// Whether we say that the statement neither writes nor locks, and would send it.
fn is_harmless(statement: &Statement) -> bool {
    let facts = statement.first();
    let is_refused = matches!(
        &facts.placement,
        Placement::Refused(SqlRefusal::Routine { .. } | SqlRefusal::ContextChange { .. } | SqlRefusal::BadHint { .. })
    );
    let is_guarded = facts.effects.iter().any(|effect| {
        matches!(effect, Effect::Pin(PinReason::Routine | PinReason::NamedLock | PinReason::UnknownStatement))
    });
    let is_read = matches!(
        facts.class,
        StatementClass::Read | StatementClass::Show | StatementClass::Set | StatementClass::ConnectionId { .. }
    );
    is_read && !is_refused && !is_guarded && facts.escape.is_none()
}

fn is_unknown(facts: &Facts) -> bool {
    facts.effects.contains(&Effect::Pin(PinReason::UnknownStatement))
}

fn class_name(class: &StatementClass) -> &'static str {
    match class {
        StatementClass::Read => "read",
        StatementClass::LockingRead => "locking read",
        StatementClass::Write(_) => "write",
        StatementClass::Ddl => "DDL",
        StatementClass::Begin(_) | StatementClass::Commit(_) | StatementClass::Rollback(_) => "transaction",
        StatementClass::Savepoint | StatementClass::SetTransaction => "transaction",
        StatementClass::Set => "SET",
        StatementClass::Use => "USE",
        StatementClass::Show | StatementClass::ConnectionId { .. } => "SHOW",
        StatementClass::Kill { .. } => "KILL",
        StatementClass::TableLocks => "table locks",
        StatementClass::Xa(_) => "XA",
        StatementClass::Admin => "admin",
    }
}

/// Whether it may make, change or drop what decides a class: views, routines, sequences, whole schemas.
fn is_catalogued(text: &[u8]) -> bool {
    const WORDS: [&str; 7] = ["view", "function", "procedure", "sequence", "database", "schema", "package"];
    let folded = String::from_utf8_lossy(text).to_ascii_lowercase();
    let mut words = folded.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    let is_ddl = matches!(words.next(), Some("create" | "drop" | "alter" | "rename" | "call" | "execute" | "set"));
    is_ddl && words.any(|word| WORDS.contains(&word) || word == "call")
}

fn is_spatial(text: &[u8]) -> bool {
    let folded = String::from_utf8_lossy(text).to_ascii_lowercase();
    folded.contains("mbr") || folded.contains("st_")
}

/// EXPLAIN and SHOW CREATE open what they tell of as its own statement would, and do nothing more.
fn only_explains(text: &[u8]) -> bool {
    let folded = String::from_utf8_lossy(text).to_ascii_lowercase();
    ["explain", "describe", "desc", "show"].iter().any(|word| folded.trim_start().starts_with(word))
        && !folded.contains("analyze")
}

fn is_query(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    !["create ", "drop ", "insert ", "alter "]
        .iter()
        .any(|word| text.get(..word.len()).is_some_and(|first| first.eq_ignore_ascii_case(word.as_bytes())))
}

/// What would hurt the server, the session's transaction handling or the time, rather than tell anything.
fn is_dangerous(text: &[u8]) -> bool {
    const WORDS: [&str; 41] = [
        "shutdown",
        "restart",
        "kill",
        "global",
        "persist",
        "persist_only",
        "install",
        "uninstall",
        "clone",
        "slave",
        "replica",
        "master",
        "replication",
        "reset",
        "sleep",
        "benchmark",
        "instance",
        "autocommit",
        "completion_type",
        "read_only",
        "tx_read_only",
        "transaction_read_only",
        "sql_log_bin",
        "gtid_next",
        "debug",
        "debug_sync",
        "debug_dbug",
        "transaction",
        "begin_",
        "xa",
        "lock_tables",
        "unlock",
        "purge",
        "handler",
        "max_statement_time",
        "tx_isolation",
        "transaction_isolation",
        "root",
        "wsrep_on",
        "set_gtid",
        "gtid_purged",
    ];
    let folded = String::from_utf8_lossy(text).to_ascii_lowercase();
    let first = folded.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').find(|word| !word.is_empty());
    if matches!(
        first,
        Some("begin" | "commit" | "rollback" | "lock" | "flush" | "savepoint" | "release" | "start" | "end")
    ) {
        return true;
    }
    // Bodies may sleep and loop as they like: they run when they are called.
    folded.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| WORDS.contains(&word))
}
