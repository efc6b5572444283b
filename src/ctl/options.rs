//! The flags of `meridian ctl`, and the console's text for each verb. Pure.

use std::net::SocketAddr;

use clap::{Args, Subcommand, ValueEnum};

use super::accounts::AccountsFlags;
use super::fence_schema::FenceSchemaFlags;

/// Asks a node's console.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The console's address.
    #[arg(long, global = true, env = "MERIDIAN_CONSOLE", default_value = "127.0.0.1:4416", value_name = "ADDRESS")]
    pub console: SocketAddr,
    /// The console account.
    #[arg(long, global = true, env = "MERIDIAN_USER", default_value = "admin")]
    pub user: String,
    /// Its password: env:NAME, file:PATH, or the plain text (which other users of the machine can see).
    #[arg(long, global = true, default_value = "env:MERIDIAN_PASSWORD", value_name = "SECRET")]
    pub password: String,
    /// Print JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to ask.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to ask.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Verb {
    /// Epoch, units, instances and forbids together
    Status,
    /// What each unit owns, and whether it takes writes
    Units,
    /// Schemas, key types, owners and table rules
    Groups,
    /// Instances with their health
    Instances,
    /// Connections to instances
    Pools,
    /// Client sessions of this node
    Sessions,
    /// Nodes that share the control store
    Nodes,
    /// Why sessions keep their connection
    Pins,
    /// Standing forbids
    Forbids,
    /// Statements that are denied everywhere
    Denials,
    /// What was refused since the node started, with examples
    Refusals,
    /// Texts about which our classifier and the parser differ, with examples; the stricter counts
    Disagreements,
    /// What would have been done with statements of groups that are only observed
    Observed,
    /// The accounts that nodes have for themselves at the primaries, for fence = "connection": prints the SQL, or runs it; asks no console
    Accounts(AccountsFlags),
    /// The table and procedures of the row fence at the primaries, for fence = "row": prints the SQL, or runs it; asks no console
    FenceSchema(FenceSchemaFlags),
    /// The epoch
    Epoch,
    /// Where a statement would go, and why; sends nothing
    Explain {
        /// The unit whose client sends it; the console's by default
        #[arg(long)]
        unit: Option<String>,
        /// The session's schema
        #[arg(long)]
        schema: Option<String>,
        /// The session's user
        #[arg(long = "as-user", value_name = "USER")]
        as_user: Option<String>,
        /// The values of its parameters, as in 6000,'text',NULL
        #[arg(long, value_name = "VALUES")]
        params: Option<String>,
        /// The statement
        sql: String,
    },
    /// What of the units' schemas cannot hold over several units, and what to do; exit code 1 when something blocks
    Check {
        /// The group; all of them unless given
        #[arg(long)]
        group: Option<String>,
    },
    /// Refuse writes of a scope, until someone lifts it
    Forbid {
        /// What it covers
        #[command(flatten)]
        scope: Scope,
        /// Why; clients read it
        #[arg(long)]
        reason: String,
        /// What is refused
        #[arg(long, value_enum, default_value_t = Kind::Writes)]
        kind: Kind,
        /// Answer when nothing of it is written any more, with what had been written
        #[arg(long)]
        wait_fenced: bool,
        /// Only if this is still the epoch
        #[arg(long, value_name = "EPOCH")]
        if_epoch: Option<u64>,
    },
    /// Lift the forbid of a scope
    Allow {
        /// What it covers
        #[command(flatten)]
        scope: Scope,
        /// Only if this is still the epoch
        #[arg(long, value_name = "EPOCH")]
        if_epoch: Option<u64>,
    },
    /// Read the configuration again: users, limits, certificates, log filter
    Reload,
    /// Make another unit the master of a group's global tables
    Switch {
        /// The unit
        #[arg(long)]
        to: String,
        /// The group; the default group unless given
        #[arg(long)]
        group: Option<String>,
        /// Conditions
        #[command(flatten)]
        terms: Terms,
    },
    /// Give shards, a key or everything of a unit to another unit
    Move {
        /// What moves
        #[command(flatten)]
        what: Moved,
        /// The unit
        #[arg(long)]
        to: String,
        /// Conditions
        #[command(flatten)]
        terms: Terms,
    },
    /// End a move that is under way; its scopes stay with their owner
    RollbackMove {
        /// Its number; the only one unless given
        id: Option<u64>,
        /// Only if the epoch is still this one
        #[arg(long)]
        if_epoch: Option<u64>,
    },
    /// Let the forbids be as they were at an earlier epoch
    RollbackTo {
        /// The epoch
        epoch: u64,
        /// Only if the epoch is still this one
        #[arg(long)]
        if_epoch: Option<u64>,
    },
    /// Give everything a lost instance owns to another unit; writes that nobody else has are lost, and told
    Force {
        /// The unit that is lost
        #[arg(long)]
        unit: String,
        /// The group; the default group unless given
        #[arg(long)]
        group: Option<String>,
        /// The unit that gets what it owned
        #[arg(long)]
        to: String,
        /// Why
        #[arg(long)]
        reason: String,
        /// Without proof that nobody can write at the source: accept that writes may have been taken in two places
        #[arg(long)]
        accept_unfenced: bool,
        /// Only if this is still the epoch
        #[arg(long, value_name = "EPOCH")]
        if_epoch: Option<u64>,
    },
    /// The rows of the fence and the leases, as the primaries have them
    Fences,
    /// How far followers are behind
    Lag,
    /// What was left behind by force, and what was lost with it
    Quarantines,
    /// The rows that differ between what was left behind by force and its stand-in
    Reconcile {
        /// The unit
        #[arg(long)]
        unit: String,
        /// The group; the default group unless given
        #[arg(long)]
        group: Option<String>,
    },
    /// Let what was left behind by force take part again, once nothing differs
    Rejoin {
        /// The unit
        #[arg(long)]
        unit: String,
        /// The group; the default group unless given
        #[arg(long)]
        group: Option<String>,
    },
    /// After etcd was restored from a snapshot: put what this node knows in the place of what it holds
    RestoreState {
        /// Why
        #[arg(long)]
        reason: String,
        /// Only if this node knows this epoch
        #[arg(long, value_name = "EPOCH")]
        if_epoch: Option<u64>,
    },
    /// Moves under way
    Moves,
    /// The last changes
    History,
    /// Read the users' file again
    ReloadUsers,
    /// End the node: transactions may finish until the deadline, nothing new begins
    Drain,
}

