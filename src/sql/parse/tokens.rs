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
        }
        if in_tables && depth == 0 && token.is_symbol(",") {
            // The parser knows no `UPDATE a, b`; a comma is a cross join.
            adapted.push(ParserToken::make_keyword("CROSS"));
            adapted.push(ParserToken::make_keyword("JOIN"));
        } else if token.is("mod") && !tokens.get(at + 1).is_some_and(|next| next.is_symbol("(")) {
            adapted.push(ParserToken::Mod);
        } else {
            adapted.push(one(token));
        }
        at += 1;
    }
    adapted
}

fn one(token: &Token<'_>) -> ParserToken {
    let plain = || String::from_utf8_lossy(token.bytes).into_owned();
    match token.kind {
        TokenKind::Number | TokenKind::Hex => ParserToken::Number(token.index.to_string(), false),
        TokenKind::Text => ParserToken::SingleQuotedString(token.index.to_string()),
        TokenKind::Parameter => ParserToken::Placeholder(format!("?{}", token.index)),
        TokenKind::Quoted => ParserToken::make_word(&token.name(), Some('`')),
        TokenKind::Word if token.is_qualified => ParserToken::make_word(&plain(), Some('`')),
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
