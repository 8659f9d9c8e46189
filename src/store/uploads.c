/* SPDX-License-Identifier: Apache-2.0 */
#include "store/uploads.h"

#define OBJECT_COLUMNS "o.id, o.user_id, o.storage, o.key, o.type, o.size"

/* Two statements of one shape: what has a row, and references. */
#define ROWS                                                                                       \
    "SELECT " OBJECT_COLUMNS ", g.uuid, g.sub_type, g.name, g.created_at, "                        \
    "COALESCE(i.width, v.width), COALESCE(i.height, v.height), v.duration_ms, "                    \
    "v.poster_object_id, CAST(NULL AS BIGINT), o.store_id FROM generations g "                     \
    "JOIN objects o ON o.id = g.object_id "                                                        \
    "LEFT JOIN generation_images i ON i.generation_id = g.id "                                     \
    "LEFT JOIN generation_videos v ON v.generation_id = g.id "                                     \
    "WHERE g.type = 'user_upload' AND o.state = 'stored' "
#define REFERENCES                                                                                 \
    "SELECT " OBJECT_COLUMNS ", CAST(NULL AS TEXT), 'reference', CAST(NULL AS TEXT), "             \
    "o.created_at, 0, 0, 0, 0, o.used_at, o.store_id FROM objects o "                              \
    "WHERE o.used_at IS NOT NULL AND o.state = 'stored' "

static void read_row(const struct db_rows *rows, struct arena *a, struct upload_record *r)
{
    *r = (struct upload_record){
        .object_id = db_int(rows, 0),
        .user_id = db_int(rows, 1),
        .key = db_text_in(rows, 3, a),
        .type = db_text_in(rows, 4, a),
        .size = db_int(rows, 5),
        .uuid = db_text_in(rows, 6, a),
        .name = db_text_in(rows, 8, a),
        .created_at = db_int(rows, 9),
        .width = (int)db_int(rows, 10),
        .height = (int)db_int(rows, 11),
        .duration_ms = db_int(rows, 12),
        .poster_object_id = db_int(rows, 13),
        .used_at = db_int(rows, 14),
        .store_id = db_int(rows, 15),
    };
    storage_type_parse(db_text(rows, 2), &r->storage);
    upload_sub_type_parse(db_text(rows, 7), &r->sub_type);
}

static enum status read_list(struct db_conn *db, const char *sql, const struct db_param *params,
                             size_t n, struct arena *a, struct upload_record *ret, size_t max,
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

/* ---- one of them */

static enum status insert_facts(struct db_conn *tx, const struct upload_record *r, int64_t id,
                                struct err *err)
{
    static const char image_sql[] =
        "INSERT INTO generation_images (generation_id, sub_type, width, height) "
        "VALUES ($1, $2, $3, $4)";
    static const char video_sql[] =
        "INSERT INTO generation_videos (generation_id, sub_type, width, height, duration_ms, "
        "poster_object_id) VALUES ($1, $2, $3, $4, $5, $6)";
    const struct db_param args[] = {
        P_INT(id),
        P_Z(upload_sub_type_name(r->sub_type)),
        P_INT(r->width),
        P_INT(r->height),
        P_INT(r->duration_ms),
        P_INT_OR_NULL(r->poster_object_id),
    };
    if (upload_is_video(r->sub_type))
        return db_exec(tx, video_sql, args, 6, NULL, err);
    return db_exec(tx, image_sql, args, 4, NULL, err);
}

enum status upload_insert(struct db_conn *tx, const struct upload_record *r, struct str uuid,
                          struct err *err)
{
    static const char sql[] =
        "INSERT INTO generations (uuid, user_id, type, sub_type, name, object_id, created_at) "
        "VALUES ($1, $2, 'user_upload', $3, $4, $5, $6) RETURNING id";
    int64_t id;
    bool found;
    TRY(db_query_int(tx, sql,
                     DB_ARGS(P_STR(uuid), P_INT(r->user_id), P_Z(upload_sub_type_name(r->sub_type)),
                             P_STR_OR_NULL(r->name), P_INT(r->object_id), P_INT(r->created_at)),
                     &id, &found, err));
    return insert_facts(tx, r, id, err);
}

static enum status need_one(size_t count, struct err *err)
{
    return count ? OK : err_set(err, E_NOT_FOUND, "upload_not_found");
}

enum status upload_find(struct db_conn *db, int64_t user_id, struct str uuid, struct arena *a,
                        struct upload_record *ret, struct err *err)
{
    size_t count;
    TRY(read_list(db, ROWS "AND g.user_id = $1 AND g.uuid = $2",
                  DB_ARGS(P_INT(user_id), P_STR(uuid)), a, ret, 1, &count, err));
    return need_one(count, err);
}

enum status upload_find_reference(struct db_conn *db, int64_t user_id, int64_t object_id,
                                  struct str key, struct arena *a, struct upload_record *ret,
                                  struct err *err)
{
    size_t count;
    TRY(read_list(db, REFERENCES "AND o.user_id = $1 AND (o.id = $2 OR o.key = $3)",
                  DB_ARGS(P_INT(user_id), P_INT(object_id), P_STR(key.p ? key : STR(""))), a, ret,
                  1, &count, err));
    return need_one(count, err);
}

/* ---- many of them */

static const char list_sql[] = ROWS "AND g.user_id = $1 AND ($2 = '' OR g.sub_type = $2) "
                                    "ORDER BY g.id DESC LIMIT $3 OFFSET $4";
static const char count_sql[] =
    "SELECT COUNT(*) FROM generations g JOIN objects o ON o.id = g.object_id "
    "WHERE g.type = 'user_upload' AND o.state = 'stored' AND g.user_id = $1 "
    "AND ($2 = '' OR g.sub_type = $2)";
static const char list_references_sql[] = REFERENCES
    "AND o.user_id = $1 ORDER BY o.id DESC LIMIT $2 OFFSET $3";
static const char count_references_sql[] =
    "SELECT COUNT(*) FROM objects WHERE used_at IS NOT NULL AND state = 'stored' AND user_id = $1";

static enum status list_references(struct db_conn *db, int64_t user_id, int64_t limit,
                                   int64_t offset, struct arena *a, struct upload_record *ret,
                                   size_t *ret_count, int64_t *ret_total, struct err *err)
{
    bool found;
    TRY(db_query_int(db, count_references_sql, DB_ARGS(P_INT(user_id)), ret_total, &found, err));
    return read_list(db, list_references_sql, DB_ARGS(P_INT(user_id), P_INT(limit), P_INT(offset)),
                     a, ret, (size_t)limit, ret_count, err);
}

enum status upload_list(struct db_conn *db, int64_t user_id, enum upload_sub_type sub_type,
                        int64_t limit, int64_t offset, struct arena *a, struct upload_record **ret,
                        size_t *ret_count, int64_t *ret_total, struct err *err)
{
    const struct db_param args[] = {
        P_INT(user_id),
        P_Z(sub_type == UPLOAD_SUB_TYPES ? "" : upload_sub_type_name(sub_type)),
        P_INT(limit),
        P_INT(offset),
    };
    struct upload_record *list = arena_alloc(a, (size_t)limit * sizeof(*list));
    bool found;
    if (!list)
        return err_set(err, E_NO_MEMORY, "no_memory");
    *ret = list;
    if (sub_type == UPLOAD_REFERENCE)
        return list_references(db, user_id, limit, offset, a, list, ret_count, ret_total, err);
    TRY(db_query_int(db, count_sql, args, 2, ret_total, &found, err));
    return read_list(db, list_sql, args, ARRAY_SIZE(args), a, list, (size_t)limit, ret_count, err);
}

enum status upload_sums(struct db_conn *db, int64_t user_id,
                        struct upload_sum ret[UPLOAD_SUB_TYPES], struct err *err)
{
    static const char sql[] =
        "SELECT g.sub_type, COUNT(*), CAST(COALESCE(SUM(o.size), 0) AS BIGINT) "
        "FROM generations g JOIN objects o ON o.id = g.object_id WHERE g.user_id = $1 "
        "AND g.type = 'user_upload' AND o.state = 'stored' GROUP BY g.sub_type "
        "UNION ALL SELECT 'reference', COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT) "
        "FROM objects WHERE user_id = $1 AND used_at IS NOT NULL AND state = 'stored'";
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    enum upload_sub_type type;
    bool row;
    for (int i = 0; i < UPLOAD_SUB_TYPES; i++)
        ret[i] = (struct upload_sum){0};
    TRY(db_query(db, sql, DB_ARGS(P_INT(user_id)), &rows, err));
    for (;;) {
        TRY(db_next(rows, &row, err));
        if (!row)
            return OK;
        if (upload_sub_type_parse(db_text(rows, 0), &type))
            ret[type] = (struct upload_sum){db_int(rows, 1), db_int(rows, 2)};
    }
}

/* ---- references */

enum status upload_use_reference(struct db_conn *tx, int64_t object_id, int64_t now_ms,
                                 struct err *err)
{
    return db_exec(tx, "UPDATE objects SET used_at = $2 WHERE id = $1",
                   DB_ARGS(P_INT(object_id), P_INT(now_ms)), NULL, err);
}

enum status upload_list_unused(struct db_conn *db, int64_t before_ms, struct arena *a,
                               struct upload_record *ret, size_t max, size_t *ret_count,
                               struct err *err)
{
    return read_list(db, REFERENCES "AND o.used_at < $1 ORDER BY o.used_at LIMIT $2",
                     DB_ARGS(P_INT(before_ms), P_INT(max)), a, ret, max, ret_count, err);
}
