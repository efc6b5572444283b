//! After a reply: is a transaction open, what does the session's state now hold, what keeps the connection.

use smallvec::SmallVec;

use super::cursors::end_cursor;
use super::effects::{observe_failure, pin};
use super::held::{Held, InsertId, LastReply, LeftBehind};
use super::relay::Relayed;
use super::request::{Request, Subject};
use super::session::Session;
use super::transaction::{Autocommit, OpenTransaction, Opening, ServersWord, Transaction};
use crate::control::WriteTicket;
use crate::model::{GroupId, Snapshot};
use crate::route::{Route, TransactionAccess};
use crate::sql::{Effect, Facts, FoundRows, PinReason, Placement, Statement, StatementClass, XaStep};
use crate::wire::command::Command;
use crate::wire::scanner::{EndKind, ReplyKind};
use crate::wire::status;

/// The server knows no such branch.
const XAER_NOTA: u16 = 1397;

impl Session {
    /// Step 11 of a statement's walk. A write's ticket ends here, when its transaction has ended at the database.
    #[allow(clippy::too_many_arguments, reason = "all that one reply says, once")]
    pub(super) async fn observe(
        &mut self,
        mut held: Box<Held>,
        relayed: &Relayed,
        statement: &Statement,
        route: &Route,
        opening: Opening,
        ticket: Option<WriteTicket>,
        (request, snapshot): (&Request, &Snapshot),
    ) {
        let failed = matches!(relayed.end.kind, EndKind::Error { .. });
        let has_effects = statement.plan.statements.iter().any(|facts| !facts.effects.is_empty());
        if has_effects {
            self.prepared.counts.note_text(statement);
        }
        if failed {
            observe_failure(&mut held, statement, request, relayed.end.kind);
        } else if has_effects {
            Box::pin(self.apply_effects(&mut held, relayed, statement, request, snapshot)).await;
        }
        if sets_global(statement) {
            held.gauge().retire_all();
            // The session itself keeps the values it began with, and so its connection.
            pin(&mut held, PinReason::UnknownSet);
        }
        if failed && !opening.begun && !opening.packets.is_empty() {
            // A SET TRANSACTION that the failed statement did not use up lies in wait for the next one.
            pin(&mut held, PinReason::UnknownSet);
        }
        let flags = match relayed.end.status {
            Some(flags) => flags,
            // An ERR carries none.
            None if self.may_be_in_transaction(statement, &opening) => Box::pin(ask_flags(&mut held)).await,
            None => 0,
        };
        if let StatementClass::Xa(step) = statement.first().class {
            match failed {
                true => self.withdraw_branch(request, step),
                false => self.note_branch(request, step, route.target),
            }
        }
        let in_transaction = match self.branch_goes_on(&opening, statement, relayed) {
            true => InTransaction::Yes,
            false if flags & status::IN_TRANS != 0 => InTransaction::Yes,
            false if self.keeps_tables_locked(statement, relayed.end.kind) => InTransaction::Untold,
            false => InTransaction::No,
        };
        if in_transaction != InTransaction::Yes && (ticket.is_some() || !self.transaction.written().is_empty()) {
            held.gauge().acknowledged.add(acknowledged(statement, failed));
        }
        let waits = matches!(&self.transaction, Transaction::Queued(waiting) if !waiting.begun);
        let opening = match in_transaction {
            InTransaction::Yes | InTransaction::Untold if waits => Box::pin(self.say_late(&mut held)).await,
            _ => opening,
        };
        self.observe_transaction(in_transaction, statement, route, opening, ticket);
        self.note_last_reply(&mut held, relayed, statement);
        if let Subject::Execute(execution) = &request.subject {
            if failed {
                Box::pin(execution.give_up_spoilt(&mut held.checkout.connection, &request.command)).await;
            }
            observe_cursor(&mut held, relayed, request.reply, execution.holder());
        }
        if let Some(held) = self.settle_at_once(held) {
            Box::pin(self.let_go_early(held)).await;
        }
        // Of several, those before the one that failed have changed it. Everybody knows the new schema by now: see `dispatch`.
        let may_have_changed = !failed || statement.plan.statements.len() > 1;
        if may_have_changed
            && statement.plan.statements.iter().any(|facts| matches!(facts.placement, Placement::Schema { .. }))
        {
            self.schema_changed_at = Some(route.target);
        }
    }

    /// Says what waited for the transaction's first statement, where that was one that seemed to open none (`information_schema`, at MySQL):
    /// a savepoint ahead of what has only read is the same behind it. A SET TRANSACTION comes too late and is refused.
    async fn say_late(&mut self, held: &mut Held) -> Opening {
        let opening = self.transaction.take_opening();
        let connection = &mut held.checkout.connection;
        for packet in &opening.packets {
            let sent = connection.stream.send(packet).await.is_ok();
            if !sent || connection.collect(ReplyKind::Simple).await.is_err() {
                connection.taint();
                break;
            }
        }
        opening
    }

