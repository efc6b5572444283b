//! Forced changes: a source with a replica of its own, a target, and a third unit; writes that have got to some of them; servers that start again
//! and resume what they were told to follow; a source that comes back; nodes that crash behind any step, and those that were only not heard and
//! go on while another has taken over. Which step is next is asked of the product.

use meridian::cutover::force_plan::{ForceSeen, ForceStep, SourceChannel, Survivor, next_force_step};
use meridian::cutover::{RollBackReason, Seen, Step, next_step};
use meridian::model::{ClosureProof, GroupId, MoveId, MoveKind, MovePart, MovePhase, MoveRecord, UnitId};
use stateright::{Model, Property};

use crate::control::ZONE;
use crate::orchestrators::DEADLINES;

pub const NEWER_ROWS_STAY: &str = "no write of the lost source is applied behind a write of the new owner";
pub const RECEIVED_IS_KEPT: &str = "whatever a survivor had received is at the new owner when it opens";
pub const FOLLOWED_AGAIN: &str = "a source that was not left behind is followed by all who followed it";

/// The survivors, by place: the source's own replica, the target, a third unit's primary.
const REPLICA: usize = 0;
const TARGET: usize = 1;
const PLACES: usize = 3;

/// A wrong rule, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ForceMutant {
    Product,
    /// Channels from the source are let run.
    ChannelResumed,
    /// They are stopped, and resume when their server starts again.
    ChannelNotParked,
    /// The target opens with what it has itself.
    NobodyFed,
    /// What was received and not yet applied is forgotten.
    RelayForgotten,
    /// Who takes a change over that was left only lets it go back.
    ChannelsLeft,
    /// Who was taken over goes on.
    NotToldOff,
}

#[derive(Clone, Debug)]
pub struct Forced {
    pub writes: u8,
    /// How often a node that makes the change crashes, or is taken for one that has.
    pub crashes: u8,
    pub mutant: ForceMutant,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lost {
    source_lives: bool,
    may_die: bool,
    may_return: bool,
    /// Writes of the source.
    written: u8,
    survivors: [Place; PLACES],
    change: Change,
    overtaken: Option<Overtaken>,
    /// Somebody was overtaken: what he does late may leave a channel standing, which is no harm to any row.
    was_overtaken: bool,
    is_published: bool,
    /// The new owner has written.
    new_write: bool,
    newer_overwritten: bool,
    received_lost: bool,
    restarts: u8,
    crashes: u8,
    /// Which step a node had taken when it crashed, by the product's words for it.
    crashed_after: Option<&'static str>,
}

/// A node at work on a change that was taken over from it, and does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Overtaken {
    /// It has proved that the source is closed.
    is_closed: bool,
    /// It has seen that all is done, and is about to publish.
    publishes: bool,
}

/// What the store says of the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Change {
    None,
    /// A node makes it, which may have proved that the source is closed.
    Made {
        is_closed: bool,
    },
    /// That node has crashed.
    Left,
    /// Another has taken it over.
    TakenOver,
    /// It has let the channels follow the source again.
    Undone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Place {
    channel: SourceChannel,
    /// How many of the source's writes it has received, and how many applied.
    received: u8,
    applied: u8,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Write,
    Die,
    Return,
    Receive(usize),
    Apply(usize),
    Restart(usize),
    Step,
    StepAndCrash,
    TakeOver,
    GoBack,
    /// Whoever was overtaken does what it believes to be next, or hears of it.
    OvertakenStep,
    OvertakenHears,
    NewWrite,
}

impl Model for Forced {
    type State = Lost;
    type Action = Action;

    fn init_states(&self) -> Vec<Lost> {
        let place = Place { channel: SourceChannel::Receives, received: 0, applied: 0 };
        vec![Lost {
            source_lives: true,
            may_die: true,
            may_return: true,
            written: 0,
            survivors: [place; PLACES],
            change: Change::None,
            overtaken: None,
            was_overtaken: false,
            is_published: false,
            new_write: false,
            newer_overwritten: false,
            received_lost: false,
            restarts: 1,
            crashes: self.crashes,
            crashed_after: None,
        }]
    }

