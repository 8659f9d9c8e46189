/* SPDX-License-Identifier: Apache-2.0 */
#include "store/idempotency.h"

enum status idempotency_find(struct db_conn *db, struct idempotency *row, struct arena *a,
                             bool *ret_found, struct err *err)
{
    static const char sql[] = "SELECT request_hash, job_id, generation_id FROM idempotency "
                              "WHERE scope = $1 AND key = $2";
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    TRY(db_query(db, sql, DB_ARGS(P_STR(row->scope), P_STR(row->key)), &rows, err));
    TRY(db_next(rows, ret_found, err));
    if (!*ret_found)
        return OK;
    row->request_hash = db_text_in(rows, 0, a);
    row->job_id = db_int(rows, 1);
    row->generation_id = db_int(rows, 2);
    return OK;
}

enum status idempotency_claim(struct db_conn *tx, struct idempotency *row, struct arena *a,
                              int64_t now_ms, bool *ret_first, struct err *err)
{
    static const char sql[] = "INSERT INTO idempotency (scope, key, request_hash, created_at) "
                              "VALUES ($1, $2, $3, $4) ON CONFLICT (scope, key) DO NOTHING";
    int64_t inserted;
    bool found;
    TRY(db_exec(
        tx, sql,
        DB_ARGS(P_STR(row->scope), P_STR(row->key), P_STR(row->request_hash), P_INT(now_ms)),
        &inserted, err));
    *ret_first = inserted > 0;
    if (*ret_first)
        return OK;
    TRY(idempotency_find(tx, row, a, &found, err));
    /* The janitor has just taken it away. */
    return found ? OK : err_set(err, E_UNAVAILABLE, "overloaded");
}

enum status idempotency_fill(struct db_conn *tx, const struct idempotency *row, struct err *err)
{
    static const char sql[] = "UPDATE idempotency SET job_id = $3, generation_id = $4 "
                              "WHERE scope = $1 AND key = $2";
    return db_exec(tx, sql,
                   DB_ARGS(P_STR(row->scope), P_STR(row->key), P_INT_OR_NULL(row->job_id),
                           P_INT_OR_NULL(row->generation_id)),
                   NULL, err);
}

enum status idempotency_remove_old(struct db_conn *db, int64_t before_ms, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    TRY(db_begin(tx, err));
    TRY(db_exec(tx, "DELETE FROM idempotency WHERE created_at < $1", DB_ARGS(P_INT(before_ms)),
                NULL, err));
    return db_commit(tx, err);
}
