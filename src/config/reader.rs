//! Walks the sections of one TOML file, remembers where each value stands, and collects faults instead of stopping at the first.
//!
//! It knows no key by itself: a section learns its keys from being asked for them, so the list of known keys cannot drift from the code that reads them.

use std::cell::RefCell;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, ConfigErrors};
use super::shape::{Found, Shape, shown};

/// A place in the file, for errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    offset: usize,
    key: String,
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

/// The faults found so far in one file.
#[derive(Debug)]
pub struct Problems {
    file: PathBuf,
    line_ends: Vec<usize>,
    errors: Vec<ConfigError>,
}

impl Problems {
    /// No faults yet in `file`, whose content is `text`.
    pub fn new(file: &Path, text: &str) -> Self {
        let line_ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect();
        Problems { file: file.to_owned(), line_ends, errors: Vec::new() }
    }

    /// Records a fault at `place`.
    pub fn add(&mut self, place: &Place, found: impl Into<String>, expected: impl Into<String>) {
        self.errors.push(ConfigError {
            file: self.file.clone(),
            line: self.line_ends.partition_point(|end| *end < place.offset) + 1,
            key: place.key.clone(),
            found: found.into(),
            expected: expected.into(),
        });
    }

    /// Records faults of another file.
    pub fn extend(&mut self, others: ConfigErrors) {
        self.errors.extend(others.0);
    }

    /// Whether no fault has been found.
    pub fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// `value` if there was no fault. Errors: all faults, by line; those of other files last.
    pub fn into_result<T>(self, value: Option<T>) -> Result<T, ConfigErrors> {
        let Problems { file, mut errors, .. } = self;
        match value {
            Some(value) if errors.is_empty() => Ok(value),
            _ => {
                errors.sort_by_key(|error| (error.file != file, error.line));
                Err(ConfigErrors(errors))
            }
        }
    }
}

/// Parses `text` and hands its root section to `read`. Errors: the syntax errors alone, or all faults that `read` found.
pub fn read_document<T>(
    file: &Path,
    text: &str,
    read: impl FnOnce(&Section<'_>, &mut Problems) -> Option<T>,
) -> Result<T, ConfigErrors> {
    let mut problems = Problems::new(file, text);
    let (root, syntax_errors) = DeTable::parse_recoverable(text);
    if !syntax_errors.is_empty() {
        for error in syntax_errors {
            let offset = error.span().map_or(0, |span| span.start);
            let what = error.message().lines().next().unwrap_or_default().to_owned();
            problems.add(&Place { offset, key: "syntax".to_owned() }, what, "a valid TOML document");
        }
        return problems.into_result(None);
    }
    let section = Section::new(String::new(), root.span(), root.get_ref());
    let value = read(&section, &mut problems);
    section.finish(&mut problems);
    problems.into_result(value)
}

/// One table of the file.
#[derive(Debug)]
pub struct Section<'a> {
    path: String,
    span: Range<usize>,
    table: &'a DeTable<'a>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Section<'a> {
    fn new(path: String, span: Range<usize>, table: &'a DeTable<'a>) -> Self {
        Section { path, span, table, asked: RefCell::new(Vec::new()) }
    }

    /// Where the section begins.
    pub fn place(&self) -> Place {
        let key = if self.path.is_empty() { "file" } else { &self.path };
        Place { offset: self.span.start, key: key.to_owned() }
    }

    /// Where the value of `key` stands, or the section where it is absent.
    pub fn place_of(&self, key: &str) -> Place {
        let offset = self.table.get(key).map_or(self.span.start, |value| value.span().start);
        Place { offset, key: self.key_path(key) }
    }

    /// The value of `key`; absent is a fault.
    pub fn required<T>(&self, problems: &mut Problems, key: &'static str, shape: Shape<T>) -> Option<Located<T>> {
        let expected = shape.expected.clone();
        let value = self.optional(problems, key, shape);
        if !self.holds(key) {
            problems.add(&self.place_of(key), "nothing", expected);
        }
        value
    }

    /// The value of `key`, if it is there and good; a bad one is a fault.
    pub fn optional<T>(&self, problems: &mut Problems, key: &'static str, shape: Shape<T>) -> Option<Located<T>> {
        let value = self.value(key)?;
        let place = self.place_of(key);
        match (shape.read)(value.get_ref()) {
            Ok(value) => Some(Located { value, place }),
            Err(Found::Shown) => {
                problems.add(&place, shown(value.get_ref()), shape.expected);
                None
            }
            Err(Found::Said(found)) => {
                problems.add(&place, found, shape.expected);
                None
            }
        }
    }

    /// The value of `key`, or `default` where it is absent (or bad, which is a fault).
    pub fn or<T>(&self, problems: &mut Problems, key: &'static str, shape: Shape<T>, default: T) -> T {
        self.optional(problems, key, shape).map_or(default, |located| located.value)
    }

    /// The single table `key`, if it is there.
    pub fn section(&self, problems: &mut Problems, key: &'static str) -> Option<Section<'a>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Table(table) => Some(Section::new(self.key_path(key), value.span(), table)),
            other => {
                problems.add(&self.place_of(key), shown(other), format!("one section [{}]", self.key_path(key)));
                None
            }
        }
    }

    /// The tables `[[key]]`, or `key = [{…}, …]`, in the order of the file.
    pub fn sections(&self, problems: &mut Problems, key: &'static str) -> Vec<Section<'a>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let path = self.key_path(key);
        let DeValue::Array(items) = value.get_ref() else {
            problems.add(
                &self.place_of(key),
                shown(value.get_ref()),
                format!("sections [[{path}]], in double brackets"),
            );
            return Vec::new();
        };
        let mut sections = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::Table(table) => sections.push(Section::new(path.clone(), item.span(), table)),
                other => {
                    let place = Place { offset: item.span().start, key: path.clone() };
                    problems.add(&place, shown(other), format!("a table, as in [[{path}]]"));
                }
            }
        }
        sections
    }

    /// Whether anything stands under `key`.
    pub fn holds(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Ends the reading of this section: every key that nobody asked for is a fault.
    pub fn finish(&self, problems: &mut Problems) {
        let asked = self.asked.borrow();
        for (key, _) in self.table.iter() {
            let name: &str = key.get_ref().as_ref();
            if asked.contains(&name) {
                continue;
            }
            let mut known = asked.clone();
            known.sort_unstable();
            let mut expected = match known.is_empty() {
                true => "no key here".to_owned(),
                false => format!("one of {}", known.join(", ")),
            };
            if let Some(near) = nearest(name, &known) {
                expected.push_str(&format!("; did you mean \"{near}\"?"));
            }
            let place = Place { offset: key.span().start, key: self.key_path(name) };
            problems.add(&place, "an unknown key", expected);
        }
    }

    fn value(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
        self.table.get(key)
    }

    fn key_path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// The word of `known` that `word` is probably a slip of: at most a third of its letters differ.
pub fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let (distance, near) = known.iter().map(|candidate| (edits(word, candidate), *candidate)).min()?;
    (distance <= word.chars().count().div_ceil(3)).then_some(near)
}

/// How many letters must be inserted, deleted or replaced to make `to` of `from`.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (above, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = above + 1;
        for (column, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}
