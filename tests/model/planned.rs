//! Planned moves: two nodes, two orchestrators, everything that can come late. Which step is next, what it changes, who is admitted, who has to
//! be shut out and waited for is asked of the product.

use std::time::Duration;

use meridian::control::Command;
use meridian::control::admission::hinders;
use meridian::cutover::closing::{AtSource, Closing, next_closing};
use meridian::cutover::server::without_domain;
use meridian::cutover::{Deadlines, Step, checks, followers, next_step};
use meridian::model::{Door, FencePosition, MovePhase, MoveRecord, NodeAccount, Scope, UnitId};
use smallvec::smallvec;
use stateright::{Model, Property};

use crate::control::{Control, GROUP, ZONE};
use crate::mutants::Mutant;
use crate::world::{
    Broken, Budget, Few, Ghost, Instance, Look, Member, Node, Orchestrator, Run, Transaction, UNITS, World, Write,
};

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

const DEADLINES: Deadlines = Deadlines {
    acknowledge: Duration::from_millis(200),
    drain: Duration::from_secs(1),
    end: Duration::from_secs(2),
    silence: Duration::from_secs(6),
    catch_up: Duration::from_secs(5),
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// Nothing has taken long.
    Early,
    /// The drain deadline has passed.
    Ending,
    /// Every deadline has passed.
    Over,
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
        let orchestrator = Orchestrator { known: store.clone(), seen: Look::default(), unheard: None, position: None };
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
        for (index, orchestrator) in world.orchestrators.iter().enumerate() {
            if orchestrator.known != world.store {
                actions.push(Action::Refresh(index));
            }
            if world.store.record().is_none() && world.left.moves > 0 {
                actions.push(Action::Begin(index));
            }
            let unrecorded = orchestrator.known.record().is_some_and(|record| record.phase == MovePhase::Fenced)
                && orchestrator.position.is_some()
                && !orchestrator.seen.caught_up;
            actions.extend(unrecorded.then_some(Action::Reach(index)));
            if orchestrator.known.record().is_some() {
                let late = [Time::Ending, Time::Over].into_iter().filter(|_| world.left.deadlines > 0);
                actions.extend(std::iter::once(Time::Early).chain(late).map(|time| Action::Step(index, time)));
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
        };
        changed.filter(|()| world != *last).map(|()| world)
    }

    fn properties(&self) -> Vec<Property<Planned>> {
        vec![
            Property::always(ONE_OWNER, |_, world: &World| world.broken != Some(Broken::OneOwner)),
            Property::always(NOTHING_LOST, |_, world: &World| world.broken != Some(Broken::NothingLost)),
            Property::always(SAME_ORDER, |_, world: &World| world.broken != Some(Broken::SameOrder)),
            Property::always(ENDS, |model: &Planned, world: &World| {
                world.store.record().is_none() || world.broken.is_some() || !model.next_steps(world).is_empty()
            }),
            Property::sometimes("a move is published", |_, world: &World| world.published > 0),
            Property::sometimes("a move is rolled back", |_, world: &World| world.rolled_back > 0),
            Property::sometimes(
                "a move is published past a node that was shut out",
                |model: &Planned, world: &World| {
                    world.published_over_a_fence || (model.budget.leases == 0 && model.budget.replacements == 0)
                },
            ),
        ]
    }
}

pub const ONE_OWNER: &str = "no two units accept writes of one scope, and no epoch is two units'";
pub const NOTHING_LOST: &str = "a new owner has every write of the owners before it";
pub const SAME_ORDER: &str = "no instance applies an older owner's write behind a newer owner's";
pub const ENDS: &str = "a move never stands still for good";

// Nodes.

fn learn(world: &mut World, node: usize) -> Option<()> {
    world.nodes[node].known = world.store.clone();
    Some(())
}

fn admit(world: &mut World, node: usize) -> Option<()> {
    let Node { known, .. } = &world.nodes[node];
    // A write is decided under the snapshot and enters the gate under it; a moving scope is held.
    if known.record().is_some() {
        return None;
    }
    let write = Write {
        decided: known.epoch().0 as u8,
        scope_epoch: known.scope_epoch().0 as u8,
        unit: known.master().0 as u8,
        is_sent: false,
    };
    world.nodes[node].write = Some(write);
    world.left.writes -= 1;
    Some(())
}

fn acknowledge(world: &mut World, node: usize) -> Option<()> {
    let Node { run, known, write, .. } = world.nodes[node].clone();
    let record = known.record()?;
    let hindering = write
        .is_some_and(|write| hinders(epoch(write.decided), &[Scope::GlobalZone(GROUP)], &[ZONE], record.id.fence()));
    if hindering {
        return None;
    }
    let member = world.members.iter_mut().find(|member| member.who == run && member.is_live)?;
    member.drained = Some(record.id);
    Some(())
}

