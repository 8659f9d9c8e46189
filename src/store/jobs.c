/* SPDX-License-Identifier: Apache-2.0 */
#include "store/jobs.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/job_history.h"

#define COLUMNS_WITH(ref, result)                                                                  \
    "id, public_id, kind, generation_id, user_id, api_key_id, group_id, model, request, "          \
    "input_object_id, idempotency_key, state, account_id, tried_accounts, upstream_id, " ref       \
    ", progress, " result ", error_class, error_message, attempts, fence, next_at, "               \
    "pending_until, deadline_at, submitted_at, created_at, ended_at, error_code, missing_since, "  \
    "ungrouped, pinned_to"
#define COLUMNS COLUMNS_WITH("upstream_ref", "result")
/* What a list shows: that there is a result, and not which. */
#define LIST_COLUMNS COLUMNS_WITH("NULL", "CASE WHEN result IS NULL THEN NULL ELSE '{}' END")

static void read_row(const struct db_rows *r, struct arena *a, struct job *j)
{
    memset(j, 0, sizeof(*j));
    j->id = db_int(r, 0);
    j->public_id = db_text_in(r, 1, a);
    job_kind_parse(db_text(r, 2), &j->kind);
    j->generation_id = db_int(r, 3);
    j->user_id = db_int(r, 4);
    j->api_key_id = db_int(r, 5);
    j->group_id = db_int(r, 6);
    j->model = db_text_in(r, 7, a);
    j->request = db_text_in(r, 8, a);
    j->input_object_id = db_int(r, 9);
    j->idempotency_key = db_text_in(r, 10, a);
    job_state_parse(db_text(r, 11), &j->state);
    j->account_id = db_int(r, 12);
    j->tried_accounts = db_text_in(r, 13, a);
    j->upstream_id = db_text_in(r, 14, a);
    j->upstream_ref = db_text_in(r, 15, a);
    j->progress = db_int(r, 16);
    j->result = db_text_in(r, 17, a);
    failure_class_parse(db_text(r, 18), &j->failure.class);
    j->failure.words = db_text_in(r, 19, a);
    j->attempts = db_int(r, 20);
    j->fence = db_int(r, 21);
    j->next_at = db_int(r, 22);
    j->pending_until = db_int(r, 23);
    j->deadline_at = db_int(r, 24);
    j->submitted_at = db_int(r, 25);
    j->created_at = db_int(r, 26);
    j->ended_at = db_int(r, 27);
    j->failure.code = db_text_in(r, 28, a);
    j->missing_since = db_int(r, 29);
    j->ungrouped = db_int(r, 30);
    j->pinned_to = db_int(r, 31);
}

enum status job_insert(struct db_conn *tx, struct job *j, struct err *err)
{
    static const char sql[] =
        "INSERT INTO jobs (public_id, kind, generation_id, user_id, api_key_id, group_id, model, "
        "request, input_object_id, idempotency_key, state, next_at, pending_until, deadline_at, "
        "created_at, ungrouped, pinned_to) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
        "'queued', $11, $12, $13, $14, $15, $16) RETURNING id";
    bool found;
    enum status status = db_query_int(
        tx, sql,
        DB_ARGS(P_STR(j->public_id), P_Z(job_kind_name(j->kind)), P_INT_OR_NULL(j->generation_id),
                P_INT(j->user_id), P_INT_OR_NULL(j->api_key_id), P_INT(j->group_id),
                P_STR(j->model), P_STR(j->request), P_INT_OR_NULL(j->input_object_id),
                P_STR(j->idempotency_key), P_INT(j->next_at), P_INT(j->pending_until),
                P_INT(j->deadline_at), P_INT(j->created_at), P_INT(j->ungrouped),
                P_INT(j->pinned_to)),
        &j->id, &found, err);
    bool key_gone = status == E_CONFLICT && j->api_key_id &&
                    str_eq(str_of(err->code), STR("reference_gone"));
    return key_gone ? err_set(err, E_AUTH, "invalid_api_key") : status;
}

/* The last of its texts is there only if all are. */
static enum status read_whole(const struct db_rows *r, struct arena *a, struct job *j,
                              struct err *err)
{
    read_row(r, a, j);
    return j->public_id.p && j->request.p && j->idempotency_key.p
               ? OK
               : err_set(err, E_NO_MEMORY, "overloaded");
}

