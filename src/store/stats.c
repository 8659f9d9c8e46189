/* SPDX-License-Identifier: Apache-2.0 */
#include "store/stats.h"

#include "base/clock.h"

enum status stats_live(struct db_conn *db, struct stats_live *ret, struct err *err)
{
    static const char sql[] =
        "SELECT COUNT(CASE WHEN state = 'queued' THEN 1 END), COUNT(*), "
        "MIN(CASE WHEN state = 'queued' THEN created_at END) FROM jobs WHERE state <> 'ended'";
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool row;
    TRY(db_query(db, sql, DB_NO_ARGS, &rows, err));
    TRY(db_next(rows, &row, err));
    *ret = (struct stats_live){.waiting = db_int(rows, 0),
                               .running = db_int(rows, 1) - db_int(rows, 0),
                               .oldest = db_int(rows, 2)};
    return OK;
}

/* ---- people: id, e-mail, value, failed, since */

static enum status list_users(struct db_conn *db, const char *sql, const struct db_param *params,
                              size_t n, struct arena *a, struct stats_user *ret, size_t max,
                              size_t *ret_count, struct err *err)
{
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool row;
    *ret_count = 0;
    TRY(db_query(db, sql, params, n, &rows, err));
    for (;;) {
        TRY(db_next(rows, &row, err));
        if (!row || *ret_count == max)
            return OK;
        ret[(*ret_count)++] = (struct stats_user){.user_id = db_int(rows, 0),
                                                  .email = db_text_in(rows, 1, a),
                                                  .value = db_int(rows, 2),
                                                  .failed = db_int(rows, 3),
                                                  .since = db_int(rows, 4)};
    }
}

enum status stats_waiting(struct db_conn *db, struct arena *a, struct stats_user *ret, size_t max,
                          size_t *ret_count, struct err *err)
{
    static const char sql[] =
        "SELECT line.user_id, users.email, line.jobs, 0, line.since FROM (SELECT user_id, "
        "COUNT(*) AS jobs, MIN(created_at) AS since FROM jobs WHERE state = 'queued' AND "
        "state <> 'ended' GROUP BY user_id ORDER BY 3, 1 LIMIT $1) AS line JOIN users ON "
        "users.id = line.user_id ORDER BY line.since, line.user_id";
    return list_users(db, sql, DB_ARGS(P_INT((int64_t)max)), a, ret, max, ret_count, err);
}

enum status stats_top_by_bytes(struct db_conn *db, struct arena *a, struct stats_user *ret,
                               size_t max, size_t *ret_count, struct err *err)
{
    static const char sql[] =
        "SELECT id, email, sora_storage_used_bytes, 0, 0 FROM users WHERE "
        "sora_storage_used_bytes > 0 ORDER BY sora_storage_used_bytes DESC LIMIT $1";
    return list_users(db, sql, DB_ARGS(P_INT((int64_t)max)), a, ret, max, ret_count, err);
}

/* The bare plus keeps SQLite from reading all rows in the order of users, which it takes for
 * cheaper than a day's. */
#define TOP(of)                                                                                    \
    "SELECT top.user_id, users.email, top.jobs, top.failed, 0 FROM (" of " ORDER BY 2 DESC, 1 "    \
    "LIMIT $2) AS top JOIN users ON users.id = top.user_id ORDER BY top.jobs DESC, top.user_id"

enum status stats_top_by_jobs(struct db_conn *db, int64_t since, int64_t now_ms, struct arena *a,
                              struct stats_user *ret, size_t max, size_t *ret_count,
                              struct err *err)
{
    static const char rows_sql[] = TOP(
        "SELECT +user_id AS user_id, COUNT(*) AS jobs, COUNT(CASE WHEN outcome = 'failed' "
        "THEN 1 END) AS failed FROM job_history WHERE created_at >= $1 GROUP BY +user_id");
    static const char days_sql[] = TOP(
        "SELECT user_id, CAST(SUM(jobs) AS BIGINT) AS jobs, CAST(SUM(failed) AS BIGINT) AS "
        "failed FROM user_days WHERE day >= $1 GROUP BY user_id");
    bool by_days = since <= now_ms - 2 * CLOCK_DAY_MS;
    if (by_days)
        since = since / CLOCK_DAY_MS * CLOCK_DAY_MS;
    return list_users(db, by_days ? days_sql : rows_sql, DB_ARGS(P_INT(since), P_INT((int64_t)max)),
                      a, ret, max, ret_count, err);
}

enum status stats_causes(struct db_conn *db, int64_t since, struct arena *a,
                         struct stats_cause *ret, size_t max, size_t *ret_count, struct err *err)
{
    static const char sql[] =
        "SELECT COALESCE(error_code, error_class), COUNT(*) FROM job_history WHERE "
        "outcome = 'failed' AND created_at >= $1 GROUP BY COALESCE(error_code, error_class) "
        "ORDER BY 2 DESC, 1 LIMIT $2";
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool row;
    *ret_count = 0;
    TRY(db_query(db, sql, DB_ARGS(P_INT(since), P_INT((int64_t)max)), &rows, err));
    for (;;) {
        TRY(db_next(rows, &row, err));
        if (!row || *ret_count == max)
            return OK;
        ret[(*ret_count)++] = (struct stats_cause){.code = db_text_in(rows, 0, a),
                                                   .jobs = db_int(rows, 1)};
    }
}

