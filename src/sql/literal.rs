//! A literal's bytes -> a key value.
//!
//! Certain or [`KeyValue::Unreadable`]; it never rounds, clamps or guesses as a server might under some mode. Texts that the column's collation
//! takes for equal become one key.

use super::lexed::{Literal, LiteralKind};
use super::statement::{KeyReading, KeyValue, SqlMode};
use crate::model::{TextEquality, TextRules};

/// Below this, two whole numbers that differ also differ as doubles, which is how strings are compared with numbers.
pub(super) const EXACT: i128 = 1 << 53;

/// The value of a literal as a key that is read so.
pub(super) fn value(text: &[u8], literal: Literal, reading: KeyReading, mode: SqlMode) -> KeyValue {
    let bytes = &text[literal.start as usize..literal.end as usize];
    let read = match literal.kind {
        LiteralKind::Integer => integer(bytes).map(KeyValue::Integer),
        LiteralKind::Text | LiteralKind::Escaped => {
            contents(bytes, mode).map(|contents| KeyValue::Text(contents.into()))
        }
        LiteralKind::Joined => joined(bytes, mode).map(|contents| KeyValue::Text(contents.into())),
        // Stored as text it would keep its point.
        LiteralKind::Fraction if matches!(reading, KeyReading::Numbers { .. }) => whole(bytes).map(KeyValue::Integer),
        LiteralKind::Hex => hex(bytes, reading),
        LiteralKind::Fraction => None,
    };
    read.map_or(KeyValue::Unreadable, |value| understood(value, reading))
}

/// A literal or parameter as the column's type understands it.
pub(super) fn understood(value: KeyValue, reading: KeyReading) -> KeyValue {
    let certain = match (value, reading) {
        (KeyValue::Null, _) => Some(KeyValue::Null),
        (KeyValue::Integer(number), KeyReading::Unknown) => Some(KeyValue::Integer(number)),
        (KeyValue::Integer(number), KeyReading::Numbers { least, most }) => {
            (least..=most).contains(&number).then_some(KeyValue::Integer(number))
        }
        (KeyValue::Text(text), KeyReading::Numbers { least, most }) => {
            // An exponent counts where the server compares as doubles and not where it converts to whole numbers, as MySQL 9 does in
            // `(k, 1) IN (('1e1', 1), (24, 1))`: ten in one statement, one in another.
            let has_exponent = text.iter().any(|byte| byte | 0x20 == b'e');
            let number = whole(text.trim_ascii()).filter(|number| number.abs() < EXACT && !has_exponent);
            number.filter(|number| (least..=most).contains(number)).map(KeyValue::Integer)
        }
        (KeyValue::Integer(number), KeyReading::Text { rules, is_stored: true }) => {
            folded(number.to_string().into_bytes().into(), rules).map(KeyValue::Text)
        }
        (KeyValue::Text(text), KeyReading::Text { rules, .. }) => folded(text, rules).map(KeyValue::Text),
        (KeyValue::Text(text), KeyReading::Bytes { length, is_fixed }) => {
            let given = text.len() as u64;
            (given == length || (given < length && !is_fixed)).then_some(KeyValue::Text(text))
        }
        (KeyValue::Text(text), KeyReading::Date) => is_date(&text).then_some(KeyValue::Text(text)),
        (KeyValue::Text(text), KeyReading::Uuid) => uuid(text).map(KeyValue::Text),
        (
            KeyValue::Integer(_),
            KeyReading::Text { .. } | KeyReading::Bytes { .. } | KeyReading::Date | KeyReading::Uuid,
        )
        | (KeyValue::Text(_), KeyReading::Unknown)
        | (_, KeyReading::Never)
        | (KeyValue::Unreadable, _) => None,
    };
    certain.unwrap_or(KeyValue::Unreadable)
}

