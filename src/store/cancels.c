/* SPDX-License-Identifier: Apache-2.0 */
#include "store/cancels.h"

enum status cancel_note_job(struct db_conn *tx, int64_t job_id, int64_t next_at_ms, struct err *err)
{
    static const char sql[] =
        "INSERT INTO upstream_cancels (account_id, upstream_id, upstream_ref, next_at) "
        "SELECT account_id, upstream_id, COALESCE(upstream_ref, ''), CAST($2 AS BIGINT) FROM jobs WHERE id = $1 AND "
        "state IN ('submitting', 'streaming', 'polling') AND account_id IS NOT NULL AND "
        "upstream_id <> '' ON CONFLICT (account_id, upstream_id) DO NOTHING";
    return db_exec(tx, sql, DB_ARGS(P_INT(job_id), P_INT(next_at_ms)), NULL, err);
}

enum status cancel_note(struct db_conn *tx, const struct upstream_cancel *row, struct err *err)
{
    static const char sql[] =
        "INSERT INTO upstream_cancels (account_id, upstream_id, upstream_ref, next_at) "
        "VALUES ($1, $2, $3, $4) ON CONFLICT (account_id, upstream_id) DO NOTHING";
    struct str ref = row->upstream_ref.p ? row->upstream_ref : STR("");
    return db_exec(
        tx, sql,
        DB_ARGS(P_INT(row->account_id), P_STR(row->upstream_id), P_STR(ref), P_INT(row->next_at)),
        NULL, err);
}

enum status cancel_list_due(struct db_conn *db, int64_t now_ms, struct arena *a,
                            struct upstream_cancel *ret, size_t max, size_t *ret_count,
                            struct err *err)
{
    static const char sql[] =
        "SELECT id, account_id, tries, next_at, upstream_id, "
        "upstream_ref FROM upstream_cancels WHERE next_at <= $1 ORDER BY next_at LIMIT $2";
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool more;
    *ret_count = 0;
    TRY(db_query(db, sql, DB_ARGS(P_INT(now_ms), P_INT((int64_t)max)), &rows, err));
    for (;;) {
        TRY(db_next(rows, &more, err));
        if (!more || *ret_count == max)
            return OK;
        ret[(*ret_count)++] = (struct upstream_cancel){.id = db_int(rows, 0),
                                                       .account_id = db_int(rows, 1),
                                                       .tries = db_int(rows, 2),
                                                       .next_at = db_int(rows, 3),
                                                       .upstream_id = db_text_in(rows, 4, a),
                                                       .upstream_ref = db_text_in(rows, 5, a)};
    }
}

enum status cancel_take(struct db_conn *db, const struct upstream_cancel *row, int64_t next_at_ms,
                        bool *ret_taken, struct err *err)
{
    static const char sql[] =
        "UPDATE upstream_cancels SET next_at = $3 WHERE id = $1 AND next_at = $2";
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    int64_t changed;
    TRY(db_begin(tx, err));
    TRY(db_exec(tx, sql, DB_ARGS(P_INT(row->id), P_INT(row->next_at), P_INT(next_at_ms)), &changed,
                err));
    *ret_taken = changed > 0;
    return db_commit(tx, err);
}

enum status cancel_told(struct db_conn *db, int64_t account_id, struct str upstream_id,
                        struct err *err)
{
    static const char sql[] =
        "DELETE FROM upstream_cancels WHERE account_id = $1 AND upstream_id = $2";
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    TRY(db_begin(tx, err));
    TRY(db_exec(tx, sql, DB_ARGS(P_INT(account_id), P_STR(upstream_id)), NULL, err));
    return db_commit(tx, err);
}

enum status cancel_put_off(struct db_conn *db, int64_t account_id, struct str upstream_id,
                           int64_t next_at_ms, struct err *err)
{
    static const char raise_sql[] = "UPDATE upstream_cancels SET tries = tries + 1, next_at = $3 "
                                    "WHERE account_id = $1 AND upstream_id = $2";
    static const char give_up_sql[] = "DELETE FROM upstream_cancels WHERE account_id = $1 AND "
                                      "upstream_id = $2 AND tries >= $3";
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    TRY(db_begin(tx, err));
    TRY(db_exec(tx, raise_sql, DB_ARGS(P_INT(account_id), P_STR(upstream_id), P_INT(next_at_ms)),
                NULL, err));
    TRY(db_exec(tx, give_up_sql,
                DB_ARGS(P_INT(account_id), P_STR(upstream_id), P_INT(CANCEL_TRIES)), NULL, err));
    return db_commit(tx, err);
}
