//! A lexed text -> its plan, and a plan -> the statement of one text.
//!
//! The slow path's checklist. Grammar is in `classify.rs`; nothing here knows a keyword but `;`.

use std::cell::{Cell, LazyCell};
use std::ops::Deref;
use std::sync::Arc;

use smallvec::SmallVec;

use super::classify;
use super::effects::{self, Within};
use super::hint;
use super::lexed::{Lexed, Literal, Reading, Slot};
use super::lexer;
use super::literal;
use super::resolve;
use super::shape;
use super::statement::{
    BoundKey, CharsetClass, Dialect, Disagreement, Effect, Facts, FoundRows, KeyReading, KeySource, KeyUse, KeyValue,
    Keys, PinReason, Placement, Plan, Shape, SqlContext, SqlMode, SqlRefusal, Statement, StatementClass,
};
use super::token::{self, Token};
use crate::model::Catalog;

/// More statements than this in one packet are not told apart: bounded time, and keys number statements in 16 bits.
const MOST_STATEMENTS: usize = 4_096;

/// What is at hand while a text is planned.
pub(super) struct Work<'a> {
    pub(super) text: &'a [u8],
    pub(super) lexed: &'a Lexed,
    pub(super) context: SqlContext<'a>,
    /// A hint comment gives the key, so that what cannot be read may still be placed.
    pub(super) has_key_hint: bool,
    /// Where the parser does not agree, once it has been asked.
    pub(super) disagreement: Cell<Option<Disagreement>>,
}

impl Work<'_> {
    /// A literal as written; `None` for one that is not UTF-8 or stands for several.
    pub(super) fn raw(&self, token: &Token<'_>) -> Option<String> {
        let slot = self.lexed.slots.get(token.index).filter(|slot| slot.count == 1)?;
        let literal = self.lexed.literals.get(slot.first as usize)?;
        let bytes = self.text.get(literal.start as usize..literal.end as usize)?;
        String::from_utf8(bytes.to_vec()).ok()
    }

    /// The SQL text of a value that is one literal: a number, a string, NULL, TRUE, FALSE.
    pub(super) fn literal_text(&self, value: &[Token<'_>]) -> Option<String> {
        match value {
            [token] if token.is_literal() => self.raw(token),
            [token] if token.is_any(&["null", "true", "false"]) => {
                Some(String::from_utf8_lossy(token.bytes).to_uppercase())
            }
            [sign, token] if (sign.is_symbol("-") || sign.is_symbol("+")) && token.is_literal() => {
                Some(format!("{}{}", String::from_utf8_lossy(sign.bytes), self.raw(token)?))
            }
            _ => None,
        }
    }

    /// The group of the session's schema.
    pub(super) fn session_group(&self) -> Option<crate::model::GroupId> {
        resolve::group_of(&self.context, self.context.schema?).map(|(group, _)| group)
    }
}

/// Analyses a text without a cache, for EXPLAIN ROUTE.
pub fn analyze(text: &[u8], context: &SqlContext<'_>) -> Statement {
    let mut lexed = Lexed::default();
    lexer::lex(text, reading(context), &mut lexed);
    match hint::read(text, &lexed.hints) {
        Ok(hint) => {
            let planned = plan(text, &lexed, context, hint.as_ref().is_some_and(|hint| hint.key.is_some()));
            statement(Values::of(text, &lexed), context.mode, Arc::new(planned.plan), hint)
        }
        Err(refusal) => refused(refusal),
    }
}

/// Whether a query calls stored or unknown functions, takes named locks or numbers of a sequence: for the definitions of views.
pub fn acts(query: &[u8], dialect: Dialect) -> bool {
    let mut lexed = Lexed::default();
    lexer::lex(query, Reading { mode: SqlMode::default(), charset: CharsetClass::Utf8, dialect }, &mut lexed);
    let catalog = Catalog::default();
    let within = Within { schema: None, catalog: &catalog, declared: &[] };
    let traces = effects::traces_in(within, &token::tokens(&lexed.normalised[..lexed.tokens_end]));
    lexed.ambiguous || traces.is_active || traces.is_unknown
}

