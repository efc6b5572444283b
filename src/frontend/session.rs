//! One client's session: the loop over its commands, and the walk of one statement (`run_statement`).

use std::borrow::Cow;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use smallvec::SmallVec;
use thiserror::Error;

use super::attributes;
use super::branches::BranchPlace;
use super::client::{Client, ReadError, ReceivedCommand};
use super::config::ListenerConfig;
use super::dispatch::Carried;
use super::error_reply;
use super::execution::Execution;
use super::held::{Held, LeftBehind};
use super::hold;
use super::prepared::PreparedStatements;
use super::reading::Reading;
use super::registry::{Presence, Shown};
use super::transaction::{Autocommit, Transaction};
use super::transaction_trackers::waits_read_only;
use super::users::KnownUser;
use super::worker::Worker;
use crate::backend::gauge::InstanceGauge;
use crate::backend::{PoolId, SessionState};
use crate::control::{HeldPlace, NotEntered};
use crate::model::{GroupId, InstanceId, Snapshot, UnitId};
use crate::route::{Decision, LookedUp, Rejection, SessionView, Target, decide};
use crate::sql::{Family, Hint, SqlContext, SqlRefusal, Statement};
use crate::wire::capability::{Capabilities, CapabilityClass};
use crate::wire::command_reader::CommandFrame;
use crate::wire::ok_packet::{OkPacket, encode_eof};
use crate::wire::packet::{HEADER, write_packet};
use crate::wire::query_attributes::QueryAttributes;
use crate::wire::scanner::ReplyKind;
use crate::wire::scramble::Salt;
use crate::wire::status;

/// How many times a statement that names an unknown table has the catalog read again: once, since a second reading a
/// moment later says the same.
pub(super) const CATALOG_TRIES: usize = 1;

/// How many times keys of one statement are looked up: one kind may lead to another, and the world may move meanwhile.
const LOOKUPS: usize = 8;

/// A logged-in client and everything known of it.
pub struct Session {
    /// The thread's shared things.
    pub(super) worker: Rc<Worker>,
    /// The client's side.
    pub(super) client: Client,
    /// The listener it came in by.
    pub(super) listener: Arc<ListenerConfig>,
    /// Who it is.
    pub(super) user: Arc<KnownUser>,
    /// Its place in the registry.
    pub(super) presence: Presence,
    /// What it negotiated.
    pub(super) capabilities: Capabilities,
    /// The collation of its login.
    pub(super) collation: u16,
    /// The salt of its last proof, with which COM_CHANGE_USER goes on.
    pub(super) salt: Salt,
    /// How often COM_CHANGE_USER was refused.
    pub(super) refused_changes: u8,
    /// What it has set, as the server accepted it.
    pub(super) state: Arc<SessionState>,
    /// What follows from that for reading its texts.
    pub(super) reading: Reading,
    /// `@meridian_…`.
    pub(super) hint: Hint,
    /// Its autocommit setting.
    pub(super) autocommit: Autocommit,
    /// Its transaction.
    pub(super) transaction: Transaction,
    /// Where the open transaction would be if the observed group's rules were carried out.
    pub(super) observed_at: Option<Target>,
    /// Where it has changed the schema of managed tables, until it is reset.
    pub(super) schema_changed_at: Option<Target>,
    /// The connection it keeps, for its transaction, a pin, or what the last reply left.
    pub(super) held: Option<Box<Held>>,
    /// What was read from a connection given back before the client could ask.
    pub(super) left_behind: Option<LeftBehind>,
    /// What the registry was last told.
    pub(super) shown: Shown,
    /// The state it was told of.
    pub(super) shown_state: Option<Arc<SessionState>>,
    /// What LAST_INSERT_ID() must say on a connection that did not run the INSERT.
    pub(super) last_insert_id: u64,
    /// What FOUND_ROWS() must say on a connection that did not run the SELECT; `None` where only that connection knows.
    pub(super) found_rows: Option<u64>,
    /// Its prepared statements.
    pub(super) prepared: PreparedStatements,
    /// The pools it has used, so that no key is built per query.
    pub(super) pools: SmallVec<[(InstanceId, bool, PoolId); 4]>,
}

