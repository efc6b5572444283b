-- Local and unmanaged tables: this unit's primary, untouched by every rule.
-- snapshot: two-units

-- case: a write
INSERT INTO audit_log (message) VALUES ('hello');
--> SEND hz primary rule=local-table transaction=autocommit

-- case: a write at bj
-- unit: bj
INSERT INTO audit_log (message) VALUES ('hello');
--> SEND bj primary rule=local-table transaction=autocommit

-- case: a read, at the primary so that it sees the session's own writes
SELECT * FROM audit_log;
--> SEND hz primary rule=local-table transaction=autocommit

-- case: a locking read
SELECT * FROM audit_log WHERE id = 1 FOR UPDATE;
--> SEND hz primary rule=local-table transaction=autocommit

-- case: a delete without a key
DELETE FROM audit_log WHERE message = 'nothing';
--> SEND hz primary rule=local-table transaction=autocommit

-- case: untouched while its unit is write-forbidden
-- snapshot: bj-forbidden-writes
-- unit: bj
INSERT INTO audit_log (message) VALUES ('hello');
--> SEND bj primary rule=local-table transaction=autocommit

-- case: untouched while everything is forbidden
-- snapshot: bj-forbidden-all
-- unit: bj
SELECT * FROM audit_log;
--> SEND bj primary rule=local-table transaction=autocommit

-- case: a table of a schema no group holds
-- live: no, there is no such table
SELECT * FROM test.anything;
--> SEND hz primary rule=local-table transaction=autocommit

-- case: a write in a schema no group holds
-- schema: test
-- live: no, there is no such schema
INSERT INTO anything (a) VALUES (1);
--> SEND hz primary rule=local-table transaction=autocommit

-- case: a temporary table
CREATE TEMPORARY TABLE scratch (a INT);
--> SEND hz primary rule=local-table transaction=autocommit

-- case: DDL of a local table runs in this unit
-- unit: bj
ALTER TABLE audit_log COMMENT 'kept by each unit';
--> SEND bj primary rule=local-table transaction=autocommit

-- case: SQL nobody can parse passes when it names no managed table
HANDLER audit_log OPEN;
--> SEND hz primary rule=local-table transaction=autocommit

-- case: a write with a unit hint runs in that unit
/*meridian: unit=bj*/ INSERT INTO audit_log (message) VALUES ('from afar');
--> SEND bj primary rule=unit-hint transaction=autocommit

-- case: a write may read this unit's copy of a sharded table
INSERT INTO audit_log (message) SELECT item FROM orders WHERE user_id = 6000;
--> SEND hz primary rule=local-table transaction=autocommit

-- case: in a world without managed tables everything is local
-- snapshot: unmanaged
-- unit: bj
UPDATE orders SET amount = 1;
--> SEND bj primary rule=local-table transaction=autocommit

-- case: in a world without managed tables an unknown table passes
-- snapshot: unmanaged
SELECT * FROM whatever;
--> SEND hz primary rule=local-table transaction=autocommit