impl KeyReading {
    /// Whether a key from outside SQL is written as this column's keys are read, so that it names the same shard.
    pub fn takes(self, key: &KeyValue) -> bool {
        match (self, key) {
            (KeyReading::Unknown | KeyReading::Numbers { .. }, _) | (_, KeyValue::Integer(_)) => true,
            // Nothing could name a key of such a column; then it is the word of whoever gives it.
            (KeyReading::Never, _) => true,
            (reading, key) => understood(key.clone(), reading) == *key,
        }
    }
}

/// `0x0C` is a number to a column of numbers, and bytes to one of bytes, as `x'0C'` is. Bits are neither: the servers differ.
fn hex(bytes: &[u8], reading: KeyReading) -> Option<KeyValue> {
    let (is_number, digits) = match bytes {
        [b'0', b'x', digits @ ..] => (true, digits),
        [b'x' | b'X', b'\'', digits @ .., b'\''] => (false, digits),
        _ => return None,
    };
    let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.len().is_multiple_of(2))?;
    match reading {
        KeyReading::Numbers { .. } if is_number && digits.len() <= 16 => {
            let number = i128::from_str_radix(digits, 16).ok()?;
            (number < EXACT).then_some(KeyValue::Integer(number))
        }
        KeyReading::Bytes { .. } => {
            let byte = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
            let found: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(byte).collect();
            Some(KeyValue::Text(found?.into()))
        }
        _ => None,
    }
}

/// The one text that stands for all the column takes for equal to it.
fn folded(mut text: Box<[u8]>, rules: TextRules) -> Option<Box<[u8]>> {
    let is_printable = text.iter().all(|byte| (b' '..=b'~').contains(byte));
    match rules.equality {
        TextEquality::Bytes if text.is_ascii() || (rules.unicode && std::str::from_utf8(&text).is_ok()) => {}
        TextEquality::Ascii if is_printable => {}
        TextEquality::AsciiLetters if is_printable => text.make_ascii_lowercase(),
        _ => return None,
    }
    if text.last() == Some(&b' ') {
        if !rules.padded {
            // CHAR drops them when it stores, and keeps to them when it compares.
            return (!rules.is_fixed).then_some(text);
        }
        let length = text.iter().rposition(|&byte| byte != b' ').map_or(0, |last| last + 1);
        text = text[..length].into();
    }
    let characters = text.iter().filter(|byte| **byte & 0xC0 != 0x80).count() as u64;
    (characters <= rules.length).then_some(text)
}

/// `YYYY-MM-DD`, a day that exists.
fn is_date(text: &[u8]) -> bool {
    let number =
        |digits: &[u8]| digits.iter().fold(0u32, |number, digit| number * 10 + u32::from(digit.wrapping_sub(b'0')));
    let [year @ .., b'-', m1, m2, b'-', d1, d2] = text else { return false };
    if year.len() != 4 || ![year, &[*m1, *m2, *d1, *d2]].iter().all(|digits| digits.iter().all(u8::is_ascii_digit)) {
        return false;
    }
    let (year, month, day) = (number(year), number(&[*m1, *m2]), number(&[*d1, *d2]));
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    year >= 1000 && (1..=days).contains(&day)
}

fn uuid(mut text: Box<[u8]>) -> Option<Box<[u8]>> {
    let is_right = text.len() == 36
        && text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    text.make_ascii_lowercase();
    is_right.then_some(text)
}