static enum status load_one(struct db_conn *db, const char *sql, const struct db_param *params,
                            size_t n, struct arena *a, struct job *ret, struct err *err)
{
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool row;
    TRY(db_query(db, sql, params, n, &rows, err));
    TRY(db_next(rows, &row, err));
    if (!row)
        return err_set(err, E_NOT_FOUND, "job_not_found");
    return read_whole(rows, a, ret, err);
}

enum status job_load(struct db_conn *db, int64_t id, struct arena *a, struct job *ret,
                     struct err *err)
{
    return load_one(db, "SELECT " COLUMNS " FROM jobs WHERE id = $1", DB_ARGS(P_INT(id)), a, ret,
                    err);
}

/* SQLite takes a partial index only where its very condition stands in the statement. */
#define QUEUED "state = 'queued' AND state <> 'ended'"
#define FREE   "next_at <= $1 AND (lease_until IS NULL OR lease_until < $1)"
#define WANT   "group_id, ungrouped, model, tried_accounts, pinned_to"

enum status job_list_due(struct db_conn *db, int64_t now_ms, struct str busy, struct job_due *ret,
                         size_t max, size_t *ret_count, struct err *err)
{
    static const char sql[] =
        "SELECT id, state, account_id FROM jobs WHERE state <> 'ended' AND " FREE " AND "
        "(state <> 'queued' OR pending_until <= $1) AND CAST($2 AS TEXT) NOT LIKE "
        "'%,' || state || ':' || CAST(COALESCE(account_id, 0) AS TEXT) || ',%' "
        "ORDER BY next_at, id LIMIT $3";
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool row;
    size_t n = 0;
    TRY(db_query(db, sql, DB_ARGS(P_INT(now_ms), P_STR(busy), P_INT(max)), &rows, err));
    for (;;) {
        TRY(db_next(rows, &row, err));
        if (!row || n == max)
            break;
        ret[n] = (struct job_due){.id = db_int(rows, 0), .account_id = db_int(rows, 2)};
        job_state_parse(db_text(rows, 1), &ret[n++].state);
    }
    *ret_count = n;
    return OK;
}

enum status job_list_waiting(struct db_conn *db, int64_t now_ms, int64_t each, struct arena *a,
                             struct job_due *ret, size_t max, size_t *ret_count, struct err *err)
{
    static const char sql[] =
        "SELECT id, group_id, ungrouped, model, tried_accounts, pinned_to, user_id, turn FROM "
        "(SELECT id, " WANT ", user_id, turn, ROW_NUMBER() OVER (PARTITION BY " WANT
        " ORDER BY turn, id) AS place FROM (SELECT id, " WANT ", user_id, ROW_NUMBER() OVER "
        "(PARTITION BY " WANT ", user_id ORDER BY id) AS turn FROM jobs WHERE " QUEUED " AND " FREE
        " AND pending_until > $1) AS turns) AS line WHERE place <= $2 ORDER BY place, id LIMIT $3";
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool row;
    size_t n = 0;
    TRY(db_query(db, sql, DB_ARGS(P_INT(now_ms), P_INT(each), P_INT(max)), &rows, err));
    for (;;) {
        TRY(db_next(rows, &row, err));
        if (!row || n == max)
            break;
        ret[n++] = (struct job_due){.id = db_int(rows, 0),
                                    .group_id = db_int(rows, 1),
                                    .ungrouped = db_int(rows, 2),
                                    .state = JOB_QUEUED,
                                    .model = db_text_in(rows, 3, a),
                                    .tried_accounts = db_text_in(rows, 4, a),
                                    .pinned_to = db_int(rows, 5),
                                    .user_id = db_int(rows, 6),
                                    .turn = db_int(rows, 7)};
    }
    *ret_count = n;
    return OK;
}

static enum status claim_one(struct db_conn *tx, struct str owner, int64_t now_ms,
                             int64_t lease_until_ms, struct job_claim *c, struct err *err)
{
    /* A row that another node has its hands on is skipped, not waited for. */
    static const char sql[] =
        "UPDATE jobs SET lease_owner = $2, lease_until = $3, fence = fence + 1 WHERE id IN "
        "(SELECT id FROM jobs WHERE id = $4 AND state = $5 AND state <> 'ended' AND " FREE
        " {claim_lock}) RETURNING fence";
    bool found;
    c->fence = 0;
    return db_query_int(tx, sql,
                        DB_ARGS(P_INT(now_ms), P_STR(owner), P_INT(lease_until_ms), P_INT(c->id),
                                P_Z(job_state_name(c->state))),
                        &c->fence, &found, err);
}

