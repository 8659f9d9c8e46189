-- Stored objects that end by themselves: what came as bytes, kept until whoever asked has it.
CREATE INDEX objects_kept ON objects (user_id, id) WHERE state = 'stored' AND lease_until IS NOT NULL;