/// What was tried for one statement so far.
#[derive(Default)]
struct Tries {
    /// How often the catalog was read again.
    catalog: usize,
    /// How often keys were looked up.
    lookups: usize,
    /// Its place among those that were held, until it is on its way.
    place: Option<Box<HeldPlace>>,
    /// Its place among those that wait before a row that does not let them in.
    before_row: Option<Box<hold::BeforeRow>>,
}

/// How a statement goes on that could not be sent.
enum Next {
    /// From the start: the world may have moved.
    Again,
    /// It has been answered.
    Done,
}

/// Why a session is over.
#[derive(Debug, Error)]
pub enum SessionEnd {
    /// COM_QUIT, or the client closed the connection.
    #[error("the client left")]
    Left,
    /// The client's socket failed or it sent no packets of the protocol.
    #[error("the client's connection is of no use")]
    Client(#[source] ReadError),
    /// The backend broke in the middle of a reply: only closing tells the client.
    #[error("the instance broke off a reply")]
    Backend,
    /// KILL, or shutdown.
    #[error("it was ended from outside")]
    Killed,
    /// The node ends.
    #[error("the node ends")]
    Drained,
    /// It said nothing for longer than the idle deadline.
    #[error("it was idle for too long")]
    Idle,
}

/// A statement to be run, as it will be sent.
pub(super) struct Request {
    /// The command as the client sent it.
    pub command: ReceivedCommand,
    /// The shape of the reply.
    pub reply: ReplyKind,
    /// What the packet asks for.
    pub subject: Subject,
    /// Where the text of a COM_QUERY or COM_STMT_PREPARE begins in the payload.
    pub text_at: usize,
    /// What the client sent along with the statement.
    pub attributes: QueryAttributes,
    /// What of it is for Meridian.
    pub hint: Option<Box<Hint>>,
    /// What was looked up for its keys.
    pub looked_up: Vec<LookedUp>,
    /// Where the branch is that it is to end.
    pub branch: BranchPlace,
}

/// Where the facts of a request come from.
pub(super) enum Subject {
    /// The text in the packet, at this place.
    Text,
    /// An execution of a prepared statement.
    Execute(Box<Execution>),
    /// A command whose facts are fixed (COM_INIT_DB, COM_FIELD_LIST, COM_STATISTICS).
    Fixed(Box<(Statement, Option<GroupId>)>),
}

impl Session {
    /// Serves the client until it leaves. What runs a statement is part of this future, so that no statement has to allocate it: whatever is
    /// rare on its way is boxed, and [`tests::an_idle_session_stays_small`] keeps the rest small.
    pub async fn run(mut self: Box<Self>) -> SessionEnd {
        let end = loop {
            let command = match self.next_command().await {
                Ok(command) => command,
                Err(end) => break end,
            };
            let mut request = Request::new(command);
            if let Some(other) = self.read_command(&mut request) {
                match Box::pin(self.run_other(other, request)).await {
                    Ok(()) => continue,
                    Err(end) => break end,
                }
            }
            let ran = self.run_statement(&mut request).await;
            self.worker.give_back(request.command.packet);
            if let Err(end) = ran {
                break end;
            }
        };
        Box::pin(self.end(end)).await
    }

    async fn end(&mut self, end: SessionEnd) -> SessionEnd {
        let end = self.leave(end).await;
        if matches!(end, SessionEnd::Drained) {
            self.say_good_bye().await;
        }
        end
    }

