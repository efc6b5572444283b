-- Keys of rows, ranges and subqueries.
-- snapshot: two-units-more

-- case: a row
UPDATE orders SET amount = 3 WHERE (user_id, id) = (6000, 1);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: rows
UPDATE orders SET amount = 3 WHERE (user_id, id) IN ((6000, 1), (6001, 2));
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000,shard:main:6001 transaction=autocommit

-- case: rows of two owners
UPDATE orders SET amount = 3 WHERE (user_id, id) IN ((6000, 1), (50, 2));
--> REJECT 1105 HY000 one statement on 'orders' has keys of two owners at epoch 7: 6000 belongs to unit 'bj', 50 to unit 'hz'; nothing was sent, send one statement per owner

-- case: a row with an expression
UPDATE orders SET amount = 3 WHERE (user_id, id) = (6000 + 0, 1);
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: a few keys in a row
UPDATE orders SET amount = 3 WHERE user_id BETWEEN 6000 AND 6003;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000,shard:main:6001,shard:main:6002,shard:main:6003 transaction=autocommit

-- case: keys of two owners in a row
UPDATE orders SET amount = 3 WHERE user_id BETWEEN 4998 AND 5001;
--> REJECT 1105 HY000 one statement on 'orders' has keys of two owners at epoch 7: 4998 belongs to unit 'hz', 5000 to unit 'bj'; nothing was sent, send one statement per owner

-- case: too many keys in a row
UPDATE orders SET amount = 3 WHERE user_id BETWEEN 6000 AND 6999;
--> REJECT 1105 HY000 a write of sharded table 'orders' has a routing key in 'user_id' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: two parameters
-- params: 6000 6001
UPDATE orders SET amount = 3 WHERE user_id BETWEEN ? AND ?;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000,shard:main:6001 transaction=autocommit

-- case: a key within a range
UPDATE orders SET amount = 3 WHERE user_id BETWEEN 0 AND 9999 AND user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: not in a range
UPDATE orders SET amount = 3 WHERE user_id NOT BETWEEN 6000 AND 6001;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: the keys of a subquery
DELETE FROM orders WHERE user_id IN (SELECT user_id FROM (SELECT 1) d JOIN orders o WHERE o.user_id = 6000);
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: the keys of a plain subquery
DELETE FROM orders WHERE user_id IN (SELECT o.user_id FROM orders o WHERE o.user_id = 6000);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a scalar subquery
DELETE FROM orders WHERE user_id = (SELECT 6000);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: an aggregate of keys
DELETE FROM orders WHERE user_id = (SELECT MAX(o.user_id) FROM orders o WHERE o.user_id = 6000);
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: the sharper of two
UPDATE orders SET amount = 3 WHERE user_id IN (50, 6000) AND user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: the key keeps its value
UPDATE orders SET user_id = user_id, amount = 3 WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: the key becomes what it is
UPDATE orders SET user_id = 6000 WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: the key becomes another column
UPDATE orders SET user_id = id WHERE user_id = 6000;
--> REJECT 1235 42000 the routing key 'user_id' of sharded table 'orders' cannot be changed by UPDATE; insert the row under its new key and delete the old one
