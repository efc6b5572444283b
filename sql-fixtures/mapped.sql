-- Keys that a table maps to keys of another kind (N4): an order goes wherever its merchant goes.
-- What was looked up is part of the case; sent for real, the node finds it in the table.
-- snapshot: mapped

-- case: a write of an order goes to the owner of its merchant
-- looked-up: order 7=7000
UPDATE order_items SET sku = 'x' WHERE order_id = 7;
--> SEND bj primary rule=owner key=7 shard=7000 scopes=shard:main:7000 transaction=autocommit

-- case: merchant and order route alike
UPDATE offer_2026 SET price = 1 WHERE merchant_id = 7000;
--> SEND bj primary rule=owner key=7000 shard=7000 scopes=shard:main:7000 transaction=autocommit

-- case: an order of a merchant that is placed alone goes with it
-- looked-up: order 8=6000
INSERT INTO order_items (id, order_id, sku) VALUES (1, 8, 'a'), (2, 8, 'b');
--> SEND hz primary rule=owner key=8 shard=10000 scopes=shard:main:10000 transaction=autocommit

-- case: orders of one owner go together, whoever their merchants are
-- looked-up: order 7=7000, order 9=7001
UPDATE order_items SET sku = 'x' WHERE order_id IN (7, 9);
--> SEND bj primary rule=owner key=7 shard=7000 scopes=shard:main:7000,shard:main:7001 transaction=autocommit

-- case: orders of two owners do not
-- looked-up: order 7=7000, order 8=6000
UPDATE order_items SET sku = 'x' WHERE order_id IN (7, 8);
--> REJECT 1105 HY000 one statement on 'order_items' has keys of two owners at epoch 7: 7 belongs to unit 'bj', 8 to unit 'hz'; nothing was sent, send one statement per owner

-- case: an order without an entry is not written
-- looked-up: order 70=none
INSERT INTO order_items (id, order_id, sku) VALUES (1, 70, 'a');
--> REJECT 1526 HY000 routing key 70 of key type 'order' has no entry in 'order_merchant', or several; insert one there and commit it first

-- case: what could not be looked up is not written
-- snapshot: mapped-unreached
DELETE FROM order_items WHERE order_id = 71;
--> REJECT 1205 HY000 routing key 71 of key type 'order' has to be looked up in 'order_merchant', which was not reached; nothing was sent, try again

-- case: a local read needs no looking up
SELECT * FROM order_items WHERE order_id = 7;
--> SEND hz replica rule=local-read transaction=autocommit

-- case: a strong read goes to the merchant's owner
-- looked-up: order 7=7000
SELECT /*meridian: level=strong*/ * FROM order_items WHERE order_id = 7;
--> SEND bj primary rule=owner key=7 shard=7000 scopes=shard:main:7000 transaction=autocommit

-- case: a strong read of an order without an entry finds nothing, wherever it runs
-- looked-up: order 70=none
SELECT /*meridian: level=strong*/ * FROM order_items WHERE order_id = 70;
--> SEND hz replica rule=local-read transaction=autocommit

-- case: a key embedded in a parcel's number is looked up in turn
-- looked-up: order 7=7000
UPDATE parcel SET state = 'sent' WHERE number = 705;
--> SEND bj primary rule=owner key=705 shard=7000 scopes=shard:main:7000 transaction=autocommit

-- case: a read that wants its owner is looked up
-- looked-up: order 7=7000
SELECT * FROM parcel_event WHERE number = 705;
--> SEND bj primary rule=owner key=705 shard=7000 scopes=shard:main:7000 transaction=autocommit

-- case: a hint's key is looked up as the statement's are
-- looked-up: order 7=7000
/*meridian: key=7*/ DELETE FROM order_items WHERE sku = 'x';
--> SEND bj primary rule=owner key=7 shard=7000 scopes=shard:main:7000 transaction=autocommit

