//! Every command of the protocol: carried, answered, or refused by name; never OK for what was not done.

use std::sync::Arc;

use super::client::ReceivedCommand;
use super::error_reply;
use super::reading::Reading;
use super::session::{Request, Session, SessionEnd, Subject};
use super::transaction::{Autocommit, Transaction};
use crate::backend::SessionState;
use crate::model::GroupId;
use crate::sql::{Effect, Facts, Hint, KeyUse, Placement, Plan, Statement, StatementClass};
use crate::wire::command::Command;
use crate::wire::scanner::ReplyKind;

impl Session {
    /// Runs one command to the end of its reply.
    pub(super) async fn run_command(&mut self, command: ReceivedCommand) -> Result<(), SessionEnd> {
        let first = command.frame.payload(&command.packet).first().copied();
        let sequence = command.frame.sequence.wrapping_add(1);
        let Some(kind) = first.and_then(Command::from_byte) else {
            return self.send(&error_reply::text(&error_reply::unknown_command(), sequence)).await;
        };
        let mut request = Request { command, reply: ReplyKind::Query, subject: Subject::Text };
        match kind {
            Command::Query => self.run_statement(request).await,
            Command::StmtExecute => self.execute(request).await,
            Command::StmtPrepare => self.prepare(request).await,
            Command::StmtFetch => self.fetch(request).await,
            Command::StmtReset => self.reset_statement(request).await,
            Command::StmtSendLongData => {
                self.send_long_data(&request);
                Ok(())
            }
            Command::StmtClose => {
                self.close_statement(&request);
                Ok(())
            }
            Command::InitDb => {
                let schema = String::from_utf8_lossy(&request.payload()[1..]).into_owned();
                let group = self.worker.node.snapshots.load().state.group_of_schema(&schema);
                request.reply = ReplyKind::Simple;
                request.subject = Subject::Fixed(change_of_schema(schema), group);
                self.run_statement(request).await
            }
            Command::FieldList => self.run_fixed(request, ReplyKind::FieldList).await,
            Command::Statistics => self.run_fixed(request, ReplyKind::Statistics).await,
            Command::Ping => self.send_ok(sequence).await,
            Command::ResetConnection => self.reset_session(sequence).await,
            Command::Quit => Err(SessionEnd::Left),
            not_carried => self.send(&error_reply::text(&error_reply::not_carried(not_carried.name()), sequence)).await,
        }
    }

    /// A command that only reads and names no table routing has to look at.
    async fn run_fixed(&mut self, mut request: Request, reply: ReplyKind) -> Result<(), SessionEnd> {
        let group = self.schema_group();
        request.reply = reply;
        request.subject = Subject::Fixed(fixed(StatementClass::Show, Vec::new()), group);
        self.run_statement(request).await
    }

    fn schema_group(&self) -> Option<GroupId> {
        let snapshot = self.worker.node.snapshots.load();
        self.state.schema.as_deref().and_then(|schema| snapshot.state.group_of_schema(schema))
    }

    /// COM_RESET_CONNECTION: what the server would undo is undone here, and at the connection the session keeps.
    async fn reset_session(&mut self, sequence: u8) -> Result<(), SessionEnd> {
        let transaction = std::mem::take(&mut self.transaction);
        if let Some(mut held) = self.held.take().map(|held| *held) {
            let reset = held.checkout.connection.reset().await;
            match reset {
                Ok(()) => self.let_go(super::held::Held::new(held.checkout, held.target)).await,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the connection could not be reset");
                    let tickets = match transaction {
                        Transaction::Open(open) => open.tickets,
                        Transaction::None | Transaction::Queued(_) => smallvec::SmallVec::new(),
                    };
                    self.abandon(held, tickets);
                }
            }
        }
        self.state = Arc::new(SessionState { schema: self.state.schema.clone(), ..SessionState::default() });
        let default_mode = self.worker.node.snapshots.load().catalog.default_sql_mode.clone();
        self.reading = Reading::of(&self.state, self.collation, &default_mode);
        self.hint = Hint::default();
        self.autocommit = Autocommit::On;
        self.last_insert_id = 0;
        self.left_behind = None;
        self.prepared.clear();
        self.show(None);
        self.send_ok(sequence).await
    }
}

fn change_of_schema(schema: String) -> Statement {
    fixed(StatementClass::Use, vec![Effect::Schema(schema)])
}

fn fixed(class: StatementClass, effects: Vec<Effect>) -> Statement {
    let facts = Facts {
        class,
        placement: Placement::Tableless,
        effects,
        asks_previous: false,
        leaves_found_rows: false,
        repeatable: true,
        escape: None,
    };
    let plan = Arc::new(Plan {
        statements: vec![facts],
        parameters: 0,
        needs_parameters: false,
        key_uses: vec![KeyUse::default()],
    });
    Statement { plan, keys: smallvec::SmallVec::new(), hint: None }
}
