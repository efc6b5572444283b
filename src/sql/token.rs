//! The tokens of a normalised text, for the slow path.
//!
//! Reads only what `lexer.rs` wrote: no comments but optimizer hints, and markers for literals.

use memchr::memmem;

use super::lexed::{HEX, NUMBER, PARAMETER, TEXT};
use super::structure::Name;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A keyword or an unquoted name.
    Word,
    /// A quoted name.
    Quoted,
    /// A literal; the index is its slot.
    Number,
    /// A literal; the index is its slot.
    Text,
    /// A literal; the index is its slot.
    Hex,
    /// A `?`; the index is its number.
    Parameter,
    /// `@name`.
    UserVariable,
    /// `@@name`.
    SystemVariable,
    /// `/*+ … */`.
    OptimizerHint,
    /// An operator or punctuation.
    Symbol,
}

/// One token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind,
    pub(super) bytes: &'a [u8],
    /// Number of the slot or parameter.
    pub(super) index: usize,
    /// A `.` stands before it, so that a word is a name and no keyword.
    pub(super) is_qualified: bool,
}

impl Token<'_> {
    /// Whether it is this keyword, given in lower case.
    pub(super) fn is(&self, keyword: &str) -> bool {
        self.kind == TokenKind::Word && !self.is_qualified && self.bytes.eq_ignore_ascii_case(keyword.as_bytes())
    }

    /// Whether it is one of these keywords.
    pub(super) fn is_any(&self, keywords: &[&str]) -> bool {
        keywords.iter().any(|keyword| self.is(keyword))
    }

    /// Whether it is this operator or punctuation.
    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        self.kind == TokenKind::Symbol && self.bytes == symbol.as_bytes()
    }

    /// Whether it may name something.
    pub(super) fn is_name(&self) -> bool {
        matches!(self.kind, TokenKind::Word | TokenKind::Quoted)
    }

    /// Whether it is a literal.
    pub(super) fn is_literal(&self) -> bool {
        matches!(self.kind, TokenKind::Number | TokenKind::Text | TokenKind::Hex)
    }

    /// The name without its quotes; for variables, without `@`.
    pub(super) fn name(&self) -> String {
        let mut bytes = self.bytes;
        while let [b'@', rest @ ..] = bytes {
            bytes = rest;
        }
        match bytes {
            [quote @ (b'`' | b'"' | b'\''), inner @ .., last] if quote == last => {
                let quote = char::from(*quote);
                String::from_utf8_lossy(inner).replace(&format!("{quote}{quote}"), &quote.to_string())
            }
            _ => String::from_utf8_lossy(bytes).into_owned(),
        }
    }
}

/// The name that begins at `index`, and the index behind it.
pub(super) fn name_at(tokens: &[Token<'_>], index: usize) -> Option<(Name, usize)> {
    let first = tokens.get(index).filter(|token| token.is_name())?;
    let has_schema = tokens.get(index + 1).is_some_and(|token| token.is_symbol("."));
    match tokens.get(index + 2) {
        Some(second) if has_schema && matches!(second.kind, TokenKind::Word | TokenKind::Quoted) => {
            Some((Name { schema: Some(first.name()), table: second.name() }, index + 3))
        }
        _ if has_schema => None,
        _ => Some((Name { schema: None, table: first.name() }, index + 1)),
    }
}

/// Splits a normalised text into its tokens.
pub(super) fn tokens(normalised: &[u8]) -> Vec<Token<'_>> {
    let mut found = Vec::with_capacity(normalised.len() / 3);
    let (mut at, mut slots, mut parameters) = (0, 0, 0);
    while let Some(&byte) = normalised.get(at) {
        if byte == b' ' {
            at += 1;
            continue;
        }
        let (kind, length) = next(&normalised[at..], byte);
        let index = match kind {
            TokenKind::Number | TokenKind::Text | TokenKind::Hex => {
                slots += 1;
                slots - 1
            }
            TokenKind::Parameter => {
                parameters += 1;
                parameters - 1
            }
            _ => 0,
        };
        let is_qualified = found.last().is_some_and(|before: &Token<'_>| before.is_symbol("."));
        found.push(Token { kind, bytes: &normalised[at..at + length], index, is_qualified });
        at += length;
    }
    found
}

fn next(rest: &[u8], byte: u8) -> (TokenKind, usize) {
    match byte {
        NUMBER => (TokenKind::Number, 1),
        TEXT => (TokenKind::Text, 1),
        HEX => (TokenKind::Hex, 1),
        PARAMETER => (TokenKind::Parameter, 1),
        b'`' | b'"' => (TokenKind::Quoted, quoted_length(rest, byte)),
        b'@' if rest.get(1) == Some(&b'@') => (TokenKind::SystemVariable, 2 + variable_length(&rest[2..])),
        b'@' => (TokenKind::UserVariable, 1 + variable_length(&rest[1..])),
        b'/' if rest.starts_with(b"/*+") => {
            (TokenKind::OptimizerHint, memmem::find(rest, b"*/").map_or(rest.len(), |offset| offset + 2))
        }
        _ if is_word(byte) => (TokenKind::Word, rest.iter().position(|&byte| !is_word(byte)).unwrap_or(rest.len())),
        _ => (TokenKind::Symbol, symbol_length(rest)),
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

fn variable_length(rest: &[u8]) -> usize {
    match rest.first() {
        Some(quote @ (b'`' | b'"' | b'\'')) => quoted_length(rest, *quote),
        _ => rest.iter().position(|&byte| !is_word(byte) && byte != b'.').unwrap_or(rest.len()),
    }
}

fn quoted_length(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        if rest[at] == quote {
            if rest.get(at + 1) != Some(&quote) {
                return at + 1;
            }
            at += 1;
        }
        at += 1;
    }
    rest.len()
}

fn symbol_length(rest: &[u8]) -> usize {
    const LONG: [&[u8]; 13] =
        [b"<=>", b"->>", b":=", b"<=", b">=", b"<>", b"!=", b"||", b"&&", b"<<", b">>", b"->", b"=="];
    LONG.iter().find(|symbol| rest.starts_with(symbol)).map_or(1, |symbol| symbol.len())
}