    async fn next_command(&mut self) -> Result<ReceivedCommand, SessionEnd> {
        // What nearly all sessions wait for, nearly always, in as few bytes as possible; the rest is boxed.
        let node = &self.worker.node;
        let max_packet = self.worker.limit(|limits| {
            let ordinary =
                self.held.is_none() && self.patience(limits.idle_deadline).is_none() && node.registry.drain().is_none();
            ordinary.then_some(limits.max_packet)
        });
        let Some(max_packet) = max_packet else {
            return Box::pin(self.next_command_otherwise()).await;
        };
        let (end, client, worker) = (&self.presence.entry.end, &mut self.client, &self.worker);
        let command = poll_fn(|context| {
            // First, so that nothing the client sends after a KILL was answered is still carried out.
            if end.is_told() {
                return Poll::Ready(None);
            }
            match client.poll_command(context, worker, max_packet) {
                Poll::Ready(command) => Poll::Ready(Some(command)),
                Poll::Pending => end.poll_told(context).map(|()| None),
            }
        });
        if let Some(command) = command.await {
            return received(command);
        }
        Box::pin(self.next_command_otherwise()).await
    }

    /// The next command of a session that was woken, keeps a connection, may be idle for too long, or is on a node that ends.
    async fn next_command_otherwise(&mut self) -> Result<ReceivedCommand, SessionEnd> {
        let registry = Arc::clone(&self.worker.node.registry);
        if self.presence.entry.is_killed() {
            return Err(SessionEnd::Killed);
        }
        match registry.drain() {
            Some(refuse_after) => self.next_command_in_drain(refuse_after).await,
            None => self.next_command_or_pressure().await,
        }
    }

    async fn next_command_or_pressure(&mut self) -> Result<ReceivedCommand, SessionEnd> {
        loop {
            let entry = Arc::clone(&self.presence.entry);
            // Only a connection kept for comfort is given back while the client thinks; see `held`.
            let wanted = self.comfort().map(|held| Arc::clone(held.gauge()));
            let (max_packet, patience) =
                self.worker.limit(|limits| (limits.max_packet, self.patience(limits.idle_deadline)));
            tokio::select! {
                biased;
                // First, so that nothing the client sends after a KILL was answered is still carried out.
                () = entry.end.told() => {
                    if entry.is_killed() {
                        return Err(SessionEnd::Killed);
                    }
                    if let Some(refuse_after) = self.worker.node.registry.drain() {
                        return self.next_command_in_drain(refuse_after).await;
                    }
                }
                command = self.client.read_command(&self.worker, max_packet) => return received(command),
                () = pressure_on(wanted) => self.give_up_comfort().await,
                () = idle_for(patience) => return self.end_of_patience().await,
            }
        }
    }

    /// How long the client may say nothing: the node's limit, or what it has set as its own `wait_timeout`.
    fn patience(&self, idle_deadline: Option<Duration>) -> Option<Duration> {
        let own = self.state.variables.get("wait_timeout").and_then(|seconds| seconds.parse().ok());
        let own = own.map(Duration::from_secs);
        idle_deadline.into_iter().chain(own).min()
    }

    /// Oracle MySQL tells an idle client why it goes; MariaDB resets the connection, from which drivers know what has happened.
    async fn end_of_patience<T>(&mut self) -> Result<T, SessionEnd> {
        match self.listener.dialect.family {
            Family::MySql => self.send(&error_reply::text(&error_reply::inactive(), 0)).await?,
            Family::MariaDb => {
                if let Err(error) = self.client.stream.close_abruptly() {
                    tracing::debug!(session = self.presence.entry.id, %error, "an idle client is left in order");
                }
            }
        }
        Err(SessionEnd::Idle)
    }

