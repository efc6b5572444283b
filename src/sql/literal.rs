//! A literal's bytes -> a key value.
//!
//! Certain or [`KeyValue::Unreadable`]; it never rounds, folds or guesses as a server might under some mode.

use super::lexed::{Literal, LiteralKind};
use super::statement::{KeyReading, KeyValue, SqlMode};

/// The value of a literal as a key that is read so.
pub(super) fn value(text: &[u8], literal: Literal, reading: KeyReading, mode: SqlMode) -> KeyValue {
    let bytes = &text[literal.start as usize..literal.end as usize];
    match literal.kind {
        LiteralKind::Integer => match integer(bytes) {
            Some(number) => understood(KeyValue::Integer(number), reading),
            None => KeyValue::Unreadable,
        },
        LiteralKind::Text | LiteralKind::Escaped => match contents(bytes, mode) {
            Some(contents) => understood(KeyValue::Text(contents.into()), reading),
            None => KeyValue::Unreadable,
        },
        LiteralKind::Fraction | LiteralKind::Joined | LiteralKind::Hex => KeyValue::Unreadable,
    }
}

/// A literal or parameter as the column's type understands it.
pub(super) fn understood(value: KeyValue, reading: KeyReading) -> KeyValue {
    match (value, reading) {
        (KeyValue::Integer(number), KeyReading::Numeric | KeyReading::Unknown) => KeyValue::Integer(number),
        (KeyValue::Integer(number), KeyReading::StoredText) => KeyValue::Text(number.to_string().into_bytes().into()),
        (KeyValue::Text(text), KeyReading::Text | KeyReading::StoredText) => KeyValue::Text(text),
        (KeyValue::Text(text), KeyReading::Numeric) => integer(&text).map_or(KeyValue::Unreadable, KeyValue::Integer),
        (KeyValue::Null, _) => KeyValue::Null,
        (KeyValue::Integer(_), KeyReading::Text)
        | (KeyValue::Text(_), KeyReading::Unknown)
        | (KeyValue::Unreadable, _) => KeyValue::Unreadable,
    }
}

/// Digits with at most one sign, within what a BIGINT or BIGINT UNSIGNED holds: beyond that the servers clamp or compare inexactly.
fn integer(bytes: &[u8]) -> Option<i128> {
    let (is_negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 38 {
        return None;
    }
    let mut number = 0i128;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        number = number * 10 + i128::from(digit - b'0');
    }
    let number = if is_negative { -number } else { number };
    (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&number).then_some(number)
}

/// What a quoted string says.
pub(super) fn contents(bytes: &[u8], mode: SqlMode) -> Option<Vec<u8>> {
    let bytes = match bytes {
        [b'n' | b'N', rest @ ..] => rest,
        rest => rest,
    };
    let [quote, inner @ .., last] = bytes else { return None };
    if quote != last {
        return None;
    }
    let mut found = Vec::with_capacity(inner.len());
    let mut rest = inner.iter();
    while let Some(&byte) = rest.next() {
        if byte == *quote {
            rest.next();
            found.push(byte);
        } else if byte == b'\\' && !mode.no_backslash_escapes {
            match rest.next()? {
                b'0' => found.push(0),
                b'n' => found.push(b'\n'),
                b'r' => found.push(b'\r'),
                b't' => found.push(b'\t'),
                b'b' => found.push(8),
                b'Z' => found.push(0x1a),
                wildcard @ (b'%' | b'_') => found.extend([b'\\', *wildcard]),
                plain => found.push(*plain),
            }
        } else {
            found.push(byte);
        }
    }
    Some(found)
}
