//! Every command of the protocol: carried, answered, or refused by name; never OK for what was not done.

use std::sync::Arc;

use super::error_reply;
use super::prepared::malformed;
use super::reading::{Reading, login_names};
use super::request::{Request, Subject};
use super::session::{Session, SessionEnd};
use super::transaction::Autocommit;
use crate::backend::SessionState;
use crate::fault::ClientText;
use crate::model::GroupId;
use crate::sql::{
    Effect, Facts, Family, FoundRows, Hint, KeyUse, PinReason, Placement, Plan, Statement, StatementClass,
};
use crate::wire::capability::Capabilities;
use crate::wire::command::Command;
use crate::wire::query_attributes::text_of_query;
use crate::wire::scanner::ReplyKind;

/// What a command is that is no statement to be run.
pub(super) enum Other {
    /// It is another kind of command.
    Command(Command),
    /// It cannot be read; the client is told this.
    Refused(ClientText),
}

impl Session {
    /// Reads a command as the statement it is; says what it is if it is none.
    pub(super) fn read_command(&mut self, request: &mut Request) -> Option<Other> {
        let first = request.payload().first().copied();
        let dialect = self.listener.dialect;
        // Oracle MySQL 9 has forgotten some: clients say them in SQL.
        let forgotten = |kind: &Command| {
            let by_sql = matches!(kind, Command::Refresh | Command::ProcessKill | Command::ProcessInfo);
            by_sql && dialect.family == Family::MySql && dialect.version >= 90_000
        };
        let read = match first.and_then(Command::from_byte).filter(|kind| !forgotten(kind)) {
            Some(Command::Query) => self.query(request),
            Some(Command::StmtExecute) => {
                self.prepared.counts.note(Command::StmtExecute);
                self.execute(request)
            }
            Some(kind) => {
                self.prepared.counts.note(kind);
                return Some(Other::Command(kind));
            }
            None => Err(error_reply::unknown_command()),
        };
        read.err().map(Other::Refused)
    }

    /// Runs a command that is no statement to the end of its reply.
    pub(super) async fn run_other(&mut self, other: Other, request: Request) -> Result<(), SessionEnd> {
        match other {
            Other::Command(kind) => self.run_rare_command(kind, request).await,
            Other::Refused(refused) => self.send(&error_reply::text(&refused, request.reply_sequence())).await,
        }
    }

    /// All but COM_QUERY and COM_STMT_EXECUTE.
    async fn run_rare_command(&mut self, kind: Command, mut request: Request) -> Result<(), SessionEnd> {
        let sequence = request.reply_sequence();
        match kind {
            Command::Query | Command::StmtExecute => unreachable!("these two are statements"),
            // Nobody else knows the command, so nobody else is offered it.
            Command::StmtBulkExecute if !self.capabilities.contains(Capabilities::BULK_OPERATIONS) => {
                self.send(&error_reply::text(&error_reply::unknown_command(), sequence)).await
            }
            Command::StmtBulkExecute => self.bulk_execute(request).await,
            Command::StmtPrepare => self.prepare(request).await,
            Command::StmtFetch => self.fetch(request).await,
            Command::StmtReset => self.reset_statement(request).await,
            Command::StmtSendLongData => {
                self.send_long_data(&request);
                Ok(())
            }
            Command::StmtClose => self.close_statement(&request).await,
            Command::InitDb => {
                let schema = String::from_utf8_lossy(&request.payload()[1..]).into_owned();
                let group = self.worker.node.snapshots.load().state.group_of_schema(&schema);
                request.reply = ReplyKind::Simple;
                request.subject = Subject::Fixed(Box::new((change_of_schema(schema), group)));
                self.run_statement(&mut request).await
            }
            Command::FieldList => self.run_fixed(request, ReplyKind::FieldList).await,
            Command::Statistics => self.run_fixed(request, ReplyKind::Statistics).await,
            Command::Ping => self.send_ok(sequence).await,
            Command::Debug => self.run_fixed(request, ReplyKind::Simple).await,
            Command::ProcessInfo => self.run_fixed(request, ReplyKind::Query).await,
            Command::ProcessKill => self.process_kill(&request).await,
            Command::SetOption => self.set_option(&request).await,
            Command::ChangeUser => self.change_user(&request).await,
            Command::ResetConnection => {
                self.reset_session().await;
                self.take_global_character_set();
                self.send_ok(sequence).await
            }
            Command::Quit => Err(SessionEnd::Left),
            Command::Refresh => self.refresh(request).await,
            Command::Shutdown
            | Command::BinlogDump
            | Command::BinlogDumpGtid
            | Command::RegisterReplica
            | Command::Clone
            | Command::SubscribeGroupReplication => {
                self.send(&error_reply::text(&error_reply::not_carried(kind.name()), sequence)).await
            }
            // Servers know them by name only.
            Command::Sleep
            | Command::CreateDb
            | Command::DropDb
            | Command::Connect
            | Command::Time
            | Command::DelayedInsert
            | Command::TableDump
            | Command::ConnectOut
            | Command::Daemon => self.send(&error_reply::text(&error_reply::unknown_command(), sequence)).await,
        }
    }

    /// COM_QUERY: the text, behind what attributes the client sent along. Errors: what to tell the client.
    fn query(&self, request: &mut Request) -> Result<(), ClientText> {
        let (text_at, attributes) =
            text_of_query(&request.payload(), self.capabilities).map_err(|_| malformed("COM_QUERY"))?;
        request.text_at = text_at;
        request.attributes = attributes;
        Ok(())
    }

