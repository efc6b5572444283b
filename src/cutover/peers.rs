//! The other nodes as a move sees them: it waits until each has acknowledged it, and has those that are not heard any more ended at the
//! databases (`shut_out`).
//!
//! A node with accounts of its own there ([`node_accounts`]) is shut out at any moment: its accounts are closed and their threads ended.
//!
//! Another one has its lease waited for. A node whose lease has ended lets no write in, and asks for its lease again once it has a connection to write on. So every connection it may
//! still write on was open when its lease ended, and ending all of those ends its writes. Which they are is told by what is left: every thread
//! of the applications' accounts that was there after the lease had ended and that no living node claims.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use super::checks::{Check, Finding};
use super::fence_rows::FenceRows;
use super::node_accounts;
use super::plan::Deadlines;
use super::server::ControlAccount;
use crate::control::Nodes;
use crate::model::{
    About, ControlState, GroupId, Incarnation, Instance, InstanceId, Life, Member, MoveId, MoveRecord, Picture, UnitId,
};

/// Between two looks at whether ended threads are gone.
const PAUSE: Duration = Duration::from_millis(10);

/// Between two looks at nodes that are waited for, where nothing tells when.
const LOOK: Duration = Duration::from_millis(200);

/// The other nodes, and the accounts whose threads can be theirs.
pub struct Peers {
    pub(super) nodes: Arc<Nodes>,
    pub(super) accounts: Vec<ControlAccount>,
    pub(super) control: ControlAccount,
    deadlines: Deadlines,
    pub(super) rows: Arc<FenceRows>,
    /// By move under way here: who is known to be unable to write at its sources.
    ended: Mutex<BTreeMap<MoveId, Ended>>,
}

struct Ended {
    since: Instant,
    /// Each with what keeps it from writing, in words.
    ended: BTreeMap<Incarnation, String>,
}

impl Peers {
    /// Those of `nodes`; `accounts` are the applications' at the instances, `control` the one that shuts nodes out.
    pub fn new(
        nodes: Arc<Nodes>,
        accounts: Vec<ControlAccount>,
        control: ControlAccount,
        deadlines: Deadlines,
        rows: Arc<FenceRows>,
    ) -> Peers {
        Peers { nodes, accounts, control, deadlines, rows, ended: Mutex::default() }
    }

    /// Which incarnation this node is now; empty while it has no lease.
    pub fn own(&self) -> String {
        self.nodes.own().map(|own| own.to_string()).unwrap_or_default()
    }

    /// What is in the store.
    pub fn picture(&self) -> Arc<Picture> {
        Arc::clone(&self.nodes.pictures().borrow())
    }

    /// The nodes themselves.
    pub fn nodes(&self) -> &Arc<Nodes> {
        &self.nodes
    }

    /// Who could not be shut out at the primaries of `sources`, so that a move would have to wait for its lease.
    pub fn fences(&self, state: &ControlState, group: GroupId, sources: &[UnitId]) -> Vec<Finding> {
        let (picture, name) = (self.picture(), &state.group(group).name);
        let by_rows = self.rows.covers(group);
        let by_leases = self.rows.leases(group);
        let is_fenced = |member: &&Member| match by_rows {
            true => compares_rows(&member.about, name) && (!by_leases || compares_leases(&member.about, name)),
            false => has_own_accounts(&member.about, name),
        };
        let without = picture.members.iter().filter(|member| !is_fenced(member));
        let without: Vec<String> = without.map(|member| member.incarnation.to_string()).collect();
        if by_rows && without.is_empty() {
            return Vec::new();
        }
        let (what, so) = match (by_rows, by_leases) {
            (_, true) => ("fence = \"row+lease\"", "no lease of a primary proves anything while it is there"),
            (true, false) => ("fence = \"row\"", "when it is not heard, a move waits for its lease"),
            (false, false) => ("accounts of its own", "when it is not heard, a move waits for its lease"),
        };
        let note = (!without.is_empty()).then(|| format!("{} without {what}: {so}", without.join(", ")));
        let of_sources =
            node_accounts::primaries(state, group).filter(|(_, instance)| sources.contains(&instance.unit));
        let finding = |(_, instance): (InstanceId, &Instance)| Finding {
            check: Check::Fence,
            instance: instance.name.clone(),
            fault: None,
            note: note.clone(),
        };
        of_sources.map(finding).collect()
    }

