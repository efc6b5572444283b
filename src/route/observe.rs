//! Groups that are only observed: their statements go to this unit's primary as they would without Meridian, and what the rules would have
//! done with them is kept for counting.
//!
//! What is no rule of placement still holds: what the protocol cannot carry, what an operator forbade or denied, what the user may not do.

use super::{
    Decision, Rejection, Route, Rule, SessionView, Target, TransactionAccess, TransactionStep, TransactionView,
};
use crate::model::{ControlState, GroupId, Role, Routing};
use crate::sql::{PinReason, Placement, SqlRefusal, Statement, StatementClass};

/// What the rules would have done with an observed statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Sent it within this unit.
    Stay(Route),
    /// Sent it to another unit.
    Forward(Route),
    /// Refused it.
    Refuse(Rejection),
}

/// The group, if all that the packet touches is only observed.
pub(super) fn group(state: &ControlState, session: &SessionView<'_>, statement: &Statement) -> Option<GroupId> {
    let is_observed =
        |id: GroupId| state.groups.get(id.index()).is_some_and(|group| group.policy.routing == Routing::Observe);
    // Nearly always there are none.
    if !state.groups.iter().any(|group| group.policy.routing == Routing::Observe) {
        return None;
    }
    let of_session = session.schema_group.unwrap_or(state.default_group);
    let mut first = None;
    for facts in &statement.plan.statements {
        let group = match &facts.placement {
            Placement::Tableless | Placement::Refused(_) => of_session,
            // A schema of no group stands where the session's group does.
            Placement::Local { group } => group.unwrap_or(of_session),
            Placement::Global { group, .. } | Placement::Sharded { group, .. } | Placement::Schema { group } => *group,
        };
        if !is_observed(group) || *first.get_or_insert(group) != group {
            return None;
        }
    }
    first
}

/// `session` as it would be if the rules had been carried out so far: its transaction is where its first write would have gone.
pub(super) fn as_if<'a>(session: &SessionView<'a>) -> SessionView<'a> {
    let transaction = match session.transaction {
        TransactionView::Open { access, fixed, read_only, .. } => match session.observed_at {
            Some(target) => TransactionView::Open { target, access, fixed, read_only },
            // Nothing has bound it yet: it would still open where this statement belongs.
            None if access == TransactionAccess::Touched => TransactionView::Queued { read_only, branch: false },
            None => session.transaction,
        },
        transaction @ (TransactionView::None | TransactionView::Queued { .. }) => transaction,
    };
    SessionView { transaction, ..*session }
}

/// `decision` as an observed `group` has it carried out.
pub(super) fn instead(
    state: &ControlState,
    session: &SessionView<'_>,
    statement: &Statement,
    group: GroupId,
    decision: Decision,
) -> Decision {
    let verdict = match decision {
        // Nothing that is observed moves, so nothing of it is held.
        Decision::Send(route) | Decision::Hold { route, .. } if route.target.unit == session.unit => {
            Verdict::Stay(route)
        }
        Decision::Send(route) | Decision::Hold { route, .. } => Verdict::Forward(route),
        Decision::Reject(rejection) if is_of_placement(&rejection) => Verdict::Refuse(rejection),
        decision @ (Decision::Reject(_) | Decision::Answer(_)) => return decision,
    };
    let target = Target { group, unit: session.unit, role: Role::Primary };
    match step(state, session, statement, target) {
        Ok(transaction) => Decision::Send(Route {
            target,
            scopes: Vec::new(),
            key: None,
            rule: Rule::Observe,
            transaction,
            observed: Some(Box::new(verdict)),
        }),
        Err(rejection) => Decision::Reject(rejection),
    }
}

/// What becomes of the transaction at `target`. Errors: the session has been in another group and holds a connection there that it cannot leave.
fn step(
    state: &ControlState,
    session: &SessionView<'_>,
    statement: &Statement,
    target: Target,
) -> Result<TransactionStep, Rejection> {
    let (at, wanted) = (|held: Target| held.named(state), target.named(state));
    if let TransactionView::Open { target: held, access, fixed, .. } = session.transaction {
        return match (access, fixed) {
            _ if held == target => Ok(TransactionStep::Continue),
            (TransactionAccess::OnlyRead, false) => Ok(TransactionStep::Rebind),
            (TransactionAccess::OnlyRead, true) => {
                Err(Rejection::TransactionFixed { at: at(held), wanted, epoch: state.epoch })
            }
            (TransactionAccess::Touched, _) => {
                Err(Rejection::TransactionTouched { at: at(held), wanted, epoch: state.epoch })
            }
        };
    }
    if let Some(pin) = session.pin.filter(|pin| pin.reason != PinReason::LastReply && pin.target != target) {
        return Err(Rejection::Pinned { at: at(pin.target), wanted, reason: pin.reason });
    }
    Ok(match session.transaction {
        TransactionView::Queued { .. } => TransactionStep::Open,
        TransactionView::None if begins(statement) => TransactionStep::Open,
        TransactionView::None | TransactionView::Open { .. } => TransactionStep::Autocommit,
    })
}

fn begins(statement: &Statement) -> bool {
    matches!(statement.plan.statements.as_slice(), [facts] if matches!(facts.class, StatementClass::Begin(_)))
}

/// Whether the refusal is one of the rules that are only observed.
fn is_of_placement(rejection: &Rejection) -> bool {
    match rejection {
        Rejection::Sql(refusal) => match refusal {
            SqlRefusal::Unreadable { .. }
            | SqlRefusal::Uncatalogued { .. }
            | SqlRefusal::MixedClasses { .. }
            | SqlRefusal::KeyUpdate { .. }
            | SqlRefusal::MappingFixed { .. }
            | SqlRefusal::UnreadableKey { .. }
            | SqlRefusal::Routine { .. }
            | SqlRefusal::ContextChange { .. }
            | SqlRefusal::BadHint { .. } => true,
            SqlRefusal::Escape { .. } => false,
        },
        Rejection::WrongUnit { .. }
        | Rejection::Lagging { .. }
        | Rejection::KeyMissing { .. }
        | Rejection::KeyRequired { .. }
        | Rejection::StrongWithoutKey { .. }
        | Rejection::KeyNull { .. }
        | Rejection::KeyUnreadable { .. }
        | Rejection::KeyUnplaced { .. }
        | Rejection::KeyNotLookedUp { .. }
        | Rejection::KeyUnmapped { .. }
        | Rejection::SeveralOwners { .. }
        | Rejection::HintContradicts { .. }
        | Rejection::HintUnknownUnit { .. }
        | Rejection::HintNotOwner { .. }
        | Rejection::HintsDisagree { .. }
        | Rejection::TransactionTouched { .. }
        | Rejection::TransactionFixed { .. }
        | Rejection::PacketSplit { .. }
        | Rejection::Moving { .. }
        | Rejection::Pinned { .. } => true,
        Rejection::Forbidden { .. }
        | Rejection::Denied { .. }
        | Rejection::ReadOnlyUser { .. }
        | Rejection::StatementTooLong { .. }
        | Rejection::ReadOnlyTransaction
        | Rejection::PacketStatement { .. }
        | Rejection::BranchNotFound
        | Rejection::Outdated { .. } => false,
    }
}
