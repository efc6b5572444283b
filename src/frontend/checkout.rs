//! A connection that fits a statement, and what must be said on it before the statement is sent.

use super::error_reply;
use super::held::{Held, InsertId};
use super::leavings::{asks_elsewhere, names_leavings};
use super::outcome::NotCarried;
use super::reading::login_names;
use super::request::{Request, Subject};
use super::session::Session;
use crate::backend::{Checkout, CheckoutError, ConnectionError, Wanted};
use crate::control::WriteTicket;
use crate::model::{GroupId, Health, InstanceId, Role, Snapshot};
use crate::route::Target;
use crate::sql::{Facts, Placement, Statement, StatementClass};
use crate::wire::command::Command;

/// Which connections will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Any,
    /// Only one that was never used before.
    Fresh,
    /// Only one that the servers show with the client's own attributes, and that nobody else gets.
    Own,
}

impl Session {
    /// A connection on which this session's commands may run as they are: for PREPARE and for schema questions.
    pub(super) async fn ready_connection(
        &mut self,
        target: Target,
        request: &mut Request,
    ) -> Result<Box<Held>, NotCarried> {
        let snapshot = self.worker.node.snapshots.load();
        let mut held = match self.connection_at_hand(target, &snapshot) {
            Some(held) => held,
            None => self.connection_to(target, &snapshot, request).await?,
        };
        match held.checkout.connection.bring_to(&self.state, &login_names(self.collation)).await {
            Ok(()) => Ok(held),
            Err(error) => Err(self.not_ready(held, error, None, request).await),
        }
    }

    /// The group a statement belongs to; the default group for those that belong to none.
    pub(super) fn group_of(&self, statement: &Statement, snapshot: &Snapshot) -> GroupId {
        let state = &snapshot.state;
        let of_schema = || self.state.schema.as_deref().and_then(|schema| state.group_of_schema(schema));
        let of_tables = match &statement.first().placement {
            Placement::Global { group, .. } | Placement::Sharded { group, .. } | Placement::Schema { group } => {
                Some(*group)
            }
            Placement::Local { group } => *group,
            Placement::Tableless | Placement::Refused(_) => None,
        };
        of_tables.or_else(of_schema).unwrap_or(state.default_group)
    }

    /// As [`Self::connection_to`], when that is possible without waiting for anything: nearly always.
    pub(super) fn connection_at_hand(&mut self, target: Target, snapshot: &Snapshot) -> Option<Box<Held>> {
        if let Some(held) = self.held.take_if(|held| held.target == target) {
            let is_silent = snapshot.observations.health_of(held.checkout.connection.instance) == Health::Unhealthy;
            if !is_silent {
                return Some(held);
            }
            self.held = Some(held);
        }
        if self.held.is_some() {
            return None;
        }
        let instance = *self.candidates(target, snapshot).first()?;
        if snapshot.observations.health_of(instance) == Health::Unhealthy {
            return None;
        }
        let pool = self.pool_of(instance);
        let checkout = self.worker.node.pools.checkout_at_hand(self.worker.number, pool, self.wanted())?;
        Some(self.now_on(checkout, target))
    }

