-- A group's bound of lag: what is beyond it takes no writes, and what was not measured is beyond (C6, C7).
-- snapshot: lag-bound

-- case: a write
UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> REJECT 1290 HY000 writes owned by unit 'bj' in group 'main' are blocked (key 6000) at epoch 7: unit 'hz' does not tell how far it is behind, and may be at most 5 s behind; nothing was sent, try again when replication has caught up

-- case: an insert
INSERT INTO orders (user_id, item, amount) VALUES (50, 'tea', 1);
--> REJECT 1290 HY000 writes owned by unit 'hz' in group 'main' are blocked (key 50) at epoch 7: unit 'bj' does not tell how far it is behind, and may be at most 5 s behind; nothing was sent, try again when replication has caught up

-- case: a locking read
SELECT * FROM orders WHERE user_id = 6000 FOR UPDATE;
--> REJECT 1290 HY000 writes owned by unit 'bj' in group 'main' are blocked (key 6000) at epoch 7: unit 'hz' does not tell how far it is behind, and may be at most 5 s behind; nothing was sent, try again when replication has caught up

-- case: a write of a global table
UPDATE product SET stock = 1 WHERE id = 1;
--> REJECT 1290 HY000 writes owned by unit 'hz' in group 'main' are blocked at epoch 7: unit 'bj' does not tell how far it is behind, and may be at most 5 s behind; nothing was sent, try again when replication has caught up

-- case: DDL writes in every scope
ALTER TABLE orders ADD COLUMN memo VARCHAR(20);
--> REJECT 1290 HY000 writes owned by unit 'hz' in group 'main' are blocked at epoch 7: unit 'bj' does not tell how far it is behind, and may be at most 5 s behind; nothing was sent, try again when replication has caught up

-- case: a read works
SELECT * FROM orders WHERE user_id = 6000;
--> SEND hz replica rule=local-read key=6000 shard=6000 transaction=autocommit

-- case: a strong read works
/*meridian: level=strong*/ SELECT * FROM orders WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a local table is not concerned
INSERT INTO audit_log (message) VALUES ('x');
--> SEND hz primary rule=local-table transaction=autocommit

-- case: a transaction that has written may end
-- transaction: open bj primary touched
COMMIT;
--> SEND bj primary rule=transaction transaction=continue
