//! Carrying a routed statement: what opens its transaction, the statement, its reply, and what happens when the backend breaks.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::checkout::is_tableless;
use super::client::ReceivedCommand;
use super::error_reply;
use super::fence_words::no_branches;
use super::fenced::{FencedWrite, is_of_branches};
use super::held::{Held, LastStatement};
use super::hold::no_lease;
use super::leased::{self, End};
use super::observe::{changed_schema, observe_cursor};
use super::own_view::OwnView;
use super::relay::{ClientState, Ending, Expected, Relay, RelayError, Relayed, collected};
use super::session::{Request, Session, SessionEnd};
use super::transaction::{Autocommit, Opening};
use crate::backend::Connection;
use crate::control::WriteTicket;
use crate::model::{GroupId, Snapshot};
use crate::route::{Route, Target, TransactionStep};
use crate::sql::{Facts, Statement, StatementClass};
use crate::wire::command::Command;
use crate::wire::scanner::{EndKind, ReplyKind};

/// Why a statement was not carried to its end.
pub(super) enum NotCarried {
    /// The client is told with this packet; the session goes on.
    Told(Vec<u8>),
    /// The client is told with this packet, and what it had on the connection is lost: the session is over, so that the rest of a
    /// broken transaction is never carried out by itself.
    Last(Vec<u8>),
    /// The session ends.
    Over(SessionEnd),
}

/// How far a statement was carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carried {
    /// To its end, whatever that was.
    ToItsEnd,
    /// Nowhere: the row of its scope does not let it in as it was decided. It was not sent.
    NotLetIn,
    /// Nowhere yet: its transaction was committed ahead of it, and it is to be decided anew.
    Again,
}

/// Whether a statement whose reply was lost may have had an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MayHaveRun {
    Yes,
    No,
}

impl MayHaveRun {
    fn of(statement: &Statement) -> MayHaveRun {
        let harmless = statement.plan.statements.iter().all(|facts| facts.repeatable);
        if harmless { MayHaveRun::No } else { MayHaveRun::Yes }
    }
}

/// What goes with a connection that breaks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loss {
    may_have_run: MayHaveRun,
    /// The statement began a transaction.
    begun: bool,
}

impl Loss {
    fn of(may_have_run: MayHaveRun) -> Loss {
        Loss { may_have_run, begun: false }
    }

    /// Of a COMMIT.
    pub(super) fn commit() -> Loss {
        Loss { may_have_run: MayHaveRun::Yes, begun: true }
    }

    /// Of a statement that was not sent.
    pub(super) fn none(begun: bool) -> Loss {
        Loss { may_have_run: MayHaveRun::No, begun }
    }
}

/// A reply that the client does not get as it comes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Withheld {
    /// It is told of the client's own.
    View(OwnView),
    /// Every session of the process knows the new schema first: what reads keys by it must not be behind whoever was told.
    Schema(GroupId),
    /// The same of a packet of several statements: their replies come as they come, but for the end of the last one.
    EndOfPacket(GroupId),
    /// Its last packet alone, which says how it ended: that is not decided yet. It stays with the connection ([`Held::end`]).
    End,
}

impl Withheld {
    pub(super) fn of(statement: &Statement, request: &Request, session: &Session) -> Option<Withheld> {
        match changed_schema(statement) {
            Some(group) if statement.plan.statements.len() == 1 => Some(Withheld::Schema(group)),
            Some(group) => Some(Withheld::EndOfPacket(group)),
            None => OwnView::of(statement, request, session.reading, session.listener.dialect).map(Withheld::View),
        }
    }
}

/// What one exchange with the instance sends, and how its reply is passed on.
pub(super) struct Sent<'a> {
    /// The command.
    pub request: &'a Request,
    /// What opens its transaction.
    pub opening: &'a Opening,
    /// A packet that travels ahead of both.
    pub ahead: Option<Vec<u8>>,
    /// What happens to the reply before the client gets it.
    pub withheld: Option<Withheld>,
}