    /// Who may commit writes of the group at a primary whose lease has ended.
    pub fn without_leases(&self, group: &str) -> Vec<String> {
        let without = |member: &&Member| !compares_leases(&member.about, group);
        let picture = self.picture();
        picture.members.iter().filter(without).map(|member| member.incarnation.to_string()).collect()
    }

    /// Who was started without `target`, which was added since, and could send nothing there.
    pub fn without(&self, state: &ControlState, group: GroupId, target: UnitId) -> Option<Finding> {
        let (name, primary) = (&state.unit(target).name, state.primary_of(target, group)?);
        let without: Vec<String> = self.picture().without(name).iter().map(ToString::to_string).collect();
        let fault = (!without.is_empty()).then(|| {
            format!("{} started without unit '{name}'; start them again with the new configuration", without.join(", "))
        });
        Some(Finding { check: Check::Nodes, instance: state.instance(primary).name.clone(), fault, note: None })
    }

    /// Who, after `at_most`, has neither acknowledged the move nor is known to be unable to write at its sources.
    pub async fn unheard(&self, state: &ControlState, record: &MoveRecord, at_most: Duration) -> Vec<String> {
        let deadline = Instant::now() + at_most;
        let since = self.since(state, record.id);
        let (mut pictures, mut told) = (self.nodes.pictures(), self.nodes.told());
        let mut is_told = false;
        loop {
            let picture = Arc::clone(&pictures.borrow_and_update());
            told.mark_unchanged();
            let Some(left) = self.left(&picture, record.id) else {
                if !changed_by(&mut pictures, &mut told, deadline).await {
                    return vec!["the control store".to_owned()];
                }
                continue;
            };
            if left.is_empty() {
                return Vec::new();
            }
            let now = Instant::now();
            let due = self.due(state, record, &left, now.duration_since(since));
            if due.is_empty() {
                if now >= deadline {
                    return left.iter().map(|member| member.incarnation.to_string()).collect();
                }
                // The next moment at which somebody may have to be shut out, or a change before that.
                let next = since + self.next_look(now.duration_since(since));
                changed_by(&mut pictures, &mut told, deadline.min(next)).await;
                continue;
            }
            match self.end_at_sources(state, record, &due).await {
                Ok(ended) => self.remember(state, record, ended),
                Err(error) => {
                    if !std::mem::replace(&mut is_told, true) {
                        tracing::warn!(
                            r#move = record.id.0,
                            error = &error as &dyn std::error::Error,
                            "nodes that are not heard are not known to be unable to write"
                        );
                    }
                    if Instant::now() >= deadline {
                        return names(&due);
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Who keeps the move from going on; `None` when the picture is older than the move.
    fn left<'a>(&self, picture: &'a Picture, id: MoveId) -> Option<Vec<&'a Member>> {
        let standing = picture.standing(id)?;
        let told = self.nodes.told();
        let told = told.borrow();
        let awaited = |member: &Member| {
            let incarnation = &member.incarnation;
            standing.awaited.contains(incarnation) && !told.contains(&(incarnation.clone(), id))
        };
        let ended = lock(&self.ended).get(&id).map(|one| one.ended.clone()).unwrap_or_default();
        let hinders = |member: &&Member| {
            (awaited(member) || standing.silent.contains(&member.incarnation))
                && !ended.contains_key(&member.incarnation)
        };
        Some(picture.members.iter().filter(hinders).collect())
    }

    /// Those of `left` that are not to be waited for any longer, `waited` after the move began.
    fn due(&self, state: &ControlState, record: &MoveRecord, left: &[&Member], waited: Duration) -> Vec<Incarnation> {
        let own = self.nodes.own();
        let shuts = |member: &Member| {
            let groups = record.sources();
            let mut names = groups.iter().map(|(group, _)| (*group, &state.group(*group).name));
            names
                .all(|(group, name)| has_own_accounts(&member.about, name) || self.is_held_by_rows(member, group, name))
        };
        let late = |member: &Member| {
            let deadline = if member.report.seen >= record.id.fence() {
                // It knows of the move, and may still have to end transactions.
                self.deadlines.drain + self.deadlines.end
            } else {
                self.deadlines.acknowledge
            };
            waited >= deadline
        };
        let is_due = |member: &&&Member| match member.life {
            Life::Silent => true,
            Life::Live => Some(&member.incarnation) != own.as_ref() && shuts(member) && late(member),
        };
        left.iter().filter(is_due).map(|member| member.incarnation.clone()).collect()
    }

    /// How long after a move's beginning it is to be looked again, when `waited` has passed.
    fn next_look(&self, waited: Duration) -> Duration {
        let looks = [self.deadlines.acknowledge, self.deadlines.drain + self.deadlines.end];
        looks.into_iter().filter(|look| *look > waited).min().unwrap_or(waited + LOOK)
    }

    /// Since when this node has been carrying the move out.
    fn since(&self, state: &ControlState, id: MoveId) -> Instant {
        let mut ended = lock(&self.ended);
        ended.retain(|known, _| *known == id || state.moves.iter().any(|record| record.id == *known));
        ended.entry(id).or_insert_with(|| Ended { since: Instant::now(), ended: BTreeMap::new() }).since
    }

    fn remember(&self, state: &ControlState, record: &MoveRecord, ended: Vec<Incarnation>) {
        let kept_out = |one: Incarnation| {
            let how = self.kept_out_by(state, record, &one);
            (one, how)
        };
        if let Some(known) = lock(&self.ended).get_mut(&record.id) {
            known.ended.extend(ended.into_iter().map(kept_out));
        }
    }

    /// What keeps a node that is not heard from writing at the sources of a move, as [`Self::end_at_sources`] has seen to it.
    fn kept_out_by(&self, state: &ControlState, record: &MoveRecord, one: &Incarnation) -> String {
        let picture = self.picture();
        let Some(member) = picture.member(one) else { return "it has signed off".to_owned() };
        let how = |(group, _): (GroupId, UnitId)| {
            let name = &state.group(group).name;
            if self.is_held_by_rows(member, group, name) {
                "the rows are closed over it"
            } else if has_own_accounts(&member.about, name) {
                "its accounts are shut"
            } else {
                "its lease and its connections have ended"
            }
        };
        let how: BTreeSet<&str> = record.sources().into_iter().map(how).collect();
        how.into_iter().collect::<Vec<_>>().join(", ")
    }

    /// The nodes that were not heard of in a move under way, and what keeps each from writing.
    pub fn shut_out_for(&self, id: MoveId) -> Vec<String> {
        let ended = lock(&self.ended);
        let ended = ended.get(&id).map(|known| &known.ended).into_iter().flatten();
        ended.map(|(one, how)| format!("{one} ({how})")).collect()
    }
}

pub(super) fn silent_in(picture: &Picture) -> Vec<Incarnation> {
    let silent = picture.members.iter().filter(|member| member.life == Life::Silent);
    silent.map(|member| member.incarnation.clone()).collect()
}

pub(super) fn names(incarnations: &[Incarnation]) -> Vec<String> {
    incarnations.iter().map(ToString::to_string).collect()
}

/// Whether it logs in at the group's primaries with accounts of its own alone.
pub(super) fn has_own_accounts(about: &About, group: &str) -> bool {
    about.own_accounts.iter().any(|own| own == group)
}

/// Whether it sends no write of the group without comparing the row of its scope.
pub(super) fn compares_rows(about: &About, group: &str) -> bool {
    about.compares_rows.iter().any(|own| own == group)
}

/// Whether it commits no write of the group without comparing the primary's lease.
fn compares_leases(about: &About, group: &str) -> bool {
    about.compares_leases.iter().any(|own| own == group)
}

/// Waits until there is another picture, or somebody has told more directly, or until `deadline`. Whether there is.
async fn changed_by<T>(
    pictures: &mut watch::Receiver<Arc<Picture>>,
    told: &mut watch::Receiver<T>,
    deadline: Instant,
) -> bool {
    let changed = async {
        tokio::select! {
            changed = pictures.changed() => changed.is_ok(),
            changed = told.changed() => changed.is_ok(),
        }
    };
    timeout_at(deadline, changed).await.unwrap_or(false)
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
