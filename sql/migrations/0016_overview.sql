-- What a million jobs and a million objects have shown to be slow about 0014.

-- Who made how many jobs that ended on a day (milliseconds since 1970 at its start, UTC).
CREATE TABLE user_days (
    day {bigint} NOT NULL,
    user_id {bigint} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    jobs {bigint} NOT NULL,
    failed {bigint} NOT NULL,
    PRIMARY KEY (day, user_id)
);
CREATE INDEX user_days_by_user ON user_days (user_id);
CREATE INDEX job_history_by_kind ON job_history (kind, created_at, id);
-- SQLite takes the partial one for no better than that by lease.
DROP INDEX objects_stored;
CREATE INDEX objects_stored ON objects (state, storage, counter, size);
