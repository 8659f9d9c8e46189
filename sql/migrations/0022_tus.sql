-- Resumable uploads (tus 1.0): what is durable of each. Its object is being written until it is
-- whole; where that goes (its lease ends with expires_at), so does the row. A finished one's row
-- stays for a day, as the answer to whoever asks.
CREATE TABLE tus_uploads (
    id {id},
    uuid TEXT NOT NULL UNIQUE,
    user_id {bigint} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    sub_type TEXT NOT NULL,
    metadata TEXT NOT NULL,
    name TEXT,
    length {bigint} NOT NULL,
    position {bigint} NOT NULL DEFAULT 0,
    look TEXT,
    digest TEXT,
    object_id {bigint} NOT NULL REFERENCES objects (id) ON DELETE CASCADE,
    tail_object_id {bigint} REFERENCES objects (id) ON DELETE SET NULL,
    upload_uuid TEXT,
    done {bigint} NOT NULL DEFAULT 0,
    claim TEXT NOT NULL DEFAULT '',
    busy_until {bigint} NOT NULL DEFAULT 0,
    expires_at {bigint} NOT NULL,
    created_at {bigint} NOT NULL
);
CREATE INDEX tus_uploads_by_user ON tus_uploads (user_id, done);
CREATE INDEX tus_uploads_by_object ON tus_uploads (object_id);
CREATE INDEX tus_uploads_by_tail ON tus_uploads (tail_object_id);
CREATE INDEX tus_uploads_by_end ON tus_uploads (done, expires_at);