-- case: a new entry goes to the Global Zone master
INSERT INTO order_merchant (order_id, merchant_id) VALUES (100, 7000);
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: an entry is not changed
UPDATE order_merchant SET merchant_id = 1 WHERE order_id = 7;
--> REJECT 1235 42000 keys are placed by what 'order_merchant' says, so its entries are only ever added; use a plain INSERT, or leave them as they are

-- case: nor removed
DELETE FROM order_merchant WHERE order_id = 7;
--> REJECT 1235 42000 keys are placed by what 'order_merchant' says, so its entries are only ever added; use a plain INSERT, or leave them as they are

-- case: nor replaced
REPLACE INTO order_merchant (order_id, merchant_id) VALUES (7, 1);
--> REJECT 1235 42000 keys are placed by what 'order_merchant' says, so its entries are only ever added; use a plain INSERT, or leave them as they are

-- case: nor changed on the way
INSERT INTO order_merchant (order_id, merchant_id) VALUES (7, 1) ON DUPLICATE KEY UPDATE merchant_id = 1;
--> REJECT 1235 42000 keys are placed by what 'order_merchant' says, so its entries are only ever added; use a plain INSERT, or leave them as they are

-- case: nor beside another table
UPDATE product JOIN order_merchant ON product.id = order_merchant.merchant_id SET product.price = 1, order_merchant.merchant_id = 2;
--> REJECT 1235 42000 keys are placed by what 'order_merchant' says, so its entries are only ever added; use a plain INSERT, or leave them as they are

-- case: nor by a statement that cannot be read
/*meridian: key=7*/ UPDATE LOW_PRIORITY order_merchant PARTITION (p0) SET merchant_id := 1;
--> REJECT 1235 42000 keys are placed by what 'order_merchant' says, so its entries are only ever added; use a plain INSERT, or leave them as they are

-- case: nor loaded over
LOAD DATA INFILE '/tmp/x' REPLACE INTO TABLE order_merchant;
--> REJECT 1235 42000 keys are placed by what 'order_merchant' says, so its entries are only ever added; use a plain INSERT, or leave them as they are

-- case: nor truncated
TRUNCATE TABLE order_merchant;
--> REJECT 1235 42000 keys are placed by what 'order_merchant' says, so its entries are only ever added; use a plain INSERT, or leave them as they are

-- case: nor dropped
DROP TABLE IF EXISTS order_merchant;
--> REJECT 1235 42000 keys are placed by what 'order_merchant' says, so its entries are only ever added; use a plain INSERT, or leave them as they are

-- case: nor renamed away
ALTER TABLE order_merchant RENAME TO elsewhere;
--> REJECT 1235 42000 keys are placed by what 'order_merchant' says, so its entries are only ever added; use a plain INSERT, or leave them as they are

-- case: a column may be added to it
ALTER TABLE order_merchant ADD COLUMN note VARCHAR(10);
--> SEND hz primary rule=schema-unit scopes=group:main transaction=autocommit

-- case: a table may be read for a write of another
UPDATE product SET price = 1 WHERE id IN (SELECT merchant_id FROM order_merchant);
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: an order of a forbidden merchant is forbidden
-- snapshot: mapped-forbidden
-- looked-up: order 7=7000
UPDATE order_items SET sku = 'x' WHERE order_id = 7;
--> REJECT 1290 HY000 writes of key 7000 are forbidden (key 7) at epoch 9 (dispute); wait until an operator allows them

-- case: so is a parcel of it
-- snapshot: mapped-forbidden
-- looked-up: order 7=7000
UPDATE parcel SET state = 'lost' WHERE number = 705;
--> REJECT 1290 HY000 writes of key 7000 are forbidden (key 705) at epoch 9 (dispute); wait until an operator allows them

-- case: an order of another merchant in the same shard is not
-- snapshot: mapped-forbidden
-- looked-up: order 12=17000
UPDATE order_items SET sku = 'x' WHERE order_id = 12;
--> SEND bj primary rule=owner key=12 shard=7000 scopes=shard:main:7000 transaction=autocommit
