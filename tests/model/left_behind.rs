//! A source that was left behind by force with the rows of its fence open, because nobody reached it, and a node that still believes in it: what
//! comes back is read-only in quarantine, and must have its rows closed before it takes writes again. What a row becomes and whom it lets in is
//! asked of the product.

use meridian::model::{Epoch, FenceRow, Passage};
use stateright::{Model, Property};

/// The epoch at which the source owned the scope, the one at which it was left behind, and the one at which it owns it again.
const OWNED: Epoch = Epoch(1);
const LEFT: Epoch = Epoch(3);
const HOME: Epoch = Epoch(5);

/// A wrong rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LeftBehindMutant {
    /// None.
    Product,
    /// What takes part again is opened with the rows it had.
    RowsLeftOpen,
    /// Its rows are closed under the epoch at which it owned: whoever comes late opens them again.
    ClosedTooLow,
}

/// One exploration.
#[derive(Clone, Debug)]
pub struct LeftBehind {
    pub mutant: LeftBehindMutant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stage {
    Owner,
    Lost,
    Quarantined,
    TakesPart,
    OwnerAgain,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    source: Stage,
    row: Option<FenceRow>,
    is_read_only: bool,
    /// Somebody who was paused when the source was the owner, and opens its row under the epoch of then.
    late_opener: bool,
    writes: u8,
    dual: bool,
    written_home: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Force,
    Return,
    CloseRows,
    Rejoin,
    MoveHome,
    OpenLate,
    WriteByOldKnowledge,
    WriteAtHome,
}

pub const ONE_OWNER: &str = "who still believes in what was left behind writes nothing there";

impl Model for LeftBehind {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            source: Stage::Owner,
            row: FenceRow::set(None, OWNED, Passage::Open).ok(),
            is_read_only: false,
            late_opener: true,
            writes: 2,
            dual: false,
            written_home: false,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if !world.dual {
            actions.extend([Action::Force, Action::Return, Action::CloseRows, Action::Rejoin, Action::MoveHome]);
            actions.extend([Action::OpenLate, Action::WriteByOldKnowledge, Action::WriteAtHome]);
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        let lives = world.source != Stage::Lost;
        match action {
            Action::Force => {
                (world.source == Stage::Owner).then_some(())?;
                world.source = Stage::Lost;
            }
            Action::Return => {
                (world.source == Stage::Lost).then_some(())?;
                (world.source, world.is_read_only) = (Stage::Quarantined, true);
            }
            Action::CloseRows => {
                (world.source == Stage::Quarantined).then_some(())?;
                world.close()?;
            }
            Action::Rejoin => {
                (world.source == Stage::Quarantined).then_some(())?;
                match self.mutant {
                    LeftBehindMutant::Product => drop(world.close()),
                    LeftBehindMutant::RowsLeftOpen => {}
                    LeftBehindMutant::ClosedTooLow => {
                        world.row = Some(FenceRow { epoch: Epoch(0), passage: Passage::Closed });
                    }
                }
                (world.source, world.is_read_only) = (Stage::TakesPart, false);
            }
            Action::MoveHome => {
                (world.source == Stage::TakesPart).then_some(())?;
                world.row = Some(FenceRow::set(world.row, HOME, Passage::Open).ok()?);
                world.source = Stage::OwnerAgain;
            }
            Action::OpenLate => {
                (lives && world.late_opener && !world.is_read_only).then_some(())?;
                world.late_opener = false;
                world.row = Some(FenceRow::set(world.row, OWNED, Passage::Open).ok()?);
            }
            Action::WriteByOldKnowledge => {
                (lives && world.writes > 0).then_some(())?;
                world.writes -= 1;
                let is_let_in = !world.is_read_only && FenceRow::lets_in(world.row, OWNED);
                world.dual = is_let_in && world.source != Stage::Owner;
            }
            Action::WriteAtHome => {
                (world.source == Stage::OwnerAgain && FenceRow::lets_in(world.row, HOME)).then_some(())?;
                world.written_home = true;
            }
        }
        (world != *last).then_some(world)
    }

    fn properties(&self) -> Vec<Property<LeftBehind>> {
        vec![
            Property::always(ONE_OWNER, |_, world: &World| !world.dual),
            Property::sometimes("it owns again, and is written to", |_, world: &World| world.written_home),
        ]
    }
}

impl World {
    fn close(&mut self) -> Option<()> {
        self.row = Some(FenceRow::set(self.row, LEFT, Passage::Closed).ok()?);
        Some(())
    }
}