impl Planned {
    fn lets_in(&self, known: Option<NodeAccount>, run: Run) -> bool {
        match self.mutant {
            Mutant::OldPassword => known.is_some_and(|known| known.door == Door::Open),
            _ => NodeAccount::lets_in(known, u64::from(run.incarnation)),
        }
    }

    /// A write logs in, and its transaction is open at the server. Whoever is refused has lost what it was.
    fn send(&self, world: &mut World, node: usize) -> Option<()> {
        let run = world.nodes[node].run;
        let write = world.nodes[node].write.as_mut().filter(|write| !write.is_sent)?;
        let (unit, scope_epoch) = (write.unit, write.scope_epoch);
        write.is_sent = true;
        let known = world.instances[world.primary(unit)].accounts[usize::from(run.node)];
        if self.lets_in(known, run) {
            world.transactions.push(Transaction { unit, run, scope_epoch, is_prepared: false });
            world.transactions.sort();
        } else {
            world.nodes[node].write = None;
            world.nodes[node].may_admit = false;
        }
        Some(())
    }

    /// The store's clock runs behind the node's own: it ends a lease only after the node has. What the node may do in between is less.
    fn lease_ends(&self, world: &mut World, node: usize) -> Option<()> {
        world.left.leases -= 1;
        world.nodes[node].may_admit = false;
        let run = world.nodes[node].run;
        self.silence(world, run)
    }

    fn silence(&self, world: &mut World, run: Run) -> Option<()> {
        let member = world.members.iter_mut().find(|member| member.who == run && member.is_live)?;
        member.is_live = false;
        if self.mutant == Mutant::IncarnationForgotten {
            world.members.retain(|member| member.who != run);
        }
        Some(())
    }

    /// The same process under a new incarnation, once its old tickets have ended. It registers first and reads the state then.
    fn reenter(&self, world: &mut World, node: usize) -> Option<()> {
        let Node { run, may_admit, write, .. } = world.nodes[node].clone();
        if may_admit || write.is_some() {
            return None;
        }
        world.members.retain(|member| member.who != run);
        self.enter(world, node);
        Some(())
    }

    /// Another process under the same node's name, while the former one is paused. Its lease has to have ended, by the store's clock.
    fn replace(&self, world: &mut World, node: usize) -> Option<()> {
        if world.left.replacements == 0 {
            return None;
        }
        world.left.replacements -= 1;
        let Node { run, write, came_in, .. } = world.nodes[node].clone();
        self.silence(world, run);
        world.ghosts.push(Ghost { run, write, came_in });
        self.enter(world, node);
        Some(())
    }

    fn enter(&self, world: &mut World, node: usize) {
        let run = world.nodes[node].run;
        let run = Run { incarnation: run.incarnation + 1, ..run };
        world.members.push(Member { who: run, is_live: true, drained: None });
        let came_in = [false; UNITS];
        world.nodes[node] = Node { run, known: world.store.clone(), may_admit: true, write: None, came_in };
    }

    /// A run opens its account at a unit's primary with a new password, and ends whoever was logged in before.
    fn opens(&self, world: &mut World, run: Run, unit: u8) -> Option<()> {
        let at = world.primary(unit);
        let known = world.instances[at].accounts[usize::from(run.node)];
        let incarnation = u64::from(run.incarnation);
        let opened = match self.mutant {
            Mutant::NonMonotoneFence => NodeAccount { incarnation, door: Door::Open },
            _ => NodeAccount::opened(known, incarnation).ok()?,
        };
        world.instances[at].accounts[usize::from(run.node)] = Some(opened);
        if self.mutant != Mutant::OldThreadsLeft {
            end(world, unit, |one| one.run.node == run.node && one.run != run);
        }
        Some(())
    }

    fn come_in(&self, world: &mut World, node: usize, unit: u8) -> Option<()> {
        let run = world.nodes[node].run;
        if world.nodes[node].came_in[usize::from(unit)] {
            return None;
        }
        match self.opens(world, run, unit) {
            Some(()) => world.nodes[node].came_in[usize::from(unit)] = true,
            // It was shut out before it came in: another incarnation has to.
            None => world.nodes[node].may_admit = false,
        }
        // In everywhere: none of the older runs can do anything any more.
        if world.nodes[node].came_in[..self.units].iter().all(|is_in| *is_in) {
            world.members.retain(|member| member.who.node != run.node || member.who >= run);
        }
        Some(())
    }

