//! One command of a client's that is run as a statement: what it asks for, and what has been found out about it.

use std::borrow::Cow;

use super::branches::BranchPlace;
use super::client::ReceivedCommand;
use super::execution::Execution;
use crate::model::GroupId;
use crate::route::LookedUp;
use crate::sql::{Hint, Statement};
use crate::wire::command_reader::CommandFrame;
use crate::wire::packet::HEADER;
use crate::wire::query_attributes::QueryAttributes;
use crate::wire::scanner::ReplyKind;

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
