-- Whose link a work's is: a save asks with that account's authorities, proxy and credential, also
-- when the job's row has gone. 0: nobody knows any more, or the work is stored.
ALTER TABLE sora_generations ADD COLUMN account_id {bigint} NOT NULL DEFAULT 0;
UPDATE sora_generations SET account_id = COALESCE((SELECT MAX(account_id) FROM jobs
    WHERE jobs.generation_id = sora_generations.id), 0) WHERE storage_type = 'upstream';
