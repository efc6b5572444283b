//! Every refusal: a decision, not an error. Each names what matters (key, unit, epoch) and what to do.
//!
//! No SQL text is shown but names the client itself sent; no host, no account.

use thiserror::Error;

use super::refusal_text;
use crate::model::Epoch;
use crate::sql::{PinReason, SqlRefusal};

/// A routing key and the unit that owns it, as the client reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedKey {
    /// The key.
    pub key: String,
    /// The owner's name.
    pub owner: String,
}

/// Why a statement is refused. The `Display` text is the client's message, after the prefix `meridian: `.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Rejection {
    /// The text itself causes it.
    #[error("{}", refusal_text::of(.0))]
    Sql(SqlRefusal),
    /// A standing forbid covers what the statement touches.
    #[error("{what} are forbidden{} at epoch {epoch} ({reason}); wait until an operator allows them", refusal_text::with_key(.key.as_deref()))]
    Forbidden {
        /// What the forbid refuses, for example `writes owned by unit 'bj'`.
        what: String,
        /// The operator's reason.
        reason: String,
        /// The statement's first key.
        key: Option<String>,
        /// The epoch it was decided at.
        epoch: Epoch,
    },
    /// A unit that has to keep up with the owner's writes is too far behind.
    #[error("{what} are blocked{} at epoch {epoch}: {lag}; nothing was sent, try again when replication has caught up", refusal_text::with_key(.key.as_deref()))]
    Lagging {
        /// What is blocked, for example `writes owned by unit 'bj' in group 'main'`.
        what: String,
        /// Who is behind, how far, and how far it may be.
        lag: String,
        /// The statement's first key.
        key: Option<String>,
        /// The epoch it was decided at.
        epoch: Epoch,
    },
    /// The table's policy refuses writes at a unit that does not own the key.
    #[error("a write of '{table}'{} belongs to unit '{owner}' at epoch {epoch}, this is unit '{here}' and the table's policy does not forward; connect to '{owner}'", refusal_text::with_key(.key.as_deref()))]
    WrongUnit {
        /// The table's rule.
        table: String,
        /// The first key; `None` for global tables.
        key: Option<String>,
        /// The unit the client is connected to.
        here: String,
        /// The owner.
        owner: String,
        /// The epoch it was decided at.
        epoch: Epoch,
    },
    /// A write of a sharded table names no key.
    #[error(
        "a write of sharded table '{table}' names no routing key; restrict '{column}' to a value or give /*meridian: key=…*/"
    )]
    KeyMissing {
        /// The table's rule.
        table: String,
        /// The routing key column.
        column: String,
    },
    /// A read without a readable key, where the table's policy wants one.
    #[error(
        "a read of sharded table '{table}' names no routing key and the table's policy wants one; restrict '{column}' to a value or give /*meridian: key=…*/"
    )]
    KeyRequired {
        /// The table's rule.
        table: String,
        /// The routing key column.
        column: String,
    },
    /// A read at level strong that no single unit can answer.
    #[error(
        "a read of '{table}' at level strong needs a routing key, because several units own its shards; restrict '{column}' to a value or give /*meridian: key=…*/"
    )]
    StrongWithoutKey {
        /// The table's rule.
        table: String,
        /// The routing key column.
        column: String,
    },
    /// A NULL key in a write.
    #[error(
        "a write of sharded table '{table}' has NULL in its routing key '{column}', and NULL has no owner; give a value"
    )]
    KeyNull {
        /// The table's rule.
        table: String,
        /// The routing key column.
        column: String,
    },
    /// A key in a write that cannot be read with certainty.
    #[error(
        "a write of sharded table '{table}' has a routing key in '{column}' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/"
    )]
    KeyUnreadable {
        /// The table's rule.
        table: String,
        /// The routing key column.
        column: String,
    },
    /// A key the transform does not place.
    #[error(
        "routing key {key} of key type '{key_type}' lies in no shard at epoch {epoch}; use a key the transform covers"
    )]
    KeyUnplaced {
        /// The key.
        key: String,
        /// The kind of key.
        key_type: String,
        /// The epoch it was decided at.
        epoch: Epoch,
    },
    /// A key that a table maps, and nobody could ask the table.
    #[error(
        "routing key {key} of key type '{key_type}' has to be looked up in '{table}', which was not reached; nothing was sent, try again"
    )]
    KeyNotLookedUp {
        /// The key.
        key: String,
        /// Its kind.
        key_type: String,
        /// The table.
        table: String,
    },
    /// A key that its table does not map.
    #[error(
        "routing key {key} of key type '{key_type}' has no entry in '{table}', or several; insert one there and commit it first"
    )]
    KeyUnmapped {
        /// The key.
        key: String,
        /// Its kind.
        key_type: String,
        /// The table.
        table: String,
    },
    /// Keys of several owners in one statement.
    #[error("one statement on '{table}' has keys of two owners at epoch {epoch}: {} belongs to unit '{}', {} to unit '{}'; nothing was sent, send one statement per owner", .keys[0].key, .keys[0].owner, .keys[1].key, .keys[1].owner)]
    SeveralOwners {
        /// The table's rule.
        table: String,
        /// Two keys that do not go together.
        keys: Box<[OwnedKey; 2]>,
        /// The epoch it was decided at.
        epoch: Epoch,
    },
    /// The hint's key and the statement's own key lie in different shards.
    #[error("the hint names key {hint}, the statement key {key}, which is another shard; correct one of them")]
    HintContradicts {
        /// The hint's key.
        hint: String,
        /// The statement's key.
        key: String,
    },
    /// The hint names no unit of ours.
    #[error("the hint names unit '{unit}', which does not exist; use one of the configured units")]
    HintUnknownUnit {
        /// The name in the hint.
        unit: String,
    },
    /// The hint expects another owner than there is.
    #[error(
        "the hint expects unit '{unit}', but unit '{owner}' takes this statement at epoch {epoch}; correct the hint or leave it out"
    )]
    HintNotOwner {
        /// The unit in the hint.
        unit: String,
        /// The owner.
        owner: String,
        /// The epoch it was decided at.
        epoch: Epoch,
    },
    /// The open transaction has written or locked at another unit.
    #[error(
        "the open transaction has written or locked in {at} and this statement belongs to {wanted} at epoch {epoch}; the transaction is alive, COMMIT or ROLLBACK it first"
    )]
    TransactionTouched {
        /// Where the transaction is.
        at: String,
        /// Where the statement belongs.
        wanted: String,
        /// The epoch it was decided at.
        epoch: Epoch,
    },
    /// The open transaction may not be reopened elsewhere.
    #[error(
        "the open transaction in {at} keeps a snapshot, SERIALIZABLE or savepoints and cannot be reopened in {wanted}, where this statement belongs at epoch {epoch}; the transaction is alive, COMMIT or ROLLBACK it first"
    )]
    TransactionFixed {
        /// Where the transaction is.
        at: String,
        /// Where the statement belongs.
        wanted: String,
        /// The epoch it was decided at.
        epoch: Epoch,
    },
    /// What the transaction wants to write is moving, and it cannot wait: it has done something already, but not there.
    #[error(
        "{what} at epoch {epoch}, and this transaction has not written there before; the transaction is alive, roll it back and try again"
    )]
    Moving {
        /// The move.
        what: String,
        /// The epoch it was decided at.
        epoch: Epoch,
    },
    /// A write in START TRANSACTION READ ONLY.
    #[error("cannot execute statement in a READ ONLY transaction; the transaction is alive")]
    ReadOnlyTransaction,
    /// The session keeps its connection, and the statement belongs elsewhere.
    #[error("this session keeps its connection to {at} because of {}, and this statement belongs to {wanted}; {}", refusal_text::pin(*.reason), refusal_text::unpin(*.reason))]
    Pinned {
        /// Where the pin leads.
        at: String,
        /// Where the statement belongs: `unit 'bj'`, with its group where that differs.
        wanted: String,
        /// Why the connection is kept.
        reason: PinReason,
    },
    /// The statements of one packet belong to different primaries.
    #[error(
        "the statements of one packet belong to {first} and {second} at epoch {epoch}; nothing was sent, send them one by one"
    )]
    PacketSplit {
        /// Where one belongs.
        first: String,
        /// Where another belongs.
        second: String,
        /// The epoch it was decided at.
        epoch: Epoch,
    },
    /// A statement Meridian itself answers, in a packet with others.
    #[error("{what} cannot be one of several statements in a packet; send it alone")]
    PacketStatement {
        /// The statement.
        what: &'static str,
    },
    /// XA COMMIT or XA ROLLBACK of a branch that no instance in service has.
    #[error("XAER_NOTA: no branch with this id is prepared at any primary in service; ask XA RECOVER which there are")]
    BranchNotFound,
    /// The comment and the query attributes of one statement say different things.
    #[error("the hint comment and the query attributes name different values for {what}; correct one of them")]
    HintsDisagree {
        /// `key`, `level` or `unit`.
        what: &'static str,
    },
    /// A denial covers the statement.
    #[error("this statement is denied by rule '{rule}' ({reason}); write it in another form or ask the operators")]
    Denied {
        /// The denial's name.
        rule: String,
        /// The operator's reason.
        reason: String,
    },
    /// The user may only read.
    #[error("user '{user}' may only read, without locks; use another user for this statement")]
    ReadOnlyUser {
        /// The user.
        user: String,
    },
    /// The statement is longer than the user's statements may be.
    #[error("a statement of {bytes} bytes is longer than the {limit} user '{user}' may send; send it in parts")]
    StatementTooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
        /// The user.
        user: String,
    },
    /// The text was analysed under another epoch's tables.
    #[error("the tables' rules changed while this statement was under way, now epoch {epoch}; send it again")]
    Outdated {
        /// The epoch it was decided at.
        epoch: Epoch,
    },
}

