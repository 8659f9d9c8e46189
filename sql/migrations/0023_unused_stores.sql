-- Since when nothing has named a bucket: neither the settings nor an object or a deletion. Its key is
-- dropped a day later.

ALTER TABLE stores ADD COLUMN unused_since {bigint};
CREATE INDEX objects_by_store ON objects (store_id);
