//! What one pass over a text yields.
//!
//! Plain data between `lexer.rs`, which fills it, and everything that reads texts.

use super::statement::{CharsetClass, Dialect, SqlMode};

/// Stands for an integer, decimal or float literal.
pub(super) const NUMBER: u8 = 1;
/// Stands for a string literal.
pub(super) const TEXT: u8 = 2;
/// Stands for a hexadecimal or bit literal.
pub(super) const HEX: u8 = 3;
/// Stands for a `?`.
pub(super) const PARAMETER: u8 = 4;
/// Precedes the bytes of a literal that belongs to the shape (SET, USE, KILL, PREPARE).
pub(super) const RAW: u8 = 5;

/// How a literal is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LiteralKind {
    /// Digits, perhaps with a sign.
    Integer,
    /// Any other number.
    Fraction,
    /// A string without escapes or doubled quotes.
    Text,
    /// A string with backslashes or doubled quotes.
    Escaped,
    /// Adjacent strings, which the server joins.
    Joined,
    /// `0x…`, `x'…'`, `0b…`, `b'…'`.
    Hex,
}

/// One literal: its place in the text, quotes and sign included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Literal {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) kind: LiteralKind,
    /// The byte of the shape before it; 0 where it begins.
    pub(super) before: u8,
}

/// A literal of the shape: `count` literals of the text, the first at `first`, `step` apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) first: u32,
    pub(super) step: u32,
    pub(super) count: u32,
}

/// What the reading of a text depends on, besides the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub(super) mode: SqlMode,
    pub(super) charset: CharsetClass,
    pub(super) dialect: Dialect,
}

/// The result of one pass; reused between texts.
#[derive(Debug, Default)]
pub(super) struct Lexed {
    /// The shape.
    pub(super) normalised: Vec<u8>,
    /// How many leading bytes of `normalised` are tokens; raw literals follow.
    pub(super) tokens_end: usize,
    /// All literals of the text.
    pub(super) literals: Vec<Literal>,
    /// The literals of the shape.
    pub(super) slots: Vec<Slot>,
    /// How many `?` there are.
    pub(super) parameters: usize,
    /// Places of comments that contain `meridian:` or `meridian_`, from that word to the comment's end.
    pub(super) hints: Vec<(u32, u32)>,
    /// The server may read the text in another way than this pass did.
    pub(super) ambiguous: bool,
    /// Whether literals belong to the shape.
    pub(super) is_raw: bool,
}

impl Lexed {
    pub(super) fn clear(&mut self) {
        self.normalised.clear();
        self.tokens_end = 0;
        self.literals.clear();
        self.slots.clear();
        self.parameters = 0;
        self.hints.clear();
        self.ambiguous = false;
        self.is_raw = false;
    }
}
