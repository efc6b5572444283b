//! What was heard of must still be there: a store that was restored from a snapshot has forgotten what nodes have obeyed since.
//!
//! Epochs and revisions only grow, and together. Where that is not so any more, nothing that is read there counts until the process ends, nor for
//! the next one: what was heard of is kept in a file beside the node's state file.

use std::cmp::Ordering;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::control::store::contract::StoreError;
use crate::model::Epoch;

/// A document's epoch, and the revision at which it was written, counted from the base on: an operator's decision that a restored store counts
/// raises both.
pub type Written = (Epoch, u64);

/// The newest document that was heard of.
#[derive(Debug, Default)]
pub struct Newest {
    heard: Mutex<Option<Written>>,
    /// What the store held instead, and what was known.
    went_back: watch::Sender<Option<(Epoch, Epoch)>>,
    memory: Option<Memory>,
}

/// Where what was heard of outlives the process.
#[derive(Debug)]
pub struct Memory {
    /// The file.
    pub file: PathBuf,
    /// Which keys of which store it is about.
    pub prefix: String,
}

impl Newest {
    /// What a former process of this node heard of counts, too.
    pub fn remembered(memory: Memory) -> Newest {
        let heard = Mutex::new(memory.read());
        Newest { heard, memory: Some(memory), ..Newest::default() }
    }

    /// What was heard of by now: whatever is asked of the store from here on must know of it.
    pub fn heard(&self) -> Option<Written> {
        *self.lock()
    }

    /// One that the store has told of.
    pub fn hear(&self, written: Written) {
        let mut heard = self.lock();
        if heard.is_some_and(|heard| heard >= written) {
            return;
        }
        *heard = Some(written);
        if let Some(memory) = &self.memory {
            memory.write(written);
        }
    }

    /// Compares what the store told, if it holds anything, with what had been `heard` when it was asked. Errors: it went back.
    pub fn check(&self, heard: Option<Written>, told: Option<Written>) -> Result<(), StoreError> {
        let told = told.unwrap_or_default();
        if heard.is_some_and(|heard| has_gone_back(heard, told)) {
            self.went_back.send_replace(heard.map(|heard| (told.0, heard.0)));
            return self.holds();
        }
        self.hear(told);
        Ok(())
    }

    /// Errors: it went back.
    pub fn holds(&self) -> Result<(), StoreError> {
        match *self.went_back.borrow() {
            Some((stored, known)) => Err(StoreError::WentBack { stored, known }),
            None => Ok(()),
        }
    }

    /// Tells of it when it goes back.
    pub fn went_back(&self) -> watch::Receiver<Option<(Epoch, Epoch)>> {
        self.went_back.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Written>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// Nothing, where there is none or it is about something else.
    fn read(&self) -> Option<Written> {
        let text = std::fs::read_to_string(&self.file).ok()?;
        let mut words = text.split_whitespace();
        let is_about_it = words.next() == Some(self.prefix.as_str());
        let written = (Epoch(words.next()?.parse().ok()?), words.next()?.parse().ok()?);
        is_about_it.then_some(written)
    }

    /// Where it cannot be kept, the store alone tells the next process; the log says so.
    fn write(&self, (epoch, revision): Written) {
        let beside = self.file.with_extension("next");
        let text = format!("{} {epoch} {revision}\n", self.prefix);
        let kept = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, &self.file));
        if let Err(error) = kept {
            tracing::warn!(file = %self.file.display(), %error, "what was heard of etcd is not kept for the next start");
        }
    }
}

/// A document of the same epoch is the same document only if it was written at the same revision.
fn has_gone_back(heard: Written, told: Written) -> bool {
    let (epochs, revisions) = (told.0.cmp(&heard.0), told.1.cmp(&heard.1));
    epochs != revisions || epochs == Ordering::Less
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const HEARD: Option<Written> = Some((Epoch(7), 40));

    #[test]
    fn epochs_and_revisions_grow_together_or_the_store_went_back_for_good() {
        for told in [(Epoch(7), 40), (Epoch(8), 41)] {
            Newest::default().check(HEARD, Some(told)).unwrap();
        }
        let (epoch, older) = (Epoch(7), Epoch(6));
        // An older one; others wrote there since it was restored: fewer times than before, or as often, or more often.
        for told in [(older, 30), (older, 45), (epoch, 30), (epoch, 45), (Epoch(9), 39), (Epoch(9), 40)] {
            let newest = Newest::default();
            assert!(newest.check(HEARD, Some(told)).is_err(), "{told:?}");
            assert!(newest.holds().is_err() && newest.went_back().borrow().is_some());
        }
        Newest::default().check(None, None).unwrap();
        assert!(Newest::default().check(HEARD, None).is_err(), "it holds nothing any more");
    }

    #[test]
    fn what_a_former_process_heard_of_counts_for_the_same_keys() {
        let folder = tempfile::tempdir().unwrap();
        let memory = |prefix: &str| Memory { file: folder.path().join("state.heard"), prefix: prefix.to_owned() };
        let first = Newest::remembered(memory("/meridian/a/"));
        assert_eq!(first.heard(), None);
        first.hear((Epoch(7), 40));
        first.hear((Epoch(6), 39));
        assert_eq!(Newest::remembered(memory("/meridian/a/")).heard(), HEARD);
        assert_eq!(Newest::remembered(memory("/meridian/b/")).heard(), None);
        std::fs::write(folder.path().join("state.heard"), "torn").unwrap();
        assert_eq!(Newest::remembered(memory("/meridian/a/")).heard(), None);
    }

    #[test]
    fn an_answer_that_was_under_way_while_something_newer_was_heard_is_no_proof() {
        let newest = Newest::default();
        newest.hear((Epoch(7), 40));
        let when_asked = newest.heard();
        newest.hear((Epoch(8), 44));
        newest.check(when_asked, Some((Epoch(7), 40))).unwrap();
        assert_eq!(newest.heard(), Some((Epoch(8), 44)));
    }
}
