-- What came as bytes and is kept for whoever asked is summed for every direct job: out of this index
-- alone, 262,144 rows at most. It begins as objects_by_lease does, or SQLite would take that one.
CREATE INDEX objects_kept_sizes ON objects (state, lease_until, size) WHERE state = 'stored' AND lease_until IS NOT NULL;
