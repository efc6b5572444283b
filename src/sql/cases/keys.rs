//! Which keys a text gives, and which it does not.

use super::world::{check, world};

#[test]
fn where_gives_keys() {
    let world = world();
    check(
        &world.context(),
        &[
            ("SELECT * FROM orders WHERE user_id = 6000", "Read sharded [6000] repeatable"),
            (
                "select o.* from app.orders as o where (o.user_id = '6000') and o.id > 5",
                "Read sharded [6000] repeatable",
            ),
            ("SELECT * FROM orders WHERE 6000 = user_id", "Read sharded [6000] repeatable"),
            ("SELECT * FROM orders WHERE user_id IN (1,2, 3)", "Read sharded [1,2,3] repeatable"),
            ("SELECT * FROM orders WHERE user_id IN (1,'2',3)", "Read sharded [1,2,3] repeatable"),
            ("SELECT * FROM orders WHERE user_id = 5 OR user_id = 6", "Read sharded [5,6] repeatable"),
            (
                "SELECT * FROM orders WHERE (user_id = 5 AND id = 1) OR (id = 2 AND user_id IN (6, 7))",
                "Read sharded [5,6,7] repeatable",
            ),
            ("SELECT * FROM orders WHERE user_id <=> 5", "Read sharded [5] repeatable"),
            (
                "SELECT * FROM orders WHERE user_id = 5 AND (note = 'a' OR note = 'b') AND id BETWEEN 1 AND 5",
                "Read sharded [5] repeatable",
            ),
            (
                "SELECT * FROM orders WHERE note LIKE 'x%' ESCAPE '!' AND user_id = 5 AND note RLIKE 'a'",
                "Read sharded [5] repeatable",
            ),
            ("SELECT * FROM orders FORCE INDEX (x) WHERE user_id = 5", "Read sharded [5] repeatable"),
            (
                "SELECT SQL_CALC_FOUND_ROWS * FROM orders WHERE user_id = 4 LIMIT 5, 10",
                "Read sharded [4] found_rows repeatable",
            ),
            (
                "UPDATE LOW_PRIORITY IGNORE orders SET note='x' WHERE user_id=5 ORDER BY id LIMIT 3",
                "Write(Change) sharded [5]",
            ),
            ("DELETE QUICK FROM orders WHERE user_id = 5 LIMIT 1", "Write(Change) sharded [5]"),
            ("DELETE FROM orders PARTITION (p0) WHERE user_id = 5", "Write(Change) sharded [5]"),
            (
                "SELECT * FROM orders WHERE user_id = 5 AND MATCH(note) AGAINST ('x' IN BOOLEAN MODE)",
                "Read sharded [5] repeatable",
            ),
            (
                "SELECT note->'$.a', note->>'$.b', id MOD 3, id DIV 2 FROM orders WHERE user_id = 5",
                "Read sharded [5] repeatable",
            ),
            (
                "SELECT ROW_NUMBER() OVER (PARTITION BY note ORDER BY id) FROM orders WHERE user_id = 5",
                "Read sharded [5] repeatable",
            ),
            (
                "SELECT COUNT(*) FROM orders WHERE user_id=5 GROUP BY note HAVING COUNT(*) > 1 ORDER BY 1",
                "Read sharded [5] repeatable",
            ),
        ],
    );
}

