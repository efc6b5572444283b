//! Reads `sql-fixtures/`: SQL files with cases, and the worlds they run in.
//!
//! It decides nothing and compares nothing; whoever uses it does. A line `-- case: name` begins a case, `-- word: value` lines below it
//! set its session, the statement follows, and `--> line` is what is expected. Settings above a file's first case hold for all its cases.
//! `-- live: no, why` marks a statement that a real server would not answer with success on its own.

pub mod law;
pub mod session;
pub mod world;

use std::fs;
use std::path::{Path, PathBuf};

pub use session::Session;
pub use world::World;

/// One file of cases.
pub struct FixtureFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its lines as they are.
    lines: Vec<String>,
    /// Its cases in order.
    pub cases: Vec<Case>,
}

/// One statement, where it is sent from, and what is expected of it.
pub struct Case {
    /// `file: name`, unique.
    pub name: String,
    /// The world's name.
    pub snapshot: String,
    /// The session, the parameters and the rest, as `(word, value)`.
    pub settings: Vec<(String, String)>,
    /// The statement without its closing semicolon.
    pub sql: String,
    /// What is expected; empty in a case that is new.
    pub expectation: String,
    /// The lines of the expectation in the file, zero-based; empty and behind the statement in a case that is new.
    expectation_lines: std::ops::Range<usize>,
}

/// Every word a case may be set by.
const WORDS: [&str; 21] = [
    "snapshot",
    "unit",
    "schema",
    "looked-up",
    "branch-at",
    "hint-session",
    "transaction",
    "pin",
    "at-group",
    "grants",
    "user",
    "user-level",
    "observed-at",
    "schema-changed-at",
    "attributes",
    "params",
    "mode",
    "charset",
    "analysed-under",
    "live",
    "written",
];

impl Case {
    /// Whether the statement can be sent to the demo as it is, by a client of `unit` in `schema`, and is expected to succeed:
    /// it is routed to a server, in the demo's world, and needs nothing ahead of it.
    pub fn runs_alone(&self) -> bool {
        let needs = [
            "transaction",
            "pin",
            "params",
            "grants",
            "user",
            "user-level",
            "attributes",
            "mode",
            "charset",
            "hint-session",
            "analysed-under",
            "schema-changed-at",
            "live",
        ];
        self.snapshot == "two-units"
            && self.expectation.starts_with("SEND ")
            && needs.iter().all(|word| self.setting(word).is_none())
    }

    /// The last value of a setting.
    pub fn setting(&self, word: &str) -> Option<&str> {
        self.settings.iter().rev().find(|(name, _)| name == word).map(|(_, value)| value.as_str())
    }
}

/// All files, sorted by name. Panics with a sentence when one cannot be read.
pub fn all() -> Vec<FixtureFile> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder())
        .unwrap_or_else(|error| panic!("sql-fixtures: {error}"))
        .map(|entry| entry.unwrap_or_else(|error| panic!("sql-fixtures: {error}")).path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .collect();
    paths.sort();
    paths.iter().map(|path| FixtureFile::read(path)).collect()
}

/// The folder of the fixtures.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sql-fixtures")
}

impl FixtureFile {
    fn read(path: &Path) -> FixtureFile {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut reader = Reader { stem, lines: &lines, at: 0, defaults: Vec::new(), cases: Vec::new() };
        reader.read();
        let cases = reader.cases;
        FixtureFile { path: path.to_owned(), lines, cases }
    }

    /// The file's text with other expectations, one for each case.
    pub fn with_expectations(&self, expectations: &[String]) -> String {
        let mut lines = self.lines.clone();
        for (case, expectation) in self.cases.iter().zip(expectations).rev() {
            lines.splice(case.expectation_lines.clone(), [format!("--> {expectation}")]);
        }
        lines.join("\n") + "\n"
    }
}

struct Reader<'a> {
    stem: String,
    lines: &'a [String],
    at: usize,
    defaults: Vec<(String, String)>,
    cases: Vec<Case>,
}

impl Reader<'_> {
    fn read(&mut self) {
        while let Some(line) = self.lines.get(self.at) {
            match setting(line) {
                Some((word, value)) if word == "case" => self.read_case(&value),
                Some(set) if self.cases.is_empty() => {
                    self.check_word(&set.0);
                    self.defaults.push(set);
                    self.at += 1;
                }
                Some((word, _)) => panic!("{}: '-- {word}:' outside a case", self.place()),
                None if line.trim().is_empty() || line.starts_with("--") => self.at += 1,
                None => panic!("{}: a statement outside a case", self.place()),
            }
        }
    }

    fn read_case(&mut self, name: &str) {
        let mut settings = self.defaults.clone();
        self.at += 1;
        while let Some(set) = self.lines.get(self.at).and_then(|line| setting(line)) {
            self.check_word(&set.0);
            settings.push(set);
            self.at += 1;
        }
        let first = self.at;
        while self
            .lines
            .get(self.at)
            .is_some_and(|line| !line.starts_with("-->") && setting(line).is_none_or(|(word, _)| word != "case"))
        {
            self.at += 1;
        }
        let mut end = self.at;
        while end > first && self.lines[end - 1].trim().is_empty() {
            end -= 1;
        }
        let sql = self.lines[first..end].join("\n");
        let Some(sql) = sql.strip_suffix(';') else {
            panic!("{}: the statement of '{name}' ends without ';'", self.place())
        };
        let expectation = self.lines.get(self.at).and_then(|line| line.strip_prefix("-->"));
        let expectation_lines = if expectation.is_some() { self.at..self.at + 1 } else { end..end };
        let snapshot = settings.iter().rev().find(|(word, _)| word == "snapshot").map(|(_, value)| value.clone());
        let name = format!("{}: {name}", self.stem);
        assert!(self.cases.iter().all(|case| case.name != name), "{}: two cases '{name}'", self.place());
        self.cases.push(Case {
            snapshot: snapshot.unwrap_or_else(|| panic!("{}: no '-- snapshot:' for '{name}'", self.place())),
            settings,
            sql: sql.to_owned(),
            expectation: expectation.unwrap_or_default().trim().to_owned(),
            expectation_lines: expectation_lines.clone(),
            name,
        });
        self.at = self.at.max(expectation_lines.end);
    }

    fn check_word(&self, word: &str) {
        assert!(WORDS.contains(&word), "{}: unknown setting '{word}'", self.place());
    }

    fn place(&self) -> String {
        format!("sql-fixtures/{}.sql line {}", self.stem, self.at + 1)
    }
}

/// `-- word: value`, with a word of lower-case letters and dashes.
fn setting(line: &str) -> Option<(String, String)> {
    let (word, value) = line.strip_prefix("-- ")?.split_once(':')?;
    let is_word = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    is_word.then(|| (word.to_owned(), value.trim().to_owned()))
}