    fn may_be_in_transaction(&self, statement: &Statement, opening: &Opening) -> bool {
        let was = self.transaction.is_open() || opening.begun || self.autocommit == Autocommit::Off;
        was || may_leave_transaction(statement)
    }

    /// A branch that the server has rolled back inside is still the connection's, whatever the flags say, until it is prepared or ended.
    fn branch_goes_on(&self, opening: &Opening, statement: &Statement, relayed: &Relayed) -> bool {
        let is_branch = opening.branch.is_some() || self.transaction.is_open() && self.transaction.branch().is_some();
        let ends = match (&statement.first().class, relayed.end.kind) {
            (StatementClass::Xa(XaStep::Finish), EndKind::Error { errno }) => errno == XAER_NOTA,
            (_, EndKind::Error { .. }) => false,
            (StatementClass::Xa(XaStep::Prepare | XaStep::Finish), _) => true,
            // COMMIT … ONE PHASE.
            (StatementClass::Xa(_), _) => {
                statement.first().effects.iter().any(|effect| matches!(effect, Effect::Unpin(PinReason::Xa)))
            }
            _ => false,
        };
        is_branch && !ends
    }

    fn observe_transaction(
        &mut self,
        now: InTransaction,
        statement: &Statement,
        route: &Route,
        opening: Opening,
        ticket: Option<WriteTicket>,
    ) {
        if now == InTransaction::No {
            // Ended, or never begun: every ticket ends with it. What still waits was not sent.
            if !matches!(self.transaction, Transaction::Queued(_)) {
                self.transaction = Transaction::None;
            }
            return;
        }
        // Nothing of an untold one waits for COMMIT: what a write has changed, it has changed for good.
        let (word, ticket) = match now {
            InTransaction::Untold => (ServersWord::Nothing, None),
            InTransaction::Yes | InTransaction::No => (ServersWord::Open, ticket),
        };
        let touched = word == ServersWord::Open
            && (ticket.is_some() || !statement.plan.statements.iter().all(|facts| only_reads(&facts.class)));
        let access = if touched { TransactionAccess::Touched } else { TransactionAccess::OnlyRead };
        match &mut self.transaction {
            Transaction::Open(open) => {
                if !keeps_locks(statement) {
                    open.compared.clear();
                }
                open.word = word;
                open.keep(ticket, &route.scopes);
                if touched {
                    open.access = TransactionAccess::Touched;
                }
                // A savepoint has no meaning on another connection.
                open.opening.fixed |= matches!(statement.first().class, StatementClass::Savepoint);
            }
            Transaction::None | Transaction::Queued(_) => {
                let opening = self.opening_with_isolation(opening, statement);
                let (tickets, written, compared) = (SmallVec::new(), SmallVec::new(), SmallVec::new());
                let mut open =
                    OpenTransaction { target: route.target, access, word, opening, tickets, written, compared };
                open.keep(ticket, &route.scopes);
                self.transaction = Transaction::Open(Box::new(open));
            }
        }
    }

    /// What reads of SERIALIZABLE and of a consistent snapshot have seen cannot be seen again elsewhere.
    fn opening_with_isolation(&self, mut opening: Opening, statement: &Statement) -> Opening {
        let serializable = |name: &str| {
            let value = self.state.variables.get(name);
            value.is_some_and(|value| value.to_ascii_uppercase().contains("SERIALIZABLE"))
        };
        let snapshot =
            matches!(&statement.first().class, StatementClass::Begin(options) if options.consistent_snapshot);
        opening.fixed |= snapshot || serializable("transaction_isolation") || serializable("tx_isolation");
        opening
    }

    fn note_last_reply(&mut self, held: &mut Held, relayed: &Relayed, statement: &Statement) {
        let end = &relayed.end;
        let failed = matches!(end.kind, EndKind::Error { .. });
        let left = LastReply {
            insert_id: end.insert_id != 0,
            warnings: failed || end.warnings > 0,
            found_rows: statement.plan.statements.iter().any(|facts| facts.found_rows == FoundRows::Calculated),
            row_count: if end.kind == EndKind::Ok { i64::try_from(end.affected_rows).unwrap_or(i64::MAX) } else { -1 },
        };
        let statements = &statement.plan.statements;
        if end.insert_id != 0 || statements.len() > 1 {
            held.insert_id = InsertId::Moved;
            held.checkout.connection.last_insert_id = None;
        }
        self.note_found_rows(held, end, statement);
        // SHOW WARNINGS leaves what it shows: it can be asked again.
        if !failed && held.shown.is_some() && statements.iter().all(asks_diagnostics) {
            held.last_reply = held.shown;
            return;
        }
        if statements
            .iter()
            .flat_map(|facts| &facts.effects)
            .any(|effect| matches!(effect, Effect::ComputedVariable(_)))
        {
            // The values were asked for since: what was left is read already.
            return;
        }
        let (row_count, read_ahead) = (left.row_count, held.read_ahead.clone());
        let left = if read_ahead.is_some() { LastReply { warnings: false, row_count: 0, ..left } } else { left };
        self.left_behind = Some(LeftBehind { row_count, warnings: read_ahead.and_then(|read| read.warnings) });
        held.last_reply = left.is_askable().then_some(left);
    }
}

