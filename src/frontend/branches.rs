//! XA branches that are prepared: they have no session, only an instance, which is asked for.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::checkout::Use;
use super::error_reply;
use super::held::Held;
use super::outcome::NotCarried;
use super::request::{Request, Subject};
use super::session::{Session, SessionEnd};
use crate::backend::{CheckoutError, CollectedReply};
use crate::fault::ClientText;
use crate::model::{GroupId, Role, Snapshot, UnitId};
use crate::route::Target;
use crate::sql::{BranchId, PinReason, XaStep, branch_id};
use crate::wire::command::Command;
use crate::wire::edited_rows::{Row, edited_rows};
use crate::wire::reply::ScanFlags;
use crate::wire::scanner::{EndKind, ReplyKind};

/// Where the branch is that a statement is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BranchPlace {
    /// Nobody has looked.
    NotAsked,
    /// No primary in service has it.
    Nowhere,
    /// Here.
    At(Target),
}

impl BranchPlace {
    /// The place, if it was found.
    pub fn found(self) -> Option<Target> {
        match self {
            BranchPlace::At(target) => Some(target),
            BranchPlace::NotAsked | BranchPlace::Nowhere => None,
        }
    }
}

/// How many prepared branches are remembered; of more, the oldest are forgotten.
const REMEMBERED: usize = 65_536;

/// Where the branches are that this process's sessions have prepared. Replication brings a copy of a prepared branch to the other units, which
/// only replication may end: what an instance lists does not tell whether it is the branch's own.
#[derive(Debug, Default)]
pub struct PreparedBranches {
    known: Mutex<(HashMap<BranchId, Place>, VecDeque<BranchId>)>,
}

/// Where a branch is, as far as this process knows.
#[derive(Clone, Copy, Debug)]
struct Place {
    target: Target,
    /// XA PREPARE is under way there, or its answer was lost: should the server refuse it, this is what was known before.
    before: Option<Option<Target>>,
}

impl PreparedBranches {
    fn at(&self, branch: &BranchId) -> Option<Target> {
        self.known().0.get(branch).map(|place| place.target)
    }

    /// XA PREPARE goes out. The place is known from here on: the client, and whoever it tells of its OK, may be ahead of the session that
    /// carried it, and an answer that is lost leaves a branch that may well be prepared.
    fn expect(&self, branch: BranchId, target: Target) {
        let before = Some(self.at(&branch));
        self.put(branch, Place { target, before });
    }

    /// The server refused XA PREPARE.
    fn withdraw(&self, branch: BranchId) {
        let place = self.known().0.get(&branch).copied();
        match place.and_then(|place| place.before) {
            Some(Some(target)) => self.put(branch, Place { target, before: None }),
            Some(None) => self.remove(&branch),
            None => {}
        }
    }

    fn put(&self, branch: BranchId, place: Place) {
        let mut known = self.known();
        let (places, order) = &mut *known;
        if places.insert(branch.clone(), place).is_none() {
            order.push_back(branch);
        }
        while order.len() > REMEMBERED {
            if let Some(oldest) = order.pop_front() {
                places.remove(&oldest);
            }
        }
    }

    fn remove(&self, branch: &BranchId) {
        let mut known = self.known();
        let (places, order) = &mut *known;
        if places.remove(branch).is_some() {
            order.retain(|known| known != branch);
        }
    }

    fn known(&self) -> MutexGuard<'_, (HashMap<BranchId, Place>, VecDeque<BranchId>)> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a primary said to XA RECOVER.
struct Recovered {
    reply: CollectedReply,
    flags: ScanFlags,
    rows: Vec<Row>,
}

impl Session {
    /// The id in an XA statement.
    pub(super) fn branch_of(&self, request: &Request) -> Option<BranchId> {
        let snapshot = self.worker.node.snapshots.load();
        branch_id(&request.text(), &self.sql_context(&snapshot))
    }

    /// To be told of an XA statement before it is sent: where this session's branch is prepared is known before anybody is told so.
    pub(super) fn expect_branch(&self, request: &Request, step: XaStep, target: Target) {
        if let (XaStep::Prepare, Some(branch)) = (step, self.own_branch(request)) {
            self.worker.node.branches.expect(branch, target);
        }
    }

