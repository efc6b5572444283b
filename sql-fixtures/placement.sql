-- Key -> shard: steps, lists, keys that carry other keys, keys placed alone, many shards.
-- snapshot: list

-- case: a substring is looked up in a list
UPDATE shops SET rating = 5 WHERE name = 'hz-west-lake';
--> SEND hz primary rule=owner key='hz-west-lake' shard=0 scopes=shard:main:0 transaction=autocommit

-- case: another substring leads to another owner
UPDATE shops SET rating = 5 WHERE name = 'bj-798';
--> SEND bj primary rule=owner key='bj-798' shard=2 scopes=shard:main:2 transaction=autocommit

-- case: a substring that is not listed has no shard
UPDATE shops SET rating = 5 WHERE name = 'gz-tower';
--> REJECT 1526 HY000 routing key 'gz-tower' of key type 'shop' lies in no shard at epoch 7; use a key the transform covers

-- case: a read of a substring that is not listed finds nothing, here
SELECT rating FROM shops WHERE name = 'gz-tower';
--> SEND hz replica rule=local-read transaction=autocommit

-- case: a key too short for its substring has no shard
INSERT INTO shops (name, rating) VALUES ('h', 1);
--> REJECT 1526 HY000 routing key 'h' of key type 'shop' lies in no shard at epoch 7; use a key the transform covers

-- case: an empty key has no substring
INSERT INTO shops (name, rating) VALUES ('', 1);
--> REJECT 1526 HY000 routing key '' of key type 'shop' lies in no shard at epoch 7; use a key the transform covers

-- case: letters count in a list as they are written
UPDATE shops SET rating = 5 WHERE name = 'HZ-west-lake';
--> REJECT 1526 HY000 routing key 'HZ-west-lake' of key type 'shop' lies in no shard at epoch 7; use a key the transform covers

-- case: substrings of two owners in one statement
INSERT INTO shops (name, rating) VALUES ('hz-a', 1), ('bj-b', 2);
--> REJECT 1105 HY000 one statement on 'shops' has keys of two owners at epoch 7: 'hz-a' belongs to unit 'hz', 'bj-b' to unit 'bj'; nothing was sent, send one statement per owner

-- case: substrings of one owner and two shards in one statement
INSERT INTO shops (name, rating) VALUES ('hz-a', 1), ('sh-b', 2);
--> SEND hz primary rule=owner key='hz-a' shard=0 scopes=shard:main:0,shard:main:1 transaction=autocommit

-- case: a listed text
INSERT INTO member (name, points) VALUES ('bob', 1);
--> SEND bj primary rule=owner key='bob' shard=2 scopes=shard:main:2 transaction=autocommit

-- case: a text that is not listed goes where the others go
INSERT INTO member (name, points) VALUES ('carol', 1);
--> SEND hz primary rule=owner key='carol' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: a listed number as text
INSERT INTO member (name, points) VALUES ('7', 1);
--> SEND bj primary rule=owner key='7' shard=3 scopes=shard:main:3 transaction=autocommit

-- case: a listed number with a leading zero is another key
INSERT INTO member (name, points) VALUES ('07', 1);
--> SEND hz primary rule=owner key='07' shard=1 scopes=shard:main:1 transaction=autocommit

-- case: a listed number stored as a number
INSERT INTO member (name, points) VALUES (7, 1);
--> SEND bj primary rule=owner key='7' shard=3 scopes=shard:main:3 transaction=autocommit

-- case: listed keys of two owners
DELETE FROM member WHERE name IN ('alice', 'bob');
--> REJECT 1105 HY000 one statement on 'member' has keys of two owners at epoch 7: 'alice' belongs to unit 'hz', 'bob' to unit 'bj'; nothing was sent, send one statement per owner

-- case: a listed parameter
-- params: 'bob'
UPDATE member SET points = 2 WHERE name = ?;
--> SEND bj primary rule=owner key='bob' shard=2 scopes=shard:main:2 transaction=autocommit

-- case: a substring of digits, then its remainder, then its quarter
UPDATE customer SET name = 'x' WHERE id = 9900000049;
--> SEND hz primary rule=owner key=9900000049 shard=1 scopes=shard:main:1 transaction=autocommit

-- case: the same steps lead elsewhere with another digit
UPDATE customer SET name = 'x' WHERE id = 9900000050;
--> SEND bj primary rule=owner key=9900000050 shard=2 scopes=shard:main:2 transaction=autocommit

-- case: the same steps for a number of just four digits
UPDATE customer SET name = 'x' WHERE id = 1050;
--> SEND bj primary rule=owner key=1050 shard=2 scopes=shard:main:2 transaction=autocommit

-- case: a number too short for its substring has no shard
UPDATE customer SET name = 'x' WHERE id = 50;
--> REJECT 1526 HY000 routing key 50 of key type 'customer' lies in no shard at epoch 7; use a key the transform covers

