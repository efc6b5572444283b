//! What session statements leave behind, ask for, or are refused for.

use super::world::{check, world};
use crate::sql::{FoundRows, analyze, branch_id, lock_names};

#[test]
fn transactions_are_told_by_their_words() {
    let world = world();
    check(
        &world.context(),
        &[
            ("BEGIN", "Begin(BeginOptions { read_only: false, consistent_snapshot: false }) tableless"),
            ("BEGIN WORK", "Begin(BeginOptions { read_only: false, consistent_snapshot: false }) tableless"),
            ("START TRANSACTION", "Begin(BeginOptions { read_only: false, consistent_snapshot: false }) tableless"),
            (
                "START TRANSACTION READ ONLY",
                "Begin(BeginOptions { read_only: true, consistent_snapshot: false }) tableless",
            ),
            (
                "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
                "Begin(BeginOptions { read_only: true, consistent_snapshot: true }) tableless",
            ),
            ("START SLAVE", "Admin tableless +ImplicitCommit escape(START)"),
            ("COMMIT", "Commit(Completion { chain: false, release: false }) tableless"),
            ("COMMIT AND CHAIN", "Commit(Completion { chain: true, release: false }) tableless"),
            ("ROLLBACK WORK AND NO CHAIN RELEASE", "Rollback(Completion { chain: false, release: true }) tableless"),
            ("ROLLBACK TO SAVEPOINT a", "Savepoint tableless"),
            ("SAVEPOINT a", "Savepoint tableless"),
            ("RELEASE SAVEPOINT a", "Savepoint tableless"),
            ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SetTransaction tableless"),
            ("SET @@tx_isolation = 'READ-COMMITTED'", "SetTransaction tableless"),
            ("XA START 'x'", "Xa(Start) tableless +Pin(Xa)"),
            ("xa begin 'x', 'y', 7", "Xa(Start) tableless +Pin(Xa)"),
            ("XA START 'x' JOIN", "Xa(Within) tableless +Pin(Xa)"),
            ("XA END 'x' SUSPEND FOR MIGRATE", "Xa(Within) tableless +Pin(Xa)"),
            ("XA PREPARE 'x'", "Xa(Prepare) tableless +Pin(Xa)"),
            ("XA COMMIT 'x' ONE PHASE", "Xa(Within) tableless +Unpin(Xa)"),
            ("XA COMMIT 'x'", "Xa(Finish) tableless +Unpin(Xa)"),
            ("XA ROLLBACK 'x'", "Xa(Finish) tableless +Unpin(Xa)"),
            ("XA RECOVER CONVERT XID", "Xa(Recover) tableless"),
        ],
    );
}

