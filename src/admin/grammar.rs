//! What an operator typed -> a command. Pure.
//!
//! The text of EXPLAIN ROUTE is taken as it stands; what clients send by themselves is read in [`super::chatter`].

use thiserror::Error;

use super::chatter::{self, Chatter};
use super::config::ConsoleRole;
use super::force_words::{self, ForceWords, QuarantineWords};
use super::move_words::{self, MoveWords};
use super::scope_words::{self, ScopeWords};
use super::tokens::{Token, Words, unexpected};
use crate::model::{Epoch, ForbidKind};
use crate::sql::KeyValue;

/// What the console knows, as HELP and every syntax error tell it.
pub const VERBS: &[(&str, &str)] = &[
    (
        "SHOW UNITS | GROUPS | INSTANCES | POOLS | SESSIONS | PINS | NODES | FENCES | FORBIDS | MOVES | QUARANTINES | LAG | HISTORY | DENIALS | REFUSALS | DISAGREEMENTS | OBSERVED | EPOCH",
        "the state of this node",
    ),
    (
        "FORBID [WRITES | UPDATES | ALL] ON <scope> REASON '<why>' [WAIT FENCED] [IF EPOCH = <n>]",
        "refuse writes (default), updates of rows that exist, or reads too, until someone lifts it; <scope> is UNIT '<unit>', \
         GROUP '<group>', SHARDS <a>-<b>, KEY <key> or GLOBAL ZONE, the last three with [OF '<group>']; WAIT FENCED answers when nothing of it \
         is written any more, with what had been written",
    ),
    ("ALLOW WRITES ON <scope> [IF EPOCH = <n>]", "lift the forbid of the scope"),
    (
        "SWITCH GLOBAL ZONE [OF '<group>'] TO '<unit>' [DRY RUN] [SKIP CHECK '<check>' … REASON '<why>'] [IF EPOCH = <n>]",
        "make another unit the master of the group's global tables",
    ),
    (
        "MOVE SHARDS <a>-<b> [OF '<group>'] | KEY <key> [OF '<group>'] | UNIT '<unit>' TO '<unit>' [DRY RUN] [SKIP CHECK '<check>' … REASON '<why>'] [IF EPOCH = <n>]",
        "give shards, one key alone, or everything a unit owns to another unit",
    ),
    (
        "FORCE UNIT '<unit>' [OF '<group>'] TO '<unit>' REASON '<why>' [ACCEPT UNFENCED] [IF EPOCH = <n>]",
        "give everything a lost instance owns to another unit; writes that nobody else has are lost, and told",
    ),
    (
        "RECONCILE UNIT '<unit>' [OF '<group>']",
        "the rows that differ between what was left behind by force and its stand-in",
    ),
    ("REJOIN UNIT '<unit>' [OF '<group>']", "let what was left behind take part again, once nothing differs"),
    (
        "RESTORE STATE REASON '<why>' [IF EPOCH = <n>]",
        "after etcd was restored from a snapshot: put what this node knows in the place of what it holds; then start every node again",
    ),
    ("ROLLBACK MOVE [<id>] [IF EPOCH = <n>]", "end a move that is under way; its scopes stay with their owner"),
    (
        "ROLLBACK TO EPOCH <n> [IF EPOCH = <m>]",
        "let the forbids be as they were at epoch n; ownership is moved back by moves",
    ),
    (
        "EXPLAIN ROUTE [AT UNIT '<unit>'] [IN SCHEMA <schema>] [AS USER '<user>'] [WITH PARAMS (<value>, …)] <sql>",
        "where a statement would go, and why",
    ),
    ("CHECK SCHEMA [OF '<group>']", "what of the units' schemas cannot hold over several units, and what to do"),
    ("RELOAD", "read the configuration again: users, limits, certificates, log filter"),
    ("RELOAD USERS", "read the users' file again"),
    ("DRAIN NODE", "end this node: transactions may finish until the deadline, nothing new begins"),
    ("HELP", "this list"),
];

