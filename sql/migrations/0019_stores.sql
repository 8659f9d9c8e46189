-- Where objects lie: each bucket that the settings have ever named, with what opens it (the
-- texts of the settings, the secret sealed as there), and each node's media folder (its mark as
-- the endpoint). What lies in a store stays there when the settings name another.

CREATE TABLE stores (
    id {id},
    storage TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    bucket TEXT NOT NULL,
    region TEXT NOT NULL DEFAULT '',
    access_key_id TEXT NOT NULL DEFAULT '',
    secret_access_key TEXT NOT NULL DEFAULT '',
    force_path_style TEXT NOT NULL DEFAULT 'false',
    cdn_url TEXT NOT NULL DEFAULT '',
    ca_pem TEXT NOT NULL DEFAULT '',
    created_at {bigint} NOT NULL,
    UNIQUE (storage, endpoint, bucket)
);

INSERT INTO stores (storage, endpoint, bucket, region, access_key_id, secret_access_key,
    force_path_style, cdn_url, ca_pem, created_at)
SELECT 's3', e.value, b.value,
    COALESCE((SELECT value FROM settings WHERE key = 'sora_s3_region'), 'us-east-1'),
    k.value, s.value,
    COALESCE((SELECT value FROM settings WHERE key = 'sora_s3_force_path_style'), 'false'),
    COALESCE((SELECT value FROM settings WHERE key = 'sora_s3_cdn_url'), ''),
    COALESCE((SELECT value FROM settings WHERE key = 'sora_s3_ca_pem'), ''),
    {now}
FROM settings e, settings b, settings k, settings s
WHERE e.key = 'sora_s3_endpoint' AND b.key = 'sora_s3_bucket' AND
    k.key = 'sora_s3_access_key_id' AND s.key = 'sora_s3_secret_access_key' AND
    e.value <> '' AND b.value <> '' AND k.value <> '' AND s.value <> '';

-- 0: of a time when there was one store of each kind; it is the present one.
ALTER TABLE objects ADD COLUMN store_id {bigint} NOT NULL DEFAULT 0;
ALTER TABLE deletions ADD COLUMN store_id {bigint} NOT NULL DEFAULT 0;
UPDATE objects SET store_id = COALESCE((SELECT MIN(id) FROM stores), 0) WHERE storage = 's3';
UPDATE deletions SET store_id = COALESCE((SELECT MIN(id) FROM stores), 0) WHERE storage = 's3';
CREATE INDEX deletions_by_store ON deletions (store_id, next_at);

-- Running servers, by their number of that run, and the media folder that each has.
CREATE TABLE nodes (
    id TEXT PRIMARY KEY,
    store_id {bigint} NOT NULL,
    seen_at {bigint} NOT NULL
);
