# Sessions whose every answer must be the same directly and through Meridian. One statement per line.
# "--- name" begins a session on a new connection, in a new schema that {db} names; names of locks and files are told apart by it.
# A line beginning with "[mariadb]" or "[mysql]" is for that family alone; "=" prepares the statement and executes it (binary protocol).

--- types
CREATE TABLE t (a TINYINT, b SMALLINT UNSIGNED, c MEDIUMINT, d INT, e BIGINT UNSIGNED, f FLOAT, g DOUBLE, h DECIMAL(20,6), i BIT(10), j DATE, k TIME(3), l DATETIME(6), m TIMESTAMP NULL, n YEAR, o CHAR(5), p VARCHAR(200), q BINARY(4), r VARBINARY(20), s TINYBLOB, u TEXT, v MEDIUMTEXT, w LONGBLOB, x ENUM('one','two'), y SET('p','q','r'), z JSON)
INSERT INTO t VALUES (-128, 65535, -8388608, 2147483647, 18446744073709551615, 1.5, -2.25e10, 12345678901234.567891, b'1010101010', '2024-02-29', '-838:59:59.000', '2024-12-31 23:59:59.999999', '2024-01-01 00:00:00', 2155, 'abc', 'värchar', 0x00FF0102, 0xDEADBEEF, 'tiny', 'text', 'medium', REPEAT('x', 70000), 'two', 'p,r', '{"k": [1, 2, null]}')
INSERT INTO t (a) VALUES (NULL), (0)
SELECT * FROM t
=SELECT * FROM t
SELECT a, COUNT(*), SUM(h), AVG(d), MAX(p), GROUP_CONCAT(x) FROM t GROUP BY a ORDER BY a
=SELECT a, COUNT(*), SUM(h), AVG(d) FROM t GROUP BY a ORDER BY a
SELECT 1, 1.0, 1e0, 'a', NULL, TRUE, 0x41, b'1', _latin1'x', DATE '2024-01-01', TIME '10:11:12', TIMESTAMP '2024-01-01 10:11:12', -9223372036854775808, 18446744073709551615
=SELECT 1, 1.0, 1e0, 'a', NULL, TRUE, 0x41, b'1', DATE '2024-01-01', TIME '10:11:12', -9223372036854775808, 18446744073709551615
SELECT t1.a AS `alias one`, t2.d `x`, t1.a + t2.d FROM t t1 LEFT JOIN t AS t2 ON t1.a = t2.a WHERE t1.a IS NOT NULL ORDER BY 1
SELECT * FROM (SELECT a, b FROM t UNION ALL SELECT 1, 2) u ORDER BY a, b
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) SELECT i, REPEAT('y', i) FROM n
SELECT a, ROW_NUMBER() OVER (ORDER BY a) FROM t
SELECT * FROM t WHERE 1 = 0
=SELECT * FROM t WHERE 1 = 0
SELECT JSON_EXTRACT(z, '$.k[1]'), JSON_OBJECT('a', 1) FROM t WHERE z IS NOT NULL
SELECT '' AS empty, ' ' AS blank, 'a\'b' AS quote, "double" AS dq, 'semi;colon' AS semi, '-- not a comment' AS dashes, '/* nor this */' AS slashes
SELECT /* comment */ 1 -- trailing
SELECT 1 # hash
/*!50000 SELECT 2 */
/* leading */ SELECT 3
SELECT 1;
(SELECT 1) UNION (SELECT 2)
VALUES ROW(1,2)
DESCRIBE t
SHOW COLUMNS FROM t LIKE 'a'
SHOW CREATE TABLE t
SHOW TABLES
SHOW TABLE STATUS LIKE 'no_such'
SHOW INDEX FROM t
EXPLAIN SELECT * FROM t WHERE a = 1
SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = '{db}'
TABLE t
DO 1
HANDLER t OPEN
HANDLER t READ FIRST
HANDLER t CLOSE
CHECK TABLE t
ANALYZE TABLE t
TRUNCATE TABLE t
SELECT COUNT(*) FROM t