#[test]
fn what_does_not_restrict_gives_no_key() {
    let world = world();
    check(
        &world.context(),
        &[
            ("SELECT * FROM orders", "Read sharded nokey repeatable"),
            ("SELECT * FROM orders WHERE user_id = 5 OR id = 6", "Read sharded nokey repeatable"),
            ("SELECT * FROM orders WHERE NOT user_id = 5", "Read sharded nokey repeatable"),
            ("SELECT * FROM orders WHERE ! user_id = 5", "Read sharded nokey repeatable"),
            ("SELECT * FROM orders WHERE user_id <> 5", "Read sharded nokey repeatable"),
            ("SELECT * FROM orders WHERE user_id NOT IN (5)", "Read sharded nokey repeatable"),
            ("SELECT * FROM orders WHERE user_id = 5 || id = 1", "Read sharded nokey repeatable"),
            ("SELECT * FROM orders WHERE user_id = 5 AND id || 1", "Read sharded nokey repeatable"),
            ("SELECT * FROM orders WHERE user_id = 5 AND id XOR 1", "Read sharded nokey repeatable"),
            (
                "SELECT * FROM orders WHERE user_id = 5 AND @a := 3 OR 1",
                "Read sharded nokey +Pin(ComputedUserVariable)",
            ),
            ("SELECT * FROM orders WHERE user_id <=> NULL", "Read sharded nokey repeatable"),
            ("SELECT * FROM orders WHERE user_id = NOW()", "Read sharded nokey repeatable"),
            ("SELECT * FROM orders WHERE user_id = @x", "Read sharded nokey repeatable"),
            ("SELECT * FROM orders WHERE user_id IN (1, NOW())", "Read sharded nokey repeatable"),
            ("SELECT * FROM orders WHERE user_id = 5 << 1", "Read sharded nokey repeatable"),
            ("SELECT * FROM orders WHERE user_id = 5 | 3", "Read sharded nokey repeatable"),
            ("SELECT * FROM orders WHERE user_id = 5 ^ 1", "Read sharded nokey repeatable"),
            ("SELECT * FROM orders WHERE user_id = 5 DIV 2", "Read sharded nokey repeatable"),
            ("SELECT * FROM orders WHERE user_id = 5 IN (1)", "Read sharded nokey repeatable"),
            ("SELECT * FROM orders WHERE user_id = 5 LIKE 3", "Read sharded nokey repeatable"),
            ("SELECT * FROM orders WHERE user_id = 5 IS NULL", "Read sharded nokey repeatable"),
            ("SELECT * FROM orders WHERE user_id = 5 IS NOT TRUE", "Read sharded nokey repeatable"),
            ("SELECT * FROM orders WHERE user_id = 5 BETWEEN 0 AND 1", "Read sharded nokey repeatable"),
            ("SELECT * FROM orders WHERE user_id = 5 = 0", "Read sharded nokey repeatable"),
            ("SELECT * FROM orders WHERE user_id IN (1) IS FALSE", "Read sharded nokey repeatable"),
            ("SELECT * FROM orders WHERE user_id = 5 COLLATE utf8mb4_bin", "Read sharded nokey repeatable"),
            ("SELECT * FROM orders WHERE CASE WHEN user_id = 5 THEN 0 ELSE 1 END", "Read sharded nokey repeatable"),
            ("SELECT * FROM orders WHERE (user_id, id) IN ((1,2),(3,4))", "Read sharded [1,3] repeatable"),
            ("SELECT * FROM orders HAVING user_id = 5", "Read sharded nokey repeatable"),
        ],
    );
}

#[test]
fn joins_pass_keys_on() {
    let world = world();
    check(
        &world.context(),
        &[
            (
                "SELECT * FROM orders o JOIN items i ON o.user_id = i.user_id WHERE i.user_id = 7",
                "Read sharded [7] repeatable",
            ),
            (
                "SELECT * FROM orders o, items i WHERE o.user_id = i.user_id AND i.user_id = 7",
                "Read sharded [7] repeatable",
            ),
            ("SELECT * FROM orders JOIN items USING (user_id) WHERE orders.user_id = 7", "Read sharded [7] repeatable"),
            ("SELECT * FROM orders JOIN items USING (user_id) WHERE user_id = 7", "Read sharded [7] repeatable"),
            (
                "SELECT * FROM orders o LEFT JOIN items i ON o.user_id = i.user_id WHERE o.user_id = 7",
                "Read sharded [7] repeatable",
            ),
            (
                "SELECT * FROM orders o LEFT JOIN items i ON o.user_id = i.user_id AND i.user_id=4 WHERE o.id = 7",
                "Read sharded nokey repeatable",
            ),
            (
                "UPDATE orders o LEFT JOIN items i ON o.user_id = 5 AND i.user_id = 5 SET o.note = 'x'",
                "Write(Change) sharded nokey",
            ),
            ("SELECT * FROM orders o JOIN items i WHERE o.user_id = 7", "Read sharded nokey repeatable"),
            (
                "SELECT * FROM orders, product WHERE user_id = 7 AND orders.id = product.id",
                "Read sharded [7] repeatable",
            ),
            (
                "DELETE o FROM orders o JOIN items i ON i.user_id=o.user_id WHERE o.user_id = 5",
                "Write(Change) sharded [5]",
            ),
            (
                "DELETE FROM o USING orders o JOIN items i ON i.user_id=o.user_id WHERE o.user_id = 5",
                "Write(Change) sharded [5]",
            ),
            (
                "SELECT * FROM orders WHERE user_id = 5 UNION SELECT * FROM items WHERE user_id = 6",
                "Read sharded [5,6] repeatable",
            ),
            ("SELECT * FROM orders WHERE user_id = 5 UNION SELECT * FROM items", "Read sharded nokey repeatable"),
            (
                "SELECT * FROM orders WHERE user_id = 5 AND EXISTS (SELECT 1 FROM items WHERE user_id = 5)",
                "Read sharded [5] repeatable",
            ),
            ("SELECT IF(EXISTS(SELECT 1 FROM orders WHERE user_id=3), 1, 0)", "Read sharded [3] repeatable"),
            ("SELECT * FROM (SELECT * FROM orders WHERE user_id = 5) t WHERE t.id = 6", "Read sharded [5] repeatable"),
            ("SELECT * FROM (SELECT * FROM orders) t WHERE t.user_id = 6", "Read sharded [6] repeatable"),
            (
                "SELECT DATE_ADD(NOW(), INTERVAL (SELECT id FROM orders WHERE user_id = 4) DAY)",
                r#"Read refused Unreadable { table: "orders" } repeatable"#,
            ),
        ],
    );
}

