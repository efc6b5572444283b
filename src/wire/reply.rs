//! What is known of a server's reply: its shape before it comes, and what it said once it ended.
//!
//! Plain data; the scanner fills it in.

use thiserror::Error;

use super::capability::Capabilities;
use super::payload::Truncated;

/// The statement id of a COM_STMT_PREPARE's reply is in these bytes of the reply, headers included.
pub const PREPARED_ID: std::ops::Range<usize> = 5..9;

/// What shape of reply a command has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyKind {
    /// COM_QUERY, COM_STMT_EXECUTE, COM_PROCESS_INFO: OK, ERR, LOCAL INFILE or result sets.
    Query,
    /// COM_STMT_EXECUTE that asks for a cursor: as [`ReplyKind::Query`], but column definitions may be all of it.
    Cursor,
    /// COM_STMT_PREPARE.
    Prepare,
    /// COM_STMT_FETCH: rows only.
    Fetch,
    /// COM_FIELD_LIST: column definitions, not counted.
    FieldList,
    /// One OK, ERR or EOF packet.
    Simple,
    /// COM_STATISTICS: one packet of text.
    Statistics,
}

/// The negotiated flags that change the shape of replies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanFlags {
    /// No EOF packet after column definitions; an OK packet with header 0xFE after rows.
    pub deprecate_eof: bool,
    /// A byte after the column count says whether definitions follow (MariaDB CACHE_METADATA, MySQL OPTIONAL_RESULTSET_METADATA).
    pub optional_metadata: bool,
    /// Packets that look like an ERR, with error number 65535, tell how far a statement is and end nothing (MariaDB PROGRESS).
    pub progress: bool,
}

impl From<Capabilities> for ScanFlags {
    fn from(negotiated: Capabilities) -> ScanFlags {
        ScanFlags {
            deprecate_eof: negotiated.contains(Capabilities::DEPRECATE_EOF),
            optional_metadata: negotiated.contains(Capabilities::CACHE_METADATA)
                || negotiated.contains(Capabilities::OPTIONAL_RESULTSET_METADATA),
            progress: negotiated.contains(Capabilities::PROGRESS),
        }
    }
}

/// What the bytes fed in came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fed {
    /// How many of them belong to the reply and may be sent on. Less than was fed only beside an event; the rest is then a protocol violation.
    pub forward: usize,
    /// Whether something happened at that point.
    pub event: Option<ScanEvent>,
}

/// What ends a piece of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanEvent {
    /// The reply is over.
    End(ReplyEnd),
    /// The server waits for the file of a LOAD DATA LOCAL; after it, the same scanner goes on with the rest of the reply.
    LocalInfile,
}

/// How a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndKind {
    /// An OK packet, or the end of a COM_STMT_PREPARE's reply.
    Ok,
    /// The terminator after rows or column definitions, an EOF packet, or text that has no terminator.
    Eof,
    /// An ERR packet, at the beginning or in the middle of rows.
    Error {
        /// The server's error number.
        errno: u16,
    },
}

/// What a whole reply said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyEnd {
    /// How it ended.
    pub kind: EndKind,
    /// The last status flags; `None` when it ended in an ERR packet or carried none.
    pub status: Option<u16>,
    /// The status flags of all results together: a state change may hide in any of them.
    pub seen_status: u16,
    /// Warnings of the last result.
    pub warnings: u16,
    /// Affected rows of the last result; 0 when it had rows.
    pub affected_rows: u64,
    /// The last insert id that was not 0.
    pub insert_id: u64,
    /// Rows of the last result that had any.
    pub rows: u64,
    /// Results that ended without an error.
    pub results: u32,
    /// What COM_STMT_PREPARE gave.
    pub prepared: Option<PrepareOk>,
}

/// The first packet of a COM_STMT_PREPARE's reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrepareOk {
    /// The server's id, found at [`PREPARED_ID`] in the reply.
    pub statement_id: u32,
    /// Columns of its result; 0 when it has none.
    pub columns: u16,
    /// Its parameters.
    pub parameters: u16,
}

/// Why bytes are not the reply that had to come. The connection is of no use afterwards.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ScanError {
    /// A sequence number is missing or came twice.
    #[error("reply packet {got} where packet {expected} must come")]
    OutOfOrder {
        /// What had to come.
        expected: u8,
        /// What came.
        got: u8,
    },
    /// A packet that cannot stand where it stands.
    #[error("a reply packet that begins with byte {first:#04x} while {place}")]
    Unexpected {
        /// Its first byte.
        first: u8,
        /// Where the reply was.
        place: &'static str,
    },
    /// A packet without payload where one is needed.
    #[error("an empty reply packet")]
    Empty,
    /// A packet shorter than its kind must be.
    #[error("a reply packet that ends too early")]
    Truncated,
    /// Bytes after the end of the reply were fed in.
    #[error("bytes after the end of the reply")]
    AfterEnd,
}

impl From<Truncated> for ScanError {
    fn from(_: Truncated) -> ScanError {
        ScanError::Truncated
    }
}
