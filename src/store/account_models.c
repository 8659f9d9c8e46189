/* SPDX-License-Identifier: Apache-2.0 */
#include "store/account_models.h"

static enum status list_due(struct db_conn *tx, int64_t now_ms, int64_t quiet_since_ms,
                            struct account_asking *ret, size_t max, size_t *ret_count,
                            struct err *err)
{
    static const char sql[] =
        "SELECT a.id, COALESCE(m.failures, 0) FROM accounts a LEFT JOIN account_models m ON "
        "m.account_id = a.id WHERE a.status = 'active' AND CAST(a.models AS TEXT) = '[]' AND "
        "(m.next_at <= $1 OR (a.updated_at <= $2 AND (m.account_id IS NULL OR "
        "m.asked_at < a.updated_at))) ORDER BY a.id LIMIT $3";
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool row;
    size_t n = 0;
    TRY(db_query(tx, sql, DB_ARGS(P_INT(now_ms), P_INT(quiet_since_ms), P_INT((int64_t)max)), &rows,
                 err));
    for (;;) {
        TRY(db_next(rows, &row, err));
        if (!row || n == max)
            break;
        ret[n++] = (struct account_asking){.account_id = db_int(rows, 0),
                                           .failures = db_int(rows, 1)};
    }
    *ret_count = n;
    return OK;
}

enum status account_models_any_due(struct db_conn *db, int64_t now_ms, int64_t quiet_since_ms,
                                   bool *ret, struct err *err)
{
    struct account_asking one;
    size_t n;
    TRY(list_due(db, now_ms, quiet_since_ms, &one, 1, &n, err));
    *ret = n > 0;
    return OK;
}

enum status account_models_claim(struct db_conn *tx, int64_t now_ms, int64_t quiet_since_ms,
                                 int64_t again_at_ms, struct account_asking *ret, size_t max,
                                 size_t *ret_count, struct err *err)
{
    static const char sql[] =
        "INSERT INTO account_models (account_id, names, asked_at, next_at) "
        "VALUES ($1, '[]', $2, $3) ON CONFLICT (account_id) DO UPDATE SET asked_at = $2, "
        "next_at = $3";
    TRY(list_due(tx, now_ms, quiet_since_ms, ret, max, ret_count, err));
    for (size_t i = 0; i < *ret_count; i++)
        TRY(db_exec(tx, sql, DB_ARGS(P_INT(ret[i].account_id), P_INT(now_ms), P_INT(again_at_ms)),
                    NULL, err));
    return OK;
}

enum status account_models_save(struct db_conn *tx, int64_t account_id, struct str names,
                                int64_t now_ms, int64_t next_at_ms, struct err *err)
{
    return db_exec(tx,
                   "UPDATE account_models SET names = $2, failures = 0, asked_at = $3, "
                   "next_at = $4 WHERE account_id = $1",
                   DB_ARGS(P_INT(account_id), P_STR(names), P_INT(now_ms), P_INT(next_at_ms)), NULL,
                   err);
}

enum status account_models_fail(struct db_conn *tx, int64_t account_id, int64_t next_at_ms,
                                struct err *err)
{
    return db_exec(tx,
                   "UPDATE account_models SET failures = failures + 1, next_at = $2 "
                   "WHERE account_id = $1",
                   DB_ARGS(P_INT(account_id), P_INT(next_at_ms)), NULL, err);
}
