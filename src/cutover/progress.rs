//! How far the moves of this process are, for people who watch.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::MoveId;

/// One move as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Which step it is at, in a word.
    pub step: &'static str,
    /// More of it: who is waited for, or what went wrong.
    pub detail: String,
    /// Older writes that are still in flight.
    pub in_flight: usize,
    /// When this process met the move.
    pub since: Instant,
}

/// What all moves post.
#[derive(Debug, Default)]
pub struct Board(Mutex<BTreeMap<MoveId, Progress>>);

impl Board {
    /// Posts a step.
    pub fn post(&self, id: MoveId, step: &'static str, detail: String, in_flight: usize) {
        let mut moves = self.moves();
        let since = moves.get(&id).map_or_else(Instant::now, |known| known.since);
        moves.insert(id, Progress { step, detail, in_flight, since });
    }

    /// Forgets a move that has ended.
    pub fn remove(&self, id: MoveId) {
        self.moves().remove(&id);
    }

    /// How far a move is; `None` if this process does not run it.
    pub fn of(&self, id: MoveId) -> Option<Progress> {
        self.moves().get(&id).cloned()
    }

    fn moves(&self) -> MutexGuard<'_, BTreeMap<MoveId, Progress>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The steps a run has behind it, each with the time at which it had ended.
#[derive(Default)]
pub(super) struct Took(Vec<(&'static str, Duration)>);

impl Took {
    pub(super) fn ended(&mut self, word: &'static str, at: Duration) {
        self.0.push((word, at));
    }

    /// `drain 3.1, record 9.0 ms`.
    pub(super) fn told(&self) -> String {
        let steps = self.0.iter().map(|(word, at)| format!("{word} {:.1}", at.as_secs_f64() * 1000.0));
        format!("{} ms", steps.collect::<Vec<_>>().join(", "))
    }
}
