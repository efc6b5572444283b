-- Ways around the rules are closed without the grant.
-- snapshot: two-units

-- case: SET sql_log_bin
SET sql_log_bin = 0;
--> REJECT 1227 42000 SET sql_log_bin would go around Meridian's rules; it needs the grant 'escapes' of your Meridian user

-- case: SET GLOBAL
SET GLOBAL max_connections = 10;
--> REJECT 1227 42000 SET GLOBAL max_connections would go around Meridian's rules; it needs the grant 'escapes' of your Meridian user

-- case: SET @@global
SET @@global.read_only = 0;
--> REJECT 1227 42000 SET GLOBAL read_only would go around Meridian's rules; it needs the grant 'escapes' of your Meridian user

-- case: SET gtid_domain_id
SET gtid_domain_id = 9;
--> REJECT 1227 42000 SET gtid_domain_id would go around Meridian's rules; it needs the grant 'escapes' of your Meridian user

-- case: SET server_id
SET SESSION server_id = 9;
--> REJECT 1227 42000 SET server_id would go around Meridian's rules; it needs the grant 'escapes' of your Meridian user

-- case: SET auto_increment_offset
SET auto_increment_offset = 2;
--> REJECT 1227 42000 SET auto_increment_offset would go around Meridian's rules; it needs the grant 'escapes' of your Meridian user

-- case: SET STATEMENT FOR
SET STATEMENT sql_log_bin = 0 FOR UPDATE orders SET amount = 3 WHERE user_id = 50;
--> REJECT 1227 42000 SET sql_log_bin would go around Meridian's rules; it needs the grant 'escapes' of your Meridian user

-- case: with the grant
-- grants: escapes
SET sql_log_bin = 0;
--> SEND hz primary rule=tableless transaction=autocommit

-- case: SET GLOBAL with the grant
-- grants: escapes
SET GLOBAL max_connections = 151;
--> SEND hz primary rule=tableless transaction=autocommit

-- case: MySQL's PERSIST
-- snapshot: mysql
SET PERSIST max_connections = 10;
--> REJECT 1227 42000 SET GLOBAL max_connections would go around Meridian's rules; it needs the grant 'escapes' of your Meridian user
