-- Policies of tables.
-- snapshot: refuse-wrong-unit

-- case: a write at the wrong unit is refused
UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> REJECT 1290 HY000 a write of 'orders' (key 6000) belongs to unit 'bj' at epoch 7, this is unit 'hz' and the table's policy does not forward; connect to 'bj'

-- case: a write at the right unit passes
-- unit: bj
UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a global write away from the master is refused
-- unit: bj
UPDATE product SET stock = 1 WHERE id = 1;
--> REJECT 1290 HY000 a write of 'product' belongs to unit 'hz' at epoch 7, this is unit 'bj' and the table's policy does not forward; connect to 'hz'

-- case: another global table is still forwarded
-- unit: bj
UPDATE account SET balance = 1 WHERE id = 1;
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: a read at the wrong unit passes
SELECT * FROM orders WHERE user_id = 6000;
--> SEND hz replica rule=local-read key=6000 shard=6000 transaction=autocommit

-- case: a strong read at the wrong unit passes
/*meridian: level=strong*/ SELECT * FROM orders WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a locking read at the wrong unit is refused
SELECT * FROM orders WHERE user_id = 6000 FOR UPDATE;
--> REJECT 1290 HY000 a write of 'orders' (key 6000) belongs to unit 'bj' at epoch 7, this is unit 'hz' and the table's policy does not forward; connect to 'bj'

-- case: reads by key go to the owner
-- snapshot: read-owner
SELECT * FROM orders WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: reads of the global table go to the master
-- snapshot: read-owner
-- unit: bj
SELECT * FROM product;
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: reads of the other global table stay
-- snapshot: read-owner
-- unit: bj
SELECT * FROM account;
--> SEND bj replica rule=local-read transaction=autocommit

-- case: owner reads without a key stay at this unit's primary
-- snapshot: read-owner
SELECT COUNT(*) FROM orders;
--> SEND hz primary rule=local-read transaction=autocommit

-- case: owner reads with keys of two owners stay at this unit's primary
-- snapshot: read-owner
SELECT * FROM orders WHERE user_id IN (50, 6000);
--> SEND hz primary rule=local-read key=50 shard=50 transaction=autocommit

-- case: a unit hint counts over the policy
-- snapshot: read-owner
/*meridian: unit=hz*/ SELECT * FROM orders WHERE user_id = 6000;
--> SEND hz primary rule=unit-hint key=6000 shard=6000 transaction=autocommit

-- case: owner reads stay in an open transaction
-- snapshot: read-owner
-- transaction: open hz primary touched
SELECT * FROM orders WHERE user_id = 6000;
--> SEND hz primary rule=transaction key=6000 shard=6000 transaction=continue

-- case: a read without a key is refused
-- snapshot: read-refuse
SELECT COUNT(*) FROM orders;
--> REJECT 1105 HY000 a read of sharded table 'orders' names no routing key and the table's policy wants one; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: a read with an unreadable key is refused
-- snapshot: read-refuse
SELECT * FROM orders WHERE user_id = 5999 + 1;
--> REJECT 1105 HY000 a read of sharded table 'orders' names no routing key and the table's policy wants one; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: a read with a key passes
-- snapshot: read-refuse
SELECT * FROM orders WHERE user_id = 6000;
--> SEND hz replica rule=local-read key=6000 shard=6000 transaction=autocommit

-- case: a read with keys of two owners passes
-- snapshot: read-refuse
SELECT * FROM orders WHERE user_id IN (50, 6000);
--> SEND hz replica rule=local-read key=50 shard=50 transaction=autocommit

-- case: a read of no row passes
-- snapshot: read-refuse
SELECT * FROM orders WHERE user_id = NULL;
--> SEND hz replica rule=local-read transaction=autocommit

-- case: a read with a key hint passes
-- snapshot: read-refuse
/*meridian: key=6000*/ SELECT COUNT(*) FROM orders;
--> SEND hz replica rule=local-read key=6000 shard=6000 transaction=autocommit

-- case: a global table needs no key
-- snapshot: read-refuse
SELECT COUNT(*) FROM product;
--> SEND hz replica rule=local-read transaction=autocommit

-- case: an owner of everything takes a strong read by key
-- snapshot: one-owner
/*meridian: level=strong*/ SELECT * FROM orders WHERE user_id = 50;
--> SEND bj primary rule=owner key=50 shard=50 scopes=shard:main:50 transaction=autocommit

-- case: an owner of everything takes a strong read without a key
-- snapshot: one-owner
/*meridian: level=strong*/ SELECT COUNT(*) FROM orders;
--> SEND bj primary rule=owner scopes=group:main transaction=autocommit

-- case: an owner of everything still wants keys in writes
-- snapshot: one-owner
UPDATE orders SET amount = 3;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: a read without a key goes to the master's unit
-- snapshot: read-master
-- unit: bj
SELECT COUNT(*) FROM orders;
--> SEND hz replica rule=master-read transaction=autocommit

-- case: a read with a key stays
-- snapshot: read-master
-- unit: bj
SELECT * FROM orders WHERE user_id = 50;
--> SEND bj replica rule=local-read key=50 shard=50 transaction=autocommit

-- case: a read of no row stays
-- snapshot: read-master
-- unit: bj
SELECT * FROM orders WHERE user_id = NULL;
--> SEND bj replica rule=local-read transaction=autocommit

-- case: a read without a key at the master's own unit
-- snapshot: read-master
SELECT COUNT(*) FROM orders;
--> SEND hz replica rule=local-read transaction=autocommit

-- case: a unit hint counts over it
-- snapshot: read-master
-- unit: bj
/*meridian: unit=bj*/ SELECT COUNT(*) FROM orders;
--> SEND bj replica rule=unit-hint transaction=autocommit

-- case: a global table is read here
-- snapshot: read-master
-- unit: bj
SELECT COUNT(*) FROM product;
--> SEND bj replica rule=local-read transaction=autocommit

-- case: in a transaction it is read where that is
-- snapshot: read-master
-- unit: bj
-- transaction: open bj primary touched
SELECT COUNT(*) FROM orders;
--> SEND bj primary rule=transaction transaction=continue

-- case: a transaction that begins with it opens at the master's unit
-- snapshot: read-master
-- unit: bj
-- transaction: queued
SELECT COUNT(*) FROM orders;
--> SEND hz primary rule=master-read transaction=open
