//! State + command -> next state. Pure, and the only maker of a new state while the process serves.

use thiserror::Error;

use super::Command;
use crate::model::{ControlState, Forbid, ForbidScope, InvalidState};

/// Why a command cannot be applied; the state stays as it was.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ApplyError {
    /// The result would break an invariant.
    #[error("the change is refused: {0}")]
    Invalid(#[from] InvalidState),
}

/// `state` after `command`: the same epoch when it already holds, else the next one.
/// Errors: the result would break an invariant; nothing of it is applied.
pub fn apply(state: &ControlState, command: &Command) -> Result<ControlState, ApplyError> {
    let mut next = state.clone();
    match command {
        Command::Forbid(forbid) => set_forbid(&mut next.forbids, forbid),
        Command::Allow { scope } => next.forbids.retain(|standing| standing.scope != *scope),
    }
    if next != *state {
        next.epoch = state.epoch.next();
    }
    let scope = match command {
        Command::Forbid(forbid) => &forbid.scope,
        Command::Allow { scope } => scope,
    };
    check_scope(&next, scope)?;
    next.check()?;
    Ok(next)
}

/// Who and when of a forbid that already stands are kept: the first account of it is the true one.
fn set_forbid(forbids: &mut Vec<Forbid>, forbid: &Forbid) {
    match forbids.iter_mut().find(|standing| standing.scope == forbid.scope) {
        Some(standing) if standing.kind == forbid.kind && standing.reason == forbid.reason => {}
        Some(standing) => *standing = forbid.clone(),
        None => forbids.push(forbid.clone()),
    }
}

/// Lifting a forbid of a unit that does not exist is a mistake worth telling, though it would change nothing.
fn check_scope(state: &ControlState, scope: &ForbidScope) -> Result<(), InvalidState> {
    let ForbidScope::Unit(unit) = scope;
    if unit.index() < state.units.len() { Ok(()) } else { Err(InvalidState::UnknownUnit(unit.0)) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::control::sample;
    use crate::model::{Epoch, ForbidKind, UnitId};

    fn forbid(unit: u16, kind: ForbidKind) -> Command {
        Command::Forbid(Forbid {
            scope: ForbidScope::Unit(UnitId(unit)),
            kind,
            reason: "drill".to_owned(),
            by: "dba".to_owned(),
            at: 1,
        })
    }

    #[test]
    fn a_forbid_takes_the_next_epoch_and_an_allow_another() {
        let state = sample::state();
        let forbidden = apply(&state, &forbid(1, ForbidKind::Writes)).unwrap();
        assert_eq!((forbidden.epoch, forbidden.forbids.len()), (state.epoch.next(), 1));
        let allowed = apply(&forbidden, &Command::Allow { scope: ForbidScope::Unit(UnitId(1)) }).unwrap();
        assert_eq!((allowed.epoch, allowed.forbids.len()), (forbidden.epoch.next(), 0));
    }

    #[test]
    fn what_already_holds_keeps_the_epoch() {
        let state = sample::state();
        assert_eq!(apply(&state, &Command::Allow { scope: ForbidScope::Unit(UnitId(1)) }).unwrap(), state);
        let forbidden = apply(&state, &forbid(1, ForbidKind::Writes)).unwrap();
        let Command::Forbid(mut again) = forbid(1, ForbidKind::Writes) else { unreachable!() };
        again.at = 99;
        assert_eq!(apply(&forbidden, &Command::Forbid(again)).unwrap(), forbidden);
    }

    #[test]
    fn another_kind_replaces_the_forbid_of_the_same_scope() {
        let state = apply(&sample::state(), &forbid(1, ForbidKind::Writes)).unwrap();
        let next = apply(&state, &forbid(1, ForbidKind::All)).unwrap();
        assert_eq!(next.forbids.iter().map(|standing| standing.kind).collect::<Vec<_>>(), [ForbidKind::All]);
        assert_eq!(next.epoch, Epoch(state.epoch.0 + 1));
    }

    #[test]
    fn an_unknown_unit_is_refused_whole() {
        let state = sample::state();
        let unknown = Err(ApplyError::Invalid(InvalidState::UnknownUnit(7)));
        assert_eq!(apply(&state, &forbid(7, ForbidKind::Writes)), unknown);
        assert_eq!(apply(&state, &Command::Allow { scope: ForbidScope::Unit(UnitId(7)) }), unknown);
    }
}
