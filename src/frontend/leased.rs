//! How transactions end that have written in a group with `fence = "row+lease"`: by a COMMIT that the primary lets in while its lease holds.
//!
//! The primary compares and commits in one procedure, so that nothing can be paused in between. A client's COMMIT goes out as a call of that
//! procedure, whose reply is the COMMIT's. What commits without being one (BEGIN, DDL, autocommit = 1) has it go ahead of itself. What may commit
//! unseen is refused.

use super::error_reply;
use super::exchange::Sent;
use super::fence_words::{LeasedCommit, errno_of, leased_commit, not_committed, not_in_leased};
use super::held::Held;
use super::outcome::{Carried, Loss, NotCarried};
use super::relay::{ClientState, RelayError};
use super::request::Request;
use super::session::{Session, SessionEnd};
use super::transaction::{Opening, Transaction};
use crate::backend::ConnectionError;
use crate::model::Snapshot;
use crate::route::{Route, TransactionStep};
use crate::sql::{Effect, Facts, Statement, StatementClass};
use crate::wire::command::Command;

/// How a statement ends the transaction it runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Not, or by a ROLLBACK.
    No,
    /// It is its COMMIT.
    Commit(LeasedCommit),
    /// The server commits it before it runs the statement.
    Implicit,
    /// It may, and nobody sees it.
    Unseen,
}

/// How `statement` ends the transaction it runs in.
pub(super) fn end_by(statement: &Statement) -> End {
    let [alone] = statement.plan.statements.as_slice() else { return End::Unseen };
    let commits = alone.effects.iter().any(|effect| match effect {
        Effect::ImplicitCommit | Effect::Autocommit(true) => true,
        Effect::ComputedVariable(name) => name == "autocommit",
        _ => false,
    });
    match &alone.class {
        // It ends the session as well, so that it has to be the client's own.
        StatementClass::Commit(completion) if completion.release => End::Implicit,
        StatementClass::Commit(completion) if completion.chain => End::Commit(LeasedCommit::Chained),
        StatementClass::Commit(_) => End::Commit(LeasedCommit::BySession),
        StatementClass::Begin(_) | StatementClass::Ddl | StatementClass::TableLocks => End::Implicit,
        _ if commits => End::Implicit,
        StatementClass::Read | StatementClass::LockingRead => End::No,
        StatementClass::Write(_) if !may_call(alone) => End::No,
        StatementClass::Rollback(_)
        | StatementClass::Savepoint
        | StatementClass::Set
        | StatementClass::SetTransaction
        | StatementClass::Use
        | StatementClass::Show
        | StatementClass::Kill { .. }
        | StatementClass::ConnectionId { .. } => End::No,
        StatementClass::Write(_) | StatementClass::Xa(_) | StatementClass::Admin => End::Unseen,
    }
}

/// A procedure may commit; what keeps a connection for its routines may be one.
fn may_call(facts: &Facts) -> bool {
    facts.effects.iter().any(|effect| effect.pins().is_some())
}

impl Session {
    /// Whether this statement goes into a transaction that commits under a lease.
    pub(super) fn commits_under_lease(&self, route: &Route) -> bool {
        match &self.transaction {
            Transaction::Open(open) if !open.written.is_empty() => {
                route.transaction == TransactionStep::Continue && self.worker.node.row_fences.leases(open.target.group)
            }
            Transaction::Open(_) | Transaction::None | Transaction::Queued(_) => false,
        }
    }

    /// A statement that may commit unseen is not sent.
    pub(super) async fn refuse_in_leased(&mut self, held: Box<Held>, request: &Request) -> NotCarried {
        self.settle(held).await;
        NotCarried::Told(error_reply::text(&not_in_leased(), request.reply_sequence()))
    }

