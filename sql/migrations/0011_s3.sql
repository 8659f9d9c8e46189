-- What an unfinished object has in S3: its upload, the strong validator of the link it comes
-- from, and each part with the state of the whole digest behind it, so that another process
-- can go on where this one ended.

ALTER TABLE objects ADD COLUMN upload_id TEXT;
ALTER TABLE objects ADD COLUMN source TEXT;
CREATE TABLE object_parts (
    object_id {bigint} NOT NULL REFERENCES objects (id) ON DELETE CASCADE,
    number {bigint} NOT NULL,
    size {bigint} NOT NULL,
    etag TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (object_id, number)
);

-- How often an object that was never finished must still be looked for: bytes that were on
-- their way when their writer died may arrive after the first look.
ALTER TABLE deletions ADD COLUMN looks {bigint} NOT NULL DEFAULT 0;

-- Until when somebody saves this work (ST-6).
ALTER TABLE sora_generations ADD COLUMN saving_until {bigint};
