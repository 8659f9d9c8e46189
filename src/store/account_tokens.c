/* SPDX-License-Identifier: Apache-2.0 */
#include "store/account_tokens.h"

static const char sql_find[] =
    "SELECT expires_at, renewed_at, refresh_at, failures, sign_in_again, lease_owner, "
    "lease_until, unfinished FROM account_tokens WHERE account_id = $1";
static const char sql_put[] =
    "INSERT INTO account_tokens (account_id, expires_at, renewed_at, refresh_at, failures, "
    "sign_in_again, lease_owner, lease_until, unfinished) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) "
    "ON CONFLICT (account_id) DO UPDATE SET expires_at = excluded.expires_at, "
    "renewed_at = excluded.renewed_at, refresh_at = excluded.refresh_at, "
    "failures = excluded.failures, sign_in_again = excluded.sign_in_again, "
    "lease_owner = excluded.lease_owner, lease_until = excluded.lease_until, "
    "unfinished = excluded.unfinished";
static const char sql_due[] =
    "SELECT t.account_id FROM account_tokens t JOIN accounts a ON a.id = t.account_id "
    "WHERE t.refresh_at <= $1 AND t.sign_in_again = 0 AND a.status <> 'disabled' "
    "ORDER BY t.refresh_at LIMIT $2";
static const char sql_void_leases[] =
    "UPDATE account_tokens SET lease_until = $2 WHERE lease_owner <> $1 AND lease_until > $2";

enum status account_tokens_find(struct db_conn *db, int64_t account_id, struct arena *a,
                                struct account_token *ret, struct err *err)
{
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool found;
    TRY(db_query(db, sql_find, DB_ARGS(P_INT(account_id)), &rows, err));
    TRY(db_next(rows, &found, err));
    if (!found)
        return err_set(err, E_NOT_FOUND, "account_not_found");
    *ret = (struct account_token){
        .account_id = account_id,
        .expires_at = db_int(rows, 0),
        .renewed_at = db_int(rows, 1),
        .refresh_at = db_int(rows, 2),
        .failures = db_int(rows, 3),
        .sign_in_again = db_int(rows, 4) != 0,
        .lease_owner = db_is_null(rows, 5) ? STR_NONE : db_text_in(rows, 5, a),
        .lease_until = db_int(rows, 6),
        .unfinished = db_int(rows, 7),
    };
    return OK;
}

enum status account_tokens_put(struct db_conn *tx, const struct account_token *t, struct err *err)
{
    return db_exec(tx, sql_put,
                   DB_ARGS(P_INT(t->account_id), P_INT_OR_NULL(t->expires_at), P_INT(t->renewed_at),
                           P_INT_OR_NULL(t->refresh_at), P_INT(t->failures),
                           P_INT(t->sign_in_again), P_STR_OR_NULL(t->lease_owner),
                           P_INT_OR_NULL(t->lease_until), P_INT(t->unfinished)),
                   NULL, err);
}

enum status account_tokens_due(struct db_conn *db, int64_t now, int64_t *ids, size_t max,
                               size_t *ret_count, struct err *err)
{
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    size_t n = 0;
    bool more;
    TRY(db_query(db, sql_due, DB_ARGS(P_INT(now), P_INT(max)), &rows, err));
    for (;;) {
        TRY(db_next(rows, &more, err));
        if (!more || n == max)
            break;
        ids[n++] = db_int(rows, 0);
    }
    *ret_count = n;
    return OK;
}

enum status account_tokens_void_leases(struct db_conn *tx, struct str owner, int64_t now,
                                       struct err *err)
{
    return db_exec(tx, sql_void_leases, DB_ARGS(P_STR(owner), P_INT(now)), NULL, err);
}