    fn actions(&self, lost: &Lost, actions: &mut Vec<Action>) {
        if lost.newer_overwritten || lost.received_lost {
            return;
        }
        let mut may = |when: bool, action: Action| actions.extend(when.then_some(action));
        let is_open = lost.change == Change::None && !lost.is_published;
        may(lost.source_lives && is_open && lost.written < self.writes, Action::Write);
        may(lost.source_lives && lost.may_die, Action::Die);
        may(!lost.source_lives && lost.may_return, Action::Return);
        let is_made = matches!(lost.change, Change::None | Change::Made { .. });
        may(is_made && !lost.is_published && !lost.may_die, Action::Step);
        may(is_made && !lost.is_published && !lost.may_die && lost.crashes > 0, Action::StepAndCrash);
        let is_lone = lost.overtaken.is_none() && lost.crashes > 0;
        may(lost.change == Change::Left || matches!(lost.change, Change::Made { .. }) && is_lone, Action::TakeOver);
        may(matches!(lost.change, Change::TakenOver | Change::Undone), Action::GoBack);
        may(lost.overtaken.is_some(), Action::OvertakenStep);
        may(lost.overtaken.is_some(), Action::OvertakenHears);
        may(lost.is_published && !lost.new_write, Action::NewWrite);
        for (at, place) in lost.survivors.iter().enumerate() {
            let receives = place.channel == SourceChannel::Receives && lost.source_lives;
            may(receives && place.received < lost.written, Action::Receive(at));
            let applies = matches!(place.channel, SourceChannel::Receives | SourceChannel::Applies);
            may(applies && place.applied < place.received, Action::Apply(at));
            may(lost.restarts > 0, Action::Restart(at));
        }
    }

    fn next_state(&self, last: &Lost, action: Action) -> Option<Lost> {
        let mut lost = last.clone();
        match action {
            Action::Write => lost.written += 1,
            Action::Die => (lost.source_lives, lost.may_die) = (false, false),
            Action::Return => (lost.source_lives, lost.may_return) = (true, false),
            Action::Receive(at) => lost.survivors[at].received += 1,
            Action::Apply(at) => {
                lost.survivors[at].applied += 1;
                // The source's replica stays behind with it; nobody reads there.
                lost.newer_overwritten |= lost.new_write && at != REPLICA;
            }
            Action::Restart(at) => {
                lost.restarts -= 1;
                let channel = &mut lost.survivors[at].channel;
                // A channel that was only stopped runs again; a parked one leads nowhere.
                if matches!(*channel, SourceChannel::Applies | SourceChannel::Stands) {
                    *channel = SourceChannel::Receives;
                }
            }
            Action::NewWrite => lost.new_write = true,
            Action::Step => {
                self.step(&mut lost)?;
            }
            Action::StepAndCrash => {
                lost.crashed_after = Some(self.step(&mut lost)?.word());
                lost.crashes -= 1;
                if lost.change != Change::None {
                    lost.change = Change::Left;
                }
            }
            Action::TakeOver => {
                if let Change::Made { is_closed } = lost.change {
                    let publishes =
                        matches!(next_force_step(&self.seen(&lost, is_closed, false)), ForceStep::Publish(_));
                    (lost.overtaken, lost.was_overtaken) = (Some(Overtaken { is_closed, publishes }), true);
                    lost.crashes -= 1;
                }
                lost.change = Change::TakenOver;
            }
            Action::GoBack => self.go_back(&mut lost),
            Action::OvertakenStep => self.overtaken_step(&mut lost)?,
            Action::OvertakenHears => self.overtaken_hears(&mut lost),
        }
        (lost != *last).then_some(lost)
    }