    /// COM_PROCESS_KILL: as KILL.
    async fn process_kill(&mut self, request: &Request) -> Result<(), SessionEnd> {
        let sequence = request.reply_sequence();
        match request.payload().get(1..).and_then(|rest| rest.first_chunk()) {
            Some(id) => self.kill(false, u32::from_le_bytes(*id).into(), sequence).await,
            None => self.send(&error_reply::text(&malformed("COM_PROCESS_KILL"), sequence)).await,
        }
    }

    /// COM_REFRESH: goes where FLUSH goes; not what resets replication.
    async fn refresh(&mut self, request: Request) -> Result<(), SessionEnd> {
        /// REFRESH_SLAVE, REFRESH_MASTER: RESET REPLICA, RESET MASTER.
        const RESETS: u8 = 0x40 | 0x80;
        if request.payload().get(1).is_some_and(|flags| flags & RESETS != 0) {
            let told = error_reply::not_carried("COM_REFRESH with RESET");
            return self.send(&error_reply::text(&told, request.reply_sequence())).await;
        }
        let snapshot = self.worker.node.snapshots.load();
        let statement = self.analyze(b"FLUSH STATUS", &snapshot);
        let (reply, subject) = (ReplyKind::Simple, Subject::Fixed(Box::new((statement, None))));
        self.run_statement(&mut Request { reply, subject, ..request }).await
    }

    /// COM_SET_OPTION: several statements in one packet, or not. The session's connections come from another pool from here on; one that it
    /// keeps is told.
    async fn set_option(&mut self, request: &Request) -> Result<(), SessionEnd> {
        let sequence = request.reply_sequence();
        let payload = request.payload();
        let several = Capabilities::MULTI_STATEMENTS;
        let wanted = match payload.get(1..) {
            Some([0, 0, ..]) => self.capabilities | several,
            Some([1, 0, ..]) => self.capabilities.without(several),
            Some([_, _, ..]) => {
                return self.send(&error_reply::text(&error_reply::unknown_command(), sequence)).await;
            }
            Some(_) | None => {
                return self.send(&error_reply::text(&malformed("COM_SET_OPTION"), sequence)).await;
            }
        };
        if let Some(mut held) = self.held.take() {
            let connection = &mut held.checkout.connection;
            let told = connection.confirmed(Command::SetOption, &payload[1..]).await;
            match told {
                Ok(_) => {
                    let negotiated = connection.capabilities.without(several);
                    connection.capabilities = negotiated | (wanted & several);
                    self.held = Some(held);
                }
                Err(error) => {
                    let not_ready = self.not_ready(held, error, None, request).await;
                    return self.tell(not_ready).await;
                }
            }
        }
        self.capabilities = wanted;
        self.pools.clear();
        self.send_eof(sequence).await
    }

    /// A command that only reads and names no table routing has to look at.
    async fn run_fixed(&mut self, mut request: Request, reply: ReplyKind) -> Result<(), SessionEnd> {
        let group = self.schema_group();
        request.reply = reply;
        request.subject = Subject::Fixed(Box::new((fixed(StatementClass::Show, Vec::new()), group)));
        self.run_statement(&mut request).await
    }

    fn schema_group(&self) -> Option<GroupId> {
        let snapshot = self.worker.node.snapshots.load();
        self.state.schema.as_deref().and_then(|schema| snapshot.state.group_of_schema(schema))
    }

    /// What COM_RESET_CONNECTION and COM_CHANGE_USER do at a server: it is undone here, and at the connection the session keeps.
    pub(super) async fn reset_session(&mut self) {
        let transaction = std::mem::take(&mut self.transaction);
        if let Some(mut held) = self.held.take() {
            if held.pins.contains(PinReason::Xa) || transaction.branch().is_some() {
                // A reset would leave a prepared branch with the connection.
                held.checkout.connection.taint();
                let tickets = transaction.into_tickets();
                self.abandon(held, tickets);
                return self.forget_session();
            }
            let reset = held.checkout.connection.reset().await;
            match reset {
                Ok(()) => self.let_go(super::held::Held::boxed(held.checkout, held.target)).await,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the connection could not be reset");
                    let tickets = transaction.into_tickets();
                    self.abandon(held, tickets);
                }
            }
        }
        self.forget_session();
    }

    /// COM_RESET_CONNECTION leaves the servers' global character set, whatever the login's was.
    fn take_global_character_set(&mut self) {
        let catalog = Arc::clone(&self.worker.node.snapshots.load().catalog);
        if catalog.default_names.is_empty() || catalog.default_names == login_names(self.collation) {
            return;
        }
        Arc::make_mut(&mut self.state).names = Some(catalog.default_names.clone());
        self.reading = Reading::of(&self.state, self.collation, &catalog.default_sql_mode);
    }

    /// What the session itself remembers is as good as new; its schema stays.
    fn forget_session(&mut self) {
        self.state = Arc::new(SessionState { schema: self.state.schema.clone(), ..SessionState::default() });
        let default_mode = self.worker.node.snapshots.load().catalog.default_sql_mode.clone();
        self.reading = Reading::of(&self.state, self.collation, &default_mode);
        self.hint = Hint::default();
        self.schema_changed_at = None;
        self.autocommit = Autocommit::On;
        self.last_insert_id = 0;
        self.left_behind = None;
        self.found_rows = Some(0);
        self.prepared.clear();
        self.show(None);
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
        found_rows: FoundRows::Counted,
        repeatable: true,
        escape: None,
    };
    let plan = Arc::new(Plan { statements: vec![facts], key_uses: vec![KeyUse::default()], ..Plan::default() });
    Statement { plan, keys: smallvec::SmallVec::new(), hint: None }
}
