//! Where a literal ends, and what it is.
//!
//! It looks at the bytes of one literal and what follows them; what stands before it the caller says.

use memchr::{memchr, memchr2};

use super::lexed::LiteralKind;

/// What begins with a digit, or with a point and a digit.
pub(super) enum Number {
    /// A literal that ends before `end`.
    Literal {
        /// Its kind.
        kind: LiteralKind,
        /// Behind its last byte.
        end: usize,
        /// A word follows at once: the servers split `1e5x` and `1.5x`, but it is not worth being sure how.
        is_odd: bool,
    },
    /// An identifier, as `1st` is one.
    Identifier,
}

/// A literal between quotes.
pub(super) struct Quoted {
    /// Its kind.
    pub(super) kind: LiteralKind,
    /// Behind its closing quote.
    pub(super) end: usize,
    /// Whether it has one.
    pub(super) is_closed: bool,
}

/// Whether `byte` may stand in a word.
pub(super) fn is_word(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'$' | 0x80..)
}

/// Whether the sign at `at` belongs to a number: after an operator, `(` or `,`, which is the last of the shape so far.
pub(super) fn is_sign(text: &[u8], at: usize, before: u8) -> bool {
    let is_digit = |place: usize| text.get(place).is_some_and(u8::is_ascii_digit);
    let is_followed = is_digit(at + 1) || (text.get(at + 1) == Some(&b'.') && is_digit(at + 2));
    is_followed && matches!(before, b'=' | b'(' | b',' | b'<' | b'>')
}

/// Whether the point at `at` begins a number and does not stand between two names.
pub(super) fn is_point(text: &[u8], at: usize) -> bool {
    let is_behind_name = |byte: u8| is_word(byte) || matches!(byte, b'`' | b'"' | b'.');
    text.get(at + 1).is_some_and(u8::is_ascii_digit) && !(at > 0 && is_behind_name(text[at - 1]))
}

/// The number without its sign at `first`; after a point it can only be a name.
pub(super) fn number(text: &[u8], first: usize, after_dot: bool) -> Number {
    let peek = |at: usize| text.get(at).copied();
    let digits = |mut at: usize| {
        while peek(at).is_some_and(|byte| byte.is_ascii_digit()) {
            at += 1;
        }
        at
    };
    let mut kind = LiteralKind::Integer;
    let mut at = digits(first);
    if at == first + 1
        && text[first] == b'0'
        && !after_dot
        && let Some(end) = hex_digits(text, at)
    {
        return Number::Literal { kind: LiteralKind::Hex, end, is_odd: false };
    }
    // `0..9` counts, in MariaDB's FOR.
    if peek(at) == Some(b'.') && peek(at + 1) != Some(b'.') && !after_dot {
        kind = LiteralKind::Fraction;
        at = digits(at + 1);
    }
    if peek(at).is_some_and(|byte| byte | 0x20 == b'e') {
        let sign = usize::from(peek(at + 1).is_some_and(|byte| byte == b'+' || byte == b'-'));
        if peek(at + 1 + sign).is_some_and(|byte| byte.is_ascii_digit()) {
            kind = LiteralKind::Fraction;
            at = digits(at + 2 + sign);
        }
    }
    let is_odd = peek(at).is_some_and(is_word);
    if after_dot || (kind == LiteralKind::Integer && is_odd) {
        return Number::Identifier;
    }
    Number::Literal { kind, end: at, is_odd }
}

/// The end of `0x…` or `0b…` whose letter is at `at`; `None` when it is none.
fn hex_digits(text: &[u8], at: usize) -> Option<usize> {
    let is_digit: fn(&u8) -> bool = match text.get(at)? {
        b'x' => u8::is_ascii_hexdigit,
        b'b' => |byte| matches!(byte, b'0' | b'1'),
        _ => return None,
    };
    let rest = &text[at + 1..];
    let count = rest.iter().take_while(|byte| is_digit(byte)).count();
    let goes_on = rest.get(count).is_some_and(|&byte| is_word(byte));
    (count > 0 && !goes_on).then_some(at + 1 + count)
}

/// The string whose opening quote is at `open`.
pub(super) fn string(text: &[u8], open: usize, no_backslash_escapes: bool) -> Quoted {
    let quote = text[open];
    let mut kind = LiteralKind::Text;
    let mut at = open + 1;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let found = if no_backslash_escapes { memchr(quote, rest) } else { memchr2(quote, b'\\', rest) };
        let Some(offset) = found else {
            return Quoted { kind, end: text.len(), is_closed: false };
        };
        at += offset;
        if text[at] == b'\\' || text.get(at + 1) == Some(&quote) {
            kind = LiteralKind::Escaped;
            at += 2;
        } else {
            return Quoted { kind, end: at + 1, is_closed: true };
        }
    }
}
