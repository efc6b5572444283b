//! The rules of `src/lib.rs` that the compiler does not know: which module imports which, where a crate may be named, how files are called.
//!
//! Each complaint is a sentence with file, line, what was found and the rule. The checks are pure functions over texts, and each is shown a
//! mutant below: a rule that catches nothing is worth nothing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;

/// One source file: its path below the package, with `/`, and its text.
struct Source {
    path: String,
    text: String,
}

/// The modules with the lower ones they may import, as drawn in `src/lib.rs`. `server` and `main` may import everything.
const LAYERS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("wire", &[]),
    ("sql", &["model"]),
    ("route", &["model", "sql"]),
    ("net", &["model", "sql", "route", "wire"]),
    ("control", &["model", "sql", "route", "wire", "net"]),
    ("backend", &["model", "wire", "net"]),
    ("frontend", &["model", "sql", "route", "wire", "net", "control", "backend"]),
    ("monitor", &["model", "sql", "route", "wire", "net", "control", "backend"]),
    ("cutover", &["model", "sql", "route", "wire", "net", "control", "backend"]),
    ("admin", &["model", "sql", "route", "wire", "net", "control", "backend", "frontend", "monitor", "cutover"]),
    ("api", &["model", "sql", "route", "wire", "net", "control", "backend", "frontend", "monitor", "cutover"]),
    ("telemetry", &[]),
    (
        "config",
        &[
            "model",
            "sql",
            "route",
            "wire",
            "net",
            "control",
            "backend",
            "frontend",
            "monitor",
            "cutover",
            "admin",
            "api",
            "telemetry",
        ],
    ),
    ("ctl", &["model", "monitor", "admin", "api", "config"]),
    ("offline", &["model", "sql", "route", "frontend", "admin", "config"]),
    ("demo", &["model", "config", "ctl", "telemetry"]),
    ("clock", &[]),
    ("shutdown", &[]),
    ("fault", &["model"]),
];

/// Modules that may import everything: they wire the rest together.
const WIRING: &[&str] = &["main", "lib", "server", "operations", "moving"];

/// Tools that every module above the pure rows may import besides its lower rows.
const TOOLS: &[&str] = &["clock", "shutdown", "fault"];

/// No socket, clock, lock or log.
const PURE: &[&str] = &["model", "sql", "route", "wire"];

/// Words that no pure module contains.
const IMPURE_WORDS: &[&str] =
    &["tokio", "tracing", "Instant", "SystemTime", "TcpStream", "UnixStream", "Mutex", "RwLock", "println", "std::fs"];

/// Crates, and the only places that may name them, as the beginnings of their paths.
const CRATES: &[(&str, &[&str])] = &[
    ("sqlparser", &["src/sql/parse/"]),
    ("opensrv_mysql", &["src/admin/console.rs"]),
    ("tonic", &["src/control/store/etcd/client.rs", "src/control/store/etcd/client/"]),
    ("prost", &["src/control/store/etcd/"]),
    ("mysql_async", &["src/monitor/", "src/cutover/", "src/ctl/", "src/demo/", "src/admin/tests.rs"]),
    ("toml", &["src/config/", "src/demo/meridian_config.rs"]),
    ("clap", &["src/main.rs", "src/ctl/", "src/offline/", "src/demo/"]),
    ("tracing_subscriber", &["src/telemetry.rs"]),
];

/// Words that may stand in a part of the tree only in the files named last.
const WORDS: &[(&str, &str, &[&str], &str)] = &[
    (
        "serde_json",
        "src/control/",
        &["src/control/document.rs", "src/control/member_document.rs"],
        "control/document.rs is the only JSON of state",
    ),
    ("serde", "src/model/", &[], "model types do not derive Serialize; their twin lives in document.rs or view.rs"),
    ("control::store", "src/frontend/", &[], "frontend does not know the store"),
];

