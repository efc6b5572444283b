//! Writes of groups with `fence = "row"` or `"row+lease"`: each is sent only when the instance has let it in, by the row of its scope.
//!
//! A transaction locks the row, shared, with a comparison of its scope epoch ahead of its first write in the scope: whoever raises the row waits for
//! it. A write that stands alone gets a transaction of its own, of which the client sees nothing: its reply's end is kept until COMMIT. What
//! no transaction can stand around (DDL, CALL, packets of several statements, cursors) keeps a guard in place of the row, a user
//! lock of its connection, which whoever raises rows takes; the row is compared under it. With leases that is refused: see [`super::leased`].

use std::borrow::Cow;

use super::error_reply;
use super::exchange::{Sent, Withheld};
use super::fence_words::{
    Compared, LeasedCommit, errno_of, in_its_place, lease_question, leased_commit, no_guard, not_readable,
    not_under_lease, question, rolled_back, rows_of, said, sequence_of,
};
use super::held::{Held, LastStatement, ReadAhead, read_warnings};
use super::outcome::{Carried, Loss, NotCarried};
use super::relay::{ClientState, RelayError, Relayed};
use super::request::Request;
use super::session::{Session, SessionEnd};
use super::transaction::{Autocommit, Opening, Transaction};
use crate::backend::ConnectionError;
use crate::control::WriteTicket;
use crate::control::row_fences::{GUARDS, guard_name};
use crate::fault::ClientText;
use crate::model::{Epoch, Snapshot};
use crate::route::{Route, TransactionStep};
use crate::sql::{PinReason, Statement, StatementClass};
use crate::wire::command::Command;
use crate::wire::reply::{EndKind, ReplyKind};
use crate::wire::status;
use crate::wire::text_row::text_row;

/// How long a guard is waited for: longer than a move keeps them all.
const GUARD_PATIENCE: u32 = 20;

/// Of this session's connection a transaction ends so, whatever the session's `completion_type`.
const COMMIT: &[u8] = b"COMMIT AND NO CHAIN NO RELEASE";
const ROLLBACK: &[u8] = b"ROLLBACK AND NO CHAIN NO RELEASE";

/// How a write is kept from running late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Its transaction holds the row.
    Within,
    /// A transaction of its own does.
    Alone,
    /// Its connection keeps a guard.
    Guarded,
}

impl Way {
    fn of(write: &FencedWrite<'_>, autocommit: Autocommit, held: &Held) -> Way {
        let FencedWrite { request, statement, route, opening, .. } = write;
        let stands_in_one = match route.transaction {
            TransactionStep::Autocommit => held.pins.contains(PinReason::Xa),
            // A SET TRANSACTION alone opens none.
            TransactionStep::Open | TransactionStep::Rebind => opening.begun || autocommit == Autocommit::Off,
            TransactionStep::Continue => true,
        };
        let is_plain = match statement.plan.statements.as_slice() {
            [alone] => {
                matches!(alone.class, StatementClass::Write(_) | StatementClass::LockingRead | StatementClass::Read)
                    && alone.effects.iter().all(|effect| effect.pins().is_none())
                    && request.reply != ReplyKind::Cursor
            }
            _ => false,
        };
        match stands_in_one {
            _ if !is_plain => Way::Guarded,
            true => Way::Within,
            false => Way::Alone,
        }
    }
}

/// A write on its way, with all that goes with it.
pub(super) struct FencedWrite<'a> {
    pub request: &'a mut Request,
    pub statement: &'a Statement,
    pub route: &'a Route,
    pub snapshot: &'a Snapshot,
    pub opening: Opening,
    pub ticket: &'a mut Option<WriteTicket>,
}

impl Session {
    /// Whether the statement is one of those: a write, or a read that must be current, of such a group.
    pub(super) fn is_fenced(&self, route: &Route) -> bool {
        !route.scopes.is_empty() && self.worker.node.row_fences.covers(route.target.group)
    }

