/* SPDX-License-Identifier: Apache-2.0 */
#include "store/objects.h"

#include <string.h>

#include "base/mem.h"

#define COLUMNS                                                                                    \
    "id, user_id, generation_id, counter, storage, key, type, checksum, state, reserved, size, "   \
    "place, lease_until, created_at, upload_id, source, store_id"

static void read_row(const struct db_rows *r, struct arena *a, struct object *o)
{
    memset(o, 0, sizeof(*o));
    o->id = db_int(r, 0);
    o->user_id = db_int(r, 1);
    o->generation_id = db_int(r, 2);
    object_counter_parse(db_text(r, 3), &o->counter);
    storage_type_parse(db_text(r, 4), &o->storage);
    o->key = db_text_in(r, 5, a);
    o->type = db_text_in(r, 6, a);
    o->checksum = db_text_in(r, 7, a);
    o->state = str_eq(db_text(r, 8), STR("stored")) ? OBJECT_STORED : OBJECT_WRITING;
    o->reserved = db_int(r, 9);
    o->size = db_int(r, 10);
    o->place = db_int(r, 11);
    o->lease_until = db_int(r, 12);
    o->created_at = db_int(r, 13);
    o->upload_id = db_text_in(r, 14, a);
    o->source = db_text_in(r, 15, a);
    o->store_id = db_int(r, 16);
}

enum status object_insert(struct db_conn *tx, struct object *o, struct err *err)
{
    static const char sql[] =
        "INSERT INTO objects (user_id, generation_id, counter, storage, key, type, state, "
        "reserved, place, lease_until, created_at, store_id) "
        "VALUES ($1, $2, $3, $4, $5, $6, 'writing', $7, $8, $9, $10, $11) RETURNING id";
    bool found;
    return db_query_int(tx, sql,
                        DB_ARGS(P_INT(o->user_id), P_INT_OR_NULL(o->generation_id),
                                P_Z(object_counter_name(o->counter)),
                                P_Z(storage_type_name(o->storage)), P_STR(o->key), P_STR(o->type),
                                P_INT(o->reserved), P_INT(o->place), P_INT(o->lease_until),
                                P_INT(o->created_at), P_INT(o->store_id)),
                        &o->id, &found, err);
}

/* Reads up to max rows of a query into ret. */
static enum status read_list(struct db_conn *db, const char *sql, const struct db_param *params,
                             size_t n, struct arena *a, struct object *ret, size_t max,
                             size_t *ret_count, struct err *err)
{
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    size_t count = 0;
    bool row;
    TRY(db_query(db, sql, params, n, &rows, err));
    for (;;) {
        TRY(db_next(rows, &row, err));
        if (!row || count == max)
            break;
        read_row(rows, a, &ret[count++]);
    }
    *ret_count = count;
    return OK;
}

enum status object_load(struct db_conn *db, int64_t id, struct arena *a, struct object *ret,
                        struct err *err)
{
    size_t count;
    TRY(read_list(db, "SELECT " COLUMNS " FROM objects WHERE id = $1", DB_ARGS(P_INT(id)), a, ret,
                  1, &count, err));
    return count ? OK : err_set(err, E_NOT_FOUND, "object_not_found");
}

enum status object_list_of_generation(struct db_conn *db, int64_t generation_id, struct arena *a,
                                      struct object *ret, size_t max, size_t *ret_count,
                                      struct err *err)
{
    return read_list(db, "SELECT " COLUMNS " FROM objects WHERE generation_id = $1 ORDER BY place",
                     DB_ARGS(P_INT(generation_id)), a, ret, max, ret_count, err);
}

enum status object_list_unfinished(struct db_conn *db, int64_t generation_id, struct arena *a,
                                   struct object *ret, size_t max, size_t *ret_count,
                                   struct err *err)
{
    return read_list(db,
                     "SELECT " COLUMNS " FROM objects WHERE generation_id = $1 AND "
                     "state = 'writing' AND storage = 's3' AND upload_id IS NOT NULL AND "
                     "source IS NOT NULL ORDER BY place, id DESC",
                     DB_ARGS(P_INT(generation_id)), a, ret, max, ret_count, err);
}

static enum status need_change(int64_t changed, struct err *err)
{
    return changed ? OK : err_set(err, E_CONFLICT, "object_lost");
}

enum status object_set_upload(struct db_conn *tx, const struct object *o, struct err *err)
{
    static const char sql[] = "UPDATE objects SET upload_id = $2, source = $3 "
                              "WHERE id = $1 AND state = 'writing'";
    int64_t changed;
    TRY(db_exec(tx, sql, DB_ARGS(P_INT(o->id), P_STR(o->upload_id), P_STR_OR_NULL(o->source)),
                &changed, err));
    return need_change(changed, err);
}

