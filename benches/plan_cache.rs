//! What the reading of a text costs: a hit, a hit with its routing decision, a miss, a wide INSERT.
//!
//! Run with `cargo bench --bench plan_cache`. Goals, with the decision: point select on a hit at most 0.3 us, a statement of 800 bytes 1 us, INSERT of 100 rows 10 us; a miss
//! at most 50 us. `cargo bench --bench plan_cache -- linear` prints a table instead: what a byte costs in texts of up to 16 MiB.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use meridian::model::shard::OwnedRange;
use meridian::model::{
    Catalog, CatalogColumn, CatalogTable, ColumnValues, ControlState, Epoch, Group, GroupId, GroupPolicy, KeyType,
    ReadPolicy, Shard, ShardMap, ShardRange, Snapshot, TableClass, TableKind, TableRule, Transform, Unit, UnitId,
    WrongUnitPolicy,
};
use meridian::route::{Grants, SessionView, TransactionView, decide};
use meridian::sql::{CharsetClass, Dialect, Family, Hint, PlanCache, ReadLevel, SqlContext, SqlMode, analyze};

// What the program itself allocates with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn owned(first: u32, last: u32, owner: u16) -> OwnedRange {
    let range = ShardRange { first: Shard(first), last: Shard(last) };
    OwnedRange { range, owner: UnitId(owner), epoch: Epoch(1) }
}

fn state() -> ControlState {
    let class = TableClass::Sharded { key_type: 0, column: "user_id".into() };
    ControlState {
        epoch: Epoch(1),
        units: vec![Unit { name: "hz".into() }, Unit { name: "bj".into() }],
        groups: vec![Group {
            name: "main".into(),
            schemas: vec!["app".into()],
            key_types: vec![KeyType {
                name: "user".into(),
                steps: Vec::new(),
                transform: Transform::Mod { modulus: 10_000 },
            }],
            tables: vec![TableRule {
                name: "orders".into(),
                class,
                wrong_unit: WrongUnitPolicy::Forward,
                read: ReadPolicy::Local,
            }],
            overrides: Vec::new(),
            shards: ShardMap { count: 10_000, ranges: vec![owned(0, 4999, 0), owned(5000, 9999, 1)] },
            global_master: UnitId(0),
            global_epoch: Epoch(1),
            schema_unit: None,
            policy: GroupPolicy::default(),
        }],
        instances: vec![],
        default_group: GroupId(0),
        forbids: vec![],
        moves: vec![],
        quarantines: vec![],
        left_out: vec![],
        configured: vec![],
        history: vec![],
        denials: Vec::new(),
    }
}

fn catalog() -> Catalog {
    let column = |name: &str, numeric| CatalogColumn {
        name: name.into(),
        numeric,
        values: if numeric { ColumnValues::PLAIN_NUMBER } else { ColumnValues::PLAIN_TEXT },
        invisible: false,
    };
    let columns = vec![column("id", true), column("user_id", true), column("note", false), column("price", true)];
    let orders = CatalogTable { kind: TableKind::Base, columns };
    let app = BTreeMap::from([("orders".to_owned(), orders)]);
    Catalog { version: 1, schemas: BTreeMap::from([("app".to_owned(), app)]), ..Catalog::default() }
}

fn rows(count: usize) -> String {
    let mut text = "INSERT INTO orders (id, user_id, note, price) VALUES ".to_owned();
    for row in 0..count {
        let comma = if row == 0 { "" } else { ", " };
        write!(text, "{comma}({row}, {}, 'a note of some length', 12.50)", 6000 + row % 3).unwrap();
    }
    text
}

/// A statement of 800 bytes as an ORM writes it: many columns by their tables' names, a join, a dozen conditions.
fn of_800_bytes() -> String {
    let columns: Vec<String> = (0..20).map(|column| format!("o.column_{column} AS o_c{column}")).collect();
    let mut text = format!(
        "SELECT {} FROM orders AS o INNER JOIN orders AS p ON o.user_id = p.user_id WHERE o.user_id = 6000 AND o.note = 'a note'",
        columns.join(", ")
    );
    let mut number = 0;
    while text.len() < 800 {
        write!(text, " AND p.price <> {number}").unwrap();
        number += 1;
    }
    text
}

