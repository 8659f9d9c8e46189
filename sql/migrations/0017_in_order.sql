-- The doctor walks rows and store side by side, in the order in which a store lists its keys, and
-- asks of a key nobody has whether it waits to be deleted.
CREATE INDEX objects_in_order ON objects (storage, key {bytewise});
CREATE INDEX deletions_by_key ON deletions (key);
