-- XA: a branch opens where its first statement belongs; once prepared it is ended where it is found.
-- snapshot: two-units-more

-- case: XA START waits
XA START 'a';
--> ANSWER queue

-- case: and opens at the owner of the first key
-- transaction: queued branch
UPDATE orders SET item = 'x' WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=open

-- case: a branch without statements opens here
-- transaction: queued branch
XA END 'a';
--> SEND hz primary rule=tableless transaction=open

-- case: what is no statement of a branch is the server's to refuse
-- transaction: queued branch
COMMIT;
--> SEND hz primary rule=tableless transaction=open

-- case: nor does another BEGIN wait
-- transaction: queued branch
BEGIN;
--> SEND hz primary rule=tableless transaction=open

-- case: nor a second XA START
-- transaction: queued branch
XA START 'b';
--> SEND hz primary rule=tableless transaction=open

-- case: a savepoint in a branch waits with it
-- transaction: queued branch
SAVEPOINT s;
--> ANSWER queue

-- case: XA END runs where the branch is
-- transaction: open bj primary touched
XA END 'a';
--> SEND bj primary rule=transaction transaction=continue

-- case: so does XA PREPARE
-- transaction: open bj primary touched
XA PREPARE 'a';
--> SEND bj primary rule=transaction transaction=continue

-- case: and XA COMMIT in one phase
-- transaction: open bj primary touched
XA COMMIT 'a' ONE PHASE;
--> SEND bj primary rule=transaction transaction=continue

-- case: the session's own XA ROLLBACK
-- transaction: open bj primary touched
XA ROLLBACK 'a';
--> SEND bj primary rule=transaction transaction=continue

-- case: another owner's statement in a branch that has written
-- transaction: open bj primary touched
UPDATE orders SET item = 'x' WHERE user_id = 50;
--> REJECT 1179 25000 the open transaction has written or locked in unit 'bj' and this statement belongs to unit 'hz' at epoch 7; the transaction is alive, COMMIT or ROLLBACK it first

-- case: a branch that has only read is begun anew at the owner
-- transaction: open hz primary
UPDATE orders SET item = 'x' WHERE user_id = 6000;
--> SEND bj primary rule=owner key=6000 shard=6000 scopes=shard:main:6000 transaction=rebind

-- case: a prepared branch that is nowhere
XA COMMIT 'a';
--> REJECT 1397 XAE04 XAER_NOTA: no branch with this id is prepared at any primary in service; ask XA RECOVER which there are

-- case: a prepared branch is committed where it is
-- branch-at: bj primary
XA COMMIT 'a';
--> SEND bj primary rule=branch scopes=group:main transaction=autocommit

-- case: and rolled back there
-- branch-at: bj primary
XA ROLLBACK X'61', 'b', 7;
--> SEND bj primary rule=branch scopes=group:main transaction=autocommit

-- case: the connection that prepared it ends it
-- branch-at: bj primary
-- pin: bj primary xa
XA COMMIT 'a';
--> SEND bj primary rule=branch scopes=group:main transaction=autocommit

-- case: a session that keeps its connection to another unit cannot
-- branch-at: bj primary
-- pin: hz primary temporary-table
XA COMMIT 'a';
--> REJECT 1105 HY000 this session keeps its connection to unit 'hz' because of a temporary table, and this statement belongs to unit 'bj'; reset the connection or use another one

-- case: without a transaction XA END is the server's to refuse
XA END 'a';
--> SEND hz primary rule=tableless transaction=autocommit

-- case: XA RECOVER asks everywhere, whatever is open
-- transaction: open bj primary touched
XA RECOVER;
--> ANSWER branches

-- case: XA stands alone
XA START 'a'; UPDATE orders SET item = 'x' WHERE user_id = 6000;
--> REJECT 1235 42000 XA cannot be one of several statements in a packet; send it alone

-- case: a move waits for a branch, so that its end does not wait for the move
-- snapshot: bj-moving
-- branch-at: bj primary
XA COMMIT 'a';
--> SEND bj primary rule=branch scopes=group:main transaction=autocommit

-- case: a forbid covers it
-- snapshot: bj-forbidden-writes
-- branch-at: bj primary
XA COMMIT 'a';
--> REJECT 1290 HY000 writes owned by unit 'bj' are forbidden at epoch 8 (drill 7); wait until an operator allows them

-- case: the server refuses it where nothing is managed
-- snapshot: unmanaged
XA START 'a';
--> SEND hz primary rule=local-table transaction=autocommit
