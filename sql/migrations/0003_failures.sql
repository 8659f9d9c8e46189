-- Why a job failed is kept as data: error_class, error_code (of docs/errors.md; NULL: the
-- class's own) and, in error_message, the upstream's own words.  People read the code's
-- sentence in their language.

ALTER TABLE jobs ADD COLUMN error_code TEXT;
ALTER TABLE sora_generations ADD COLUMN error_code TEXT;