impl Rejection {
    /// The MySQL error number.
    pub fn errno(&self) -> u16 {
        match self {
            Rejection::Sql(refusal) => refusal_text::errno(refusal),
            // ER_OPTION_PREVENTS_STATEMENT: what a read-only server answers, so drivers know it.
            Rejection::Forbidden { .. } | Rejection::Lagging { .. } | Rejection::WrongUnit { .. } => 1290,
            // ER_LOCK_WAIT_TIMEOUT: what drivers and frameworks try again.
            Rejection::Moving { .. } | Rejection::KeyNotLookedUp { .. } => 1205,
            // ER_SPECIFIC_ACCESS_DENIED_ERROR.
            Rejection::Denied { .. } => 1227,
            Rejection::ReadOnlyUser { .. } => 1290,
            // ER_NET_PACKET_TOO_LARGE is of class 08: ER_TOO_LONG_STRING says the same of one statement.
            Rejection::StatementTooLong { .. } => 1162,
            // ER_NO_PARTITION_FOR_GIVEN_VALUE.
            Rejection::KeyUnplaced { .. } | Rejection::KeyUnmapped { .. } => 1526,
            // ER_CANT_DO_THIS_DURING_AN_TRANSACTION.
            Rejection::TransactionTouched { .. } | Rejection::TransactionFixed { .. } => 1179,
            // ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION.
            Rejection::ReadOnlyTransaction => 1792,
            // ER_NOT_SUPPORTED_YET.
            Rejection::PacketSplit { .. } | Rejection::PacketStatement { .. } => 1235,
            // ER_XAER_NOTA.
            Rejection::BranchNotFound => 1397,
            // ER_NEED_REPREPARE.
            Rejection::Outdated { .. } => 1615,
            // ER_UNKNOWN_ERROR.
            Rejection::KeyMissing { .. }
            | Rejection::KeyRequired { .. }
            | Rejection::StrongWithoutKey { .. }
            | Rejection::KeyNull { .. }
            | Rejection::KeyUnreadable { .. }
            | Rejection::SeveralOwners { .. }
            | Rejection::HintContradicts { .. }
            | Rejection::HintUnknownUnit { .. }
            | Rejection::HintNotOwner { .. }
            | Rejection::HintsDisagree { .. }
            | Rejection::Pinned { .. } => 1105,
        }
    }

