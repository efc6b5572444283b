//! What must hold for any bytes: no panic, places within the text, the same answer with and without the cache, linear time.

use proptest::prelude::*;

use super::world::{MYSQL, check, line, world};
use crate::model::Epoch;
use crate::sql::lexed::{Lexed, Reading};
use crate::sql::lexer;
use crate::sql::*;

fn reading(bits: u8) -> Reading {
    Reading {
        mode: SqlMode { ansi_quotes: bits & 1 != 0, no_backslash_escapes: bits & 2 != 0, ignore_space: false },
        charset: if bits & 4 != 0 { CharsetClass::TrailingAscii } else { CharsetClass::Utf8 },
        dialect: MYSQL,
    }
}

/// Pieces that texts are made of, so that random texts get far.
const PIECES: [&str; 44] = [
    "SELECT ",
    "INSERT INTO ",
    "UPDATE ",
    "DELETE FROM ",
    "orders",
    "product",
    " WHERE ",
    "user_id",
    "=",
    " IN (",
    "1",
    ",",
    "'a'",
    ")",
    "(",
    " VALUES ",
    "?",
    " AND ",
    " OR ",
    " NOT ",
    ";",
    "/*",
    "*/",
    "/*!50000 ",
    "--",
    " -- ",
    "\n",
    "#",
    "`",
    "\"",
    "'",
    "\\",
    "@a",
    ":=",
    "@@x",
    "0x1F",
    "1.5e3",
    "-",
    ".",
    " SET ",
    " FROM ",
    " JOIN ",
    "\u{e9}",
    "/*meridian: key=5*/",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn places_of_literals_lie_within_the_text(text in prop::collection::vec(any::<u8>(), 0..200), bits in 0u8..8) {
        places_are_right(&text, bits)?;
    }

    #[test]
    fn any_text_of_pieces_is_read_alike_with_and_without_cache(picks in prop::collection::vec(0usize..PIECES.len(), 0..30), bits in 0u8..8) {
        let text: String = picks.iter().map(|&pick| PIECES[pick]).collect();
        places_are_right(text.as_bytes(), bits)?;
        let world = world();
        let reading = reading(bits);
        let context = SqlContext { mode: reading.mode, charset: reading.charset, ..world.context() };
        let mut cache = PlanCache::new(1 << 20);
        let plain = line(&analyze(text.as_bytes(), &context));
        for _ in 0..2 {
            prop_assert_eq!(&line(&cache.analyze(text.as_bytes(), &context)), &plain);
        }
    }

    #[test]
    fn rows_and_lists_give_all_their_keys(rows in prop::collection::vec((0i64..50, any::<bool>()), 1..40)) {
        let world = world();
        let mut cache = PlanCache::new(1 << 20);
        let values: Vec<String> =
            rows.iter().map(|(key, null)| format!("({key}, {})", if *null { "NULL" } else { "'x'" })).collect();
        let list: Vec<String> = rows.iter().map(|(key, text)| if *text { format!("'{key}'") } else { key.to_string() }).collect();
        for text in [
            format!("INSERT INTO orders (user_id, note) VALUES {}", values.join(",")),
            format!("SELECT * FROM orders WHERE user_id IN ({})", list.join(" , ")),
        ] {
            for statement in [analyze(text.as_bytes(), &world.context()), cache.analyze(text.as_bytes(), &world.context())] {
                let mut found: Vec<KeyValue> = statement.keys.iter().map(|key| key.value.clone()).collect();
                let mut wanted: Vec<KeyValue> = rows.iter().map(|(key, _)| KeyValue::Integer(i128::from(*key))).collect();
                for keys in [&mut found, &mut wanted] {
                    keys.sort_by_key(|key| format!("{key:?}"));
                    keys.dedup();
                }
                prop_assert_eq!(found, wanted);
            }
        }
    }
}

