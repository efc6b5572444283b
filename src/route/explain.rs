//! A decision as one line: the same in fixtures, `EXPLAIN ROUTE` and the log; and what else people ask of it.

use std::fmt::Write;

use super::{
    Answer, Decision, Rejection, Route, Rule, SessionView, Target, TransactionStep, Verdict, decide, placement,
};
use crate::model::{ControlState, Role, Scope, Snapshot};
use crate::sql::{Facts, Hint, KeySource, Keys, Placement, ReadLevel, Statement, StatementClass, WriteKind};

/// All that is told of one statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// The decision as one line: where, why, which key and shard, or the refusal and what to do.
    pub route: String,
    /// What kind of statement it is.
    pub class: String,
    /// Where the key was found; empty where there is none.
    pub key_from: String,
    /// How fresh a read of it must be.
    pub level: String,
    /// The rule of the managed table it is placed by; empty where there is none.
    pub table: String,
    /// The digest of its shape, 16 hexadecimal digits.
    pub digest: String,
}

/// The decision on `statement` in `session`, with all that is told of it.
pub fn explanation(snapshot: &Snapshot, session: &SessionView<'_>, statement: &Statement) -> (Decision, Explanation) {
    let decision = decide(snapshot, session, statement);
    let hint = statement.hint.as_deref();
    let of_statement = [hint, session.attributes, Some(session.hint)];
    let level = of_statement.iter().flatten().find_map(|hint| hint.level).unwrap_or(session.level);
    let explanation = Explanation {
        route: explain(snapshot, statement, &decision),
        class: statement.plan.statements.iter().map(|facts| class_word(&facts.class)).collect::<Vec<_>>().join(" "),
        key_from: key_from(session, statement),
        level: match level {
            ReadLevel::Eventual => "eventual",
            ReadLevel::Strong => "strong",
        }
        .to_owned(),
        table: statement.plan.statements.iter().find_map(|facts| table_of(&snapshot.state, facts)).unwrap_or_default(),
        digest: format!("{:016x}", statement.plan.digest),
    };
    (decision, explanation)
}

/// The rule the statement is placed by.
fn table_of(state: &ControlState, facts: &Facts) -> Option<String> {
    match &facts.placement {
        Placement::Global { group, rule } | Placement::Sharded { group, rule, .. } => {
            state.groups.get(group.index())?.tables.get(*rule).map(|rule| rule.name.clone())
        }
        Placement::Tableless | Placement::Local { .. } | Placement::Schema { .. } | Placement::Refused(_) => None,
    }
}

/// The first place that gives a key, in the order in which they count.
fn key_from(session: &SessionView<'_>, statement: &Statement) -> String {
    let gives = |hint: Option<&Hint>| hint.is_some_and(|hint| hint.key.is_some());
    if gives(statement.hint.as_deref()) {
        return "hint comment".to_owned();
    }
    if gives(session.attributes) {
        return "query attribute".to_owned();
    }
    if gives(Some(session.hint)) {
        return "session variable".to_owned();
    }
    let sources = |facts: &Facts| match &facts.placement {
        Placement::Sharded { keys: Keys::Sources(sources), .. } => sources.first().cloned(),
        _ => None,
    };
    match statement.plan.statements.iter().find_map(sources) {
        Some(KeySource::Literal(_) | KeySource::Constant(_)) => "literal".to_owned(),
        Some(KeySource::Group(_)) => "list of literals".to_owned(),
        Some(KeySource::Parameter(number)) => format!("parameter {}", number + 1),
        Some(KeySource::Between(_)) => "range".to_owned(),
        None => String::new(),
    }
}

/// The word for a class of statements.
pub fn class_word(class: &StatementClass) -> &'static str {
    match class {
        StatementClass::Read => "read",
        StatementClass::LockingRead => "locking-read",
        StatementClass::Write(WriteKind::Insert) => "insert",
        StatementClass::Write(WriteKind::Change) => "change",
        StatementClass::Ddl => "ddl",
        StatementClass::Begin(_) => "begin",
        StatementClass::Commit(_) => "commit",
        StatementClass::Rollback(_) => "rollback",
        StatementClass::Savepoint => "savepoint",
        StatementClass::SetTransaction => "set-transaction",
        StatementClass::Set => "set",
        StatementClass::Use => "use",
        StatementClass::Show => "show",
        StatementClass::Kill { .. } => "kill",
        StatementClass::ConnectionId { .. } => "connection-id",
        StatementClass::TableLocks => "table-locks",
        StatementClass::Xa(_) => "xa",
        StatementClass::Admin => "admin",
    }
}

