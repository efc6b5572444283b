//! What the reading of a text costs: a hit, a hit with its routing decision, a miss, a wide INSERT.
//!
//! Run with `cargo bench --bench plan_cache`. Goals: point select on a hit at most 0.3 us, with its decision at most 0.5 us, INSERT of 100 rows at most 10 us, a miss at most 50 us.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use meridian::model::shard::OwnedRange;
use meridian::model::{
    Catalog, CatalogColumn, CatalogTable, ColumnValues, ControlState, Epoch, Group, GroupId, GroupPolicy, KeyType,
    ReadPolicy, Shard, ShardMap, ShardRange, Snapshot, TableClass, TableKind, TableRule, Transform, Unit, UnitId,
    WrongUnitPolicy,
};
use meridian::route::{Grants, SessionView, TransactionView, decide};
use meridian::sql::{CharsetClass, Dialect, Family, Hint, PlanCache, ReadLevel, SqlContext, SqlMode, analyze};

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
    let snapshot =
        Snapshot { state: Arc::new(state.clone()), observations: Arc::default(), catalog: Arc::new(catalog.clone()) };
    let hint = Hint::default();
    let session = SessionView {
        unit: UnitId(0),
        schema_group: Some(GroupId(0)),
        hint: &hint,
        transaction: TransactionView::None,
        written: &[],
        observed_at: None,
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