#[test]
fn inserts_give_the_key_of_every_row() {
    let world = world();
    check(
        &world.context(),
        &[
            ("INSERT INTO orders (id, user_id) VALUES (1, 50), (2, 6000)", "Write(Insert) sharded [50,6000]"),
            (
                "INSERT INTO orders (id, user_id) VALUES (1, 50), (NULL, 51), (3, 52), (4, 53)",
                "Write(Insert) sharded [50,51,52,53]",
            ),
            ("INSERT INTO orders VALUES (1, 50, 'x')", "Write(Insert) sharded [50]"),
            ("INSERT INTO orders SET id=1, user_id=50", "Write(Insert) sharded [50]"),
            ("INSERT HIGH_PRIORITY INTO orders (id,user_id) VALUES (1,5)", "Write(Insert) sharded [5]"),
            ("INSERT IGNORE app.orders (id,user_id) VALUES (1,5) RETURNING id", "Write(Insert) sharded [5]"),
            (
                "INSERT INTO orders (id,user_id) VALUES (1,5) AS new ON DUPLICATE KEY UPDATE note = new.note",
                "Write(Change) sharded [5]",
            ),
            (
                "INSERT INTO orders (id,user_id) VALUES (1,5) ON DUPLICATE KEY UPDATE note='x'",
                "Write(Change) sharded [5]",
            ),
            ("REPLACE INTO orders (user_id) VALUE (-5)", "Write(Change) sharded [-5]"),
            ("INSERT INTO orders (user_id) VALUES (NULL)", "Write(Insert) sharded [NULL]"),
            ("INSERT INTO orders (user_id) SELECT user_id FROM items WHERE user_id = 9", "Write(Insert) sharded [9]"),
            ("INSERT INTO orders (user_id) SELECT 9 FROM product", "Write(Insert) sharded [9]"),
            (
                "INSERT INTO orders (id) VALUES (1)",
                r#"Write(Insert) refused UnreadableKey { table: "orders", column: "user_id" }"#,
            ),
            (
                "INSERT INTO orders (id, user_id) VALUES (1, NOW())",
                r#"Write(Insert) refused UnreadableKey { table: "orders", column: "user_id" }"#,
            ),
            (
                "INSERT INTO orders (id, user_id) VALUES (1, DEFAULT)",
                r#"Write(Insert) refused UnreadableKey { table: "orders", column: "user_id" }"#,
            ),
            (
                "INSERT INTO orders (id, user_id) VALUES (1, 5), (2, 3 + 4)",
                r#"Write(Insert) refused UnreadableKey { table: "orders", column: "user_id" }"#,
            ),
            (
                "INSERT INTO orders SELECT * FROM orders WHERE user_id=3",
                r#"Write(Insert) refused UnreadableKey { table: "orders", column: "user_id" }"#,
            ),
            (
                "INSERT INTO orders (user_id) SELECT user_id FROM items",
                r#"Write(Insert) refused UnreadableKey { table: "orders", column: "user_id" }"#,
            ),
            (
                "INSERT INTO unread VALUES (5)",
                r#"Write(Insert) refused UnreadableKey { table: "unread", column: "user_id" }"#,
            ),
            ("/*meridian: key=5*/ INSERT INTO orders (id) VALUES (1)", "Write(Insert) sharded nokey"),
        ],
    );
}

#[test]
fn the_key_column_keeps_its_value() {
    let world = world();
    check(
        &world.context(),
        &[
            ("UPDATE orders SET user_id = 5, id=1 WHERE user_id = 5", "Write(Change) sharded [5]"),
            (
                "UPDATE orders SET user_id = 6 WHERE user_id = 5",
                r#"Write(Change) refused KeyUpdate { table: "orders", column: "user_id" }"#,
            ),
            (
                "UPDATE orders SET user_id = 5 WHERE id = 5",
                r#"Write(Change) refused KeyUpdate { table: "orders", column: "user_id" }"#,
            ),
            (
                "UPDATE orders SET user_id = 5 WHERE user_id IN (5, 6)",
                r#"Write(Change) refused KeyUpdate { table: "orders", column: "user_id" }"#,
            ),
            (
                "UPDATE orders SET user_id = user_id + 1 WHERE user_id = 5",
                r#"Write(Change) refused KeyUpdate { table: "orders", column: "user_id" }"#,
            ),
            (
                "UPDATE orders SET user_id = NULL WHERE user_id = 5",
                r#"Write(Change) refused KeyUpdate { table: "orders", column: "user_id" }"#,
            ),
            (
                "INSERT INTO orders (id,user_id) VALUES (1,5) ON DUPLICATE KEY UPDATE user_id=VALUES(user_id)",
                "Write(Change) sharded [5]",
            ),
            (
                "INSERT INTO orders (id,user_id) VALUES (1,5) ON DUPLICATE KEY UPDATE user_id=6",
                r#"Write(Change) refused KeyUpdate { table: "orders", column: "user_id" }"#,
            ),
        ],
    );
}