enum status object_set_key(struct db_conn *tx, const struct object *o, struct err *err)
{
    static const char sql[] =
        "UPDATE objects SET key = $2, type = $3 WHERE id = $1 AND state = 'writing'";
    int64_t changed;
    TRY(db_exec(tx, sql, DB_ARGS(P_INT(o->id), P_STR(o->key), P_STR(o->type)), &changed, err));
    return need_change(changed, err);
}

/* The row is asked for in the statement: where it has gone, so has its part. */
enum status object_add_part(struct db_conn *tx, int64_t object_id, const struct object_part *part,
                            struct err *err)
{
    static const char sql[] =
        "INSERT INTO object_parts (object_id, number, size, etag, digest) "
        "SELECT id, CAST($2 AS BIGINT), CAST($3 AS BIGINT), CAST($4 AS TEXT), CAST($5 AS TEXT) "
        "FROM objects WHERE id = $1 AND state = 'writing'";
    int64_t changed;
    TRY(db_exec(tx, sql,
                DB_ARGS(P_INT(object_id), P_INT(part->number), P_INT(part->size), P_STR(part->etag),
                        P_STR(part->digest)),
                &changed, err));
    return need_change(changed, err);
}

enum status object_list_parts(struct db_conn *db, int64_t object_id, struct arena *a,
                              struct object_part **ret, size_t *ret_count, struct err *err)
{
    static const char count_sql[] = "SELECT COUNT(*) FROM object_parts WHERE object_id = $1";
    static const char sql[] = "SELECT number, size, etag, digest FROM object_parts "
                              "WHERE object_id = $1 ORDER BY number LIMIT $2";
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    int64_t most;
    size_t n = 0;
    bool row;
    TRY(db_query_int(db, count_sql, DB_ARGS(P_INT(object_id)), &most, &row, err));
    struct object_part *parts = arena_alloc(a, ((size_t)most + 1) * sizeof(*parts));
    if (!parts)
        return err_set(err, E_NO_MEMORY, "no_memory");
    TRY(db_query(db, sql, DB_ARGS(P_INT(object_id), P_INT(most)), &rows, err));
    for (;;) {
        TRY(db_next(rows, &row, err));
        if (!row || db_int(rows, 0) != (int64_t)n + 1)
            break;
        parts[n++] = (struct object_part){db_int(rows, 0), db_int(rows, 1), db_text_in(rows, 2, a),
                                          db_text_in(rows, 3, a)};
    }
    *ret = parts;
    *ret_count = n;
    return OK;
}

enum status object_reserve(struct db_conn *tx, int64_t id, int64_t reserved, int64_t alive_at_ms,
                           int64_t lease_until_ms, struct err *err)
{
    static const char sql[] = "UPDATE objects SET reserved = $2, lease_until = $3 "
                              "WHERE id = $1 AND state = 'writing' AND lease_until >= $4";
    int64_t changed;
    TRY(db_exec(tx, sql,
                DB_ARGS(P_INT(id), P_INT(reserved), P_INT(lease_until_ms), P_INT(alive_at_ms)),
                &changed, err));
    return need_change(changed, err);
}

enum status object_keep_leases(struct db_conn *tx, int64_t generation_id, int64_t now_ms,
                               int64_t lease_until_ms, struct err *err)
{
    static const char sql[] =
        "UPDATE objects SET lease_until = $2 "
        "WHERE generation_id = $1 AND state = 'writing' AND lease_until >= $3";
    int64_t changed;
    TRY(db_exec(tx, sql, DB_ARGS(P_INT(generation_id), P_INT(lease_until_ms), P_INT(now_ms)),
                &changed, err));
    return need_change(changed, err);
}

enum status object_settle(struct db_conn *tx, const struct object *o, int64_t now_ms,
                          struct err *err)
{
    static const char sql[] =
        "UPDATE objects SET state = 'stored', reserved = 0, lease_until = NULL, size = $2, "
        "checksum = $3, type = $4, upload_id = NULL, source = NULL "
        "WHERE id = $1 AND state = 'writing' AND lease_until >= $5";
    static const char parts_sql[] = "DELETE FROM object_parts WHERE object_id = $1";
    int64_t changed;
    TRY(db_exec(
        tx, sql,
        DB_ARGS(P_INT(o->id), P_INT(o->size), P_STR(o->checksum), P_STR(o->type), P_INT(now_ms)),
        &changed, err));
    TRY(need_change(changed, err));
    return o->upload_id.n ? db_exec(tx, parts_sql, DB_ARGS(P_INT(o->id)), NULL, err) : OK;
}

