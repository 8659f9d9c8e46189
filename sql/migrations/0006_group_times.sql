-- The group that 0001 made had no time of its own.

UPDATE groups SET created_at = {now}, updated_at = {now} WHERE created_at = 0;