#[test]
fn opening_statements_of_drivers_never_pin() {
    let world = world();
    check(
        &world.context(),
        &[
            ("SET NAMES utf8mb4", r#"Set tableless +Names("NAMES utf8mb4")"#),
            (
                "set names 'utf8mb4' collate 'utf8mb4_bin'",
                r#"Set tableless +Names("NAMES 'utf8mb4' collate 'utf8mb4_bin'")"#,
            ),
            ("SET NAMES DEFAULT", r#"Set tableless +Names("NAMES DEFAULT")"#),
            ("SET CHARSET utf8", r#"Set tableless +Names("CHARACTER SET utf8")"#),
            ("SET CHARACTER SET utf8", r#"Set tableless +Names("CHARACTER SET utf8")"#),
            (
                "SET character_set_results = NULL",
                r#"Set tableless +Variable { name: "character_set_results", value: "NULL" }"#,
            ),
            ("SET autocommit=1", "Set tableless +Autocommit(true)"),
            ("SET @@session.autocommit = OFF", "Set tableless +Autocommit(false)"),
            (
                "SET sql_mode='STRICT_TRANS_TABLES'",
                r#"Set tableless +Variable { name: "sql_mode", value: "'STRICT_TRANS_TABLES'" }"#,
            ),
            (
                "set session sql_mode = 'NO_ENGINE_SUBSTITUTION', time_zone = '+00:00'",
                r#"Set tableless +Variable { name: "sql_mode", value: "'NO_ENGINE_SUBSTITUTION'" } +Variable { name: "time_zone", value: "'+00:00'" }"#,
            ),
            (
                "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
                r#"Set tableless +Variable { name: "tx_isolation", value: "'READ-COMMITTED'" }"#,
            ),
            (
                "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
                r#"Set tableless +Variable { name: "tx_isolation", value: "'REPEATABLE-READ'" } +Variable { name: "tx_read_only", value: "1" }"#,
            ),
            ("SET SESSION TRANSACTION READ WRITE", r#"Set tableless +Variable { name: "tx_read_only", value: "0" }"#),
            (
                "SET tx_isolation = 'READ-COMMITTED'",
                r#"Set tableless +Variable { name: "tx_isolation", value: "'READ-COMMITTED'" }"#,
            ),
            ("SET @@session.wait_timeout = 100", r#"Set tableless +Variable { name: "wait_timeout", value: "100" }"#),
            ("SET @@SESSION.`wait_timeout` = 100", r#"Set tableless +Variable { name: "wait_timeout", value: "100" }"#),
            ("SET SQL_AUTO_IS_NULL = 0", r#"Set tableless +Variable { name: "sql_auto_is_null", value: "0" }"#),
            ("SET foreign_key_checks=0", r#"Set tableless +Variable { name: "foreign_key_checks", value: "0" }"#),
            (
                "SET SESSION NET_READ_TIMEOUT= 86400, SESSION NET_WRITE_TIMEOUT= 86400",
                r#"Set tableless +Variable { name: "net_read_timeout", value: "86400" } +Variable { name: "net_write_timeout", value: "86400" }"#,
            ),
            ("SET max_execution_time=1000", r#"Set tableless +Variable { name: "max_execution_time", value: "1000" }"#),
            (
                "SET sql_safe_updates=1,sql_select_limit=500,max_join_size=10000000",
                r#"Set tableless +Variable { name: "sql_safe_updates", value: "1" } +Variable { name: "sql_select_limit", value: "500" } +Variable { name: "max_join_size", value: "10000000" }"#,
            ),
            (
                "SET character_set_client = utf8mb4, collation_connection='utf8mb4_bin'",
                r#"Set tableless +Variable { name: "character_set_client", value: "utf8mb4" } +Variable { name: "collation_connection", value: "'utf8mb4_bin'" }"#,
            ),
            (
                "SET sql_mode=CONCAT(@@sql_mode,',STRICT_TRANS_TABLES')",
                r#"Set tableless +ComputedVariable("sql_mode")"#,
            ),
            ("SET sql_mode=CONCAT(@@sql_mode,',ANSI_QUOTES')", r#"Set tableless +ComputedVariable("sql_mode")"#),
            ("SET sql_mode=4", r#"Set tableless +ComputedVariable("sql_mode")"#),
            ("/*!40101 SET SQL_MODE=@OLD_SQL_MODE */", r#"Set tableless +ComputedVariable("sql_mode")"#),
            ("SET optimizer_switch='index_merge=on'", r#"Set tableless +ComputedVariable("optimizer_switch")"#),
            ("SET AUTOCOMMIT=@OLD_AUTOCOMMIT", r#"Set tableless +ComputedVariable("autocommit")"#),
            ("SET wait_timeout = DEFAULT", r#"Set tableless +Variable { name: "wait_timeout", value: "DEFAULT" }"#),
            (
                "SET @x = 1, @Y := 'abc', @z = NULL, @`my var` = TRUE, @n = - 5",
                r#"Set tableless +UserVariable { name: "x", value: "1" } +UserVariable { name: "y", value: "'abc'" } +UserVariable { name: "z", value: "NULL" } +UserVariable { name: "my var", value: "TRUE" } +UserVariable { name: "n", value: "-5" }"#,
            ),
            ("/*!40101 SET NAMES utf8 */", r#"Set tableless +Names("NAMES utf8")"#),
            (
                "/*!40103 SET TIME_ZONE='+00:00' */",
                r#"Set tableless +Variable { name: "time_zone", value: "'+00:00'" }"#,
            ),
            (
                "SELECT @@session.auto_increment_increment AS a, @@character_set_client AS b",
                "Read tableless repeatable",
            ),
            ("SHOW VARIABLES LIKE 'sql_mode'", "Show tableless"),
        ],
    );
}

#[test]
fn what_cannot_be_replayed_pins() {
    let world = world();
    check(
        &world.context(),
        &[
            ("SET SESSION x = (@a := 5)", r#"Set tableless +Pin(ComputedUserVariable) +ComputedVariable("x")"#),
            ("SET @x = NOW()", "Set tableless +Pin(ComputedUserVariable)"),
            ("SET @x = @y", "Set tableless +Pin(ComputedUserVariable)"),
            ("SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT", "Set tableless +Pin(ComputedUserVariable)"),
            (
                "/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */",
                r#"Set tableless +Pin(ComputedUserVariable) +Variable { name: "unique_checks", value: "0" }"#,
            ),
            ("SET timestamp = 5", "Set tableless +Pin(UnknownSet)"),
            ("SET ROLE admin", "Set tableless +Pin(UnknownSet)"),
            ("SET x.y = 1", "Set tableless +Pin(UnknownSet)"),
            ("SELECT id INTO @a FROM audit_log", "Read local0 +Pin(ComputedUserVariable)"),
            ("SELECT @a := 5", "Read tableless +Pin(ComputedUserVariable)"),
            ("SELECT @a + 5", "Read tableless repeatable"),
            ("SELECT GET_LOCK('a', 10)", "LockingRead tableless +Pin(NamedLock)"),
            ("SELECT RELEASE_LOCK('a')", "LockingRead tableless +LockReleased"),
            ("SELECT RELEASE_ALL_LOCKS()", "LockingRead tableless +Unpin(NamedLock)"),
            ("SELECT LAST_INSERT_ID(4)", "LockingRead tableless +Pin(InsertIdSet)"),
            ("UPDATE audit_log SET id = LAST_INSERT_ID(id + 1)", "Write(Change) local0 +Pin(InsertIdSet)"),
            ("HANDLER audit_log OPEN", r#"Admin local0 +Opened { reason: Handler, name: "audit_log" }"#),
            ("HANDLER audit_log OPEN AS h", r#"Admin local0 +Opened { reason: Handler, name: "h" }"#),
            ("HANDLER h READ FIRST", "Admin local0"),
            ("HANDLER h CLOSE", r#"Admin local0 +Closed { reason: Handler, name: "h" }"#),
            (
                "HANDLER orders OPEN",
                r#"Admin refused Unreadable { table: "orders" } +Opened { reason: Handler, name: "orders" }"#,
            ),
            ("LOCK TABLES audit_log READ", "TableLocks local0 +ImplicitCommit +Pin(TableLocks)"),
            ("UNLOCK TABLES", "TableLocks tableless +Unpin(TableLocks)"),
            ("FLUSH TABLES WITH READ LOCK", "TableLocks tableless +ImplicitCommit +Pin(TableLocks)"),
            ("FLUSH PRIVILEGES", "Admin tableless +ImplicitCommit"),
            ("PREPARE S FROM 'SELECT 1'", r#"Admin tableless +Opened { reason: SqlPrepare, name: "s" }"#),
            ("PREPARE s FROM 'SET @a = 5'", "Admin tableless +Pin(SqlPrepare)"),
            (
                "PREPARE s FROM 'UPDATE orders SET note=1'",
                r#"Admin refused Unreadable { table: "orders" } +Opened { reason: SqlPrepare, name: "s" }"#,
            ),
            ("PREPARE s FROM @x", r#"Admin refused Unreadable { table: "PREPARE" } +Pin(SqlPrepare)"#),
            ("EXECUTE s USING @a", r#"Admin local0 +Executed { name: "s" }"#),
            (
                "EXECUTE IMMEDIATE 'DELETE FROM orders'",
                r#"Admin refused Unreadable { table: "orders" } +Pin(SqlPrepare)"#,
            ),
            ("DEALLOCATE PREPARE s", r#"Admin local0 +Closed { reason: SqlPrepare, name: "s" }"#),
            (
                "CREATE TEMPORARY TABLE IF NOT EXISTS t (a INT)",
                r#"Write(Change) local0 +Opened { reason: TemporaryTable, name: "app.t" }"#,
            ),
            (
                "DROP TEMPORARY TABLE IF EXISTS t, free.u",
                r#"Write(Change) local0 +Closed { reason: TemporaryTable, name: "app.t" } +Closed { reason: TemporaryTable, name: "free.u" }"#,
            ),
        ],
    );
}

#[test]
fn escapes_are_named() {
    let world = world();
    check(
        &world.context(),
        &[
            ("SET GLOBAL max_connections = 5", "Set tableless escape(SET GLOBAL max_connections)"),
            ("SET @@global.max_connections = 5", "Set tableless escape(SET GLOBAL max_connections)"),
            ("SET PERSIST max_connections = 5", "Set tableless escape(SET GLOBAL max_connections)"),
            ("SET sql_log_bin = 0", "Set tableless +Pin(UnknownSet) escape(SET sql_log_bin)"),
            ("SET SESSION sql_log_bin = 0", "Set tableless +Pin(UnknownSet) escape(SET sql_log_bin)"),
            ("SET @@session.server_id = 3", "Set tableless +Pin(UnknownSet) escape(SET server_id)"),
            (
                "SET time_zone = '+00:00', gtid_next = 'AUTOMATIC'",
                r#"Set tableless +Variable { name: "time_zone", value: "'+00:00'" } +Pin(UnknownSet) escape(SET gtid_next)"#,
            ),
            ("SET @@gtid_domain_id = 5", "Set tableless +Pin(UnknownSet) escape(SET gtid_domain_id)"),
            ("SET auto_increment_increment = 2", "Set tableless +Pin(UnknownSet) escape(SET auto_increment_increment)"),
            ("SET GLOBAL TRANSACTION ISOLATION LEVEL READ COMMITTED", "Set tableless escape(SET GLOBAL TRANSACTION)"),
            (
                "SET STATEMENT sql_log_bin=0 FOR INSERT INTO orders (user_id) VALUES (5)",
                "Write(Insert) sharded [5] escape(SET sql_log_bin)",
            ),
            (
                "SELECT /*+ SET_VAR(auto_increment_increment=3) */ 1",
                "Read tableless repeatable escape(SET_VAR auto_increment_increment)",
            ),
        ],
    );
}

#[test]
fn hints_of_the_session_are_effects() {
    let world = world();
    check(
        &world.context(),
        &[
            ("SET @meridian_key = 6000", r#"Set tableless +Hint { name: "key", value: Some("6000") }"#),
            (
                "SET @meridian_level = 'strong', @meridian_unit = 'bj'",
                r#"Set tableless +Hint { name: "level", value: Some("strong") } +Hint { name: "unit", value: Some("bj") }"#,
            ),
            ("SET @meridian_key = NULL", r#"Set tableless +Hint { name: "key", value: None }"#),
            ("SET @meridian_level = 'fast'", r#"Set refused BadHint { found: "@meridian_level" }"#),
            ("SET @meridian_other = 1", r#"Set refused BadHint { found: "@meridian_other" }"#),
            ("SET @meridian_key = 1+1", r#"Set refused BadHint { found: "a computed @meridian_ variable" }"#),
        ],
    );
}

#[test]
fn what_the_last_reply_left_is_asked_for() {
    let world = world();
    check(
        &world.context(),
        &[
            ("SHOW WARNINGS", "Show tableless asks"),
            ("SHOW COUNT(*) ERRORS", "Show tableless asks"),
            ("GET DIAGNOSTICS @a = NUMBER", "Show tableless +Pin(ComputedUserVariable) asks"),
            ("SELECT LAST_INSERT_ID()", "Read tableless asks"),
            ("SELECT FOUND_ROWS(), ROW_COUNT()", "Read tableless asks"),
            ("SELECT @@identity", "Read tableless asks"),
            ("SELECT @@warning_count", "Read tableless asks"),
            ("INSERT INTO audit_log (id) VALUES (LAST_INSERT_ID())", "Write(Insert) local0 asks"),
            ("SELECT SQL_CALC_FOUND_ROWS * FROM audit_log", "Read local0 found_rows repeatable"),
        ],
    );
}

#[test]
fn other_session_statements() {
    let world = world();
    check(
        &world.context(),
        &[
            ("USE free", r#"Use tableless +Schema("free")"#),
            ("SELECT connection_id()", r#"ConnectionId { heading: "connection_id()" } tableless"#),
            ("SELECT CONNECTION_ID( )", r#"ConnectionId { heading: "CONNECTION_ID( )" } tableless"#),
            ("SELECT CONNECTION_ID() AS id", r#"ConnectionId { heading: "id" } tableless"#),
            ("SELECT CONNECTION_ID(), 1", "Read tableless repeatable"),
            ("KILL 5", "Kill { query_only: false, id: 5 } tableless"),
            ("KILL QUERY 7", "Kill { query_only: true, id: 7 } tableless"),
            ("KILL HARD CONNECTION 7", "Kill { query_only: false, id: 7 } tableless"),
            ("KILL USER x", "Admin local0"),
            ("SHOW TABLES FROM free", "Show local1"),
            ("SHOW CREATE TABLE app.orders", "Show local0"),
            ("DESCRIBE orders", "Show tableless"),
            ("SHOW PROCESSLIST", "Show tableless"),
            ("SELECT UUID(), RAND(), NOW()", "Read tableless repeatable"),
            ("SELECT some_udf(1)", "LockingRead tableless +Pin(Routine)"),
            ("SELECT BENCHMARK(1, 1)", "Read tableless"),
        ],
    );
}

#[test]
fn what_counts_rows_of_its_own_does_not_keep_what_was_found() {
    let world = world();
    let kept = |text: &str| analyze(text.as_bytes(), &world.context()).first().found_rows == FoundRows::Kept;
    for text in ["INSERT INTO orders (user_id) VALUES (50), (51)", "SET @a = 1", "SET NAMES utf8mb4"] {
        assert!(kept(text), "{text}");
    }
    for text in [
        "INSERT INTO orders (user_id) SELECT 50",
        "INSERT INTO orders (user_id) VALUES ((SELECT 50))",
        "SET @a = (SELECT 1)",
        "UPDATE orders SET item = 'x' WHERE user_id = 50",
        "DELETE FROM orders WHERE user_id = 50",
        "SELECT SQL_CALC_FOUND_ROWS 1",
        "SHOW TABLES",
    ] {
        assert!(!kept(text), "{text}");
    }
}

#[test]
fn only_plain_literals_are_names_of_locks() {
    let world = world();
    let names = |text: &str| lock_names(text.as_bytes(), &world.context());
    assert_eq!(names("SELECT GET_LOCK('a', 10), get_lock( 5 , 0)"), Some(vec!["'a'".to_owned(), "5".to_owned()]));
    assert_eq!(names("SELECT 1"), Some(Vec::new()));
    for computed in ["SELECT GET_LOCK(CONCAT('a'), 1)", "SELECT GET_LOCK('a' || 'b', 1)", "SELECT GET_LOCK(?, 1)"] {
        assert_eq!(names(computed), None, "{computed}");
    }
}

#[test]
fn the_id_of_a_branch_is_read_as_the_servers_read_it() {
    let world = world();
    let told = |text: &str| branch_id(text.as_bytes(), &world.context()).map(|id| id.to_string()).unwrap_or_default();
    for (text, id) in [
        ("XA START 'ab'", "X'6162',X'',1"),
        ("xa commit 'a''b' , 'c', 7 one phase", "X'612762',X'63',7"),
        ("XA PREPARE 0x6162,0x63,0x1f;", "X'6162',X'63',31"),
        ("XA ROLLBACK X'6162', x''", "X'6162',X'',1"),
        ("XA RECOVER", ""),
        ("XA RECOVER CONVERT XID", ""),
    ] {
        assert_eq!(told(text), id, "{text}");
    }
}
