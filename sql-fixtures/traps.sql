-- Statements that look keyed and are not, or look unkeyed and are.
-- snapshot: two-units-more

-- case: a comparison of a comparison is no key
UPDATE orders SET amount = 3 WHERE user_id = 6000 = 0;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: IS FALSE turns the key into all others
UPDATE orders SET amount = 3 WHERE user_id = 6000 IS FALSE;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: IS NOT TRUE in parentheses
UPDATE orders SET amount = 3 WHERE (user_id = 6000) IS NOT TRUE;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: IN behind a comparison
UPDATE orders SET amount = 3 WHERE user_id = 6000 IN (0);
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: a comparison behind IN
UPDATE orders SET amount = 3 WHERE user_id IN (6000) = 0;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: NOT without parentheses
UPDATE orders SET amount = 3 WHERE NOT user_id = 6000;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: an exclamation mark
UPDATE orders SET amount = 3 WHERE !(user_id = 6000);
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: NOT IN
UPDATE orders SET amount = 3 WHERE user_id NOT IN (6000);
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: unequal
UPDATE orders SET amount = 3 WHERE user_id <> 6000;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: arithmetic behind the value
UPDATE orders SET amount = 3 WHERE user_id = 6000 + 1;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: bits behind the value
UPDATE orders SET amount = 3 WHERE user_id = 6000 | 1;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: arithmetic before the column
UPDATE orders SET amount = 3 WHERE 1 + user_id = 6000;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: a function of the column
UPDATE orders SET amount = 3 WHERE ABS(user_id) = 6000;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: XOR
UPDATE orders SET amount = 3 WHERE user_id = 6000 XOR item = 'tea';
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: two bars are OR
UPDATE orders SET amount = 3 WHERE user_id = 6000 || item = 'tea';
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: two ampersands are AND
UPDATE orders SET amount = 3 WHERE user_id = 6000 && item = 'tea';
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: AND binds before OR
UPDATE orders SET amount = 3 WHERE user_id = 6000 AND item = 'tea' OR amount = 1;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: OR TRUE
UPDATE orders SET amount = 3 WHERE user_id = 6000 OR TRUE;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: an executable comment adds OR
UPDATE orders SET amount = 3 WHERE user_id = 6000 /*!OR TRUE*/;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: the NULL-safe comparison
UPDATE orders SET amount = 3 WHERE user_id <=> 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: IS NULL
UPDATE orders SET amount = 3 WHERE user_id IS NULL;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: two different keys at once match no row
UPDATE orders SET amount = 3 WHERE user_id = 6000 AND user_id = 50;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: NULL among keys
UPDATE orders SET amount = 3 WHERE user_id IN (6000, NULL);
--> REJECT 1105 HY000 a write of sharded table 'orders' has NULL in its routing key 'user_id', and NULL has no owner; give a value

-- case: a column among keys
UPDATE orders SET amount = 3 WHERE user_id IN (6000, amount);
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: an exponent
UPDATE orders SET amount = 3 WHERE user_id = 6e3;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a whole decimal
UPDATE orders SET amount = 3 WHERE user_id = 6000.0;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a string with a tail
UPDATE orders SET amount = 3 WHERE user_id = '6000abc';
--> REJECT 1105 HY000 a write of sharded table 'orders' has a routing key in 'user_id' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: a string with a blank
UPDATE orders SET amount = 3 WHERE user_id = ' 6000';
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: TRUE is one
UPDATE orders SET amount = 3 WHERE user_id = TRUE;
--> SEND hz primary rule=owner key=1 shard=1 scopes=shard:main:1 transaction=autocommit

-- case: a user variable
UPDATE orders SET amount = 3 WHERE user_id = @u;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: a subquery as value
UPDATE orders SET amount = 3 WHERE user_id = (SELECT 6000);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a subquery as list
UPDATE orders SET amount = 3 WHERE user_id IN (SELECT id FROM product);
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: a row
UPDATE orders SET amount = 3 WHERE (user_id, id) = (6000, 1);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: rows in a list
UPDATE orders SET amount = 3 WHERE (user_id, id) IN ((6000, 1), (6001, 2));
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000,shard:main:6001 transaction=autocommit