/// A number without a fraction, however it is written: `6000`, `6000.00`, `6e3`.
fn whole(bytes: &[u8]) -> Option<i128> {
    if let Some(number) = integer(bytes) {
        return Some(number);
    }
    let (mantissa, exponent) = match bytes.iter().position(|byte| byte | 0x20 == b'e') {
        Some(at) => (&bytes[..at], integer(&bytes[at + 1..])?),
        None => (bytes, 0),
    };
    let (head, fraction) = match mantissa.iter().position(|&byte| byte == b'.') {
        Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
        None => (mantissa, &[][..]),
    };
    if !(0..=15).contains(&exponent) || !fraction.iter().all(|&byte| byte == b'0') {
        return None;
    }
    let number = integer(head)?.checked_mul(10i128.pow(u32::try_from(exponent).ok()?))?;
    // With an exponent, and as a string, it is a double.
    (number.abs() < EXACT).then_some(number)
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

/// What adjacent strings say together; with anything but white space between them it is not told.
fn joined(bytes: &[u8], mode: SqlMode) -> Option<Vec<u8>> {
    let mut found = Vec::new();
    let mut rest = bytes;
    loop {
        let quote = rest.iter().position(|byte| matches!(byte, b'\'' | b'"'))?;
        let mut at = quote + 1;
        while *rest.get(at)? != rest[quote] || rest.get(at + 1) == Some(&rest[quote]) {
            at += if rest[at] == rest[quote] || (rest[at] == b'\\' && !mode.no_backslash_escapes) { 2 } else { 1 };
        }
        found.extend(contents(&rest[..=at], mode)?);
        rest = rest[at + 1..].trim_ascii_start();
        match rest.first() {
            None => return Some(found),
            Some(b'\'' | b'"') => {}
            Some(_) => return None,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: TextRules =
        TextRules { equality: TextEquality::AsciiLetters, padded: true, unicode: true, is_fixed: false, length: 8 };

    fn text(text: &str, rules: TextRules) -> Option<String> {
        let read = understood(KeyValue::Text(text.as_bytes().into()), KeyReading::Text { rules, is_stored: true });
        match read {
            KeyValue::Text(text) => Some(String::from_utf8_lossy(&text).into_owned()),
            _ => None,
        }
    }

    #[test]
    fn texts_the_collation_takes_for_equal_are_one_key() {
        assert_eq!(text("Ab C  ", RULES).as_deref(), Some("ab c"));
        assert_eq!(text("ab\u{e9}", RULES), None);
        assert_eq!(text("ab\tc", RULES), None);
        assert_eq!(text("123456789", RULES), None);
        assert_eq!(text("12345678   ", RULES).as_deref(), Some("12345678"));
        let cased = TextRules { equality: TextEquality::Ascii, padded: false, ..RULES };
        assert_eq!(text("Ab ", cased).as_deref(), Some("Ab "));
        assert_eq!(text("Ab ", TextRules { is_fixed: true, ..cased }), None);
        let bytes = TextRules { equality: TextEquality::Bytes, ..RULES };
        assert_eq!(text("\u{e9}\u{e9} ", bytes).as_deref(), Some("\u{e9}\u{e9}"));
        assert_eq!(text("\u{e9}", TextRules { unicode: false, ..bytes }), None);
        assert_eq!(text("a", TextRules { equality: TextEquality::Unknown, ..RULES }), None);
    }

    #[test]
    fn days_and_uuids_are_certain_in_one_form_only() {
        let of =
            |text: &str, reading| understood(KeyValue::Text(text.as_bytes().into()), reading) != KeyValue::Unreadable;
        for (day, is_certain) in [
            ("2024-02-29", true),
            ("2023-02-29", false),
            ("1900-02-29", false),
            ("2024-04-31", false),
            ("2024-13-01", false),
            ("2024-00-01", false),
            ("24-01-01", false),
            ("2024-1-01", false),
            ("20240101", false),
            ("2024-01-01 00:00:00", false),
        ] {
            assert_eq!(of(day, KeyReading::Date), is_certain, "{day}");
        }
        assert!(of("123E4567-e89b-12d3-a456-426614174000", KeyReading::Uuid));
        assert!(!of("123e4567e89b12d3a456426614174000", KeyReading::Uuid));
    }

    #[test]
    fn a_key_from_outside_is_taken_only_in_the_one_form() {
        let reading = KeyReading::Text { rules: RULES, is_stored: false };
        let text = |text: &str| KeyValue::Text(text.as_bytes().into());
        assert!(reading.takes(&text("abc")) && reading.takes(&KeyValue::Integer(5)));
        assert!(!reading.takes(&text("Abc")) && !reading.takes(&text("abc ")) && !reading.takes(&text("\u{e9}")));
        assert!(KeyReading::Unknown.takes(&text("Abc")));
    }
}
