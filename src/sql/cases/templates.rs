//! A text that is recognised is one that a reading would take for the same shape.

use proptest::prelude::*;

use super::world::{MARIADB, MYSQL, line, world};
use crate::sql::lexed::{Lexed, Reading};
use crate::sql::lexer;
use crate::sql::template::Template;
use crate::sql::*;

/// What may stand around literals, with everything that looks into the bytes that follow.
const AROUND: [&str; 40] = [
    "SELECT ",
    "INSERT INTO orders (user_id, note) VALUES (",
    "UPDATE orders SET note = ",
    "DELETE FROM orders ",
    " WHERE user_id = ",
    " WHERE user_id IN (",
    ",",
    ")",
    "(",
    " ",
    "=",
    "<",
    ">",
    "+",
    "-",
    "--",
    "*",
    "/",
    ".",
    "..",
    "!",
    "/*!",
    "/*!50000",
    "/*!50000 ",
    "/*M!100100 ",
    "*/",
    "/* a */",
    " -- b\n",
    "#c\n",
    "@",
    "@@",
    "@a",
    "`q`",
    "x",
    "_utf8",
    "n",
    "e",
    " AND note = ",
    "\u{e9}",
    ";",
];

/// Literals, and what looks like them.
const LITERALS: [&str; 32] = [
    "1",
    "6000",
    "-5",
    "+5",
    ".5",
    "-.5",
    "5.",
    "1e5",
    "1.5e-3",
    "1e",
    "0x1F",
    "-0x1",
    "0b1",
    "0b2",
    "x'4D'",
    "'a'",
    "'a''b'",
    "'a\\'b'",
    "\"a\"",
    "\"a\"\"b\"",
    "N'a'",
    "''",
    "1a",
    "NULL",
    "'a' 'b'",
    "50000",
    "'--'",
    "'*/'",
    "0",
    "1..2",
    "99999999999999999999",
    "'\u{e9}'",
];

fn reading(bits: u8) -> Reading {
    Reading {
        mode: SqlMode { ansi_quotes: bits & 1 != 0, no_backslash_escapes: bits & 2 != 0, ignore_space: false },
        charset: CharsetClass::Utf8,
        dialect: if bits & 4 != 0 { MYSQL } else { MARIADB },
    }
}

fn lexed(text: &str, reading: Reading) -> Lexed {
    let mut lexed = Lexed::default();
    lexer::lex(text.as_bytes(), reading, &mut lexed);
    lexed
}

fn recognised(template: &str, text: &str, reading: Reading) -> bool {
    let template = Template::of(template.as_bytes(), &lexed(template, reading), reading);
    template.is_some_and(|template| template.recognises(text.as_bytes(), reading.mode, &mut Vec::new()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16_384))]

    #[test]
    fn what_is_recognised_is_read_alike(
        around in prop::collection::vec(prop::collection::vec(0usize..AROUND.len(), 1..4), 1..6),
        known in prop::collection::vec(0usize..LITERALS.len(), 6),
        other in prop::collection::vec(0usize..LITERALS.len(), 6),
        bits in 0u8..8,
    ) {
        let text = |literals: &[usize]| {
            let pairs = around.iter().zip(literals);
            let piece = |(around, literal): (&Vec<usize>, &usize)| {
                let around: String = around.iter().map(|piece| AROUND[*piece]).collect();
                format!("{around}{}", LITERALS[*literal])
            };
            let rest: String = pairs.map(piece).collect();
            format!("SELECT a_column, {rest}")
        };
        let (known, other, reading) = (text(&known), text(&other), reading(bits));
        let read = lexed(&known, reading);
        let mut literals = Vec::new();
        if let Some(template) = Template::of(known.as_bytes(), &read, reading) {
            prop_assert!(template.recognises(known.as_bytes(), reading.mode, &mut literals), "{} is not recognised by itself", known);
            if template.recognises(other.as_bytes(), reading.mode, &mut literals) {
                let other_read = lexed(&other, reading);
                prop_assert!(!other_read.ambiguous && other_read.hints.is_empty(), "{} by {}", other, known);
                prop_assert_eq!(&other_read.normalised, &read.normalised, "{} by {}", other, known);
                prop_assert_eq!(&other_read.literals, &literals, "{} by {}", other, known);
                prop_assert_eq!(&other_read.slots[..], template.slots(), "{} by {}", other, known);
            }
        }
    }
}

