-- Writes of global tables: to the Global Zone master.
-- snapshot: two-units

-- case: an update at the master
UPDATE product SET stock = stock - 1 WHERE id = 1;
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: an update at the other unit
-- unit: bj
UPDATE product SET stock = stock - 1 WHERE id = 1;
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: an insert
-- unit: bj
INSERT INTO product (name, price, stock) VALUES ('tea', 3, 10);
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: a delete without WHERE needs no key
-- unit: bj
DELETE FROM product WHERE stock < 0;
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: a replace
REPLACE INTO product (id, name, price, stock) VALUES (900, 'salt', 1, 1);
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: a locking read
-- unit: bj
SELECT balance FROM account WHERE id = 1 FOR UPDATE;
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: an insert select between global tables
-- unit: bj
INSERT INTO product (name, price, stock) SELECT name, price, 0 FROM product WHERE id = 1;
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: an update of two global tables
UPDATE product p JOIN account a ON a.id = p.id SET p.stock = p.stock - 1, a.balance = a.balance - p.price WHERE p.id = 1;
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: an update of a global and a sharded table is refused
UPDATE product p JOIN orders o ON o.item = p.name SET p.stock = p.stock - 1, o.note = 'sold' WHERE o.user_id = 50;
--> REJECT 1235 42000 one write touches 'product' and 'orders', which are placed by different rules; write them in statements of their own

-- case: an update of a global and a local table is refused
UPDATE product p JOIN audit_log l ON l.id = p.id SET p.stock = 0, l.message = 'sold' WHERE p.id = 1;
--> REJECT 1235 42000 one write touches 'product' and 'audit_log', which are placed by different rules; write them in statements of their own

-- case: a key hint says nothing about a global table
-- unit: bj
/*meridian: key=6000*/ UPDATE product SET stock = 1 WHERE id = 1;
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit
