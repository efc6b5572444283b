-- Key -> shard: hash and range; mod is everywhere else.
-- snapshot: hash

-- case: hash of a number
UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=915 scopes=shard:main:915 transaction=autocommit

-- case: hash of another number
UPDATE orders SET amount = 3 WHERE user_id = 50;
--> SEND hz primary rule=owner key=50 shard=0 scopes=shard:main:0 transaction=autocommit

-- case: hash of a text
INSERT INTO member (name, points) VALUES ('alice', 1);
--> SEND hz primary rule=owner key='alice' shard=263 scopes=shard:main:263 transaction=autocommit

-- case: hash of another text
INSERT INTO member (name, points) VALUES ('bob', 1);
--> SEND bj primary rule=owner key='bob' shard=596 scopes=shard:main:596 transaction=autocommit

-- case: hash of a text with an escape
INSERT INTO member (name, points) VALUES ('o\'hara', 1);
--> SEND bj primary rule=owner key='o\'hara' shard=813 scopes=shard:main:813 transaction=autocommit

-- case: hash of a text with a doubled quote is the same
INSERT INTO member (name, points) VALUES ('o''hara', 1);
--> SEND bj primary rule=owner key='o\'hara' shard=813 scopes=shard:main:813 transaction=autocommit

-- case: hash of an empty text
INSERT INTO member (name, points) VALUES ('', 1);
--> SEND bj primary rule=owner key='' shard=805 scopes=shard:main:805 transaction=autocommit

-- case: hash of a text that is not ASCII
INSERT INTO member (name, points) VALUES ('李雷', 1);
--> SEND bj primary rule=owner key='李雷' shard=927 scopes=shard:main:927 transaction=autocommit

-- case: hash of a number stored into a text column
INSERT INTO member (name, points) VALUES (6000, 1);
--> SEND bj primary rule=owner key='6000' shard=915 scopes=shard:main:915 transaction=autocommit

-- case: a number compared to a text column is no certain key
UPDATE member SET points = 2 WHERE name = 6000;
--> REJECT 1105 HY000 a write of sharded table 'member' has a routing key in 'name' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: hash hint
/*meridian: key=6000*/ UPDATE orders SET amount = 3 WHERE id = 1;
--> SEND bj primary rule=owner key=6000 shard=915 scopes=shard:main:915 transaction=autocommit

-- case: the first range
-- snapshot: range
UPDATE orders SET amount = 3 WHERE user_id = 999;
--> SEND hz primary rule=owner key=999 shard=0 scopes=shard:main:0 transaction=autocommit

-- case: the lowest key of the first range
-- snapshot: range
UPDATE orders SET amount = 3 WHERE user_id = -100;
--> SEND hz primary rule=owner key=-100 shard=0 scopes=shard:main:0 transaction=autocommit

-- case: below every range
-- snapshot: range
UPDATE orders SET amount = 3 WHERE user_id = -101;
--> REJECT 1526 HY000 routing key -101 of key type 'user' lies in no shard at epoch 7; use a key the transform covers

-- case: the second range
-- snapshot: range
UPDATE orders SET amount = 3 WHERE user_id = 1000;
--> SEND hz primary rule=owner key=1000 shard=1 scopes=shard:main:1 transaction=autocommit

-- case: the last range
-- snapshot: range
UPDATE orders SET amount = 3 WHERE user_id = 1000000;
--> SEND bj primary rule=owner key=1000000 shard=2 scopes=shard:main:2 transaction=autocommit

-- case: in a hole a write is refused
-- snapshot: range
INSERT INTO orders (user_id, item, amount) VALUES (3500, 'tea', 1);
--> REJECT 1526 HY000 routing key 3500 of key type 'user' lies in no shard at epoch 7; use a key the transform covers

-- case: in a hole a read finds nothing
-- snapshot: range
SELECT * FROM orders WHERE user_id = 3500;
--> SEND hz replica rule=local-read transaction=autocommit

-- case: two shards of one owner
-- snapshot: range
UPDATE orders SET amount = 3 WHERE user_id IN (1, 1500);
--> SEND hz primary rule=owner key=1 shard=0 scopes=shard:main:0,shard:main:1 transaction=autocommit

-- case: two owners
-- snapshot: range
UPDATE orders SET amount = 3 WHERE user_id IN (1, 5000);
--> REJECT 1105 HY000 one statement on 'orders' has keys of two owners at epoch 7: 1 belongs to unit 'hz', 5000 to unit 'bj'; nothing was sent, send one statement per owner