enum status job_claim(struct db_conn *db, struct str owner, int64_t now_ms, int64_t lease_until_ms,
                      struct job_claim *claims, size_t n, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    TRY(db_begin(tx, err));
    for (size_t i = 0; i < n; i++)
        TRY(claim_one(tx, owner, now_ms, lease_until_ms, &claims[i], err));
    return db_commit(tx, err);
}

/* One statement in a transaction of its own. */
static enum status run_alone(struct db_conn *db, const char *sql, const struct db_param *params,
                             size_t n, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    TRY(db_begin(tx, err));
    TRY(db_exec(tx, sql, params, n, NULL, err));
    return db_commit(tx, err);
}

enum status job_keep_leases(struct db_conn *db, const struct job_claim *claims, size_t n,
                            int64_t lease_until_ms, struct err *err)
{
    static const char sql[] = "UPDATE jobs SET lease_until = $3 WHERE id = $1 AND fence = $2 AND "
                              "lease_until IS NOT NULL";
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    TRY(db_begin(tx, err));
    for (size_t i = 0; i < n; i++)
        TRY(db_exec(tx, sql,
                    DB_ARGS(P_INT(claims[i].id), P_INT(claims[i].fence), P_INT(lease_until_ms)),
                    NULL, err));
    return db_commit(tx, err);
}

enum status job_is_live(struct db_conn *db, int64_t id, bool *ret, struct err *err)
{
    int64_t one;
    return db_query_int(db, "SELECT 1 FROM jobs WHERE id = $1 AND state <> 'ended'",
                        DB_ARGS(P_INT(id)), &one, ret, err);
}

enum status job_void_leases(struct db_conn *db, struct str owner, struct err *err)
{
    return run_alone(db,
                     "UPDATE jobs SET lease_owner = NULL, lease_until = NULL "
                     "WHERE lease_owner <> $1",
                     DB_ARGS(P_STR(owner)), err);
}

static enum status need_lease(int64_t changed, struct err *err)
{
    return changed ? OK : err_set(err, E_CONFLICT, "lease_lost");
}

enum status job_save(struct db_conn *tx, const struct job *j, enum job_state from, bool keep_lease,
                     struct err *err)
{
    static const char sql[] =
        "UPDATE jobs SET state = $3, account_id = $4, tried_accounts = $5, upstream_id = $6, "
        "upstream_ref = $7, progress = $8, result = $9, error_class = $10, error_message = $11, "
        "attempts = $12, next_at = $13, submitted_at = $14, ended_at = $15, remove_at = $16, "
        "missing_since = $20, "
        "lease_owner = CASE WHEN CAST($17 AS BIGINT) = 1 THEN lease_owner ELSE NULL END, "
        "lease_until = CASE WHEN CAST($17 AS BIGINT) = 1 THEN lease_until ELSE NULL END, "
        "error_code = $19 WHERE id = $1 AND fence = $2 AND state = $18";
    int64_t changed, remove_at = 0;
    if (!job_may_move(from, j->state))
        return err_say(err, E_INTERNAL, "internal_error", "A job may not go from %s to %s.",
                       job_state_name(from), job_state_name(j->state));
    if (j->state == JOB_ENDED)
        remove_at = j->ended_at +
                    (j->kind == JOB_VIDEO || j->kind == JOB_IMAGE ? 24 : 1) * CLOCK_HOUR_MS;
    TRY(db_exec(tx, sql,
                DB_ARGS(P_INT(j->id), P_INT(j->fence), P_Z(job_state_name(j->state)),
                        P_INT_OR_NULL(j->account_id), P_STR(j->tried_accounts),
                        P_STR_OR_NULL(j->upstream_id), P_STR_OR_NULL(j->upstream_ref),
                        P_INT(j->progress), P_STR_OR_NULL(j->result),
                        P_Z(failure_class_name(j->failure.class)), P_STR_OR_NULL(j->failure.words),
                        P_INT(j->attempts), P_INT(j->next_at), P_INT_OR_NULL(j->submitted_at),
                        P_INT_OR_NULL(j->ended_at), P_INT_OR_NULL(remove_at), P_INT(keep_lease),
                        P_Z(job_state_name(from)), P_STR_OR_NULL(j->failure.code),
                        P_INT_OR_NULL(j->missing_since)),
                &changed, err));
    TRY(need_lease(changed, err));
    if (j->state != JOB_ENDED)
        return OK;
    return job_history_add(
        tx, j->id, j->failure.class == FAILURE_NONE ? GENERATION_COMPLETED : GENERATION_FAILED,
        j->created_at, j->ended_at, err);
}