-- case: a key too large for any integer type
UPDATE orders SET amount = 3 WHERE user_id = 99999999999999999999999999999999999999999999;
--> REJECT 1105 HY000 a write of sharded table 'orders' has a routing key in 'user_id' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: the key of another table of that column name
UPDATE orders o JOIN order_items i ON i.order_id = o.id SET o.amount = 3 WHERE i.user_id = 6000;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: the key of another alias of the same table
UPDATE orders o JOIN orders q ON q.id = o.id SET o.amount = 3 WHERE q.user_id = 6000;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: an unqualified key where two tables have it
UPDATE orders o JOIN order_items i ON i.order_id = o.id SET o.amount = 3 WHERE user_id = 6000;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: a key in the subquery only
DELETE FROM orders WHERE id IN (SELECT order_id FROM order_items WHERE user_id = 6000);
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: a key in a subquery of a keyed write for another owner
UPDATE orders SET amount = 3 WHERE user_id = 6000 AND id IN (SELECT order_id FROM order_items WHERE user_id = 50);
--> REJECT 1105 HY000 one statement on 'orders' has keys of two owners at epoch 7: 6000 belongs to unit 'bj', 50 to unit 'hz'; nothing was sent, send one statement per owner

-- case: a key in an outer join's condition restricts nothing
DELETE o FROM orders o LEFT JOIN product p ON p.id = o.id AND o.user_id = 6000;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: USING
DELETE FROM o USING orders o JOIN product p ON p.name = o.item WHERE o.user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: two tables without JOIN
UPDATE orders o, product p SET o.amount = p.price WHERE o.user_id = 6000 AND p.name = o.item;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: the key column assigned its own value
UPDATE orders SET user_id = 6000, amount = 3 WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: the key column assigned itself
UPDATE orders SET user_id = user_id WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: UPDATE IGNORE
UPDATE LOW_PRIORITY IGNORE orders SET amount = 3 WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a row with DEFAULT among rows
INSERT INTO orders (user_id, item, amount) VALUES (6000, 'tea', 1), (DEFAULT, 'rice', 1);
--> REJECT 1105 HY000 the routing key 'user_id' of sharded table 'orders' cannot be read from this statement; name the column and give a plain value, or give /*meridian: key=…*/

-- case: rows of unequal length
INSERT INTO orders (user_id, item, amount) VALUES (6000, 'tea', 1), (50, 'rice');
--> REJECT 1105 HY000 one statement on 'orders' has keys of two owners at epoch 7: 6000 belongs to unit 'bj', 50 to unit 'hz'; nothing was sent, send one statement per owner

-- case: INSERT SELECT with UNION
INSERT INTO orders (user_id, item, amount) SELECT 6000, 'tea', 1 UNION ALL SELECT 50, 'rice', 1;
--> REJECT 1105 HY000 one statement on 'orders' has keys of two owners at epoch 7: 6000 belongs to unit 'bj', 50 to unit 'hz'; nothing was sent, send one statement per owner

-- case: INSERT SELECT with the columns in another order
INSERT INTO orders (item, user_id, amount) SELECT 6000, name, 1 FROM product WHERE id = 1;
--> REJECT 1105 HY000 the routing key 'user_id' of sharded table 'orders' cannot be read from this statement; name the column and give a plain value, or give /*meridian: key=…*/

-- case: INSERT SELECT that copies a user's rows
INSERT INTO orders (user_id, item, amount) SELECT user_id, item, 1 FROM orders WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: INSERT SELECT that copies a user's rows to another user
INSERT INTO orders (user_id, item, amount) SELECT 50, item, 1 FROM orders WHERE user_id = 6000;
--> REJECT 1105 HY000 one statement on 'orders' has keys of two owners at epoch 7: 6000 belongs to unit 'bj', 50 to unit 'hz'; nothing was sent, send one statement per owner

-- case: INSERT SELECT without a column list
INSERT INTO order_items SELECT id, user_id, id, item FROM orders WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: INSERT TABLE
-- snapshot: mysql
INSERT INTO orders TABLE orders;
--> REJECT 1235 42000 this statement names managed table 'orders' and cannot be analysed; write it in a simpler form or give /*meridian: key=…*/