impl Session {
    /// Tells the client why its statement was not carried.
    pub(super) async fn tell(&mut self, not_carried: NotCarried) -> Result<(), SessionEnd> {
        match not_carried {
            NotCarried::Told(packet) => self.send(&packet).await,
            NotCarried::Last(packet) => {
                self.send(&packet).await?;
                Err(SessionEnd::Backend)
            }
            NotCarried::Over(end) => Err(end),
        }
    }

    /// Steps 8 to 13 of a statement's walk.
    pub(super) async fn carry(
        &mut self,
        request: &mut Request,
        statement: &Statement,
        route: &Route,
        ticket: &mut Option<WriteTicket>,
        snapshot: &Snapshot,
    ) -> Result<Carried, NotCarried> {
        if let Some(answer) = self.answer_left_behind(request, statement) {
            return Box::pin(self.send(&answer)).await.map(|()| Carried::ToItsEnd).map_err(NotCarried::Over);
        }
        // What is rare on this way is boxed, so that it weighs on no statement that does not need it.
        if route.transaction == TransactionStep::Rebind {
            Box::pin(self.end_reading_transaction()).await;
        }
        let target = self.target_of(statement, route);
        let mut held = match self.connection_at_hand(target, snapshot) {
            Some(held) => held,
            None => Box::pin(self.connection_to(target, snapshot, request)).await?,
        };
        if !self.may_go_out(route) {
            Box::pin(self.settle(held)).await;
            return Err(NotCarried::Told(error_reply::text(&no_lease(), request.reply_sequence())));
        }
        let opening = match route.transaction {
            // It would not use up a SET TRANSACTION, which then lay in wait for the connection's next user.
            TransactionStep::Open if !self.transaction.is_begun() && is_tableless(statement) => Opening::default(),
            TransactionStep::Open | TransactionStep::Rebind => self.transaction.take_opening(),
            TransactionStep::Autocommit | TransactionStep::Continue => Opening::default(),
        };
        if self.is_fenced(route) {
            if opening.branch.is_some() || self.transaction.branch().is_some() || is_of_branches(statement) {
                self.transaction.put_back(opening);
                Box::pin(self.settle(held)).await;
                return Err(NotCarried::Told(error_reply::text(&no_branches(), request.reply_sequence())));
            }
            let write = FencedWrite { request, statement, route, snapshot, opening, ticket };
            return Box::pin(self.carry_fenced(held, write)).await;
        }
        if self.commits_under_lease(route) {
            match leased::end_by(statement) {
                End::No => {}
                End::Unseen => return Err(Box::pin(self.refuse_in_leased(held, request)).await),
                End::Commit(how) => {
                    return Box::pin(self.carry_leased_commit(held, how, (request, statement), route, snapshot)).await;
                }
                End::Implicit => return Box::pin(self.commit_ahead(held, request, route, snapshot)).await,
            }
        }
        if let StatementClass::Xa(step) = statement.first().class {
            self.expect_branch(request, step, route.target);
        }
        let relayed = loop {
            let prepared = match self.is_ready(&mut held, request, statement) {
                true => Ok(None),
                false => Box::pin(self.prepare_connection(&mut held, request, statement)).await,
            };
            let ahead = match prepared {
                Ok(ahead) => ahead,
                Err(refused) => {
                    self.transaction.put_back(opening);
                    return Err(Box::pin(self.not_ready(held, refused, ticket.take(), request)).await);
                }
            };
            let withheld = Withheld::of(statement, request, self);
            let sent = Sent { request, opening: &opening, ahead, withheld };
            match self.exchange_in_time(&mut held, statement, &sent).await {
                Ok(relayed) => break relayed,
                Err(RelayError::Backend { forwarded: false }) if self.may_send_again(&held, statement, route) => {
                    held = Box::pin(self.fresh_connection(held, snapshot, request)).await?;
                }
                Err(RelayError::Branch { packet }) => {
                    Box::pin(self.settle(held)).await;
                    return Err(NotCarried::Told(packet));
                }
                Err(error) => {
                    let loss = self.loss(statement, &opening);
                    return Err(self.broken(held, error, loss, ticket.take(), request));
                }
            }
        };
        self.observe(held, &relayed, statement, route, opening, ticket.take(), (request, snapshot)).await;
        match relayed.client {
            ClientState::Present => Ok(Carried::ToItsEnd),
            ClientState::Gone => Err(NotCarried::Over(SessionEnd::Left)),
        }
    }