/// Whether and when a move is made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct Terms {
    /// Tell what it would meet; change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Go on whatever this check finds; may be given several times
    #[arg(long, value_name = "CHECK", requires = "reason")]
    pub skip_check: Vec<String>,
    /// Why checks are skipped
    #[arg(long, requires = "skip_check")]
    pub reason: Option<String>,
    /// Only if this is still the epoch
    #[arg(long, value_name = "EPOCH")]
    pub if_epoch: Option<u64>,
}

impl Terms {
    fn words(&self) -> String {
        let dry = if self.dry_run { " DRY RUN" } else { "" };
        let skipped: String = self.skip_check.iter().map(|check| format!(" SKIP CHECK {}", quoted(check))).collect();
        let reason = self.reason.as_ref().map(|reason| format!(" REASON {}", quoted(reason))).unwrap_or_default();
        format!("{dry}{skipped}{reason}{}", epoch_condition(self.if_epoch))
    }
}

/// What moves: one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[group(required = true, multiple = false)]
pub struct Moved {
    /// These shards, for example 5000-9999, or 5000-9999@group
    #[arg(long, value_name = "A-B[@GROUP]")]
    pub shards: Option<String>,
    /// This routing key of the default group, alone
    #[arg(long)]
    pub key: Option<String>,
    /// Everything this unit owns
    #[arg(long)]
    pub unit: Option<String>,
}

impl Moved {
    fn words(&self) -> String {
        let Moved { shards, key, unit } = self.clone();
        Scope { shards, key, unit, ..Scope::default() }.words()
    }
}

/// What a forbid covers: one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[group(required = true, multiple = false)]
pub struct Scope {
    /// Everything this unit owns
    #[arg(long)]
    pub unit: Option<String>,
    /// Everything in this group
    #[arg(long)]
    pub group: Option<String>,
    /// These shards, for example 5000-9999, or 5000-9999@group
    #[arg(long, value_name = "A-B[@GROUP]")]
    pub shards: Option<String>,
    /// This routing key of the default group
    #[arg(long)]
    pub key: Option<String>,
    /// The Global Zone of this group
    #[arg(long, value_name = "GROUP")]
    pub global_zone: Option<String>,
}

impl Scope {
    /// As the console reads it.
    pub fn words(&self) -> String {
        let Scope { unit, group, shards, key, global_zone } = self;
        let shards = shards.as_ref().map(|shards| match shards.split_once('@') {
            Some((range, group)) => format!("SHARDS {} OF {}", quoted(range), quoted(group)),
            None => format!("SHARDS {}", quoted(shards)),
        });
        let named = |words: &str, name: &Option<String>| name.as_ref().map(|name| format!("{words} {}", quoted(name)));
        let words = [
            named("UNIT", unit),
            named("GROUP", group),
            shards,
            named("KEY", key),
            named("GLOBAL ZONE OF", global_zone),
        ];
        words.into_iter().flatten().collect()
    }
}

/// What a forbid refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Every statement that may write or lock
    Writes,
    /// What may change a row that exists; INSERT passes
    Updates,
    /// Reads of managed tables too
    All,
}

impl Verb {
    /// The console's commands for this verb, each with its heading; `status` has several.
    pub fn commands(&self) -> Vec<(&'static str, String)> {
        let show = |name: &'static str| (name, format!("SHOW {}", name.to_uppercase()));
        match self {
            Verb::Status => ["epoch", "units", "instances", "forbids", "moves"].map(show).to_vec(),
            // They ask no console.
            Verb::Accounts(_) | Verb::FenceSchema(_) => Vec::new(),
            Verb::Units => vec![show("units")],
            Verb::Groups => vec![show("groups")],
            Verb::Instances => vec![show("instances")],
            Verb::Pools => vec![show("pools")],
            Verb::Sessions => vec![show("sessions")],
            Verb::Pins => vec![show("pins")],
            Verb::Nodes => vec![show("nodes")],
            Verb::Forbids => vec![show("forbids")],
            Verb::Denials => vec![show("denials")],
            Verb::Refusals => vec![show("refusals")],
            Verb::Disagreements => vec![show("disagreements")],
            Verb::Observed => vec![show("observed")],
            Verb::Epoch => vec![show("epoch")],
            Verb::Explain { unit, schema, as_user, params, sql } => {
                let clause = |words: &str, name: &Option<String>| {
                    name.as_ref().map(|name| format!("{words} {} ", quoted(name))).unwrap_or_default()
                };
                let at = clause("AT UNIT", unit);
                let within = clause("IN SCHEMA", schema);
                let by = clause("AS USER", as_user);
                let with = params.as_ref().map(|values| format!("WITH PARAMS ({values}) ")).unwrap_or_default();
                vec![("route", format!("EXPLAIN ROUTE {at}{within}{by}{with}{sql}"))]
            }
            Verb::Check { group } => {
                let of = group.as_ref().map(|group| format!(" OF {}", quoted(group))).unwrap_or_default();
                vec![("check", format!("CHECK SCHEMA{of}"))]
            }
            Verb::Forbid { scope, reason, kind, wait_fenced, if_epoch } => {
                let kind = match kind {
                    Kind::Writes => "WRITES",
                    Kind::Updates => "UPDATES",
                    Kind::All => "ALL",
                };
                let (scope, reason, condition) = (scope.words(), quoted(reason), epoch_condition(*if_epoch));
                let wait = if *wait_fenced { " WAIT FENCED" } else { "" };
                vec![("forbid", format!("FORBID {kind} ON {scope} REASON {reason}{wait}{condition}"))]
            }
            Verb::Allow { scope, if_epoch } => {
                vec![("allow", format!("ALLOW WRITES ON {}{}", scope.words(), epoch_condition(*if_epoch)))]
            }
            Verb::Reload => vec![("reload", "RELOAD".to_owned())],
            Verb::Drain => vec![("drain", "DRAIN NODE".to_owned())],
            Verb::Switch { to, group, terms } => {
                let of = group.as_ref().map(|group| format!(" OF {}", quoted(group))).unwrap_or_default();
                vec![("switch", format!("SWITCH GLOBAL ZONE{of} TO {}{}", quoted(to), terms.words()))]
            }
            Verb::Move { what, to, terms } => {
                vec![("move", format!("MOVE {} TO {}{}", what.words(), quoted(to), terms.words()))]
            }
            Verb::RollbackMove { id, if_epoch } => {
                let id = id.map(|id| format!(" {id}")).unwrap_or_default();
                vec![("rollback-move", format!("ROLLBACK MOVE{id}{}", epoch_condition(*if_epoch)))]
            }
            Verb::RollbackTo { epoch, if_epoch } => {
                vec![("rollback-to", format!("ROLLBACK TO EPOCH {epoch}{}", epoch_condition(*if_epoch)))]
            }
            Verb::Force { unit, group, to, reason, accept_unfenced, if_epoch } => {
                let accept = if *accept_unfenced { " ACCEPT UNFENCED" } else { "" };
                let condition = epoch_condition(*if_epoch);
                let (of, to, reason) = (of_group(group), quoted(to), quoted(reason));
                vec![("force", format!("FORCE UNIT {}{of} TO {to} REASON {reason}{accept}{condition}", quoted(unit)))]
            }
            Verb::Fences => vec![show("fences")],
            Verb::Lag => vec![show("lag")],
            Verb::Quarantines => vec![show("quarantines")],
            Verb::Reconcile { unit, group } => {
                vec![("reconcile", format!("RECONCILE UNIT {}{}", quoted(unit), of_group(group)))]
            }
            Verb::Rejoin { unit, group } => {
                vec![("rejoin", format!("REJOIN UNIT {}{}", quoted(unit), of_group(group)))]
            }
            Verb::RestoreState { reason, if_epoch } => {
                let condition = epoch_condition(*if_epoch);
                vec![("restore-state", format!("RESTORE STATE REASON {}{condition}", quoted(reason)))]
            }
            Verb::Moves => vec![show("moves")],
            Verb::History => vec![show("history")],
            Verb::ReloadUsers => vec![("reload-users", "RELOAD USERS".to_owned())],
        }
    }
}

