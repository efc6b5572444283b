//! Plans by shape, one cache per worker.
//!
//! Keyed by the normalised bytes and all that the reading depends on, compared in full; bounded in bytes; second-chance eviction.
//! It holds nothing that differs between texts of a shape.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::analyze::{self, Values};
use super::hint;
use super::lexed::{Lexed, Literal, Reading};
use super::lexer;
use super::statement::{CharsetClass, Dialect, Disagreement, Plan, SqlContext, SqlMode, Statement};
use super::template::{Beginnings, Template};
use crate::model::Epoch;

/// A shape longer than this is planned each time: it is hardly ever sent twice.
const LONGEST_SHAPE: usize = 64 << 10;
/// What an entry costs beyond its bytes: its place in the table, the plan's own allocations.
const OVERHEAD: usize = 512;
/// Scratch buffers that grew beyond this are given back after the text that made them grow.
const SCRATCH: usize = 256 << 10;

/// The plans of one worker.
#[derive(Debug)]
pub struct PlanCache {
    capacity: usize,
    bytes: usize,
    hits: u64,
    misses: u64,
    hasher: DefaultHashBuilder,
    table: HashTable<usize>,
    entries: Vec<Option<Entry>>,
    free: Vec<usize>,
    hand: usize,
    beginnings: Beginnings,
    /// Room to read in, between two texts.
    scratch: Option<Box<Lexed>>,
    met: Option<Disagreement>,
}

#[derive(Debug)]
struct Entry {
    hash: u64,
    shape: Box<[u8]>,
    schema: Option<Box<str>>,
    fixed: Fixed,
    epoch: Epoch,
    catalog: u64,
    plan: Arc<Plan>,
    was_used: bool,
    /// A text of this shape, by which the next is recognised.
    template: Option<Template>,
    /// How many texts of this shape had to be read.
    read: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Fixed {
    mode: SqlMode,
    charset: CharsetClass,
    dialect: Dialect,
    has_key_hint: bool,
}

impl PlanCache {
    /// A cache that holds about this many bytes of plans.
    pub fn new(capacity_bytes: usize) -> PlanCache {
        PlanCache {
            capacity: capacity_bytes,
            bytes: 0,
            hits: 0,
            misses: 0,
            hasher: DefaultHashBuilder::default(),
            table: HashTable::new(),
            entries: Vec::new(),
            free: Vec::new(),
            hand: 0,
            beginnings: Beginnings::default(),
            met: None,
            scratch: None,
        }
    }

    /// How many texts had a plan.
    pub fn hits(&self) -> u64 {
        self.hits
    }

    /// How many texts had to be planned.
    pub fn misses(&self) -> u64 {
        self.misses
    }

    /// About how many bytes the plans take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Where our classifier and the parser differ about the text that was read last, if it had to be planned.
    pub fn met(&self) -> Option<Disagreement> {
        self.met
    }

    /// The statement of a text.
    pub fn analyze(&mut self, text: &[u8], context: &SqlContext<'_>) -> Statement {
        let mut lexed = self.scratch.take().unwrap_or_default();
        self.met = None;
        let statement = match self.recognised(text, context, &mut lexed.literals) {
            Some(known) => known,
            None => self.read(text, context, &mut lexed),
        };
        if lexed.normalised.capacity() + lexed.literals.capacity() * 12 <= SCRATCH {
            self.scratch = Some(lexed);
        }
        statement
    }

    /// The statement of a text that differs from one of the last in its literals only.
    fn recognised(&mut self, text: &[u8], context: &SqlContext<'_>, literals: &mut Vec<Literal>) -> Option<Statement> {
        let fixed = Fixed::of(context, false);
        for index in self.beginnings.of(text) {
            let Some(Some(entry)) = self.entries.get_mut(index) else { continue };
            let Some(template) = &entry.template else { continue };
            let is_meant = entry.fixed == fixed && entry.schema.as_deref() == context.schema;
            if !is_meant || !template.recognises(text, context.mode, literals) {
                continue;
            }
            if !entry.is_of(context) {
                return None;
            }
            debug_assert!(entry.is_read_in(text, analyze::reading(context), literals), "a text of another shape");
            entry.was_used = true;
            self.hits += 1;
            let values = Values { text, literals, slots: template.slots() };
            return Some(analyze::statement(values, context.mode, Arc::clone(&entry.plan), None));
        }
        None
    }

    fn read(&mut self, text: &[u8], context: &SqlContext<'_>, lexed: &mut Lexed) -> Statement {
        lexer::lex(text, analyze::reading(context), lexed);
        match hint::read(text, &lexed.hints) {
            Ok(hint) => {
                let plan = self.plan(text, lexed, context, hint.as_ref().is_some_and(|hint| hint.key.is_some()));
                analyze::statement(Values::of(text, lexed), context.mode, plan, hint)
            }
            Err(refusal) => analyze::refused(refusal),
        }
    }

