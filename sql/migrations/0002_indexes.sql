-- Ways to what is asked for often, or at a row's end. The partial ones hold only what is
-- live, however many ended jobs are kept; their conditions are those of the statements.

-- The scheduler, four times a second.
CREATE INDEX jobs_live ON jobs (next_at) WHERE state <> 'ended';
-- The lease keeper.
CREATE INDEX jobs_by_lease ON jobs (lease_owner) WHERE lease_owner IS NOT NULL;
-- What goes with a user.
CREATE INDEX jobs_by_user ON jobs (user_id);
-- What a deleted key leaves behind.
CREATE INDEX sora_generations_by_key ON sora_generations (api_key_id)
    WHERE api_key_id IS NOT NULL;
-- How long a model usually takes.
CREATE INDEX sora_generations_by_model ON sora_generations (model, status, id);
