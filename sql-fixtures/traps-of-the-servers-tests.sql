-- What the servers' own regression tests taught, and what was found on the way (scripts/corpus).
-- snapshot: two-units-more

-- case: DEFAULT of a column may take a number of a sequence
SELECT DEFAULT(id) FROM product;
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: and so in a condition
SELECT * FROM product WHERE DEFAULT(stock) > 0;
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: an unknown function may do anything
SELECT sys_exec('x') FROM product;
--> SEND hz primary rule=global-master scopes=global:main transaction=autocommit

-- case: also without a table
SELECT sys_exec('x');
--> SEND hz primary rule=tableless transaction=autocommit

-- case: the servers' own do nothing
SELECT ST_AsText(POINT(1, 2)), JSON_EXTRACT('{}', '$.a') FROM product;
--> SEND hz replica rule=local-read transaction=autocommit

-- case: a name with columns is no function
WITH c (a) AS (SELECT id FROM product) SELECT a FROM c;
--> SEND hz replica rule=local-read transaction=autocommit

-- case: nor are the columns of a derived table
SELECT * FROM (SELECT id FROM product) d (a);
--> SEND hz replica rule=local-read transaction=autocommit

-- case: TABLE with locks
TABLE product FOR UPDATE;
--> REJECT 1235 42000 this statement names managed table 'product' and cannot be analysed; write it in a simpler form or give /*meridian: key=…*/

-- case: TABLE before another query
TABLE product UNION SELECT id, name, price, stock FROM product FOR UPDATE;
--> REJECT 1235 42000 this statement names managed table 'product' and cannot be analysed; write it in a simpler form or give /*meridian: key=…*/

-- case: what stands behind a procedure is a statement of its own
CREATE PROCEDURE p() SELECT 1; UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> REJECT 1235 42000 the statements of one packet belong to unit 'hz' and unit 'bj' at epoch 7; nothing was sent, send them one by one

-- case: also behind a body
CREATE PROCEDURE p() BEGIN SELECT 1; END; UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> REJECT 1235 42000 the statements of one packet belong to unit 'hz' and unit 'bj' at epoch 7; nothing was sent, send them one by one

-- case: a table that is called event
CREATE TABLE event (a INT); UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> REJECT 1235 42000 the statements of one packet belong to unit 'hz' and unit 'bj' at epoch 7; nothing was sent, send them one by one

-- case: a body whose end is not certain
CREATE PROCEDURE p() BEGIN SELECT 1; UPDATE orders SET amount = 3 WHERE user_id = 6000;
--> REJECT 1235 42000 this statement names managed table 'orders' and cannot be analysed; write it in a simpler form or give /*meridian: key=…*/

-- case: an alias that looks like a body
CREATE PROCEDURE p() SELECT 1 begin; UPDATE orders SET amount = 3 WHERE user_id = 6000; SELECT 1 end;
--> REJECT 1235 42000 the statements of one packet belong to unit 'hz' and unit 'bj' at epoch 7; nothing was sent, send them one by one

-- case: a block on a managed table
BEGIN NOT ATOMIC UPDATE orders SET amount = 3 WHERE user_id = 6000; END;
--> REJECT 1235 42000 this statement names managed table 'orders' and cannot be analysed; write it in a simpler form or give /*meridian: key=…*/

-- case: a block on none
BEGIN NOT ATOMIC INSERT INTO audit_log (message) VALUES ('a'); END;
--> SEND hz primary rule=local-table transaction=autocommit

-- case: a loop
FOR i IN 0..3 DO DELETE FROM orders; END FOR;
--> REJECT 1235 42000 this statement names managed table 'orders' and cannot be analysed; write it in a simpler form or give /*meridian: key=…*/

-- case: NULL written otherwise
UPDATE orders SET note = \N WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: a comment within a comment that is skipped
UPDATE orders SET amount = 3 WHERE user_id = 6000 /*!999999 OR 1 /* x */ OR 2 */;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=autocommit

-- case: EXPLAIN into a variable leaves it
EXPLAIN FORMAT=JSON INTO @v SELECT * FROM product;
--> SEND hz primary rule=local-read transaction=autocommit

-- case: an index is loaded
LOAD INDEX INTO CACHE audit_log;
--> SEND hz primary rule=local-table transaction=autocommit

-- case: byte 0xA0, a space in latin1, is part of letters in UTF-8
SELECT item AS 价格 FROM orders WHERE user_id = 6000;
--> SEND hz replica rule=local-read key=6000 shard=6000 transaction=autocommit
