-- Plain reads of managed tables: from this unit's copy.
-- snapshot: two-units

-- case: a read by key stays in this unit
SELECT * FROM orders WHERE user_id = 6000;
--> SEND hz replica rule=local-read key=6000 shard=6000 transaction=autocommit

-- case: the same at the owner
-- unit: bj
SELECT * FROM orders WHERE user_id = 6000;
--> SEND bj replica rule=local-read key=6000 shard=6000 transaction=autocommit

-- case: a read without a key stays in this unit
SELECT COUNT(*) FROM orders;
--> SEND hz replica rule=local-read transaction=autocommit

-- case: a read with keys of two owners stays in this unit
SELECT * FROM orders WHERE user_id IN (50, 6000);
--> SEND hz replica rule=local-read key=50 shard=50 transaction=autocommit

-- case: a read of no row
SELECT * FROM orders WHERE user_id = NULL;
--> SEND hz replica rule=local-read transaction=autocommit

-- case: a read with a computed key
SELECT * FROM orders WHERE user_id = 5999 + 1;
--> SEND hz replica rule=local-read transaction=autocommit

-- case: a global table
SELECT * FROM product WHERE id = 1;
--> SEND hz replica rule=local-read transaction=autocommit

-- case: a global table at bj
-- unit: bj
SELECT * FROM product WHERE id = 1;
--> SEND bj replica rule=local-read transaction=autocommit

-- case: a join of sharded and global
SELECT o.id, p.price FROM orders o JOIN product p ON p.name = o.item WHERE o.user_id = 6000;
--> SEND hz replica rule=local-read key=6000 shard=6000 transaction=autocommit

-- case: a union
SELECT item FROM orders WHERE user_id = 6000 UNION ALL SELECT name FROM product;
--> SEND hz replica rule=local-read key=6000 shard=6000 transaction=autocommit

-- case: a subquery
SELECT * FROM product WHERE name IN (SELECT item FROM orders WHERE user_id = 6000);
--> SEND hz replica rule=local-read key=6000 shard=6000 transaction=autocommit

-- case: a common table expression
WITH mine AS (SELECT * FROM orders WHERE user_id = 6000) SELECT COUNT(*) FROM mine;
--> SEND hz replica rule=local-read key=6000 shard=6000 transaction=autocommit

-- case: a derived table
SELECT t.n FROM (SELECT COUNT(*) AS n FROM orders WHERE user_id = 6000) AS t;
--> SEND hz replica rule=local-read key=6000 shard=6000 transaction=autocommit

-- case: in parentheses
(SELECT * FROM orders WHERE user_id = 6000);
--> SEND hz replica rule=local-read key=6000 shard=6000 transaction=autocommit

-- case: a window function
SELECT id, ROW_NUMBER() OVER (ORDER BY id) FROM orders WHERE user_id = 6000;
--> SEND hz replica rule=local-read key=6000 shard=6000 transaction=autocommit

-- case: at level strong a keyed read goes to the owner
/*meridian: level=strong*/ SELECT * FROM orders WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: at level strong a global read goes to the master
-- unit: bj
/*meridian: level=strong*/ SELECT * FROM product WHERE id = 1;
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: at level strong for the session
-- unit: bj
-- hint-session: level=strong
SELECT * FROM product WHERE id = 1;
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: the statement's level counts over the session's
-- unit: bj
-- hint-session: level=strong
/*meridian: level=eventual*/ SELECT * FROM product WHERE id = 1;
--> SEND bj replica rule=local-read transaction=autocommit

-- case: at level strong a read without a key is refused
/*meridian: level=strong*/ SELECT COUNT(*) FROM orders;
--> REJECT 1105 HY000 a read of 'orders' at level strong needs a routing key, because several units own its shards; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: at level strong keys of two owners are refused
/*meridian: level=strong*/ SELECT * FROM orders WHERE user_id IN (50, 6000);
--> REJECT 1105 HY000 one statement on 'orders' has keys of two owners at epoch 7: 50 belongs to unit 'hz', 6000 to unit 'bj'; nothing was sent, send one statement per owner

-- case: INTO a user variable runs at a primary, because it pins
SELECT MAX(amount) INTO @most FROM orders WHERE user_id = 6000;
--> SEND hz primary rule=local-read key=6000 shard=6000 transaction=autocommit

-- case: assigning a user variable runs at a primary
SELECT @n := COUNT(*) FROM product;
--> SEND hz primary rule=local-read transaction=autocommit

-- case: EXPLAIN
EXPLAIN SELECT * FROM orders WHERE user_id = 6000;
--> SEND hz primary rule=local-read key=6000 shard=6000 transaction=autocommit

-- case: SQL_CALC_FOUND_ROWS
SELECT SQL_CALC_FOUND_ROWS * FROM product LIMIT 1;
--> SEND hz replica rule=local-read transaction=autocommit

-- case: EXPLAIN of a write without a key
EXPLAIN UPDATE orders SET amount = 3;
--> SEND hz primary rule=local-read transaction=autocommit

-- case: EXPLAIN of a write
EXPLAIN UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> SEND hz primary rule=local-read key=6000 shard=6000 transaction=autocommit

-- case: a join of sharded and local
SELECT o.id, l.message FROM orders o JOIN audit_log l ON l.id = o.id WHERE o.user_id = 6000;
--> SEND hz replica rule=local-read key=6000 shard=6000 transaction=autocommit
