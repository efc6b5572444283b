-- Writes of sharded tables: to the unit that owns the key, from whichever unit they come.
-- snapshot: two-units

-- case: an insert goes to its key's owner
INSERT INTO orders (user_id, item, amount) VALUES (6000, 'tea', 2);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: an insert of an own key stays
INSERT INTO orders (user_id, item, amount) VALUES (50, 'tea', 2);
--> SEND hz primary rule=owner key=50 shard=50 scopes=shard:main:50 transaction=autocommit

-- case: the same from the other unit
-- unit: bj
INSERT INTO orders (user_id, item, amount) VALUES (50, 'tea', 2);
--> SEND hz primary rule=owner key=50 shard=50 scopes=shard:main:50 transaction=autocommit

-- case: the last shard of hz
INSERT INTO orders (user_id, item, amount) VALUES (4999, 'tea', 1);
--> SEND hz primary rule=owner key=4999 shard=4999 scopes=shard:main:4999 transaction=autocommit

-- case: the first shard of bj
INSERT INTO orders (user_id, item, amount) VALUES (5000, 'tea', 1);
--> SEND bj primary rule=owner key=5000 shard=5000 scopes=shard:main:5000 transaction=autocommit

-- case: a key above the modulus
INSERT INTO orders (user_id, item, amount) VALUES (111123, 'tea', 1);
--> SEND hz primary rule=owner key=111123 shard=1123 scopes=shard:main:1123 transaction=autocommit

-- case: a key above the modulus of the other owner
INSERT INTO orders (user_id, item, amount) VALUES (16000, 'tea', 1);
--> SEND bj primary rule=owner key=16000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a negative key
INSERT INTO orders (user_id, item, amount) VALUES (-6000, 'tea', 1);
--> SEND bj primary rule=owner key=-6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: the key column is not the first
INSERT INTO orders (item, amount, user_id) VALUES ('tea', 2, 6000);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: no column list, so the catalog says which column it is
INSERT INTO orders VALUES (NULL, 6000, 'tea', 2, NULL);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: INSERT without INTO and with VALUE
INSERT orders (user_id, item, amount) VALUE (6000, 'tea', 2);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: INSERT SET
INSERT INTO orders SET user_id = 6000, item = 'tea', amount = 2;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: several rows of one owner in several shards
INSERT INTO orders (user_id, item, amount) VALUES (6000, 'tea', 1), (6001, 'rice', 1), (7000, 'salt', 1);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000,shard:main:6001,shard:main:7000 transaction=autocommit

-- case: several rows of one shard
INSERT INTO orders (user_id, item, amount) VALUES (6000, 'tea', 1), (16000, 'rice', 1);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: rows of two owners are refused whole
INSERT INTO orders (user_id, item, amount) VALUES (50, 'tea', 1), (6000, 'rice', 1);
--> REJECT 1105 HY000 one statement on 'orders' has keys of two owners at epoch 7: 50 belongs to unit 'hz', 6000 to unit 'bj'; nothing was sent, send one statement per owner

-- case: INSERT IGNORE
INSERT IGNORE INTO orders (user_id, item, amount) VALUES (6000, 'tea', 2);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: ON DUPLICATE KEY UPDATE
INSERT INTO orders (id, user_id, item, amount) VALUES (900001, 6000, 'tea', 2) ON DUPLICATE KEY UPDATE amount = amount + 1;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: ON DUPLICATE KEY UPDATE of the routing key is refused
INSERT INTO orders (id, user_id, item, amount) VALUES (900001, 6000, 'tea', 2) ON DUPLICATE KEY UPDATE user_id = 50;
--> REJECT 1235 42000 the routing key 'user_id' of sharded table 'orders' cannot be changed by UPDATE; insert the row under its new key and delete the old one

-- case: REPLACE
REPLACE INTO orders (id, user_id, item, amount) VALUES (900002, 6000, 'tea', 2);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: INSERT SELECT of the same key
INSERT INTO orders (user_id, item, amount) SELECT 6000, name, 1 FROM product WHERE id = 1;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: an insert without the key column is refused
INSERT INTO orders (item, amount) VALUES ('tea', 2);
--> REJECT 1105 HY000 the routing key 'user_id' of sharded table 'orders' cannot be read from this statement; name the column and give a plain value, or give /*meridian: key=…*/

-- case: an insert with a NULL key is refused
INSERT INTO orders (user_id, item, amount) VALUES (NULL, 'tea', 2);
--> REJECT 1105 HY000 a write of sharded table 'orders' has NULL in its routing key 'user_id', and NULL has no owner; give a value

-- case: an insert with a DEFAULT key is refused
INSERT INTO orders (user_id, item, amount) VALUES (DEFAULT, 'tea', 2);
--> REJECT 1105 HY000 the routing key 'user_id' of sharded table 'orders' cannot be read from this statement; name the column and give a plain value, or give /*meridian: key=…*/

-- case: an insert with a computed key is refused
INSERT INTO orders (user_id, item, amount) VALUES (6000 + 0, 'tea', 2);
--> REJECT 1105 HY000 the routing key 'user_id' of sharded table 'orders' cannot be read from this statement; name the column and give a plain value, or give /*meridian: key=…*/