const FORBIDDEN_NAMES: &[&str] =
    &["util", "utils", "common", "helper", "helpers", "misc", "types", "base", "stuff", "manager"];

const MOST_LINES: usize = 800;

#[test]
fn the_source_keeps_the_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    collect(root, "src", &mut sources);
    assert!(sources.len() > 10, "the sources were found");
    let complaints: Vec<String> = sources.iter().flat_map(complaints_about).collect();
    assert!(complaints.is_empty(), "{} rules are broken:\n{}", complaints.len(), complaints.join("\n"));
}

fn collect(root: &Path, folder: &str, sources: &mut Vec<Source>) {
    let mut entries: Vec<_> = fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap()).collect();
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            collect(root, &path, sources);
        } else if path.ends_with(".rs") {
            let text = fs::read_to_string(entry.path()).unwrap();
            sources.push(Source { path, text });
        }
    }
}

fn complaints_about(source: &Source) -> Vec<String> {
    let code = without_comments_and_texts(&source.text);
    let mut complaints = imports_beyond_the_layer(source, &code);
    complaints.extend(crates_out_of_place(source, &code));
    complaints.extend(words_out_of_place(source, &code));
    complaints.extend(impure_words(source, &code));
    complaints.extend(bad_shape(source, &code));
    complaints
}

/// The top-level module a file belongs to: `backend` for `src/backend/pool.rs`, `server` for `src/server.rs`.
fn module_of(path: &str) -> &str {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs")
}

fn imports_beyond_the_layer(source: &Source, code: &str) -> Vec<String> {
    let module = module_of(&source.path);
    if WIRING.contains(&module) {
        return Vec::new();
    }
    let Some((_, lower)) = LAYERS.iter().find(|(name, _)| *name == module) else {
        return vec![format!(
            "{}:1: the module '{module}' is in no layer: give it a row in src/lib.rs and in tests/layers.rs",
            source.path
        )];
    };
    let allowed = |import: &str| {
        import == module || lower.contains(&import) || (TOOLS.contains(&import) && !PURE.contains(&module))
    };
    imports(&source.path, code)
        .into_iter()
        .filter(|(_, import)| is_module(import) && !allowed(import))
        .map(|(line, import)| {
            let may = if lower.is_empty() { "nothing of ours".to_owned() } else { lower.join(", ") };
            format!("{}:{line}: '{module}' imports crate::{import}; it may import {may}", source.path)
        })
        .collect()
}

/// Whether `name` is a module of the crate's root rather than an item that lives there.
fn is_module(name: &str) -> bool {
    WIRING.contains(&name) || LAYERS.iter().any(|(module, _)| *module == name)
}

/// The names that follow `crate::`, or as many `super::` as lead to the root, with their lines.
fn imports(path: &str, code: &str) -> Vec<(usize, String)> {
    let file_depth = path.trim_start_matches("src/").trim_end_matches("/mod.rs").split('/').count();
    let mut found = Vec::new();
    // Inline modules add a level; by rustfmt they end at a brace with their own indentation.
    let mut inline: Vec<String> = Vec::new();
    let mut offset = 0;
    for (index, line) in code.split('\n').enumerate() {
        let trimmed = line.trim_start();
        let indentation = &line[..line.len() - trimmed.len()];
        if inline.last().is_some_and(|open| trimmed.starts_with('}') && open == indentation) {
            inline.pop();
        }
        let to_root = "super::".repeat(file_depth + inline.len());
        for lead in ["crate::", to_root.as_str()] {
            for (at, _) in line.match_indices(lead) {
                let before = line[..at].chars().next_back();
                if before.is_some_and(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '$' | ':')) {
                    continue;
                }
                let after = &code[offset + at + lead.len()..];
                found.extend(names_after(after).into_iter().map(|name| (index + 1, name)));
            }
        }
        let is_inline = ["mod ", "pub mod ", "pub(crate) mod "].iter().any(|start| trimmed.starts_with(start));
        if is_inline && trimmed.trim_end().ends_with('{') {
            inline.push(indentation.to_owned());
        }
        offset += line.len() + 1;
    }
    found
}