    /// To be told of every XA statement that the server accepted.
    pub(super) fn note_branch(&self, request: &Request, step: XaStep, target: Target) {
        match (step, self.branch_of(request)) {
            (XaStep::Prepare, Some(branch)) => self.worker.node.branches.put(branch, Place { target, before: None }),
            (XaStep::Finish, Some(branch)) => self.worker.node.branches.remove(&branch),
            (XaStep::Prepare | XaStep::Finish, None) | (XaStep::Start | XaStep::Within | XaStep::Recover, _) => {}
        }
    }

    /// To be told of every XA statement that the server refused.
    pub(super) fn withdraw_branch(&self, request: &Request, step: XaStep) {
        if let (XaStep::Prepare, Some(branch)) = (step, self.own_branch(request)) {
            self.worker.node.branches.withdraw(branch);
        }
    }

    /// The id in an XA statement, if it is the branch this session works in.
    fn own_branch(&self, request: &Request) -> Option<BranchId> {
        self.branch_of(request).filter(|branch| self.transaction.branch() == Some(branch))
    }

    /// Finds the branch that the request is to end: at the connection the session keeps for it, else where this process's sessions prepared
    /// it; every primary in service is asked whether there is one at all.
    /// Errors: one of them could not be asked; another process has prepared it, and nobody here knows where.
    pub(super) async fn locate_branch(&mut self, request: &mut Request, snapshot: &Snapshot) -> Result<(), NotCarried> {
        request.branch = BranchPlace::Nowhere;
        let Some(wanted) = self.branch_of(request) else { return Ok(()) };
        let kept = |held: &&Held| held.pins.has_open(PinReason::Xa, &wanted.to_string());
        if let Some(held) = self.held.as_deref().filter(kept) {
            request.branch = BranchPlace::At(held.target);
            return Ok(());
        }
        let places = primaries(snapshot);
        if let Some(target) = self.worker.node.branches.at(&wanted) {
            if !places.contains(&target) {
                let place = target.named(&snapshot.state);
                let text = format!(
                    "meridian: the branch was prepared at {place}, which is out of service; end it at its own instance"
                );
                return Err(self.refused(1105, text, request));
            }
            request.branch = BranchPlace::At(target);
            return Ok(());
        }
        for target in &places {
            let recovered = self.recover(b"XA RECOVER", *target, snapshot, request).await?;
            if !recovered.rows.iter().any(|row| is_branch(row, &wanted)) {
                continue;
            }
            if let [only] = places.as_slice() {
                request.branch = BranchPlace::At(*only);
                return Ok(());
            }
            let text = format!(
                "meridian: this process does not know where the branch was prepared that {} lists; end it through the node that \
                 prepared it, or at its own instance",
                target.named(&snapshot.state)
            );
            return Err(self.refused(1105, text, request));
        }
        Ok(())
    }

    /// XA RECOVER: the branches of all primaries in service, as one of them says it. One that cannot be asked makes it an error: whoever
    /// recovers must not take a branch for ended that is not.
    pub(super) async fn tell_branches(&mut self, request: &Request) -> Result<(), SessionEnd> {
        match self.all_branches(request).await {
            Ok(reply) => self.send(&reply).await,
            Err(not_carried) => self.tell(not_carried).await,
        }
    }

    async fn all_branches(&mut self, request: &Request) -> Result<Vec<u8>, NotCarried> {
        if matches!(request.subject, Subject::Execute(_)) {
            // ER_UNSUPPORTED_PS.
            let text = "meridian: XA RECOVER is not carried as a prepared statement; send it as text".to_owned();
            return Err(self.refused(1295, text, request));
        }
        let snapshot = self.worker.node.snapshots.load();
        let mut first: Option<Recovered> = None;
        for target in primaries(&snapshot) {
            let more = self.recover(&request.text(), target, &snapshot, request).await?;
            match &mut first {
                None => first = Some(more),
                // Replication brings copies.
                Some(first) => {
                    let news: Vec<Row> = more.rows.into_iter().filter(|row| !first.rows.contains(row)).collect();
                    first.rows.extend(news);
                }
            }
        }
        let told = first.and_then(|first| {
            let Recovered { reply, flags, rows } = first;
            let mut known = 0;
            edited_rows(&reply.bytes, flags, |_| known += 1, |_| Vec::new())?;
            edited_rows(&reply.bytes, flags, |_| {}, |_| rows.into_iter().skip(known).collect())
        });
        told.ok_or_else(|| {
            self.refused(1105, "meridian: XA RECOVER was answered in an unknown form".to_owned(), request)
        })
    }

