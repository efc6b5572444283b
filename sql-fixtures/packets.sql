-- Packets of several statements: one primary for all, or refused whole.
-- snapshot: two-units

-- case: writes of one owner
UPDATE orders SET amount = 3 WHERE user_id = 6000; UPDATE orders SET amount = 4 WHERE user_id = 6001;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000,shard:main:6001 transaction=autocommit statements=2

-- case: writes of two owners are refused whole
UPDATE orders SET amount = 3 WHERE user_id = 50; UPDATE orders SET amount = 4 WHERE user_id = 6000;
--> REJECT 1235 42000 the statements of one packet belong to unit 'hz' and unit 'bj' at epoch 7; nothing was sent, send them one by one

-- case: a read goes along to the write's primary
SELECT * FROM product; UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit statements=2

-- case: reads alone run at this unit's primary
SELECT * FROM product; SELECT * FROM orders WHERE user_id = 6000;
--> SEND hz primary rule=local-read key=6000 shard=6000 transaction=autocommit statements=2

-- case: statements without tables go along
SET @x = 5; UPDATE orders SET amount = 3 WHERE user_id = 6000; SELECT ROW_COUNT();
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit statements=3

-- case: a whole transaction
BEGIN; UPDATE orders SET amount = 3 WHERE user_id = 6000; COMMIT;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit statements=3

-- case: a local write and another unit's write are refused whole
INSERT INTO audit_log (message) VALUES ('a'); UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> REJECT 1235 42000 the statements of one packet belong to unit 'hz' and unit 'bj' at epoch 7; nothing was sent, send them one by one

-- case: a local read and another unit's write are refused whole
SELECT * FROM audit_log; UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> REJECT 1235 42000 the statements of one packet belong to unit 'hz' and unit 'bj' at epoch 7; nothing was sent, send them one by one

-- case: a local write and an own write
INSERT INTO audit_log (message) VALUES ('a'); UPDATE orders SET amount = 3 WHERE user_id = 50;
--> SEND hz primary rule=local-table key=50 shard=50 scopes=shard:main:50 transaction=autocommit statements=2

-- case: a global and a sharded write of one unit
UPDATE product SET stock = 1 WHERE id = 1; UPDATE orders SET amount = 3 WHERE user_id = 50;
--> SEND hz primary rule=global-master key=50 shard=50 scopes=global:main,shard:main:50 transaction=autocommit statements=2

-- case: one refused statement refuses the packet
SELECT 1; UPDATE orders SET amount = 3;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: a forbidden statement refuses the packet
-- snapshot: bj-forbidden-writes
SELECT 1; UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> REJECT 1290 HY000 writes owned by unit 'bj' are forbidden (key 6000) at epoch 8 (drill 7); wait until an operator allows them

-- case: USE ahead of a managed table is refused
USE shop; UPDATE orders SET amount = 3 WHERE user_id = 50;
--> REJECT 1235 42000 USE shop stands ahead of a managed table in one packet and would change how it is read; send it in a packet of its own

-- case: SET NAMES ahead of a managed table is refused
SET NAMES utf8mb4; UPDATE orders SET amount = 3 WHERE user_id = 50;
--> REJECT 1235 42000 SET of sql_mode or a character set stands ahead of a managed table in one packet and would change how it is read; send it in a packet of its own

-- case: SET sql_mode ahead of a managed table is refused
SET sql_mode = 'ANSI_QUOTES'; UPDATE orders SET amount = 3 WHERE user_id = 50;
--> REJECT 1235 42000 SET of sql_mode or a character set stands ahead of a managed table in one packet and would change how it is read; send it in a packet of its own

-- case: CONNECTION_ID among others is refused
SELECT CONNECTION_ID(); SELECT 1;
--> REJECT 1235 42000 SELECT CONNECTION_ID() cannot be one of several statements in a packet; send it alone

-- case: a hint among others is refused
SET @meridian_key = 6000; SELECT 1;
--> REJECT 1235 42000 SET @meridian_… cannot be one of several statements in a packet; send it alone

-- case: KILL among others is refused
KILL 5; SELECT 1;
--> REJECT 1235 42000 KILL cannot be one of several statements in a packet; send it alone

-- case: a packet in a queued transaction
-- transaction: queued
UPDATE orders SET amount = 3 WHERE user_id = 6000; SELECT 1;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=open statements=2

-- case: a packet for another unit in an open transaction
-- transaction: open hz primary touched
UPDATE orders SET amount = 3 WHERE user_id = 6000; COMMIT;
--> REJECT 1179 25000 the open transaction has written or locked in unit 'hz' and this statement belongs to unit 'bj' at epoch 7; the transaction is alive, COMMIT or ROLLBACK it first

-- case: an empty statement at the end is none
UPDATE orders SET amount = 3 WHERE user_id = 6000;;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit
