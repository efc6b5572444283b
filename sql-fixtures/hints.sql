-- Hints: comment over session, both over SQL; a contradiction is an error.
-- snapshot: two-units

-- case: a comment gives the key
/*meridian: key=6000*/ UPDATE orders SET amount = 3 WHERE id = 900001;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: the session gives the key
-- hint-session: key=6000
UPDATE orders SET amount = 3 WHERE id = 900001;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: the comment counts over the session
-- hint-session: key=6000
/*meridian: key=50*/ UPDATE orders SET amount = 3 WHERE id = 900001;
--> SEND hz primary rule=owner key=50 shard=50 scopes=shard:main:50 transaction=autocommit

-- case: a comment that agrees with the SQL
/*meridian: key=6000*/ UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a comment for the same shard agrees
/*meridian: key=16000*/ UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> SEND bj primary rule=owner key=16000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a comment that contradicts the SQL is an error
/*meridian: key=50*/ UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> REJECT 1105 HY000 the hint names key 50, the statement key 6000, which is another shard; correct one of them

-- case: a session hint that contradicts the SQL is an error
-- hint-session: key=50
UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> REJECT 1105 HY000 the hint names key 50, the statement key 6000, which is another shard; correct one of them

-- case: a comment that contradicts one key of several is an error
/*meridian: key=6000*/ UPDATE orders SET amount = 3 WHERE user_id IN (6000, 6001);
--> REJECT 1105 HY000 the hint names key 6000, the statement key 6001, which is another shard; correct one of them

-- case: a contradiction in a read is an error too
/*meridian: key=50*/ SELECT * FROM orders WHERE user_id = 6000;
--> REJECT 1105 HY000 the hint names key 50, the statement key 6000, which is another shard; correct one of them

-- case: a comment gives the key of an insert that cannot be read
/*meridian: key=6000*/ INSERT INTO orders (user_id, item, amount) VALUES (5999 + 1, 'tea', 1);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a comment at the end
UPDATE orders SET amount = 3 WHERE id = 900001 /*meridian: key=6000*/;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a comment gives the key of a read
/*meridian: key=6000, level=strong*/ SELECT * FROM orders WHERE id = 900001;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a unit hint sends a read there
/*meridian: unit=bj*/ SELECT * FROM orders WHERE user_id = 50;
--> SEND bj replica rule=unit-hint key=50 shard=50 transaction=autocommit

-- case: a unit hint sends a global read there
/*meridian: unit=bj*/ SELECT * FROM product;
--> SEND bj replica rule=unit-hint transaction=autocommit

-- case: a unit hint that names the owner lets a write pass
/*meridian: unit=bj*/ UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a unit hint that does not name the owner refuses the write
/*meridian: unit=hz*/ UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> REJECT 1105 HY000 the hint expects unit 'hz', but unit 'bj' takes this statement at epoch 7; correct the hint or leave it out

-- case: a unit hint that does not name the master refuses the write
/*meridian: unit=bj*/ UPDATE product SET stock = 1 WHERE id = 1;
--> REJECT 1105 HY000 the hint expects unit 'bj', but unit 'hz' takes this statement at epoch 7; correct the hint or leave it out

-- case: a unit hint that does not name the schema unit refuses DDL
/*meridian: unit=bj*/ ALTER TABLE product COMMENT 'for sale';
--> REJECT 1105 HY000 the hint expects unit 'bj', but unit 'hz' takes this statement at epoch 7; correct the hint or leave it out

-- case: strong and a unit that is not the owner contradict each other
/*meridian: unit=hz, level=strong*/ SELECT * FROM orders WHERE user_id = 6000;
--> REJECT 1105 HY000 the hint expects unit 'hz', but unit 'bj' takes this statement at epoch 7; correct the hint or leave it out

-- case: a unit that does not exist
/*meridian: unit=sz*/ SELECT * FROM orders WHERE user_id = 6000;
--> REJECT 1105 HY000 the hint names unit 'sz', which does not exist; use one of the configured units

-- case: a unit hint without tables
/*meridian: unit=bj*/ SELECT @@server_id;
--> SEND bj primary rule=unit-hint transaction=autocommit

-- case: a hint that cannot be read is an error
/*meridian: kye=6000*/ UPDATE orders SET amount = 3 WHERE id = 900001;
--> REJECT 1105 HY000 the hint 'kye=6000' cannot be read; write /*meridian: key=…, level=…, unit=…*/

-- case: a hint is not read in a literal
UPDATE orders SET note = '/*meridian: key=50*/' WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a text key that is no number has no place under mod
/*meridian: key=abc*/ UPDATE orders SET amount = 3 WHERE id = 900001;
--> REJECT 1526 HY000 routing key 'abc' of key type 'user' lies in no shard at epoch 7; use a key the transform covers

-- case: setting only hints is answered here
SET @meridian_key = 6000;
--> ANSWER session

-- case: clearing a hint is answered here
SET @meridian_key = NULL;
--> ANSWER session

-- case: setting a hint and a variable is sent
SET @meridian_level = 'strong', @x = 5;
--> SEND hz primary rule=tableless transaction=autocommit

