//! One exchange with an instance: what opens the transaction, the statement, and its reply on its way to the client.

use std::rc::Rc;
use std::time::Duration;

use super::held::{Held, LastStatement};
use super::leaving::OnLeaving;
use super::observe::changed_schema;
use super::own_view::OwnView;
use super::relay::{ClientState, Ending, Expected, Relay, RelayError, Relayed, collected};
use super::request::Request;
use super::session::Session;
use super::transaction::Opening;
use crate::backend::Connection;
use crate::model::GroupId;
use crate::sql::{Facts, Statement, StatementClass};
use crate::wire::scanner::{EndKind, ReplyKind};

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
        let on_leaving = OnLeaving::of(statement);
        match self.time_limit(statement) {
            None => self.exchange(held, sent, on_leaving).await,
            Some(limit) => Box::pin(self.exchange_within(limit, held, sent, on_leaving)).await,
        }
    }

    /// As [`Self::exchange`]. A statement that runs for longer than its user may let it is ended by KILL QUERY; the client gets the server's own
    /// error, or the rest of the reply. The connection is this session's until the KILL is answered, so that it hits nobody else's statement.
    async fn exchange_within(
        &mut self,
        limit: Duration,
        held: &mut Held,
        sent: &Sent<'_>,
        on_leaving: OnLeaving,
    ) -> Result<Relayed, RelayError> {
        let (instance, thread) = (held.checkout.connection.instance, held.checkout.connection.thread_id);
        let (killer, session) = (self.killer(instance), self.presence.entry.id);
        let mut exchange = Box::pin(self.exchange(held, sent, on_leaving));
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
    pub(super) async fn exchange(
        &mut self,
        held: &mut Held,
        sent: &Sent<'_>,
        on_leaving: OnLeaving,
    ) -> Result<Relayed, RelayError> {
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
        let expected = Expected { swallow, kind: sent.request.reply, ending: Ending::AtOnce, on_leaving };
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