/// `sql::Plan` -> sql; `{sql::{A, B}, route}` -> sql, route.
fn names_after(text: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
    };
    let Some(group) = text.strip_prefix('{') else { return vec![name(text)] };
    let (mut depth, mut names, mut start) = (0, Vec::new(), 0);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            '}' | ',' if depth == 0 => {
                names.push(name(group[start..at].trim_start()));
                start = at + 1;
                if letter == '}' {
                    break;
                }
            }
            _ => (),
        }
    }
    names
}

fn crates_out_of_place(source: &Source, code: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, places) in CRATES.iter().filter(|(_, places)| !places.iter().any(|place| source.path.starts_with(place)))
    {
        for line in lines_with_path(code, name) {
            complaints.push(format!("{}:{line}: names the crate {name}; only {} may", source.path, places.join(", ")));
        }
    }
    complaints
}

fn words_out_of_place(source: &Source, code: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for (word, part, exceptions, rule) in WORDS {
        if source.path.starts_with(part) && !exceptions.contains(&source.path.as_str()) {
            complaints.extend(
                lines_with(code, word).map(|line| format!("{}:{line}: has the word {word}; {rule}", source.path)),
            );
        }
    }
    complaints
}

fn impure_words(source: &Source, code: &str) -> Vec<String> {
    if !PURE.contains(&module_of(&source.path)) {
        return Vec::new();
    }
    let found = IMPURE_WORDS.iter().flat_map(|word| lines_with(code, word).map(move |line| (line, word)));
    found
        .map(|(line, word)| {
            format!(
                "{}:{line}: has the word {word}; the layers {} know no socket, clock, lock or log",
                source.path,
                PURE.join(", ")
            )
        })
        .collect()
}

/// Lines, from 1, in which `word` stands by itself.
fn lines_with(code: &str, word: &str) -> impl Iterator<Item = usize> {
    let is_part = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    let has = |line: &str| {
        line.match_indices(word)
            .any(|(at, _)| !is_part(line[..at].chars().next_back()) && !is_part(line[at + word.len()..].chars().next()))
    };
    code.split('\n')
        .enumerate()
        .filter(|(_, line)| has(line))
        .map(|(index, _)| index + 1)
        .collect::<Vec<_>>()
        .into_iter()
}

/// Lines in which `name` begins a path, or is imported as it stands: not the `toml` of `self.toml` or `file::toml::…`.
fn lines_with_path(code: &str, name: &str) -> Vec<usize> {
    let (path, import) = (format!("{name}::"), format!("use {name};"));
    let is_whole =
        |before: &str| !before.ends_with(|letter: char| letter.is_alphanumeric() || matches!(letter, '_' | ':'));
    let names = |line: &str| line.match_indices(&path).any(|(at, _)| is_whole(&line[..at])) || line.trim() == import;
    code.split('\n').enumerate().filter(|(_, line)| names(line)).map(|(index, _)| index + 1).collect()
}

fn bad_shape(source: &Source, code: &str) -> Vec<String> {
    let path = &source.path;
    let mut complaints = Vec::new();
    let lines = source.text.lines().count();
    if lines > MOST_LINES {
        complaints
            .push(format!("{path}:{lines}: has {lines} lines; a file has one subject and at most {MOST_LINES} lines"));
    }
    if !source.text.starts_with("//!") {
        complaints
            .push(format!("{path}:1: begins without //!; every module says its purpose, then what it must not do"));
    }
    for part in path.trim_end_matches(".rs").split('/') {
        if FORBIDDEN_NAMES.contains(&part) {
            complaints.push(format!("{path}:1: is called '{part}'; a file is named by its subject"));
        }
    }
    if path.ends_with("/mod.rs") {
        complaints.extend(code_in_mod(path, code));
    }
    complaints
}