enum status job_take_place(struct db_conn *tx, int64_t account_id, struct err *err)
{
    static const char lock_sql[] = "SELECT concurrency FROM accounts WHERE id = $1 {row_lock}";
    static const char count_sql[] =
        "SELECT COUNT(*) FROM jobs WHERE account_id = $1 AND state IN ('submitting', "
        "'streaming', 'polling')";
    int64_t limit = 0, running;
    bool found;
    TRY(db_query_int(tx, lock_sql, DB_ARGS(P_INT(account_id)), &limit, &found, err));
    TRY(db_query_int(tx, count_sql, DB_ARGS(P_INT(account_id)), &running, &found, err));
    return running < limit ? OK : err_set(err, E_LIMIT, "account_full");
}

enum status job_renew_result(struct db_conn *db, int64_t id, struct str result, struct err *err)
{
    return run_alone(db,
                     "UPDATE jobs SET result = $2 WHERE id = $1 AND state = 'ended' AND "
                     "result IS NOT NULL",
                     DB_ARGS(P_INT(id), P_STR(result)), err);
}

enum status job_set_progress(struct db_conn *tx, int64_t id, int64_t fence, int64_t progress,
                             bool *ret_changed, struct err *err)
{
    static const char sql[] = "UPDATE jobs SET progress = $3 WHERE id = $1 AND fence = $2 AND "
                              "state <> 'ended' AND progress < $3";
    int64_t changed;
    TRY(db_exec(tx, sql, DB_ARGS(P_INT(id), P_INT(fence), P_INT(progress)), &changed, err));
    *ret_changed = changed > 0;
    return OK;
}

enum status job_release(struct db_conn *db, int64_t id, int64_t fence, int64_t next_at_ms,
                        struct err *err)
{
    return run_alone(db,
                     "UPDATE jobs SET lease_owner = NULL, lease_until = NULL, next_at = $3 "
                     "WHERE id = $1 AND fence = $2",
                     DB_ARGS(P_INT(id), P_INT(fence), P_INT(next_at_ms)), err);
}

enum status job_end_by_owner(struct db_conn *tx, int64_t id, int64_t now_ms, struct err *err)
{
    static const char sql[] =
        "UPDATE jobs SET state = 'ended', fence = fence + 1, lease_owner = NULL, "
        "lease_until = NULL, ended_at = CAST($2 AS BIGINT), "
        "remove_at = CAST($2 AS BIGINT) + CASE WHEN kind IN ('video', 'image') THEN "
        "CAST($3 AS BIGINT) ELSE CAST($4 AS BIGINT) END WHERE id = $1 AND state <> 'ended'";
    int64_t changed;
    TRY(db_exec(tx, sql,
                DB_ARGS(P_INT(id), P_INT(now_ms), P_INT(24 * CLOCK_HOUR_MS), P_INT(CLOCK_HOUR_MS)),
                &changed, err));
    if (!changed)
        return err_set(err, E_CONFLICT, "already_finished");
    return job_history_add(tx, id, GENERATION_CANCELLED, now_ms, now_ms, err);
}

enum status job_of_generation(struct db_conn *db, int64_t generation_id, int64_t *ret_id,
                              struct err *err)
{
    bool found;
    *ret_id = 0;
    return db_query_int(db,
                        "SELECT id FROM jobs WHERE generation_id = $1 AND state <> 'ended' "
                        "ORDER BY id DESC LIMIT 1",
                        DB_ARGS(P_INT(generation_id)), ret_id, &found, err);
}

