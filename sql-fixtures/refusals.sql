-- What the text itself has refused, and what a hint makes of it.
-- snapshot: two-units-more

-- case: an unknown table in a schema with managed tables
SELECT * FROM coupon;
--> REJECT 1146 42S02 'coupon' is not in the catalog of a schema with managed tables; create it first, or wait a moment if it is new

-- case: an unknown table of a schema without managed tables
SELECT * FROM test.coupon;
--> SEND hz primary rule=local-table transaction=autocommit

-- case: SQL nobody can parse that names a managed table
SELECT * FROM orders FROBNICATE user_id = 6000;
--> REJECT 1235 42000 this statement names managed table 'orders' and cannot be analysed; write it in a simpler form or give /*meridian: key=…*/

-- case: SQL nobody can parse, with a key
/*meridian: key=6000*/ SELECT * FROM orders FROBNICATE user_id = 6000;
--> SEND hz replica rule=local-read key=6000 shard=6000 transaction=autocommit

-- case: SQL nobody can parse, with a key of the session
-- hint-session: key=6000
SELECT * FROM orders FROBNICATE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: SQL nobody can parse, with a key of the session, in a forbidden unit
-- snapshot: bj-forbidden-writes
-- hint-session: key=6000
SELECT * FROM orders FROBNICATE user_id = 6000;
--> REJECT 1290 HY000 writes owned by unit 'bj' are forbidden (key 6000) at epoch 8 (drill 7); wait until an operator allows them

-- case: a call of a routine with a key of the session
-- hint-session: key=6000
CALL settle(6000);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a call of a routine
CALL settle(6000);
--> REJECT 1235 42000 routine 'settle' may write managed tables and nothing says where; give /*meridian: key=…*/ or declare it

-- case: a call of a routine with a key
/*meridian: key=6000*/ CALL settle(6000);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a stored function
SELECT tax_of(amount) FROM orders WHERE user_id = 6000;
--> REJECT 1235 42000 routine 'tax_of' may write managed tables and nothing says where; give /*meridian: key=…*/ or declare it

-- case: a stored function behind a word that is also INSERT's
SELECT HIGH_PRIORITY tax_of(1);
--> REJECT 1235 42000 routine 'tax_of' may write managed tables and nothing says where; give /*meridian: key=…*/ or declare it

-- case: a view of a sharded table is read as the table
SELECT * FROM order_view WHERE user_id = 6000;
--> SEND hz replica rule=local-read transaction=autocommit

-- case: a view of a global table is read as the table
SELECT * FROM product_view;
--> SEND hz replica rule=local-read transaction=autocommit

-- case: a view of a local table is read as the table
SELECT * FROM audit_view;
--> SEND hz primary rule=local-table transaction=autocommit

-- case: a write through a view of a global table goes to the master
-- unit: bj
UPDATE product_view SET name = 'tea' WHERE id = 1;
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: NEXTVAL is a write
-- unit: bj
SELECT NEXTVAL(order_seq);
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: NEXT VALUE FOR is a write
-- unit: bj
SELECT NEXT VALUE FOR order_seq;
--> REJECT 1235 42000 this statement names managed table 'order_seq' and cannot be analysed; write it in a simpler form or give /*meridian: key=…*/

-- case: two sharded tables of one key
UPDATE orders o JOIN order_items i ON i.order_id = o.id SET i.sku = 'x' WHERE o.user_id = 6000 AND i.user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: two sharded tables, the key of one only
DELETE i FROM orders o JOIN order_items i ON i.order_id = o.id WHERE o.user_id = 6000;
--> REJECT 1105 HY000 a write of sharded table 'order_items' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: two sharded tables joined on the key
DELETE i FROM orders o JOIN order_items i ON i.user_id = o.user_id WHERE o.user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: tables of two key types in one write
INSERT INTO orders (user_id, item, amount) SELECT merchant_id, 'offer', price FROM offer_2026 WHERE merchant_id = 6000;
--> REJECT 1235 42000 one write touches 'orders' and 'offer_2026', which are placed by different rules; write them in statements of their own