-- case: a negative number is text for a substring
UPDATE customer SET name = 'x' WHERE id = -12;
--> REJECT 1526 HY000 routing key -12 of key type 'customer' lies in no shard at epoch 7; use a key the transform covers

-- case: a hash, its remainder, its range
INSERT INTO guest (email, visits) VALUES ('a@b.c', 1);
--> SEND hz primary rule=owner key='a@b.c' shard=0 scopes=shard:main:0 transaction=autocommit

-- case: another hash
INSERT INTO guest (email, visits) VALUES ('b@b.c', 1);
--> SEND hz primary rule=owner key='b@b.c' shard=0 scopes=shard:main:0 transaction=autocommit

-- case: a read by hash at another unit
-- unit: bj
SELECT visits FROM guest WHERE email = 'a@b.c';
--> SEND bj replica rule=local-read key='a@b.c' shard=0 transaction=autocommit

-- case: a hint's key takes the same steps
UPDATE /*meridian: key=bj-1*/ shops SET rating = 0;
--> SEND bj primary rule=owner key='bj-1' shard=2 scopes=shard:main:2 transaction=autocommit

-- case: a hint that takes the same steps to the same shard agrees
UPDATE /*meridian: key=bj-1*/ shops SET rating = 0 WHERE name = 'bj-2';
--> SEND bj primary rule=owner key='bj-1' shard=2 scopes=shard:main:2 transaction=autocommit

-- case: a hint that takes the same steps to another shard contradicts
UPDATE /*meridian: key=hz-1*/ shops SET rating = 0 WHERE name = 'bj-2';
--> REJECT 1105 HY000 the hint names key 'hz-1', the statement key 'bj-2', which is another shard; correct one of them

-- case: an order id goes where its merchant goes
-- snapshot: embedded
UPDATE order_items SET sku = 'a' WHERE order_id = 5999123;
--> SEND bj primary rule=owner key=5999123 shard=5999 scopes=shard:main:5999 transaction=autocommit

-- case: the merchant itself
-- snapshot: embedded
UPDATE offer_2026 SET price = 1 WHERE merchant_id = 5999;
--> SEND bj primary rule=owner key=5999 shard=5999 scopes=shard:main:5999 transaction=autocommit

-- case: an order id of another owner's merchant
-- snapshot: embedded
UPDATE order_items SET sku = 'a' WHERE order_id = 50123;
--> SEND hz primary rule=owner key=50123 shard=50 scopes=shard:main:50 transaction=autocommit

-- case: a merchant placed alone
-- snapshot: embedded
UPDATE offer_2026 SET price = 1 WHERE merchant_id = 6000;
--> SEND hz primary rule=owner key=6000 shard=10000 scopes=shard:main:10000 transaction=autocommit

-- case: an order of a merchant placed alone goes with it
-- snapshot: embedded
UPDATE order_items SET sku = 'a' WHERE order_id = 6000123;
--> SEND hz primary rule=owner key=6000123 shard=10000 scopes=shard:main:10000 transaction=autocommit

-- case: the merchant's neighbours in its old shard stay
-- snapshot: embedded
UPDATE offer_2026 SET price = 1 WHERE merchant_id = 16000;
--> SEND bj primary rule=owner key=16000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: orders of the merchant alone and of its old neighbour have two owners
-- snapshot: embedded
DELETE FROM order_items WHERE order_id IN (6000001, 16000001);
--> REJECT 1105 HY000 one statement on 'order_items' has keys of two owners at epoch 7: 6000001 belongs to unit 'hz', 16000001 to unit 'bj'; nothing was sent, send one statement per owner

-- case: a receipt carries its merchant in text
-- snapshot: embedded
UPDATE receipt SET total = 1 WHERE number = 'R05999-77';
--> SEND bj primary rule=owner key='R05999-77' shard=5999 scopes=shard:main:5999 transaction=autocommit

-- case: a receipt's merchant with leading zeros is the same remainder
-- snapshot: embedded
UPDATE receipt SET total = 1 WHERE number = 'R00050-77';
--> SEND hz primary rule=owner key='R00050-77' shard=50 scopes=shard:main:50 transaction=autocommit

-- case: a receipt of the merchant alone, with leading zeros, goes with it
-- snapshot: embedded
UPDATE receipt SET total = 1 WHERE number = 'R06000-77';
--> SEND hz primary rule=owner key='R06000-77' shard=10000 scopes=shard:main:10000 transaction=autocommit

-- case: a receipt of something that is no merchant has no shard
-- snapshot: embedded
UPDATE receipt SET total = 1 WHERE number = 'RECEIPT-1';
--> REJECT 1526 HY000 routing key 'RECEIPT-1' of key type 'receipt' lies in no shard at epoch 7; use a key the transform covers

