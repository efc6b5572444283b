//! The connection a session keeps between statements, why, and how it is let go.
//!
//! Kept for a transaction or a pin it is kept in earnest. Kept because the last reply left something to ask for
//! (warnings, an insert id, a row count) it is kept for comfort only: when others wait, those values are read and the
//! connection goes back.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::pins::Pins;
use super::registry::Shown;
use super::session::{Session, SessionEnd};
use super::transaction::Transaction;
use crate::backend::gauge::InstanceGauge;
use crate::backend::{Checkout, PoolKey};
use crate::model::InstanceId;
use crate::route::{PinView, Target};
use crate::sql::PinReason;
use crate::wire::command::Command;
use crate::wire::scanner::{EndKind, ReplyKind};
use crate::wire::text_row::text_row;

/// How long an ended session's connection may take to be reset before it is closed instead.
const RESET_PATIENCE: Duration = Duration::from_secs(2);

/// What the last reply left to ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastReply {
    /// Its OK carried an insert id.
    pub insert_id: bool,
    /// It was an ERR, or carried warnings.
    pub warnings: bool,
    /// SQL_CALC_FOUND_ROWS: nothing but this connection can say FOUND_ROWS(), so it is kept even when others wait.
    pub found_rows: bool,
    /// What ROW_COUNT() says: the affected rows, -1 after rows or an ERR.
    pub row_count: i64,
}

impl LastReply {
    /// Whether anything is worth asking for.
    pub fn is_askable(self) -> bool {
        self.insert_id || self.warnings || self.found_rows || self.row_count > 0
    }
}

/// What was read from a connection that had to be given back before the client asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftBehind {
    /// For ROW_COUNT().
    pub row_count: i64,
    /// The reply to SHOW WARNINGS, if there were any.
    pub warnings: Option<Vec<u8>>,
}

/// A connection kept between statements.
#[derive(Debug)]
pub struct Held {
    /// The connection.
    pub checkout: Checkout,
    /// Where it leads.
    pub target: Target,
    /// Why it is kept in earnest; empty within a transaction that has no other reason.
    pub pins: Pins,
    /// What the last reply left.
    pub last_reply: Option<LastReply>,
    /// What the reply before that left, while its successor is on its way.
    pub shown: Option<LastReply>,
    /// What its LAST_INSERT_ID() is to this session.
    pub insert_id: InsertId,
    /// Whose statement was its last one.
    pub last_statement: LastStatement,
    /// Whose statement set its FOUND_ROWS(), where the last one is the session's.
    pub found_rows: LastStatement,
    /// The warnings of the last reply, read before Meridian said something of its own behind it: what the reply left is not to be asked
    /// for here, but for its insert id.
    pub read_ahead: Option<ReadAhead>,
    /// The last packet of a reply whose outcome is not decided yet.
    pub end: Vec<u8>,
}

/// What was read behind a reply before something of Meridian's own went over it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadAhead {
    /// The reply to SHOW WARNINGS, if there were any.
    pub warnings: Option<Vec<u8>>,
}

/// Whose the LAST_INSERT_ID() of a kept connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertId {
    /// Whoever used the connection before set it.
    Foreign,
    /// It is the session's, as the session knows it.
    Told,
    /// The session's own statements set it, so that it has to be read before the connection goes.
    Moved,
}

/// Whose statement a connection ran last: FOUND_ROWS(), ROW_COUNT() and @@warning_count tell of that one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastStatement {
    /// Somebody else's.
    Foreign,
    /// The session's own.
    Own,
}

impl Held {
    /// A connection that is kept for no reason yet. Boxed, because it changes hands several times per statement.
    pub fn boxed(checkout: Checkout, target: Target) -> Box<Held> {
        let (pins, insert_id) = (Pins::default(), InsertId::Foreign);
        Box::new(Held {
            checkout,
            target,
            pins,
            last_reply: None,
            shown: None,
            insert_id,
            last_statement: LastStatement::Foreign,
            found_rows: LastStatement::Own,
            read_ahead: None,
            end: Vec::new(),
        })
    }

    /// As a decision sees it.
    pub fn pin_view(&self) -> Option<PinView> {
        let reason = self.pins.first().or(self.last_reply.map(|_| PinReason::LastReply))?;
        Some(PinView { target: self.target, reason })
    }

    /// The limits of its instance.
    pub fn gauge(&self) -> &Arc<InstanceGauge> {
        self.checkout.gauge()
    }
}

impl Session {
    /// The connection, if it is kept for what the last reply left and nothing else, and that can be read before it goes back.
    pub(super) fn comfort(&self) -> Option<&Held> {
        let outside = |held: &&Held| !self.transaction.is_open() && held.pins.is_empty();
        self.held.as_deref().filter(outside).filter(|held| held.last_reply.is_some_and(|left| !left.found_rows))
    }

    /// Keeps the connection, or lets it go, as transaction, pins and the last reply demand.
    pub(super) async fn settle(&mut self, held: Box<Held>) {
        if let Some(held) = self.settle_at_once(held) {
            Box::pin(self.let_go_early(held)).await;
        }
    }

    /// As [`Self::settle`]; gives back a connection that has to be asked something before it goes.
    pub(super) fn settle_at_once(&mut self, mut held: Box<Held>) -> Option<Box<Held>> {
        for reason in held.pins.take_begun() {
            self.worker.node.registry.count_pin(reason);
        }
        let in_earnest = self.transaction.is_open() || !held.pins.is_empty();
        let comfort = held.last_reply.filter(|_| !in_earnest);
        let kept = in_earnest || comfort.is_some_and(|left| left.found_rows || held.gauge().waiting() == 0);
        let pin = if kept { held.pin_view().map(|view| view.reason) } else { None };
        self.show(pin.filter(|reason| *reason != PinReason::LastReply));
        if kept {
            self.held = Some(held);
            return None;
        }
        if held.last_reply.is_some() || held.insert_id == InsertId::Moved || held.checkout.connection.needs_reset() {
            return Some(held);
        }
        self.give_back(held.checkout);
        None
    }

    /// Gives back a connection that nothing more is asked of.
    fn give_back(&mut self, mut checkout: Checkout) {
        if self.presence.entry.runs_no_more() {
            checkout.pool = self.pool_of(checkout.connection.instance);
            checkout.release();
        }
    }

    /// Tells the registry what has changed, and only then.
    pub(super) fn show(&mut self, pin: Option<PinReason>) {
        let in_transaction = self.transaction.is_begun();
        let is_shown = (self.shown.in_transaction, self.shown.pin) == (in_transaction, pin);
        if is_shown && self.shown_state.as_ref().is_some_and(|shown| Arc::ptr_eq(shown, &self.state)) {
            return;
        }
        self.shown_state = Some(Arc::clone(&self.state));
        if !is_shown || self.shown.schema != self.state.schema {
            self.shown = Shown { schema: self.state.schema.clone(), in_transaction, pin };
            self.presence.entry.show(self.shown.clone());
        }
    }

    /// Gives back a connection that is kept for comfort: others wait for it, and the client may still ask.
    pub(super) async fn let_go_early(&mut self, mut held: Box<Held>) {
        if let Some(last_reply) = held.last_reply.filter(|_| held.read_ahead.is_none()) {
            let warnings = if last_reply.warnings { Box::pin(read_warnings(&mut held)).await } else { None };
            self.left_behind = Some(LeftBehind { row_count: last_reply.row_count, warnings });
        }
        self.let_go(held).await;
    }

    /// Gives back a connection that is kept for comfort: others wait for it.
    pub(super) async fn give_up_comfort(&mut self) {
        if let Some(held) = self.held.take() {
            self.let_go_early(held).await;
        }
    }