/// What `read` finds in one text: values, so that a plan, which serves all texts of a shape, does not hold them. `None` also where the text
/// can be read in more than one way.
pub(super) fn of_one_text<T>(
    text: &[u8],
    context: &SqlContext<'_>,
    read: impl FnOnce(&Work<'_>, &[Token<'_>]) -> Option<T>,
) -> Option<T> {
    let mut lexed = Lexed::default();
    lexer::lex(text, reading(context), &mut lexed);
    if lexed.ambiguous {
        return None;
    }
    let work = Work { text, lexed: &lexed, context: *context, has_key_hint: false, disagreement: Cell::default() };
    read(&work, &token::tokens(&lexed.normalised[..lexed.tokens_end]))
}

pub(super) fn reading(context: &SqlContext<'_>) -> Reading {
    Reading { mode: context.mode, charset: context.charset, dialect: context.dialect }
}

/// The statement for a text that a refusal ends before it is planned.
pub(super) fn refused(refusal: SqlRefusal) -> Statement {
    let facts = Facts { placement: Placement::Refused(refusal), ..unknown(Placement::Tableless) };
    Statement { plan: Arc::new(Plan::of(vec![(facts, KeyUse::default())], 0)), keys: SmallVec::new(), hint: None }
}

/// The facts of a statement nothing is known about.
pub(super) fn unknown(placement: Placement) -> Facts {
    Facts {
        class: StatementClass::Admin,
        placement,
        effects: vec![Effect::Pin(PinReason::UnknownStatement)],
        asks_previous: false,
        found_rows: FoundRows::Counted,
        repeatable: false,
        escape: None,
    }
}

/// A plan, and whether it may serve other texts of the same shape.
pub(super) struct Planned {
    pub(super) plan: Plan,
    pub(super) is_reusable: bool,
}

/// Plans a text.
pub(super) fn plan(text: &[u8], lexed: &Lexed, context: &SqlContext<'_>, has_key_hint: bool) -> Planned {
    let tokens = token::tokens(&lexed.normalised[..lexed.tokens_end]);
    let parts = classify::split(&tokens);
    if lexed.ambiguous || parts.len() > MOST_STATEMENTS {
        let placement = match resolve::occurring(context, text) {
            Some(table) => Placement::Refused(SqlRefusal::Unreadable { table }),
            None => Placement::Local {
                group: context.schema.and_then(|schema| resolve::group_of(context, schema)).map(|(group, _)| group),
            },
        };
        let plan = Plan::of(vec![(unknown(placement), KeyUse::default())], lexed.parameters);
        return Planned { plan: Plan { digest: shape::of_lexed(lexed), ..plan }, is_reusable: false };
    }
    let shapes: Vec<Shape> = parts.iter().map(|part| shape::of(part.tokens)).collect();
    let mut schema = context.schema.map(str::to_owned);
    let mut statements: Vec<(Facts, KeyUse)> = Vec::new();
    let mut changed_by: Option<String> = None;
    let mut is_reusable = true;
    let mut disagreement = None;
    // Looked for once, however many statements ask.
    let occurs = LazyCell::new(|| resolve::occurring(context, text).is_some());
    for statement in parts {
        let context = SqlContext { schema: schema.as_deref(), ..*context };
        let work = Work { text, lexed, context, has_key_hint, disagreement: Cell::default() };
        let mut found = classify::facts(&work, statement.tokens);
        disagreement = disagreement.or(work.disagreement.get());
        if statement.is_open
            && let Some(table) = resolve::mentioned(&context, statement.tokens)
        {
            found.facts.placement = Placement::Refused(SqlRefusal::Unreadable { table: table.label });
        }
        is_reusable &= !matches!(found.facts.class, StatementClass::ConnectionId { .. });
        if let Some(what) = &changed_by
            && touches_managed(&found.facts, &occurs)
        {
            found.facts.placement = Placement::Refused(SqlRefusal::ContextChange { what: what.clone() });
        }
        changed_by = changed_by.or(found.context_change);
        if let Some(Effect::Schema(used)) =
            found.facts.effects.iter().find(|effect| matches!(effect, Effect::Schema(_)))
        {
            schema = Some(used.clone());
        }
        statements.push((found.facts, found.key_use));
    }
    if statements.is_empty() {
        // Nothing but comments: the server answers 1065 or OK, and nothing happens.
        let facts = Facts { class: StatementClass::Show, effects: Vec::new(), ..unknown(Placement::Tableless) };
        statements.push((facts, KeyUse::default()));
    }
    let digest = shape::of_lexed(lexed);
    let plan = Plan { shapes, digest, disagreement, ..Plan::of(statements, lexed.parameters) };
    Planned { plan, is_reusable }
}

