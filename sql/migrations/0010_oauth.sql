-- OAuth accounts (AC-3).  accounts.oauth: issuer, addresses, client id and scopes, no secret.
ALTER TABLE accounts ADD COLUMN oauth TEXT;

-- The token of each of them; the words themselves are in accounts.credentials.  refresh_at: when it
-- is renewed, or tried again after `failures`.  lease_owner: who is asking now, or died while asking;
-- unfinished: how many died with this refresh token.
CREATE TABLE account_tokens (
    account_id {bigint} PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    expires_at {bigint},
    renewed_at {bigint} NOT NULL,
    refresh_at {bigint},
    failures {bigint} NOT NULL DEFAULT 0,
    sign_in_again {bigint} NOT NULL DEFAULT 0,
    lease_owner TEXT,
    lease_until {bigint},
    unfinished {bigint} NOT NULL DEFAULT 0
);
CREATE INDEX account_tokens_by_refresh ON account_tokens (refresh_at);

-- Sign-ins that an administrator has begun at an upstream.  token_hash: of the `state`, then of the
-- grant that the state was exchanged for; sealed: verifier, client and, for a grant, the tokens.
CREATE TABLE oauth_flows (
    token_hash TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    user_id {bigint} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    sealed TEXT NOT NULL,
    created_at {bigint} NOT NULL,
    expires_at {bigint} NOT NULL
);
CREATE INDEX oauth_flows_by_user ON oauth_flows (user_id);
CREATE INDEX oauth_flows_by_expiry ON oauth_flows (expires_at);
