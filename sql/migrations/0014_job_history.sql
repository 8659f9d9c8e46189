-- What administrators look at (AD-2), to be read as cheaply with a million jobs as with ten.

-- Jobs that have ended, also when their own rows have gone; written with a job's end.
CREATE TABLE job_history (
    id {bigint} PRIMARY KEY,
    public_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    user_id {bigint} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    account_id {bigint},
    model TEXT NOT NULL,
    outcome TEXT NOT NULL,
    error_class TEXT,
    error_code TEXT,
    error_message TEXT,
    created_at {bigint} NOT NULL,
    submitted_at {bigint},
    ended_at {bigint} NOT NULL
);
-- One for each filter that may leave little: read from its newest end, and no further than a page.
CREATE INDEX job_history_by_time ON job_history (created_at, id);
CREATE INDEX job_history_by_user ON job_history (user_id, created_at, id);
CREATE INDEX job_history_by_account ON job_history (account_id, created_at, id);
CREATE INDEX job_history_by_model ON job_history (model, created_at, id);
CREATE INDEX job_history_by_outcome ON job_history (outcome, created_at, id);

-- How many ended in an hour (milliseconds since 1970 at its start), and of those that were
-- completed how many took how long: model/duration's buckets.
CREATE TABLE job_hours (
    hour {bigint} NOT NULL,
    outcome TEXT NOT NULL,
    bucket {bigint} NOT NULL,
    jobs {bigint} NOT NULL,
    PRIMARY KEY (hour, outcome, bucket)
);

-- What lay in the stores when a day (milliseconds since 1970 at its start, UTC) was last looked at.
CREATE TABLE stored_days (
    day {bigint} NOT NULL,
    storage TEXT NOT NULL,
    counter TEXT NOT NULL,
    bytes {bigint} NOT NULL,
    objects {bigint} NOT NULL,
    measured_at {bigint} NOT NULL,
    PRIMARY KEY (day, storage, counter)
);
CREATE INDEX objects_stored ON objects (storage, counter, size) WHERE state = 'stored';
CREATE INDEX users_by_use ON users (sora_storage_used_bytes);
