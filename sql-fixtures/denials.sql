-- What is refused whatever it touches: denied shapes, users who may only read, statements that are too long.
-- snapshot: denials

-- case: an update without WHERE
UPDATE product SET stock = 0;
--> REJECT 1227 42000 this statement is denied by rule 'no-full-scan' (it took the shop down); write it in another form or ask the operators

-- case: a delete without WHERE
DELETE FROM audit_log;
--> REJECT 1227 42000 this statement is denied by rule 'no-full-scan' (it took the shop down); write it in another form or ask the operators

-- case: a select without WHERE
SELECT * FROM product;
--> REJECT 1227 42000 this statement is denied by rule 'no-full-scan' (it took the shop down); write it in another form or ask the operators

-- case: a select with LIMIT
SELECT * FROM product LIMIT 5;
--> SEND hz replica rule=local-read transaction=autocommit

-- case: a select without a table
SELECT 1;
--> SEND hz primary rule=tableless transaction=autocommit

-- case: a WHERE in a subquery alone restricts nothing
UPDATE product SET stock = (SELECT balance FROM account WHERE id = 1);
--> REJECT 1227 42000 this statement is denied by rule 'no-full-scan' (it took the shop down); write it in another form or ask the operators

-- case: a WHERE of its own does
UPDATE product SET stock = 0 WHERE id = 1;
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: an insert is not asked for a WHERE
INSERT INTO product (name) SELECT email FROM account;
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: a statement of a packet is denied, and the packet with it
UPDATE product SET stock = 1 WHERE id = 1; DELETE FROM product;
--> REJECT 1227 42000 this statement is denied by rule 'no-full-scan' (it took the shop down); write it in another form or ask the operators

-- case: dropping is denied
DROP TABLE product;
--> REJECT 1227 42000 this statement is denied by rule 'no-drop' (ask a DBA); write it in another form or ask the operators

-- case: so is emptying
TRUNCATE TABLE audit_log;
--> REJECT 1227 42000 this statement is denied by rule 'no-drop' (ask a DBA); write it in another form or ask the operators

-- case: creating is not
CREATE TABLE coupon (id INT PRIMARY KEY);
--> SEND hz primary rule=local-table transaction=autocommit

-- case: a user that must not write
-- user: report
UPDATE product SET stock = 0 WHERE id = 1;
--> REJECT 1227 42000 this statement is denied by rule 'reports-do-not-write' (reports read); write it in another form or ask the operators

-- case: a user that must not lock
-- user: report
SELECT * FROM product WHERE id = 1 FOR UPDATE;
--> REJECT 1227 42000 this statement is denied by rule 'reports-do-not-write' (reports read); write it in another form or ask the operators

-- case: a user that must not change the schema
-- user: report
ALTER TABLE product ADD COLUMN weight INT;
--> REJECT 1227 42000 this statement is denied by rule 'reports-do-not-write' (reports read); write it in another form or ask the operators

-- case: it may read
-- user: report
SELECT * FROM product WHERE id = 1;
--> SEND hz replica rule=local-read transaction=autocommit

-- case: a denied shape with other values
SELECT id FROM orders WHERE item LIKE '%tea%' AND user_id = 6000;
--> REJECT 1227 42000 this statement is denied by rule 'slow-search' (use the search service); write it in another form or ask the operators

-- case: a denied shape in other letters and with a comment
select id from orders where item like '%tea%' /* search */ and user_id = 6000;
--> REJECT 1227 42000 this statement is denied by rule 'slow-search' (use the search service); write it in another form or ask the operators

-- case: a denied shape with parameters
-- params: '%tea%' 6000
SELECT id FROM orders WHERE item LIKE ? AND user_id = ?;
--> REJECT 1227 42000 this statement is denied by rule 'slow-search' (use the search service); write it in another form or ask the operators

-- case: a shape like it
SELECT id FROM orders WHERE item = 'tea' AND user_id = 6000;
--> SEND hz replica rule=local-read key=6000 shard=6000 transaction=autocommit

-- case: a hint does not free a denied statement
/*meridian: key=6000*/ DELETE FROM orders;
--> REJECT 1227 42000 this statement is denied by rule 'no-full-scan' (it took the shop down); write it in another form or ask the operators

-- case: a user that is denied everything
-- user: batch
SELECT * FROM product WHERE id = 1;
--> REJECT 1227 42000 this statement is denied by rule 'batch-is-off' (the batch is stopped); write it in another form or ask the operators

-- case: what Meridian answers itself is not denied
-- user: batch
BEGIN;
--> ANSWER queue

-- case: a user that may only read, reads
-- snapshot: users
-- grants: read-only
SELECT * FROM orders WHERE user_id = 6000;
--> SEND hz replica rule=local-read key=6000 shard=6000 transaction=autocommit

-- case: a user that may only read, writes
-- snapshot: users
-- grants: read-only
UPDATE orders SET amount = 1 WHERE user_id = 6000;
--> REJECT 1290 HY000 user 'app' may only read, without locks; use another user for this statement

-- case: a user that may only read, inserts into a local table
-- snapshot: users
-- grants: read-only
INSERT INTO audit_log (message) VALUES ('x');
--> REJECT 1290 HY000 user 'app' may only read, without locks; use another user for this statement

-- case: a user that may only read, locks
-- snapshot: users
-- grants: read-only
SELECT * FROM orders WHERE user_id = 6000 FOR UPDATE;
--> REJECT 1290 HY000 user 'app' may only read, without locks; use another user for this statement

-- case: a user that may only read, changes the schema
-- snapshot: users
-- grants: read-only
CREATE TABLE coupon (id INT PRIMARY KEY);
--> REJECT 1290 HY000 user 'app' may only read, without locks; use another user for this statement

-- case: a user that may only read, takes a named lock
-- snapshot: users
-- grants: read-only
SELECT GET_LOCK('a', 1);
--> REJECT 1290 HY000 user 'app' may only read, without locks; use another user for this statement

-- case: a user that may only read, sets its session
-- snapshot: users
-- grants: read-only
SET time_zone = '+00:00';
--> SEND hz primary rule=tableless transaction=autocommit

-- case: a user that may only read, begins
-- snapshot: users
-- grants: read-only
START TRANSACTION READ ONLY;
--> ANSWER queue

-- case: a statement as long as it may be
-- snapshot: users
-- grants: max-statement=27
SELECT id FROM product -- 4;
--> SEND hz replica rule=local-read transaction=autocommit

-- case: a statement longer than it may be
-- snapshot: users
-- grants: max-statement=27
SELECT id FROM product -- 456;
--> REJECT 1162 42000 a statement of 29 bytes is longer than the 27 user 'app' may send; send it in parts
