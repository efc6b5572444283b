-- How the text is read depends on the session's sql_mode, character set and server.
-- snapshot: two-units

-- case: a backslash escapes a quote
UPDATE orders SET note = 'it\'s', amount = 2 WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: under NO_BACKSLASH_ESCAPES it does not
-- mode: no-backslash-escapes
UPDATE orders SET note = 'it\', amount = 2 WHERE user_id = 6000 AND item <> 'a''b';
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: double quotes are strings
UPDATE orders SET note = "user_id" WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: under ANSI_QUOTES they are names
-- mode: ansi-quotes
UPDATE "orders" SET "amount" = 2 WHERE "user_id" = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: an executable comment of MariaDB
UPDATE orders SET amount = 3 WHERE item = 'tea' /*M!100000 AND user_id = 6000 */;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: MySQL does not read MariaDB's comments
-- snapshot: mysql
UPDATE orders SET amount = 3 WHERE item = 'tea' /*M!100000 AND user_id = 6000 */;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: a hexadecimal key is no certain number
UPDATE orders SET amount = 3 WHERE user_id = 0x1770;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a dash comment needs a blank
UPDATE orders SET amount = 3 WHERE user_id = 6000--1;
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: a hash comment
UPDATE orders SET amount = 3 WHERE user_id = 6000 # AND user_id = 50
;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: strings stand side by side
UPDATE orders SET note = 'a' 'b' WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a key that looks like another after a comment
UPDATE orders SET amount = 3 WHERE user_id = /* 50 */ 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit
