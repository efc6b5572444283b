//! The row fence alone: nobody acknowledges anything and no account is shut. Nodes compare a row and may be paused before and behind that;
//! orchestrators set rows from what they once read. What a row becomes and whom it lets in is asked of the product.

use meridian::model::{Epoch, FenceRow, Passage};
use stateright::{Model, Property};

/// A wrong rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowMutant {
    /// None: the product as it is.
    Product,
    /// The row is compared and not locked.
    NotLocked,
    /// The source's position is read before its row is closed.
    ReadBeforeClosed,
    /// A row is set to whatever is asked for, older epochs too.
    NotMonotone,
}

/// One exploration.
#[derive(Clone, Debug)]
pub struct RowFence {
    pub nodes: usize,
    pub orchestrators: usize,
    pub moves: u8,
    pub writes: u8,
    pub mutant: RowMutant,
}

/// What is decided, as somebody has read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Store {
    epoch: u8,
    owner: u8,
    scope_epoch: u8,
    moving: Option<Moving>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Moving {
    id: u8,
    position: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stage {
    Idle,
    /// Decided, and on its way to the row.
    Sent,
    /// Let in.
    Open,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Node {
    known: Store,
    stage: Stage,
    /// Of its write.
    unit: u8,
    scope_epoch: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Orchestrator {
    known: Store,
    closed: bool,
    position: Option<u8>,
    /// The epoch for which it has opened the target's row.
    opened: Option<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    store: Store,
    rows: [Option<FenceRow>; 2],
    nodes: [Node; 2],
    orchestrators: [Orchestrator; 2],
    /// By unit: the scope epochs of what was committed there.
    logs: [Vec<u8>; 2],
    /// By unit: how much of the other's log it has.
    has: [u8; 2],
    moves: u8,
    writes: u8,
    published: bool,
    rolled_back: bool,
    broken: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Learn(usize),
    Admit(usize),
    Compare(usize),
    Commit(usize),
    Replicate(usize),
    Refresh(usize),
    Begin(usize),
    Close(usize),
    Read(usize),
    Record(usize),
    OpenTarget(usize),
    Publish(usize),
    RollBack(usize),
    OpenOwner(usize),
}

pub const ONE_OWNER: &str = "no two units accept writes of one scope, and no epoch is two units'";
pub const NOTHING_LOST: &str = "a new owner has every write of the owners before it";

impl Model for RowFence {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let store = Store { epoch: 1, owner: 0, scope_epoch: 1, moving: None };
        let node = Node { known: store, stage: Stage::Idle, unit: 0, scope_epoch: 0 };
        let orchestrator = Orchestrator { known: store, closed: false, position: None, opened: None };
        vec![World {
            store,
            rows: [None; 2],
            nodes: [node; 2],
            orchestrators: [orchestrator; 2],
            logs: [Vec::new(), Vec::new()],
            has: [0; 2],
            moves: self.moves,
            writes: self.writes,
            published: false,
            rolled_back: false,
            broken: None,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.broken.is_some() {
            return;
        }
        actions.extend([Action::Replicate(0), Action::Replicate(1)]);
        for one in 0..self.nodes {
            actions.extend([Action::Learn(one), Action::Admit(one), Action::Compare(one), Action::Commit(one)]);
        }
        for one in 0..self.orchestrators {
            actions.extend([Action::Close(one), Action::OpenOwner(one), Action::Refresh(one)]);
        }
        // Whoever comes late goes by what it once read, and sets rows; that it changes the store no more is the compare-and-swap's doing, which the planned moves explore.
        actions.extend([
            Action::Begin(0),
            Action::Read(0),
            Action::Record(0),
            Action::OpenTarget(0),
            Action::Publish(0),
            Action::RollBack(0),
        ]);
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        match action {
            Action::Learn(one) => world.nodes[one].known = world.store,
            Action::Admit(one) => world.admit(one)?,
            Action::Compare(one) => {
                let node = &mut world.nodes[one];
                let row = world.rows[usize::from(node.unit)];
                let let_in = FenceRow::lets_in(row, Epoch(node.scope_epoch.into()));
                (node.stage == Stage::Sent).then_some(())?;
                node.stage = if let_in { Stage::Open } else { Stage::Idle };
            }
            Action::Commit(one) => world.commit(one)?,
            Action::Replicate(one) => {
                (usize::from(world.has[one]) < world.logs[1 - one].len()).then_some(())?;
                world.has[one] += 1;
            }
            Action::Refresh(one) => {
                let orchestrator = &mut world.orchestrators[one];
                let same = orchestrator.known.moving.map(|one| one.id) == world.store.moving.map(|one| one.id);
                let closed = orchestrator.closed && same;
                *orchestrator = Orchestrator { known: world.store, closed, position: None, opened: None };
            }
            Action::Begin(one) => {
                (world.moves > 0 && world.orchestrators[one].known.moving.is_none()).then_some(())?;
                world.moves -= 1;
                let id = world.store.epoch + 1;
                world.change(one, |store| {
                    store.scope_epoch = id;
                    store.moving = Some(Moving { id, position: None });
                })?;
                // Each run has seen nothing at first, whatever another move's has.
                let known = world.orchestrators[one].known;
                world.orchestrators[one] = Orchestrator { known, closed: false, position: None, opened: None };
            }
            Action::Close(one) => {
                let known = world.orchestrators[one].known;
                self.set(&mut world, known.owner, known.moving?.id, Passage::Closed)?;
                world.orchestrators[one].closed = true;
            }
            Action::Read(one) => {
                let Orchestrator { known, closed, position, .. } = world.orchestrators[one];
                let may = closed || self.mutant == RowMutant::ReadBeforeClosed;
                (may && position.is_none() && known.moving?.position.is_none()).then_some(())?;
                world.orchestrators[one].position = Some(world.logs[usize::from(known.owner)].len() as u8);
            }
            Action::Record(one) => {
                let Orchestrator { position: Some(position), closed: true, .. } = world.orchestrators[one] else {
                    return None;
                };
                // The first record stays.
                world.orchestrators[one].known.moving.filter(|moving| moving.position.is_none())?;
                world.change(one, |store| {
                    store.moving = store.moving.map(|moving| Moving { position: Some(position), ..moving });
                })?;
            }
            Action::OpenTarget(one) => {
                let known = world.orchestrators[one].known;
                let target = 1 - known.owner;
                (world.has[usize::from(target)] >= known.moving?.position?).then_some(())?;
                self.set(&mut world, target, known.epoch + 1, Passage::Open)?;
                world.orchestrators[one].opened = Some(known.epoch + 1);
            }
            Action::Publish(one) => {
                let Orchestrator { known, opened, .. } = world.orchestrators[one];
                (known.moving.is_some() && opened == Some(known.epoch + 1)).then_some(())?;
                world.change(one, |store| {
                    (store.owner, store.scope_epoch, store.moving) = (1 - store.owner, store.epoch, None);
                })?;
                world.published = true;
            }
            Action::RollBack(one) => {
                world.orchestrators[one].known.moving?;
                world.change(one, |store| (store.scope_epoch, store.moving) = (store.epoch, None))?;
                world.rolled_back = true;
            }
            Action::OpenOwner(one) => {
                let known = world.orchestrators[one].known;
                known.moving.is_none().then_some(())?;
                self.set(&mut world, known.owner, known.scope_epoch, Passage::Open)?;
            }
        }
        (world != *last).then_some(world)
    }

    fn properties(&self) -> Vec<Property<RowFence>> {
        vec![
            Property::always(ONE_OWNER, |_, world: &World| world.broken != Some(ONE_OWNER)),
            Property::always(NOTHING_LOST, |_, world: &World| world.broken != Some(NOTHING_LOST)),
            Property::sometimes("a move is published", |_, world: &World| world.published),
            Property::sometimes("a move is rolled back", |_, world: &World| world.rolled_back),
            Property::sometimes("both units have written", |_, world: &World| {
                world.logs.iter().all(|log| !log.is_empty())
            }),
        ]
    }
}

impl RowFence {
    /// Waits for whoever holds the row; nothing happens until they let go.
    fn set(&self, world: &mut World, unit: u8, epoch: u8, passage: Passage) -> Option<()> {
        let holds = |node: &Node| node.stage == Stage::Open && node.unit == unit;
        if self.mutant != RowMutant::NotLocked && world.nodes.iter().any(holds) {
            return None;
        }
        let (row, epoch) = (&mut world.rows[usize::from(unit)], Epoch(epoch.into()));
        *row = Some(match self.mutant {
            RowMutant::NotMonotone => FenceRow { epoch, passage },
            RowMutant::Product | RowMutant::NotLocked | RowMutant::ReadBeforeClosed => {
                FenceRow::set(*row, epoch, passage).ok()?
            }
        });
        Some(())
    }
}

impl World {
    fn admit(&mut self, one: usize) -> Option<()> {
        let node = &mut self.nodes[one];
        (self.writes > 0 && node.stage == Stage::Idle && node.known.moving.is_none()).then_some(())?;
        self.writes -= 1;
        *node = Node { stage: Stage::Sent, unit: node.known.owner, scope_epoch: node.known.scope_epoch, ..*node };
        Some(())
    }

    fn commit(&mut self, one: usize) -> Option<()> {
        let Node { stage: Stage::Open, unit, scope_epoch, .. } = self.nodes[one] else { return None };
        self.nodes[one].stage = Stage::Idle;
        let (here, other) = (usize::from(unit), &self.logs[usize::from(1 - unit)]);
        if other.iter().any(|epoch| *epoch >= scope_epoch) {
            self.broken = Some(ONE_OWNER);
        } else if usize::from(self.has[here]) < other.len() {
            self.broken = Some(NOTHING_LOST);
        }
        self.logs[here].push(scope_epoch);
        Some(())
    }

    /// A compare-and-swap on what the orchestrator has read.
    fn change(&mut self, one: usize, of: impl FnOnce(&mut Store)) -> Option<()> {
        (self.orchestrators[one].known == self.store).then_some(())?;
        self.store.epoch += 1;
        of(&mut self.store);
        self.orchestrators[one].known = self.store;
        Some(())
    }
}