enum status job_place_in_line(struct db_conn *db, int64_t generation_id, int64_t *ret,
                              struct err *err)
{
    static const char sql[] =
        "SELECT COUNT(*) FROM jobs AS mine JOIN jobs AS other ON other.state = 'queued' AND "
        "other.state <> 'ended' AND other.group_id = mine.group_id AND "
        "other.ungrouped = mine.ungrouped AND other.id <= mine.id WHERE mine.generation_id = $1 AND mine.state = 'queued'";
    bool found;
    return db_query_int(db, sql, DB_ARGS(P_INT(generation_id)), ret, &found, err);
}

enum status job_count_direct(struct db_conn *db, int64_t user_id, int64_t *ret_of_user,
                             int64_t *ret_all, struct err *err)
{
    static const char sql[] = "SELECT COUNT(*), COUNT(CASE WHEN user_id = $1 THEN 1 END) FROM jobs "
                              "WHERE state <> 'ended' AND (kind IN ('chat', 'image') OR "
                              "(kind = 'video' AND state IN ('queued', 'submitting')))";
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool row;
    TRY(db_query(db, sql, DB_ARGS(P_INT(user_id)), &rows, err));
    TRY(db_next(rows, &row, err));
    *ret_all = row ? db_int(rows, 0) : 0;
    *ret_of_user = row ? db_int(rows, 1) : 0;
    return OK;
}

/* Objects that go with jobs: images given as bytes (what was uploaded is its owner's, counts
 * against the quota and stays), and media that came as bytes.  Keys do not tell: in a bucket
 * they have a prefix, which may have been another one then. */
#define OWN_INPUTS(which)                                                                          \
    "counter = 'free' AND id IN (SELECT input_object_id FROM jobs WHERE " which " UNION ALL "      \
    "SELECT object_id FROM job_inputs WHERE job_id IN (SELECT id FROM jobs WHERE " which "))"
#define OWN_RESULTS(which)                                                                         \
    "id IN (SELECT object_id FROM job_results WHERE job_id IN "                                    \
    "(SELECT id FROM jobs WHERE " which "))"
#define QUEUE_OF(objects, now)                                                                     \
    "INSERT INTO deletions (storage, store_id, key, next_at, created_at) "                         \
    "SELECT storage, store_id, key, "                                                              \
    "CAST(" now " AS BIGINT), CAST(" now " AS BIGINT) FROM objects WHERE " objects
#define REMOVE(objects) "DELETE FROM objects WHERE " objects

enum status job_remove_old(struct db_conn *db, int64_t now_ms, struct err *err)
{
    static const char *const sql[] = {QUEUE_OF(OWN_INPUTS("remove_at <= $1"), "$1"),
                                      QUEUE_OF(OWN_RESULTS("remove_at <= $1"), "$1"),
                                      REMOVE(OWN_INPUTS("remove_at <= $1")),
                                      REMOVE(OWN_RESULTS("remove_at <= $1"))};
    _cleanup_(db_tx_end) struct db_conn *tx = db;
    TRY(db_begin(tx, err));
    for (size_t i = 0; i < ARRAY_SIZE(sql); i++)
        TRY(db_exec(tx, sql[i], DB_ARGS(P_INT(now_ms)), NULL, err));
    TRY(db_exec(tx, "DELETE FROM jobs WHERE remove_at <= $1", DB_ARGS(P_INT(now_ms)), NULL, err));
    return db_commit(tx, err);
}

enum status job_drop_input(struct db_conn *tx, int64_t id, int64_t now_ms, struct err *err)
{
    static const char queue_sql[] = QUEUE_OF(OWN_INPUTS("id = $2"), "$1");
    static const char inputs_sql[] = REMOVE(OWN_INPUTS("id = $1"));
    TRY(db_exec(tx, queue_sql, DB_ARGS(P_INT(now_ms), P_INT(id)), NULL, err));
    TRY(db_exec(tx, inputs_sql, DB_ARGS(P_INT(id)), NULL, err));
    TRY(db_exec(tx, "DELETE FROM job_inputs WHERE job_id = $1", DB_ARGS(P_INT(id)), NULL, err));
    return db_exec(tx, "UPDATE jobs SET input_object_id = NULL WHERE id = $1", DB_ARGS(P_INT(id)),
                   NULL, err);
}

enum status job_add_input(struct db_conn *tx, int64_t id, int64_t object_id, struct err *err)
{
    return db_exec(tx, "INSERT INTO job_inputs (job_id, object_id) VALUES ($1, $2)",
                   DB_ARGS(P_INT(id), P_INT(object_id)), NULL, err);
}

