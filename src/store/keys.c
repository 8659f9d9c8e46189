/* SPDX-License-Identifier: Apache-2.0 */
#include "store/keys.h"

#include "store/like.h"

#define COLUMNS                                                                                    \
    "api_keys.id, user_id, group_id, api_keys.name, key_hint, status, expires_at, last_used_at, "  \
    "api_keys.created_at, groups.name"
#define FROM "FROM api_keys JOIN groups ON groups.id = api_keys.group_id "

static const char sql_insert[] =
    "INSERT INTO api_keys (user_id, group_id, name, key_hash, key_hint, status, expires_at, "
    "created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id";
static const char sql_find_owned[] = "SELECT " COLUMNS " " FROM
                                     "WHERE user_id = $1 AND api_keys.id = $2";
static const char sql_update[] =
    "UPDATE api_keys SET name = $2, status = $3, expires_at = $4 WHERE id = $1";
static const char sql_delete_owned[] = "DELETE FROM api_keys WHERE user_id = $1 AND id = $2";
static const char sql_count_owned[] = "SELECT COUNT(*) FROM api_keys WHERE user_id = $1";
static const char sql_move[] =
    "UPDATE api_keys SET group_id = $2 WHERE user_id = $1 AND group_id <> $2";

#define FILTER "WHERE user_id = $1 AND " LIKE_EITHER("api_keys.name", "key_hint", "$2")
static const char sql_count[] = "SELECT COUNT(*) " FROM FILTER;
static const char sql_list[] = "SELECT " COLUMNS " " FROM FILTER
                               " ORDER BY api_keys.id DESC LIMIT $3 OFFSET $4";

static const char *status_word(bool disabled)
{
    return disabled ? "disabled" : "active";
}

static void read_key(const struct db_rows *rows, struct arena *a, struct api_key *ret)
{
    *ret = (struct api_key){
        .id = db_int(rows, 0),
        .user_id = db_int(rows, 1),
        .group_id = db_int(rows, 2),
        .name = db_text_in(rows, 3, a),
        .hint = db_text_in(rows, 4, a),
        .disabled = !str_eq(db_text(rows, 5), STR("active")),
        .expires_at = db_int(rows, 6),
        .last_used_at = db_int(rows, 7),
        .created_at = db_int(rows, 8),
        .group_name = db_text_in(rows, 9, a),
    };
}

enum status keys_insert(struct db_conn *tx, struct api_key *key, struct str hash, struct err *err)
{
    bool found;
    return db_query_int(tx, sql_insert,
                        DB_ARGS(P_INT(key->user_id), P_INT(key->group_id), P_STR(key->name),
                                P_STR(hash), P_STR(key->hint), P_Z(status_word(key->disabled)),
                                P_INT_OR_NULL(key->expires_at), P_INT(key->created_at)),
                        &key->id, &found, err);
}

enum status keys_find_owned(struct db_conn *db, int64_t user_id, int64_t id, struct arena *a,
                            struct api_key *ret, struct err *err)
{
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool found;
    TRY(db_query(db, sql_find_owned, DB_ARGS(P_INT(user_id), P_INT(id)), &rows, err));
    TRY(db_next(rows, &found, err));
    if (!found)
        return err_set(err, E_NOT_FOUND, "key_not_found");
    read_key(rows, a, ret);
    return OK;
}

enum status keys_update(struct db_conn *tx, const struct api_key *key, struct err *err)
{
    return db_exec(tx, sql_update,
                   DB_ARGS(P_INT(key->id), P_STR(key->name), P_Z(status_word(key->disabled)),
                           P_INT_OR_NULL(key->expires_at)),
                   NULL, err);
}

enum status keys_delete_owned(struct db_conn *tx, int64_t user_id, int64_t id, struct err *err)
{
    int64_t changed;
    TRY(db_exec(tx, sql_delete_owned, DB_ARGS(P_INT(user_id), P_INT(id)), &changed, err));
    return changed ? OK : err_set(err, E_NOT_FOUND, "key_not_found");
}

enum status keys_count_owned(struct db_conn *db, int64_t user_id, int64_t *ret, struct err *err)
{
    bool found;
    return db_query_int(db, sql_count_owned, DB_ARGS(P_INT(user_id)), ret, &found, err);
}

enum status keys_move_to_group(struct db_conn *tx, int64_t user_id, int64_t group_id,
                               struct err *err)
{
    return db_exec(tx, sql_move, DB_ARGS(P_INT(user_id), P_INT(group_id)), NULL, err);
}

enum status keys_list_owned(struct db_conn *db, int64_t user_id, struct str q, int64_t limit,
                            int64_t offset, struct arena *a, struct api_key **ret,
                            size_t *ret_count, int64_t *ret_total, struct err *err)
{
    const struct db_param args[] = {P_INT(user_id), P_STR(like_pattern(a, q)), P_INT(limit),
                                    P_INT(offset)};
    struct api_key *keys = arena_alloc(a, (size_t)limit * sizeof(*keys));
    if (!keys)
        return err_set(err, E_NO_MEMORY, "no_memory");

    bool more;
    int64_t total;
    TRY(db_query_int(db, sql_count, args, 2, &total, &more, err));

    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    size_t count = 0;
    TRY(db_query(db, sql_list, args, ARRAY_SIZE(args), &rows, err));
    TRY(db_next(rows, &more, err));
    while (more) {
        read_key(rows, a, &keys[count++]);
        TRY(db_next(rows, &more, err));
    }
    *ret = keys;
    *ret_count = count;
    *ret_total = total;
    return OK;
}
