/* SPDX-License-Identifier: Apache-2.0 */
#include "store/inspection.h"

#include "base/mem.h"

/* ---- keys */

enum status inspection_objects(struct db_conn *db, enum storage_type storage, int64_t store_id,
                               bool unnamed, struct str after, struct arena *a,
                               struct inspected_object *ret, size_t max, size_t *ret_count,
                               struct err *err)
{
    static const char sql[] =
        "SELECT id, size, key, CASE WHEN state = 'writing' THEN 1 ELSE 0 END FROM objects "
        "WHERE storage = $1 AND key {bytewise} > $2 AND "
        "(CAST($4 AS BIGINT) < 0 OR store_id = $4 OR (store_id = 0 AND CAST($5 AS BIGINT) = 1)) "
        "ORDER BY key {bytewise} LIMIT $3";
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    size_t n = 0;
    bool row;
    TRY(db_query(db, sql,
                 DB_ARGS(P_Z(storage_type_name(storage)), P_STR(after), P_INT(max), P_INT(store_id),
                         P_INT(unnamed)),
                 &rows, err));
    for (;;) {
        TRY(db_next(rows, &row, err));
        if (!row || n == max)
            break;
        ret[n++] = (struct inspected_object){db_int(rows, 0), db_int(rows, 1),
                                             db_text_in(rows, 2, a), db_int(rows, 3) != 0};
    }
    *ret_count = n;
    return OK;
}

enum status inspection_buckets(struct db_conn *db, int64_t present, int64_t *ret, size_t max,
                               size_t *ret_count, struct err *err)
{
    static const char sql[] =
        "SELECT id FROM stores s WHERE storage = 's3' AND id <> $1 AND EXISTS "
        "(SELECT 1 FROM objects o WHERE o.store_id = s.id) ORDER BY id LIMIT $2";
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    size_t n = 0;
    bool row;
    TRY(db_query(db, sql, DB_ARGS(P_INT(present), P_INT(max)), &rows, err));
    for (;;) {
        TRY(db_next(rows, &row, err));
        if (!row || n == max)
            break;
        ret[n++] = db_int(rows, 0);
    }
    *ret_count = n;
    return OK;
}

enum status inspection_owners(struct db_conn *db, struct str key, struct key_owners *ret,
                              struct err *err)
{
    static const char object_sql[] =
        "SELECT CASE WHEN state = 'writing' THEN 1 ELSE 0 END FROM objects WHERE key = $1";
    static const char deletion_sql[] = "SELECT id FROM deletions WHERE key = $1 LIMIT 1";
    int64_t writing = 0, id;
    struct key_owners owners = {0};
    /* A key goes from the one to the other: asked in this order it is in one of them. */
    TRY(db_query_int(db, object_sql, DB_ARGS(P_STR(key)), &writing, &owners.object, err));
    TRY(db_query_int(db, deletion_sql, DB_ARGS(P_STR(key)), &id, &owners.deletion, err));
    owners.writing = owners.object && writing;
    *ret = owners;
    return OK;
}

/* ---- contradictions */

/* Each takes $1 the id to begin behind, $2 how many and, where it is timed, $3 the moment. */
struct query {
    const char *sql;
    bool timed;
};

/* A bucket's prefix may have what JSON writes with a backslash. */
#define KEYS        "CAST(g.s3_object_keys AS TEXT)"
#define KEY_IN_KEYS "REPLACE(REPLACE(o.key, '\\', '\\\\'), '\"', '\\\"')"