    /// Walks one statement: read it, decide, enter the gate, carry it; again from the start when the world has moved.
    pub(super) async fn run_statement(&mut self, request: &mut Request) -> Result<(), SessionEnd> {
        self.presence.entry.statements.fetch_add(1, Ordering::Relaxed);
        let worker = Rc::clone(&self.worker);
        let mut tries = Tries::default();
        request.hint = match attributes::hint_in(&request.attributes) {
            Ok(hint) => hint,
            Err(rejection) => return Box::pin(self.refuse(&rejection, request)).await,
        };
        loop {
            let snapshot = worker.snapshot();
            let statement = self.read_statement(request, &snapshot);
            let route = match decide(&snapshot, &self.view(&snapshot, request), &statement) {
                Decision::Send(route) => route,
                other => match Box::pin(self.not_sent(other, request, (&statement, &snapshot), &mut tries)).await? {
                    Next::Again => continue,
                    Next::Done => return Ok(()),
                },
            };
            let mut ticket = match self.enter_gate(&route, &snapshot) {
                Ok(ticket) => ticket,
                Err(NotEntered::Moved { .. }) => continue,
                Err(NotEntered::NoLease) => {
                    let told = error_reply::text(&hold::no_lease(), request.reply_sequence());
                    return Box::pin(self.send(&told)).await;
                }
            };
            tries.place = None;
            self.count_observed(&snapshot.state, &route, &statement, request);
            return match self.carry(request, &statement, &route, &mut ticket, &snapshot).await {
                Ok(Carried::ToItsEnd) => self.end_of_release(request, &statement),
                Ok(Carried::Again) => continue,
                Ok(Carried::NotLetIn) => {
                    drop(ticket);
                    match Box::pin(self.hold_for_row(&mut tries.before_row, snapshot.state.epoch, request)).await? {
                        hold::Row::AskAgain => continue,
                        hold::Row::Refused => Ok(()),
                    }
                }
                Err(not_carried) => Box::pin(self.tell(not_carried)).await,
            };
        }
    }

    /// What is done with a statement that cannot be sent as things are.
    async fn not_sent(
        &mut self,
        decision: Decision,
        request: &mut Request,
        (statement, snapshot): (&Statement, &Snapshot),
        tries: &mut Tries,
    ) -> Result<Next, SessionEnd> {
        match decision {
            Decision::Send(_) => unreachable!("it is sent"),
            Decision::Hold { id, route } => {
                self.open_ahead(id, &route, snapshot);
                match self.hold(id, request).await? {
                    hold::Held::Released(released) => {
                        tries.place = Some(Box::new(released));
                        Ok(Next::Again)
                    }
                    hold::Held::Refused => Ok(Next::Done),
                }
            }
            Decision::Answer(answer) => self.answer(answer, request, statement).await.map(|()| Next::Done),
            Decision::Reject(rejection) => {
                if tries.catalog < CATALOG_TRIES && is_about_the_catalog(&rejection) {
                    tries.catalog += 1;
                    self.refresh_catalog(snapshot).await;
                    return Ok(Next::Again);
                }
                if matches!(rejection, Rejection::KeyNotLookedUp { .. })
                    && tries.lookups < LOOKUPS
                    && self.look_up(request, snapshot, statement).await
                {
                    tries.lookups += 1;
                    return Ok(Next::Again);
                }
                if rejection == Rejection::BranchNotFound && request.branch == BranchPlace::NotAsked {
                    return match self.locate_branch(request, snapshot).await {
                        Ok(()) => Ok(Next::Again),
                        Err(not_carried) => self.tell(not_carried).await.map(|()| Next::Done),
                    };
                }
                self.count_refusal(&rejection, statement, request);
                self.refuse(&rejection, request).await.map(|()| Next::Done)
            }
        }
    }

    /// The facts of the request under this snapshot.
    pub(super) fn read_statement(&self, request: &Request, snapshot: &Snapshot) -> Statement {
        match &request.subject {
            Subject::Text => self.planned(&request.payload()[request.text_at..], request, snapshot),
            Subject::Execute(execution) => execution.bind(&self.planned(&execution.text, request, snapshot)),
            Subject::Fixed(fixed) => fixed.0.clone(),
        }
    }

    fn planned(&self, text: &[u8], request: &Request, snapshot: &Snapshot) -> Statement {
        let statement = self.analyze(text, snapshot);
        if let Some(disagreement) = self.worker.plans.borrow().met() {
            self.count_disagreement(disagreement, &statement, request);
        }
        statement
    }

    /// The facts of a text under this snapshot, from the worker's plan cache.
    pub(super) fn analyze(&self, text: &[u8], snapshot: &Snapshot) -> Statement {
        self.worker.plans.borrow_mut().analyze(text, &self.sql_context(snapshot))
    }

    /// All that the reading of this session's texts depends on.
    pub(super) fn sql_context<'a>(&'a self, snapshot: &'a Snapshot) -> SqlContext<'a> {
        SqlContext {
            schema: self.state.schema.as_deref(),
            mode: self.reading.mode,
            charset: self.reading.charset,
            dialect: self.listener.dialect,
            state: &snapshot.state,
            catalog: &snapshot.catalog,
        }
    }