    fn plan(&mut self, text: &[u8], lexed: &Lexed, context: &SqlContext<'_>, has_key_hint: bool) -> Arc<Plan> {
        let fixed = Fixed::of(context, has_key_hint);
        let hash = self.hasher.hash_one((&lexed.normalised[..], context.schema, fixed));
        let is_same = |entry: &Entry| {
            entry.hash == hash
                && entry.fixed == fixed
                && entry.schema.as_deref() == context.schema
                && *entry.shape == lexed.normalised[..]
        };
        let known = self.table.find(hash, |&index| self.entries[index].as_ref().is_some_and(is_same)).copied();
        if let Some(index) = known
            && !lexed.ambiguous
            && let Some(entry) = &mut self.entries[index]
        {
            if entry.is_of(context) {
                entry.was_used = true;
                entry.read = entry.read.wrapping_add(1);
                self.hits += 1;
                let plan = Arc::clone(&entry.plan);
                // Texts that come in many spellings (a comment with the number of a request) must not cost a copy each time.
                if entry.read.is_power_of_two() || entry.read.is_multiple_of(256) {
                    self.keep_template(index, text, lexed, context);
                }
                return plan;
            }
            self.remove(index);
        }
        self.misses += 1;
        let planned = analyze::plan(text, lexed, context, has_key_hint);
        let plan = Arc::new(planned.plan);
        self.met = plan.disagreement;
        let cost = lexed.normalised.len() + context.schema.map_or(0, str::len) + OVERHEAD;
        if planned.is_reusable && lexed.normalised.len() <= LONGEST_SHAPE && cost <= self.capacity {
            self.insert(Entry {
                hash,
                shape: lexed.normalised.as_slice().into(),
                schema: context.schema.map(Into::into),
                fixed,
                epoch: context.state.epoch,
                catalog: context.catalog.version,
                plan: Arc::clone(&plan),
                was_used: false,
                template: None,
                read: 0,
            });
        }
        plan
    }

    /// Recognises texts like this one from now on.
    fn keep_template(&mut self, index: usize, text: &[u8], lexed: &Lexed, context: &SqlContext<'_>) {
        let Some(Some(entry)) = self.entries.get_mut(index) else { return };
        let Some(template) = Template::of(text, lexed, analyze::reading(context)) else { return };
        let before = entry.cost();
        entry.template = Some(template);
        self.bytes = self.bytes - before + entry.cost();
        self.beginnings.note(text, index);
        while self.bytes > self.capacity && self.evict() {}
    }

    fn insert(&mut self, entry: Entry) {
        let cost = entry.cost();
        while self.bytes + cost > self.capacity && self.evict() {}
        self.bytes += cost;
        let hash = entry.hash;
        let index = match self.free.pop() {
            Some(index) => {
                self.entries[index] = Some(entry);
                index
            }
            None => {
                self.entries.push(Some(entry));
                self.entries.len() - 1
            }
        };
        let entries = &self.entries;
        self.table.insert_unique(hash, index, |&index| entries[index].as_ref().map_or(0, |entry| entry.hash));
    }

    /// Removes the next entry that was not used since the hand last passed. Returns whether there was any.
    fn evict(&mut self) -> bool {
        // Two rounds: the first may only take the marks away.
        for _ in 0..self.entries.len() * 2 {
            self.hand = (self.hand + 1) % self.entries.len();
            match &mut self.entries[self.hand] {
                Some(entry) if entry.was_used => entry.was_used = false,
                Some(_) => {
                    self.remove(self.hand);
                    return true;
                }
                None => continue,
            }
        }
        false
    }

    fn remove(&mut self, index: usize) {
        let Some(entry) = self.entries[index].take() else { return };
        self.bytes -= entry.cost();
        self.free.push(index);
        if let Ok(place) = self.table.find_entry(entry.hash, |&held| held == index) {
            place.remove();
        }
    }
}

impl Fixed {
    fn of(context: &SqlContext<'_>, has_key_hint: bool) -> Fixed {
        Fixed { mode: context.mode, charset: context.charset, dialect: context.dialect, has_key_hint }
    }
}

impl Entry {
    fn cost(&self) -> usize {
        let template = self.template.as_ref().map_or(0, Template::bytes);
        self.shape.len() + self.schema.as_deref().map_or(0, str::len) + template + OVERHEAD
    }

    /// Whether it was planned under the classes and columns that hold now.
    fn is_of(&self, context: &SqlContext<'_>) -> bool {
        (self.epoch, self.catalog) == (context.state.epoch, context.catalog.version)
    }

    /// Whether a reading of `text` comes to what it was recognised as.
    fn is_read_in(&self, text: &[u8], reading: Reading, literals: &[Literal]) -> bool {
        let mut lexed = Lexed::default();
        lexer::lex(text, reading, &mut lexed);
        let slots = self.template.as_ref().map_or(&[][..], Template::slots);
        !lexed.ambiguous
            && lexed.hints.is_empty()
            && *self.shape == lexed.normalised[..]
            && lexed.literals == literals
            && lexed.slots == slots
    }
}
