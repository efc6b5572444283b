-- Two groups: instances of their own, masters in different units.
-- snapshot: two-groups

-- case: a write of the second group
-- schema: pay
UPDATE payment SET amount = 1 WHERE id = 1;
--> SEND bj primary group=pay rule=global-master scopes=global:pay transaction=autocommit

-- case: a read of the second group
-- schema: pay
SELECT * FROM payment;
--> SEND hz replica group=pay rule=local-read transaction=autocommit

-- case: a qualified name of the other group
SELECT * FROM pay.payment;
--> SEND hz replica group=pay rule=local-read transaction=autocommit

-- case: without tables in the second group's schema
-- schema: pay
SELECT 1;
--> SEND hz primary group=pay rule=tableless transaction=autocommit

-- case: without a schema it is the default group
-- schema: none
SELECT 1;
--> SEND hz primary group=main rule=tableless transaction=autocommit

-- case: USE runs where the new schema is
USE pay;
--> SEND hz primary group=pay rule=tableless transaction=autocommit

-- case: a read of the other group in an open transaction that wrote
-- transaction: open hz primary touched
SELECT * FROM pay.payment;
--> REJECT 1179 25000 the open transaction has written or locked in unit 'hz' of group 'main' and this statement belongs to a replica of unit 'hz' of group 'pay' at epoch 3; the transaction is alive, COMMIT or ROLLBACK it first

-- case: a read of the other group in an open transaction that only read
-- transaction: open hz primary
SELECT * FROM pay.payment;
--> SEND hz primary group=pay rule=local-read transaction=rebind

-- case: a write of the other group in an open transaction
-- transaction: open hz primary touched
UPDATE pay.payment SET amount = 1 WHERE id = 1;
--> REJECT 1179 25000 the open transaction has written or locked in unit 'hz' of group 'main' and this statement belongs to unit 'bj' of group 'pay' at epoch 3; the transaction is alive, COMMIT or ROLLBACK it first

-- case: one write in two groups
UPDATE product p JOIN pay.payment y ON y.id = p.id SET p.stock = 1, y.amount = 2 WHERE p.id = 1;
--> REJECT 1235 42000 one write touches 'product' and 'payment', which are placed by different rules; write them in statements of their own

-- case: one packet for two groups
UPDATE product SET stock = 1 WHERE id = 1; UPDATE pay.payment SET amount = 1 WHERE id = 1;
--> REJECT 1235 42000 the statements of one packet belong to unit 'hz' of group 'main' and unit 'bj' of group 'pay' at epoch 3; nothing was sent, send them one by one

-- case: a packet of reads in two groups
SELECT * FROM product; SELECT * FROM pay.payment;
--> REJECT 1235 42000 the statements of one packet belong to unit 'hz' of group 'main' and unit 'hz' of group 'pay' at epoch 3; nothing was sent, send them one by one

-- case: a pin in one group refuses the other
-- pin: hz primary temporary-table
SELECT * FROM pay.payment;
--> REJECT 1105 HY000 this session keeps its connection to unit 'hz' of group 'main' because of a temporary table, and this statement belongs to a replica of unit 'hz' of group 'pay'; reset the connection or use another one

-- case: the last reply of one group does not answer for another
-- pin: hz primary last-reply
SELECT LAST_INSERT_ID(), p.id FROM pay.payment p;
--> SEND hz replica group=pay rule=local-read transaction=autocommit

-- case: a plan that knows more groups is outdated
-- snapshot: two-units
-- analysed-under: two-groups
SELECT * FROM pay.payment;
--> REJECT 1615 HY000 the tables' rules changed while this statement was under way, now epoch 7; send it again