fn places_are_right(text: &[u8], bits: u8) -> Result<(), TestCaseError> {
    let mut lexed = Lexed::default();
    lexer::lex(text, reading(bits), &mut lexed);
    let mut before = 0;
    for literal in &lexed.literals {
        prop_assert!(before <= literal.start && literal.start < literal.end && literal.end as usize <= text.len());
        before = literal.end;
    }
    let mut slots = 0;
    for slot in &lexed.slots {
        prop_assert!(slot.count > 0 && ((slot.first + (slot.count - 1) * slot.step) as usize) < lexed.literals.len());
        slots += slot.count as usize;
    }
    prop_assert_eq!(slots, lexed.literals.len());
    for &(start, end) in &lexed.hints {
        prop_assert!(start <= end && end as usize <= text.len());
    }
    let tokens = crate::sql::token::tokens(&lexed.normalised[..lexed.tokens_end]);
    if !lexed.ambiguous {
        prop_assert_eq!(tokens.iter().filter(|token| token.is_literal()).count(), lexed.slots.len());
    }
    Ok(())
}

#[test]
fn hostile_texts_take_linear_time_and_no_stack() {
    let world = world();
    let size = 1 << 18;
    let repeated = |piece: &str| piece.repeat(size / piece.len());
    let texts = [
        repeated("("),
        repeated("SELECT (SELECT "),
        format!("SELECT * FROM orders WHERE {}1", repeated("user_id = 1 OR ")),
        format!("SELECT * FROM orders WHERE {}1", "user_id = 1 OR ".repeat(1_400)),
        format!("SELECT * FROM orders WHERE a{}", "=1".repeat(2_900)),
        format!("SELECT * FROM orders WHERE a{}", " IS NULL".repeat(2_900)),
        format!("SELECT {} 1", repeated("- ")),
        format!("SELECT {} 1", "NOT ".repeat(2_900)),
        format!("SELECT 1{}", " UNION SELECT 1".repeat(1_400)),
        format!("SELECT * FROM orders WHERE user_id IN ({}1)", repeated("1,")),
        format!("INSERT INTO orders (user_id, id) VALUES {}(1,2)", repeated("(1,2),")),
        format!("INSERT INTO orders (user_id, id) VALUES {}(1,2)", repeated("(1,NULL),(2,'a'),")),
        repeated("/*"),
        repeated("/*meridian: key=1*/"),
        repeated("'"),
        repeated("'a'"),
        repeated("`"),
        repeated("@"),
        repeated("a."),
        repeated("SELECT 1;"),
        repeated("orders "),
        repeated("WITH "),
        format!("SET {} @b = 1", repeated("@a = 1,")),
        format!("SELECT * FROM {} orders", repeated("orders,")),
        format!("SELECT * FROM orders {}", " JOIN items ON items.user_id = orders.user_id".repeat(300)),
        format!("DROP TABLE {} orders", repeated("orders,")),
    ];
    let mut cache = PlanCache::new(1 << 20);
    for text in &texts {
        // No clock: quadratic work on such a text takes minutes each, which nobody overlooks.
        cache.analyze(text.as_bytes(), &world.context());
    }
}

#[test]
fn a_text_that_cannot_be_split_with_certainty_is_refused_or_local() {
    let world = world();
    check(
        &world.context(),
        &[
            ("SELECT 'abc", "Admin local0 +Pin(UnknownStatement)"),
            ("SELECT 'abc FROM orders", "Admin refused Unreadable { table: \"orders\" } +Pin(UnknownStatement)"),
            ("DELETE FROM orders /* abc", "Admin refused Unreadable { table: \"orders\" } +Pin(UnknownStatement)"),
            ("SELECT \\N, \\x", "Admin local0 +Pin(UnknownStatement)"),
            ("SELECT \\N", "Read tableless repeatable"),
            (
                "SELECT touching_view.id FROM app.touching_view",
                "LockingRead refused Routine { name: \"touching_view\" } +Pin(Routine)",
            ),
            ("", "Show tableless"),
            (" -- nothing", "Show tableless"),
        ],
    );
}

