//! A text whose shape is known, by which others are recognised that differ from it in their literals only.
//!
//! Comparing bytes is many times faster than reading tokens. A text is recognised only if a reading of it must come to the same shape: between the
//! literals every byte is the same, and each literal begins where the reading would begin one, is of the same kind, and ends before the same bytes.

use super::lexed::{Lexed, Literal, LiteralKind, Reading, Slot};
use super::scan::{self, Number, is_word};
use super::statement::{CharsetClass, SqlMode};

/// A longer text, or one of more literals, is not kept: it would take more room than it is worth.
const LONGEST: usize = 16 << 10;
const MOST_LITERALS: usize = 2_048;

/// So many bytes at a text's beginning say which templates are tried.
const PREFIX: usize = 16;

/// A text, its literals, and what they are in its shape.
#[derive(Debug)]
pub(super) struct Template {
    text: Box<[u8]>,
    literals: Box<[Literal]>,
    slots: Box<[Slot]>,
}

impl Template {
    /// The template that `text` makes; `None` for one in which what surrounds a literal depends on it.
    pub(super) fn of(text: &[u8], lexed: &Lexed, reading: Reading) -> Option<Template> {
        let is_plain = !lexed.ambiguous && !lexed.is_raw && lexed.hints.is_empty();
        let is_short = text.len() <= LONGEST && lexed.literals.len() <= MOST_LITERALS;
        if !is_plain || !is_short || reading.charset == CharsetClass::TrailingAscii {
            return None;
        }
        let mut last_end = PREFIX.min(text.len());
        for (number, literal) in lexed.literals.iter().enumerate() {
            let start = literal.start as usize;
            let is_apart = if number == 0 { start >= last_end } else { start > last_end };
            if !is_apart || !stands_alone(text, literal) {
                return None;
            }
            last_end = literal.end as usize;
        }
        Some(Template {
            text: text.into(),
            literals: lexed.literals.as_slice().into(),
            slots: lexed.slots.as_slice().into(),
        })
    }

    /// Whether `text` has this template's shape; then `literals` are its own.
    pub(super) fn recognises(&self, text: &[u8], mode: SqlMode, literals: &mut Vec<Literal>) -> bool {
        literals.clear();
        let (mut at, mut known) = (0, 0);
        for literal in &self.literals {
            let between = &self.text[known..literal.start as usize];
            if !text.get(at..).is_some_and(|rest| rest.starts_with(between)) {
                return false;
            }
            at += between.len();
            let Some((kind, end)) = self.literal(text, at, literal, mode) else { return false };
            literals.push(Literal { start: at as u32, end: end as u32, kind, before: literal.before });
            (at, known) = (end, literal.end as usize);
        }
        text.get(at..) == self.text.get(known..)
    }

    /// The literal of `text` at `at`, where the template has `known`; `None` when it is of another kind.
    fn literal(&self, text: &[u8], at: usize, known: &Literal, mode: SqlMode) -> Option<(LiteralKind, usize)> {
        let byte = *text.get(at)?;
        if matches!(known.kind, LiteralKind::Text | LiteralKind::Escaped) {
            // The quote counts: behind an x a `'` begins another kind of literal than a `"`.
            if byte != self.text[known.start as usize] {
                return None;
            }
            let quoted = scan::string(text, at, mode.no_backslash_escapes);
            return quoted.is_closed.then_some((quoted.kind, quoted.end));
        }
        let first = match byte {
            b'0'..=b'9' => at,
            b'+' | b'-' if scan::is_sign(text, at, known.before) => at + 1,
            b'.' if scan::is_point(text, at) => at,
            _ => return None,
        };
        match scan::number(text, first, false) {
            Number::Literal { kind: LiteralKind::Hex, end, .. } => {
                (known.kind == LiteralKind::Hex && first == at).then_some((LiteralKind::Hex, end))
            }
            Number::Literal { kind, end, is_odd: false } if known.kind != LiteralKind::Hex => Some((kind, end)),
            Number::Literal { .. } | Number::Identifier => None,
        }
    }

    /// What the literals are in the shape.
    pub(super) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// About how many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        self.text.len() + size_of_val(&*self.literals) + size_of_val(&*self.slots)
    }
}

/// Whether no other literal of its kind could change how what stands beside it is read: digits behind `/*!` are a version, a quote behind `@` is a
/// host, and what `@` and `.` begin depends on the byte before them.
fn stands_alone(text: &[u8], literal: &Literal) -> bool {
    let start = literal.start as usize;
    if matches!(text.get(literal.end as usize), Some(b'@' | b'.')) {
        return false;
    }
    let raw_before = start.checked_sub(1).map_or(b' ', |place| text[place]);
    match literal.kind {
        LiteralKind::Text | LiteralKind::Escaped => matches!(text[start], b'\'' | b'"') && literal.before != b'@',
        LiteralKind::Integer | LiteralKind::Fraction | LiteralKind::Hex => {
            matches!(text[start], b'0'..=b'9' | b'+' | b'-' | b'.')
                && !is_word(raw_before)
                && !matches!(raw_before, b'!' | b'@' | b'.')
        }
        LiteralKind::Joined => false,
    }
}

/// Where templates of one beginning are looked for: the last few plans whose texts began so.
#[derive(Debug)]
pub(super) struct Beginnings {
    recent: Box<[[u32; WAYS]]>,
}

const WAYS: usize = 4;
const BUCKETS: usize = 1_024;
const NONE: u32 = u32::MAX;

impl Default for Beginnings {
    fn default() -> Beginnings {
        Beginnings { recent: vec![[NONE; WAYS]; BUCKETS].into() }
    }
}

impl Beginnings {
    /// The numbers under which plans of such texts were noted, the latest first. What has become of them the caller looks up.
    pub(super) fn of(&self, text: &[u8]) -> impl Iterator<Item = usize> + use<> {
        self.recent[bucket(text)].into_iter().filter(|number| *number != NONE).map(|number| number as usize)
    }

    /// Notes that the plan `number` has a template of this text.
    pub(super) fn note(&mut self, text: &[u8], number: usize) {
        let Ok(number) = u32::try_from(number) else { return };
        let recent = &mut self.recent[bucket(text)];
        let place = recent.iter().position(|known| *known == number).unwrap_or(WAYS - 1);
        recent[..=place].rotate_right(1);
        recent[0] = number;
    }
}

fn bucket(text: &[u8]) -> usize {
    let mut prefix = [0; PREFIX];
    let length = text.len().min(PREFIX);
    prefix[..length].copy_from_slice(&text[..length]);
    let whole = u128::from_le_bytes(prefix);
    let (low, high) = (whole as u64, (whole >> 64) as u64);
    let mixed = u128::from(low ^ 0x9e37_79b9_7f4a_7c15) * u128::from(high ^ 0xc2b2_ae3d_27d4_eb4f);
    (mixed as u64 ^ (mixed >> 64) as u64) as usize % BUCKETS
}
