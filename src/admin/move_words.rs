//! How operators ask for a move, and what those words mean in the control state.

use super::force_words::reason;
use super::grammar::{Command, GrammarError};
use super::scope_words::{self, ScopeWords, UnknownName};
use super::tokens::{Token, Words, unexpected};
use crate::cutover::{Check, Goal, SkippedChecks};
use crate::model::{ControlState, Epoch, MoveId};

/// A move as an operator asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveWords {
    /// What moves.
    pub what: ScopeWords,
    /// The name of the unit it moves to.
    pub target: String,
    /// Whether it is to be made.
    pub wish: MoveWish,
    /// The checks whose faults are taken upon oneself.
    pub skipped: Option<SkippedChecks>,
    /// The epoch that must hold.
    pub if_epoch: Option<Epoch>,
}

/// Whether a move is to be made, or only looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveWish {
    /// Make it.
    CarryOut,
    /// Tell what it would meet.
    DryRun,
}

/// SWITCH GLOBAL ZONE [OF '…'] TO '…' …
pub fn parse_switch(mut words: Words<'_>) -> Result<Command, GrammarError> {
    words.expect("GLOBAL")?;
    words.expect("ZONE")?;
    let what = ScopeWords::GlobalZone { group: scope_words::of_group(&mut words)? };
    parse_rest(words, what)
}

/// MOVE SHARDS … | KEY … | UNIT '…' TO '…' …
pub fn parse_move(mut words: Words<'_>) -> Result<Command, GrammarError> {
    let first = words.peek();
    match scope_words::parse(&mut words)? {
        what @ (ScopeWords::Shards { .. } | ScopeWords::Key { .. } | ScopeWords::Unit(_)) => parse_rest(words, what),
        ScopeWords::Group(_) => Err(unexpected(&first, "SHARDS, KEY or UNIT")),
        ScopeWords::GlobalZone { .. } => Err(unexpected(&first, "SHARDS, KEY or UNIT; a Global Zone is switched")),
    }
}

fn parse_rest(mut words: Words<'_>, what: ScopeWords) -> Result<Command, GrammarError> {
    words.expect("TO")?;
    let target = words.name("a unit")?;
    let mut wish = MoveWish::CarryOut;
    if words.peek().is_word("DRY") {
        words.next();
        words.expect("RUN")?;
        wish = MoveWish::DryRun;
    }
    let skipped = skipped(&mut words)?;
    let if_epoch = words.epoch_condition()?;
    words.end(Command::Move(MoveWords { what, target, wish, skipped, if_epoch }))
}

/// [SKIP CHECK '…' [SKIP CHECK '…' …] REASON '…']
fn skipped(words: &mut Words<'_>) -> Result<Option<SkippedChecks>, GrammarError> {
    let mut checks = Vec::new();
    while words.peek().is_word("SKIP") {
        words.next();
        words.expect("CHECK")?;
        let token = words.peek();
        let check = Check::of(&words.name("a check")?).filter(|check| check.can_be_skipped());
        checks.push(check.ok_or_else(|| unexpected(&token, "a check that can be skipped (DRY RUN names them)"))?);
    }
    if checks.is_empty() {
        return Ok(None);
    }
    Ok(Some(SkippedChecks { checks, reason: reason(words)? }))
}

/// ROLLBACK MOVE [id] … | ROLLBACK TO EPOCH n …
pub fn parse_rollback(mut words: Words<'_>) -> Result<Command, GrammarError> {
    if words.peek().is_word("TO") {
        words.next();
        words.expect("EPOCH")?;
        let epoch = Epoch(number(&mut words, "the number of an epoch")?);
        let if_epoch = words.epoch_condition()?;
        return words.end(Command::RollBackTo { epoch, if_epoch });
    }
    words.expect("MOVE")?;
    let id = match words.peek() {
        Token::End => None,
        token if token.is_word("IF") => None,
        _ => Some(number(&mut words, "the number of a move")?),
    };
    let if_epoch = words.epoch_condition()?;
    words.end(Command::RollBackMove { id, if_epoch })
}

fn number(words: &mut Words<'_>, expected: &str) -> Result<u64, GrammarError> {
    let token = words.next();
    let number = match &token {
        Token::Word(number) => number.parse().ok(),
        Token::Text(_) | Token::Sign(_) | Token::Unclosed(_) | Token::End => None,
    };
    number.ok_or_else(|| unexpected(&token, expected))
}

/// What `words` mean in `state`. Errors: a name nothing bears.
pub fn goal(state: &ControlState, words: &MoveWords) -> Result<Goal, UnknownName> {
    let target = scope_words::unit(state, &words.target)?;
    let group = |name: &Option<String>| scope_words::group(state, name.as_deref());
    Ok(match &words.what {
        ScopeWords::GlobalZone { group: name } => Goal::GlobalZone { group: group(name)?, target },
        ScopeWords::Shards { range, group: name } => Goal::Shards { group: group(name)?, range: *range, target },
        ScopeWords::Key { key, group: name } => Goal::Key { group: group(name)?, key: key.clone(), target },
        ScopeWords::Unit(name) => Goal::Unit { source: scope_words::unit(state, name)?, target },
        ScopeWords::Group(name) => Goal::GlobalZone { group: scope_words::group(state, Some(name))?, target },
    })
}