#[test]
fn trailing_ascii_sets_are_read_only_where_they_are_certain() {
    let world = world();
    let gbk = SqlContext { charset: CharsetClass::TrailingAscii, ..world.context() };
    let told = |text: &[u8]| line(&analyze(text, &gbk));
    assert_eq!(told(b"SELECT * FROM orders WHERE user_id = 5"), "Read sharded [5] repeatable");
    assert_eq!(told(b"SELECT 'a\xd6\xd0b' FROM orders WHERE user_id = 5"), "Read sharded [5] repeatable");
    // The second byte of a character, or an escape: only the server knows.
    assert_eq!(
        told(b"UPDATE orders SET note = '\xbf\\' WHERE user_id = 5 -- '"),
        "Admin refused Unreadable { table: \"orders\" } +Pin(UnknownStatement)"
    );
}

#[test]
fn sql_mode_changes_how_quotes_are_read() {
    let world = world();
    let ansi = SqlContext { mode: SqlMode { ansi_quotes: true, ..SqlMode::default() }, ..world.context() };
    assert_eq!(line(&analyze(b"SELECT * FROM \"orders\" WHERE \"user_id\" = 5", &ansi)), "Read sharded [5] repeatable");
    let plain = SqlContext { mode: SqlMode { no_backslash_escapes: true, ..SqlMode::default() }, ..world.context() };
    let text = br"SELECT * FROM orders WHERE note = '\' AND user_id = 5";
    assert_eq!(line(&analyze(text, &plain)), "Read sharded [5] repeatable");
    assert!(line(&analyze(text, &world.context())).contains("Unreadable"));
}

#[test]
fn latin1_spaces_do_not_hide_names() {
    let world = world();
    let found = line(&analyze(b"DELETE FROM\xa0orders", &world.context()));
    assert!(found.contains("refused Unreadable"), "{found}");
    // The same byte is part of many characters of UTF-8, which servers take for letters when they know that it is UTF-8.
    let price = "SELECT price AS 价格 FROM product".as_bytes();
    assert_eq!(line(&analyze(price, &world.context())), "Read global repeatable");
    let latin1 = SqlContext { charset: CharsetClass::AsciiSafe, ..world.context() };
    let found = line(&analyze(price, &latin1));
    assert!(found.contains("refused Unreadable"), "{found}");
}

#[test]
fn parameters_are_bound_into_the_plan() {
    let world = world();
    let mut cache = PlanCache::new(1 << 20);
    let text = b"SELECT * FROM orders WHERE user_id IN (?, 7) AND note = ?";
    let prepared = cache.analyze(text, &world.context());
    assert!(prepared.plan.needs_parameters);
    assert_eq!(prepared.plan.parameters, 2);
    let values = |statement: &Statement| statement.keys.iter().map(|key| key.value.clone()).collect::<Vec<_>>();
    let bound = prepared.bind(&[KeyValue::Text(b"6"[..].into()), KeyValue::Null]);
    assert_eq!(values(&bound), [KeyValue::Integer(7), KeyValue::Integer(6)]);
    assert_eq!(values(&prepared.bind(&[])), [KeyValue::Integer(7), KeyValue::Unreadable]);
    let update = cache.analyze(b"UPDATE orders SET user_id = ? WHERE user_id = ?", &world.context());
    let same = [KeyValue::Integer(5), KeyValue::Integer(5)];
    assert_eq!(line(&update.bind(&same)), "Write(Change) sharded [5,5]");
    let other = [KeyValue::Integer(5), KeyValue::Integer(6)];
    assert!(line(&update.bind(&other)).contains("KeyUpdate"));
    let plain = cache.analyze(b"SELECT * FROM orders WHERE user_id = 5 AND note = ?", &world.context());
    assert!(!plain.plan.needs_parameters);
}

