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