/// Behind a change of context even a managed name within what looks like a string may be a name.
fn touches_managed(facts: &Facts, occurs: &impl Deref<Target = bool>) -> bool {
    match &facts.placement {
        Placement::Sharded { .. } | Placement::Global { .. } | Placement::Schema { .. } | Placement::Refused(_) => true,
        Placement::Tableless | Placement::Local { .. } => {
            !matches!(facts.class, StatementClass::Set | StatementClass::Use) && **occurs
        }
    }
}

impl Plan {
    /// A plan of these statements.
    pub(super) fn of(statements: Vec<(Facts, KeyUse)>, parameters: usize) -> Plan {
        let (statements, key_uses): (Vec<Facts>, Vec<KeyUse>) = statements.into_iter().unzip();
        let needs_parameters = statements.iter().filter_map(sources).any(|sources| sources.iter().any(is_bound_later));
        Plan { statements, parameters, needs_parameters, key_uses, ..Plan::default() }
    }
}

/// Whether the key comes with the execution.
fn is_bound_later(source: &KeySource) -> bool {
    match source {
        KeySource::Parameter(_) => true,
        KeySource::Between(between) => between.is_bound_later(),
        KeySource::Literal(_) | KeySource::Group(_) | KeySource::Constant(_) => false,
    }
}

fn sources(facts: &Facts) -> Option<&[KeySource]> {
    match &facts.placement {
        Placement::Sharded { keys: Keys::Sources(sources), .. } => Some(sources),
        _ => None,
    }
}

/// The values in a text: what differs between texts of one shape.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    pub(super) text: &'a [u8],
    pub(super) literals: &'a [Literal],
    pub(super) slots: &'a [Slot],
}

impl<'a> Values<'a> {
    /// The values in a text that was read.
    pub(super) fn of(text: &'a [u8], lexed: &'a Lexed) -> Values<'a> {
        Values { text, literals: &lexed.literals, slots: &lexed.slots }
    }
}

/// Reads a text's keys by its plan.
pub(super) fn statement(
    Values { text, literals, slots }: Values<'_>,
    mode: SqlMode,
    plan: Arc<Plan>,
    hint: Option<Box<super::statement::Hint>>,
) -> Statement {
    let mut keys: SmallVec<[BoundKey; 2]> = SmallVec::new();
    for (index, facts) in plan.statements.iter().enumerate() {
        let Some(sources) = sources(facts) else { continue };
        let reading = plan.key_uses.get(index).map(|usage| usage.reading).unwrap_or_default();
        let mut add = |value: KeyValue| {
            let statement = index as u16;
            // Rows of one owner come together: the last few are looked at, so that a wide INSERT stays short without a set.
            if keys.iter().rev().take(4).all(|known| known.value != value || known.statement != statement) {
                keys.push(BoundKey { statement, value });
            }
        };
        let literal_at = |slot: &Slot, number: u32| {
            let literal = literals.get((slot.first + number * slot.step) as usize);
            literal.map_or(KeyValue::Unreadable, |literal| literal::value(text, *literal, reading, mode))
        };
        for source in sources {
            match source {
                KeySource::Literal(slot) | KeySource::Group(slot) => match slots.get(*slot) {
                    Some(slot) => (0..slot.count).for_each(|number| add(literal_at(slot, number))),
                    None => add(KeyValue::Unreadable),
                },
                KeySource::Constant(value) => add(literal::understood(value.clone(), reading)),
                KeySource::Between(between) => {
                    let end = |source: &KeySource| match source {
                        KeySource::Literal(slot) => slots.get(*slot).map(|slot| literal_at(slot, 0)),
                        KeySource::Constant(value) => Some(literal::understood(value.clone(), reading)),
                        KeySource::Parameter(_) | KeySource::Group(_) | KeySource::Between(_) => None,
                    };
                    match (end(&between.low), end(&between.high)) {
                        (Some(low), Some(high)) => between.keys(&low, &high).into_iter().for_each(&mut add),
                        // Known at the execution only; a literal beside a parameter is not kept for then.
                        _ if !between.is_bound_later() => add(KeyValue::Unreadable),
                        _ => continue,
                    }
                }
                KeySource::Parameter(_) => continue,
            }
        }
    }
    let mut statement = Statement { plan, keys, hint };
    if !statement.plan.needs_parameters {
        statement.test();
    }
    statement
}

impl Statement {
    /// This statement with the values of an execution: the keys that are parameters are filled in.
    pub fn bind(&self, parameters: &[KeyValue]) -> Statement {
        let mut keys = self.keys.clone();
        let unused = KeyUse::default();
        for (index, facts) in self.plan.statements.iter().enumerate() {
            let usage = self.plan.key_uses.get(index).unwrap_or(&unused);
            let given = |number: usize| match parameters.get(number) {
                Some(KeyValue::Integer(_)) if usage.binds_types && matches!(usage.reading, KeyReading::Text { .. }) => {
                    KeyValue::Unreadable
                }
                given => literal::understood(given.cloned().unwrap_or(KeyValue::Unreadable), usage.reading),
            };
            let mut add = |value| keys.push(BoundKey { statement: index as u16, value });
            for source in sources(facts).unwrap_or_default() {
                match source {
                    KeySource::Parameter(number) => add(given(*number)),
                    KeySource::Between(between) => match (&between.low, &between.high) {
                        (KeySource::Parameter(low), KeySource::Parameter(high)) => {
                            between.keys(&given(*low), &given(*high)).into_iter().for_each(&mut add);
                        }
                        _ => continue,
                    },
                    KeySource::Literal(_) | KeySource::Group(_) | KeySource::Constant(_) => continue,
                }
            }
        }
        let mut bound = Statement { plan: Arc::clone(&self.plan), keys, hint: self.hint.clone() };
        bound.test();
        bound
    }

    /// As [`Statement::bind`], for one execution with many rows of values: the keys of all of them count.
    pub fn bind_rows(&self, rows: &[Vec<KeyValue>]) -> Statement {
        let Some((first, others)) = rows.split_first() else { return self.bind(&[]) };
        let mut whole = self.bind(first);
        for row in others {
            let bound = self.bind(row);
            whole.keys.extend(bound.keys);
            // A row that is refused by itself has a plan of its own.
            if !Arc::ptr_eq(&bound.plan, &self.plan) {
                whole.plan = bound.plan;
            }
        }
        whole
    }

    /// Refuses statements that assign another value to the routing key column than the one that restricts them.
    fn test(&mut self) {
        for (index, usage) in self.plan.key_uses.iter().enumerate() {
            let Some(refusal) = &usage.must_agree else { continue };
            let mut own = self.keys.iter().filter(|key| usize::from(key.statement) == index).map(|key| &key.value);
            let first = own.next();
            if first.is_none_or(|first| *first == KeyValue::Unreadable || own.any(|other| other != first)) {
                let mut plan = Plan::clone(&self.plan);
                plan.statements[index].placement = Placement::Refused(refusal.clone());
                self.plan = Arc::new(plan);
                return;
            }
        }
    }
}