    /// What goes with the connection when it breaks under `statement`.
    pub(super) fn loss(&self, statement: &Statement, opening: &Opening) -> Loss {
        let begun = opening.begun || self.autocommit == Autocommit::Off;
        Loss { may_have_run: MayHaveRun::of(statement), begun }
    }

    /// Where it goes: what asks for the last reply's leavings goes where they are.
    fn target_of(&self, statement: &Statement, route: &Route) -> Target {
        match &self.held {
            Some(held) if statement.first().asks_previous && route.scopes.is_empty() => held.target,
            Some(_) | None => route.target,
        }
    }

    /// A command on the connection the session keeps, whatever it is kept for; `cursor_of` is the statement whose cursor it is about.
    pub(super) async fn run_on_held(
        &mut self,
        command: ReceivedCommand,
        reply: ReplyKind,
        cursor_of: Option<u32>,
    ) -> Result<(), SessionEnd> {
        let Some(mut held) = self.held.take() else {
            return self.send(&error_reply::text(&error_reply::lost_backend(false), 1)).await;
        };
        let request = Request { reply, ..Request::new(command) };
        let opening = Opening::default();
        let sent = Sent { request: &request, opening: &opening, ahead: None, withheld: None };
        match self.exchange(&mut held, &sent).await {
            Ok(relayed) => {
                if let Some(holder) = cursor_of {
                    observe_cursor(&mut held, &relayed, request.reply, holder);
                }
                self.settle(held).await;
                Ok(())
            }
            Err(error) => {
                let broken = self.broken(held, error, Loss::of(MayHaveRun::No), None, &request);
                self.tell(broken).await
            }
        }
    }

    /// How long the statement may run.
    fn time_limit(&self, statement: &Statement) -> Option<Duration> {
        let limit = self.user.user.statement_deadline;
        let limit = limit.or_else(|| self.worker.limit(|limits| limits.statement_deadline));
        limit.filter(|_| may_be_cut_short(statement))
    }

    /// As [`Self::exchange`], for as long as the statement may run.
    pub(super) async fn exchange_in_time(
        &mut self,
        held: &mut Held,
        statement: &Statement,
        sent: &Sent<'_>,
    ) -> Result<Relayed, RelayError> {
        match self.time_limit(statement) {
            None => self.exchange(held, sent).await,
            Some(limit) => Box::pin(self.exchange_within(limit, held, sent)).await,
        }
    }

    /// As [`Self::exchange`]. A statement that runs for longer than its user may let it is ended by KILL QUERY; the client gets the server's own
    /// error, or the rest of the reply. The connection is this session's until the KILL is answered, so that it hits nobody else's statement.
    async fn exchange_within(
        &mut self,
        limit: Duration,
        held: &mut Held,
        sent: &Sent<'_>,
    ) -> Result<Relayed, RelayError> {
        let (instance, thread) = (held.checkout.connection.instance, held.checkout.connection.thread_id);
        let (killer, session) = (self.killer(instance), self.presence.entry.id);
        let mut exchange = Box::pin(self.exchange(held, sent));
        tokio::select! {
            biased;
            relayed = &mut exchange => return relayed,
            () = tokio::time::sleep(limit) => {}
        }
        tracing::info!(session, ?limit, "a statement ran into its deadline");
        if let Err(error) = killer.kill_query(thread).await {
            tracing::warn!(session, ?error, "a statement that ran into its deadline could not be ended");
        }
        exchange.await
    }