    fn wanted(&self) -> Wanted<'_> {
        Wanted { state: &self.state, client: &self.presence.entry.client, attributes: None }
    }

    fn now_on(&self, checkout: Checkout, target: Target) -> Box<Held> {
        self.presence.entry.runs_on(checkout.connection.instance, checkout.connection.thread_id);
        Held::boxed(checkout, target)
    }

    /// The connection the session keeps, if it leads there; else one from the pool.
    pub(super) async fn connection_to(
        &mut self,
        target: Target,
        snapshot: &Snapshot,
        request: &Request,
    ) -> Result<Box<Held>, NotCarried> {
        let for_comfort = self.comfort().is_some();
        if let Some(held) = self.held.take() {
            let instance = held.checkout.connection.instance;
            if for_comfort && (held.checkout.is_shut() || is_out_of_reach(snapshot, instance)) {
                // Nobody can be asked what the last reply left; a new login tells whether the instance is there at all.
                drop(held);
            } else if held.target == target {
                return Ok(held);
            } else {
                Box::pin(self.let_go(held)).await;
            }
        }
        self.another_connection((target, Use::Any), snapshot, request).await
    }

    /// A connection from the pool, whatever the session keeps.
    pub(super) async fn another_connection(
        &mut self,
        (target, wish): (Target, Use),
        snapshot: &Snapshot,
        request: &Request,
    ) -> Result<Box<Held>, NotCarried> {
        let checkout = self.checkout(target, wish, snapshot).await.map_err(|error| {
            tracing::warn!(session = self.presence.entry.id, error = &error as &dyn std::error::Error, "no connection");
            NotCarried::Told(error_reply::fault(&error, request.reply_sequence()))
        })?;
        Ok(self.now_on(checkout, target))
    }

    /// Borrows a connection to an instance of the target: the least used healthy replica, the next one, the primary.
    pub(super) async fn checkout(
        &mut self,
        target: Target,
        wish: Use,
        snapshot: &Snapshot,
    ) -> Result<Checkout, CheckoutError> {
        let mut last_error = None;
        for instance in self.candidates(target, snapshot) {
            let pool = self.pool_of(instance);
            let (pools, worker) = (&self.worker.node.pools, self.worker.number);
            // What sleeps in the pool of an instance that does not answer its probes is no sign of life; a login is, and has a deadline.
            let answers = snapshot.observations.health_of(instance) != Health::Unhealthy;
            let checkout = match wish {
                Use::Any if answers => pools.checkout(worker, pool, self.wanted()).await,
                Use::Any | Use::Fresh => Box::pin(pools.checkout_fresh(worker, pool, self.wanted())).await,
                Use::Own => {
                    let wanted = Wanted { attributes: Some(&self.attributes), ..self.wanted() };
                    Box::pin(pools.checkout_fresh(worker, pool, wanted)).await
                }
            };
            match checkout {
                Ok(checkout) => return Ok(checkout),
                Err(error) => last_error = Some(error),
            }
        }
        Err(last_error.unwrap_or(CheckoutError::NoInstance))
    }

    fn candidates(&self, target: Target, snapshot: &Snapshot) -> smallvec::SmallVec<[InstanceId; 4]> {
        let state = &snapshot.state;
        let mut candidates = smallvec::SmallVec::new();
        if target.role == Role::Replica {
            let healthy = |instance| {
                snapshot.observations.health_of(instance) == Health::Healthy && state.left_out_of(instance).is_none()
            };
            let replicas = state.instances_of(target.unit, target.group);
            candidates.extend(
                replicas.filter(|(id, instance)| instance.role == Role::Replica && healthy(*id)).map(|(id, _)| id),
            );
            candidates.sort_by_key(|instance| self.worker.node.pools.gauge(*instance).in_use());
        }
        candidates.extend(state.primary_of(target.unit, target.group));
        candidates
    }

    /// Whether the statement can be sent on the connection as it is.
    pub(super) fn is_ready(&self, held: &mut Held, request: &mut Request, statement: &Statement) -> bool {
        let asks_elsewhere = asks_elsewhere(held, request, statement);
        let connection = &mut held.checkout.connection;
        !asks_elsewhere
            && connection.is_in_state(&self.state)
            && (held.insert_id != InsertId::Foreign || !needs_insert_id(request, statement))
            && match &request.subject {
                Subject::Execute(execution) => execution.is_ready(connection, &mut request.command),
                Subject::Text | Subject::Fixed(..) => true,
            }
    }

    /// Everything that must be true of the connection before the statement is sent on it; gives what has to travel ahead of it in
    /// the same write.
    pub(super) async fn prepare_connection(
        &mut self,
        held: &mut Held,
        request: &mut Request,
        statement: &Statement,
    ) -> Result<Option<Vec<u8>>, ConnectionError> {
        let told = asks_elsewhere(held, request, statement) && names_leavings(request);
        let connection = &mut held.checkout.connection;
        if !connection.is_in_state(&self.state) {
            Box::pin(connection.bring_to(&self.state, &login_names(self.collation))).await?;
        }
        let mut ahead = None;
        if held.insert_id == InsertId::Foreign && needs_insert_id(request, statement) {
            if connection.last_insert_id != Some(self.last_insert_id) {
                let set = format!("SET last_insert_id={}", self.last_insert_id);
                match told {
                    // It must not be the last thing the connection did.
                    true => drop(Box::pin(connection.confirmed(Command::Query, set.as_bytes())).await?),
                    false => ahead = Some(self.query_packet(set.as_bytes())),
                }
                connection.last_insert_id = Some(self.last_insert_id);
            }
            held.insert_id = InsertId::Told;
        }
        if told {
            Box::pin(self.tell_leavings(held, request)).await?;
        }
        if let Subject::Execute(execution) = &mut request.subject {
            execution.make_ready(&mut held.checkout.connection, &mut request.command).await?;
        }
        Ok(ahead)
    }

    /// The connection could not be made ready; the statement was not sent. What the server refused, the client reads in
    /// the server's words, and a transaction goes on.
    pub(super) async fn not_ready(
        &mut self,
        held: Box<Held>,
        error: ConnectionError,
        ticket: Option<WriteTicket>,
        request: &Request,
    ) -> NotCarried {
        match error {
            ConnectionError::Refused { packet } => {
                self.settle(held).await;
                NotCarried::Told(packet)
            }
            other => {
                let session = self.presence.entry.id;
                tracing::warn!(
                    session,
                    error = &other as &dyn std::error::Error,
                    "connection lost before the statement"
                );
                let alone = !self.transaction.is_open() && held.pins.is_empty();
                let mut tickets = self.transaction.lose();
                tickets.extend(ticket);
                self.abandon(held, tickets);
                self.show(None);
                let packet = error_reply::text(&error_reply::lost_backend(false), request.reply_sequence());
                if alone { NotCarried::Told(packet) } else { NotCarried::Last(packet) }
            }
        }
    }

    /// A connection in place of one that broke, to whichever instance would now be chosen.
    pub(super) async fn fresh_connection(
        &mut self,
        broken: Box<Held>,
        snapshot: &Snapshot,
        request: &Request,
    ) -> Result<Box<Held>, NotCarried> {
        let target = broken.target;
        drop(broken);
        let fresh = self.checkout(target, Use::Fresh, snapshot).await;
        let checkout = fresh.map_err(|error| NotCarried::Told(error_reply::fault(&error, request.reply_sequence())))?;
        Ok(self.now_on(checkout, target))
    }
}

