//! One execution of a prepared statement: what it asks for, and its packet for whatever connection is at hand.

use std::sync::Arc;

use smallvec::SmallVec;

use super::client::ReceivedCommand;
use super::prepared::Prepared;
use crate::backend::prepared::{PreparedKey, Wanted};
use crate::backend::{CollectedReply, Connection, ConnectionError};
use crate::sql::{KeyValue, Statement};
use crate::wire::bulk;
use crate::wire::command::Command;
use crate::wire::command_reader::CommandFrame;
use crate::wire::execute::{ExecuteForm, with_types};
use crate::wire::packet::{HEADER, write_packet};
use crate::wire::parameter_history::ParameterKind;
use crate::wire::scanner::{EndKind, ReplyKind};

/// ER_MAX_PREPARED_STMT_COUNT_REACHED.
const TOO_MANY_STATEMENTS: u16 = 1461;

/// Where the server's id of the statement is in the payload of every command about one.
pub(super) const STATEMENT_ID: std::ops::Range<usize> = 1..5;

/// One execution, to be sent on any connection.
pub(super) struct Execution {
    /// The statement's text.
    pub text: Arc<[u8]>,
    /// The values, as far as routing reads them.
    pub parameters: Values,
    /// The kinds of the values, where the server's answers depend on those before.
    pub kinds: Kinds,
    /// The rows are to be fetched from a cursor.
    pub asks_for_cursor: bool,
    /// The statement, with the long data of this execution.
    pub statement: Prepared,
    /// The command as the client sent it, once another stands in its place.
    pub original: Option<ReceivedCommand>,
}

pub(super) type Kinds = SmallVec<[ParameterKind; 8]>;

/// The values of an execution.
pub(super) enum Values {
    /// Of COM_STMT_EXECUTE.
    Row(Vec<KeyValue>),
    /// Of COM_STMT_BULK_EXECUTE.
    Rows(Vec<Vec<KeyValue>>),
}

impl Execution {
    /// The statement with the keys of all its rows.
    pub fn bind(&self, statement: &Statement) -> Statement {
        match &self.parameters {
            Values::Row(values) => statement.bind(values),
            Values::Rows(rows) => statement.bind_rows(rows),
        }
    }

    /// As [`Self::make_ready`], where the connection knows the statement and its parameters' types, so that the client's own command only has to
    /// name it in the server's way: nearly always. False: nothing was changed.
    pub fn is_ready(&self, connection: &mut Connection, command: &mut ReceivedCommand) -> bool {
        let is_plain = self.original.is_none() && command.frame.parts == 1;
        if !is_plain || self.asks_for_cursor || !self.statement.long_data.is_empty() {
            return false;
        }
        let known = connection.prepared.get(&self.statement.key, self.wanted());
        let Some(known) = known.filter(|known| known.types == self.statement.types) else { return false };
        if !self.kinds.is_empty() {
            known.seen = known.seen.after(&self.kinds);
        }
        command.packet[HEADER..][STATEMENT_ID].copy_from_slice(&known.id.to_le_bytes());
        true
    }

    /// Prepares the statement on `connection` if it is not, and makes `command` the packet that executes it there.
    ///
    /// Errors: the connection's, or the server's refusal to prepare.
    pub async fn make_ready(
        &mut self,
        connection: &mut Connection,
        command: &mut ReceivedCommand,
    ) -> Result<(), ConnectionError> {
        let id = match connection.prepared.get(&self.statement.key, self.wanted()) {
            Some(known) => known.id,
            None => Box::pin(prepare_on(connection, &self.statement.key)).await?,
        };
        for (parameter, bytes) in &self.statement.long_data {
            let mut payload = vec![Command::StmtSendLongData as u8];
            payload.extend_from_slice(&id.to_le_bytes());
            payload.extend_from_slice(&parameter.to_le_bytes());
            payload.extend_from_slice(bytes);
            connection.send(&payload).await?;
        }
        let original = self.original.as_ref().unwrap_or(command);
        let mut payload = original.frame.payload(&original.packet).into_owned();
        let form = ExecuteForm::of(connection.capabilities);
        if let Some(known) = connection.prepared.get(&self.statement.key, self.wanted()) {
            if let Some(types) = self.statement.types.as_ref().filter(|types| known.types.as_ref() != Some(types)) {
                payload = match &self.parameters {
                    Values::Row(_) => with_types(&payload, self.statement.parameters, form, types).unwrap_or(payload),
                    Values::Rows(_) => bulk::with_types(&payload, types),
                };
            }
            known.types.clone_from(&self.statement.types);
            if !self.kinds.is_empty() {
                known.seen = known.seen.after(&self.kinds);
            }
        }
        if self.asks_for_cursor {
            connection.prepared.open_cursor(self.statement.id, id);
        }
        payload[STATEMENT_ID].copy_from_slice(&id.to_le_bytes());
        let replaced = std::mem::replace(command, framed(&payload));
        self.original.get_or_insert(replaced);
        Ok(())
    }

