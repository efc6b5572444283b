//! What a decision needs to know of the session.

use super::LookedUp;
use crate::model::{ControlState, GroupId, Role, Scope, UnitId};
use crate::sql::{Hint, PinReason, ReadLevel};

/// Where a statement runs: an instance of this group, unit and role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The group.
    pub group: GroupId,
    /// The unit.
    pub unit: UnitId,
    /// Primary or replica.
    pub role: Role,
}

impl Target {
    /// Whether an instance here may run what belongs to `wanted`: a primary does what its replicas do.
    pub fn serves(self, wanted: Target) -> bool {
        self.group == wanted.group
            && self.unit == wanted.unit
            && (self.role == Role::Primary || wanted.role == Role::Replica)
    }

    /// The place for people: the unit, with its group where there are several, and a replica as such.
    pub fn named(self, state: &ControlState) -> String {
        let unit = &state.unit(self.unit).name;
        let role = match self.role {
            Role::Primary => "",
            Role::Replica => "a replica of ",
        };
        match state.groups.len() {
            1 => format!("{role}unit '{unit}'"),
            _ => format!("{role}unit '{unit}' of group '{}'", state.group(self.group).name),
        }
    }
}

/// What the open transaction has done so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionAccess {
    /// Only non-locking reads: it may be ended and reopened elsewhere.
    OnlyRead,
    /// It wrote or locked something: it stays where it is.
    Touched,
}

/// The session's transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionView {
    /// None: autocommit.
    None,
    /// BEGIN was queued (or autocommit=0) and nothing has been routed in it yet.
    Queued {
        /// START TRANSACTION READ ONLY.
        read_only: bool,
        /// It was XA START: the transaction is a branch.
        branch: bool,
    },
    /// Open at a backend.
    Open {
        /// Where.
        target: Target,
        /// What it did.
        access: TransactionAccess,
        /// SERIALIZABLE, a consistent snapshot, or savepoints: it must not be reopened elsewhere.
        fixed: bool,
        /// START TRANSACTION READ ONLY.
        read_only: bool,
    },
}

/// The connection the session is bound to outside transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinView {
    /// Where it leads.
    pub target: Target,
    /// Why it is kept; [`PinReason::LastReply`] gives way to any route, all others do not.
    pub reason: PinReason,
}

/// What the user may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// SET GLOBAL, sql_log_bin, gtid_*, server_id, auto_increment_*.
    pub escapes: bool,
    /// Whether it may write at all.
    pub access: UserAccess,
    /// The most bytes a statement of its may have; `None` for the packet limit alone.
    pub max_statement: Option<usize>,
}

/// Whether a user may write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserAccess {
    /// It may.
    #[default]
    ReadWrite,
    /// It may only read, without locks; local tables too.
    ReadOnly,
}

/// The session as one decision sees it.
#[derive(Clone, Copy, Debug)]
pub struct SessionView<'a> {
    /// The unit of the listener the client connected to, or the user's own where it has one.
    pub unit: UnitId,
    /// The group that holds the session's schema, if one does.
    pub schema_group: Option<GroupId>,
    /// What the query attributes `meridian_…` of this statement say, if it has any.
    pub attributes: Option<&'a Hint>,
    /// What the session variables `@meridian_…` say.
    pub hint: &'a Hint,
    /// Its transaction.
    pub transaction: TransactionView,
    /// What was looked up for this statement's keys.
    pub looked_up: &'a [LookedUp],
    /// Where the prepared branch is that this XA statement names, once it was looked for and found.
    pub branch_at: Option<Target>,
    /// The scopes the open transaction holds tickets for.
    pub written: &'a [Scope],
    /// Where the transaction would be open if the rules of its group, which is only observed, were carried out.
    pub observed_at: Option<Target>,
    /// The primary where it has changed the schema of managed tables.
    pub schema_changed_at: Option<Target>,
    /// Its pin.
    pub pin: Option<PinView>,
    /// Its user's name.
    pub user: &'a str,
    /// Its user's grants.
    pub grants: Grants,
    /// How fresh its user's reads must be where no hint says.
    pub level: ReadLevel,
    /// How many bytes the statement has.
    pub statement_bytes: usize,
}
