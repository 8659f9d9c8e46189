/* SPDX-License-Identifier: Apache-2.0 */
#include "store/oauth_flows.h"

static const char sql_insert[] =
    "INSERT INTO oauth_flows (token_hash, kind, user_id, sealed, created_at, expires_at) "
    "VALUES ($1, $2, $3, $4, $5, $6)";
static const char sql_crowd_out[] =
    "DELETE FROM oauth_flows WHERE user_id = $1 AND token_hash NOT IN (SELECT f.token_hash "
    "FROM oauth_flows f WHERE f.user_id = $1 ORDER BY f.created_at DESC, f.token_hash LIMIT $2)";
static const char sql_take[] =
    "DELETE FROM oauth_flows WHERE token_hash = $1 AND kind = $2 AND user_id = $3 "
    "AND expires_at > $4 RETURNING sealed";
static const char sql_remove_old[] = "DELETE FROM oauth_flows WHERE expires_at <= $1";

enum status oauth_flows_insert(struct db_conn *tx, const struct oauth_flow_row *row,
                               struct err *err)
{
    TRY(db_exec(tx, sql_insert,
                DB_ARGS(P_STR(row->token_hash), P_STR(row->kind), P_INT(row->user_id),
                        P_STR(row->sealed), P_INT(row->created_at), P_INT(row->expires_at)),
                NULL, err));
    return db_exec(tx, sql_crowd_out, DB_ARGS(P_INT(row->user_id), P_INT(OAUTH_FLOWS_PER_USER)),
                   NULL, err);
}

enum status oauth_flows_take(struct db_conn *tx, struct str token_hash, struct str kind,
                             int64_t user_id, int64_t now, struct arena *a, struct str *ret_sealed,
                             struct err *err)
{
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool found;
    TRY(db_query(tx, sql_take, DB_ARGS(P_STR(token_hash), P_STR(kind), P_INT(user_id), P_INT(now)),
                 &rows, err));
    TRY(db_next(rows, &found, err));
    if (!found)
        return err_set(err, E_INVALID, "oauth_state_invalid");
    *ret_sealed = db_text_in(rows, 0, a);
    return ret_sealed->p ? OK : err_set(err, E_NO_MEMORY, "no_memory");
}

enum status oauth_flows_remove_old(struct db_conn *tx, int64_t now, struct err *err)
{
    return db_exec(tx, sql_remove_old, DB_ARGS(P_INT(now)), NULL, err);
}
