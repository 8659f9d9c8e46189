-- What an upstream has still to be told: that a task of one of its accounts is wanted no more.
CREATE TABLE upstream_cancels (
    id {id},
    account_id {bigint} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    upstream_id TEXT NOT NULL,
    upstream_ref TEXT NOT NULL,
    tries {bigint} NOT NULL DEFAULT 0,
    next_at {bigint} NOT NULL,
    UNIQUE (account_id, upstream_id)
);
CREATE INDEX upstream_cancels_by_due ON upstream_cancels (next_at);
