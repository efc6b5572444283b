//! Which step of a move is next: from the record, what was seen, and the time that has passed. Pure.
//!
//! No step is remembered but in the record: whoever takes over begins with nothing seen and comes to the same steps.

use std::fmt;
use std::time::Duration;

use crate::model::{Epoch, MoveKind, MovePhase, MoveRecord};

/// How long each part of a move may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// How long a node may take to take notice of a move before it is shut out at the source, where it has accounts of its own.
    pub acknowledge: Duration,
    /// How long transactions that began before the fence may take to end by themselves.
    pub drain: Duration,
    /// How long ending them may take.
    pub end: Duration,
    /// How long a node that is not heard may keep the move waiting after that: its lease has to end first.
    pub silence: Duration,
    /// How long the target, and whoever else applies the source's stream, may take to have everything.
    pub catch_up: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        let acknowledge = Duration::from_millis(200);
        Deadlines { acknowledge, drain: seconds(1), end: seconds(2), silence: seconds(6), catch_up: seconds(5) }
    }
}

/// What the run of a move has seen since it, or the phase, began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The time since this run met the phase.
    pub in_phase: Duration,
    /// The epoch of the state that was looked at.
    pub decided_on: Epoch,
    /// The writes in flight that were decided before the fence; unknown until looked for.
    pub in_flight: Option<usize>,
    /// Other nodes that have not said that they are drained, nor are known to be unable to write; their names.
    pub unheard: Vec<String>,
    /// Whether all who must have the positions have them, those on record or those that were read last, and the targets take writes.
    pub caught_up: bool,
    /// What last went wrong.
    pub trouble: Option<String>,
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Wait until no older write is in flight, at most this long.
    Drain {
        /// At most.
        at_most: Duration,
    },
    /// End the transactions that are left, and wait for their end, at most this long.
    EndTransactions {
        /// At most.
        at_most: Duration,
    },
    /// Wait until every other node has said that it is drained, or can write no more, at most this long.
    AwaitNodes {
        /// At most.
        at_most: Duration,
    },
    /// Read what the sources have written, and record it unless all have it by then.
    Record,
    /// Wait until all have it, at most this long.
    CatchUp {
        /// At most.
        at_most: Duration,
    },
    /// Give the scopes to their targets.
    Publish,
    /// Give what was fenced back to its owners, who are forbidden to write it.
    GiveBack,
    /// Open the scopes at their sources again.
    RollBack(RollBackReason),
    /// Nothing: the move has ended.
    Done,
}

impl Step {
    /// The word for it that operators read.
    pub fn word(&self) -> &'static str {
        match self {
            Step::Drain { .. } => "drain",
            Step::AwaitNodes { .. } => "await-nodes",
            Step::EndTransactions { .. } => "end-transactions",
            Step::Record => "record",
            Step::CatchUp { .. } => "catch-up",
            Step::Publish => "publish",
            Step::GiveBack => "give-back",
            Step::RollBack(_) => "roll-back",
            Step::Done => "done",
        }
    }
}

/// Why a move goes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RollBackReason {
    /// Writes that began before the fence do not end.
    NotDrained {
        /// How many.
        in_flight: usize,
    },
    /// Other nodes have neither said that they are drained, nor are they known to be unable to write.
    NotAcknowledged {
        /// Their names.
        nodes: Vec<String>,
    },
    /// Somebody who must have the sources' positions does not have them in time.
    NotCaughtUp,
    /// A server did not answer or refused.
    Trouble(String),
    /// Nobody carries a forced change on but the node an operator asked: how far it had come with the servers is not written down.
    Abandoned,
}

impl fmt::Display for RollBackReason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RollBackReason::NotDrained { in_flight } => write!(out, "{in_flight} older writes did not end in time"),
            RollBackReason::NotAcknowledged { nodes } => write!(out, "not acknowledged by {}", nodes.join(", ")),
            RollBackReason::NotCaughtUp => write!(out, "replication did not catch up in time"),
            RollBackReason::Trouble(what) => write!(out, "{what}"),
            RollBackReason::Abandoned => write!(out, "the node that made the forced change is gone; ask for it again"),
        }
    }
}

