-- DDL: once, at the schema unit, for managed tables; in this unit for local ones.
-- snapshot: two-units

-- case: of a sharded table
-- unit: bj
ALTER TABLE orders COMMENT 'sharded by user';
--> SEND hz primary rule=schema-unit scopes=group:main transaction=autocommit

-- case: of a global table
-- unit: bj
ALTER TABLE product COMMENT 'for sale';
--> SEND hz primary rule=schema-unit scopes=group:main transaction=autocommit

-- case: an index
-- unit: bj
CREATE INDEX IF NOT EXISTS by_item ON orders (item);
--> SEND hz primary rule=schema-unit scopes=group:main transaction=autocommit

-- case: dropping an index
-- unit: bj
DROP INDEX IF EXISTS by_item ON orders;
--> SEND hz primary rule=schema-unit scopes=group:main transaction=autocommit

-- case: a new local table
-- unit: bj
CREATE TABLE IF NOT EXISTS scratchpad (a INT);
--> SEND bj primary rule=local-table transaction=autocommit

-- case: at the declared schema unit
-- snapshot: one-owner
ALTER TABLE orders COMMENT 'sharded by user';
--> SEND bj primary rule=schema-unit scopes=group:main transaction=autocommit

-- case: truncating a global table
-- snapshot: two-units-more
-- unit: bj
TRUNCATE TABLE product;
--> SEND hz primary rule=schema-unit scopes=group:main transaction=autocommit

-- case: truncating a sharded table
-- snapshot: two-units-more
TRUNCATE TABLE orders;
--> SEND hz primary rule=schema-unit scopes=group:main transaction=autocommit

-- case: dropping a sharded table
-- snapshot: two-units-more
DROP TABLE orders;
--> SEND hz primary rule=schema-unit scopes=group:main transaction=autocommit

-- case: dropping a managed and a local table together
-- snapshot: two-units-more
DROP TABLE audit_log, orders;
--> REJECT 1235 42000 one write touches 'orders' and 'audit_log', which are placed by different rules; write them in statements of their own

-- case: renaming a managed table
-- snapshot: two-units-more
RENAME TABLE product TO product_old;
--> SEND hz primary rule=schema-unit scopes=group:main transaction=autocommit

-- case: creating a managed table
-- snapshot: two-units-more
-- unit: bj
CREATE TABLE offer_2027 (id INT, merchant_id INT, price INT);
--> SEND hz primary rule=schema-unit scopes=group:main transaction=autocommit

-- case: dropping a local table
-- snapshot: two-units-more
-- unit: bj
DROP TABLE audit_log;
--> SEND bj primary rule=local-table transaction=autocommit

-- case: in a transaction that only read it moves there
-- unit: bj
-- transaction: open bj primary
ALTER TABLE product COMMENT 'for sale';
--> SEND hz primary rule=schema-unit scopes=group:main transaction=rebind

-- case: a read of a session that has changed the schema stays where it did
-- unit: bj
-- schema-changed-at: hz primary
SELECT * FROM product;
--> SEND hz primary rule=after-ddl transaction=autocommit

-- case: its look at the schema
-- unit: bj
-- schema-changed-at: hz primary
SELECT column_name FROM information_schema.columns WHERE table_name = 'product';
--> SEND hz primary rule=after-ddl transaction=autocommit

-- case: its writes go where they belong
-- unit: bj
-- schema-changed-at: hz primary
UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: its local tables are this unit's
-- unit: bj
-- schema-changed-at: hz primary
SELECT * FROM audit_log;
--> SEND bj primary rule=local-table transaction=autocommit

-- case: it asks for a unit
-- schema-changed-at: hz primary
/*meridian: unit=bj*/ SELECT * FROM product;
--> SEND bj replica rule=unit-hint transaction=autocommit

-- case: a transaction that is open elsewhere keeps its reads
-- unit: bj
-- schema-changed-at: hz primary
-- transaction: open bj primary touched
SELECT * FROM product;
--> SEND bj primary rule=transaction transaction=continue