fn epoch_condition(if_epoch: Option<u64>) -> String {
    if_epoch.map(|epoch| format!(" IF EPOCH = {epoch}")).unwrap_or_default()
}

fn of_group(group: &Option<String>) -> String {
    group.as_ref().map(|group| format!(" OF {}", quoted(group))).unwrap_or_default()
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use crate::admin::grammar::{Command, ForbidWait, parse};
    use crate::admin::scope_words::ScopeWords;
    use crate::model::{Epoch, ForbidKind};

    use super::*;

    fn on_unit(name: &str) -> Scope {
        Scope { unit: Some(name.to_owned()), ..Scope::default() }
    }

    #[test]
    fn every_scope_is_one_the_console_knows() {
        let named = || Some("it's".to_owned());
        let shards = |text: &str| Scope { shards: Some(text.to_owned()), ..Scope::default() };
        for scope in [
            Scope { unit: named(), ..Scope::default() },
            Scope { group: named(), ..Scope::default() },
            Scope { key: named(), ..Scope::default() },
            Scope { global_zone: named(), ..Scope::default() },
            shards("5000-9999"),
            shards("7@main"),
        ] {
            let text = Verb::Allow { scope, if_epoch: None }.commands()[0].1.clone();
            assert!(parse(&text).is_ok(), "{text}");
        }
    }

    #[test]
    fn every_verb_is_one_the_console_knows() {
        let verbs = [
            Verb::Status,
            Verb::Units,
            Verb::Groups,
            Verb::Instances,
            Verb::Pools,
            Verb::Sessions,
            Verb::Pins,
            Verb::Nodes,
            Verb::Forbids,
            Verb::Denials,
            Verb::Refusals,
            Verb::Disagreements,
            Verb::Observed,
            Verb::Epoch,
            Verb::Reload,
            Verb::ReloadUsers,
            Verb::Drain,
            Verb::Moves,
            Verb::History,
            Verb::RollbackMove { id: None, if_epoch: None },
            Verb::RollbackMove { id: Some(8), if_epoch: Some(9) },
            Verb::RollbackTo { epoch: 3, if_epoch: Some(9) },
            Verb::Check { group: None },
            Verb::Check { group: Some("main".to_owned()) },
            Verb::Switch { to: "b'j".to_owned(), group: Some("main".to_owned()), terms: Terms::default() },
            Verb::Move {
                what: Moved { shards: Some("5-9@main".to_owned()), ..Moved::default() },
                to: "bj".to_owned(),
                terms: Terms { dry_run: true, if_epoch: Some(7), ..Terms::default() },
            },
            Verb::Switch {
                to: "bj".to_owned(),
                group: None,
                terms: Terms {
                    skip_check: vec!["retention".to_owned(), "automatic-ids".to_owned()],
                    reason: Some("it's known".to_owned()),
                    ..Terms::default()
                },
            },
        ];
        for (_, text) in verbs.iter().flat_map(Verb::commands) {
            assert!(parse(&text).is_ok(), "{text}");
        }
    }

    #[test]
    fn quotes_and_backslashes_in_a_reason_arrive_as_typed() {
        let reason = r"it's C:\ here'";
        for (wait_fenced, wait) in [(false, ForbidWait::InForce), (true, ForbidWait::Fenced)] {
            let (scope, reason) = (on_unit("bj"), reason.to_owned());
            let verb = Verb::Forbid { scope, reason: reason.clone(), kind: Kind::All, wait_fenced, if_epoch: Some(9) };
            let expected = Command::Forbid {
                scope: ScopeWords::Unit("bj".to_owned()),
                kind: ForbidKind::All,
                reason,
                wait,
                if_epoch: Some(Epoch(9)),
            };
            assert_eq!(parse(&verb.commands()[0].1), Ok(expected));
        }
    }

    #[test]
    fn the_statement_to_explain_arrives_as_typed() {
        let sql = r"SELECT 'it''s \' FROM orders";
        let verb = Verb::Explain {
            unit: Some("hz".to_owned()),
            schema: None,
            as_user: Some("app".to_owned()),
            params: Some("6000, 'x'".to_owned()),
            sql: sql.to_owned(),
        };
        let expected = parse(&format!("EXPLAIN ROUTE AT UNIT hz AS USER app WITH PARAMS (6000, 'x') {sql}"));
        let Ok(Command::ExplainRoute { parameters: Some(values), sql: taken, .. }) = &expected else {
            panic!("{expected:?}")
        };
        assert_eq!((values.len(), taken.as_str()), (2, sql));
        assert_eq!(parse(&verb.commands()[0].1), expected);
    }
}
