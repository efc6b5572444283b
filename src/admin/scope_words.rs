//! How operators name what a forbid or a move is about, and what those names mean in the control state.

use super::grammar::GrammarError;
use super::tokens::{Token, Words, unexpected};
use crate::model::{ControlState, ForbidScope, ForbiddenKey, GroupId, Shard, ShardRange, UnitId};

/// A scope as an operator names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeWords {
    /// UNIT '…'
    Unit(String),
    /// GROUP '…'
    Group(String),
    /// SHARDS a-b [OF '…'] | SHARD a [OF '…']
    Shards {
        /// The range.
        range: ShardRange,
        /// The group's name; the default group where none is given.
        group: Option<String>,
    },
    /// KEY … [OF '…']
    Key {
        /// The key, of the group's first key type.
        key: String,
        /// The group's name; the default group where none is given.
        group: Option<String>,
    },
    /// GLOBAL ZONE [OF '…']
    GlobalZone {
        /// The group's name; the default group where none is given.
        group: Option<String>,
    },
}

/// A name nothing bears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownName {
    /// `unit` or `group`.
    pub what: &'static str,
    /// The name.
    pub name: String,
    /// The names there are.
    pub known: String,
}

/// Reads a scope. Errors: what was found and what was expected.
pub fn parse(words: &mut Words<'_>) -> Result<ScopeWords, GrammarError> {
    let first = words.next();
    if first.is_word("UNIT") {
        return words.name("a unit").map(ScopeWords::Unit);
    }
    if first.is_word("GROUP") {
        return words.name("a group").map(ScopeWords::Group);
    }
    if first.is_word("SHARDS") || first.is_word("SHARD") {
        let range = shards(words)?;
        return Ok(ScopeWords::Shards { range, group: of_group(words)? });
    }
    if first.is_word("KEY") {
        let key = words.name("a key")?;
        return Ok(ScopeWords::Key { key, group: of_group(words)? });
    }
    if first.is_word("GLOBAL") {
        words.expect("ZONE")?;
        return Ok(ScopeWords::GlobalZone { group: of_group(words)? });
    }
    Err(unexpected(&first, "UNIT, GROUP, SHARDS, KEY or GLOBAL ZONE"))
}

/// Reads `[OF '<group>']`.
pub fn of_group(words: &mut Words<'_>) -> Result<Option<String>, GrammarError> {
    if !words.peek().is_word("OF") {
        return Ok(None);
    }
    words.next();
    words.name("a group").map(Some)
}

/// Reads `5000-9999`, or one shard.
pub fn shards(words: &mut Words<'_>) -> Result<ShardRange, GrammarError> {
    let token = words.next();
    let range = match &token {
        Token::Word(text) | Token::Text(text) => {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            first.parse().ok().zip(last.parse().ok())
        }
        Token::Sign(_) | Token::Unclosed(_) | Token::End => None,
    };
    match range {
        Some((first, last)) if first <= last => Ok(ShardRange { first: Shard(first), last: Shard(last) }),
        Some(_) | None => Err(unexpected(&token, "shards, for example 5000-9999")),
    }
}

/// The unit called `name`. Errors: there is none.
pub fn unit(state: &ControlState, name: &str) -> Result<UnitId, UnknownName> {
    let known = || state.units.iter().map(|unit| unit.name.as_str()).collect::<Vec<_>>().join(", ");
    state.unit_named(name).ok_or_else(|| UnknownName { what: "unit", name: name.to_owned(), known: known() })
}

/// The group called `name`; the default group for none. Errors: there is none.
pub fn group(state: &ControlState, name: Option<&str>) -> Result<GroupId, UnknownName> {
    let Some(name) = name else { return Ok(state.default_group) };
    let known = || state.groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>().join(", ");
    state.group_named(name).ok_or_else(|| UnknownName { what: "group", name: name.to_owned(), known: known() })
}

/// What `words` mean in `state`. Errors: a name nothing bears.
pub fn scope(state: &ControlState, words: &ScopeWords) -> Result<ForbidScope, UnknownName> {
    Ok(match words {
        ScopeWords::Unit(name) => ForbidScope::Unit(unit(state, name)?),
        ScopeWords::Group(name) => ForbidScope::Group(group(state, Some(name))?),
        ScopeWords::Shards { range, group: name } => ForbidScope::Shards(group(state, name.as_deref())?, *range),
        ScopeWords::Key { key, group: name } => {
            ForbidScope::Key(group(state, name.as_deref())?, ForbiddenKey { key_type: 0, text: key.clone() })
        }
        ScopeWords::GlobalZone { group: name } => ForbidScope::GlobalZone(group(state, name.as_deref())?),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn each_scope_is_read_with_and_without_its_group() {
        let range = |first, last| ShardRange { first: Shard(first), last: Shard(last) };
        let group = || Some("main".to_owned());
        for (text, expected) in [
            ("UNIT 'bj'", ScopeWords::Unit("bj".to_owned())),
            ("group main", ScopeWords::Group("main".to_owned())),
            ("shards 5-9", ScopeWords::Shards { range: range(5, 9), group: None }),
            ("SHARD 5 OF main", ScopeWords::Shards { range: range(5, 5), group: group() }),
            ("KEY 'li@example.com'", ScopeWords::Key { key: "li@example.com".to_owned(), group: None }),
            ("key 6000 of 'main'", ScopeWords::Key { key: "6000".to_owned(), group: group() }),
            ("GLOBAL ZONE OF main", ScopeWords::GlobalZone { group: group() }),
        ] {
            assert_eq!(parse(&mut Words::new(text)).unwrap(), expected, "{text}");
        }
        for wrong in ["shards 9-5", "shards a", "shards 5 - 9", "global", "tables x", ""] {
            let read = parse(&mut Words::new(wrong));
            assert!(read.is_err() || wrong == "shards 5 - 9", "{wrong}");
        }
    }
}
