//! Prepared statements under shared connections: the client's ids, and the server's on whatever connection is at hand.

use std::collections::HashMap;
use std::sync::Arc;

use super::error_reply;
use super::execution::{Execution, Kinds, Values, ask_to_prepare, close, remember};
use super::prepared_values::{ReadParameters, asks_for_cursor, read_parameters, read_rows};
use super::request::{Request, Subject};
use super::session::{CATALOG_TRIES, Session, SessionEnd, is_about_the_catalog};
use super::statement_counts::StatementCounts;
use crate::backend::prepared::PreparedKey;
use crate::fault::ClientText;
use crate::model::Role;
use crate::route::{Decision, Target, decide};
use crate::sql::{Family, Placement};
use crate::wire::execute::{ExecuteForm, statement_id};
use crate::wire::parameter_history::{ParameterHistory, ParameterKind};
use crate::wire::parameter_types::{VECTOR, parameter_types};
use crate::wire::scanner::{PREPARED_ID, ReplyKind};

/// MariaDB: the statement prepared last.
const LAST_PREPARED: u32 = u32::MAX;

/// One statement as the client prepared it.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The client's id of it.
    pub(super) id: u32,
    /// What makes it the same as another.
    pub(super) key: Arc<PreparedKey>,
    /// How many parameters it has.
    pub(super) parameters: usize,
    /// Their types, once an execution has told them.
    pub(super) types: Option<Arc<[u8]>>,
    /// What its executions have shown of its parameters, where the server's answers depend on that.
    pub(super) seen: ParameterHistory,
    /// Pieces of long parameters, `(parameter, bytes)`, sent to the server with the execution.
    pub(super) long_data: Vec<(u16, Vec<u8>)>,
    /// Long data that went beyond the packet limit: the execution says so.
    pub(super) too_long: bool,
}

/// The statements of one session.
#[derive(Debug, Default)]
pub struct PreparedStatements {
    by_id: HashMap<u32, Prepared>,
    last_id: u32,
    /// What was asked about them.
    pub(super) counts: StatementCounts,
}

impl Session {
    /// COM_STMT_PREPARE: at the connection the session keeps, else at this unit's primary, where the servers' own
    /// description of the statement comes from. Where it runs is decided at each execution.
    pub(super) async fn prepare(&mut self, mut request: Request) -> Result<(), SessionEnd> {
        let sequence = request.reply_sequence();
        if self.prepared.by_id.len() >= self.worker.node.limits.load().prepared_per_session {
            return self.send(&error_reply::text(&too_many_statements(), sequence)).await;
        }
        let text: Arc<[u8]> = request.payload()[1..].into();
        let Some(target) = self.place_of_preparing(&text, &request).await? else { return Ok(()) };
        let reading = format!("{:?}{:?}", self.state.names, self.state.variables.get("sql_mode"));
        let mut key =
            Arc::new(PreparedKey { text, schema: self.state.schema.clone(), reading: reading.as_str().into() });
        let mut held = match self.ready_connection(target, &mut request).await {
            Ok(held) => held,
            Err(not_carried) => return self.tell(not_carried).await,
        };
        let connection = &mut held.checkout.connection;
        let prepared = match ask_to_prepare(connection, &key).await {
            Ok(reply) => match reply.end.prepared {
                Some(prepared) => {
                    let id = prepared.statement_id;
                    if self.is_worn_by_use(&reply.bytes, prepared.parameters) {
                        let own = format!("{reading}{}.{}", self.presence.entry.id, self.prepared.last_id);
                        key = Arc::new(PreparedKey { reading: own.into(), ..(*key).clone() });
                    }
                    // One that is known will do; and it may have a cursor open.
                    let kept = match connection.prepared.knows(&key) {
                        true => close(connection, id).await,
                        false => remember(connection, &key, id).await,
                    };
                    kept.map(|()| (reply, Some(prepared)))
                }
                None => Ok((reply, None)),
            },
            Err(error) => Err(error),
        };
        match prepared {
            Ok((mut reply, prepared)) => {
                if let Some(prepared) = prepared {
                    let id = self.prepared.insert(key, usize::from(prepared.parameters));
                    reply.bytes[PREPARED_ID].copy_from_slice(&id.to_le_bytes());
                }
                self.settle(held).await;
                self.send(&reply.bytes).await
            }
            Err(error) => {
                let not_ready = self.not_ready(held, error, None, &request).await;
                self.tell(not_ready).await
            }
        }
    }

