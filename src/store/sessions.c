/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sessions.h"

#include <string.h>

static const char sql_insert[] =
    "INSERT INTO sessions (user_id, token_hash, kind, address, user_agent, created_at, seen_at, "
    "expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id";
static const char sql_find_identity[] =
    "SELECT s.id, s.seen_at, u.id, u.role, u.group_id, u.email FROM sessions s "
    "JOIN users u ON u.id = s.user_id "
    "WHERE s.token_hash = $1 AND s.expires_at > $2 AND u.status = 'active'";
static const char sql_is_live[] = "SELECT 1 FROM sessions s JOIN users u ON u.id = s.user_id "
                                  "WHERE s.id = $1 AND s.expires_at > $2 AND u.status = 'active'";
static const char sql_touch[] = "UPDATE sessions SET seen_at = $2, expires_at = $3 WHERE id = $1";
static const char sql_delete[] = "DELETE FROM sessions WHERE id = $1";
static const char sql_delete_of_user[] = "DELETE FROM sessions WHERE user_id = $1 AND id <> $2";
static const char sql_delete_expired[] = "DELETE FROM sessions WHERE expires_at <= $1";

enum status sessions_insert(struct db_conn *tx, struct session *session, struct err *err)
{
    bool found;
    return db_query_int(tx, sql_insert,
                        DB_ARGS(P_INT(session->user_id), P_STR(session->token_hash),
                                P_STR(session->kind), P_STR(session->address),
                                P_STR(session->user_agent), P_INT(session->created_at),
                                P_INT(session->seen_at), P_INT(session->expires_at)),
                        &session->id, &found, err);
}

enum status sessions_find_identity(struct db_conn *db, struct str token_hash, int64_t now,
                                   struct identity *ret, int64_t *ret_seen_at, bool *ret_found,
                                   struct err *err)
{
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool found;
    TRY(db_query(db, sql_find_identity, DB_ARGS(P_STR(token_hash), P_INT(now)), &rows, err));
    TRY(db_next(rows, &found, err));
    *ret_found = found;
    if (!found)
        return OK;
    struct identity who = {
        .session_id = db_int(rows, 0),
        .user_id = db_int(rows, 2),
        .group_id = db_int(rows, 4),
    };
    struct str email = str_to(db_text(rows, 5), sizeof(who.email) - 1);
    memcpy(who.email, email.p, email.n);
    if (!user_role_parse(db_text(rows, 3), &who.role))
        return err_set(err, E_INTERNAL, "internal_error");
    *ret_seen_at = db_int(rows, 1);
    *ret = who;
    return OK;
}

enum status sessions_is_live(struct db_conn *db, int64_t id, int64_t now, bool *ret,
                             struct err *err)
{
    int64_t one;
    return db_query_int(db, sql_is_live, DB_ARGS(P_INT(id), P_INT(now)), &one, ret, err);
}

enum status sessions_touch(struct db_conn *tx, int64_t id, int64_t seen_at, int64_t expires_at,
                           struct err *err)
{
    return db_exec(tx, sql_touch, DB_ARGS(P_INT(id), P_INT(seen_at), P_INT(expires_at)), NULL, err);
}

enum status sessions_delete(struct db_conn *tx, int64_t id, struct err *err)
{
    return db_exec(tx, sql_delete, DB_ARGS(P_INT(id)), NULL, err);
}

enum status sessions_delete_of_user(struct db_conn *tx, int64_t user_id, int64_t except_id,
                                    struct err *err)
{
    return db_exec(tx, sql_delete_of_user, DB_ARGS(P_INT(user_id), P_INT(except_id)), NULL, err);
}

enum status sessions_delete_expired(struct db_conn *tx, int64_t now, int64_t *ret_count,
                                    struct err *err)
{
    return db_exec(tx, sql_delete_expired, DB_ARGS(P_INT(now)), ret_count, err);
}
