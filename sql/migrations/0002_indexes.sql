-- Ways to what is asked for often, or at a row's end. A partial one's condition is that of
-- the statements it serves.

-- The scheduler, four times a second: only live rows, however many ended ones are kept.
CREATE INDEX jobs_live ON jobs (next_at) WHERE state <> 'ended';
-- What goes with a user.
CREATE INDEX jobs_by_user ON jobs (user_id);
-- What a deleted key leaves behind.
CREATE INDEX sora_generations_by_key ON sora_generations (api_key_id)
    WHERE api_key_id IS NOT NULL;
-- How long a model usually takes.
CREATE INDEX sora_generations_by_model ON sora_generations (model, status, id);