-- case: a comment as sqlcommenter writes it
UPDATE orders SET amount = 3 WHERE id = 900001 /*meridian_key='6000',traceparent='00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01'*/;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: our tags between others
SELECT * FROM orders WHERE id = 900001 /*action='show',controller='orders',meridian_key='6000',meridian_level='strong',route='%2Forders'*/;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a tag with an escaped value
UPDATE orders SET amount = 3 WHERE id = 900001 /*db_driver='jdbc',meridian_key='60%300'*/;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a tag as Rails writes it by default
UPDATE orders SET amount = 3 WHERE id = 900001 /*application:Shop,controller:orders,meridian_key:6000*/;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a tag names the expected unit
UPDATE orders SET amount = 3 WHERE user_id = 6000 /*meridian_unit='hz'*/;
--> REJECT 1105 HY000 the hint expects unit 'hz', but unit 'bj' takes this statement at epoch 7; correct the hint or leave it out

-- case: a tag that contradicts the SQL is an error
UPDATE orders SET amount = 3 WHERE user_id = 6000 /*meridian_key='50'*/;
--> REJECT 1105 HY000 the hint names key 50, the statement key 6000, which is another shard; correct one of them

-- case: a tag of ours that means nothing is an error
UPDATE orders SET amount = 3 WHERE user_id = 6000 /*action='x',meridian_kye='50'*/;
--> REJECT 1105 HY000 the hint 'meridian_kye='50'' cannot be read; write /*meridian: key=…, level=…, unit=…*/

-- case: a tag with a broken escape is an error
UPDATE orders SET amount = 3 WHERE user_id = 6000 /*meridian_key='6%0'*/;
--> REJECT 1105 HY000 the hint 'meridian_key='6%0'' cannot be read; write /*meridian: key=…, level=…, unit=…*/

-- case: a tag without a value is an error
UPDATE orders SET amount = 3 WHERE user_id = 6000 /*meridian_unit=''*/;
--> REJECT 1105 HY000 the hint 'meridian_unit=''' cannot be read; write /*meridian: key=…, level=…, unit=…*/

-- case: a comment that only talks of such a name is no hint
UPDATE orders SET amount = 3 WHERE user_id = 6000 /* see meridian_orders and meridian_key in the manual */;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: two tags that disagree
UPDATE orders SET amount = 3 WHERE id = 1 /*meridian_key='50'*/ /*meridian_key='6000'*/;
--> REJECT 1105 HY000 the hint 'two values: meridian_key='6000'' cannot be read; write /*meridian: key=…, level=…, unit=…*/

-- case: a tag and a hint that agree
/*meridian: key=6000*/ UPDATE orders SET amount = 3 WHERE id = 900001 /*meridian_key='6000'*/;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a query attribute gives the key
-- snapshot: users
-- attributes: key=6000
UPDATE orders SET amount = 3 WHERE id = 900001;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a query attribute counts over the session
-- snapshot: users
-- attributes: key=50
-- hint-session: key=6000
UPDATE orders SET amount = 3 WHERE id = 900001;
--> SEND hz primary rule=owner key=50 shard=50 scopes=shard:main:50 transaction=autocommit

-- case: a query attribute and a comment that agree
-- snapshot: users
-- attributes: key=6000
/*meridian: key=6000*/ UPDATE orders SET amount = 3 WHERE id = 900001;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a query attribute and a comment about different things
-- snapshot: users
-- attributes: key=6000
/*meridian: level=strong*/ SELECT * FROM orders WHERE id = 900001;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a query attribute and a comment with two keys
-- snapshot: users
-- attributes: key=50
/*meridian: key=6000*/ UPDATE orders SET amount = 3 WHERE id = 900001;
--> REJECT 1105 HY000 the hint comment and the query attributes name different values for key; correct one of them

-- case: a query attribute and a comment with two levels
-- snapshot: users
-- attributes: level=eventual
/*meridian: level=strong*/ SELECT * FROM product;
--> REJECT 1105 HY000 the hint comment and the query attributes name different values for level; correct one of them

-- case: a query attribute and a comment with two units
-- snapshot: users
-- attributes: unit=hz
/*meridian: unit=bj*/ SELECT * FROM product;
--> REJECT 1105 HY000 the hint comment and the query attributes name different values for unit; correct one of them

-- case: a query attribute that contradicts the SQL is an error
-- snapshot: users
-- attributes: key=50
UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> REJECT 1105 HY000 the hint names key 50, the statement key 6000, which is another shard; correct one of them

-- case: a user whose reads are current
-- snapshot: users
-- user-level: strong
SELECT * FROM product;
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: a hint frees a read of a user whose reads are current
-- snapshot: users
-- user-level: strong
SELECT /*meridian: level=eventual*/ * FROM product;
--> SEND hz replica rule=local-read transaction=autocommit

-- case: the session frees it too
-- snapshot: users
-- user-level: strong
-- hint-session: level=eventual
SELECT * FROM product;
--> SEND hz replica rule=local-read transaction=autocommit

-- case: current reads of such a user need a key
-- snapshot: users
-- user-level: strong
SELECT COUNT(*) FROM orders;
--> REJECT 1105 HY000 a read of 'orders' at level strong needs a routing key, because several units own its shards; restrict 'user_id' to a value or give /*meridian: key=…*/
