//! Keys through derived tables, common table expressions, UNION and subqueries that look at the query around them.

use super::world::{check, world};

#[test]
fn a_key_inside_passes_out() {
    let world = world();
    check(
        &world.context(),
        &[
            (
                "UPDATE orders o JOIN (SELECT user_id FROM items WHERE user_id = 5) t ON o.user_id = t.user_id SET o.note = 1",
                "Write(Change) sharded [5]",
            ),
            (
                "UPDATE orders JOIN (SELECT * FROM items i WHERE i.user_id = 5 LIMIT 3) t USING (user_id) SET note = 1",
                "Write(Change) sharded [5]",
            ),
            (
                "UPDATE orders o JOIN (SELECT user_id AS u FROM items WHERE user_id = 5) t ON o.user_id = t.u SET o.note = 1",
                "Write(Change) sharded [5]",
            ),
            (
                "WITH t (u) AS (SELECT user_id FROM items WHERE user_id = 5) UPDATE orders o JOIN t ON o.user_id = t.u SET o.note = 1",
                "Write(Change) sharded [5]",
            ),
            (
                "UPDATE orders o JOIN (SELECT user_id FROM items WHERE user_id = 5 UNION SELECT user_id FROM items WHERE user_id = 6) t \
                 ON o.user_id = t.user_id SET o.note = 1",
                "Write(Change) sharded [5,6]",
            ),
            (
                "WITH x AS (SELECT * FROM orders WHERE user_id = 5) SELECT COUNT(*) FROM x",
                "Read sharded [5] repeatable",
            ),
            // What is selected is not the column, or another's.
            (
                "UPDATE orders o JOIN (SELECT user_id + 1 AS user_id FROM items WHERE user_id = 5) t ON o.user_id = t.user_id SET o.note = 1",
                "Write(Change) sharded nokey",
            ),
            (
                "UPDATE orders o JOIN (SELECT id AS user_id FROM items WHERE user_id = 5) t ON o.user_id = t.user_id SET o.note = 1",
                "Write(Change) sharded nokey",
            ),
            // The optional side restricts nothing.
            (
                "UPDATE orders o LEFT JOIN (SELECT user_id FROM items WHERE user_id = 5) t ON o.user_id = t.user_id SET o.note = 1",
                "Write(Change) sharded nokey",
            ),
            // A recursion adds rows.
            (
                "WITH RECURSIVE t AS (SELECT user_id FROM items WHERE user_id = 5 UNION ALL SELECT user_id + 1 FROM t) \
                 UPDATE orders o JOIN t ON o.user_id = t.user_id SET o.note = 1",
                "Write(Change) sharded nokey",
            ),
        ],
    );
}

#[test]
fn a_key_outside_passes_in_for_plain_reads_alone() {
    let world = world();
    check(
        &world.context(),
        &[
            ("SELECT * FROM (SELECT * FROM orders) t WHERE t.user_id = 6", "Read sharded [6] repeatable"),
            ("SELECT * FROM (SELECT user_id AS u FROM orders) t WHERE u = 6", "Read sharded [6] repeatable"),
            (
                "WITH t AS (SELECT DISTINCT user_id FROM orders) SELECT * FROM t WHERE user_id = 6",
                "Read sharded [6] repeatable",
            ),
            (
                "SELECT * FROM (SELECT user_id FROM orders UNION ALL SELECT user_id FROM items) t WHERE user_id = 6",
                "Read sharded [6] repeatable",
            ),
            ("SELECT * FROM (SELECT * FROM orders LIMIT 5) t WHERE t.user_id = 6", "Read sharded nokey repeatable"),
            (
                "SELECT * FROM (SELECT user_id, COUNT(*) FROM orders GROUP BY user_id) t WHERE t.user_id = 6",
                "Read sharded nokey repeatable",
            ),
            (
                "SELECT * FROM (SELECT user_id, ROW_NUMBER() OVER () AS n FROM orders) t WHERE t.user_id = 6",
                "Read sharded nokey repeatable",
            ),
            (
                "WITH t AS (SELECT * FROM orders) SELECT * FROM t a JOIN t b ON a.id = b.id WHERE a.user_id = 6",
                "Read sharded nokey repeatable",
            ),
            ("SELECT * FROM (SELECT * FROM orders) t WHERE t.user_id = 6 FOR UPDATE", "LockingRead sharded nokey"),
            (
                "UPDATE items i JOIN (SELECT * FROM orders) t ON t.id = i.id SET i.qty = 1 WHERE t.user_id = 6 AND i.user_id = 6",
                "Write(Change) sharded nokey",
            ),
        ],
    );
}

