-- Views that are declared by a rule of their own name (`[[group.table]] name = "purchases"`).
-- snapshot: views

-- case: a write through it has a key
UPDATE purchases SET item = 'tea' WHERE buyer = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: an insert through it
INSERT INTO purchases (buyer, item) VALUES (50, 'tea');
--> SEND hz primary rule=owner key=50 shard=50 scopes=shard:main:50 transaction=autocommit

-- case: a strong read of it
SELECT /*meridian: level=strong*/ * FROM purchases WHERE buyer = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: joined with its table
SELECT /*meridian: level=strong*/ * FROM purchases p JOIN orders o ON o.user_id = p.buyer WHERE p.buyer = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: without its key
DELETE FROM purchases WHERE item = 'tea';
--> REJECT 1105 HY000 a write of sharded table 'purchases' names no routing key; restrict 'buyer' to a value or give /*meridian: key=…*/

-- case: one over two tables is not believed, since the key need not restrict both
UPDATE baskets SET sku = 'x' WHERE buyer = 6000;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: nor one whose rule has another key type than its table
UPDATE mistaken SET item = 'tea' WHERE buyer = 6000;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: nor one that only a pattern covers
UPDATE list_all SET item = 'tea' WHERE buyer = 6000;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/