    /// Sends the statement, with what travels ahead of it and what opens its transaction, and passes the reply on.
    async fn exchange(&mut self, held: &mut Held, sent: &Sent<'_>) -> Result<Relayed, RelayError> {
        let connection = &mut held.checkout.connection;
        held.shown = held.last_reply.take();
        held.last_statement = LastStatement::Own;
        held.read_ahead = None;
        connection.begin_command();
        // A plain BEGIN travels in the same write. Anything longer is confirmed step by step: a SAVEPOINT that failed
        // must not be followed by the statement it was to protect.
        if sent.opening.branch.is_some() {
            // Whatever becomes of the branch, nobody else gets this connection as it is.
            connection.taint();
        }
        let begin = match sent.opening.packets.as_slice() {
            [] => None,
            [begin] if sent.opening.branch.is_none() => Some(begin),
            [begin] => {
                Box::pin(begin_branch(connection, begin)).await?;
                None
            }
            several => {
                Box::pin(confirm_each(connection, several)).await?;
                None
            }
        };
        let swallow = usize::from(sent.ahead.is_some()) + usize::from(begin.is_some());
        let statement = sent.request.command.packet.as_slice();
        let went_out = if swallow == 0 {
            connection.stream.send(statement).await
        } else {
            let along = [sent.ahead.as_deref(), begin.map(Vec::as_slice), Some(statement)];
            let packets: Vec<&[u8]> = along.into_iter().flatten().collect();
            Box::pin(connection.stream.send(&packets.concat())).await
        };
        // Even after a failed write the server may have said why (a packet too large for it): so the reply is read.
        drop(went_out);
        let expected = Expected { swallow, kind: sent.request.reply, ending: Ending::AtOnce };
        match sent.withheld {
            None => {
                let mut relay = Relay::new(&self.worker, &self.presence.entry, &mut self.client, connection, expected);
                relay.pass_on(std::future::ready(())).await
            }
            Some(Withheld::EndOfPacket(group)) => {
                let worker = Rc::clone(&self.worker);
                let known = worker.node.catalog.refresh(group, held.target.unit);
                let expected = Expected { ending: Ending::Later, ..expected };
                let relay = Relay::new(&self.worker, &self.presence.entry, &mut self.client, connection, expected);
                let mut relay = Box::new(relay);
                Box::pin(relay.pass_on(known)).await
            }
            Some(Withheld::End) => {
                let expected = Expected { ending: Ending::Kept, ..expected };
                let relay = Relay::new(&self.worker, &self.presence.entry, &mut self.client, connection, expected);
                let mut relay = Box::new(relay);
                let relayed = Box::pin(relay.pass_on(std::future::ready(()))).await?;
                held.end = relay.into_end();
                Ok(relayed)
            }
            Some(withheld) => Box::pin(self.withhold(withheld, held, expected)).await,
        }
    }

    /// A reply that the client gets as Meridian sees things, or when every session does.
    async fn withhold(
        &mut self,
        withheld: Withheld,
        held: &mut Held,
        expected: Expected,
    ) -> Result<Relayed, RelayError> {
        let connection = &mut held.checkout.connection;
        let reply = collected(connection, expected).await?;
        let flags = connection.scan_flags();
        let edited = match withheld {
            Withheld::EndOfPacket(_) | Withheld::End => None,
            Withheld::View(view) => self.as_own(view, (connection.instance, connection.thread_id), &reply.bytes, flags),
            Withheld::Schema(group) => {
                if !matches!(reply.end.kind, EndKind::Error { .. }) {
                    self.worker.node.catalog.refresh(group, held.target.unit).await;
                }
                None
            }
        };
        let sent = self.client.send(edited.as_deref().unwrap_or(&reply.bytes)).await;
        let client = if sent.is_ok() { ClientState::Present } else { ClientState::Gone };
        Ok(Relayed { end: reply.end, client })
    }

    /// A read may go again if nothing of it can have had an effect and the connection may have died while idle.
    fn may_send_again(&self, held: &Held, statement: &Statement, route: &Route) -> bool {
        held.checkout.connection.reused
            && held.pins.is_empty()
            && route.transaction == TransactionStep::Autocommit
            && route.scopes.is_empty()
            && statement.plan.statements.iter().all(|facts| facts.repeatable)
    }

