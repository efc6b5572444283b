//! Planned moves: two nodes, two orchestrators, everything that can come late. What each of them does stands in `nodes` and `orchestrators`.

use meridian::model::{Door, MovePhase, NodeAccount};
use smallvec::smallvec;
use stateright::{Model, Property};

use crate::control::Control;
use crate::crashes;
use crate::mutants::Mutant;
use crate::nodes::{acknowledge, admit, commit, follows, learn, prepare};
use crate::orchestrators::{Time, refresh};
use crate::world::{Broken, Budget, Few, Instance, Member, Node, Orchestrator, Run, UNITS, World};

/// One exploration.
#[derive(Clone, Debug)]
pub struct Planned {
    pub units: usize,
    /// bj has a replica whose appliers run in parallel.
    pub with_replica: bool,
    pub orchestrators: usize,
    pub nodes: u8,
    pub budget: Budget,
    pub mutant: Mutant,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A node reads the newest state.
    Learn(usize),
    Admit(usize),
    Send(usize),
    Acknowledge(usize),
    LeaseEnds(usize),
    Reenter(usize),
    Replace(usize),
    ComeIn(usize, u8),
    GhostComesIn(usize, u8),
    GhostSends(usize),
    Commit(usize),
    Prepare(usize),
    CommitPrepared(usize),
    /// An instance applies another's next write of a unit's stream.
    Replicate {
        from: usize,
        to: usize,
        unit: u8,
    },
    Refresh(usize),
    Begin(usize),
    Step(usize, Time),
    /// An orchestrator sees that all have the position it has read, before that is on record.
    Reach(usize),
    /// It begins a move, or takes a step, and ends; another one goes on from what the store says.
    BeginAndCrash(usize),
    StepAndCrash(usize, Time),
}