-- case: a table named by a pattern
INSERT INTO offer_2026 (id, merchant_id, price) VALUES (1, 6000, 5);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: LOAD DATA into a sharded table
LOAD DATA INFILE 'orders.csv' INTO TABLE orders;
--> REJECT 1105 HY000 the routing key 'user_id' of sharded table 'orders' cannot be read from this statement; name the column and give a plain value, or give /*meridian: key=…*/

-- case: LOAD DATA with a key
/*meridian: key=6000*/ LOAD DATA LOCAL INFILE 'orders.csv' INTO TABLE orders;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: LOAD DATA into a global table
-- unit: bj
LOAD DATA LOCAL INFILE 'product.csv' INTO TABLE product;
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: SELECT INTO OUTFILE
SELECT * FROM product INTO OUTFILE 'product.csv';
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: a plan of older rules is outdated
-- snapshot: unmanaged
-- analysed-under: two-units
UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> REJECT 1615 HY000 the tables' rules changed while this statement was under way, now epoch 8; send it again

-- case: SQL PREPARE of a managed table
PREPARE s FROM 'UPDATE orders SET amount = 3 WHERE user_id = 6000';
--> REJECT 1235 42000 this statement names managed table 'orders' and cannot be analysed; write it in a simpler form or give /*meridian: key=…*/

-- case: ANALYZE TABLE
ANALYZE TABLE product;
--> SEND hz primary rule=schema-unit scopes=group:main transaction=autocommit

-- case: a write through a view of a sharded table is refused without a key
UPDATE order_view SET item = 'tea' WHERE user_id = 6000;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: a write through a view of a sharded table with a key
/*meridian: key=6000*/ UPDATE order_view SET item = 'tea' WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a stored function with a key
/*meridian: key=6000*/ SELECT tax_of(amount) FROM orders WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: SQL nobody can parse, with a key, of a forbidden unit
-- snapshot: bj-forbidden-writes
/*meridian: key=6000*/ SELECT * FROM orders FROBNICATE user_id = 6000;
--> SEND hz replica rule=local-read key=6000 shard=6000 transaction=autocommit

-- case: an anonymous block
BEGIN NOT ATOMIC UPDATE orders SET amount = 3; END;
--> REJECT 1235 42000 this statement names managed table 'orders' and cannot be analysed; write it in a simpler form or give /*meridian: key=…*/

-- case: an INSERT SELECT from a local table is refused
INSERT INTO product (name, price, stock) SELECT message, 1, 1 FROM audit_log;
--> REJECT 1235 42000 one write touches 'product' and 'audit_log', which are placed by different rules; write them in statements of their own

-- case: a trigger
CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW SET NEW.note = 'x';
--> SEND hz primary rule=schema-unit scopes=group:main transaction=autocommit

-- case: a new view of a sharded table
CREATE VIEW latest AS SELECT * FROM orders;
--> SEND hz primary rule=schema-unit scopes=group:main transaction=autocommit

-- case: a new table from a sharded one
CREATE TABLE copied AS SELECT * FROM orders;
--> SEND hz primary rule=local-table transaction=autocommit

-- case: GRANT
GRANT SELECT ON shop.* TO 'reader'@'%';
--> SEND hz primary rule=tableless transaction=autocommit

-- case: CREATE DATABASE
CREATE DATABASE other;
--> SEND hz primary rule=local-table transaction=autocommit

-- case: OPTIMIZE TABLE of a sharded table
OPTIMIZE TABLE orders;
--> SEND hz primary rule=schema-unit scopes=group:main transaction=autocommit

-- case: CHECKSUM TABLE
CHECKSUM TABLE product;
--> SEND hz primary rule=local-table transaction=autocommit

-- case: HANDLER of a managed table
HANDLER product OPEN;
--> REJECT 1235 42000 this statement names managed table 'product' and cannot be analysed; write it in a simpler form or give /*meridian: key=…*/
