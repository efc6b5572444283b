-- Stored routines that are declared: what they touch decides, and an argument gives the key.
-- snapshot: routines

-- case: the key is an argument
CALL settle('all', 6000);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: the same, qualified, at another unit
-- unit: bj
CALL shop.settle('all', 50);
--> SEND hz primary rule=owner key=50 shard=50 scopes=shard:main:50 transaction=autocommit

-- case: the key is a parameter
-- params: 'all' 6000
CALL settle(?, ?);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: the key argument is NULL
CALL settle('all', NULL);
--> REJECT 1105 HY000 a write of sharded table 'orders' has NULL in its routing key 'user_id', and NULL has no owner; give a value

-- case: the key argument is an expression
CALL settle('all', 5999 + 1);
--> REJECT 1105 HY000 a write of sharded table 'orders' has a routing key in 'user_id' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: the key argument is a variable
CALL settle('all', @user);
--> REJECT 1105 HY000 a write of sharded table 'orders' has a routing key in 'user_id' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: the key argument is missing
CALL settle('all');
--> REJECT 1105 HY000 a write of sharded table 'orders' has a routing key in 'user_id' that cannot be read with certainty; use a plain literal or parameter, or give /*meridian: key=…*/

-- case: a hint gives the key of an expression
/*meridian: key=6000*/ CALL settle('all', @user);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a hint that contradicts the argument
/*meridian: key=50*/ CALL settle('all', 6000);
--> REJECT 1105 HY000 the hint names key 50, the statement key 6000, which is another shard; correct one of them

-- case: parentheses and commas in other arguments do not count
CALL settle(CONCAT('a', ',', 'b'), 6000);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a routine without a key argument needs a hint
CALL settle_all();
--> REJECT 1105 HY000 a write of sharded table 'orders' names no routing key; restrict 'user_id' to a value or give /*meridian: key=…*/

-- case: a hint gives it
/*meridian: key=6000*/ CALL settle_all();
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: global tables go to the master
-- unit: bj
CALL restock(5);
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: a routine that only reads stays
-- unit: bj
CALL report_of(50);
--> SEND bj primary rule=local-read key=50 shard=50 transaction=autocommit

-- case: a current read of it goes to the owner
/*meridian: level=strong*/ CALL report_of(6000);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a routine that touches nothing managed stays
-- unit: bj
CALL cleanup();
--> SEND bj primary rule=local-table transaction=autocommit

-- case: a routine of the second key type
CALL move_offer(6000);
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a routine of two classes is refused
CALL both(6000);
--> REJECT 1235 42000 one write touches 'orders' and 'product', which are placed by different rules; write them in statements of their own

-- case: a declared routine whose argument calls an undeclared function
CALL settle(undeclared(), 6000);
--> REJECT 1235 42000 routine 'settle' may write managed tables and nothing says where; give /*meridian: key=…*/ or declare it

-- case: a declared routine whose argument is a query
CALL settle((SELECT MAX(id) FROM product), 6000);
--> REJECT 1235 42000 routine 'settle' may write managed tables and nothing says where; give /*meridian: key=…*/ or declare it

-- case: an undeclared routine
CALL undeclared(6000);
--> REJECT 1235 42000 routine 'undeclared' may write managed tables and nothing says where; give /*meridian: key=…*/ or declare it

-- case: a function that is a computation is part of a read
-- unit: bj
SELECT tax_of(price) FROM product;
--> SEND bj replica rule=local-read transaction=autocommit

-- case: a function that is a computation is part of a write
UPDATE orders SET amount = tax_of(amount) WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a function that reads a table needs a hint
SELECT rate_of(1);
--> REJECT 1235 42000 routine 'rate_of' may write managed tables and nothing says where; give /*meridian: key=…*/ or declare it

-- case: in a transaction that wrote elsewhere
-- transaction: open hz primary touched
CALL settle('all', 6000);
--> REJECT 1179 25000 the open transaction has written or locked in unit 'hz' and this statement belongs to unit 'bj' at epoch 7; the transaction is alive, COMMIT or ROLLBACK it first

-- case: a call without parentheses
CALL cleanup;
--> SEND hz primary rule=local-table transaction=autocommit
