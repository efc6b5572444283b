//! The id of an XA branch in one text: a value, so that a plan, which serves all texts of a shape, does not hold it.

use std::fmt::{self, Write as _};

use super::analyze::{Work, of_one_text};
use super::literal;
use super::statement::SqlContext;
use super::token::{Token, TokenKind};

/// The format of ids that name none.
const USUAL_FORMAT: u64 = 1;

/// The id of an XA branch; as text it is SQL that the servers read as the same id under any sql_mode and character set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BranchId {
    /// The global transaction.
    pub global: Box<[u8]>,
    /// Which of its branches.
    pub branch: Box<[u8]>,
    /// How the other two are to be read, which nobody here does.
    pub format: u64,
}

impl fmt::Display for BranchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = |bytes: &[u8]| {
            bytes.iter().fold(String::new(), |mut text, byte| {
                // Writing to a String cannot fail.
                let _ = write!(text, "{byte:02x}");
                text
            })
        };
        write!(f, "X'{}',X'{}',{}", hex(&self.global), hex(&self.branch), self.format)
    }
}

/// The id that the XA statement in this text names; `None` where it names none, or none that can be read.
pub fn branch_id(text: &[u8], context: &SqlContext<'_>) -> Option<BranchId> {
    of_one_text(text, context, branch_in)
}

fn branch_in(work: &Work<'_>, tokens: &[Token<'_>]) -> Option<BranchId> {
    let [_xa, _verb, id @ ..] = tokens else { return None };
    let is_part = |token: &&Token<'_>| token.is_literal() || token.is_symbol(",");
    let mut parts = id.iter().take_while(is_part).filter(|token| token.is_literal());
    let global = parts.next().and_then(|token| bytes_of(work, token))?;
    let branch = match parts.next() {
        Some(token) => bytes_of(work, token)?,
        None => Vec::new(),
    };
    let format = match parts.next() {
        Some(token) => number_of(&work.raw(token)?)?,
        None => USUAL_FORMAT,
    };
    Some(BranchId { global: global.into(), branch: branch.into(), format })
}

fn bytes_of(work: &Work<'_>, token: &Token<'_>) -> Option<Vec<u8>> {
    let raw = work.raw(token)?;
    match token.kind {
        TokenKind::Text => literal::contents(raw.as_bytes(), work.context.mode),
        TokenKind::Hex => {
            let digits = raw.get(2..)?.trim_end_matches('\'');
            // An odd number of digits is read as if a zero stood before them.
            let padded = format!("{}{digits}", if digits.len() % 2 == 1 { "0" } else { "" });
            (0..padded.len()).step_by(2).map(|at| u8::from_str_radix(padded.get(at..at + 2)?, 16).ok()).collect()
        }
        _ => None,
    }
}

fn number_of(raw: &str) -> Option<u64> {
    match raw.strip_prefix("0x").or(raw.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => raw.parse().ok(),
    }
}
