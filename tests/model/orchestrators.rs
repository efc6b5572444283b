//! Those who carry moves out in the model. Which step is next, what it changes, who has to be shut out and waited for is asked of the product.

use std::time::Duration;

use meridian::control::Command;
use meridian::cutover::closing::{AtSource, Closing, next_closing};
use meridian::cutover::server::without_domain;
use meridian::cutover::{Deadlines, Step, checks, followers, next_step};
use meridian::model::{FencePosition, MovePhase, MoveRecord, NodeAccount, UnitId};

use crate::control::{Control, GROUP};
use crate::crashes;
use crate::mutants::Mutant;
use crate::nodes::end;
use crate::planned::Planned;
use crate::world::{Broken, Few, Look, Member, Orchestrator, Run, Transaction, World};

pub const DEADLINES: Deadlines = Deadlines {
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

impl Time {
    fn in_phase(self) -> Duration {
        match self {
            Time::Early => Duration::ZERO,
            Time::Ending => DEADLINES.drain,
            Time::Over => Duration::from_secs(60),
        }
    }
}

impl Planned {
    pub fn begin(&self, world: &mut World, index: usize) -> Option<()> {
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

    /// Which step is next for an orchestrator at such a time.
    fn next(world: &World, index: usize, time: Time) -> Step {
        let orchestrator = &world.orchestrators[index];
        next_step(orchestrator.known.record(), &orchestrator.seen.seen(time.in_phase()), &DEADLINES)
    }

    pub fn step(&self, world: &mut World, index: usize, time: Time) -> Option<()> {
        let known = world.orchestrators[index].known.clone();
        let record = known.record()?;
        let step = Planned::next(world, index, time);
        if time != Time::Early {
            // A deadline that changes nothing is the same step again; one that does is counted.
            if Planned::next(world, index, Time::Early) == step || world.left.deadlines == 0 {
                return None;
            }
            world.left.deadlines -= 1;
        }
        match step {
            Step::AwaitNodes { .. } if time != Time::Early => self.close(world, index, record, Patience::IsOver),
            Step::Drain { .. } | Step::AwaitNodes { .. } => self.close(world, index, record, Patience::Waits),
            Step::EndTransactions { .. } => self.close(world, index, record, Patience::IsOver),
            Step::Record => record_position(world, index, record),
            Step::CatchUp { .. } => self.catch_up(world, index, record),
            Step::Publish => self.publish(world, index, record),
            Step::RollBack(why) => {
                let command = Command::RollBackMove { id: record.id, reason: why.to_string() };
                self.change(world, index, &command)
            }
            Step::GiveBack | Step::Done => None,
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
                // Each works at a node of its own where there are several.
                let own = (index % world.nodes.len()) as u8;
                let here = awaited.iter().filter(|run| run.node == own).count() as u8;
                let seen = &mut world.orchestrators[index].seen;
                (seen.in_flight, seen.unheard) = (Some(here), awaited.len() as u8 - here);
                return Some(());
            }
            unheard.extend(awaited);
            let orchestrator = &mut world.orchestrators[index];
            orchestrator.unheard = Some(unheard);
            // Nothing is known before the source is closed to them.
            (orchestrator.seen.in_flight, orchestrator.seen.unheard) = (None, 0);
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

    pub fn begin_and_crash(&self, world: &mut World, index: usize) -> Option<()> {
        self.begin(world, index)?;
        self.crash(world, index, crashes::BEGIN)
    }

    /// Whether the step changed anything before the crash or not.
    pub fn step_and_crash(&self, world: &mut World, index: usize, time: Time) -> Option<()> {
        let step = Planned::next(world, index, time);
        let mut taken = world.clone();
        match self.step(&mut taken, index, time) {
            Some(()) => *world = taken,
            None if time == Time::Early => {}
            None => return None,
        }
        self.crash(world, index, crashes::word_of(&step)?)
    }

    /// What an orchestrator knew is gone; whoever takes over reads the store. Whether the move ends then is looked at here, at once.
    fn crash(&self, world: &mut World, index: usize, after: &'static str) -> Option<()> {
        world.left.crashes = world.left.crashes.checked_sub(1)?;
        world.crashed_after = Some(after);
        world.orchestrators[index] = Orchestrator::of(&world.store);
        match self.mutant {
            Mutant::TakenForDone => world.orchestrators[index].seen.in_flight = Some(0),
            Mutant::NotTakenOver => world.orchestrators.iter_mut().for_each(|one| one.is_gone = true),
            _ => {}
        }
        if world.broken.is_none() && !crashes::ends(self, world) {
            world.broken = Some(Broken::Unended);
        }
        Some(())
    }

    pub fn reach(&self, world: &mut World, index: usize) -> Option<()> {
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

/// It reads the newest state; what it saw of another move, or another phase, does not count.
pub fn refresh(world: &mut World, index: usize) -> Option<()> {
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
