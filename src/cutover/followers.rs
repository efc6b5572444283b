//! Who applies a source's stream, and therefore must have all of it before anybody else may write. Pure.

use crate::model::{ControlState, GroupId, InstanceId, Role, UnitId};

/// An instance that applies what a source writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Follower {
    /// Which.
    pub instance: InstanceId,
    /// The primary of its own unit, where it has the stream from there. What a channel leaves out on the way (local tables) never reaches
    /// it, so what it must have is what that primary wrote down.
    pub through: Option<InstanceId>,
}

/// Every instance of `group` but the primary of `source` and the replicas that are out of service, which nobody reads from. Not the target alone: another one that still applies the old owner's writes
/// while the new owner's reach it may apply the two out of order and differ from then on, without an error.
pub fn of(state: &ControlState, group: GroupId, source: UnitId) -> Vec<Follower> {
    let origin = state.primary_of(source, group);
    let held = (0u16..).map(InstanceId).zip(&state.instances).filter(|(_, instance)| instance.group == group);
    let others = held.filter(|(id, _)| Some(*id) != origin && state.left_out_of(*id).is_none());
    others.map(|(id, _)| follower(state, id, source)).collect()
}

/// How `id` has the stream of `source`.
pub fn follower(state: &ControlState, id: InstanceId, source: UnitId) -> Follower {
    let instance = state.instance(id);
    let through = match instance.role {
        Role::Replica if instance.unit != source => state.primary_of(instance.unit, instance.group),
        Role::Replica | Role::Primary => None,
    };
    Follower { instance: id, through }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::sample;
    use crate::model::Instance;

    #[test]
    fn all_but_the_source_follow_and_other_units_replicas_through_their_primary() {
        let mut state = sample::state();
        for (name, unit) in [("hz-main-2", 0), ("bj-main-2", 1)] {
            let (unit, role) = (UnitId(unit), Role::Replica);
            let like = state.instances[0].clone();
            state.instances.push(Instance { name: name.to_owned(), unit, role, ..like });
        }
        let follower = |instance, through: Option<u16>| Follower {
            instance: InstanceId(instance),
            through: through.map(InstanceId),
        };
        assert_eq!(
            of(&state, GroupId(0), UnitId(0)),
            [follower(1, None), follower(2, None), follower(3, Some(1))],
            "bj's primary, hz's own replica, bj's replica"
        );
    }

    #[test]
    fn nobody_waits_for_a_replica_that_is_out_of_service() {
        let mut state = sample::state();
        let like = state.instances[0].clone();
        let (name, role) = ("hz-main-2".to_owned(), Role::Replica);
        state.instances.push(Instance { name, role, ..like });
        assert_eq!(of(&state, GroupId(0), UnitId(0)).len(), 2);
        state.left_out.push(crate::model::LeftOut { instance: InstanceId(2), needs: Vec::new() });
        assert_eq!(of(&state, GroupId(0), UnitId(0)), [Follower { instance: InstanceId(1), through: None }]);
    }
}
