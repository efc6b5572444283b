//! Prepared statements under shared connections: the client's ids, and the server's on whatever connection is at hand.

use std::collections::HashMap;
use std::sync::Arc;

use super::dispatch::NotCarried;
use super::error_reply;
use super::execution::{Execution, Kinds, STATEMENT_ID, Values, ask_to_prepare, close, framed, remember};
use super::held::Held;
use super::session::{CATALOG_TRIES, Request, Session, SessionEnd, Subject, is_about_the_catalog};
use crate::backend::prepared::PreparedKey;
use crate::fault::ClientText;
use crate::model::Role;
use crate::route::{Decision, Target, decide};
use crate::sql::{Family, KeyValue, PinReason, Placement};
use crate::wire::bulk::BulkParameters;
use crate::wire::command::Command;
use crate::wire::execute::{
    CURSOR_TYPES, ExecuteError, ExecuteForm, ExecuteParameters, ParameterValue, cursor_flags, statement_id,
};
use crate::wire::parameter_history::{ParameterHistory, ParameterKind};
use crate::wire::parameter_types::{VECTOR, parameter_types};
use crate::wire::query_attributes::QueryAttributes;
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
    too_long: bool,
}

/// The statements of one session.
#[derive(Debug, Default)]
pub struct PreparedStatements {
    by_id: HashMap<u32, Prepared>,
    last_id: u32,
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

    /// COM_STMT_FETCH: at the connection that holds the cursor.
    pub(super) async fn fetch(&mut self, request: Request) -> Result<(), SessionEnd> {
        let payload = request.payload().into_owned();
        let id = statement_id(&payload).unwrap_or_default();
        let sequence = request.reply_sequence();
        let holder = self.prepared.find(id).map(|statement| statement.id);
        let server_id = match (&self.held, holder) {
            (Some(held), Some(holder)) => held.checkout.connection.prepared.cursor_of(holder),
            (None, _) | (_, None) => None,
        };
        let Some(server_id) = server_id else {
            return self.unknown_statement(id, "fetch", sequence).await;
        };
        let mut patched = payload;
        patched[STATEMENT_ID].copy_from_slice(&server_id.to_le_bytes());
        self.run_on_held(framed(&patched), ReplyKind::Fetch, holder).await
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

    /// COM_STMT_RESET: drops long data and closes the cursor.
    pub(super) async fn reset_statement(&mut self, request: Request) -> Result<(), SessionEnd> {
        let payload = request.payload().into_owned();
        let id = statement_id(&payload).unwrap_or_default();
        let sequence = request.reply_sequence();
        let Some(statement) = self.prepared.find(id) else {
            return self.unknown_statement(id, "reset", sequence).await;
        };
        statement.long_data.clear();
        statement.too_long = false;
        let holder = statement.id;
        let open = self.held.as_ref().and_then(|held| held.checkout.connection.prepared.cursor_of(holder));
        match (open, &mut self.held) {
            (Some(server_id), Some(held)) => {
                let mut patched = payload;
                patched[STATEMENT_ID].copy_from_slice(&server_id.to_le_bytes());
                end_cursor(held, holder);
                self.run_on_held(framed(&patched), ReplyKind::Simple, None).await
            }
            (None, _) | (_, None) => self.send_ok(sequence).await,
        }
    }

    /// COM_STMT_CLOSE. No reply. The server's statement stays in its connection's cache, for whoever prepares it next; only its cursor is
    /// closed.
    pub(super) async fn close_statement(&mut self, request: &Request) -> Result<(), SessionEnd> {
        let Some(closed) = statement_id(&request.payload()).ok().and_then(|id| self.prepared.remove(id)) else {
            return Ok(());
        };
        let open = self.held.as_ref().and_then(|held| held.checkout.connection.prepared.cursor_of(closed.id));
        let Some(server_id) = open else { return Ok(()) };
        let Some(mut held) = self.held.take() else { return Ok(()) };
        end_cursor(&mut held, closed.id);
        match held.checkout.connection.confirmed(Command::StmtReset, &server_id.to_le_bytes()).await {
            Ok(_) => {
                self.settle(held).await;
                Ok(())
            }
            Err(error) => match self.not_ready(held, error, None, request).await {
                NotCarried::Told(_) => Ok(()),
                NotCarried::Last(_) => Err(SessionEnd::Backend),
                NotCarried::Over(end) => Err(end),
            },
        }
    }
}

impl Session {
    async fn unknown_statement(&mut self, id: u32, command: &str, sequence: u8) -> Result<(), SessionEnd> {
        let told = error_reply::unknown_statement(id, command, self.listener.dialect);
        self.send(&error_reply::text(&told, sequence)).await
    }
}

/// The cursor of this statement of the session is closed, and with it what kept the connection for it.
pub(super) fn end_cursor(held: &mut Held, holder: u32) {
    held.checkout.connection.prepared.close_cursor(holder);
    held.pins.close(PinReason::Cursor, &holder.to_string());
}

/// What an execution says of its parameters.
#[derive(Default)]
struct ReadParameters {
    /// The values as routing reads them.
    values: Vec<KeyValue>,
    /// Their kinds.
    kinds: Kinds,
    /// Their types, for later executions.
    types: Option<Arc<[u8]>>,
    /// The attributes behind them.
    attributes: QueryAttributes,
}

/// Whether and how the values can be read; the types, if this execution brings new ones or an earlier one did.
fn read_parameters(
    payload: &[u8],
    statement: &Prepared,
    form: ExecuteForm,
    long: &[u16],
) -> Result<ReadParameters, ExecuteError> {
    cursor_flags(payload)?;
    let parsed = ExecuteParameters::parse(payload, statement.parameters, form, statement.types.as_deref(), long)?;
    let attributes = parsed.attributes()?;
    if statement.parameters == 0 {
        return Ok(ReadParameters { attributes, ..ReadParameters::default() });
    }
    let mut values = Vec::with_capacity(statement.parameters);
    let mut kinds = Kinds::new();
    let stores = stores(&statement.key.text);
    for (described, value) in parsed.types().zip(parsed.values()) {
        let value = value?;
        kinds.push(match ParameterKind::of(described, value) {
            // Stored, it is a NULL of whatever type; and rows differ in where they have one.
            ParameterKind::Null if stores => ParameterKind::Nothing,
            kind => kind,
        });
        values.push(key_value(value));
    }
    let types = parsed.new_types().map(Arc::from).or_else(|| statement.types.clone());
    Ok(ReadParameters { values, kinds, types, attributes })
}

fn asks_for_cursor(payload: &[u8]) -> bool {
    cursor_flags(payload).is_ok_and(|flags| flags & CURSOR_TYPES != 0)
}

/// Whether a statement begins as those do that give no rows.
fn stores(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    let begins = |word: &str| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()));
    ["INSERT", "REPLACE", "UPDATE", "DELETE"].into_iter().any(begins)
}

