//! Comments: plain, versioned, optimizer hints, and ours.
//!
//! A part of the lexer; a comment the named server would execute is left to it as text.

use memchr::{memchr, memmem};

use super::lexer::Lexer;
use super::statement::{Dialect, Family};

impl Lexer<'_> {
    pub(super) fn line_comment(&mut self) {
        let rest = &self.text[self.at..];
        self.at += memchr(b'\n', rest).map_or(rest.len(), |offset| offset + 1);
    }

    pub(super) fn comment(&mut self) {
        let start = self.at;
        match (self.peek(2), self.peek(3)) {
            (Some(b'!'), _) => self.versioned(start + 3, false),
            (Some(b'M'), Some(b'!')) if self.reading.dialect.family == Family::MariaDb => {
                self.versioned(start + 4, true)
            }
            (Some(b'+'), _) => self.optimizer_hint(),
            _ => {
                let end = self.comment_end(start + 2);
                if let Some(offset) = hint_in(&self.text[start..end]) {
                    self.out.hints.push(((start + offset) as u32, (end.saturating_sub(2)) as u32));
                }
                self.at = end;
            }
        }
    }

    fn comment_end(&mut self, from: usize) -> usize {
        match memmem::find(self.text.get(from..).unwrap_or_default(), b"*/") {
            Some(offset) => from + offset + 2,
            None => {
                self.out.ambiguous = true;
                self.text.len()
            }
        }
    }

    /// `/*!50700 … */`: part of the text, or a comment, by the version of the server that will read it.
    fn versioned(&mut self, after: usize, is_mariadb_only: bool) {
        let digits = self.text[after..].iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
        let Dialect { family, version } = self.reading.dialect;
        let used = match (digits, family) {
            (0..=4, _) => 0,
            (5, _) => 5,
            (_, Family::MariaDb) => 6,
            (_, Family::MySql) if version >= 80_100 => 6,
            _ => {
                self.out.ambiguous = true;
                5
            }
        };
        let wanted =
            self.text[after..after + used].iter().fold(0u32, |number, &digit| number * 10 + u32::from(digit - b'0'));
        // MariaDB reads MySQL's 5.7 and 8.0 comments as comments: https://mariadb.com/kb/en/comment-syntax/
        let is_foreign = family == Family::MariaDb && !is_mariadb_only && (50_700..=99_999).contains(&wanted);
        if wanted <= version && !is_foreign {
            if self.in_executable {
                self.out.ambiguous = true;
            }
            self.in_executable = true;
            self.at = after + used;
            return;
        }
        self.at = self.skipped_end(after);
    }

    /// The end of a comment that the server skips for its version: one level of comments may nest in it, on both families.
    fn skipped_end(&mut self, from: usize) -> usize {
        let mut at = from;
        loop {
            let rest = self.text.get(at..).unwrap_or_default();
            let end = memmem::find(rest, b"*/");
            match memmem::find(&rest[..end.unwrap_or(rest.len())], b"/*") {
                Some(nested) => at = self.comment_end(at + nested + 2),
                None => return self.comment_end(at),
            }
        }
    }

    /// `/*+ … */` stays in the shape: SET_VAR in it changes what the statement does.
    fn optimizer_hint(&mut self) {
        let start = self.at;
        let end = self.comment_end(start + 3);
        self.out.normalised.extend_from_slice(&self.text[start..end]);
        self.ends_in_word = false;
        self.at = end;
    }
}

/// Where `meridian:` or `meridian_` first stands in a comment.
fn hint_in(comment: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"meridian";
    memmem::find_iter(comment, NAME).find(|offset| matches!(comment.get(offset + NAME.len()), Some(b':' | b'_')))
}