/* An object in S3 that was never finished may have an upload, and bytes under way. */
enum { UNFINISHED_LOOKS = 2 };

enum status object_discard(struct db_conn *tx, const struct object *o, int64_t now_ms,
                           struct err *err)
{
    static const char queue_sql[] =
        "INSERT INTO deletions (storage, store_id, key, looks, next_at, created_at) "
        "VALUES ($1, $5, $2, $3, $4, $4)";
    bool unfinished = o->state == OBJECT_WRITING && o->storage == STORAGE_S3;
    TRY(db_exec(tx, queue_sql,
                DB_ARGS(P_Z(storage_type_name(o->storage)), P_STR(o->key),
                        P_INT(unfinished ? UNFINISHED_LOOKS : 0), P_INT(now_ms),
                        P_INT(o->store_id)),
                NULL, err));
    return db_exec(tx, "DELETE FROM objects WHERE id = $1", DB_ARGS(P_INT(o->id)), NULL, err);
}

enum status object_list_expired(struct db_conn *db, int64_t now_ms, struct arena *a,
                                struct object *ret, size_t max, size_t *ret_count, struct err *err)
{
    static const char sql[] =
        "SELECT " COLUMNS " FROM objects WHERE state IN ('writing', 'stored') AND "
        "lease_until < $1 AND "
        "(source IS NULL OR NOT EXISTS (SELECT 1 FROM jobs "
        "WHERE jobs.generation_id = objects.generation_id AND jobs.state <> 'ended')) "
        "ORDER BY id LIMIT $2";
    return read_list(db, sql, DB_ARGS(P_INT(now_ms), P_INT(max)), a, ret, max, ret_count, err);
}

enum status object_sums(struct db_conn *db, int64_t user_id, enum object_counter counter,
                        int64_t now_ms, int64_t *ret_stored, int64_t *ret_reserved, struct err *err)
{
    static const char stored_sql[] = "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM objects "
                                     "WHERE user_id = $1 AND counter = $2 AND state = 'stored'";
    static const char reserved_sql[] =
        "SELECT CAST(COALESCE(SUM(reserved), 0) AS BIGINT) FROM objects "
        "WHERE user_id = $1 AND counter = $2 AND state = 'writing' AND lease_until >= $3";
    const char *name = object_counter_name(counter);
    bool found;
    TRY(db_query_int(db, stored_sql, DB_ARGS(P_INT(user_id), P_Z(name)), ret_stored, &found, err));
    return db_query_int(db, reserved_sql, DB_ARGS(P_INT(user_id), P_Z(name), P_INT(now_ms)),
                        ret_reserved, &found, err);
}

#define KEPT       "state = 'stored' AND lease_until IS NOT NULL"
#define KEPT_BYTES "CASE WHEN size < 65536 THEN 65536 ELSE size END"

enum status object_sum_kept(struct db_conn *db, int64_t *ret_bytes, struct err *err)
{
    bool found;
    return db_query_int(db,
                        "SELECT CAST(COALESCE(SUM(" KEPT_BYTES "), 0) AS BIGINT) FROM objects "
                        "WHERE " KEPT,
                        DB_NO_ARGS, ret_bytes, &found, err);
}

enum status object_trim_kept(struct db_conn *tx, int64_t user_id, int64_t most_bytes,
                             int64_t now_ms, struct err *err)
{
    static const char first_sql[] = "SELECT COALESCE(MAX(id), 0) FROM (SELECT id, SUM(" KEPT_BYTES
                                    ") OVER (ORDER BY id DESC) "
                                    "AS newer FROM objects WHERE user_id = $1 AND " KEPT
                                    ") AS kept WHERE newer > $2";
    static const char queue_sql[] =
        "INSERT INTO deletions (storage, store_id, key, next_at, created_at) "
        "SELECT storage, store_id, key, CAST($3 AS BIGINT), CAST($3 AS BIGINT) FROM objects "
        "WHERE user_id = $1 AND id <= $2 AND " KEPT;
    static const char remove_sql[] =
        "DELETE FROM objects WHERE user_id = $1 AND id <= $2 AND " KEPT;
    int64_t last;
    bool found;
    TRY(db_query_int(tx, first_sql, DB_ARGS(P_INT(user_id), P_INT(most_bytes)), &last, &found,
                     err));
    if (!last)
        return OK;
    TRY(db_exec(tx, queue_sql, DB_ARGS(P_INT(user_id), P_INT(last), P_INT(now_ms)), NULL, err));
    return db_exec(tx, remove_sql, DB_ARGS(P_INT(user_id), P_INT(last)), NULL, err);
}

