-- Pins: a connection that carries the session's state stays the session's.
-- snapshot: two-units

-- case: a write of the pinned unit
-- pin: hz primary temporary-table
UPDATE orders SET amount = 3 WHERE user_id = 50;
--> SEND hz primary rule=owner key=50 shard=50 scopes=shard:main:50 transaction=autocommit

-- case: a write of another unit is refused by the pin's name
-- pin: hz primary temporary-table
UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> REJECT 1105 HY000 this session keeps its connection to unit 'hz' because of a temporary table, and this statement belongs to unit 'bj'; reset the connection or use another one

-- case: a read may use the pinned primary
-- pin: hz primary named-lock
SELECT * FROM orders WHERE user_id = 6000;
--> SEND hz primary rule=pin key=6000 shard=6000 transaction=autocommit

-- case: a read may use a primary pinned elsewhere
-- pin: bj primary computed-user-variable
SELECT * FROM product;
--> SEND bj primary rule=pin transaction=autocommit

-- case: a statement without tables uses the pinned connection
-- pin: bj primary computed-user-variable
SELECT @most;
--> SEND bj primary rule=pin transaction=autocommit

-- case: a strong read elsewhere is refused
-- pin: hz primary table-locks
/*meridian: level=strong*/ SELECT * FROM orders WHERE user_id = 6000;
--> REJECT 1105 HY000 this session keeps its connection to unit 'hz' because of LOCK TABLES, and this statement belongs to unit 'bj'; UNLOCK TABLES first

-- case: a local read is refused at another unit's pin
-- pin: bj primary routine
SELECT * FROM audit_log;
--> REJECT 1105 HY000 this session keeps its connection to unit 'bj' because of a routine that was called, and this statement belongs to unit 'hz'; reset the connection or use another one

-- case: DDL elsewhere is refused
-- unit: bj
-- pin: bj primary unknown-set
ALTER TABLE product COMMENT 'for sale';
--> REJECT 1105 HY000 this session keeps its connection to unit 'bj' because of a SET that cannot be replayed, and this statement belongs to unit 'hz'; reset the connection or use another one

-- case: a write is refused while a cursor is open at a replica
-- pin: hz replica cursor
UPDATE orders SET amount = 3 WHERE user_id = 50;
--> REJECT 1105 HY000 this session keeps its connection to a replica of unit 'hz' because of an open cursor, and this statement belongs to unit 'hz'; close the cursor first

-- case: a read may use the replica of an open cursor
-- pin: hz replica cursor
SELECT * FROM product;
--> SEND hz replica rule=pin transaction=autocommit

-- case: BEGIN is still queued
-- pin: hz primary temporary-table
BEGIN;
--> ANSWER queue

-- case: a keyed read opens its transaction at the pinned connection
-- pin: hz primary temporary-table
-- transaction: queued
SELECT * FROM orders WHERE user_id = 6000;
--> SEND hz primary rule=pin key=6000 shard=6000 transaction=open

-- case: a pinned transaction that only read does not move
-- pin: hz primary temporary-table
-- transaction: open hz primary
UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> REJECT 1105 HY000 this session keeps its connection to unit 'hz' because of a temporary table, and this statement belongs to unit 'bj'; reset the connection or use another one

-- case: COMMIT in a pinned session
-- pin: hz primary temporary-table
-- transaction: open hz primary touched
COMMIT;
--> SEND hz primary rule=transaction transaction=continue

-- case: the last reply gives way to a write
-- pin: bj primary last-reply
UPDATE orders SET amount = 3 WHERE user_id = 50;
--> SEND hz primary rule=owner key=50 shard=50 scopes=shard:main:50 transaction=autocommit

-- case: the last reply gives way to a read
-- pin: bj primary last-reply
SELECT * FROM product;
--> SEND hz replica rule=local-read transaction=autocommit

-- case: the last reply answers LAST_INSERT_ID()
-- pin: bj primary last-reply
SELECT LAST_INSERT_ID();
--> SEND bj primary rule=pin transaction=autocommit

-- case: the last reply answers SHOW WARNINGS
-- pin: hz replica last-reply
SHOW WARNINGS;
--> SEND hz replica rule=pin transaction=autocommit