#[test]
fn a_plan_ends_with_its_epoch_and_its_catalog() {
    let mut world = world();
    let mut cache = PlanCache::new(1 << 20);
    let text = b"SELECT * FROM product";
    assert_eq!(line(&cache.analyze(text, &world.context())), "Read global repeatable");
    world.state.groups[0].tables[4].class = crate::model::TableClass::Local;
    assert_eq!(line(&cache.analyze(text, &world.context())), "Read global repeatable");
    world.state.epoch = Epoch(2);
    assert_eq!(line(&cache.analyze(text, &world.context())), "Read local0 repeatable");
    assert_eq!((cache.hits(), cache.misses()), (1, 2));
    world.catalog.version = 2;
    cache.analyze(text, &world.context());
    assert_eq!((cache.hits(), cache.misses()), (1, 3));
}

#[test]
fn the_cache_keeps_to_its_bytes_and_what_is_used() {
    let world = world();
    let mut cache = PlanCache::new(16 << 10);
    for number in 0..200 {
        cache.analyze(b"SELECT * FROM orders WHERE user_id = 5", &world.context());
        cache.analyze(format!("SELECT a{number} FROM audit_log").as_bytes(), &world.context());
        assert!(cache.bytes() <= 16 << 10);
    }
    assert_eq!(cache.hits(), 199);
    assert!(cache.bytes() > 8 << 10);
}

#[test]
fn contexts_do_not_share_plans() {
    let world = world();
    let mut cache = PlanCache::new(1 << 20);
    let text = b"SELECT * FROM orders";
    let free = SqlContext { schema: Some("free"), ..world.context() };
    let none = SqlContext { schema: None, ..world.context() };
    for _ in 0..2 {
        assert_eq!(line(&cache.analyze(text, &world.context())), "Read sharded nokey repeatable");
        assert_eq!(line(&cache.analyze(text, &free)), "Read local1 repeatable");
        assert_eq!(line(&cache.analyze(text, &none)), "Read local repeatable");
    }
}

#[test]
fn hints_are_read_from_comments_of_any_place() {
    let world = world();
    let hint = |text: &str| analyze(text.as_bytes(), &world.context()).hint.map(|hint| *hint);
    let full = Hint { key: Some(KeyValue::Integer(6000)), level: Some(ReadLevel::Strong), unit: Some("bj".into()) };
    assert_eq!(hint("/*meridian: key=6000, level=strong, unit=bj*/ SELECT 1"), Some(full.clone()));
    assert_eq!(hint("SELECT 1 /* meridian: unit='bj',level=strong,key=6000 */"), Some(full));
    let key = |value| Some(Hint { key: Some(value), ..Hint::default() });
    assert_eq!(hint("SELECT 1 /*app='x',meridian: key=7,traceparent='00-1'*/"), key(KeyValue::Integer(7)));
    assert_eq!(hint("SELECT 1 /*meridian: key='ab'*/"), key(KeyValue::Text(b"ab"[..].into())));
    assert_eq!(hint("SELECT '/*meridian: key=7*/'"), None);
    assert_eq!(hint("SELECT 1 -- /*meridian: key=7*/"), None);
    for bad in ["kee=1", "key=", "level=fast", "key=1, key=2", "x", ""] {
        let found = line(&analyze(format!("/*meridian: {bad}*/ SELECT 1").as_bytes(), &world.context()));
        assert!(found.contains("BadHint"), "{bad}: {found}");
    }
    // A hint is no part of the shape.
    let mut cache = PlanCache::new(1 << 20);
    for key in 0..3 {
        let text = format!("/*meridian: key={key}*/ SELECT * FROM orders");
        let found = cache.analyze(text.as_bytes(), &world.context());
        assert_eq!(found.hint.and_then(|hint| hint.key), Some(KeyValue::Integer(key)));
    }
    assert_eq!((cache.hits(), cache.misses()), (2, 1));
}

