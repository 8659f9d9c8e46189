-- The scheduler's looks and a job's place in the line are answered from the index alone: most
-- columns of a row lie behind its request, and with a long one SQLite reads all its pages to
-- get there. A model's name has 256 bytes at most.

DROP INDEX jobs_live;
CREATE INDEX jobs_live ON jobs (next_at, state, lease_until, pending_until, account_id)
    WHERE state <> 'ended';
DROP INDEX jobs_by_due;
CREATE INDEX jobs_line ON jobs (state, group_id, ungrouped, model, tried_accounts, id, next_at,
    lease_until, pending_until) WHERE state <> 'ended';
