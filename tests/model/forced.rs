//! Forced changes: a source with a replica of its own, a target, and a third unit; writes that have got to some of them; servers that start again
//! and resume what they were told to follow; a source that comes back. Which step is next is asked of the product.

use meridian::cutover::force_plan::{ForceSeen, ForceStep, SourceChannel, Survivor, next_force_step};
use meridian::model::ClosureProof;
use stateright::{Model, Property};

pub const NEWER_ROWS_STAY: &str = "no write of the lost source is applied behind a write of the new owner";
pub const RECEIVED_IS_KEPT: &str = "whatever a survivor had received is at the new owner when it opens";

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
}

#[derive(Clone, Debug)]
pub struct Forced {
    pub writes: u8,
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
    has_begun: bool,
    is_closed: bool,
    is_published: bool,
    /// The new owner has written.
    new_write: bool,
    newer_overwritten: bool,
    received_lost: bool,
    restarts: u8,
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
            has_begun: false,
            is_closed: false,
            is_published: false,
            new_write: false,
            newer_overwritten: false,
            received_lost: false,
            restarts: 1,
        }]
    }

    fn actions(&self, lost: &Lost, actions: &mut Vec<Action>) {
        if lost.newer_overwritten || lost.received_lost {
            return;
        }
        let mut may = |when: bool, action: Action| actions.extend(when.then_some(action));
        may(lost.source_lives && !lost.has_begun && lost.written < self.writes, Action::Write);
        may(lost.source_lives && lost.may_die, Action::Die);
        may(!lost.source_lives && lost.may_return, Action::Return);
        may(!lost.is_published && !lost.may_die, Action::Step);
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
            Action::Step => self.step(&mut lost)?,
        }
        (lost != *last).then_some(lost)
    }

    fn properties(&self) -> Vec<Property<Forced>> {
        vec![
            Property::always(NEWER_ROWS_STAY, |_, lost: &Lost| !lost.newer_overwritten),
            Property::always(RECEIVED_IS_KEPT, |_, lost: &Lost| !lost.received_lost),
            Property::sometimes("the target opens", |_, lost: &Lost| lost.is_published && lost.new_write),
            Property::sometimes("a source comes back after that", |_, lost: &Lost| {
                lost.is_published && lost.source_lives
            }),
            Property::sometimes("something is lost", |_, lost: &Lost| {
                lost.is_published && lost.survivors[TARGET].applied < lost.written
            }),
        ]
    }
}

impl Forced {
    fn seen(&self, lost: &Lost) -> ForceSeen {
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
        ForceSeen {
            source_answers: lost.source_lives,
            closed: lost.is_closed.then_some(ClosureProof::Drained),
            survivors: lost.survivors.iter().enumerate().map(survivor).collect(),
        }
    }

    fn step(&self, lost: &mut Lost) -> Option<()> {
        match next_force_step(&self.seen(lost)) {
            ForceStep::Refuse | ForceStep::Unreachable(_) => return None,
            // The source is dead: it takes no more writes, whoever sends them.
            ForceStep::Close => (lost.has_begun, lost.is_closed) = (true, true),
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
                let target = &mut lost.survivors[TARGET];
                (target.received, target.applied) = (ahead, ahead);
            }
            ForceStep::Park(at) => lost.survivors[at].channel = SourceChannel::Parked,
            ForceStep::Publish(_) => {
                let most = lost.survivors.iter().map(|place| place.received).max().unwrap_or_default();
                lost.received_lost = lost.survivors[TARGET].applied < most;
                lost.is_published = true;
            }
        }
        Some(())
    }
}