-- case: the last reply answers ROW_COUNT()
-- pin: bj primary last-reply
SELECT ROW_COUNT();
--> SEND bj primary rule=pin transaction=autocommit

-- case: the last reply answers FOUND_ROWS()
-- pin: hz replica last-reply
SELECT FOUND_ROWS();
--> SEND hz replica rule=pin transaction=autocommit

-- case: without a pin LAST_INSERT_ID() is the primary's
SELECT LAST_INSERT_ID();
--> SEND hz primary rule=tableless transaction=autocommit

-- case: GET_LOCK runs at this unit's primary and pins there
SELECT GET_LOCK('job', 1);
--> SEND hz primary rule=tableless transaction=autocommit

-- case: LAST_INSERT_ID(n) runs at a primary
SELECT LAST_INSERT_ID(7);
--> SEND hz primary rule=tableless transaction=autocommit

-- case: LOCK TABLES of a global table goes to the master
-- unit: bj
LOCK TABLES product READ;
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: LOCK TABLES of a sharded table is refused
LOCK TABLES orders WRITE;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: UNLOCK TABLES goes where the locks are
-- unit: bj
-- pin: hz primary table-locks
UNLOCK TABLES;
--> SEND hz primary rule=pin transaction=autocommit

-- case: RELEASE_LOCK goes where the lock is
-- unit: bj
-- pin: hz primary named-lock
SELECT RELEASE_LOCK('job');
--> SEND hz primary rule=pin transaction=autocommit

-- case: FLUSH TABLES WITH READ LOCK runs at this unit's primary
-- unit: bj
-- live: no, it would stop the world
FLUSH TABLES WITH READ LOCK;
--> SEND bj primary rule=tableless transaction=autocommit

-- case: a pinned PREPARE is executed where it was prepared
-- unit: bj
-- pin: bj primary sql-prepare
EXECUTE s;
--> SEND bj primary rule=local-table transaction=autocommit

-- case: a temporary table is read where it is
-- pin: hz primary temporary-table
SELECT * FROM scratch;
--> SEND hz primary rule=pin transaction=autocommit

-- case: a temporary table is read where it is, in another unit too
-- pin: bj primary temporary-table
SELECT * FROM scratch;
--> SEND bj primary rule=pin transaction=autocommit

-- case: a temporary table is written where it is
-- pin: hz primary temporary-table
INSERT INTO scratch SELECT amount FROM orders WHERE user_id = 6000;
--> SEND hz primary rule=pin transaction=autocommit

-- case: a temporary table in a transaction
-- pin: hz primary temporary-table
-- transaction: open hz primary touched
UPDATE scratch SET a = 1;
--> SEND hz primary rule=pin transaction=continue

-- case: a temporary table does not carry a managed write with it
-- pin: hz primary temporary-table
INSERT INTO orders (user_id, item, amount) SELECT 50, 'tea', a FROM scratch;
--> REJECT 1146 42S02 'scratch' is not in the catalog of a schema with managed tables; create it first, or wait a moment if it is new

-- case: a temporary table does not carry a managed lock with it
-- pin: hz primary temporary-table
SELECT * FROM scratch s JOIN orders o ON o.id = s.a FOR UPDATE;
--> REJECT 1146 42S02 'scratch' is not in the catalog of a schema with managed tables; create it first, or wait a moment if it is new

-- case: a multi-table update of a temporary and a managed table
-- pin: hz primary temporary-table
UPDATE scratch s JOIN product p ON p.id = s.a SET p.stock = 1;
--> REJECT 1146 42S02 'scratch' is not in the catalog of a schema with managed tables; create it first, or wait a moment if it is new

-- case: an unknown table under another pin
-- pin: hz primary named-lock
SELECT * FROM scratch;
--> REJECT 1146 42S02 'scratch' is not in the catalog of a schema with managed tables; create it first, or wait a moment if it is new

-- case: a temporary table that would hide a managed one is refused
CREATE TEMPORARY TABLE orders (a INT);
--> REJECT 1235 42000 this statement names managed table 'orders' and cannot be analysed; write it in a simpler form or give /*meridian: key=…*/

-- case: a temporary table is dropped where it is
-- pin: hz primary temporary-table
DROP TEMPORARY TABLE scratch;
--> SEND hz primary rule=local-table transaction=autocommit
