//! Carrying a routed statement: what opens its transaction, the statement, its reply, and what happens when the backend breaks.

use std::sync::Arc;

use super::checkout::is_tableless;
use super::client::ReceivedCommand;
use super::error_reply;
use super::exchange::{Sent, Withheld};
use super::fence_words::no_branches;
use super::fenced::{FencedWrite, is_of_branches};
use super::held::Held;
use super::hold::no_lease;
use super::leased::{self, End};
use super::leaving::OnLeaving;
use super::observe::observe_cursor;
use super::outcome::{Carried, Loss, MayHaveRun, NotCarried};
use super::relay::{ClientState, RelayError};
use super::request::Request;
use super::session::{Session, SessionEnd};
use super::transaction::Opening;
use crate::control::WriteTicket;
use crate::model::Snapshot;
use crate::route::{Route, Target, TransactionStep};
use crate::sql::{Statement, StatementClass};
use crate::wire::command::Command;
use crate::wire::scanner::ReplyKind;

impl Session {
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
        let mut held = if self.asks_own_attributes(request, statement) {
            Box::pin(self.own_connection(target, snapshot, request)).await?
        } else {
            match self.connection_at_hand(target, snapshot) {
                Some(held) => held,
                None => Box::pin(self.connection_to(target, snapshot, request)).await?,
            }
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
        match self.exchange(&mut held, &sent, OnLeaving::GoesOn).await {
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

    /// A read may go again if nothing of it can have had an effect and the connection may have died while idle.
    fn may_send_again(&self, held: &Held, statement: &Statement, route: &Route) -> bool {
        held.checkout.connection.reused
            && held.pins.is_empty()
            && route.transaction == TransactionStep::Autocommit
            && route.scopes.is_empty()
            && statement.plan.statements.iter().all(|facts| facts.repeatable)
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
