//! A decision as one line: the same in fixtures, `EXPLAIN ROUTE` and the log.

use std::fmt::Write;

use super::{Answer, Decision, Route, Rule, Target, TransactionStep, placement};
use crate::model::{ControlState, Role, Scope, Snapshot};
use crate::sql::Statement;

/// `decision` on `statement` as one line of words and `name=value` pairs.
pub fn explain(snapshot: &Snapshot, statement: &Statement, decision: &Decision) -> String {
    match decision {
        Decision::Send(route) => send(&snapshot.state, statement, route),
        Decision::Hold { id, route } => {
            format!("HOLD move={id} then {}", send(&snapshot.state, statement, route))
        }
        Decision::Answer(answer) => format!("ANSWER {}", answer_words(answer)),
        Decision::Reject(rejection) => {
            format!("REJECT {} {} {rejection}", rejection.errno(), rejection.sqlstate())
        }
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
    line
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
        Rule::LocalTable => "local-table",
        Rule::Tableless => "tableless",
        Rule::SchemaUnit => "schema-unit",
        Rule::Transaction => "transaction",
        Rule::Pin => "pin",
        Rule::UnitHint => "unit-hint",
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
        Answer::Queue => "queue".to_owned(),
        Answer::DropQueue => "drop-queue".to_owned(),
        Answer::Session => "session".to_owned(),
        Answer::ConnectionId => "connection-id".to_owned(),
        Answer::Kill { query_only: true, id } => format!("kill query {id}"),
        Answer::Kill { query_only: false, id } => format!("kill connection {id}"),
    }
}
