-- Prepared statements: decided at each execution, by the parameters bound to it.
-- snapshot: two-units

-- case: a parameter is the key
-- params: 6000
UPDATE orders SET amount = 3 WHERE user_id = ?;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: another execution, another owner
-- params: 50
UPDATE orders SET amount = 3 WHERE user_id = ?;
--> SEND hz primary rule=owner key=50 shard=50 scopes=shard:main:50 transaction=autocommit

-- case: the key is not the first parameter
-- params: 3 6000
UPDATE orders SET amount = ? WHERE user_id = ?;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: an insert
-- params: 6000 'tea' 2
INSERT INTO orders (user_id, item, amount) VALUES (?, ?, ?);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: rows of one owner
-- params: 6000 'tea' 6001 'rice'
INSERT INTO orders (user_id, item, amount) VALUES (?, ?, 1), (?, ?, 1);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000,shard:main:6001 transaction=autocommit

-- case: rows of two owners
-- params: 50 'tea' 6000 'rice'
INSERT INTO orders (user_id, item, amount) VALUES (?, ?, 1), (?, ?, 1);
--> REJECT 1105 HY000 one statement on 'orders' has keys of two owners at epoch 7: 50 belongs to unit 'hz', 6000 to unit 'bj'; nothing was sent, send one statement per owner

-- case: a NULL parameter as key
-- params: NULL 'tea'
INSERT INTO orders (user_id, item, amount) VALUES (?, ?, 1);
--> REJECT 1105 HY000 a write of sharded table 'orders' has NULL in its routing key 'user_id', and NULL has no owner; give a value

-- case: a text parameter for a numeric column
-- params: '6000'
UPDATE orders SET amount = 3 WHERE user_id = ?;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a fractional parameter as key
-- params: 6000.5
UPDATE orders SET amount = 3 WHERE user_id = ?;
--> REJECT 1105 HY000 a write of sharded table 'orders' has a routing key in 'user_id' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: IN of parameters
-- params: 6000 6001
UPDATE orders SET amount = 3 WHERE user_id IN (?, ?);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000,shard:main:6001 transaction=autocommit

-- case: a literal and a parameter of one owner
-- params: 6001
UPDATE orders SET amount = 3 WHERE user_id IN (6000, ?);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000,shard:main:6001 transaction=autocommit

-- case: a read
-- params: 6000
SELECT * FROM orders WHERE user_id = ?;
--> SEND hz replica rule=local-read key=6000 shard=6000 transaction=autocommit

-- case: executed after the cut
-- snapshot: bj-forbidden-writes
-- params: 6000
UPDATE orders SET amount = 3 WHERE user_id = ?;
--> REJECT 1290 HY000 writes owned by unit 'bj' are forbidden (key 6000) at epoch 8 (drill 7); wait until an operator allows them

-- case: a write before its parameters are known is refused
UPDATE orders SET amount = 3 WHERE user_id = ?;
--> REJECT 1105 HY000 a write of sharded table 'orders' has a routing key in 'user_id' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: LIMIT takes a parameter that is no key
-- params: 6000 1
SELECT * FROM orders WHERE user_id = ? LIMIT ?;
--> SEND hz replica rule=local-read key=6000 shard=6000 transaction=autocommit
