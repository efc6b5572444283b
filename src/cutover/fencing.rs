//! A forbid that is waited for until nothing of what it covers is written any more: the steps of a planned move as far as the sources'
//! positions, of scopes that stay where they are.
//!
//! The forbid is in force from the first step on, and stays whatever becomes of the others. Whoever asks again waits again.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::goal::covered_by;
use super::requests::{MoveEnd, MoveError, MoveOutcome};
use super::run::Mover;
use crate::control::{ApplyError, Author, ChangeError, Command};
use crate::model::{
    ControlState, Epoch, Extent, Forbid, ForbidKind, ForbidScope, GroupId, InvalidState, MoveId, MoveKind, MovePart,
    Shard,
};

impl Mover {
    /// Sets `forbid`, and returns when nothing of what it covers is written any more, with what had been written by then. Errors: nothing was
    /// forbidden; or it is, and yet something may still be written ([`MoveError::NotFenced`]).
    pub(super) async fn fence(
        &self,
        forbid: &Forbid,
        author: &Author,
        if_epoch: Option<Epoch>,
    ) -> Result<MoveEnd, MoveError> {
        let _until_here = self.tools.lines.in_use();
        if forbid.kind == ForbidKind::Updates {
            return Err(MoveError::StaysOpen);
        }
        let Some(id) = self.begin_fencing(forbid, author, if_epoch).await? else {
            let outcome = MoveOutcome::Fenced { positions: Vec::new(), shut_out: Vec::new() };
            let (epoch, what) = (self.state().epoch, String::new());
            return Ok(MoveEnd { id: None, epoch, what, outcome, closed_for: Duration::ZERO });
        };
        let end = self.run(id).await;
        let closes = |standing: &Forbid| standing.scope == forbid.scope && standing.kind != ForbidKind::Updates;
        if !self.state().forbids.iter().any(closes) {
            return Err(MoveError::Lifted);
        }
        match &end.outcome {
            MoveOutcome::RolledBack(why) => Err(MoveError::NotFenced(why.clone())),
            MoveOutcome::HandedOver(runner) => Err(MoveError::NotFenced(format!("{runner} goes on with it"))),
            MoveOutcome::Fenced { .. } | MoveOutcome::Moved | MoveOutcome::AlreadySo | MoveOutcome::Forced(_) => {
                Ok(end)
            }
        }
    }

    /// Has the store take the forbid and the beginning of its fencing: in one change, unless something has to be waited for in between. `None`:
    /// the forbid covers nothing that anybody owns.
    async fn begin_fencing(
        &self,
        forbid: &Forbid,
        author: &Author,
        mut if_epoch: Option<Epoch>,
    ) -> Result<Option<MoveId>, MoveError> {
        let until = Instant::now() + self.deadlines.drain + self.deadlines.end + self.deadlines.silence;
        if let Some((group, shard)) = placed_alone(&self.state(), &forbid.scope) {
            self.only_forbid(forbid, author, &mut if_epoch).await?;
            let settled = self.settled_alone(&self.state(), group, shard).await;
            settled.map_err(|error| MoveError::NotFenced(error.to_string()))?;
        }
        loop {
            let parts = covered_by(&forbid.scope, &self.state());
            if parts.is_empty() {
                self.only_forbid(forbid, author, &mut if_epoch).await?;
                return Ok(None);
            }
            match self.begin_by(|| self.fence_of(forbid, parts), author, if_epoch).await {
                Ok(id) => return Ok(Some(id)),
                // It has another owner since it was looked at.
                Err(MoveError::Change(ChangeError::Apply(ApplyError::Invalid(InvalidState::MoveSource {
                    ..
                })))) => {}
                // Another fencing in there. It may have begun before this forbid, so that what it will tell is not enough.
                Err(MoveError::Change(ChangeError::Apply(ApplyError::UnderWay { id }))) if !self.is_move(id) => {
                    self.only_forbid(forbid, author, &mut if_epoch).await?;
                    let ended = timeout_at(until, self.gone(id)).await;
                    ended.map_err(|_| MoveError::NotFenced(format!("fencing {id} in there has not ended")))?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// In force before anything is waited for.
    async fn only_forbid(
        &self,
        forbid: &Forbid,
        author: &Author,
        if_epoch: &mut Option<Epoch>,
    ) -> Result<(), MoveError> {
        self.tools.controller.change(&Command::Forbid(forbid.clone()), author, if_epoch.take()).await?;
        Ok(())
    }

    fn fence_of(&self, forbid: &Forbid, parts: Vec<MovePart>) -> Command {
        let runner = self.tools.peers.as_ref().map(|peers| peers.own()).unwrap_or_default();
        Command::Fence { forbid: forbid.clone(), parts, runner }
    }

    fn is_move(&self, id: MoveId) -> bool {
        self.state().moves.iter().any(|record| record.id == id && record.kind != MoveKind::Fencing)
    }
}

/// The shard that the forbidden key was given for itself, if it was: writes that do not know of that count under its former one.
fn placed_alone(state: &ControlState, scope: &ForbidScope) -> Option<(GroupId, Shard)> {
    let ForbidScope::Key(group, _) = scope else { return None };
    let covered = covered_by(scope, state);
    let [MovePart { extent: Extent::Shards(_, range), .. }] = covered[..] else { return None };
    let mut alone = state.group(*group).overrides.iter();
    alone.any(|placed| placed.shard == range.first).then_some((*group, range.first))
}