/// The next step of the move whose record is `record`; `None` when it is not in the state any more.
pub fn next_step(record: Option<&MoveRecord>, seen: &Seen, deadlines: &Deadlines) -> Step {
    let Some(record) = record else { return Step::Done };
    if record.kind == MoveKind::Forced {
        return Step::RollBack(RollBackReason::Abandoned);
    }
    match &record.phase {
        MovePhase::Fenced => match fenced(seen, deadlines) {
            // It has been told what the owners had written: nobody has to have it.
            Step::Publish if record.kind == MoveKind::Fencing => Step::GiveBack,
            step => step,
        },
        MovePhase::Recorded(_) => recorded(seen, deadlines),
    }
}

fn fenced(seen: &Seen, deadlines: &Deadlines) -> Step {
    let ended_by = deadlines.drain + deadlines.end;
    match seen.in_flight {
        Some(0) if !seen.unheard.is_empty() => unheard(seen, ended_by + deadlines.silence),
        Some(0) => match &seen.trouble {
            Some(trouble) if seen.in_phase >= ended_by + deadlines.catch_up => {
                Step::RollBack(RollBackReason::Trouble(trouble.clone()))
            }
            Some(_) | None if seen.caught_up => Step::Publish,
            Some(_) | None => Step::Record,
        },
        None | Some(_) if seen.in_phase < deadlines.drain => Step::Drain { at_most: deadlines.drain - seen.in_phase },
        None => Step::Drain { at_most: Duration::ZERO },
        Some(_) if seen.in_phase < ended_by => Step::EndTransactions { at_most: ended_by - seen.in_phase },
        Some(in_flight) => Step::RollBack(RollBackReason::NotDrained { in_flight }),
    }
}

fn unheard(seen: &Seen, until: Duration) -> Step {
    match until.checked_sub(seen.in_phase) {
        Some(at_most) if !at_most.is_zero() => Step::AwaitNodes { at_most },
        Some(_) | None => Step::RollBack(RollBackReason::NotAcknowledged { nodes: seen.unheard.clone() }),
    }
}

