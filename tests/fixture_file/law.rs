//! What must hold of every decision, whatever the statement and the session: the law of routing, told apart from the rules that keep it.

use meridian::model::{ControlState, Extent, ForbidKind, ForbidScope, Role, Routing, Scope, UnitId};
use meridian::route::{Decision, Route, Rule, SessionView, TransactionAccess, TransactionStep, TransactionView};
use meridian::sql::{PinReason, Placement, Statement, StatementClass, XaStep};

/// The first sentence of the law that `decision` breaks.
pub fn broken(
    state: &ControlState,
    session: &SessionView<'_>,
    statement: &Statement,
    decision: &Decision,
) -> Option<&'static str> {
    let Decision::Send(route) = decision else {
        return None;
    };
    [
        (
            scopes_are_sent_to_their_owner(state, session, statement, route),
            "a scope is sent to the primary of its one owner",
        ),
        (
            observed_stays_home(state, session, route),
            "only what is observed goes without rules, and to its own unit's primary",
        ),
        (managed_writes_have_scopes(statement, route), "a write of managed tables names its scopes"),
        (forbids_hold(state, statement, route), "a write of a forbidden unit is not sent"),
        (
            moves_hold(state, session, route),
            "a write of a moving scope is sent only where the move waits for its transaction",
        ),
        (transaction_stays(session, route), "a transaction that wrote stays where it is"),
        (pin_holds(session, route), "a pinned session stays at its connection"),
        (writes_never_open_at_replicas(session, route), "a read-write transaction never opens at a replica"),
    ]
    .into_iter()
    .find(|(holds, _)| !holds)
    .map(|(_, sentence)| sentence)
}

fn is_write(class: &StatementClass) -> bool {
    matches!(class, StatementClass::Write(_) | StatementClass::LockingRead | StatementClass::Ddl)
}

/// Whether `unit` may take writes of all of `scope`; DDL is taken by the schema unit for all owners.
fn owns(state: &ControlState, scope: Scope, unit: UnitId) -> bool {
    match scope {
        Scope::Shard(group, shard) => state.group(group).shards.owner_of(shard) == Some(unit),
        Scope::GlobalZone(group) => state.group(group).global_master == unit,
        Scope::Group(group) => {
            let held = state.group(group);
            held.schema_unit() == unit || held.shards.ranges.iter().all(|owned| owned.owner == unit)
        }
    }
}

fn scopes_are_sent_to_their_owner(
    state: &ControlState,
    session: &SessionView<'_>,
    statement: &Statement,
    route: &Route,
) -> bool {
    let ends_a_branch = matches!(statement.first().class, StatementClass::Xa(XaStep::Finish));
    if route.rule == Rule::Branch {
        // It is where it was prepared, whoever owns what by now: a move has waited for it, and waits for this.
        let whole = [Scope::Group(route.target.group)];
        let is_there = session.branch_at == Some(route.target) && route.target.role == Role::Primary;
        return ends_a_branch && is_there && route.scopes.as_slice() == whole && statement.plan.statements.len() == 1;
    }
    route.scopes.iter().all(|scope| {
        let (Scope::Shard(group, _) | Scope::GlobalZone(group) | Scope::Group(group)) = *scope;
        route.target.role == Role::Primary && route.target.group == group && owns(state, *scope, route.target.unit)
    })
}

fn observed_stays_home(state: &ControlState, session: &SessionView<'_>, route: &Route) -> bool {
    let at_home = route.target.unit == session.unit && route.target.role == Role::Primary && route.scopes.is_empty();
    let is_observed = state.group(route.target.group).policy.routing == Routing::Observe;
    route.observed.is_none() || (at_home && is_observed)
}

fn managed_writes_have_scopes(statement: &Statement, route: &Route) -> bool {
    route.observed.is_some()
        || !route.scopes.is_empty()
        || !statement.plan.statements.iter().any(|facts| {
            let is_managed = matches!(
                facts.placement,
                Placement::Sharded { .. } | Placement::Global { .. } | Placement::Schema { .. }
            );
            is_managed && is_write(&facts.class)
        })
}

fn forbids_hold(state: &ControlState, statement: &Statement, route: &Route) -> bool {
    let writes = statement.plan.statements.iter().any(|facts| is_write(&facts.class));
    let local = statement.plan.statements.iter().any(|facts| matches!(facts.placement, Placement::Local { .. }));
    state.forbids.iter().all(|forbid| {
        let reached = match &forbid.scope {
            ForbidScope::Unit(unit) => !route.scopes.is_empty() && route.target.unit == *unit,
            ForbidScope::Group(group) => !route.scopes.is_empty() && route.target.group == *group,
            ForbidScope::Shards(group, range) => {
                route.scopes.iter().any(|scope| Extent::Shards(*group, *range).touches(*scope))
            }
            ForbidScope::GlobalZone(group) => {
                route.scopes.iter().any(|scope| Extent::GlobalZone(*group).touches(*scope))
            }
            // Which keys a statement names is not in its route; the cases tell.
            ForbidScope::Key(..) => false,
        };
        let covers = forbid.kind == ForbidKind::All || (forbid.kind == ForbidKind::Writes && writes && !local);
        !covers || !reached
    })
}

fn moves_hold(state: &ControlState, session: &SessionView<'_>, route: &Route) -> bool {
    state.moves.iter().filter(|record| route.scopes.iter().any(|scope| record.touches(*scope))).all(|record| {
        let open = matches!(session.transaction, TransactionView::Open { .. });
        // A move waits for prepared branches too; that it is one is looked at above.
        route.rule == Rule::Branch || open && session.written.iter().any(|scope| record.touches(*scope))
    })
}

fn transaction_stays(session: &SessionView<'_>, route: &Route) -> bool {
    match (session.transaction, route.transaction) {
        (TransactionView::Open { target, .. }, TransactionStep::Continue) => route.target == target,
        (TransactionView::Open { access, fixed, .. }, TransactionStep::Rebind) => {
            access == TransactionAccess::OnlyRead && !fixed
        }
        (TransactionView::Open { .. }, TransactionStep::Autocommit | TransactionStep::Open) => false,
        (TransactionView::Queued { .. }, step) => step == TransactionStep::Open,
        (TransactionView::None, step) => matches!(step, TransactionStep::Autocommit | TransactionStep::Open),
    }
}

fn pin_holds(session: &SessionView<'_>, route: &Route) -> bool {
    match session.pin {
        Some(pin) if pin.reason != PinReason::LastReply && route.transaction != TransactionStep::Continue => {
            route.target == pin.target
        }
        Some(_) | None => true,
    }
}

fn writes_never_open_at_replicas(session: &SessionView<'_>, route: &Route) -> bool {
    let read_only = match session.transaction {
        TransactionView::Queued { read_only, .. } | TransactionView::Open { read_only, .. } => read_only,
        TransactionView::None => true,
    };
    let opens = matches!(route.transaction, TransactionStep::Open | TransactionStep::Rebind);
    read_only || !opens || route.target.role == Role::Primary
}
