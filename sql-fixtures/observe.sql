-- Groups that are only observed: everything runs at this unit's primary, and what the rules would have done is told behind `would=`.
-- snapshot: observe

-- case: a write that would have stayed
UPDATE orders SET amount = 1 WHERE user_id = 50;
--> SEND hz primary group=main rule=observe transaction=autocommit would=SEND hz primary group=main rule=owner key=50 shard=50 scopes=shard:main:50 transaction=autocommit

-- case: a write that would have been forwarded
UPDATE orders SET amount = 1 WHERE user_id = 6000;
--> SEND hz primary group=main rule=observe transaction=autocommit would=SEND bj primary group=main rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: the same at its owner
-- unit: bj
UPDATE orders SET amount = 1 WHERE user_id = 6000;
--> SEND bj primary group=main rule=observe transaction=autocommit would=SEND bj primary group=main rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a write that would have been refused for want of a key
UPDATE orders SET amount = 1;
--> SEND hz primary group=main rule=observe transaction=autocommit would=REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: a write of two owners
DELETE FROM orders WHERE user_id IN (50, 6000);
--> SEND hz primary group=main rule=observe transaction=autocommit would=REJECT 1105 HY000 one statement on 'orders' has keys of two owners at epoch 7: 50 belongs to unit 'hz', 6000 to unit 'bj'; nothing was sent, send one statement per owner

-- case: a read that would have gone to a replica
SELECT * FROM orders WHERE user_id = 6000;
--> SEND hz primary group=main rule=observe transaction=autocommit would=SEND hz replica group=main rule=local-read key=6000 shard=6000 transaction=autocommit

-- case: a global write at another unit than its master
-- unit: bj
UPDATE product SET stock = 1 WHERE id = 1;
--> SEND bj primary group=main rule=observe transaction=autocommit would=SEND hz primary group=main rule=global-master scopes=global:main transaction=autocommit

-- case: DDL runs here
-- unit: bj
ALTER TABLE orders ADD COLUMN weight INT;
--> SEND bj primary group=main rule=observe transaction=autocommit would=SEND hz primary group=main rule=schema-unit scopes=group:main transaction=autocommit

-- case: a local table
INSERT INTO audit_log (message) VALUES ('x');
--> SEND hz primary group=main rule=observe transaction=autocommit would=SEND hz primary group=main rule=local-table transaction=autocommit

-- case: a table nobody knows
SELECT * FROM nothing;
--> SEND hz primary group=main rule=observe transaction=autocommit would=REJECT 1146 42S02 'nothing' is not in the catalog of a schema with managed tables; create it first, or wait a moment if it is new

-- case: SQL that cannot be read
UPDATE orders SET amount = 1 WHERE WHERE user_id = 6000;
--> SEND hz primary group=main rule=observe transaction=autocommit would=REJECT 1235 42000 this statement names managed table 'orders' and cannot be analysed; write it in a simpler form or give /*meridian: key=…*/

-- case: a hint of an unknown unit
/*meridian: unit=sz*/ SELECT * FROM product;
--> SEND hz primary group=main rule=observe transaction=autocommit would=REJECT 1105 HY000 the hint names unit 'sz', which does not exist; use one of the configured units

-- case: no table
SELECT 1;
--> SEND hz primary group=main rule=observe transaction=autocommit would=SEND hz primary group=main rule=tableless transaction=autocommit

-- case: two statements that belong to two units
UPDATE orders SET amount = 1 WHERE user_id = 50; UPDATE orders SET amount = 1 WHERE user_id = 6000;
--> SEND hz primary group=main rule=observe transaction=autocommit statements=2 would=REJECT 1235 42000 the statements of one packet belong to unit 'hz' of group 'main' and unit 'bj' of group 'main' at epoch 7; nothing was sent, send them one by one

-- case: in a transaction that is queued
-- transaction: queued
UPDATE orders SET amount = 1 WHERE user_id = 6000;
--> SEND hz primary group=main rule=observe transaction=open would=SEND bj primary group=main rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=open

-- case: in a transaction that has written here
-- transaction: open hz primary touched
UPDATE orders SET amount = 1 WHERE user_id = 6000;
--> SEND hz primary group=main rule=observe transaction=continue would=SEND bj primary group=main rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=open

-- case: BEGIN is answered
BEGIN;
--> ANSWER queue

-- case: a consistent snapshot is opened here
START TRANSACTION WITH CONSISTENT SNAPSHOT;
--> SEND hz primary group=main rule=observe transaction=open would=SEND hz primary group=main rule=tableless transaction=open

-- case: what the user may not do is still refused
-- grants: read-only
UPDATE orders SET amount = 1 WHERE user_id = 50;
--> REJECT 1290 HY000 user 'app' may only read, without locks; use another user for this statement

-- case: a way around the rules is still closed
SET GLOBAL max_connections = 10;
--> REJECT 1227 42000 SET GLOBAL max_connections would go around Meridian's rules; it needs the grant 'escapes' of your Meridian user

-- case: the other group is enforced
-- schema: pay
UPDATE bill SET total = 1 WHERE user_id = 3;
--> SEND bj primary group=billing rule=owner key=3 shard=3 scopes=shard:billing:3 transaction=autocommit

-- case: the other group's refusals stand
-- schema: pay
UPDATE bill SET total = 1;
--> REJECT 1105 HY000 a write of sharded table 'bill' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: both groups in one packet are decided by the rules
UPDATE orders SET amount = 1 WHERE user_id = 50; UPDATE pay.bill SET total = 1 WHERE user_id = 3;
--> REJECT 1235 42000 the statements of one packet belong to unit 'hz' of group 'main' and unit 'bj' of group 'billing' at epoch 7; nothing was sent, send them one by one

-- case: a transaction that has written in the other group stays there
-- transaction: open bj primary touched
-- at-group: billing
UPDATE orders SET amount = 1 WHERE user_id = 50;
--> REJECT 1179 25000 the open transaction has written or locked in unit 'bj' of group 'billing' and this statement belongs to unit 'hz' of group 'main' at epoch 7; the transaction is alive, COMMIT or ROLLBACK it first

-- case: a transaction that has read in the other group is opened again here
-- transaction: open bj primary
-- at-group: billing
UPDATE orders SET amount = 1 WHERE user_id = 50;
--> SEND hz primary group=main rule=observe transaction=rebind would=SEND hz primary group=main rule=owner key=50 shard=50 scopes=shard:main:50 transaction=rebind

-- case: a fixed transaction in the other group stays there
-- transaction: open bj primary fixed
-- at-group: billing
UPDATE orders SET amount = 1 WHERE user_id = 50;
--> REJECT 1179 25000 the open transaction in unit 'bj' of group 'billing' keeps a snapshot, SERIALIZABLE or savepoints and cannot be reopened in unit 'hz' of group 'main', where this statement belongs at epoch 7; the transaction is alive, COMMIT or ROLLBACK it first

-- case: a pin in the other group
-- pin: bj primary temporary-table
-- at-group: billing
UPDATE orders SET amount = 1 WHERE user_id = 50;
--> REJECT 1105 HY000 this session keeps its connection to unit 'bj' of group 'billing' because of a temporary table, and this statement belongs to unit 'hz' of group 'main'; reset the connection or use another one

-- case: a pin here
-- pin: hz primary temporary-table
UPDATE orders SET amount = 1 WHERE user_id = 6000;
--> SEND hz primary group=main rule=observe transaction=autocommit would=REJECT 1105 HY000 this session keeps its connection to unit 'hz' of group 'main' because of a temporary table, and this statement belongs to unit 'bj' of group 'main'; reset the connection or use another one
