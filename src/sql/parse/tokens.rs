//! Our tokens -> the parser's.

use sqlparser::tokenizer::Token as ParserToken;

use crate::sql::clauses::skipped;
use crate::sql::token::{Token, TokenKind};

/// Our tokens as the parser's, without what does not bear on structure and what the parser does not know.
pub(super) fn adapt(tokens: &[Token<'_>]) -> Vec<ParserToken> {
    let mut adapted = Vec::with_capacity(tokens.len() + 1);
    let is_update = tokens.first().is_some_and(|token| token.is("update"));
    let is_delete = tokens.first().is_some_and(|token| token.is("delete"));
    let (mut at, mut depth, mut in_tables) = (0, 0usize, is_update);
    let mut is_selecting = tokens.first().is_some_and(|token| token.is("select"));
    while let Some(token) = tokens.get(at) {
        if let Some(skipped) = skipped(&tokens[at..], at, is_update || is_delete) {
            at += skipped;
            continue;
        }
        if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            depth = depth.saturating_sub(1);
        } else if token.is("set") {
            in_tables = false;
        } else if token.is("from") {
            is_selecting = false;
        } else if is_selecting
            && depth == 0
            && token.is_symbol(",")
            && let Some(length) = plain_column(&tokens[at + 1..])
        {
            at += 1 + length;
            continue;
        }
        if in_tables && depth == 0 && token.is_symbol(",") {
            // The parser knows no `UPDATE a, b`; a comma is a cross join.
            adapted.push(ParserToken::make_keyword("CROSS"));
            adapted.push(ParserToken::make_keyword("JOIN"));
        } else if token.is("mod") && !tokens.get(at + 1).is_some_and(|next| next.is_symbol("(")) {
            adapted.push(ParserToken::Mod);
        } else {
            let is_qualifier =
                token.kind == TokenKind::Word && tokens.get(at + 1).is_some_and(|next| next.is_symbol("."));
            adapted.push(if is_qualifier { named(token) } else { one(token) });
        }
        at += 1;
    }
    adapted
}

/// How long the column is that stands first in `rest`, with its alias, when the next column or FROM follows. What a whole statement gives has no
/// bearing on which rows it reads, and most of what is sent consists of such columns.
fn plain_column(rest: &[Token<'_>]) -> Option<usize> {
    let is_name = |at: usize| rest.get(at).is_some_and(Token::is_name);
    let is = |at: usize, keyword: &str| rest.get(at).is_some_and(|token| token.is(keyword));
    let is_symbol = |at: usize, symbol: &str| rest.get(at).is_some_and(|token| token.is_symbol(symbol));
    let mut length = usize::from(is_name(0));
    while length > 0 && is_symbol(length, ".") && is_name(length + 1) {
        length += 2;
    }
    if is(length, "as") && is_name(length + 1) {
        length += 2;
    }
    (length > 0 && (is_symbol(length, ",") || is(length, "from"))).then_some(length)
}

/// A word that can be nothing but a name: whether it is also a keyword need not be looked up.
fn named(token: &Token<'_>) -> ParserToken {
    ParserToken::make_word(&String::from_utf8_lossy(token.bytes), Some('`'))
}

fn one(token: &Token<'_>) -> ParserToken {
    let plain = || String::from_utf8_lossy(token.bytes);
    match token.kind {
        TokenKind::Number | TokenKind::Hex => ParserToken::Number(token.index.to_string(), false),
        TokenKind::Text => ParserToken::SingleQuotedString(token.index.to_string()),
        TokenKind::Parameter => ParserToken::Placeholder(format!("?{}", token.index)),
        TokenKind::Quoted => ParserToken::make_word(&token.name(), Some('`')),
        TokenKind::Word if token.is_qualified => named(token),
        TokenKind::Word if token.is("xor") => ParserToken::make_keyword("OR"),
        TokenKind::Word if token.is("div") => ParserToken::Div,
        TokenKind::Word => ParserToken::make_word(&plain(), None),
        TokenKind::UserVariable | TokenKind::SystemVariable => ParserToken::make_word(&plain(), Some('`')),
        TokenKind::OptimizerHint => ParserToken::make_word("hint", None),
        TokenKind::Symbol => symbol(token.bytes),
    }
}

fn symbol(bytes: &[u8]) -> ParserToken {
    match bytes {
        b"(" => ParserToken::LParen,
        b")" => ParserToken::RParen,
        b"," => ParserToken::Comma,
        b"." => ParserToken::Period,
        b"=" | b":=" => ParserToken::Eq,
        b"<=>" => ParserToken::Spaceship,
        b"<" => ParserToken::Lt,
        b">" => ParserToken::Gt,
        b"<=" => ParserToken::LtEq,
        b">=" => ParserToken::GtEq,
        b"<>" | b"!=" => ParserToken::Neq,
        b"+" => ParserToken::Plus,
        b"-" => ParserToken::Minus,
        b"*" => ParserToken::Mul,
        b"/" => ParserToken::Div,
        b"%" => ParserToken::Mod,
        b"&&" => ParserToken::make_keyword("AND"),
        b"||" => ParserToken::make_keyword("OR"),
        b"&" => ParserToken::Ampersand,
        b"|" => ParserToken::Pipe,
        b"^" => ParserToken::Caret,
        b"~" => ParserToken::Tilde,
        // NOT binds weaker, which only makes fewer keys.
        b"!" => ParserToken::make_keyword("NOT"),
        b"<<" => ParserToken::ShiftLeft,
        b">>" => ParserToken::ShiftRight,
        b"->" => ParserToken::Arrow,
        b"->>" => ParserToken::LongArrow,
        b":" => ParserToken::Colon,
        // No MySQL expression has any other; the parser's error is the right answer.
        _ => ParserToken::Backslash,
    }
}
