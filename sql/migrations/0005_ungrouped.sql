-- Who waits for the same accounts: the line is looked at without reading requests.
ALTER TABLE jobs ADD COLUMN ungrouped {bigint} NOT NULL DEFAULT 0;
UPDATE jobs SET ungrouped = 1 WHERE state = 'queued' AND
    (CAST(request AS TEXT) LIKE '%"ungrouped":true%' OR CAST(request AS TEXT) LIKE '%"ungrouped": true%');