-- case: VALUES ROW
-- snapshot: mysql
INSERT INTO orders (user_id, item, amount) VALUES ROW(6000, 'tea', 1), ROW(50, 'rice', 1);
--> REJECT 1105 HY000 one statement on 'orders' has keys of two owners at epoch 7: 6000 belongs to unit 'bj', 50 to unit 'hz'; nothing was sent, send one statement per owner

-- case: a row alias
-- snapshot: mysql
INSERT INTO orders (id, user_id, item, amount) VALUES (1, 6000, 'tea', 1) AS new ON DUPLICATE KEY UPDATE amount = new.amount;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: WITH before UPDATE
-- snapshot: mysql
WITH p AS (SELECT id FROM product) UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: WITH before DELETE without a key
-- snapshot: mysql
WITH p AS (SELECT id FROM product) DELETE FROM orders WHERE id IN (SELECT id FROM p);
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: FOR SHARE
-- snapshot: mysql
SELECT * FROM orders WHERE user_id = 6000 FOR SHARE;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: FOR UPDATE NOWAIT
SELECT * FROM orders WHERE user_id = 6000 FOR UPDATE NOWAIT;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: FOR UPDATE in a derived table
SELECT * FROM (SELECT * FROM orders WHERE user_id = 6000 FOR UPDATE) AS t;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: FOR UPDATE in a union
(SELECT * FROM orders WHERE user_id = 6000) UNION (SELECT * FROM orders WHERE user_id = 6000 FOR UPDATE);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a common table expression hides a table
WITH orders AS (SELECT 1 AS user_id) SELECT * FROM orders;
--> SEND hz primary rule=tableless transaction=autocommit

-- case: a common table expression hides a table in its own query only
WITH c AS (SELECT * FROM (WITH orders AS (SELECT 1 AS n) SELECT * FROM orders) t) SELECT * FROM orders FOR UPDATE;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: a recursive common table expression
WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT * FROM n;
--> SEND hz primary rule=tableless transaction=autocommit

-- case: SET from a query of a managed table
SET @n = (SELECT COUNT(*) FROM orders);
--> REJECT 1235 42000 this statement names managed table 'orders' and cannot be analysed; write it in a simpler form or give /*meridian: key=…*/

-- case: DO with a managed table
DO (SELECT COUNT(*) FROM orders);
--> REJECT 1235 42000 this statement names managed table 'orders' and cannot be analysed; write it in a simpler form or give /*meridian: key=…*/

-- case: SET from a sequence
SET @n = NEXTVAL(order_seq);
--> REJECT 1235 42000 this statement names managed table 'order_seq' and cannot be analysed; write it in a simpler form or give /*meridian: key=…*/

-- case: an insert that takes a number from a sequence
INSERT INTO product (id, name, price, stock) VALUES (NEXTVAL(order_seq), 'tea', 1, 1);
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: a sharded insert that takes a number from a global sequence
INSERT INTO orders (id, user_id, item, amount) VALUES (NEXTVAL(order_seq), 6000, 'tea', 1);
--> REJECT 1235 42000 one write touches 'orders' and 'order_seq', which are placed by different rules; write them in statements of their own

-- case: a dash comment with a tab
UPDATE orders SET amount = 3 WHERE user_id = 6000 --	OR TRUE
;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a semicolon in a string
UPDATE orders SET note = ';DELETE FROM orders' WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a quoted name with a keyword
UPDATE `orders` AS `where` SET amount = 3 WHERE `where`.user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a string where a name could be
UPDATE orders SET amount = 3 WHERE 'user_id' = 6000;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: a schema in other letters
UPDATE SHOP.orders SET amount = 3 WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a table of the same name in another schema
UPDATE test.orders SET amount = 3;
--> SEND hz primary rule=local-table transaction=autocommit

-- case: a name with blanks around the dot
UPDATE shop . orders SET amount = 3 WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: CASE in WHERE
UPDATE orders SET amount = 3 WHERE CASE WHEN user_id = 6000 THEN TRUE ELSE FALSE END;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: the key in HAVING
SELECT user_id FROM orders GROUP BY user_id HAVING user_id = 6000 FOR UPDATE;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: a key in the assignment only
UPDATE orders SET amount = (user_id = 6000);
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: an index hint
UPDATE orders FORCE INDEX (PRIMARY) SET amount = 3 WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: TRUNCATE without TABLE
TRUNCATE orders;
--> SEND hz primary rule=schema-unit scopes=group:main transaction=autocommit

