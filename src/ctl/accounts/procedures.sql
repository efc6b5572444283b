-- What instances do with the nodes' accounts, by the rules of src/model/fence.rs. Statements end with two slashes.

-- Nobody logs in with the accounts of a node any more; their threads are ended, and logins that had begun before. How many are left after a while.
CREATE DEFINER='meridian_fence'@'localhost' PROCEDURE meridian.shut_out(IN of_node INT UNSIGNED, OUT remaining INT UNSIGNED)
BEGIN
  DECLARE ended, rounds INT DEFAULT 0;
  DECLARE newest, thread BIGINT UNSIGNED DEFAULT 0;
  DECLARE account TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
  DECLARE slots CURSOR FOR SELECT CONCAT(QUOTE(user), '@', QUOTE(host)) FROM meridian.slot WHERE node = of_node;
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET ended = 1;
  OPEN slots;
  locking: LOOP
    FETCH slots INTO account;
    IF ended = 1 THEN LEAVE locking; END IF;
    SET @meridian_statement = CONCAT('ALTER USER ', account, ' ACCOUNT LOCK');
    PREPARE meridian_statement FROM @meridian_statement;
    EXECUTE meridian_statement;
    DEALLOCATE PREPARE meridian_statement;
  END LOOP;
  CLOSE slots;
  SELECT MAX(ID) INTO newest FROM information_schema.PROCESSLIST;
  SET remaining = 1;
  WHILE remaining > 0 AND rounds < 50 DO
    BEGIN
      DECLARE threads CURSOR FOR SELECT p.ID FROM information_schema.PROCESSLIST p
        WHERE p.USER IN (SELECT CONVERT(s.user USING utf8mb4) COLLATE utf8mb4_bin FROM meridian.slot s WHERE s.node = of_node) OR (p.USER = 'unauthenticated user' AND p.ID <= newest);
      DECLARE CONTINUE HANDLER FOR 1094 BEGIN END;
      SET ended = 0, remaining = 0;
      OPEN threads;
      killing: LOOP
        FETCH threads INTO thread;
        IF ended = 1 THEN LEAVE killing; END IF;
        SET remaining = remaining + 1;
        -- Asked again: a login that has said meanwhile that it is somebody else's is let be.
        IF EXISTS (SELECT 1 FROM information_schema.PROCESSLIST p WHERE p.ID = thread AND (
            p.USER IN (SELECT CONVERT(s.user USING utf8mb4) COLLATE utf8mb4_bin FROM meridian.slot s WHERE s.node = of_node)
            OR (rounds >= 10 AND p.USER = 'unauthenticated user'))) THEN
          SET @meridian_statement = CONCAT('KILL ', thread);
          PREPARE meridian_statement FROM @meridian_statement;
          EXECUTE meridian_statement;
          DEALLOCATE PREPARE meridian_statement;
        END IF;
      END LOOP;
      CLOSE threads;
    END;
    SET rounds = rounds + 1;
    IF remaining > 0 THEN DO SLEEP(0.005); END IF;
  END WHILE;
END //

-- Shuts an incarnation out, and all before it; one that came later is spared.
CREATE DEFINER='meridian_fence'@'localhost' PROCEDURE meridian.close_accounts(IN of_node INT UNSIGNED, IN of_incarnation BIGINT UNSIGNED)
BEGIN
  DECLARE known BIGINT UNSIGNED DEFAULT NULL;
  DECLARE remaining INT UNSIGNED DEFAULT 0;
  DECLARE name VARCHAR(64) DEFAULT CONCAT('meridian.accounts.', of_node);
  DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN DO RELEASE_LOCK(name); RESIGNAL; END;
  SET SESSION sql_log_bin = 0;
  IF GET_LOCK(name, 2) <> 1 THEN SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 45102, MESSAGE_TEXT = 'meridian: the accounts are being changed'; END IF;
  SELECT MAX(incarnation) INTO known FROM meridian.account WHERE node = of_node;
  IF known IS NULL OR known <= of_incarnation THEN
    CALL meridian.shut_out(of_node, remaining);
    REPLACE INTO meridian.account (node, incarnation, door) VALUES (of_node, of_incarnation, 'closed');
  END IF;
  DO RELEASE_LOCK(name);
  SELECT remaining AS remaining;
END //

-- Opens the accounts for an incarnation that is newer than all before, when nothing of these is left.
CREATE DEFINER='meridian_fence'@'localhost' PROCEDURE meridian.open_accounts(IN of_node INT UNSIGNED, IN of_incarnation BIGINT UNSIGNED, IN new_password VARCHAR(100))
main: BEGIN
  DECLARE known BIGINT UNSIGNED DEFAULT NULL;
  DECLARE ended INT DEFAULT 0;
  DECLARE remaining INT UNSIGNED DEFAULT 0;
  DECLARE name VARCHAR(64) DEFAULT CONCAT('meridian.accounts.', of_node);
  DECLARE account TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
  DECLARE slots CURSOR FOR SELECT CONCAT(QUOTE(user), '@', QUOTE(host)) FROM meridian.slot WHERE node = of_node;
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET ended = 1;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN DO RELEASE_LOCK(name); RESIGNAL; END;
  SET SESSION sql_log_bin = 0;
  IF GET_LOCK(name, 2) <> 1 THEN SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 45102, MESSAGE_TEXT = 'meridian: the accounts are being changed'; END IF;
  SELECT MAX(incarnation) INTO known FROM meridian.account WHERE node = of_node;
  IF known >= of_incarnation THEN SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 45101, MESSAGE_TEXT = 'meridian: a newer incarnation is known here, or this one was shut out'; END IF;
  CALL meridian.shut_out(of_node, remaining);
  IF remaining = 0 THEN
    SET ended = 0;
    OPEN slots;
    opening: LOOP
      FETCH slots INTO account;
      IF ended = 1 THEN LEAVE opening; END IF;
      SET @meridian_statement = CONCAT('ALTER USER ', account, ' IDENTIFIED BY ', QUOTE(new_password), ' ACCOUNT UNLOCK');
      PREPARE meridian_statement FROM @meridian_statement;
      EXECUTE meridian_statement;
      DEALLOCATE PREPARE meridian_statement;
      SET @meridian_statement = NULL;
    END LOOP;
    CLOSE slots;
    REPLACE INTO meridian.account (node, incarnation, door) VALUES (of_node, of_incarnation, 'open');
  END IF;
  DO RELEASE_LOCK(name);
  SELECT remaining AS remaining;
END //