/// `mod.rs` holds docs, `mod` lines and re-exports.
fn code_in_mod(path: &str, code: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut line = 1;
    for statement in code.split(';') {
        let leading = &statement[..statement.len() - statement.trim_start().len()];
        let at = line + leading.matches('\n').count();
        line += statement.matches('\n').count();
        let words: Vec<&str> =
            statement.split_whitespace().filter(|word| !word.starts_with("#[") && !word.ends_with(")]")).collect();
        let rest = words.iter().copied().skip_while(|word| word.starts_with("pub")).collect::<Vec<_>>();
        let fine = match rest[..] {
            [] => true,
            ["mod", name] => !name.contains('{'),
            ["use", ..] => words.first().is_some_and(|word| word.starts_with("pub")),
            _ => false,
        };
        if !fine {
            let shown: String = rest.join(" ").chars().take(40).collect();
            complaints
                .push(format!("{path}:{at}: has the code '{shown}'; mod.rs holds docs, mod lines and re-exports only"));
        }
    }
    complaints
}

/// The code alone: comments and the insides of texts become blanks, line ends stay.
fn without_comments_and_texts(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let length = match letter {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '"' => end_of_text(rest),
            'r' if is_raw_text(rest, &code) => end_of_raw_text(rest),
            '\'' => end_of_letter(rest),
            _ => 0,
        };
        if length == 0 {
            code.push(letter);
            rest = &rest[letter.len_utf8()..];
        } else {
            code.extend(rest[..length].chars().map(|hidden| if hidden == '\n' { '\n' } else { ' ' }));
            rest = &rest[length..];
        }
    }
    code
}

fn end_of_text(rest: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return at + 1,
            _ => escaped = false,
        }
    }
    rest.len()
}

fn is_raw_text(rest: &str, before: &str) -> bool {
    let part_of_name =
        before.chars().next_back().is_some_and(|letter| letter.is_alphanumeric() && letter != 'b' || letter == '_');
    !part_of_name && rest[1..].trim_start_matches('#').starts_with('"')
}

fn end_of_raw_text(rest: &str) -> usize {
    let fence = rest[1..].chars().take_while(|letter| *letter == '#').count();
    let close = format!("\"{}", "#".repeat(fence));
    let start = fence + 2;
    rest[start..].find(&close).map_or(rest.len(), |end| start + end + close.len())
}

/// A character literal; 0 for a lifetime.
fn end_of_letter(rest: &str) -> usize {
    let mut letters = rest.char_indices().skip(1);
    match letters.next() {
        Some((_, '\\')) => rest[3..].find('\'').map_or(0, |end| end + 4),
        Some(_) => letters.next().filter(|(_, letter)| *letter == '\'').map_or(0, |(at, _)| at + 1),
        None => 0,
    }
}

/// What the checks say of one file with this path and text.
fn told(path: &str, text: &str) -> Vec<String> {
    complaints_about(&Source { path: path.to_owned(), text: format!("//! A purpose.\n{text}") })
}

