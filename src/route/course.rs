//! Where one statement wants to run, before the session's transaction and its pin have their say.
//!
//! It holds no rule; each rule makes or bends one.

use smallvec::{SmallVec, smallvec};

use super::{Route, Rule, SessionView, Target, TransactionStep};
use crate::model::{ControlState, GroupId, Observations, Scope, Shard, TableRule, UnitId};
use crate::sql::{BoundKey, Facts, KeyValue, Statement, StatementClass, WriteKind, XaStep};

/// What one rule looks at: one statement of the packet, in its session, under one state.
#[derive(Clone, Copy)]
pub(super) struct Query<'a> {
    /// What people decided.
    pub state: &'a ControlState,
    /// What we measured.
    pub measured: &'a Observations,
    /// The session.
    pub session: &'a SessionView<'a>,
    /// The packet.
    pub statement: &'a Statement,
    /// Its position in the packet.
    pub position: u16,
    /// Its facts.
    pub facts: &'a Facts,
    /// What the hints say.
    pub hint: super::hint::Wanted<'a>,
}

impl<'a> Query<'a> {
    /// The key values the text gives this statement.
    pub fn keys(&self) -> impl Iterator<Item = &'a KeyValue> + use<'a> {
        let position = self.position;
        self.statement.keys.iter().filter(move |bound| bound.statement == position).map(|BoundKey { value, .. }| value)
    }

    /// The unit whose copies of `group` this session reads.
    pub fn serving(&self, group: GroupId) -> UnitId {
        self.state.serving(self.session.unit, group)
    }

    /// The name of `unit`, for people.
    pub fn unit_name(&self, unit: UnitId) -> String {
        self.state.unit(unit).name.clone()
    }
}

/// What a statement may do to rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Reads without locks.
    Read,
    /// Locks rows or tables; may call what writes.
    Lock,
    /// Adds rows, changes none.
    Insert,
    /// May change rows that exist.
    Change,
}

impl Access {
    /// What statements of `class` may do; whatever may write or lock counts as a write.
    pub fn of(class: &StatementClass) -> Access {
        match class {
            StatementClass::Write(WriteKind::Insert) => Access::Insert,
            StatementClass::LockingRead | StatementClass::TableLocks => Access::Lock,
            StatementClass::Write(WriteKind::Change)
            | StatementClass::Ddl
            | StatementClass::Xa(XaStep::Start | XaStep::Within | XaStep::Prepare | XaStep::Finish)
            | StatementClass::Admin => Access::Change,
            StatementClass::Read
            | StatementClass::Xa(XaStep::Recover)
            | StatementClass::Begin(_)
            | StatementClass::Commit(_)
            | StatementClass::Rollback(_)
            | StatementClass::Savepoint
            | StatementClass::SetTransaction
            | StatementClass::Set
            | StatementClass::Use
            | StatementClass::Show
            | StatementClass::Kill { .. }
            | StatementClass::ConnectionId { .. } => Access::Read,
        }
    }
}

/// Where else a statement may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freedom {
    /// Nowhere else.
    Bound,
    /// At any instance of its group: each holds a copy.
    Copy,
    /// Anywhere.
    Free,
}

impl Freedom {
    /// How little choice there is; of several statements the strictest leads.
    pub fn strictness(self) -> u8 {
        match self {
            Freedom::Free => 0,
            Freedom::Copy => 1,
            Freedom::Bound => 2,
        }
    }
}

/// What data a statement touches, as far as forbids and tickets ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// No managed data.
    Nothing,
    /// These scopes.
    Scopes(SmallVec<[Scope; 2]>),
    /// Every shard of the group, because no key says which.
    AllShards(GroupId),
}

impl Reach {
    /// One scope.
    pub fn one(scope: Scope) -> Reach {
        Reach::Scopes(smallvec![scope])
    }
}

/// Whether the statement enters the write gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ticket {
    /// Under all scopes it reaches.
    Needed,
    /// Not at all.
    Spared,
}

/// Where one statement wants to run, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Course<'a> {
    /// The place it prefers.
    pub target: Target,
    /// The other places that would do.
    pub freedom: Freedom,
    /// What it may do.
    pub access: Access,
    /// What it touches.
    pub reach: Reach,
    /// Whether it enters the write gate.
    pub ticket: Ticket,
    /// Its first key.
    pub key: Option<(&'a KeyValue, Shard)>,
    /// The one owner of all its keys; a read-write transaction that begins with it opens there.
    pub owner: Option<UnitId>,
    /// The managed table's rule.
    pub table: Option<&'a TableRule>,
    /// Why it goes there.
    pub rule: Rule,
}

impl<'a> Course<'a> {
    /// The course leads to `target`, by `rule`. Elsewhere than it wanted to go its ticket, if any, is void: only reads of copies are moved.
    pub fn move_to(&mut self, target: Target, rule: Rule) {
        if self.target != target {
            self.target = target;
            self.ticket = Ticket::Spared;
        }
        self.rule = rule;
    }

    /// The course runs at a connection that is there already, which serves it: what is bound to this place keeps its own rule and ticket.
    pub fn join(&mut self, target: Target, rule: Rule) {
        match self.freedom {
            Freedom::Bound => self.target = target,
            Freedom::Copy | Freedom::Free => self.move_to(target, rule),
        }
    }

    /// The first key, for people.
    pub fn key_text(&self) -> Option<String> {
        self.key.map(|(key, _)| super::placement::text_of(key))
    }

    /// The route, once everything is decided.
    pub fn into_route(self, transaction: TransactionStep) -> Route {
        let scopes = match (self.ticket, self.reach) {
            (Ticket::Spared, _) | (Ticket::Needed, Reach::Nothing) => Vec::new(),
            (Ticket::Needed, Reach::Scopes(scopes)) => scopes.into_vec(),
            (Ticket::Needed, Reach::AllShards(group)) => vec![Scope::Group(group)],
        };
        let key = self.key.map(|(key, shard)| (key.clone(), shard));
        Route { target: self.target, scopes, key, rule: self.rule, transaction, observed: None }
    }
}