/// The status flags as the server has them now.
async fn ask_flags(held: &mut Held) -> u16 {
    match held.checkout.connection.confirmed(Command::Ping, &[]).await {
        Ok(end) => end.status.unwrap_or(0),
        Err(_) => {
            held.checkout.connection.taint();
            0
        }
    }
}

/// The flags tell whether the statement's cursor is open, and when it has given its last row; but to executions that asked for none they
/// may tell of cursors that a procedure had inside.
pub(super) fn observe_cursor(held: &mut Held, relayed: &Relayed, reply: ReplyKind, holder: u32) {
    let asked = matches!(reply, ReplyKind::Cursor | ReplyKind::Fetch);
    if !asked && !held.pins.contains(PinReason::Cursor) {
        return;
    }
    let flags = relayed.end.seen_status;
    let failed = matches!(relayed.end.kind, EndKind::Error { .. });
    let goes_on = flags & status::CURSOR_EXISTS != 0 || (failed && reply == ReplyKind::Fetch);
    if !asked || flags & status::LAST_ROW_SENT != 0 || !goes_on {
        end_cursor(held, holder);
    } else if !held.pins.has_open(PinReason::Cursor, &holder.to_string()) {
        held.pins.open(PinReason::Cursor, &holder.to_string());
    }
}

/// Whether an ERR to this statement may leave a transaction open that was not open before.
fn may_leave_transaction(statement: &Statement) -> bool {
    match statement.plan.statements.as_slice() {
        [alone] => {
            !matches!(
                alone.class,
                StatementClass::Read
                    | StatementClass::LockingRead
                    | StatementClass::Write(_)
                    | StatementClass::Show
                    | StatementClass::Set
                    | StatementClass::Use
            ) || alone.effects.iter().any(|effect| effect.pins().is_some())
        }
        _ => true,
    }
}

/// Whether a transaction is open at the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InTransaction {
    Yes,
    /// One of which the server's flags tell nothing.
    Untold,
    No,
}

/// Whether it may have set a global variable.
fn sets_global(statement: &Statement) -> bool {
    let sets = |facts: &Facts| facts.escape.as_ref().is_some_and(|name| name.starts_with("SET GLOBAL"));
    statement.plan.statements.iter().any(sets)
}

/// How many transactions that wrote the reply tells the client are committed, at most; what a routine commits counts as one.
fn acknowledged(statement: &Statement, failed: bool) -> u64 {
    match statement.plan.statements.as_slice() {
        [alone] if failed || matches!(alone.class, StatementClass::Rollback(_)) => 0,
        // Of several, those before the one that failed are committed.
        several => several.len() as u64,
    }
}

fn asks_diagnostics(facts: &Facts) -> bool {
    facts.class == StatementClass::Show && facts.asks_previous
}

/// Whether the transaction behind a statement is for certain the one that was before it, with all its locks.
fn keeps_locks(statement: &Statement) -> bool {
    let [alone] = statement.plan.statements.as_slice() else { return false };
    // What a routine does in between does not show.
    if alone.effects.iter().any(|effect| effect.pins().is_some()) {
        return false;
    }
    match alone.class {
        StatementClass::Read
        | StatementClass::LockingRead
        | StatementClass::Write(_)
        | StatementClass::Savepoint
        | StatementClass::Set
        | StatementClass::Use
        | StatementClass::Show
        | StatementClass::ConnectionId { .. } => true,
        StatementClass::Ddl
        | StatementClass::Begin(_)
        | StatementClass::Commit(_)
        | StatementClass::Rollback(_)
        | StatementClass::SetTransaction
        | StatementClass::Kill { .. }
        | StatementClass::TableLocks
        | StatementClass::Xa(_)
        | StatementClass::Admin => false,
    }
}

fn only_reads(class: &StatementClass) -> bool {
    matches!(
        class,
        StatementClass::Read
            | StatementClass::Show
            | StatementClass::Begin(_)
            | StatementClass::Set
            | StatementClass::Use
            | StatementClass::SetTransaction
            | StatementClass::ConnectionId { .. }
    )
}

/// The group whose schema a statement has changed.
pub(super) fn changed_schema(statement: &Statement) -> Option<GroupId> {
    let ddl = statement.plan.statements.iter().find(|facts| matches!(facts.class, StatementClass::Ddl))?;
    match &ddl.placement {
        Placement::Schema { group } | Placement::Global { group, .. } | Placement::Sharded { group, .. } => {
            Some(*group)
        }
        Placement::Local { group } => *group,
        Placement::Tableless | Placement::Refused(_) => None,
    }
}