#[test]
fn texts_that_differ_in_their_literals_are_recognised() {
    let plain = Reading { ..reading(0) };
    for (known, other) in [
        ("SELECT c FROM sbtest1 WHERE id = 1", "SELECT c FROM sbtest1 WHERE id = 99345"),
        ("SELECT c FROM sbtest1 WHERE id = 1", "SELECT c FROM sbtest1 WHERE id = -1.5e3"),
        (
            "UPDATE orders SET note = 'a', x = 1 WHERE user_id=5",
            "UPDATE orders SET note = 'it''s', x = 2 WHERE user_id=6",
        ),
        (
            "INSERT INTO orders (user_id, note) VALUES (1, 'a'), (2, 'b')",
            "INSERT INTO orders (user_id, note) VALUES (7, ''), (8, 'c')",
        ),
        ("DELETE FROM orders WHERE user_id IN (1, 2, 3)", "DELETE FROM orders WHERE user_id IN (4, 5, 6)"),
        ("COMMIT", "COMMIT"),
        ("SELECT * FROM orders WHERE user_id = ?", "SELECT * FROM orders WHERE user_id = ?"),
    ] {
        assert!(recognised(known, other, plain), "{other} by {known}");
    }
}

#[test]
fn a_literal_that_changes_what_is_around_it_is_read() {
    for (known, other) in [
        // Behind x, a ' begins a hexadecimal literal and a \" does not.
        ("SELECT a_column_ x\"4D\" FROM t", "SELECT a_column_ x'4D' FROM t"),
        // Digits behind a versioned comment's opening are its version.
        ("SELECT a_column_, (/*!50000-5*/)", "SELECT a_column_, (/*!500005*/)"),
        // Behind a word @ begins the host of an account, behind a point a variable.
        ("SELECT a_column_, 5.@'*/'", "SELECT a_column_, 50000@'*/'"),
        ("SELECT a_column_ FROM t LIMIT 5", "SELECT a_column_ FROM t LIMIT 5 OFFSET 6"),
        ("SELECT a_column_ FROM t LIMIT 5", "SELECT a_column_ FROM t LIMIT 5e"),
        ("SELECT a_column_ - 5 FROM t", "SELECT a_column_ - -5 FROM t"),
        ("SELECT a_column_ FROM t WHERE a = 5", "SELECT a_column_ FROM t WHERE a = 0x5"),
        ("SELECT a_column_ FROM t WHERE a = 5", "SELECT a_column_ FROM t WHERE a = '5'"),
        ("SELECT a_column_ FROM t WHERE a = 'a'", "SELECT a_column_ FROM t WHERE a = 'a' 'b'"),
        ("SELECT a_column_ FROM t WHERE a = 'a'", "SELECT a_column_ FROM t WHERE a = 'a"),
        ("SELECT a_column_ FROM t WHERE a IN (1, 2)", "SELECT a_column_ FROM t WHERE a IN (1, 2, 3)"),
    ] {
        assert!(!recognised(known, other, reading(0)), "{other} by {known}");
    }
    assert!(!recognised("SET NAMES 'utf8mb4'    ", "SET NAMES 'gbk'    ", reading(0)));
    assert!(!recognised("SELECT a_column_ /*meridian: key=5*/", "SELECT a_column_ /*meridian: key=5*/", reading(0)));
}

#[test]
fn a_recognised_text_has_its_own_keys_and_an_older_plan_serves_none() {
    let world = world();
    let mut cache = PlanCache::new(1 << 20);
    for key in [1, 20, 300, 4000] {
        let text = format!("SELECT note FROM orders WHERE user_id = {key}");
        let found = cache.analyze(text.as_bytes(), &world.context());
        assert_eq!(line(&found), line(&analyze(text.as_bytes(), &world.context())));
        assert!(line(&found).contains(&key.to_string()), "{}", line(&found));
    }
    let renamed = SqlContext { schema: Some("elsewhere"), ..world.context() };
    let text = "SELECT note FROM orders WHERE user_id = 7";
    assert_eq!(line(&cache.analyze(text.as_bytes(), &renamed)), line(&analyze(text.as_bytes(), &renamed)));
    let mut later = world.state.clone();
    later.epoch = crate::model::Epoch(later.epoch.0 + 1);
    let misses = cache.misses();
    cache.analyze(text.as_bytes(), &SqlContext { state: &later, ..world.context() });
    assert_eq!(cache.misses(), misses + 1);
}
