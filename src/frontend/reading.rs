//! What of a session's state decides how its texts are read: sql_mode and the client's character set.

use crate::backend::SessionState;
use crate::sql::{CharsetClass, SqlMode};
use mysql_common::collations::{Collation, CollationId};

/// How the session's texts are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// sql_mode, as far as it matters.
    pub mode: SqlMode,
    /// The client's character set, as far as it matters.
    pub charset: CharsetClass,
}

impl Reading {
    /// What follows from the session's state, the collation of its login and the servers' default sql_mode.
    pub fn of(state: &SessionState, collation: u16, default_mode: &str) -> Reading {
        let default = SqlMode::from_value(&format!("'{default_mode}'")).unwrap_or_default();
        let set = state.variables.get("sql_mode").and_then(|value| SqlMode::from_value(value));
        let charset = match (state.variables.get("character_set_client"), &state.names) {
            (Some(charset), _) => CharsetClass::of(charset),
            (None, Some(names)) => CharsetClass::of(names_charset(names)),
            (None, None) => CharsetClass::of(&charset_of(collation)),
        };
        // Literals go through the connection's own character set, and may lose characters on the way.
        let by_way_of = ["character_set_connection", "collation_connection"]
            .iter()
            .any(|name| state.variables.contains_key(*name))
            || state.names.as_ref().is_some_and(|names| !names.trim_start().to_ascii_uppercase().starts_with("NAMES"));
        let charset = if charset == CharsetClass::Utf8 && by_way_of { CharsetClass::AsciiSafe } else { charset };
        Reading { mode: set.unwrap_or(default), charset }
    }
}

/// The character set of a collation id, as a name for SET NAMES; utf8mb4 for ids that no list knows.
pub fn charset_of(collation: u16) -> String {
    match CollationId::from(collation) {
        CollationId::UNKNOWN_COLLATION_ID => "utf8mb4".to_owned(),
        known => Collation::resolve(known).charset().to_owned(),
    }
}

/// What restores the character set of a login, as SQL after SET.
pub fn login_names(collation: u16) -> String {
    match CollationId::from(collation) {
        CollationId::UNKNOWN_COLLATION_ID => "NAMES utf8mb4".to_owned(),
        known => {
            let collation = Collation::resolve(known);
            format!("NAMES {} COLLATE {}", collation.charset(), collation.collation())
        }
    }
}

/// The login's character set, where it is one that no server takes texts in: a character may have a zero byte.
pub fn unwritable_charset(collation: u16) -> Option<&'static str> {
    let login = Collation::resolve(CollationId::from(collation));
    ["ucs2", "utf16", "utf16le", "utf32"].into_iter().find(|wide| *wide == login.charset())
}

/// `NAMES 'gbk' COLLATE …` or `CHARACTER SET gbk`: the first word after the keyword.
fn names_charset(names: &str) -> &str {
    let mut words = names.split_whitespace().skip(1);
    let first = words.next().unwrap_or_default();
    if first.eq_ignore_ascii_case("set") { words.next().unwrap_or_default() } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_character_sets_are_for_storing_only() {
        assert_eq!(unwritable_charset(35), Some("ucs2"));
        assert_eq!(unwritable_charset(54), Some("utf16"));
        assert_eq!(unwritable_charset(45), None);
        assert_eq!(unwritable_charset(0), None);
    }

    #[test]
    fn set_names_gbk_makes_texts_suspicious() {
        let state = SessionState { names: Some("NAMES 'gbk' COLLATE 'gbk_bin'".into()), ..SessionState::default() };
        assert_eq!(Reading::of(&state, 45, "").charset, CharsetClass::TrailingAscii);
        assert_eq!(Reading::of(&SessionState::default(), 28, "").charset, CharsetClass::TrailingAscii);
        assert_eq!(Reading::of(&SessionState::default(), 45, "").charset, CharsetClass::Utf8);
    }

    #[test]
    fn the_servers_default_mode_counts_until_the_session_sets_its_own() {
        let mut state = SessionState::default();
        assert!(Reading::of(&state, 45, "STRICT_TRANS_TABLES,ANSI_QUOTES").mode.ansi_quotes);
        state.variables.insert("sql_mode".into(), "''".into());
        assert!(!Reading::of(&state, 45, "ANSI_QUOTES").mode.ansi_quotes);
    }
}
