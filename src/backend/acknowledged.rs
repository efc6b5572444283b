//! How many of the writes this node has acknowledged an instance's survivors may lack, by its own records: it counts them, and remembers up to
//! which of them the instance's position was heard.
//!
//! No write is asked for its own GTID. The servers would tell it only to whom sets a session variable that clients can see
//! (`session_track_system_variables`, `session_track_gtids`), and every OK would have to be rewritten; so the number is a bound, not exact.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::Position;

/// How many samples may come together until some are forgotten. What is left of any number of writes is about half as many.
const REMEMBERED: usize = 1024;

/// What is forgotten makes the bound too high by one in so many at most.
const CLOSENESS: u64 = 16;

/// One instance's acknowledged writes by this process.
#[derive(Debug, Default)]
pub struct Acknowledged {
    count: AtomicU64,
    samples: Mutex<VecDeque<Sample>>,
}

/// A position of the instance's own writes, and what it holds for certain.
#[derive(Debug)]
struct Sample {
    /// So many acknowledged transactions are in it: they had been counted before it was asked for.
    holds: u64,
    position: Position,
}

impl Acknowledged {
    /// So many transactions that wrote have been committed there, and their client is told so.
    pub fn add(&self, transactions: u64) {
        self.count.fetch_add(transactions, Ordering::Relaxed);
    }

    /// How many there are. Read it before the position is asked for that is given to [`Acknowledged::remember`].
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether there are some that no position is known to hold, or no position is known at all.
    pub fn is_behind(&self) -> bool {
        self.samples().back().is_none_or(|last| last.holds < self.count())
    }

    /// The instance's own writes were at `position` after `holds` were acknowledged.
    pub fn remember(&self, holds: u64, position: Position) {
        let mut samples = self.samples();
        samples.push_back(Sample { holds, position });
        if samples.len() > REMEMBERED {
            thin_out(&mut samples, self.count());
        }
    }

    /// The most acknowledged transactions that `kept` lacks. `None` where no position is known that it holds: what this node's former process
    /// acknowledged may be lacking too.
    pub fn lacking(&self, kept: &Position) -> Option<u64> {
        let samples = self.samples();
        let held = samples.iter().rev().find(|sample| sample.position.missing_from(kept) == Some(0))?;
        Some(self.count().saturating_sub(held.holds))
    }

    fn samples(&self) -> MutexGuard<'_, VecDeque<Sample>> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The further back, the fewer are kept: what lies between two of them is little beside what came since. The oldest always is, since nothing is
/// known without one.
fn thin_out(samples: &mut VecDeque<Sample>, count: u64) {
    let mut newer = count;
    let mut kept = VecDeque::with_capacity(REMEMBERED);
    while let Some(sample) = samples.pop_back() {
        let without = samples.back().map(|older| newer.saturating_sub(older.holds));
        if without.is_none_or(|gap| gap * CLOSENESS > count.saturating_sub(newer)) {
            newer = sample.holds;
            kept.push_front(sample);
        }
    }
    *samples = kept;
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(last: u64) -> Position {
        Position::of_mariadb(&[&format!("1-11-{last}")])
    }

    #[test]
    fn what_was_acknowledged_since_the_last_position_that_is_kept_may_be_lacking() {
        let known = Acknowledged::default();
        assert_eq!(known.lacking(&at(9)), None, "no position was heard");
        assert!(known.is_behind());
        known.remember(0, at(10));
        assert!(!known.is_behind());
        for _ in 0..3 {
            known.add(1);
        }
        assert!(known.is_behind());
        // Other nodes write too.
        known.remember(known.count(), at(17));
        known.add(1);
        assert_eq!([17, 16, 10, 9].map(|kept| known.lacking(&at(kept))), [Some(1), Some(4), Some(4), None]);
    }

    #[test]
    fn old_positions_are_thinned_out_and_the_bound_stays_close() {
        const WRITES: u64 = 1_000_000;
        let known = Acknowledged::default();
        for number in 0..WRITES / 10 {
            known.remember(known.count(), at(number * 10));
            known.add(10);
        }
        assert!(known.samples().len() <= REMEMBERED);
        for kept in [0, 5_005, 500_000, 990_001, WRITES - 10] {
            let (bound, lacking) = (known.lacking(&at(kept)).unwrap(), WRITES - kept);
            assert!(bound >= lacking && bound <= lacking + lacking / CLOSENESS + 10, "{bound}, not {lacking}");
        }
    }
}
