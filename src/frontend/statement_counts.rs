//! How often a session asked for something about prepared statements, as SHOW SESSION STATUS counts it.
//!
//! The server's own counters are those of a shared connection, on which statements are prepared once for all who use them.

use crate::sql::{Effect, PinReason, Statement};
use crate::wire::command::Command;

/// Requests since the session began or was reset, whether or not they were answered with OK.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StatementCounts {
    close: u64,
    execute: u64,
    fetch: u64,
    prepare: u64,
    reset: u64,
    send_long_data: u64,
}

impl StatementCounts {
    /// Counts a command, if it is one of those.
    pub(super) fn note(&mut self, command: Command) {
        let count = match command {
            Command::StmtClose => Some(&mut self.close),
            Command::StmtExecute | Command::StmtBulkExecute => Some(&mut self.execute),
            Command::StmtFetch => Some(&mut self.fetch),
            Command::StmtPrepare => Some(&mut self.prepare),
            Command::StmtReset => Some(&mut self.reset),
            Command::StmtSendLongData => Some(&mut self.send_long_data),
            _ => None,
        };
        if let Some(count) = count {
            *count += 1;
        }
    }

    /// Counts PREPARE, EXECUTE and DEALLOCATE PREPARE as text, which the servers count among the others.
    pub(super) fn note_text(&mut self, statement: &Statement) {
        let like = |effect: &Effect| match effect {
            Effect::Opened { reason: PinReason::SqlPrepare, .. } => Some(Command::StmtPrepare),
            Effect::Executed { .. } => Some(Command::StmtExecute),
            Effect::Closed { reason: PinReason::SqlPrepare, .. } => Some(Command::StmtClose),
            _ => None,
        };
        statement
            .plan
            .statements
            .iter()
            .flat_map(|facts| &facts.effects)
            .filter_map(like)
            .for_each(|command| self.note(command));
    }

    /// The status variables and their values.
    pub(super) fn told(self) -> [(&'static str, String); 6] {
        [
            ("Com_stmt_close", self.close.to_string()),
            ("Com_stmt_execute", self.execute.to_string()),
            ("Com_stmt_fetch", self.fetch.to_string()),
            ("Com_stmt_prepare", self.prepare.to_string()),
            ("Com_stmt_reset", self.reset.to_string()),
            ("Com_stmt_send_long_data", self.send_long_data.to_string()),
        ]
    }
}