    fn properties(&self) -> Vec<Property<Forced>> {
        let mut laws = vec![
            Property::always(NEWER_ROWS_STAY, |_, lost: &Lost| !lost.newer_overwritten),
            Property::always(RECEIVED_IS_KEPT, |_, lost: &Lost| !lost.received_lost),
            Property::always(FOLLOWED_AGAIN, |_, lost: &Lost| {
                let rests = lost.change == Change::None && !lost.was_overtaken && !lost.is_published;
                !rests || lost.survivors.iter().all(|place| place.channel == SourceChannel::Receives)
            }),
            Property::sometimes("the target opens", |_, lost: &Lost| lost.is_published && lost.new_write),
            Property::sometimes("a source comes back after that", |_, lost: &Lost| {
                lost.is_published && lost.source_lives
            }),
            Property::sometimes("something is lost", |_, lost: &Lost| {
                lost.is_published && lost.survivors[TARGET].applied < lost.written
            }),
        ];
        if self.crashes > 0 {
            laws.extend(after_each_step());
        }
        laws
    }
}

macro_rules! steps {
    ($($step:pat => $word:literal,)+) => {
        /// For each step: a node has crashed behind it, and what it had begun has gone back or was made. A step that is added has to be named
        /// here, and then to be crashed after.
        fn after_each_step() -> Vec<Property<Forced>> {
            fn is_named(step: &ForceStep) -> bool {
                match step {
                    $($step => step.word() == $word,)+
                    // Nothing is done.
                    ForceStep::LeaveBe | ForceStep::Refuse | ForceStep::Unreachable(_) => true,
                }
            }
            assert!([ForceStep::Close, ForceStep::Feed(0), ForceStep::Park(0)].iter().all(is_named));
            vec![$(Property::sometimes(concat!("a change ends behind whose '", $word, "' a node crashed"), |_, lost: &Lost| {
                lost.crashed_after == Some($word) && lost.change == Change::None
            })),+]
        }
    };
}

steps! {
    ForceStep::Close => "force: close the source",
    ForceStep::StopReceiving(_) => "force: stop receiving",
    ForceStep::ApplyReceived(_) => "force: apply what was received",
    ForceStep::Feed(_) => "force: feed the target",
    ForceStep::Park(_) => "force: park channels",
    ForceStep::Publish(_) => "force: publish",
}

impl Forced {
    fn seen(&self, lost: &Lost, is_closed: bool, taken_over: bool) -> ForceSeen {
        let target = lost.survivors[TARGET];
        let survivor = |(at, place): (usize, &Place)| {
            let mut channel = place.channel;
            if self.mutant == ForceMutant::ChannelResumed {
                channel = SourceChannel::Absent;
            }
            if self.mutant == ForceMutant::ChannelNotParked && channel == SourceChannel::Stands {
                channel = SourceChannel::Parked;
            }
            if self.mutant == ForceMutant::RelayForgotten && channel == SourceChannel::Applies {
                channel = SourceChannel::Stands;
            }
            let is_covered = place.applied <= target.applied || self.mutant == ForceMutant::NobodyFed;
            Survivor { of_source_unit: at == REPLICA, answers: true, channel, is_covered }
        };
        let survivors = lost.survivors.iter().enumerate().map(survivor).collect();
        let closed = is_closed.then_some(ClosureProof::Drained);
        ForceSeen { taken_over, source_answers: lost.source_lives, closed, survivors }
    }

    /// A step of the node that makes the change, or is asked for it.
    fn step(&self, lost: &mut Lost) -> Option<ForceStep> {
        let is_closed = lost.change == Change::Made { is_closed: true };
        let step = next_force_step(&self.seen(lost, is_closed, false));
        match step {
            ForceStep::LeaveBe | ForceStep::Unreachable(_) => return None,
            ForceStep::Refuse if lost.change == Change::None => return None,
            // It lets go of what it has done before it lets go of the record.
            ForceStep::Refuse => follow_again(lost),
            // The source is dead: it takes no more writes, whoever sends them.
            ForceStep::Close => lost.change = Change::Made { is_closed: true },
            ForceStep::Publish(_) => publish(lost),
            _ => at_servers(lost, &step)?,
        }
        if matches!(step, ForceStep::Refuse | ForceStep::Publish(_)) {
            lost.change = Change::None;
        }
        Some(step)
    }

