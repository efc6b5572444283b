//! Orchestrators that crash: after which step, and that the move ends whichever it was.

use meridian::cutover::Step;
use stateright::{Model, Property};

use crate::orchestrators::Time;
use crate::planned::{Action, Planned};
use crate::world::{Budget, World};

/// The store has the record, and no step was taken yet.
pub const BEGIN: &str = "begin";

/// How many actions a move may take to its end once nothing breaks any more; beyond them it goes round in circles.
const PATIENCE: usize = 200;

macro_rules! steps {
    ($($step:pat => $word:literal,)+) => {
        /// The word of a step behind which somebody can crash. There is no other arm: a step that is added has to be named here, and then to be
        /// crashed after.
        pub fn word_of(step: &Step) -> Option<&'static str> {
            let word = match step {
                $($step => $word,)+
                // Forbids are fenced by a move's other steps; nothing of theirs is in here.
                Step::GiveBack | Step::Done => return None,
            };
            assert_eq!(word, step.word(), "named as the product does");
            Some(word)
        }

        /// For each step: somebody has crashed after it, and the move has ended.
        pub fn after_each_step() -> Vec<Property<Planned>> {
            vec![
                ended_after!(BEGIN, "begin"),
                $(ended_after!($word, $word),)+
            ]
        }
    };
}

macro_rules! ended_after {
    ($crash:expr, $word:literal) => {
        Property::sometimes(
            concat!("a move ends whose orchestrator crashed after '", $word, "'"),
            |_, world: &World| {
                world.crashed_after == Some($crash) && world.store.record().is_none() && world.broken.is_none()
            },
        )
    };
}

steps! {
    Step::Drain { .. } => "drain",
    Step::AwaitNodes { .. } => "await-nodes",
    Step::EndTransactions { .. } => "end-transactions",
    Step::Record => "record",
    Step::CatchUp { .. } => "catch-up",
    Step::Publish => "publish",
    Step::RollBack(_) => "roll-back",
}

/// Whether the move under way ends once nothing breaks any more and everybody gets on. Deadlines pass only where nothing else is left to happen.
pub fn ends(model: &Planned, world: &World) -> bool {
    let calm = Budget { deadlines: u8::MAX, ..Budget::NOTHING };
    let mut world = World { left: calm, ..world.clone() };
    for _ in 0..PATIENCE {
        // What breaks another law on the way is found by the exploration itself.
        if world.store.record().is_none() || world.broken.is_some() {
            return true;
        }
        let mut actions = Vec::new();
        model.actions(&world, &mut actions);
        actions.sort_by_key(turn);
        match actions.into_iter().find_map(|action| model.next_state(&world, action)) {
            Some(next) => world = next,
            None => return false,
        }
    }
    false
}

fn turn(action: &Action) -> u8 {
    match action {
        Action::Step(_, Time::Over) => 3,
        Action::Step(_, Time::Ending) => 2,
        Action::Refresh(_) | Action::Reach(_) | Action::Step(_, Time::Early) => 1,
        _ => 0,
    }
}