-- case: EXPLAIN ANALYZE of a write runs it
-- snapshot: mysql
EXPLAIN ANALYZE DELETE FROM orders WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: ANALYZE of a write runs it
ANALYZE DELETE FROM orders WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: ANALYZE FORMAT=JSON of a write without a key
ANALYZE FORMAT=JSON UPDATE orders SET amount = 3;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: EXECUTE IMMEDIATE
EXECUTE IMMEDIATE 'DELETE FROM orders';
--> REJECT 1235 42000 this statement names managed table 'orders' and cannot be analysed; write it in a simpler form or give /*meridian: key=…*/

-- case: EXECUTE IMMEDIATE of a variable
EXECUTE IMMEDIATE @q;
--> REJECT 1235 42000 this statement names managed table 'PREPARE' and cannot be analysed; write it in a simpler form or give /*meridian: key=…*/

-- case: a foreign word at the start
FROBNICATE orders;
--> REJECT 1235 42000 this statement names managed table 'orders' and cannot be analysed; write it in a simpler form or give /*meridian: key=…*/

-- case: only a number
6000;
--> SEND hz primary rule=local-table transaction=autocommit

-- case: DO of a sequence
DO NEXTVAL(order_seq);
--> REJECT 1235 42000 this statement names managed table 'order_seq' and cannot be analysed; write it in a simpler form or give /*meridian: key=…*/

-- case: DO of SETVAL
DO SETVAL(order_seq, 100);
--> REJECT 1235 42000 this statement names managed table 'order_seq' and cannot be analysed; write it in a simpler form or give /*meridian: key=…*/

-- case: SELECT SETVAL
-- unit: bj
SELECT SETVAL(order_seq, 100);
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: LASTVAL reads the session's own
SELECT LASTVAL(order_seq);
--> SEND hz primary rule=tableless transaction=autocommit

-- case: a default of a sequence in a local table
INSERT INTO audit_log (id) VALUES (NEXTVAL(order_seq));
--> REJECT 1235 42000 one write touches 'audit_log' and 'order_seq', which are placed by different rules; write them in statements of their own

-- case: SET from a stored function
SET @n = tax_of(5);
--> REJECT 1235 42000 routine 'tax_of' may write managed tables and nothing says where; give /*meridian: key=…*/ or declare it

-- case: SHOW with a query
SHOW TABLES WHERE (SELECT COUNT(*) FROM orders) > 0;
--> REJECT 1235 42000 this statement names managed table 'orders' and cannot be analysed; write it in a simpler form or give /*meridian: key=…*/

-- case: a hint in a string is no hint, and a real one counts
/*meridian: key=50*/ UPDATE orders SET note = '/*meridian: key=6000*/' WHERE id = 1;
--> SEND hz primary rule=owner key=50 shard=50 scopes=shard:main:50 transaction=autocommit

-- case: two hints that disagree
/*meridian: key=50*/ UPDATE /*meridian: key=6000*/ orders SET amount = 3 WHERE id = 1;
--> REJECT 1105 HY000 the hint 'two values: key=6000' cannot be read; write /*meridian: key=…, level=…, unit=…*/

-- case: a hint within an executable comment counts
/*!50000 /*meridian: key=50*/ */ UPDATE orders SET amount = 3 WHERE id = 1;
--> SEND hz primary rule=owner key=50 shard=50 scopes=shard:main:50 transaction=autocommit

-- case: an open comment
UPDATE orders SET amount = 3 WHERE user_id = 6000 /* AND;
--> REJECT 1235 42000 this statement names managed table 'orders' and cannot be analysed; write it in a simpler form or give /*meridian: key=…*/

-- case: an open string
UPDATE orders SET note = 'tea WHERE user_id = 6000;
--> REJECT 1235 42000 this statement names managed table 'orders' and cannot be analysed; write it in a simpler form or give /*meridian: key=…*/

-- case: BEGIN WORK
BEGIN WORK;
--> ANSWER queue

-- case: COMMIT RELEASE
-- transaction: open bj primary touched
COMMIT WORK AND NO CHAIN RELEASE;
--> SEND bj primary rule=transaction transaction=continue

