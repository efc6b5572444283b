-- Transactions: queued until their first statement, opened where it belongs, kept there once they wrote.
-- snapshot: two-units

-- case: BEGIN waits
BEGIN;
--> ANSWER queue

-- case: START TRANSACTION waits
START TRANSACTION;
--> ANSWER queue

-- case: START TRANSACTION READ ONLY waits
START TRANSACTION READ ONLY;
--> ANSWER queue

-- case: SET TRANSACTION waits
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
--> ANSWER queue

-- case: SAVEPOINT in a queued transaction waits
-- transaction: queued
SAVEPOINT a;
--> ANSWER queue

-- case: SAVEPOINT outside a transaction is the server's to answer
SAVEPOINT a;
--> SEND hz primary rule=tableless transaction=autocommit

-- case: a consistent snapshot opens at once
START TRANSACTION WITH CONSISTENT SNAPSHOT;
--> SEND hz primary rule=tableless transaction=open

-- case: COMMIT of nothing
COMMIT;
--> ANSWER drop-queue

-- case: COMMIT of a queued transaction
-- transaction: queued
COMMIT;
--> ANSWER drop-queue

-- case: ROLLBACK of a queued transaction
-- transaction: queued
ROLLBACK;
--> ANSWER drop-queue

-- case: COMMIT AND CHAIN with nothing open begins a transaction
COMMIT AND CHAIN;
--> ANSWER queue

-- case: a keyed write opens the transaction at its owner
-- transaction: queued
UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=open

-- case: a keyed read opens the transaction at its owner
-- transaction: queued
SELECT * FROM orders WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 transaction=open

-- case: a read without a key opens it at this unit's primary
-- transaction: queued
SELECT COUNT(*) FROM orders;
--> SEND hz primary rule=local-read transaction=open

-- case: a global read opens it at this unit's primary
-- unit: bj
-- transaction: queued
SELECT * FROM product;
--> SEND bj primary rule=local-read transaction=open

-- case: a global write opens it at the master
-- unit: bj
-- transaction: queued
UPDATE product SET stock = 1 WHERE id = 1;
--> SEND hz primary rule=global-master scopes=global:main transaction=open

-- case: a local read opens it at this unit's primary
-- transaction: queued
SELECT * FROM audit_log;
--> SEND hz primary rule=local-table transaction=open

-- case: a statement without tables opens it at this unit's primary
-- transaction: queued
SELECT 1;
--> SEND hz primary rule=tableless transaction=open

-- case: a read with a unit hint opens it at that unit's primary
-- transaction: queued
/*meridian: unit=bj*/ SELECT * FROM product;
--> SEND bj primary rule=unit-hint transaction=open

-- case: a READ ONLY transaction may read at a replica
-- transaction: queued read-only
SELECT * FROM orders WHERE user_id = 6000;
--> SEND hz replica rule=local-read key=6000 shard=6000 transaction=open

-- case: a READ ONLY transaction without tables
-- transaction: queued read-only
SELECT 1;
--> SEND hz primary rule=tableless transaction=open

-- case: a write in a READ ONLY transaction
-- transaction: queued read-only
UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> REJECT 1792 25006 cannot execute statement in a READ ONLY transaction; the transaction is alive

-- case: DDL in a READ ONLY transaction
-- transaction: open hz replica read-only
ALTER TABLE product COMMENT 'for sale';
--> REJECT 1792 25006 cannot execute statement in a READ ONLY transaction; the transaction is alive

-- case: a local write in a READ ONLY transaction is the server's to refuse
-- transaction: queued read-only
INSERT INTO audit_log (message) VALUES ('hello');
--> SEND hz primary rule=local-table transaction=open

-- case: a read stays in the open READ ONLY transaction
-- transaction: open hz replica read-only
SELECT * FROM product;
--> SEND hz replica rule=transaction transaction=continue

-- case: a write of the same unit goes on
-- transaction: open hz primary touched
UPDATE orders SET amount = 3 WHERE user_id = 50;
--> SEND hz primary rule=owner key=50 shard=50 scopes=shard:main:50 transaction=continue

-- case: a write of another unit is refused and the transaction stays alive
-- transaction: open hz primary touched
UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> REJECT 1179 25000 the open transaction has written or locked in unit 'hz' and this statement belongs to unit 'bj' at epoch 7; the transaction is alive, COMMIT or ROLLBACK it first

