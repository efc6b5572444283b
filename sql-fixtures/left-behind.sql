-- A unit that was left behind by force: its clients are served by its stand-in, but for what is local.
-- snapshot: left-behind

-- case: a read at the unit that was left behind
SELECT * FROM orders WHERE user_id = 50;
--> SEND bj replica rule=local-read key=50 shard=50 transaction=autocommit

-- case: a read of a global table there
SELECT * FROM product WHERE id = 1;
--> SEND bj replica rule=local-read transaction=autocommit

-- case: a write there
UPDATE orders SET amount = 2 WHERE user_id = 50;
--> SEND bj primary rule=owner key=50 shard=50 scopes=shard:main:50 transaction=autocommit

-- case: a statement without tables there
SELECT 1;
--> SEND bj primary rule=tableless transaction=autocommit

-- case: a local table is nowhere else
SELECT * FROM audit_log;
--> SEND hz primary rule=local-table transaction=autocommit

-- case: a read at the stand-in
-- unit: bj
SELECT * FROM orders WHERE user_id = 50;
--> SEND bj replica rule=local-read key=50 shard=50 transaction=autocommit
