//! One pass over a text: its shape as normalised bytes, and the places of its literals.
//!
//! Reads comments, quotes and literals as the server named by the dialect would; where that is not certain it says `ambiguous` and guesses nothing.
//! Linear in the text's length. It does not know what statements mean; `token.rs` reads its output.
//!
//! Normalised form: tokens as written, without white space or comments, each literal replaced by a marker byte. Runs of literals in `IN (…)` and runs of
//! equal rows in `VALUES (…),(…)` are written once; the slot of such a literal tells where all of them are.

use memchr::memchr;

use super::lexed::{HEX, Lexed, Literal, LiteralKind, NUMBER, PARAMETER, RAW, Reading, Slot, TEXT};
use super::rows::{Progress, Values};
use super::scan::{self, Number, is_word};
use super::statement::{CharsetClass, Family};

const SPACE: u8 = 0;
const WORD: u8 = 1;
const DIGIT: u8 = 2;
const SYMBOL: u8 = 3;
const OTHER: u8 = 4;

static CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [OTHER; 256];
    let mut byte = 0;
    while byte < 256 {
        let value = byte as u8;
        table[byte] = match value {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => SPACE,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'$' | 0x80..=0xff => WORD,
            b'0'..=b'9' => DIGIT,
            b'=' | b'<' | b'>' | b'!' | b'+' | b'%' | b'&' | b'|' | b'^' | b'~' | b':' | b'{' | b'}' | b'[' | b']' => {
                SYMBOL
            }
            _ => OTHER,
        };
        byte += 1;
    }
    table
}

/// Reads `text` into `out`, whatever was there before.
pub(super) fn lex(text: &[u8], reading: Reading, out: &mut Lexed) {
    out.clear();
    if u32::try_from(text.len()).is_err() {
        out.ambiguous = true;
        return;
    }
    let mut lexer = Lexer {
        text,
        reading,
        at: 0,
        depth: 0,
        ends_in_word: false,
        in_executable: false,
        is_start: true,
        after_in: false,
        in_list: false,
        values: None,
        out,
    };
    lexer.run();
}

pub(super) struct Lexer<'a> {
    pub(super) text: &'a [u8],
    pub(super) reading: Reading,
    pub(super) at: usize,
    pub(super) depth: usize,
    pub(super) ends_in_word: bool,
    pub(super) in_executable: bool,
    pub(super) is_start: bool,
    pub(super) after_in: bool,
    pub(super) in_list: bool,
    pub(super) values: Option<Values>,
    pub(super) out: &'a mut Lexed,
}