-- case: an insert with a function as key is refused
INSERT INTO orders (user_id, item, amount) VALUES (FLOOR(RAND() * 100), 'tea', 2);
--> REJECT 1105 HY000 the routing key 'user_id' of sharded table 'orders' cannot be read from this statement; name the column and give a plain value, or give /*meridian: key=…*/

-- case: a string of digits is the number in a numeric column
INSERT INTO orders (user_id, item, amount) VALUES ('6000', 'tea', 2);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a fractional key is refused
INSERT INTO orders (user_id, item, amount) VALUES (6000.5, 'tea', 2);
--> REJECT 1105 HY000 a write of sharded table 'orders' has a routing key in 'user_id' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: RETURNING
INSERT INTO orders (user_id, item, amount) VALUES (6000, 'tea', 2) RETURNING id;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: an update by its key
UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: an update by key and more
UPDATE orders SET amount = 3 WHERE user_id = 6000 AND item = 'tea' AND amount < 9;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: an update by the key on the right
UPDATE orders SET amount = 3 WHERE 6000 = user_id;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: an update with parentheses
UPDATE orders SET amount = 3 WHERE (item = 'tea') AND ((user_id = 6000));
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: an update with IN of one owner
UPDATE orders SET amount = 3 WHERE user_id IN (6000, 6001);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000,shard:main:6001 transaction=autocommit

-- case: an update with IN of two owners is refused whole
UPDATE orders SET amount = 3 WHERE user_id IN (50, 6000);
--> REJECT 1105 HY000 one statement on 'orders' has keys of two owners at epoch 7: 50 belongs to unit 'hz', 6000 to unit 'bj'; nothing was sent, send one statement per owner

-- case: an update with an alias
UPDATE orders o SET o.amount = 3 WHERE o.user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: an update with a qualified name
UPDATE shop.orders SET amount = 3 WHERE shop.orders.user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: an update with quoted names
UPDATE `orders` SET `amount` = 3 WHERE `orders`.`user_id` = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: column names in capitals
UPDATE orders SET AMOUNT = 3 WHERE USER_ID = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: names in capitals, as servers that fold names read them
-- live: no, the demo's servers do not fold names
UPDATE ORDERS SET AMOUNT = 3 WHERE USER_ID = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: an update with ORDER BY and LIMIT
UPDATE orders SET amount = 3 WHERE user_id = 6000 ORDER BY id LIMIT 1;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: an update without a key is refused
UPDATE orders SET amount = 3 WHERE item = 'tea';
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: an update without WHERE is refused
UPDATE orders SET amount = 3;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: an OR beside the key is no key
UPDATE orders SET amount = 3 WHERE user_id = 6000 OR item = 'tea';
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: an OR of keys of one owner
UPDATE orders SET amount = 3 WHERE user_id = 6000 OR user_id = 6001;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000,shard:main:6001 transaction=autocommit

-- case: NOT turns a key into none
UPDATE orders SET amount = 3 WHERE NOT (user_id = 6000);
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: a range is no key
UPDATE orders SET amount = 3 WHERE user_id > 6000;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: BETWEEN is no key
UPDATE orders SET amount = 3 WHERE user_id BETWEEN 6000 AND 6001;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000,shard:main:6001 transaction=autocommit

-- case: an update of the routing key is refused
UPDATE orders SET user_id = 50 WHERE user_id = 6000;
--> REJECT 1235 42000 the routing key 'user_id' of sharded table 'orders' cannot be changed by UPDATE; insert the row under its new key and delete the old one

-- case: a NULL comparison writes no row and is refused
UPDATE orders SET amount = 3 WHERE user_id = NULL;
--> REJECT 1105 HY000 a write of sharded table 'orders' has NULL in its routing key 'user_id', and NULL has no owner; give a value

-- case: a delete by its key
DELETE FROM orders WHERE user_id = 6000 AND id = 900003;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a delete without a key is refused
DELETE FROM orders WHERE id = 900003;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: a delete with LIMIT
DELETE FROM orders WHERE user_id = 50 AND item = 'none' LIMIT 1;
--> SEND hz primary rule=owner key=50 shard=50 scopes=shard:main:50 transaction=autocommit

-- case: the word update in a literal changes nothing
INSERT INTO orders (user_id, item, amount) VALUES (6000, 'update orders set user_id = 50', 2);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: comments are not read
/* INSERT */ UPDATE orders /* WHERE user_id = 50 */ SET amount = 3 -- user_id = 50
WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a versioned comment is read
UPDATE orders SET amount = 3 WHERE user_id = 6000 /*!50000 AND item = 'tea' */;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a versioned comment with a key is read
UPDATE orders SET amount = 3 WHERE item = 'tea' /*!50000 AND user_id = 6000 */;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a versioned comment for later servers is not read
UPDATE orders SET amount = 3 WHERE item = 'tea' /*!999999 AND user_id = 6000 */;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: a locking read counts as a write
SELECT * FROM orders WHERE user_id = 6000 FOR UPDATE;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a shared lock counts as a write
SELECT * FROM orders WHERE user_id = 6000 LOCK IN SHARE MODE;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a locking read without a key is refused
SELECT * FROM orders WHERE item = 'tea' FOR UPDATE;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: SET STATEMENT of a harmless variable
SET STATEMENT max_statement_time = 10 FOR UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit
