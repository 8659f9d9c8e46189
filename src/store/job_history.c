/* SPDX-License-Identifier: Apache-2.0 */
#include "store/job_history.h"

#include "base/clock.h"

enum { PRUNE_ROWS = 5000 };

enum status job_history_add(struct db_conn *tx, int64_t job_id, enum generation_status outcome,
                            int64_t created_at, int64_t ended_at, struct err *err)
{
    static const char row_sql[] =
        "INSERT INTO job_history (id, public_id, kind, user_id, account_id, model, outcome, "
        "error_class, error_code, error_message, created_at, submitted_at, ended_at) "
        "SELECT id, public_id, kind, user_id, account_id, model, CAST($2 AS TEXT), error_class, "
        "error_code, error_message, created_at, submitted_at, CAST($3 AS BIGINT) FROM jobs "
        "WHERE id = $1";
    static const char hour_sql[] =
        "INSERT INTO job_hours (hour, outcome, bucket, jobs) VALUES ($1, $2, $3, 1) "
        "ON CONFLICT (hour, outcome, bucket) DO UPDATE SET jobs = job_hours.jobs + 1";
    static const char day_sql[] =
        "INSERT INTO user_days (day, user_id, jobs, failed) SELECT CAST($2 AS BIGINT), user_id, 1, "
        "CAST($3 AS BIGINT) FROM jobs WHERE id = $1 ON CONFLICT (day, user_id) DO UPDATE SET "
        "jobs = user_days.jobs + 1, failed = user_days.failed + CAST($3 AS BIGINT)";
    const char *name = generation_status_name(outcome);
    int64_t day = ended_at / CLOCK_DAY_MS * CLOCK_DAY_MS;
    int bucket = outcome == GENERATION_COMPLETED ? duration_bucket(ended_at - created_at) : 0;
    TRY(db_exec(tx, row_sql, DB_ARGS(P_INT(job_id), P_Z(name), P_INT(ended_at)), NULL, err));
    TRY(db_exec(tx, day_sql,
                DB_ARGS(P_INT(job_id), P_INT(day), P_INT(outcome == GENERATION_FAILED)), NULL,
                err));
    return db_exec(
        tx, hour_sql,
        DB_ARGS(P_INT(ended_at / CLOCK_HOUR_MS * CLOCK_HOUR_MS), P_Z(name), P_INT(bucket)), NULL,
        err);
}

/* ---- the list
 *
 * One statement for each filter that leads into an index; the others are looked at row by
 * row.  $8, $9: whether live jobs, and ended ones, are wanted at all. */

#define NAME_OF_LIVE "CASE WHEN state = 'queued' THEN 'pending' ELSE 'generating' END"
#define ANY_USER     "(CAST($1 AS BIGINT) = 0 OR user_id = $1)"
#define ANY_ACCOUNT  "(CAST($2 AS BIGINT) = 0 OR account_id = $2)"
#define ANY_MODEL    "(CAST($3 AS TEXT) = '' OR model = $3)"
#define ANY_KIND     "(CAST($4 AS TEXT) = '' OR kind = $4)"
#define ANY_OUTCOME  "(CAST($5 AS TEXT) = '' OR outcome = $5)"

#define LIVE                                                                                       \
    "FROM jobs WHERE state <> 'ended' AND CAST($8 AS BIGINT) = 1 AND " ANY_USER                    \
    " AND " ANY_ACCOUNT " AND " ANY_MODEL " AND " ANY_KIND                                         \
    " AND (CAST($5 AS TEXT) = '' OR " NAME_OF_LIVE " = CAST($5 AS TEXT))"                          \
    " AND created_at >= $6 AND created_at < $7"
#define ENDED(user, account, model, kind, outcome)                                                 \
    "FROM job_history WHERE CAST($9 AS BIGINT) = 1 AND " user " AND " account " AND " model        \
    " AND " kind " AND " outcome " AND created_at >= $6 AND created_at < $7"

#define COUNT(ended)                                                                               \
    "SELECT COUNT(*) FROM (SELECT id " LIVE " UNION ALL SELECT id " ended " LIMIT 10000) AS counted"
#define PAGE(ended)                                                                                          \
    "SELECT page.id, public_id, kind, user_id, account_id, model, page.status, progress, "                   \
    "error_class, error_code, error_message, page.created_at, submitted_at, ended_at, "                      \
    "users.email, accounts.name FROM (SELECT id, public_id, kind, user_id, account_id, model, " NAME_OF_LIVE \
    " AS status, progress, CAST(NULL AS TEXT) AS error_class, "                                              \
    "CAST(NULL AS TEXT) AS error_code, CAST(NULL AS TEXT) AS error_message, created_at, "                    \
    "submitted_at, CAST(NULL AS BIGINT) AS ended_at " LIVE " UNION ALL SELECT id, public_id, "               \
    "kind, user_id, account_id, model, outcome, CAST(100 AS BIGINT), error_class, error_code, "              \
    "error_message, created_at, submitted_at, ended_at " ended                                               \
    " ORDER BY created_at DESC, id DESC LIMIT $10 OFFSET $11) AS page "                                      \
    "LEFT JOIN users ON users.id = page.user_id LEFT JOIN accounts ON accounts.id = "                        \
    "page.account_id ORDER BY page.created_at DESC, page.id DESC"
#define STATEMENTS(...)                                                                            \
    {                                                                                              \
        COUNT(ENDED(__VA_ARGS__)), PAGE(ENDED(__VA_ARGS__))                                        \
    }

enum lead { BY_USER, BY_ACCOUNT, BY_MODEL, BY_OUTCOME, BY_KIND, BY_TIME };

