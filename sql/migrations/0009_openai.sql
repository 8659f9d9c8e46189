-- Jobs of the OpenAI surface: one that goes on from a work of some account may run nowhere else
-- (0: anywhere), and its owner lists them in the order they were made.
ALTER TABLE jobs ADD COLUMN pinned_to {bigint} NOT NULL DEFAULT 0;
DROP INDEX jobs_line;
CREATE INDEX jobs_line ON jobs (state, group_id, ungrouped, model, tried_accounts, pinned_to, id,
    next_at, lease_until, pending_until) WHERE state <> 'ended';
CREATE INDEX jobs_videos ON jobs (user_id, id) WHERE kind = 'video';
-- What an upstream gave as bytes is kept until the job's row goes.
CREATE TABLE job_results (
    job_id {bigint} NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    object_id {bigint} NOT NULL REFERENCES objects (id) ON DELETE CASCADE,
    PRIMARY KEY (job_id, object_id)
);
CREATE INDEX job_results_by_object ON job_results (object_id);
