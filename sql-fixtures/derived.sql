-- Keys through derived tables, WITH, UNION, subqueries that look around them, and pairs of bounds.
-- snapshot: two-units

-- case: a key within a derived table restricts what is joined to it
UPDATE orders o JOIN (SELECT user_id FROM orders WHERE user_id = 6000) t ON o.user_id = t.user_id SET o.amount = 3;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a key within a derived table's star
SELECT o.id FROM (SELECT * FROM orders WHERE user_id = 6000) t JOIN orders o USING (user_id);
--> SEND hz replica rule=local-read key=6000 shard=6000 transaction=autocommit

-- case: a key behind a derived table, for a strong read
/*meridian: level=strong*/ SELECT * FROM (SELECT id, user_id FROM orders) t WHERE t.user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a key behind a derived table that counts rows, for a strong read
/*meridian: level=strong*/ SELECT * FROM (SELECT user_id, COUNT(*) FROM orders GROUP BY user_id) t WHERE t.user_id = 6000;
--> REJECT 1105 HY000 a read of 'orders' at level strong needs a routing key, because several units own its shards; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: a key behind a derived table does not restrict what is locked in it
SELECT * FROM (SELECT id, user_id FROM orders) t WHERE t.user_id = 6000 FOR UPDATE;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: a key in a WITH, for a strong read
/*meridian: level=strong*/ WITH t AS (SELECT * FROM orders WHERE user_id = 6000) SELECT COUNT(*) FROM t;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a key behind a WITH, for a strong read
/*meridian: level=strong*/ WITH t (i, u) AS (SELECT id, user_id FROM orders) SELECT i FROM t WHERE u = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a WITH of keys of another owner
/*meridian: level=strong*/ WITH t AS (SELECT * FROM orders WHERE user_id = 50) SELECT * FROM t JOIN orders o ON o.id = t.id WHERE o.user_id = 6000;
--> REJECT 1105 HY000 one statement on 'orders' has keys of two owners at epoch 7: 50 belongs to unit 'hz', 6000 to unit 'bj'; nothing was sent, send one statement per owner

-- case: an INSERT from a UNION of one owner
INSERT INTO orders (user_id, item) SELECT user_id, item FROM orders WHERE user_id = 6000 AND item = 'none' UNION SELECT 6001, 'tea';
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000,shard:main:6001 transaction=autocommit

-- case: an INSERT from a UNION of two owners
INSERT INTO orders (user_id, item) SELECT user_id, item FROM orders WHERE user_id = 6000 UNION SELECT 50, 'tea';
--> REJECT 1105 HY000 one statement on 'orders' has keys of two owners at epoch 7: 6000 belongs to unit 'bj', 50 to unit 'hz'; nothing was sent, send one statement per owner

-- case: an INSERT from a UNION whose other part has no key
INSERT INTO orders (user_id, item) SELECT 6000, 'tea' UNION SELECT user_id, item FROM orders WHERE amount = 1;
--> REJECT 1105 HY000 the routing key 'user_id' of sharded table 'orders' cannot be read from this statement; name the column and give a plain value, or give /*meridian: key=…*/

-- case: an INSERT from groups with a row of their sum
INSERT INTO orders (user_id, amount) SELECT user_id, COUNT(*) FROM orders WHERE user_id = 6000 GROUP BY user_id WITH ROLLUP;
--> REJECT 1105 HY000 the routing key 'user_id' of sharded table 'orders' cannot be read from this statement; name the column and give a plain value, or give /*meridian: key=…*/

-- case: a subquery has the key of the rows around it
DELETE FROM orders WHERE user_id = 6000 AND item = 'none' AND EXISTS (SELECT 1 FROM orders o WHERE o.user_id = orders.user_id AND o.amount = 9);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a subquery without it
DELETE FROM orders WHERE user_id = 6000 AND EXISTS (SELECT 1 FROM orders o WHERE o.id = orders.id);
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: two bounds
UPDATE orders SET amount = 3 WHERE user_id >= 6000 AND user_id < 6003;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000,shard:main:6001,shard:main:6002,shard:main:6003 transaction=autocommit

-- case: one bound
UPDATE orders SET amount = 3 WHERE user_id >= 6000;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: TRUE is one
UPDATE orders SET amount = 3 WHERE user_id = TRUE;
--> SEND hz primary rule=owner key=1 shard=1 scopes=shard:main:1 transaction=autocommit

-- case: a hexadecimal number
UPDATE orders SET amount = 3 WHERE user_id = 0x1770;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: bits are not followed
UPDATE orders SET amount = 3 WHERE user_id = b'1011101110000';
--> REJECT 1105 HY000 a write of sharded table 'orders' has a routing key in 'user_id' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/
