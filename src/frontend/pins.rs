//! Why a session keeps its connection in earnest, cause by cause.
//!
//! A cause with a name ends when what has that name is gone; one without lasts until everything of its kind has ended, or a reset.

use smallvec::SmallVec;

use crate::sql::PinReason;

/// The causes for which one connection is kept.
#[derive(Clone, Debug, Default)]
pub struct Pins {
    causes: SmallVec<[(PinReason, Option<Box<str>>); 1]>,
    /// Reasons that have begun since they were last counted.
    begun: SmallVec<[PinReason; 2]>,
}

impl Pins {
    /// Whether nothing pins.
    pub fn is_empty(&self) -> bool {
        self.causes.is_empty()
    }

    /// The reason to tell: the oldest.
    pub fn first(&self) -> Option<PinReason> {
        self.causes.first().map(|(reason, _)| *reason)
    }

    /// Whether this reason is among them.
    pub fn contains(&self, reason: PinReason) -> bool {
        self.causes.iter().any(|(known, _)| *known == reason)
    }

    /// A cause without a name.
    pub fn add(&mut self, reason: PinReason) {
        if !self.causes.contains(&(reason, None)) {
            self.begin(reason, None);
        }
    }

    /// Something with a name was made. A second one of the same name counts too: the first may have been renamed.
    pub fn open(&mut self, reason: PinReason, name: &str) {
        // Preparing a text under a name again replaces what was prepared under it.
        let replaces = reason == PinReason::SqlPrepare && self.has_open(reason, name);
        if !replaces {
            self.begin(reason, Some(name.into()));
        }
    }

    /// Whether something with this name was made and is still there.
    pub fn has_open(&self, reason: PinReason, name: &str) -> bool {
        self.causes.iter().any(|(known, open)| *known == reason && open.as_deref() == Some(name))
    }

    /// The names of what was made.
    pub fn names(&self, reason: PinReason) -> impl Iterator<Item = &str> {
        self.causes.iter().filter(move |(known, _)| *known == reason).filter_map(|(_, name)| name.as_deref())
    }

    /// Whether this reason has a cause that no name ends.
    pub fn is_unnamed(&self, reason: PinReason) -> bool {
        self.causes.contains(&(reason, None))
    }

    /// One thing of this name is gone.
    pub fn close(&mut self, reason: PinReason, name: &str) {
        let found = self.causes.iter().position(|(known, open)| *known == reason && open.as_deref() == Some(name));
        if let Some(found) = found {
            self.causes.remove(found);
        }
    }

    /// Everything of this kind is gone.
    pub fn end(&mut self, reason: PinReason) {
        self.causes.retain(|(known, _)| *known != reason);
    }

    /// The reasons that have begun since the last call.
    pub fn take_begun(&mut self) -> SmallVec<[PinReason; 2]> {
        std::mem::take(&mut self.begun)
    }

    fn begin(&mut self, reason: PinReason, name: Option<Box<str>>) {
        if !self.contains(reason) {
            self.begun.push(reason);
        }
        self.causes.push((reason, name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_ends_with_the_last_thing_of_its_kind_and_not_before() {
        let mut pins = Pins::default();
        pins.open(PinReason::TemporaryTable, "shop.a");
        pins.open(PinReason::TemporaryTable, "shop.b");
        pins.close(PinReason::TemporaryTable, "shop.a");
        pins.close(PinReason::TemporaryTable, "shop.never");
        assert!(!pins.is_empty());
        pins.close(PinReason::TemporaryTable, "shop.b");
        assert!(pins.is_empty());
    }

    #[test]
    fn a_table_made_twice_may_have_been_renamed_and_keeps_its_pin() {
        let mut pins = Pins::default();
        pins.open(PinReason::TemporaryTable, "shop.a");
        pins.open(PinReason::TemporaryTable, "shop.a");
        pins.close(PinReason::TemporaryTable, "shop.a");
        assert!(!pins.is_empty());
    }

    #[test]
    fn a_text_prepared_again_under_its_name_is_still_one() {
        let mut pins = Pins::default();
        pins.open(PinReason::SqlPrepare, "s");
        pins.open(PinReason::SqlPrepare, "s");
        pins.close(PinReason::SqlPrepare, "s");
        assert!(pins.is_empty());
    }

    #[test]
    fn no_name_ends_a_cause_without_one() {
        let mut pins = Pins::default();
        pins.add(PinReason::SqlPrepare);
        pins.open(PinReason::SqlPrepare, "s");
        pins.close(PinReason::SqlPrepare, "s");
        assert!(pins.contains(PinReason::SqlPrepare));
        pins.end(PinReason::SqlPrepare);
        assert!(pins.is_empty());
    }

    #[test]
    fn each_reason_is_counted_once_while_it_lasts() {
        let mut pins = Pins::default();
        pins.add(PinReason::NamedLock);
        pins.open(PinReason::TemporaryTable, "shop.a");
        pins.open(PinReason::TemporaryTable, "shop.b");
        assert_eq!(pins.take_begun().as_slice(), [PinReason::NamedLock, PinReason::TemporaryTable]);
        assert!(pins.take_begun().is_empty());
    }
}
