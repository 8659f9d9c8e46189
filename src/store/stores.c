/* SPDX-License-Identifier: Apache-2.0 */
#include "store/stores.h"

enum status store_keep_present(struct db_conn *tx, int64_t now_ms, struct err *err)
{
    static const char sql[] =
        "INSERT INTO stores (storage, endpoint, bucket, region, access_key_id, secret_access_key, "
        "force_path_style, cdn_url, ca_pem, created_at) "
        "SELECT 's3', e.value, b.value, "
        "COALESCE((SELECT value FROM settings WHERE key = 'sora_s3_region'), 'us-east-1'), "
        "k.value, s.value, "
        "COALESCE((SELECT value FROM settings WHERE key = 'sora_s3_force_path_style'), 'false'), "
        "COALESCE((SELECT value FROM settings WHERE key = 'sora_s3_cdn_url'), ''), "
        "COALESCE((SELECT value FROM settings WHERE key = 'sora_s3_ca_pem'), ''), "
        "CAST($1 AS BIGINT) FROM settings e, settings b, settings k, settings s "
        "WHERE e.key = 'sora_s3_endpoint' AND b.key = 'sora_s3_bucket' AND "
        "k.key = 'sora_s3_access_key_id' AND s.key = 'sora_s3_secret_access_key' AND "
        "e.value <> '' AND b.value <> '' AND k.value <> '' AND s.value <> '' "
        "ON CONFLICT (storage, endpoint, bucket) DO UPDATE SET region = excluded.region, "
        "access_key_id = excluded.access_key_id, "
        "secret_access_key = excluded.secret_access_key, "
        "force_path_style = excluded.force_path_style, cdn_url = excluded.cdn_url, "
        "ca_pem = excluded.ca_pem, unused_since = NULL";
    return db_exec(tx, sql, DB_ARGS(P_INT(now_ms)), NULL, err);
}

/* The number that a query gives; 0 when it gives no row. */
static enum status find_id(struct db_conn *db, const char *sql, const struct db_param *params,
                           size_t n, int64_t *ret, struct err *err)
{
    bool found;
    TRY(db_query_int(db, sql, params, n, ret, &found, err));
    if (!found)
        *ret = 0;
    return OK;
}

enum status store_find_present(struct db_conn *db, int64_t *ret, struct err *err)
{
    static const char sql[] =
        "SELECT id FROM stores WHERE storage = 's3' AND "
        "endpoint = (SELECT value FROM settings WHERE key = 'sora_s3_endpoint') AND "
        "bucket = (SELECT value FROM settings WHERE key = 'sora_s3_bucket')";
    return find_id(db, sql, DB_NO_ARGS, ret, err);
}

enum status store_load(struct db_conn *db, int64_t id, struct arena *a, struct store_row *ret,
                       struct err *err)
{
    static const char sql[] =
        "SELECT endpoint, bucket, region, access_key_id, secret_access_key, cdn_url, ca_pem, "
        "force_path_style FROM stores WHERE id = $1 AND storage = 's3'";
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool row;
    TRY(db_query(db, sql, DB_ARGS(P_INT(id)), &rows, err));
    TRY(db_next(rows, &row, err));
    if (!row)
        return err_set(err, E_NOT_FOUND, "store_not_found");
    *ret = (struct store_row){.id = id,
                              .endpoint = db_text_in(rows, 0, a),
                              .bucket = db_text_in(rows, 1, a),
                              .region = db_text_in(rows, 2, a),
                              .access_key_id = db_text_in(rows, 3, a),
                              .secret_access_key = db_text_in(rows, 4, a),
                              .cdn_url = db_text_in(rows, 5, a),
                              .ca_pem = db_text_in(rows, 6, a),
                              .force_path_style = str_eq(db_text(rows, 7), STR("true"))};
    return OK;
}

enum status store_each_secret(struct db_conn *db, store_secret_fn *fn, void *ctx, struct err *err)
{
    static const char sql[] =
        "SELECT secret_access_key FROM stores WHERE secret_access_key <> '' ORDER BY id";
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool more;
    TRY(db_query(db, sql, DB_NO_ARGS, &rows, err));
    TRY(db_next(rows, &more, err));
    while (more) {
        TRY(fn(ctx, db_text(rows, 0), err));
        TRY(db_next(rows, &more, err));
    }
    return OK;
}

