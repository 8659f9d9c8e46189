/* SPDX-License-Identifier: Apache-2.0 */
/* One claim in one worker: load the row, check that it is still ours and still in time,
 * do what its state asks for, and write the outcome under the fence. */
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "pool/tokens.h"
#include "service/events.h"
#include "service/jobs_impl.h"
#include "service/quota.h"
#include "store/generations.h"

enum { SAVE_TRIES = 10, SAVE_PAUSE_S = 1 };

/* ---- outcomes */

enum status step_note(struct step *s, struct db_conn *tx)
{
    const struct job *j = &s->job;
    TRY(events_note(tx, TOPIC_JOB, EVENT_JOB, j->id, 0, &s->err));
    if (!j->generation_id)
        return OK;
    return events_note(tx, TOPIC_USER, EVENT_GENERATION, j->user_id, j->generation_id, &s->err);
}

/* The record follows the job: it starts when the job leaves the line, and fails with it. */
static enum status move_generation(struct step *s, struct db_conn *tx, enum job_state from)
{
    const struct job *j = &s->job;
    int64_t now = clock_wall_ms();
    bool changed;
    if (!j->generation_id)
        return OK;
    if (from == JOB_QUEUED && (j->state == JOB_SUBMITTING || j->state == JOB_STREAMING)) {
        enum status status = generation_move(tx, j->generation_id, GENERATION_GENERATING, now,
                                             &s->err);
        /* A job that changes accounts has started before. */
        if (status != OK && status != E_CONFLICT)
            return status;
    }
    if (j->state == JOB_ENDED && j->failure.class != FAILURE_NONE) {
        TRY(generation_move(tx, j->generation_id, GENERATION_FAILED, now, &s->err));
        return generation_set_failure(tx, j->generation_id, &j->failure, &s->err);
    }
    return generation_set_progress(tx, j->generation_id, j->progress, &changed, &s->err);
}

/* GW-10: what a direct call brought is kept until the upstream has it, or none will. */
static enum status drop_input(struct step *s, struct db_conn *tx)
{
    const struct job *j = &s->job;
    bool needed = j->state == JOB_QUEUED || j->state == JOB_SUBMITTING || j->state == JOB_STREAMING;
    if (j->kind == JOB_STUDIO || !j->input_object_id || needed)
        return OK;
    return job_drop_input(tx, j->id, clock_wall_ms(), &s->err);
}

static enum status save_once(struct step *s, enum job_state from, bool keep_lease)
{
    _cleanup_(db_tx_end) struct db_conn *tx = s->w->db;
    TRY(db_begin(tx, &s->err));
    if (step_has_results(s))
        TRY(quota_lock_user(tx, s->job.user_id, &s->err));
    if (from == JOB_QUEUED && (s->job.state == JOB_SUBMITTING || s->job.state == JOB_STREAMING))
        TRY(job_take_place(tx, s->job.account_id, &s->err));
    TRY(job_save(tx, &s->job, from, keep_lease, &s->err));
    TRY(drop_input(s, tx));
    TRY(step_settle_results(s, tx));
    TRY(move_generation(s, tx, from));
    TRY(step_note(s, tx));
    return db_commit(tx, &s->err);
}

static bool may_pass(enum status status)
{
    return status == E_UNAVAILABLE || status == E_IO || status == E_NO_SPACE;
}

/* After a commit whose answer was lost: the row stands as we left it, under our number. */
static bool was_kept(struct step *s)
{
    struct job now;
    struct err err;
    return job_load(s->w->db, s->job.id, s->arena, &now, &err) == OK && now.fence == s->job.fence &&
           now.state == s->job.state;
}

enum status step_save(struct step *s, enum job_state from, bool keep_lease)
{
    enum status status = save_once(s, from, keep_lease);
    bool unsure = status == E_IO;
    /* An id that the upstream has given must not be lost to a passing fault of ours; the
     * fence keeps a late try harmless. */
    for (int i = 0; i < SAVE_TRIES && may_pass(status); i++) {
        struct timespec pause = {.tv_sec = SAVE_PAUSE_S};
        nanosleep(&pause, NULL);
        status = save_once(s, from, keep_lease);
        if (status == E_CONFLICT && unsure && was_kept(s))
            return OK;
        unsure |= status == E_IO;
    }
    return status;
}

enum status step_again_in(struct step *s, int64_t delay_ms)
{
    return job_release(s->w->db, s->job.id, s->job.fence, clock_wall_ms() + delay_ms, &s->err);
}

enum status step_fail(struct step *s, const struct failure *failure)
{
    enum job_state from = s->job.state;
    s->job.state = JOB_ENDED;
    s->job.failure = *failure;
    s->job.ended_at = clock_wall_ms();
    enum status status = step_save(s, from, false);
    if (status != OK)
        s->job.state = from;
    return status;
}

enum status step_fail_as(struct step *s, enum failure_class class, const char *code)
{
    return step_fail(s, &(struct failure){.class = class, .code = str_of(code)});
}