    /// Asks one primary, on a connection that is the session's for this question only. Errors: it could not be asked; its refusal.
    async fn recover(
        &mut self,
        text: &[u8],
        target: Target,
        snapshot: &Snapshot,
        request: &Request,
    ) -> Result<Recovered, NotCarried> {
        let mut checkout = self
            .checkout(target, Use::Any, snapshot)
            .await
            .map_err(|error: CheckoutError| NotCarried::Told(error_reply::fault(&error, request.reply_sequence())))?;
        let connection = &mut checkout.connection;
        let Ok(reply) = connection.ask(Command::Query, text, ReplyKind::Query).await else {
            return Err(NotCarried::Told(error_reply::text(
                &error_reply::lost_backend(false),
                request.reply_sequence(),
            )));
        };
        let flags = connection.scan_flags();
        checkout.pool = self.pool_of(checkout.connection.instance);
        checkout.release();
        if matches!(reply.end.kind, EndKind::Error { .. }) {
            return Err(NotCarried::Told(reply.bytes));
        }
        let mut rows = Vec::new();
        let read = edited_rows(&reply.bytes, flags, |row| rows.push(row.clone()), |_| Vec::new());
        match read {
            Some(_) => Ok(Recovered { reply, flags, rows }),
            None => Err(self.refused(1105, "meridian: XA RECOVER was answered in an unknown form".to_owned(), request)),
        }
    }

    fn refused(&self, errno: u16, message: String, request: &Request) -> NotCarried {
        let text = ClientText { errno, sqlstate: "HY000", message };
        NotCarried::Told(error_reply::text(&text, request.reply_sequence()))
    }
}

/// Every primary that serves its unit; those of units that were left behind by force do not.
fn primaries(snapshot: &Snapshot) -> Vec<Target> {
    let state = &snapshot.state;
    let groups = (0u16..).map(GroupId).take(state.groups.len());
    let units = (0u16..).map(UnitId).take(state.units.len());
    groups
        .flat_map(|group| units.clone().map(move |unit| Target { group, unit, role: Role::Primary }))
        .filter(|target| {
            state.primary_of(target.unit, target.group).is_some()
                && state.serving(target.unit, target.group) == target.unit
        })
        .collect()
}

/// Whether a row of XA RECOVER (format, the lengths of the two parts, both in one) is this branch.
fn is_branch(row: &Row, wanted: &BranchId) -> bool {
    let [Some(format), Some(global), Some(branch), Some(data)] = row.as_slice() else { return false };
    let is = |told: &[u8], number: u64| told == number.to_string().as_bytes();
    is(format, wanted.format)
        && is(global, wanted.global.len() as u64)
        && is(branch, wanted.branch.len() as u64)
        && **data == [&*wanted.global, &*wanted.branch].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> BranchId {
        BranchId { global: name.as_bytes().into(), branch: Box::default(), format: 1 }
    }

    fn of_unit(unit: u16) -> Target {
        Target { group: GroupId(0), unit: UnitId(unit), role: Role::Primary }
    }

    #[test]
    fn a_branch_is_known_while_its_prepare_is_under_way_and_forgotten_where_it_is_refused() {
        let branches = PreparedBranches::default();
        branches.expect(id("a"), of_unit(1));
        assert_eq!(branches.at(&id("a")), Some(of_unit(1)));
        branches.withdraw(id("a"));
        assert_eq!(branches.at(&id("a")), None);
        // What is prepared elsewhere under the same id is not lost over a refusal here.
        branches.put(id("a"), Place { target: of_unit(0), before: None });
        branches.expect(id("a"), of_unit(1));
        branches.withdraw(id("a"));
        assert_eq!(branches.at(&id("a")), Some(of_unit(0)));
        branches.withdraw(id("a"));
        assert_eq!(branches.at(&id("a")), Some(of_unit(0)), "nothing was under way");
        branches.remove(&id("a"));
        assert_eq!(branches.at(&id("a")), None);
    }

    #[test]
    fn the_oldest_branches_are_forgotten() {
        let branches = PreparedBranches::default();
        for number in 0..=REMEMBERED {
            branches.expect(id(&number.to_string()), of_unit(1));
        }
        assert_eq!(branches.at(&id("0")), None);
        assert_eq!(branches.at(&id("1")), Some(of_unit(1)));
    }
}
