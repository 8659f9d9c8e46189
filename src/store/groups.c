/* SPDX-License-Identifier: Apache-2.0 */
#include "store/groups.h"

#include "store/like.h"

#define COLUMNS "id, name, platform, sora_storage_quota_bytes, created_at, updated_at"
#define COUNTS                                                                                     \
    ", (SELECT COUNT(*) FROM users WHERE group_id = groups.id), "                                  \
    "(SELECT COUNT(*) FROM account_groups WHERE group_id = groups.id)"

static const char sql_insert[] =
    "INSERT INTO groups (name, platform, sora_storage_quota_bytes, created_at, updated_at) "
    "VALUES ($1, $2, $3, $4, $4) RETURNING id";
static const char sql_find[] = "SELECT " COLUMNS ", 0, 0 FROM groups WHERE id = $1";
static const char sql_lock[] = "SELECT " COLUMNS ", 0, 0 FROM groups WHERE id = $1 {row_lock}";
static const char sql_find_counted[] = "SELECT " COLUMNS COUNTS " FROM groups WHERE id = $1";
static const char sql_find_default[] =
    "SELECT id FROM groups ORDER BY CASE WHEN name = 'default' THEN 0 ELSE 1 END, id LIMIT 1";
static const char sql_update[] =
    "UPDATE groups SET name = $2, platform = $3, sora_storage_quota_bytes = $4, updated_at = $5 "
    "WHERE id = $1";
static const char sql_delete[] = "DELETE FROM groups WHERE id = $1";
static const char sql_count_uses[] = "SELECT (SELECT COUNT(*) FROM users WHERE group_id = $1) "
                                     "+ (SELECT COUNT(*) FROM api_keys WHERE group_id = $1) "
                                     "+ (SELECT COUNT(*) FROM account_groups WHERE group_id = $1)";

#define FILTER "FROM groups WHERE " LIKE_EITHER("name", "platform", "$1")
static const char sql_count[] = "SELECT COUNT(*) " FILTER;
static const char sql_list[] = "SELECT " COLUMNS COUNTS " " FILTER
                               " ORDER BY name, id LIMIT $2 OFFSET $3";

static void read_group(const struct db_rows *rows, struct arena *a, struct group *ret)
{
    *ret = (struct group){
        .id = db_int(rows, 0),
        .name = db_text_in(rows, 1, a),
        .platform = db_text_in(rows, 2, a),
        .storage_quota_bytes = db_int(rows, 3),
        .created_at = db_int(rows, 4),
        .updated_at = db_int(rows, 5),
        .user_count = db_int(rows, 6),
        .account_count = db_int(rows, 7),
    };
}

enum status groups_insert(struct db_conn *tx, struct group *group, struct err *err)
{
    bool found;
    enum status status = db_query_int(tx, sql_insert,
                                      DB_ARGS(P_STR(group->name), P_STR(group->platform),
                                              P_INT(group->storage_quota_bytes),
                                              P_INT(group->created_at)),
                                      &group->id, &found, err);
    return status == E_CONFLICT ? err_set(err, E_CONFLICT, "group_name_taken") : status;
}

static enum status find(struct db_conn *db, const char *sql, int64_t id, struct arena *a,
                        struct group *ret, struct err *err)
{
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool found;
    TRY(db_query(db, sql, DB_ARGS(P_INT(id)), &rows, err));
    TRY(db_next(rows, &found, err));
    if (!found)
        return err_set(err, E_NOT_FOUND, "group_not_found");
    read_group(rows, a, ret);
    return OK;
}

enum status groups_find(struct db_conn *db, int64_t id, struct arena *a, struct group *ret,
                        struct err *err)
{
    return find(db, sql_find, id, a, ret, err);
}

enum status groups_lock(struct db_conn *tx, int64_t id, struct arena *a, struct group *ret,
                        struct err *err)
{
    return find(tx, sql_lock, id, a, ret, err);
}

enum status groups_find_counted(struct db_conn *db, int64_t id, struct arena *a, struct group *ret,
                                struct err *err)
{
    return find(db, sql_find_counted, id, a, ret, err);
}

enum status groups_find_default(struct db_conn *db, int64_t *ret_id, struct err *err)
{
    bool found;
    TRY(db_query_int(db, sql_find_default, DB_NO_ARGS, ret_id, &found, err));
    return found ? OK : err_set(err, E_NOT_FOUND, "group_not_found");
}

enum status groups_update(struct db_conn *tx, const struct group *group, struct err *err)
{
    enum status status = db_exec(tx, sql_update,
                                 DB_ARGS(P_INT(group->id), P_STR(group->name),
                                         P_STR(group->platform), P_INT(group->storage_quota_bytes),
                                         P_INT(group->updated_at)),
                                 NULL, err);
    return status == E_CONFLICT ? err_set(err, E_CONFLICT, "group_name_taken") : status;
}

enum status groups_delete(struct db_conn *tx, int64_t id, struct err *err)
{
    int64_t changed;
    enum status status = db_exec(tx, sql_delete, DB_ARGS(P_INT(id)), &changed, err);
    if (status == E_CONFLICT)
        return err_set(err, E_CONFLICT, "group_in_use");
    if (status == OK && changed == 0)
        return err_set(err, E_NOT_FOUND, "group_not_found");
    return status;
}

enum status groups_count_uses(struct db_conn *db, int64_t id, int64_t *ret, struct err *err)
{
    bool found;
    return db_query_int(db, sql_count_uses, DB_ARGS(P_INT(id)), ret, &found, err);
}

enum status groups_list(struct db_conn *db, struct str q, int64_t limit, int64_t offset,
                        struct arena *a, struct group **ret, size_t *ret_count, int64_t *ret_total,
                        struct err *err)
{
    const struct db_param args[] = {P_STR(like_pattern(a, q)), P_INT(limit), P_INT(offset)};
    struct group *groups = arena_alloc(a, (size_t)limit * sizeof(*groups));
    if (!groups)
        return err_set(err, E_NO_MEMORY, "no_memory");

    bool more;
    int64_t total;
    TRY(db_query_int(db, sql_count, args, 1, &total, &more, err));

    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    size_t count = 0;
    TRY(db_query(db, sql_list, args, ARRAY_SIZE(args), &rows, err));
    TRY(db_next(rows, &more, err));
    while (more) {
        read_group(rows, a, &groups[count++]);
        TRY(db_next(rows, &more, err));
    }
    *ret = groups;
    *ret_count = count;
    *ret_total = total;
    return OK;
}
