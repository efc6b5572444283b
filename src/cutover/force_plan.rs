//! Which step of a forced change is next, from what is seen of the survivors. Pure.
//!
//! Before anything opens: nobody can write at the source, nobody receives from it any more, and whatever anybody has received from it is at the
//! target. Otherwise a source that comes back overwrites newer rows without an error.

use crate::model::{ClosureProof, ControlState, MoveKind, MoveRecord};

/// What is seen of one instance that is not the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Survivor {
    /// Whether it stands in the source's own unit: it is left behind with it.
    pub of_source_unit: bool,
    /// Whether it answers.
    pub answers: bool,
    /// What its channel from the source does.
    pub channel: SourceChannel,
    /// Whether the target has all it has.
    pub is_covered: bool,
}

/// What a channel from the source does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SourceChannel {
    /// There is none.
    Absent,
    /// It receives.
    Receives,
    /// It receives no more, and has not yet applied all it has.
    Applies,
    /// It has applied all it had and stands. When its server starts again, it receives again.
    Stands,
    /// It leads nowhere, whoever starts it.
    Parked,
}

/// What is seen before the next step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForceSeen {
    /// Whether another node carries the change on by now.
    pub taken_over: bool,
    /// Whether the source answers.
    pub source_answers: bool,
    /// What proves that nobody can write there.
    pub closed: Option<ClosureProof>,
    /// Every other instance of the group; the target is one of them.
    pub survivors: Vec<Survivor>,
}

/// What is to be done next. Numbers are positions among the survivors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForceStep {
    /// Nothing at all: whoever has taken it over undoes what was done.
    LeaveBe,
    /// Nothing by force: the source answers, so a planned move is possible.
    Refuse,
    /// See to it that nobody can write at the source.
    Close,
    /// This one cannot be asked whether it still receives from the source.
    Unreachable(usize),
    /// Stop receiving from the source.
    StopReceiving(usize),
    /// Wait until it has applied what it received, then stop its channel.
    ApplyReceived(usize),
    /// The target has to get what this one has.
    Feed(usize),
    /// Turn its channel from the source to where nobody answers.
    Park(usize),
    /// Give the scopes to the target.
    Publish(ClosureProof),
}

impl ForceStep {
    /// The words for it that operators read.
    pub fn word(&self) -> &'static str {
        match self {
            ForceStep::LeaveBe => "force: taken over",
            ForceStep::Refuse | ForceStep::Unreachable(_) => "force: refused",
            ForceStep::Close => "force: close the source",
            ForceStep::StopReceiving(_) => "force: stop receiving",
            ForceStep::ApplyReceived(_) => "force: apply what was received",
            ForceStep::Feed(_) => "force: feed the target",
            ForceStep::Park(_) => "force: park channels",
            ForceStep::Publish(_) => "force: publish",
        }
    }
}

/// The next step.
pub fn next_force_step(seen: &ForceSeen) -> ForceStep {
    if seen.taken_over {
        return ForceStep::LeaveBe;
    }
    if seen.source_answers {
        return ForceStep::Refuse;
    }
    let Some(proof) = seen.closed else { return ForceStep::Close };
    let first = |is: &dyn Fn(&Survivor) -> bool| seen.survivors.iter().position(is);
    // One in the source's own unit that is gone as well is left behind with it: no client is sent there.
    if let Some(silent) = first(&|one| !one.answers && !one.of_source_unit) {
        return ForceStep::Unreachable(silent);
    }
    if let Some(receives) = first(&|one| one.answers && one.channel == SourceChannel::Receives) {
        return ForceStep::StopReceiving(receives);
    }
    if let Some(applies) = first(&|one| one.answers && one.channel == SourceChannel::Applies) {
        return ForceStep::ApplyReceived(applies);
    }
    if let Some(ahead) = first(&|one| one.answers && !one.is_covered) {
        return ForceStep::Feed(ahead);
    }
    // Last, because the target is fed through its channel. One in the source's own unit may follow the source again: nobody reads there.
    let stands = |one: &Survivor| one.answers && !one.of_source_unit && one.channel == SourceChannel::Stands;
    match first(&stands) {
        Some(stands) => ForceStep::Park(stands),
        None => ForceStep::Publish(proof),
    }
}