    /// Commits the open transaction ahead of a statement that would, which is then decided without it. Errors: it is rolled back, and the
    /// statement not sent.
    pub(super) async fn commit_ahead(
        &mut self,
        mut held: Box<Held>,
        request: &Request,
        route: &Route,
        snapshot: &Snapshot,
    ) -> Result<Carried, NotCarried> {
        let call = leased_commit(&snapshot.state.group(route.target.group).name, LeasedCommit::Alone);
        match held.checkout.connection.confirmed(Command::Query, call.as_bytes()).await {
            Ok(_) => {
                // The client will hear of it, if it hears of anything.
                held.gauge().acknowledged.add(1);
                self.transaction = Transaction::None;
                self.settle(held).await;
                Ok(Carried::Again)
            }
            Err(ConnectionError::Refused { packet }) => {
                // Whatever the primary answered, nothing of it is left.
                if held.checkout.connection.confirmed(Command::Query, b"ROLLBACK").await.is_err() {
                    let lost = RelayError::Backend { forwarded: false };
                    return Err(self.broken(held, lost, Loss::none(true), None, request));
                }
                held.checkout.connection.taint();
                self.transaction = Transaction::None;
                self.settle(held).await;
                let text = not_committed(errno_of(&packet));
                Err(NotCarried::Told(error_reply::text(&text, request.reply_sequence())))
            }
            Err(_) => {
                let lost = RelayError::Backend { forwarded: false };
                Err(self.broken(held, lost, Loss::commit(), None, request))
            }
        }
    }

    /// The client's COMMIT as the primary's own, whose reply the client gets.
    pub(super) async fn carry_leased_commit(
        &mut self,
        mut held: Box<Held>,
        how: LeasedCommit,
        (request, statement): (&Request, &Statement),
        route: &Route,
        snapshot: &Snapshot,
    ) -> Result<Carried, NotCarried> {
        let call = leased_commit(&snapshot.state.group(route.target.group).name, how);
        let call = Request::query(self.query_packet(call.as_bytes()));
        let nothing = Opening::default();
        let sent = Sent { request: &call, opening: &nothing, ahead: None, withheld: None };
        let relayed = match self.exchange_in_time(&mut held, statement, &sent).await {
            Ok(relayed) => relayed,
            Err(error) => return Err(self.broken(held, error, Loss::commit(), None, request)),
        };
        self.observe(held, &relayed, statement, route, nothing, None, (request, snapshot)).await;
        match relayed.client {
            ClientState::Present => Ok(Carried::ToItsEnd),
            ClientState::Gone => Err(NotCarried::Over(SessionEnd::Left)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Catalog, ControlState};
    use crate::sql::{CharsetClass, Dialect, Family, PlanCache, SqlContext, SqlMode};

    fn end_of(text: &str) -> End {
        let (state, catalog): (ControlState, _) = (crate::control::sample::state(), Catalog::default());
        let context = SqlContext {
            schema: Some("shop"),
            mode: SqlMode::default(),
            charset: CharsetClass::Utf8,
            dialect: Dialect { family: Family::MariaDb, version: 101_119 },
            state: &state,
            catalog: &catalog,
        };
        end_by(&PlanCache::new(1 << 16).analyze(text.as_bytes(), &context))
    }

    #[test]
    fn whatever_may_commit_is_known_or_refused() {
        for (text, end) in [
            ("COMMIT", End::Commit(LeasedCommit::BySession)),
            ("COMMIT WORK AND CHAIN", End::Commit(LeasedCommit::Chained)),
            ("COMMIT RELEASE", End::Implicit),
            ("START TRANSACTION", End::Implicit),
            ("CREATE TABLE fresh (id INT)", End::Implicit),
            ("DROP TABLE fresh", End::Implicit),
            ("LOCK TABLES fresh WRITE", End::Implicit),
            ("SET autocommit = 1", End::Implicit),
            ("SET @@session.autocommit = (SELECT 1)", End::Implicit),
            ("SET NAMES latin1, autocommit = ON", End::Implicit),
            ("ANALYZE TABLE fresh", End::Implicit),
            ("GRANT SELECT ON shop.* TO app", End::Implicit),
            ("SET autocommit = 0", End::No),
            ("SET @a = 1", End::No),
            ("SELECT 1", End::No),
            ("UPDATE product SET price = 1", End::No),
            ("INSERT INTO fresh VALUES (1)", End::No),
            ("SAVEPOINT a", End::No),
            ("ROLLBACK TO a", End::No),
            ("ROLLBACK AND CHAIN", End::No),
            ("SHOW WARNINGS", End::No),
            ("USE shop", End::No),
            ("CALL anything()", End::Unseen),
            ("EXECUTE anything", End::Unseen),
            ("PREPARE anything FROM 'COMMIT'", End::Unseen),
            ("XA COMMIT 'a'", End::Unseen),
            ("BEGIN NOT ATOMIC COMMIT; END", End::Unseen),
            ("SELECT 1; COMMIT", End::Unseen),
            ("something unknown", End::Unseen),
        ] {
            assert_eq!(end_of(text), end, "{text}");
        }
    }
}