/// `decision` on `statement` as one line of words and `name=value` pairs.
pub fn explain(snapshot: &Snapshot, statement: &Statement, decision: &Decision) -> String {
    match decision {
        Decision::Send(route) => send(&snapshot.state, statement, route),
        Decision::Hold { id, route } => {
            format!("HOLD move={id} then {}", send(&snapshot.state, statement, route))
        }
        Decision::Answer(answer) => format!("ANSWER {}", answer_words(answer)),
        Decision::Reject(rejection) => reject(rejection),
    }
}

fn send(state: &ControlState, statement: &Statement, route: &Route) -> String {
    let mut line = format!("SEND {} rule={}", place(state, route.target), rule_word(route.rule));
    if let Some((key, shard)) = &route.key {
        // Writing to a String cannot fail, here and below.
        let _ = write!(line, " key={} shard={shard}", placement::text_of(key));
    }
    if !route.scopes.is_empty() {
        let scopes: Vec<String> = route.scopes.iter().map(|scope| scope_words(state, *scope)).collect();
        let _ = write!(line, " scopes={}", scopes.join(","));
    }
    let _ = write!(line, " transaction={}", step_word(route.transaction));
    if statement.plan.statements.len() > 1 {
        let _ = write!(line, " statements={}", statement.plan.statements.len());
    }
    match route.observed.as_deref() {
        Some(Verdict::Stay(would) | Verdict::Forward(would)) => {
            let _ = write!(line, " would={}", send(state, statement, would));
        }
        Some(Verdict::Refuse(rejection)) => {
            let _ = write!(line, " would={}", reject(rejection));
        }
        None => {}
    }
    line
}

fn reject(rejection: &Rejection) -> String {
    format!("REJECT {} {} {rejection}", rejection.errno(), rejection.sqlstate())
}

/// Unit and role; the group too where there are several.
fn place(state: &ControlState, target: Target) -> String {
    let unit = &state.unit(target.unit).name;
    let role = match target.role {
        Role::Primary => "primary",
        Role::Replica => "replica",
    };
    match state.groups.len() {
        1 => format!("{unit} {role}"),
        _ => format!("{unit} {role} group={}", state.group(target.group).name),
    }
}

fn scope_words(state: &ControlState, scope: Scope) -> String {
    match scope {
        Scope::Shard(group, shard) => format!("shard:{}:{shard}", state.group(group).name),
        Scope::GlobalZone(group) => format!("global:{}", state.group(group).name),
        Scope::Group(group) => format!("group:{}", state.group(group).name),
    }
}

fn rule_word(rule: Rule) -> &'static str {
    match rule {
        Rule::Owner => "owner",
        Rule::GlobalMaster => "global-master",
        Rule::LocalRead => "local-read",
        Rule::MasterRead => "master-read",
        Rule::AfterDdl => "after-ddl",
        Rule::LocalTable => "local-table",
        Rule::Tableless => "tableless",
        Rule::SchemaUnit => "schema-unit",
        Rule::Transaction => "transaction",
        Rule::Pin => "pin",
        Rule::Branch => "branch",
        Rule::UnitHint => "unit-hint",
        Rule::Observe => "observe",
    }
}

fn step_word(step: TransactionStep) -> &'static str {
    match step {
        TransactionStep::Autocommit => "autocommit",
        TransactionStep::Open => "open",
        TransactionStep::Continue => "continue",
        TransactionStep::Rebind => "rebind",
    }
}

fn answer_words(answer: &Answer) -> String {
    match answer {
        Answer::Branches => "branches".to_owned(),
        Answer::Queue => "queue".to_owned(),
        Answer::DropQueue => "drop-queue".to_owned(),
        Answer::Session => "session".to_owned(),
        Answer::ConnectionId => "connection-id".to_owned(),
        Answer::Kill { query_only: true, id } => format!("kill query {id}"),
        Answer::Kill { query_only: false, id } => format!("kill connection {id}"),
    }
}
