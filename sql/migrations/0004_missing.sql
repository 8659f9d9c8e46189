-- Since when the upstream has said, poll after poll, that it does not know the task.
ALTER TABLE jobs ADD COLUMN missing_since {bigint};