#[test]
fn a_subquery_has_the_key_of_the_rows_around_it() {
    let world = world();
    check(
        &world.context(),
        &[
            (
                "DELETE FROM orders WHERE user_id = 5 AND EXISTS (SELECT 1 FROM items i WHERE i.user_id = orders.user_id)",
                "Write(Change) sharded [5]",
            ),
            (
                "UPDATE orders o SET o.note = (SELECT MAX(i.qty) FROM items i WHERE i.user_id = o.user_id) WHERE o.user_id IN (5, 6)",
                "Write(Change) sharded [5,6]",
            ),
            (
                "DELETE FROM orders WHERE user_id = 5 AND EXISTS (SELECT 1 FROM items i WHERE i.id = orders.id)",
                "Write(Change) sharded nokey",
            ),
            // The name is the inner table's own.
            (
                "DELETE FROM orders WHERE user_id = 5 AND EXISTS (SELECT 1 FROM items i JOIN orders ON i.user_id = orders.user_id)",
                "Write(Change) sharded nokey",
            ),
            // It asks for itself.
            (
                "DELETE FROM orders WHERE orders.user_id IN (SELECT i.user_id FROM items i WHERE i.user_id = orders.user_id)",
                "Write(Change) sharded nokey",
            ),
        ],
    );
}

#[test]
fn unions_give_keys_to_inserts() {
    let world = world();
    check(
        &world.context(),
        &[
            (
                "INSERT INTO orders (user_id, note) SELECT user_id, 1 FROM items WHERE user_id = 5 UNION SELECT 6, 'x'",
                "Write(Insert) sharded [5,6]",
            ),
            (
                "INSERT INTO orders (user_id) SELECT user_id FROM items WHERE user_id = 5 UNION ALL SELECT user_id FROM items WHERE user_id = 5",
                "Write(Insert) sharded [5]",
            ),
            // As doubles, which UNION makes of them, these are the same.
            (
                "INSERT INTO orders (user_id) SELECT 9007199254740993 UNION SELECT 1e0",
                "Write(Insert) sharded [unreadable,1]",
            ),
            (
                "INSERT INTO orders (user_id) SELECT user_id FROM items WHERE user_id = 5 UNION SELECT id FROM items WHERE user_id = 5",
                "Write(Insert) refused UnreadableKey { table: \"orders\", column: \"user_id\" }",
            ),
            // ROLLUP adds a row with NULL.
            (
                "INSERT INTO orders (user_id, note) SELECT user_id, COUNT(*) FROM items WHERE user_id = 5 GROUP BY user_id WITH ROLLUP",
                "Write(Insert) refused UnreadableKey { table: \"orders\", column: \"user_id\" }",
            ),
            (
                "DELETE FROM orders WHERE user_id IN (SELECT user_id FROM items WHERE user_id = 5 UNION SELECT user_id FROM items WHERE user_id = 6)",
                "Write(Change) sharded [5,6]",
            ),
        ],
    );
}

#[test]
fn what_stands_in_a_with_is_not_taken_for_what_stands_behind_it() {
    let world = world();
    check(
        &world.context(),
        &[(
            "WITH x AS (SELECT id AS user_id FROM product WHERE id = 1) \
             UPDATE orders SET note = 1 WHERE user_id IN (SELECT user_id FROM items WHERE user_id = 2)",
            "Write(Change) sharded [2]",
        )],
    );
}

#[test]
fn two_bounds_are_a_range() {
    let world = world();
    check(
        &world.context(),
        &[
            ("DELETE FROM orders WHERE user_id >= 5 AND user_id <= 7", "Write(Change) sharded [5,6,7]"),
            ("DELETE FROM orders WHERE 4 < user_id AND 7 > user_id", "Write(Change) sharded [4,5,6,7]"),
            (
                "DELETE FROM orders WHERE (user_id > 4 AND user_id < 6) OR user_id = 9",
                "Write(Change) sharded [4,5,6,9]",
            ),
            ("DELETE FROM orders WHERE user_id >= 5", "Write(Change) sharded nokey"),
            ("DELETE FROM orders WHERE user_id >= 5 AND id <= 7", "Write(Change) sharded nokey"),
            ("DELETE FROM orders WHERE user_id >= 5 AND user_id <= 7 AND user_id = 6", "Write(Change) sharded [6]"),
            ("DELETE FROM orders WHERE user_id BETWEEN FALSE AND TRUE", "Write(Change) sharded [0,1]"),
        ],
    );
}
