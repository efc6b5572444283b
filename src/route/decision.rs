//! What is to be done with a statement.

use super::{Rejection, Target, Verdict};
use crate::model::{MoveId, Scope, Shard};
use crate::sql::KeyValue;

/// Why a statement goes where it goes; printed by EXPLAIN ROUTE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// A write, or a read that must be current, to the unit that owns its key.
    Owner,
    /// To the Global Zone master.
    GlobalMaster,
    /// A read of managed tables from this unit's copy.
    LocalRead,
    /// A read of a sharded table without key, from the copy of the Global Zone master's unit.
    MasterRead,
    /// Local and unmanaged tables: this unit's primary.
    LocalTable,
    /// No table: the session schema's group, this unit's primary.
    Tableless,
    /// DDL on managed tables, at the group's schema unit.
    SchemaUnit,
    /// A read of a session that has changed the schema, where it did.
    AfterDdl,
    /// The open transaction's connection.
    Transaction,
    /// The connection the session is pinned to.
    Pin,
    /// A prepared branch, where it is.
    Branch,
    /// A hint named the unit.
    UnitHint,
    /// The group is only observed: this unit's primary, as without Meridian.
    Observe,
}

/// What happens to the session's transaction on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionStep {
    /// No transaction: the statement stands alone.
    Autocommit,
    /// A transaction begins with this statement: whatever is queued (BEGIN, SET TRANSACTION, SAVEPOINT) travels ahead of it;
    /// nothing may be queued (autocommit=0, or the statement is START TRANSACTION WITH CONSISTENT SNAPSHOT itself).
    Open,
    /// The statement runs in the open transaction.
    Continue,
    /// The open transaction has only read: it is ended and reopened at the new target.
    Rebind,
}

/// Where a statement is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The instance to choose.
    pub target: Target,
    /// The scopes the statement may write in (one, or one per shard of its keys); empty for reads and for writes of local tables.
    pub scopes: Vec<Scope>,
    /// The first routing key, with its shard.
    pub key: Option<(KeyValue, Shard)>,
    /// Why.
    pub rule: Rule,
    /// The transaction's part.
    pub transaction: TransactionStep,
    /// In a group that is only observed: what its rules would have done.
    pub observed: Option<Box<Verdict>>,
}

/// What Meridian answers itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// OK, and the text is kept until the next routed statement: BEGIN, COMMIT AND CHAIN with nothing open, SAVEPOINT in a queued
    /// transaction, SET TRANSACTION (which alone opens no transaction; it travels ahead of an autocommit statement too).
    Queue,
    /// OK: COMMIT or ROLLBACK of a transaction that has not been sent anywhere; with RELEASE the client is disconnected afterwards.
    DropQueue,
    /// OK: only the session changes (SET of `@meridian_` hints alone). Any other SET, and USE, is sent, because the server has to validate it.
    Session,
    /// The session's own connection id.
    ConnectionId,
    /// The prepared branches of all primaries in service.
    Branches,
    /// KILL of a Meridian session.
    Kill {
        /// Only its running statement.
        query_only: bool,
        /// Its id.
        id: u64,
    },
}

/// What is to be done with a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Send it as received.
    Send(Route),
    /// Keep it until the move has ended, then decide anew.
    Hold {
        /// The move.
        id: MoveId,
        /// Where it would go now.
        route: Route,
    },
    /// Answer it here.
    Answer(Answer),
    /// Refuse it; the connection stays usable.
    Reject(Rejection),
}
