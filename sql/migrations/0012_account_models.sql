-- What an account's upstream says that it serves, and when to ask it again.
CREATE TABLE account_models (
    account_id {bigint} PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    names {json} NOT NULL,
    failures {bigint} NOT NULL DEFAULT 0,
    asked_at {bigint} NOT NULL,
    next_at {bigint} NOT NULL
);
CREATE INDEX account_models_by_next ON account_models (next_at);