const VERBS_EXPECTED: &str = "a verb: SHOW, FORBID, ALLOW, SWITCH, MOVE, ROLLBACK MOVE, ROLLBACK TO EPOCH, FORCE, RECONCILE, REJOIN, RESTORE STATE, EXPLAIN ROUTE, CHECK SCHEMA, RELOAD, DRAIN NODE or HELP";

/// What SHOW shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The units and what they own.
    Units,
    /// The groups and their owners.
    Groups,
    /// The instances and their health.
    Instances,
    /// Connections to instances.
    Pools,
    /// Client sessions.
    Sessions,
    /// Why sessions keep connections.
    Pins,
    /// Nodes that share the control store.
    Nodes,
    /// The rows of the fence and the leases at the primaries.
    Fences,
    /// Standing forbids.
    Forbids,
    /// Moves under way.
    Moves,
    /// What was left behind by force.
    Quarantines,
    /// How far followers are behind.
    Lag,
    /// The last changes.
    History,
    /// Statements that are denied everywhere.
    Denials,
    /// What was refused since the node started.
    Refusals,
    /// Texts about which our classifier and the parser differ.
    Disagreements,
    /// What would have been done with statements of observed groups.
    Observed,
    /// The epoch.
    Epoch,
}

const SUBJECTS: &[(&str, Subject)] = &[
    ("UNITS", Subject::Units),
    ("GROUPS", Subject::Groups),
    ("INSTANCES", Subject::Instances),
    ("POOLS", Subject::Pools),
    ("SESSIONS", Subject::Sessions),
    ("PINS", Subject::Pins),
    ("NODES", Subject::Nodes),
    ("FENCES", Subject::Fences),
    ("FORBIDS", Subject::Forbids),
    ("MOVES", Subject::Moves),
    ("QUARANTINES", Subject::Quarantines),
    ("LAG", Subject::Lag),
    ("HISTORY", Subject::History),
    ("DENIALS", Subject::Denials),
    ("REFUSALS", Subject::Refusals),
    ("DISAGREEMENTS", Subject::Disagreements),
    ("OBSERVED", Subject::Observed),
    ("EPOCH", Subject::Epoch),
];

/// What the answer to a forbid waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForbidWait {
    /// That it is in force.
    InForce,
    /// That nothing of what it covers is written any more, and where that ended.
    Fenced,
}

/// A command of the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// SHOW …
    Show(Subject),
    /// FORBID … ON …
    Forbid {
        /// What it covers.
        scope: ScopeWords,
        /// What is refused.
        kind: ForbidKind,
        /// Why.
        reason: String,
        /// What is waited for.
        wait: ForbidWait,
        /// The epoch that must hold.
        if_epoch: Option<Epoch>,
    },
    /// ALLOW WRITES ON …
    Allow {
        /// What it covers.
        scope: ScopeWords,
        /// The epoch that must hold.
        if_epoch: Option<Epoch>,
    },
    /// SWITCH … | MOVE …
    Move(MoveWords),
    /// ROLLBACK MOVE …
    RollBackMove {
        /// Which; the only one where none is given.
        id: Option<u64>,
        /// The epoch that must hold.
        if_epoch: Option<Epoch>,
    },
    /// ROLLBACK TO EPOCH …
    RollBackTo {
        /// The epoch whose forbids are to stand again.
        epoch: Epoch,
        /// The epoch that must hold.
        if_epoch: Option<Epoch>,
    },
    /// FORCE UNIT …
    Force(ForceWords),
    /// RECONCILE UNIT …
    Reconcile(QuarantineWords),
    /// REJOIN UNIT …
    Rejoin(QuarantineWords),
    /// RESTORE STATE …
    RestoreState {
        /// Why.
        reason: String,
        /// The epoch that must hold here.
        if_epoch: Option<Epoch>,
    },
    /// EXPLAIN ROUTE …
    ExplainRoute {
        /// The unit's name; the console's unit where none is given.
        unit: Option<String>,
        /// The session's schema.
        schema: Option<String>,
        /// The session's user.
        user: Option<String>,
        /// The values of its parameters.
        parameters: Option<Vec<KeyValue>>,
        /// The statement.
        sql: String,
    },
    /// CHECK SCHEMA
    CheckSchema {
        /// The group; all of them where none is given.
        group: Option<String>,
    },
    /// RELOAD
    Reload,
    /// RELOAD USERS
    ReloadUsers,
    /// DRAIN NODE
    DrainNode,
    /// HELP
    Help,
    /// What a client or driver asks by itself.
    Chatter(Chatter),
}