    /// Carries it to its end on this connection; or does not, because the row does not let it in under this snapshot.
    pub(super) async fn carry_fenced(
        &mut self,
        mut held: Box<Held>,
        write: FencedWrite<'_>,
    ) -> Result<Carried, NotCarried> {
        let ahead = match self.prepare_connection(&mut held, write.request, write.statement).await {
            Ok(ahead) => ahead,
            Err(refused) => {
                self.transaction.put_back(write.opening);
                return Err(self.not_ready(held, refused, write.ticket.take(), write.request).await);
            }
        };
        let way = Way::of(&write, self.autocommit, &held);
        let leases = self.worker.node.row_fences.leases(write.route.target.group);
        if leases && way == Way::Guarded {
            self.transaction.put_back(write.opening);
            Box::pin(self.settle(held)).await;
            return Err(NotCarried::Told(error_reply::text(&not_under_lease(), write.request.reply_sequence())));
        }
        let compared = self.transaction.compared();
        let rows = match write.route.scopes.iter().all(|scope| compared.contains(scope)) {
            true if way == Way::Within => Some(Vec::new()),
            _ => rows_of(&write.snapshot.state, &write.route.scopes),
        };
        let Some(rows) = rows else { return self.not_let_in(held, way, write).await };
        if !rows.is_empty() {
            match self.compare(&mut held, way, &write, &rows).await {
                // Behind the question a write may leave FOUND_ROWS() as it finds it.
                Ok(Compared::LetIn) => held.found_rows = LastStatement::Foreign,
                Ok(Compared::NotLetIn) => return self.not_let_in(held, way, write).await,
                Ok(Compared::NoGuard) => return self.cannot_tell(held, way, write, no_guard()).await,
                Ok(Compared::Refused(packet)) => {
                    return self.cannot_tell(held, way, write, not_readable(&packet)).await;
                }
                Err(error) => return Err(self.lost_before(held, error, write)),
            }
        }
        match way {
            Way::Alone => self.carry_alone(held, ahead, write).await,
            Way::Within | Way::Guarded => self.carry_as_it_is(held, way, ahead, write, rows.is_empty()).await,
        }
    }

    /// The connection is lost, and the statement was not sent.
    fn lost_before(&mut self, held: Box<Held>, error: RelayError, write: FencedWrite<'_>) -> NotCarried {
        self.broken(held, error, Loss::none(write.opening.begun), write.ticket.take(), write.request)
    }

    /// Asks the rows, behind what opens the transaction that is to hold them.
    async fn compare(
        &mut self,
        held: &mut Held,
        way: Way,
        write: &FencedWrite<'_>,
        rows: &[(u32, Epoch)],
    ) -> Result<Compared, RelayError> {
        let state = &write.snapshot.state;
        let group = &state.group(write.route.target.group).name;
        let mut ahead: Vec<Vec<u8>> = match way {
            Way::Within | Way::Alone => write.opening.packets.clone(),
            // It opens with its statement, under the guard.
            Way::Guarded => Vec::new(),
        };
        let question = match way {
            Way::Within => question(group, rows),
            Way::Alone => {
                ahead.push(self.query_packet(b"BEGIN"));
                question(group, rows)
            }
            Way::Guarded => {
                let take = format!("SELECT GET_LOCK({}, {GUARD_PATIENCE})", self.guard(group));
                let reply = ask(held, take.as_bytes()).await?;
                if text_row(&reply).and_then(|mut row| row.pop()?).as_deref() != Some("1") {
                    return Ok(Compared::NoGuard);
                }
                question(group, rows)
            }
        };
        // A lease that has ended is found out before anything runs; not where asking would open the transaction, and with it what it sees.
        let outside = !self.transaction.is_open() && self.autocommit == Autocommit::On && ahead.len() <= 1;
        let lease = (outside && self.worker.node.row_fences.leases(write.route.target.group))
            .then(|| self.query_packet(lease_question(group).as_bytes()));
        let asks_lease = lease.is_some();
        let connection = &mut held.checkout.connection;
        connection.begin_command();
        // A plain BEGIN travels with the question; anything longer is confirmed step by step.
        if ahead.len() > 1 {
            super::exchange::confirm_each(connection, &ahead).await?;
            ahead.clear();
        }
        let along = ahead.len();
        ahead.splice(0..0, lease);
        ahead.push(self.query_packet(question.as_bytes()));
        let lost = |_| RelayError::Backend { forwarded: false };
        // Even after a failed write the server may have said why: so the reply is read.
        drop(connection.stream.send(&ahead.concat()).await);
        let mut read = Vec::new();
        let mut lease_said = Compared::LetIn;
        if asks_lease {
            let reply = connection.collect_next(&mut read, ReplyKind::Query).await.map_err(lost)?;
            lease_said = said(&reply.bytes, 1);
        }
        for _ in 0..along {
            let reply = connection.collect_next(&mut read, ReplyKind::Simple).await.map_err(lost)?;
            if let EndKind::Error { errno } = reply.end.kind {
                return Err(RelayError::Opening { errno });
            }
        }
        let reply = connection.collect_next(&mut read, ReplyKind::Query).await.map_err(lost)?;
        connection.end_command(&reply.end);
        Ok(match lease_said {
            Compared::LetIn => said(&reply.bytes, rows.len()),
            not_let_in => not_let_in,
        })
    }

