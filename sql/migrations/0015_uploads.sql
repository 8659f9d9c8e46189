-- What users upload (seed 004). An upload is one object; its rows go with it.
CREATE TABLE generations (
    id {id},
    uuid TEXT NOT NULL UNIQUE,
    user_id {bigint} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    type TEXT NOT NULL,
    sub_type TEXT NOT NULL,
    name TEXT,
    object_id {bigint} NOT NULL UNIQUE REFERENCES objects (id) ON DELETE CASCADE,
    created_at {bigint} NOT NULL
);
CREATE INDEX generations_by_user ON generations (user_id, type, sub_type, id);

-- Exactly one of these for each of them.
CREATE TABLE generation_images (
    generation_id {bigint} PRIMARY KEY REFERENCES generations (id) ON DELETE CASCADE,
    sub_type TEXT NOT NULL,
    width {bigint} NOT NULL DEFAULT 0,
    height {bigint} NOT NULL DEFAULT 0
);
CREATE TABLE generation_videos (
    generation_id {bigint} PRIMARY KEY REFERENCES generations (id) ON DELETE CASCADE,
    sub_type TEXT NOT NULL,
    width {bigint} NOT NULL DEFAULT 0,
    height {bigint} NOT NULL DEFAULT 0,
    duration_ms {bigint} NOT NULL DEFAULT 0,
    poster_object_id {bigint} REFERENCES objects (id) ON DELETE SET NULL
);
CREATE INDEX generation_videos_by_poster ON generation_videos (poster_object_id);

-- A reference image has no row but its object: when it was last used, NULL for all others.
ALTER TABLE objects ADD COLUMN used_at {bigint};
CREATE INDEX objects_by_use ON objects (used_at) WHERE used_at IS NOT NULL;