fn recorded(seen: &Seen, deadlines: &Deadlines) -> Step {
    match (seen.caught_up, &seen.trouble) {
        (_, Some(trouble)) if seen.in_phase >= deadlines.catch_up => {
            Step::RollBack(RollBackReason::Trouble(trouble.clone()))
        }
        (true, _) => Step::Publish,
        (false, _) if seen.in_phase < deadlines.catch_up => {
            Step::CatchUp { at_most: deadlines.catch_up - seen.in_phase }
        }
        (false, _) => Step::RollBack(RollBackReason::NotCaughtUp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Extent, FencePosition, GroupId, MoveId, MovePart, UnitId};

    const SECOND: Duration = Duration::from_secs(1);

    fn deadlines() -> Deadlines {
        Deadlines { drain: SECOND, end: 2 * SECOND, silence: 6 * SECOND, catch_up: 5 * SECOND, ..Deadlines::default() }
    }

    fn record(phase: MovePhase) -> MoveRecord {
        let part = MovePart { extent: Extent::GlobalZone(GroupId(0)), source: UnitId(0), target: UnitId(1) };
        MoveRecord {
            id: MoveId(2),
            parts: vec![part],
            kind: MoveKind::Planned,
            phase,
            runner: String::new(),
            by: "dba".to_owned(),
            at: 1,
        }
    }

    fn position() -> FencePosition {
        FencePosition { group: GroupId(0), source: UnitId(0), position: "1-11-5".to_owned() }
    }

    fn seen(in_phase: u32, in_flight: Option<usize>, caught_up: bool, trouble: Option<&str>) -> Seen {
        let trouble = trouble.map(str::to_owned);
        Seen { in_phase: in_phase * SECOND, in_flight, caught_up, trouble, ..Seen::default() }
    }

    #[test]
    fn a_move_that_is_gone_is_done() {
        assert_eq!(next_step(None, &seen(9, Some(1), true, None), &deadlines()), Step::Done);
    }

    #[test]
    fn a_forced_change_that_its_node_left_goes_back() {
        let record = MoveRecord { kind: MoveKind::Forced, ..record(MovePhase::Fenced) };
        for seen in [seen(0, None, false, None), seen(9, Some(0), true, None)] {
            let back = Step::RollBack(RollBackReason::Abandoned);
            assert_eq!(next_step(Some(&record), &seen, &deadlines()), back, "{seen:?}");
        }
    }

    #[test]
    fn a_fenced_move_drains_then_ends_what_is_left_then_goes_back() {
        let back = |in_flight| Step::RollBack(RollBackReason::NotDrained { in_flight });
        for (seen, step) in [
            (seen(0, None, false, None), Step::Drain { at_most: SECOND }),
            (seen(0, Some(3), false, None), Step::Drain { at_most: SECOND }),
            (seen(1, Some(3), false, None), Step::EndTransactions { at_most: 2 * SECOND }),
            (seen(2, Some(1), false, None), Step::EndTransactions { at_most: SECOND }),
            (seen(3, Some(1), false, None), back(1)),
            (seen(0, Some(0), false, None), Step::Record),
            (seen(0, Some(0), true, None), Step::Publish),
            (seen(9, Some(0), false, None), Step::Record),
        ] {
            assert_eq!(next_step(Some(&record(MovePhase::Fenced)), &seen, &deadlines()), step, "{seen:?}");
        }
    }

    #[test]
    fn a_node_that_is_not_heard_is_waited_for_and_then_the_move_goes_back() {
        let nodes = vec!["hz-2#4".to_owned()];
        let step = |in_phase| {
            let seen = Seen { unheard: nodes.clone(), ..seen(in_phase, Some(0), false, None) };
            next_step(Some(&record(MovePhase::Fenced)), &seen, &deadlines())
        };
        assert_eq!(step(0), Step::AwaitNodes { at_most: 9 * SECOND });
        assert_eq!(step(8), Step::AwaitNodes { at_most: SECOND });
        assert_eq!(step(9), Step::RollBack(RollBackReason::NotAcknowledged { nodes: nodes.clone() }));
    }

    #[test]
    fn what_is_fenced_goes_as_a_move_does_until_its_position_is_known_and_is_then_given_back() {
        let fencing = MoveRecord { kind: MoveKind::Fencing, ..record(MovePhase::Fenced) };
        for seen in [
            seen(0, None, false, None),
            seen(1, Some(3), false, None),
            seen(3, Some(1), false, None),
            seen(0, Some(0), false, None),
            seen(8, Some(0), false, Some("gone")),
        ] {
            let of_move = next_step(Some(&record(MovePhase::Fenced)), &seen, &deadlines());
            assert_eq!(next_step(Some(&fencing), &seen, &deadlines()), of_move, "{seen:?}");
        }
        assert_eq!(next_step(Some(&fencing), &seen(0, Some(0), true, None), &deadlines()), Step::GiveBack);
    }

    #[test]
    fn nothing_is_recorded_before_somebody_has_looked_for_older_writes() {
        for in_phase in 0..20 {
            let step = next_step(Some(&record(MovePhase::Fenced)), &seen(in_phase, None, true, None), &deadlines());
            assert!(matches!(step, Step::Drain { .. }), "{in_phase}: {step:?}");
        }
    }

    #[test]
    fn a_recorded_move_waits_then_publishes_or_goes_back() {
        for (seen, step) in [
            (seen(0, None, false, None), Step::CatchUp { at_most: 5 * SECOND }),
            (seen(4, None, false, Some("bj does not answer")), Step::CatchUp { at_most: SECOND }),
            (seen(5, None, false, None), Step::RollBack(RollBackReason::NotCaughtUp)),
            (seen(5, None, true, Some("read-only")), Step::RollBack(RollBackReason::Trouble("read-only".to_owned()))),
            (seen(0, None, true, None), Step::Publish),
            (seen(9, None, true, None), Step::Publish),
        ] {
            let record = record(MovePhase::Recorded(vec![position()]));
            assert_eq!(next_step(Some(&record), &seen, &deadlines()), step, "{seen:?}");
        }
    }

    #[test]
    fn trouble_is_tried_again_until_the_time_is_over() {
        let fenced = record(MovePhase::Fenced);
        let step = |in_phase| next_step(Some(&fenced), &seen(in_phase, Some(0), false, Some("gone")), &deadlines());
        assert_eq!(step(7), Step::Record);
        assert_eq!(step(8), Step::RollBack(RollBackReason::Trouble("gone".to_owned())));
    }

    #[test]
    fn reasons_are_sentences() {
        assert_eq!(RollBackReason::NotDrained { in_flight: 2 }.to_string(), "2 older writes did not end in time");
        assert_eq!(RollBackReason::NotCaughtUp.to_string(), "replication did not catch up in time");
    }
}
