/* SPDX-License-Identifier: Apache-2.0 */
#include "store/users.h"

#include "store/like.h"

#define COLUMNS                                                                                    \
    "id, uuid, email, password_hash, role, status, group_id, avatar, background, "                 \
    "sora_storage_quota_bytes, sora_storage_used_bytes, created_at, updated_at"

static const char sql_insert[] =
    "INSERT INTO users (uuid, email, password_hash, role, status, group_id, avatar, background, "
    "sora_storage_quota_bytes, created_at, updated_at) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) RETURNING id";
static const char sql_find[] = "SELECT " COLUMNS " FROM users WHERE id = $1";
static const char sql_find_by_email[] = "SELECT " COLUMNS " FROM users WHERE email = $1";
static const char sql_lock[] = "SELECT " COLUMNS " FROM users WHERE id = $1 {row_lock}";
static const char sql_update[] =
    "UPDATE users SET email = $2, password_hash = $3, role = $4, status = $5, group_id = $6, "
    "avatar = $7, background = $8, sora_storage_quota_bytes = $9, updated_at = $10 WHERE id = $1";
static const char sql_delete[] = "DELETE FROM users WHERE id = $1";

#define SEARCH LIKE_EITHER("email", "uuid", "$1")
#define FILTER                                                                                     \
    "FROM users WHERE " SEARCH " "                                                                 \
    "AND ($2 = '' OR role = $2) AND ($3 = '' OR status = $3) "                                     \
    "AND (CAST($4 AS BIGINT) = 0 OR group_id = $4)"
static const char sql_count[] = "SELECT COUNT(*) " FILTER;
static const char sql_list[] = "SELECT " COLUMNS " " FILTER " ORDER BY id DESC LIMIT $5 OFFSET $6";

static const char sql_lock_admins[] =
    "SELECT id FROM users WHERE role = 'admin' AND status = 'active' ORDER BY id {row_lock}";
static const char sql_have_admin[] =
    "SELECT 1 FROM users WHERE role = 'admin' AND status = 'active' LIMIT 1";

static enum status read_user(const struct db_rows *rows, struct arena *a, struct user *ret,
                             struct err *err)
{
    struct user user = {
        .id = db_int(rows, 0),
        .uuid = db_text_in(rows, 1, a),
        .email = db_text_in(rows, 2, a),
        .password_hash = db_text_in(rows, 3, a),
        .group_id = db_int(rows, 6),
        .avatar = db_text_in(rows, 7, a),
        .background = db_text_in(rows, 8, a),
        .storage_quota_bytes = db_int(rows, 9),
        .storage_used_bytes = db_int(rows, 10),
        .created_at = db_int(rows, 11),
        .updated_at = db_int(rows, 12),
    };
    if (!user_role_parse(db_text(rows, 4), &user.role) ||
        !user_status_parse(db_text(rows, 5), &user.status) || !user.email.p || !user.uuid.p)
        return err_set(err, E_INTERNAL, "internal_error");
    *ret = user;
    return OK;
}

static enum status find_one(struct db_conn *db, const char *sql, struct db_param key,
                            struct arena *a, struct user *ret, struct err *err)
{
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool found;
    TRY(db_query(db, sql, &key, 1, &rows, err));
    TRY(db_next(rows, &found, err));
    if (!found)
        return err_set(err, E_NOT_FOUND, "user_not_found");
    return read_user(rows, a, ret, err);
}

/* What a broken constraint of this table means. */
static enum status explain(enum status status, const char *code, struct err *err)
{
    return status == E_CONFLICT ? err_set(err, E_CONFLICT, code) : status;
}

enum status users_insert(struct db_conn *tx, struct user *user, struct err *err)
{
    bool found;
    enum status status = db_query_int(
        tx, sql_insert,
        DB_ARGS(P_STR(user->uuid), P_STR(user->email), P_STR(user->password_hash),
                P_Z(user_role_name(user->role)), P_Z(user_status_name(user->status)),
                P_INT(user->group_id), P_STR_OR_NULL(user->avatar), P_STR_OR_NULL(user->background),
                P_INT(user->storage_quota_bytes), P_INT(user->created_at)),
        &user->id, &found, err);
    return explain(status, "email_taken", err);
}

