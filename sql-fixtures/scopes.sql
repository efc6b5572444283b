-- Scopes that move or are forbidden one by one: a range, a key, a Global Zone, a group.
-- snapshot: bj-moving

-- case: a write of a moving shard waits
UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> HOLD move=8 then SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: from either unit
-- unit: bj
INSERT INTO orders (user_id, item, amount) VALUES (16000, 'tea', 1);
--> HOLD move=8 then SEND bj primary rule=owner key=16000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a locking read waits
SELECT * FROM orders WHERE user_id = 6999 FOR UPDATE;
--> HOLD move=8 then SEND bj primary rule=owner key=6999 shard=6999 scopes=shard:main:6999 transaction=autocommit

-- case: a strong read waits, as a write does
/*meridian: level=strong*/ SELECT * FROM orders WHERE user_id = 6000;
--> HOLD move=8 then SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a read of this unit's copy does not
SELECT * FROM orders WHERE user_id = 6000;
--> SEND hz replica rule=local-read key=6000 shard=6000 transaction=autocommit

-- case: the shard beside it does not
UPDATE orders SET amount = 3 WHERE user_id = 7000;
--> SEND bj primary rule=owner key=7000 shard=7000 scopes=shard:main:7000 transaction=autocommit

-- case: nor a local table
INSERT INTO audit_log (message) VALUES ('x');
--> SEND hz primary rule=local-table transaction=autocommit

-- case: a global write waits for the switch
-- unit: bj
UPDATE product SET stock = 1 WHERE id = 1;
--> HOLD move=9 then SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: DDL writes in every scope and waits
ALTER TABLE orders ADD COLUMN more INT;
--> HOLD move=8 then SEND hz primary rule=schema-unit scopes=group:main transaction=autocommit

-- case: the first statement of a transaction waits
-- transaction: queued
UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> HOLD move=8 then SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=open

-- case: the first write of a transaction that has only read waits
-- transaction: open bj primary
UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> HOLD move=8 then SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=continue

-- case: a transaction that has written there goes on
-- transaction: open bj primary touched
-- written: 6001
UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=continue

-- case: one that has written elsewhere cannot wait
-- transaction: open bj primary touched
-- written: 7000
UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> REJECT 1205 HY000 shards 6000-6999 move from unit 'bj' to unit 'hz' at epoch 9, and this transaction has not written there before; the transaction is alive, roll it back and try again

-- case: nor one that must not be reopened elsewhere
-- transaction: open bj primary fixed
UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> REJECT 1205 HY000 shards 6000-6999 move from unit 'bj' to unit 'hz' at epoch 9, and this transaction has not written there before; the transaction is alive, roll it back and try again

-- case: a COMMIT is never held
-- transaction: open bj primary touched
-- written: 6000
COMMIT;
--> SEND bj primary rule=transaction transaction=continue

-- case: a write in a forbidden range is refused
-- snapshot: scopes-forbidden
UPDATE orders SET amount = 3 WHERE user_id = 2499;
--> REJECT 1290 HY000 writes of shards 2000-2999 are forbidden (key 2499) at epoch 9 (drill 2); wait until an operator allows them

-- case: its ends belong to it
-- snapshot: scopes-forbidden
DELETE FROM orders WHERE user_id = 2999;
--> REJECT 1290 HY000 writes of shards 2000-2999 are forbidden (key 2999) at epoch 9 (drill 2); wait until an operator allows them

-- case: its neighbours do not
-- snapshot: scopes-forbidden
UPDATE orders SET amount = 3 WHERE user_id = 3000;
--> SEND hz primary rule=owner key=3000 shard=3000 scopes=shard:main:3000 transaction=autocommit

-- case: reads of it work
-- snapshot: scopes-forbidden
SELECT * FROM orders WHERE user_id = 2499;
--> SEND hz replica rule=local-read key=2499 shard=2499 transaction=autocommit

-- case: one of several keys in the range is enough
-- snapshot: scopes-forbidden
DELETE FROM orders WHERE user_id IN (1, 2000);
--> REJECT 1290 HY000 writes of shards 2000-2999 are forbidden (key 1) at epoch 9 (drill 2); wait until an operator allows them

-- case: all statements on a forbidden key are refused
-- snapshot: scopes-forbidden
SELECT * FROM orders WHERE user_id = 6000;
--> REJECT 1290 HY000 all statements on data of key 6000 are forbidden (key 6000) at epoch 9 (one user); wait until an operator allows them

-- case: however the key is written
-- snapshot: scopes-forbidden
SELECT * FROM orders WHERE user_id = '6000';
--> REJECT 1290 HY000 all statements on data of key 6000 are forbidden (key 6000) at epoch 9 (one user); wait until an operator allows them

-- case: also among others
-- snapshot: scopes-forbidden
-- unit: bj
SELECT * FROM orders WHERE user_id IN (5000, 6000);
--> REJECT 1290 HY000 all statements on data of key 6000 are forbidden (key 5000) at epoch 9 (one user); wait until an operator allows them

-- case: also by a hint
-- snapshot: scopes-forbidden
/*meridian: key=6000*/ UPDATE orders SET amount = 3;
--> REJECT 1290 HY000 all statements on data of key 6000 are forbidden (key 6000) at epoch 9 (one user); wait until an operator allows them

-- case: another key of its shard works
-- snapshot: scopes-forbidden
UPDATE orders SET amount = 3 WHERE user_id = 16000;
--> SEND bj primary rule=owner key=16000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a read that names no key may read it and is refused
-- snapshot: scopes-forbidden
SELECT COUNT(*) FROM orders;
--> REJECT 1290 HY000 all statements on data of key 6000 are forbidden at epoch 9 (one user); wait until an operator allows them

-- case: updates of the Global Zone are refused
-- snapshot: scopes-forbidden
UPDATE product SET stock = 1 WHERE id = 1;
--> REJECT 1290 HY000 updates of the tables of the Global Zone are forbidden at epoch 9 (stock count); wait until an operator allows them

-- case: inserts into it are not
-- snapshot: scopes-forbidden
INSERT INTO product (name, price, stock) VALUES ('tea', 1, 1);
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: DDL touches all of them
-- snapshot: scopes-forbidden
ALTER TABLE product ADD COLUMN more INT;
--> REJECT 1290 HY000 writes of shards 2000-2999 are forbidden at epoch 9 (drill 2); wait until an operator allows them

-- case: every write of a forbidden group is refused
-- snapshot: group-forbidden
UPDATE orders SET amount = 3 WHERE user_id = 50;
--> REJECT 1290 HY000 writes of group 'main' are forbidden (key 50) at epoch 9 (upgrade); wait until an operator allows them

-- case: its global tables too
-- snapshot: group-forbidden
INSERT INTO product (name, price, stock) VALUES ('tea', 1, 1);
--> REJECT 1290 HY000 writes of group 'main' are forbidden at epoch 9 (upgrade); wait until an operator allows them

-- case: reads of the group work
-- snapshot: group-forbidden
SELECT * FROM orders WHERE user_id = 50;
--> SEND hz replica rule=local-read key=50 shard=50 transaction=autocommit

-- case: local tables of the group work
-- snapshot: group-forbidden
INSERT INTO audit_log (message) VALUES ('x');
--> SEND hz primary rule=local-table transaction=autocommit
