/* SPDX-License-Identifier: Apache-2.0 */
/* What follows when its owner ends a job: the slot comes back, and the upstream is told
 * where it can be.  Late results find a raised fence and change nothing.
 *
 * That an upstream has to be told is a row, written with the cancellation or, when the task's
 * id comes only later, by who has it.  Whoever holds the job tells at once; what is still
 * there after JOBS_TELL_MS is any process's to tell. */
#include "base/clock.h"
#include "base/log.h"
#include "net/fetch.h"
#include "pool/tokens.h"
#include "service/jobs_impl.h"
#include "store/cancels.h"

enum {
    CANCEL_MS = 10000,
    TAKEN_MS = 60000, /* whoever takes a row has it so long */
    FIRST_PAUSE_MS = 5000,
    MAX_PAUSE_MS = 600000,
    DUE_AT_ONCE = 16,
    DUE_ARENA = 1 << 20,
};

/* ---- telling */

/* False when nobody has heard it: silence, or a refusal that says nothing of the task.  409: it
 * is at it already, or not yet where it can be cancelled. */
static bool tell(struct step *s, const struct pool_account *account)
{
    struct dialect_task task = {s->job.upstream_id, s->job.upstream_ref};
    struct dialect_http http;
    struct fetch_request request;
    struct fetch_answer answer;
    struct err err;

    if (!account->dialect->build_cancel ||
        account->dialect->build_cancel(&account->target, &task, s->arena, &http, &err) != OK)
        return true;
    step_fetch_from(s, account, &http, &request);
    request.total_timeout_ms = CANCEL_MS;
    request.cancelled = &s->jobs->cut;
    if (fetch_run(s->w->fetcher, &request, s->arena, &answer, &err) == OK)
        return answer.status != 409 && !pool_may_switch(answer.status, false);
    if (!step_is_cut(s))
        log_info("the upstream could not be told of a cancellation", LOG_I("account", account->id),
                 LOG_Z("code", err.code));
    return false;
}

static int64_t pause_after(int64_t tries)
{
    return MIN((int64_t)FIRST_PAUSE_MS << MIN(tries, 10), (int64_t)MAX_PAUSE_MS);
}

/* account NULL: it cannot be used now, which counts as a try. */
static void tell_and_note(struct step *s, int64_t account_id, const struct pool_account *account,
                          int64_t tries)
{
    struct str upstream_id = s->job.upstream_id;
    struct err err;
    enum status status = OK;
    if (account && tell(s, account))
        status = cancel_told(s->w->db, account_id, upstream_id, &err);
    else if (!step_is_cut(s))
        status = cancel_put_off(s->w->db, account_id, upstream_id,
                                clock_wall_ms() + pause_after(tries), &err);
    if (status != OK)
        log_warn("a cancellation stays noted", LOG_I("account", account_id),
                 LOG_Z("code", err.code), LOG_Z("why", err.detail));
}

static enum status note(struct step *s, int64_t account_id, struct err *err)
{
    _cleanup_(db_tx_end) struct db_conn *tx = s->w->db;
    struct upstream_cancel row = {.account_id = account_id,
                                  .upstream_id = s->job.upstream_id,
                                  .upstream_ref = s->job.upstream_ref,
                                  .next_at = clock_wall_ms() + JOBS_TELL_MS};
    TRY(db_begin(tx, err));
    TRY(cancel_note(tx, &row, err));
    return db_commit(tx, err);
}

void upstream_forget(struct step *s)
{
    const struct pool_slot *slot = &s->hold->slot;
    struct err err;

    if (!slot->account || !slot->account->dialect->build_cancel || s->job.upstream_id.n == 0)
        return;
    int64_t account_id = slot->account->id;
    if (note(s, account_id, &err) != OK)
        log_warn("a cancellation was not noted", LOG_I("job", s->job.id), LOG_Z("code", err.code),
                 LOG_Z("why", err.detail));
    tell_and_note(s, account_id, step_token(s) ? slot->account : NULL, 0);
}

/* ---- what nobody has told */

