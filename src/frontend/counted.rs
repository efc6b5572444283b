//! What a session tells the node's counts: refusals, and what the rules of an observed group would have done.

use super::request::{Request, Subject};
use super::session::Session;
use super::tally::{Example, Happening};
use crate::model::{ControlState, Scope};
use crate::route::{Rejection, Route, Target, Verdict};
use crate::sql::{Disagreement, Statement, readable};

impl Session {
    /// Counts a refusal.
    pub(super) fn count_refusal(&self, rejection: &Rejection, statement: &Statement, request: &Request) {
        self.count(Happening::refused(rejection), statement, request);
    }

    /// Counts a text about which our classifier and the parser differ.
    pub(super) fn count_disagreement(&self, disagreement: Disagreement, statement: &Statement, request: &Request) {
        self.count(Happening::disagreed(disagreement), statement, request);
    }

    /// Counts what would have been done with a statement of a group that is only observed. Returns where its transaction would be from here on.
    pub(super) fn count_observed(
        &mut self,
        state: &ControlState,
        route: &Route,
        statement: &Statement,
        request: &Request,
    ) {
        let Some(verdict) = route.observed.as_deref() else { return };
        if !self.transaction.is_open() {
            self.observed_at = None;
        }
        self.observed_at = self.observed_at.or_else(|| bound_to(verdict));
        let happening = Happening::observed(state, route.target.group, verdict);
        let what = happening.what;
        if self.count(happening, statement, request) {
            tracing::info!(session = self.presence.entry.id, what, ?verdict, "observed");
        }
    }

    fn count(&self, happening: Happening, statement: &Statement, request: &Request) -> bool {
        let shape = || match &request.subject {
            Subject::Fixed(..) => "a command without text".to_owned(),
            Subject::Text | Subject::Execute(_) => readable(&request.text(), self.listener.dialect),
        };
        let example = Example { user: &self.user.user.name, digest: statement.plan.digest, shape: &shape };
        self.worker.node.tally.add(happening, &example)
    }
}

/// A statement that writes binds its transaction to the place where it runs.
fn bound_to(verdict: &Verdict) -> Option<Target> {
    match verdict {
        Verdict::Stay(route) | Verdict::Forward(route) => {
            let writes = route.scopes.iter().any(|scope| matches!(scope, Scope::Shard(..) | Scope::GlobalZone(_)));
            writes.then_some(route.target)
        }
        Verdict::Refuse(_) => None,
    }
}