    /// The SQLSTATE the servers give with [`Self::errno`]; never of class 08, so that pools keep the connection.
    pub fn sqlstate(&self) -> &'static str {
        match self.errno() {
            1146 => "42S02",
            1179 => "25000",
            1162 | 1227 | 1235 => "42000",
            1397 => "XAE04",
            1792 => "25006",
            _ => "HY000",
        }
    }

    /// The epoch the refusal was decided at, where ownership matters.
    pub fn epoch(&self) -> Option<Epoch> {
        match self {
            Rejection::Forbidden { epoch, .. }
            | Rejection::Lagging { epoch, .. }
            | Rejection::WrongUnit { epoch, .. }
            | Rejection::KeyUnplaced { epoch, .. }
            | Rejection::SeveralOwners { epoch, .. }
            | Rejection::HintNotOwner { epoch, .. }
            | Rejection::TransactionTouched { epoch, .. }
            | Rejection::TransactionFixed { epoch, .. }
            | Rejection::Moving { epoch, .. }
            | Rejection::PacketSplit { epoch, .. }
            | Rejection::Outdated { epoch } => Some(*epoch),
            Rejection::Sql(_)
            | Rejection::KeyNotLookedUp { .. }
            | Rejection::KeyUnmapped { .. }
            | Rejection::KeyMissing { .. }
            | Rejection::KeyRequired { .. }
            | Rejection::StrongWithoutKey { .. }
            | Rejection::KeyNull { .. }
            | Rejection::KeyUnreadable { .. }
            | Rejection::HintContradicts { .. }
            | Rejection::HintUnknownUnit { .. }
            | Rejection::HintsDisagree { .. }
            | Rejection::Denied { .. }
            | Rejection::ReadOnlyUser { .. }
            | Rejection::StatementTooLong { .. }
            | Rejection::ReadOnlyTransaction
            | Rejection::BranchNotFound
            | Rejection::Pinned { .. }
            | Rejection::PacketStatement { .. } => None,
        }
    }
}
