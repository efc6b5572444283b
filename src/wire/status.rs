//! Server status flags, as OK and EOF packets carry them.
//!
//! Source: SERVER_STATUS_flags_enum in the MySQL source documentation; the last two rows differ by family.

/// A transaction is open.
pub const IN_TRANS: u16 = 0x0001;
/// Autocommit is on.
pub const AUTOCOMMIT: u16 = 0x0002;
/// Another result of the same command follows.
pub const MORE_RESULTS: u16 = 0x0008;
/// No good index was used.
pub const NO_GOOD_INDEX_USED: u16 = 0x0010;
/// No index was used.
pub const NO_INDEX_USED: u16 = 0x0020;
/// The statement opened a cursor: rows come by COM_STMT_FETCH.
pub const CURSOR_EXISTS: u16 = 0x0040;
/// The cursor has given its last row.
pub const LAST_ROW_SENT: u16 = 0x0080;
/// The current schema was dropped.
pub const DB_DROPPED: u16 = 0x0100;
/// sql_mode has NO_BACKSLASH_ESCAPES.
pub const NO_BACKSLASH_ESCAPES: u16 = 0x0200;
/// Prepared statements must be described anew.
pub const METADATA_CHANGED: u16 = 0x0400;
/// The statement was slow.
pub const QUERY_WAS_SLOW: u16 = 0x0800;
/// The result set holds the OUT parameters of a procedure.
pub const PS_OUT_PARAMS: u16 = 0x1000;
/// The open transaction is read-only.
pub const IN_TRANS_READONLY: u16 = 0x2000;
/// The OK packet carries a session-state blob.
pub const SESSION_STATE_CHANGED: u16 = 0x4000;
/// MariaDB only: sql_mode has ANSI_QUOTES.
pub const ANSI_QUOTES: u16 = 0x8000;
