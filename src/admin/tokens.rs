//! A command's text as tokens: words, quoted texts, signs. Pure; it knows no verb.

use super::grammar::{Command, GrammarError};
use crate::model::Epoch;
use crate::sql::KeyValue;

/// A piece of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A bare word or number.
    Word(String),
    /// A quoted text, unquoted.
    Text(String),
    /// Any other character.
    Sign(char),
    /// A quote that is never closed.
    Unclosed(char),
    /// The end.
    End,
}

impl Token {
    /// Whether it is this bare word, in any case.
    pub fn is_word(&self, word: &str) -> bool {
        matches!(self, Token::Word(own) if own.eq_ignore_ascii_case(word))
    }

    fn shown(&self) -> String {
        match self {
            Token::Word(word) => word.chars().take(60).collect(),
            Token::Text(text) => format!("'{}'", text.chars().take(60).collect::<String>().escape_debug()),
            Token::Sign(sign) => format!("'{}'", sign.escape_debug()),
            Token::Unclosed(quote) => format!("an open quote {quote}"),
            Token::End => "the end".to_owned(),
        }
    }
}

/// Reads tokens from left to right; comments are white space.
pub struct Words<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Words<'a> {
    /// At the beginning of `text`; semicolons at its end are dropped.
    pub fn new(text: &'a str) -> Self {
        let trimmed = text.trim_end().trim_end_matches(';');
        Words { text: trimmed, at: 0 }
    }

    /// The text after the tokens read so far.
    pub fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            let Some(after) = self.rest().strip_prefix("/*") else { return };
            self.at = after.find("*/").map_or(self.text.len(), |end| self.text.len() - after.len() + end + 2);
        }
    }

    /// The next token, which stays next.
    pub fn peek(&self) -> Token {
        Words { text: self.text, at: self.at }.next()
    }

    /// The next token.
    pub fn next(&mut self) -> Token {
        self.skip_blanks();
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Token::End };
        if matches!(first, '\'' | '"' | '`') {
            return self.quoted(first);
        }
        let is_letter = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.' | '$');
        let length = rest.find(|letter: char| !is_letter(letter)).unwrap_or(rest.len());
        if length == 0 {
            self.at += first.len_utf8();
            return Token::Sign(first);
        }
        self.at += length;
        Token::Word(rest[..length].to_owned())
    }

    /// A quote is written inside quotes by doubling it, or (not in backticks) after a backslash.
    fn quoted(&mut self, quote: char) -> Token {
        let mut text = String::new();
        let mut letters = self.rest().char_indices().skip(1).peekable();
        while let Some((offset, letter)) = letters.next() {
            if letter == '\\' && quote != '`' {
                text.extend(letters.next().map(|(_, escaped)| escaped));
            } else if letter != quote {
                text.push(letter);
            } else if letters.peek().is_some_and(|(_, next)| *next == quote) {
                text.push(quote);
                letters.next();
            } else {
                self.at += offset + quote.len_utf8();
                return Token::Text(text);
            }
        }
        self.at = self.text.len();
        Token::Unclosed(quote)
    }

    /// Reads one bare word. Errors: anything else.
    pub fn expect(&mut self, word: &str) -> Result<(), GrammarError> {
        let token = self.next();
        if token.is_word(word) { Ok(()) } else { Err(unexpected(&token, word)) }
    }

    /// Reads a name, bare or quoted. Errors: anything else, with `what` it should be.
    pub fn name(&mut self, what: &str) -> Result<String, GrammarError> {
        match self.next() {
            Token::Word(name) | Token::Text(name) if !name.is_empty() => Ok(name),
            token => Err(unexpected(&token, what)),
        }
    }

    /// Reads `WITH PARAMS (value, …)`, if it stands there: whole numbers, quoted texts, NULL; any other bare word is a value nobody can read as a key.
    pub fn parameters(&mut self) -> Result<Option<Vec<KeyValue>>, GrammarError> {
        let begin = self.at;
        self.expect("WITH")?;
        if !self.peek().is_word("PARAMS") {
            self.at = begin;
            return Ok(None);
        }
        self.next();
        let open = self.next();
        if open != Token::Sign('(') {
            return Err(unexpected(&open, "("));
        }
        let mut values = Vec::new();
        if self.peek() == Token::Sign(')') {
            self.next();
            return Ok(Some(values));
        }
        loop {
            values.push(match self.next() {
                Token::Text(text) => KeyValue::Text(text.into_bytes().into()),
                Token::Word(word) if word.eq_ignore_ascii_case("NULL") => KeyValue::Null,
                Token::Word(word) => word.parse().map_or(KeyValue::Unreadable, KeyValue::Integer),
                token => return Err(unexpected(&token, "a value: a number, a text in quotes, or NULL")),
            });
            match self.next() {
                Token::Sign(',') => {}
                Token::Sign(')') => return Ok(Some(values)),
                token => return Err(unexpected(&token, "',' or ')'")),
            }
        }
    }

    /// Reads `IF EPOCH = n`, if it stands there.
    pub fn epoch_condition(&mut self) -> Result<Option<Epoch>, GrammarError> {
        if !self.peek().is_word("IF") {
            return Ok(None);
        }
        self.next();
        self.expect("EPOCH")?;
        let sign = self.next();
        if sign != Token::Sign('=') {
            return Err(unexpected(&sign, "="));
        }
        match self.next() {
            Token::Word(number) if number.parse::<u64>().is_ok() => Ok(number.parse().ok().map(Epoch)),
            token => Err(unexpected(&token, "an epoch, a whole number")),
        }
    }

    /// `command`, if nothing follows. Errors: what follows.
    pub fn end(mut self, command: Command) -> Result<Command, GrammarError> {
        match self.next() {
            Token::End => Ok(command),
            token => Err(unexpected(&token, "the end of the command")),
        }
    }
}

/// The error for `token` where `expected` should stand.
pub fn unexpected(token: &Token, expected: &str) -> GrammarError {
    GrammarError::Expected { found: token.shown(), expected: expected.to_owned() }
}