enum status object_discard_all_of_user(struct db_conn *tx, int64_t user_id, int64_t now_ms,
                                       struct err *err)
{
    /* One that is being written may get its file after us, but not after its lease. */
    static const char queue_sql[] =
        "INSERT INTO deletions (storage, store_id, key, looks, next_at, created_at) "
        "SELECT storage, store_id, key, CASE WHEN state = 'writing' AND storage = 's3' THEN 2 ELSE 0 END, "
        "CASE WHEN state = 'writing' THEN lease_until ELSE CAST($2 AS BIGINT) END, "
        "CAST($2 AS BIGINT) "
        "FROM objects WHERE user_id = $1";
    TRY(db_exec(tx, queue_sql, DB_ARGS(P_INT(user_id), P_INT(now_ms)), NULL, err));
    return db_exec(tx, "DELETE FROM objects WHERE user_id = $1", DB_ARGS(P_INT(user_id)), NULL,
                   err);
}

enum status object_resize(struct db_conn *tx, int64_t id, int64_t size, struct err *err)
{
    return db_exec(tx, "UPDATE objects SET size = $2, checksum = NULL WHERE id = $1",
                   DB_ARGS(P_INT(id), P_INT(size)), NULL, err);
}

enum status deletion_add(struct db_conn *tx, enum storage_type storage, int64_t store_id,
                         struct str key, int64_t now_ms, struct err *err)
{
    static const char sql[] = "INSERT INTO deletions (storage, key, next_at, created_at, store_id) "
                              "VALUES ($1, $2, $3, $3, $4)";
    return db_exec(
        tx, sql,
        DB_ARGS(P_Z(storage_type_name(storage)), P_STR(key), P_INT(now_ms), P_INT(store_id)), NULL,
        err);
}

enum status deletion_list_stores(struct db_conn *db, enum storage_type storage, int64_t now_ms,
                                 int64_t *ret, size_t max, size_t *ret_count, struct err *err)
{
    static const char sql[] =
        "SELECT id FROM stores WHERE storage = $1 AND EXISTS (SELECT 1 FROM deletions "
        "WHERE store_id = stores.id AND next_at <= $2) ORDER BY id LIMIT $3";
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    size_t n = 0;
    bool row;
    TRY(db_query(db, sql, DB_ARGS(P_Z(storage_type_name(storage)), P_INT(now_ms), P_INT(max)),
                 &rows, err));
    for (;;) {
        TRY(db_next(rows, &row, err));
        if (!row || n == max)
            break;
        ret[n++] = db_int(rows, 0);
    }
    *ret_count = n;
    return OK;
}

enum status deletion_list_due(struct db_conn *db, enum storage_type storage, int64_t store_id,
                              int64_t now_ms, struct arena *a, struct deletion *ret, size_t max,
                              size_t *ret_count, struct err *err)
{
    static const char sql[] = "SELECT id, attempts, key, looks FROM deletions WHERE store_id = $4 "
                              "AND next_at <= $1 AND storage = $2 ORDER BY next_at LIMIT $3";
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    size_t n = 0;
    bool row;
    TRY(db_query(
        db, sql,
        DB_ARGS(P_INT(now_ms), P_Z(storage_type_name(storage)), P_INT(max), P_INT(store_id)), &rows,
        err));
    for (;;) {
        TRY(db_next(rows, &row, err));
        if (!row || n == max)
            break;
        ret[n++] = (struct deletion){.id = db_int(rows, 0),
                                     .attempts = db_int(rows, 1),
                                     .storage = storage,
                                     .key = db_text_in(rows, 2, a),
                                     .looks = db_int(rows, 3)};
    }
    *ret_count = n;
    return OK;
}

enum status deletion_looked(struct db_conn *tx, const struct deletion *d, int64_t next_at_ms,
                            struct err *err)
{
    static const char sql[] = "UPDATE deletions SET looks = looks - 1, next_at = $2 "
                              "WHERE id = $1 AND looks = $3";
    return db_exec(tx, sql, DB_ARGS(P_INT(d->id), P_INT(next_at_ms), P_INT(d->looks)), NULL, err);
}

enum status deletion_done(struct db_conn *tx, int64_t id, struct err *err)
{
    return db_exec(tx, "DELETE FROM deletions WHERE id = $1", DB_ARGS(P_INT(id)), NULL, err);
}

enum status deletion_later(struct db_conn *tx, const struct deletion *d, int64_t next_at_ms,
                           struct str why, struct err *err)
{
    static const char sql[] = "UPDATE deletions SET attempts = attempts + 1, next_at = $2, "
                              "last_error = $3 WHERE id = $1 AND attempts = $4";
    return db_exec(tx, sql,
                   DB_ARGS(P_INT(d->id), P_INT(next_at_ms), P_STR(why), P_INT(d->attempts)), NULL,
                   err);
}
