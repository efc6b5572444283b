//! What a statement left in the session once the server accepted it, or perhaps left although the server did not.

use std::sync::Arc;

use smallvec::SmallVec;

use super::held::{Held, LastStatement, LeftBehind, read_warnings};
use super::readback;
use super::reading::Reading;
use super::relay::Relayed;
use super::request::Request;
use super::session::Session;
use super::table_locks::PARSE_ERROR;
use super::transaction::Autocommit;
use crate::backend::SessionState;
use crate::backend::session_state::is_of_schema;
use crate::model::Snapshot;
use crate::sql::{Effect, PinReason, Statement, hint_key, hint_level, lock_names};
use crate::wire::scanner::EndKind;

/// Settings of which each sets the other: only the later one of the two is the session's state.
const ONE_OF_TWO: [(&str, &str); 5] = [
    ("character_set_connection", "collation_connection"),
    ("character_set_server", "collation_server"),
    ("character_set_database", "collation_database"),
    ("tx_isolation", "transaction_isolation"),
    ("tx_read_only", "transaction_read_only"),
];

impl Session {
    /// Records what a statement did to the session's state and what keeps its connection from here on.
    pub(super) async fn apply_effects(
        &mut self,
        held: &mut Held,
        relayed: &Relayed,
        statement: &Statement,
        request: &Request,
        snapshot: &Snapshot,
    ) {
        let before = Arc::clone(&self.state);
        let mut computed: SmallVec<[&str; 2]> = SmallVec::new();
        let mut lock_released = false;
        for effect in statement.plan.statements.iter().flat_map(|facts| &facts.effects) {
            match effect {
                Effect::Pin(PinReason::NamedLock) => self.pin_named_locks(held, request, snapshot),
                Effect::Pin(PinReason::Xa) => self.pin_branch(held, request),
                Effect::Pin(reason) => pin(held, *reason),
                Effect::Opened { reason, name } => {
                    held.pins.open(*reason, name);
                    held.checkout.connection.taint();
                }
                Effect::Executed { name } => {
                    if !held.pins.has_open(PinReason::SqlPrepare, name) {
                        pin(held, PinReason::SqlPrepare);
                    }
                }
                Effect::Unpin(reason) => held.pins.end(*reason),
                Effect::Closed { reason, name } => held.pins.close(*reason, name),
                Effect::LockReleased => lock_released = true,
                Effect::ImplicitCommit => {}
                Effect::Hint { name, value } => self.set_hint(name, value.as_deref()),
                Effect::Autocommit(on) => self.set_autocommit(if *on { Autocommit::On } else { Autocommit::Off }),
                Effect::SchemaDropped(schema) => {
                    // The server leaves a session without schema when that one is dropped.
                    if self.state.schema.as_ref() == Some(schema) {
                        Arc::make_mut(&mut self.state).schema = None;
                    }
                }
                Effect::ComputedVariable(name) => computed.push(name),
                Effect::Schema(_) | Effect::Names(_) | Effect::Variable { .. } | Effect::UserVariable { .. } => {
                    record(Arc::make_mut(&mut self.state), effect);
                }
            }
        }
        if lock_released {
            readback::release_locks(held).await;
        }
        if !computed.is_empty() {
            self.record_computed(held, relayed, &computed).await;
        }
        if !Arc::ptr_eq(&before, &self.state) {
            held.checkout.connection.state = Some(Arc::clone(&self.state));
            self.reading = Reading::of(&self.state, self.collation, &snapshot.catalog.default_sql_mode);
        }
    }

    /// Asks the server for the values it computed, so that they can be set again as values.
    async fn record_computed(&mut self, held: &mut Held, relayed: &Relayed, names: &[&str]) {
        // Asking ends what SHOW WARNINGS would show.
        let warnings = if relayed.end.warnings > 0 { read_warnings(held).await } else { None };
        self.left_behind = Some(LeftBehind { row_count: 0, warnings });
        held.last_statement = LastStatement::Foreign;
        let Some(values) = readback::variables(held, names).await else {
            return pin(held, PinReason::UnknownSet);
        };
        for (name, value) in names.iter().zip(values) {
            match *name {
                "autocommit" => self.set_autocommit(if value == "0" { Autocommit::Off } else { Autocommit::On }),
                name => {
                    record(Arc::make_mut(&mut self.state), &Effect::Variable { name: name.to_owned(), value });
                }
            }
        }
    }

    fn set_autocommit(&mut self, autocommit: Autocommit) {
        self.autocommit = autocommit;
        let variables = &mut Arc::make_mut(&mut self.state).variables;
        // On is what every new connection has; recorded, it would only set sessions apart.
        match autocommit {
            Autocommit::On => variables.remove("autocommit"),
            Autocommit::Off => variables.insert("autocommit".to_owned(), "0".to_owned()),
        };
    }

    /// By name where the text gives the names: then RELEASE_LOCK of the last one can end the pin.
    fn pin_named_locks(&self, held: &mut Held, request: &Request, snapshot: &Snapshot) {
        match lock_names(&request.text(), &self.sql_context(snapshot)) {
            Some(names) if !names.is_empty() => {
                for name in names {
                    held.pins.open(PinReason::NamedLock, &name);
                }
                held.checkout.connection.taint();
            }
            Some(_) | None => pin(held, PinReason::NamedLock),
        }
    }