/// A value as routing reads it.
fn key_value(value: ParameterValue<'_>) -> KeyValue {
    match value {
        ParameterValue::Null => KeyValue::Null,
        ParameterValue::Integer(integer) => KeyValue::Integer(integer),
        ParameterValue::Bytes(bytes) => KeyValue::Text(bytes.into()),
        ParameterValue::LongData | ParameterValue::Other => KeyValue::Unreadable,
    }
}

/// The rows of a bulk execution as routing reads them, and their types for later executions.
type ReadRows = (Vec<Vec<KeyValue>>, Option<Arc<[u8]>>);

fn read_rows(payload: &[u8], statement: &Prepared) -> Result<ReadRows, ExecuteError> {
    let parsed = BulkParameters::parse(payload, statement.parameters, statement.types.as_deref())?;
    let rows = parsed.rows().map(|row| row.map(|values| values.into_iter().map(key_value).collect()));
    let types = parsed.new_types().map(Arc::from).or_else(|| statement.types.clone());
    Ok((rows.collect::<Result<_, _>>()?, types))
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

    fn find(&mut self, id: u32) -> Option<&mut Prepared> {
        let id = if id == LAST_PREPARED { self.last_id } else { id };
        self.by_id.get_mut(&id)
    }

    fn remove(&mut self, id: u32) -> Option<Prepared> {
        let id = if id == LAST_PREPARED { self.last_id } else { id };
        self.by_id.remove(&id)
    }

    /// Forgets all, as COM_RESET_CONNECTION does.
    pub fn clear(&mut self) {
        self.by_id.clear();
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
