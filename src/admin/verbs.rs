//! What each verb does: role, units by name, the operation, the answer.
//!
//! It speaks no protocol. Every change and every refused one is logged here, once, with who, from where, what and the result.

use std::net::SocketAddr;

use tracing::{info, warn};

use super::chatter::{Chatter, Item, ItemValue};
use super::config::{Account, ConsoleRole};
use super::force_words;
use super::grammar::{self, Command, ForbidWait, GrammarError, Subject};
use super::move_words::{self, MoveWish, MoveWords};
use super::operations::{AskedUnit, ChangeRefused, ChangeReport, ConsoleChange, ExplainRequest, Operations};
use super::scope_words::{self, UnknownName};
use super::tables::{self, Cell, ColumnKind, Table};
use crate::cutover::Goal;
use crate::model::{Epoch, GroupId, MoveId, Snapshot, UnitId};

/// Who asks, and from where.
#[derive(Clone, Debug)]
pub struct Asker {
    /// The account.
    pub account: Account,
    /// The address.
    pub peer: SocketAddr,
    /// The connection's id.
    pub connection: u32,
    /// The unit of the console.
    pub unit: UnitId,
}

/// What the console answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Rows.
    Rows(Table),
    /// OK, nothing to show.
    Done,
    /// An error; the connection stays usable.
    Error(Refusal),
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is no command.
    Syntax(String),
    /// No such system variable.
    UnknownVariable(String),
    /// The account's role does not reach.
    Role {
        /// The role the command needs.
        needed: ConsoleRole,
        /// The role the account has.
        has: ConsoleRole,
    },
    /// No such unit or group.
    UnknownName(UnknownName),
    /// There is no such move under way, or several.
    WhichMove(String),
    /// The node refused the change.
    Change(ChangeRefused),
    /// The users' file was refused.
    Users(String),
    /// The configuration was refused.
    Configuration(String),
}

impl Refusal {
    /// The sentence the operator reads.
    pub fn text(&self) -> String {
        match self {
            Refusal::Syntax(what) => {
                let verbs = grammar::VERBS.iter().map(|(verb, _)| *verb).collect::<Vec<_>>().join("; ");
                format!("{what}. The console knows: {verbs}")
            }
            Refusal::UnknownVariable(name) => format!("unknown system variable '{name}'"),
            Refusal::Role { needed, has } => {
                format!("this needs the role {}; the account has {}", needed.word(), has.word())
            }
            Refusal::UnknownName(UnknownName { what, name, known }) => {
                format!("there is no {what} '{name}'; there are: {known}")
            }
            Refusal::WhichMove(what) => what.clone(),
            Refusal::Change(refused) => refused.to_string(),
            Refusal::Configuration(faults) => format!("nothing has changed; the files were refused: {faults}"),
            Refusal::Users(faults) => format!("the users are as before; the file was refused: {faults}"),
        }
    }
}

impl From<UnknownName> for Refusal {
    fn from(unknown: UnknownName) -> Self {
        Refusal::UnknownName(unknown)
    }
}

/// Carries out one text of an operator.
pub async fn answer(text: &str, asker: &Asker, operations: &dyn Operations) -> Answer {
    let command = match grammar::parse(text) {
        Ok(command) => command,
        Err(GrammarError::UnknownVariable(name)) => return Answer::Error(Refusal::UnknownVariable(name)),
        Err(error) => return Answer::Error(Refusal::Syntax(error.to_string())),
    };
    let needed = command.least_role();
    if asker.account.role < needed {
        let has = asker.account.role;
        warn!(account = %asker.account.name, peer = %asker.peer, ?command, "console command refused: role {}", has.word());
        return Answer::Error(Refusal::Role { needed, has });
    }
    carry_out(command, asker, operations).await.unwrap_or_else(Answer::Error)
}

