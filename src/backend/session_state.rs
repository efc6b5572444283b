//! The cheap session state: kept as values, replayed on a connection only where it differs.
//!
//! It holds what the server has accepted, never what a client merely asked for.

use std::collections::BTreeMap;

/// What a session has set, in a form that can be set again on any connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionState {
    /// The schema.
    pub schema: Option<String>,
    /// The last SET NAMES or SET CHARACTER SET as SQL after `SET `; `None` is the login's collation.
    pub names: Option<String>,
    /// Session variables by lower-case name, each a literal as SQL text.
    pub variables: BTreeMap<String, String>,
    /// User variables by lower-case name, each a literal as SQL text.
    pub user_variables: BTreeMap<String, String>,
}

impl SessionState {
    /// Whether there are user variables that `other` lacks. No SET makes one what it was before it was ever set: NULL keeps the type of the last value.
    pub fn has_user_variables_beyond(&self, other: &SessionState) -> bool {
        missing(&self.user_variables, &other.user_variables).next().is_some()
    }
}

/// What turns a connection's state into a session's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// The schema to change to.
    pub schema: Option<String>,
    /// SET statements in the order they must be sent: character set, then variables and user variables.
    pub statements: Vec<String>,
}

impl Replay {
    /// What makes a connection in state `present` (`None`: just reset, so that nothing is known) look like `wanted`.
    ///
    /// What the session never set goes back to DEFAULT, the value a new connection has; a user variable to NULL, which an
    /// unset one is but for its type. `login_names` restores the character set of the login.
    pub fn between(present: Option<&SessionState>, wanted: &SessionState, login_names: &str) -> Replay {
        let fresh = SessionState::default();
        let base = present.unwrap_or(&fresh);
        let mut statements = Vec::new();
        // DEFAULT of these is the server's character set, not the login's: only SET NAMES undoes them.
        let lost_charset = missing(&base.variables, &wanted.variables).any(|name| is_of_names(name));
        let sets_names = present.is_none() || lost_charset || wanted.names != base.names;
        if sets_names {
            statements.push(format!("SET {}", wanted.names.as_deref().unwrap_or(login_names)));
        }
        // These come with the schema: only entering it once more gives them back, and entering it takes away what was set of them.
        let lost_of_schema = missing(&base.variables, &wanted.variables).any(|name| is_of_schema(name));
        let enters = wanted.schema.is_some() && (wanted.schema != base.schema || lost_of_schema);
        let changed = wanted
            .variables
            .iter()
            .filter(|(name, value)| {
                base.variables.get(*name) != Some(value)
                    || (sets_names && is_of_names(name))
                    || (enters && is_of_schema(name))
            })
            .map(|(name, value)| format!("{name}={value}"));
        let undone = missing(&base.variables, &wanted.variables)
            .filter(|name| !(is_of_names(name) || (is_of_schema(name) && enters)))
            .map(|name| format!("{name}={}", default_of(name)));
        let user_changed = wanted
            .user_variables
            .iter()
            .filter(|(name, value)| base.user_variables.get(*name) != Some(value))
            .map(|(name, value)| format!("@{}={value}", quoted(name)));
        let user_undone =
            missing(&base.user_variables, &wanted.user_variables).map(|name| format!("@{}=NULL", quoted(name)));
        // What is undone first: it may be the other name of what is set.
        let settings: Vec<String> = undone.chain(changed).chain(user_changed).chain(user_undone).collect();
        if !settings.is_empty() {
            statements.push(format!("SET {}", settings.join(",")));
        }
        let schema = if enters { wanted.schema.clone() } else { None };
        Replay { schema, statements }
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.schema.is_none() && self.statements.is_empty()
    }
}

/// A user variable's name may hold anything.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// MySQL 9 takes DEFAULT of these two for the contrary of what a new connection has (seen on 9.7; MariaDB does not).
const CONTRARY: [&str; 2] = ["foreign_key_checks", "unique_checks"];

/// What gives a variable the value that a new connection has.
fn default_of(name: &str) -> String {
    if CONTRARY.contains(&name) { format!("@@global.{name}") } else { "DEFAULT".to_owned() }
}

/// Whether SET NAMES sets it.
fn is_of_names(name: &str) -> bool {
    matches!(
        name,
        "character_set_client" | "character_set_results" | "character_set_connection" | "collation_connection"
    )
}

/// Whether the schema brings the variable along.
pub fn is_of_schema(name: &str) -> bool {
    matches!(name, "collation_database" | "character_set_database")
}

