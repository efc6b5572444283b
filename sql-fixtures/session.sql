-- Session statements: sent where they mean what the client means, or answered here.
-- snapshot: two-units

-- case: a bare CONNECTION_ID() is answered here
SELECT CONNECTION_ID();
--> ANSWER connection-id

-- case: CONNECTION_ID() among others is the server's
SELECT CONNECTION_ID(), 1;
--> SEND hz primary rule=tableless transaction=autocommit

-- case: KILL is mapped
KILL 4711;
--> ANSWER kill connection 4711

-- case: KILL QUERY is mapped
KILL QUERY 4711;
--> ANSWER kill query 4711

-- case: KILL of a server's own thread needs the unit
-- live: no, there is no such thread
/*meridian: unit=bj*/ KILL 4711;
--> SEND bj primary rule=unit-hint transaction=autocommit

-- case: KILL of a client in a transaction is mapped
-- transaction: open bj primary touched
KILL 4711;
--> ANSWER kill connection 4711

-- case: a statement without tables
SELECT 1;
--> SEND hz primary rule=tableless transaction=autocommit

-- case: a statement without tables at bj
-- unit: bj
SELECT 1;
--> SEND bj primary rule=tableless transaction=autocommit

-- case: without a schema
-- schema: none
SELECT VERSION();
--> SEND hz primary rule=tableless transaction=autocommit

-- case: SET NAMES
SET NAMES utf8mb4;
--> SEND hz primary rule=tableless transaction=autocommit

-- case: SET of a variable
SET SESSION sql_mode = 'STRICT_TRANS_TABLES';
--> SEND hz primary rule=tableless transaction=autocommit

-- case: SET of a user variable
SET @x = 5;
--> SEND hz primary rule=tableless transaction=autocommit

-- case: SET of an unknown variable is the server's to refuse
-- live: no, the server refuses it
SET no_such_variable = 1;
--> SEND hz primary rule=tableless transaction=autocommit

-- case: what JDBC sends on connecting
/* mysql-connector-j */ SELECT @@session.auto_increment_increment AS auto_increment_increment, @@character_set_client AS character_set_client;
--> SEND hz primary rule=tableless transaction=autocommit

-- case: USE
USE shop;
--> SEND hz primary rule=tableless transaction=autocommit

-- case: USE of a schema no group holds
-- live: no, the account may not use it
USE mysql;
--> SEND hz primary rule=tableless transaction=autocommit

-- case: SHOW TABLES
SHOW TABLES;
--> SEND hz primary rule=tableless transaction=autocommit

-- case: SHOW CREATE TABLE
SHOW CREATE TABLE orders;
--> SEND hz primary rule=tableless transaction=autocommit

-- case: DESCRIBE
DESCRIBE product;
--> SEND hz primary rule=tableless transaction=autocommit

-- case: SHOW VARIABLES
SHOW VARIABLES LIKE 'version%';
--> SEND hz primary rule=tableless transaction=autocommit

-- case: information_schema
SELECT * FROM information_schema.tables WHERE table_schema = 'shop';
--> SEND hz primary rule=tableless transaction=autocommit

-- case: mysql's own tables
-- live: no, the account may not read them
SELECT user FROM mysql.user;
--> SEND hz primary rule=tableless transaction=autocommit

-- case: DO
DO 1;
--> SEND hz primary rule=tableless transaction=autocommit

-- case: an empty statement
/* ping */;
--> SEND hz primary rule=tableless transaction=autocommit
