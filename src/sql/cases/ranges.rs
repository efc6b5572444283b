//! Keys from rows, ranges and subqueries.

use super::world::{check, line, world};
use crate::model::{KeyOverride, PlainKey, Shard, Transform};
use crate::sql::{KeyValue, analyze};

#[test]
fn rows_and_subqueries_restrict_their_columns() {
    let world = world();
    check(
        &world.context(),
        &[
            ("DELETE FROM orders WHERE (user_id, id) = (5, 1)", "Write(Change) sharded [5]"),
            ("DELETE FROM orders WHERE (id, user_id) IN ((1, 5), (2, 6))", "Write(Change) sharded [5,6]"),
            ("DELETE FROM orders WHERE (id, user_id) IN ((1, 5), (2, 6 + 0))", "Write(Change) sharded nokey"),
            ("DELETE FROM orders WHERE (id, user_id) NOT IN ((1, 5))", "Write(Change) sharded nokey"),
            ("DELETE FROM orders WHERE (id + 1, user_id) IN ((1, 5))", "Write(Change) sharded [5]"),
            ("DELETE FROM orders WHERE user_id IN (1, 2) AND user_id = 2", "Write(Change) sharded [2]"),
            (
                "DELETE FROM orders WHERE user_id IN (SELECT user_id FROM items WHERE user_id = 5)",
                "Write(Change) sharded [5]",
            ),
            ("DELETE FROM orders WHERE user_id = (SELECT 5)", "Write(Change) sharded [5]"),
            ("DELETE FROM orders WHERE user_id IN (SELECT id FROM product)", "Write(Change) sharded nokey"),
            (
                "DELETE FROM orders WHERE user_id IN (SELECT MAX(user_id) FROM items WHERE user_id = 5)",
                "Write(Change) sharded nokey",
            ),
            (
                "DELETE FROM orders WHERE user_id NOT IN (SELECT user_id FROM items WHERE user_id = 5)",
                "Write(Change) sharded nokey",
            ),
            (
                "DELETE FROM orders WHERE user_id IN (SELECT user_id FROM items WHERE user_id = 5 UNION SELECT 7)",
                "Write(Change) sharded nokey",
            ),
            ("UPDATE orders SET user_id = user_id, note = 'x' WHERE user_id = 5", "Write(Change) sharded [5]"),
            (
                "UPDATE orders SET user_id = id WHERE user_id = 5",
                "Write(Change) refused KeyUpdate { table: \"orders\", column: \"user_id\" }",
            ),
        ],
    );
}

#[test]
fn few_keys_of_a_range_are_named_one_by_one() {
    let world = world();
    check(
        &world.context(),
        &[
            ("DELETE FROM orders WHERE user_id BETWEEN 5 AND 7", "Write(Change) sharded [5,6,7]"),
            ("DELETE FROM orders WHERE user_id BETWEEN 7 AND 5", "Write(Change) sharded [NULL]"),
            ("DELETE FROM orders WHERE user_id BETWEEN 5 AND 1000000", "Write(Change) sharded [unreadable]"),
            ("DELETE FROM orders WHERE user_id BETWEEN 5 AND 6.5", "Write(Change) sharded [unreadable]"),
            ("DELETE FROM orders WHERE user_id BETWEEN 5 AND id", "Write(Change) sharded nokey"),
            ("DELETE FROM orders WHERE user_id NOT BETWEEN 5 AND 7", "Write(Change) sharded nokey"),
            ("DELETE FROM orders WHERE user_id BETWEEN 5 AND 7 AND user_id = 6", "Write(Change) sharded [6]"),
            ("DELETE FROM shops WHERE code BETWEEN 'a' AND 'a'", "Write(Change) sharded [unreadable]"),
        ],
    );
    let prepared = analyze(b"DELETE FROM orders WHERE user_id BETWEEN ? AND ?", &world.context());
    assert!(prepared.plan.needs_parameters);
    let bound = prepared.bind(&[KeyValue::Integer(1), KeyValue::Text(b"2"[..].into())]);
    assert_eq!(line(&bound), "Write(Change) sharded [1,2]");
    let mixed = analyze(b"DELETE FROM orders WHERE user_id BETWEEN ? AND 7", &world.context());
    assert_eq!(line(&mixed.bind(&[KeyValue::Integer(6)])), "Write(Change) sharded [unreadable]");
}

#[test]
fn one_key_stands_for_each_range_of_a_range_transform() {
    let mut world = world();
    let ranges = vec![(0, 999, Shard(0)), (1_000, 1_999, Shard(1)), (3_000, 3_999, Shard(2))];
    world.state.groups[0].key_types[0].transform = Transform::Range { ranges };
    check(
        &world.context(),
        &[
            ("DELETE FROM orders WHERE user_id BETWEEN 5 AND 900", "Write(Change) sharded [5]"),
            ("DELETE FROM orders WHERE user_id BETWEEN 5 AND 1500", "Write(Change) sharded [5,1000]"),
            // Between the ranges a key has no shard: it stands for the gap.
            ("DELETE FROM orders WHERE user_id BETWEEN 1500 AND 2500", "Write(Change) sharded [1500,2000]"),
        ],
    );
    world.state.groups[0].overrides = vec![KeyOverride { key_type: 0, key: PlainKey::Integer(100), shard: Shard(3) }];
    check(
        &world.context(),
        &[("DELETE FROM orders WHERE user_id BETWEEN 5 AND 900", "Write(Change) sharded [5,100,101]")],
    );
}