async fn carry_out(command: Command, asker: &Asker, operations: &dyn Operations) -> Result<Answer, Refusal> {
    let snapshot = operations.snapshot();
    match command {
        Command::Show(subject) => Ok(Answer::Rows(show(subject, &snapshot, operations).await)),
        Command::Forbid { scope, kind, reason, wait, if_epoch } => {
            let scope = scope_words::scope(&snapshot.state, &scope)?;
            let change = ConsoleChange::Forbid { scope, kind, reason };
            match wait {
                ForbidWait::InForce => apply(change, if_epoch, asker, operations).await,
                ForbidWait::Fenced => fence(change, if_epoch, asker, operations).await,
            }
        }
        Command::Allow { scope, if_epoch } => {
            let scope = scope_words::scope(&snapshot.state, &scope)?;
            apply(ConsoleChange::Allow { scope }, if_epoch, asker, operations).await
        }
        Command::Move(words) => {
            let goal = move_words::goal(&snapshot.state, &words)?;
            carry_out_move(goal, &words, asker, operations).await
        }
        Command::Force(words) => {
            let wish = force_words::wish(&snapshot.state, &words)?;
            let told = format!("{wish:?}");
            reported(operations.force(wish, words.if_epoch, &asker.account.name).await, &told, asker)
        }
        Command::Rejoin(words) => {
            let (group, unit) = force_words::place(&snapshot.state, &words)?;
            reported(operations.rejoin(group, unit, &asker.account.name).await, &format!("rejoin {words:?}"), asker)
        }
        Command::RestoreState { reason, if_epoch } => {
            let report = operations.restore_state(&reason, if_epoch, &asker.account.name).await;
            reported(report, &format!("restore of the state: {reason}"), asker)
        }
        Command::Reconcile(words) => {
            let (group, unit) = force_words::place(&snapshot.state, &words)?;
            let rows = operations.reconcile(group, unit).await.map_err(ChangeRefused::Invalid);
            Ok(Answer::Rows(tables::differences(rows.map_err(Refusal::Change)?, snapshot.state.epoch)))
        }
        Command::RollBackTo { epoch, if_epoch } => {
            apply(ConsoleChange::RollBackTo { epoch }, if_epoch, asker, operations).await
        }
        Command::RollBackMove { id, if_epoch } => {
            let moves: Vec<MoveId> = snapshot.state.moves.iter().map(|record| record.id).collect();
            let id = move_words::which(&moves, id).map_err(Refusal::WhichMove)?;
            let report = operations.roll_back_move(id, if_epoch, &asker.account.name).await;
            reported(report, &format!("rollback of move {id}"), asker)
        }
        Command::ExplainRoute { unit, schema, user, parameters, sql } => {
            let at = if unit.is_some() { AskedUnit::Named } else { AskedUnit::Console };
            let unit = unit.map_or(Ok(asker.unit), |name| scope_words::unit(&snapshot.state, &name))?;
            let told = operations.explain(ExplainRequest { sql, unit, at, schema, user, parameters }).await;
            Ok(Answer::Rows(tables::explanation(told, snapshot.state.epoch)))
        }
        Command::CheckSchema { group } => {
            let groups = match group {
                Some(name) => vec![scope_words::group(&snapshot.state, Some(&name))?],
                None => (0u16..).map(GroupId).take(snapshot.state.groups.len()).collect(),
            };
            let mut findings = Vec::new();
            for group in groups {
                findings.extend(operations.check_schema(group).await);
            }
            Ok(Answer::Rows(tables::findings(findings, snapshot.state.epoch)))
        }
        Command::Reload => reload(asker, operations).await,
        Command::ReloadUsers => reload_users(asker, operations).await,
        Command::DrainNode => Ok(drain(asker, operations)),
        Command::Help => Ok(Answer::Rows(help(snapshot.state.epoch))),
        Command::Chatter(chatter) => Ok(chat(chatter, asker)),
    }
}

async fn show(subject: Subject, snapshot: &Snapshot, operations: &dyn Operations) -> Table {
    let state = &snapshot.state;
    match subject {
        Subject::Units => tables::units(snapshot),
        Subject::Groups => tables::groups(state),
        Subject::Instances => tables::instances(operations.instances(), state.epoch),
        Subject::Pools => tables::pools(operations.pools(), state.epoch),
        Subject::Sessions => tables::sessions(operations.sessions(), state.epoch),
        Subject::Pins => tables::pins(operations.pins(), state.epoch),
        Subject::Nodes => tables::nodes(operations.nodes(), state.epoch),
        Subject::Forbids => tables::forbids(snapshot),
        Subject::Moves => tables::moves(operations.moves(), state.epoch),
        Subject::Fences => tables::fences(operations.fences().await, state.epoch),
        Subject::Lag => tables::lag(snapshot),
        Subject::Quarantines => tables::quarantines(state),
        Subject::History => tables::history(state),
        Subject::Denials => tables::denials(state),
        Subject::Refusals => tables::refusals(operations.tally(), state.epoch),
        Subject::Disagreements => tables::disagreements(operations.tally(), state.epoch),
        Subject::Observed => tables::observed(operations.tally(), state.epoch),
        Subject::Epoch => Table::new(&[]).with(Vec::new(), state.epoch),
    }
}

async fn apply(
    change: ConsoleChange,
    if_epoch: Option<Epoch>,
    asker: &Asker,
    operations: &dyn Operations,
) -> Result<Answer, Refusal> {
    reported(operations.change(change.clone(), if_epoch, &asker.account.name).await, &format!("{change:?}"), asker)
}

async fn fence(
    forbid: ConsoleChange,
    if_epoch: Option<Epoch>,
    asker: &Asker,
    operations: &dyn Operations,
) -> Result<Answer, Refusal> {
    let told = format!("{forbid:?} WAIT FENCED");
    match operations.fence(forbid, if_epoch, &asker.account.name).await {
        Ok(fenced) => {
            reported(Ok(fenced.report.clone()), &told, asker)?;
            Ok(Answer::Rows(tables::fenced(fenced)))
        }
        Err(refused) => reported(Err(refused), &told, asker),
    }
}