#[test]
fn literals_are_certain_or_unreadable() {
    let world = world();
    check(
        &world.context(),
        &[
            ("SELECT * FROM orders WHERE user_id = +5", "Read sharded [5] repeatable"),
            ("SELECT * FROM orders WHERE user_id = -5", "Read sharded [-5] repeatable"),
            ("SELECT * FROM orders WHERE user_id = '-5'", "Read sharded [-5] repeatable"),
            ("SELECT * FROM orders WHERE user_id = '005'", "Read sharded [5] repeatable"),
            ("SELECT * FROM orders WHERE user_id = '5a'", "Read sharded [unreadable] repeatable"),
            ("SELECT * FROM orders WHERE user_id = ' 5'", "Read sharded [5] repeatable"),
            ("SELECT * FROM orders WHERE user_id = 5.0", "Read sharded [5] repeatable"),
            ("SELECT * FROM orders WHERE user_id = 5.5", "Read sharded [unreadable] repeatable"),
            ("SELECT * FROM orders WHERE user_id = '5.00'", "Read sharded [5] repeatable"),
            ("SELECT * FROM orders WHERE user_id = 5e0", "Read sharded [5] repeatable"),
            ("SELECT * FROM orders WHERE user_id = 5e-1", "Read sharded [unreadable] repeatable"),
            // As doubles, which strings are compared as, several integers are this one.
            ("SELECT * FROM orders WHERE user_id = '9007199254740993'", "Read sharded [unreadable] repeatable"),
            ("SELECT * FROM orders WHERE user_id = 9007199254740993", "Read sharded [9007199254740993] repeatable"),
            ("SELECT * FROM orders WHERE user_id = 0x10", "Read sharded [16] repeatable"),
            ("SELECT * FROM orders WHERE user_id = x'10'", "Read sharded [unreadable] repeatable"),
            ("SELECT * FROM orders WHERE user_id = 0b10", "Read sharded [unreadable] repeatable"),
            ("SELECT * FROM orders WHERE user_id = b'1'", "Read sharded [unreadable] repeatable"),
            ("SELECT * FROM orders WHERE user_id = x'31'", "Read sharded [unreadable] repeatable"),
            ("SELECT * FROM orders WHERE user_id = '1' '2'", "Read sharded [12] repeatable"),
            ("SELECT * FROM orders WHERE user_id = '1' /*3*/ '2'", "Read sharded [unreadable] repeatable"),
            ("SELECT * FROM orders WHERE user_id = N'12'", "Read sharded [12] repeatable"),
            ("SELECT * FROM orders WHERE user_id = _utf8'12'", "Read sharded nokey repeatable"),
            ("SELECT * FROM orders WHERE user_id = NULL", "Read sharded [NULL] repeatable"),
            ("SELECT * FROM orders WHERE user_id = TRUE", "Read sharded [1] repeatable"),
            (
                "SELECT * FROM orders WHERE user_id = 18446744073709551615",
                "Read sharded [18446744073709551615] repeatable",
            ),
            ("SELECT * FROM orders WHERE user_id = 18446744073709551616", "Read sharded [unreadable] repeatable"),
            ("SELECT * FROM unread WHERE user_id = 5", "Read sharded [5] repeatable"),
            ("SELECT * FROM unread WHERE user_id = '5'", "Read sharded [unreadable] repeatable"),
            ("SELECT * FROM shops WHERE code = 'abc'", "Read sharded ['abc'] repeatable"),
            ("SELECT * FROM shops WHERE code = 'a''b'", "Read sharded ['a'b'] repeatable"),
            ("SELECT * FROM shops WHERE code = 5", "Read sharded [unreadable] repeatable"),
            ("INSERT INTO shops (code) VALUES (5), (06)", "Write(Insert) sharded ['5','6']"),
            ("SELECT * FROM orders WHERE user_id = 5 -- AND 1", "Read sharded [5] repeatable"),
            ("SELECT * FROM orders # WHERE user_id = 5", "Read sharded nokey repeatable"),
            ("SELECT * FROM orders WHERE user_id = 5 --1", "Read sharded nokey repeatable"),
            ("SELECT * FROM orders/**/WHERE/* user_id = 4 AND */user_id=5", "Read sharded [5] repeatable"),
        ],
    );
}