impl Command {
    /// The role an account needs for it.
    pub fn least_role(&self) -> ConsoleRole {
        match self {
            Command::Show(_)
            | Command::ExplainRoute { .. }
            | Command::CheckSchema { .. }
            | Command::Help
            | Command::Chatter(_) => ConsoleRole::Viewer,
            Command::Forbid { .. }
            | Command::Allow { .. }
            | Command::Move(_)
            | Command::RollBackMove { .. }
            | Command::RollBackTo { .. }
            | Command::Reload
            | Command::ReloadUsers
            | Command::Reconcile(_)
            | Command::DrainNode => ConsoleRole::Operator,
            Command::Force(_) | Command::Rejoin(_) | Command::RestoreState { .. } => ConsoleRole::Admin,
        }
    }
}

/// Why a text is no command.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum GrammarError {
    /// Something else was expected.
    #[error("found {found}, expected {expected}")]
    Expected {
        /// What stands there.
        found: String,
        /// What may stand there.
        expected: String,
    },
    /// A system variable the console does not have.
    #[error("unknown system variable '{0}'")]
    UnknownVariable(String),
}

/// Reads one command; a `;` at the end is dropped. Errors: what was found and what was expected.
pub fn parse(text: &str) -> Result<Command, GrammarError> {
    let mut words = Words::new(text);
    let first = words.next();
    let Token::Word(verb) = &first else {
        return Err(unexpected(&first, VERBS_EXPECTED));
    };
    match verb.to_ascii_uppercase().as_str() {
        "SHOW" => parse_show(words),
        "FORBID" => parse_forbid(words),
        "ALLOW" => parse_allow(words),
        "SWITCH" => move_words::parse_switch(words),
        "MOVE" => move_words::parse_move(words),
        "FORCE" => force_words::parse_force(words),
        "RECONCILE" => force_words::parse_reconcile(words),
        "REJOIN" => force_words::parse_rejoin(words),
        "RESTORE" => force_words::parse_restore(words),
        "ROLLBACK" => move_words::parse_rollback(words),
        "EXPLAIN" => parse_explain(words),
        "CHECK" => parse_check(words),
        "RELOAD" if words.peek().is_word("USERS") => {
            words.expect("USERS").and_then(|()| words.end(Command::ReloadUsers))
        }
        "RELOAD" => words.end(Command::Reload),
        "DRAIN" => words.expect("NODE").and_then(|()| words.end(Command::DrainNode)),
        "HELP" => words.end(Command::Help),
        "SELECT" => chatter::parse_select(words.rest()).map(Command::Chatter),
        // The console has no settings and no transactions, so these change nothing. BEGIN and ROLLBACK would promise something.
        "SET" | "COMMIT" => Ok(Command::Chatter(Chatter::Nothing)),
        _ => Err(unexpected(&first, VERBS_EXPECTED)),
    }
}

fn parse_show(mut words: Words<'_>) -> Result<Command, GrammarError> {
    let subject = words.next();
    if subject.is_word("WARNINGS") {
        return Ok(Command::Chatter(Chatter::Warnings));
    }
    match SUBJECTS.iter().find(|(word, _)| subject.is_word(word)) {
        Some((_, found)) => words.end(Command::Show(*found)),
        None => Err(unexpected(
            &subject,
            "UNITS, GROUPS, INSTANCES, POOLS, SESSIONS, PINS, NODES, FENCES, FORBIDS, MOVES, QUARANTINES, LAG, HISTORY, DENIALS, REFUSALS, DISAGREEMENTS, OBSERVED or EPOCH",
        )),
    }
}