    /// A write whose row is held, or guarded: as any other. Behind the guard the transaction it may have left open takes the row over.
    async fn carry_as_it_is(
        &mut self,
        mut held: Box<Held>,
        way: Way,
        ahead: Option<Vec<u8>>,
        write: FencedWrite<'_>,
        is_held_already: bool,
    ) -> Result<Carried, NotCarried> {
        let FencedWrite { request, statement, route, snapshot, opening, ticket } = write;
        let (request, nothing) = (&*request, Opening::default());
        // Under a guard nothing of the opening has been sent.
        let opens = if way == Way::Guarded || is_held_already { &opening } else { &nothing };
        let withheld = Withheld::of(statement, request, self);
        let sent = Sent { request, opening: opens, ahead, withheld };
        let relayed = match self.exchange_in_time(&mut held, statement, &sent).await {
            Ok(relayed) => relayed,
            Err(error) => {
                let loss = self.loss(statement, &opening);
                return Err(self.broken(held, error, loss, ticket.take(), request));
            }
        };
        let mut holds = way == Way::Within;
        if way == Way::Guarded {
            match self.let_go_of_guard(&mut held, &relayed, route, snapshot).await {
                Ok(over) => holds = over,
                // What the client has been told is true; but nothing may follow it in this transaction.
                Err(error) => {
                    held.gauge().acknowledged.add(1);
                    let loss = self.loss(statement, &opening);
                    drop(self.broken(held, error, loss, ticket.take(), request));
                    return Err(NotCarried::Over(SessionEnd::Backend));
                }
            }
        }
        self.observe(held, &relayed, statement, route, opening, ticket.take(), (request, snapshot)).await;
        if let Transaction::Open(open) = &mut self.transaction
            && holds
        {
            open.compared.extend(route.scopes.iter().copied());
        }
        present(&relayed)
    }

    /// The rows are taken over by a transaction that the statement has left open, if it has; whether it has. Errors: the rows do not let it in
    /// any more, or the connection broke.
    async fn let_go_of_guard(
        &mut self,
        held: &mut Held,
        relayed: &Relayed,
        route: &Route,
        snapshot: &Snapshot,
    ) -> Result<bool, RelayError> {
        let group = &snapshot.state.group(route.target.group).name;
        let failed = matches!(relayed.end.kind, EndKind::Error { .. });
        let warnings = match failed || relayed.end.warnings > 0 {
            true => read_warnings(held).await,
            false => None,
        };
        held.read_ahead = Some(ReadAhead { warnings });
        let may_be_open = relayed.end.status.is_none_or(|flags| flags & status::IN_TRANS != 0);
        if may_be_open {
            let rows = rows_of(&snapshot.state, &route.scopes).unwrap_or_default();
            let reply = ask(held, question(group, &rows).as_bytes()).await?;
            if !matches!(said(&reply, rows.len()), Compared::LetIn) {
                return Err(RelayError::Backend { forwarded: true });
            }
        }
        ask(held, format!("DO RELEASE_LOCK({})", self.guard(group)).as_bytes()).await?;
        Ok(may_be_open)
    }

    /// A write in a transaction of its own: the client hears of its end when COMMIT has said how it ended.
    async fn carry_alone(
        &mut self,
        mut held: Box<Held>,
        ahead: Option<Vec<u8>>,
        write: FencedWrite<'_>,
    ) -> Result<Carried, NotCarried> {
        let FencedWrite { request, statement, route, snapshot, opening, ticket } = write;
        let (request, nothing) = (&*request, Opening::default());
        let sent = Sent { request, opening: &nothing, ahead, withheld: Some(Withheld::End) };
        let mut relayed = match self.exchange_in_time(&mut held, statement, &sent).await {
            Ok(relayed) => relayed,
            Err(error) => {
                let loss = self.loss(statement, &opening);
                return Err(self.broken(held, error, loss, ticket.take(), request));
            }
        };
        let failed = matches!(relayed.end.kind, EndKind::Error { .. });
        let warnings = match failed || relayed.end.warnings > 0 {
            true => read_warnings(&mut held).await,
            false => None,
        };
        held.read_ahead = Some(ReadAhead { warnings });
        let mut end = std::mem::take(&mut held.end);
        let group = route.target.group;
        let last_word = match self.worker.node.row_fences.leases(group) {
            _ if failed => Cow::Borrowed(ROLLBACK),
            false => Cow::Borrowed(COMMIT),
            true => leased_commit(&snapshot.state.group(group).name, LeasedCommit::Alone).into_bytes().into(),
        };
        match held.checkout.connection.confirmed(Command::Query, &last_word).await {
            Ok(ended) => {
                let flags = ended.status.unwrap_or_default() & !status::IN_TRANS;
                relayed.end.status = Some(relayed.end.status.map_or(flags, |said| said & !status::IN_TRANS));
            }
            // It ended in nothing: as if the statement itself had.
            Err(ConnectionError::Refused { packet }) if !failed => {
                end = in_its_place(&end, packet);
                relayed.end.kind = EndKind::Error { errno: errno_of(&end) };
                relayed.end.status = Some(0);
                drop(held.checkout.connection.confirmed(Command::Query, ROLLBACK).await);
            }
            Err(error) => {
                let session = self.presence.entry.id;
                tracing::warn!(session, error = &error as &dyn std::error::Error, "lost at the end of a write");
                self.abandon(held, ticket.take().into_iter().collect());
                self.show(None);
                let unknown = error_reply::text(&error_reply::lost_backend(true), sequence_of(&end));
                return Err(NotCarried::Told(if failed { end } else { unknown }));
            }
        }
        if relayed.client == ClientState::Present && self.client.send(&end).await.is_err() {
            relayed.client = ClientState::Gone;
        }
        self.observe(held, &relayed, statement, route, opening, ticket.take(), (request, snapshot)).await;
        present(&relayed)
    }