#[test]
fn versioned_comments_are_read_as_the_servers_version_does() {
    let world = world();
    check(
        &world.context(),
        &[
            ("SELECT 1 /*!50700 FROM orders */", "Read tableless repeatable"),
            ("SELECT 1 /*!40101 FROM orders */", "Read sharded nokey repeatable"),
            ("SELECT 1 /*! FROM orders */", "Read sharded nokey repeatable"),
            ("SELECT 1 /*M!100100 FROM orders */", "Read sharded nokey repeatable"),
            ("SELECT 1 /*M!120000 FROM orders */", "Read tableless repeatable"),
            ("SELECT 1 /*!40101 FROM orders", "Admin refused Unreadable { table: \"orders\" } +Pin(UnknownStatement)"),
        ],
    );
    check(
        &SqlContext { dialect: MYSQL, ..world.context() },
        &[
            ("SELECT 1 /*!50700 FROM orders */", "Read sharded nokey repeatable"),
            ("SELECT 1 /*M!100100 FROM orders */", "Read tableless repeatable"),
            ("SELECT 1 /*!99999 FROM orders */", "Read tableless repeatable"),
            ("SELECT 1 /*!100100 FROM orders */", "Read tableless repeatable"),
        ],
    );
}

#[test]
fn nesting_of_any_kind_fits_the_stack_of_a_worker() {
    let run = || {
        let world = world();
        for depth in [5, 20, 45, 59, 70, 2_000] {
            for (open, middle, close) in [
                ("SELECT * FROM (", "product", " CROSS JOIN product)"),
                ("SELECT * FROM (", "product", ")"),
                ("SELECT * FROM (product CROSS JOIN (", "product", "))"),
                ("SELECT * FROM (product LEFT JOIN (", "product", " ON 1) ON 1)"),
                ("SELECT * FROM (SELECT * FROM (", "product", ") a) b"),
                ("SELECT * FROM product JOIN ", "product", " ON 1"),
                ("SELECT (SELECT ", "1", ")"),
                ("SELECT f(", "1", ")"),
                ("SELECT CASE WHEN ", "1", " THEN 1 END"),
                ("SELECT * FROM product WHERE (1, (", "1", "))"),
                ("SELECT * FROM product WHERE 1 IN (1, ", "1", ")"),
                ("(", "SELECT 1", ") UNION SELECT 1"),
                ("WITH a AS (", "SELECT 1", ")"),
                ("SELECT 1 BETWEEN 1 AND (", "1", ")"),
                ("SELECT EXISTS (", "SELECT 1", ")"),
                ("SELECT - (", "1", ")"),
                ("DELETE FROM product WHERE NOT (", "1", ")"),
                ("UPDATE (", "product", ") SET price = 1"),
            ] {
                let (head, again) = match open.rfind([' ', '(']) {
                    Some(_) if open.starts_with("SELECT * FROM product WHERE ") => open.split_at(28),
                    _ if open.starts_with("SELECT * FROM ") => open.split_at(14),
                    _ if open.starts_with("SELECT ") => open.split_at(7),
                    _ => ("", open),
                };
                let text = format!("{head}{}{middle}{}", again.repeat(depth), close.repeat(depth));
                analyze(text.as_bytes(), &world.context());
            }
        }
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
}

/// No clock is looked at: with a time that grows with the square of their length, these would take minutes.
#[test]
fn long_lists_of_variables_and_calls_are_read_once() {
    let world = world();
    let pieces =
        ["@a,", "x(", ",x(", "@a INTO ", "-", "a.", "`a`.", "/*+ x */", "BEGIN ", "IF(1) THEN ", "CASE ", ";;"];
    let heads = ["SELECT ", "CREATE PROCEDURE p() ", "SET NAMES utf8mb4;", "WITH a AS (", "INSERT INTO orders VALUES "];
    for (head, piece) in heads.iter().flat_map(|head| pieces.map(|piece| (head, piece))) {
        let text = format!("{head}{}1", piece.repeat(50_000));
        analyze(text.as_bytes(), &world.context());
    }
}