enum status job_add_result(struct db_conn *tx, int64_t id, int64_t object_id, int64_t until_ms,
                           struct err *err)
{
    TRY(db_exec(tx, "UPDATE objects SET lease_until = $2 WHERE id = $1",
                DB_ARGS(P_INT(object_id), P_INT(until_ms)), NULL, err));
    return db_exec(tx, "INSERT INTO job_results (job_id, object_id) VALUES ($1, $2)",
                   DB_ARGS(P_INT(id), P_INT(object_id)), NULL, err);
}

enum status job_drop_results(struct db_conn *tx, int64_t id, int64_t now_ms, struct err *err)
{
    static const char queue_sql[] = QUEUE_OF(OWN_RESULTS("id = $2"), "$1");
    static const char remove_sql[] = REMOVE(OWN_RESULTS("id = $1"));
    TRY(db_exec(tx, queue_sql, DB_ARGS(P_INT(now_ms), P_INT(id)), NULL, err));
    return db_exec(tx, remove_sql, DB_ARGS(P_INT(id)), NULL, err);
}

enum status job_hand_results(struct db_conn *tx, int64_t id, int64_t generation_id,
                             int64_t until_ms, struct err *err)
{
    static const char sql[] = "UPDATE objects SET generation_id = $2, lease_until = $3 WHERE id IN "
                              "(SELECT object_id FROM job_results WHERE job_id = $1)";
    TRY(db_exec(tx, sql, DB_ARGS(P_INT(id), P_INT(generation_id), P_INT(until_ms)), NULL, err));
    return db_exec(tx, "DELETE FROM job_results WHERE job_id = $1", DB_ARGS(P_INT(id)), NULL, err);
}

enum status job_remove(struct db_conn *tx, int64_t id, int64_t now_ms, struct err *err)
{
    TRY(job_drop_input(tx, id, now_ms, err));
    TRY(job_drop_results(tx, id, now_ms, err));
    return db_exec(tx, "DELETE FROM jobs WHERE id = $1", DB_ARGS(P_INT(id)), NULL, err);
}

enum status job_load_public(struct db_conn *db, struct str public_id, struct arena *a,
                            struct job *ret, struct err *err)
{
    return load_one(db, "SELECT " COLUMNS " FROM jobs WHERE public_id = $1",
                    DB_ARGS(P_STR(public_id)), a, ret, err);
}

enum status job_list_of_user(struct db_conn *db, int64_t user_id, const struct job_page *page,
                             struct arena *a, struct job *ret, size_t max, size_t *ret_count,
                             struct err *err)
{
    static const char newest_sql[] = "SELECT " LIST_COLUMNS " FROM jobs WHERE user_id = $1 AND "
                                     "kind = $2 AND id < $3 ORDER BY id DESC LIMIT $4";
    static const char oldest_sql[] = "SELECT " LIST_COLUMNS " FROM jobs WHERE user_id = $1 AND "
                                     "kind = $2 AND id > $3 ORDER BY id LIMIT $4";
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    int64_t after = page->after_id || page->oldest_first ? page->after_id : INT64_MAX;
    bool row;
    size_t n = 0;
    TRY(db_query(
        db, page->oldest_first ? oldest_sql : newest_sql,
        DB_ARGS(P_INT(user_id), P_Z(job_kind_name(page->kind)), P_INT(after), P_INT((int64_t)max)),
        &rows, err));
    for (;;) {
        TRY(db_next(rows, &row, err));
        if (!row || n == max)
            break;
        TRY(read_whole(rows, a, &ret[n++], err));
    }
    *ret_count = n;
    return OK;
}

enum status job_live_of_user(struct db_conn *db, int64_t user_id, int64_t *ret_ids, size_t max,
                             size_t *ret_count, struct err *err)
{
    _cleanup_(db_rows_freep) struct db_rows *rows = NULL;
    bool row;
    size_t n = 0;
    TRY(db_query(db, "SELECT id FROM jobs WHERE user_id = $1 AND state <> 'ended' ORDER BY id",
                 DB_ARGS(P_INT(user_id)), &rows, err));
    for (;;) {
        TRY(db_next(rows, &row, err));
        if (!row || n == max)
            break;
        ret_ids[n++] = db_int(rows, 0);
    }
    *ret_count = n;
    return OK;
}