enum status step_gives_back(struct step *s, enum status kept)
{
    if (kept == OK)
        hold_release_slot(s->jobs, s->hold, POOL_NEUTRAL, 0);
    return kept;
}

/* What came as bytes is nowhere else. */
static enum status keep_results(struct step *s, const struct dialect_outcome *outcome,
                                struct job_media *media)
{
    enum status status = step_keep_results(s, outcome, media);
    for (int i = 0; i < SAVE_TRIES && may_pass(status); i++) {
        struct timespec pause = {.tv_sec = SAVE_PAUSE_S};
        log_warn("a result cannot be kept yet", LOG_I("job", s->job.id), LOG_Z("code", s->err.code),
                 LOG_Z("why", s->err.detail));
        nanosleep(&pause, NULL);
        status = step_keep_results(s, outcome, media);
    }
    return status;
}

/* Moves to storing (or ends, for kinds that keep nothing) with what the upstream has. */
static enum status delivered(struct step *s, enum job_state from,
                             const struct dialect_outcome *outcome)
{
    struct job_media media[DIALECT_MAX_MEDIA];
    size_t n = outcome->media_count;
    if (n == 0)
        return step_fail_as(s, FAILURE_UPSTREAM, "no_result");
    enum status status = keep_results(s, outcome, media);
    /* What was made and cannot be kept is lost: nobody gives it twice. */
    if (status == E_UPSTREAM || may_pass(status))
        return step_fail_as(s, status == E_UPSTREAM ? FAILURE_UPSTREAM : FAILURE_INTERNAL,
                            s->err.code);
    TRY(status);
    s->job.result = jobs_write_media(media, n, s->arena);
    if (!s->job.result.p)
        return step_fail_as(s, FAILURE_UPSTREAM, "bad_answer");
    bool more = step_must_fetch(s, media, n);
    s->job.state = more ? JOB_STORING : JOB_ENDED;
    s->job.progress = more ? MAX(s->job.progress, 99) : 100;
    s->job.attempts = 0;
    s->job.next_at = clock_wall_ms();
    if (s->job.state == JOB_ENDED)
        s->job.ended_at = s->job.next_at;
    status = step_save(s, from, false);
    if (status != OK)
        s->job.state = from;
    TRY(status);
    jobs_wake(s->jobs);
    return OK;
}

enum status step_finished(struct step *s, enum job_state from,
                          const struct dialect_outcome *outcome)
{
    hold_note(s->jobs, s->hold, POOL_SUCCESS, 0);
    if (outcome->state == DIALECT_DONE)
        return step_gives_back(s, delivered(s, from, outcome));
    return step_gives_back(s, step_fail(s, &outcome->failure));
}

/* ---- the account */

bool step_retake_slot(struct step *s)
{
    struct pool_want want = {.platform = STR("sora"),
                             .model = s->job.model,
                             .only_account = s->job.account_id,
                             .running = true};
    return s->hold->slot.account ||
           pool_take(s->app->pool, &want, &s->hold->slot, NULL) == POOL_GOT;
}

bool step_token(struct step *s)
{
    struct pool_slot *slot = &s->hold->slot;
    pool_renew(s->app->pool, slot, s->job.model);
    if (!token_is_spent(slot->account))
        return true;
    bool renewed = tokens_await(s->app->tokens, slot->account, TOKENS_WAIT_MS);
    pool_renew(s->app->pool, slot, s->job.model);
    return renewed;
}

bool step_renew_token(struct step *s)
{
    struct pool_slot *slot = &s->hold->slot;
    if (!slot->held || !token_may_renew(slot->account) ||
        !tokens_await(s->app->tokens, slot->account, TOKENS_WAIT_MS))
        return false;
    pool_renew(s->app->pool, slot, s->job.model);
    return true;
}

/* ---- running */

/* GW-6: all cool down for 429, or are full, or there is none; and, in next_at, when to come
 * back.  What an account has said comes before that there is no other. */
static struct failure why_no_account(struct step *s)
{
    struct failure late = {.class = FAILURE_TIMEOUT, .code = STR("no_account")};
    struct pool_want want;
    struct pool_slot slot;
    int64_t retry_ms = 0;
    struct job_due due = step_due(s);
    jobs_want(&due, &want);
    enum pool_result got = pool_take(s->app->pool, &want, &slot, &retry_ms);
    pool_slot_end(&slot);
    s->job.next_at = clock_wall_ms() + retry_ms;
    if (got == POOL_LIMITED)
        late.code = STR("rate_limited");
    else if (got == POOL_FULL || got == POOL_GOT)
        late.code = STR("no_free_account");
    else if (s->job.failure.class != FAILURE_NONE)
        return s->job.failure;
    return late;
}

static enum status step_late(struct step *s)
{
    bool pending = s->job.state == JOB_QUEUED && s->job.submitted_at == 0;
    struct failure failure = {.class = FAILURE_TIMEOUT, .code = STR("job_too_long")};
    if (pending)
        failure = why_no_account(s);
    upstream_forget(s);
    return step_gives_back(s, step_fail(s, &failure));
}

static bool is_late(const struct job *j)
{
    int64_t now = clock_wall_ms();
    if (j->state == JOB_QUEUED)
        return now >= j->pending_until;
    /* What has been made is not thrown away for being slow to fetch, and of a submission
     * that nobody knows of there is more to say. */
    return j->state == JOB_POLLING && now >= j->deadline_at;
}

static enum status dispatch(struct step *s)
{
    if (is_late(&s->job))
        return step_late(s);
    switch (s->job.state) {
    case JOB_QUEUED:
        return step_queued(s);
    case JOB_SUBMITTING:
    case JOB_STREAMING:
        return step_orphan(s);
    case JOB_POLLING:
        return step_polling(s);
    case JOB_STORING:
        return s->job.kind == JOB_STUDIO ? step_storing(s) : step_fetching(s);
    case JOB_ENDED:
        break;
    }
    return OK;
}

void step_report(struct step *s, enum status status)
{
    if (status == OK || (status == E_CONFLICT && str_eq(str_of(s->err.code), STR("lease_lost"))))
        return;
    log_warn("a job's step failed and will be taken up again", LOG_I("job", s->claim.id),
             LOG_Z("state", job_state_name(s->job.state)), LOG_Z("code", s->err.code),
             LOG_Z("why", s->err.detail));
}

static void run(struct step *s)
{
    enum status status = job_load(s->w->db, s->claim.id, s->arena, &s->job, &s->err);
    bool mine = status == OK && s->job.fence == s->claim.fence;
    if (mine && !step_is_cut(s))
        status = dispatch(s);
    db_rollback(s->w->db);
    step_report(s, status);
    /* Others go on at once. */
    if (mine && s->hold && step_is_cut(s))
        step_again_in(s, 0);
    if (status == E_NOT_FOUND && s->hold)
        atomic_store(&s->hold->cancelled, true);
}

bool step_is_cut(const struct step *s)
{
    return atomic_load(&s->jobs->cut);
}

void step_free(struct step *s)
{
    pthread_mutex_lock(&s->jobs->lock);
    list_remove(&s->link);
    pthread_mutex_unlock(&s->jobs->lock);
    jobs_freed(s->jobs, false);
    if (s->claim.state == JOB_QUEUED)
        jobs_freed(s->jobs, true);
    step_free_request(s);
    arena_free(s->arena);
    free(s);
}

static void step_run(struct work *work, void *thread_state)
{
    struct step *s = CONTAINER_OF(work, struct step, work);
    s->w = thread_state;
    s->app = s->w->app;
    s->hold = hold_take(s->jobs, s->claim.id);
    /* Busy: a stale step of our own began again since the scheduler looked; it will see. */
    if (s->hold) {
        run(s);
        if (s->hold)
            step_done(s);
    }
    step_free(s);
}

/* An ended job holds nothing; a cancelled one tells the upstream. */
void step_done(struct step *s)
{
    if (s->job.upstream_id.n && !s->hold->upstream_id) {
        struct str ref = s->job.upstream_ref;
        s->hold->upstream_id = mem_strndup(s->job.upstream_id.p, s->job.upstream_id.n);
        s->hold->upstream_ref = mem_strndup(ref.n ? ref.p : "", ref.n);
    }
    if (step_is_cut(s)) {
        hold_release_slot(s->jobs, s->hold, POOL_NEUTRAL, 0);
    } else if (atomic_load(&s->hold->cancelled)) {
        upstream_forget(s);
        hold_release_slot(s->jobs, s->hold, POOL_NEUTRAL, 0);
    } else if (s->job.state == JOB_ENDED || s->job.state == JOB_STORING) {
        hold_release_slot(s->jobs, s->hold, POOL_SUCCESS, 0);
    } else if (s->job.state == JOB_QUEUED) {
        hold_release_slot(s->jobs, s->hold, POOL_NEUTRAL, 0);
    }
    hold_put(s->jobs, s->hold);
    s->hold = NULL;
}

struct workers *jobs_workers_for(const struct app *app, enum job_state state)
{
    /* Found in submitting or streaming, it may be sent again. */
    if (state == JOB_QUEUED || state == JOB_SUBMITTING || state == JOB_STREAMING)
        return app->submit_workers;
    return state == JOB_STORING ? app->transfer_workers : app->step_workers;
}

bool jobs_submit_step(struct jobs *j, const struct job_claim *claim)
{
    struct workers *workers = jobs_workers_for(j->app, claim->state);
    struct step *s = mem_zalloc(sizeof(*s));
    s->work.run = step_run;
    s->jobs = j;
    s->claim = *claim;
    s->arena = arena_new(JOBS_STEP_ARENA);
    step_keep(s);
    if (workers_submit(workers, &s->work))
        return true;
    step_free(s);
    return false;
}
