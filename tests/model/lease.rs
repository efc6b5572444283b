//! The lease of a primary that nobody reaches any more: renewers are paused between any two of their steps, transactions before their COMMIT, and
//! the source's clock goes on. How long leases last, and what is waited for, is the product's.

use meridian::model::fence_lease::{CLOSED_AFTER, LASTS};
use stateright::{Model, Property};

/// A wrong rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LeaseMutant {
    /// None.
    Product,
    /// The store is read before the clock.
    StoreFirst,
    /// The lease is compared when the transaction begins, and not as it commits.
    ComparedAtStart,
    /// Nothing but the renewers' silence is waited for.
    NotWaitedOut,
    /// Whoever renews does not look whether the primary is left behind.
    StoreNotRead,
}

/// One exploration: this many seconds of the source's clock.
#[derive(Clone, Debug)]
pub struct Lease {
    pub renewers: usize,
    pub seconds: u8,
    pub mutant: LeaseMutant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Renewer {
    Idle,
    /// It has read the clock.
    Asked(u8),
    /// And then the store, which said nothing against it.
    Allowed(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Transaction {
    None,
    /// Whether the lease held when it began.
    Open(bool),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    clock: u8,
    until: u8,
    renewers: Vec<Renewer>,
    transaction: Transaction,
    /// When the store began to say that the source is left behind.
    left_behind: Option<u8>,
    published: bool,
    committed: bool,
    late: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Tick,
    Ask(usize),
    Read(usize),
    Renew(usize),
    Begin,
    Commit,
    LeaveBehind,
    Publish,
}

pub const CLOSED: &str = "nothing commits at a source once its successor is published";

const fn seconds(of: std::time::Duration) -> u8 {
    of.as_secs() as u8
}

impl Model for Lease {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            clock: 0,
            until: 0,
            renewers: vec![Renewer::Idle; self.renewers],
            transaction: Transaction::None,
            left_behind: None,
            published: false,
            committed: false,
            late: false,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.late {
            return;
        }
        if world.clock < self.seconds {
            actions.push(Action::Tick);
        }
        for one in 0..self.renewers {
            actions.extend([Action::Ask(one), Action::Read(one), Action::Renew(one)]);
        }
        actions.extend([Action::Begin, Action::Commit, Action::LeaveBehind, Action::Publish]);
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        match action {
            Action::Tick => world.clock += 1,
            Action::Ask(one) => {
                (world.renewers[one] == Renewer::Idle).then_some(())?;
                world.renewers[one] = Renewer::Asked(world.clock);
            }
            Action::Read(one) => {
                let Renewer::Asked(asked) = world.renewers[one] else { return None };
                let refused = world.left_behind.is_some() && self.mutant != LeaseMutant::StoreNotRead;
                world.renewers[one] = if refused { Renewer::Idle } else { Renewer::Allowed(asked) };
            }
            Action::Renew(one) => {
                let Renewer::Allowed(asked) = world.renewers[one] else { return None };
                let from = if self.mutant == LeaseMutant::StoreFirst { world.clock } else { asked };
                world.until = world.until.max(from + seconds(LASTS));
                world.renewers[one] = Renewer::Idle;
            }
            Action::Begin => {
                (world.transaction == Transaction::None).then_some(())?;
                world.transaction = Transaction::Open(world.until > world.clock);
            }
            Action::Commit => {
                let Transaction::Open(held) = world.transaction else { return None };
                let holds = match self.mutant {
                    LeaseMutant::ComparedAtStart => held,
                    _ => world.until > world.clock,
                };
                world.transaction = Transaction::None;
                world.committed |= holds;
                world.late |= holds && world.published;
            }
            Action::LeaveBehind => {
                world.left_behind.is_none().then_some(())?;
                world.left_behind = Some(world.clock);
            }
            Action::Publish => {
                let since = world.left_behind.filter(|_| !world.published)?;
                let waited = world.clock - since;
                (self.mutant == LeaseMutant::NotWaitedOut || waited >= seconds(CLOSED_AFTER)).then_some(())?;
                world.published = true;
            }
        }
        (world != *last).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Lease>> {
        vec![
            Property::always(CLOSED, |_, world: &World| !world.late),
            Property::sometimes("a successor is published", |_, world: &World| world.published),
            Property::sometimes("something commits", |_, world: &World| world.committed),
        ]
    }
}