-- case: a locking read of another unit is refused
-- transaction: open hz primary touched
SELECT * FROM orders WHERE user_id = 6000 FOR UPDATE;
--> REJECT 1179 25000 the open transaction has written or locked in unit 'hz' and this statement belongs to unit 'bj' at epoch 7; the transaction is alive, COMMIT or ROLLBACK it first

-- case: a plain read stays on the transaction's connection
-- transaction: open bj primary touched
SELECT * FROM orders WHERE user_id = 50;
--> SEND bj primary rule=transaction key=50 shard=50 transaction=continue

-- case: a global read stays on the transaction's connection
-- transaction: open bj primary touched
SELECT * FROM product;
--> SEND bj primary rule=transaction transaction=continue

-- case: a local read of this unit is refused in a transaction of another
-- transaction: open bj primary touched
SELECT * FROM audit_log;
--> REJECT 1179 25000 the open transaction has written or locked in unit 'bj' and this statement belongs to unit 'hz' at epoch 7; the transaction is alive, COMMIT or ROLLBACK it first

-- case: a local write of this unit is refused in a transaction of another
-- transaction: open bj primary touched
INSERT INTO audit_log (message) VALUES ('hello');
--> REJECT 1179 25000 the open transaction has written or locked in unit 'bj' and this statement belongs to unit 'hz' at epoch 7; the transaction is alive, COMMIT or ROLLBACK it first

-- case: a statement without tables stays on the transaction's connection
-- transaction: open bj primary touched
SELECT NOW();
--> SEND bj primary rule=transaction transaction=continue

-- case: a SET stays on the transaction's connection
-- transaction: open bj primary touched
SET @x = 5;
--> SEND bj primary rule=transaction transaction=continue

-- case: a transaction that only read moves to the owner
-- transaction: open hz primary
UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=rebind

-- case: a plain read does not move it
-- transaction: open hz primary
SELECT * FROM orders WHERE user_id = 6000;
--> SEND hz primary rule=transaction key=6000 shard=6000 transaction=continue

-- case: a local write moves it back to this unit
-- transaction: open bj primary
INSERT INTO audit_log (message) VALUES ('hello');
--> SEND hz primary rule=local-table transaction=rebind

-- case: a strong read moves it to the owner
-- transaction: open hz primary
/*meridian: level=strong*/ SELECT * FROM orders WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=rebind

-- case: a fixed transaction does not move
-- transaction: open hz primary fixed
UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> REJECT 1179 25000 the open transaction in unit 'hz' keeps a snapshot, SERIALIZABLE or savepoints and cannot be reopened in unit 'bj', where this statement belongs at epoch 7; the transaction is alive, COMMIT or ROLLBACK it first

-- case: a fixed transaction writes where it is
-- transaction: open hz primary fixed
UPDATE orders SET amount = 3 WHERE user_id = 50;
--> SEND hz primary rule=owner key=50 shard=50 scopes=shard:main:50 transaction=continue

-- case: COMMIT goes where the transaction is
-- transaction: open bj primary touched
COMMIT;
--> SEND bj primary rule=transaction transaction=continue

-- case: ROLLBACK goes where the transaction is
-- transaction: open bj primary touched
ROLLBACK;
--> SEND bj primary rule=transaction transaction=continue

-- case: COMMIT while its unit is forbidden goes through
-- snapshot: bj-forbidden-all
-- transaction: open bj primary touched
COMMIT;
--> SEND bj primary rule=transaction transaction=continue

-- case: a savepoint goes where the transaction is
-- transaction: open bj primary touched
SAVEPOINT a;
--> SEND bj primary rule=transaction transaction=continue

-- case: ROLLBACK TO goes where the transaction is
-- transaction: open bj primary touched
ROLLBACK TO SAVEPOINT a;
--> SEND bj primary rule=transaction transaction=continue

-- case: BEGIN in an open transaction goes there, because it commits
-- transaction: open bj primary touched
BEGIN;
--> SEND bj primary rule=transaction transaction=continue

-- case: DDL elsewhere is refused in a transaction that wrote
-- transaction: open bj primary touched
ALTER TABLE product COMMENT 'for sale';
--> REJECT 1179 25000 the open transaction has written or locked in unit 'bj' and this statement belongs to unit 'hz' at epoch 7; the transaction is alive, COMMIT or ROLLBACK it first

-- case: a read-write transaction left at a replica moves to a primary
-- transaction: open hz replica
SELECT * FROM product;
--> SEND hz primary rule=local-read transaction=rebind

-- case: SET autocommit is sent
SET autocommit = 0;
--> SEND hz primary rule=tableless transaction=autocommit