impl Model for Planned {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let store = Control::new(self.units, self.with_replica);
        let account = |node| (node < self.nodes).then_some(NodeAccount { incarnation: 1, door: Door::Open });
        let run = |node| Run { node, incarnation: 1 };
        let instance = |at: &meridian::model::Instance| Instance {
            unit: at.unit.0 as u8,
            is_primary: at.role == meridian::model::Role::Primary,
            position: [0; UNITS],
            rows: [0; UNITS],
            newest: [0; UNITS],
            accounts: [0, 1].map(account),
        };
        let node =
            |node| Node { run: run(node), known: store.clone(), may_admit: true, write: None, came_in: [true; UNITS] };
        let orchestrator = Orchestrator::of(&store);
        vec![World {
            members: (0..self.nodes).map(|node| Member { who: run(node), is_live: true, drained: None }).collect(),
            nodes: (0..self.nodes).map(node).collect(),
            ghosts: Few::new(),
            orchestrators: smallvec![orchestrator; self.orchestrators],
            instances: store.0.instances.iter().map(instance).collect(),
            logs: smallvec![Few::new(); self.units],
            transactions: Few::new(),
            left: self.budget,
            broken: None,
            published_over_a_fence: false,
            published: 0,
            rolled_back: 0,
            crashed_after: None,
            store,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.broken.is_some() {
            return;
        }
        let units = 0..self.units as u8;
        for (index, node) in world.nodes.iter().enumerate() {
            let mut may = |when: bool, action: Action| actions.extend(when.then_some(action));
            let idle = node.write.is_none();
            may(node.known != world.store, Action::Learn(index));
            may(idle && node.may_admit && world.left.writes > 0, Action::Admit(index));
            may(node.write.is_some_and(|write| !write.is_sent), Action::Send(index));
            may(node.known.record().is_some(), Action::Acknowledge(index));
            // The nodes are alike, so that trouble may as well be the last one's.
            let is_last = index + 1 == world.nodes.len();
            may(is_last && node.may_admit && world.left.leases > 0, Action::LeaseEnds(index));
            may(idle && !node.may_admit, Action::Reenter(index));
            may(is_last && world.left.replacements > 0, Action::Replace(index));
            for unit in units.clone() {
                may(node.may_admit && !node.came_in[usize::from(unit)], Action::ComeIn(index, unit));
            }
        }
        for (index, ghost) in world.ghosts.iter().enumerate() {
            actions.extend(ghost.write.is_some_and(|write| !write.is_sent).then_some(Action::GhostSends(index)));
            let out = units.clone().filter(|unit| !ghost.came_in[usize::from(*unit)]);
            actions.extend(out.map(|unit| Action::GhostComesIn(index, unit)));
        }
        for (index, transaction) in world.transactions.iter().enumerate() {
            if transaction.is_prepared {
                actions.push(Action::CommitPrepared(index));
                continue;
            }
            actions.push(Action::Commit(index));
            actions.extend((world.left.prepares > 0).then_some(Action::Prepare(index)));
        }
        for (to, target) in world.instances.iter().enumerate() {
            for (from, source) in world.instances.iter().enumerate().filter(|(from, _)| *from != to) {
                let behind = units.clone().filter(|unit| follows(source, target, *unit));
                actions.extend(behind.map(|unit| Action::Replicate { from, to, unit }));
            }
        }
        for (index, orchestrator) in world.orchestrators.iter().enumerate().filter(|(_, one)| !one.is_gone) {
            if orchestrator.known != world.store {
                actions.push(Action::Refresh(index));
            }
            if world.store.record().is_none() && world.left.moves > 0 {
                actions.push(Action::Begin(index));
                actions.extend((world.left.crashes > 0).then_some(Action::BeginAndCrash(index)));
            }
            let unrecorded = orchestrator.known.record().is_some_and(|record| record.phase == MovePhase::Fenced)
                && orchestrator.position.is_some()
                && !orchestrator.seen.caught_up;
            actions.extend(unrecorded.then_some(Action::Reach(index)));
            if orchestrator.known.record().is_some() {
                let late = [Time::Ending, Time::Over].into_iter().filter(|_| world.left.deadlines > 0);
                for time in std::iter::once(Time::Early).chain(late) {
                    actions.push(Action::Step(index, time));
                    actions.extend((world.left.crashes > 0).then_some(Action::StepAndCrash(index, time)));
                }
            }
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        let changed = match action {
            Action::Learn(node) => learn(&mut world, node),
            Action::Admit(node) => admit(&mut world, node),
            Action::Send(node) => self.send(&mut world, node),
            Action::Acknowledge(node) => acknowledge(&mut world, node),
            Action::LeaseEnds(node) => self.lease_ends(&mut world, node),
            Action::Reenter(node) => self.reenter(&mut world, node),
            Action::Replace(node) => self.replace(&mut world, node),
            Action::ComeIn(node, unit) => self.come_in(&mut world, node, unit),
            Action::GhostComesIn(ghost, unit) => self.ghost_comes_in(&mut world, ghost, unit),
            Action::GhostSends(ghost) => self.ghost_sends(&mut world, ghost),
            Action::Commit(at) => commit(&mut world, at, false),
            Action::CommitPrepared(at) => commit(&mut world, at, true),
            Action::Prepare(at) => prepare(&mut world, at),
            Action::Replicate { from, to, unit } => self.replicate(&mut world, from, to, unit),
            Action::Refresh(index) => refresh(&mut world, index),
            Action::Begin(index) => self.begin(&mut world, index),
            Action::Step(index, time) => self.step(&mut world, index, time),
            Action::Reach(index) => self.reach(&mut world, index),
            Action::BeginAndCrash(index) => self.begin_and_crash(&mut world, index),
            Action::StepAndCrash(index, time) => self.step_and_crash(&mut world, index, time),
        };
        changed.filter(|()| world != *last).map(|()| world)
    }

    fn properties(&self) -> Vec<Property<Planned>> {
        let mut laws = vec![
            Property::always(ONE_OWNER, |_, world: &World| world.broken != Some(Broken::OneOwner)),
            Property::always(NOTHING_LOST, |_, world: &World| world.broken != Some(Broken::NothingLost)),
            Property::always(SAME_ORDER, |_, world: &World| world.broken != Some(Broken::SameOrder)),
            Property::always(ENDS, |model: &Planned, world: &World| {
                world.store.record().is_none() || world.broken.is_some() || !model.next_steps(world).is_empty()
            }),
            Property::always(ENDS_AFTER_A_CRASH, |_, world: &World| world.broken != Some(Broken::Unended)),
            Property::sometimes("a move is published", |_, world: &World| world.published > 0),
            Property::sometimes("a move is rolled back", |_, world: &World| world.rolled_back > 0),
            Property::sometimes(
                "a move is published past a node that was shut out",
                |model: &Planned, world: &World| {
                    world.published_over_a_fence || (model.budget.leases == 0 && model.budget.replacements == 0)
                },
            ),
        ];
        // With one node nobody else is waited for, and without deadlines nothing goes back.
        if self.budget.crashes > 0 && self.nodes > 1 && self.budget.deadlines > 0 {
            laws.extend(crashes::after_each_step());
        }
        laws
    }
}

pub const ONE_OWNER: &str = "no two units accept writes of one scope, and no epoch is two units'";
pub const NOTHING_LOST: &str = "a new owner has every write of the owners before it";
pub const SAME_ORDER: &str = "no instance applies an older owner's write behind a newer owner's";
pub const ENDS: &str = "a move never stands still for good";
pub const ENDS_AFTER_A_CRASH: &str = "a move whose orchestrator has crashed ends once nothing breaks any more";