    /// Gives up the statement at `connection` behind an execution that failed: one that long data were too long for tells so until it is reset,
    /// and whoever executes it next has sent none.
    pub async fn give_up_spoilt(&self, connection: &mut Connection, command: &ReceivedCommand) {
        let payload = command.frame.payload(&command.packet);
        let named = payload.get(STATEMENT_ID).and_then(|id| id.first_chunk());
        let (Some(id), false) = (named, self.statement.long_data.is_empty()) else { return };
        let id = u32::from_le_bytes(*id);
        connection.prepared.forget(id);
        if close(connection, id).await.is_err() {
            connection.taint();
        }
    }

    /// The client's id of the statement.
    pub fn holder(&self) -> u32 {
        self.statement.id
    }

    fn wanted(&self) -> Wanted<'_> {
        Wanted { holder: self.statement.id, kinds: &self.kinds, seen: &self.statement.seen }
    }
}

/// Prepares a statement on this connection, and gives the server's id of it.
async fn prepare_on(connection: &mut Connection, key: &Arc<PreparedKey>) -> Result<u32, ConnectionError> {
    let reply = ask_to_prepare(connection, key).await?;
    let Some(prepared) = reply.end.prepared.filter(|_| reply.end.kind == EndKind::Ok) else {
        return Err(ConnectionError::Refused { packet: reply.bytes });
    };
    remember(connection, key, prepared.statement_id).await?;
    Ok(prepared.statement_id)
}

/// COM_STMT_PREPARE at the server. When all clients of the server together have too many, this connection gives up half of its own and
/// asks once more.
pub(super) async fn ask_to_prepare(
    connection: &mut Connection,
    key: &PreparedKey,
) -> Result<CollectedReply, ConnectionError> {
    let reply = connection.ask(Command::StmtPrepare, &key.text, ReplyKind::Prepare).await?;
    if reply.end.kind != (EndKind::Error { errno: TOO_MANY_STATEMENTS }) || connection.prepared.is_empty() {
        return Ok(reply);
    }
    for id in connection.prepared.remove_half() {
        close(connection, id).await?;
    }
    connection.ask(Command::StmtPrepare, &key.text, ReplyKind::Prepare).await
}

/// Records a statement the server has prepared, and closes the one that is one too many.
pub(super) async fn remember(
    connection: &mut Connection,
    key: &Arc<PreparedKey>,
    id: u32,
) -> Result<(), ConnectionError> {
    match connection.prepared.insert(Arc::clone(key), id) {
        Some(superfluous) => close(connection, superfluous).await,
        None => Ok(()),
    }
}

pub(super) async fn close(connection: &mut Connection, id: u32) -> Result<(), ConnectionError> {
    let mut payload = vec![Command::StmtClose as u8];
    payload.extend_from_slice(&id.to_le_bytes());
    connection.send(&payload).await
}

pub(super) fn framed(payload: &[u8]) -> ReceivedCommand {
    let mut packet = Vec::with_capacity(payload.len() + HEADER);
    let mut sequence = 0;
    write_packet(&mut packet, &mut sequence, payload);
    let frame = CommandFrame {
        total: packet.len(),
        parts: usize::from(sequence),
        length: payload.len(),
        sequence: sequence.wrapping_sub(1),
    };
    ReceivedCommand { packet, frame }
}