    /// By its id where that can be read: then only the end of this one is looked for on the connection.
    fn pin_branch(&self, held: &mut Held, request: &Request) {
        match self.branch_of(request) {
            Some(branch) => {
                held.pins.open(PinReason::Xa, &branch.to_string());
                held.checkout.connection.taint();
            }
            None => pin(held, PinReason::Xa),
        }
    }

    /// `SET @meridian_key = …` and its kin.
    pub(super) fn set_hint(&mut self, name: &str, value: Option<&str>) {
        match name {
            "key" => self.hint.key = value.and_then(hint_key),
            "level" => self.hint.level = value.and_then(hint_level),
            "unit" => self.hint.unit = value.map(str::to_owned),
            _ => tracing::debug!(name, "a session variable of Meridian's that means nothing"),
        }
    }
}

/// After an ERR a packet of several statements may have run half, and a routine may have left what it did before: then
/// what the session's state is, nobody knows.
pub(super) fn observe_failure(held: &mut Held, statement: &Statement, request: &Request, end: EndKind) {
    let several = statement.plan.statements.len() > 1;
    for effect in statement.plan.statements.iter().flat_map(|facts| &facts.effects) {
        match effect {
            Effect::Pin(PinReason::UnknownStatement) if !several && was_not_begun(request, end) => {}
            Effect::Pin(reason) if several || may_outlive_failure(*reason) => pin(held, *reason),
            Effect::Opened { reason, .. } if several => pin(held, *reason),
            Effect::Executed { name } if several || !held.pins.has_open(PinReason::SqlPrepare, name) => {
                pin(held, PinReason::SqlPrepare);
            }
            Effect::Pin(_)
            | Effect::Opened { .. }
            | Effect::Executed { .. }
            | Effect::Unpin(_)
            | Effect::Closed { .. }
            | Effect::LockReleased
            | Effect::ImplicitCommit
            | Effect::SchemaDropped(_)
            | Effect::Hint { .. } => {}
            _ if several => pin(held, PinReason::UnknownStatement),
            Effect::Schema(_)
            | Effect::Names(_)
            | Effect::Variable { .. }
            | Effect::ComputedVariable(_)
            | Effect::UserVariable { .. }
            | Effect::Autocommit(_) => {}
        }
    }
}

/// What the server could not read it has not begun. MariaDB's compound statements, none of which goes without a semicolon, read what they EXECUTE
/// only when they come to it.
fn was_not_begun(request: &Request, end: EndKind) -> bool {
    let text = request.text();
    let statement = text.trim_ascii_end();
    end == EndKind::Error { errno: PARSE_ERROR } && !statement.strip_suffix(b";").unwrap_or(statement).contains(&b';')
}

/// Whether a statement that failed may have left this behind. What it was only to make (a temporary table, table locks, a
/// handler) it has not made.
fn may_outlive_failure(reason: PinReason) -> bool {
    match reason {
        PinReason::NamedLock
        | PinReason::ComputedUserVariable
        | PinReason::UnknownSet
        | PinReason::Routine
        | PinReason::UnknownStatement
        | PinReason::InsertIdSet
        | PinReason::LongData
        // EXECUTE may have run a part of whatever was prepared.
        | PinReason::SqlPrepare
        | PinReason::Xa => true,
        PinReason::TemporaryTable
        | PinReason::TableLocks
        | PinReason::Handler
        | PinReason::Cursor
        | PinReason::LastReply => false,
    }
}

/// Keeps the connection for `reason`. Only a reset makes it shareable again, except after a cursor.
pub(super) fn pin(held: &mut Held, reason: PinReason) {
    held.pins.add(reason);
    if reason != PinReason::Cursor {
        held.checkout.connection.taint();
    }
}

fn record(state: &mut SessionState, effect: &Effect) {
    match effect {
        Effect::Schema(schema) => {
            state.schema = Some(schema.clone());
            state.variables.retain(|name, _| !is_of_schema(name));
        }
        Effect::Names(names) => {
            state.names = Some(names.clone());
            // SET NAMES sets these three; what was set of them before no longer holds.
            for name in ["character_set_client", "character_set_results", "character_set_connection"] {
                state.variables.remove(name);
            }
            state.variables.remove("collation_connection");
        }
        Effect::Variable { name, value } => {
            for (one, other) in ONE_OF_TWO {
                if name == one {
                    state.variables.remove(other);
                } else if name == other {
                    state.variables.remove(one);
                }
            }
            state.variables.insert(name.clone(), value.clone());
        }
        Effect::UserVariable { name, value } => {
            state.user_variables.insert(name.clone(), value.clone());
        }
        Effect::Autocommit(_)
        | Effect::ComputedVariable(_)
        | Effect::Hint { .. }
        | Effect::Pin(_)
        | Effect::Unpin(_)
        | Effect::Opened { .. }
        | Effect::Closed { .. }
        | Effect::Executed { .. }
        | Effect::LockReleased
        | Effect::ImplicitCommit
        | Effect::SchemaDropped(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_settings_that_set_each_other_the_later_one_is_kept() {
        let mut state = SessionState::default();
        let mut set = |name: &str, value: &str| {
            record(&mut state, &Effect::Variable { name: name.to_owned(), value: value.to_owned() });
        };
        set("collation_connection", "utf8mb4_bin");
        set("character_set_connection", "latin1");
        set("transaction_isolation", "'SERIALIZABLE'");
        set("tx_isolation", "'READ-COMMITTED'");
        let names: Vec<&str> = state.variables.keys().map(String::as_str).collect();
        assert_eq!(names, ["character_set_connection", "tx_isolation"]);
    }
}