    /// The backend broke: the transaction is lost, a write's outcome unknown, and its ticket kept until its connection is
    /// known dead.
    pub(super) fn broken(
        &mut self,
        held: Box<Held>,
        error: RelayError,
        loss: Loss,
        ticket: Option<WriteTicket>,
        request: &Request,
    ) -> NotCarried {
        let session = self.presence.entry.id;
        match &error {
            RelayError::Unheard => tracing::info!(session, "a long reply was given up, which nobody hears any more"),
            error => tracing::warn!(session, error = error as &dyn std::error::Error, "the instance broke off"),
        }
        let alone = !loss.begun && !self.transaction.is_open() && held.pins.is_empty();
        let mut tickets = self.transaction.lose();
        tickets.extend(ticket);
        self.abandon(held, tickets);
        self.show(None);
        match error {
            // A branch that was refused has broken nothing; its reply was given as it is.
            RelayError::Backend { forwarded: false } | RelayError::Opening { .. } | RelayError::Branch { .. } => {
                let unknown = loss.may_have_run == MayHaveRun::Yes;
                let text = error_reply::lost_backend(unknown);
                let packet = error_reply::text(&text, request.reply_sequence());
                if alone { NotCarried::Told(packet) } else { NotCarried::Last(packet) }
            }
            RelayError::Backend { forwarded: true } | RelayError::Scan(_) => NotCarried::Over(SessionEnd::Backend),
            RelayError::Unheard => NotCarried::Over(SessionEnd::Left),
        }
    }

    /// Ends a transaction that has only read, so that it can be opened elsewhere.
    async fn end_reading_transaction(&mut self) {
        if let Some(mut held) = self.held.take() {
            let ends = match self.transaction.branch() {
                Some(branch) => vec![format!("XA END {branch}"), format!("XA ROLLBACK {branch}")],
                None => vec!["ROLLBACK".to_owned()],
            };
            let mut ended = Ok(());
            for end in ends {
                ended = ended.and(held.checkout.connection.confirmed(Command::Query, end.as_bytes()).await.map(drop));
            }
            if ended.is_ok() && held.pins.is_empty() {
                self.let_go(held).await;
            }
        }
    }

    /// Shared by those who need the catalog read again before they can decide.
    pub(super) async fn refresh_catalog(&self, snapshot: &Snapshot) {
        let state = &snapshot.state;
        let schema_group = self.state.schema.as_deref().and_then(|schema| state.group_of_schema(schema));
        let group = schema_group.unwrap_or(state.default_group);
        self.worker.node.catalog.refresh(group, self.home(snapshot)).await;
    }

    /// This session's shared parts, for tasks that outlive a statement.
    pub(super) fn node(&self) -> Arc<super::worker::Node> {
        Arc::clone(&self.worker.node)
    }
}

/// Sends XA START alone: it may be refused for its id.
async fn begin_branch(connection: &mut Connection, packet: &[u8]) -> Result<(), RelayError> {
    let lost = RelayError::Backend { forwarded: false };
    if connection.stream.send(packet).await.is_err() {
        return Err(lost);
    }
    let Ok(reply) = connection.collect(ReplyKind::Simple).await else { return Err(lost) };
    match reply.end.kind {
        EndKind::Error { .. } => Err(RelayError::Branch { packet: reply.bytes }),
        _ => Ok(()),
    }
}

/// Sends what opens a transaction packet by packet, each one confirmed.
pub(super) async fn confirm_each(connection: &mut Connection, packets: &[Vec<u8>]) -> Result<(), RelayError> {
    let lost = RelayError::Backend { forwarded: false };
    for packet in packets {
        if connection.stream.send(packet).await.is_err() {
            return Err(lost);
        }
        let Ok(reply) = connection.collect(ReplyKind::Simple).await else { return Err(lost) };
        if let EndKind::Error { errno } = reply.end.kind {
            return Err(RelayError::Opening { errno });
        }
    }
    Ok(())
}

/// A COMMIT that is cut short may have committed or not, and half a DDL helps nobody: only reads and writes of rows have a deadline.
fn may_be_cut_short(statement: &Statement) -> bool {
    let is_of_rows = |facts: &Facts| {
        matches!(facts.class, StatementClass::Read | StatementClass::LockingRead | StatementClass::Write(_))
    };
    statement.plan.statements.iter().all(is_of_rows)
}