    /// The row did not let it in, and it was not sent. A transaction that has done nothing else begins anew when it is decided again; of any other
    /// the client has to know.
    async fn not_let_in(&mut self, held: Box<Held>, way: Way, write: FencedWrite<'_>) -> Result<Carried, NotCarried> {
        self.worker.node.row_fences.tell_missed();
        let goes_on = write.route.transaction == TransactionStep::Continue || held.pins.contains(PinReason::Xa);
        let sequence = write.request.reply_sequence();
        let opening = write.opening.clone();
        self.undo(held, way, write).await?;
        if goes_on {
            return Err(NotCarried::Told(error_reply::text(&rolled_back(), sequence)));
        }
        self.transaction.put_back(opening);
        Ok(Carried::NotLetIn)
    }

    /// It is not known what the row says, and the statement was not sent.
    async fn cannot_tell(
        &mut self,
        held: Box<Held>,
        way: Way,
        write: FencedWrite<'_>,
        mut text: ClientText,
    ) -> Result<Carried, NotCarried> {
        if write.route.transaction == TransactionStep::Continue {
            text.message.push_str("; its transaction is rolled back");
            if text.errno == 1205 {
                (text.errno, text.sqlstate) = (1213, "40001");
            }
        }
        let (packet, opening) = (error_reply::text(&text, write.request.reply_sequence()), write.opening.clone());
        self.undo(held, way, write).await?;
        self.transaction.put_back(opening);
        Err(NotCarried::Told(packet))
    }

    /// Ends what was begun for a write that is not sent: no row stays locked. The transaction of an XA branch is its client's to end.
    async fn undo(&mut self, mut held: Box<Held>, way: Way, write: FencedWrite<'_>) -> Result<(), NotCarried> {
        let group = &write.snapshot.state.group(write.route.target.group).name;
        if way == Way::Guarded {
            let release = format!("DO RELEASE_LOCK({})", self.guard(group));
            if let Err(error) = ask(&mut held, release.as_bytes()).await {
                return Err(self.lost_before(held, error, write));
            }
        }
        if held.pins.contains(PinReason::Xa) {
            self.settle(held).await;
            return Ok(());
        }
        match held.checkout.connection.confirmed(Command::Query, ROLLBACK).await {
            Ok(_) => {
                if self.transaction.is_open() {
                    self.transaction = Transaction::None;
                }
                *write.ticket = None;
                self.settle(held).await;
                Ok(())
            }
            Err(_) => {
                let lost = RelayError::Backend { forwarded: false };
                Err(self.lost_before(held, lost, write))
            }
        }
    }

    /// This session's guard, as an expression.
    fn guard(&self, group: &str) -> String {
        guard_name(group, self.presence.entry.id % GUARDS)
    }
}

/// A command of Meridian's own with a reply that is looked at by whoever asked.
async fn ask(held: &mut Held, text: &[u8]) -> Result<Vec<u8>, RelayError> {
    held.last_statement = LastStatement::Foreign;
    let reply = held.checkout.connection.ask(Command::Query, text, ReplyKind::Query).await;
    reply.map(|reply| reply.bytes).map_err(|_| RelayError::Backend { forwarded: false })
}

fn present(relayed: &Relayed) -> Result<Carried, NotCarried> {
    match relayed.client {
        ClientState::Present => Ok(Carried::ToItsEnd),
        ClientState::Gone => Err(NotCarried::Over(SessionEnd::Left)),
    }
}

/// Whether it begins, prepares or ends an XA branch.
pub(super) fn is_of_branches(statement: &Statement) -> bool {
    matches!(statement.first().class, StatementClass::Xa(_))
}