fn parse_forbid(mut words: Words<'_>) -> Result<Command, GrammarError> {
    const KINDS: &[(&str, ForbidKind)] =
        &[("WRITES", ForbidKind::Writes), ("UPDATES", ForbidKind::Updates), ("ALL", ForbidKind::All)];
    let kind = match KINDS.iter().find(|(word, _)| words.peek().is_word(word)) {
        Some((_, kind)) => {
            words.next();
            *kind
        }
        None => ForbidKind::Writes,
    };
    words.expect("ON")?;
    let scope = scope_words::parse(&mut words)?;
    let reason = force_words::reason(&mut words)?;
    let mut wait = ForbidWait::InForce;
    if words.peek().is_word("WAIT") {
        words.next();
        words.expect("FENCED")?;
        wait = ForbidWait::Fenced;
    }
    let if_epoch = words.epoch_condition()?;
    words.end(Command::Forbid { scope, kind, reason, wait, if_epoch })
}

fn parse_allow(mut words: Words<'_>) -> Result<Command, GrammarError> {
    words.expect("WRITES")?;
    words.expect("ON")?;
    let scope = scope_words::parse(&mut words)?;
    let if_epoch = words.epoch_condition()?;
    words.end(Command::Allow { scope, if_epoch })
}

fn parse_check(mut words: Words<'_>) -> Result<Command, GrammarError> {
    words.expect("SCHEMA")?;
    let group = scope_words::of_group(&mut words)?;
    words.end(Command::CheckSchema { group })
}