    fn ghost_comes_in(&self, world: &mut World, ghost: usize, unit: u8) -> Option<()> {
        let Ghost { run, came_in, .. } = world.ghosts[ghost].clone();
        if came_in[usize::from(unit)] {
            return None;
        }
        self.opens(world, run, unit)?;
        world.ghosts[ghost].came_in[usize::from(unit)] = true;
        Some(())
    }

    fn ghost_sends(&self, world: &mut World, ghost: usize) -> Option<()> {
        let run = world.ghosts[ghost].run;
        let write = world.ghosts[ghost].write.take_if(|write| !write.is_sent)?;
        let known = world.instances[world.primary(write.unit)].accounts[usize::from(run.node)];
        if self.lets_in(known, run) {
            let (unit, scope_epoch) = (write.unit, write.scope_epoch);
            world.transactions.push(Transaction { unit, run, scope_epoch, is_prepared: false });
            world.transactions.sort();
        }
        Some(())
    }

    // Databases.

    fn has_filters(&self) -> bool {
        self.mutant == Mutant::FilteredEcho
    }

    fn replicate(&self, world: &mut World, from: usize, to: usize, unit: u8) -> Option<()> {
        let (source, target) = (&world.instances[from], &world.instances[to]);
        let stream = usize::from(unit);
        let next = target.position[stream];
        let bit = 1 << next;
        let has_row = source.rows[stream] & bit != 0;
        let is_left_out = self.has_filters() && target.is_primary && source.unit != unit;
        let target = &mut world.instances[to];
        target.position[stream] += 1;
        if !has_row || is_left_out {
            return Some(());
        }
        target.rows[stream] |= bit;
        let epoch = world.logs[stream][usize::from(next)];
        let newer = |other: usize| other != stream && target.newest[other] > epoch;
        let is_late = (0..UNITS).any(newer);
        target.newest[stream] = target.newest[stream].max(epoch);
        if is_late {
            world.broken = Some(Broken::SameOrder);
        }
        Some(())
    }

    // Orchestrators.

    fn begin(&self, world: &mut World, index: usize) -> Option<()> {
        if world.left.moves == 0 || world.store.record().is_some() || self.refuses_channels() {
            return None;
        }
        let target = UnitId(1 - world.store.master().0);
        let mut next = world.store.begin(target)?;
        if self.mutant == Mutant::EpochReused {
            next = reusing(&next, &world.store);
        }
        world.left.moves -= 1;
        world.store = next;
        refresh(world, index)
    }

    /// What the product's check of channels says of this world's.
    fn refuses_channels(&self) -> bool {
        let filtered = [("Connection_name", "from_hz"), ("Replicate_Do_Domain_Ids", "1")];
        let plain = [("Connection_name", "from_hz"), ("Replicate_Do_Domain_Ids", "")];
        let columns = if self.has_filters() { filtered } else { plain };
        let channel = columns.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let fault = checks::filters(&Control::new(2, false).0.groups[0], &[channel]);
        assert_eq!(fault.is_some(), self.has_filters(), "the check tells the two apart");
        fault.is_some() && self.mutant != Mutant::FilteredEcho
    }

    fn step(&self, world: &mut World, index: usize, time: Time) -> Option<()> {
        let known = world.orchestrators[index].known.clone();
        let record = known.record()?;
        let in_phase = match time {
            Time::Early => Duration::ZERO,
            Time::Ending => DEADLINES.drain,
            Time::Over => Duration::from_secs(60),
        };
        let seen = world.orchestrators[index].seen.seen(in_phase);
        let step = next_step(Some(record), &seen, &DEADLINES);
        if time != Time::Early {
            // A deadline that changes nothing is the same step again; one that does is counted.
            if next_step(Some(record), &world.orchestrators[index].seen.seen(Duration::ZERO), &DEADLINES) == step
                || world.left.deadlines == 0
            {
                return None;
            }
            world.left.deadlines -= 1;
        }
        match step {
            Step::Drain { .. } | Step::AwaitNodes { .. } => self.close(world, index, record, Patience::Waits),
            Step::EndTransactions { .. } => self.close(world, index, record, Patience::IsOver),
            Step::Record => record_position(world, index, record),
            Step::CatchUp { .. } => self.catch_up(world, index, record),
            Step::Publish => self.publish(world, index, record),
            Step::RollBack(why) => {
                let command = Command::RollBackMove { id: record.id, reason: why.to_string() };
                self.change(world, index, &command)
            }
            Step::Done => None,
        }
    }

