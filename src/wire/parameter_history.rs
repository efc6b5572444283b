//! What the executions of a prepared statement have shown of the types of its parameters, and of what else they have in common.
//!
//! Oracle MySQL gives a parameter the type of the first value it sees and keeps it for as long as later values fit, and strings always fit:
//! `SELECT ?`, executed with a number, reads every later string as a number. So two prepared statements of one text answer alike only when
//! they have seen the same. Source: "PREPARE Statement" in the MySQL manual, and the server's own behaviour.

use smallvec::SmallVec;

use super::execute::ParameterValue;

/// How many bits of a history one kind takes.
const WIDTH: u32 = 4;

/// What of a value's type decides how the server reads later values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ParameterKind {
    /// Nothing that counts.
    Nothing = 0,
    /// NULL, of whatever type.
    Null = 1,
    /// A signed integer.
    Signed = 2,
    /// An unsigned integer.
    Unsigned = 3,
    /// DECIMAL.
    Decimal = 4,
    /// FLOAT, DOUBLE.
    Double = 5,
    /// Text.
    Text = 6,
    /// Bytes.
    Bytes = 7,
    /// DATE.
    Date = 8,
    /// TIME.
    Time = 9,
    /// DATETIME, TIMESTAMP.
    DateTime = 10,
    /// Anything else.
    Other = 11,
    /// No value: an execution for a cursor. MySQL 9 takes a statement that was executed both ways for something in between.
    Cursor = 12,
    /// No value: an execution for rows at once.
    Rows = 13,
}

impl ParameterKind {
    /// The kind of a value; `described` are the two bytes of its type.
    pub fn of(described: [u8; 2], value: ParameterValue<'_>) -> ParameterKind {
        if value == ParameterValue::Null {
            return ParameterKind::Null;
        }
        let [kind, flags] = described;
        match kind {
            1 | 2 | 3 | 8 | 9 | 13 if flags & 0x80 != 0 => ParameterKind::Unsigned,
            1 | 2 | 3 | 8 | 9 | 13 => ParameterKind::Signed,
            0 | 246 => ParameterKind::Decimal,
            4 | 5 => ParameterKind::Double,
            6 => ParameterKind::Null,
            7 | 12 => ParameterKind::DateTime,
            10 => ParameterKind::Date,
            11 => ParameterKind::Time,
            15 | 253 | 254 => ParameterKind::Text,
            249..=252 => ParameterKind::Bytes,
            _ => ParameterKind::Other,
        }
    }
}

/// For each parameter the kinds of its values so far, each once, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParameterHistory {
    seen: SmallVec<[u32; 4]>,
}

impl ParameterHistory {
    /// Whether a statement with this history answers like one with the `other`; a parameter that has seen nothing there does not care.
    pub fn stands_for(&self, other: &ParameterHistory) -> bool {
        let mut pairs = self.seen.iter().zip(&other.seen);
        self.seen.len() == other.seen.len() && pairs.all(|(own, other)| *other == 0 || own == other)
    }

    /// The history once values of these kinds have come too.
    pub fn after(&self, kinds: &[ParameterKind]) -> ParameterHistory {
        let seen = kinds.iter().enumerate();
        ParameterHistory {
            seen: seen.map(|(index, kind)| with(self.seen.get(index).copied().unwrap_or(0), *kind)).collect(),
        }
    }
}

/// A NULL says nothing once something was seen, and is forgotten as soon as something is. What goes beyond the width is not told apart.
fn with(seen: u32, kind: ParameterKind) -> u32 {
    let kind = kind as u32;
    let null = ParameterKind::Null as u32;
    if seen == 0 || seen == null {
        return kind;
    }
    if kind == null || kind == 0 {
        return seen;
    }
    let mut places = (0..u32::BITS).step_by(WIDTH as usize);
    let at = |place: &u32| seen >> place & ((1 << WIDTH) - 1);
    match places.find(|place| at(place) == 0 || at(place) == kind) {
        Some(place) => seen | kind << place,
        None => seen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ParameterKind::{Nothing, Null, Signed, Text, Unsigned};

    fn history(executions: &[&[ParameterKind]]) -> ParameterHistory {
        executions.iter().fold(ParameterHistory::default(), |history, kinds| history.after(kinds))
    }

    #[test]
    fn the_order_of_kinds_tells_two_statements_apart() {
        assert_ne!(history(&[&[Signed], &[Text]]), history(&[&[Text], &[Signed]]));
        assert_ne!(history(&[&[Signed], &[Text]]), history(&[&[Text]]));
        assert_ne!(history(&[&[Signed]]), history(&[&[Unsigned]]));
        assert_ne!(history(&[&[Signed, Text]]), history(&[&[Text, Signed]]));
    }

    #[test]
    fn what_was_seen_before_changes_nothing() {
        assert_eq!(history(&[&[Signed], &[Signed]]), history(&[&[Signed]]));
        assert_eq!(history(&[&[Signed], &[Text], &[Signed]]), history(&[&[Signed], &[Text]]));
    }

    #[test]
    fn a_null_counts_only_as_long_as_nothing_else_came() {
        assert_ne!(history(&[&[Null]]), history(&[]));
        assert_ne!(history(&[&[Null]]), history(&[&[Signed]]));
        assert_eq!(history(&[&[Null], &[Text]]), history(&[&[Text]]));
        assert_eq!(history(&[&[Text], &[Null]]), history(&[&[Text]]));
    }

    #[test]
    fn what_has_seen_nothing_does_not_care() {
        assert!(history(&[&[Signed, Text]]).stands_for(&history(&[&[Signed, Nothing]])));
        assert!(!history(&[&[Signed, Nothing]]).stands_for(&history(&[&[Signed, Text]])));
        assert!(!history(&[&[Signed]]).stands_for(&history(&[&[Null]])));
    }

    #[test]
    fn a_type_has_one_kind_for_every_width() {
        let integer = ParameterValue::Integer(1);
        assert_eq!(ParameterKind::of([1, 0], integer), Signed);
        assert_eq!(ParameterKind::of([8, 0], integer), Signed);
        assert_eq!(ParameterKind::of([8, 0x80], integer), Unsigned);
        assert_eq!(ParameterKind::of([253, 0], ParameterValue::Bytes(b"a")), Text);
        assert_eq!(ParameterKind::of([253, 0], ParameterValue::Null), Null);
    }
}