static const struct {
    const char *count, *page;
} statements[] = {
    [BY_USER] = STATEMENTS("user_id = $1", ANY_ACCOUNT, ANY_MODEL, ANY_KIND, ANY_OUTCOME),
    [BY_ACCOUNT] = STATEMENTS(ANY_USER, "account_id = $2", ANY_MODEL, ANY_KIND, ANY_OUTCOME),
    [BY_MODEL] = STATEMENTS(ANY_USER, ANY_ACCOUNT, "model = $3", ANY_KIND, ANY_OUTCOME),
    [BY_OUTCOME] = STATEMENTS(ANY_USER, ANY_ACCOUNT, ANY_MODEL, ANY_KIND, "outcome = $5"),
    [BY_KIND] = STATEMENTS(ANY_USER, ANY_ACCOUNT, ANY_MODEL, "kind = $4", ANY_OUTCOME),
    [BY_TIME] = STATEMENTS(ANY_USER, ANY_ACCOUNT, ANY_MODEL, ANY_KIND, ANY_OUTCOME),
};

static enum lead lead_of(const struct job_filter *f)
{
    if (f->user_id)
        return BY_USER;
    if (f->account_id)
        return BY_ACCOUNT;
    if (f->model.n)
        return BY_MODEL;
    if (f->status.n)
        return BY_OUTCOME;
    return f->kind.n ? BY_KIND : BY_TIME;
}

static void read_entry(const struct db_rows *r, struct arena *a, struct job_entry *ret)
{
    *ret = (struct job_entry){
        .id = db_int(r, 0),
        .public_id = db_text_in(r, 1, a),
        .user_id = db_int(r, 3),
        .account_id = db_int(r, 4),
        .model = db_text_in(r, 5, a),
        .progress = db_int(r, 7),
        .failure.code = db_text_in(r, 9, a),
        .failure.words = db_text_in(r, 10, a),
        .created_at = db_int(r, 11),
        .submitted_at = db_int(r, 12),
        .ended_at = db_int(r, 13),
        .user_email = db_text_in(r, 14, a),
        .account_name = db_text_in(r, 15, a),
    };
    job_kind_parse(db_text(r, 2), &ret->kind);
    generation_status_parse(db_text(r, 6), &ret->status);
    failure_class_parse(db_text(r, 8), &ret->failure.class);
}

static struct db_param text_or_empty(struct str s)
{
    return P_STR(s.p ? s : STR(""));
}

enum status job_history_list(struct db_conn *db, const struct job_filter *f, int64_t limit,
                             int64_t offset, struct arena *a, struct job_entry **ret,
                             size_t *ret_count, int64_t *ret_total, struct err *err)
{
    enum generation_status status = GENERATION_PENDING;
    bool any = !generation_status_parse(f->status, &status), row;
    const struct db_param args[] = {
        P_INT(f->user_id),
        P_INT(f->account_id),
        text_or_empty(f->model),
        text_or_empty(f->kind),
        text_or_empty(f->status),
        P_INT(f->since),
        P_INT(f->until ? f->until : INT64_MAX),
        P_INT(any || !generation_is_final(status)),
        P_INT(any || generation_is_final(status)),
        P_INT(limit),
        P_INT(offset),
    };
    enum lead lead = lead_of(f);
    struct job_entry *list = arena_alloc(a, (size_t)limit * sizeof(*list));
    size_t count = 0;
    if (!list)
        return err_set(err, E_NO_MEMORY, "no_memory");
    TRY(db_query_int(db, statements[lead].count, args, 9, ret_total, &row, err));

    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    TRY(db_query(db, statements[lead].page, args, ARRAY_SIZE(args), &rows, err));
    TRY(db_next(rows, &row, err));
    while (row) {
        read_entry(rows, a, &list[count++]);
        TRY(db_next(rows, &row, err));
    }
    *ret = list;
    *ret_count = count;
    return OK;
}

enum status job_history_each_hour(struct db_conn *db, int64_t since,
                                  void (*fn)(void *ctx, const struct job_hour *h), void *ctx,
                                  struct err *err)
{
    static const char sql[] =
        "SELECT hour, outcome, bucket, jobs FROM job_hours WHERE hour >= $1 ORDER BY hour";
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool row;
    TRY(db_query(db, sql, DB_ARGS(P_INT(since)), &rows, err));
    for (;;) {
        TRY(db_next(rows, &row, err));
        if (!row)
            return OK;
        struct job_hour h = {
            .hour = db_int(rows, 0), .bucket = (int)db_int(rows, 2), .jobs = db_int(rows, 3)};
        generation_status_parse(db_text(rows, 1), &h.outcome);
        fn(ctx, &h);
    }
}

enum status job_history_prune(struct db_conn *db, int64_t now_ms, struct err *err)
{
    static const char rows_sql[] =
        "DELETE FROM job_history WHERE id IN (SELECT id FROM job_history WHERE created_at < $1 "
        "ORDER BY created_at, id LIMIT $2)";
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    TRY(db_begin(tx, err));
    TRY(db_exec(tx, rows_sql,
                DB_ARGS(P_INT(now_ms - HISTORY_DAYS * CLOCK_DAY_MS), P_INT(PRUNE_ROWS)), NULL,
                err));
    int64_t counts = now_ms - HISTORY_HOURS_DAYS * CLOCK_DAY_MS;
    TRY(db_exec(tx, "DELETE FROM job_hours WHERE hour < $1", DB_ARGS(P_INT(counts)), NULL, err));
    TRY(db_exec(tx, "DELETE FROM user_days WHERE day < $1", DB_ARGS(P_INT(counts)), NULL, err));
    return db_commit(tx, err);
}
