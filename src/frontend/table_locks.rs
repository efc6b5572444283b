//! The locks that keep tables from other sessions' DDL, where they outlast a statement and no status flag tells of a transaction.

use super::session::Session;
use super::transaction::{Autocommit, ServersWord, Transaction};
use crate::sql::{Effect, Facts, Family, Placement, Statement, StatementClass};
use crate::wire::scanner::EndKind;

/// ER_PARSE_ERROR: nothing was opened.
pub(super) const PARSE_ERROR: u16 = 1064;

impl Session {
    /// With autocommit off MySQL keeps a table locked until the transaction ends, and its flags tell of none where the statement failed or the
    /// table's engine has no transactions. (MariaDB lets go of such tables at once.) Other sessions' DDL would wait for a lock that nobody
    /// ends, were the connection given back.
    pub(super) fn keeps_tables_locked(&self, statement: &Statement, end: EndKind) -> bool {
        if self.autocommit == Autocommit::On || self.listener.dialect.family == Family::MariaDb {
            return false;
        }
        let before = match &self.transaction {
            Transaction::Open(open) if open.word == ServersWord::Open => return false,
            Transaction::Open(_) => true,
            Transaction::None | Transaction::Queued(_) => false,
        };
        let failed = matches!(end, EndKind::Error { .. });
        statement.plan.statements.iter().fold(before, |locked, facts| match table_locks(facts, end) {
            TableLocks::Takes => true,
            // What failed may not have come so far.
            TableLocks::Ends if !failed => false,
            TableLocks::Ends | TableLocks::Keeps => locked,
        })
    }
}

/// What a statement does to such locks.
enum TableLocks {
    Takes,
    Keeps,
    Ends,
}

fn table_locks(facts: &Facts, end: EndKind) -> TableLocks {
    let failed = match end {
        EndKind::Ok | EndKind::Eof | EndKind::Error { errno: PARSE_ERROR } => false,
        EndKind::Error { .. } => true,
    };
    match facts.class {
        StatementClass::Write(_) => TableLocks::Takes,
        // Also what names no table, or one that does not exist: what was not found is locked like the rest.
        StatementClass::Read | StatementClass::LockingRead | StatementClass::Show
            if failed || facts.placement != Placement::Tableless =>
        {
            TableLocks::Takes
        }
        StatementClass::Set | StatementClass::Ddl | StatementClass::Admin if failed => TableLocks::Takes,
        // The value may be what a routine or a query gives.
        StatementClass::Set if facts.placement != Placement::Tableless || pins(facts) => TableLocks::Takes,
        StatementClass::Admin if facts.effects.contains(&Effect::ImplicitCommit) => TableLocks::Ends,
        // CHECKSUM TABLE, EXECUTE of a text, what nothing is known of.
        StatementClass::Admin => TableLocks::Takes,
        StatementClass::Ddl
        | StatementClass::Begin(_)
        | StatementClass::Commit(_)
        | StatementClass::Rollback(_)
        | StatementClass::TableLocks
        | StatementClass::Xa(_) => TableLocks::Ends,
        StatementClass::Read
        | StatementClass::LockingRead
        | StatementClass::Show
        | StatementClass::Savepoint
        | StatementClass::SetTransaction
        | StatementClass::Set
        | StatementClass::Use
        | StatementClass::Kill { .. }
        | StatementClass::ConnectionId { .. } => TableLocks::Keeps,
    }
}

fn pins(facts: &Facts) -> bool {
    facts.effects.iter().any(|effect| effect.pins().is_some())
}