/// Which other node carries the change on by now.
pub fn taken_over(state: &ControlState, record: &MoveRecord) -> Option<String> {
    let now = state.moves.iter().find(|now| now.id == record.id)?;
    (now.runner != record.runner).then(|| now.runner.clone())
}

/// Whether channels may follow the source of a forced change again that was not made: nobody else carries it on or has begun it anew, and the
/// source was not left behind meanwhile.
pub fn may_follow_again(state: &ControlState, record: &MoveRecord) -> bool {
    let Some(place) = record.sources().first().copied() else { return false };
    let forced = |other: &&MoveRecord| other.kind == MoveKind::Forced && other.sources().contains(&place);
    let is_left_behind = state.quarantines.iter().any(|one| (one.group, one.unit) == place);
    let is_ours = |other: &MoveRecord| (other.id, &other.runner) == (record.id, &record.runner);
    !is_left_behind && state.moves.iter().filter(forced).all(is_ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Survivor =
        Survivor { of_source_unit: false, answers: true, channel: SourceChannel::Parked, is_covered: true };

    fn next(survivors: &[Survivor]) -> ForceStep {
        let closed = Some(ClosureProof::Drained);
        next_force_step(&ForceSeen { closed, survivors: survivors.to_vec(), ..ForceSeen::default() })
    }

    #[test]
    fn a_source_that_answers_is_moved_from_by_plan() {
        let closed = Some(ClosureProof::Unfenced);
        let seen = ForceSeen { source_answers: true, closed, survivors: vec![CALM], ..ForceSeen::default() };
        assert_eq!(next_force_step(&seen), ForceStep::Refuse);
        assert_eq!(next_force_step(&ForceSeen { taken_over: true, ..seen }), ForceStep::LeaveBe);
    }

    #[test]
    fn nothing_is_done_before_the_source_is_closed() {
        let receives = Survivor { channel: SourceChannel::Receives, ..CALM };
        let seen = ForceSeen { survivors: vec![receives], ..ForceSeen::default() };
        assert_eq!(next_force_step(&seen), ForceStep::Close);
    }

    #[test]
    fn all_stop_receiving_before_anybody_is_fed_and_all_are_fed_before_anything_opens() {
        let receives = Survivor { channel: SourceChannel::Receives, is_covered: false, ..CALM };
        let applies = Survivor { channel: SourceChannel::Applies, is_covered: false, ..CALM };
        let left_behind = Survivor { of_source_unit: true, ..CALM };
        let ahead = Survivor { is_covered: false, ..left_behind };
        for (survivors, step) in [
            ([ahead, applies, receives], ForceStep::StopReceiving(2)),
            ([ahead, applies, CALM], ForceStep::ApplyReceived(1)),
            ([ahead, CALM, CALM], ForceStep::Feed(0)),
            ([CALM, Survivor { channel: SourceChannel::Stands, ..CALM }, CALM], ForceStep::Park(1)),
            (
                [Survivor { channel: SourceChannel::Stands, ..left_behind }, CALM, CALM],
                ForceStep::Publish(ClosureProof::Drained),
            ),
            ([CALM, CALM, CALM], ForceStep::Publish(ClosureProof::Drained)),
        ] {
            assert_eq!(next(&survivors), step);
        }
    }

    #[test]
    fn another_unit_s_silent_instance_stops_it_one_of_the_source_s_unit_does_not() {
        let silent = Survivor { answers: false, channel: SourceChannel::Absent, is_covered: false, ..CALM };
        assert_eq!(next(&[CALM, silent]), ForceStep::Unreachable(1));
        let left_behind = Survivor { of_source_unit: true, ..silent };
        assert_eq!(next(&[CALM, left_behind]), ForceStep::Publish(ClosureProof::Drained));
    }
}