/// Texts that grow without end, each in another way: the time for a byte must not grow with them.
fn long(bytes: usize) -> Vec<(&'static str, String)> {
    let repeated = |head: &str, piece: &str, tail: &str| format!("{head}{}{tail}", piece.repeat(bytes / piece.len()));
    vec![
        ("one string", repeated("UPDATE orders SET note = '", "a long text ", "' WHERE user_id = 6000")),
        ("escaped quotes", repeated("UPDATE orders SET note = '", "a''b\\'c", "' WHERE user_id = 6000")),
        ("strings side by side", repeated("UPDATE orders SET note = ", "'x' ", " WHERE user_id = 6000")),
        ("rows", rows(bytes / 45)),
        (
            "rows of changing form",
            repeated("INSERT INTO orders (id, user_id) VALUES (1, 6000)", ",(1, 6000),(NULL, 6000)", ""),
        ),
        ("list", repeated("DELETE FROM orders WHERE user_id IN (6000", ", 6000", ")")),
        ("words", repeated("SELECT ", "a_word ", "FROM orders")),
        ("conditions", repeated("SELECT 1 FROM orders WHERE user_id = 6000", " AND price = 1", "")),
        ("parentheses", repeated("SELECT ", "(", "1")),
        ("statements", repeated("", "SELECT 1;", "")),
        ("statements after SET NAMES", repeated("SET NAMES utf8mb4;", "SELECT 1;", "")),
        (
            "few statements, long comments",
            repeated("SET NAMES utf8mb4;", "SELECT /*                            */ 1;", ""),
        ),
        ("comments", repeated("SELECT ", "/* a comment */ ", "1")),
        ("opened comments", repeated("SELECT ", "/*!50000 ", "1")),
        ("hints", repeated("", "/*meridian: key=6000*/ ", "DELETE FROM orders")),
        ("quoted names", repeated("SELECT ", "`a name`.", "`x` FROM orders")),
        ("variables", repeated("SELECT ", "@a,", "1")),
        ("BEGIN blocks", repeated("CREATE PROCEDURE p() ", "BEGIN ", "END")),
        ("cases", repeated("CREATE PROCEDURE p() BEGIN ", "IF(1) THEN ", "END")),
        ("operators", repeated("SELECT ", "-", "1")),
    ]
}

/// Prints nanoseconds for a byte of texts of several lengths, planned afresh. The best of some runs, because the machine may do other things.
fn linear(context: &SqlContext<'_>) {
    const LENGTHS: [usize; 4] = [256 << 10, 1 << 20, 4 << 20, 16 << 20];
    println!(
        "nanoseconds for a byte, planned afresh\n{:32} {:>8} {:>8} {:>8} {:>8}",
        "", "256 KiB", "1 MiB", "4 MiB", "16 MiB"
    );
    for (shape, (name, _)) in long(1 << 10).iter().enumerate() {
        let times = LENGTHS.map(|length| {
            let text = &long(length)[shape].1;
            let run = |_| {
                let start = Instant::now();
                black_box(analyze(black_box(text.as_bytes()), context));
                start.elapsed().as_nanos() as f64 / text.len() as f64
            };
            (0..3).map(run).fold(f64::INFINITY, f64::min)
        });
        let columns: Vec<String> = times.iter().map(|time| format!("{time:8.2}")).collect();
        println!("{name:32} {}", columns.join(" "));
    }
}

fn run(criterion: &mut Criterion) {
    let (state, catalog) = (state(), catalog());
    let context = SqlContext {
        schema: Some("app"),
        mode: SqlMode::default(),
        charset: CharsetClass::Utf8,
        dialect: Dialect { family: Family::MariaDb, version: 101_119 },
        state: &state,
        catalog: &catalog,
    };
    if std::env::args().any(|argument| argument == "linear") {
        return linear(&context);
    }
    let snapshot =
        Snapshot { state: Arc::new(state.clone()), observations: Arc::default(), catalog: Arc::new(catalog.clone()) };
    let hint = Hint::default();
    let session = SessionView {
        unit: UnitId(0),
        schema_group: Some(GroupId(0)),
        hint: &hint,
        transaction: TransactionView::None,
        looked_up: &[],
        branch_at: None,
        written: &[],
        observed_at: None,
        schema_changed_at: None,
        pin: None,
        user: "app",
        attributes: None,
        level: ReadLevel::default(),
        statement_bytes: 0,
        grants: Grants::default(),
    };
    let in_list = format!(
        "UPDATE orders SET note = 'x' WHERE user_id IN ({})",
        (0..100).map(|key| key.to_string()).collect::<Vec<_>>().join(", ")
    );
    let texts = [
        ("point_select", "SELECT id, note FROM orders WHERE user_id = 6000".to_owned()),
        ("statement_800", of_800_bytes()),
        ("insert_1", rows(1)),
        ("insert_100", rows(100)),
        ("update_in_100", in_list),
        ("begin", "BEGIN".to_owned()),
    ];
    for (name, text) in &texts {
        let mut cache = PlanCache::new(8 << 20);
        criterion.bench_function(&format!("hit/{name}"), |bencher| {
            bencher.iter(|| black_box(cache.analyze(black_box(text.as_bytes()), &context)));
        });
        criterion.bench_function(&format!("hit_and_decide/{name}"), |bencher| {
            bencher.iter(|| {
                let statement = cache.analyze(black_box(text.as_bytes()), &context);
                black_box(decide(&snapshot, &session, &statement))
            });
        });
        criterion.bench_function(&format!("miss/{name}"), |bencher| {
            bencher.iter(|| black_box(analyze(black_box(text.as_bytes()), &context)));
        });
    }
}

criterion_group!(benches, run);
criterion_main!(benches);