fn parse_explain(mut words: Words<'_>) -> Result<Command, GrammarError> {
    words.expect("ROUTE")?;
    let (mut unit, mut schema, mut user, mut parameters) = (None, None, None, None);
    loop {
        if words.peek().is_word("WITH") {
            let Some(values) = words.parameters()? else { break };
            parameters = Some(values);
            continue;
        }
        let (what, slot) = match words.peek() {
            token if token.is_word("AT") => ("UNIT", &mut unit),
            token if token.is_word("IN") => ("SCHEMA", &mut schema),
            token if token.is_word("AS") => ("USER", &mut user),
            _ => break,
        };
        words.next();
        words.expect(what)?;
        *slot = Some(words.name("a name")?);
    }
    let sql = words.rest().trim();
    if sql.is_empty() {
        return Err(unexpected(&Token::End, "a statement to explain"));
    }
    Ok(Command::ExplainRoute { unit, schema, user, parameters, sql: sql.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> String {
        match parse(text) {
            Ok(command) => panic!("{text} was read as {command:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn verbs_are_read_in_any_case_with_comments_and_a_semicolon() {
        assert_eq!(parse("show units"), Ok(Command::Show(Subject::Units)));
        assert_eq!(parse("/* tool */ SHOW /* x */ Epoch ; "), Ok(Command::Show(Subject::Epoch)));
        assert_eq!(parse("reload users"), Ok(Command::ReloadUsers));
        assert_eq!(parse("RELOAD;"), Ok(Command::Reload));
        assert_eq!(parse("drain node"), Ok(Command::DrainNode));
    }

    #[test]
    fn a_forbid_has_a_kind_a_unit_a_reason_and_an_epoch() {
        let full = parse(r"FORBID UPDATES ON UNIT 'bj' REASON 'it''s a \'drill\'' IF EPOCH = 7");
        let expected = Command::Forbid {
            scope: ScopeWords::Unit("bj".to_owned()),
            kind: ForbidKind::Updates,
            reason: "it's a 'drill'".to_owned(),
            wait: ForbidWait::InForce,
            if_epoch: Some(Epoch(7)),
        };
        assert_eq!(full, Ok(expected));
        let short = parse("forbid on unit bj reason \"drill\"");
        let expected = Command::Forbid {
            scope: ScopeWords::Unit("bj".to_owned()),
            kind: ForbidKind::Writes,
            reason: "drill".to_owned(),
            wait: ForbidWait::InForce,
            if_epoch: None,
        };
        assert_eq!(short, Ok(expected));
        let fenced = parse("forbid all on global zone reason 'copy' wait fenced if epoch = 8");
        let expected = Command::Forbid {
            scope: ScopeWords::GlobalZone { group: None },
            kind: ForbidKind::All,
            reason: "copy".to_owned(),
            wait: ForbidWait::Fenced,
            if_epoch: Some(Epoch(8)),
        };
        assert_eq!(fenced, Ok(expected));
        assert_eq!(found("FORBID ON UNIT bj REASON 'x' WAIT"), "found the end, expected FENCED");
    }

    #[test]
    fn a_forbid_without_a_reason_is_refused() {
        assert_eq!(found("FORBID WRITES ON UNIT 'bj'"), "found the end, expected REASON");
        assert!(found("FORBID WRITES ON UNIT 'bj' REASON '  '").ends_with("a reason of 1 to 200 printable characters"));
        assert_eq!(
            found("FORBID WRITES ON UNIT 'bj' REASON 'x"),
            "found an open quote ', expected the reason in quotes"
        );
    }

    #[test]
    fn nothing_may_follow_a_change() {
        let text = "ALLOW WRITES ON UNIT 'bj' IF EPOCH = 3 OR 1";
        assert_eq!(found(text), "found OR, expected the end of the command");
        assert_eq!(found("ALLOW WRITES ON UNIT bj; SHOW UNITS"), "found ';', expected the end of the command");
    }

    #[test]
    fn the_statement_to_explain_is_taken_as_it_stands() {
        let sql = "UPDATE orders SET note = 'a;  b' WHERE user_id = 6000 /* IN SCHEMA y */";
        let text = format!("explain route at unit 'bj' in schema `shop` as user app {sql};");
        let expected = Command::ExplainRoute {
            unit: Some("bj".to_owned()),
            schema: Some("shop".to_owned()),
            user: Some("app".to_owned()),
            parameters: None,
            sql: sql.to_owned(),
        };
        assert_eq!(parse(&text), Ok(expected));
        assert_eq!(found("EXPLAIN ROUTE"), "found the end, expected a statement to explain");
    }

    #[test]
    fn parameters_are_told_apart_from_a_common_table_expression() {
        let explained = |text: &str| match parse(text) {
            Ok(Command::ExplainRoute { parameters, sql, .. }) => (parameters, sql),
            other => panic!("{text} was read as {other:?}"),
        };
        let values = vec![
            KeyValue::Integer(6000),
            KeyValue::Integer(-5),
            KeyValue::Text(b"it's".as_slice().into()),
            KeyValue::Null,
            KeyValue::Unreadable,
        ];
        let text = "EXPLAIN ROUTE WITH PARAMS (6000, -5, 'it''s', NULL, 1.5) IN SCHEMA shop UPDATE t SET a = ?";
        assert_eq!(explained(text), (Some(values), "UPDATE t SET a = ?".to_owned()));
        assert_eq!(explained("EXPLAIN ROUTE WITH PARAMS () SELECT 1"), (Some(Vec::new()), "SELECT 1".to_owned()));
        let with = "WITH c AS (SELECT 1) SELECT * FROM c";
        assert_eq!(explained(&format!("EXPLAIN ROUTE {with}")), (None, with.to_owned()));
        assert_eq!(found("EXPLAIN ROUTE WITH PARAMS (1 2) SELECT 1"), "found 2, expected ',' or ')'");
    }

    #[test]
    fn a_bad_verb_says_what_is_known() {
        assert!(found("PROMOTE GLOBAL ZONE").starts_with("found PROMOTE, expected a verb: SHOW, FORBID"));
        assert_eq!(
            found("SHOW TABLES"),
            "found TABLES, expected UNITS, GROUPS, INSTANCES, POOLS, SESSIONS, PINS, NODES, FENCES, FORBIDS, MOVES, QUARANTINES, LAG, HISTORY, DENIALS, REFUSALS, DISAGREEMENTS, OBSERVED or EPOCH"
        );
    }

    #[test]
    fn a_transaction_that_could_not_be_rolled_back_is_not_begun() {
        assert!(parse("BEGIN").is_err());
        assert!(parse("ROLLBACK").is_err());
    }
}
