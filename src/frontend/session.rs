//! One client's session: the loop over its commands, and the walk of one statement (`run_statement`).

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use smallvec::SmallVec;
use thiserror::Error;

use super::attributes;
use super::branches::BranchPlace;
use super::client::{Client, ReadError};
use super::config::ListenerConfig;
use super::error_reply;
use super::held::{Held, LeftBehind};
use super::hold;
use super::outcome::Carried;
use super::prepared::PreparedStatements;
use super::reading::Reading;
use super::registry::{Presence, Shown};
use super::request::Request;
use super::transaction::{Autocommit, Transaction};
use super::users::KnownUser;
use super::worker::Worker;
use crate::backend::{PoolId, SessionState};
use crate::control::{HeldPlace, NotEntered};
use crate::model::{InstanceId, Snapshot};
use crate::route::{Decision, Rejection, Target, decide};
use crate::sql::{Hint, SqlRefusal, Statement};
use crate::wire::capability::Capabilities;
use crate::wire::scramble::Salt;

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
    /// What its client says of itself, as length-encoded strings; see [`super::own_connection`].
    pub(super) attributes: Box<[u8]>,
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

    async fn refuse(&mut self, rejection: &Rejection, request: &Request) -> Result<(), SessionEnd> {
        tracing::debug!(session = self.presence.entry.id, %rejection, "refused");
        self.send(&error_reply::rejection(rejection, request.reply_sequence())).await
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
