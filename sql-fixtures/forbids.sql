-- Forbids: what a forbidden unit owns is refused at every node.
-- snapshot: bj-forbidden-writes

-- case: a write is refused at the owner
-- unit: bj
UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> REJECT 1290 HY000 writes owned by unit 'bj' are forbidden (key 6000) at epoch 8 (drill 7); wait until an operator allows them

-- case: a write is refused at the other unit
UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> REJECT 1290 HY000 writes owned by unit 'bj' are forbidden (key 6000) at epoch 8 (drill 7); wait until an operator allows them

-- case: an insert is refused
INSERT INTO orders (user_id, item, amount) VALUES (6000, 'tea', 1);
--> REJECT 1290 HY000 writes owned by unit 'bj' are forbidden (key 6000) at epoch 8 (drill 7); wait until an operator allows them

-- case: a locking read is refused
SELECT * FROM orders WHERE user_id = 6000 FOR UPDATE;
--> REJECT 1290 HY000 writes owned by unit 'bj' are forbidden (key 6000) at epoch 8 (drill 7); wait until an operator allows them

-- case: a read works
-- unit: bj
SELECT * FROM orders WHERE user_id = 6000;
--> SEND bj replica rule=local-read key=6000 shard=6000 transaction=autocommit

-- case: a strong read works
/*meridian: level=strong*/ SELECT * FROM orders WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: the other unit's keys work
-- unit: bj
UPDATE orders SET amount = 3 WHERE user_id = 50;
--> SEND hz primary rule=owner key=50 shard=50 scopes=shard:main:50 transaction=autocommit

-- case: the Global Zone of the other unit works
-- unit: bj
UPDATE product SET stock = 1 WHERE id = 1;
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: DDL writes in every scope and is refused
ALTER TABLE orders COMMENT 'sharded';
--> REJECT 1290 HY000 writes owned by unit 'bj' are forbidden at epoch 8 (drill 7); wait until an operator allows them

-- case: in an open transaction too
-- transaction: open bj primary touched
UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> REJECT 1290 HY000 writes owned by unit 'bj' are forbidden (key 6000) at epoch 8 (drill 7); wait until an operator allows them

-- case: updates forbidden, INSERT passes
-- snapshot: bj-forbidden-updates
INSERT INTO orders (user_id, item, amount) VALUES (6000, 'tea', 1);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: updates forbidden, UPDATE does not pass
-- snapshot: bj-forbidden-updates
UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> REJECT 1290 HY000 updates owned by unit 'bj' are forbidden (key 6000) at epoch 8 (drill 7); wait until an operator allows them

-- case: updates forbidden, DELETE does not pass
-- snapshot: bj-forbidden-updates
DELETE FROM orders WHERE user_id = 6000;
--> REJECT 1290 HY000 updates owned by unit 'bj' are forbidden (key 6000) at epoch 8 (drill 7); wait until an operator allows them

-- case: updates forbidden, REPLACE does not pass
-- snapshot: bj-forbidden-updates
REPLACE INTO orders (id, user_id, item, amount) VALUES (1, 6000, 'tea', 1);
--> REJECT 1290 HY000 updates owned by unit 'bj' are forbidden (key 6000) at epoch 8 (drill 7); wait until an operator allows them

-- case: updates forbidden, ON DUPLICATE KEY UPDATE does not pass
-- snapshot: bj-forbidden-updates
INSERT INTO orders (id, user_id, item, amount) VALUES (1, 6000, 'tea', 1) ON DUPLICATE KEY UPDATE amount = 2;
--> REJECT 1290 HY000 updates owned by unit 'bj' are forbidden (key 6000) at epoch 8 (drill 7); wait until an operator allows them

-- case: updates forbidden, INSERT IGNORE passes
-- snapshot: bj-forbidden-updates
INSERT IGNORE INTO orders (user_id, item, amount) VALUES (6000, 'tea', 1);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: updates forbidden, a locking read may call what writes and does not pass
-- snapshot: bj-forbidden-updates
SELECT * FROM orders WHERE user_id = 6000 FOR UPDATE;
--> REJECT 1290 HY000 updates owned by unit 'bj' are forbidden (key 6000) at epoch 8 (drill 7); wait until an operator allows them

-- case: all forbidden, a read is refused too
-- snapshot: bj-forbidden-all
-- unit: bj
SELECT * FROM orders WHERE user_id = 6000;
--> REJECT 1290 HY000 all statements on data owned by unit 'bj' are forbidden (key 6000) at epoch 8 (drill 7); wait until an operator allows them

-- case: all forbidden, a read without a key touches it
-- snapshot: bj-forbidden-all
SELECT COUNT(*) FROM orders;
--> REJECT 1290 HY000 all statements on data owned by unit 'bj' are forbidden at epoch 8 (drill 7); wait until an operator allows them

-- case: all forbidden, a read of the other unit's key works
-- snapshot: bj-forbidden-all
-- unit: bj
SELECT * FROM orders WHERE user_id = 50;
--> SEND bj replica rule=local-read key=50 shard=50 transaction=autocommit

-- case: all forbidden, the Global Zone of the other unit works
-- snapshot: bj-forbidden-all
-- unit: bj
SELECT * FROM product;
--> SEND bj replica rule=local-read transaction=autocommit

-- case: all forbidden, a statement without tables works
-- snapshot: bj-forbidden-all
-- unit: bj
SELECT 1;
--> SEND bj primary rule=tableless transaction=autocommit

-- case: the Global Zone of a forbidden master is refused
-- snapshot: hz-forbidden
-- unit: bj
UPDATE product SET stock = 1 WHERE id = 1;
--> REJECT 1290 HY000 writes owned by unit 'hz' are forbidden at epoch 9 (power work); wait until an operator allows them

-- case: a forbidden master does not hinder the other unit's keys
-- snapshot: hz-forbidden
UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: rows of both owners name the split, not the forbid
-- snapshot: hz-forbidden
INSERT INTO orders (user_id, item, amount) VALUES (50, 'tea', 1), (6000, 'rice', 1);
--> REJECT 1105 HY000 one statement on 'orders' has keys of two owners at epoch 9: 50 belongs to unit 'hz', 6000 to unit 'bj'; nothing was sent, send one statement per owner