    pub(super) fn view<'a>(&'a self, snapshot: &Snapshot, request: &'a Request) -> SessionView<'a> {
        let schema_group = match &request.subject {
            Subject::Fixed(fixed) => fixed.1,
            Subject::Text | Subject::Execute(_) => {
                self.state.schema.as_deref().and_then(|schema| snapshot.state.group_of_schema(schema))
            }
        };
        SessionView {
            unit: self.home(snapshot),
            schema_group,
            attributes: request.hint.as_deref(),
            hint: &self.hint,
            transaction: self.transaction.view(self.autocommit),
            looked_up: &request.looked_up,
            branch_at: request.branch.found(),
            written: self.transaction.written(),
            observed_at: self.observed_at,
            schema_changed_at: self.schema_changed_at,
            pin: self.held.as_deref().and_then(Held::pin_view),
            user: &self.user.user.name,
            grants: self.user.user.grants,
            level: self.user.user.level,
            statement_bytes: request.command.packet.len(),
        }
    }

    /// The unit that serves this client what belongs to `group`: its own, unless that was left behind by force.
    pub(super) fn served_by(&self, snapshot: &Snapshot, group: crate::model::GroupId) -> UnitId {
        snapshot.state.serving(self.home(snapshot), group)
    }

    /// The unit whose client this is: the user's own, else the listener's.
    pub(super) fn home(&self, snapshot: &Snapshot) -> UnitId {
        let own = self.user.user.unit.as_deref().and_then(|name| snapshot.state.unit_named(name));
        own.unwrap_or(self.listener.unit)
    }

    async fn refuse(&mut self, rejection: &Rejection, request: &Request) -> Result<(), SessionEnd> {
        tracing::debug!(session = self.presence.entry.id, %rejection, "refused");
        self.send(&error_reply::rejection(rejection, request.reply_sequence())).await
    }

    /// Sends packets of Meridian's own to the client.
    pub(super) async fn send(&mut self, packets: &[u8]) -> Result<(), SessionEnd> {
        self.client.send(packets).await.map_err(|error| SessionEnd::Client(ReadError::Io(error)))
    }

    /// An OK packet with the session's status.
    pub(super) async fn send_ok(&mut self, mut sequence: u8) -> Result<(), SessionEnd> {
        let ok = OkPacket { affected_rows: 0, insert_id: 0, status: self.status(), warnings: 0, info: b"" };
        let mut packet = Vec::new();
        write_packet(&mut packet, &mut sequence, &ok.encode());
        self.send(&packet).await
    }

    /// The EOF that answers COM_SET_OPTION: an OK packet in its clothes where EOF packets are not wanted.
    pub(super) async fn send_eof(&mut self, mut sequence: u8) -> Result<(), SessionEnd> {
        let payload = if self.capabilities.contains(Capabilities::DEPRECATE_EOF) {
            OkPacket { status: self.status(), ..OkPacket::default() }.encode_as_eof()
        } else {
            encode_eof(self.status(), 0)
        };
        let mut packet = Vec::new();
        write_packet(&mut packet, &mut sequence, &payload);
        self.send(&packet).await
    }

    /// The status flags of packets of Meridian's own: clients escape by some of them.
    pub(super) fn status(&self) -> u16 {
        let autocommit = if self.autocommit == Autocommit::On { status::AUTOCOMMIT } else { 0 };
        let in_transaction = if self.transaction.is_begun() { status::IN_TRANS } else { 0 };
        let read_only = if waits_read_only(&self.transaction) { status::IN_TRANS_READONLY } else { 0 };
        let escapes = if self.reading.mode.no_backslash_escapes { status::NO_BACKSLASH_ESCAPES } else { 0 };
        let mariadb = self.listener.dialect.family == Family::MariaDb;
        let quotes = if self.reading.mode.ansi_quotes && mariadb { status::ANSI_QUOTES } else { 0 };
        autocommit | in_transaction | read_only | escapes | quotes
    }

