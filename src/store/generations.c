/* SPDX-License-Identifier: Apache-2.0 */
#include "store/generations.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "store/like.h"

#define COLUMNS                                                                                    \
    "id, user_id, model, prompt, media_type, params, status, progress, storage_type, media_url, "  \
    "media_urls, s3_object_keys, file_size_bytes, width, height, duration_ms, error_class, "       \
    "error_message, storage_reason, created_at, started_at, completed_at, expires_at, "            \
    "error_code, account_id"

static void read_row(const struct db_rows *r, struct arena *a, struct generation *g)
{
    memset(g, 0, sizeof(*g));
    g->id = db_int(r, 0);
    g->user_id = db_int(r, 1);
    g->model = db_text_in(r, 2, a);
    g->prompt = db_text_in(r, 3, a);
    media_type_parse(db_text(r, 4), &g->media_type);
    g->params = db_text_in(r, 5, a);
    generation_status_parse(db_text(r, 6), &g->status);
    g->progress = db_int(r, 7);
    storage_type_parse(db_text(r, 8), &g->storage_type);
    g->media_url = db_text_in(r, 9, a);
    g->media_urls = db_text_in(r, 10, a);
    g->object_keys = db_text_in(r, 11, a);
    g->file_size_bytes = db_int(r, 12);
    g->width = db_int(r, 13);
    g->height = db_int(r, 14);
    g->duration_ms = db_int(r, 15);
    failure_class_parse(db_text(r, 16), &g->failure.class);
    g->failure.words = db_text_in(r, 17, a);
    g->storage_reason = db_text_in(r, 18, a);
    g->created_at = db_int(r, 19);
    g->started_at = db_int(r, 20);
    g->completed_at = db_int(r, 21);
    g->expires_at = db_int(r, 22);
    g->failure.code = db_text_in(r, 23, a);
    g->account_id = db_int(r, 24);
    g->queue_position = g->eta_seconds = -1;
}

enum status generation_insert(struct db_conn *tx, struct generation *g, struct err *err)
{
    static const char sql[] =
        "INSERT INTO sora_generations (user_id, model, prompt, media_type, params, status, "
        "media_urls, s3_object_keys, created_at) "
        "VALUES ($1, $2, $3, $4, $5, 'pending', '[]', '[]', $6) RETURNING id";
    bool found;
    return db_query_int(tx, sql,
                        DB_ARGS(P_INT(g->user_id), P_STR(g->model), P_STR(g->prompt),
                                P_Z(media_type_name(g->media_type)), P_STR(g->params),
                                P_INT(g->created_at)),
                        &g->id, &found, err);
}

static enum status load_one(struct db_conn *db, const char *sql, const struct db_param *params,
                            size_t n, struct arena *a, struct generation *ret, struct err *err)
{
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool row;
    TRY(db_query(db, sql, params, n, &rows, err));
    TRY(db_next(rows, &row, err));
    if (!row)
        return err_set(err, E_NOT_FOUND, "generation_not_found");
    read_row(rows, a, ret);
    return OK;
}

enum status generation_load_owned(struct db_conn *db, int64_t user_id, int64_t id, struct arena *a,
                                  struct generation *ret, struct err *err)
{
    return load_one(db, "SELECT " COLUMNS " FROM sora_generations WHERE id = $1 AND user_id = $2",
                    DB_ARGS(P_INT(id), P_INT(user_id)), a, ret, err);
}

enum status generation_load(struct db_conn *db, int64_t id, struct arena *a, struct generation *ret,
                            struct err *err)
{
    return load_one(db, "SELECT " COLUMNS " FROM sora_generations WHERE id = $1",
                    DB_ARGS(P_INT(id)), a, ret, err);
}

/* A set is bound as its bits, so that one statement serves every choice: counting ten thousand rows
 * by them takes less than half of what lists of words took.  No index is taken for them, which
 * keeps the rows in the order of their ids. */
#define IN_SET(set, bit)                                                                           \
    " AND (CAST(" set " AS BIGINT) = 0 OR (CAST(" set " AS BIGINT) & " bit ") <> 0)"
#define STATUS                                                                                     \
    IN_SET("$2", "CASE status WHEN 'pending' THEN 1 WHEN 'generating' THEN 2 "                     \
                 "WHEN 'completed' THEN 4 WHEN 'failed' THEN 8 WHEN 'cancelled' THEN 16 END")
