-- The first schema. Times are milliseconds since 1970 (UTC); truth is 0 or 1;
-- secrets are sealed text (platform/crypto). {id}, {json}, {bigint} differ by engine.

CREATE TABLE groups (
    id {id},
    name TEXT NOT NULL UNIQUE,
    platform TEXT NOT NULL,
    sora_storage_quota_bytes {bigint} NOT NULL DEFAULT 0,
    created_at {bigint} NOT NULL,
    updated_at {bigint} NOT NULL
);

CREATE TABLE users (
    id {id},
    uuid TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL,
    status TEXT NOT NULL,
    group_id {bigint} NOT NULL REFERENCES groups (id),
    avatar TEXT,
    background TEXT,
    sora_storage_quota_bytes {bigint} NOT NULL DEFAULT 0,
    sora_storage_used_bytes {bigint} NOT NULL DEFAULT 0,
    created_at {bigint} NOT NULL,
    updated_at {bigint} NOT NULL
);
CREATE INDEX users_by_group ON users (group_id);

CREATE TABLE sessions (
    id {id},
    user_id {bigint} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    address TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    created_at {bigint} NOT NULL,
    seen_at {bigint} NOT NULL,
    expires_at {bigint} NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE api_keys (
    id {id},
    user_id {bigint} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    group_id {bigint} NOT NULL REFERENCES groups (id),
    name TEXT NOT NULL,
    key_hash TEXT NOT NULL UNIQUE,
    key_hint TEXT NOT NULL,
    status TEXT NOT NULL,
    expires_at {bigint},
    last_used_at {bigint},
    created_at {bigint} NOT NULL
);
CREATE INDEX api_keys_by_user ON api_keys (user_id);
CREATE INDEX api_keys_by_group ON api_keys (group_id);

CREATE TABLE settings (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    updated_at {bigint} NOT NULL
);

CREATE TABLE accounts (
    id {id},
    name TEXT NOT NULL,
    platform TEXT NOT NULL,
    type TEXT NOT NULL,
    dialect TEXT NOT NULL,
    base_url TEXT NOT NULL,
    credentials TEXT NOT NULL,
    priority {bigint} NOT NULL,
    concurrency {bigint} NOT NULL,
    proxy_url TEXT,
    ca_pem TEXT,
    models {json} NOT NULL,
    model_mapping {json} NOT NULL,
    honours_idempotency {bigint} NOT NULL DEFAULT 0,
    status TEXT NOT NULL,
    status_reason TEXT,
    rate_limited_until {bigint},
    overloaded_until {bigint},
    failures_in_row {bigint} NOT NULL DEFAULT 0,
    auth_failures_in_row {bigint} NOT NULL DEFAULT 0,
    last_used_at {bigint},
    created_at {bigint} NOT NULL,
    updated_at {bigint} NOT NULL
);
CREATE INDEX accounts_by_platform ON accounts (platform, status);

CREATE TABLE account_groups (
    account_id {bigint} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    group_id {bigint} NOT NULL REFERENCES groups (id),
    PRIMARY KEY (account_id, group_id)
);
CREATE INDEX account_groups_by_group ON account_groups (group_id);

-- Calls per account and hour (hour: milliseconds since 1970 at its start).
CREATE TABLE account_hours (
    account_id {bigint} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    hour {bigint} NOT NULL,
    successes {bigint} NOT NULL,
    failures {bigint} NOT NULL,
    PRIMARY KEY (account_id, hour)
);

-- The user's record of a studio job (seed 000, 1.1).
CREATE TABLE sora_generations (
    id {id},
    user_id {bigint} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    api_key_id {bigint} REFERENCES api_keys (id) ON DELETE SET NULL,
    model TEXT NOT NULL,
    prompt TEXT NOT NULL,
    media_type TEXT NOT NULL,
    params {json} NOT NULL,
    status TEXT NOT NULL,
    progress {bigint} NOT NULL DEFAULT 0,
    storage_type TEXT NOT NULL DEFAULT 'none',
    media_url TEXT,
    media_urls {json} NOT NULL,
    s3_object_keys {json} NOT NULL,
    file_size_bytes {bigint} NOT NULL DEFAULT 0,
    width {bigint} NOT NULL DEFAULT 0,
    height {bigint} NOT NULL DEFAULT 0,
    duration_ms {bigint} NOT NULL DEFAULT 0,
    error_class TEXT,
    error_message TEXT,
    storage_reason TEXT,
    created_at {bigint} NOT NULL,
    started_at {bigint},
    completed_at {bigint},
    expires_at {bigint}
);
CREATE INDEX sora_generations_by_user ON sora_generations (user_id, id);
CREATE INDEX sora_generations_by_user_status ON sora_generations (user_id, status, id);
CREATE INDEX sora_generations_by_user_storage ON sora_generations (user_id, storage_type, id);
CREATE INDEX sora_generations_by_created ON sora_generations (created_at);

-- The engine's record: one per submission to an upstream, whoever asked for it.
CREATE TABLE jobs (
    id {id},
    public_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    generation_id {bigint} REFERENCES sora_generations (id) ON DELETE SET NULL,
    user_id {bigint} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    api_key_id {bigint} REFERENCES api_keys (id) ON DELETE SET NULL,
    group_id {bigint} NOT NULL,
    model TEXT NOT NULL,
    request {json} NOT NULL,
    input_object_id {bigint},
    idempotency_key TEXT NOT NULL,
    state TEXT NOT NULL,
    account_id {bigint} REFERENCES accounts (id) ON DELETE SET NULL,
    tried_accounts TEXT NOT NULL DEFAULT '',
    upstream_id TEXT,
    upstream_ref TEXT,
    progress {bigint} NOT NULL DEFAULT 0,
    result {json},
    error_class TEXT,
    error_message TEXT,
    attempts {bigint} NOT NULL DEFAULT 0,
    fence {bigint} NOT NULL DEFAULT 0,
    lease_owner TEXT,
    lease_until {bigint},
    next_at {bigint} NOT NULL,
    pending_until {bigint} NOT NULL,
    deadline_at {bigint} NOT NULL,
    submitted_at {bigint},
    created_at {bigint} NOT NULL,
    ended_at {bigint},
    remove_at {bigint}
);
CREATE INDEX jobs_by_due ON jobs (state, next_at);
CREATE INDEX jobs_by_generation ON jobs (generation_id);
CREATE INDEX jobs_by_account ON jobs (account_id, state);
CREATE INDEX jobs_by_removal ON jobs (remove_at);
CREATE INDEX jobs_by_key ON jobs (api_key_id, id);

-- Every stored byte has a row. state: writing (its room is `reserved`, until
-- lease_until) or stored. Each counter is the sum of its stored rows' sizes.
CREATE TABLE objects (
    id {id},
    user_id {bigint} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    counter TEXT NOT NULL,
    storage TEXT NOT NULL,
    key TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    reserved {bigint} NOT NULL DEFAULT 0,
    size {bigint} NOT NULL DEFAULT 0,
    type TEXT NOT NULL,
    checksum TEXT,
    generation_id {bigint} REFERENCES sora_generations (id) ON DELETE SET NULL,
    place {bigint} NOT NULL DEFAULT 0,
    lease_until {bigint},
    created_at {bigint} NOT NULL
);
CREATE INDEX objects_by_user ON objects (user_id, counter);
CREATE INDEX objects_by_generation ON objects (generation_id, place);
CREATE INDEX objects_by_lease ON objects (state, lease_until);

-- What must still be removed from a store; retried until it is gone.
CREATE TABLE deletions (
    id {id},
    storage TEXT NOT NULL,
    key TEXT NOT NULL,
    attempts {bigint} NOT NULL DEFAULT 0,
    next_at {bigint} NOT NULL,
    last_error TEXT,
    created_at {bigint} NOT NULL
);
CREATE INDEX deletions_by_due ON deletions (next_at);

-- GW-11: what an Idempotency-Key was first used for.
CREATE TABLE idempotency (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    job_id {bigint},
    generation_id {bigint},
    created_at {bigint} NOT NULL,
    PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_by_age ON idempotency (created_at);

CREATE TABLE audit_log (
    id {id},
    actor_id {bigint},
    actor_email TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    detail {json} NOT NULL,
    address TEXT NOT NULL,
    created_at {bigint} NOT NULL
);
CREATE INDEX audit_log_by_time ON audit_log (created_at);

INSERT INTO groups (name, platform, sora_storage_quota_bytes, created_at, updated_at)
VALUES ('default', 'sora', 0, 0, 0);