#[test]
fn each_rule_catches_its_mutant() {
    let long = "\n".repeat(801);
    let cases: &[(&str, &str, &str)] = &[
        (
            "src/model/id.rs",
            "use crate::sql::Plan;",
            "src/model/id.rs:2: 'model' imports crate::sql; it may import nothing of ours",
        ),
        (
            "src/route/decide.rs",
            "fn a() { crate::backend::open() }",
            "'route' imports crate::backend; it may import model, sql",
        ),
        (
            "src/backend/pool.rs",
            "use crate::{\n    model::Epoch,\n    control::{A, B},\n};",
            "'backend' imports crate::control",
        ),
        ("src/backend/pool.rs", "use super::super::frontend::Limits;", "'backend' imports crate::frontend"),
        ("src/backend/mod.rs", "pub use super::frontend::Limits;", "'backend' imports crate::frontend"),
        (
            "src/frontend/a.rs",
            "mod tests {\n    use super::super::super::monitor::B;\n}",
            "src/frontend/a.rs:3: 'frontend' imports crate::monitor",
        ),
        ("src/sql/a.rs", "use crate::clock::Clock;", "'sql' imports crate::clock"),
        ("src/router/a.rs", "", "the module 'router' is in no layer"),
        ("src/sql/analyze.rs", "use sqlparser::ast::Statement;", "names the crate sqlparser; only src/sql/parse/ may"),
        ("src/backend/pool.rs", "use mysql_async::Conn;", "names the crate mysql_async"),
        ("src/admin/verbs.rs", "use opensrv_mysql::Column;", "names the crate opensrv_mysql"),
        (
            "src/frontend/a.rs",
            "use crate::control::store::File;",
            "has the word control::store; frontend does not know the store",
        ),
        ("src/control/apply.rs", "use serde_json::json;", "control/document.rs is the only JSON of state"),
        ("src/model/id.rs", "#[derive(serde::Serialize)]\nstruct A;", "model types do not derive Serialize"),
        (
            "src/wire/packet.rs",
            "use tokio::io::AsyncRead;",
            "has the word tokio; the layers model, sql, route, wire know no socket",
        ),
        ("src/route/decide.rs", "let now = std::time::Instant::now();", "has the word Instant"),
        ("src/net/accept.rs", &long, "has 802 lines"),
        ("src/net/utils.rs", "", "is called 'utils'"),
        ("src/common/mod.rs", "", "is called 'common'"),
        ("src/net/mod.rs", "pub mod a;\n\nfn code() {}", "src/net/mod.rs:4: has the code 'fn code() {}'"),
        ("src/net/mod.rs", "mod tests {\n    const A: u8 = 1;\n}", "mod.rs holds docs, mod lines and re-exports only"),
        ("src/net/mod.rs", "pub const A: u8 = 1;", "has the code 'const A: u8 = 1'"),
    ];
    for (path, text, expected) in cases {
        let complaints = told(path, text);
        assert!(complaints.iter().any(|complaint| complaint.contains(expected)), "{path}: {text}\n{complaints:#?}");
    }
    let without_purpose = Source { path: "src/net/a.rs".to_owned(), text: "fn a() {}".to_owned() };
    assert!(complaints_about(&without_purpose)[0].contains("begins without //!"));
}

#[test]
fn no_rule_complains_of_what_is_allowed() {
    let cases: &[(&str, &str)] = &[
        ("src/route/decide.rs", "use crate::model::Epoch;\nuse crate::{sql::Plan, route::Rule};"),
        ("src/route/decide.rs", "// crate::backend is for others\n/* tokio */\nlet a = \"crate::backend tokio\";"),
        (
            "src/route/decide.rs",
            "let a = r#\"a \" crate::backend\"#;\nlet b = ['\"', '\\'', '\\u{1b}'];\nfn c<'a>(d: &'a str) {}",
        ),
        ("src/admin/login.rs", "mod tests {\n    use super::super::config::Account;\n}"),
        ("src/control/follower.rs", "use crate::clock::Clock;"),
        ("src/control/document.rs", "use serde_json::Value;"),
        ("src/sql/parse/reader.rs", "use sqlparser::ast;"),
        ("src/server.rs", "use crate::{frontend, demo};"),
        (
            "src/frontend/mod.rs",
            "#[cfg(test)]\npub(crate) mod tests;\npub mod a;\n\npub use a::{\n    B, C,\n};\n#[cfg(test)]\n#[allow(dead_code)]\nmod d;",
        ),
        ("src/demo/world.rs", "let toml = format_world();\nself.toml.push(1);"),
    ];
    for (path, text) in cases {
        assert_eq!(told(path, text), Vec::<String>::new(), "{path}: {text}");
    }
}