/// The names in `present` that `wanted` lacks.
fn missing<'a>(
    present: &'a BTreeMap<String, String>,
    wanted: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = &'a String> {
    present.keys().filter(|name| !wanted.contains_key(*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(variables: &[(&str, &str)]) -> SessionState {
        let variables = variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        SessionState { schema: Some("shop".into()), variables, ..SessionState::default() }
    }

    #[test]
    fn equal_states_need_nothing() {
        let both = state(&[("sql_mode", "''")]);
        assert!(Replay::between(Some(&both), &both, "NAMES latin1").is_empty());
    }

    #[test]
    fn only_what_differs_is_set() {
        let present = state(&[("sql_mode", "''"), ("time_zone", "'+00:00'")]);
        let wanted = state(&[("sql_mode", "'ANSI'"), ("time_zone", "'+00:00'")]);
        let replay = Replay::between(Some(&present), &wanted, "NAMES latin1");
        assert_eq!(replay.statements, ["SET sql_mode='ANSI'"]);
    }

    #[test]
    fn what_the_session_never_set_goes_back_to_its_default() {
        let mut present = state(&[("sql_mode", "'ANSI'"), ("time_zone", "'+00:00'")]);
        present.user_variables.insert("x".into(), "5".into());
        let wanted = state(&[("time_zone", "'+00:00'")]);
        let replay = Replay::between(Some(&present), &wanted, "NAMES latin1");
        assert_eq!(replay.statements, ["SET sql_mode=DEFAULT,@`x`=NULL"]);
        assert!(present.has_user_variables_beyond(&state(&[])) && !state(&[]).has_user_variables_beyond(&present));
    }

    #[test]
    fn what_default_would_turn_round_goes_back_to_the_global_value() {
        let replay = Replay::between(Some(&state(&[("foreign_key_checks", "0")])), &state(&[]), "NAMES latin1");
        assert_eq!(replay.statements, ["SET foreign_key_checks=@@global.foreign_key_checks"]);
    }

    #[test]
    fn a_character_set_variable_is_undone_by_the_names_of_the_login() {
        let present = state(&[("character_set_results", "NULL"), ("collation_connection", "utf8mb4_bin")]);
        let wanted = state(&[("collation_connection", "utf8mb4_bin")]);
        let replay = Replay::between(Some(&present), &wanted, "NAMES latin1");
        assert_eq!(replay.statements, ["SET NAMES latin1", "SET collation_connection=utf8mb4_bin"]);
    }

    #[test]
    fn the_character_set_of_new_schemas_is_undone_like_anything_else() {
        let present = state(&[("character_set_server", "latin1")]);
        let replay = Replay::between(Some(&present), &state(&[]), "NAMES latin1");
        assert_eq!(replay.statements, ["SET character_set_server=DEFAULT"]);
        let wanted = state(&[("collation_server", "utf8mb4_bin")]);
        let replay = Replay::between(Some(&present), &wanted, "NAMES latin1");
        assert_eq!(replay.statements, ["SET character_set_server=DEFAULT,collation_server=utf8mb4_bin"]);
    }

    #[test]
    fn what_the_schema_brought_along_is_undone_by_entering_it_again() {
        let present = state(&[("collation_database", "latin1_bin")]);
        let replay = Replay::between(Some(&present), &state(&[]), "NAMES latin1");
        assert_eq!((replay.schema.as_deref(), replay.statements.len()), (Some("shop"), 0));
        let elsewhere = SessionState { schema: Some("other".into()), ..present.clone() };
        let replay = Replay::between(Some(&elsewhere), &present, "NAMES latin1");
        assert_eq!(replay.schema.as_deref(), Some("shop"));
        assert_eq!(replay.statements, ["SET collation_database=latin1_bin"]);
        let nowhere = SessionState { schema: None, ..SessionState::default() };
        let replay = Replay::between(Some(&SessionState { schema: None, ..present }), &nowhere, "NAMES latin1");
        assert_eq!(replay.statements, ["SET collation_database=DEFAULT"]);
    }

    #[test]
    fn after_a_reset_everything_is_set_again() {
        let mut wanted = state(&[]);
        wanted.user_variables.insert("x".into(), "5".into());
        let replay = Replay::between(None, &wanted, "NAMES latin1");
        assert_eq!(replay.schema.as_deref(), Some("shop"));
        assert_eq!(replay.statements, ["SET NAMES latin1", "SET @`x`=5"]);
    }
}