/* ---- keys of buckets that nothing names any more */

#define NAMED                                                                                      \
    "(EXISTS (SELECT 1 FROM objects o WHERE o.store_id = stores.id) OR "                           \
    "EXISTS (SELECT 1 FROM deletions d WHERE d.store_id = stores.id) OR "                          \
    "(endpoint = (SELECT value FROM settings WHERE key = 'sora_s3_endpoint') AND "                 \
    "bucket = (SELECT value FROM settings WHERE key = 'sora_s3_bucket') AND "                      \
    "EXISTS (SELECT 1 FROM settings WHERE key = 'sora_s3_secret_access_key' AND value <> '')))"
#define KEPT "storage = 's3' AND secret_access_key <> '' AND "

enum status store_drop_unused(struct db_conn *tx, int64_t now_ms, int64_t before_ms,
                              int64_t *ret_dropped, struct err *err)
{
    static const char named_sql[] = "UPDATE stores SET unused_since = NULL "
                                    "WHERE " KEPT "unused_since IS NOT NULL AND " NAMED;
    static const char unused_sql[] = "UPDATE stores SET unused_since = $1 "
                                     "WHERE " KEPT "unused_since IS NULL AND NOT " NAMED;
    static const char drop_sql[] = "UPDATE stores SET access_key_id = '', secret_access_key = '' "
                                   "WHERE " KEPT "unused_since < $1";
    TRY(db_exec(tx, named_sql, DB_NO_ARGS, NULL, err));
    TRY(db_exec(tx, unused_sql, DB_ARGS(P_INT(now_ms)), NULL, err));
    return db_exec(tx, drop_sql, DB_ARGS(P_INT(before_ms)), ret_dropped, err);
}

enum status store_of_folder(struct db_conn *tx, const char *mark, int64_t now_ms, int64_t *ret,
                            struct err *err)
{
    /* The conflict changes nothing but lets RETURNING speak. */
    static const char sql[] =
        "INSERT INTO stores (storage, endpoint, bucket, created_at) VALUES ('local', $1, '', $2) "
        "ON CONFLICT (storage, endpoint, bucket) DO UPDATE SET endpoint = excluded.endpoint "
        "RETURNING id";
    return find_id(tx, sql, DB_ARGS(P_Z(mark), P_INT(now_ms)), ret, err);
}

enum status store_find_folder(struct db_conn *db, const char *mark, int64_t *ret, struct err *err)
{
    static const char sql[] = "SELECT id FROM stores WHERE storage = 'local' AND endpoint = $1";
    return find_id(db, sql, DB_ARGS(P_Z(mark)), ret, err);
}

/* ---- nodes */

enum status node_seen(struct db_conn *tx, const char *node, int64_t store_id, int64_t now_ms,
                      int64_t gone_ms, struct err *err)
{
    static const char seen_sql[] =
        "INSERT INTO nodes (id, store_id, seen_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE "
        "SET store_id = excluded.store_id, seen_at = excluded.seen_at";
    static const char gone_sql[] = "DELETE FROM nodes WHERE seen_at < $1";
    TRY(db_exec(tx, seen_sql, DB_ARGS(P_Z(node), P_INT(store_id), P_INT(now_ms)), NULL, err));
    return db_exec(tx, gone_sql, DB_ARGS(P_INT(gone_ms)), NULL, err);
}

enum status node_gone(struct db_conn *tx, const char *node, struct err *err)
{
    return db_exec(tx, "DELETE FROM nodes WHERE id = $1", DB_ARGS(P_Z(node)), NULL, err);
}

enum status node_is_apart(struct db_conn *db, int64_t store_id, int64_t since_ms, bool *ret,
                          struct err *err)
{
    static const char sql[] = "SELECT 1 FROM nodes WHERE store_id <> $1 AND seen_at >= $2 LIMIT 1";
    int64_t one;
    return db_query_int(db, sql, DB_ARGS(P_INT(store_id), P_INT(since_ms)), &one, ret, err);
}