/// Whether an instance that is asked may never answer: it does not answer its probes, or was left behind.
pub(super) fn is_out_of_reach(snapshot: &Snapshot, instance: InstanceId) -> bool {
    snapshot.observations.health_of(instance) == Health::Unhealthy || snapshot.state.left_out_of(instance).is_some()
}

/// Whether LAST_INSERT_ID() must be the session's before the statement runs: it asks for it; it keeps the connection, where it may be
/// asked for in ways no text shows; or it may give an insert id, and then LAST_INSERT_ID() is either that one or, when the id was given
/// explicitly, what it was before. What asks for other leavings of the last reply must find them as they are.
fn needs_insert_id(request: &Request, statement: &Statement) -> bool {
    let facts = &statement.plan.statements;
    let text_says = |says: fn(&[u8]) -> bool| match &request.subject {
        Subject::Text => says(&request.payload()[request.text_at..]),
        Subject::Execute(execution) => says(&execution.text),
        Subject::Fixed(..) => false,
    };
    if facts.iter().any(|facts| facts.asks_previous) {
        return text_says(names_insert_id);
    }
    let writes = facts.iter().any(|facts| matches!(facts.class, StatementClass::Write(_)));
    facts.len() > 1
        || (writes && text_says(may_give_insert_id))
        || facts.iter().flat_map(|facts| &facts.effects).any(|effect| effect.pins().is_some())
}

/// UPDATE and DELETE give none, unless by LAST_INSERT_ID(n), which pins.
fn may_give_insert_id(text: &[u8]) -> bool {
    let word = text.trim_ascii_start().get(..6).unwrap_or_default();
    !word.eq_ignore_ascii_case(b"UPDATE") && !word.eq_ignore_ascii_case(b"DELETE")
}

pub(super) fn is_tableless(statement: &Statement) -> bool {
    let begins = |facts: &Facts| matches!(facts.class, StatementClass::Begin(_));
    statement.plan.statements.iter().all(|facts| facts.placement == Placement::Tableless && !begins(facts))
}

fn names_insert_id(text: &[u8]) -> bool {
    let names = |name: &[u8]| text.windows(name.len()).any(|part| part.eq_ignore_ascii_case(name));
    names(b"last_insert_id") || names(b"identity")
}
