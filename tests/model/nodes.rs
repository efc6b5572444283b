//! What nodes, their forerunners and servers do in the model of planned moves. Who is admitted, whom a server lets in and when a write hinders a move is
//! asked of the product.

use meridian::control::admission::hinders;
use meridian::model::{Door, NodeAccount, Scope};

use crate::control::{GROUP, ZONE};
use crate::mutants::Mutant;
use crate::planned::Planned;
use crate::world::{Broken, Few, Ghost, Instance, Member, Node, Run, Transaction, UNITS, World, Write};

pub fn learn(world: &mut World, node: usize) -> Option<()> {
    world.nodes[node].known = world.store.clone();
    Some(())
}

pub fn admit(world: &mut World, node: usize) -> Option<()> {
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

pub fn acknowledge(world: &mut World, node: usize) -> Option<()> {
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
    pub fn send(&self, world: &mut World, node: usize) -> Option<()> {
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
    pub fn lease_ends(&self, world: &mut World, node: usize) -> Option<()> {
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
    pub fn reenter(&self, world: &mut World, node: usize) -> Option<()> {
        let Node { run, may_admit, write, .. } = world.nodes[node].clone();
        if may_admit || write.is_some() {
            return None;
        }
        world.members.retain(|member| member.who != run);
        self.enter(world, node);
        Some(())
    }

    /// Another process under the same node's name, while the former one is paused. Its lease has to have ended, by the store's clock.
    pub fn replace(&self, world: &mut World, node: usize) -> Option<()> {
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

    pub fn come_in(&self, world: &mut World, node: usize, unit: u8) -> Option<()> {
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

    pub fn ghost_comes_in(&self, world: &mut World, ghost: usize, unit: u8) -> Option<()> {
        let Ghost { run, came_in, .. } = world.ghosts[ghost].clone();
        if came_in[usize::from(unit)] {
            return None;
        }
        self.opens(world, run, unit)?;
        world.ghosts[ghost].came_in[usize::from(unit)] = true;
        Some(())
    }

    pub fn ghost_sends(&self, world: &mut World, ghost: usize) -> Option<()> {
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

    pub fn has_filters(&self) -> bool {
        self.mutant == Mutant::FilteredEcho
    }

    pub fn replicate(&self, world: &mut World, from: usize, to: usize, unit: u8) -> Option<()> {
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
}

/// Whether there is something of `unit`'s stream at `source` that `target` lacks. A primary follows the other primaries, a replica its own; nobody
/// gets back what it wrote itself.
pub fn follows(source: &Instance, target: &Instance, unit: u8) -> bool {
    let channel = if target.is_primary { target.unit != unit } else { source.unit == target.unit };
    let stream = usize::from(unit);
    source.is_primary && channel && source.position[stream] > target.position[stream]
}

fn epoch(number: u8) -> meridian::model::Epoch {
    meridian::model::Epoch(u64::from(number))
}

/// Ends the threads of those transactions at a unit's primary.
pub fn end(world: &mut World, unit: u8, of: impl Fn(&Transaction) -> bool) {
    let ended = |one: &Transaction| one.unit == unit && !one.is_prepared && of(one);
    let runs: Few<Run, 4> = world.transactions.iter().filter(|one| ended(one)).map(|one| one.run).collect();
    world.transactions.retain(|one| !ended(one));
    runs.into_iter().for_each(|run| world.answer(run));
}

pub fn commit(world: &mut World, at: usize, is_prepared: bool) -> Option<()> {
    if world.transactions[at].is_prepared != is_prepared {
        return None;
    }
    let transaction = world.transactions.remove(at);
    world.commit(&transaction);
    Some(())
}

pub fn prepare(world: &mut World, at: usize) -> Option<()> {
    if world.left.prepares == 0 || world.transactions[at].is_prepared {
        return None;
    }
    world.left.prepares -= 1;
    world.transactions[at].is_prepared = true;
    world.answer(world.transactions[at].run);
    world.transactions.sort();
    Some(())
}