-- case: ROLLBACK AND CHAIN
-- transaction: queued
ROLLBACK AND CHAIN;
--> ANSWER queue

-- case: START TRANSACTION with options
START TRANSACTION READ WRITE;
--> ANSWER queue

-- case: SET autocommit within a transaction commits where it is
-- transaction: open bj primary touched
SET autocommit = 1;
--> SEND bj primary rule=transaction transaction=continue

-- case: CREATE PROCEDURE
CREATE PROCEDURE p() UPDATE orders SET amount = 3;
--> SEND hz primary rule=schema-unit scopes=group:main transaction=autocommit

-- case: CREATE OR REPLACE TABLE of a managed table
CREATE OR REPLACE TABLE product (id INT);
--> SEND hz primary rule=schema-unit scopes=group:main transaction=autocommit

-- case: CREATE TABLE LIKE a managed table
CREATE TABLE IF NOT EXISTS product_copy LIKE product;
--> SEND hz primary rule=local-table transaction=autocommit

-- case: ALTER TABLE RENAME of a local table to a managed name
ALTER TABLE audit_log RENAME TO product;
--> SEND hz primary rule=schema-unit scopes=group:main transaction=autocommit

-- case: DROP DATABASE
DROP DATABASE shop;
--> SEND hz primary rule=schema-unit scopes=group:main transaction=autocommit

-- case: a user
CREATE USER reader IDENTIFIED BY 'secret';
--> SEND hz primary rule=tableless transaction=autocommit

-- case: FLUSH
FLUSH PRIVILEGES;
--> SEND hz primary rule=tableless transaction=autocommit

-- case: RESET
RESET MASTER;
--> REJECT 1227 42000 RESET would go around Meridian's rules; it needs the grant 'escapes' of your Meridian user

-- case: CHANGE MASTER
CHANGE MASTER TO master_host = 'elsewhere';
--> REJECT 1227 42000 CHANGE would go around Meridian's rules; it needs the grant 'escapes' of your Meridian user

-- case: STOP SLAVE
STOP SLAVE;
--> REJECT 1227 42000 STOP would go around Meridian's rules; it needs the grant 'escapes' of your Meridian user

-- case: BINLOG
BINLOG 'AAAA';
--> REJECT 1227 42000 BINLOG would go around Meridian's rules; it needs the grant 'escapes' of your Meridian user

-- case: SHUTDOWN
SHUTDOWN;
--> REJECT 1227 42000 SHUTDOWN would go around Meridian's rules; it needs the grant 'escapes' of your Meridian user

-- case: INSTALL PLUGIN
INSTALL SONAME 'x';
--> REJECT 1227 42000 INSTALL would go around Meridian's rules; it needs the grant 'escapes' of your Meridian user

-- case: SHOW PROCESSLIST
SHOW PROCESSLIST;
--> SEND hz primary rule=tableless transaction=autocommit

-- case: an event
CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM orders;
--> SEND hz primary rule=schema-unit scopes=group:main transaction=autocommit

-- case: INSERT DELAYED
INSERT DELAYED INTO orders (user_id, item, amount) VALUES (6000, 'tea', 1);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: FOR PORTION
UPDATE orders FOR PORTION OF p FROM 1 TO 2 SET amount = 3 WHERE user_id = 6000;
--> REJECT 1235 42000 this statement names managed table 'orders' and cannot be analysed; write it in a simpler form or give /*meridian: key=…*/

-- case: PARTITION
UPDATE orders PARTITION (p0) SET amount = 3 WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: START SLAVE
START SLAVE;
--> REJECT 1227 42000 START would go around Meridian's rules; it needs the grant 'escapes' of your Meridian user

-- case: STOP SLAVE with the grant
-- grants: escapes
STOP SLAVE;
--> SEND hz primary rule=local-table transaction=autocommit

-- case: PURGE
PURGE BINARY LOGS TO 'mariadb-bin.000007';
--> REJECT 1227 42000 PURGE would go around Meridian's rules; it needs the grant 'escapes' of your Meridian user

-- case: RESET REPLICA in a packet
SELECT 1; RESET REPLICA ALL;
--> REJECT 1227 42000 RESET would go around Meridian's rules; it needs the grant 'escapes' of your Meridian user
