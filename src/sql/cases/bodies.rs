//! Statements that hold statements: what stands behind a body is a statement of its own, or refused with it.

use super::world::{check, world};

const DDL: &str = "Ddl schema +ImplicitCommit";
const LOCAL: &str = "Ddl local0 +ImplicitCommit";
const DELETED: &str = "Write(Change) sharded [5]";
const OPEN: &str = "Ddl refused Unreadable { table: \"orders\" } +ImplicitCommit";

#[test]
fn what_stands_behind_a_body_is_not_carried_with_it() {
    let world = world();
    let behind = "; DELETE FROM orders WHERE user_id = 5";
    let bodies = [
        "CREATE PROCEDURE p() SELECT 1 FROM orders",
        "CREATE PROCEDURE p() BEGIN DELETE FROM orders; END",
        "CREATE PROCEDURE p(a INT) COMMENT 'x' l: BEGIN IF a = 1 THEN DELETE FROM orders; ELSEIF a THEN SELECT 1; END IF; END",
        "CREATE DEFINER = root@localhost PROCEDURE p() READS SQL DATA BEGIN CASE WHEN 1 THEN SELECT 1 FROM orders; END CASE; END",
        "CREATE FUNCTION f() RETURNS INT DETERMINISTIC RETURN (SELECT CASE WHEN 1 THEN 2 ELSE 3 END FROM orders)",
        "CREATE FUNCTION f() RETURNS VARCHAR(5) CHARSET utf8mb4 BEGIN WHILE 1 DO SET @a = IF(1, 2, 3); END WHILE; RETURN (SELECT 1 FROM orders); END",
        "CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW FOLLOWS other BEGIN SET NEW.note = REPEAT('x', 3); END",
        "CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW SET NEW.note = 1",
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN REPEAT DELETE FROM orders; UNTIL 1 END REPEAT; END",
        "CREATE PROCEDURE p() BEGIN l: LOOP IF (1) THEN LEAVE l; END IF; SELECT 1 FROM orders; END LOOP l; END",
    ];
    for body in bodies {
        check(&world.context(), &[(body, DDL), (&format!("{body}{behind}"), &format!("{DDL} ; {DELETED}"))]);
    }
}

#[test]
fn names_that_look_like_bodies_hide_nothing() {
    let world = world();
    check(
        &world.context(),
        &[
            ("CREATE TABLE event (a INT); DELETE FROM orders WHERE user_id = 5", &format!("{LOCAL} ; {DELETED}")),
            (
                "ALTER TABLE audit_log ADD trigger_ INT; DELETE FROM orders WHERE user_id = 5",
                &format!("{LOCAL} ; {DELETED}"),
            ),
            (
                "CREATE INDEX function ON audit_log (id); DELETE FROM orders WHERE user_id = 5",
                &format!("{LOCAL} ; {DELETED}"),
            ),
            (
                "CREATE PROCEDURE p() SELECT 1 begin; DELETE FROM orders WHERE user_id = 5; SELECT 1 end",
                &format!("Ddl local0 +ImplicitCommit ; {DELETED} ; Read local0 repeatable"),
            ),
            (
                "CREATE PROCEDURE p() UPDATE audit_log begin SET id = 1; DELETE FROM orders WHERE user_id = 5; SELECT 1 end",
                &format!("{LOCAL} ; {DELETED} ; Read local0 repeatable"),
            ),
            // The END belongs to nothing: where the body ends is not certain.
            ("CREATE PROCEDURE p() SELECT 1 end; DELETE FROM orders", OPEN),
            ("CREATE PROCEDURE p() BEGIN SELECT 1; DELETE FROM orders", OPEN),
            ("CREATE PROCEDURE p() BEGIN IF 1 THEN SELECT 1; END; DELETE FROM orders", OPEN),
        ],
    );
}

#[test]
fn blocks_outside_routines_are_what_a_routine_is() {
    let world = world();
    let local = "Admin local0 +Pin(Routine)";
    let refused = "Admin refused Unreadable { table: \"orders\" } +Pin(Routine)";
    check(
        &world.context(),
        &[
            ("BEGIN NOT ATOMIC INSERT INTO audit_log VALUES (1); END", local),
            ("IF 1 THEN SELECT 1; END IF", local),
            ("FOR i IN 0..9 DO INSERT INTO audit_log VALUES (i); END FOR", local),
            ("l: LOOP SELECT 1; END LOOP", local),
            ("CASE WHEN 1 THEN SELECT 1; END CASE; DELETE FROM orders WHERE user_id = 5", refused),
            ("WHILE 1 DO DELETE FROM orders WHERE user_id = 5; END WHILE", refused),
            ("IF 1 THEN SET @a = touch_all(); END IF", "Admin refused Routine { name: \"touch_all\" } +Pin(Routine)"),
        ],
    );
}