/* ---- the stores */

enum { STORED_KINDS = 16 };

/* Before the transaction: a look at every object of the index must not keep writers waiting. */
static enum status sum_stored(struct db_conn *db, struct arena *a, struct stats_stored *ret,
                              size_t *ret_count, struct err *err)
{
    static const char sql[] = "SELECT storage, counter, CAST(SUM(size) AS BIGINT), COUNT(*) FROM "
                              "objects WHERE state = 'stored' GROUP BY storage, counter";
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool row;
    TRY(db_query(db, sql, DB_NO_ARGS, &rows, err));
    for (;;) {
        TRY(db_next(rows, &row, err));
        if (!row || *ret_count == STORED_KINDS)
            return OK;
        ret[(*ret_count)++] = (struct stats_stored){.storage = db_text_in(rows, 0, a),
                                                    .counter = db_text_in(rows, 1, a),
                                                    .bytes = db_int(rows, 2),
                                                    .objects = db_int(rows, 3)};
    }
}

enum status stats_measure_stored(struct db_conn *db, int64_t now_ms, struct arena *a,
                                 struct err *err)
{
    static const char keep_sql[] =
        "INSERT INTO stored_days (day, storage, counter, bytes, objects, measured_at) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (day, storage, counter) DO UPDATE SET "
        "bytes = $4, objects = $5, measured_at = $6";
    int64_t day = now_ms / CLOCK_DAY_MS * CLOCK_DAY_MS;
    /* The first row says that there was a look, also when nothing is stored. */
    struct stats_stored sums[STORED_KINDS] = {{.storage = STR(""), .counter = STR("")}};
    size_t n = 1;
    TRY(sum_stored(db, a, sums, &n, err));
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    TRY(db_begin(tx, err));
    TRY(db_exec(tx, "DELETE FROM stored_days WHERE day = $1", DB_ARGS(P_INT(day)), NULL, err));
    for (size_t i = 0; i < n; i++)
        TRY(db_exec(tx, keep_sql,
                    DB_ARGS(P_INT(day), P_STR(sums[i].storage), P_STR(sums[i].counter),
                            P_INT(sums[i].bytes), P_INT(sums[i].objects), P_INT(now_ms)),
                    NULL, err));
    return db_commit(tx, err);
}

enum status stats_measured_at(struct db_conn *db, int64_t *ret, struct err *err)
{
    static const char sql[] =
        "SELECT measured_at FROM stored_days ORDER BY day DESC, measured_at DESC LIMIT 1";
    bool found;
    *ret = 0;
    return db_query_int(db, sql, DB_NO_ARGS, ret, &found, err);
}

enum status stats_each_stored(struct db_conn *db, int64_t since,
                              void (*fn)(void *ctx, const struct stats_stored *s), void *ctx,
                              struct err *err)
{
    static const char sql[] =
        "SELECT day, storage, counter, bytes, objects, measured_at FROM stored_days WHERE "
        "day >= $1 ORDER BY day, storage, counter";
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool row;
    TRY(db_query(db, sql, DB_ARGS(P_INT(since)), &rows, err));
    for (;;) {
        TRY(db_next(rows, &row, err));
        if (!row)
            return OK;
        struct stats_stored s = {.day = db_int(rows, 0),
                                 .storage = db_text(rows, 1),
                                 .counter = db_text(rows, 2),
                                 .bytes = db_int(rows, 3),
                                 .objects = db_int(rows, 4),
                                 .measured_at = db_int(rows, 5)};
        fn(ctx, &s);
    }
}

enum status stats_deletions(struct db_conn *db, int64_t *ret, struct err *err)
{
    bool found;
    return db_query_int(db,
                        "SELECT COUNT(*) FROM (SELECT id FROM deletions LIMIT 10000) AS counted",
                        DB_NO_ARGS, ret, &found, err);
}

/* ---- accounts */

enum status stats_each_account(struct db_conn *db,
                               void (*fn)(void *ctx, const struct stats_account *account),
                               void *ctx, struct err *err)
{
    static const char sql[] = "SELECT id, concurrency, name, status FROM accounts ORDER BY id";
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool row;
    TRY(db_query(db, sql, DB_NO_ARGS, &rows, err));
    for (;;) {
        TRY(db_next(rows, &row, err));
        if (!row)
            return OK;
        struct stats_account account = {.id = db_int(rows, 0),
                                        .concurrency = db_int(rows, 1),
                                        .name = db_text(rows, 2),
                                        .status = db_text(rows, 3)};
        fn(ctx, &account);
    }
}