impl Lexer<'_> {
    fn run(&mut self) {
        while let Some(&byte) = self.text.get(self.at) {
            match CLASS[usize::from(byte)] {
                SPACE => self.at += 1,
                WORD => self.word(),
                DIGIT => self.number(self.at),
                SYMBOL => match byte {
                    b'+' if self.is_sign() => self.number(self.at),
                    _ => self.symbol(byte),
                },
                _ => self.other(byte),
            }
        }
        if self.in_executable {
            self.out.ambiguous = true;
        }
        self.out.tokens_end = self.out.normalised.len();
        if self.out.is_raw {
            for literal in &self.out.literals {
                self.out.normalised.push(RAW);
                self.out.normalised.extend_from_slice(&(literal.end - literal.start).to_le_bytes());
                self.out.normalised.extend_from_slice(&self.text[literal.start as usize..literal.end as usize]);
            }
        }
    }

    pub(super) fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    fn other(&mut self, byte: u8) {
        match byte {
            b'\'' => self.string(byte, self.at),
            b'"' if self.reading.mode.ansi_quotes => self.quoted(byte),
            b'"' => self.string(byte, self.at),
            b'`' => self.quoted(byte),
            b'?' => {
                self.leave_list();
                self.leave_values();
                self.out.parameters += 1;
                self.emit(PARAMETER);
                self.at += 1;
            }
            b'@' => self.variable(),
            b'#' => self.line_comment(),
            b'-' if self.peek(1) == Some(b'-') && self.peek(2).is_none_or(|next| next <= b' ' || next == 0x7f) => {
                self.line_comment();
            }
            b'-' if self.is_sign() => self.number(self.at),
            b'/' if self.peek(1) == Some(b'*') => self.comment(),
            b'*' if self.in_executable && self.peek(1) == Some(b'/') => {
                self.in_executable = false;
                self.at += 2;
            }
            b'(' => self.open(),
            b')' => self.close(),
            b',' => self.comma(),
            b';' => {
                self.symbol(byte);
                self.is_start = true;
                self.depth = 0;
                self.values = None;
            }
            b'.' if self.last() != b'.' && scan::is_point(self.text, self.at) => self.number(self.at),
            b'.' | b'-' | b'*' | b'/' => self.symbol(byte),
            // MariaDB's other way to write NULL.
            b'\\'
                if self.peek(1) == Some(b'N')
                    && self.reading.dialect.family == Family::MariaDb
                    && !self.peek(2).is_some_and(is_word) =>
            {
                self.leave_list();
                self.leave_values();
                if self.ends_in_word {
                    self.out.normalised.push(b' ');
                }
                self.out.normalised.extend_from_slice(b"NULL");
                self.ends_in_word = true;
                self.after_in = false;
                self.is_start = false;
                self.at += 2;
            }
            // Control characters and backslashes outside strings: the server's own errors; not worth being sure about.
            _ => {
                self.out.ambiguous = true;
                self.at += 1;
            }
        }
    }

    pub(super) fn emit(&mut self, byte: u8) {
        self.out.normalised.push(byte);
        self.ends_in_word = false;
        self.is_start = false;
        self.after_in = false;
    }

    fn symbol(&mut self, byte: u8) {
        self.leave_list();
        self.leave_values();
        self.emit(byte);
        self.at += 1;
    }

    pub(super) fn leave_list(&mut self) {
        self.in_list = false;
    }

    /// Any token but `(`, `)` and `,` between two rows ends the run of rows.
    fn leave_values(&mut self) {
        if let Some(values) = &self.values
            && !matches!(values.progress, Progress::Within(..))
        {
            self.values = None;
        }
    }

    /// The last byte of the shape so far; 0 at its beginning.
    fn last(&self) -> u8 {
        self.out.normalised.last().copied().unwrap_or_default()
    }

    fn is_sign(&self) -> bool {
        scan::is_sign(self.text, self.at, self.last())
    }

    fn push_word(&mut self, start: usize, end: usize) {
        self.leave_list();
        self.leave_values();
        if self.ends_in_word {
            self.out.normalised.push(b' ');
        }
        self.out.normalised.extend_from_slice(&self.text[start..end]);
        self.ends_in_word = true;
        self.after_in = false;
        self.is_start = false;
    }

    fn word(&mut self) {
        let start = self.at;
        let mut has_high = false;
        while let Some(&byte) = self.text.get(self.at) {
            if !is_word(byte) {
                break;
            }
            has_high |= byte >= 0x80;
            self.at += 1;
        }
        let word = &self.text[start..self.at];
        if has_high {
            self.judge_high_word(start);
        }
        if word.len() == 1 && self.peek(0) == Some(b'\'') {
            match word[0] | 0x20 {
                b'x' | b'b' => return self.hex_string(start),
                b'n' => return self.string(b'\'', start),
                _ => {}
            }
        }
        let was_start = self.is_start;
        self.push_word(start, self.at);
        match word.len() {
            2 if word.eq_ignore_ascii_case(b"in") => self.after_in = true,
            5 | 6 if word.eq_ignore_ascii_case(b"values") || word.eq_ignore_ascii_case(b"value") => {
                self.values = Some(Values { depth: self.depth, progress: Progress::Before, previous: None });
            }
            _ => {}
        }
        if was_start
            && [&b"set"[..], b"use", b"kill", b"prepare", b"execute"].iter().any(|raw| word.eq_ignore_ascii_case(raw))
        {
            self.out.is_raw = true;
        }
    }

    /// Unquoted words above ASCII: latin1 reads 0xA0 as a space, and multi-byte sets may swallow the byte that follows.
    fn judge_high_word(&mut self, start: usize) {
        let word = &self.text[start..self.at];
        let next = self.peek(0).filter(|_| word.last().is_some_and(|&last| last >= 0x80));
        let is_unicode = self.reading.charset == CharsetClass::Utf8;
        if std::str::from_utf8(word).is_err() || (!is_unicode && memchr(0xa0, word).is_some()) {
            self.out.ambiguous = true;
        }
        if self.reading.charset == CharsetClass::TrailingAscii
            && next.is_some_and(|next| matches!(next, b'\\' | b'`' | b'@' | b'[' | b']' | b'^' | b'{'..=b'~'))
        {
            self.out.ambiguous = true;
        }
    }

    /// A number, or an identifier that begins with digits.
    fn number(&mut self, start: usize) {
        let has_sign = matches!(self.text[start], b'+' | b'-');
        let first = start + usize::from(has_sign);
        let after_dot = !has_sign && self.last() == b'.';
        match scan::number(self.text, first, after_dot) {
            Number::Identifier => {
                if has_sign {
                    self.unsigned(start);
                }
                self.at = first;
                self.word();
            }
            Number::Literal { kind: LiteralKind::Hex, end, .. } => {
                // A sign before a hexadecimal literal is an operator.
                if has_sign {
                    self.unsigned(start);
                }
                self.at = end;
                self.literal(first, LiteralKind::Hex, HEX);
            }
            Number::Literal { kind, end, is_odd } => {
                self.out.ambiguous |= is_odd;
                self.at = end;
                self.literal(start, kind, NUMBER);
            }
        }
    }

    /// Writes the sign at `start` as an operator after all.
    fn unsigned(&mut self, start: usize) {
        let at = self.at;
        self.symbol(self.text[start]);
        self.at = at;
    }

    fn string(&mut self, quote: u8, start: usize) {
        let open = if self.text[start] == quote { start } else { start + 1 };
        let quoted = scan::string(self.text, open, self.reading.mode.no_backslash_escapes);
        self.out.ambiguous |= !quoted.is_closed;
        self.at = quoted.end;
        self.judge_trailing(open, b'\\');
        if self.last() == TEXT
            && let Some(last) = self.out.literals.last_mut()
        {
            last.end = self.at as u32;
            last.kind = LiteralKind::Joined;
            return;
        }
        self.literal(start, quoted.kind, TEXT);
    }

    /// Under a character set whose second bytes may be `special`, a high byte before it hides what it means.
    fn judge_trailing(&mut self, start: usize, special: u8) {
        if self.reading.charset == CharsetClass::TrailingAscii
            && self.text[start..self.at].windows(2).any(|pair| pair[0] >= 0x80 && pair[1] == special)
        {
            self.out.ambiguous = true;
        }
    }

    fn hex_string(&mut self, start: usize) {
        let open = self.at;
        match memchr(b'\'', &self.text[open + 1..]) {
            Some(offset) => self.at = open + offset + 2,
            None => {
                self.at = self.text.len();
                self.out.ambiguous = true;
            }
        }
        let digits = &self.text[open + 1..self.at.saturating_sub(1).max(open + 1)];
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            self.out.ambiguous = true;
        }
        self.literal(start, LiteralKind::Hex, HEX);
    }

    fn literal(&mut self, start: usize, kind: LiteralKind, marker: u8) {
        self.leave_values();
        let number = self.out.literals.len() as u32;
        let before = self.last();
        self.out.literals.push(Literal { start: start as u32, end: self.at as u32, kind, before });
        if self.in_list
            && let [.., before, b','] = self.out.normalised[..]
            && before == marker
            && let Some(slot) = self.out.slots.last_mut()
        {
            self.out.normalised.pop();
            slot.count += 1;
            self.ends_in_word = false;
            return;
        }
        self.out.slots.push(Slot { first: number, step: 1, count: 1 });
        self.emit(marker);
    }

    fn quoted(&mut self, quote: u8) {
        self.leave_list();
        self.leave_values();
        let start = self.at;
        let mut at = start + 1;
        loop {
            let Some(offset) = memchr(quote, self.text.get(at..).unwrap_or_default()) else {
                self.out.ambiguous = true;
                at = self.text.len();
                break;
            };
            at += offset + 1;
            if self.text.get(at) != Some(&quote) {
                break;
            }
            at += 1;
        }
        self.at = at;
        self.judge_trailing(start, b'`');
        self.out.normalised.extend_from_slice(&self.text[start..at]);
        self.ends_in_word = false;
        self.is_start = false;
        self.after_in = false;
    }

    fn variable(&mut self) {
        let start = self.at;
        self.at += 1;
        let is_system = self.peek(0) == Some(b'@');
        if let Some(quote @ (b'\'' | b'"')) = self.peek(0)
            && start > 0
            && (is_word(self.text[start - 1]) || matches!(self.text[start - 1], b'\'' | b'"' | b'`'))
        {
            // The host of an account, a string like any other.
            self.symbol(b'@');
            self.at = start + 1;
            return match quote {
                b'"' if self.reading.mode.ansi_quotes => self.quoted(quote),
                _ => self.string(quote, start + 1),
            };
        }
        if is_system {
            self.at += 1;
        }
        self.leave_list();
        self.leave_values();
        self.out.normalised.extend_from_slice(&self.text[start..self.at]);
        self.ends_in_word = false;
        self.is_start = false;
        self.after_in = false;
        match self.peek(0) {
            Some(b'`') => self.quoted(b'`'),
            Some(quote @ (b'\'' | b'"')) if !is_system => self.quoted_variable(quote),
            _ => {
                let name = self.at;
                while self.peek(0).is_some_and(|byte| is_word(byte) || byte == b'.') {
                    self.at += 1;
                }
                if self.text[name..self.at].iter().any(|&byte| byte >= 0x80) {
                    self.judge_high_word(name);
                }
                self.out.normalised.extend_from_slice(&self.text[name..self.at]);
                self.ends_in_word = true;
            }
        }
    }

    /// `@'name'`, also the host of an account: written into the shape as it is.
    fn quoted_variable(&mut self, quote: u8) {
        let start = self.at;
        match memchr(quote, &self.text[start + 1..]) {
            Some(offset) => self.at = start + offset + 2,
            None => {
                self.at = self.text.len();
                self.out.ambiguous = true;
            }
        }
        if self.peek(0) == Some(quote) || memchr(b'\\', &self.text[start..self.at]).is_some() {
            self.out.ambiguous = true;
        }
        self.out.normalised.extend_from_slice(&self.text[start..self.at]);
    }
}
