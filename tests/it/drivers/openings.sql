# What drivers and frameworks say when they open a session, before the application says anything.
# `--- name` begins the opening of one client; each line is a packet. `[mariadb]` and `[mysql]` mark lines for servers of that family only.

--- connector_j
/* mysql-connector-j-8.4.0 */SELECT  @@session.auto_increment_increment AS auto_increment_increment, @@character_set_client AS character_set_client, @@character_set_connection AS character_set_connection, @@character_set_results AS character_set_results, @@character_set_server AS character_set_server, @@collation_server AS collation_server, @@collation_connection AS collation_connection, @@init_connect AS init_connect, @@interactive_timeout AS interactive_timeout, @@license AS license, @@lower_case_table_names AS lower_case_table_names, @@max_allowed_packet AS max_allowed_packet, @@net_write_timeout AS net_write_timeout, @@performance_schema AS performance_schema, @@sql_mode AS sql_mode, @@system_time_zone AS system_time_zone, @@time_zone AS time_zone, @@wait_timeout AS wait_timeout
SET NAMES utf8mb4
SET character_set_results = NULL
SET autocommit=1
SET sql_mode='ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE'
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED
set session transaction read write
SET SQL_SELECT_LIMIT=DEFAULT
SET net_write_timeout=600

--- connector_j_session_variables
SET sql_mode='ANSI',group_concat_max_len=4096,time_zone='+02:00'
SET character_set_results = utf8mb4

--- mariadb_connector_j_2
SET NAMES utf8mb4
set autocommit=1, sql_mode = concat(@@sql_mode,',STRICT_TRANS_TABLES')
SELECT @@max_allowed_packet,@@system_time_zone,@@time_zone,@@auto_increment_increment

--- mariadb_connector_j_3
[mariadb]set autocommit=1, session_track_schema=1, session_track_system_variables = CONCAT(@@global.session_track_system_variables,',tx_isolation'), sql_mode = concat(@@sql_mode,',STRICT_TRANS_TABLES')
[mysql]set autocommit=1, session_track_schema=1, session_track_system_variables = CONCAT(@@global.session_track_system_variables,',transaction_isolation'), sql_mode = concat(@@sql_mode,',STRICT_TRANS_TABLES')
SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ

--- net_mysqlconnector
SET NAMES utf8mb4;
SELECT VERSION(), @@max_allowed_packet, @@sql_mode

--- net_connector
SHOW VARIABLES WHERE VARIABLE_NAME IN ('max_allowed_packet', 'character_set_client', 'lower_case_table_names')
SELECT TIMEDIFF(NOW(), UTC_TIMESTAMP()) IS NOT NULL
SHOW COLLATION WHERE Collation LIKE 'utf8mb4%'
SET NAMES utf8mb4
SET character_set_results=NULL
set net_write_timeout=99999
set net_read_timeout=99999
SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ

--- go_sql_driver
SELECT @@max_allowed_packet
SET NAMES utf8mb4
SET time_zone='+00:00',sql_mode='TRADITIONAL'
SET foreign_key_checks=0

--- pymysql
SET NAMES utf8mb4
SET AUTOCOMMIT = 0
SET sql_mode='TRADITIONAL'

--- mysqlclient_django
SET NAMES utf8mb4
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED
SET SQL_AUTO_IS_NULL = 0
SELECT VERSION(), @@sql_mode, @@default_storage_engine, @@sql_auto_is_null, @@lower_case_table_names, CONVERT_TZ('2001-01-01 01:00:00', 'UTC', 'UTC') IS NOT NULL

--- connector_python
SET NAMES 'utf8mb4' COLLATE 'utf8mb4_general_ci'
SET NAMES utf8mb4
SET @@session.autocommit = OFF
SET @@session.time_zone = '+00:00'
SET @@session.sql_mode = 'TRADITIONAL'

--- sqlalchemy
SELECT DATABASE()
SELECT @@sql_mode
SELECT @@lower_case_table_names
SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE

--- node_sequelize
SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ;
SET time_zone = '+00:00'
SELECT VERSION() as `version`

--- prisma
SELECT @@socket, @@max_allowed_packet, @@wait_timeout
SET NAMES 'utf8mb4' COLLATE 'utf8mb4_unicode_ci'
SET SESSION wait_timeout=28799
SELECT @@version, @@GLOBAL.lower_case_table_names

--- php_laravel
set names 'utf8mb4' collate 'utf8mb4_unicode_ci'
set time_zone='+00:00'
set session sql_mode='ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'

--- php_laravel_11
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET NAMES 'utf8mb4' COLLATE 'utf8mb4_unicode_ci', time_zone='+01:00', SESSION sql_mode='STRICT_TRANS_TABLES';

--- php_wordpress
SET NAMES utf8mb4 COLLATE utf8mb4_unicode_ci
SELECT @@SESSION.sql_mode
SET SESSION sql_mode='NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'

--- php_drupal
SET NAMES utf8mb4 COLLATE utf8mb4_general_ci
SET SESSION sql_mode = 'ANSI,TRADITIONAL'
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED

--- ruby_rails
SET NAMES utf8mb4,  @@SESSION.sql_mode = CONCAT(CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), ',NO_AUTO_VALUE_ON_ZERO'),  @@SESSION.sql_auto_is_null = 0, @@SESSION.wait_timeout = 2147483

--- ruby_sequel
SET @@wait_timeout = 2147483
SET SQL_AUTO_IS_NULL=0
SET NAMES utf8mb4

--- r2dbc_mysql
[mysql]SELECT @@transaction_isolation AS i, @@innodb_lock_wait_timeout AS l, @@version_comment AS v
[mariadb]SELECT @@tx_isolation AS i, @@innodb_lock_wait_timeout AS l, @@version_comment AS v
SET innodb_lock_wait_timeout=77
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED
SET time_zone='+00:00'

--- r2dbc_mariadb
[mariadb]SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE
SET sql_mode = concat(@@sql_mode,',PIPES_AS_CONCAT'), autocommit=1
SET NAMES UTF8MB4

--- rust_sqlx
SET sql_mode=(SELECT CONCAT(@@sql_mode, ',PIPES_AS_CONCAT,NO_ENGINE_SUBSTITUTION')),time_zone='+00:00',NAMES utf8mb4 COLLATE utf8mb4_unicode_ci;

--- perl_dbd
SET NAMES 'utf8mb4'
SET AUTOCOMMIT=1
SET @@sql_mode = ''

--- dump_tools
/*!40100 SET @@SQL_MODE='' */
/*!40103 SET TIME_ZONE='+00:00' */
/*!80000 SET SESSION information_schema_stats_expiry=0 */
SET SESSION NET_READ_TIMEOUT= 86400, SESSION NET_WRITE_TIMEOUT= 86400
SET SQL_QUOTE_SHOW_CREATE=1
SET SESSION character_set_results = 'binary'
SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ

--- workbench
SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ
SET CHARACTER SET utf8mb4
SET NAMES utf8mb4
SET SQL_SAFE_UPDATES=1, sql_select_limit=500
SET PROFILING=1

--- tuning
SET optimizer_switch='mrr=on,index_merge=off'
SET SESSION net_read_timeout = @@net_read_timeout + 1
SET SESSION sql_mode = REPLACE(@@sql_mode, 'ONLY_FULL_GROUP_BY', '')
SET @limit = 500, @name = 'it''s'
SET sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')
SET lock_wait_timeout = 20 + 2