/// The move an operator means. Errors: there is none under way, or several and no number.
pub fn which(under_way: &[MoveId], wanted: Option<u64>) -> Result<MoveId, String> {
    match (wanted, under_way) {
        (Some(id), moves) if moves.contains(&MoveId(id)) => Ok(MoveId(id)),
        (Some(id), _) => Err(format!("move {id} is not under way")),
        (None, [only]) => Ok(*only),
        (None, []) => Err("no move is under way; what has been moved is moved back by another move".to_owned()),
        (None, _) => Err("several moves are under way: name one by its number (SHOW MOVES)".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::grammar::parse;
    use super::*;
    use crate::model::{Shard, ShardRange};

    fn words(text: &str) -> MoveWords {
        match parse(text) {
            Ok(Command::Move(words)) => words,
            other => panic!("{text} was read as {other:?}"),
        }
    }

    #[test]
    fn a_move_has_what_where_to_and_conditions() {
        let plain = |what, target: &str| MoveWords {
            what,
            target: target.to_owned(),
            wish: MoveWish::CarryOut,
            skipped: None,
            if_epoch: None,
        };
        let range = ShardRange { first: Shard(5000), last: Shard(9999) };
        assert_eq!(words("SWITCH GLOBAL ZONE TO 'bj'"), plain(ScopeWords::GlobalZone { group: None }, "bj"));
        let of_main = Some("main".to_owned());
        let expected = MoveWords {
            wish: MoveWish::DryRun,
            if_epoch: Some(Epoch(7)),
            ..plain(ScopeWords::GlobalZone { group: of_main }, "bj")
        };
        assert_eq!(words("switch global zone of main to bj dry run if epoch = 7;"), expected);
        assert_eq!(words("MOVE SHARDS 5000-9999 TO hz"), plain(ScopeWords::Shards { range, group: None }, "hz"));
        assert_eq!(words("MOVE KEY 6000 TO hz"), plain(ScopeWords::Key { key: "6000".to_owned(), group: None }, "hz"));
        assert_eq!(words("MOVE UNIT 'bj' TO 'hz'"), plain(ScopeWords::Unit("bj".to_owned()), "hz"));
        let skipped =
            SkippedChecks { checks: vec![Check::Retention, Check::AutomaticIds], reason: "tonight only".to_owned() };
        let expected = MoveWords {
            skipped: Some(skipped),
            if_epoch: Some(Epoch(7)),
            ..plain(ScopeWords::Unit("bj".to_owned()), "hz")
        };
        let text =
            "MOVE UNIT bj TO hz SKIP CHECK retention SKIP CHECK 'automatic-ids' REASON 'tonight only' IF EPOCH = 7";
        assert_eq!(words(text), expected);
        for unskippable in ["fence", "channels", "answers", "filters", "binlog", "catch-up", "appliers"] {
            let told =
                parse(&format!("MOVE KEY 1 TO hz SKIP CHECK '{unskippable}' REASON 'x'")).unwrap_err().to_string();
            assert!(told.contains("a check that can be skipped"), "{told}");
        }
        for wrong in [
            "MOVE KEY 1 TO hz SKIP CHECK retention",
            "MOVE KEY 1 TO hz SKIP retention REASON 'x'",
            "MOVE GROUP main TO hz",
            "MOVE GLOBAL ZONE TO hz",
            "SWITCH SHARDS 1-2 TO hz",
            "MOVE SHARDS 1-2",
            "ROLLBACK",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_only_move_needs_no_number() {
        let back = |id, if_epoch| Ok(Command::RollBackMove { id, if_epoch });
        assert_eq!(parse("ROLLBACK MOVE 8"), back(Some(8), None));
        assert_eq!(parse("rollback move"), back(None, None));
        assert_eq!(parse("ROLLBACK MOVE IF EPOCH = 9"), back(None, Some(Epoch(9))));
        let to = Command::RollBackTo { epoch: Epoch(3), if_epoch: Some(Epoch(9)) };
        assert_eq!(parse("ROLLBACK TO EPOCH 3 IF EPOCH = 9"), Ok(to));
        assert!(parse("ROLLBACK TO EPOCH").is_err() && parse("ROLLBACK MOVE x").is_err());
        assert_eq!(which(&[MoveId(8)], None), Ok(MoveId(8)));
        assert_eq!(which(&[MoveId(8), MoveId(9)], Some(9)), Ok(MoveId(9)));
        assert!(which(&[MoveId(8), MoveId(9)], None).is_err() && which(&[], None).is_err());
        assert!(which(&[MoveId(8)], Some(9)).is_err());
    }
}
