//! What a state of the model is: the store, the nodes, the databases and what is on its way between them.

use meridian::cutover::closing::Unheard;
use meridian::cutover::plan::Seen;
use meridian::model::{MoveId, NodeAccount};
use smallvec::SmallVec;

use crate::control::Control;

/// Few of them, kept in place: the model copies its states all the time.
pub type Few<T, const N: usize> = SmallVec<[T; N]>;

/// The most units there are.
pub const UNITS: usize = 3;

/// Which law was broken first; nothing is explored behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Broken {
    OneOwner,
    NothingLost,
    SameOrder,
    /// A move is left to nobody.
    Unended,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub store: Control,
    /// Everybody who has registered and is not known to be at an end.
    pub members: Few<Member, 4>,
    pub nodes: Few<Node, 2>,
    /// Processes that were replaced while they were paused. They do not know it.
    pub ghosts: Few<Ghost, 1>,
    pub orchestrators: Few<Orchestrator, 2>,
    /// By instance, as in the control state.
    pub instances: Few<Instance, 3>,
    /// By unit: the scope epoch of each write its primary has committed, in order.
    pub logs: Few<Few<u8, 6>, UNITS>,
    pub transactions: Few<Transaction, 4>,
    pub left: Budget,
    pub broken: Option<Broken>,
    /// A move was published after somebody had been shut out at its source.
    pub published_over_a_fence: bool,
    pub published: u8,
    pub rolled_back: u8,
    /// Which step an orchestrator had taken when it crashed, by the product's word for it.
    pub crashed_after: Option<&'static str>,
}

/// How often what makes the state space large may still happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Budget {
    pub moves: u8,
    pub writes: u8,
    pub leases: u8,
    pub replacements: u8,
    pub prepares: u8,
    /// How often a deadline may pass.
    pub deadlines: u8,
    /// How often an orchestrator may crash.
    pub crashes: u8,
}

/// An incarnation as the store knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    pub who: Run,
    pub is_live: bool,
    /// The move of whose scopes it said that no older write is in flight.
    pub drained: Option<MoveId>,
}

/// One run of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Run {
    pub node: u8,
    pub incarnation: u8,
}

impl Run {
    pub fn unheard(self) -> Unheard {
        Unheard { node: self.node, incarnation: u64::from(self.incarnation) }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    pub run: Run,
    pub known: Control,
    /// Its lease holds, and no server has refused it.
    pub may_admit: bool,
    pub write: Option<Write>,
    /// By unit: it has come in there.
    pub came_in: [bool; UNITS],
}

/// A write that holds a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Write {
    /// The epoch it was decided at.
    pub decided: u8,
    pub scope_epoch: u8,
    pub unit: u8,
    /// Its statement has reached the server.
    pub is_sent: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ghost {
    pub run: Run,
    pub write: Option<Write>,
    pub came_in: [bool; UNITS],
}

/// A transaction at a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Transaction {
    pub unit: u8,
    pub run: Run,
    pub scope_epoch: u8,
    pub is_prepared: bool,
}

/// A database server: what it has applied of each unit's writes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Instance {
    pub unit: u8,
    pub is_primary: bool,
    /// By unit: its position, which says of each write up to there that it need not come any more.
    pub position: [u8; UNITS],
    /// By unit: the writes whose rows it has, as bits.
    pub rows: [u8; UNITS],
    /// By unit: the highest scope epoch of a write of its stream that was applied here.
    pub newest: [u8; UNITS],
    /// What it knows of each node's account.
    pub accounts: [Option<NodeAccount>; 2],
}

/// Somebody who carries moves out, from what it last read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Orchestrator {
    pub known: Control,
    pub seen: Look,
    /// Whom it found unheard of when it looked; nobody looked yet.
    pub unheard: Option<Few<Run, 3>>,
    /// A position it has read and not yet written down.
    pub position: Option<String>,
    /// It has crashed, and nobody has come in its place.
    pub is_gone: bool,
}

impl Budget {
    /// Nothing of all that.
    pub const NOTHING: Budget =
        Budget { moves: 0, writes: 0, leases: 0, replacements: 0, prepares: 0, deadlines: 0, crashes: 0 };
}

impl Orchestrator {
    /// One that has seen nothing but what the store says.
    pub fn of(store: &Control) -> Orchestrator {
        Orchestrator { known: store.clone(), seen: Look::default(), unheard: None, position: None, is_gone: false }
    }
}

/// What the product's [`Seen`] is made of here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Look {
    /// The writes in flight at its own node.
    pub in_flight: Option<u8>,
    /// How many other nodes have not said that they are drained.
    pub unheard: u8,
    pub caught_up: bool,
    pub is_in_trouble: bool,
}

impl Look {
    pub fn seen(self, in_phase: std::time::Duration) -> Seen {
        Seen {
            in_phase,
            in_flight: self.in_flight.map(usize::from),
            unheard: (0..self.unheard).map(|_| "another".to_owned()).collect(),
            caught_up: self.caught_up,
            trouble: self.is_in_trouble.then(|| "prepared".to_owned()),
            ..Seen::default()
        }
    }
}

impl World {
    pub fn primary(&self, unit: u8) -> usize {
        self.instances.iter().position(|one| one.is_primary && one.unit == unit).unwrap()
    }

    /// The whole position of an instance, as MariaDB writes it: the domain is the unit's number.
    pub fn position(&self, instance: usize) -> String {
        let domains = self.instances[instance].position.iter().enumerate().filter(|(_, last)| **last > 0);
        domains.map(|(domain, last)| format!("{domain}-1-{last}")).collect::<Vec<_>>().join(",")
    }

    /// A primary commits a transaction: here the laws are kept or broken.
    pub fn commit(&mut self, transaction: &Transaction) {
        let (unit, epoch) = (usize::from(transaction.unit), transaction.scope_epoch);
        let instance = self.primary(transaction.unit);
        // Within one unit it does not matter which of two epochs comes first: only another unit's writes could be in between.
        let elsewhere = self.logs.iter().enumerate().filter(|(other, _)| *other != unit);
        let newer = elsewhere.clone().any(|(_, log)| log.iter().any(|other| *other > epoch));
        let shared = elsewhere.clone().any(|(_, log)| log.contains(&epoch));
        let lacks = elsewhere.clone().any(|(other, log)| {
            log.iter()
                .enumerate()
                .any(|(place, older)| *older < epoch && self.instances[instance].rows[other] & (1 << place) == 0)
        });
        if newer || shared {
            self.broken = Some(Broken::OneOwner);
        } else if lacks {
            self.broken = Some(Broken::NothingLost);
        }
        let place = self.logs[unit].len();
        self.logs[unit].push(epoch);
        let here = &mut self.instances[instance];
        here.rows[unit] |= 1 << place;
        here.position[unit] += 1;
        here.newest[unit] = here.newest[unit].max(epoch);
        self.answer(transaction.run);
    }

    /// The node hears of its transaction's end. Hearing later only keeps its ticket longer, which makes nobody write.
    pub fn answer(&mut self, run: Run) {
        if let Some(node) = self.nodes.iter_mut().find(|node| node.run == run) {
            node.write.take_if(|write| write.is_sent);
        }
    }
}