    /// Whether the server's statement answers its first execution otherwise than later ones of the same kind, so that it is nobody else's: MySQL
    /// takes a string for a VECTOR once, and refuses the next.
    fn is_worn_by_use(&self, reply: &[u8], parameters: u16) -> bool {
        let types = || parameter_types(reply, parameters);
        self.listener.dialect.family == Family::MySql && types().is_ok_and(|types| types.contains(&VECTOR))
    }

    /// Where a text is prepared; `None` when it was refused, and the client told so.
    async fn place_of_preparing(&mut self, text: &[u8], request: &Request) -> Result<Option<Target>, SessionEnd> {
        let node = self.node();
        let mut catalog_tries = 0;
        loop {
            let snapshot = node.snapshots.load();
            let statement = self.analyze(text, &snapshot);
            let refused = matches!(statement.first().placement, Placement::Refused(_));
            if refused
                && let Decision::Reject(rejection) = decide(&snapshot, &self.view(&snapshot, request), &statement)
            {
                if catalog_tries < CATALOG_TRIES && is_about_the_catalog(&rejection) {
                    catalog_tries += 1;
                    self.refresh_catalog(&snapshot).await;
                    continue;
                }
                self.send(&error_reply::rejection(&rejection, request.reply_sequence())).await?;
                return Ok(None);
            }
            let kept = self.held.as_ref().filter(|_| self.comfort().is_none()).map(|held| held.target);
            let group = self.group_of(&statement, &snapshot);
            return Ok(Some(kept.unwrap_or(Target {
                group,
                unit: self.served_by(&snapshot, group),
                role: Role::Primary,
            })));
        }
    }

    /// COM_STMT_EXECUTE as a statement, decided anew each time. Errors: what to tell the client.
    pub(super) fn execute(&mut self, request: &mut Request) -> Result<(), ClientText> {
        let payload = request.payload();
        let id = statement_id(&payload).map_err(|_| malformed("COM_STMT_EXECUTE"))?;
        let Some(statement) = self.prepared.find(id) else {
            return Err(error_reply::unknown_statement(id, "execute", self.listener.dialect));
        };
        if std::mem::take(&mut statement.too_long) {
            statement.long_data.clear();
            return Err(long_data_too_long(self.worker.node.limits.load().max_packet));
        }
        let long: Vec<u16> = statement.long_data.iter().map(|(parameter, _)| *parameter).collect();
        let form = ExecuteForm::of(self.capabilities);
        let read = read_parameters(&payload, statement, form, &long);
        let Ok(ReadParameters { values, mut kinds, types, attributes }) = read else {
            return Err(malformed("COM_STMT_EXECUTE"));
        };
        statement.types = types;
        let asks_for_cursor = asks_for_cursor(&payload);
        match self.listener.dialect.family {
            Family::MySql => {
                kinds.push(if asks_for_cursor { ParameterKind::Cursor } else { ParameterKind::Rows });
                statement.seen = statement.seen.after(&kinds);
            }
            // Reads the types of the values at hand, always.
            Family::MariaDb => kinds.clear(),
        }
        request.attributes = attributes;
        let long_data = std::mem::take(&mut statement.long_data);
        let statement = Prepared { long_data, ..statement.clone() };
        let text = Arc::clone(&statement.key.text);
        // A cursor the statement still has open is closed by executing it anew; the server does that itself.
        if asks_for_cursor {
            request.reply = ReplyKind::Cursor;
        }
        let (parameters, original) = (Values::Row(values), None);
        let execution = Execution { text, parameters, kinds, asks_for_cursor, statement, original };
        request.subject = Subject::Execute(Box::new(execution));
        Ok(())
    }