#define STORAGE                                                                                    \
    IN_SET("$3", "CASE storage_type WHEN 's3' THEN 8 WHEN 'local' THEN 4 WHEN 'upstream' THEN 2 "  \
                 "WHEN 'none' THEN 1 END")
#define MEDIA  IN_SET("$4", "CASE media_type WHEN 'video' THEN 1 WHEN 'image' THEN 2 END")
#define SEARCH " AND (CAST($5 AS TEXT) = '' OR " LIKE_TYPED("prompt", "$5") ")"
_Static_assert(GENERATION_PENDING == 0 && GENERATION_GENERATING == 1 && GENERATION_COMPLETED == 2 &&
                   GENERATION_FAILED == 3 && GENERATION_CANCELLED == 4,
               "STATUS");
_Static_assert(STORAGE_NONE == 0 && STORAGE_UPSTREAM == 1 && STORAGE_LOCAL == 2 && STORAGE_S3 == 3,
               "STORAGE");
_Static_assert(MEDIA_VIDEO == 0 && MEDIA_IMAGE == 1, "MEDIA");

#define FILTER " FROM sora_generations WHERE user_id = $1" STATUS STORAGE MEDIA SEARCH
/* Those that run are few among any number of works, and asked for whenever a page opens. */
#define LIVE_FILTER   FILTER " AND status IN ('pending', 'generating')"
#define COUNT(filter) "SELECT COUNT(*) FROM (SELECT 1" filter " LIMIT 10000) AS counted"
#define LIST(filter)  "SELECT " COLUMNS filter " ORDER BY id DESC LIMIT $6 OFFSET $7"
_Static_assert(GENERATIONS_COUNT_MAX == 10000, "COUNT");

static enum status read_list(struct db_conn *db, const char *sql, const struct db_param *params,
                             size_t n, int64_t limit, struct arena *a, struct generation **ret,
                             size_t *ret_count, struct err *err)
{
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    struct generation *list = arena_alloc(a, (size_t)limit * sizeof(*list));
    size_t count = 0;
    bool row;
    if (!list)
        return err_set(err, E_NO_MEMORY, "overloaded");
    TRY(db_query(db, sql, params, n, &rows, err));
    for (;;) {
        TRY(db_next(rows, &row, err));
        if (!row || count == (size_t)limit)
            break;
        read_row(rows, a, &list[count++]);
    }
    *ret = list;
    *ret_count = count;
    return OK;
}

enum status generation_list(struct db_conn *db, const struct generation_filter *f, int64_t limit,
                            int64_t offset, struct arena *a, struct generation **ret,
                            size_t *ret_count, int64_t *ret_total, struct err *err)
{
    bool live = f->statuses && f->statuses >> GENERATION_COMPLETED == 0, found;
    struct db_param params[] = {
        P_INT(f->user_id),
        P_INT(f->statuses),
        P_INT(f->storages),
        P_INT(f->media),
        P_STR(f->search.n ? like_pattern(a, f->search) : STR("")),
        P_INT(limit),
        P_INT(offset),
    };
    TRY(db_query_int(db, live ? COUNT(LIVE_FILTER) : COUNT(FILTER), params, 5, ret_total, &found,
                     err));
    return read_list(db, live ? LIST(LIVE_FILTER) : LIST(FILTER), params, ARRAY_SIZE(params), limit,
                     a, ret, ret_count, err);
}

enum status generation_count_live(struct db_conn *db, int64_t user_id, int64_t *ret,
                                  struct err *err)
{
    static const char sql[] = "SELECT COUNT(*) FROM sora_generations WHERE user_id = $1 AND "
                              "status IN ('pending', 'generating')";
    bool found;
    return db_query_int(db, sql, DB_ARGS(P_INT(user_id)), ret, &found, err);
}

static enum status need_change(int64_t changed, struct err *err)
{
    return changed ? OK : err_set(err, E_CONFLICT, "already_finished");
}

enum status generation_move(struct db_conn *tx, int64_t id, enum generation_status to,
                            int64_t now_ms, struct err *err)
{
    static const char start_sql[] =
        "UPDATE sora_generations SET status = 'generating', started_at = $2 "
        "WHERE id = $1 AND status = 'pending'";
    static const char end_sql[] =
        "UPDATE sora_generations SET status = $3, completed_at = $2, "
        "progress = CASE WHEN CAST($3 AS TEXT) = 'completed' THEN 100 ELSE progress END "
        "WHERE id = $1 AND (status = 'generating' OR "
        "(status = 'pending' AND CAST($3 AS TEXT) <> 'completed'))";
    int64_t changed;
    if (to == GENERATION_GENERATING)
        TRY(db_exec(tx, start_sql, DB_ARGS(P_INT(id), P_INT(now_ms)), &changed, err));
    else
        TRY(db_exec(tx, end_sql, DB_ARGS(P_INT(id), P_INT(now_ms), P_Z(generation_status_name(to))),
                    &changed, err));
    return need_change(changed, err);
}