-- case: a reference to a reference
-- snapshot: embedded
INSERT INTO entry (receipt, line) VALUES ('R05999-77', 1);
--> SEND bj primary rule=owner key='R05999-77' shard=5999 scopes=shard:main:5999 transaction=autocommit

-- case: a user placed alone
-- snapshot: embedded
UPDATE orders SET amount = 3 WHERE user_id = 111123;
--> SEND bj primary rule=owner key=111123 shard=10001 scopes=shard:main:10001 transaction=autocommit

-- case: a user placed alone, as text against a numeric column
-- snapshot: embedded
UPDATE orders SET amount = 3 WHERE user_id = '111123';
--> SEND bj primary rule=owner key=111123 shard=10001 scopes=shard:main:10001 transaction=autocommit

-- case: a user placed alone, as a parameter
-- snapshot: embedded
-- params: 111123
UPDATE orders SET amount = 3 WHERE user_id = ?;
--> SEND bj primary rule=owner key=111123 shard=10001 scopes=shard:main:10001 transaction=autocommit

-- case: a user placed alone, by a hint
-- snapshot: embedded
/*meridian: key=111123*/ DELETE FROM orders WHERE id = 7;
--> SEND bj primary rule=owner key=111123 shard=10001 scopes=shard:main:10001 transaction=autocommit

-- case: a user placed alone, by a session hint
-- snapshot: embedded
-- hint-session: key=111123
DELETE FROM orders WHERE id = 7;
--> SEND bj primary rule=owner key=111123 shard=10001 scopes=shard:main:10001 transaction=autocommit

-- case: the shard the user alone would have had
-- snapshot: embedded
UPDATE orders SET amount = 3 WHERE user_id = 1123;
--> SEND hz primary rule=owner key=1123 shard=1123 scopes=shard:main:1123 transaction=autocommit

-- case: the user alone and another of the new owner
-- snapshot: embedded
DELETE FROM orders WHERE user_id IN (111123, 6000);
--> SEND bj primary rule=owner key=111123 shard=10001 scopes=shard:main:10001,shard:main:6000 transaction=autocommit

-- case: the user alone and one of its old shard
-- snapshot: embedded
DELETE FROM orders WHERE user_id IN (111123, 1123);
--> REJECT 1105 HY000 one statement on 'orders' has keys of two owners at epoch 7: 111123 belongs to unit 'bj', 1123 to unit 'hz'; nothing was sent, send one statement per owner

-- case: a current read of the user alone
-- snapshot: embedded
SELECT /*meridian: level=strong*/ id FROM orders WHERE user_id = 111123;
--> SEND bj primary rule=owner key=111123 shard=10001 scopes=shard:main:10001 transaction=autocommit

-- case: a merchant with a name, placed alone
-- snapshot: embedded
UPDATE offer_text SET price = 1 WHERE merchant_id = 'vip';
--> SEND bj primary rule=owner key='vip' shard=10001 scopes=shard:main:10001 transaction=autocommit

-- case: a merchant with a name, not placed at all
-- snapshot: embedded
UPDATE offer_text SET price = 1 WHERE merchant_id = 'other';
--> REJECT 1526 HY000 routing key 'other' of key type 'merchant' lies in no shard at epoch 7; use a key the transform covers

-- case: the key of one type does not place another
-- snapshot: embedded
UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: the lowest shard of most
-- snapshot: most-shards
UPDATE orders SET amount = 3 WHERE user_id = 0;
--> SEND hz primary rule=owner key=0 shard=0 scopes=shard:main:0 transaction=autocommit

-- case: the second shard of most
-- snapshot: most-shards
UPDATE orders SET amount = 3 WHERE user_id = 65537;
--> SEND bj primary rule=owner key=65537 shard=1 scopes=shard:main:1 transaction=autocommit

-- case: the highest shard of most
-- snapshot: most-shards
UPDATE orders SET amount = 3 WHERE user_id = 65535;
--> SEND bj primary rule=owner key=65535 shard=65535 scopes=shard:main:65535 transaction=autocommit

-- case: the greatest unsigned number
-- snapshot: most-shards
UPDATE orders SET amount = 3 WHERE user_id = 18446744073709551615;
--> SEND bj primary rule=owner key=18446744073709551615 shard=65535 scopes=shard:main:65535 transaction=autocommit

-- case: the least signed number
-- snapshot: most-shards
UPDATE orders SET amount = 3 WHERE user_id = -9223372036854775808;
--> SEND hz primary rule=owner key=-9223372036854775808 shard=0 scopes=shard:main:0 transaction=autocommit

-- case: a hash into fewer buckets than shards
-- snapshot: most-shards
INSERT INTO member (name, points) VALUES ('alice', 1);
--> SEND hz primary rule=owner key='alice' shard=183 scopes=shard:main:183 transaction=autocommit
