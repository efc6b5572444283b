-- What instances do with the rows of the fence, by the rules of src/model/fence_row.rs. Statements end with two slashes.

-- Sets the rows of a stretch of scopes to an epoch, all of them or none. Waits for whoever holds one. A newer epoch, or the same one set
-- differently, is left as it is and told. A row that is not there is made first: what was never opened can be closed all the same.
CREATE DEFINER='meridian_fence'@'localhost' PROCEDURE meridian.set_fence(IN of_group VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin, IN first_scope INT UNSIGNED, IN last_scope INT UNSIGNED, IN new_epoch BIGINT UNSIGNED, IN opened TINYINT)
BEGIN
  DECLARE next_scope INT UNSIGNED DEFAULT first_scope;
  DECLARE present, newer BIGINT UNSIGNED DEFAULT 0;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END;
  SET SESSION sql_log_bin = 0;
  SELECT COUNT(*) INTO present FROM meridian.fence WHERE grp = of_group AND scope BETWEEN first_scope AND last_scope;
  START TRANSACTION;
  IF present + first_scope <= last_scope THEN
    WHILE next_scope <= last_scope DO
      INSERT IGNORE INTO meridian.fence (grp, scope, epoch, is_open) VALUES (of_group, next_scope, 0, 0);
      SET next_scope = next_scope + 1;
    END WHILE;
  END IF;
  SELECT COUNT(*) INTO newer FROM meridian.fence WHERE grp = of_group AND scope BETWEEN first_scope AND last_scope
    AND (epoch > new_epoch OR (epoch = new_epoch AND is_open <> opened)) FOR UPDATE;
  IF newer > 0 THEN SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 45103, MESSAGE_TEXT = 'meridian: the fence knows a newer epoch here'; END IF;
  UPDATE meridian.fence SET epoch = new_epoch, is_open = opened WHERE grp = of_group AND scope BETWEEN first_scope AND last_scope AND epoch < new_epoch;
  COMMIT;
  SELECT 0 AS remaining;
END //

-- Ends the threads that hold rows of the fence for which a thread, which is setting them, waits. How many there were.
CREATE DEFINER='meridian_fence'@'localhost' PROCEDURE meridian.end_fence_holders(IN of_thread BIGINT UNSIGNED)
BEGIN
  DECLARE ended INT DEFAULT 0;
  DECLARE found INT UNSIGNED DEFAULT 0;
  DECLARE thread BIGINT UNSIGNED DEFAULT 0;
  DECLARE holders CURSOR FOR /* blockers */;
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET ended = 1;
  DECLARE CONTINUE HANDLER FOR 1094 BEGIN END;
  OPEN holders;
  ending: LOOP
    FETCH holders INTO thread;
    IF ended = 1 THEN LEAVE ending; END IF;
    SET found = found + 1;
    IF thread > 0 THEN
      SET @meridian_statement = CONCAT('KILL ', thread);
      PREPARE meridian_statement FROM @meridian_statement;
      EXECUTE meridian_statement;
      DEALLOCATE PREPARE meridian_statement;
    END IF;
  END LOOP;
  CLOSE holders;
  SELECT found AS remaining;
END //

-- Ends the threads that keep a guard of a group: those that run what no transaction can hold a row for. How many there are.
CREATE DEFINER='meridian_fence'@'localhost' PROCEDURE meridian.end_fence_guards(IN of_group VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin)
BEGIN
  DECLARE found, guard INT UNSIGNED DEFAULT 0;
  DECLARE thread BIGINT UNSIGNED;
  DECLARE CONTINUE HANDLER FOR 1094 BEGIN END;
  WHILE guard < 8 DO
    SET thread = IS_USED_LOCK(CONCAT('meridian.fence.', CRC32(of_group), '.', guard));
    IF thread IS NOT NULL AND thread <> CONNECTION_ID() THEN
      SET found = found + 1;
      SET @meridian_statement = CONCAT('KILL ', thread);
      PREPARE meridian_statement FROM @meridian_statement;
      EXECUTE meridian_statement;
      DEALLOCATE PREPARE meridian_statement;
    END IF;
    SET guard = guard + 1;
  END WHILE;
  SELECT found AS remaining;
END //

-- Lets transactions of a group commit here for a while, counted from when this server's own clock (UTC) showed `asked`. What comes too late, or
-- before the clock was set back, changes nothing and is told; of two that are in time the later end counts.
CREATE DEFINER='meridian_fence'@'localhost' PROCEDURE meridian.renew_lease(IN of_group VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin, IN asked DATETIME(6), IN milliseconds INT UNSIGNED)
BEGIN
  DECLARE here, until DATETIME(6);
  SET SESSION sql_log_bin = 0;
  SET SESSION time_zone = '+00:00';
  SET here = SYSDATE(6);
  SET until = asked + INTERVAL milliseconds * 1000 MICROSECOND;
  IF milliseconds > 60000 OR asked > here OR until <= here THEN SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 45104, MESSAGE_TEXT = 'meridian: this renewal of the lease comes too late'; END IF;
  INSERT INTO meridian.fence_lease (grp, valid_until) VALUES (of_group, until)
    ON DUPLICATE KEY UPDATE valid_until = IF(valid_until > until AND valid_until <= here + INTERVAL milliseconds * 1000 MICROSECOND, valid_until, until);
  SELECT 0 AS remaining;
END //

-- Ends a transaction of a group: commits it while the lease holds, and otherwise rolls it back and says so. Compared with the server's own clock
-- under a lock on the lease, whatever the session's time zone and TIMESTAMP are, and with the privileges of whoever calls: read_only binds them.
-- How it commits: 0 as nobody set it otherwise, 1 as the session's completion_type says, 2 with a new transaction behind it.
CREATE DEFINER='meridian_fence'@'localhost' PROCEDURE meridian.commit_leased(IN of_group VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin, IN how TINYINT)
SQL SECURITY INVOKER
BEGIN
  DECLARE zone VARCHAR(64) CHARACTER SET utf8mb4 DEFAULT @@SESSION.time_zone;
  DECLARE until DATETIME(6);
  DECLARE holds TINYINT DEFAULT 0;
  SET SESSION time_zone = '+00:00';
  BEGIN
    DECLARE CONTINUE HANDLER FOR SQLEXCEPTION SET until = NULL;
    -- Not SELECT INTO, whose rows MariaDB would tell as the COMMIT's.
    SET until = (SELECT valid_until FROM meridian.fence_lease WHERE grp = of_group LOCK IN SHARE MODE);
  END;
  IF until > SYSDATE(6) THEN SET holds = 1; END IF;
  SET SESSION time_zone = zone;
  IF holds = 0 THEN
    ROLLBACK AND NO CHAIN NO RELEASE;
    SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'meridian: the lease of this primary has run out; the transaction is rolled back, begin it again';
  END IF;
  CASE how
    WHEN 0 THEN COMMIT AND NO CHAIN NO RELEASE;
    WHEN 2 THEN COMMIT AND CHAIN NO RELEASE;
    ELSE COMMIT;
  END CASE;
END //
