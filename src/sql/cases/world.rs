//! The world the cases live in, and the one line a text's facts are told in.

use std::collections::BTreeMap;

use crate::model::{
    Catalog, CatalogColumn, CatalogTable, ColumnValues, ControlState, Epoch, Group, GroupId, GroupPolicy, KeyType,
    ReadPolicy, Shard, ShardMap, ShardRange, TableClass, TableKind, TableRule, Transform, Unit, UnitId,
    WrongUnitPolicy,
};
use crate::sql::*;

pub(super) const MARIADB: Dialect = Dialect { family: Family::MariaDb, version: 101_119 };
pub(super) const MYSQL: Dialect = Dialect { family: Family::MySql, version: 90_704 };

pub(super) struct World {
    pub(super) state: ControlState,
    pub(super) catalog: Catalog,
}

impl World {
    pub(super) fn context(&self) -> SqlContext<'_> {
        SqlContext {
            schema: Some("app"),
            mode: SqlMode::default(),
            charset: CharsetClass::Utf8,
            dialect: MARIADB,
            state: &self.state,
            catalog: &self.catalog,
        }
    }
}

fn rule(name: &str, class: TableClass) -> TableRule {
    TableRule { name: name.into(), class, wrong_unit: WrongUnitPolicy::Forward, read: ReadPolicy::Local }
}

fn table(kind: TableKind, columns: &[(&str, bool)]) -> CatalogTable {
    let columns = columns
        .iter()
        .map(|(name, numeric)| CatalogColumn {
            name: (*name).into(),
            numeric: *numeric,
            values: if *numeric { ColumnValues::PLAIN_NUMBER } else { ColumnValues::PLAIN_TEXT },
            invisible: false,
        })
        .collect();
    CatalogTable { kind, columns }
}

/// One group `main` (schema `app`): `orders`, `items` sharded by the number user_id, `shops` by the string code, `product` global, `audit_log` local.
pub(super) fn world() -> World {
    let sharded = |key_type, column: &str| TableClass::Sharded { key_type, column: column.into() };
    let group = |name: &str, schema: &str, tables: Vec<TableRule>| Group {
        name: name.into(),
        schemas: vec![schema.into()],
        key_types: vec![
            KeyType { name: "user".into(), steps: Vec::new(), transform: Transform::Mod { modulus: 10_000 } },
            KeyType { name: "shop".into(), steps: Vec::new(), transform: Transform::Hash { buckets: 10_000 } },
        ],
        tables,
        overrides: Vec::new(),
        shards: ShardMap {
            count: 10_000,
            ranges: vec![crate::model::shard::OwnedRange {
                range: ShardRange { first: Shard(0), last: Shard(9_999) },
                owner: UnitId(0),
                epoch: Epoch(1),
            }],
        },
        global_master: UnitId(0),
        global_epoch: Epoch(1),
        schema_unit: None,
        policy: GroupPolicy::default(),
    };
    let state = ControlState {
        epoch: Epoch(1),
        units: vec![Unit { name: "hz".into() }],
        groups: vec![
            group(
                "main",
                "app",
                vec![
                    rule("orders", sharded(0, "user_id")),
                    rule("items", sharded(0, "user_id")),
                    rule("unread", sharded(0, "user_id")),
                    rule("shops", sharded(1, "code")),
                    rule("product", TableClass::Global),
                    rule("account*", TableClass::Global),
                ],
            ),
            group("plain", "free", vec![]),
        ],
        instances: vec![],
        default_group: GroupId(0),
        forbids: vec![],
        moves: vec![],
        quarantines: vec![],
        left_out: vec![],
        configured: vec![],
        history: vec![],
        denials: Vec::new(),
    };
    let orders = [("id", true), ("user_id", true), ("note", false)];
    let app = BTreeMap::from([
        ("orders".to_owned(), table(TableKind::Base, &orders)),
        ("items".to_owned(), table(TableKind::Base, &[("user_id", true), ("sku", false)])),
        ("shops".to_owned(), table(TableKind::Base, &[("code", false), ("city", false)])),
        ("product".to_owned(), table(TableKind::Base, &[("id", true), ("price", true)])),
        ("audit_log".to_owned(), table(TableKind::Base, &[("id", true), ("line", false)])),
        ("order_view".to_owned(), table(TableKind::View(vec![("app".into(), "orders".into())]), &orders)),
        ("touching_view".to_owned(), table(TableKind::View(vec![("app".into(), "product".into())]), &orders)),
        ("seq".to_owned(), table(TableKind::Sequence, &[])),
    ]);
    let catalog = Catalog {
        version: 1,
        schemas: BTreeMap::from([("app".to_owned(), app)]),
        default_sql_mode: String::new(),
        default_names: String::new(),
        default_collation: None,
        routines: [("app".to_owned(), "touch_all".to_owned())].into(),
        active_views: [("app".to_owned(), "touching_view".to_owned())].into(),
    };
    World { state, catalog }
}

/// The facts of each statement as one line.
pub(super) fn line(statement: &Statement) -> String {
    let lines: Vec<String> = statement
        .plan
        .statements
        .iter()
        .enumerate()
        .map(|(index, facts)| {
            let mut line = format!("{:?} {}", facts.class, place(&facts.placement));
            if let Placement::Sharded { keys, .. } = &facts.placement {
                let values: Vec<String> = statement
                    .keys
                    .iter()
                    .filter(|key| usize::from(key.statement) == index)
                    .map(|key| match &key.value {
                        KeyValue::Integer(number) => number.to_string(),
                        KeyValue::Text(text) => format!("'{}'", String::from_utf8_lossy(text)),
                        KeyValue::Null => "NULL".into(),
                        KeyValue::Unreadable => "unreadable".into(),
                    })
                    .collect();
                line += &match keys {
                    Keys::Missing => " nokey".to_owned(),
                    Keys::Sources(_) => format!(" [{}]", values.join(",")),
                };
            }
            for effect in &facts.effects {
                line += &format!(" +{effect:?}");
            }
            for (set, name) in [
                (facts.asks_previous, "asks"),
                (facts.found_rows == FoundRows::Calculated, "found_rows"),
                (facts.repeatable, "repeatable"),
            ] {
                if set {
                    line += &format!(" {name}");
                }
            }
            if let Some(escape) = &facts.escape {
                line += &format!(" escape({escape})");
            }
            line
        })
        .collect();
    lines.join(" ; ")
}

fn place(placement: &Placement) -> String {
    match placement {
        Placement::Tableless => "tableless".into(),
        Placement::Local { group: Some(group) } => format!("local{}", group.0),
        Placement::Local { group: None } => "local".into(),
        Placement::Global { .. } => "global".into(),
        Placement::Sharded { .. } => "sharded".into(),
        Placement::Schema { .. } => "schema".into(),
        Placement::Refused(refusal) => format!("refused {refusal:?}"),
    }
}

/// Checks a table of `(text, line)` and prints all differences at once.
pub(super) fn check(context: &SqlContext<'_>, cases: &[(&str, &str)]) {
    let mut cache = PlanCache::new(1 << 20);
    let mut wrong = String::new();
    for (text, expected) in cases {
        let found = line(&analyze(text.as_bytes(), context));
        if found != *expected {
            wrong += &format!("\n  {text}\n    found    {found}\n    expected {expected}");
        }
        for _ in 0..2 {
            let cached = line(&cache.analyze(text.as_bytes(), context));
            if cached != found {
                wrong += &format!("\n  {text}\n    cached   {cached}\n    uncached {found}");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
