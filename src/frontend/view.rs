//! What a decision knows: the facts of a statement, and the session it comes from.

use super::held::Held;
use super::request::{Request, Subject};
use super::session::Session;
use crate::model::{GroupId, Snapshot, UnitId};
use crate::route::SessionView;
use crate::sql::{SqlContext, Statement};

impl Session {
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
    pub(super) fn served_by(&self, snapshot: &Snapshot, group: GroupId) -> UnitId {
        snapshot.state.serving(self.home(snapshot), group)
    }

    /// The unit whose client this is: the user's own, else the listener's.
    pub(super) fn home(&self, snapshot: &Snapshot) -> UnitId {
        let own = self.user.user.unit.as_deref().and_then(|name| snapshot.state.unit_named(name));
        own.unwrap_or(self.listener.unit)
    }
}
