-- XA: a branch opens where its first statement belongs; once prepared it is ended where it is found.
-- snapshot: two-units

-- case: XA START waits
XA START 'a';
--> ANSWER queue

-- case: and opens at the owner of the first key
-- transaction: queued branch
UPDATE orders SET item = 'x' WHERE user_id = 6000;
-->

-- case: a branch without statements opens here
-- transaction: queued branch
XA END 'a';
-->

-- case: what is no statement of a branch is the server's to refuse
-- transaction: queued branch
COMMIT;
-->

-- case: nor does another BEGIN wait
-- transaction: queued branch
BEGIN;
-->

-- case: nor a second XA START
-- transaction: queued branch
XA START 'b';
-->

-- case: a savepoint in a branch waits with it
-- transaction: queued branch
SAVEPOINT s;
-->

-- case: XA END runs where the branch is
-- transaction: open bj primary touched
XA END 'a';
-->

-- case: so does XA PREPARE
-- transaction: open bj primary touched
XA PREPARE 'a';
-->

-- case: and XA COMMIT in one phase
-- transaction: open bj primary touched
XA COMMIT 'a' ONE PHASE;
-->

-- case: the session's own XA ROLLBACK
-- transaction: open bj primary touched
XA ROLLBACK 'a';
-->

-- case: another owner's statement in a branch that has written
-- transaction: open bj primary touched
UPDATE orders SET item = 'x' WHERE user_id = 50;
-->

-- case: a branch that has only read is begun anew at the owner
-- transaction: open hz primary
UPDATE orders SET item = 'x' WHERE user_id = 6000;
-->

-- case: a prepared branch that is nowhere
XA COMMIT 'a';
-->

-- case: a prepared branch is committed where it is
-- branch-at: bj primary
XA COMMIT 'a';
-->

-- case: and rolled back there
-- branch-at: bj primary
XA ROLLBACK X'61', 'b', 7;
-->

-- case: the connection that prepared it ends it
-- branch-at: bj primary
-- pin: bj primary xa
XA COMMIT 'a';
-->

-- case: a session that keeps its connection to another unit cannot
-- branch-at: bj primary
-- pin: hz primary temporary-table
XA COMMIT 'a';
-->

-- case: without a transaction XA END is the server's to refuse
XA END 'a';
-->

-- case: XA RECOVER asks everywhere
XA RECOVER;
-->

-- case: XA stands alone
XA START 'a'; UPDATE orders SET item = 'x' WHERE user_id = 6000;
-->

-- case: in a move the end of a branch waits
-- snapshot: bj-moving
-- branch-at: bj primary
XA COMMIT 'a';
-->

-- case: a forbid covers it
-- snapshot: bj-forbidden-writes
-- branch-at: bj primary
XA COMMIT 'a';
-->

-- case: the server refuses it where nothing is managed
-- snapshot: unmanaged
XA START 'a';
-->