--- writes
CREATE TABLE p (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(20) UNIQUE, n INT DEFAULT 0)
INSERT INTO p (name) VALUES ('a')
SELECT LAST_INSERT_ID()
INSERT INTO p (name) VALUES ('b'), ('c'), ('d')
SELECT LAST_INSERT_ID(), ROW_COUNT()
INSERT IGNORE INTO p (name) VALUES ('a'), ('e')
SHOW WARNINGS
SELECT ROW_COUNT()
INSERT INTO p (name) VALUES ('a')
SHOW ERRORS
SHOW COUNT(*) ERRORS
SELECT @@error_count
INSERT INTO p (name, n) VALUES ('a', 5) ON DUPLICATE KEY UPDATE n = VALUES(n) + 1
SELECT ROW_COUNT()
REPLACE INTO p (id, name) VALUES (1, 'z')
UPDATE p SET n = n + 1
SELECT ROW_COUNT()
UPDATE p SET n = n
UPDATE p SET n = 7 WHERE id > 2 ORDER BY id LIMIT 1
DELETE FROM p WHERE name = 'no such'
DELETE FROM p WHERE name = 'b'
SELECT ROW_COUNT()
SELECT * FROM p ORDER BY id
INSERT INTO p (name) SELECT CONCAT(name, name) FROM p
SELECT LAST_INSERT_ID()
INSERT INTO p (id, name) VALUES (1000, 'explicit')
SELECT LAST_INSERT_ID()
UPDATE p SET id = LAST_INSERT_ID(id + 1) WHERE id = 1000
SELECT LAST_INSERT_ID()
SELECT LAST_INSERT_ID(77)
SELECT LAST_INSERT_ID()
=INSERT INTO p (name) VALUES ('prepared')
=SELECT LAST_INSERT_ID()
SELECT @@last_insert_id, @@identity
[mariadb]INSERT INTO p (name) VALUES ('ret') RETURNING id, name
[mariadb]DELETE FROM p WHERE name = 'ret' RETURNING *
SELECT SQL_CALC_FOUND_ROWS * FROM p ORDER BY id LIMIT 1
SELECT FOUND_ROWS()
SELECT * FROM p ORDER BY id LIMIT 2
SELECT FOUND_ROWS()
UPDATE p a JOIN p b ON a.id = b.id SET a.n = 3
DELETE a FROM p a JOIN p b ON a.id = b.id WHERE a.n = 3
SELECT COUNT(*) FROM p

