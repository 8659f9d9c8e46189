/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tus_uploads.h"

#include "base/mem.h"

enum status tus_insert(struct db_conn *tx, const struct tus_row *row, struct err *err)
{
    static const char sql[] =
        "INSERT INTO tus_uploads (uuid, user_id, sub_type, metadata, name, length, object_id, "
        "expires_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    return db_exec(tx, sql,
                   DB_ARGS(P_STR(row->uuid), P_INT(row->user_id),
                           P_Z(upload_sub_type_name(row->sub_type)), P_STR(row->metadata),
                           P_STR_OR_NULL(row->name), P_INT(row->length), P_INT(row->object_id),
                           P_INT(row->expires_at), P_INT(row->created_at)),
                   NULL, err);
}

enum status tus_count_unfinished(struct db_conn *tx, int64_t user_id, int64_t now_ms, int64_t *ret,
                                 struct err *err)
{
    static const char sql[] = "SELECT COUNT(*) FROM tus_uploads WHERE user_id = $1 AND done = 0 "
                              "AND expires_at >= $2";
    bool found;
    return db_query_int(tx, sql, DB_ARGS(P_INT(user_id), P_INT(now_ms)), ret, &found, err);
}

enum status tus_find(struct db_conn *db, int64_t user_id, struct str uuid, struct arena *a,
                     struct tus_row *ret, struct err *err)
{
    static const char sql[] =
        "SELECT id, sub_type, metadata, name, length, position, look, digest, object_id, "
        "tail_object_id, upload_uuid, done, expires_at, created_at FROM tus_uploads "
        "WHERE uuid = $1 AND user_id = $2";
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    struct tus_row r = {.user_id = user_id};
    bool row;
    TRY(db_query(db, sql, DB_ARGS(P_STR(uuid), P_INT(user_id)), &rows, err));
    TRY(db_next(rows, &row, err));
    if (!row || !upload_sub_type_parse(db_text(rows, 1), &r.sub_type))
        return err_set(err, E_NOT_FOUND, "upload_not_found");
    r.id = db_int(rows, 0);
    r.uuid = arena_str(a, uuid);
    r.metadata = db_text_in(rows, 2, a);
    r.name = db_text_in(rows, 3, a);
    r.length = db_int(rows, 4);
    r.position = db_int(rows, 5);
    r.look = db_text_in(rows, 6, a);
    r.digest = db_text_in(rows, 7, a);
    r.object_id = db_int(rows, 8);
    r.tail_object_id = db_int(rows, 9);
    r.upload_uuid = db_text_in(rows, 10, a);
    r.done = db_int(rows, 11) != 0;
    r.expires_at = db_int(rows, 12);
    r.created_at = db_int(rows, 13);
    *ret = r;
    return OK;
}

/* ---- who writes */

enum status tus_claim(struct db_conn *tx, int64_t id, struct str claim, struct str alive,
                      int64_t now_ms, struct err *err)
{
    static const char sql[] =
        "UPDATE tus_uploads SET claim = $2, busy_until = 0 WHERE id = $1 AND done = 0 AND "
        "(busy_until < $3 OR SUBSTR(claim, 1, LENGTH(CAST($4 AS TEXT))) <> $4)";
    int64_t changed;
    TRY(db_exec(tx, sql, DB_ARGS(P_INT(id), P_STR(claim), P_INT(now_ms), P_STR(alive)), &changed,
                err));
    return changed ? OK : err_set(err, E_LOCKED, "upload_locked");
}

enum status tus_prolong(struct db_conn *tx, int64_t id, int64_t expires_at, struct err *err)
{
    return db_exec(tx, "UPDATE tus_uploads SET expires_at = $2 WHERE id = $1",
                   DB_ARGS(P_INT(id), P_INT(expires_at)), NULL, err);
}

enum status tus_check_claim(struct db_conn *db, const struct tus_row *row, struct str claim,
                            struct err *err)
{
    static const char sql[] = "SELECT COUNT(*) FROM tus_uploads WHERE id = $1 AND claim = $2";
    static const char object_sql[] = "SELECT COUNT(*) FROM objects WHERE id = $1";
    int64_t n;
    bool found;
    TRY(db_query_int(db, sql, DB_ARGS(P_INT(row->id), P_STR(claim)), &n, &found, err));
    if (n)
        return OK;
    TRY(db_query_int(db, object_sql, DB_ARGS(P_INT(row->object_id)), &n, &found, err));
    return n ? err_set(err, E_LOCKED, "upload_locked")
             : err_set(err, E_NOT_FOUND, "upload_not_found");
}

static enum status need_change(struct db_conn *tx, const struct tus_row *row, struct str claim,
                               int64_t changed, struct err *err)
{
    if (changed)
        return OK;
    TRY(tus_check_claim(tx, row, claim, err));
    return err_set(err, E_LOCKED, "upload_locked");
}

enum status tus_set_busy(struct db_conn *tx, const struct tus_row *row, struct str claim,
                         int64_t until_ms, struct err *err)
{
    static const char sql[] = "UPDATE tus_uploads SET busy_until = $3 WHERE id = $1 AND claim = $2";
    int64_t changed;
    TRY(db_exec(tx, sql, DB_ARGS(P_INT(row->id), P_STR(claim), P_INT(until_ms)), &changed, err));
    return need_change(tx, row, claim, changed, err);
}

enum status tus_advance(struct db_conn *tx, const struct tus_row *row, struct str claim,
                        struct err *err)
{
    static const char sql[] =
        "UPDATE tus_uploads SET position = $3, look = $4, digest = $5, tail_object_id = $6, "
        "expires_at = $7, busy_until = 0 WHERE id = $1 AND claim = $2";
    int64_t changed;
    TRY(db_exec(tx, sql,
                DB_ARGS(P_INT(row->id), P_STR(claim), P_INT(row->position),
                        P_STR_OR_NULL(row->look), P_STR_OR_NULL(row->digest),
                        P_INT_OR_NULL(row->tail_object_id), P_INT(row->expires_at)),
                &changed, err));
    return need_change(tx, row, claim, changed, err);
}

enum status tus_finish(struct db_conn *tx, const struct tus_row *row, struct str claim,
                       struct err *err)
{
    static const char sql[] =
        "UPDATE tus_uploads SET position = length, done = 1, upload_uuid = $3, expires_at = $4, "
        "claim = '', busy_until = 0, look = $5, digest = NULL, tail_object_id = NULL "
        "WHERE id = $1 AND claim = $2";
    int64_t changed;
    TRY(db_exec(tx, sql,
                DB_ARGS(P_INT(row->id), P_STR(claim), P_STR_OR_NULL(row->upload_uuid),
                        P_INT(row->expires_at), P_STR_OR_NULL(row->look)),
                &changed, err));
    return need_change(tx, row, claim, changed, err);
}

/* ---- the end */

enum status tus_remove(struct db_conn *tx, int64_t id, struct err *err)
{
    return db_exec(tx, "DELETE FROM tus_uploads WHERE id = $1", DB_ARGS(P_INT(id)), NULL, err);
}

enum status tus_remove_old(struct db_conn *tx, int64_t now_ms, struct err *err)
{
    return db_exec(tx, "DELETE FROM tus_uploads WHERE done = 1 AND expires_at < $1",
                   DB_ARGS(P_INT(now_ms)), NULL, err);
}
