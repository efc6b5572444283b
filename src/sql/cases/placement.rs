//! Which class and placement a text gets.

use super::world::{check, world};

#[test]
fn reads_and_writes_are_told_apart() {
    let world = world();
    check(
        &world.context(),
        &[
            ("SELECT * FROM orders WHERE user_id = 5 FOR UPDATE", "LockingRead sharded [5]"),
            ("SELECT * FROM orders WHERE user_id = 5 FOR SHARE", "LockingRead sharded [5]"),
            ("SELECT * FROM orders WHERE user_id=5 LOCK IN SHARE MODE", "LockingRead sharded [5]"),
            ("SELECT * FROM orders WHERE user_id = 5 FOR UPDATE SKIP LOCKED", "LockingRead sharded [5]"),
            ("SELECT * FROM orders WHERE user_id = 5 FOR UPDATE OF orders NOWAIT", "LockingRead sharded [5]"),
            ("SELECT * FROM orders WHERE user_id = 5 INTO OUTFILE '/tmp/x'", "LockingRead sharded [5]"),
            ("SELECT 'update orders' FROM audit_log", "Read local0 repeatable"),
            ("SELECT `update` FROM audit_log", "Read local0 repeatable"),
            ("WITH c AS (SELECT * FROM orders WHERE user_id = 5) SELECT * FROM c", "Read sharded [5] repeatable"),
            ("WITH c AS (SELECT 1) UPDATE orders SET note='x' WHERE user_id=5", "Write(Change) sharded [5]"),
            (
                "WITH RECURSIVE c AS (SELECT 1 UNION ALL SELECT 2 FROM c) DELETE FROM orders WHERE user_id = 5",
                "Write(Change) sharded [5]",
            ),
            ("WITH orders AS (SELECT 1) SELECT * FROM orders", "Read tableless repeatable"),
            (
                "WITH orders AS (SELECT * FROM orders WHERE user_id = 4) SELECT * FROM orders",
                "Read sharded [4] repeatable",
            ),
            ("(SELECT 1) UNION (SELECT 2)", "Read tableless repeatable"),
            ("REPLACE orders SET user_id = 4", "Write(Change) sharded [4]"),
            (
                "LOAD DATA LOCAL INFILE 'x' INTO TABLE orders",
                r#"Write(Change) refused UnreadableKey { table: "orders", column: "user_id" }"#,
            ),
            ("/*meridian: key=4*/ LOAD DATA LOCAL INFILE 'x' INTO TABLE orders", "Write(Change) sharded nokey"),
            ("LOAD DATA INFILE 'x' INTO TABLE product FIELDS TERMINATED BY ','", "Write(Change) global"),
            ("LOAD DATA INFILE 'x' INTO TABLE audit_log", "Write(Change) local0"),
            ("CALL touch_all(1)", r#"Write(Change) refused Routine { name: "touch_all" } +Pin(Routine)"#),
            ("/*meridian: key=6000*/ CALL touch_all(1)", "Write(Change) sharded nokey +Pin(Routine)"),
            ("CALL free.anything(1)", "Write(Change) local1 +Pin(Routine)"),
            ("SELECT touch_all(5)", r#"LockingRead refused Routine { name: "touch_all" } +Pin(Routine)"#),
            ("SELECT app.touch_all(5)", r#"LockingRead refused Routine { name: "touch_all" } +Pin(Routine)"#),
            (
                "SET @x = touch_all(1)",
                r#"Set refused Routine { name: "touch_all" } +Pin(ComputedUserVariable) +Pin(Routine)"#,
            ),
            ("DO SLEEP(1)", "LockingRead tableless"),
            ("DO GET_LOCK('x',1)", "LockingRead tableless +Pin(NamedLock)"),
            ("DO touch_all(1)", r#"LockingRead refused Routine { name: "touch_all" } +Pin(Routine)"#),
            ("TABLE orders", "Read sharded nokey repeatable"),
            ("TABLE audit_log", "Read local0 repeatable"),
            ("VALUES ROW(1,2)", "Read tableless repeatable"),
            ("EXPLAIN SELECT * FROM orders WHERE user_id = 5", "Show sharded [5]"),
            ("EXPLAIN UPDATE orders SET note='x' WHERE user_id = 5", "Show sharded [5]"),
            ("EXPLAIN ANALYZE SELECT * FROM orders WHERE user_id = 5", "Show sharded [5]"),
            ("EXPLAIN ANALYZE UPDATE orders SET note='x' WHERE user_id = 5", "Write(Change) sharded [5]"),
            ("ANALYZE FORMAT=JSON UPDATE orders SET note='x' WHERE user_id = 5", "Write(Change) sharded [5]"),
            ("ANALYZE SELECT * FROM orders WHERE user_id = 5", "Show sharded [5]"),
            ("SET STATEMENT max_statement_time=1 FOR SELECT * FROM orders WHERE user_id = 4", "Read sharded [4]"),
            ("FROBNICATE everything", "Admin local0 +Pin(UnknownStatement)"),
            ("FROBNICATE orders", r#"Admin refused Unreadable { table: "orders" } +Pin(UnknownStatement)"#),
            (
                "BEGIN NOT ATOMIC UPDATE orders SET note = 1; END",
                r#"Admin refused Unreadable { table: "orders" } +Pin(Routine)"#,
            ),
            (
                "SELECT * FROM orders WHERE user_id = 5 PROCEDURE ANALYSE()",
                r#"Read refused Unreadable { table: "orders" }"#,
            ),
            ("SELECT * FROM audit_log PROCEDURE ANALYSE()", "Read local0"),
        ],
    );
}

#[test]
fn sequences_are_written_where_they_are_managed() {
    let world = world();
    check(
        &world.context(),
        &[
            ("SELECT NEXTVAL(seq)", "LockingRead tableless"),
            ("SELECT NEXTVAL(account_seq)", "LockingRead global"),
            ("SELECT account_seq.nextval", "LockingRead global"),
            ("INSERT INTO product (id) VALUES (NEXTVAL(account_seq))", "Write(Insert) global"),
            (
                "INSERT INTO orders (user_id, id) VALUES (5, NEXTVAL(account_seq))",
                r#"Write(Insert) refused MixedClasses { first: "orders", second: "account_seq" }"#,
            ),
        ],
    );
}

#[test]
fn names_lead_to_classes() {
    let world = world();
    check(
        &world.context(),
        &[
            ("SELECT * FROM nothing", r#"Read refused Uncatalogued { name: "nothing", written: None } repeatable"#),
            ("UPDATE nothing SET a = 1", r#"Write(Change) refused Uncatalogued { name: "nothing", written: None }"#),
            ("SELECT * FROM other.nothing", "Read local repeatable"),
            ("SELECT * FROM free.anything", "Read local1 repeatable"),
            ("SELECT * FROM APP.ORDERS WHERE user_id = 1", "Read sharded [1] repeatable"),
            ("SELECT * FROM `orders` WHERE `orders`.`user_id` = 5", "Read sharded [5] repeatable"),
            ("SELECT * FROM information_schema.tables", "Read tableless repeatable"),
            ("SELECT * FROM mysql.user JOIN audit_log", "Read local0 repeatable"),
            ("SELECT * FROM order_view WHERE user_id = 7", "Read sharded nokey repeatable"),
            ("UPDATE order_view SET note = 'x' WHERE user_id = 7", "Write(Change) sharded nokey"),
            (
                "INSERT INTO order_view (user_id) VALUES (5)",
                r#"Write(Insert) refused UnreadableKey { table: "order_view", column: "user_id" }"#,
            ),
            ("SELECT * FROM accounts_of_2026", "Read global repeatable"),
            ("SELECT * FROM .orders", r#"Read refused Unreadable { table: "orders" } repeatable"#),
            ("SELECT 1 FROM dual", "Read tableless repeatable"),
        ],
    );
}

#[test]
fn classes_do_not_mix_in_writes() {
    let world = world();
    check(
        &world.context(),
        &[
            (
                "SELECT * FROM orders JOIN product ON product.id = orders.id WHERE user_id = 7",
                "Read sharded [7] repeatable",
            ),
            ("SELECT * FROM product JOIN audit_log", "Read global repeatable"),
            ("SELECT * FROM orders JOIN shops WHERE user_id = 7", "Read sharded nokey repeatable"),
            ("UPDATE audit_log SET line = (SELECT note FROM orders WHERE user_id = 1 LIMIT 1)", "Write(Change) local0"),
            ("UPDATE product SET price = (SELECT count(*) FROM orders)", "Write(Change) global"),
            (
                "INSERT INTO orders (user_id, note) SELECT 5, line FROM audit_log",
                r#"Write(Insert) refused MixedClasses { first: "orders", second: "audit_log" }"#,
            ),
            ("INSERT INTO orders (user_id, id) SELECT 5, id FROM product", "Write(Insert) sharded [5]"),
            (
                "UPDATE orders o, product p SET o.note = p.price WHERE o.user_id = 5 AND o.id=p.id",
                "Write(Change) sharded [5]",
            ),
            (
                "UPDATE orders o JOIN product p ON o.id=p.id SET o.note = 'a', p.price = 1 WHERE o.user_id = 5",
                r#"Write(Change) refused MixedClasses { first: "orders", second: "product" }"#,
            ),
            (
                "UPDATE orders o JOIN product p ON o.id=p.id SET note = 'a' WHERE o.user_id = 5",
                r#"Write(Change) refused MixedClasses { first: "orders", second: "product" }"#,
            ),
            ("DELETE p FROM product p JOIN orders o ON o.id = p.id", "Write(Change) global"),
            (
                "DELETE p, o FROM product p JOIN orders o ON o.id = p.id",
                r#"Write(Change) refused MixedClasses { first: "product", second: "orders" }"#,
            ),
            (
                "SELECT * FROM orders JOIN product WHERE user_id = 5 FOR UPDATE",
                r#"LockingRead refused MixedClasses { first: "orders", second: "product" }"#,
            ),
            (
                "UPDATE orders JOIN shops SET note = 1 WHERE user_id = 1 AND code = 'a'",
                r#"Write(Change) refused MixedClasses { first: "orders", second: "shops" }"#,
            ),
            (
                "LOCK TABLES orders WRITE, product READ",
                r#"TableLocks refused MixedClasses { first: "orders", second: "product" } +ImplicitCommit +Pin(TableLocks)"#,
            ),
            ("LOCK TABLES audit_log WRITE", "TableLocks local0 +ImplicitCommit +Pin(TableLocks)"),
        ],
    );
}

#[test]
fn ddl_goes_by_what_it_is_about() {
    let world = world();
    check(
        &world.context(),
        &[
            ("CREATE TABLE orders (id INT)", "Ddl schema +ImplicitCommit"),
            ("CREATE TABLE fresh (product INT)", "Ddl local0 +ImplicitCommit"),
            ("CREATE TABLE fresh (id INT, FOREIGN KEY (id) REFERENCES product (id))", "Ddl local0 +ImplicitCommit"),
            ("CREATE TABLE IF NOT EXISTS account_x LIKE audit_log", "Ddl schema +ImplicitCommit"),
            ("CREATE TABLE copy AS SELECT * FROM orders", "Ddl local0 +ImplicitCommit"),
            (
                "CREATE TEMPORARY TABLE t (a int)",
                r#"Write(Change) local0 +Opened { reason: TemporaryTable, name: "app.t" }"#,
            ),
            (
                "CREATE TEMPORARY TABLE IF NOT EXISTS orders (a int)",
                r#"Write(Change) refused Unreadable { table: "orders" } +Opened { reason: TemporaryTable, name: "app.orders" }"#,
            ),
            ("DROP TEMPORARY TABLE t", r#"Write(Change) local0 +Closed { reason: TemporaryTable, name: "app.t" }"#),
            (
                "DROP TABLE orders, audit_log",
                r#"Ddl refused MixedClasses { first: "orders", second: "audit_log" } +ImplicitCommit"#,
            ),
            ("DROP TABLE orders, product", "Ddl schema +ImplicitCommit"),
            (
                "DROP TABLE audit_log",
                r#"Ddl local0 +ImplicitCommit +Closed { reason: TemporaryTable, name: "app.audit_log" }"#,
            ),
            ("RENAME TABLE orders TO orders_old", "Ddl schema +ImplicitCommit"),
            ("RENAME TABLE audit_log TO log2", "Ddl local0 +ImplicitCommit"),
            ("ALTER TABLE orders ADD COLUMN x INT", "Ddl schema +ImplicitCommit"),
            ("ALTER TABLE audit_log RENAME TO product", "Ddl schema +ImplicitCommit"),
            ("ALTER TABLE audit_log ADD product INT", "Ddl local0 +ImplicitCommit"),
            ("CREATE INDEX i ON orders (id)", "Ddl schema +ImplicitCommit"),
            ("CREATE UNIQUE INDEX i ON audit_log (id)", "Ddl local0 +ImplicitCommit"),
            ("DROP INDEX i ON product", "Ddl schema +ImplicitCommit"),
            ("CREATE VIEW v AS SELECT * FROM orders", "Ddl schema +ImplicitCommit"),
            ("CREATE VIEW v AS SELECT * FROM audit_log", "Ddl local0 +ImplicitCommit"),
            ("CREATE DATABASE app", "Ddl schema +ImplicitCommit"),
            ("DROP DATABASE free", r#"Ddl local1 +ImplicitCommit +SchemaDropped("free")"#),
            ("CREATE DATABASE elsewhere", "Ddl local +ImplicitCommit"),
            ("TRUNCATE orders", "Ddl schema +ImplicitCommit"),
            ("TRUNCATE TABLE audit_log", "Ddl local0 +ImplicitCommit"),
            ("CREATE PROCEDURE p() BEGIN UPDATE orders SET note=1; END", "Ddl schema +ImplicitCommit"),
            (
                "CREATE DEFINER=`a`@`b` TRIGGER t BEFORE INSERT ON audit_log FOR EACH ROW BEGIN SET @a = 1; SET @b = 2; END",
                "Ddl local0 +ImplicitCommit",
            ),
            ("CREATE USER 'x'@'%' IDENTIFIED BY 'y'", "Admin tableless +ImplicitCommit"),
            ("GRANT SELECT ON app.orders TO x", "Admin tableless +ImplicitCommit"),
            ("ANALYZE TABLE orders", "Admin schema +ImplicitCommit"),
            ("OPTIMIZE TABLE audit_log", "Admin local0 +ImplicitCommit"),
            ("CHECK TABLE orders", "Admin local0 +ImplicitCommit"),
        ],
    );
}

#[test]
fn packets_keep_their_statements_apart() {
    let world = world();
    check(
        &world.context(),
        &[
            (
                "SELECT * FROM orders WHERE user_id=1; SELECT 2",
                "Read sharded [1] repeatable ; Read tableless repeatable",
            ),
            (
                "INSERT INTO orders (user_id) VALUES (1); INSERT INTO orders (user_id) VALUES (2),(3);",
                "Write(Insert) sharded [1] ; Write(Insert) sharded [2,3]",
            ),
            (
                "USE app; INSERT INTO orders (user_id) VALUES (1)",
                r#"Use tableless +Schema("app") ; Write(Insert) refused ContextChange { what: "USE app" }"#,
            ),
            (
                "USE free; INSERT INTO orders (user_id) VALUES (1)",
                r#"Use tableless +Schema("free") ; Write(Insert) refused ContextChange { what: "USE free" }"#,
            ),
            (
                "USE free; SELECT * FROM app.orders",
                r#"Use tableless +Schema("free") ; Read refused ContextChange { what: "USE free" } repeatable"#,
            ),
            ("USE free; SELECT 1", r#"Use tableless +Schema("free") ; Read tableless repeatable"#),
            (
                r#"SET sql_mode='ANSI_QUOTES'; SELECT * FROM "orders""#,
                r#"Set tableless +Variable { name: "sql_mode", value: "'ANSI_QUOTES'" } ; Read refused ContextChange { what: "SET of sql_mode or a character set" } repeatable"#,
            ),
            (
                "SET NAMES gbk; SELECT 'orders'",
                r#"Set tableless +Names("NAMES gbk") ; Read refused ContextChange { what: "SET of sql_mode or a character set" } repeatable"#,
            ),
            (
                "SET @a = 1; SELECT * FROM orders WHERE user_id = 3",
                r#"Set tableless +UserVariable { name: "a", value: "1" } ; Read sharded [3] repeatable"#,
            ),
            (
                "PREPARE s FROM 'SELECT 1'; UPDATE orders SET note = 1 WHERE user_id = 1",
                r#"Admin tableless +Opened { reason: SqlPrepare, name: "s" } ; Write(Change) refused ContextChange { what: "PREPARE" }"#,
            ),
        ],
    );
}