    /// What a node does with a change that another one left, by the product's own rule for it.
    fn go_back(&self, lost: &mut Lost) {
        let part = MovePart { extent: ZONE, source: UnitId(0), target: UnitId(1) };
        let record = MoveRecord {
            id: MoveId(2),
            parts: vec![part],
            kind: MoveKind::Forced,
            phase: MovePhase::Fenced,
            runner: String::new(),
            by: String::new(),
            at: 0,
        };
        assert_eq!(ZONE.group(), GroupId(0));
        let step = next_step(Some(&record), &Seen::default(), &DEADLINES);
        assert_eq!(step, Step::RollBack(RollBackReason::Abandoned));
        match lost.change {
            Change::TakenOver => {
                if self.mutant != ForceMutant::ChannelsLeft {
                    follow_again(lost);
                }
                lost.change = Change::Undone;
            }
            _ => lost.change = Change::None,
        }
    }

    /// Publishing fails where the store is not as it was looked at; what is done at servers is done.
    fn overtaken_step(&self, lost: &mut Lost) -> Option<()> {
        let Overtaken { is_closed, publishes } = lost.overtaken?;
        if publishes {
            if self.mutant == ForceMutant::NotToldOff && !lost.is_published {
                publish(lost);
                lost.change = Change::None;
            }
            lost.overtaken = None;
            return Some(());
        }
        let step = next_force_step(&self.seen(lost, is_closed, false));
        match step {
            ForceStep::Publish(_) => lost.overtaken = Some(Overtaken { is_closed, publishes: true }),
            ForceStep::LeaveBe | ForceStep::Refuse | ForceStep::Unreachable(_) => lost.overtaken = None,
            ForceStep::Close => lost.overtaken = Some(Overtaken { is_closed: true, publishes }),
            _ => at_servers(lost, &step)?,
        }
        Some(())
    }

    fn overtaken_hears(&self, lost: &mut Lost) {
        assert_eq!(next_force_step(&self.seen(lost, true, true)), ForceStep::LeaveBe);
        lost.overtaken = None;
        // The product's guard: no record and no quarantine is there.
        if lost.change == Change::None && !lost.is_published {
            follow_again(lost);
        }
    }
}

/// All follow the source again.
fn follow_again(lost: &mut Lost) {
    for place in &mut lost.survivors {
        place.channel = SourceChannel::Receives;
    }
}

fn publish(lost: &mut Lost) {
    let most = lost.survivors.iter().map(|place| place.received).max().unwrap_or_default();
    lost.received_lost = lost.survivors[TARGET].applied < most;
    lost.is_published = true;
}

/// What a step does at the survivors; `None` while it waits.
fn at_servers(lost: &mut Lost, step: &ForceStep) -> Option<()> {
    match *step {
        ForceStep::StopReceiving(at) => lost.survivors[at].channel = SourceChannel::Applies,
        ForceStep::ApplyReceived(at) => {
            // It waits; here others may come in between.
            if lost.survivors[at].applied < lost.survivors[at].received {
                return None;
            }
            lost.survivors[at].channel = SourceChannel::Stands;
        }
        ForceStep::Feed(at) => {
            let ahead = lost.survivors[at].applied;
            lost.newer_overwritten |= lost.new_write && ahead > lost.survivors[TARGET].applied;
            let target = &mut lost.survivors[TARGET];
            (target.received, target.applied) = (ahead, ahead);
        }
        ForceStep::Park(at) => lost.survivors[at].channel = SourceChannel::Parked,
        _ => return None,
    }
    Some(())
}
