//! All keys at one revision, and how they become a [`Picture`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::keys::{Key, Keys};
use super::messages::{Event, RangeResponse};
use super::newest::Written;
use super::store::unpacked;
use crate::control::document;
use crate::control::member_document as member;
use crate::control::store::contract::StoreError;
use crate::model::{About, ControlState, Incarnation, Life, Member, Picture, Question, Report};

/// What the watched keys hold.
#[derive(Debug, Default)]
pub struct Listing {
    revision: i64,
    /// The revision at which it was written, and its bytes.
    document: Option<(i64, Vec<u8>)>,
    base: u64,
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

    /// What revisions count from as numbers of accounts.
    pub fn base(&self) -> u64 {
        self.base
    }

    /// The revision at which the document was written; 0: there is none.
    pub fn document_revision(&self) -> i64 {
        self.document.as_ref().map_or(0, |(revision, _)| *revision)
    }

    /// The document's epoch, and the revision at which it was written, counted from the base on. Errors: it cannot be read.
    pub fn written(&self) -> Result<Option<Written>, StoreError> {
        let Some((revision, value)) = &self.document else { return Ok(None) };
        Ok(Some((document::read(&unpacked(value)?)?.epoch, self.base + revision.unsigned_abs())))
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
            (Key::Document, value) => self.document = value,
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
            (Key::Base, Some((_, value))) => self.base = number(&value).unwrap_or(self.base),
            // It is never taken away.
            (Key::Base, None) => {}
            // A counter; it is read where it is used.
            (Key::Other, _) => {}
        }
    }

    /// The picture; a document that is `last`'s is not read again. Errors: what is stored cannot be read.
    pub fn picture(&self, last: &Picture) -> Result<Picture, StoreError> {
        Ok(Picture {
            revision: self.revision,
            base: self.base,
            state: self.state(last)?,
            members: self.members()?,
            questions: self.questions()?,
        })
    }

    fn state(&self, last: &Picture) -> Result<Option<Arc<ControlState>>, StoreError> {
        let Some((_, value)) = &self.document else { return Ok(None) };
        let state = document::read(&unpacked(value)?)?;
        // The same picture of it is kept, so that nobody takes it for a change.
        Ok(Some(match &last.state {
            Some(known) if **known == state => Arc::clone(known),
            Some(_) | None => Arc::new(state),
        }))
    }

    /// Every incarnation that has entered and not signed off. Errors: what is stored cannot be read.
    pub fn members(&self) -> Result<Vec<Member>, StoreError> {
        let mut members = Vec::new();
        for (incarnation, (fence, kept)) in &self.incarnations {
            let live = self.nodes.get(incarnation);
            let (about, report): (About, Report) = member::read(live.unwrap_or(kept))?;
            let (life, report) = match live {
                Some(_) => (Life::Live, report),
                None => (Life::Silent, Report::default()),
            };
            let is_shut_out = self.shut_out.contains(incarnation);
            let (incarnation, fence) = (incarnation.clone(), self.base + fence);
            members.push(Member { incarnation, about, fence, life, is_shut_out, report });
        }
        Ok(members)
    }

    fn questions(&self) -> Result<Vec<Question>, StoreError> {
        let read = |(number, value): (&u64, &Vec<u8>)| Ok(member::read_question(*number, value)?);
        self.questions.iter().map(read).collect()
    }
}

/// A number as it is kept in a key.
pub fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}