--- errors
SELECT * FROM no_such_table
SHOW WARNINGS
SELECT no_such_column FROM (SELECT 1) x
SELEC 1
SELECT 'unterminated
SELECT no_such_function(1)
SELECT * FROM no_such_schema.t
USE no_such_schema
SELECT DATABASE() = '{db}'
CREATE TABLE e (id INT PRIMARY KEY, v TINYINT NOT NULL)
CREATE TABLE e (id INT)
INSERT INTO e VALUES (1)
INSERT INTO e VALUES (1, 1000)
SHOW WARNINGS
INSERT INTO e VALUES (1, NULL)
INSERT INTO e VALUES (1, 1), (1, 2)
SELECT * FROM e
INSERT INTO e VALUES ('abc', 1)
DROP TABLE no_such_table
DROP TABLE IF EXISTS no_such_table
SHOW WARNINGS
SHOW COUNT(*) WARNINGS
SELECT @@warning_count
SELECT 1 / 0
SHOW WARNINGS LIMIT 1
SELECT CAST('12abc' AS SIGNED), CAST('x' AS SIGNED)
SHOW WARNINGS
SELECT 1
SHOW WARNINGS
=SELECT * FROM no_such_table
=SELEC
=SELECT CAST('12abc' AS SIGNED)
SHOW WARNINGS
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'own words', MYSQL_ERRNO = 30001
GET DIAGNOSTICS @n = NUMBER
SELECT (SELECT 1 UNION SELECT 2)
KILL 99999999
SET no_such_variable = 1
SET sql_mode = 'no such mode'
SET GLOBAL no_such = 1
SELECT @@no_such
CALL no_such_procedure()
EXECUTE no_such_statement
DEALLOCATE PREPARE no_such_statement
ROLLBACK TO no_such_savepoint
RELEASE SAVEPOINT no_such_savepoint
SELECT * FROM e WHERE
INSERT INTO e VALUES (2, 1),(3
CREATE TABLE bad (id INT, id INT)
ALTER TABLE e ADD COLUMN v INT
ALTER TABLE e DROP COLUMN none
SELECT REPEAT('x', 10) FROM e GROUP BY
SELECT COUNT(*) FROM e

--- set
SET @a = 1, @b = 'two', @c = NULL, @d = 1.5
SELECT @a, @b, @c, @d, @never_set
SET @a := @a + 41
SELECT @a
SELECT @a := 5, @x := 'assigned'
SELECT @a, @x
SELECT 7, 'into' INTO @i, @j
SELECT @i, @j
SET @`odd name` = 'odd'
SELECT @`odd name`, @'odd name'
SET SESSION sql_mode = 'ANSI_QUOTES'
SELECT 'a' AS "quoted"
SELECT @@sql_mode
SET sql_mode = DEFAULT
SELECT "a"
SET sql_mode = 'NO_BACKSLASH_ESCAPES'
SELECT 'back\slash', 'it''s\'
SET SESSION sql_mode = ''
SELECT 'back\\slash'
CREATE TABLE s (v TINYINT)
INSERT INTO s VALUES (1000)
SHOW WARNINGS
SET time_zone = '+05:00'
SELECT @@time_zone, FROM_UNIXTIME(0), UNIX_TIMESTAMP('1970-01-01 05:00:00')
SET SESSION group_concat_max_len = 5
SELECT GROUP_CONCAT(x) FROM (SELECT 'abcdef' x) y
SHOW WARNINGS
SELECT @@session.group_concat_max_len
SET NAMES latin1
SELECT @@character_set_client, @@character_set_connection, @@character_set_results, @@collation_connection
SELECT 'x' = _latin1'x', CHARSET('x')
SET NAMES utf8mb4 COLLATE utf8mb4_bin
SELECT @@collation_connection, 'a' = 'A'
SET CHARACTER SET latin1
SELECT @@character_set_client, @@character_set_connection, @@character_set_results, @@collation_connection
SET NAMES DEFAULT
SET character_set_results = NULL
SELECT @@character_set_results
SET NAMES utf8mb4
SELECT 'größe', CHAR_LENGTH('größe'), HEX('ß')
SET SESSION transaction_isolation = 'READ-COMMITTED'
[mysql]SELECT @@transaction_isolation
[mariadb]SET SESSION tx_isolation = 'READ-COMMITTED'
[mariadb]SELECT @@tx_isolation
SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE
[mariadb]SELECT @@tx_isolation
[mysql]SELECT @@transaction_isolation
SET @@session.wait_timeout = 1234, @@lock_wait_timeout = 5
SELECT @@wait_timeout, @@lock_wait_timeout
SHOW VARIABLES LIKE 'lock_wait_timeout'
SHOW SESSION STATUS LIKE 'no_such_status'
SET SQL_SELECT_LIMIT = 1
SELECT 1 UNION SELECT 2
SET SQL_SELECT_LIMIT = DEFAULT
SELECT 1 UNION SELECT 2
SET max_statement_time = 10
SET LOCAL foreign_key_checks = 0, unique_checks = OFF
SELECT @@foreign_key_checks, @@unique_checks
SET foreign_key_checks = @@global.foreign_key_checks
SELECT @@foreign_key_checks
SET div_precision_increment = 2 + 1
SELECT 1 / 3
SET @@insert_id = 500
CREATE TABLE ii (id INT AUTO_INCREMENT PRIMARY KEY)
INSERT INTO ii VALUES (NULL)
SELECT * FROM ii
SET timestamp = 1000000000
SELECT NOW() = FROM_UNIXTIME(1000000000)
SET timestamp = DEFAULT
SET last_insert_id = 4711
SELECT LAST_INSERT_ID()

--- transactions
CREATE TABLE t (id INT PRIMARY KEY, v INT) ENGINE=InnoDB
BEGIN
INSERT INTO t VALUES (1, 1)
SELECT * FROM t
ROLLBACK
SELECT * FROM t
START TRANSACTION
INSERT INTO t VALUES (2, 2)
SAVEPOINT a
INSERT INTO t VALUES (3, 3)
SAVEPOINT b
INSERT INTO t VALUES (4, 4)
ROLLBACK TO a
SELECT * FROM t
RELEASE SAVEPOINT b
RELEASE SAVEPOINT a
COMMIT
SELECT * FROM t
BEGIN
INSERT INTO t VALUES (2, 2)
SHOW WARNINGS
INSERT INTO t VALUES (5, 5)
COMMIT
SELECT * FROM t
BEGIN
INSERT INTO t VALUES (6, 6)
CREATE TABLE implicit (id INT)
ROLLBACK
SELECT * FROM t
BEGIN
INSERT INTO t VALUES (7, 7)
BEGIN
ROLLBACK
SELECT * FROM t
SET autocommit = 0
SELECT @@autocommit
INSERT INTO t VALUES (8, 8)
ROLLBACK
INSERT INTO t VALUES (9, 9)
COMMIT
INSERT INTO t VALUES (10, 10)
SET autocommit = 1
ROLLBACK
SELECT * FROM t
START TRANSACTION READ ONLY
SELECT COUNT(*) FROM t
INSERT INTO t VALUES (11, 11)
COMMIT
SET TRANSACTION ISOLATION LEVEL READ COMMITTED
START TRANSACTION WITH CONSISTENT SNAPSHOT
SELECT COUNT(*) FROM t FOR UPDATE
SELECT COUNT(*) FROM t LOCK IN SHARE MODE
COMMIT AND CHAIN
INSERT INTO t VALUES (12, 12)
ROLLBACK AND CHAIN
INSERT INTO t VALUES (13, 13)
COMMIT
SELECT * FROM t
COMMIT
ROLLBACK
COMMIT AND CHAIN
INSERT INTO t VALUES (14, 14)
ROLLBACK
SET completion_type = 1
COMMIT
INSERT INTO t VALUES (15, 15)
ROLLBACK AND NO CHAIN
SET completion_type = 'NO_CHAIN'
SELECT * FROM t
BEGIN
SAVEPOINT only
ROLLBACK TO only
COMMIT
BEGIN
COMMIT
BEGIN
SELECT 1
SELECT @@in_transaction
SET TRANSACTION READ ONLY
ROLLBACK
SET TRANSACTION READ ONLY
SELECT 1
INSERT INTO t VALUES (14, 14)
INSERT INTO t VALUES (17, 17)
SELECT * FROM t
=BEGIN
=INSERT INTO t VALUES (16, 16)
=ROLLBACK
SELECT COUNT(*) FROM t

--- temporary
CREATE TEMPORARY TABLE tmp (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(10))
INSERT INTO tmp (v) VALUES ('a'), ('b')
SELECT * FROM tmp
SHOW CREATE TABLE tmp
ALTER TABLE tmp ADD COLUMN w INT
SELECT * FROM tmp
DROP TEMPORARY TABLE tmp
SELECT * FROM tmp
CREATE TEMPORARY TABLE tmp AS SELECT 1 AS one
SELECT * FROM tmp
SELECT LAST_INSERT_ID()

--- locks
SELECT GET_LOCK('{db}', 1)
SELECT IS_FREE_LOCK('{db}'), IS_USED_LOCK('{db}') IS NOT NULL
SELECT RELEASE_LOCK('{db}')
SELECT RELEASE_LOCK('{db}')
SELECT RELEASE_ALL_LOCKS()
CREATE TABLE l (id INT)
CREATE TABLE m (id INT)
LOCK TABLES l WRITE
INSERT INTO l VALUES (1)
SELECT * FROM m
SELECT * FROM l
UNLOCK TABLES
SELECT * FROM m
LOCK TABLES l READ, m WRITE
INSERT INTO l VALUES (2)
UNLOCK TABLES
SELECT * FROM l

--- prepared
CREATE TABLE q (id INT PRIMARY KEY, v VARCHAR(20))
PREPARE ins FROM 'INSERT INTO q VALUES (?, ?)'
SET @id = 1, @v = 'one'
EXECUTE ins USING @id, @v
SET @id = 2, @v = NULL
EXECUTE ins USING @id, @v
EXECUTE ins USING @id, @v
EXECUTE ins
PREPARE sel FROM 'SELECT * FROM q WHERE id >= ? ORDER BY id'
SET @from = 1
EXECUTE sel USING @from
SET @text = 'SELECT COUNT(*) FROM q'
PREPARE cnt FROM @text
EXECUTE cnt
PREPARE bad FROM 'SELEC'
EXECUTE bad
DEALLOCATE PREPARE sel
EXECUTE sel USING @from
DROP PREPARE ins
[mariadb]EXECUTE IMMEDIATE 'SELECT 1 + ?' USING 2
=SELECT * FROM q
=INSERT INTO q VALUES (3, 'three')
=SELECT * FROM q
=UPDATE q SET v = 'x'
=DELETE FROM q WHERE id = 1
=CREATE TABLE made (id INT)
=SHOW TABLES
=DROP TABLE made
=SET @binary = 5
=SELECT @binary

--- routines
CREATE TABLE r (id INT AUTO_INCREMENT PRIMARY KEY, v INT)
CREATE PROCEDURE two_sets(IN n INT) BEGIN SELECT n AS first; SELECT n + 1 AS second, 'x' AS third; END
CALL two_sets(1)
=CALL two_sets(5)
CREATE PROCEDURE writes() BEGIN INSERT INTO r (v) VALUES (1), (2); UPDATE r SET v = 9; END
CALL writes()
SELECT ROW_COUNT()
CREATE PROCEDURE gives(OUT o INT) SET o = 42
CALL gives(@o)
SELECT @o
CREATE PROCEDURE breaks() BEGIN SELECT 1; SELECT * FROM nothing_here; END
CALL breaks()
CREATE FUNCTION plus_one(x INT) RETURNS INT DETERMINISTIC RETURN x + 1
SELECT plus_one(1), plus_one(NULL)
CREATE VIEW view_of_r AS SELECT id, v * 2 AS doubled FROM r
SELECT * FROM view_of_r ORDER BY id
CREATE TRIGGER before_r BEFORE INSERT ON r FOR EACH ROW SET NEW.v = NEW.v + 100
INSERT INTO r (v) VALUES (1)
SELECT * FROM r ORDER BY id
SHOW CREATE VIEW view_of_r
SHOW PROCEDURE STATUS LIKE 'no_such%'
DROP VIEW view_of_r
DROP PROCEDURE two_sets
DROP FUNCTION plus_one
CALL two_sets(1)
[mariadb]BEGIN NOT ATOMIC SELECT 1; END
[mariadb]CREATE SEQUENCE seq
[mariadb]SELECT NEXT VALUE FOR seq, NEXTVAL(seq)
[mariadb]SELECT LASTVAL(seq)

--- schema
SELECT DATABASE()
CREATE TABLE a (id INT)
RENAME TABLE a TO b
ALTER TABLE b ADD COLUMN v VARCHAR(10) DEFAULT 'x', ADD INDEX (id)
CREATE INDEX iv ON b (v)
DROP INDEX iv ON b
INSERT INTO b (id) VALUES (1)
ALTER TABLE b MODIFY v VARCHAR(30), ALGORITHM=COPY
CREATE TABLE c LIKE b
CREATE TABLE d AS SELECT * FROM b
CREATE TABLE IF NOT EXISTS d (id INT)
SHOW WARNINGS
SHOW TABLES
USE information_schema
SELECT DATABASE()
SELECT table_name FROM tables WHERE table_schema = '{db}' ORDER BY table_name
USE {db}
SELECT DATABASE()
SELECT * FROM `{db}`.b
SHOW FULL TABLES
SHOW DATABASES LIKE '{db}'
SHOW SCHEMAS LIKE '{db}'
SHOW ENGINES
SHOW COLLATION LIKE 'utf8mb4_bin'
SHOW CHARACTER SET LIKE 'latin1'
SHOW VARIABLES LIKE 'version'
SHOW GRANTS
SHOW PLUGINS
SELECT USER() LIKE 'app@%', CURRENT_USER()
SELECT VERSION(), @@version
SELECT @@hostname IS NOT NULL, @@port > 0, @@server_id
SELECT @@version_comment LIMIT 1
DROP TABLE b, c, d
SHOW TABLES
CREATE DATABASE {db}_more
USE {db}_more
CREATE TABLE x (id INT)
DROP DATABASE {db}_more
SELECT DATABASE()
SHOW TABLES
USE {db}
SELECT DATABASE()

--- leaks
SELECT @a IS NULL, @b IS NULL, @i IS NULL, @o IS NULL, LAST_INSERT_ID(), @@sql_mode, @@time_zone, @@autocommit
SELECT @@character_set_client, @@collation_connection, @@group_concat_max_len, @@foreign_key_checks
SELECT @@session.wait_timeout = @@global.wait_timeout, @@sql_select_limit, @@div_precision_increment
SELECT * FROM tmp
SELECT RELEASE_LOCK('{db}')
EXECUTE cnt
SHOW WARNINGS
SELECT ROW_COUNT()
SELECT FOUND_ROWS()
SELECT DATABASE() = '{db}'
SET @a = '{db}'
SELECT 1
SELECT @a = '{db}'
CREATE TABLE k (id INT AUTO_INCREMENT PRIMARY KEY)
INSERT INTO k VALUES (NULL), (NULL)
SELECT 1
SELECT LAST_INSERT_ID()
SELECT COUNT(*) FROM k
SELECT LAST_INSERT_ID()
SELECT @a = '{db}', @@autocommit

--- server_charset
SELECT @@character_set_server, @@collation_server
SET character_set_server = 'latin1'
SELECT @@character_set_server, @@collation_server
SET collation_server = 'utf8mb4_bin'
SELECT @@character_set_server, @@collation_server
SELECT @@character_set_database, @@collation_database
SET collation_database = 'latin1_bin'
SELECT @@character_set_database, @@collation_database
