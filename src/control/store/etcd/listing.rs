//! All keys at one revision, and how they become a [`Picture`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::keys::{Key, Keys};
use super::messages::{Event, RangeResponse};
use super::store::unpacked;
use crate::control::document;
use crate::control::member_document as member;
use crate::control::store::contract::StoreError;
use crate::model::{About, ControlState, Incarnation, Life, Member, Picture, Question, Report};

/// What the watched keys hold.
#[derive(Debug, Default)]
pub struct Listing {
    revision: i64,
    document: Option<Vec<u8>>,
    /// What each said when it entered, and the revision at which that was.
    incarnations: BTreeMap<Incarnation, (u64, Vec<u8>)>,
    nodes: BTreeMap<Incarnation, Vec<u8>>,
    shut_out: BTreeSet<Incarnation>,
    questions: BTreeMap<u64, Vec<u8>>,
}

impl Listing {
    /// What a read of all of them gave.
    pub fn of(keys: &Keys, answer: RangeResponse) -> Listing {
        let mut listing = Listing { revision: answer.header.map_or(0, |header| header.revision), ..Listing::default() };
        for found in answer.kvs {
            listing.set(keys.read(&found.key), Some((found.mod_revision, found.value)));
        }
        listing
    }

    /// The revision it stands at.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// Carries on to `revision` by what changed since.
    pub fn take(&mut self, keys: &Keys, revision: i64, events: Vec<Event>) {
        const PUT: i32 = 0;
        for event in events {
            let Some(changed) = event.kv else { continue };
            let value = (event.kind == PUT).then_some((changed.mod_revision, changed.value));
            self.set(keys.read(&changed.key), value);
        }
        self.revision = self.revision.max(revision);
    }

    fn set(&mut self, key: Key, value: Option<(i64, Vec<u8>)>) {
        match (key, value) {
            (Key::Document, value) => self.document = value.map(|(_, value)| value),
            (Key::Node(which), Some((_, value))) => drop(self.nodes.insert(which, value)),
            (Key::Node(which), None) => drop(self.nodes.remove(&which)),
            (Key::Incarnation(which), Some((revision, value))) => {
                drop(self.incarnations.insert(which, (revision.unsigned_abs(), value)));
            }
            (Key::Incarnation(which), None) => drop(self.incarnations.remove(&which)),
            (Key::ShutOut(which), Some(_)) => drop(self.shut_out.insert(which)),
            (Key::ShutOut(which), None) => drop(self.shut_out.remove(&which)),
            (Key::Question(number), Some((_, value))) => drop(self.questions.insert(number, value)),
            (Key::Question(number), None) => drop(self.questions.remove(&number)),
            // A counter; it is read where it is used.
            (Key::Other, _) => {}
        }
    }

    /// The picture; a document that is `last`'s is not read again. Errors: what is stored cannot be read.
    pub fn picture(&self, last: &Picture) -> Result<Picture, StoreError> {
        Ok(Picture {
            revision: self.revision,
            state: self.state(last)?,
            members: self.members()?,
            questions: self.questions()?,
        })
    }

    fn state(&self, last: &Picture) -> Result<Option<Arc<ControlState>>, StoreError> {
        let Some(value) = &self.document else { return Ok(None) };
        let state = document::read(&unpacked(value)?)?;
        // The same picture of it is kept, so that nobody takes it for a change.
        Ok(Some(match &last.state {
            Some(known) if **known == state => Arc::clone(known),
            Some(_) | None => Arc::new(state),
        }))
    }

    /// Every incarnation that has entered and not signed off.
    fn members(&self) -> Result<Vec<Member>, StoreError> {
        let mut members = Vec::new();
        for (incarnation, (fence, kept)) in &self.incarnations {
            let live = self.nodes.get(incarnation);
            let (about, report): (About, Report) = member::read(live.unwrap_or(kept))?;
            let (life, report) = match live {
                Some(_) => (Life::Live, report),
                None => (Life::Silent, Report::default()),
            };
            let is_shut_out = self.shut_out.contains(incarnation);
            members.push(Member { incarnation: incarnation.clone(), about, fence: *fence, life, is_shut_out, report });
        }
        Ok(members)
    }

    fn questions(&self) -> Result<Vec<Question>, StoreError> {
        let read = |(number, value): (&u64, &Vec<u8>)| Ok(member::read_question(*number, value)?);
        self.questions.iter().map(read).collect()
    }
}