static void tell_run(struct work *work, void *thread_state)
{
    struct step *s = CONTAINER_OF(work, struct step, work);
    struct pool_ref account;
    s->w = thread_state;
    s->app = s->w->app;
    pool_hold(s->app->pool, s->job.account_id, &account);
    if (account.account && token_is_spent(account.account)) {
        tokens_await(s->app->tokens, account.account, TOKENS_WAIT_MS);
        pool_drop(&account);
        pool_hold(s->app->pool, s->job.account_id, &account);
    }
    tell_and_note(s, s->job.account_id, account.account, s->job.attempts);
    pool_drop(&account);
    step_free(s);
}

static bool submit_tell(struct jobs *j, const struct upstream_cancel *row)
{
    struct step *s = mem_zalloc(sizeof(*s));
    s->work.run = tell_run;
    s->jobs = j;
    s->arena = arena_new(JOBS_STEP_ARENA);
    s->job.account_id = row->account_id;
    s->job.attempts = row->tries;
    s->job.upstream_id = arena_str(s->arena, row->upstream_id);
    s->job.upstream_ref = arena_str(s->arena, row->upstream_ref);
    list_init(&s->link);
    if (workers_submit(j->app->step_workers, &s->work))
        return true;
    step_free(s);
    return false;
}

void jobs_tell_due(struct jobs *j, struct db_conn *db)
{
    _cleanup_(arena_freep) struct arena *a = arena_new(DUE_ARENA);
    struct upstream_cancel due[DUE_AT_ONCE];
    struct err err;
    size_t n = 0;
    bool taken;
    int64_t now = clock_wall_ms();
    enum status status = cancel_list_due(db, now, a, due, DUE_AT_ONCE, &n, &err);
    for (size_t i = 0; i < n && status == OK; i++) {
        status = cancel_take(db, &due[i], now + TAKEN_MS, &taken, &err);
        if (status == OK && taken && !submit_tell(j, &due[i]))
            return;
    }
    if (status != OK)
        log_warn("cancellations could not be read", LOG_Z("code", err.code),
                 LOG_Z("why", err.detail));
}

/* ---- idle holds */

/* In a worker: the hold was idle when the job was ended.  An upstream that has not ended it
 * itself is told; the row may be gone, or have ended before the id was in it. */
static void drop_run(struct work *work, void *thread_state)
{
    struct step *s = CONTAINER_OF(work, struct step, work);
    s->w = thread_state;
    s->app = s->w->app;
    hold_dropped(s->jobs, s->claim.id);
    s->hold = hold_take(s->jobs, s->claim.id);
    if (s->hold) {
        enum status status = job_load(s->w->db, s->claim.id, s->arena, &s->job, &s->err);
        bool ended = status == E_NOT_FOUND || (status == OK && s->job.state == JOB_ENDED);
        if (!s->job.upstream_id.n && s->hold->upstream_id) {
            s->job.upstream_id = arena_str(s->arena, str_of(s->hold->upstream_id));
            s->job.upstream_ref = arena_str(s->arena, str_of(s->hold->upstream_ref));
        }
        if (ended && s->job.failure.class == FAILURE_NONE && !s->job.result.n)
            upstream_forget(s);
        if (ended)
            hold_release_slot(s->jobs, s->hold, POOL_NEUTRAL, 0);
        hold_put(s->jobs, s->hold);
    }
    step_free(s);
}

bool jobs_drop_hold(struct jobs *j, int64_t job_id)
{
    if (!hold_drops(j, job_id))
        return true;
    struct step *s = mem_zalloc(sizeof(*s));
    s->work.run = drop_run;
    s->jobs = j;
    s->claim.id = job_id;
    s->arena = arena_new(JOBS_STEP_ARENA);
    list_init(&s->link);
    if (workers_submit(j->app->step_workers, &s->work))
        return true;
    hold_dropped(j, job_id);
    step_free(s);
    return false;
}

void jobs_after_cancel(struct jobs *j, int64_t job_id)
{
    pthread_mutex_lock(&j->lock);
    bool idle = false;
    LIST_EACH(node, &j->holds)
    {
        struct hold *h = CONTAINER_OF(node, struct hold, link);
        if (h->job_id != job_id)
            continue;
        atomic_store(&h->cancelled, true);
        idle = !h->busy;
        if (h->stream)
            stream_wake(h->stream);
    }
    pthread_mutex_unlock(&j->lock);
    if (idle && !jobs_drop_hold(j, job_id))
        log_warn("a cancelled job's slot waits for a free worker", LOG_I("job", job_id));
}