    /// Who has not obeyed is looked for once; then the source is closed to them, a step at a time.
    fn close(&self, world: &mut World, index: usize, record: &MoveRecord, patience: Patience) -> Option<()> {
        if world.orchestrators[index].unheard.is_none() || patience == Patience::IsOver {
            let awaits = |member: &&Member| member.is_live && member.drained != Some(record.id);
            let awaited: Few<Run, 3> = world.members.iter().filter(awaits).map(|member| member.who).collect();
            let silent: Few<Run, 3> =
                world.members.iter().filter(|member| !member.is_live).map(|member| member.who).collect();
            let awaited = if self.mutant == Mutant::SkippedAcknowledgement { Few::new() } else { awaited };
            let mut unheard = if self.mutant == Mutant::LeaseOnly { Few::new() } else { silent };
            if !awaited.is_empty() && patience == Patience::Waits {
                world.orchestrators[index].seen.in_flight = Some(awaited.len() as u8);
                return Some(());
            }
            unheard.extend(awaited);
            world.orchestrators[index].unheard = Some(unheard);
            return Some(());
        }
        let unheard = world.orchestrators[index].unheard.clone()?;
        let source = record.parts[0].source.0 as u8;
        let at = world.primary(source);
        let is_out = |run: Run| unheard.iter().any(|one| one.node == run.node && one.incarnation >= run.incarnation);
        let here = |one: &&Transaction| one.unit == source;
        let prepared = world.transactions.iter().filter(here).filter(|one| one.is_prepared).count();
        let seen = AtSource {
            accounts: (0..)
                .zip(world.instances[at].accounts)
                .filter_map(|(node, known)| Some((node, known?)))
                .collect(),
            threads: world.transactions.iter().filter(here).filter(|one| !one.is_prepared && is_out(one.run)).count(),
            prepared: if self.mutant == Mutant::PreparedIgnored { 0 } else { prepared },
        };
        let runs: Vec<_> = unheard.iter().map(|run| run.unheard()).collect();
        match next_closing(&runs, &seen) {
            Closing::ShutOut(one) => {
                let known = world.instances[at].accounts[usize::from(one.node)];
                world.instances[at].accounts[usize::from(one.node)] = Some(NodeAccount::closed(known, one.incarnation));
            }
            Closing::EndThreads => {
                end(world, source, |one| is_out(one.run));
            }
            Closing::Prepared(_) => {
                world.orchestrators[index].seen.in_flight = Some(1);
                world.orchestrators[index].unheard = None;
            }
            Closing::Closed => world.orchestrators[index].seen.in_flight = Some(0),
        }
        Some(())
    }

    fn catch_up(&self, world: &mut World, index: usize, record: &MoveRecord) -> Option<()> {
        let MovePhase::Recorded(positions) = &record.phase else { return None };
        self.wait(world, index, record, positions)
    }

    fn reach(&self, world: &mut World, index: usize) -> Option<()> {
        let known = world.orchestrators[index].known.clone();
        let record = known.record()?;
        let position = world.orchestrators[index].position.clone()?;
        self.wait(world, index, record, &[closed_at(record, position)])
    }

    /// Who has the positions is asked of everybody who must have them.
    fn wait(&self, world: &mut World, index: usize, record: &MoveRecord, positions: &[FencePosition]) -> Option<()> {
        let target = record.parts[0].target;
        let has_all = positions.iter().all(|found| {
            let followers = followers::of(&world.store.0, found.group, found.source);
            let target_alone = self.mutant == Mutant::TargetAlone;
            let target = world.store.0.primary_of(target, GROUP);
            followers.iter().filter(|one| !target_alone || Some(one.instance) == target).all(|follower| {
                let through = follower.through.map(|primary| primary.index());
                let position = match through {
                    Some(primary) if !reached(world, primary, &found.position) => return false,
                    Some(primary) => world.position(primary),
                    None => found.position.clone(),
                };
                reached(world, follower.instance.index(), &position)
            })
        });
        if !has_all && self.mutant != Mutant::PublishBeforeWait {
            return None;
        }
        world.orchestrators[index].seen.caught_up = true;
        Some(())
    }

    fn publish(&self, world: &mut World, index: usize, record: &MoveRecord) -> Option<()> {
        let fenced = world.orchestrators[index].unheard.as_ref().is_some_and(|unheard| !unheard.is_empty());
        let before = world.published;
        let positions = match record.phase {
            MovePhase::Fenced => vec![closed_at(record, world.orchestrators[index].position.clone()?)],
            MovePhase::Recorded(_) => Vec::new(),
        };
        self.change(world, index, &Command::PublishMove { id: record.id, positions });
        world.published_over_a_fence |= fenced && world.published > before;
        Some(())
    }

