//! What the comparison found.

use std::collections::BTreeMap;
use std::fmt;

/// Counts and findings.
#[derive(Debug, Default)]
pub struct Report {
    classes: BTreeMap<&'static str, usize>,
    statements: usize,
    accepted: usize,
    /// Names in another character set than UTF-8: the text is not split into tokens, by design.
    unread: usize,
    proved: usize,
    /// Statements that write or lock, and that we call reads.
    writes: BTreeMap<String, String>,
    /// Statements the server knows, and of which our classifier knows nothing.
    unknown: BTreeMap<String, String>,
}

impl Report {
    pub fn count(&mut self, class: &'static str) {
        self.statements += 1;
        *self.classes.entry(class).or_default() += 1;
    }

    /// The server took the statement.
    pub fn accepted(&mut self) {
        self.accepted += 1;
    }

    /// One that we call harmless was put to the test.
    pub fn proved(&mut self) {
        self.proved += 1;
    }

    pub fn writes(&mut self, why: &str, file: &str, statement: &[u8]) {
        let text = short(statement);
        println!("WRITES ({why}) {file}: {text}");
        self.writes.insert(text, format!("{file}: {why}"));
    }

    pub fn unknown(&mut self, file: &str, statement: &[u8]) {
        let text = short(statement);
        println!("UNKNOWN {file}: {text}");
        self.unknown.insert(text, file.to_owned());
    }

    pub fn has_writes(&self) -> bool {
        !self.writes.is_empty()
    }

    pub fn unread(&mut self) {
        self.unread += 1;
    }

    pub fn statements(&self) -> usize {
        self.statements
    }

    /// The whole report as text.
    pub fn told(&self) -> String {
        let mut told = format!("{self}\n\nclasses:\n");
        for (class, count) in &self.classes {
            told += &format!("{count:8}  {class}\n");
        }
        for (title, findings) in [("writes called reads", &self.writes), ("unknown to us", &self.unknown)] {
            told += &format!("\n{title}: {}\n", findings.len());
            for (text, place) in findings {
                told += &format!("  [{place}] {text}\n");
            }
        }
        told
    }

    pub fn assert_clean(&self) {
        assert!(self.writes.is_empty() && self.unknown.is_empty(), "{}", self.told());
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} statements, all with a class; {} accepted by the server, {} called harmless and put to the test; {} writes called reads, {} unknown to us, {} not UTF-8",
            self.statements,
            self.accepted,
            self.proved,
            self.writes.len(),
            self.unknown.len(),
            self.unread
        )
    }
}

fn short(statement: &[u8]) -> String {
    let text = String::from_utf8_lossy(statement);
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(300).collect()
}