static const struct query queries[] = {
    [INSPECT_COUNTERS] =
        {"SELECT id, id, used, stored, '' FROM (SELECT u.id AS id, u.sora_storage_used_bytes AS "
         "used, CAST(COALESCE((SELECT SUM(o.size) FROM objects o WHERE o.user_id = u.id AND "
         "o.counter = 'sora' AND o.state = 'stored'), 0) AS BIGINT) AS stored FROM users u "
         "WHERE u.id > $1 ORDER BY u.id LIMIT $2) AS counted ORDER BY id",
         false},
    [INSPECT_RESERVATIONS] =
        {"SELECT id, user_id, reserved, 0, key FROM objects WHERE state = 'writing' AND id > $1 "
         "AND created_at < $3 AND COALESCE(lease_until, 0) < $3 ORDER BY id LIMIT $2",
         true},
    [INSPECT_OWNERLESS_OBJECTS] =
        {"SELECT id, user_id, size, 0, key FROM objects o WHERE id > $1 AND NOT EXISTS "
         "(SELECT 1 FROM users u WHERE u.id = o.user_id) ORDER BY id LIMIT $2",
         false},
    [INSPECT_OWNERLESS_WORKS] =
        {"SELECT id, user_id, 0, 0, '' FROM sora_generations g WHERE id > $1 AND NOT EXISTS "
         "(SELECT 1 FROM users u WHERE u.id = g.user_id) ORDER BY id LIMIT $2",
         false},
    [INSPECT_OWNERLESS_JOBS] =
        {"SELECT id, user_id, 0, 0, public_id FROM jobs j WHERE id > $1 AND NOT EXISTS "
         "(SELECT 1 FROM users u WHERE u.id = j.user_id) ORDER BY id LIMIT $2",
         false},
    [INSPECT_STRAYS] =
        {"SELECT id, user_id, size, 0, key FROM objects o WHERE id > $1 AND state = 'stored' AND "
         "((counter = 'sora' AND NOT EXISTS (SELECT 1 FROM sora_generations g WHERE "
         "g.id = o.generation_id)) OR (counter = 'upload' AND NOT EXISTS (SELECT 1 FROM "
         "generations n WHERE n.object_id = o.id))) ORDER BY id LIMIT $2",
         false},
    [INSPECT_UNFINISHED_WORKS] =
        {"SELECT id, user_id, 0, 0, '' FROM sora_generations g WHERE id > $1 AND status IN "
         "('pending', 'generating') AND NOT EXISTS (SELECT 1 FROM jobs j WHERE "
         "j.generation_id = g.id AND j.state <> 'ended') ORDER BY id LIMIT $2",
         false},
    [INSPECT_KEYS] =
        {"SELECT id, user_id, (SELECT COUNT(*) FROM objects o WHERE o.generation_id = g.id AND "
         "o.state = 'stored' AND o.place >= 0 AND "
         "REPLACE(" KEYS ", " KEY_IN_KEYS ", '') <> " KEYS "), 0, s3_object_keys "
         "FROM sora_generations g WHERE id > $1 AND status = 'completed' AND "
         "storage_type IN ('s3', 'local') ORDER BY id LIMIT $2",
         false},
};

enum status inspection_list(struct db_conn *db, enum inspection what, int64_t after_id,
                            int64_t before_ms, struct arena *a, struct inspected *ret, size_t max,
                            size_t *ret_count, struct err *err)
{
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    const struct query *q = &queries[what];
    const struct db_param params[] = {P_INT(after_id), P_INT(max), P_INT(before_ms)};
    size_t n = 0;
    bool row;
    TRY(db_query(db, q->sql, params, q->timed ? 3 : 2, &rows, err));
    for (;;) {
        TRY(db_next(rows, &row, err));
        if (!row || n == max)
            break;
        ret[n++] = (struct inspected){db_int(rows, 0), db_int(rows, 1), db_int(rows, 2),
                                      db_int(rows, 3), db_text_in(rows, 4, a)};
    }
    *ret_count = n;
    return OK;
}

enum status inspection_drop(struct db_conn *tx, enum inspection what, int64_t id, struct err *err)
{
    const char *sql = what == INSPECT_OWNERLESS_JOBS ? "DELETE FROM jobs WHERE id = $1"
                                                     : "DELETE FROM sora_generations WHERE id = $1";
    return db_exec(tx, sql, DB_ARGS(P_INT(id)), NULL, err);
}
