//! How operators ask for a forced change, and for what comes after it; and what those words mean in the control state.

use super::grammar::{Command, GrammarError};
use super::scope_words::{self, UnknownName};
use super::tokens::{Token, Words, unexpected};
use crate::cutover::{ForceWish, WithoutProof};
use crate::model::{ControlState, Epoch, GroupId, UnitId};

/// A forced change as an operator asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForceWords {
    /// The unit that is lost.
    pub source: QuarantineWords,
    /// The name of the unit that gets what it owned.
    pub target: String,
    /// Why.
    pub reason: String,
    /// What to do without proof.
    pub without_proof: WithoutProof,
    /// The epoch that must hold.
    pub if_epoch: Option<Epoch>,
}

/// A unit's instances of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineWords {
    /// The unit's name.
    pub unit: String,
    /// The group's name; the default group where none is given.
    pub group: Option<String>,
}

/// FORCE UNIT '…' [OF '…'] TO '…' REASON '…' [ACCEPT UNFENCED] [IF EPOCH = n]
pub fn parse_force(mut words: Words<'_>) -> Result<Command, GrammarError> {
    let source = parse_unit(&mut words)?;
    words.expect("TO")?;
    let target = words.name("a unit")?;
    let reason = reason(&mut words)?;
    let mut without_proof = WithoutProof::Refuse;
    if words.peek().is_word("ACCEPT") {
        words.next();
        words.expect("UNFENCED")?;
        without_proof = WithoutProof::Accept;
    }
    let if_epoch = words.epoch_condition()?;
    words.end(Command::Force(ForceWords { source, target, reason, without_proof, if_epoch }))
}

/// REJOIN UNIT '…' [OF '…']
pub fn parse_rejoin(mut words: Words<'_>) -> Result<Command, GrammarError> {
    let what = parse_unit(&mut words)?;
    words.end(Command::Rejoin(what))
}

/// RESTORE STATE REASON '…' [IF EPOCH = n]
pub fn parse_restore(mut words: Words<'_>) -> Result<Command, GrammarError> {
    words.expect("STATE")?;
    let reason = reason(&mut words)?;
    let if_epoch = words.epoch_condition()?;
    words.end(Command::RestoreState { reason, if_epoch })
}

/// RECONCILE UNIT '…' [OF '…']
pub fn parse_reconcile(mut words: Words<'_>) -> Result<Command, GrammarError> {
    let what = parse_unit(&mut words)?;
    words.end(Command::Reconcile(what))
}

fn parse_unit(words: &mut Words<'_>) -> Result<QuarantineWords, GrammarError> {
    words.expect("UNIT")?;
    let unit = words.name("a unit")?;
    Ok(QuarantineWords { unit, group: scope_words::of_group(words)? })
}

/// Reads `REASON '…'`.
pub fn reason(words: &mut Words<'_>) -> Result<String, GrammarError> {
    words.expect("REASON")?;
    let token = words.next();
    let Token::Text(reason) = &token else { return Err(unexpected(&token, "the reason in quotes")) };
    let reason = reason.trim().to_owned();
    if reason.is_empty() || reason.chars().count() > 200 || reason.chars().any(char::is_control) {
        return Err(unexpected(&token, "a reason of 1 to 200 printable characters"));
    }
    Ok(reason)
}

/// What `words` mean in `state`. Errors: a name nothing bears.
pub fn wish(state: &ControlState, words: &ForceWords) -> Result<ForceWish, UnknownName> {
    let (group, source) = place(state, &words.source)?;
    let target = scope_words::unit(state, &words.target)?;
    Ok(ForceWish { group, source, target, reason: words.reason.clone(), without_proof: words.without_proof })
}

/// What `words` mean in `state`. Errors: a name nothing bears.
pub fn place(state: &ControlState, words: &QuarantineWords) -> Result<(GroupId, UnitId), UnknownName> {
    Ok((scope_words::group(state, words.group.as_deref())?, scope_words::unit(state, &words.unit)?))
}

#[cfg(test)]
mod tests {
    use super::super::grammar::parse;
    use super::*;

    fn hz(group: Option<&str>) -> QuarantineWords {
        QuarantineWords { unit: "hz".to_owned(), group: group.map(str::to_owned) }
    }

    #[test]
    fn a_forced_change_names_unit_target_and_reason() {
        let words = |source, without_proof, if_epoch| {
            let (target, reason) = ("bj".to_owned(), "hz is on fire".to_owned());
            Ok(Command::Force(ForceWords { source, target, reason, without_proof, if_epoch }))
        };
        assert_eq!(
            parse("FORCE UNIT 'hz' TO 'bj' REASON 'hz is on fire'"),
            words(hz(None), WithoutProof::Refuse, None)
        );
        assert_eq!(
            parse("force unit hz of 'main' to bj reason 'hz is on fire' accept unfenced if epoch = 7"),
            words(hz(Some("main")), WithoutProof::Accept, Some(Epoch(7)))
        );
        for text in
            ["FORCE UNIT hz TO bj", "FORCE GLOBAL ZONE TO bj REASON 'x'", "FORCE UNIT hz TO bj REASON 'x' ACCEPT"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_was_left_behind_is_named_by_unit_and_group() {
        let restore = Command::RestoreState { reason: "etcd of 03:00".to_owned(), if_epoch: Some(Epoch(7)) };
        assert_eq!(parse("RESTORE STATE REASON 'etcd of 03:00' IF EPOCH = 7"), Ok(restore));
        assert!(parse("RESTORE STATE").is_err(), "a reason is needed");
        assert_eq!(parse("REJOIN UNIT 'hz'"), Ok(Command::Rejoin(hz(None))));
        assert_eq!(parse("RECONCILE UNIT 'hz' OF 'main'"), Ok(Command::Reconcile(hz(Some("main")))));
    }
}