    fn change(&self, world: &mut World, index: usize, command: &Command) -> Option<()> {
        if let Some(next) = world.store.after(command) {
            world.store = next;
            match command {
                Command::PublishMove { .. } => world.published += 1,
                Command::RollBackMove { .. } => world.rolled_back += 1,
                _ => {}
            }
        }
        refresh(world, index)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    Waits,
    IsOver,
}

/// Whether there is something of `unit`'s stream at `source` that `target` lacks. A primary follows the other primaries, a replica its own; nobody
/// gets back what it wrote itself.
fn follows(source: &Instance, target: &Instance, unit: u8) -> bool {
    let channel = if target.is_primary { target.unit != unit } else { source.unit == target.unit };
    let stream = usize::from(unit);
    source.is_primary && channel && source.position[stream] > target.position[stream]
}

fn epoch(number: u8) -> meridian::model::Epoch {
    meridian::model::Epoch(u64::from(number))
}

/// Ends the threads of those transactions at a unit's primary.
fn end(world: &mut World, unit: u8, of: impl Fn(&Transaction) -> bool) {
    let ended = |one: &Transaction| one.unit == unit && !one.is_prepared && of(one);
    let runs: Few<Run, 4> = world.transactions.iter().filter(|one| ended(one)).map(|one| one.run).collect();
    world.transactions.retain(|one| !ended(one));
    runs.into_iter().for_each(|run| world.answer(run));
}

fn commit(world: &mut World, at: usize, is_prepared: bool) -> Option<()> {
    if world.transactions[at].is_prepared != is_prepared {
        return None;
    }
    let transaction = world.transactions.remove(at);
    world.commit(&transaction);
    Some(())
}

fn prepare(world: &mut World, at: usize) -> Option<()> {
    if world.left.prepares == 0 || world.transactions[at].is_prepared {
        return None;
    }
    world.left.prepares -= 1;
    world.transactions[at].is_prepared = true;
    world.answer(world.transactions[at].run);
    world.transactions.sort();
    Some(())
}

/// It reads the newest state; what it saw of another move, or another phase, does not count.
fn refresh(world: &mut World, index: usize) -> Option<()> {
    let phase = |control: &Control| control.record().map(|record| (record.id, record.phase.clone()));
    let orchestrator = &mut world.orchestrators[index];
    if phase(&orchestrator.known) != phase(&world.store) {
        let same_move = orchestrator.known.record().map(|one| one.id) == world.store.record().map(|one| one.id);
        let unheard = orchestrator.unheard.take().filter(|_| same_move);
        (orchestrator.seen, orchestrator.position, orchestrator.unheard) = (Look::default(), None, unheard);
    }
    orchestrator.known = world.store.clone();
    Some(())
}

fn closed_at(record: &MoveRecord, position: String) -> FencePosition {
    FencePosition { group: GROUP, source: record.parts[0].source, position }
}

/// Reading the position and writing it down are two steps: anything can happen between them.
fn record_position(world: &mut World, index: usize, record: &MoveRecord) -> Option<()> {
    let source = record.parts[0].source;
    match world.orchestrators[index].position.take() {
        None => {
            let position = world.position(world.primary(source.0 as u8));
            world.orchestrators[index].position = Some(position);
        }
        Some(position) => {
            let positions = vec![closed_at(record, position)];
            if let Some(next) = world.store.after(&Command::RecordPositions { id: record.id, positions }) {
                world.store = next;
            }
            return refresh(world, index);
        }
    }
    Some(())
}

/// Whether an instance passes the wait for `position`, as the product asks it to.
fn reached(world: &World, instance: usize, position: &str) -> bool {
    let one = &world.instances[instance];
    let foreign = if one.is_primary { without_domain(position, &one.unit.to_string()) } else { position.to_owned() };
    foreign.split(',').filter(|part| !part.is_empty()).all(|part| {
        let numbers: Vec<usize> = part.split('-').map(|number| number.parse().unwrap()).collect();
        usize::from(one.position[numbers[0]]) >= numbers[2]
    })
}

/// The mutant's fence: the epoch that is in force already.
fn reusing(next: &Control, before: &Control) -> Control {
    let mut state = meridian::model::ControlState::clone(&next.0);
    state.epoch = before.epoch();
    state.groups[0].global_epoch = before.scope_epoch();
    for record in &mut state.moves {
        record.id = meridian::model::MoveId(before.epoch().0);
    }
    Control::of(state)
}