enum status generation_set_progress(struct db_conn *tx, int64_t id, int64_t progress,
                                    bool *ret_changed, struct err *err)
{
    static const char sql[] = "UPDATE sora_generations SET progress = $2 "
                              "WHERE id = $1 AND status = 'generating' AND progress < $2";
    int64_t changed;
    TRY(db_exec(tx, sql, DB_ARGS(P_INT(id), P_INT(progress)), &changed, err));
    *ret_changed = changed > 0;
    return OK;
}

enum status generation_set_failure(struct db_conn *tx, int64_t id, const struct failure *failure,
                                   struct err *err)
{
    static const char sql[] = "UPDATE sora_generations SET error_class = $2, error_code = $3, "
                              "error_message = $4 WHERE id = $1";
    return db_exec(tx, sql,
                   DB_ARGS(P_INT(id), P_Z(failure_class_name(failure->class)),
                           P_STR_OR_NULL(failure->code), P_STR_OR_NULL(failure->words)),
                   NULL, err);
}

enum status generation_set_result(struct db_conn *tx, const struct generation *g, struct err *err)
{
    static const char sql[] =
        "UPDATE sora_generations SET storage_type = $2, media_url = $3, media_urls = $4, "
        "s3_object_keys = $5, file_size_bytes = $6, width = $7, height = $8, duration_ms = $9, "
        "storage_reason = $10, expires_at = $11, account_id = $12 WHERE id = $1";
    return db_exec(tx, sql,
                   DB_ARGS(P_INT(g->id), P_Z(storage_type_name(g->storage_type)),
                           P_STR_OR_NULL(g->media_url), P_STR(g->media_urls), P_STR(g->object_keys),
                           P_INT(g->file_size_bytes), P_INT(g->width), P_INT(g->height),
                           P_INT(g->duration_ms), P_STR_OR_NULL(g->storage_reason),
                           P_INT_OR_NULL(g->expires_at), P_INT(g->account_id)),
                   NULL, err);
}

enum status generation_claim_saving(struct db_conn *tx, int64_t id, int64_t now_ms,
                                    int64_t until_ms, bool *ret_claimed, struct err *err)
{
    static const char sql[] = "UPDATE sora_generations SET saving_until = $3 WHERE id = $1 AND "
                              "storage_type = 'upstream' AND COALESCE(saving_until, 0) < $2";
    int64_t changed;
    TRY(db_exec(tx, sql, DB_ARGS(P_INT(id), P_INT(now_ms), P_INT(until_ms)), &changed, err));
    *ret_claimed = changed > 0;
    return OK;
}

enum status generation_keep_saving(struct db_conn *tx, int64_t id, int64_t until_ms,
                                   struct err *err)
{
    static const char sql[] = "UPDATE sora_generations SET saving_until = $2 "
                              "WHERE id = $1 AND saving_until IS NOT NULL";
    return db_exec(tx, sql, DB_ARGS(P_INT(id), P_INT(until_ms)), NULL, err);
}

enum status generation_end_saving(struct db_conn *tx, int64_t id, struct err *err)
{
    return db_exec(tx, "UPDATE sora_generations SET saving_until = NULL WHERE id = $1",
                   DB_ARGS(P_INT(id)), NULL, err);
}

enum status generation_delete(struct db_conn *tx, int64_t id, struct err *err)
{
    return db_exec(tx, "DELETE FROM sora_generations WHERE id = $1", DB_ARGS(P_INT(id)), NULL, err);
}

enum status generation_typical_ms(struct db_conn *db, struct str model, int64_t *ret,
                                  struct err *err)
{
    static const char sql[] =
        "SELECT CAST(COALESCE(AVG(took), 0) AS BIGINT) FROM (SELECT completed_at - started_at AS "
        "took FROM sora_generations WHERE model = $1 AND status = 'completed' AND started_at IS "
        "NOT NULL ORDER BY id DESC LIMIT 20) AS recent";
    bool found;
    return db_query_int(db, sql, DB_ARGS(P_STR(model)), ret, &found, err);
}