async fn carry_out_move(
    goal: Goal,
    words: &MoveWords,
    asker: &Asker,
    operations: &dyn Operations,
) -> Result<Answer, Refusal> {
    let account = &asker.account.name;
    match words.wish {
        MoveWish::DryRun => {
            let rows = operations.preview_move(goal, account).await.map_err(ChangeRefused::Invalid);
            let rows = rows.map_err(Refusal::Change)?;
            Ok(Answer::Rows(tables::preview(rows, operations.snapshot().state.epoch)))
        }
        MoveWish::CarryOut => {
            let (change, skipped) = (format!("{goal:?} {:?}", words.skipped), words.skipped.clone());
            reported(operations.carry_out_move(goal, skipped, words.if_epoch, account).await, &change, asker)
        }
    }
}

/// The answer to a change, which is logged with who asked for it.
fn reported(report: Result<ChangeReport, ChangeRefused>, change: &str, asker: &Asker) -> Result<Answer, Refusal> {
    let (account, peer) = (&asker.account.name, asker.peer);
    match report {
        Ok(report) => {
            info!(%account, %peer, change, epoch = report.epoch.0, result = %report.result, "console change");
            Ok(Answer::Rows(Table::new(&["result"]).with(vec![report.result.into()], report.epoch)))
        }
        Err(refused) => {
            warn!(%account, %peer, change, %refused, "console change refused");
            Err(Refusal::Change(refused))
        }
    }
}

async fn reload(asker: &Asker, operations: &dyn Operations) -> Result<Answer, Refusal> {
    let (account, peer) = (&asker.account.name, asker.peer);
    match operations.reload().await {
        Ok(done) => {
            info!(%account, %peer, %done, "reloaded by console");
            Ok(Answer::Rows(Table::new(&["result"]).with(vec![done.into()], operations.snapshot().state.epoch)))
        }
        Err(faults) => {
            warn!(%account, %peer, %faults, "the configuration was refused");
            Err(Refusal::Configuration(faults))
        }
    }
}

fn drain(asker: &Asker, operations: &dyn Operations) -> Answer {
    let report = operations.drain();
    let (account, peer) = (&asker.account.name, asker.peer);
    info!(%account, %peer, blockers = report.blockers.len(), "drain by console");
    let epoch = operations.snapshot().state.epoch;
    let first = format!(
        "draining: the node ends when its last session has, in {} ms at the latest; {} have something to finish",
        report.deadline.as_millis(),
        report.blockers.len()
    );
    let told = std::iter::once(first).chain(report.blockers);
    Answer::Rows(told.fold(Table::new(&["result"]), |table, line| table.with(vec![line.into()], epoch)))
}

async fn reload_users(asker: &Asker, operations: &dyn Operations) -> Result<Answer, Refusal> {
    let (account, peer) = (&asker.account.name, asker.peer);
    match operations.reload_users().await {
        Ok(users) => {
            info!(%account, %peer, users, "users reloaded by console");
            let epoch = operations.snapshot().state.epoch;
            let table = Table::new(&["result", "#users"]);
            Ok(Answer::Rows(table.with(vec!["reloaded".into(), (users as u64).into()], epoch)))
        }
        Err(faults) => {
            warn!(%account, %peer, %faults, "users' file refused");
            Err(Refusal::Users(faults))
        }
    }
}

fn help(epoch: Epoch) -> Table {
    let table = Table::new(&["verb", "what it does"]);
    grammar::VERBS
        .iter()
        .fold(table, |table, (verb, meaning)| table.with(vec![(*verb).into(), (*meaning).into()], epoch))
}

/// Answers what clients ask by themselves; these tables have the columns the client asked for, and no epoch.
fn chat(chatter: Chatter, asker: &Asker) -> Answer {
    match chatter {
        Chatter::Nothing => Answer::Done,
        Chatter::Warnings => {
            let columns = ["Level", "Code", "Message"].map(|name| (name.to_owned(), ColumnKind::Text));
            Answer::Rows(Table { columns: columns.to_vec(), rows: Vec::new() })
        }
        Chatter::Select(items) => {
            let (columns, row) = items.into_iter().map(|item| column(item, asker)).unzip();
            Answer::Rows(Table { columns, rows: vec![row] })
        }
    }
}

fn column(item: Item, asker: &Asker) -> ((String, ColumnKind), Cell) {
    let cell = match item.value {
        ItemValue::Text(text) => Cell::Text(text),
        ItemValue::Number(number) => Cell::Number(number),
        ItemValue::Null => Cell::Null,
        ItemValue::Account => Cell::Text(format!("{}@{}", asker.account.name, asker.peer.ip())),
        ItemValue::ConnectionId => Cell::Number(u64::from(asker.connection)),
    };
    let kind = if matches!(cell, Cell::Number(_)) { ColumnKind::Number } else { ColumnKind::Text };
    ((item.label, kind), cell)
}
