/* SPDX-License-Identifier: Apache-2.0 */
#include "store/ledger.h"

enum status ledger_lock(struct db_conn *tx, int64_t user_id, struct err *err)
{
    int64_t id;
    bool found;
    TRY(db_query_int(tx, "SELECT id FROM users WHERE id = $1 {row_lock}", DB_ARGS(P_INT(user_id)),
                     &id, &found, err));
    return found ? OK : err_set(err, E_NOT_FOUND, "user_not_found");
}

enum status ledger_read(struct db_conn *db, int64_t user_id, struct ledger *ret, struct err *err)
{
    static const char sql[] =
        "SELECT u.sora_storage_quota_bytes, g.sora_storage_quota_bytes, "
        "u.sora_storage_used_bytes, u.group_id FROM users u JOIN groups g ON g.id = u.group_id "
        "WHERE u.id = $1";
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool row;
    TRY(db_query(db, sql, DB_ARGS(P_INT(user_id)), &rows, err));
    TRY(db_next(rows, &row, err));
    if (!row)
        return err_set(err, E_NOT_FOUND, "user_not_found");
    *ret = (struct ledger){db_int(rows, 0), db_int(rows, 1), db_int(rows, 2), db_int(rows, 3)};
    return OK;
}

enum status ledger_charge(struct db_conn *tx, int64_t user_id, int64_t bytes, struct err *err)
{
    static const char sql[] = "UPDATE users SET sora_storage_used_bytes = "
                              "sora_storage_used_bytes + $2 WHERE id = $1";
    return db_exec(tx, sql, DB_ARGS(P_INT(user_id), P_INT(bytes)), NULL, err);
}

enum status ledger_recount(struct db_conn *tx, int64_t user_id, struct err *err)
{
    static const char sql[] =
        "UPDATE users SET sora_storage_used_bytes = (SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) "
        "FROM objects o WHERE o.user_id = users.id AND o.counter = 'sora' AND "
        "o.state = 'stored') WHERE id = $1";
    return db_exec(tx, sql, DB_ARGS(P_INT(user_id)), NULL, err);
}