    /// COM_STMT_BULK_EXECUTE: all rows have one owner, or none of them is sent.
    pub(super) async fn bulk_execute(&mut self, mut request: Request) -> Result<(), SessionEnd> {
        let payload = request.payload().into_owned();
        let sequence = request.reply_sequence();
        let id = statement_id(&payload).unwrap_or_default();
        let Some(statement) = self.prepared.find(id) else {
            return self.unknown_statement(id, "execute", sequence).await;
        };
        if statement.parameters == 0 {
            return self.send(&error_reply::text(&nothing_to_repeat(), sequence)).await;
        }
        let Ok((rows, types)) = read_rows(&payload, statement) else {
            return self.send(&error_reply::text(&malformed("COM_STMT_BULK_EXECUTE"), sequence)).await;
        };
        statement.types = types;
        let (statement, text) = (statement.clone(), Arc::clone(&statement.key.text));
        let parameters = Values::Rows(rows);
        let (kinds, asks_for_cursor, original) = (Kinds::new(), asks_for_cursor(&payload), None);
        let execution = Execution { text, parameters, kinds, asks_for_cursor, statement, original };
        request.subject = Subject::Execute(Box::new(execution));
        self.run_statement(&mut request).await
    }

    /// COM_STMT_SEND_LONG_DATA: kept here until the execution says where it goes. No reply.
    pub(super) fn send_long_data(&mut self, request: &Request) {
        let limit = self.worker.node.limits.load().max_packet;
        let payload = request.payload();
        let Some((head, bytes)) = payload.split_at_checked(7) else { return };
        let id = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
        let parameter = u16::from_le_bytes([head[5], head[6]]);
        if let Some(statement) = self.prepared.find(id) {
            let kept: usize = statement.long_data.iter().map(|(_, piece)| piece.len()).sum();
            if kept + bytes.len() > limit {
                statement.too_long = true;
            } else {
                statement.long_data.push((parameter, bytes.to_vec()));
            }
        }
    }
}

impl Session {
    pub(super) async fn unknown_statement(&mut self, id: u32, command: &str, sequence: u8) -> Result<(), SessionEnd> {
        let told = error_reply::unknown_statement(id, command, self.listener.dialect);
        self.send(&error_reply::text(&told, sequence)).await
    }
}

impl PreparedStatements {
    fn insert(&mut self, key: Arc<PreparedKey>, parameters: usize) -> u32 {
        loop {
            self.last_id = self.last_id.wrapping_add(1);
            if self.last_id != 0 && self.last_id != LAST_PREPARED && !self.by_id.contains_key(&self.last_id) {
                break;
            }
        }
        let (id, seen) = (self.last_id, ParameterHistory::default());
        let prepared = Prepared { id, key, parameters, types: None, seen, long_data: Vec::new(), too_long: false };
        self.by_id.insert(self.last_id, prepared);
        self.last_id
    }

    pub(super) fn find(&mut self, id: u32) -> Option<&mut Prepared> {
        let id = if id == LAST_PREPARED { self.last_id } else { id };
        self.by_id.get_mut(&id)
    }

    pub(super) fn remove(&mut self, id: u32) -> Option<Prepared> {
        let id = if id == LAST_PREPARED { self.last_id } else { id };
        self.by_id.remove(&id)
    }

    /// Forgets all, as COM_RESET_CONNECTION does.
    pub fn clear(&mut self) {
        self.by_id.clear();
        self.counts = StatementCounts::default();
    }
}

fn too_many_statements() -> ClientText {
    ClientText {
        errno: 1461,
        sqlstate: "42000",
        message: "Can't create more prepared statements on this connection: close some first".to_owned(),
    }
}

/// A bulk execution of a statement without parameters, in MariaDB's words.
fn nothing_to_repeat() -> ClientText {
    ClientText {
        errno: 1295,
        sqlstate: "HY000",
        message: "This command is not supported in the prepared statement protocol yet".to_owned(),
    }
}

fn long_data_too_long(limit: usize) -> ClientText {
    ClientText {
        errno: 1153,
        sqlstate: "08S01",
        message: format!("Got a packet bigger than 'max_packet' bytes: the long data of a statement is over {limit}"),
    }
}

pub(super) fn malformed(command: &str) -> ClientText {
    ClientText { errno: 1835, sqlstate: "HY000", message: format!("Malformed communication packet: {command}") }
}
