//! A replica that does not follow is left out of the wait: nobody reads there until it has what the sources had written by then. Who is waited for
//! and what who is left out needs is asked of the product.

use meridian::control::Command;
use meridian::cutover::followers;
use meridian::model::{FencePosition, InstanceId, UnitId};
use stateright::{Model, Property};

use crate::control::{Control, GROUP};

const SOURCE: UnitId = UnitId(0);
const TARGET: UnitId = UnitId(1);
const PRIMARY: InstanceId = InstanceId(1);
const REPLICA: InstanceId = InstanceId(2);

/// A wrong rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LeftOutMutant {
    /// None.
    Product,
    /// It is passed over by the wait, and goes on serving.
    ServesOn,
    /// It serves again as soon as it follows again.
    TakenBackEarly,
}

/// One exploration.
#[derive(Clone, Debug)]
pub struct LeftOutOfWait {
    pub writes: u8,
    pub mutant: LeftOutMutant,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    store: Control,
    written: u8,
    /// What the target's primary has applied, and its replica, which follows it.
    primary: u8,
    replica: u8,
    follows: bool,
    /// What the source had written when it was closed, once the target has opened.
    opened_at: Option<u8>,
    was_left_out: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Write,
    Stand,
    Follow,
    ReplicateToPrimary,
    ReplicateToReplica,
    LeaveOut,
    Begin,
    Record,
    Publish,
    TakeBack,
}

pub const READERS_HAVE_ALL: &str = "who serves reads has everything the former owner wrote when the new one opens";

impl Model for LeftOutOfWait {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            store: Control::new(2, true),
            written: 0,
            primary: 0,
            replica: 0,
            follows: true,
            opened_at: None,
            was_left_out: false,
        }]
    }

    fn actions(&self, _: &World, actions: &mut Vec<Action>) {
        actions.extend([Action::Write, Action::Stand, Action::Follow, Action::ReplicateToPrimary]);
        actions.extend([Action::ReplicateToReplica, Action::LeaveOut, Action::Begin, Action::Record]);
        actions.extend([Action::Publish, Action::TakeBack]);
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        match action {
            Action::Write => {
                let is_open = world.store.record().is_none() && world.store.master() == SOURCE;
                (is_open && world.written < self.writes).then_some(())?;
                world.written += 1;
            }
            Action::Stand => world.follows = false,
            Action::Follow => world.follows = true,
            Action::ReplicateToPrimary => {
                (world.primary < world.written).then_some(())?;
                world.primary += 1;
            }
            Action::ReplicateToReplica => {
                (world.follows && world.replica < world.primary).then_some(())?;
                world.replica += 1;
            }
            Action::LeaveOut => {
                (!world.follows && world.is_served()).then_some(())?;
                if self.mutant != LeftOutMutant::ServesOn {
                    world.store = world.store.after(&Command::LeaveOut { instances: vec![REPLICA] })?;
                }
                world.was_left_out = true;
            }
            Action::Begin => {
                (world.store.master() == SOURCE && world.store.record().is_none()).then_some(())?;
                world.store = world.store.begin(TARGET)?;
            }
            Action::Record => {
                let id = world.store.record()?.id;
                let position = format!("0-1-{}", world.written);
                let positions = vec![FencePosition { group: GROUP, source: SOURCE, position }];
                world.store = world.store.after(&Command::RecordPositions { id, positions })?;
            }
            Action::Publish => {
                let id = world.store.record()?.id;
                self.have_all(&world).then_some(())?;
                let publish = Command::PublishMove { id, positions: Vec::new() };
                world.store = world.store.after(&publish)?;
                world.opened_at = Some(world.written);
            }
            Action::TakeBack => {
                let left_out = world.store.0.left_out_of(REPLICA)?;
                let has = left_out.needs.iter().all(|found| number(found) <= world.replica);
                (world.follows && (has || self.mutant == LeftOutMutant::TakenBackEarly)).then_some(())?;
                world.store = world.store.after(&Command::TakeBack { instance: REPLICA })?;
            }
        }
        (world != *last).then_some(world)
    }

    fn within_boundary(&self, world: &World) -> bool {
        // Leaving out and taking back could go on for ever.
        world.store.epoch().0 < 8
    }

    fn properties(&self) -> Vec<Property<LeftOutOfWait>> {
        vec![
            Property::always(READERS_HAVE_ALL, |_, world: &World| {
                world.opened_at.is_none_or(|position| {
                    world.primary >= position && (world.replica >= position || !world.is_served())
                })
            }),
            Property::sometimes("a move goes on without the replica", |_, world: &World| {
                world.opened_at.is_some_and(|position| world.replica < position)
            }),
            Property::sometimes("it serves again afterwards", |_, world: &World| {
                world.was_left_out && world.opened_at.is_some_and(|position| position > 0) && world.is_served()
            }),
        ]
    }
}

impl LeftOutOfWait {
    fn have_all(&self, world: &World) -> bool {
        let passed_over =
            |id: InstanceId| self.mutant == LeftOutMutant::ServesOn && world.was_left_out && id == REPLICA;
        followers::of(&world.store.0, GROUP, SOURCE).iter().filter(|one| !passed_over(one.instance)).all(|one| {
            let has = if one.instance == PRIMARY { world.primary } else { world.replica };
            has >= world.written
        })
    }
}

impl World {
    /// Whether sessions may read at the replica.
    fn is_served(&self) -> bool {
        self.store.0.left_out_of(REPLICA).is_none()
    }
}

fn number(found: &FencePosition) -> u8 {
    found.position.rsplit('-').next().and_then(|last| last.parse().ok()).unwrap_or_default()
}
