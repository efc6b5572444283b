//! Packets of several statements: all must run at one primary; reads of copies and statements without tables go along.

use super::course::{Access, Course, Freedom, Reach, Ticket};
use super::{Rejection, Target};
use crate::model::{ControlState, Role, Scope};

/// The one course of a packet whose statements have these. Errors: the first that has none; two that belong to different primaries.
pub(super) fn combined<'a>(
    state: &ControlState,
    courses: impl Iterator<Item = Result<Course<'a>, Rejection>>,
) -> Result<Course<'a>, Rejection> {
    // Each has its say before any two are compared: what one is refused for tells more than that two do not go together.
    let courses: Vec<Course<'a>> = courses.collect::<Result<_, _>>()?;
    let mut courses = courses.into_iter();
    let first = courses.next().ok_or(Rejection::Outdated { epoch: state.epoch })?;
    courses.try_fold(at_primary(first), |packet, next| join(state, packet, at_primary(next)))
}

fn at_primary(course: Course<'_>) -> Course<'_> {
    Course { target: Target { role: Role::Primary, ..course.target }, ..course }
}

/// Two courses as one: the less free one leads.
fn join<'a>(state: &ControlState, packet: Course<'a>, next: Course<'a>) -> Result<Course<'a>, Rejection> {
    let fits = match (packet.freedom, next.freedom) {
        (Freedom::Free, _) | (_, Freedom::Free) => true,
        (Freedom::Bound, Freedom::Bound) => packet.target == next.target,
        (Freedom::Copy, _) | (_, Freedom::Copy) => packet.target.group == next.target.group,
    };
    if !fits {
        return Err(Rejection::PacketSplit {
            first: packet.target.named(state),
            second: next.target.named(state),
            epoch: state.epoch,
        });
    }
    let (leading, following) =
        if packet.freedom.strictness() >= next.freedom.strictness() { (packet, next) } else { (next, packet) };
    let ticket = match (leading.ticket, following.ticket) {
        (Ticket::Spared, Ticket::Spared) => Ticket::Spared,
        (Ticket::Needed, _) | (_, Ticket::Needed) => Ticket::Needed,
    };
    let access = stronger(leading.access, following.access);
    let reach = both(ticketed(&leading), ticketed(&following));
    Ok(Course {
        reach: if ticket == Ticket::Needed { reach } else { both(leading.reach.clone(), following.reach) },
        key: leading.key.or(following.key),
        owner: leading.owner.or(following.owner),
        table: leading.table.or(following.table),
        target: leading.target,
        freedom: leading.freedom,
        rule: leading.rule,
        access,
        ticket,
    })
}

/// What of a course has to enter the gate.
fn ticketed(course: &Course<'_>) -> Reach {
    match course.ticket {
        Ticket::Needed => course.reach.clone(),
        Ticket::Spared => Reach::Nothing,
    }
}

fn stronger(one: Access, other: Access) -> Access {
    let rank = |access| match access {
        Access::Read => 0,
        Access::Lock => 1,
        Access::Insert => 2,
        Access::Change => 3,
    };
    if rank(one) >= rank(other) { one } else { other }
}

fn both(one: Reach, other: Reach) -> Reach {
    match (one, other) {
        (Reach::Nothing, reach) | (reach, Reach::Nothing) => reach,
        (Reach::Scopes(mut scopes), Reach::Scopes(more)) => {
            for scope in more {
                if !scopes.contains(&scope) {
                    scopes.push(scope);
                }
            }
            Reach::Scopes(scopes)
        }
        (Reach::AllShards(group), Reach::AllShards(_)) => Reach::AllShards(group),
        (Reach::Scopes(mut scopes), Reach::AllShards(group)) | (Reach::AllShards(group), Reach::Scopes(mut scopes)) => {
            scopes.push(Scope::Group(group));
            Reach::Scopes(scopes)
        }
    }
}
