//! How large and how deep a statement may be to be parsed: a miss stays short, and the stack is enough.
//!
//! Looks at tokens only.

use super::token::{Token, TokenKind};

/// More tokens than this are not parsed: a miss stays short.
const MOST_TOKENS: usize = 20_000;
/// More operators than this are not parsed: the parser builds a tree as deep as a chain of them is long.
const MOST_OPERATORS: usize = 3_000;
/// Nested deeper, nothing is parsed: in parentheses, or by joins that wait for their ON.
const DEEPEST_NESTING: usize = 60;
/// Up to this many the stack at hand is enough.
const SHALLOW_NESTING: usize = 6;
/// What the deepest nesting takes of the stack, in a debug build with room to spare; never touched, it costs address space only.
pub(super) const STACK: usize = 32 << 20;

/// How a statement stands to the bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bounds {
    /// It can be parsed on the stack at hand.
    Shallow,
    /// It can be parsed with more stack.
    Deep,
    /// It is not parsed.
    Beyond,
}

/// The bounds a statement keeps to.
pub(super) fn of(tokens: &[Token<'_>]) -> Bounds {
    // Nearly always there are fewer tokens than there may be operators, and none is looked at.
    let has_many_operators =
        || tokens.len() > MOST_OPERATORS && tokens.iter().filter(|token| is_operator(token)).count() > MOST_OPERATORS;
    if tokens.len() > MOST_TOKENS || has_many_operators() {
        return Bounds::Beyond;
    }
    let nesting = nesting(tokens);
    if nesting > DEEPEST_NESTING {
        Bounds::Beyond
    } else if nesting > SHALLOW_NESTING {
        Bounds::Deep
    } else {
        Bounds::Shallow
    }
}

/// How deep parentheses nest, and joins that wait for their ON (`a JOIN b JOIN c ON … ON …`).
fn nesting(tokens: &[Token<'_>]) -> usize {
    let (mut depth, mut deepest, mut waiting) = (0usize, 0, 0usize);
    for token in tokens {
        if token.is_symbol("(") {
            depth += 1;
            deepest = deepest.max(depth);
        } else if token.is_symbol(")") {
            depth = depth.saturating_sub(1);
        } else if token.is_any(&["join", "straight_join"]) {
            waiting += 1;
            deepest = deepest.max(depth + waiting);
        } else if token.is_any(&["on", "using"]) {
            waiting = waiting.saturating_sub(1);
        }
    }
    deepest
}

fn is_operator(token: &Token<'_>) -> bool {
    const WORDS: [&str; 22] = [
        "and",
        "or",
        "xor",
        "union",
        "except",
        "intersect",
        "div",
        "mod",
        "like",
        "not",
        "is",
        "in",
        "between",
        "collate",
        "regexp",
        "rlike",
        "escape",
        "member",
        "sounds",
        "at",
        "interval",
        "binary",
    ];
    (token.kind == TokenKind::Symbol && !matches!(token.bytes, b"," | b"(" | b")" | b".")) || token.is_any(&WORDS)
}