    /// The flags that make this client's pool.
    pub(super) fn class(&self) -> CapabilityClass {
        CapabilityClass::of(self.capabilities)
    }
}

impl Request {
    /// A command that is read as text and answered as a query, without attributes.
    pub fn new(command: ReceivedCommand) -> Request {
        let attributes = QueryAttributes::default();
        Request {
            command,
            reply: ReplyKind::Query,
            subject: Subject::Text,
            text_at: 1,
            attributes,
            hint: None,
            looked_up: Vec::new(),
            branch: BranchPlace::NotAsked,
        }
    }

    /// A command of Meridian's own in a client's place.
    pub fn query(packet: Vec<u8>) -> Request {
        let frame = CommandFrame { total: packet.len(), parts: 1, length: packet.len() - HEADER, sequence: 0 };
        Request::new(ReceivedCommand { packet, frame })
    }

    /// The payload, command byte included.
    pub fn payload(&self) -> Cow<'_, [u8]> {
        self.command.frame.payload(&self.command.packet)
    }

    /// The SQL text; empty for a command that has none.
    pub fn text(&self) -> Cow<'_, [u8]> {
        match &self.subject {
            Subject::Text => match self.payload() {
                Cow::Borrowed(payload) => Cow::Borrowed(payload.get(self.text_at..).unwrap_or_default()),
                Cow::Owned(mut payload) => Cow::Owned(payload.split_off(payload.len().min(self.text_at))),
            },
            Subject::Execute(execution) => Cow::Borrowed(&execution.text),
            Subject::Fixed(..) => Cow::Borrowed(&[]),
        }
    }

    /// The sequence number of the first packet of the reply.
    pub fn reply_sequence(&self) -> u8 {
        self.command.frame.sequence.wrapping_add(1)
    }
}

pub(super) fn received(command: Result<ReceivedCommand, ReadError>) -> Result<ReceivedCommand, SessionEnd> {
    command.map_err(|error| match error {
        ReadError::Closed => SessionEnd::Left,
        other => SessionEnd::Client(other),
    })
}

/// Resolves when others wait for the instance a connection is kept of for comfort; never without one.
pub(super) async fn pressure_on(gauge: Option<Arc<InstanceGauge>>) {
    match gauge {
        Some(gauge) => {
            let mut told = std::pin::pin!(gauge.pressure.notified());
            // Listen first, then look: who began to wait in between has told nobody else.
            told.as_mut().enable();
            if gauge.waiting() == 0 {
                told.await;
            }
        }
        None => std::future::pending().await,
    }
}

/// Resolves after the idle deadline; never without one.
async fn idle_for(deadline: Option<Duration>) {
    match deadline {
        Some(deadline) => tokio::time::sleep(deadline).await,
        None => std::future::pending().await,
    }
}

/// Whether a refusal may be due to a table that another node or a DBA has just made.
pub(super) fn is_about_the_catalog(rejection: &Rejection) -> bool {
    matches!(rejection, Rejection::Sql(SqlRefusal::Uncatalogued { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<F: Future>(_: impl FnOnce(Box<Session>) -> F) -> usize {
        size_of::<F>()
    }

    fn size_of_statement<'a, F: Future>(_: impl FnOnce(&'a mut Session, &'a mut Request) -> F) -> usize {
        size_of::<F>()
    }

    fn size_of_waiting<'a, F: Future>(
        _: impl FnOnce(&'a mut Session, Target, &'a Snapshot, &'a Request) -> F,
    ) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_idle_session_stays_small() {
        // Part of the 4 KB an idle plain connection may cost; what runs a statement is in it, and whatever is rare is boxed.
        println!("{} bytes while a statement runs", size_of_statement(Session::run_statement));
        println!("{} bytes while it waits for a connection", size_of_waiting(Session::connection_to));
        let (future, session) = (size_of_future(Session::run), size_of::<Session>());
        println!("{future} bytes and {session} bytes of session");
        assert!(future + session <= 2048, "{future} bytes and {session} bytes of session");
    }
}