    /// Gives a connection back to its pool, after reading from it what the session may still ask for.
    pub(super) async fn let_go(&mut self, mut held: Box<Held>) {
        let needs_reset = held.checkout.connection.needs_reset();
        // What pinned it may have set the id without a word in any reply.
        let reads_id = match held.insert_id {
            InsertId::Foreign => false,
            InsertId::Told => needs_reset,
            InsertId::Moved => true,
        };
        // One that broke is dropped with `held`, and the id with it, as it would be without us.
        if reads_id && Box::pin(self.keep_last_insert_id(&mut held)).await.is_none() {
            return;
        }
        if needs_reset {
            let reset = Box::pin(timeout(RESET_PATIENCE, held.checkout.connection.reset())).await;
            if !matches!(reset, Ok(Ok(()))) {
                return;
            }
        }
        self.give_back(held.checkout);
    }

    /// Asks the connection for its LAST_INSERT_ID() before it goes; `None` when it broke.
    async fn keep_last_insert_id(&mut self, held: &mut Held) -> Option<()> {
        let id = read_last_insert_id(held).await?;
        self.last_insert_id = id;
        held.checkout.connection.last_insert_id = Some(id);
        Some(())
    }

    /// The pool for this session's statements at `instance`.
    pub(super) fn pool_of(&mut self, instance: InstanceId) -> crate::backend::PoolId {
        let with_schema = self.state.schema.is_some();
        let known = self.pools.iter().find(|(known, schema, _)| *known == instance && *schema == with_schema);
        if let Some((_, _, pool)) = known {
            return *pool;
        }
        let pool = self.worker.node.pools.pool_for(PoolKey {
            instance,
            account: Arc::clone(&self.user.account),
            class: self.class(),
            collation: self.collation,
            with_schema,
        });
        self.pools.push((instance, with_schema, pool));
        pool
    }

    /// The session is over: its transaction is rolled back and what it left on its connection removed, before any
    /// ticket of its writes is dropped.
    pub(super) async fn leave(&mut self, end: SessionEnd) -> SessionEnd {
        let transaction = std::mem::take(&mut self.transaction);
        if let Some(mut held) = self.held.take() {
            let kept_state = transaction.is_open() || !held.pins.is_empty();
            if held.pins.contains(PinReason::Xa) || transaction.branch().is_some() {
                // A reset would leave a prepared branch with the connection; closing lets go of it.
                self.abandon(held, transaction.into_tickets());
            } else if !self.presence.entry.runs_no_more() && !kept_state {
                // A KILL is on its way to this connection: closed, so that it hits nobody else.
                drop(held);
            } else if !kept_state {
                held.checkout.pool = self.pool_of(held.checkout.connection.instance);
                held.checkout.release();
            } else if matches!(timeout(RESET_PATIENCE, held.checkout.connection.reset()).await, Ok(Ok(()))) {
                // Whatever schema it has, the session's own state no longer tells: the pool is chosen by what was set.
                held.checkout.pool = self.pool_of(held.checkout.connection.instance);
                held.checkout.release();
            } else if let Transaction::Open(open) = transaction {
                self.abandon(held, open.tickets);
            }
        }
        end
    }
}

/// The server's reply to SHOW WARNINGS, to be given to the client as it is.
pub(super) async fn read_warnings(held: &mut Held) -> Option<Vec<u8>> {
    let reply = held.checkout.connection.ask(Command::Query, b"SHOW WARNINGS", ReplyKind::Query).await.ok()?;
    matches!(reply.end.kind, EndKind::Ok | EndKind::Eof).then_some(reply.bytes)
}

/// LAST_INSERT_ID() as the server has it: an explicit id in the INSERT shows in its OK but does not change this.
async fn read_last_insert_id(held: &mut Held) -> Option<u64> {
    let connection = &mut held.checkout.connection;
    let reply = connection.ask(Command::Query, b"SELECT LAST_INSERT_ID()", ReplyKind::Query).await.ok()?;
    text_row(&reply.bytes)?.pop()??.parse().ok()
}