enum status users_find(struct db_conn *db, int64_t id, struct arena *a, struct user *ret,
                       struct err *err)
{
    return find_one(db, sql_find, P_INT(id), a, ret, err);
}

enum status users_find_by_email(struct db_conn *db, struct str email, struct arena *a,
                                struct user *ret, struct err *err)
{
    return find_one(db, sql_find_by_email, P_STR(email), a, ret, err);
}

enum status users_lock(struct db_conn *tx, int64_t id, struct arena *a, struct user *ret,
                       struct err *err)
{
    return find_one(tx, sql_lock, P_INT(id), a, ret, err);
}

enum status users_update(struct db_conn *tx, const struct user *user, struct err *err)
{
    enum status status = db_exec(
        tx, sql_update,
        DB_ARGS(P_INT(user->id), P_STR(user->email), P_STR(user->password_hash),
                P_Z(user_role_name(user->role)), P_Z(user_status_name(user->status)),
                P_INT(user->group_id), P_STR_OR_NULL(user->avatar), P_STR_OR_NULL(user->background),
                P_INT(user->storage_quota_bytes), P_INT(user->updated_at)),
        NULL, err);
    return explain(status, "email_taken", err);
}

enum status users_drop_picture(struct db_conn *tx, int64_t id, struct str picture, int64_t now_ms,
                               struct err *err)
{
    static const char sql[] =
        "UPDATE users SET avatar = CASE WHEN avatar = $2 THEN NULL ELSE avatar END, "
        "background = CASE WHEN background = $2 THEN NULL ELSE background END, updated_at = $3 "
        "WHERE id = $1 AND (avatar = $2 OR background = $2)";
    return db_exec(tx, sql, DB_ARGS(P_INT(id), P_STR(picture), P_INT(now_ms)), NULL, err);
}

enum status users_delete(struct db_conn *tx, int64_t id, struct err *err)
{
    int64_t changed;
    TRY(db_exec(tx, sql_delete, DB_ARGS(P_INT(id)), &changed, err));
    return changed ? OK : err_set(err, E_NOT_FOUND, "user_not_found");
}

enum status users_list(struct db_conn *db, const struct users_filter *filter, int64_t limit,
                       int64_t offset, struct arena *a, struct user **ret, size_t *ret_count,
                       int64_t *ret_total, struct err *err)
{
    const struct db_param args[] = {
        P_STR(like_pattern(a, filter->q)),
        P_STR(filter->role.p ? filter->role : STR("")),
        P_STR(filter->status.p ? filter->status : STR("")),
        P_INT(filter->group_id),
        P_INT(limit),
        P_INT(offset),
    };
    struct user *users = arena_alloc(a, (size_t)limit * sizeof(*users));
    if (!users)
        return err_set(err, E_NO_MEMORY, "no_memory");

    bool more;
    int64_t total;
    TRY(db_query_int(db, sql_count, args, 4, &total, &more, err));

    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    size_t count = 0;
    TRY(db_query(db, sql_list, args, ARRAY_SIZE(args), &rows, err));
    TRY(db_next(rows, &more, err));
    while (more) {
        TRY(read_user(rows, a, &users[count++], err));
        TRY(db_next(rows, &more, err));
    }
    *ret = users;
    *ret_count = count;
    *ret_total = total;
    return OK;
}

enum status users_lock_admins(struct db_conn *tx, int64_t *ret_count, struct err *err)
{
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool more = true;
    int64_t count = -1;
    TRY(db_query(tx, sql_lock_admins, DB_NO_ARGS, &rows, err));
    for (; more; count++)
        TRY(db_next(rows, &more, err));
    *ret_count = count;
    return OK;
}

enum status users_have_admin(struct db_conn *db, bool *ret, struct err *err)
{
    int64_t one;
    return db_query_int(db, sql_have_admin, DB_NO_ARGS, &one, ret, err);
}
